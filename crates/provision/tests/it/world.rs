//! One person, one app, one simulated target: the loop of a worker without its store and clock.

use crate::sim::{CUSTOM, Sim};
use provision::app::{Actions, App};
use provision::assignment::{Assignment, Principal};
use provision::brake::{self, Limit, Metric, Tally};
use provision::link::{Kind, Link};
use provision::mapping::{self, Empty, Mapping, Rows, Rule};
use provision::outcome::{Answer, Outcome, settle};
use provision::plan::{Action, Desired, Rules, next};
use provision::profile::{Apply, Attribute, DataType, Profile};
use provision::{Expression, Facts, Target, wire};
use serde_json::{Map, Value, json};

pub(super) const START: i64 = 1_790_000_000_000_000;

/// The app of the guide: names, mail, manager as a text, a custom field, a title.
pub(super) fn app(target: &str) -> App {
    let attribute = |variable: &str, external: &str, namespace: &str| Attribute {
        variable_name: variable.into(),
        external_name: external.into(),
        external_namespace: namespace.into(),
        ..Attribute::default()
    };
    let enterprise = scim::schema::ENTERPRISE_USER;
    let mut attributes = vec![
        attribute("userName", "userName", ""),
        attribute("givenName", "name.givenName", ""),
        attribute("familyName", "name.familyName", ""),
        attribute("email", "emails.^[primary==true].value", ""),
        attribute("emailType", "emails.^[primary==true].type", ""),
        attribute("title", "title", ""),
        attribute("manager", "manager", enterprise),
        attribute("Custom_Field", &format!("{CUSTOM}:field"), ""),
        Attribute { data_type: DataType::Integer, ..attribute("badge", "badge", CUSTOM) },
        Attribute { apply: Apply::Create, ..attribute("nick", "nickName", "") },
    ];
    attributes[0].required = true;
    let row = |attribute: &str, from: Rule, empty: Empty| Mapping {
        attribute: attribute.into(),
        from,
        apply: Apply::CreateAndUpdate,
        empty,
    };
    let okta = |text: &str| Rule::Expression(Expression::okta(text).unwrap());
    App {
        id: "app".into(),
        provisioning: true,
        target: Target::named(target).unwrap(),
        profile: Profile { attributes, ..Profile::default() },
        policy: provision::app::Policy { actions: Actions::ALL, ..Default::default() },
        to_app: vec![
            row("userName", Rule::Direct("userName".into()), Empty::Omit),
            row("givenName", Rule::Direct("givenName".into()), Empty::Omit),
            row("familyName", okta("user.familyName"), Empty::Omit),
            row("email", okta("user.primaryEmail"), Empty::Omit),
            row("emailType", okta("(user.primaryEmail != null && user.primaryEmail != '') ? 'work' : ''"), Empty::Omit),
            row("title", Rule::Direct("title".into()), Empty::Clear),
            row("manager", Rule::Direct("managerId".into()), Empty::Clear),
            row("Custom_Field", Rule::Direct("customField".into()), Empty::Omit),
            row("badge", Rule::Direct("badge".into()), Empty::Omit),
            row("nick", Rule::Direct("nick".into()), Empty::Omit),
        ],
        ..App::default()
    }
}

/// When the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// The intent is stored, nothing is sent.
    BeforeCall,
    /// The answer is there, nothing is stored.
    AfterCall,
    /// Before the intent is stored.
    BeforeIntent,
}

pub(super) struct World {
    pub(super) app: App,
    pub(super) facts: Facts,
    pub(super) assignments: Vec<Assignment>,
    pub(super) link: Link,
    pub(super) sim: Sim,
    pub(super) now: i64,
    /// At which step the process dies, and how.
    pub(super) death: Option<(usize, Death)>,
    pub(super) steps: usize,
    pub(super) deactivations: Vec<i64>,
    pub(super) population: u64,
    pub(super) approved_until: Option<i64>,
    pub(super) told: Vec<String>,
    pub(super) last: Action,
}

impl World {
    pub(super) fn new(target: &str) -> Self {
        let mut facts = Facts::default();
        facts.user.id = "p1".into();
        for (name, value) in [
            ("userName", "adam@example.com"),
            ("givenName", "Adam"),
            ("familyName", "Smith"),
            ("primaryEmail", "Adam@example.com"),
        ] {
            facts.user.profile.insert(name.into(), value.into());
        }
        Self {
            app: app(target),
            facts,
            assignments: Vec::new(),
            link: Link::new(Kind::User, "ext-p1"),
            sim: Sim::default(),
            now: START,
            death: None,
            steps: 0,
            deactivations: Vec::new(),
            population: 10,
            approved_until: None,
            told: Vec::new(),
            last: Action::Nothing,
        }
    }

    pub(super) fn assign(&mut self) {
        let principal = Principal::Person("p1".into());
        self.assignments =
            vec![Assignment { id: "a1".into(), principal, priority: 0, profile: Map::new(), only_values: false }];
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        self.facts.user.profile.insert(name.into(), value);
    }

    pub(super) fn desired(&self) -> Desired {
        mapping::desired(
            &self.app,
            &Rows::of(&self.app),
            &self.facts,
            &self.assignments,
            &self.link.external_id,
            self.now,
        )
        .desired
    }

    fn tell(&mut self, line: String) {
        self.told.push(line);
    }

    /// Works until nothing is to be done, or only waiting for somebody.
    pub(super) fn run(&mut self) {
        for _ in 0..200 {
            if !self.step() {
                return;
            }
        }
        panic!("it does not come to rest: {}\n{}", self.last.word(), self.told[..self.told.len().min(24)].join("\n"));
    }

    /// One decision. Whether there may be another.
    pub(super) fn step(&mut self) -> bool {
        self.now += 200_000;
        let policy = self.app.policy;
        let target = self.app.target.clone();
        let rules = Rules { kind: self.link.kind, policy: &policy, target: &target };
        let desired = self.desired();
        self.link.note(&desired, self.now);
        let action = next(&self.link, &desired, &rules, self.now);
        let done = self.deactivations.clone();
        let tally = |limit: &Limit, since: i64| -> Result<Tally, std::convert::Infallible> {
            let counts = |at: &&i64| limit.metric == Metric::Deactivations && **at > since;
            Ok(Tally { population: self.population, done: done.iter().filter(counts).count() as u64 })
        };
        let Ok(action) = brake::apply(action, &self.app.brakes, self.approved_until, self.now, tally);
        self.last = action.clone();
        match &action {
            Action::Nothing => return false,
            Action::Park(reason) => {
                self.tell(format!("park {}", serde_json::to_string(reason).unwrap()));
                return false;
            }
            Action::Hold { held, .. } => {
                self.tell(format!("hold {}", serde_json::to_string(held).unwrap()));
                return false;
            }
            Action::Adopt { id } => {
                self.tell(format!("adopt {id}"));
                self.link = self.link.clone().adopt(id);
                return true;
            }
            Action::Wait { until } => {
                self.tell(format!("wait {} s", (until - self.now + 999_999) / 1_000_000));
                self.now = *until;
                return true;
            }
            _ => {}
        }
        self.send(&action, &desired, &rules);
        true
    }

    fn send(&mut self, action: &Action, desired: &Desired, rules: &Rules<'_>) {
        self.steps += 1;
        let death = self.death.filter(|(at, _)| *at == self.steps).map(|(_, how)| how);
        if let Some(how) = death {
            self.tell(format!("the process dies: {how:?}"));
        }
        if death == Some(Death::BeforeIntent) {
            return;
        }
        let request = wire::request(action, &self.link, rules, 0x0123_4567_89ab_cdef).unwrap();
        self.link = self.link.clone().begin(action, desired, rules, self.now);
        // The link goes through its stored form, as it does in life.
        self.link = serde_json::from_str(&serde_json::to_string(&self.link).unwrap()).unwrap();
        if death == Some(Death::BeforeCall) {
            return;
        }
        let answer = self.sim.call(&request, self.now);
        let body = request.body.as_ref().map_or_else(String::new, |body| format!(" {body}"));
        self.tell(format!("{}: {} {}{body}", action.word(), request.method.as_str(), request.target()));
        self.tell(format!("  {}", said(&answer)));
        if matches!(answer, Answer::Lost(provision::outcome::Lost::Timeout)) {
            self.now += 60_000_000;
        }
        if death == Some(Death::AfterCall) {
            return;
        }
        let settled = settle(self.link.clone(), action, &answer, desired, rules, self.now, 7);
        self.link = settled.link;
        if let (Action::Deactivate(_), Outcome::Done) = (action, &settled.outcome) {
            self.deactivations.push(self.now);
        }
        match settled.outcome {
            Outcome::Done | Outcome::Again => {}
            Outcome::Later { at, .. } => self.tell(format!("  later, in {} s", (at - self.now) / 1_000_000)),
            Outcome::Unknown { .. } => self.tell("  unknown".into()),
            Outcome::Parked(reason) => self.tell(format!("  parked {}", serde_json::to_string(&reason).unwrap())),
            Outcome::Throttled { until } => {
                self.tell(format!("  throttled for {} s", (until - self.now) / 1_000_000));
                self.now = until;
            }
            Outcome::Breaker { trouble, until } => {
                self.tell(format!("  breaker {trouble:?}, {} s", (until - self.now) / 1_000_000));
                self.now = until;
            }
        }
    }

    /// Accounts that were made for this person, by whatever still shows it.
    pub(super) fn accounts(&self) -> Vec<(&String, Value)> {
        let show = |held: &crate::sim::Held| Value::Object(held.resource.attributes.clone());
        self.sim.users.iter().map(|(id, held)| (id, show(held))).collect()
    }

    /// What the account looks like when all went well.
    pub(super) fn check(&self) -> Result<(), String> {
        let accounts = self.accounts();
        let text = |name: &str| self.facts.user.profile.get(name).cloned().unwrap_or(Value::Null);
        if accounts.len() > 1 {
            return Err(format!("{} accounts", accounts.len()));
        }
        let present = !self.assignments.is_empty();
        let Some((id, account)) = accounts.first() else {
            return if present { Err("no account".into()) } else { Ok(()) };
        };
        if account["active"] != json!(present) {
            return Err(format!("active is {}", account["active"]));
        }
        if !present {
            return Ok(());
        }
        let same = account["userName"] == text("userName")
            && account["name"]["givenName"] == text("givenName")
            && account["title"] == text("title");
        if !same {
            return Err(format!("the account is {account}"));
        }
        if self.link.remote_id.as_ref() != Some(*id) {
            return Err(format!("linked to {:?}, not {id}", self.link.remote_id));
        }
        Ok(())
    }
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Lost(lost) => format!("{lost:?}"),
        Answer::Unsent(why) => format!("unsent: {why:?}"),
        Answer::Got(response) => {
            let id = response.id().map_or_else(String::new, |id| format!(" id {id}"));
            let found = provision::outcome::page(response)
                .map_or_else(String::new, |page| format!(" {} found", page.resources.len()));
            format!("{}{id}{found}", response.status)
        }
    }
}
