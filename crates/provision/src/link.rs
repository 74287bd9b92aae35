//! A link: what is known about one person, or group, at one app. The store keeps it; everything that
//! changes it is here and in `outcome`.
//!
//! Invariant: what a request may have done is written down (`begin`) before it is sent. A process that
//! dies at any point finds a link that says "look first".

use crate::plan::{Action, Desired, Found, Lookup, Members, Observed, Parking, Rules};
use crate::target::LookupBy;
use crate::wire;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Most lessons that a link keeps.
pub const LESSONS_MAX: usize = 64;
/// How often to look for what a request without an answer may have made.
pub const SETTLING_LOOK_MS: i64 = 10_000;
/// How long it is believed that somebody else's account stands in the way.
pub const STRANGER_LOOK_MS: i64 = 900_000;

/// A user or a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A user.
    #[default]
    User,
    /// A group.
    Group,
}

impl Kind {
    /// Its endpoint.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }
}

/// How much is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Knowledge {
    /// Nothing, and nothing was sent.
    #[default]
    Nothing,
    /// Something was sent, or was there; it has to be looked for.
    Doubtful,
    /// Something was found that is not ours.
    Stranger,
    /// Several were found.
    Several,
    /// It is ours.
    Linked,
}

/// What the target makes of a value: it was sent, and this was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// Where.
    pub path: String,
    /// What was sent; nothing was a removal.
    pub sent: Option<Value>,
    /// What was shown; nothing was no value.
    pub shown: Option<Value>,
}

/// A value that was sent and not shown yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assumed {
    /// Where.
    pub path: String,
    /// What was sent.
    pub value: Option<Value>,
}

/// Why a link does nothing until its inputs change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// Why.
    pub reason: Parking,
    /// The inputs (`plan::fingerprint`).
    pub inputs: String,
}

/// What is known about one person, or group, at one app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Link {
    /// A user or a group.
    pub kind: Kind,
    /// Our id of it: opaque, and the same for ever.
    pub external_id: String,
    /// How much is known.
    pub knowledge: Knowledge,
    /// Its id at the target. Two links of an app never share one; the store sees to that.
    pub remote_id: Option<String>,
    /// The id of what was found and is not ours, and what it was found by.
    pub candidate: Option<(String, Lookup)>,
    /// Its version there.
    pub etag: Option<String>,
    /// What it looks like there.
    pub document: Option<Map<String, Value>>,
    /// When that was read or written.
    pub read_at: i64,
    /// Lookups that found nothing, and when.
    pub missed: Vec<(Lookup, i64)>,
    /// Unique identifiers under which something may have been made.
    pub keys: Vec<(String, String)>,
    /// Until when a request without an answer may still take effect.
    pub doubt_until: i64,
    /// The id under which it was lost.
    pub lost_id: Option<String>,
    /// The unique identifier that it had when it was lost: whoever has it now is only ours if the id,
    /// or our id, says so.
    pub former: Option<(String, String)>,
    /// The id that it had before it was let go: whoever comes back has their account again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub past: Option<String>,
    /// How many fitted.
    pub several: usize,
    /// What the target makes of values.
    pub lessons: Vec<Lesson>,
    /// What was sent and not shown yet.
    pub assumed: Vec<Assumed>,
    /// Whether it has to be read before anything else is decided: the last write may have taken effect,
    /// or may not have been kept.
    pub verify: bool,
    /// Whether a write was told that there is no such resource.
    pub denied: bool,
    /// When to look once more, because a write without an answer may take effect until then.
    pub recheck_at: i64,
    /// What is being done, stored before it is sent.
    pub intent: Option<String>,
    /// Since when.
    pub intent_at: i64,
    /// Failures in a row.
    pub attempts: u32,
    /// Refusals and contradictions in a row.
    pub refusals: u32,
    /// Not before this time,
    pub next_attempt_at: i64,
    /// while the inputs are these.
    pub waiting_for: String,
    /// Writes for the same inputs in a row, which inputs, and when the last one was.
    pub written: (u32, String, i64),
    /// Nothing until the inputs change.
    pub parked: Option<Parked>,
    /// Since when nothing should be there.
    pub left_at: Option<i64>,
    /// How many membership changes the target takes at once, when that is fewer than it says.
    pub chunk: Option<usize>,
    /// Of a group: whom the request under way brings or takes away, by their ids at the target.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub moving: BTreeSet<String>,
    /// Whom a request without an answer may have brought or taken away: they are told again where they belong.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unsure: BTreeSet<String>,
    /// Of those, who was told while that request could still take effect: they are unsure once more at `recheck_at`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub late: BTreeSet<String>,
}

impl Link {
    /// A link about which nothing is known.
    pub fn new(kind: Kind, external_id: &str) -> Self {
        Self { kind, external_id: external_id.to_owned(), ..Self::default() }
    }

    /// Writes down what is about to be done. Store this before sending.
    #[must_use]
    pub fn begin(mut self, action: &Action, desired: &Desired, rules: &Rules<'_>, now: i64) -> Self {
        self.note(desired, now);
        let settle = rules.target.settle_ms.saturating_mul(1_000);
        if self.intent.take().is_some() {
            // Somebody died over it; it may take effect yet.
            self.recheck_at = self.recheck_at.max(self.intent_at.saturating_add(settle));
            self.unsure.append(&mut self.moving);
        }
        if action.is_sent() && !matches!(action, Action::Probe(_)) {
            (self.intent, self.intent_at) = (Some(action.word().to_owned()), now);
        }
        let members = wire::members(action, &self, rules.target);
        self.moving = members.iter().flat_map(Members::ids).map(str::to_owned).collect();
        // Until there is an answer, what is known is perhaps no longer what is there.
        self.verify |= matches!(action, Action::Update(_) | Action::Deactivate(_) | Action::Delete { .. });
        if let Action::Create(want) = action {
            self.knowledge = Knowledge::Doubtful;
            self.missed.clear();
            self.doubt_until = now.saturating_add(settle);
            if !self.keys.contains(&want.unique) {
                self.keys.push(want.unique.clone());
            }
        }
        self
    }

    /// Somebody asked to try again, or the app was changed: nothing holds it back.
    #[must_use]
    pub fn retried(mut self) -> Self {
        (self.parked, self.attempts, self.refusals, self.next_attempt_at) = (None, 0, 0, 0);
        self.written = Default::default();
        self
    }

    /// Forgets what the target is known to make of values, and reads before anything else: *force sync*.
    #[must_use]
    pub fn forgotten(mut self) -> Self {
        self.lessons.clear();
        self.assumed.clear();
        self.verify = self.knowledge == Knowledge::Linked;
        self.retried()
    }

    /// Notes since when nothing should be there.
    pub fn note(&mut self, desired: &Desired, now: i64) {
        match desired {
            Desired::Gone { .. } => self.left_at = self.left_at.or(Some(now)),
            Desired::Present(_) => self.left_at = None,
            Desired::Unmanaged | Desired::Impossible(_) => {}
        }
    }

    /// Takes what was found as ours.
    #[must_use]
    pub fn adopt(mut self, id: &str) -> Self {
        if self.candidate.take_if(|(candidate, _)| candidate == id).is_some() {
            self.remote_id = Some(id.to_owned());
            self.linked();
        }
        self
    }

    pub(crate) fn linked(&mut self) {
        self.knowledge = Knowledge::Linked;
        self.keys.clear();
        self.missed.clear();
        self.doubt_until = 0;
        (self.lost_id, self.former, self.past) = (None, None, None);
        self.refusals = 0;
    }

    /// What is known, as `decide` wants it.
    pub fn observed(&self, desired: &Desired, rules: &Rules<'_>, now: i64) -> Observed<'_> {
        let lookups = self.lookups(desired, rules);
        let recent = now.saturating_sub(self.read_at) <= STRANGER_LOOK_MS * 1_000;
        let still = self.candidate.as_ref().is_some_and(|(_, by)| recent && lookups.contains(by));
        match (self.knowledge, &self.remote_id, &self.document) {
            (Knowledge::Several, ..) if still => Observed::Several(self.several),
            (Knowledge::Linked, Some(id), Some(document)) => self.shown(id, document, now),
            (Knowledge::Linked, Some(id), None) => Observed::Unknown(Lookup::Id(id.clone())),
            (Knowledge::Stranger, _, Some(document)) if still => {
                let id = self.candidate.as_ref().map(|(id, _)| id.as_str()).unwrap_or_default();
                self.shown(id, document, now)
            }
            _ if !matches!(desired, Desired::Present(_)) && self.keys.is_empty() && self.lost_id.is_none() => {
                Observed::Unlinked
            }
            _ => self.sought(&lookups, rules, now),
        }
    }

    fn shown<'a>(&'a self, id: &str, document: &'a Map<String, Value>, now: i64) -> Observed<'a> {
        let claim = document.get("externalId").filter(|claim| scim::filter::is_value(claim));
        Observed::Found(Found {
            id: id.to_owned(),
            etag: self.etag.clone(),
            document: Cow::Borrowed(document),
            read_at: self.read_at,
            linked: self.knowledge == Knowledge::Linked,
            unclaimed: claim.is_none_or(|claim| *claim == self.external_id),
            lessons: Cow::Borrowed(&self.lessons),
            verify: self.verify,
            left_at: self.left_at.unwrap_or(now),
        })
    }

    /// What it is looked for by: our id, what it should be called, and what it may have been called.
    fn lookups(&self, desired: &Desired, rules: &Rules<'_>) -> Vec<Lookup> {
        let wanted = match desired {
            Desired::Present(want) => Some(&want.unique),
            _ => None,
        };
        let keys: Vec<&(String, String)> =
            wanted.into_iter().chain(self.keys.iter().filter(|key| Some(*key) != wanted)).collect();
        let mut lookups = lookups(&self.external_id, &keys, rules);
        if let Some((field, value)) = self.former.as_ref().filter(|former| !keys.contains(former)) {
            lookups.push(Lookup::Filter { field: field.clone(), value: value.clone() });
        }
        // An app that only puts away what it is told to delete may show it by its id alone.
        if let (Some(id), Some(_)) = (&self.past, wanted) {
            lookups.push(Lookup::Id(id.clone()));
        }
        lookups
    }

    /// Nothing is there, and nothing should be: the matter is closed. What it was there is not forgotten.
    pub(crate) fn let_go(&mut self) {
        let past = self.remote_id.take().or(self.lost_id.take()).or(self.past.take());
        *self = Self { left_at: self.left_at, past, ..Self::new(self.kind, &self.external_id) };
    }

    /// Looks are made one after the other; all of them, recent and after what was in doubt had
    /// settled, prove that nothing is there.
    fn sought(&self, lookups: &[Lookup], rules: &Rules<'_>, now: i64) -> Observed<'static> {
        if lookups.is_empty() {
            // Where nothing can be looked for, something that may be there must not be made again.
            return if self.keys.is_empty() { Observed::Unlinked } else { Observed::Several(0) };
        }
        // While an answer is owed, look again and again: it may have taken effect already.
        let settling = now < self.doubt_until;
        let fresh = if settling { SETTLING_LOOK_MS.min(rules.target.fresh_ms) } else { rules.target.fresh_ms };
        let fresh = fresh.saturating_mul(1_000);
        let looked = |lookup: &Lookup| {
            self.missed.iter().any(|(missed, at)| missed == lookup && now.saturating_sub(*at) <= fresh)
        };
        if let Some(lookup) = lookups.iter().find(|lookup| !looked(lookup)) {
            return Observed::Unknown(lookup.clone());
        }
        let early =
            |lookup: &&Lookup| !self.missed.iter().any(|(missed, at)| missed == *lookup && *at >= self.doubt_until);
        match lookups.iter().find(early) {
            Some(_) if settling => {
                let last = self.missed.iter().map(|(_, at)| *at).max().unwrap_or(now);
                Observed::Settling { until: self.doubt_until.min(last.saturating_add(fresh + 1_000)) }
            }
            Some(lookup) => Observed::Unknown(lookup.clone()),
            None => Observed::Missing { lost: self.lost_id.is_some() },
        }
    }
}

/// What a resource is looked for by, in order: our id, then every unique identifier that it may have.
pub(crate) fn lookups(external_id: &str, keys: &[&(String, String)], rules: &Rules<'_>) -> Vec<Lookup> {
    let mut lookups = Vec::new();
    for by in &rules.target.lookups {
        match by {
            LookupBy::ExternalId if rules.kind == Kind::User => {
                lookups.push(Lookup::Filter { field: "externalId".into(), value: external_id.to_owned() });
            }
            LookupBy::ExternalId => {}
            LookupBy::Unique => lookups.extend(
                keys.iter().map(|(field, value)| Lookup::Filter { field: field.clone(), value: value.clone() }),
            ),
        }
    }
    lookups
}

/// Whether a value at the target is the one that was wanted, as the target shows it.
pub fn agrees(path: &str, wanted: Option<&Value>, shown: Option<&Value>, lessons: &[Lesson]) -> bool {
    let same = match (wanted, shown) {
        (None, None) => true,
        (None, Some(shown)) => !scim::filter::is_value(shown),
        (Some(wanted), Some(shown)) => equal(wanted, shown),
        (Some(_), None) => false,
    };
    same || lessons
        .iter()
        .any(|lesson| lesson.path == path && lesson.sent.as_ref() == wanted && lesson.shown.as_ref() == shown)
}

/// Equal, apart from how servers write things: `"5"` and `5`, `"True"` and `true`, a text and the object
/// whose `value` it is, lists in another order, objects with more parts than were sent.
pub fn equal(wanted: &Value, shown: &Value) -> bool {
    match (wanted, shown) {
        (Value::Bool(flag), Value::String(text)) | (Value::String(text), Value::Bool(flag)) => {
            text.eq_ignore_ascii_case(&flag.to_string())
        }
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            *text == number.to_string()
        }
        (Value::String(_), Value::Object(map)) => map.get("value").is_some_and(|value| equal(wanted, value)),
        (Value::Array(a), Value::Array(b)) => {
            // Each is the counterpart of one: a value that stands there twice is not there for two.
            let mut others: Vec<&Value> = b.iter().collect();
            let mut taken = |item: &Value| {
                let same = others.iter().position(|other| *other == item);
                same.or_else(|| others.iter().position(|other| equal(item, other))).map(|at| others.swap_remove(at))
            };
            a.len() == b.len() && a.iter().all(|item| taken(item).is_some())
        }
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(name, value)| b.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => wanted == shown,
    }
}
