//! Properties: decisions are total and stable, never make twice what may be there, and come to rest;
//! whatever a target answers, nothing breaks.

use crate::sim::Fault;
use crate::world::{Death, START, World};
use proptest::prelude::*;
use provision::app::{Adoption, Leave, OnMissing, Policy};
use provision::expression::{Expression, Facts, Language};
use provision::link::{Knowledge, Link};
use provision::outcome::{Answer, Body, Lost, NoToken, Response, settle};
use provision::place::Pasted;
use provision::plan::{Action, Desired, Lookup, Rules, next};
use provision::{Kind, Target};
use serde_json::{Map, Value, json};

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![3 => Just(Fault::Pass), 4 => proptest::sample::select(Fault::ALL.to_vec())]
}

/// Targets that lie about what they have are in `crash`; in a row, their lies cannot be told from truth.
fn honest() -> impl Strategy<Value = Fault> {
    fault().prop_filter("a lie", |fault| !matches!(fault, Fault::NotFound | Fault::Conflict | Fault::Precondition))
}

fn target() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "okta-aiw",
        "okta-oin",
        "okta-oiw",
        "generic",
        "generic-put",
        "entra",
        "slack",
        "github",
    ])
}

#[derive(Clone, Debug)]
enum Event {
    Assign,
    Unassign,
    Title(u8),
    Rename(u8),
    Step,
    Run,
    Wait(u16),
    Die(Death),
}

fn event() -> impl Strategy<Value = Event> {
    let death = prop_oneof![Just(Death::BeforeIntent), Just(Death::BeforeCall), Just(Death::AfterCall)];
    prop_oneof![
        2 => Just(Event::Assign),
        1 => Just(Event::Unassign),
        2 => (0..4_u8).prop_map(Event::Title),
        2 => (0..4_u8).prop_map(Event::Rename),
        5 => Just(Event::Step),
        2 => Just(Event::Run),
        2 => (1..200_u16).prop_map(Event::Wait),
        1 => death.prop_map(Event::Die),
    ]
}

fn happen(world: &mut World, event: &Event) {
    match event {
        Event::Assign => world.assign(),
        Event::Unassign => world.assignments.clear(),
        Event::Title(number) => world.set("title", json!(format!("t{number}"))),
        Event::Rename(number) => world.set("userName", json!(format!("adam{number}@example.com"))),
        Event::Step => drop(world.step()),
        Event::Run => world.run(),
        Event::Wait(seconds) => world.now += i64::from(*seconds) * 1_000_000,
        Event::Die(how) => world.death = Some((world.steps + 1, *how)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any mixture of events and honest failures ends with one account that is as it should be.
    #[test]
    fn any_history_converges(
        target in target(),
        external in any::<bool>(),
        silent in any::<bool>(),
        events in proptest::collection::vec(event(), 1..24),
        faults in proptest::collection::vec(honest(), 0..16),
    ) {
        let mut world = World::new(target);
        (world.sim.no_external_id, world.sim.silent) = (!external, silent);
        world.sim.faults = faults.into();
        for event in &events {
            happen(&mut world, event);
        }
        world.sim.faults.clear();
        world.death = None;
        world.now += 120_000_000;
        world.sim.settle(world.now);
        world.run();
        if matches!(world.last, Action::Park(_)) {
            world.link.parked = None;
            world.run();
        }
        let fine = world.check();
        prop_assert!(fine.is_ok(), "{fine:?}\n{}", world.told.join("\n"));
        prop_assert_eq!(&world.last, &Action::Nothing);
        // At rest it stays at rest.
        let calls = world.sim.calls;
        world.now += 3_600_000_000;
        world.run();
        prop_assert_eq!(world.sim.calls, calls);
    }
}

fn policy() -> impl Strategy<Value = Policy> {
    let leave = prop_oneof![
        Just(Leave::Nothing),
        Just(Leave::Deactivate),
        Just(Leave::Delete),
        Just(Leave::Staged { delete_after_ms: 5_000 })
    ];
    let adoption = prop_oneof![Just(Adoption::Refuse), Just(Adoption::Unclaimed), Just(Adoption::Always)];
    (any::<[bool; 6]>(), adoption, any::<bool>(), leave).prop_map(|(on, adoption, ask, leave)| Policy {
        actions: provision::app::Actions {
            create: on[0],
            update: on[1],
            deactivate: on[2],
            push_groups: on[3],
            import: on[4],
            import_groups: on[5],
        },
        adoption,
        on_missing: if ask { OnMissing::Ask } else { OnMissing::Recreate },
        on_unassign: leave,
        ..Policy::default()
    })
}

/// Links in every state, also in states that nobody should leave behind.
fn link() -> impl Strategy<Value = Link> {
    let knowledge = prop_oneof![
        Just(Knowledge::Nothing),
        Just(Knowledge::Doubtful),
        Just(Knowledge::Stranger),
        Just(Knowledge::Several),
        Just(Knowledge::Linked)
    ];
    let document = proptest::option::of(prop_oneof![
        Just(json!({"id": "1", "userName": "adam@example.com", "active": true})),
        Just(json!({"id": "1", "userName": "x", "externalId": "theirs", "active": "False"})),
        Just(json!({"id": 1, "emails": "x", "name": [], "active": null})),
        Just(json!({})),
    ]);
    (knowledge, proptest::option::of(Just("1".to_owned())), document, -3_i64..3, any::<[bool; 4]>()).prop_map(
        |(knowledge, remote_id, document, age, flags)| Link {
            knowledge,
            remote_id,
            document: document.and_then(|document| document.as_object().cloned()),
            read_at: START + age * 20_000_000,
            keys: if flags[0] { vec![("userName".into(), "adam@example.com".into())] } else { Vec::new() },
            doubt_until: if flags[1] { START + 30_000_000 } else { 0 },
            lost_id: flags[2].then(|| "1".to_owned()),
            verify: flags[3],
            ..Link::new(Kind::User, "ext-p1")
        },
    )
}

fn answer() -> impl Strategy<Value = Answer> {
    let lost =
        prop_oneof![Just(Lost::Dns), Just(Lost::Connect), Just(Lost::Tls), Just(Lost::Timeout), Just(Lost::Reset)];
    let busy = NoToken::Busy { retry_after: None };
    let unsent = prop_oneof![
        Just(NoToken::Refused),
        Just(NoToken::NotGranted),
        Just(NoToken::Unreachable),
        Just(NoToken::Late),
        Just(busy)
    ];
    let list = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
    let user = json!({"id": "1", "userName": "adam@example.com", "active": true});
    let body = prop_oneof![
        Just(Body::Empty),
        Just(Body::Other),
        Just(Body::Json(json!([]))),
        Just(Body::Json(json!({}))),
        Just(Body::Json(user.clone())),
        Just(Body::Json(json!({"id": 1, "userName": ["x"], "active": "no"}))),
        Just(Body::Json(json!({"schemas": [list], "totalResults": "1", "Resources": [user]}))),
        Just(Body::Json(json!({"schemas": [list], "totalResults": 0}))),
        Just(Body::Json(
            json!({"schemas": [list], "totalResults": 99, "Resources": [{"id": "7", "userName": "other"}, {}]})
        )),
        Just(Body::Json(json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "409"}))),
    ];
    let status = proptest::sample::select(vec![
        200_u16, 201, 204, 301, 400, 401, 403, 404, 409, 410, 412, 413, 429, 500, 501, 502, 503,
    ]);
    prop_oneof![
        1 => lost.prop_map(Answer::Lost),
        1 => unsent.prop_map(Answer::Unsent),
        6 => (status, body, proptest::option::of("[0-9a-z]{0,3}")).prop_map(|(status, body, retry_after)| {
            Answer::Got(Response { status, retry_after, etag: None, location: Some("/Users/1".into()), body })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// There is an answer for every state; the same one when asked again; and never Create while
    /// something may be there.
    #[test]
    fn decisions_are_total(link in link(), policy in policy(), target in target(), present in any::<bool>(), answer in answer()) {
        let mut world = World::new(target);
        if present {
            world.assign();
        }
        world.app.policy = policy;
        let target = Target::named(target).unwrap();
        let rules = Rules { kind: Kind::User, policy: &policy, target: &target };
        let desired = world.desired();
        let action = next(&link, &desired, &rules, START);
        prop_assert_eq!(&next(&link, &desired, &rules, START), &action);
        if let Action::Create(_) = &action {
            prop_assert!(policy.actions.create);
            prop_assert!(link.missed.len() >= target.lookups.len(), "created without looking");
        }
        if let Action::Delete { .. } = &action {
            let may = matches!(desired, Desired::Gone { leave: Leave::Delete | Leave::Staged { .. } });
            prop_assert!(may);
            prop_assert!(link.knowledge == Knowledge::Linked && policy.actions.deactivate);
        }
        if action.is_sent() {
            let begun = link.begin(&action, &desired, &rules, START);
            let request = provision::wire::request(&action, &begun, &rules, 1).unwrap();
            prop_assert!(request.path.starts_with("/Users"));
            if matches!(action, Action::Create(_)) {
                // Whoever dies here finds a link that does not create.
                let after = next(&begun, &desired, &rules, START + 1);
                prop_assert!(!matches!(after, Action::Create(_)), "{:?}", after);
            }
            let settled = settle(begun, &action, &answer, &desired, &rules, START + 1_000_000, 3);
            let after = next(&settled.link, &desired, &rules, START + 1_000_000);
            let unknown = matches!(answer, Answer::Lost(Lost::Timeout | Lost::Reset));
            prop_assert!(!(unknown && matches!(after, Action::Create(_))), "a blind second create");
        }
    }

    /// Whatever stands in an expression: an answer or an error with a place, never a panic.
    #[test]
    fn expressions_never_panic(text in "[a-zA-Z0-9_.,:?!(){}\\[\\]'\"<>=+*/%&| @-]{0,60}") {
        for language in [Language::Okta, Language::Entra] {
            match Expression::parse(&text, language) {
                Ok(expression) => {
                    let _ = expression.evaluate(&Facts::default(), START);
                    let _ = (expression.lints(), expression.dependencies(Default::default()));
                }
                Err(error) => prop_assert!(error.at >= 1 && error.at <= text.chars().count() + 1),
            }
        }
    }

    /// Every function with every kind of argument: an answer or an error.
    #[test]
    fn functions_never_panic(
        language in prop_oneof![Just(Language::Okta), Just(Language::Entra)],
        pick in any::<prop::sample::Index>(),
        arguments in proptest::collection::vec(proptest::sample::select(vec![
            "\"\"", "\"abc\"", "\"a,b\"", "0", "-1", "1.5", "99999999999", "\"2015-02-28T10:00:00Z\"", "\"yyyy-MM-dd\"",
            "\"EST\"", "\"ß→漢\"", "true", "null",
        ]), 0..5),
    ) {
        let names = provision::expression::function_names(language);
        let text = format!("{}({})", pick.get(&names), arguments.join(", "));
        if let Ok(expression) = Expression::parse(&text, language) {
            let _ = expression.evaluate(&Facts::default(), START);
        }
    }

    /// A place reads what it writes, whatever stood there before, and leaves the rest alone.
    #[test]
    fn places_read_what_they_write(
        name in proptest::sample::select(vec!["a", "a.b", "a[t eq \"x\"].v", "a.^[p==true].v", "urn:x:y:2.0:Z:a", "urn:x:y:2.0:Z:a.b"]),
        before in proptest::sample::select(vec![json!({}), json!({"a": 1}), json!({"a": null}), json!({"a": [1, {"t": "y"}]}),
            json!({"a": {"t": "x"}}), json!({"A": {"b": []}}), json!({"urn:x:y:2.0:Z": 5}), json!({"other": {"v": 1}})]),
        pasted in proptest::sample::select(vec![Pasted::Split, Pasted::WholeKey, Pasted::Dots]),
    ) {
        let place = provision::place::Place::parse(name, None, pasted).unwrap();
        let mut document: Map<String, Value> = before.as_object().unwrap().clone();
        place.write(&mut document, json!("value"));
        prop_assert_eq!(place.read(&document), Some(&json!("value")));
        prop_assert_eq!(document.get("other"), before.get("other"));
        place.clear(&mut document);
        prop_assert_eq!(place.read(&document), None);
    }
}

/// A filter that the target ignores is noticed, not believed.
#[test]
fn an_ignored_filter_is_noticed() {
    let mut world = World::new("generic");
    world.assign();
    let target = Target::named("generic").unwrap();
    let rules = Rules { kind: Kind::User, policy: &world.app.policy.clone(), target: &target };
    let action = Action::Probe(Lookup::Filter { field: "userName".into(), value: "adam@example.com".into() });
    let body = json!({"totalResults": 500, "Resources": [{"id": "7", "userName": "other"}]});
    let answer =
        Answer::Got(Response { status: 200, retry_after: None, etag: None, location: None, body: Body::Json(body) });
    let mut link = world.link.clone();
    for _ in 0..3 {
        link = settle(link, &action, &answer, &world.desired(), &rules, START, 1).link;
    }
    assert!(matches!(link.parked.unwrap().reason, provision::plan::Parking::FilterIgnored));
}
