//! The columns of the list of users: which there are, which are shown. The choice lives in the address.

use super::{Asked, activity, custom, manager, source, value};
use crate::admin::attributes::{self, Named};
use crate::admin::directory::{By, Found};
use crate::console::Desk;
use crate::console::parts::{Column, count, when};
use maud::{Markup, html};
use scim::AttrType;
use scim::meta::rfc3339;
use serde_json::Value;

/// Custom fields that have a column unless somebody chooses.
const CUSTOM_MAX: usize = 2;

/// Attributes of the standard that are worth a column; each holds one value.
const PLAIN: [&str; 9] =
    ["externalId", "title", "userType", "nickName", "locale", "timezone", "employeeNumber", "department", "costCenter"];

/// What a column shows, apart from the person, who is always there.
#[derive(Clone, Debug)]
pub(super) enum What {
    State,
    Source,
    Manager,
    Email,
    Attribute(Box<Named>),
    Groups,
    Created,
    Changed,
    Synced,
}

/// A column, and whether it is shown.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) what: What,
    pub(super) shown: bool,
}

impl What {
    /// Its word in the address.
    fn key(&self) -> &str {
        match self {
            Self::State => "state",
            Self::Source => "source",
            Self::Manager => "manager",
            Self::Email => "email",
            Self::Attribute(named) => &named.attribute.name,
            Self::Groups => "groups",
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Synced => "synced",
        }
    }

    pub(super) fn title(&self) -> &str {
        match self {
            Self::State => "State",
            Self::Source => "Source",
            Self::Manager => "Manager",
            Self::Email => "E-mail",
            Self::Attribute(named) => &named.attribute.name,
            Self::Groups => "Groups",
            Self::Created => "Created",
            Self::Changed => "Changed",
            Self::Synced => "Last synced",
        }
    }

    /// What the list is sorted by with this column.
    pub(super) fn by(&self) -> Option<By> {
        match self {
            Self::Created => Some(By::Created),
            Self::Changed => Some(By::Changed),
            _ => None,
        }
    }

    pub(super) fn column(&self) -> Column<'_> {
        let column = Column::new(self.title());
        match self {
            Self::State => column,
            Self::Groups => column.number().minor(),
            _ => column.minor(),
        }
    }

    /// As a cell of a file.
    pub(super) fn text(&self, found: &Found) -> String {
        match self {
            Self::State => found.status().as_str().to_owned(),
            Self::Source => if found.is_managed() { "managed" } else { "local" }.to_owned(),
            Self::Manager => found
                .manager
                .as_ref()
                .map_or_else(String::new, |manager| manager.display.clone().unwrap_or_else(|| manager.raw.clone())),
            Self::Email => email(found).unwrap_or_default().to_owned(),
            Self::Attribute(named) => match value(found, named) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            },
            Self::Groups => found.groups.len().to_string(),
            Self::Created => rfc3339(found.created_at),
            Self::Changed => rfc3339(found.modified_at),
            Self::Synced => found.heard_at.map(rfc3339).unwrap_or_default(),
        }
    }

    pub(super) fn cell(&self, found: &Found, now: i64) -> Markup {
        match self {
            Self::State => activity(found.status()),
            Self::Source => source(found),
            Self::Manager => manager(found),
            Self::Email => {
                html! { @match email(found) { Some(mail) => span .clip { (mail) }, None => span .quiet { "—" } } }
            }
            Self::Attribute(named) => custom(found, named),
            Self::Groups => html! { (count(found.groups.len() as u64)) },
            Self::Created => when(found.created_at, now),
            Self::Changed => when(found.modified_at, now),
            Self::Synced => {
                html! { @match found.heard_at { Some(at) => (when(at, now)), None => span .quiet { "never" } } }
            }
        }
    }
}

fn email(found: &Found) -> Option<&str> {
    let list = found.document.get("emails")?.as_array()?;
    let primary = list.iter().find(|mail| mail.get("primary") == Some(&Value::Bool(true))).or(list.first())?;
    primary.get("value")?.as_str()
}

/// All columns in their order; those that `asked` names are shown, or the usual ones if it names none.
pub(super) fn all(cx: &Desk, asked: &Asked) -> Vec<Choice> {
    let users: Vec<Named> = attributes::list(&cx.tenant)
        .into_iter()
        .filter(|named| named.resource_type == "User" && !named.attribute.multi_valued)
        .filter(|named| named.attribute.attr_type != AttrType::Complex)
        .collect();
    let (custom, plain): (Vec<Named>, Vec<Named>) = users.into_iter().partition(|named| named.custom);
    let plain = plain.into_iter().filter(|named| PLAIN.contains(&named.attribute.name.as_str()));
    let usual = |what: What| (what, true);
    let other = |what: What| (what, false);
    let mut all = vec![usual(What::State), usual(What::Source), usual(What::Manager), other(What::Email)];
    all.extend(custom.into_iter().enumerate().map(|(at, named)| (What::Attribute(Box::new(named)), at < CUSTOM_MAX)));
    all.extend(plain.map(|named| other(What::Attribute(Box::new(named)))));
    all.extend([usual(What::Groups), other(What::Created), usual(What::Changed), other(What::Synced)]);
    let choose = |(what, usual): (What, bool)| {
        let shown = if asked.columns.is_empty() { usual } else { asked.columns.iter().any(|key| key == what.key()) };
        Choice { what, shown }
    };
    all.into_iter().map(choose).collect()
}

/// The columns to choose from: a form that only changes the address.
pub(super) fn picker(asked: &Asked, all: &[Choice]) -> Markup {
    let usual = Asked { columns: Vec::new(), ..asked.clone() };
    html! {
        details .folded.columns-picker {
            summary { "Columns" }
            form method="get" action="/app/users" {
                @for (name, value) in asked.kept() { input type="hidden" name=(name) value=(value); }
                fieldset .checks {
                    legend .unseen { "Columns of the list" }
                    @for choice in all {
                        label .check {
                            input type="checkbox" name="col" value=(choice.what.key()) checked[choice.shown];
                            span { (choice.what.title()) }
                        }
                    }
                }
                div .actions {
                    button type="submit" { "Show these columns" }
                    @if !asked.columns.is_empty() { a .button.quiet href=(usual.address("/app/users", "")) { "The usual ones" } }
                }
            }
        }
    }
}
