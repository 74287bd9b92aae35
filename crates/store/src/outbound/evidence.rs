//! What was sent and what was answered, without secrets; it is kept for a while.

use super::AppId;
use crate::db::{Reader, Row, ToValue, Writer};
use crate::{Result, TenantId};
use serde::Serialize;
use std::collections::BTreeMap;

/// One request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// Its number; given when it is written.
    pub id: i64,
    /// Whose.
    #[serde(skip)]
    pub tenant: TenantId,
    /// To which app.
    #[serde(skip)]
    pub app: AppId,
    /// About which link.
    pub link: Option<i64>,
    /// About whom.
    pub resource: Option<String>,
    /// When it was sent.
    pub at: i64,
    /// How long the answer took.
    pub took_us: i64,
    /// What it was for.
    pub action: String,
    /// The method.
    pub method: String,
    /// Behind the base URL.
    pub path: String,
    /// The body, redacted.
    pub request: Option<String>,
    /// The status; nothing if there was no answer.
    pub status: Option<u16>,
    /// The answer, redacted, or how it was lost.
    pub response: Option<String>,
    /// What followed from it, in a word.
    pub outcome: String,
}

const COLUMNS: &str =
    "id, tenant, app, link, resource, at, took_us, action, method, path, request, status, response, outcome";

fn exchange(row: &Row<'_>) -> Result<Exchange> {
    Ok(Exchange {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        app: AppId(row.get(2)?),
        link: row.get(3)?,
        resource: row.get(4)?,
        at: row.get(5)?,
        took_us: row.get(6)?,
        action: row.get(7)?,
        method: row.get(8)?,
        path: row.get(9)?,
        request: row.get(10)?,
        status: row.get(11)?,
        response: row.get(12)?,
        outcome: row.get(13)?,
    })
}

impl Reader {
    /// An app's exchanges before one of them, newest first; of one link if it is named.
    pub fn exchanges(&self, app: AppId, link: Option<i64>, before: Option<i64>, limit: u32) -> Result<Vec<Exchange>> {
        let before = before.unwrap_or(i64::MAX);
        match link {
            Some(link) => {
                let sql = format!(
                    "select {COLUMNS} from exchange where link = ?1 and app = ?2 and id < ?3 order by id desc limit ?4"
                );
                self.all(&sql, (link, app.0, before, limit), exchange)
            }
            None => {
                let sql =
                    format!("select {COLUMNS} from exchange where app = ?1 and id < ?2 order by id desc limit ?3");
                self.all(&sql, (app.0, before, limit), exchange)
            }
        }
    }

    /// When an app's last exchanges were, and how they were answered; newest first, without what was said.
    pub fn exchanges_lately(&self, app: AppId, limit: u32) -> Result<Vec<(i64, Option<u16>)>> {
        let sql = "select at, status from exchange where app = ?1 order by id desc limit ?2";
        self.all(sql, (app.0, limit), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// When something was last sent to each of these links that was more than a look.
    pub fn last_sent(&self, links: &[i64]) -> Result<BTreeMap<i64, i64>> {
        let sql = "select at from exchange where link = ?1 and action <> 'probe' order by id desc limit 1";
        let mut found = BTreeMap::new();
        for link in links {
            found.extend(self.first(sql, [*link], |row| row.get::<i64>(0))?.map(|at| (*link, at)));
        }
        Ok(found)
    }

    /// One exchange.
    pub fn exchange(&self, app: AppId, id: i64) -> Result<Option<Exchange>> {
        self.first(&format!("select {COLUMNS} from exchange where app = ?1 and id = ?2"), (app.0, id), exchange)
    }
}

impl Writer {
    /// Keeps exchanges.
    pub fn exchanges_insert<'e>(&mut self, new: impl Iterator<Item = &'e Exchange>) -> Result<()> {
        let sql =
            "insert into exchange (tenant, app, link, resource, at, took_us, action, method, path, request, status,
                   response, outcome) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
        let set = |new: &'e Exchange| {
            [
                new.tenant.0.value(),
                new.app.0.value(),
                new.link.value(),
                new.resource.value(),
                new.at.value(),
                new.took_us.value(),
                new.action.value(),
                new.method.value(),
                new.path.value(),
                new.request.value(),
                new.status.value(),
                new.response.value(),
                new.outcome.value(),
            ]
        };
        self.insert_later(sql, &new.map(set).collect::<Vec<_>>())
    }

    /// Takes away what is older; at most so many rows at a time. Whether there may be more.
    pub fn exchanges_prune(&mut self, before: i64, limit: u32) -> Result<bool> {
        let sql = "delete from exchange where id in (select id from exchange where at < ?1 order by at limit ?2)";
        let gone = self.execute(sql, (before, limit))?;
        self.execute(
            "delete from destruction where id in (select id from destruction where at < ?1 limit ?2)",
            (before, limit),
        )?;
        Ok(gone >= limit as usize)
    }
}
