//! A rolling upgrade as the nodes of the old release see it: the first node of a new release changes the tables under them.

use super::{World, begin, compare, feed_is_whole, under_load};
use crate::harness::run;
use std::fs;
use std::time::Duration;

/// What a migration may do, as the next release would: it takes the locks that `Postgres::alone` and whoever changes tables
/// take, adds tables, columns and indexes, and raises the version.
const NEXT: &str = "begin;
    select pg_advisory_xact_lock(1396918605, -2);
    select pg_advisory_xact_lock(1396918605, -1);
    alter table resource add column further bigint;
    alter table document add column further bytea;
    alter table change add column further text collate \"C\" not null default '';
    alter table token add column further bigint;
    create index resource_further on resource (tenant, further) where further is not null;
    create table further (tenant bigint primary key, value text collate \"C\" not null);
    update meta set value = value + 1 where name = 'version';
    commit;";

#[test]
fn old_nodes_work_on_while_a_new_release_adds_to_the_tables() {
    let world = World::start();
    let (tenant, group) = begin(&world);
    let name = fs::read_to_string(world.folder.join("database")).unwrap();
    let name = name.rsplit_once('/').unwrap().1.to_owned();
    let known = under_load(&world, &tenant, &group, Duration::from_secs(5), || {
        std::thread::sleep(Duration::from_secs(2));
        world.cluster.sql(&name, NEXT);
        std::thread::sleep(Duration::from_secs(1));
        // Old nodes connect again by themselves, to the new tables.
        world.cluster.kill();
        world.cluster.run();
    });
    let people: usize = known.iter().map(|known| known.people.len()).sum();
    assert!(people > 20, "{people} people");
    compare(&tenant, &group, &known);
    feed_is_whole(&tenant, people);

    // But an old release does not start on them any more, and says what to do.
    let (data, address) = (world.folder.join("late"), world.folder.join("database"));
    fs::create_dir(&data).unwrap();
    fs::copy(world.folder.join("node0/secret.key"), format!("{data}/secret.key")).unwrap();
    let refused = run(&["serve", "--data", &data, "--listen", "127.0.0.1:0", "--database-file", &address]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && said.contains("start the newer release"), "{said}");
}
