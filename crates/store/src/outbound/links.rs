//! Links: one person, or group, at one app, as rows and in lists.

use super::AppId;
use crate::db::{FromValue, Reader, Row, Value as Sent};
use crate::{Result, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A user or a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkKind {
    /// A user.
    #[default]
    User,
    /// A group.
    Group,
}

/// Where a link stands, for lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// Nothing was decided yet, or nothing is there.
    #[default]
    New,
    /// It is ours, and as it should be.
    Linked,
    /// It is tried again later.
    Waiting,
    /// A brake holds it.
    Held,
    /// Somebody has to look.
    Parked,
    /// Held work that somebody dropped.
    Dropped,
    /// It was deleted there.
    Gone,
}

/// Words as they stand in a column.
macro_rules! words {
    ($type:ty { $($name:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What a word means.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == text)
            }
        }

        impl FromValue for $type {
            fn from_value(value: Sent<'_>) -> Option<Self> {
                Self::parse(&String::from_value(value)?)
            }
        }
    };
}
pub(super) use words;

words!(LinkKind { User = "user", Group = "group" });
words!(Standing {
    New = "new",
    Linked = "linked",
    Waiting = "waiting",
    Held = "held",
    Parked = "parked",
    Dropped = "dropped",
    Gone = "gone",
});

/// Why somebody should look at a link.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cause {
    /// What groups it: links with the same one are one task.
    pub key: String,
    /// The same at length.
    pub detail: Value,
}

/// A link without what is known of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkRow {
    /// Its number.
    pub id: i64,
    /// Whose.
    #[serde(skip)]
    pub tenant: TenantId,
    /// Of which app.
    #[serde(skip)]
    pub app: AppId,
    /// A user or a group.
    pub kind: LinkKind,
    /// Its id in the directory.
    pub resource: String,
    /// What it is called in the directory; nothing if it is gone.
    pub name: Option<String>,
    /// Its id at the app.
    pub remote_id: Option<String>,
    /// What it is called at the app.
    pub display: Option<String>,
    /// Where it stands.
    pub standing: Standing,
    /// Whether the account is in use.
    pub active: bool,
    /// In which order it is worked on.
    pub lane: i64,
    /// When something is to be done.
    pub due_at: Option<i64>,
    /// Goes up when it may be out of date.
    pub desired_rev: i64,
    /// What was decided last.
    pub applied_rev: i64,
    /// The app's revision that this was decided with.
    pub evaluated_rev: i64,
    /// 1: somebody asked to try again; 2: and to forget what was learned.
    pub retry: i64,
    /// Of a group that is pushed no longer: `delete` or `keep`; nothing is what the policy says.
    pub leave: Option<String>,
    /// What is being done.
    pub begun: Option<String>,
    /// What an import did to the person when their account went, and nobody has changed since: `deactivated`, `suspended`.
    pub ended_by_import: Option<String>,
    /// Why somebody should look.
    pub cause: Option<Cause>,
    /// Goes up with every claim.
    #[serde(skip)]
    pub fence: i64,
    /// Since when.
    pub caused_at: Option<i64>,
    /// When something changed here.
    pub changed_at: i64,
}

/// Which links a list shows.
#[derive(Clone, Debug, Default)]
pub struct LinkQuery {
    /// A user or a group.
    pub kind: LinkKind,
    /// Only these.
    pub standing: Option<Standing>,
    /// Only those of one task.
    pub cause: Option<String>,
    /// Behind this one.
    pub after: i64,
    /// How many.
    pub limit: u32,
}

pub(super) const COLUMNS: &str = "l.id, l.tenant, l.app, l.kind, l.resource, r.display, l.remote_id, l.display, l.standing, l.active, \
                       l.lane, l.due_at, l.desired_rev, l.applied_rev, l.evaluated_rev, l.retry, l.begun, l.cause, \
                       l.detail, l.fence, l.caused_at, l.changed_at, l.leave, l.ended_by_import";
/// The place of what follows them.
pub(super) const STATE: usize = 24;
pub(super) const FROM: &str = "from link l left join resource r on r.tenant = l.tenant and r.id = l.resource";

pub(super) fn link(row: &Row<'_>) -> Result<LinkRow> {
    let (key, detail): (Option<String>, Option<String>) = (row.get(17)?, row.get(18)?);
    let detail = detail.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(LinkRow {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        app: AppId(row.get(2)?),
        kind: row.get(3)?,
        resource: row.get(4)?,
        name: row.get(5)?,
        remote_id: row.get(6)?,
        display: row.get(7)?,
        standing: row.get(8)?,
        active: row.get(9)?,
        lane: row.get(10)?,
        due_at: row.get(11)?,
        desired_rev: row.get(12)?,
        applied_rev: row.get(13)?,
        evaluated_rev: row.get(14)?,
        retry: row.get(15)?,
        begun: row.get(16)?,
        cause: key.map(|key| Cause { key, detail }),
        fence: row.get(19)?,
        caused_at: row.get(20)?,
        changed_at: row.get(21)?,
        leave: row.get(22)?,
        ended_by_import: row.get(23)?,
    })
}

impl Reader {
    /// The link of a person, or group, at an app.
    pub fn link_of(&self, app: AppId, kind: LinkKind, resource: &str) -> Result<Option<LinkRow>> {
        let sql = format!("select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.resource = ?3");
        self.first(&sql, (app.0, kind.as_str(), resource), link)
    }

    /// The link of that number.
    pub fn link(&self, id: i64) -> Result<Option<LinkRow>> {
        self.first(&format!("select {COLUMNS} {FROM} where l.id = ?1"), [id], link)
    }

    /// The link that has this id at the app.
    pub fn link_by_remote(&self, app: AppId, kind: LinkKind, remote_id: &str) -> Result<Option<LinkRow>> {
        let sql = format!("select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.remote_id = ?3");
        self.first(&sql, (app.0, kind.as_str(), remote_id), link)
    }

    /// What is known of an account: `provision::Link` as JSON.
    pub fn link_state(&self, id: i64) -> Result<Option<String>> {
        self.first("select state from link_state where link = ?1", [id], |row| row.get(0))
    }

    /// What is known of these people's accounts at an app, of those that are linked: `provision::Link` as JSON.
    pub fn link_states(&self, app: AppId, people: &[&str]) -> Result<Vec<(String, String)>> {
        let sql = "select l.resource, s.state from link l join link_state s on s.link = l.id
                   where l.app = ?1 and l.kind = 'user' and l.resource = ?2 and l.remote_id is not null";
        let sets: Vec<[Sent<'_>; 2]> = people.iter().map(|one| [Sent::Int(app.0), Sent::Text(one)]).collect();
        let found = self.first_of(sql, &sets, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Everything of one person, over all apps that are not being deleted.
    pub fn links_of_resource(&self, tenant: TenantId, resource: &str) -> Result<Vec<LinkRow>> {
        let sql = format!(
            "select {COLUMNS} {FROM} where l.tenant = ?1 and l.resource = ?2
             and exists (select 1 from app a where a.id = l.app and a.deleting_at is null) order by l.id"
        );
        self.all(&sql, (tenant.0, resource), link)
    }

    /// A page of an app's links in the order in which they were made.
    pub fn links(&self, app: AppId, query: &LinkQuery) -> Result<Vec<LinkRow>> {
        let (kind, after, limit) = (query.kind.as_str(), query.after, query.limit);
        match (&query.cause, query.standing) {
            (Some(cause), _) => {
                let sql = format!(
                    "select {COLUMNS} {FROM} where l.app = ?1 and l.cause = ?2 and l.id > ?3 order by l.id limit ?4"
                );
                self.all(&sql, (app.0, cause, after, limit), link)
            }
            (None, Some(standing)) => {
                let sql = format!(
                    "select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.standing = ?3 and l.id > ?4 order by l.id limit ?5"
                );
                self.all(&sql, (app.0, kind, standing.as_str(), after, limit), link)
            }
            (None, None) => {
                let sql = format!(
                    "select {COLUMNS} {FROM} where l.app = ?1 and l.kind = ?2 and l.id > ?3 order by l.id limit ?4"
                );
                self.all(&sql, (app.0, kind, after, limit), link)
            }
        }
    }
}
