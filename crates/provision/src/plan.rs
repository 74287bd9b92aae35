//! The next thing to do about one link: desired × observed × policy × now → action.
//!
//! Level-triggered: nothing here knows *what changed*, only what is true now. A missed event costs
//! time, never correctness. Preview, dry run, worker and repair all call this.
//!
//! Invariant: while it is unknown whether an account is there, the answer is never Create.

use crate::app::{Adoption, Leave, OnMissing, Policy};
use crate::brake::Held;
use crate::link::{Kind, Lesson, Link, agrees, equal};
use crate::mapping::Valued;
use crate::place::{Place, Way};
use crate::profile::{Apply, Problem};
use crate::target::{GroupUpdate, Target, Update as How};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What should be at the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Desired {
    /// This, and in use.
    Present(Box<Resource>),
    /// Nothing in use.
    Gone {
        /// What happens to an account that is there.
        leave: Leave,
    },
    /// Whatever is there.
    Unmanaged,
    /// It cannot be said: a mapping or a value is wrong.
    Impossible(Vec<Problem>),
}

/// A user or a group as it should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its values in the order in which they are written.
    pub values: Vec<Valued>,
    /// The unique identifier field and its value.
    pub unique: (String, String),
    /// Our id of it.
    pub external_id: String,
    /// A group's members.
    pub members: Option<Members>,
    /// The people whose accounts it would name if they had one; it is pushed again when they do.
    pub waits: Vec<String>,
}

/// A group's members: a difference to what is known to be there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Members {
    /// Who comes.
    pub add: Vec<Member>,
    /// Who goes.
    pub remove: Vec<Member>,
    /// How many are there before.
    pub before: usize,
    /// Everybody; only targets that take whole groups need it.
    pub all: Option<Vec<Member>>,
}

impl Members {
    /// Whom a change is about.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.add.iter().chain(&self.remove).map(|member| member.id.as_str())
    }

    /// What of it is done is no difference any more, so that a large group need not be compared again after each bite.
    pub fn settle(&mut self, done: &Self) {
        // A shrink in several bites is one shrink: who went was there before.
        self.before += done.add.len();
        take(&mut self.add, &done.add);
        take(&mut self.remove, &done.remove);
    }

    /// A member that the target does not take is wanted no longer.
    pub fn leave_out(&mut self, id: &str) {
        self.add.retain(|member| member.id != id);
        self.all.iter_mut().for_each(|all| all.retain(|member| member.id != id));
    }
}

/// Takes from a list what is done; usually its beginning.
fn take(list: &mut Vec<Member>, done: &[Member]) {
    if list.starts_with(done) {
        list.drain(..done.len());
    } else {
        let done: BTreeSet<&str> = done.iter().map(|member| member.id.as_str()).collect();
        list.retain(|member| !done.contains(member.id.as_str()));
    }
}

/// A member by the id that it has at the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Member {
    /// The id at the target.
    pub id: String,
    /// The user name.
    #[serde(default)]
    pub display: String,
}

/// What is known about the target.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed<'a> {
    /// Nobody ever looked, and nothing was ever sent.
    Unlinked,
    /// It has to be looked for.
    Unknown(Lookup),
    /// A request without an answer may still take effect; looking proves nothing before this.
    Settling {
        /// Until when.
        until: i64,
    },
    /// Just now there was nothing.
    Missing {
        /// Whether there had been something.
        lost: bool,
    },
    /// It is there.
    Found(Found<'a>),
    /// Several fit.
    Several(usize),
}

/// A resource at the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<'a> {
    /// Its id there.
    pub id: String,
    /// Its version.
    pub etag: Option<String>,
    /// What it looks like.
    pub document: Cow<'a, Map<String, Value>>,
    /// When that was read or written.
    pub read_at: i64,
    /// Whether it is ours.
    pub linked: bool,
    /// Whether nobody else claims it.
    pub unclaimed: bool,
    /// What the target is known to make of what was sent.
    pub lessons: Cow<'a, [Lesson]>,
    /// Whether it has to be read before anything else is decided.
    pub verify: bool,
    /// When the person left.
    pub left_at: i64,
}

/// How to look for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lookup {
    /// By its id at the target.
    Id(String),
    /// By a filter.
    Filter {
        /// The attribute.
        field: String,
        /// Its value.
        value: String,
    },
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// All is as it should be.
    Nothing,
    /// Find out.
    Probe(Lookup),
    /// Make it.
    Create(Box<Resource>),
    /// Take what was found as ours; nothing is sent.
    Adopt {
        /// Its id at the target.
        id: String,
    },
    /// Change it.
    Update(Box<Update>),
    /// Put it out of use.
    Deactivate(Box<Update>),
    /// Delete it.
    Delete {
        /// Its id at the target.
        id: String,
    },
    /// Nothing before that time.
    Wait {
        /// When.
        until: i64,
    },
    /// The brake holds it.
    Hold {
        /// What would be done.
        action: Box<Action>,
        /// Why not.
        held: Held,
    },
    /// Nothing before somebody, or an input, changes something.
    Park(Parking),
}

/// A change of a resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// Its id at the target.
    pub id: String,
    /// What differs.
    pub changes: Vec<Change>,
    /// Everything that a PUT lays over what is there; the changes are among it.
    pub overlay: Vec<Change>,
    /// A group's members.
    pub members: Option<Members>,
    /// The name that goes with a change of members.
    pub name: Option<String>,
}

/// One value that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The variable name.
    pub variable: String,
    /// Where.
    pub place: Place,
    /// What is there.
    pub was: Option<Value>,
    /// What should be; nothing takes it away.
    pub value: Option<Value>,
    /// Whether evidence hides it.
    #[serde(default)]
    pub sensitive: bool,
}

/// Why a link is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Parking {
    /// A mapping or a value is wrong.
    Impossible {
        /// What.
        problems: Vec<Problem>,
    },
    /// The provisioning action is switched off.
    ActionOff {
        /// Which: `create`, `update`, `deactivate`.
        action: String,
    },
    /// An account that is not ours has this unique identifier.
    Conflict {
        /// Its id at the target.
        id: String,
    },
    /// Several accounts fit.
    Ambiguous {
        /// How many.
        count: usize,
    },
    /// The account is gone at the target, and the policy is to ask.
    Vanished,
    /// The target refused these inputs.
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The protocol's keyword.
        scim_type: Option<String>,
        /// The target's own words.
        detail: Option<String>,
    },
    /// The target says that it exists, and shows it to nobody.
    Invisible,
    /// The target shows it in a list and denies it by its id.
    Contradiction,
    /// The target answers a filter with everything.
    FilterIgnored,
    /// The target answers with something that is not SCIM.
    NotScim,
    /// The target says that it did, and did not.
    NotApplied {
        /// The attribute.
        attribute: String,
    },
    /// It failed too often with the same inputs.
    Failing {
        /// The HTTP status.
        status: u16,
    },
}

/// What a decision is made by.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// A user or a group.
    pub kind: Kind,
    /// What the administrator decided.
    pub policy: &'a Policy,
    /// How the target wants to be spoken to.
    pub target: &'a Target,
}

/// The next thing to do about a link: waits and parks first, then what `decide` says.
pub fn next(link: &Link, desired: &Desired, rules: &Rules<'_>, now: i64) -> Action {
    // Nearly nobody waits for anything: only who does is compared with what they waited for.
    let same = |inputs: &str| fingerprint(desired) == inputs;
    if let Some(parked) = link.parked.as_ref().filter(|parked| same(&parked.inputs)) {
        return Action::Park(parked.reason.clone());
    }
    if link.next_attempt_at > now && same(&link.waiting_for) {
        return Action::Wait { until: link.next_attempt_at };
    }
    match (decide(desired, &link.observed(desired, rules, now), rules, now), &link.remote_id) {
        // A write without an answer can take effect after everything was put right: look once more.
        (Action::Nothing, Some(_)) if link.recheck_at > now => Action::Wait { until: link.recheck_at },
        (Action::Nothing, Some(id)) if link.recheck_at > 0 => Action::Probe(Lookup::Id(id.clone())),
        (action, _) => action,
    }
}

/// Decides. Total: there is an answer for every pair.
pub fn decide(desired: &Desired, observed: &Observed<'_>, rules: &Rules<'_>, now: i64) -> Action {
    match (desired, observed) {
        (Desired::Unmanaged, _) => Action::Nothing,
        (Desired::Impossible(problems), _) => Action::Park(Parking::Impossible { problems: problems.clone() }),
        (_, Observed::Settling { until }) => Action::Wait { until: *until },
        (Desired::Gone { .. }, Observed::Unlinked | Observed::Missing { .. }) => Action::Nothing,
        (_, Observed::Unknown(lookup)) => Action::Probe(lookup.clone()),
        (_, Observed::Several(count)) => Action::Park(Parking::Ambiguous { count: *count }),
        (Desired::Present(want), Observed::Unlinked) => match first_lookup(want, rules) {
            Some(lookup) => Action::Probe(lookup),
            None => create(want, rules),
        },
        (Desired::Present(_), Observed::Missing { lost: true }) if rules.policy.on_missing == OnMissing::Ask => {
            Action::Park(Parking::Vanished)
        }
        (Desired::Present(want), Observed::Missing { .. }) => create(want, rules),
        // A write whose answer was lost may have taken effect: what is known is no longer what is there.
        (_, Observed::Found(found)) if found.linked && found.verify => Action::Probe(Lookup::Id(found.id.clone())),
        (Desired::Present(want), Observed::Found(found)) => present(want, found, rules, now),
        (Desired::Gone { leave }, Observed::Found(found)) => gone(*leave, found, rules, now),
    }
}

fn create(want: &Resource, rules: &Rules<'_>) -> Action {
    let actions = &rules.policy.actions;
    let on = if rules.kind == Kind::User { actions.create } else { actions.push_groups };
    if on { Action::Create(Box::new(want.clone())) } else { off("create") }
}

fn off(action: &str) -> Action {
    Action::Park(Parking::ActionOff { action: action.to_owned() })
}

/// What a resource is looked for by at the very first.
fn first_lookup(want: &Resource, rules: &Rules<'_>) -> Option<Lookup> {
    crate::link::lookups(&want.external_id, &[&want.unique], rules).into_iter().next()
}

fn present(want: &Resource, found: &Found<'_>, rules: &Rules<'_>, now: i64) -> Action {
    if !found.linked {
        let may = match rules.policy.adoption {
            Adoption::Refuse => false,
            Adoption::Unclaimed => found.unclaimed,
            Adoption::Always => true,
        };
        let id = found.id.clone();
        return if may { Action::Adopt { id } } else { Action::Park(Parking::Conflict { id }) };
    }
    let changes = differences(want, found, rules.kind);
    let members = want.members.as_ref().filter(|members| !members.add.is_empty() || !members.remove.is_empty());
    if changes.is_empty() && members.is_none() {
        return Action::Nothing;
    }
    let actions = &rules.policy.actions;
    let on = if rules.kind == Kind::User { actions.update } else { actions.push_groups };
    let mut changes = changes;
    if !on {
        // Coming back is not an update of attributes, and must not hang on that switch.
        changes.retain(|change| change.variable == ACTIVE && actions.create);
        if changes.is_empty() {
            return if rules.kind == Kind::User { Action::Nothing } else { off("pushGroups") };
        }
    }
    let is_put = match rules.kind {
        Kind::User => user_update(&changes, rules.target) == How::MergedPut,
        Kind::Group => rules.target.group_update == GroupUpdate::Put,
    };
    if is_put && is_stale(found, rules, now) {
        return Action::Probe(Lookup::Id(found.id.clone()));
    }
    let overlay = if on { overlay(want, &changes) } else { changes.clone() };
    let all = |members: &Members| rules.target.group_update == GroupUpdate::Put && members.all.is_some();
    let members = members.or(want.members.as_ref().filter(|members| all(members))).cloned();
    let name = (rules.kind == Kind::Group).then(|| want.unique.1.clone());
    Action::Update(Box::new(Update { id: found.id.clone(), changes, overlay, members, name }))
}

/// Whether an account that is out of use is, by its names, that of whoever is wanted: what the first and last names say agrees,
/// and they say something.
pub fn is_namesake(want: &Resource, account: &Map<String, Value>) -> bool {
    let names = ["name.givenName", "name.familyName"];
    let told = want.values.iter().filter(|valued| names.contains(&valued.place.path()));
    let mut said = told.filter_map(|valued| Some((valued.value.as_ref()?, valued.place.read(account)?))).peekable();
    let off = account.get(ACTIVE).is_some_and(|active| equal(&Value::Bool(false), active));
    off && said.peek().is_some() && said.all(|(wanted, shown)| equal(wanted, shown))
}

/// The name of the pseudo attribute that says whether an account is in use.
pub const ACTIVE: &str = "active";

/// How this change of a user goes out.
pub fn user_update(changes: &[Change], target: &Target) -> How {
    match changes {
        [only] if only.variable == ACTIVE => target.activation,
        _ => target.user_update,
    }
}

fn is_stale(found: &Found<'_>, rules: &Rules<'_>, now: i64) -> bool {
    now.saturating_sub(found.read_at) > rules.target.fresh_ms.saturating_mul(1_000)
}

/// What is there and should not be so. Values that are written once are left alone.
pub fn differences(want: &Resource, found: &Found<'_>, kind: Kind) -> Vec<Change> {
    let mut changes = Vec::new();
    for valued in want.values.iter().filter(|valued| valued.apply == Apply::CreateAndUpdate) {
        let was = valued.place.read(&found.document);
        if !agrees(valued.place.path(), valued.value.as_ref(), was, &found.lessons) {
            changes.push(change(valued, was));
        }
    }
    let id = Value::String(want.external_id.clone());
    let known = found.document.get("externalId");
    if kind == Kind::User && !agrees("externalId", Some(&id), known, &found.lessons) {
        changes.push(plain("externalId", known, id));
    }
    let active = found.document.get(ACTIVE);
    if kind == Kind::User && active.is_some_and(|active| equal(&Value::Bool(false), active)) {
        changes.push(plain(ACTIVE, active, Value::Bool(true)));
    }
    changes
}

fn change(valued: &Valued, was: Option<&Value>) -> Change {
    Change {
        variable: valued.variable.clone(),
        place: valued.place.clone(),
        was: was.cloned(),
        value: valued.value.clone(),
        sensitive: valued.sensitive,
    }
}

fn plain(name: &str, was: Option<&Value>, value: Value) -> Change {
    let place = Way::of_attribute(name).into();
    Change { variable: name.to_owned(), place, was: was.cloned(), value: Some(value), sensitive: false }
}

/// Every mapped value, and what else changes.
fn overlay(want: &Resource, changes: &[Change]) -> Vec<Change> {
    let written = want.values.iter().filter(|valued| valued.apply == Apply::CreateAndUpdate);
    let mut overlay: Vec<Change> = written.map(|valued| change(valued, None)).collect();
    let others = changes.iter().filter(|change| want.values.iter().all(|valued| valued.place != change.place));
    overlay.extend(others.cloned());
    overlay
}

fn gone(leave: Leave, found: &Found<'_>, rules: &Rules<'_>, now: i64) -> Action {
    let id = found.id.clone();
    // Somebody else's is not ours to end; one with our externalId is linked when it is found.
    if !found.linked {
        return Action::Nothing;
    }
    let active = rules.kind == Kind::User
        && !found.document.get(ACTIVE).is_some_and(|active| equal(&Value::Bool(false), active));
    let actions = &rules.policy.actions;
    let on = if rules.kind == Kind::User { actions.deactivate } else { actions.push_groups };
    if leave != Leave::Nothing && !on {
        // What is out of use already needs nobody to look.
        let ended = rules.kind == Kind::User && !active && leave != Leave::Delete;
        return if ended { Action::Nothing } else { off("deactivate") };
    }
    match leave {
        Leave::Nothing => Action::Nothing,
        Leave::Delete => Action::Delete { id },
        Leave::Deactivate | Leave::Staged { .. } if active => {
            if rules.target.activation == How::MergedPut && is_stale(found, rules, now) {
                return Action::Probe(Lookup::Id(id));
            }
            let changes = vec![plain(ACTIVE, found.document.get(ACTIVE), Value::Bool(false))];
            Action::Deactivate(Box::new(Update { id, overlay: changes.clone(), changes, members: None, name: None }))
        }
        Leave::Deactivate => Action::Nothing,
        Leave::Staged { delete_after_ms } => {
            let until = found.left_at.saturating_add(delete_after_ms.saturating_mul(1_000));
            if now >= until { Action::Delete { id } } else { Action::Wait { until } }
        }
    }
}

impl Action {
    /// Whether something is sent.
    pub fn is_sent(&self) -> bool {
        matches!(self, Self::Probe(_) | Self::Create(_) | Self::Update(_) | Self::Deactivate(_) | Self::Delete { .. })
    }

    /// One word for lists and logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Probe(_) => "probe",
            Self::Create(_) => "create",
            Self::Adopt { .. } => "adopt",
            Self::Update(_) => "update",
            Self::Deactivate(_) => "deactivate",
            Self::Delete { .. } => "delete",
            Self::Wait { .. } => "wait",
            Self::Hold { .. } => "hold",
            Self::Park(_) => "park",
        }
    }
}

/// In which order links are worked on: the first lane first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lane {
    /// Somebody has to lose access.
    Leaver,
    /// Somebody gets access.
    Arrival,
    /// Values change.
    Change,
    /// Nobody is waiting: a changed mapping, a scan.
    Backfill,
}

impl Lane {
    /// The lane of a link; `nudged` is whether a change of the person, not of the app, made it due.
    pub fn of(link: &Link, desired: &Desired, nudged: bool) -> Self {
        let inactive = link.document.as_ref().and_then(|document| document.get(ACTIVE));
        let inactive = inactive.is_some_and(|active| equal(&Value::Bool(false), active));
        match desired {
            Desired::Gone { .. } => Self::Leaver,
            Desired::Present(_) if nudged && (link.remote_id.is_none() || inactive) => Self::Arrival,
            _ if nudged => Self::Change,
            _ => Self::Backfill,
        }
    }
}

/// The inputs of a decision as a short text that is the same for the same inputs (FNV-1a): what a
/// parked link waits to see change.
pub fn fingerprint(desired: &Desired) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    match desired {
        Desired::Present(want) => {
            add(&want.unique.1);
            for valued in &want.values {
                add(valued.place.path());
                add(&valued.value.as_ref().map_or_else(String::new, Value::to_string));
            }
            for member in want.members.iter().flat_map(|members| members.add.iter().chain(&members.remove)) {
                add(&member.id);
            }
        }
        Desired::Gone { leave } => add(&format!("gone {leave:?}")),
        Desired::Unmanaged => add("unmanaged"),
        Desired::Impossible(problems) => problems.iter().for_each(|problem| add(&problem.message)),
    }
    format!("{hash:016x}")
}
