//! An app: an application that people are brought to, as data.

use crate::brake::Limit;
use crate::expression::{Dependency, Source};
use crate::mapping::Mapping;
use crate::profile::{Problem, Profile};
use crate::target::Target;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How people sign in to the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignIn {
    /// SAML 2.0.
    #[default]
    Saml,
    /// OpenID Connect.
    Oidc,
    /// Name and password, filled in.
    Swa,
    /// Not through us.
    None,
}

/// Which provisioning actions are on (*To App* and *Supported provisioning actions*).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Actions {
    /// Create Users.
    pub create: bool,
    /// Update User Attributes.
    pub update: bool,
    /// Deactivate Users.
    pub deactivate: bool,
    /// Push Groups.
    pub push_groups: bool,
    /// Import New Users and Profile Updates.
    pub import: bool,
    /// Import Groups.
    pub import_groups: bool,
}

impl Actions {
    /// Everything is on.
    pub const ALL: Self =
        Self { create: true, update: true, deactivate: true, push_groups: true, import: true, import_groups: true };
}

/// What happens to the account of somebody who should not have it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Leave {
    /// Nothing: it stays as it is.
    Nothing,
    /// `active` becomes false.
    Deactivate,
    /// It is deleted at once.
    Delete,
    /// `active` becomes false, and after a while it is deleted.
    #[serde(rename_all = "camelCase")]
    Staged {
        /// How long it stays deactivated.
        delete_after_ms: i64,
    },
}

/// Whether an account that we did not make may become one of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Adoption {
    /// Never; a person has to decide.
    Refuse,
    /// If nobody claims it: it has no `externalId`, or ours.
    #[default]
    Unclaimed,
    /// Always, as Okta does.
    Always,
}

/// What happens when the target has lost an account that it had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnMissing {
    /// It is made again.
    #[default]
    Recreate,
    /// A person has to decide.
    Ask,
}

/// What the administrator has decided about the life of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Policy {
    /// Which actions are on.
    pub actions: Actions,
    /// Accounts that were there before.
    pub adoption: Adoption,
    /// Accounts that are gone at the target.
    pub on_missing: OnMissing,
    /// The person is no longer assigned, or deactivated.
    pub on_unassign: Leave,
    /// The person is deleted in the directory.
    pub on_delete: Leave,
    /// Whether a suspended person's account is deactivated; otherwise nothing is sent.
    pub deactivate_suspended: bool,
    /// The user name is written once and then never changed (*Exclude Username Updates*).
    pub exclude_username_updates: bool,
    /// Whether a group that is no longer pushed is deleted at the app; otherwise it is left.
    pub delete_unlinked_groups: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            actions: Actions::default(),
            adoption: Adoption::default(),
            on_missing: OnMissing::default(),
            on_unassign: Leave::Deactivate,
            on_delete: Leave::Deactivate,
            deactivate_suspended: false,
            exclude_username_updates: false,
            delete_unlinked_groups: false,
        }
    }
}

/// How the app is reached. The secret is not here: it belongs to whoever sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Connection {
    /// SCIM connector base URL, without a slash at the end.
    pub base_url: String,
    /// Unique identifier field for users.
    pub unique_field: String,
}

/// A mapping that an attribute of the profile is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Whether it is one to the app, and not one to the directory.
    pub to_app: bool,
    /// The attribute that it writes.
    pub attribute: String,
}

/// An app integration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct App {
    /// Its id.
    pub id: String,
    /// Its name in expressions.
    pub name: String,
    /// For people.
    pub label: String,
    /// How people sign in.
    pub sign_in: SignIn,
    /// Whether SCIM provisioning is enabled at all.
    pub provisioning: bool,
    /// How it is reached.
    pub connection: Connection,
    /// How it wants to be spoken to.
    pub target: Target,
    /// What an account is made of.
    pub profile: Profile,
    /// Directory › app.
    pub to_app: Vec<Mapping>,
    /// App › directory.
    pub to_directory: Vec<Mapping>,
    /// The life of accounts.
    pub policy: Policy,
    /// The brakes.
    pub brakes: Vec<Limit>,
    /// Its own settings: `app.x` in expressions.
    pub settings: Map<String, Value>,
}

/// The attributes and mappings that a new app starts with: those that the guide reviews, and the rest of
/// the core and enterprise users unmapped.
const STANDARD: &str = include_str!("apps/standard.json");

impl App {
    /// A new app: the standard profile and mappings, nothing switched on.
    pub fn standard() -> Self {
        serde_json::from_str(STANDARD).unwrap_or_default()
    }

    /// The unique identifier field; `userName` unless it says otherwise.
    pub fn unique_field(&self) -> &str {
        if self.connection.unique_field.is_empty() { "userName" } else { &self.connection.unique_field }
    }

    /// The mappings that write an attribute of the profile, or read it: the direction, and the attribute that is written.
    pub fn uses(&self, variable: &str) -> Vec<Use> {
        let name = variable.to_lowercase();
        let reads = |row: &Mapping, source| {
            let read = Dependency::Attribute { object: "appuser".into(), name: name.clone() };
            row.dependencies(source).contains(&read)
        };
        let writes = |row: &Mapping| row.attribute.eq_ignore_ascii_case(variable);
        let there = self.to_app.iter().filter(|row| writes(row) || reads(row, Source::User));
        let back = self.to_directory.iter().filter(|row| reads(row, Source::AppUser));
        let of = |to_app| move |row: &Mapping| Use { to_app, attribute: row.attribute.clone() };
        there.map(of(true)).chain(back.map(of(false))).collect()
    }

    /// What keeps the app from being saved: definitions and mappings that do not fit together.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.profile.check();
        for mapping in &self.to_app {
            if self.profile.attribute(&mapping.attribute).is_none() {
                problems.push(Problem::new(&mapping.attribute, "there is no such attribute in the profile"));
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        for mapping in &self.to_app {
            if seen.iter().any(|name| name.eq_ignore_ascii_case(&mapping.attribute)) {
                problems.push(Problem::new(&mapping.attribute, "two mappings write this attribute"));
            }
            seen.push(&mapping.attribute);
        }
        problems
    }
}
