//! Who is assigned to an app: people, and groups with a priority.

use super::AppId;
use crate::db::{FromValue, Reader, Row, Value as Sent, Writer};
use crate::{Error, Result, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an assignment is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Principal {
    /// One person.
    #[default]
    User,
    /// Everybody in a group.
    Group,
}

impl Principal {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

impl FromValue for Principal {
    fn from_value(value: Sent<'_>) -> Option<Self> {
        let text = String::from_value(value)?;
        [Self::User, Self::Group].into_iter().find(|known| known.as_str() == text)
    }
}

/// An assignment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentRow {
    /// Its number.
    pub id: i64,
    /// Whom it is about.
    pub principal: Principal,
    /// Their id in the directory.
    pub resource: String,
    /// Of several groups, the one with the lowest number wins.
    pub priority: u32,
    /// Values by variable name.
    pub profile: Map<String, Value>,
    /// Whether it gives values and nothing else: the person has the app through a group, or not at all.
    pub only_values: bool,
    /// What it is called now; nothing if it is gone.
    pub display: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
}

const COLUMNS: &str = "a.id, a.principal, a.resource, a.priority, a.profile, r.display, a.created_at, a.created_by, \
                       a.only_values";

fn assignment(row: &Row<'_>) -> Result<AssignmentRow> {
    let profile: String = row.get(4)?;
    Ok(AssignmentRow {
        id: row.get(0)?,
        principal: row.get(1)?,
        resource: row.get(2)?,
        priority: row.get(3)?,
        profile: serde_json::from_str(&profile)?,
        display: row.get(5)?,
        created_at: row.get(6)?,
        created_by: row.get(7)?,
        only_values: row.get(8)?,
    })
}

impl Reader {
    /// An app's assignments behind one of them, oldest first.
    pub fn assignments(&self, app: AppId, principal: Principal, after: i64, limit: u32) -> Result<Vec<AssignmentRow>> {
        let sql = format!(
            "select {COLUMNS} from assignment a left join resource r on r.tenant = a.tenant and r.id = a.resource
             where a.app = ?1 and a.principal = ?2 and a.id > ?3 order by a.id limit ?4"
        );
        self.all(&sql, (app.0, principal.as_str(), after, limit), assignment)
    }

    /// The assignment of one person, or group.
    pub fn assignment(&self, app: AppId, principal: Principal, resource: &str) -> Result<Option<AssignmentRow>> {
        Ok(self.assignments_of(app, &[(principal, resource)])?.pop().flatten())
    }

    /// The assignment of each of these people, or groups, where there is one.
    pub fn assignments_of(&self, app: AppId, whom: &[(Principal, &str)]) -> Result<Vec<Option<AssignmentRow>>> {
        let sql = format!(
            "select {COLUMNS} from assignment a left join resource r on r.tenant = a.tenant and r.id = a.resource
             where a.app = ?1 and a.principal = ?2 and a.resource = ?3"
        );
        let sets = whom.iter().map(|(principal, resource)| {
            let principal = Sent::Text(principal.as_str());
            [Sent::Int(app.0), principal, Sent::Text(resource)]
        });
        let sets: Vec<[Sent<'_>; 3]> = sets.collect();
        self.first_of(&sql, &sets, assignment)
    }

    /// How many people, or groups, are assigned.
    pub fn assignments_count(&self, app: AppId, principal: Principal) -> Result<u64> {
        let sql = "select count(*) from assignment where app = ?1 and principal = ?2 and only_values = 0";
        let count: Option<i64> = self.first(sql, (app.0, principal.as_str()), |row| row.get(0))?;
        Ok(count.unwrap_or(0).cast_unsigned())
    }

    /// The apps that a person, or group, is assigned to; values alone are no assignment.
    pub fn assigned_apps(&self, tenant: TenantId, principal: Principal, resource: &str) -> Result<Vec<AppId>> {
        let sql = "select app from assignment where tenant = ?1 and resource = ?2 and principal = ?3
                   and only_values = 0 order by app";
        self.all(sql, (tenant.0, resource, principal.as_str()), |row| Ok(AppId(row.get(0)?)))
    }
}

impl Writer {
    /// Assigns, or changes the assignment; answers its number. Values alone do not take a reason away that is there.
    pub fn assign(&mut self, tenant: TenantId, app: AppId, new: &AssignmentRow) -> Result<i64> {
        let sql = "insert into assignment
                   (tenant, app, principal, resource, priority, profile, created_at, created_by, only_values)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) on conflict (app, principal, resource)
                   do update set priority = excluded.priority, profile = excluded.profile,
                   only_values = assignment.only_values * excluded.only_values returning id";
        let profile = serde_json::to_string(&new.profile)?;
        let (principal, resource, at, by) = (new.principal.as_str(), &new.resource, new.created_at, &new.created_by);
        let made = (tenant.0, app.0, principal, resource, new.priority, profile, at, by, new.only_values);
        self.first(sql, made, |row| row.get(0))?.ok_or_else(|| Error::broken("an assignment has no number"))
    }

    /// Takes an assignment away; whether there was one.
    pub fn unassign(&mut self, app: AppId, principal: Principal, resource: &str) -> Result<bool> {
        let sql = "delete from assignment where app = ?1 and principal = ?2 and resource = ?3";
        Ok(self.execute(sql, (app.0, principal.as_str(), resource))? > 0)
    }
}
