//! Plans: any change of apps, their mappings, who is assigned and which groups are pushed, as a difference that is stored,
//! looked at, approved, and then made exactly so.
//!
//! A plan is made from what is there and holds digests of that. It is applied in one transaction, if those are still the
//! same and somebody has approved it; else nothing happens and a new one has to be made.

mod words;

use super::config::{Config, Held, Pushed, steps};
use super::effect::effect;
use super::{Numbers, When, assign, candidate, drawn, insert, push_groups, told, update};
use crate::admin::{audited, missing, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::limits;
use crate::outbound::integration::Integration;
use crate::tenants::TenantState;
use provision::push_group::PushRule;
use scim::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{AssignmentRow, PlanRow, PlanState, Principal, PushGroupRow, Reader, TenantId, Writer};

pub(crate) use words::Words;

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
pub(crate) enum Step {
    /// An app is made.
    Create { app: String },
    /// Parts of an app's document become these.
    Change { app: String, change: Map<String, Value>, was: Map<String, Value> },
    /// Somebody, or a group, is assigned, or their assignment becomes this.
    Assign {
        app: String,
        principal: Principal,
        resource: String,
        name: String,
        priority: u32,
        profile: Map<String, Value>,
        #[serde(default)]
        only_values: bool,
    },
    /// An assignment is taken away.
    Unassign { app: String, principal: Principal, resource: String, name: String },
    /// A group is pushed, or it becomes pushed like this.
    Push { app: String, resource: String, pushed: Pushed },
    /// A group is pushed no longer; what becomes of it there the app's policy says.
    Unpush { app: String, resource: String, name: String },
    /// A rule chooses groups to push.
    AddRule { app: String, rule: PushRule },
    /// A rule chooses no longer; what it chose stays pushed.
    RemoveRule { app: String, number: i64, rule: PushRule },
}

/// What to plan.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewPlan {
    /// What somebody calls it.
    #[serde(default)]
    pub(crate) title: String,
    /// How things should be; what it does not name stays.
    pub(crate) config: Config,
}

/// A difference that is not stored.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// What would be done, in order.
    pub(crate) steps: Vec<Step>,
    /// What it was made from.
    base: Map<String, Value>,
    /// What it would do to people.
    pub(crate) effect: Value,
    /// The names of secrets that apps are still without.
    pub(crate) secrets: Vec<String>,
}

/// Compares a document with what is there.
pub(crate) async fn draw(app: &App, tenant: &str, config: Config) -> Result<Drawn> {
    let state = tenant_of(app, tenant)?;
    let work = app.clone();
    let mut drawn: Drawn = app
        .store()
        .read(move |r| -> Result<Drawn> {
            let mut drawn = Drawn::default();
            let mut scope = Vec::new();
            for (name, declared) in &config.apps {
                let (steps, base) = steps(&work, r, &state, name, declared)?;
                drawn.base.insert(name.clone(), base.into());
                let has_secret = r.app_named(state.tenant.id, name)?.is_some_and(|row| row.has_credential);
                drawn.secrets.extend(declared.credential.clone().filter(|_| !has_secret));
                for step in &steps {
                    scope.extend(step.scope(r, state.tenant.id)?);
                }
                drawn.steps.extend(steps);
            }
            if drawn.steps.len() > limits::PLAN_STEPS_MAX {
                let detail =
                    format!("a plan has at most {} steps; plan one app after the other", limits::PLAN_STEPS_MAX);
                return Err(scim::Error::invalid_value(detail).into());
            }
            drawn.effect = json!({"scope": scope});
            Ok(drawn)
        })
        .await?;
    let made: Vec<&String> =
        drawn.steps.iter().filter_map(|step| if let Step::Create { app } = step { Some(app) } else { None }).collect();
    let mut apps = Map::new();
    for step in &drawn.steps {
        if let Step::Change { app: name, change, .. } = step
            && !made.contains(&name)
        {
            apps.insert(name.clone(), effect(app, tenant, name, change.clone()).await?.to_json());
        }
    }
    if let Some(effect) = drawn.effect.as_object_mut() {
        effect.insert("apps".into(), Value::Object(apps));
    }
    Ok(drawn)
}

/// Stores a difference, for somebody to approve.
pub(crate) async fn create(app: &App, actor: &Actor, tenant: &str, wanted: NewPlan) -> Result<PlanRow> {
    let id = tenant_of(app, tenant)?.tenant.id;
    let title: String = wanted.title.trim().chars().take(limits::PLAN_TITLE_CHARS_MAX).collect();
    let drawn = draw(app, tenant, wanted.config).await?;
    if drawn.steps.is_empty() {
        return Err(scim::Error::invalid_value("everything is like that already: there is nothing to plan").into());
    }
    let new = PlanRow {
        tenant: id,
        title,
        steps: json!(drawn.steps),
        step_count: drawn.steps.len() as u64,
        base: Value::Object(drawn.base),
        effect: drawn.effect,
        created_at: app.clock().now(),
        created_by: actor.label.clone(),
        ..PlanRow::default()
    };
    let line = ("plan.create", format!("{tenant}/plan"), json!({"title": new.title, "steps": drawn.steps.len()}));
    audited(app, actor, line, move |w| {
        let number = w.plan_insert(&new)?;
        find_in(w, id, number)
    })
    .await
}

/// What a stored plan does, line by line.
pub(crate) fn words(plan: &PlanRow) -> Result<Words> {
    let steps: Vec<Step> = serde_json::from_value(plan.steps.clone()).map_err(store::Error::from)?;
    Ok(Words::of(&steps, &plan.effect))
}

/// The apps that a stored plan is about, by their names, as far as they are there, and how each is doing now.
pub(crate) async fn concerned(
    app: &App,
    tenant: &str,
    plan: &PlanRow,
    most: usize,
) -> Result<Vec<(Integration, Numbers)>> {
    let steps = plan.steps.as_array().into_iter().flatten();
    let names: BTreeSet<&str> = steps.filter_map(|step| step.get("app")?.as_str()).collect();
    let all = super::list(app, tenant).await?;
    let mut found = Vec::new();
    for one in all.into_iter().filter(|one| names.contains(one.row.name.as_str())).take(most) {
        let numbers = super::numbers(app, &one).await?;
        found.push((one, numbers));
    }
    Ok(found)
}

/// A tenant's plans, newest first, without their steps.
pub(crate) async fn list(app: &App, tenant: &str, before: Option<i64>, limit: u32) -> Result<Vec<PlanRow>> {
    let id = tenant_of(app, tenant)?.tenant.id;
    app.store().read(move |r| r.plans(id, before, limit)).await.map_err(|error: store::Error| error.into())
}

/// One plan.
pub(crate) async fn find(app: &App, tenant: &str, number: i64) -> Result<PlanRow> {
    let id = tenant_of(app, tenant)?.tenant.id;
    app.store().read(move |r| find_in(r, id, number)).await
}

fn find_in(r: &Reader, tenant: TenantId, number: i64) -> Result<PlanRow> {
    r.plan(tenant, number)?.ok_or_else(|| missing("there is no plan of this number; see: provost plan list"))
}

/// Agrees to a plan, or drops it.
pub(crate) async fn decide(app: &App, actor: &Actor, tenant: &str, number: i64, approve: bool) -> Result<PlanRow> {
    let (id, now, by) = (tenant_of(app, tenant)?.tenant.id, app.clock().now(), actor.label.clone());
    let (word, to) = if approve { ("plan.approve", PlanState::Approved) } else { ("plan.drop", PlanState::Dropped) };
    audited(app, actor, (word, format!("{tenant}/plan/{number}"), json!({})), move |w| {
        let mut moved = w.plan_move(id, number, (PlanState::Waiting, to), now, &by)?;
        if !approve && !moved {
            moved = w.plan_move(id, number, (PlanState::Approved, to), now, &by)?;
        }
        let plan = find_in(w, id, number)?;
        if moved { Ok(plan) } else { Err(not_now(plan.state)) }
    })
    .await
}

/// Does what an approved plan says, all of it or nothing.
pub(crate) async fn apply(app: &App, actor: &Actor, tenant: &str, number: i64) -> Result<PlanRow> {
    let state = tenant_of(app, tenant)?;
    let (work, known, now, by) = (app.clone(), Arc::clone(&state), app.clock().now(), actor.label.clone());
    let line = ("plan.apply", format!("{tenant}/plan/{number}"), json!({}));
    let applied = audited(app, actor, line, move |w| {
        let id = known.tenant.id;
        let plan = find_in(w, id, number)?;
        if !w.plan_move(id, number, (PlanState::Approved, PlanState::Applied), now, &by)? {
            return Err(not_now(plan.state));
        }
        unchanged(w, id, &plan.base)?;
        let steps: Vec<Step> = serde_json::from_value(plan.steps).map_err(store::Error::from)?;
        let doing = Doing { app: &work, state: &known, now, by: &by };
        for step in steps {
            doing.step(w, step)?;
        }
        find_in(w, id, number)
    })
    .await?;
    told(app, &state);
    Ok(applied)
}

fn not_now(state: PlanState) -> Error {
    let detail = match state {
        PlanState::Waiting => "nobody has approved this plan; see: provost plan approve",
        PlanState::Approved => "this plan is approved already; see: provost apply",
        PlanState::Applied => "this plan is applied already",
        PlanState::Dropped => "this plan was dropped; make a new one",
    };
    Error::new(Code::PLAN_STATE, detail)
}

/// Whether the apps are as they were when the plan was made.
fn unchanged(r: &Reader, tenant: TenantId, base: &Value) -> Result<()> {
    for (name, digest) in base.as_object().into_iter().flatten() {
        let is = r.app_named(tenant, name)?.map(|row| Held::read(r, row)).transpose()?.map(|held| held.digest());
        if is.as_deref() != digest.as_str() {
            return Err(Error::new(Code::PLAN_STALE, format!("the app {name} has changed since this plan was made")));
        }
    }
    Ok(())
}

impl Drawn {
    /// What would be done, line by line.
    pub(crate) fn words(&self) -> Words {
        Words::of(&self.steps, &self.effect)
    }
}

impl Step {
    /// Of a step that changes who is there: how many people it is about.
    fn scope(&self, r: &Reader, tenant: TenantId) -> Result<Option<Value>> {
        let (app, principal, resource, name, way) = match self {
            Self::Assign { app, principal, resource, name, .. } => (app, principal, resource, name, "come"),
            Self::Unassign { app, principal, resource, name } => (app, principal, resource, name, "go"),
            _ => return Ok(None),
        };
        let people = match principal {
            Principal::User => 1,
            Principal::Group => r.group_people_count(tenant, resource)?,
        };
        Ok(Some(json!({"app": app, "who": name, "people": people, "way": way})))
    }
}

/// A plan that is being applied.
struct Doing<'a> {
    app: &'a App,
    state: &'a TenantState,
    now: i64,
    by: &'a str,
}

impl Doing<'_> {
    fn known(&self, r: &Reader, name: &str) -> Result<Integration> {
        let row = r.app_named(self.state.tenant.id, name)?;
        Integration::of(row.ok_or_else(|| super::unknown(name))?)
    }

    fn step(&self, w: &mut Writer, step: Step) -> Result<()> {
        let (tenant, now) = (self.state.tenant.id, self.now);
        match step {
            Step::Create { app } => {
                let wanted = super::NewIntegration { name: app, ..super::NewIntegration::default() };
                insert(w, &drawn(tenant, wanted)?, now)?;
            }
            Step::Change { app, change, .. } => {
                let known = self.known(w, &app)?;
                let changed = candidate(self.app, &known, change)?;
                update(w, &known, changed, When::Now, now)?;
            }
            Step::Assign { app, principal, resource, priority, profile, only_values, .. } => {
                let (created_at, created_by) = (now, self.by.to_owned());
                let row = AssignmentRow {
                    principal,
                    resource,
                    priority,
                    profile,
                    only_values,
                    created_at,
                    created_by,
                    ..AssignmentRow::default()
                };
                assign::put(w, tenant, self.known(w, &app)?.row.id, &row)?;
            }
            Step::Unassign { app, principal, resource, .. } => {
                assign::take(w, tenant, self.known(w, &app)?.row.id, (principal, &resource), now)?;
            }
            Step::Push { app, resource, pushed } => {
                let (mode, active) = (push_groups::word(pushed.mode), !pushed.paused);
                let row = PushGroupRow { resource, name: pushed.name, mode, active, ..PushGroupRow::default() };
                w.push_group_insert(tenant, self.known(w, &app)?.row.id, &row, now)?;
            }
            Step::Unpush { app, resource, .. } => {
                w.push_group_delete(self.known(w, &app)?.row.id, &resource, now)?;
            }
            Step::AddRule { app, rule } => {
                push_groups::put_rule(w, self.state, &self.known(w, &app)?, &rule, now)?;
            }
            Step::RemoveRule { app, number, .. } => {
                w.push_rule_delete(self.known(w, &app)?.row.id, number)?;
            }
        }
        Ok(())
    }
}
