//! Group push: which groups go to an app, and which members.
//!
//! Members are a difference of sets, not a stream of comings and goings: who has an account at the app
//! is in, the others are waited for. So the same group can serve assignment and push.

use crate::app::{Adoption, App, Leave, Policy};
use crate::mapping::{Origin, Valued};
use crate::place::{Pasted, Place};
use crate::plan::{Desired, Member, Members, Resource};
use crate::profile::Apply;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How a pushed group starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkMode {
    /// It is made; a group of that name that is there already is in the way.
    Create,
    /// A group of that name that is there already is taken.
    #[default]
    Link,
}

/// A group that is pushed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PushGroup {
    /// The group in the directory.
    pub group: String,
    /// The rule that chose it, if it was not chosen by name.
    pub rule: Option<String>,
    /// Its name at the app; nothing is its own name.
    pub name: Option<String>,
    /// How it starts.
    pub mode: LinkMode,
    /// Whether changes go on being pushed.
    pub active: bool,
}

/// How a rule compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Compare {
    /// At the start.
    #[default]
    StartsWith,
    /// At the end.
    EndsWith,
    /// Anywhere.
    Contains,
    /// All of it.
    Equals,
}

/// A rule that chooses groups; every part that is there has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PushRule {
    /// Its id.
    pub id: String,
    /// How the name compares, and with what.
    pub name: Option<(Compare, String)>,
    /// How the description compares, and with what.
    pub description: Option<(Compare, String)>,
}

impl PushRule {
    /// Whether it chooses a group. A rule without parts chooses nothing.
    pub fn chooses(&self, name: &str, description: &str) -> bool {
        let fits = |part: &Option<(Compare, String)>, text: &str| match part {
            None => true,
            Some((compare, wanted)) => {
                let (text, wanted) = (scim::schema::fold(text), scim::schema::fold(wanted));
                match compare {
                    Compare::StartsWith => text.starts_with(&wanted),
                    Compare::EndsWith => text.ends_with(&wanted),
                    Compare::Contains => text.contains(&wanted),
                    Compare::Equals => text == wanted,
                }
            }
        };
        (self.name.is_some() || self.description.is_some())
            && fits(&self.name, name)
            && fits(&self.description, description)
    }
}

/// Somebody who should be a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Their id in the directory.
    pub person: String,
    /// The id of their account, once it is linked and in use.
    pub remote_id: Option<String>,
    /// Their user name there.
    pub display: String,
}

/// The difference between who should be in and who is known to be in; and who is waited for. `unsure` are those that a
/// request without an answer may have brought or taken away (`Link::unsure`): they are always told. `blocked` are members
/// that the target does not take.
pub fn members(
    wanted: &[Candidate],
    known: &BTreeSet<String>,
    unsure: &BTreeSet<String>,
    blocked: &BTreeSet<String>,
    whole: bool,
) -> (Members, Vec<String>) {
    let mut should: BTreeMap<&str, &Candidate> = BTreeMap::new();
    let mut waits = Vec::new();
    for candidate in wanted {
        match candidate.remote_id.as_deref() {
            Some(id) if !blocked.contains(id) => {
                should.insert(id, candidate);
            }
            Some(_) => {}
            None => waits.push(candidate.person.clone()),
        }
    }
    let member = |id: &str, candidate: &Candidate| Member { id: id.to_owned(), display: candidate.display.clone() };
    let new = should.iter().filter(|(id, _)| !known.contains(**id) || unsure.contains(**id));
    let add = new.map(|(id, who)| member(id, who)).collect();
    let perhaps = unsure.iter().filter(|id| !known.contains(*id) && !blocked.contains(*id));
    let there: Vec<&String> = known.iter().chain(perhaps).collect();
    let gone = there.iter().filter(|id| !should.contains_key(id.as_str()));
    let remove = gone.map(|id| Member { id: (*id).clone(), display: String::new() }).collect();
    let all = whole.then(|| should.iter().map(|(id, who)| member(id, who)).collect());
    (Members { add, remove, before: there.len(), all }, waits)
}

/// What should be at the app for a group. `pushed` is nothing once it is unlinked.
pub fn desired(
    app: &App,
    pushed: Option<&PushGroup>,
    name: &str,
    members: Members,
    waits: Vec<String>,
    external_id: &str,
) -> Desired {
    let Some(pushed) = pushed else {
        let leave = if app.policy.delete_unlinked_groups { Leave::Delete } else { Leave::Nothing };
        return Desired::Gone { leave };
    };
    let place = Place::parse("displayName", None, Pasted::Split);
    let (true, true, Ok(place)) = (app.provisioning, pushed.active, place) else { return Desired::Unmanaged };
    let name = pushed.name.as_deref().unwrap_or(name);
    let value = Valued {
        variable: "displayName".into(),
        place,
        value: Some(Value::from(name)),
        apply: Apply::CreateAndUpdate,
        origin: Origin::Direct { attribute: "name".into() },
        sensitive: false,
    };
    Desired::Present(Box::new(Resource {
        values: vec![value],
        unique: ("displayName".into(), name.to_owned()),
        external_id: external_id.to_owned(),
        members: Some(members),
        waits,
    }))
}

/// The policy for a group: how it starts is its own choice.
pub fn policy(app: &App, pushed: Option<&PushGroup>) -> Policy {
    let adoption = match pushed.map(|pushed| pushed.mode) {
        Some(LinkMode::Create) => Adoption::Refuse,
        _ => Adoption::Always,
    };
    Policy { adoption, ..app.policy }
}
