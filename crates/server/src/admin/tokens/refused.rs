//! The first request that a token which has ended could not make.

use crate::app::App;
use crate::error::Result;
use scim::Code;
use std::collections::HashMap;
use store::{LogQuery, TenantId, Token};

/// Tokens that are looked for at once; more stand in a list without it.
const LOOKED_FOR: usize = 10;

/// For each token that has expired or was revoked: number and time of the first request that was refused for it, as long as the log has
/// it. Walks through refused requests alone, by their index, from the oldest on.
pub(crate) async fn first_refused(
    app: &App,
    tenant: TenantId,
    all: &[Token],
    now: i64,
) -> Result<HashMap<String, (i64, i64)>> {
    let over = |token: &Token| {
        let end = [token.revoked_at, token.expires_at].into_iter().flatten().filter(|at| *at <= now).min()?;
        Some((token.id.clone(), token.hint.clone(), end))
    };
    let over: Vec<(String, String, i64)> = all.iter().rev().filter_map(over).take(LOOKED_FOR).collect();
    if over.is_empty() {
        return Ok(HashMap::new());
    }
    let found = app.store().read(move |r| -> store::Result<_> {
        let mut first = HashMap::new();
        for (id, hint, end) in over {
            let asked = LogQuery {
                after: Some(0),
                limit: 1,
                failed: Some(true),
                code: Some(Code::TOKEN_EXPIRED.to_string()),
                since_at: Some(end),
                text: Some(hint),
                ..LogQuery::default()
            };
            first.extend(r.log(tenant, &asked)?.first().map(|entry| (id, (entry.seq, entry.at))));
        }
        Ok(first)
    });
    found.await.map_err(|error: store::Error| error.into())
}
