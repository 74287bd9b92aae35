//! What answers and lists mean beyond one account: for the whole app, for members, for what is mapped.

use crate::world::{START, World};
use provision::plan::{Action, Lookup, Parking};
use provision::{Kind, Rules};
use serde_json::{Value, json};

/// What an attribute is needed for, in both directions.
#[test]
fn an_attribute_has_its_uses() {
    let mut world = World::new("generic");
    let back =
        r#"{"attribute": "nickName", "from": {"expression": {"text": "appuser.Title + \"!\"", "language": "okta"}}}"#;
    world.app.to_directory.push(serde_json::from_str(back).unwrap());
    let uses = |name: &str| -> Vec<(bool, String)> {
        world.app.uses(name).into_iter().map(|one| (one.to_app, one.attribute)).collect()
    };
    assert!(uses("TITLE").contains(&(false, "nickName".to_owned())), "{:?}", uses("title"));
    assert!(uses("title").contains(&(true, "title".to_owned())));
    assert_eq!(uses("nothing"), []);
}

/// An app that cannot be read, or that has too much to do, is one thing; one account that is kept from us another.
#[test]
fn what_is_said_of_all_and_what_of_one() {
    use provision::outcome::{Answer, Body, Outcome, Response, settle};
    let mut world = World::new("generic");
    world.assign();
    world.run();
    let desired = world.desired();
    let rules = Rules { kind: Kind::User, policy: &world.app.policy, target: &world.app.target };
    let probe = Action::Probe(Lookup::Id(world.link.remote_id.clone().unwrap()));
    let outcomes = |status: u16, retry_after: Option<&str>, times: usize| {
        let retry_after = retry_after.map(str::to_owned);
        let answer = Answer::Got(Response { status, retry_after, etag: None, location: None, body: Body::Empty });
        let (mut link, mut all) = (world.link.clone(), Vec::new());
        for _ in 0..times {
            let settled = settle(link, &probe, &answer, &desired, &rules, START, 1);
            link = settled.link;
            all.push(settled.outcome);
        }
        all
    };
    let of = outcomes(403, None, 3);
    let parked = Outcome::Parked(Parking::Rejected { status: 403, scim_type: None, detail: None });
    assert!(of[..2].iter().all(|one| matches!(one, Outcome::Breaker { .. })) && of[2] == parked, "{of:?}");
    let of = outcomes(503, Some("7"), 4);
    let throttled = Outcome::Throttled { until: START + 7_000_000 };
    assert!(of[..3].iter().all(|one| *one == throttled) && matches!(of[3], Outcome::Later { .. }), "{of:?}");
    assert!(matches!(outcomes(503, None, 1)[0], Outcome::Later { .. }));
}

/// A look that never left says nothing about what may have been done before it.
#[test]
fn a_look_that_was_not_sent_ends_no_doubt() {
    use provision::outcome::{Answer, Lost, NoToken, Outcome, Trouble, settle};
    let mut world = World::new("generic");
    world.assign();
    let desired = world.desired();
    let rules = Rules { kind: Kind::User, policy: &world.app.policy, target: &world.app.target };
    let look = Action::Probe(Lookup::Filter { field: "userName".into(), value: "adam@example.com".into() });
    world.link.doubt_until = START + 60_000_000;
    world.link.verify = true;
    let busy = NoToken::Busy { retry_after: Some("7".into()) };
    let breaker = |trouble| Outcome::Breaker { trouble, until: START + 60_000_000 };
    for (answer, outcome) in [
        (Answer::Lost(Lost::Connect), breaker(Trouble::Unreachable(Lost::Connect))),
        (Answer::Unsent(NoToken::Refused), breaker(Trouble::NoToken)),
        (Answer::Unsent(NoToken::NotGranted), breaker(Trouble::NotGranted)),
        (Answer::Unsent(NoToken::Unreachable), breaker(Trouble::NoTokenNow)),
        (Answer::Unsent(busy), Outcome::Throttled { until: START + 7_000_000 }),
        (Answer::Unsent(NoToken::Busy { retry_after: None }), Outcome::Throttled { until: START + 60_000_000 }),
        (Answer::Unsent(NoToken::Late), Outcome::Again),
    ] {
        let settled = settle(world.link.clone(), &look, &answer, &desired, &rules, START, 1);
        assert_eq!(settled.outcome, outcome, "{answer:?}");
        assert!(settled.link.doubt_until > START && settled.link.verify, "{answer:?}");
        // A write that was not sent leaves no doubt of its own.
        let write = Action::Delete { id: "1".into() };
        let link = provision::link::Link { doubt_until: 0, verify: false, ..world.link.clone() };
        let begun = link.begin(&write, &desired, &rules, START);
        let settled = settle(begun, &write, &answer, &desired, &rules, START, 1);
        assert!(!settled.link.verify && settled.link.attempts == 0, "{answer:?}");
    }
}

/// *Deactivate Users* is off: that is a task while somebody keeps access, and none when they have lost it.
#[test]
fn who_is_out_already_needs_no_switch() {
    let mut world = World::new("generic");
    world.assign();
    world.run();
    world.app.policy.actions.deactivate = false;
    world.assignments.clear();
    world.run();
    assert!(matches!(world.last, Action::Park(Parking::ActionOff { .. })), "{:?}", world.last);
    world.app.policy.actions.deactivate = true;
    world.link = world.link.clone().retried();
    world.run();
    assert_eq!(world.accounts()[0].1["active"], false);
    world.app.policy.actions.deactivate = false;
    world.run();
    assert_eq!(world.last, Action::Nothing);
}

/// Lists are the same in any order, and a value counts as often as it stands there.
#[test]
fn lists_are_compared_by_counterparts() {
    let same = |wanted: Value, shown: Value| provision::link::equal(&wanted, &shown);
    assert!(same(json!(["a", "b", "b"]), json!(["b", "a", "b"])));
    assert!(!same(json!(["a", "b", "b"]), json!(["a", "a", "b"])));
    assert!(same(json!([{"x": 1}, {"x": 1, "y": 2}]), json!([{"x": 1, "y": 2}, {"x": 1}])));
    assert!(same(json!([{"x": 1}]), json!([{"x": 1, "id": 7}])));
}

/// Many servers leave members out of lists: then nothing is known, and nobody is taken for gone.
#[test]
fn members_that_a_list_does_not_show() {
    use provision::reconcile::members;
    let shown = |group: Value| group.as_object().cloned().unwrap();
    let two = shown(json!({"id": "g", "members": [{"value": "1"}, {"display": "?"}, {"value": "2"}]}));
    assert_eq!(members(&two, false), Some(vec!["1".to_owned(), "2".to_owned()]));
    assert_eq!(members(&shown(json!({"id": "g", "members": []})), false), Some(Vec::new()));
    let none = shown(json!({"id": "g"}));
    assert_eq!((members(&none, false), members(&none, true)), (None, Some(Vec::new())));
}
