//! The audit trail: who administered what, as a chain of hashes.
//!
//! Invariant: rows are only added, in the transaction of what they tell about. Each row's hash covers its content and
//! the hash of the row before it, so a row that was changed, taken away from the middle or put in between breaks the
//! chain. Taking away the newest rows does not show in the chain itself: `audit_head` is what to keep elsewhere.

use crate::db::{Reader, Row, Writer, params};
use crate::{Error, Result};
use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use serde_json::Value;

/// The hash in front of the first row.
const START: [u8; 32] = [0; 32];

/// One thing that was done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Its number, dense; given when it is written.
    pub seq: i64,
    /// When.
    pub at: i64,
    /// Who: an operator's e-mail, a token's label, `local`.
    pub actor: String,
    /// What: `token.create`, `switch.set` …
    pub action: String,
    /// To what: `default/token/0190…`.
    pub object: String,
    /// The rest, without secrets.
    pub detail: Value,
    /// From which address.
    pub address: String,
    /// The hash of the row before.
    #[serde(skip)]
    pub prev_hash: [u8; 32],
    /// The hash of this row.
    #[serde(serialize_with = "as_hex")]
    pub hash: [u8; 32],
}

fn as_hex<S: serde::Serializer>(hash: &[u8; 32], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(hash))
}

/// A hash as it is written down.
pub fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a chain of rows does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The first row that is wrong, or behind which rows are missing.
    pub seq: i64,
    /// What is wrong with it.
    pub why: &'static str,
}

const COLUMNS: &str = "seq, at, actor, action, object, detail, address, prev_hash, hash";

/// Row and text of the detail: the hash covers the text, as it is stored.
fn row(row: &Row<'_>) -> Result<(Audit, String)> {
    let text: String = row.get(5)?;
    let audit = Audit {
        seq: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        object: row.get(4)?,
        detail: serde_json::from_str(&text).unwrap_or_default(),
        address: row.get(6)?,
        prev_hash: row.get(7)?,
        hash: row.get(8)?,
    };
    Ok((audit, text))
}

/// Every field with its length in front, so that no two rows have the same bytes.
fn hash_of(audit: &Audit, detail: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&audit.prev_hash);
    context.update(&audit.seq.to_be_bytes());
    context.update(&audit.at.to_be_bytes());
    for text in [audit.actor.as_str(), &audit.action, &audit.object, detail, &audit.address] {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

impl Reader {
    /// The trail, newest first: rows before a number (0 for the newest), whose actor, action or object holds the text.
    pub fn audit(&self, before: i64, text: &str, limit: u32) -> Result<Vec<Audit>> {
        let sql = format!(
            "select {COLUMNS} from audit where (?1 = 0 or seq < ?1) and (?2 = '' or instr(lower(actor), ?2) > 0
             or instr(action, ?2) > 0 or instr(lower(object), ?2) > 0) order by seq desc limit ?3"
        );
        let rows = self.all(&sql, (before, text.to_lowercase(), limit), row)?;
        Ok(rows.into_iter().map(|(audit, _)| audit).collect())
    }

    /// Number and hash of the newest row: kept somewhere else, it proves that nothing was cut off.
    pub fn audit_head(&self) -> Result<(i64, [u8; 32])> {
        let found = self
            .first("select seq, hash from audit order by seq desc limit 1", (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.unwrap_or((0, START)))
    }

    /// The hash of the row of that number.
    pub fn audit_hash(&self, seq: i64) -> Result<Option<[u8; 32]>> {
        self.first("select hash from audit where seq = ?1", [seq], |row| row.get(0))
    }

    /// Follows the whole chain: how many rows there are, and where it first breaks.
    pub fn audit_verify(&self) -> Result<(u64, Option<Broken>)> {
        let sql = format!("select {COLUMNS} from audit order by seq");
        let (mut count, mut seq, mut hash, mut broken) = (0, 0, START, None);
        self.each(&sql, (), |found| {
            let Ok((audit, text)) = row(found) else {
                broken = Some(Broken { seq: seq + 1, why: "the row cannot be read" });
                return Ok(false);
            };
            seq += 1;
            let why = if audit.seq != seq {
                Some("a row is missing before it")
            } else if audit.prev_hash != hash {
                Some("it does not follow from the row before it")
            } else if hash_of(&audit, &text) != audit.hash {
                Some("its content was changed")
            } else {
                None
            };
            if let Some(why) = why {
                broken = Some(Broken { seq: audit.seq, why });
                return Ok(false);
            }
            hash = audit.hash;
            count += 1;
            Ok(true)
        })?;
        Ok((count, broken))
    }
}

impl Writer {
    /// Adds a row, in the transaction of what it tells about; its number and hashes are made here.
    pub fn audit_add(&mut self, audit: &Audit) -> Result<i64> {
        let (last, prev_hash) = self.audit_head()?;
        let detail = serde_json::to_string(&audit.detail)?;
        let audit = Audit { seq: last + 1, prev_hash, ..audit.clone() };
        let hash = hash_of(&audit, &detail);
        let sql = format!("insert into audit ({COLUMNS}) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        let added = self.execute(
            &sql,
            params![
                audit.seq,
                audit.at,
                audit.actor,
                audit.action,
                audit.object,
                detail,
                audit.address,
                audit.prev_hash.as_slice(),
                hash.as_slice(),
            ],
        )?;
        if added == 1 { Ok(audit.seq) } else { Err(Error::broken("the audit trail took no row")) }
    }
}
