//! Reconciliation: what a target really holds, compared with what it should hold.

use crate::link::{Knowledge, Link};
use crate::plan::{Change, Desired, Found, Observed, Rules, differences};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How one resource, or one link, stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "situation")]
pub enum Situation {
    /// As it should be.
    InSync,
    /// It differs.
    Drifted {
        /// In what.
        changes: Vec<Change>,
    },
    /// It should be there, and is not.
    Missing,
    /// It is ours, in use, and should not be.
    Lingering,
    /// Nobody in the directory goes with it.
    Orphaned,
    /// Nobody is linked, and somebody fits.
    Unlinked {
        /// Who.
        person: String,
    },
    /// Several people fit, or a linked one and another.
    Disputed {
        /// Who.
        people: Vec<String>,
    },
    /// Not decided: it is being changed, or left alone on purpose.
    Open,
}

/// What to do about a situation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reaction {
    /// Put it right.
    #[default]
    Enforce,
    /// Tell somebody.
    Alert,
    /// Take it as ours.
    Adopt,
    /// Nothing.
    Ignore,
}

/// What the administrator decided for each situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Reactions {
    /// It differs.
    pub drifted: Reaction,
    /// It is gone.
    pub missing: Reaction,
    /// It should not be in use.
    pub lingering: Reaction,
    /// Nobody goes with it. Never `Enforce` unasked: it may be a service account.
    pub orphaned: Reaction,
    /// Somebody fits.
    pub unlinked: Reaction,
}

impl Default for Reactions {
    fn default() -> Self {
        Self {
            drifted: Reaction::Enforce,
            missing: Reaction::Enforce,
            lingering: Reaction::Enforce,
            orphaned: Reaction::Alert,
            unlinked: Reaction::Alert,
        }
    }
}

impl Reactions {
    /// The reaction to a situation.
    pub fn to(&self, situation: &Situation) -> Reaction {
        match situation {
            Situation::Drifted { .. } => self.drifted,
            Situation::Missing => self.missing,
            Situation::Lingering => self.lingering,
            Situation::Orphaned => self.orphaned,
            Situation::Unlinked { .. } => self.unlinked,
            Situation::Disputed { .. } => Reaction::Alert,
            Situation::InSync | Situation::Open => Reaction::Ignore,
        }
    }
}

/// A link that a scan has seen, or not seen: `shown` is what the target showed under its id, nothing if
/// the whole list did not hold it.
pub fn compare(
    link: &Link,
    desired: &Desired,
    shown: Option<&Map<String, Value>>,
    rules: &Rules<'_>,
    now: i64,
) -> Situation {
    if link.knowledge != Knowledge::Linked || link.intent.is_some() {
        return Situation::Open;
    }
    let fresh = shown.map(|shown| refreshed(link.clone(), shown));
    let found = fresh.as_ref().map(|link| link.observed(desired, rules, now));
    match (desired, found) {
        (Desired::Unmanaged | Desired::Impossible(_), _) => Situation::Open,
        (Desired::Present(_), None) => Situation::Missing,
        (Desired::Gone { .. }, None) => Situation::InSync,
        (Desired::Present(want), Some(Observed::Found(found))) => {
            let changes = differences(want, &found, rules.kind);
            if changes.is_empty() { Situation::InSync } else { Situation::Drifted { changes } }
        }
        (Desired::Gone { leave }, Some(Observed::Found(found))) => lingering(*leave, &found, rules),
        (_, Some(_)) => Situation::Open,
    }
}

fn lingering(leave: crate::app::Leave, found: &Found, rules: &Rules<'_>) -> Situation {
    use crate::app::Leave;
    let inactive = found.document.get("active").is_some_and(|active| crate::link::equal(&Value::Bool(false), active));
    let user = rules.kind == crate::link::Kind::User;
    match leave {
        Leave::Nothing => Situation::InSync,
        Leave::Deactivate | Leave::Staged { .. } if user && inactive => Situation::InSync,
        _ => Situation::Lingering,
    }
}

/// The link with what a scan showed: the next decision repairs what differs.
#[must_use]
pub fn refreshed(mut link: Link, shown: &Map<String, Value>) -> Link {
    let mut shown = shown.clone();
    if link.kind == crate::link::Kind::Group {
        // They are counted elsewhere, and may be a hundred thousand.
        shown.shift_remove("members");
    }
    link.document = Some(shown);
    // A list may show less than GET, so a PUT reads again.
    (link.read_at, link.etag) = (0, None);
    link
}

/// The members that a list shows of a group; nothing if that cannot be told: it names none, and none of any other group
/// (`shows` is whether it does of one). Many servers leave members out of lists.
pub fn members(shown: &Map<String, Value>, shows: bool) -> Option<Vec<String>> {
    match shown.get("members") {
        Some(Value::Array(list)) => {
            let ids = list.iter().filter_map(|one| Some(one.get("value")?.as_str()?.to_owned()));
            Some(ids.collect())
        }
        _ => shows.then(Vec::new),
    }
}

/// A link for an account that nobody in the directory goes with: it is ours to end, because the administrator says so.
pub fn claimed(kind: crate::link::Kind, remote_id: &str, shown: &Map<String, Value>) -> Link {
    let mut link = Link::new(kind, remote_id);
    (link.knowledge, link.remote_id) = (Knowledge::Linked, Some(remote_id.to_owned()));
    refreshed(link, shown)
}

/// The link after a whole scan that did not show it: it has to be looked for before it is made again.
#[must_use]
pub fn unseen(mut link: Link) -> Link {
    let field = if link.kind == crate::link::Kind::User { "userName" } else { "displayName" };
    let name = link.document.as_ref().and_then(|document| document.get(field)?.as_str());
    link.former = name.map(|name| (field.to_owned(), name.to_owned()));
    link.lost_id = link.remote_id.take();
    (link.knowledge, link.document, link.etag) = (Knowledge::Doubtful, None, None);
    link.missed.clear();
    link
}

/// A resource that no link names: whose could it be? `fitting` are the people that the matching rules
/// find, each with whether they have an account already.
pub fn unlinked(fitting: &[(String, bool)]) -> Situation {
    match fitting {
        [] => Situation::Orphaned,
        [(person, false)] => Situation::Unlinked { person: person.clone() },
        people => Situation::Disputed { people: people.iter().map(|(person, _)| person.clone()).collect() },
    }
}
