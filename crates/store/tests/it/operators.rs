//! Operators, sessions, links, and the trail of what administrators did.

use super::POSTGRES;
use super::support::Folder;
use serde_json::json;
use store::{Audit, Broken, EntryLink, Error, Operator, Passkey, Role, Session, Store};

fn operator(email: &str, role: Role) -> Operator {
    Operator { id: email.into(), email: email.into(), name: email.into(), role, ..Operator::default() }
}

fn session(store: &Store, operator: &str, number: u8, seen_at: i64) -> Session {
    let new = Session {
        hash: [number; 32],
        id: number.to_string(),
        operator: operator.into(),
        tenant: "default".into(),
        created_at: seen_at,
        seen_at,
        ..Session::default()
    };
    let kept = new.clone();
    store.write_blocking(move |w| w.session_insert(&kept)).unwrap();
    new
}

#[test]
fn an_email_is_one_operators_in_any_case() {
    let folder = Folder::new();
    let store = folder.open();
    store.write_blocking(|w| w.operator_insert(&operator("Ana@Example.com", Role::Owner))).unwrap();
    let found = store.read_blocking(|r| r.operator_by_email("aNA@example.COM")).unwrap().unwrap();
    assert_eq!((found.email.as_str(), found.role), ("ana@example.com", Role::Owner));
    let again = Operator { id: "other".into(), ..operator("ana@example.com", Role::Admin) };
    let refused = store.write_blocking(move |w| w.operator_insert(&again));
    assert!(matches!(refused, Err(Error::Conflict { attribute }) if attribute == "email"));
}

#[test]
fn there_is_always_an_owner_once_there_was_one() {
    let folder = Folder::new();
    let store = folder.open();
    assert!(!store.read_blocking(|r| r.has_owner()).unwrap());
    let ana = operator("ana@example.com", Role::Owner);
    for new in [ana.clone(), operator("bea@example.com", Role::Admin)] {
        store.write_blocking(move |w| w.operator_insert(&new)).unwrap();
    }
    let less = Operator { role: Role::Admin, ..ana.clone() };
    let off = Operator { disabled_at: Some(1), ..ana.clone() };
    for change in [less.clone(), off] {
        assert!(matches!(store.write_blocking(move |w| w.operator_update(&change)), Err(Error::Stale)));
    }
    assert!(matches!(store.write_blocking(|w| w.operator_delete("ana@example.com")), Err(Error::Stale)));
    assert!(store.read_blocking(|r| r.has_owner()).unwrap(), "nothing of it stayed");
    let bea = operator("bea@example.com", Role::Owner);
    store.write_blocking(move |w| w.operator_update(&bea)).unwrap();
    store.write_blocking(move |w| w.operator_update(&less)).unwrap();
}

#[test]
fn an_operator_goes_with_everything() {
    let folder = Folder::new();
    let store = folder.open();
    for name in ["ana@example.com", "bea@example.com"] {
        store.write_blocking(move |w| w.operator_insert(&operator(name, Role::Owner))).unwrap();
    }
    let kept = session(&store, "ana@example.com", 1, 10);
    let gone = session(&store, "bea@example.com", 2, 10);
    let key = Passkey { id: "k".into(), operator: "bea@example.com".into(), ..Passkey::default() };
    store.write_blocking(move |w| w.passkey_put(&key)).unwrap();
    let link = EntryLink { hash: [7; 32], operator: Some("bea@example.com".into()), created_at: 0, expires_at: 100 };
    store.write_blocking(move |w| w.entry_link_insert(&link)).unwrap();
    store.write_blocking(|w| w.operator_delete("bea@example.com")).unwrap();
    assert_eq!(store.read_blocking(move |r| r.session(&kept.hash)).unwrap().unwrap().id, "1");
    assert!(store.read_blocking(move |r| r.session(&gone.hash)).unwrap().is_none());
    assert!(store.read_blocking(|r| r.passkey("k")).unwrap().is_none());
    assert!(store.read_blocking(|r| r.entry_link(&[7; 32], 1)).unwrap().is_none());
}

#[test]
fn sessions_are_ended_by_their_owner_and_by_time() {
    let folder = Folder::new();
    let store = folder.open();
    for (number, seen_at) in [(1, 10), (2, 20), (3, 30)] {
        session(&store, "ana", number, seen_at);
    }
    session(&store, "bea", 4, 40);
    assert!(!store.write_blocking(|w| w.session_end("bea", "1")).unwrap(), "not hers");
    assert!(store.write_blocking(|w| w.session_end("ana", "1")).unwrap());
    store.write_blocking(|w| w.session_seen(&[2; 32], 25, "192.0.2.1", "x")).unwrap();
    store.write_blocking(|w| w.session_seen(&[2; 32], 24, "198.51.100.1", "y")).unwrap();
    let ids = |who: Option<&'static str>| -> Vec<String> {
        store.read_blocking(move |r| r.sessions(who)).unwrap().into_iter().map(|session| session.id).collect()
    };
    assert_eq!(ids(Some("ana")), ["3", "2"]);
    let second = store.read_blocking(|r| r.session(&[2; 32])).unwrap().unwrap();
    assert_eq!((second.seen_at, second.address.as_str()), (25, "192.0.2.1"), "an older note does not undo a newer one");
    assert_eq!(store.write_blocking(|w| w.sessions_end("ana", "3")).unwrap(), 1);
    assert_eq!(store.write_blocking(|w| w.sessions_prune(31, 0)).unwrap(), 1);
    assert_eq!(ids(None), ["4"]);
}

#[test]
fn a_link_is_good_once_and_until_its_end() {
    let folder = Folder::new();
    let store = folder.open();
    let link = |hash: u8, expires_at| EntryLink { hash: [hash; 32], operator: None, created_at: 1, expires_at };
    for new in [link(1, 100), link(2, 100)] {
        store.write_blocking(move |w| w.entry_link_insert(&new)).unwrap();
    }
    let is_good = |hash: u8, now| store.read_blocking(move |r| r.entry_link(&[hash; 32], now)).unwrap().is_some();
    assert!(!is_good(1, 2), "the newer one took its place");
    assert!(is_good(2, 99) && !is_good(2, 100));
    assert!(!store.write_blocking(|w| w.entry_link_use(&[2; 32], 100)).unwrap());
    assert!(store.write_blocking(|w| w.entry_link_use(&[2; 32], 99)).unwrap());
    assert!(!store.write_blocking(|w| w.entry_link_use(&[2; 32], 99)).unwrap());
}

#[test]
fn a_code_is_used_once_and_failures_are_counted_and_forgotten() {
    let folder = Folder::new();
    let store = folder.open();
    store.write_blocking(|w| w.operator_insert(&operator("ana", Role::Owner))).unwrap();
    for (step, fresh) in [(5, true), (5, false), (4, false), (6, true)] {
        assert_eq!(store.write_blocking(move |w| w.totp_use("ana", step)).unwrap(), fresh, "{step}");
    }
    for failures in 1..=3 {
        let counted = store.write_blocking(move |w| w.throttle_fail(&[1; 32], 100, 0)).unwrap();
        assert_eq!(counted.failures, failures);
    }
    assert_eq!(store.write_blocking(|w| w.throttle_fail(&[1; 32], 500, 200)).unwrap().failures, 1, "long ago");
    store.write_blocking(|w| w.throttle_clear(&[1; 32])).unwrap();
    assert_eq!(store.read_blocking(|r| r.throttle(&[1; 32])).unwrap().failures, 0);
}

#[test]
fn a_passkey_stays_its_owners() {
    let folder = Folder::new();
    let store = folder.open();
    let key = |operator: &str, used_at| Passkey {
        id: "k".into(),
        operator: operator.into(),
        credential: "{}".into(),
        used_at,
        ..Passkey::default()
    };
    let (first, used, theirs) = (key("ana", None), key("ana", Some(7)), key("bea", None));
    store.write_blocking(move |w| w.passkey_put(&first)).unwrap();
    store.write_blocking(move |w| w.passkey_put(&used)).unwrap();
    assert!(store.write_blocking(move |w| w.passkey_put(&theirs)).is_err());
    assert_eq!(store.read_blocking(|r| r.passkeys("ana")).unwrap()[0].used_at, Some(7));
    assert!(!store.write_blocking(|w| w.passkey_delete("bea", "k")).unwrap());
    assert!(store.write_blocking(|w| w.passkey_delete("ana", "k")).unwrap());
}

/// A trail of five rows, closed.
fn trail() -> Folder {
    let folder = Folder::new();
    let store = folder.open();
    for number in 1..=5_i64 {
        let row = Audit {
            at: number,
            actor: "ana".into(),
            action: "switch.set".into(),
            object: format!("default/{number}"),
            detail: json!({"number": number}),
            ..Audit::default()
        };
        assert_eq!(store.write_blocking(move |w| w.audit_add(&row)).unwrap(), number);
    }
    assert_eq!(store.read_blocking(|r| r.audit_verify()).unwrap(), (5, None));
    store.close();
    folder
}

#[test]
fn the_trail_is_read_from_its_end() {
    let folder = trail();
    let store = folder.open();
    let seqs = |before, text: &'static str, limit| -> Vec<i64> {
        store.read_blocking(move |r| r.audit(before, text, limit)).unwrap().into_iter().map(|row| row.seq).collect()
    };
    assert_eq!(seqs(0, "", 2), [5, 4]);
    assert_eq!(seqs(4, "", 9), [3, 2, 1]);
    assert_eq!((seqs(0, "default/3", 9), seqs(0, "ANA", 1), seqs(0, "nobody", 9)), (vec![3], vec![5], vec![]));
}

#[test]
fn tampering_with_the_trail_shows() {
    for (sql, seq) in [
        ("update audit set actor = 'eve' where seq = 3", 3),
        ("update audit set at = 99 where seq = 3", 3),
        ("update audit set detail = '{\"number\":33}' where seq = 3", 3),
        // Moves a letter from one field into the next: the same letters in the same order.
        ("update audit set action = 'switch.se', object = 'tdefault/3' where seq = 3", 3),
        ("update audit set hash = prev_hash where seq = 3", 3),
        ("update audit set hash = x'00' where seq = 3", 3),
        ("delete from audit where seq = 3", 4),
        ("delete from audit where seq = 3; update audit set seq = seq - 1 where seq > 3", 3),
        (
            "update audit set seq = 9 where seq = 2; update audit set seq = 2 where seq = 3; update audit set seq = 3 where seq = 9",
            2,
        ),
        ("delete from audit where seq = 1", 2),
    ] {
        let folder = trail();
        folder.sql(&if POSTGRES { sql.replace("x'00'", "'\\x00'") } else { sql.to_owned() });
        let found = folder.open().read_blocking(|r| r.audit_verify()).unwrap();
        assert!(matches!(found, (_, Some(Broken { seq: at, .. })) if at == seq), "{sql}: {found:?}");
    }
}

#[test]
fn a_trail_that_was_cut_off_has_another_head() {
    let folder = trail();
    let head = folder.open().read_blocking(|r| r.audit_head()).unwrap();
    folder.sql("delete from audit where seq = 5");
    let store = folder.open();
    assert_eq!(store.read_blocking(|r| r.audit_verify()).unwrap(), (4, None), "the chain alone cannot know");
    assert_ne!(store.read_blocking(|r| r.audit_head()).unwrap(), head, "its head, kept elsewhere, does");
}
