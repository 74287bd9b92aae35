//! Many people at many apps, stored, and nothing happens: what that costs.

use crate::cpu::cpu_time;
use crate::ends::{COMPANY, import};
use crate::harness::{Folder, Server};
use serde_json::json;
use std::time::{Duration, Instant};

/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(60);

/// Measures the processor time of a server with so many people who have an account at so many apps.
pub(crate) fn idle(people: usize, apps: usize) {
    let folder = Folder::new();
    let data = folder.data();
    eprintln!("making {people} people at {apps} apps …");
    let started = Instant::now();
    let server = Server::start_with(&data, &["--allow-private-targets"]);
    let tenant = server.tenant_named(COMPANY);
    import(&folder, &data, people);
    for number in 0..apps {
        let name = format!("app{number}");
        tenant.admin("POST", "/apps", json!({ "name": name, "target": "generic" })).expect(201);
        let change = json!({
            "connection": { "baseUrl": "http://127.0.0.1:9999/scim/v2" }, "provisioning": true,
            "policy": { "actions": { "create": true, "update": true, "deactivate": true } },
        });
        tenant.admin("PATCH", &format!("/apps/{name}"), change).expect(200);
    }
    server.signal("TERM");
    server.wait();
    link(&data, people);
    let server = Server::start_with(&data, &["--allow-private-targets"]);
    eprintln!("  in {:.0} s", started.elapsed().as_secs_f64());
    // What a start does is over.
    std::thread::sleep(Duration::from_secs(5));
    let before = cpu_time(server.pid());
    std::thread::sleep(IDLE);
    let used = cpu_time(server.pid()).saturating_sub(before);
    println!(
        "{people} people at {apps} apps, idle: {:.2} s of processor time in {} s ({:.2} %)",
        used.as_secs_f64(),
        IDLE.as_secs(),
        used.as_secs_f64() * 100.0 / IDLE.as_secs_f64()
    );
}

/// Writes the links as a push leaves them: bringing so many would take hours, and is measured elsewhere.
fn link(data: &str, people: usize) {
    let database = rusqlite::Connection::open(format!("{data}/provost.db")).expect("the database");
    database.execute_batch("pragma synchronous = off; pragma cache_size = -500000; begin").expect("a transaction");
    // Ten million rows are sorted for an index faster than they are put into it one by one.
    let sql = "select name, sql from sqlite_master where tbl_name = 'link' and type = 'index' and sql is not null";
    let mut asked = database.prepare(sql).expect("the schema");
    let indexes = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("the schema");
    let indexes: Vec<(String, String)> = indexes.map(|index| index.expect("an index")).collect();
    drop(asked);
    for (name, _) in &indexes {
        database.execute_batch(&format!("drop index {name}")).expect("an index");
    }
    let sql = "insert into link (tenant, app, kind, resource, remote_id, display, standing, active, lane, desired_rev,
               applied_rev, evaluated_rev, retry, fence, seen_run, changed_at)
               select r.tenant, a.id, 'user', r.id, 'r' || r.rid, r.display, 'linked', 1, 1, 1, 1, a.revision, 0, 2, 0, 1
               from app a join resource r on r.tenant = a.tenant and r.kind = 'User' order by a.id, r.id";
    let linked = database.execute(sql, []).expect("links");
    assert!(linked >= people, "everybody is linked");
    let sql =
        "insert into link_state (link, tenant, state) select id, tenant, json_object('kind', 'user', 'externalId',
               resource, 'knowledge', 'linked', 'remoteId', remote_id, 'document', json_object('userName', resource,
               'externalId', resource, 'active', json('true'), 'displayName', display)) from link order by id";
    database.execute(sql, []).expect("what is known of them");
    let sql = "insert into link_count (app, kind, standing, active, tenant, count)
               select app, kind, standing, active, tenant, count(*) from link group by app, kind, standing, active, tenant";
    database.execute(sql, []).expect("how many they are");
    for (_, sql) in &indexes {
        database.execute_batch(sql).expect("room on the disk");
    }
    database.execute_batch("commit").expect("room on the disk");
}
