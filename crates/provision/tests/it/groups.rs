//! Group push against the simulated target: members by delta, in chunks, with a member that spoils it.

use crate::sim::{Fault, Sim};
use crate::world::{START, app};
use provision::app::App;
use provision::link::{Kind, Link};
use provision::outcome::{Outcome, settle};
use provision::plan::{Action, Rules, next};
use provision::push_group::{Candidate, Compare, LinkMode, PushGroup, PushRule, desired, members, policy};
use provision::wire;
use serde_json::json;
use std::collections::BTreeSet;

struct Pushed {
    app: App,
    pushed: Option<PushGroup>,
    name: String,
    wanted: Vec<Candidate>,
    known: BTreeSet<String>,
    blocked: BTreeSet<String>,
    link: Link,
    sim: Sim,
    now: i64,
    told: Vec<String>,
    /// After so many calls, who is wanted changes to this.
    turn: Option<(usize, Vec<Candidate>)>,
}

impl Pushed {
    fn new(target: &str, people: usize) -> Self {
        let mut sim = Sim::default();
        let mut wanted = Vec::new();
        for number in 1..=people {
            sim.preset(true, json!({"userName": format!("u{number}")}));
            wanted.push(Candidate {
                person: format!("p{number}"),
                remote_id: Some(number.to_string()),
                display: format!("u{number}"),
            });
        }
        Self {
            app: app(target),
            pushed: Some(PushGroup { group: "g".into(), mode: LinkMode::Link, active: true, ..PushGroup::default() }),
            name: "Example Group".into(),
            wanted,
            known: BTreeSet::new(),
            blocked: BTreeSet::new(),
            link: Link::new(Kind::Group, "ext-g"),
            sim,
            now: START,
            told: Vec::new(),
            turn: None,
        }
    }

    fn run(&mut self) -> Action {
        let whole = self.app.target.group_update == provision::target::GroupUpdate::Put;
        for _ in 0..200 {
            self.now += 200_000;
            if let Some((_, wanted)) = self.turn.take_if(|(at, _)| self.sim.calls >= *at) {
                self.wanted = wanted;
            }
            let (delta, waits) = members(&self.wanted, &self.known, &self.link.unsure, &self.blocked, whole);
            let policy = policy(&self.app, self.pushed.as_ref());
            let target = self.app.target.clone();
            let rules = Rules { kind: Kind::Group, policy: &policy, target: &target };
            let desired = desired(&self.app, self.pushed.as_ref(), &self.name, delta, waits, "ext-g");
            let action = next(&self.link, &desired, &rules, self.now);
            match &action {
                Action::Adopt { id } => {
                    self.link = self.link.clone().adopt(id);
                    continue;
                }
                Action::Wait { until } => {
                    self.now = *until;
                    continue;
                }
                Action::Nothing | Action::Park(_) | Action::Hold { .. } => return action,
                _ => {}
            }
            let request = wire::request(&action, &self.link, &rules, 1).unwrap();
            self.link = self.link.clone().begin(&action, &desired, &rules, self.now);
            let answer = self.sim.call(&request, self.now);
            let body = request.body.as_ref().map_or_else(String::new, |body| format!(" {body}"));
            self.told.push(format!("{} {}{body}", request.method.as_str(), request.target()));
            let unsure = self.link.unsure.clone();
            let settled = settle(self.link.clone(), &action, &answer, &desired, &rules, self.now, 7);
            self.link = settled.link;
            if let Some(delta) = settled.members {
                self.known.extend(delta.add.into_iter().map(|member| member.id));
                for gone in delta.remove {
                    assert!(self.known.remove(&gone.id) || unsure.contains(&gone.id), "{gone:?} was never there");
                }
            }
            self.blocked.extend(settled.blocked.map(|member| member.id));
            if let Outcome::Throttled { until } | Outcome::Breaker { until, .. } = settled.outcome {
                self.now = until;
            }
        }
        panic!("it does not come to rest:\n{}", self.told.join("\n"));
    }

    fn members(&self) -> BTreeSet<String> {
        self.sim.groups.values().next().unwrap().members.clone()
    }
}

fn ids(range: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    range.into_iter().map(|number| number.to_string()).collect()
}

const TARGETS: [&str; 5] = ["okta-aiw", "okta-oin", "generic", "generic-put", "entra"];

/// The forms that Okta's custom applications send, to the byte.
#[test]
fn okta_aiw_to_the_byte() {
    let mut group = Pushed::new("okta-aiw", 2);
    assert_eq!(group.run(), Action::Nothing);
    group.now += 60_000_000;
    group.wanted.pop();
    group.run();
    let group_urn = "urn:ietf:params:scim:schemas:core:2.0:Group";
    assert_eq!(
        group.told,
        [
            "GET /Groups?filter=displayName%20eq%20%22Example%20Group%22&startIndex=1&count=100".to_owned(),
            format!(
                r#"POST /Groups {{"schemas":["{group_urn}"],"displayName":"Example Group","members":[{{"value":"1","display":"u1"}},{{"value":"2","display":"u2"}}]}}"#
            ),
            "GET /Groups/3".to_owned(),
            format!(
                r#"PUT /Groups/3 {{"schemas":["{group_urn}"],"id":"3","displayName":"Example Group","members":[{{"value":"1","display":"u1"}}]}}"#
            ),
        ]
    );
}

/// The forms that Okta's catalogue applications send, to the byte.
#[test]
fn okta_oin_to_the_byte() {
    let mut group = Pushed::new("okta-oin", 2);
    group.run();
    group.wanted.remove(0);
    group.name = "New name".into();
    group.run();
    let patch = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":["#;
    assert_eq!(
        group.told[2..],
        [
            format!(
                r#"PATCH /Groups/3 {patch}{{"op":"replace","value":{{"id":"3","displayName":"Example Group"}}}},{{"op":"add","path":"members","value":[{{"value":"1","display":"u1"}},{{"value":"2","display":"u2"}}]}}]}}"#
            ),
            format!(
                r#"PATCH /Groups/3 {patch}{{"op":"replace","value":{{"id":"3","displayName":"New name"}}}},{{"op":"remove","path":"members[value eq \"1\"]"}}]}}"#
            ),
        ]
    );
}

#[test]
fn every_target_comes_to_the_same() {
    for target in TARGETS {
        let mut group = Pushed::new(target, 230);
        assert_eq!(group.run(), Action::Nothing, "{target}");
        assert_eq!(group.members(), ids(1..=230), "{target}");
        group.wanted.drain(..120);
        group.name = "Renamed".into();
        group.now += 60_000_000;
        assert_eq!(group.run(), Action::Nothing, "{target}");
        assert_eq!(group.members(), ids(121..=230), "{target}");
        assert_eq!(group.sim.groups.values().next().unwrap().resource.attributes["displayName"], "Renamed");
        let longest = group
            .told
            .iter()
            .filter(|told| told.starts_with("PATCH"))
            .map(|told| told.matches("value\"").count())
            .max();
        assert!(longest.unwrap_or(0) <= 105, "{target}");
        // Unlinked, and left; unlinked, and deleted.
        group.pushed = None;
        assert_eq!(group.run(), Action::Nothing);
        assert_eq!(group.sim.groups.len(), 1);
        group.app.policy.delete_unlinked_groups = true;
        assert_eq!(group.run(), Action::Nothing);
        assert!(group.sim.groups.is_empty(), "{target}");
    }
}

#[test]
fn every_fault_at_every_call() {
    for target in TARGETS {
        let mut calm = Pushed::new(target, 5);
        calm.run();
        let calls = calm.sim.calls;
        for fault in Fault::ALL {
            for at in 0..=calls {
                let mut group = Pushed::new(target, 5);
                group.sim.faults = (0..at).map(|_| Fault::Pass).chain([fault]).collect();
                group.run();
                group.now += 120_000_000;
                group.link.parked = None;
                group.run();
                group.wanted.remove(2);
                group.now += 120_000_000;
                let last = group.run();
                if matches!(last, Action::Park(_)) {
                    group.link.parked = None;
                    group.run();
                }
                let context = format!("{target}, {fault:?} at {at}:\n{}", group.told.join("\n"));
                assert_eq!(group.sim.groups.len(), 1, "{context}");
                let blocked = &group.blocked;
                let wanted: BTreeSet<String> =
                    ids([1, 2, 4, 5]).into_iter().filter(|id| !blocked.contains(id)).collect();
                assert_eq!(group.members(), wanted, "{context}");
                assert!(group.blocked.is_empty(), "{context}");
            }
        }
    }
}

/// Somebody comes, or goes, and nobody hears whether it was done; before anybody asks, it is to be as it was.
#[test]
fn who_was_only_on_the_way_is_put_back() {
    for (target, fault) in TARGETS.into_iter().flat_map(|target| Fault::ALL.map(|fault| (target, fault))) {
        for turned in [2, 4] {
            for at in 0..4 {
                let mut group = Pushed::new(target, 4);
                let everybody = group.wanted.clone();
                let people = |count: usize| everybody[..count].to_vec();
                group.wanted = people(3);
                group.run();
                group.now += 120_000_000;
                let calls = group.sim.calls;
                group.sim.faults = (0..at).map(|_| Fault::Pass).chain([fault]).collect();
                group.turn = Some((calls + at + 1, people(3)));
                group.wanted = people(turned);
                group.run();
                // What was asked for late, or refused for nothing, gets its time and its second chance.
                for _ in 0..2 {
                    (group.wanted, group.turn) = (people(3), None);
                    group.now += 120_000_000;
                    group.link.parked = None;
                    group.run();
                }
                let context = format!("{target}, {fault:?} at {at}, {turned}:\n{}", group.told.join("\n"));
                assert_eq!(group.members(), ids(1..=3), "{context}");
                assert_eq!(group.known, ids(1..=3), "{context}");
                assert!(group.link.unsure.is_empty() && group.link.late.is_empty(), "{context}");
            }
        }
    }
}

/// One member spoils the request: it is found by halving, and the others get in.
#[test]
fn a_poisonous_member_is_isolated() {
    for target in ["okta-oin", "generic", "entra"] {
        let mut group = Pushed::new(target, 60);
        group.sim.poison = Some("37".into());
        assert_eq!(group.run(), Action::Nothing);
        assert_eq!(group.blocked, ids([37]), "{target}");
        assert_eq!(group.members(), ids((1..=60).filter(|number| *number != 37)), "{target}");
        assert!(group.told.len() < 40, "{} requests", group.told.len());
    }
}

/// Who has no account yet is waited for, and comes in with the difference of the sets.
#[test]
fn late_members_are_waited_for() {
    let mut group = Pushed::new("generic", 2);
    group.wanted[1].remote_id = None;
    let (delta, waits) = members(&group.wanted, &group.known, &BTreeSet::new(), &group.blocked, false);
    assert_eq!((delta.add.len(), waits), (1, vec!["p2".to_owned()]));
    group.run();
    group.wanted[1].remote_id = Some("2".into());
    group.run();
    assert_eq!(group.members(), ids([1, 2]));
}

#[test]
fn a_group_that_was_there_is_linked_or_in_the_way() {
    let mut group = Pushed::new("generic", 1);
    group.sim.preset(false, json!({"displayName": "example GROUP"}));
    group.run();
    assert_eq!((group.sim.groups.len(), group.members()), (1, ids([1])));
    let mut group = Pushed::new("generic", 1);
    group.sim.preset(false, json!({"displayName": "Example Group"}));
    group.pushed.as_mut().unwrap().mode = LinkMode::Create;
    assert!(matches!(group.run(), Action::Park(provision::plan::Parking::Conflict { .. })));
}

#[test]
fn rules_choose_groups() {
    let rule = |name: Option<(Compare, &str)>, description: Option<(Compare, &str)>| PushRule {
        id: "r".into(),
        name: name.map(|(compare, text)| (compare, text.to_owned())),
        description: description.map(|(compare, text)| (compare, text.to_owned())),
    };
    assert!(!rule(None, None).chooses("Sales", ""));
    assert!(rule(Some((Compare::StartsWith, "app-")), None).chooses("App-Sales", ""));
    assert!(!rule(Some((Compare::EndsWith, "app-")), None).chooses("App-Sales", ""));
    assert!(rule(Some((Compare::Contains, "sal")), Some((Compare::Equals, "x"))).chooses("App-Sales", "X"));
    assert!(!rule(Some((Compare::Contains, "sal")), Some((Compare::Equals, "x"))).chooses("App-Sales", "y"));
}
