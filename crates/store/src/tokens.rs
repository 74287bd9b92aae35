//! Bearer tokens: what they may do and how they were used. Only a hash of the secret is here.

use crate::db::{Reader, Row, Writer, params};
use crate::{Error, Result, Role, TenantId};
use serde::{Deserialize, Serialize};

/// One token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// Its id, which is no secret.
    pub id: String,
    /// Whose; nothing for an administrator's.
    pub tenant: Option<TenantId>,
    /// What it is for.
    pub label: String,
    /// Its first characters, to tell tokens apart.
    pub hint: String,
    /// What it may do.
    pub scope: Scope,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: i64,
    /// By whom, as the audit trail names them; nothing where that is not known any more.
    pub created_by: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
    /// When it was ended.
    pub revoked_at: Option<i64>,
    /// Since when it is switched off; it can be switched on again.
    pub disabled_at: Option<i64>,
    /// The token that took its place.
    pub rotated_to: Option<String>,
    /// When it was last used.
    pub last_used_at: Option<i64>,
    /// The address that it was last used from.
    pub last_used_from: Option<String>,
    /// The program that last used it.
    pub last_used_agent: Option<String>,
    /// The networks that it may come from; from anywhere if there are none.
    pub networks: Vec<String>,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Scope {
    /// Everything, of every tenant.
    pub admin: bool,
    /// Users, and resource types of the tenant's own.
    pub users: Access,
    /// Groups.
    pub groups: Access,
    /// How far `admin` goes; without a word everything, as keys were before there were roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl Scope {
    /// Reading and writing of everything in one tenant.
    pub const ALL: Self = Self {
        admin: false,
        users: Access { read: true, write: true },
        groups: Access { read: true, write: true },
        role: None,
    };
    /// Everything, of every tenant.
    pub const ADMIN: Self = Self { admin: true, ..Self::ALL };

    /// What an administrator with this role may do.
    pub const fn of(role: Role) -> Self {
        Self { role: Some(role), ..Self::ADMIN }
    }

    /// The role of an administrator; nothing for a tenant's token.
    pub fn role(&self) -> Option<Role> {
        self.admin.then(|| self.role.unwrap_or(Role::Owner))
    }
}

/// Reading and writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Access {
    /// GET and search.
    pub read: bool,
    /// Everything else.
    pub write: bool,
}

/// That a token was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// Which.
    pub id: String,
    /// When.
    pub at: i64,
    /// From which address.
    pub from: Option<String>,
    /// By which program.
    pub agent: Option<String>,
}

const COLUMNS: &str = "id, tenant, label, hint, scope, hash, created_at, expires_at, revoked_at, rotated_to, \
                       last_used_at, last_used_from, last_used_agent, disabled_at, networks, created_by";

fn token(row: &Row<'_>) -> Result<Token> {
    let scope: String = row.get(4)?;
    Ok(Token {
        id: row.get(0)?,
        tenant: row.get::<Option<i64>>(1)?.map(TenantId),
        label: row.get(2)?,
        hint: row.get(3)?,
        // What cannot be read allows nothing.
        scope: serde_json::from_str(&scope).unwrap_or_default(),
        hash: row.get(5)?,
        created_at: row.get(6)?,
        expires_at: row.get(7)?,
        revoked_at: row.get(8)?,
        rotated_to: row.get(9)?,
        last_used_at: row.get(10)?,
        last_used_from: row.get(11)?,
        last_used_agent: row.get(12)?,
        disabled_at: row.get(13)?,
        networks: row.get::<Option<String>>(14)?.map(|text| listed(&text)).unwrap_or_default(),
        created_by: row.get(15)?,
    })
}

fn listed(networks: &str) -> Vec<String> {
    networks.split(' ').filter(|network| !network.is_empty()).map(str::to_owned).collect()
}

fn written(networks: &[String]) -> Option<String> {
    (!networks.is_empty()).then(|| networks.join(" "))
}

impl Reader {
    /// The token whose secret has this hash, also if it has ended: one lookup.
    pub fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Token>> {
        self.first(&format!("select {COLUMNS} from token where hash = ?1"), [hash.as_slice()], token)
    }

    /// The token of that id.
    pub fn token(&self, id: &str) -> Result<Option<Token>> {
        self.first(&format!("select {COLUMNS} from token where id = ?1"), [id], token)
    }

    /// A tenant's tokens, or the administrators' for `None`, oldest first; also those that have ended.
    pub fn tokens(&self, tenant: Option<TenantId>) -> Result<Vec<Token>> {
        let sql = format!("select {COLUMNS} from token where tenant is not distinct from ?1 order by created_at, id");
        self.all(&sql, [tenant.map(|tenant| tenant.0)], token)
    }
}

impl Writer {
    /// Keeps a new token.
    pub fn token_insert(&mut self, token: &Token) -> Result<()> {
        self.tell_nodes();
        let sql = format!(
            "insert into token ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                     ?16)
             on conflict do nothing"
        );
        let count = self.execute(
            &sql,
            params![
                token.id,
                token.tenant.map(|tenant| tenant.0),
                token.label,
                token.hint,
                serde_json::to_string(&token.scope)?,
                token.hash.as_slice(),
                token.created_at,
                token.expires_at,
                token.revoked_at,
                token.rotated_to,
                token.last_used_at,
                token.last_used_from,
                token.last_used_agent,
                token.disabled_at,
                written(&token.networks),
                token.created_by,
            ],
        )?;
        if count == 0 { Err(Error::Conflict { attribute: "token".into() }) } else { Ok(()) }
    }

    /// Ends a token; whether there was one that had not been ended.
    pub fn token_revoke(&mut self, id: &str, now: i64) -> Result<bool> {
        self.tell_nodes();
        Ok(self.execute("update token set revoked_at = ?2 where id = ?1 and revoked_at is null", (id, now))? > 0)
    }

    /// Switches a token off since an instant, or on again; whether there is such a token that was not ended.
    pub fn token_disable(&mut self, id: &str, at: Option<i64>) -> Result<bool> {
        self.tell_nodes();
        Ok(self.execute("update token set disabled_at = ?2 where id = ?1 and revoked_at is null", (id, at))? > 0)
    }

    /// Says which networks a token may come from; whether there is such a token that was not ended.
    pub fn token_networks(&mut self, id: &str, networks: &[String]) -> Result<bool> {
        self.tell_nodes();
        let sql = "update token set networks = ?2 where id = ?1 and revoked_at is null";
        Ok(self.execute(sql, (id, written(networks)))? > 0)
    }

    /// Lets a token end at an instant, never later than it would anyway, and names its successor if it has
    /// one; whether there is such a token.
    pub fn token_expire(&mut self, id: &str, at: i64, rotated_to: Option<&str>) -> Result<bool> {
        self.tell_nodes();
        let sql = "update token set expires_at = case when expires_at < ?2 then expires_at else ?2 end,
                   rotated_to = coalesce(?3, rotated_to) where id = ?1";
        Ok(self.execute(sql, (id, at, rotated_to))? > 0)
    }

    /// Notes when, from where and by what tokens were used; older notes do not undo newer ones.
    pub fn tokens_used(&mut self, uses: &[TokenUse]) -> Result<()> {
        let sql = "update token set last_used_at = ?2, last_used_from = ?3, last_used_agent = ?4
                   where id = ?1 and coalesce(last_used_at, ?2) <= ?2";
        for one in uses {
            self.execute(sql, (&one.id, one.at, &one.from, &one.agent))?;
        }
        Ok(())
    }
}
