//! Who should have an account at an app, and why or why not.

use crate::app::{App, Leave};
use crate::expression::{Person, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whom an assignment is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Principal {
    /// One person.
    Person(String),
    /// Everybody in a group.
    Group(String),
}

/// An assignment of a person or a group to an app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Its id.
    pub id: String,
    /// Whom it is about.
    pub principal: Principal,
    /// Of several groups, the one with the lowest number wins.
    #[serde(default)]
    pub priority: u32,
    /// Values that it gives, by variable name.
    #[serde(default)]
    pub profile: Map<String, Value>,
    /// Whether it gives a person values and is no reason for an account: they have the app through a group, or not at all.
    #[serde(default)]
    pub only_values: bool,
}

/// The assignments through which a person has an app.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Basis<'a> {
    /// Their own.
    pub direct: Option<&'a Assignment>,
    /// Values of their own, where only groups are the reason.
    pub values: Option<&'a Assignment>,
    /// Those of their groups, by priority.
    pub groups: Vec<&'a Assignment>,
}

impl<'a> Basis<'a> {
    /// Those among all assignments of an app that are about this person.
    pub fn of(person: &Person, assignments: &'a [Assignment]) -> Self {
        let mut basis = Self::default();
        for assignment in assignments {
            match &assignment.principal {
                Principal::Person(id) if *id == person.id => {
                    let own = if assignment.only_values { &mut basis.values } else { &mut basis.direct };
                    *own = own.or(Some(assignment));
                }
                Principal::Group(id) if person.groups.iter().any(|group| group.id == *id) => {
                    basis.groups.push(assignment);
                }
                _ => {}
            }
        }
        basis.groups.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
        basis
    }

    /// Whether there is any reason for an account.
    pub fn is_empty(&self) -> bool {
        self.direct.is_none() && self.groups.is_empty()
    }
}

/// How an account should stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// There, and in use.
    Active,
    /// Out of use; by policy also gone after a while.
    Inactive,
    /// The person is deleted: what the policy says about that.
    Absent,
    /// Left as it is.
    Unmanaged,
}

/// One reason why somebody is, or is not, at an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Reason {
    /// Provisioning is off for the app: nobody is touched.
    ProvisioningOff,
    /// Their own assignment.
    AssignedDirectly {
        /// The assignment.
        assignment: String,
    },
    /// An assignment of a group that they are in.
    AssignedByGroup {
        /// The assignment.
        assignment: String,
        /// The group.
        group: String,
    },
    /// No assignment is about them.
    NotAssigned,
    /// They have not started yet.
    Staged,
    /// They are suspended; the policy says whether that shows at the app.
    Suspended,
    /// They are deactivated.
    Deactivated,
    /// They are deleted.
    Deleted,
}

/// How an account should stand, with the reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// How.
    pub presence: Presence,
    /// Why; the first one decided.
    pub reasons: Vec<Reason>,
}

impl Standing {
    /// Decides it.
    pub fn of(app: &App, person: &Person, basis: &Basis<'_>) -> Self {
        let because = |presence, reason| {
            let mut reasons = vec![reason];
            reasons.extend(assigned(person, basis));
            Self { presence, reasons }
        };
        if !app.provisioning {
            return because(Presence::Unmanaged, Reason::ProvisioningOff);
        }
        match person.status {
            Status::Deleted => return because(Presence::Absent, Reason::Deleted),
            Status::Deactivated => return because(Presence::Inactive, Reason::Deactivated),
            Status::Staged => return because(Presence::Inactive, Reason::Staged),
            Status::Suspended if !basis.is_empty() => {
                let shown = app.policy.deactivate_suspended;
                return because(if shown { Presence::Inactive } else { Presence::Unmanaged }, Reason::Suspended);
            }
            Status::Active | Status::Suspended => {}
        }
        if basis.is_empty() {
            return Self { presence: Presence::Inactive, reasons: vec![Reason::NotAssigned] };
        }
        Self { presence: Presence::Active, reasons: assigned(person, basis) }
    }

    /// What the policy says about an account that should not be in use.
    pub fn leave(&self, app: &App) -> Leave {
        match (self.presence, self.reasons.first()) {
            (Presence::Absent, _) => app.policy.on_delete,
            // They come back, so nothing is deleted meanwhile.
            (_, Some(Reason::Suspended | Reason::Staged)) => match app.policy.on_unassign {
                Leave::Nothing => Leave::Nothing,
                _ => Leave::Deactivate,
            },
            _ => app.policy.on_unassign,
        }
    }
}

fn assigned(person: &Person, basis: &Basis<'_>) -> Vec<Reason> {
    let direct = basis.direct.map(|own| Reason::AssignedDirectly { assignment: own.id.clone() });
    let groups = basis.groups.iter().map(|assignment| {
        let name = |id: &str| person.groups.iter().find(|group| group.id == id).map(|group| group.name.clone());
        let group = match &assignment.principal {
            Principal::Group(id) => name(id).unwrap_or_else(|| id.clone()),
            Principal::Person(id) => id.clone(),
        };
        Reason::AssignedByGroup { assignment: assignment.id.clone(), group }
    });
    direct.into_iter().chain(groups).collect()
}
