//! Group commit: many writes, one fsync, each by itself.

use super::support::{Folder, ORDER, POLICY, World, resource, wait_for, write};
use scim::ResourceType;
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;
use store::{Definitions, Error, Options, Settings, Store, Writer};

/// Keeps the writer busy until the sender goes, so that what follows waits and shares the next commit.
fn hold(store: &Store) -> Sender<()> {
    let (release, held): (Sender<()>, Receiver<()>) = channel();
    let (begun, begins) = channel();
    let store = store.clone();
    thread::spawn(move || {
        write(&store, move |_| {
            begun.send(()).ok();
            held.recv().ok();
            Ok(())
        })
    });
    begins.recv().unwrap();
    release
}

#[test]
fn a_write_that_fails_undoes_itself_alone() {
    let world = World::new();
    let release = hold(&world.store);
    let threads: Vec<_> = (0..20)
        .map(|number| {
            let (store, tenant, user) = (world.store.clone(), world.tenant, Arc::clone(&world.user));
            thread::spawn(move || {
                // Ten names, each asked for twice: one of the two has to fail, after it has written.
                let body = resource(&user, json!({"userName": format!("user{}", number / 2), "nickName": "x"}));
                write(&store, move |w| {
                    w.insert(tenant, &user, None, &body, number, POLICY)?;
                    if number == 19 {
                        panic!("a defect in a closure")
                    }
                    Ok(())
                })
            })
        })
        .collect();
    wait_for(|| world.store.stats().writes_waiting == 20);
    let before = world.store.stats();
    drop(release);
    let results: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let stats = world.store.stats();
    assert_eq!(stats.batches - before.batches, 1, "they shared one commit");
    let conflicts =
        results.iter().filter(|r| matches!(r, Err(Error::Conflict { attribute }) if attribute == "userName"));
    let broken = results.iter().filter(|r| matches!(r, Err(Error::Broken(_)))).count();
    let stored = results.iter().filter(|r| r.is_ok()).count();
    assert_eq!(stored + conflicts.count() + broken, 20);
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    assert_eq!(world.read(move |r| r.count(tenant, &user.name)), stored as u64);
    world.verify();
}

#[test]
fn the_writer_survives_a_panic_and_forgets_what_it_undid() {
    let world = World::new();
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    let body = resource(&user, json!({"userName": "adam", "title": "first of its kind"}));
    let failed = world.write(move |w| {
        w.insert(tenant, &user, None, &body, 1, POLICY)?;
        panic!("a defect in a closure");
        #[allow(unreachable_code)]
        Ok(())
    });
    assert!(matches!(failed, Err(Error::Broken(_))));
    // The numbers of its attributes were undone with it; they must not be used.
    world.insert(&world.user, json!({"userName": "adam", "title": "second"}));
    world.verify();
    let failed = world.store.read_blocking::<(), Error, _>(|_| panic!("a defect in a closure"));
    assert!(matches!(failed, Err(Error::Broken(_))));
    assert_eq!(world.read(|r| r.tenants()).len(), 1);
}

#[test]
fn a_part_of_a_write_is_undone_alone_and_with_the_write() {
    let world = World::new();
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    let bodies: Vec<_> = [json!({"userName": "a", "title": "x"}), json!({"userName": "b", "locale": "y"})]
        .into_iter()
        .map(|body| resource(&user, body))
        .collect();
    let (of_user, parts) = (Arc::clone(&user), bodies.clone());
    world
        .write(move |w| {
            w.insert(tenant, &of_user, None, &parts[0], 1, POLICY)?;
            let undone: Result<(), Error> = w.nested(|w| {
                w.insert(tenant, &of_user, None, &parts[1], 1, POLICY)?;
                Err(Error::Stale)
            });
            assert!(matches!(undone, Err(Error::Stale)));
            w.nested(|w| w.insert(tenant, &of_user, None, &parts[1], 1, POLICY))
        })
        .unwrap();
    world.verify();

    let other = World::new();
    let (tenant, of_user) = (other.tenant, Arc::clone(&user));
    let failed = other.write(move |w| {
        w.insert(tenant, &of_user, None, &bodies[0], 1, POLICY)?;
        w.nested::<(), Error>(|_| panic!("a defect in a part"))
    });
    assert!(matches!(failed, Err(Error::Broken(_))));
    other.insert(&other.user, json!({"userName": "a", "title": "x"}));
    other.verify();
}

#[tokio::test]
async fn work_in_parts_keeps_every_part_that_went_well() {
    let world = World::new();
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    let named = |name: &str| resource(&user, json!({"userName": name, "title": "x"}));
    let (bodies, of_user) = ([named("a"), named("b"), named("c")], Arc::clone(&user));
    let failed = world
        .store
        .write_parts_in(tenant, move |w| -> Result<(), Error> {
            w.nested(|w| w.insert(tenant, &of_user, None, &bodies[0], 1, POLICY))?;
            let undone: Result<(), Error> = w.nested(|w| {
                w.insert(tenant, &of_user, None, &bodies[1], 1, POLICY)?;
                panic!("a defect in a part")
            });
            assert!(matches!(undone, Err(Error::Broken(_))));
            w.nested(|w| w.insert(tenant, &of_user, None, &bodies[2], 1, POLICY))?;
            Err(Error::Stale)
        })
        .await;
    assert!(matches!(failed, Err(Error::Stale)));
    assert_eq!(world.read(move |r| r.count(tenant, "User")), 2);
    world.insert(&world.user, json!({"userName": "b"}));
    world.verify();
}

/// Commits that a write in the tenant's lane, and two behind it, take: one that may be late, one that may not.
async fn commits_behind(world: &World, late: bool) -> u64 {
    let (store, tenant) = (&world.store, world.tenant);
    let (release, held): (Sender<()>, Receiver<()>) = channel();
    let (begun, begins) = channel();
    let wait = move |_: &mut Writer| -> Result<(), Error> {
        begun.send(()).ok();
        held.recv().ok();
        Ok(())
    };
    let spawn = |late: bool, name: &'static str| {
        let (store, user) = (store.clone(), Arc::clone(&world.user));
        let body = resource(&user, json!({"userName": format!("{name}{late}")}));
        let work = move |w: &mut Writer| w.insert(tenant, &user, None, &body, 1, POLICY).map(|_| ());
        tokio::spawn(async move {
            if late { store.write_late_in(tenant, work).await } else { store.write_in(tenant, work).await }
        })
    };
    let before = store.stats().batches;
    let first = store.clone();
    let first = tokio::spawn(async move {
        if late { first.write_late_in(tenant, wait).await } else { first.write_in(tenant, wait).await }
    });
    begins.recv().unwrap();
    let name = if late { "behind-late" } else { "behind" };
    let second = spawn(true, name);
    wait_for(|| store.stats().writes_waiting == 1);
    let third = spawn(false, name);
    wait_for(|| store.stats().writes_waiting == 2);
    drop(release);
    for done in [first, second, third] {
        done.await.unwrap().unwrap();
    }
    store.stats().batches - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_be_late_is_committed_with_what_may_not_and_never_the_other_way_round() {
    let world = World::new();
    assert_eq!(commits_behind(&world, false).await, 1, "the late one is on the disk with the others");
    assert_eq!(commits_behind(&world, true).await, 2, "a commit that nobody waits for begins without the others");
    let World { store, tenant, folder, .. } = world;
    drop(store);
    let store = folder.open();
    assert_eq!(store.read_blocking::<_, Error, _>(move |r| r.count(tenant, "User")).unwrap(), 4);
}

#[test]
fn a_full_queue_refuses() {
    let folder = Folder::new();
    let store = folder.open_with(Options { queue_max: 4, ..Options::default() });
    let release = hold(&store);
    let waiting: Vec<_> = (0..4)
        .map(|number: i64| {
            let store = store.clone();
            thread::spawn(move || {
                let name = format!("t{number}");
                write(&store, move |w| w.tenant_insert(&name, &Settings::default(), &Definitions::default(), 1))
            })
        })
        .collect();
    wait_for(|| store.stats().writes_waiting == 4);
    assert!(matches!(write(&store, |_| Ok(())), Err(Error::Unavailable)));
    drop(release);
    assert!(waiting.into_iter().all(|thread| thread.join().unwrap().is_ok()));
    assert_eq!(store.read_blocking::<_, Error, _>(|r| r.tenants()).unwrap().len(), 4);
}

#[test]
fn a_read_sees_every_write_that_was_answered_and_one_state_throughout() {
    let world = World::new();
    let user = Arc::clone(&world.user);
    let adam = world.insert(&user, json!({"userName": "adam"}));
    let (store, tenant, id) = (world.store.clone(), world.tenant, adam.id.clone());
    let writer = thread::spawn(move || {
        for number in 0..200 {
            let (user, id) = (ResourceType::user(), id.clone());
            let body = resource(&user, json!({"userName": "adam", "title": format!("{number}")}));
            let version = write(&store, move |w| {
                let stored = w.find(tenant, &user, &id)?.unwrap();
                Ok(w.update(tenant, &user, &stored, &Arc::new(body), number, ORDER)?.version)
            })
            .unwrap();
            let (user, id) = (ResourceType::user(), adam.id.clone());
            let seen = store.read_blocking::<_, Error, _>(move |r| r.view(tenant, &user, &id, false)).unwrap();
            assert_eq!(seen.unwrap().version, version);
        }
    });
    while !writer.is_finished() {
        let user = Arc::clone(&user);
        world.read(move |r| {
            let id = r.find_unique(tenant, &user, "userName", "ADAM")?.unwrap().id;
            let first = r.view(tenant, &user, &id, false)?.unwrap();
            thread::sleep(Duration::from_millis(1));
            let second = r.view(tenant, &user, &id, false)?.unwrap();
            assert_eq!((first.version, first.head), (second.version, second.head));
            Ok(())
        });
    }
    writer.join().unwrap();
}

#[tokio::test]
async fn futures_are_answered_too() {
    let world = World::new();
    let written = world
        .store
        .write::<_, Error, _>(|w| w.tenant_insert("b", &Settings::default(), &Definitions::default(), 1))
        .await;
    assert_eq!(written.unwrap().name, "b");
    let names = world.store.read::<_, Error, _>(|r| r.tenants()).await.unwrap();
    assert_eq!(names.into_iter().map(|tenant| tenant.name).collect::<Vec<_>>(), ["b", "default"]);
}
