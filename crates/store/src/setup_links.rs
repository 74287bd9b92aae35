//! Links for the other side's administrator: one purpose, an end, and one token that can be made through them.

use crate::db::{Reader, Row, Writer, params};
use crate::{Result, TenantId};

/// One link. Only a hash of its secret is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupLink {
    /// Its id, which is no secret.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// For whom it is.
    pub label: String,
    /// When it was made.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: i64,
    /// When it was ended.
    pub revoked_at: Option<i64>,
    /// When it was last opened.
    pub opened_at: Option<i64>,
    /// From which address.
    pub opened_from: Option<String>,
    /// Id of the token that was made through it.
    pub token: Option<String>,
    /// When somebody asked for a new one, after it had ended.
    pub asked_at: Option<i64>,
}

impl SetupLink {
    /// Whether it opens the page.
    pub fn is_open(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }
}

const COLUMNS: &str = "id, tenant, hash, label, created_at, created_by, expires_at, revoked_at, opened_at, opened_from, token, \
     asked_at";

fn link(row: &Row<'_>) -> Result<SetupLink> {
    Ok(SetupLink {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        hash: row.get(2)?,
        label: row.get(3)?,
        created_at: row.get(4)?,
        created_by: row.get(5)?,
        expires_at: row.get(6)?,
        revoked_at: row.get(7)?,
        opened_at: row.get(8)?,
        opened_from: row.get(9)?,
        token: row.get(10)?,
        asked_at: row.get(11)?,
    })
}

impl Reader {
    /// A tenant's links, newest first.
    pub fn setup_links(&self, tenant: TenantId) -> Result<Vec<SetupLink>> {
        self.all(
            &format!("select {COLUMNS} from setup_link where tenant = ?1 order by created_at desc, id"),
            [tenant.0],
            link,
        )
    }

    /// The link whose secret has this hash, also if it has ended.
    pub fn setup_link(&self, hash: &[u8; 32]) -> Result<Option<SetupLink>> {
        self.first(&format!("select {COLUMNS} from setup_link where hash = ?1"), [hash.as_slice()], link)
    }
}

impl Writer {
    /// Keeps a new link.
    pub fn setup_link_insert(&mut self, link: &SetupLink) -> Result<()> {
        let sql = "insert into setup_link (id, tenant, hash, label, created_at, created_by, expires_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        self.execute(
            sql,
            params![
                link.id,
                link.tenant.0,
                link.hash.as_slice(),
                link.label,
                link.created_at,
                link.created_by,
                link.expires_at
            ],
        )?;
        Ok(())
    }

    /// Ends a link; whether there was one that had not been ended.
    pub fn setup_link_revoke(&mut self, tenant: TenantId, id: &str, now: i64) -> Result<bool> {
        let sql = "update setup_link set revoked_at = ?3 where tenant = ?1 and id = ?2 and revoked_at is null";
        Ok(self.execute(sql, (tenant.0, id, now))? > 0)
    }

    /// Notes that it was opened.
    pub fn setup_link_opened(&mut self, id: &str, now: i64, from: &str) -> Result<()> {
        self.execute("update setup_link set opened_at = ?2, opened_from = ?3 where id = ?1", (id, now, from))?;
        Ok(())
    }

    /// Notes that somebody asked for a new one.
    pub fn setup_link_asked(&mut self, id: &str, now: i64) -> Result<()> {
        self.execute("update setup_link set asked_at = ?2 where id = ?1", (id, now)).map(|_| ())
    }

    /// Notes the token that was made through it; whether it was the first.
    pub fn setup_link_used(&mut self, id: &str, token: &str) -> Result<bool> {
        Ok(self.execute("update setup_link set token = ?2 where id = ?1 and token is null", (id, token))? > 0)
    }
}
