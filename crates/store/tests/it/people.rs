//! Sessions of persons, and what signing in with SAML remembers.

use super::support::World;
use serde_json::json;
use std::sync::Arc;
use store::{
    Error, KeyState, PersonLink, PersonSession, SamlConnection, SamlKey, SamlPurpose, SamlRequest, SamlSession,
    SamlSettings,
};

/// Begins a session of this person, by SAML; whether there is one.
fn begin(world: &World, person: &str, number: u8) -> bool {
    let session = PersonSession {
        hash: [number; 32],
        id: number.to_string(),
        tenant: world.tenant,
        person: person.into(),
        expires_at: 1_000,
        method: "saml".into(),
        saml: Some(SamlSession {
            connection: "default".into(),
            name_id: person.into(),
            name_id_about: "{}".into(),
            session_index: Some(format!("s{number}")),
        }),
        ..PersonSession::default()
    };
    let users = Arc::clone(&world.user);
    world.write(move |w| w.person_session_insert(&users, &session)).unwrap()
}

fn is_in(world: &World, number: u8, now: i64) -> bool {
    let (tenant, users) = (world.tenant, Arc::clone(&world.user));
    world.read(move |r| r.person_session(tenant, &users, &[number; 32], now)).is_some()
}

#[test]
fn whoever_is_suspended_or_staged_is_out_and_comes_in_no_more() {
    let world = World::new();
    let adam = world.insert(&world.user, json!({"userName": "adam"})).id;
    for status in ["suspended", "staged"] {
        assert!(begin(&world, &adam, 1) && is_in(&world, 1, 999));
        let (tenant, who) = (world.tenant, adam.clone());
        world.write(move |w| w.set_lifecycle(tenant, &who, Some(status), 5)).unwrap();
        assert!(!is_in(&world, 1, 999) && !begin(&world, &adam, 2), "{status}");
        let who = adam.clone();
        world.write(move |w| w.set_lifecycle(tenant, &who, None, 6)).unwrap();
        assert!(!is_in(&world, 1, 999), "a session that ended stays so");
    }
}

#[test]
fn only_who_is_there_and_active_comes_in() {
    let world = World::new();
    let adam = world.insert(&world.user, json!({"userName": "adam"})).id;
    let eve = world.insert(&world.user, json!({"userName": "eve", "active": false})).id;
    let group = world.insert(&world.group, json!({"displayName": "g"})).id;
    assert!(begin(&world, &adam, 1));
    assert!(!begin(&world, &eve, 2) && !begin(&world, "nobody", 3) && !begin(&world, &group, 4));
    assert!(is_in(&world, 1, 999));
    assert!(!is_in(&world, 1, 1_000), "it ends by itself");
    assert!(!is_in(&world, 2, 0));
}

#[test]
fn a_password_goes_with_the_person() {
    let world = World::new();
    let (tenant, adam) = (world.tenant, world.insert(&world.user, json!({"userName": "adam"})).id);
    let has = |world: &World, person: &str| {
        let person = person.to_owned();
        world.read(move |r| r.person_password(tenant, &person))
    };
    let link = |number: u8, person: &str| PersonLink {
        hash: [number; 32],
        tenant,
        person: person.into(),
        expires_at: 100,
        ..PersonLink::default()
    };
    let (first, second) = (link(1, &adam), link(2, &adam));
    world.write(move |w| w.person_link_insert(&first).and_then(|()| w.person_link_insert(&second))).unwrap();
    assert_eq!(
        world.write(move |w| w.person_link_use(tenant, &[1; 32], 0)).unwrap(),
        None,
        "a newer link ends the older"
    );
    assert_eq!(world.write(move |w| w.person_link_use(tenant, &[2; 32], 100)).unwrap(), None, "it runs out");
    assert_eq!(world.write(move |w| w.person_link_use(tenant, &[2; 32], 99)).unwrap(), Some(adam.clone()));
    assert_eq!(world.write(move |w| w.person_link_use(tenant, &[2; 32], 99)).unwrap(), None, "it is good once");
    assert!(begin(&world, &adam, 1));
    let person = adam.clone();
    world.write(move |w| w.person_password_set(tenant, &person, "hash", 1)).unwrap();
    assert_eq!(has(&world, &adam).as_deref(), Some("hash"));
    assert!(!is_in(&world, 1, 0), "a new password signs out whoever was in with the old one");
    world.delete(&world.user, &adam);
    assert_eq!(has(&world, &adam), None);
}

#[test]
fn who_is_deactivated_or_deleted_is_out_at_once() {
    let world = World::new();
    let ids: Vec<String> =
        ["a", "b", "c"].map(|name| world.insert(&world.user, json!({"userName": name})).id).into_iter().collect();
    for (id, number) in ids.iter().zip(1..) {
        assert!(begin(&world, id, number) && begin(&world, id, number + 10));
    }
    world.update(&world.user, &ids[0], json!({"userName": "a", "active": false})).unwrap();
    world.delete(&world.user, &ids[1]);
    world.update(&world.user, &ids[2], json!({"userName": "c", "title": "Chief"})).unwrap();
    for (number, stays) in [(1, false), (11, false), (2, false), (12, false), (3, true), (13, true)] {
        assert_eq!(is_in(&world, number, 0), stays, "session {number}");
    }
    world.update(&world.user, &ids[0], json!({"userName": "a", "active": true})).unwrap();
    assert!(!is_in(&world, 1, 0), "coming back does not bring old sessions back");
}

#[test]
fn what_was_undone_ended_nothing() {
    let world = World::new();
    let adam = world.insert(&world.user, json!({"userName": "adam"}));
    assert!(begin(&world, &adam.id, 1));
    let (tenant, users, id) = (world.tenant, Arc::clone(&world.user), adam.id);
    let undone = world.write(move |w| -> store::Result<()> {
        let stored = w.find(tenant, &users, &id)?.unwrap();
        w.delete(tenant, &users, &stored, 2, super::support::ORDER)?;
        Err(Error::Stale)
    });
    assert!(undone.is_err() && is_in(&world, 1, 0));
}

#[test]
fn logout_ends_what_the_identity_provider_names() {
    let world = World::new();
    let adam = world.insert(&world.user, json!({"userName": "adam"})).id;
    let eve = world.insert(&world.user, json!({"userName": "eve"})).id;
    for (id, number) in [(&adam, 1), (&adam, 2), (&adam, 3), (&eve, 4)] {
        assert!(begin(&world, id, number));
    }
    let tenant = world.tenant;
    let logout = |connection: &'static str, name: &str, indexes: &[&str]| {
        let (name, indexes) = (name.to_owned(), indexes.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>());
        let ended = world.write(move |w| w.person_sessions_logout(tenant, connection, &name, &indexes)).unwrap();
        ended.into_iter().map(|session| session.person).collect::<Vec<_>>()
    };
    assert!(logout("other", &adam, &[]).is_empty(), "another connection's names mean nothing here");
    assert!(logout("default", &eve, &["s1"]).is_empty());
    assert_eq!(logout("default", &adam, &["s1", "s9"]), std::slice::from_ref(&adam));
    assert!(!is_in(&world, 1, 0) && is_in(&world, 2, 0));
    assert_eq!(logout("default", &adam, &[]).len(), 2);
    assert!(!is_in(&world, 3, 0) && is_in(&world, 4, 0));
    let found = eve.clone();
    assert_eq!(world.read(move |r| r.person_sessions(tenant, &found, 0)).len(), 1);
    assert!(world.write(move |w| w.person_session_end(tenant, "4")).unwrap() && !is_in(&world, 4, 0));
}

#[test]
fn an_assertion_counts_once_and_not_without_its_session() {
    let world = World::new();
    let tenant = world.tenant;
    let take = move |w: &mut store::Writer| w.saml_replay_insert(tenant, "default", "_a", 500);
    let undone = world.write(move |w| -> store::Result<()> {
        assert!(take(w)?);
        Err(Error::Stale)
    });
    assert!(undone.is_err());
    assert!(world.write(take).unwrap(), "nothing came of it, so it was not taken");
    assert!(!world.write(take).unwrap());
    assert!(world.write(move |w| w.saml_replay_insert(tenant, "other", "_a", 500)).unwrap());
    world.write(move |w| w.saml_connection_delete(tenant, "default")).unwrap();
    assert!(world.read(move |r| r.saml_replayed(tenant, "default", "_a")), "also when the connection is made anew");
    world.write(move |w| w.sign_ins_prune(tenant, 499)).unwrap();
    assert!(!world.write(take).unwrap());
    world.write(move |w| w.sign_ins_prune(tenant, 500)).unwrap();
    assert!(world.write(take).unwrap(), "its dates refuse it by now");
}

#[test]
fn a_request_is_answered_once() {
    let world = World::new();
    let tenant = world.tenant;
    let request = SamlRequest {
        tenant,
        id: "_r".into(),
        connection: "default".into(),
        browser: [7; 32],
        expires_at: 500,
        ..SamlRequest::default()
    };
    let kept = request.clone();
    world.write(move |w| w.saml_request_insert(&kept)).unwrap();
    assert_eq!(world.read(move |r| r.saml_request(tenant, "_r")), Some(request));
    assert!(world.write(move |w| w.saml_request_take(tenant, "_r")).unwrap());
    assert!(!world.write(move |w| w.saml_request_take(tenant, "_r")).unwrap());
}

#[test]
fn a_connection_changes_under_its_version_and_goes_with_its_sessions() {
    let world = World::new();
    let tenant = world.tenant;
    let new = SamlConnection { tenant, id: "default".into(), created_at: 5, ..SamlConnection::default() };
    let (first, again) = (new.clone(), new);
    world.write(move |w| w.saml_connection_insert(&first)).unwrap();
    let taken = world.write(move |w| w.saml_connection_insert(&again));
    assert!(matches!(taken, Err(Error::Conflict { attribute }) if attribute == "id"));
    let mut read = world.read(move |r| r.saml_connection(tenant, "default")).unwrap();
    assert_eq!((read.version, &read.settings), (1, &SamlSettings::default()));
    read.settings.entity_id = "https://idp.example".into();
    let (one, two) = (read.clone(), read);
    world.write(move |w| w.saml_connection_update(&one, 9)).unwrap();
    assert!(matches!(world.write(move |w| w.saml_connection_update(&two, 9)), Err(Error::Stale)));
    let all = world.read(move |r| r.saml_connections(tenant));
    assert_eq!((all.len(), all[0].version, all[0].modified_at), (1, 2, 9));
    let adam = world.insert(&world.user, json!({"userName": "adam"})).id;
    assert!(begin(&world, &adam, 1));
    assert!(world.write(move |w| w.saml_connection_delete(tenant, "default")).unwrap());
    assert!(!is_in(&world, 1, 0));
}

#[test]
fn keys_roll_over_with_an_overlap() {
    let world = World::new();
    let (tenant, sp) = (world.tenant, SamlPurpose::ServiceProvider);
    for (id, state, created_at) in [("one", KeyState::Current, 1), ("two", KeyState::Next, 2)] {
        let key = SamlKey { id: id.into(), state, certificate: vec![1], sealed: vec![2], created_at };
        world.write(move |w| w.saml_key_insert(tenant, sp, &key)).unwrap();
    }
    assert!(!world.write(move |w| w.saml_key_promote(tenant, sp, "one")).unwrap(), "it signs already");
    assert!(!world.write(move |w| w.saml_key_promote(tenant, SamlPurpose::IdentityProvider, "two")).unwrap());
    assert!(world.write(move |w| w.saml_key_promote(tenant, sp, "two")).unwrap());
    let states = world.read(move |r| r.saml_keys(tenant, sp)).into_iter().map(|key| (key.id, key.state));
    assert_eq!(states.collect::<Vec<_>>(), [("two".to_owned(), KeyState::Current), ("one".to_owned(), KeyState::Old)]);
    assert!(!world.write(move |w| w.saml_key_delete(tenant, sp, "two")).unwrap(), "the one that signs stays");
    assert!(world.write(move |w| w.saml_key_delete(tenant, sp, "one")).unwrap());
}

#[test]
fn a_passkey_is_one_persons_and_goes_with_them() {
    let world = World::new();
    let tenant = world.tenant;
    let adam = world.insert(&world.user, json!({"userName": "adam"}));
    let key = |person: &str, used_at| store::PersonPasskey {
        tenant,
        id: "k".into(),
        person: person.into(),
        label: "laptop".into(),
        credential: "{}".into(),
        created_at: 5,
        used_at,
    };
    for used_at in [None, Some(9)] {
        let kept = key(&adam.id, used_at);
        world.write(move |w| w.person_passkey_put(&kept)).unwrap();
    }
    let stolen = key("eve", None);
    assert!(matches!(world.write(move |w| w.person_passkey_put(&stolen)), Err(Error::Conflict { .. })));
    assert_eq!(world.read(move |r| r.person_passkey(tenant, "k")).unwrap().used_at, Some(9));
    let id = adam.id.clone();
    assert!(!world.write(move |w| w.person_passkey_delete(tenant, "eve", "k")).unwrap());
    assert!(world.write(move |w| w.person_password_forget(tenant, &id)).unwrap());
    assert_eq!(world.read(move |r| r.person_passkey(tenant, "k")), None);
}

#[test]
fn sign_ins_under_way_are_counted_by_where_they_come_from() {
    let world = World::new();
    let tenant = world.tenant;
    let from = |id: &str, network: &str, expires_at| SamlRequest {
        tenant,
        id: id.into(),
        network: network.into(),
        expires_at,
        ..SamlRequest::default()
    };
    for request in [from("a", "n", 10), from("b", "n", 3), from("c", "m", 10)] {
        world.write(move |w| w.saml_request_insert(&request)).unwrap();
    }
    let asked = store::SignInRequest { tenant, network: "n".into(), expires_at: 10, ..store::SignInRequest::default() };
    world.write(move |w| w.sign_in_request_insert(&asked)).unwrap();
    assert_eq!(world.write(move |w| w.waiting_sign_ins("n", 5)).unwrap(), 2);
}
