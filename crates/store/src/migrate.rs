//! Brings a database to the schema of this release: numbered files, forward only.
//!
//! Invariant: a file that was released is never changed. Each runs in a transaction of its own with its
//! number, so a crash between two of them leaves a whole schema.

use crate::db::{Postgres, Value};
use crate::{Error, Result};
use rusqlite::Connection;

/// The files in their order; the first one makes version 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_console.sql"),
    include_str!("../migrations/0003_pages.sql"),
    include_str!("../migrations/0004_claims.sql"),
    include_str!("../migrations/0005_saml.sql"),
    include_str!("../migrations/0006_outbound.sql"),
    include_str!("../migrations/0007_log_blocks.sql"),
    include_str!("../migrations/0008_blocks.sql"),
    include_str!("../migrations/0009_name_ids.sql"),
    include_str!("../migrations/0010_token_disabled.sql"),
    include_str!("../migrations/0011_oidc.sql"),
    include_str!("../migrations/0012_person_passwords.sql"),
    include_str!("../migrations/0013_imports.sql"),
    include_str!("../migrations/0014_job_not_before.sql"),
    include_str!("../migrations/0015_log_texts.sql"),
    include_str!("../migrations/0016_person_passkeys.sql"),
    include_str!("../migrations/0017_waiting_sign_ins.sql"),
    include_str!("../migrations/0018_plan.sql"),
    include_str!("../migrations/0019_plan_steps.sql"),
    include_str!("../migrations/0020_brake_counts.sql"),
    include_str!("../migrations/0021_told_apps.sql"),
    include_str!("../migrations/0022_task_notes.sql"),
    include_str!("../migrations/0023_group_roles.sql"),
    include_str!("../migrations/0024_archived_values.sql"),
    include_str!("../migrations/0025_absent_members.sql"),
    include_str!("../migrations/0026_token_networks.sql"),
    include_str!("../migrations/0027_links_at_large.sql"),
    include_str!("../migrations/0028_log_packs.sql"),
    include_str!("../migrations/0029_unlinked.sql"),
    include_str!("../migrations/0030_engine_console.sql"),
    include_str!("../migrations/0031_saved_views.sql"),
    include_str!("../migrations/0032_groups_and_returns.sql"),
    include_str!("../migrations/0033_heard.sql"),
    include_str!("../migrations/0034_token_makers.sql"),
    include_str!("../migrations/0035_log_pages.sql"),
    include_str!("../migrations/0036_held_back.sql"),
    include_str!("../migrations/0037_app_grants.sql"),
    include_str!("../migrations/0038_open_packs.sql"),
];

/// Runs what is missing. Refuses a database that is newer than this release.
pub(crate) fn sqlite(connection: &Connection) -> Result<()> {
    run(connection, MIGRATIONS)
}

/// The version of this release.
pub(crate) fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// What only PostgreSQL has, with the first migration.
const NODES: &str = include_str!("../migrations/postgres/nodes.sql");

/// The same for PostgreSQL, within a transaction that only one node has at a time.
pub(crate) fn postgres(database: &Postgres) -> Result<()> {
    database.define("create table if not exists meta (name text primary key, value integer not null);")?;
    let mut found = 0;
    let sql = "select value from meta where name = 'version'";
    database.each(sql, &[], &mut |row| {
        found = row.get(0)?;
        Ok(false)
    })?;
    let known = known();
    if found > known {
        return Err(Error::NewerDatabase { found, known });
    }
    if found < known {
        // Old nodes may be at work: a transaction of theirs and this one could each wait for a table of the other.
        database.take_everything()?;
    }
    for (number, sql) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        database.define(sql)?;
        if number == 1 {
            database.define(NODES)?;
        }
        database.execute(
            "insert into meta (name, value) values ('version', ?1)
             on conflict (name) do update set value = excluded.value",
            &[Value::Int(number)],
        )?;
    }
    Ok(())
}

fn run(connection: &Connection, migrations: &[&str]) -> Result<()> {
    connection.execute_batch("create table if not exists meta (name text primary key, value integer not null)")?;
    let found = version(connection)?;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(Error::NewerDatabase { found, known });
    }
    for (number, sql) in (1_i64..).zip(migrations).filter(|(number, _)| *number > found) {
        connection.execute_batch("begin immediate")?;
        let step = connection
            .execute_batch(sql)
            .and_then(|()| {
                connection.execute(
                    "insert into meta (name, value) values ('version', ?1)
                     on conflict (name) do update set value = excluded.value",
                    [number],
                )
            })
            .and_then(|_| connection.execute_batch("commit"));
        if let Err(error) = step {
            connection.execute_batch("rollback").ok();
            return Err(error.into());
        }
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<i64> {
    Ok(connection
        .query_row("select coalesce((select value from meta where name = 'version'), 0)", [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::{MIGRATIONS, run, version};
    use crate::Error;
    use rusqlite::Connection;

    fn schema(connection: &Connection) -> Vec<String> {
        let mut statement =
            connection.prepare("select coalesce(sql, name) from sqlite_schema order by type, name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn every_earlier_version_ends_at_the_same_schema() {
        let whole = Connection::open_in_memory().unwrap();
        run(&whole, MIGRATIONS).unwrap();
        for earlier in 0..=MIGRATIONS.len() {
            let connection = Connection::open_in_memory().unwrap();
            run(&connection, &MIGRATIONS[..earlier]).unwrap();
            assert_eq!(version(&connection).unwrap(), i64::try_from(earlier).unwrap());
            run(&connection, MIGRATIONS).unwrap();
            assert_eq!(schema(&connection), schema(&whole), "from version {earlier}");
        }
    }

    #[test]
    fn steps_run_once_and_a_broken_one_leaves_the_last_whole_version() {
        let connection = Connection::open_in_memory().unwrap();
        let steps = ["create table a (x)", "create table b (x); create table a (y)"];
        assert!(run(&connection, &steps).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(!schema(&connection).iter().any(|sql| sql.contains("table b")));
        run(&connection, &["create table a (x)", "create table b (x)"]).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
    }

    #[test]
    fn what_is_there_is_counted_in_blocks_and_who_lacks_what_is_sorted_by_is_noted() {
        let connection = Connection::open_in_memory().unwrap();
        let before = MIGRATIONS.iter().position(|sql| sql.contains("create table resource_block")).unwrap();
        run(&connection, &MIGRATIONS[..before]).unwrap();
        let old = "insert into resource_count (tenant, kind, count) values (1, 'User', 700), (2, 'Thing', 1);
            insert into resource (rid, tenant, kind, id, version, created_at, modified_at, member_count)
            with recursive n(n) as (select 1 union all select n + 1 from n where n < 700)
            select 2 * n, 1, 'User', 'u' || n, 1, 1, 1, 0 from n
            union all select 3, 2, 'Thing', 't', 1, 1, 1, 0;
            insert into attribute (id, tenant, kind, path) values (7, 1, 'User', 'displayname'), (8, 1, 'User', 'emails.value');
            insert into attribute_value (tenant, attribute, value, rid, element)
            select 1, 7, 'x', rid, 0 from resource where rid % 3 <> 0
            union all select 1, 8, 'x', rid, rid % 2 from resource where tenant = 1;";
        connection.execute_batch(old).unwrap();
        run(&connection, MIGRATIONS).unwrap();
        let ask = |sql: &str| -> String { connection.query_row(sql, [], |row| row.get(0)).unwrap() };
        let blocks =
            "select group_concat(tenant || ' ' || level || ' ' || first_rid || ' ' || end_rid || ' ' || count, ', ')
                      from (select * from resource_block order by tenant, level, first_rid)";
        let want = "1 1 2 513 256, 1 1 514 1025 256, 1 1 1026 1401 188, 1 2 2 1401 700, 2 1 3 4 1, 2 2 3 4 1";
        assert_eq!(ask(blocks), want);
        let open =
            "select group_concat(open_first || ' ' || open_count || ' ' || wide_first || ' ' || wide_blocks, ', ')
                    from (select * from resource_count order by tenant)";
        assert_eq!(ask(open), "1401 0 1401 0, 4 0 4 0");
        let none = "select group_concat(path || ' ' || rows, ', ') from (select path, count(*) as rows from attribute a
                    join attribute_value v on v.tenant = a.tenant and v.attribute = a.id
                    where path like '%#none' group by path order by path)";
        let want = "displayname#none 233, externalid#none 700, name.familyname#none 700, name.givenname#none 700";
        assert_eq!(ask(none), want);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        run(&connection, &["create table a (x)", "create table b (x)"]).unwrap();
        let refused = run(&connection, &["create table a (x)"]);
        assert!(matches!(refused, Err(Error::NewerDatabase { found: 2, known: 1 })));
    }
}
