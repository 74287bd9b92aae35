//! Plans: changes of a tenant's apps that wait for somebody to agree, and then are made as they were shown.

use super::links::words;
use crate::db::{FromValue, Reader, Row, Value as Sent, Writer, params};
use crate::{Error, Result, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a plan stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanState {
    /// Nobody has decided.
    #[default]
    Waiting,
    /// It may be done.
    Approved,
    /// It is done.
    Applied,
    /// It will not be done.
    Dropped,
}

words!(PlanState { Waiting = "waiting", Approved = "approved", Applied = "applied", Dropped = "dropped" });

/// A plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanRow {
    /// Its number; given when it is stored.
    pub id: i64,
    /// Whose.
    pub tenant: TenantId,
    /// What somebody calls it.
    pub title: String,
    /// Where it stands.
    pub state: PlanState,
    /// What is done, in order; not read for a list.
    pub steps: Value,
    /// How many steps that are.
    pub step_count: u64,
    /// What it was made from.
    pub base: Value,
    /// What it would do to people.
    pub effect: Value,
    /// When it was made.
    pub created_at: i64,
    /// By whom.
    pub created_by: String,
    /// When and by whom it was approved or dropped.
    pub decided: Option<(i64, String)>,
    /// When and by whom it was applied.
    pub applied: Option<(i64, String)>,
}

const COLUMNS: &str = "id, tenant, title, state, steps, base, effect, created_at, created_by, decided_at, decided_by, \
                       applied_at, applied_by, step_count";
/// The same without what may be large; a plan from before steps were counted tells how many it has by holding them.
const HEAD: &str = "id, tenant, title, state, case when step_count = 0 then steps else '[]' end, '{}', '{}', created_at, created_by, decided_at, decided_by, applied_at, \
                    applied_by, step_count";

fn plan(row: &Row<'_>) -> Result<PlanRow> {
    let json = |text: String| serde_json::from_str(&text).map_err(Error::from);
    let by = |at: Option<i64>, by: Option<String>| at.map(|at| (at, by.unwrap_or_default()));
    let steps: Value = json(row.get(4)?)?;
    let counted = row.get::<i64>(13)?.cast_unsigned();
    let step_count = if counted == 0 { steps.as_array().map_or(0, Vec::len) as u64 } else { counted };
    Ok(PlanRow {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        title: row.get(2)?,
        state: row.get(3)?,
        steps,
        base: json(row.get(5)?)?,
        effect: json(row.get(6)?)?,
        created_at: row.get(7)?,
        created_by: row.get(8)?,
        decided: by(row.get(9)?, row.get(10)?),
        applied: by(row.get(11)?, row.get(12)?),
        step_count,
    })
}

impl Reader {
    /// A tenant's plans before one of them, newest first, without what each would do.
    pub fn plans(&self, tenant: TenantId, before: Option<i64>, limit: u32) -> Result<Vec<PlanRow>> {
        let sql = format!("select {HEAD} from plan where tenant = ?1 and id < ?2 order by id desc limit ?3");
        self.all(&sql, (tenant.0, before.unwrap_or(i64::MAX), limit), plan)
    }

    /// One plan.
    pub fn plan(&self, tenant: TenantId, id: i64) -> Result<Option<PlanRow>> {
        self.first(&format!("select {COLUMNS} from plan where tenant = ?1 and id = ?2"), (tenant.0, id), plan)
    }
}

impl Writer {
    /// Keeps a new plan; answers its number.
    pub fn plan_insert(&mut self, new: &PlanRow) -> Result<i64> {
        let sql = "insert into plan (tenant, title, state, steps, base, effect, created_at, created_by, step_count)
                   values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) returning id";
        let [steps, base, effect] = [&new.steps, &new.base, &new.effect].map(Value::to_string);
        let state = new.state.as_str();
        let (at, by, count) = (new.created_at, &new.created_by, new.step_count.cast_signed());
        let values = params![new.tenant.0, new.title, state, steps, base, effect, at, by, count];
        self.first(sql, values, |row| row.get(0))?.ok_or_else(|| Error::broken("a plan has no number"))
    }

    /// Moves a plan from one state to another; whether it stood there.
    pub fn plan_move(
        &mut self,
        tenant: TenantId,
        id: i64,
        (from, to): (PlanState, PlanState),
        now: i64,
        by: &str,
    ) -> Result<bool> {
        let sql = match to {
            PlanState::Applied => "update plan set state = ?4, applied_at = ?5, applied_by = ?6",
            _ => "update plan set state = ?4, decided_at = ?5, decided_by = ?6",
        };
        let sql = format!("{sql} where tenant = ?1 and id = ?2 and state = ?3");
        Ok(self.execute(&sql, (tenant.0, id, from.as_str(), to.as_str(), now, by))? > 0)
    }
}
