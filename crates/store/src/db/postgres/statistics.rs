//! What the planner believes of a table that has grown since it was counted.
//!
//! The server counts tables by itself, once a minute at the best. Until then a table that was empty when it was last counted
//! is planned for as if it were, and any of its indexes is as good as another: a person is looked for among all people of
//! the tenant. The first minutes of a directory, and every large import, would be slow.

use super::session::{Ahead, Failure, Session};
use crate::Result;
use crate::db::value::Row;
use std::time::Duration;

/// How often it is looked for tables that have outgrown what is known of them.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Tables that hold more than twice as many rows as when they were counted. Small ones are read whole anyway.
const OUTGROWN: &str = "select quote_ident(s.relname) from pg_stat_user_tables s join pg_class c on c.oid = s.relid
    where s.schemaname = current_schema() and s.n_live_tup > 500 and s.n_live_tup > 2 * c.reltuples";

/// Has such tables counted. A sample is read, so that it takes about as long for a large one; whoever is counting one
/// already is not waited for.
pub(super) async fn renew(session: &Session) -> Result<(), Failure> {
    let mut outgrown: Vec<String> = Vec::new();
    let mut row = |row: &Row<'_>| -> Result<bool> {
        outgrown.push(row.get(0)?);
        Ok(true)
    };
    session.run(&Ahead::default(), OUTGROWN, &[], &mut row).await?;
    for table in outgrown {
        session.batch(&format!("analyze (skip_locked) {table}")).await?;
    }
    Ok(())
}
