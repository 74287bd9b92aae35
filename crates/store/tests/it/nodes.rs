//! Several nodes on one database.

use super::support::{BASE, Folder, ORDER, POLICY, World, refs, resource, wait_for, write};
use crate::cluster::Cluster;
use scim::patch_op::MemberOp;
use scim::{Filter, ResourceType};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use store::{
    Change, ChangeKind, Definitions, Error, LogEntry, LogQuery, NewApp, Options, Prepared, Query, Settings, Start,
    Store, TenantId, Writer,
};

/// A second node beside a world's own, with the same key; its folder is in the first one's and goes with it.
fn beside(world: &World) -> Store {
    beside_with(world, Options::default())
}

fn beside_with(world: &World, options: Options) -> Store {
    let folder = world.folder.path().join("beside");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(world.folder.path().join("secret.key"), folder.join("secret.key")).unwrap();
    Store::connect(&folder, world.folder.url().unwrap(), options).unwrap()
}

fn add_member(store: &Store, tenant: TenantId, group_id: &str, member: String) -> store::Result<i64> {
    let (group, group_id) = (ResourceType::group(), group_id.to_owned());
    write(store, move |w| {
        let stored = w.find(tenant, &group, &group_id)?.unwrap();
        let add = [MemberOp::Add(refs([member]))];
        w.members_apply(tenant, &group, &stored, &add, "", false)?;
        w.touch(tenant, &stored, 1)?;
        let seq = w.next_log_seq();
        w.log(LogEntry { seq, tenant, method: "PATCH".into(), ..LogEntry::default() });
        w.change(&Change {
            tenant,
            seq: 0,
            kind: ChangeKind::MembersChanged,
            resource_type: "Group".into(),
            id: group_id,
            at: 1,
            actor: "test".into(),
            what: json!({}),
        })
    })
}

#[test]
fn member_changes_of_two_nodes_are_all_kept() {
    let world = World::new();
    let other = beside(&world);
    let group = world.insert(&world.group, json!({"displayName": "everybody"})).id;
    let users: Vec<String> =
        (0..160).map(|number| world.insert(&world.user, json!({"userName": format!("user{number}")})).id).collect();
    let threads: Vec<_> = users
        .chunks(10)
        .enumerate()
        .map(|(number, some)| {
            let store = if number % 2 == 0 { world.store.clone() } else { other.clone() };
            let (tenant, group, some) = (world.tenant, group.clone(), some.to_vec());
            thread::spawn(move || {
                some.into_iter().map(|id| add_member(&store, tenant, &group, id).unwrap()).collect::<Vec<i64>>()
            })
        })
        .collect();
    let mut seqs: Vec<i64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=160).collect::<Vec<i64>>(), "the feed has no gaps and no number twice");
    assert_eq!(world.member_ids(&group).len(), 160);
    assert_eq!(world.find(&world.group, &group).unwrap().version, 161);
    let tenant = world.tenant;
    let log = world.read(move |r| r.log(tenant, &LogQuery { limit: 1_000, ..LogQuery::default() }));
    assert_eq!(log.iter().map(|entry| entry.seq).collect::<BTreeSet<i64>>().len(), 160);
    world.verify();
}

#[test]
fn what_was_granted_is_taken_by_one_node() {
    let world = World::new();
    let other = beside(&world);
    let new = NewApp { tenant: world.tenant, name: "desk".into(), settings: json!({}), options: json!({}) };
    let id = world.write(move |w| w.app_insert(&new, 1)).unwrap().id;
    world.write(move |w| w.app_set_granted(id, Some((b"0", "ana")), 1)).unwrap();
    for round in 1..20 {
        let of = world.read(move |r| r.app_granted(id)).unwrap().of;
        let take = move |store: &Store| write(store, move |w| w.app_take_granted(id, of, round, round + 100)).unwrap();
        let there = other.clone();
        let beside = thread::spawn(move || take(&there));
        let taken = [take(&world.store), beside.join().unwrap()];
        let numbers: Vec<i64> = taken.into_iter().flatten().collect();
        assert_eq!(numbers.len(), 1, "{round}: {taken:?}");
        assert!(write(&other, move |w| w.app_renew_granted(id, numbers[0], b"next")).unwrap());
    }
}

#[test]
fn a_name_asked_for_on_two_nodes_is_given_once() {
    let world = World::new();
    let other = beside(&world);
    let threads: Vec<_> = (0..80)
        .map(|number| {
            let store = if number % 2 == 0 { world.store.clone() } else { other.clone() };
            let (tenant, user) = (world.tenant, Arc::clone(&world.user));
            thread::spawn(move || {
                let body =
                    resource(&user, json!({"userName": format!("user{}", number / 4), "title": format!("t{number}")}));
                write(&store, move |w| w.insert(tenant, &user, None, &body, 1, POLICY)).map(|_| ())
            })
        })
        .collect();
    let results: Vec<store::Result<()>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 20);
    assert!(
        results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .all(|error| matches!(error, Error::Conflict { attribute } if attribute == "userName"))
    );
    world.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_do_not_wait_for_each_other() {
    let world = tokio::task::spawn_blocking(World::new).await.unwrap();
    let insert = |w: &mut store::Writer| w.tenant_insert("other", &Settings::default(), &Definitions::default(), 1);
    let other = world.store.write::<_, Error, _>(insert).await.unwrap().id;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (store, tenant) = (world.store.clone(), world.tenant);
    let holding = tokio::spawn(async move {
        store
            .write_in::<_, Error, _>(tenant, move |_| {
                begun.send(()).ok();
                held.recv().ok();
                Ok(())
            })
            .await
    });
    begins.await.unwrap();
    let user = Arc::clone(&world.user);
    let body = resource(&user, json!({"userName": "adam"}));
    let done = world.store.write_in::<_, Error, _>(other, move |w| w.insert(other, &user, None, &body, 1, POLICY));
    tokio::time::timeout(Duration::from_secs(10), done).await.expect("it waited for another tenant").unwrap();
    drop(release);
    holding.await.unwrap().unwrap();
    tokio::task::spawn_blocking(move || drop(world)).await.unwrap();
}

#[test]
fn nodes_start_together_on_an_empty_database_and_need_the_same_key() {
    let folder = Folder::new();
    let url = folder.url().unwrap().to_owned();
    let paths: Vec<_> = (0..4).map(|number| folder.path().join(format!("{number}"))).collect();
    for path in &paths {
        std::fs::create_dir_all(path).unwrap();
        std::fs::write(path.join("secret.key"), [7; 32]).unwrap();
    }
    let starting: Vec<_> = paths
        .iter()
        .map(|path| {
            let (path, url) = (path.clone(), url.clone());
            thread::spawn(move || Store::connect(&path, &url, Options::default()).unwrap())
        })
        .collect();
    let stores: Vec<Store> = starting.into_iter().map(|thread| thread.join().unwrap()).collect();
    let sealed = stores[0].seal("test", b"secret").unwrap();
    assert!(stores.iter().all(|store| store.unseal("test", &sealed).is_some()));

    let stranger = folder.path().join("stranger");
    let refused = Store::connect(&stranger, &url, Options::default());
    assert!(matches!(refused, Err(Error::KeyMissing(_))), "the database knows a key already");
    std::fs::write(stranger.join("secret.key"), [8; 32]).unwrap();
    // Another test's child may hold the folder's lock for the moment between its fork and its exec.
    let mut refused = Error::Stale;
    wait_for(|| {
        refused = Store::connect(&stranger, &url, Options::default()).map(|_| ()).unwrap_err();
        !matches!(refused, Error::Locked(_))
    });
    assert!(matches!(&refused, Error::OtherKey(path) if path.ends_with("secret.key")), "{refused}");
}

#[test]
fn an_address_that_leads_nowhere_is_told_in_words() {
    let folder = Folder::new();
    for url in ["postgres://nobody@127.0.0.1:1/none", "postgres://[", "postgres://x@localhost/y?sslmode=wrong"] {
        let refused = Store::connect(folder.path(), url, Options::default());
        assert!(matches!(refused, Err(Error::Database(_))), "{url}");
    }
}

#[test]
fn the_other_nodes_hear_of_changed_tenants_and_tokens() {
    let world = World::new();
    let other = beside(&world);
    let heard = other.generation().unwrap();
    let before = *heard.borrow();
    let started = Instant::now();
    world.write(|w| w.tenant_insert("new", &Settings::default(), &Definitions::default(), 1)).unwrap();
    wait_for(|| *heard.borrow() > before);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn without_named_statements_it_is_the_same() {
    let folder = Folder::new();
    let store = folder.open_with(Options { pooled: true, ..Options::default() });
    let user = Arc::new(ResourceType::user());
    let of_user = Arc::clone(&user);
    let body = resource(&user, json!({"userName": "adam", "emails": [{"value": "a@x"}]}));
    let (tenant, id) = write(&store, move |w| {
        let tenant = w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1)?.id;
        Ok((tenant, w.insert(tenant, &of_user, None, &body, 1, POLICY)?.id))
    })
    .unwrap();
    let found = store.read_blocking::<_, Error, _>(move |r| r.view(tenant, &user, &id, true)).unwrap();
    assert_eq!(found.unwrap().version, 1);
    let heard = store.generation().unwrap();
    let before = *heard.borrow();
    write(&store, |w| w.tenant_insert("new", &Settings::default(), &Definitions::default(), 1)).unwrap();
    wait_for(|| *heard.borrow() != before);
}

#[test]
fn the_one_character_that_its_texts_cannot_hold_is_exchanged() {
    let world = World::new();
    let tenant = world.tenant;
    let entry = LogEntry { tenant, path: "/Users/a\0b".into(), ..LogEntry::default() };
    world.log([entry]);
    let log = world.read(move |r| r.log(tenant, &LogQuery { limit: 1, ..LogQuery::default() }));
    assert_eq!(log[0].path, "/Users/a\u{FFFD}b");
}

fn create(store: &Store, tenant: TenantId, name: String) -> store::Result<()> {
    let user = ResourceType::user();
    let body = resource(&user, json!({"userName": name}));
    write(store, move |w| w.insert(tenant, &user, None, &body, 1, POLICY)).map(|_| ())
}

/// A user as identity providers make them, with what belongs to it: its change and its log entry.
fn provisioned(store: &Store, tenant: TenantId, number: usize) -> store::Result<()> {
    let user = ResourceType::user();
    let body = json!({
        "userName": format!("user{number}@example.com"), "externalId": format!("00u{number}"), "active": true,
        "displayName": format!("User {number}"), "title": "Engineer",
        "name": {"givenName": "User", "familyName": format!("No. {number}"), "formatted": format!("User {number}")},
        "emails": [{"value": format!("user{number}@example.com"), "type": "work", "primary": true}],
        "phoneNumbers": [{"value": format!("+1 555 {number}"), "type": "mobile"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
            {"department": "R&D", "employeeNumber": format!("n{number}"), "costCenter": "4130"},
    });
    let body = resource(&user, body);
    in_turn(store, tenant, move |w| {
        let prepared = Prepared::new(&body, &user, None)?;
        let stored = w.insert_prepared(tenant, &user, &Arc::new(body), &prepared, 1, POLICY)?;
        told(w, tenant, ChangeKind::Created, &stored.id)?;
        assert!(prepared.view(&stored).is_some(), "it is shown without a look");
        Ok(())
    })
}

fn in_turn(
    store: &Store,
    tenant: TenantId,
    work: impl FnOnce(&mut Writer) -> store::Result<()> + Send + 'static,
) -> store::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.write_in(tenant, work))
}

/// What belongs to every change: its row in the feed and its log entry.
fn told(w: &mut Writer, tenant: TenantId, kind: ChangeKind, id: &str) -> store::Result<()> {
    let (resource_type, id) = ("User".to_owned(), id.to_owned());
    let change =
        Change { tenant, seq: 0, kind, resource_type, id: id.clone(), at: 1, actor: "test".into(), what: json!({}) };
    w.change(&change)?;
    let seq = w.next_log_seq();
    w.log(LogEntry { seq, tenant, method: "POST".into(), resource_id: Some(id), ..LogEntry::default() });
    Ok(())
}

/// What a write costs is the ways there and back that the one writer of a tenant waits for.
#[test]
fn writes_take_few_ways_to_the_database() {
    let world = World::new();
    // One writer: each of several would first learn the numbers of the attributes.
    let store = beside_with(&world, Options { writers: 1, ..Options::default() });
    let tenant = world.tenant;
    let group = world.insert(&world.group, json!({"displayName": "g"})).id;
    let people: Vec<String> =
        (0..20).map(|n| world.insert(&world.user, json!({"userName": format!("p{n}"), "title": "a"})).id).collect();
    let title = |number: usize| {
        let (id, user) = (people[number].clone(), Arc::clone(&world.user));
        in_turn(&store, tenant, move |w| {
            let stored = w.find(tenant, &user, &id)?.unwrap();
            let body = resource(&user, json!({"userName": format!("p{number}"), "title": "b"}));
            let stored = w.update(tenant, &user, &stored, &Arc::new(body), 2, ORDER)?;
            told(w, tenant, ChangeKind::Updated, &id)?;
            assert!(w.view_of(tenant, &user, stored.rid, true)?.is_some());
            Ok(())
        })
    };
    let member = |number: usize| {
        let (id, kind, add) = (group.clone(), Arc::clone(&world.group), refs([people[number].clone()]));
        in_turn(&store, tenant, move |w| {
            let stored = w.find(tenant, &kind, &id)?.unwrap();
            assert_eq!(w.members_apply(tenant, &kind, &stored, &[MemberOp::Add(add)], BASE, false)?.added.len(), 1);
            w.touch(tenant, &stored, 2)?;
            told(w, tenant, ChangeKind::MembersChanged, &id)
        })
    };
    let create = |number: usize| provisioned(&store, tenant, number);
    // One by one: of these begin and commit, which carries the log, are shared by all that write at the same time.
    few_ways(&store, "a create", 5, create);
    few_ways(&store, "a changed attribute", 5, title);
    few_ways(&store, "a member", 7, member);
    world.verify();
}

fn few_ways(store: &Store, what: &str, most: u64, write: impl Fn(usize) -> store::Result<()>) {
    (0..3).for_each(|number| write(number).unwrap());
    let before = store.stats().ways;
    (3..13).for_each(|number| write(number).unwrap());
    let each = (store.stats().ways - before) / 10;
    assert!(each <= most, "{each} ways for {what}");
}

/// Also where the plan was made without knowing the values, as one that is kept is.
#[test]
fn the_second_of_two_conditions_is_asked_by_key() {
    const PEOPLE: usize = 1_000;
    let world = World::new();
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    world
        .write(move |w| {
            (0..PEOPLE).try_for_each(|n| {
                let emails = json!([{"type": "work", "value": format!("p{n}@x.test")}]);
                let body = json!({"userName": format!("p{n}"), "title": "Engineer", "emails": emails});
                w.insert(tenant, &user, None, &resource(&user, body), 1, POLICY).map(|_| ())
            })
        })
        .unwrap();
    world.store.close();
    let alter = "execute format('alter database %I set plan_cache_mode = force_generic_plan', current_database())";
    world.folder.sql(&format!("do $$ begin {alter}; end $$; analyze; select pg_stat_reset();"));
    let other = beside(&world);
    for (number, filter) in [
        r#"emails[type eq "work" and value eq "p#@x.test"]"#,
        r#"emails.value eq "p#@x.test" and title eq "Engineer""#,
        r#"userName eq "p#" and title eq "Engineer" and emails[type eq "work"]"#,
    ]
    .repeat(10)
    .into_iter()
    .enumerate()
    {
        let filter = Filter::parse(&filter.replace('#', &number.to_string())).unwrap();
        let user = Arc::clone(&world.user);
        let found = other.read_blocking(move |r| {
            let query = Query {
                filter: Some(&filter),
                sort: None,
                start: Start::Index(0),
                count: 10,
                want_total: true,
                want_groups: true,
                base: BASE,
            };
            r.search(tenant, &user, &query)
        });
        assert_eq!(found.unwrap().total, Some(1), "number {number}");
    }
    // A session tells what it has read when it ends.
    other.close();
    let read = "select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes where relname = 'attribute_value'";
    let read = || world.folder.sql(read).parse::<usize>().unwrap();
    wait_for(|| read() > 0);
    assert!(read() < PEOPLE, "30 searches for one of {PEOPLE} have read {} index rows", read());
}

/// A transaction of which nothing had reached the disk leaves its number free, and after the crash another one takes it: that
/// this one was committed says nothing of the first.
#[test]
fn a_number_that_is_given_out_again_is_nobodys_answer() {
    let cluster = Arc::new(Cluster::start());
    let folder = Folder::new();
    let url = cluster.database();
    let name = url.rsplit_once('/').unwrap().1.to_owned();
    let store = Store::connect(folder.path(), &url, Options { writers: 1, ..Options::default() }).unwrap();
    let tenant = write(&store, |w| w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1));
    let tenant = tenant.unwrap().id;
    for round in 0..4 {
        let (cluster, name, user) = (Arc::clone(&cluster), name.clone(), Arc::new(ResourceType::user()));
        let answered: store::Result<()> = in_turn(&store, tenant, move |w| {
            let body = resource(&user, json!({"userName": format!("lost{round}")}));
            let made = w.insert(tenant, &user, None, &body, 1, POLICY)?;
            // Nothing is left to be sent but the commit.
            assert!(w.find(tenant, &user, &made.id)?.is_some());
            cluster.kill();
            cluster.run();
            (0..4).for_each(|_| drop(cluster.sql(&name, "select pg_current_xact_id()")));
            Ok(())
        });
        let found = || {
            store.read_blocking::<_, Error, _>(move |r| {
                r.find_unique(tenant, &Arc::new(ResourceType::user()), "userName", &format!("lost{round}"))
            })
        };
        wait_for(|| found().is_ok());
        assert_eq!(answered.is_ok(), found().unwrap().is_some(), "round {round}: what is answered is there");
    }
}

/// Else a person is looked for among all people until the server counts them by itself, which it is kept from here.
#[test]
fn the_planner_hears_of_a_table_that_has_grown() {
    const PEOPLE: usize = 1_000;
    let world = World::new();
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    world.folder.sql("alter table resource set (autovacuum_enabled = false)");
    world
        .write(move |w| {
            (0..PEOPLE).try_for_each(|n| {
                let body = json!({"userName": format!("p{n}")});
                w.insert(tenant, &user, None, &resource(&user, body), 1, POLICY).map(|_| ())
            })
        })
        .unwrap();
    let counted = || world.folder.sql("select cast(reltuples as bigint) from pg_class where relname = 'resource'");
    let mut more = 0..;
    wait_for(|| {
        // A session says how much it has written at the end of a transaction, at most once a second.
        world.insert(&world.user, json!({"userName": format!("more{:?}", more.next())}));
        counted().parse::<usize>().is_ok_and(|counted| counted >= PEOPLE)
    });
}

/// The database goes away in the middle of writing and comes back: what was answered is there, everything else was
/// refused at once, and nobody has to start anything again.
#[test]
fn a_database_that_dies_comes_back() {
    let cluster = Cluster::start();
    let folder = Folder::new();
    let store = Store::connect(folder.path(), &cluster.database(), Options::default()).unwrap();
    let user = Arc::new(ResourceType::user());
    let tenant = write(&store, |w| w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1));
    let tenant = tenant.unwrap().id;
    let writers: Vec<_> = (0..8)
        .map(|thread_number| {
            let store = store.clone();
            thread::spawn(move || {
                let (mut known, mut refused) = (Vec::new(), 0);
                let end = Instant::now() + Duration::from_secs(4);
                for number in 0.. {
                    if Instant::now() > end {
                        break;
                    }
                    let name = format!("user-{thread_number}-{number}");
                    let begun = Instant::now();
                    match create(&store, tenant, name.clone()) {
                        Ok(_) => known.push((name, true)),
                        Err(Error::Unavailable) => {
                            known.push((name, false));
                            refused += 1;
                            thread::sleep(Duration::from_millis(20));
                        }
                        Err(other) => panic!("{other}"),
                    }
                    assert!(begun.elapsed() < Duration::from_secs(20), "a refusal took {:?}", begun.elapsed());
                }
                (known, refused)
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(700));
    cluster.kill();
    thread::sleep(Duration::from_millis(200));
    let of_user = Arc::clone(&user);
    let read = store.read_blocking::<_, Error, _>(move |r| r.count(tenant, &of_user.name));
    assert!(matches!(read, Err(Error::Unavailable)));
    cluster.run();
    let (mut stored, mut refusals) = (BTreeSet::new(), 0);
    let mut attempted = BTreeSet::new();
    for writer in writers {
        let (known, refused) = writer.join().unwrap();
        refusals += refused;
        for (name, ok) in known {
            attempted.insert(name.clone());
            if ok {
                stored.insert(name);
            }
        }
    }
    assert!(refusals > 0 && stored.len() > 50, "{refusals} refusals, {} stored", stored.len());
    wait_for(|| create(&store, tenant, "afterwards".into()).is_ok());
    stored.insert("afterwards".into());
    let of_user = Arc::clone(&user);
    let count = store
        .read_blocking::<_, Error, _>(move |r| {
            for name in &stored {
                assert!(
                    r.find_unique(tenant, &of_user, "userName", name)?.is_some(),
                    "{name} was answered and is lost"
                );
            }
            let types = [Arc::clone(&of_user), Arc::new(ResourceType::group())];
            assert_eq!(r.verify(tenant, &types, super::support::ORDER)?, Vec::<String>::new());
            assert_eq!(r.count(tenant, "User")?, stored.len() as u64, "what was refused is not there");
            Ok(stored.len())
        })
        .unwrap();
    assert!(count <= attempted.len() + 1);
}
