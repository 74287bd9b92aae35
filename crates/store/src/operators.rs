//! Operators: the people at the console, and what they sign in with. Not here: `User`, the SCIM resource.

use crate::db::{Reader, Row, ToValue, Value, Writer};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What an operator may do; each role may do what the one before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at everything and changes nothing.
    #[default]
    Auditor,
    /// Changes everything but operators and administrators' keys.
    Admin,
    /// Everything.
    Owner,
}

impl Role {
    /// All of them, the greatest first.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Auditor];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// The role of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A person at the console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// Its id.
    pub id: String,
    /// What they sign in with; lower case.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// argon2id, in the PHC form; nothing before they have chosen a password.
    pub password: Option<String>,
    /// The TOTP secret, sealed; nothing without a second factor.
    pub totp: Option<Vec<u8>>,
    /// The last time step whose code was used, so that a code works once.
    pub totp_step: i64,
    /// Hashes of the recovery codes that are left.
    pub recovery: Vec<String>,
    /// When they were made.
    pub created_at: i64,
    /// Since when they may not sign in.
    pub disabled_at: Option<i64>,
    /// When they last signed in.
    pub seen_at: Option<i64>,
}

/// A passkey of an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passkey {
    /// The credential's id, base64url.
    pub id: String,
    /// Whose.
    pub operator: String,
    /// What they call it.
    pub label: String,
    /// JSON as the library keeps it.
    pub credential: String,
    /// When it was made.
    pub created_at: i64,
    /// When it last let somebody in.
    pub used_at: Option<i64>,
}

/// A link that lets somebody in once. Only a hash of its code is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryLink {
    /// SHA-256 of the code.
    pub hash: [u8; 32],
    /// Who chooses a password with it; nothing for the first owner, who is not there yet.
    pub operator: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

/// What was counted against a name that somebody tried to sign in by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// Failures in a row.
    pub failures: u32,
    /// The last one.
    pub failed_at: i64,
}

const COLUMNS: &str = "id, email, name, role, password, totp, totp_step, recovery, created_at, disabled_at, seen_at";

fn operator(row: &Row<'_>) -> Result<Operator> {
    let (role, recovery): (String, String) = (row.get(3)?, row.get(7)?);
    Ok(Operator {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        // What cannot be read allows the least.
        role: Role::parse(&role).unwrap_or_default(),
        password: row.get(4)?,
        totp: row.get(5)?,
        totp_step: row.get(6)?,
        recovery: serde_json::from_str(&recovery).unwrap_or_default(),
        created_at: row.get(8)?,
        disabled_at: row.get(9)?,
        seen_at: row.get(10)?,
    })
}

/// The values of `COLUMNS`.
fn row<'a>(operator: &'a Operator, email: &'a str, recovery: &'a str) -> [Value<'a>; 11] {
    [
        Value::Text(&operator.id),
        Value::Text(email),
        Value::Text(&operator.name),
        Value::Text(operator.role.as_str()),
        operator.password.value(),
        operator.totp.value(),
        operator.totp_step.into(),
        Value::Text(recovery),
        operator.created_at.into(),
        operator.disabled_at.value(),
        operator.seen_at.value(),
    ]
}

fn passkey(row: &Row<'_>) -> Result<Passkey> {
    Ok(Passkey {
        id: row.get(0)?,
        operator: row.get(1)?,
        label: row.get(2)?,
        credential: row.get(3)?,
        created_at: row.get(4)?,
        used_at: row.get(5)?,
    })
}

impl Reader {
    /// All operators, by e-mail.
    pub fn operators(&self) -> Result<Vec<Operator>> {
        self.all(&format!("select {COLUMNS} from operator order by email"), (), operator)
    }

    /// The operator of that id.
    pub fn operator(&self, id: &str) -> Result<Option<Operator>> {
        self.first(&format!("select {COLUMNS} from operator where id = ?1"), [id], operator)
    }

    /// The operator of that e-mail, in any case.
    pub fn operator_by_email(&self, email: &str) -> Result<Option<Operator>> {
        self.first(&format!("select {COLUMNS} from operator where email = ?1"), [email.to_lowercase()], operator)
    }

    /// Whether there is an owner who can sign in: until then a setup link is good.
    pub fn has_owner(&self) -> Result<bool> {
        Ok(self.owners()? > 0)
    }

    fn owners(&self) -> Result<i64> {
        let sql = "select count(*) from operator where role = 'owner' and disabled_at is null";
        Ok(self.first(sql, (), |row| row.get(0))?.unwrap_or(0))
    }

    /// An operator's passkeys, oldest first.
    pub fn passkeys(&self, operator: &str) -> Result<Vec<Passkey>> {
        let sql = "select id, operator, label, credential, created_at, used_at from passkey where operator = ?1
                   order by created_at, id";
        self.all(sql, [operator], passkey)
    }

    /// The passkey of that id.
    pub fn passkey(&self, id: &str) -> Result<Option<Passkey>> {
        let sql = "select id, operator, label, credential, created_at, used_at from passkey where id = ?1";
        self.first(sql, [id], passkey)
    }

    /// The link whose code has this hash, if it has not ended.
    pub fn entry_link(&self, hash: &[u8; 32], now: i64) -> Result<Option<EntryLink>> {
        let sql = "select operator, created_at, expires_at from entry_link where hash = ?1 and expires_at > ?2";
        self.first(sql, (hash.as_slice(), now), |row| {
            Ok(EntryLink { hash: *hash, operator: row.get(0)?, created_at: row.get(1)?, expires_at: row.get(2)? })
        })
    }

    /// What was counted against a name.
    pub fn throttle(&self, name: &[u8; 32]) -> Result<Throttle> {
        let sql = "select failures, failed_at from throttle where name = ?1";
        let found =
            self.first(sql, [name.as_slice()], |row| Ok(Throttle { failures: row.get(0)?, failed_at: row.get(1)? }))?;
        Ok(found.unwrap_or_default())
    }
}

impl Writer {
    /// Keeps a new operator.
    pub fn operator_insert(&mut self, new: &Operator) -> Result<()> {
        let sql = format!(
            "insert into operator ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             on conflict do nothing"
        );
        let recovery = serde_json::to_string(&new.recovery)?;
        let email = new.email.to_lowercase();
        let count = self.execute(&sql, &row(new, &email, &recovery)[..])?;
        if count == 0 { Err(Error::Conflict { attribute: "email".into() }) } else { Ok(()) }
    }

    /// Keeps an operator as it is now. Refuses to leave the console without an owner (`Stale`).
    pub fn operator_update(&mut self, operator: &Operator) -> Result<()> {
        let owners = self.owners()?;
        let sql = "update operator set email = ?2, name = ?3, role = ?4, password = ?5, totp = ?6, totp_step = ?7,
                   recovery = ?8, created_at = ?9, disabled_at = ?10, seen_at = ?11 where id = ?1";
        let recovery = serde_json::to_string(&operator.recovery)?;
        let email = operator.email.to_lowercase();
        self.execute(sql, &row(operator, &email, &recovery)[..])?;
        self.still_owned(owners)
    }

    /// Takes an operator away with their sessions, passkeys and links. Refuses to leave no owner.
    pub fn operator_delete(&mut self, id: &str) -> Result<()> {
        let owners = self.owners()?;
        self.execute("delete from saved_view where owner = (select email from operator where id = ?1)", [id])?;
        for table in ["session", "passkey", "entry_link"] {
            self.execute(&format!("delete from {table} where operator = ?1"), [id])?;
        }
        self.execute("delete from operator where id = ?1", [id])?;
        self.still_owned(owners)
    }

    fn still_owned(&self, before: i64) -> Result<()> {
        if before > 0 && self.owners()? == 0 { Err(Error::Stale) } else { Ok(()) }
    }

    /// Uses a time step of an operator's TOTP up; whether it was not used before.
    pub fn totp_use(&mut self, operator: &str, step: i64) -> Result<bool> {
        let sql = "update operator set totp_step = ?2 where id = ?1 and totp_step < ?2";
        Ok(self.execute(sql, (operator, step))? > 0)
    }

    /// Keeps a passkey, or what the library makes of it after it was used.
    pub fn passkey_put(&mut self, key: &Passkey) -> Result<()> {
        let sql = "insert into passkey (id, operator, label, credential, created_at, used_at)
                   values (?1, ?2, ?3, ?4, ?5, ?6)
                   on conflict (id) do update set label = excluded.label, credential = excluded.credential,
                   used_at = excluded.used_at where passkey.operator = excluded.operator";
        let row = (&key.id, &key.operator, &key.label, &key.credential, key.created_at, key.used_at);
        if self.execute(sql, row)? == 0 { Err(Error::Conflict { attribute: "passkey".into() }) } else { Ok(()) }
    }

    /// Takes an operator's passkey away; whether there was one.
    pub fn passkey_delete(&mut self, operator: &str, id: &str) -> Result<bool> {
        Ok(self.execute("delete from passkey where operator = ?1 and id = ?2", (operator, id))? > 0)
    }

    /// Keeps a link; an older one for the same purpose ends.
    pub fn entry_link_insert(&mut self, link: &EntryLink) -> Result<()> {
        self.execute(
            "delete from entry_link where operator is not distinct from ?1 or expires_at <= ?2",
            (&link.operator, link.created_at),
        )?;
        let sql = "insert into entry_link (hash, operator, created_at, expires_at) values (?1, ?2, ?3, ?4)";
        self.execute(sql, (link.hash.as_slice(), &link.operator, link.created_at, link.expires_at))?;
        Ok(())
    }

    /// Uses a link up; whether it was good.
    pub fn entry_link_use(&mut self, hash: &[u8; 32], now: i64) -> Result<bool> {
        let sql = "delete from entry_link where hash = ?1 and expires_at > ?2";
        Ok(self.execute(sql, (hash.as_slice(), now))? > 0)
    }

    /// Counts a failed sign-in against a name. Older than `forget_before` starts anew, and such rows go.
    pub fn throttle_fail(&mut self, name: &[u8; 32], now: i64, forget_before: i64) -> Result<Throttle> {
        self.execute("delete from throttle where failed_at < ?1", [forget_before])?;
        let sql = "insert into throttle (name, failures, failed_at) values (?1, 1, ?2)
                   on conflict (name) do update set failures = throttle.failures + 1, failed_at = excluded.failed_at
                   returning failures, failed_at";
        let found = self
            .first(sql, (name.as_slice(), now), |row| Ok(Throttle { failures: row.get(0)?, failed_at: row.get(1)? }))?;
        Ok(found.unwrap_or_default())
    }

    /// Forgets what was counted against a name.
    pub fn throttle_clear(&mut self, name: &[u8; 32]) -> Result<()> {
        self.execute("delete from throttle where name = ?1", [name.as_slice()])?;
        Ok(())
    }
}
