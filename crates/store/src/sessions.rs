//! Sessions of the console. Only a hash of the cookie is here, so that whoever reads the database is not signed in.

use crate::Result;
use crate::db::{Reader, Row, Writer};

/// One sign-in that has not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie.
    pub hash: [u8; 32],
    /// What it is revoked by; no secret.
    pub id: String,
    /// Whose.
    pub operator: String,
    /// The tenant that the operator looks at, by name.
    pub tenant: String,
    /// When it began.
    pub created_at: i64,
    /// When it was last used, to the minute.
    pub seen_at: i64,
    /// From where it was last used.
    pub address: String,
    /// By which browser.
    pub agent: String,
    /// How the operator signed in.
    pub method: String,
}

const COLUMNS: &str = "hash, id, operator, tenant, created_at, seen_at, address, agent, method";

fn session(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        hash: row.get(0)?,
        id: row.get(1)?,
        operator: row.get(2)?,
        tenant: row.get(3)?,
        created_at: row.get(4)?,
        seen_at: row.get(5)?,
        address: row.get(6)?,
        agent: row.get(7)?,
        method: row.get(8)?,
    })
}

impl Reader {
    /// The session of a cookie, also one that is too old: the caller knows what is.
    pub fn session(&self, hash: &[u8; 32]) -> Result<Option<Session>> {
        self.first(&format!("select {COLUMNS} from session where hash = ?1"), [hash.as_slice()], session)
    }

    /// An operator's sessions, the last used first; or everybody's.
    pub fn sessions(&self, operator: Option<&str>) -> Result<Vec<Session>> {
        let sql = format!("select {COLUMNS} from session where ?1 is null or operator = ?1 order by seen_at desc, id");
        self.all(&sql, [operator], session)
    }
}

impl Writer {
    /// Begins a session.
    pub fn session_insert(&mut self, new: &Session) -> Result<()> {
        let sql = format!("insert into session ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        let Session { hash, id, operator, tenant, created_at, seen_at, address, agent, method } = new;
        self.execute(&sql, (hash.as_slice(), id, operator, tenant, created_at, seen_at, address, agent, method))?;
        Ok(())
    }

    /// Notes that a session was used, from where and by what.
    pub fn session_seen(&mut self, hash: &[u8; 32], now: i64, address: &str, agent: &str) -> Result<()> {
        let sql = "update session set seen_at = ?2, address = ?3, agent = ?4 where hash = ?1 and seen_at < ?2";
        self.execute(sql, (hash.as_slice(), now, address, agent))?;
        Ok(())
    }

    /// Notes which tenant an operator looks at.
    pub fn session_tenant(&mut self, hash: &[u8; 32], tenant: &str) -> Result<()> {
        self.execute("update session set tenant = ?2 where hash = ?1", (hash.as_slice(), tenant))?;
        Ok(())
    }

    /// Ends an operator's session by its id; whether there was one.
    pub fn session_end(&mut self, operator: &str, id: &str) -> Result<bool> {
        Ok(self.execute("delete from session where operator = ?1 and id = ?2", (operator, id))? > 0)
    }

    /// Ends an operator's sessions, but for the one with this id; how many there were.
    pub fn sessions_end(&mut self, operator: &str, but: &str) -> Result<usize> {
        self.execute("delete from session where operator = ?1 and id <> ?2", (operator, but))
    }

    /// Takes away sessions that began or were used too long ago.
    pub fn sessions_prune(&mut self, created_before: i64, seen_before: i64) -> Result<usize> {
        self.execute("delete from session where created_at < ?1 or seen_at < ?2", (created_before, seen_before))
    }
}
