//! What is written beside the resources: changes, the log, tokens, tenants.

use super::support::World;
use serde_json::json;
use std::thread;
use store::{
    Access, Change, ChangeKind, Definitions, Error, Job, JobState, JobsOf, Scope, Settings, TenantId, Token, TokenUse,
};

fn change(tenant: TenantId, id: &str) -> Change {
    Change {
        tenant,
        seq: 0,
        kind: ChangeKind::Updated,
        resource_type: "User".into(),
        id: id.into(),
        at: 5,
        actor: "token x".into(),
        what: json!(["title"]),
    }
}

#[test]
fn the_change_feed_has_no_gaps_whoever_fails() {
    let world = World::new();
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let (store, tenant) = (world.store.clone(), world.tenant);
            thread::spawn(move || {
                for step in 0..50 {
                    super::support::write(&store, move |w| {
                        w.change(&change(tenant, &format!("{number}-{step}")))?;
                        if step % 3 == 0 { Err(Error::Stale) } else { Ok(()) }
                    })
                    .ok();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let tenant = world.tenant;
    let changes = world.read(move |r| r.changes(tenant, 0, 10_000));
    assert_eq!(changes.len(), 8 * 33);
    assert!(changes.iter().zip(1..).all(|(change, seq)| change.seq == seq));
    assert_eq!(changes[0].what, json!(["title"]));
    assert_eq!(world.read(move |r| r.last_change(tenant)), 8 * 33);
    let page = world.read(move |r| r.changes(tenant, 100, 2));
    assert_eq!(page.iter().map(|change| change.seq).collect::<Vec<_>>(), [101, 102]);
}

fn token(id: &str, tenant: Option<TenantId>, hash: u8) -> Token {
    Token {
        id: id.into(),
        tenant,
        label: "Okta".into(),
        hint: "pv_abc".into(),
        scope: Scope { users: Access { read: true, write: false }, ..Scope::default() },
        hash: [hash; 32],
        created_at: 1,
        created_by: Some("ana@example.com".into()),
        expires_at: None,
        revoked_at: None,
        disabled_at: None,
        rotated_to: None,
        last_used_at: None,
        last_used_from: None,
        last_used_agent: None,
        networks: vec!["10.0.0.0/8".into(), "2001:db8::/32".into()],
    }
}

#[test]
fn tokens_by_hash_their_end_and_their_use() {
    let world = World::new();
    let tenant = world.tenant;
    let (one, admin) = (token("t1", Some(tenant), 1), Token { scope: Scope::ADMIN, ..token("t2", None, 2) });
    let (a, b, again) = (one.clone(), admin.clone(), token("t3", Some(tenant), 1));
    world.write(move |w| w.token_insert(&a).and_then(|()| w.token_insert(&b))).unwrap();
    assert!(matches!(world.write(move |w| w.token_insert(&again)), Err(Error::Conflict { .. })));
    assert_eq!(world.read(|r| r.token_by_hash(&[1; 32])), Some(one.clone()));
    assert_eq!(world.read(|r| r.token_by_hash(&[3; 32])), None);
    assert_eq!(world.read(move |r| r.tokens(Some(tenant))), [one]);
    assert_eq!(world.read(|r| r.tokens(None)), [admin]);
    let used = |at| TokenUse { id: "t1".into(), at, from: Some(format!("10.0.0.{at}")), agent: Some("Okta".into()) };
    world.write(move |w| w.tokens_used(&[used(5), used(4)])).unwrap();
    let now = world.read(|r| r.token("t1")).unwrap();
    assert_eq!((now.last_used_at, now.last_used_from.as_deref()), (Some(5), Some("10.0.0.5")));
    assert!(world.write(|w| w.token_expire("t1", 90, Some("t9"))).unwrap());
    assert!(world.write(|w| w.token_expire("t1", 95, None)).unwrap());
    let now = world.read(|r| r.token("t1")).unwrap();
    assert_eq!((now.expires_at, now.rotated_to.as_deref()), (Some(90), Some("t9")), "never later than before");
    assert!(!world.write(|w| w.token_expire("nobody", 90, None)).unwrap());
    for at in [Some(7), None] {
        assert!(world.write(move |w| w.token_disable("t1", at)).unwrap());
        assert_eq!(world.read(|r| r.token("t1")).unwrap().disabled_at, at);
    }
    let home = ["192.0.2.0/24".to_owned()];
    assert!(world.write(move |w| w.token_networks("t1", &home)).unwrap());
    assert_eq!(world.read(|r| r.token("t1")).unwrap().networks, ["192.0.2.0/24"]);
    assert!(world.write(|w| w.token_revoke("t1", 50)).unwrap());
    assert!(!world.write(|w| w.token_revoke("t1", 60)).unwrap());
    assert_eq!(world.read(|r| r.token("t1")).unwrap().revoked_at, Some(50));
    // What has ended is as it was when it did.
    assert!(!world.write(|w| w.token_disable("t1", Some(8))).unwrap());
    assert!(!world.write(|w| w.token_networks("t1", &[])).unwrap());
}

#[test]
fn settings_are_read_back_and_old_ones_get_defaults() {
    let world = World::new();
    let mut tenant = world.read(|r| r.tenant("default")).unwrap();
    assert_eq!(tenant.settings, Settings::default());
    tenant.settings.page_default = 7;
    tenant.settings.switches.users.create = false;
    tenant.name = "renamed".into();
    let (old, new) = (tenant.clone(), tenant.clone());
    let updated = world.write(move |w| w.tenant_update(&new)).unwrap();
    assert_eq!((updated.generation, &updated.settings), (tenant.generation + 1, &tenant.settings));
    assert!(matches!(world.write(move |w| w.tenant_update(&old)), Err(Error::Stale)));
    let sparse: Settings = serde_json::from_value(json!({"switches": {"users": {"delete": false}}})).unwrap();
    assert!(!sparse.switches.users.delete && sparse.switches.users.create && sparse.page_max == 1000);
    assert_eq!(serde_json::from_str::<Definitions>("{}").unwrap(), Definitions::default());
}

#[test]
fn definitions_that_do_not_fit_together_are_refused() {
    let from = |value: serde_json::Value| serde_json::from_value::<Definitions>(value).unwrap();
    let schema = |id: &str| json!({"id": id, "name": "X", "attributes": [{"name": "a", "type": "string"}]});
    let good = from(json!({
        "schemas": [schema("urn:x:Role"), schema("urn:x:More")],
        "resourceTypes": [
            {"name": "User", "extensions": [{"schema": "urn:x:More"}]},
            {"name": "Role", "endpoint": "/Roles", "schema": "urn:x:Role", "extensions": [{"schema": "URN:X:MORE", "required": true}]}
        ]
    }));
    good.check().unwrap();
    let types = good.resource_types().unwrap();
    assert_eq!(types.iter().map(|one| &one.endpoint[..]).collect::<Vec<_>>(), ["/Users", "/Groups", "/Roles"]);
    assert_eq!((types[0].extensions.len(), types[2].extensions.len()), (2, 1));
    for (what, bad) in [
        ("a schema that exists", json!({"schemas": [schema(scim::schema::USER)]})),
        ("a schema twice", json!({"schemas": [schema("urn:x:a"), schema("URN:x:A")]})),
        (
            "a schema that is missing",
            json!({"resourceTypes": [{"name": "Role", "endpoint": "/Roles", "schema": "urn:x:b"}]}),
        ),
        (
            "an endpoint that is taken",
            json!({"schemas": [schema("urn:x:a")], "resourceTypes": [{"name": "Role", "endpoint": "/users", "schema": "urn:x:a"}]}),
        ),
        (
            "an extension twice",
            json!({"schemas": [schema("urn:x:a")], "resourceTypes": [{"name": "User", "extensions": [{"schema": "urn:x:a"}, {"schema": "urn:x:a"}]}]}),
        ),
    ] {
        assert!(from(bad).check().is_err(), "{what}");
    }
}

#[test]
fn what_was_under_way_when_a_job_was_stopped_counts() {
    let world = World::new();
    let tenant = world.tenant;
    let new = Job { tenant, kind: "deactivate".into(), total: 300, ..Job::default() };
    let id = world.write(move |w| w.job_insert(&new)).unwrap();
    let claim = move |w: &mut store::Writer| w.job_claim(JobsOf::Resources, "a", 1, 100);
    let job = world.write(claim).unwrap().unwrap();
    let first = Job { state: JobState::Running, done: 50, ..job };
    let kept = first.clone();
    assert!(world.write(move |w| w.job_update(&kept, "a", &[])).unwrap());
    assert!(world.write(move |w| w.job_cancel(tenant, id, 2)).unwrap());
    let failed = [json!({"id": "x", "why": "gone"})];
    let second = Job { done: 100, failed: 1, failures: failed.to_vec(), ..first };
    // It was `a`'s turn, and nobody else's; it may not go on.
    for (by, done) in [("b", 50), ("a", 100)] {
        let (kept, failed) = (second.clone(), failed.clone());
        assert!(!world.write(move |w| w.job_update(&kept, by, &failed)).unwrap(), "{by}");
        let now = world.read(move |r| r.job(tenant, id)).unwrap();
        assert_eq!((now.state, now.done, now.finished_at), (JobState::Cancelled, done, Some(2)), "{by}");
    }
    assert_eq!(world.read(move |r| r.job_failures(tenant, id, 0, 9)).len(), 1);
    assert!(world.write(claim).unwrap().is_none(), "nobody takes it again");
}
