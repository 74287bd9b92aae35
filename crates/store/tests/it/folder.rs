//! The data folder: what is made, what is refused, what stays.

use super::support::{Folder, ORDER, POLICY, World, resource, wait_for, write};
use serde_json::json;
use std::sync::Arc;
use store::{Definitions, Error, Options, Settings, Store};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[test]
fn everything_is_there_after_opening_again() {
    let world = World::new();
    let adam = world.insert(&world.user, json!({"userName": "adam", "password": "pw", "active": true}));
    let sealed = world.store.seal("test", b"secret").unwrap();
    let before = world.view(&world.user, &adam.id).unwrap();
    let World { store, folder, tenant, user, .. } = world;
    store.close();
    assert!(!folder.path().join("provost.db-wal").exists(), "a clean close leaves no log behind");
    drop(store);

    let store = folder.open();
    assert_eq!(store.unseal("test", &sealed).as_deref(), Some(&b"secret"[..]));
    let id = adam.id.clone();
    let (found, view, tenants) = store
        .read_blocking::<_, Error, _>(move |r| {
            Ok((r.find(tenant, &user, &id)?, r.view(tenant, &user, &id, true)?, r.tenants()?))
        })
        .unwrap();
    assert_eq!(found.unwrap(), adam);
    assert_eq!(view.unwrap().head, before.head);
    assert_eq!(tenants.len(), 1);
}

#[test]
fn a_second_store_on_the_folder_is_refused_until_the_first_is_closed() {
    let folder = Folder::new();
    let store = folder.open();
    let second = Store::open(folder.path(), Options::default());
    assert!(matches!(second, Err(Error::Locked(path)) if path.ends_with("provost.lock")));
    store.close();
    folder.open();
}

#[test]
fn a_closed_store_refuses_instead_of_waiting() {
    let folder = Folder::new();
    let store = folder.open();
    store.close();
    store.close();
    let read = store.read_blocking::<_, Error, _>(|r| r.tenants());
    assert!(matches!(read, Err(Error::Unavailable)));
    let written = write(&store, |w| w.tenant_insert("a", &Settings::default(), &Definitions::default(), 1));
    assert!(matches!(written, Err(Error::Unavailable)));
}

#[test]
fn a_newer_database_is_refused_in_plain_words() {
    let folder = Folder::new();
    folder.open().close();
    let database = rusqlite::Connection::open(folder.path().join("provost.db")).unwrap();
    database.execute("update meta set value = 99 where name = 'version'", ()).unwrap();
    drop(database);
    let Err(error) = Store::open(folder.path(), Options::default()) else { panic!("it was opened") };
    assert!(matches!(error, Error::NewerDatabase { found: 99, .. }));
    assert!(error.to_string().contains("start the newer release"));
}

#[test]
fn a_database_without_its_key_is_refused() {
    let folder = Folder::new();
    folder.open().close();
    std::fs::remove_file(folder.path().join("secret.key")).unwrap();
    assert!(matches!(Store::open(folder.path(), Options::default()), Err(Error::KeyMissing(_))));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = Folder::new();
    std::fs::write(folder.path(), "a file").unwrap();
    let refused = Store::open(&folder.path().join("data"), Options::default());
    assert!(matches!(refused, Err(Error::Folder { path, .. }) if path.ends_with("data")));
    std::fs::remove_file(folder.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn the_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.open();
    let key = std::fs::metadata(folder.path().join("secret.key")).unwrap();
    assert_eq!((key.len(), key.permissions().mode() & 0o777), (32, 0o600));
}

#[test]
fn what_is_sealed_opens_for_its_purpose_alone() {
    let folder = Folder::new();
    let store = folder.open();
    let sealed = store.seal("one", b"text").unwrap();
    assert_ne!(sealed, store.seal("one", b"text").unwrap(), "a nonce is never used twice");
    assert_eq!(store.unseal("one", &sealed).unwrap(), b"text");
    assert_eq!(store.unseal("two", &sealed), None);
    for at in 0..sealed.len() {
        let mut touched = sealed.clone();
        touched[at] ^= 1;
        assert_eq!(store.unseal("one", &touched), None);
        assert_eq!(store.unseal("one", &sealed[..at]), None);
    }
    let mac = store.mac("one", b"text");
    assert!(store.sealer().mac_matches("one", b"text", &mac));
    assert!(!store.sealer().mac_matches("two", b"text", &mac));
    assert!(!store.sealer().mac_matches("one", b"texts", &mac));
}

#[test]
fn a_tenant_goes_with_everything_and_leaves_the_others_alone() {
    let world = World::new();
    world.insert(&world.user, json!({"userName": "adam", "emails": [{"value": "a@x"}]}));
    let other = world.write(|w| w.tenant_insert("other", &Settings::default(), &Definitions::default(), 1)).unwrap();
    let user = Arc::clone(&world.user);
    let body = resource(&user, json!({"userName": "adam", "externalId": "1"}));
    world
        .write(move |w| {
            let stored = w.insert(other.id, &user, None, &body, 1, POLICY)?;
            w.delete(other.id, &user, &stored, 2, ORDER)?;
            w.insert(other.id, &user, None, &body, 1, POLICY)
        })
        .unwrap();
    let again = world.write(|w| w.tenant_insert("other", &Settings::default(), &Definitions::default(), 1));
    assert!(matches!(again, Err(Error::Conflict { attribute }) if attribute == "name"));
    assert!(world.write(move |w| w.tenant_delete(other.id)).unwrap());
    assert!(!world.write(move |w| w.tenant_delete(other.id)).unwrap());
    world.verify();
    world.store.close();
    let database = rusqlite::Connection::open(world.folder.path().join("provost.db")).unwrap();
    let tables: Vec<String> = database
        .prepare(
            "select name from sqlite_schema where type = 'table' and name <> 'tenant' and sql like '%tenant %integer%'",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(tables.len() > 8);
    for table in tables {
        let sql = format!("select count(*) from {table} where tenant = {}", other.id.0);
        assert_eq!(database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let world = World::new();
    world.insert(&world.user, json!({"userName": "adam", "title": "x", ENTERPRISE: {"manager": "boss"}}));
    world.store.close();
    let damage = [
        ("delete from unique_value", "index row"),
        ("update resource_count set count = 7", "counter"),
        ("insert into member values (1, 77, 1)", "members whose group is gone"),
        ("update resource set member_count = 3", "member count"),
        ("update manager_link set manager_rid = rid", "somebody else"),
        ("update document set head = cast('{}' as blob)", "document"),
        ("insert into change_seq (tenant, last) values (1, 4)", "change feed"),
    ];
    for (sql, expected) in damage {
        let path = world.folder.path().join("provost.db");
        let copy = std::fs::read(&path).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute(sql, ()).unwrap();
        let store = world.folder.open();
        let (tenant, types) = (world.tenant, [Arc::clone(&world.user), Arc::clone(&world.group)]);
        let problems = store.read_blocking::<_, Error, _>(move |r| r.verify(tenant, &types, ORDER)).unwrap();
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{sql}: {problems:?}");
        store.close();
        std::fs::write(&path, copy).unwrap();
    }
}

#[test]
fn the_log_is_moved_into_the_database_meanwhile() {
    let world = World::new();
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    for round in 0..30 {
        let user = Arc::clone(&user);
        world
            .write(move |w| {
                for number in 0..40 {
                    let name = format!("user-{round}-{number}");
                    let body = json!({"userName": name, "title": "x".repeat(8_000)});
                    w.insert(tenant, &user, None, &resource(&user, body), 1, POLICY)?;
                }
                Ok(())
            })
            .unwrap();
    }
    wait_for(|| world.store.stats().checkpoints > 0);
    let log = std::fs::metadata(world.folder.path().join("provost.db-wal")).unwrap().len();
    assert!(log < 64 << 20, "{log} bytes");
    assert_eq!(world.store.stats().last_failure, None);
    world.verify();
}
