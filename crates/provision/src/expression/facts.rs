//! What an expression can ask about: the person, their groups and relations, the accounts, the app.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Which side of a mapping bare names and `source.x` are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The person in the directory: mappings to an app.
    #[default]
    User,
    /// The account at the app: mappings to the directory.
    AppUser,
}

/// Where a person stands in the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Entered, not yet working.
    Staged,
    /// Working.
    #[default]
    Active,
    /// Held back for a while; comes back as before.
    Suspended,
    /// Gone; the record stays.
    Deactivated,
    /// Gone, and the record too.
    Deleted,
}

impl Status {
    /// The word that Okta's expressions see.
    pub fn word(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::Deactivated | Self::Deleted => "DEPROVISIONED",
        }
    }
}

/// A group that a person is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Membership {
    /// The group's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it comes from, in Okta's words: `OKTA_GROUP`, `APP_GROUP`, `BUILT_IN`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The app that it was imported from.
    pub source: String,
}

/// A person with everything that expressions reach from there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Person {
    /// The id in the directory.
    pub id: String,
    /// Where they stand.
    pub status: Status,
    /// Their attributes by variable name. One that never had a value is missing (null); one that
    /// was emptied is `""`.
    pub profile: Map<String, Value>,
    /// Their groups.
    pub groups: Vec<Membership>,
    /// Their manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<Box<Person>>,
    /// Their assistant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Box<Person>>,
    /// Other linked people by the name of the link.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub linked: BTreeMap<String, Person>,
    /// Their accounts by source: `active_directory`, `workday`, the name of an app.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, Vec<Map<String, Value>>>,
    /// The id of their account at the app in question, once they have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
}

/// Everything that an expression can ask about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Facts {
    /// The person: `user.x`.
    pub user: Person,
    /// Their account at the app in question: `appuser.x`.
    pub app_user: Map<String, Value>,
    /// The app's own settings: `app.x`.
    pub app: Map<String, Value>,
    /// The organisation: `org.x`.
    pub org: Map<String, Value>,
    /// Objects by name: `zendesk_1.x`, `zendesk_1_app.x`, `idpuser.x`, `session.x`.
    pub objects: BTreeMap<String, Map<String, Value>>,
    /// What bare names mean.
    pub source: Source,
}

/// An attribute by its name: as written, or the only one that differs in case.
pub fn lookup<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = map.get(name) {
        return Some(value);
    }
    let mut folded = map.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    match (folded.next(), folded.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}
