//! How a target wants to be spoken to: data files in `targets/`, one for each kind.

use serde::{Deserialize, Serialize};

/// How a change of a user is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Update {
    /// PUT of what the target answers to GET, with the values laid over it.
    MergedPut,
    /// PATCH with a path for each value.
    #[default]
    PathPatch,
    /// PATCH with one object of values.
    PathlessPatch,
}

/// How a change of a group is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupUpdate {
    /// PUT with all members.
    Put,
    /// PATCH with the members that come and go.
    #[default]
    Patch,
}

/// How members are taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Removal {
    /// `members[value eq "x"]`, one operation each.
    #[default]
    Filter,
    /// `members` with a list of values.
    Values,
}

/// What an account is looked up by before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LookupBy {
    /// Our id of it. An answer is ours beyond doubt.
    ExternalId,
    /// The unique identifier field.
    Unique,
}

/// How the body of a new user looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Template {
    /// `schemas`, `externalId`, the values, `active`.
    #[default]
    Rfc,
    /// `schemas`, the values, `externalId`, `groups`, a throw-away `password`, `active`.
    Okta,
}

/// A target's habits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Target {
    /// Its name: that of the data file.
    pub name: String,
    /// For people.
    pub label: String,
    /// Where this is known from.
    pub source: String,
    /// How a change of a user is sent.
    pub user_update: Update,
    /// How `active` is sent when nothing else changes.
    pub activation: Update,
    /// How a change of a group is sent.
    pub group_update: GroupUpdate,
    /// What accounts are looked up by, in this order.
    pub lookups: Vec<LookupBy>,
    /// How the body of a new user looks.
    pub user_template: Template,
    /// Whether members carry the user name as `display`.
    pub member_display: bool,
    /// Whether every change of members also sends the group's name.
    pub rename_always: bool,
    /// How members are taken away.
    pub member_removal: Removal,
    /// Whether GET of a group shows its members.
    pub members_readable: bool,
    /// Most membership changes in one request.
    pub members_chunk: usize,
    /// `Add`, `Replace`, `Remove`.
    pub title_case_ops: bool,
    /// `"True"` and `"False"` in PATCH.
    pub boolean_text: bool,
    /// The User-Agent; empty is our own.
    pub user_agent: String,
    /// The media type of bodies.
    pub media_type: String,
    /// Resources in a page of a list.
    pub page_size: u64,
    /// Lists of which the target keeps one element.
    pub single_valued: Vec<String>,
    /// Attributes that the target refuses; they are never sent.
    pub unsupported: Vec<String>,
    /// How long after a lost answer a request may still take effect; a look before that does not
    /// prove that nothing is there.
    pub settle_ms: i64,
    /// How old a reading may be that a PUT is laid over, or that a create relies on.
    pub fresh_ms: i64,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            name: String::new(),
            label: String::new(),
            source: String::new(),
            user_update: Update::default(),
            activation: Update::default(),
            group_update: GroupUpdate::default(),
            lookups: vec![LookupBy::ExternalId, LookupBy::Unique],
            user_template: Template::default(),
            member_display: false,
            rename_always: false,
            member_removal: Removal::default(),
            members_readable: true,
            members_chunk: 100,
            title_case_ops: false,
            boolean_text: false,
            user_agent: String::new(),
            media_type: "application/scim+json".into(),
            page_size: 100,
            single_valued: Vec::new(),
            unsupported: Vec::new(),
            settle_ms: 65_000,
            fresh_ms: 30_000,
        }
    }
}

/// The data files, by name.
pub const TARGETS: [(&str, &str); 9] = [
    ("okta-aiw", include_str!("targets/okta-aiw.json")),
    ("okta-oin", include_str!("targets/okta-oin.json")),
    ("okta-oiw", include_str!("targets/okta-oiw.json")),
    ("entra", include_str!("targets/entra.json")),
    ("generic", include_str!("targets/generic.json")),
    ("generic-put", include_str!("targets/generic-put.json")),
    ("aws", include_str!("targets/aws.json")),
    ("github", include_str!("targets/github.json")),
    ("slack", include_str!("targets/slack.json")),
];

impl Target {
    /// The target of that name.
    pub fn named(name: &str) -> Option<Self> {
        let (_, text) = TARGETS.iter().find(|(known, _)| *known == name)?;
        serde_json::from_str(text).ok()
    }
}
