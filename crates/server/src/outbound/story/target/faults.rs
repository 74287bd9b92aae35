//! The fault harness over real HTTP and a real database: every fault at every call of a story, all at once.
//!
//! Each play is an app of its own with a target of its own and one person, who arrives, changes and leaves. What must hold
//! in the end: one account, and it is as it should be.

use super::Targets;
use super::sim::{Fault, Sim};
use crate::admin::apps::assign::{self, NewAssignment};
use crate::admin::apps::{self, NewIntegration, links};
use crate::auth::Actor;
use crate::clock::Clock;
use crate::config::Database;
use crate::outbound::story::{COMPANY, World, person};
use axum::http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use store::{LinkKind, LinkQuery, Principal};

/// How many calls a story has at most; a fault behind the last one hits nothing.
const CALLS: usize = 7;
/// How long all plays together may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// How fast time goes: this much in each turn of 25 ms.
const STEP: i64 = 1_000_000;

/// One play.
struct Play {
    name: String,
    person: String,
    fault: Fault,
    at: usize,
}

/// What is wrong with a play, if anything: in use or not, and with this title.
fn wrong(sim: &Sim, active: bool, title: Option<&str>) -> Option<String> {
    if sim.users.len() != 1 {
        return Some(format!("{} accounts", sim.users.len()));
    }
    let account = &sim.users.values().next()?.resource.attributes;
    if account.get("active") != Some(&Value::Bool(active)) {
        return Some(format!("active is {:?}", account.get("active")));
    }
    let shown = account.get("title").and_then(Value::as_str);
    (active && shown != title).then(|| format!("the title is {shown:?}"))
}

struct Harness {
    world: World,
    targets: Targets,
    clock: Clock,
    plays: Vec<Play>,
}

impl Harness {
    async fn new(database: Option<Database>, target: &str, faults: &[Fault]) -> Self {
        let clock = Clock::manual(1_790_000_000_000_000);
        let world = World::with(clock.clone(), database).await;
        let targets = Targets::start(clock.clone()).await;
        let mut plays = Vec::new();
        for fault in faults {
            for at in 0..CALLS {
                let name = format!("p{}", plays.len());
                let who = person(&name, None);
                let person = world.make(COMPANY, "/Users", who).await;
                targets.with(&name, |sim| {
                    sim.faults = (0..at).map(|_| Fault::Pass).chain([*fault]).collect();
                });
                plays.push(Play { name, person, fault: *fault, at });
            }
        }
        let harness = Self { world, targets, clock, plays };
        for play in &harness.plays {
            harness.connect(play, target).await;
        }
        harness
    }

    async fn connect(&self, play: &Play, target: &str) {
        let (app, actor) = (&self.world.app, Actor::local());
        let wanted = NewIntegration { name: play.name.clone(), target: Some(target.into()), ..Default::default() };
        let made = apps::create(app, &actor, COMPANY, wanted).await.unwrap();
        let mut document = made.document();
        let rows = document["toApp"].as_array_mut().unwrap();
        rows.push(json!({"attribute": "title", "from": {"direct": "title"}, "empty": "clear"}));
        let change = json!({
            "connection": {"baseUrl": format!("{}/{}", self.targets.address, play.name)},
            "toApp": rows,
            "options": {"authentication": "none", "timeoutSeconds": 1},
            "policy": {"actions": {"create": true, "update": true, "deactivate": true}},
            "provisioning": true,
        });
        let Value::Object(change) = change else { unreachable!("it is an object") };
        apps::change(app, &actor, COMPANY, &play.name, change).await.unwrap();
    }

    /// Lets time go until every target is as it should be, and nothing is left to do.
    async fn until(&self, active: bool, title: Option<&str>) {
        let began = Instant::now();
        loop {
            let now = self.clock.now();
            let mut open = Vec::new();
            for play in &self.plays {
                let wrong = self.targets.with(&play.name, |sim| {
                    sim.settle(now);
                    wrong(sim, active, title)
                });
                open.extend(wrong.map(|why| format!("{} ({:?} at call {}): {why}", play.name, play.fault, play.at)));
            }
            if open.is_empty() {
                return;
            }
            if began.elapsed() > PATIENCE {
                self.tell(open.first().map(String::as_str).unwrap_or_default()).await;
                panic!("{} plays are not at their end: {open:#?}", open.len());
            }
            self.step().await;
        }
    }

    async fn step(&self) {
        self.clock.advance(STEP);
        self.world.app.wake_outbound();
        tokio::time::sleep(Duration::from_millis(25)).await;
    }

    async fn tell(&self, open: &str) {
        let name = open.split(' ').next().unwrap_or_default();
        let exchanges = links::exchanges(&self.world.app, COMPANY, name, None, None, 100).await.unwrap();
        for one in exchanges.iter().rev() {
            let said = one.response.clone().unwrap_or_default();
            eprintln!("{} {} {} {:?} {said} -> {}", one.action, one.method, one.path, one.status, one.outcome);
        }
        let query = LinkQuery { kind: LinkKind::User, limit: 9, ..LinkQuery::default() };
        eprintln!("{:?}", links::list(&self.world.app, COMPANY, name, query).await.unwrap());
    }

    /// The story: everybody arrives, changes, and leaves.
    async fn play(self) {
        let (app, actor) = (&self.world.app, Actor::local());
        for play in &self.plays {
            let wanted = NewAssignment { resource: play.person.clone(), ..NewAssignment::default() };
            assign::assign(app, &actor, COMPANY, &play.name, wanted).await.unwrap();
        }
        self.until(true, None).await;
        for play in &self.plays {
            let title = json!({"op": "replace", "path": "title", "value": "Boss"});
            self.world.patch(COMPANY, &format!("/Users/{}", play.person), title).await;
        }
        self.until(true, Some("Boss")).await;
        for play in &self.plays {
            assign::unassign(app, &actor, COMPANY, &play.name, Principal::User, &play.person).await.unwrap();
        }
        self.until(false, None).await;
        // What was late comes, and is put right as well.
        for _ in 0..90 {
            self.step().await;
        }
        self.until(false, None).await;
        let (_, everybody) = self.world.scim(COMPANY, Method::GET, "/Users?count=1", Value::Null).await;
        assert_eq!(everybody["totalResults"], self.plays.len());
        self.world.end().await;
    }
}

/// A refusal of the credentials, or nobody there, is the whole app's; a false 409 asks for a person.
fn faults() -> Vec<Fault> {
    Fault::ALL.into_iter().filter(|fault| *fault != Fault::Conflict).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_call_on_sqlite() {
    Harness::new(None, "generic", &faults()).await.play().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_call_as_okta_sends_it() {
    let faults =
        [Fault::TimeoutDone, Fault::Late, Fault::ResetDone, Fault::ErrorDone, Fault::NotFound, Fault::EmptyDone];
    Harness::new(None, "okta-aiw", &faults).await.play().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_at_every_call_on_postgresql() {
    let cluster = tokio::task::spawn_blocking(super::cluster::Cluster::start).await.unwrap();
    let url = cluster.database();
    let faults =
        [Fault::TimeoutDone, Fault::Late, Fault::ResetDone, Fault::ProxyDone, Fault::Throttle, Fault::WrongTypes];
    Harness::new(Some(Database { url, pooled: false }), "generic", &faults).await.play().await;
}
