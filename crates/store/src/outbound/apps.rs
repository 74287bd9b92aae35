//! Apps: settings and options as JSON, the credential sealed, two counters.

use super::LinkKind;
use super::claims::stand;
use crate::db::{Reader, Row, Writer, params};
use crate::{Error, Result, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The number of an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(pub i64);

/// An app without its credential.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppRow {
    /// Its number.
    pub id: AppId,
    /// Whose.
    pub tenant: TenantId,
    /// In addresses and expressions; unique in the tenant.
    pub name: String,
    /// `provision::App`.
    pub settings: Value,
    /// What the engine adds to that.
    pub options: Value,
    /// Whether there is a credential.
    pub has_credential: bool,
    /// When that was set; not known of one that is older than the column.
    pub credential_at: Option<i64>,
    /// Its last characters, where they give nothing away.
    pub credential_ends: Option<String>,
    /// What somebody has let its authorization server give.
    pub grant: Option<AppGrant>,
    /// Goes up with every change.
    pub generation: i64,
    /// Goes up when every link may be out of date.
    pub revision: i64,
    /// `provision::pace::Pace`, while something is wrong.
    pub pace: Option<Value>,
    /// Since when a change waits to be applied to everybody.
    pub pending_at: Option<i64>,
    /// When the next scan is due.
    pub reconcile_at: Option<i64>,
    /// When the next import is due.
    pub import_at: Option<i64>,
    /// When it was made.
    pub created_at: i64,
    /// When it was changed.
    pub modified_at: i64,
}

/// An app that is to be made.
#[derive(Clone, Debug, Default)]
pub struct NewApp {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// `provision::App`.
    pub settings: Value,
    /// What the engine adds to that.
    pub options: Value,
}

/// What somebody has let an app's authorization server give, without what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppGrant {
    /// When they agreed.
    pub at: i64,
    /// Who they were, as the audit trail names them.
    pub by: String,
    /// Since when the authorization server does not take it any more.
    pub lost_at: Option<i64>,
}

/// The same for whoever renews it.
#[derive(Clone, PartialEq, Eq)]
pub struct Granted {
    /// Sealed.
    pub sealed: Vec<u8>,
    /// Which renewal brought it.
    pub of: i64,
    /// The authorization server does not take it any more.
    pub is_lost: bool,
}

/// All but the credential.
const COLUMNS: &str = "id, tenant, name, settings, options, case when credential is null then 0 else 1 end, generation, \
                       revision, pace, reconcile_at, import_at, created_at, modified_at, credential_at, \
                       credential_ends, pending_at, granted_at, granted_by, granted_lost_at";

fn app(row: &Row<'_>) -> Result<AppRow> {
    let (settings, options): (String, String) = (row.get(3)?, row.get(4)?);
    let pace: Option<String> = row.get(8)?;
    Ok(AppRow {
        id: AppId(row.get(0)?),
        tenant: TenantId(row.get(1)?),
        name: row.get(2)?,
        settings: serde_json::from_str(&settings)?,
        options: serde_json::from_str(&options)?,
        has_credential: row.get(5)?,
        generation: row.get(6)?,
        revision: row.get(7)?,
        pace: pace.map(|text| serde_json::from_str(&text)).transpose()?,
        reconcile_at: row.get(9)?,
        import_at: row.get(10)?,
        created_at: row.get(11)?,
        modified_at: row.get(12)?,
        credential_at: row.get(13)?,
        credential_ends: row.get(14)?,
        pending_at: row.get(15)?,
        grant: match row.get(16)? {
            Some(at) => {
                Some(AppGrant { at, by: row.get::<Option<String>>(17)?.unwrap_or_default(), lost_at: row.get(18)? })
            }
            None => None,
        },
    })
}

/// Whose accounts a change of an app is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody's: it does not matter to them.
    Nobody,
    /// Everybody's, behind other work.
    Everybody,
    /// Whoever is looked at anyway; everybody's when somebody says so, or with the next scan.
    Later,
}

/// Between the name that a deleted app had and its number; no name has this in it.
const DELETED: &str = "#";

/// What is of an app besides its links and what hangs on them, each with a number of its own.
const TABLES: [&str; 8] =
    ["assignment", "push_group", "push_rule", "fill", "exchange", "destruction", "approval", "run"];

impl Reader {
    /// A tenant's apps by their names.
    pub fn apps(&self, tenant: TenantId) -> Result<Vec<AppRow>> {
        self.all(
            &format!("select {COLUMNS} from app where tenant = ?1 and deleting_at is null order by name"),
            [tenant.0],
            app,
        )
    }

    /// The app of that name.
    pub fn app_named(&self, tenant: TenantId, name: &str) -> Result<Option<AppRow>> {
        self.first(&format!("select {COLUMNS} from app where tenant = ?1 and name = ?2"), (tenant.0, name), app)
    }

    /// The apps of a tenant that are being deleted, each with the name that it had and how many links are left.
    pub fn apps_deleted(&self, tenant: TenantId) -> Result<Vec<(String, i64, u64)>> {
        let sql = "select a.name, a.deleting_at, (select coalesce(cast(sum(c.count) as bigint), 0) from link_count c
                   where c.app = a.id) from app a where a.tenant = ?1 and a.deleting_at is not null order by a.id";
        self.all(sql, [tenant.0], |row| {
            let name: String = row.get(0)?;
            let name = name.split_once(DELETED).map_or(name.as_str(), |(name, _)| name).to_owned();
            Ok((name, row.get(1)?, row.get::<i64>(2)?.cast_unsigned()))
        })
    }

    /// The apps that are being deleted, of all tenants.
    pub fn apps_deleting(&self) -> Result<Vec<(AppId, TenantId)>> {
        let sql = "select id, tenant from app where deleting_at is not null order by deleting_at limit 100";
        self.all(sql, (), |row| Ok((AppId(row.get(0)?), TenantId(row.get(1)?))))
    }

    /// The app of that number.
    pub fn app(&self, id: AppId) -> Result<Option<AppRow>> {
        self.first(&format!("select {COLUMNS} from app where id = ?1 and deleting_at is null"), [id.0], app)
    }

    /// The generation of an app, the revision, and the generations of all apps of its tenant together: what says whether a copy
    /// of it, and of what others want of it, is still good.
    pub fn app_generation(&self, id: AppId) -> Result<Option<(i64, i64, i64)>> {
        let sql = "select generation, revision, cast((select sum(o.generation) from app o where o.tenant = a.tenant) as bigint)
                   from app a where id = ?1 and deleting_at is null";
        self.first(sql, [id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    }

    /// The apps of a tenant by their names alone.
    pub fn app_names(&self, tenant: TenantId) -> Result<Vec<(AppId, String)>> {
        let sql = "select id, name from app where tenant = ?1 and deleting_at is null order by name";
        self.all(sql, [tenant.0], |row| Ok((AppId(row.get(0)?), row.get(1)?)))
    }

    /// The sealed credential.
    pub fn app_credential(&self, id: AppId) -> Result<Option<Vec<u8>>> {
        Ok(self.first("select credential from app where id = ?1", [id.0], |row| row.get(0))?.flatten())
    }

    /// What was granted, for whoever renews it.
    pub fn app_granted(&self, id: AppId) -> Result<Option<Granted>> {
        let sql = "select granted, granted_of, granted_lost_at from app where id = ?1 and granted is not null";
        let granted = |row: &Row<'_>| -> Result<Granted> {
            Ok(Granted { sealed: row.get(0)?, of: row.get(1)?, is_lost: row.get::<Option<i64>>(2)?.is_some() })
        };
        self.first(sql, [id.0], granted)
    }

    /// What somebody has begun at the authorization server, sealed.
    pub fn app_granting(&self, id: AppId) -> Result<Option<Vec<u8>>> {
        Ok(self.first("select granting from app where id = ?1", [id.0], |row| row.get(0))?.flatten())
    }

    /// Whether any tenant has, or had, an app.
    pub fn has_apps(&self) -> Result<bool> {
        Ok(self.first("select 1 from feed_cursor limit 1", (), |_| Ok(()))?.is_some())
    }

    /// Apps whose scan, or import, is due.
    pub fn apps_scheduled(&self, now: i64) -> Result<Vec<AppRow>> {
        let sql = format!(
            "select {COLUMNS} from app where deleting_at is null and id in (select id from app where reconcile_at <= ?1
             union select id from app where import_at <= ?1) order by id limit 100"
        );
        self.all(&sql, [now], app)
    }
}

impl Writer {
    /// Makes an app; `Conflict` if the name is taken. The feed is followed from here on.
    pub fn app_insert(&mut self, new: &NewApp, now: i64) -> Result<AppRow> {
        let sql = "insert into app (tenant, name, settings, options, generation, revision, created_at, modified_at)
                   values (?1, ?2, ?3, ?4, 1, 1, ?5, ?5) on conflict (tenant, name) do nothing returning id";
        let texts = (serde_json::to_string(&new.settings)?, serde_json::to_string(&new.options)?);
        let made: Option<i64> = self.first(sql, (new.tenant.0, &new.name, texts.0, texts.1, now), |row| row.get(0))?;
        let id = made.ok_or_else(|| Error::Conflict { attribute: "name".into() })?;
        let sql = "insert into feed_cursor (tenant, seq) values (?1, ?2) on conflict (tenant) do nothing";
        let last = self.last_change(new.tenant)?;
        self.execute(sql, (new.tenant.0, last))?;
        self.app(AppId(id))?.ok_or_else(|| Error::broken("a new app is not there"))
    }

    /// Stores name, settings, options and schedules; the generation goes up, and where it reaches everybody the revision, so
    /// that every link is decided anew. `Stale` if it was changed since it was read, or is gone.
    pub fn app_update(&mut self, changed: &AppRow, reach: Reach, now: i64) -> Result<AppRow> {
        let other = self.app_named(changed.tenant, &changed.name)?;
        if other.is_some_and(|other| other.id != changed.id) {
            return Err(Error::Conflict { attribute: "name".into() });
        }
        let sql = "update app set name = ?3, settings = ?4, options = ?5, generation = generation + 1,
                   revision = revision + ?6, reconcile_at = ?7, import_at = ?8, modified_at = ?9, pending_at = ?10
                   where id = ?1 and generation = ?2";
        let (settings, options) = (serde_json::to_string(&changed.settings)?, serde_json::to_string(&changed.options)?);
        let (id, generation, name) = (changed.id.0, changed.generation, &changed.name);
        let (reconcile_at, import_at, everybody) = (changed.reconcile_at, changed.import_at, reach == Reach::Everybody);
        let pending_at = match reach {
            Reach::Nobody => changed.pending_at,
            Reach::Everybody => None,
            Reach::Later => changed.pending_at.or(Some(now)),
        };
        let row = params![id, generation, name, settings, options, everybody, reconcile_at, import_at, now, pending_at];
        let stored = self.execute(sql, row)?;
        if stored == 0 {
            return Err(Error::Stale);
        }
        self.app(changed.id)?.ok_or_else(|| Error::broken("an updated app is not there"))
    }

    /// Stores the sealed credential with its last characters, if these may be shown; or takes it away.
    pub fn app_set_credential(&mut self, id: AppId, sealed: Option<(&[u8], Option<&str>)>, now: i64) -> Result<()> {
        let sql = "update app set credential = ?2, credential_ends = ?3, credential_at = ?4,
                   generation = generation + 1 where id = ?1";
        let (sealed, ends, at) = match sealed {
            Some((sealed, ends)) => (Some(sealed), ends, Some(now)),
            None => (None, None, None),
        };
        self.execute(sql, (id.0, sealed, ends, at)).map(|_| ())
    }

    /// Stores what somebody has agreed to, sealed, and who; or takes it away. What was begun is done, and no renewal that is under
    /// way counts any more.
    pub fn app_set_granted(&mut self, id: AppId, granted: Option<(&[u8], &str)>, now: i64) -> Result<()> {
        let sql = "update app set granted = ?2, granted_by = ?3, granted_at = ?4, granted_number = granted_number + 1,
                   granted_of = granted_number + 1, granted_until = null, granted_lost_at = null, granting = null,
                   generation = generation + 1 where id = ?1";
        let (sealed, by, at) = match granted {
            Some((sealed, by)) => (Some(sealed), Some(by), Some(now)),
            None => (None, None, None),
        };
        self.execute(sql, (id.0, sealed, by, at)).map(|_| ())
    }

    /// Stores what somebody has begun, sealed; it takes the place of what was begun before.
    pub fn app_set_granting(&mut self, id: AppId, sealed: &[u8]) -> Result<()> {
        self.execute("update app set granting = ?2 where id = ?1", (id.0, sealed)).map(|_| ())
    }

    /// Stores what became of something that was begun, if it is still the same: of two who come back at once one gets on.
    pub fn app_swap_granting(&mut self, id: AppId, known: &[u8], sealed: Option<&[u8]>) -> Result<bool> {
        Ok(self.execute("update app set granting = ?3 where id = ?1 and granting = ?2", (id.0, known, sealed))? > 0)
    }

    /// Draws a number for the renewal of what was granted, with the time until which nobody else gets one. Nothing if
    /// somebody has one, or what is kept is another thing by now.
    pub fn app_take_granted(&mut self, id: AppId, of: i64, now: i64, until: i64) -> Result<Option<i64>> {
        let sql = "update app set granted_number = granted_number + 1, granted_until = ?4
                   where id = ?1 and granted_of = ?2 and granted is not null and granted_lost_at is null
                   and (granted_until is null or granted_until <= ?3) returning granted_number";
        self.first(sql, (id.0, of, now, until), |row| row.get(0))
    }

    /// Keeps what a renewal brought, unless a later one did, or somebody has agreed anew or taken it away meanwhile.
    pub fn app_renew_granted(&mut self, id: AppId, number: i64, sealed: &[u8]) -> Result<bool> {
        let sql = "update app set granted = ?3, granted_of = ?2, granted_lost_at = null,
                   granted_until = case when granted_number = ?2 then null else granted_until end
                   where id = ?1 and granted_of < ?2 and granted is not null";
        Ok(self.execute(sql, (id.0, number, sealed))? > 0)
    }

    /// A renewal came to nothing for the moment.
    pub fn app_release_granted(&mut self, id: AppId, number: i64) -> Result<()> {
        let sql = "update app set granted_until = null where id = ?1 and granted_number = ?2";
        self.execute(sql, (id.0, number)).map(|_| ())
    }

    /// The authorization server does not take it any more. Whether that is about what is kept: if another renewal brought
    /// something meanwhile, or is under way, it is not.
    pub fn app_lose_granted(&mut self, id: AppId, (of, number): (i64, i64), now: i64) -> Result<bool> {
        let sql = "update app set granted_lost_at = ?4, granted_until = null
                   where id = ?1 and granted_of = ?2 and granted_number = ?3 and granted is not null";
        Ok(self.execute(sql, (id.0, of, number, now))? > 0)
    }

    /// Every link may be out of date; no change of the app waits any more.
    pub fn app_bump(&mut self, id: AppId) -> Result<()> {
        let sql =
            "update app set revision = revision + 1, generation = generation + 1, pending_at = null where id = ?1";
        self.execute(sql, [id.0]).map(|_| ())
    }

    /// A change that waited is applied to everybody; whether there was one.
    pub fn app_bump_pending(&mut self, id: AppId) -> Result<bool> {
        let sql = "update app set revision = revision + 1, generation = generation + 1, pending_at = null
                   where id = ?1 and pending_at is not null";
        Ok(self.execute(sql, [id.0])? > 0)
    }

    /// Notes what is wrong with the app as a whole, if it is still the one that this was heard of: whoever has changed it
    /// meanwhile wants it tried.
    pub fn app_note_pace(&mut self, id: AppId, generation: i64, pace: &Value) -> Result<()> {
        let sql = "update app set pace = ?3 where id = ?1 and generation = ?2";
        self.execute(sql, (id.0, generation, serde_json::to_string(pace)?)).map(|_| ())
    }

    /// Notes what is wrong with the app as a whole, or that nothing is.
    pub fn app_set_pace(&mut self, id: AppId, pace: Option<&Value>) -> Result<()> {
        let text = pace.map(serde_json::to_string).transpose()?;
        self.execute("update app set pace = ?2 where id = ?1", (id.0, text)).map(|_| ())
    }

    /// Notes when the next scan and the next import are due.
    pub fn app_schedule(&mut self, id: AppId, reconcile_at: Option<i64>, import_at: Option<i64>) -> Result<()> {
        let sql = "update app set reconcile_at = ?2, import_at = ?3 where id = ?1";
        self.execute(sql, (id.0, reconcile_at, import_at)).map(|_| ())
    }

    /// Nobody finds an app any more, its name is free, and its secret is gone; what is known of its accounts is left to
    /// `app_delete_turn`. Nothing is sent. Whether there was one.
    pub fn app_delete(&mut self, id: AppId, now: i64) -> Result<bool> {
        let sql = "update app set name = name || ?3 || cast(id as text), deleting_at = ?2, credential = null, credential_ends = null,
                   granted = null, granted_at = null, granting = null,
                   generation = generation + 1 where id = ?1 and deleting_at is null";
        if self.execute(sql, (id.0, now, DELETED))? == 0 {
            return Ok(false);
        }
        let sql = "update run set state = 'cancelled', finished_at = ?2 where app = ?1 and finished_at is null";
        self.execute(sql, (id.0, now))?;
        Ok(true)
    }

    /// Removes the next part of an app that is being deleted, at most so many rows of each kind; whether that was the last.
    pub fn app_delete_turn(&mut self, id: AppId, limit: u32) -> Result<bool> {
        let sql = "select tenant, app, kind, standing, active, id from link where app = ?1 order by kind, id limit ?2";
        let links = self.all(sql, (id.0, limit), |row| Ok((stand(row)?, row.get::<i64>(5)?)))?;
        for ((tenant, was), link) in &links {
            let sql = "delete from member_link where link = ?1 and remote_id in
                       (select remote_id from member_link where link = ?1 limit ?2)";
            if was.kind == LinkKind::Group && self.execute(sql, (*link, limit))? >= limit as usize {
                return Ok(false);
            }
            for table in ["link_state", "link_wait"] {
                self.later(&format!("delete from {table} where link = ?1"), [*link])?;
            }
            self.later("delete from link where id = ?1", [*link])?;
            self.links_stand(*tenant, *was, -1);
        }
        if !links.is_empty() || self.rows_delete(id, limit)? {
            return Ok(false);
        }
        self.execute("delete from task_note where app = ?1", [id.0])?;
        self.links_gone(id)?;
        self.execute("delete from app where id = ?1 and deleting_at is not null", [id.0])?;
        Ok(true)
    }

    /// Removes the next rows that are of an app besides its links; whether there were any.
    fn rows_delete(&mut self, id: AppId, limit: u32) -> Result<bool> {
        let parts = [("run_item", "run", "run"), ("fill_person", "fill", "fill")];
        let mut gone = 0;
        for (table, of, owner) in parts {
            let key = if table == "run_item" { "id" } else { "rid" };
            let sql = format!(
                "delete from {table} where {of} in (select id from {owner} where app = ?1) and {key} in
                 (select {key} from {table} where {of} in (select id from {owner} where app = ?1) limit ?2)"
            );
            gone += self.execute(&sql, (id.0, limit))?;
        }
        if gone > 0 {
            return Ok(true);
        }
        for table in TABLES {
            let sql = format!("delete from {table} where id in (select id from {table} where app = ?1 limit ?2)");
            gone += self.execute(&sql, (id.0, limit))?;
        }
        Ok(gone > 0)
    }
}
