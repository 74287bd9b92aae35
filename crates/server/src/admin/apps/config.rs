//! What an administrator has decided about a tenant's apps as one document: exported, compared, applied.
//!
//! An app's entry is its document ([`super`]) with `assignments`, `pushGroups` and `pushRules` beside it, which name people and
//! groups as people do, so that an entry means the same in another tenant. What an entry does not name stays as it is; a
//! list that it names is the whole list. Secrets are not in it: `credential` is the name under which one is asked for.

use super::push_groups::check_rule;
use super::{candidate, drawn};
use crate::admin::apps::assign::resolved;
use crate::admin::apps::plans::Step;
use crate::admin::apps::push_groups::word;
use crate::admin::tenant_of;
use crate::app::App;
use crate::error::{Error, Result};
use crate::limits;
use crate::outbound::integration::Integration;
use crate::tenants::TenantState;
use aws_lc_rs::digest::{SHA256, digest};
use provision::Target;
use provision::push_group::{LinkMode, PushRule};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{AppRow, AssignmentRow, Principal, PushGroupRow, PushRuleRow, Reader};

/// The document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Config {
    /// What could not be put into it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) remarks: Vec<String>,
    /// The apps by their names.
    pub(crate) apps: BTreeMap<String, Declared>,
}

/// An app in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Declared {
    /// Under which name its secret is asked for; nothing if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<String>,
    /// Who is assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assignments: Option<Assignments>,
    /// The groups that are pushed by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) push_groups: Option<Vec<Pushed>>,
    /// The rules by which others are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) push_rules: Option<Vec<PushRule>>,
    /// The app's document.
    #[serde(flatten)]
    pub(crate) document: Map<String, Value>,
}

/// Who is assigned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Assignments {
    /// People by userName or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) people: Option<Vec<Assigned>>,
    /// Groups by displayName or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) groups: Option<Vec<Assigned>>,
}

/// Somebody, or a group, who is assigned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Assigned {
    /// The name, or the id.
    pub(crate) name: String,
    /// Of several groups the lowest wins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) priority: u32,
    /// Values of this assignment.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) profile: Map<String, Value>,
    /// Of a person: whether it gives values and nothing else, and groups are the reason.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) only_values: bool,
}

/// A pushed group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Pushed {
    /// Its displayName, or id.
    pub(crate) group: String,
    /// Its name at the app, if not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Whether a group of that name that is there already is taken.
    #[serde(default)]
    pub(crate) mode: LinkMode,
    /// Whether it is not pushed for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) paused: bool,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// An app as it is held.
pub(super) struct Held {
    pub(super) integration: Integration,
    /// Nothing if there are more than a document takes.
    people: Option<Vec<AssignmentRow>>,
    groups: Vec<AssignmentRow>,
    pushed: Vec<PushGroupRow>,
    rules: Vec<PushRuleRow>,
}

impl Held {
    pub(super) fn read(r: &Reader, row: AppRow) -> Result<Self> {
        let id = row.id;
        let most = limits::CONFIG_PEOPLE_MAX;
        let people = r.assignments(id, Principal::User, 0, most + 1)?;
        Ok(Self {
            people: (people.len() <= most as usize).then_some(people),
            groups: r.assignments(id, Principal::Group, 0, u32::MAX >> 1)?,
            pushed: r.push_groups(id)?,
            rules: r.push_rules(id)?,
            integration: Integration::of(row)?,
        })
    }

    /// An app that is not there yet.
    fn none(row: AppRow) -> Result<Self> {
        let (groups, pushed, rules) = Default::default();
        Ok(Self { integration: Integration::of(row)?, people: Some(Vec::new()), groups, pushed, rules })
    }

    /// A short text that is another one when anything of it is.
    pub(super) fn digest(&self) -> String {
        let assigned = |rows: &[AssignmentRow]| -> Vec<Value> {
            rows.iter().map(|row| json!([row.resource, row.priority, row.profile, row.only_values])).collect()
        };
        let pushed = |row: &PushGroupRow| json!([row.resource, row.name, row.mode, row.active, row.rule]);
        let rules: Vec<Value> = self.rules.iter().map(|row| json!([row.id, row.rule])).collect();
        let whole = json!([
            self.integration.document(),
            self.people.as_deref().map(assigned),
            assigned(&self.groups),
            self.pushed.iter().map(pushed).collect::<Vec<_>>(),
            rules,
        ]);
        let digest = digest(&SHA256, whole.to_string().as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The same as an entry of a document.
    fn declared(&self, r: &Reader, state: &TenantState) -> Result<Declared> {
        let mut document = self.integration.document();
        let target = &self.integration.app.target;
        if Target::named(&target.name).as_ref() == Some(target) {
            document.insert("target".into(), target.name.as_str().into());
        }
        let name = |of: Principal, id: &str| name(r, state, of, id);
        let assigned = |of: Principal, rows: &[AssignmentRow]| -> Result<Vec<Assigned>> {
            let one = |row: &AssignmentRow| {
                let name = name(of, &row.resource)?;
                let (priority, profile, only_values) = (row.priority, row.profile.clone(), row.only_values);
                Ok(Assigned { name, priority, profile, only_values })
            };
            rows.iter().map(one).collect()
        };
        let people = self.people.as_deref().map(|rows| assigned(Principal::User, rows)).transpose()?;
        let by_name = self.pushed.iter().filter(|row| row.rule.is_none());
        let pushed = by_name.map(|row| {
            Ok(Pushed {
                group: name(Principal::Group, &row.resource)?,
                name: row.name.clone(),
                mode: if row.mode == word(LinkMode::Create) { LinkMode::Create } else { LinkMode::Link },
                paused: !row.active,
            })
        });
        let rules = self.rules.iter().map(|row| rule(&row.rule));
        Ok(Declared {
            credential: self.integration.row.has_credential.then(|| self.integration.row.name.clone()),
            assignments: Some(Assignments { people, groups: Some(assigned(Principal::Group, &self.groups)?) }),
            push_groups: Some(pushed.collect::<Result<_>>()?),
            push_rules: Some(rules.collect::<Result<_>>()?),
            document,
        })
    }
}

/// A rule as it is stored, without a number.
fn rule(stored: &Value) -> Result<PushRule> {
    let rule: PushRule = serde_json::from_value(stored.clone()).map_err(store::Error::from)?;
    Ok(PushRule { id: String::new(), ..rule })
}

/// What people call somebody, or a group, if that names nobody else; the id otherwise.
fn name(r: &Reader, state: &TenantState, of: Principal, id: &str) -> Result<String> {
    let (kind, attribute) = match of {
        Principal::User => ("User", "userName"),
        Principal::Group => ("Group", "displayName"),
    };
    let tenant = state.tenant.id;
    let Some(rt) = state.named(kind) else { return Ok(id.to_owned()) };
    let Some(view) = r.view(tenant, rt, id, false)? else { return Ok(id.to_owned()) };
    let document = view.document("", rt)?;
    let Some(name) = document.get(attribute).and_then(Value::as_str) else { return Ok(id.to_owned()) };
    let alone = r.find_by(tenant, rt, attribute, name)?.len() == 1;
    Ok(if alone { name } else { id }.to_owned())
}

/// The document of a tenant, or of one of its apps.
pub(crate) async fn export(app: &App, tenant: &str, only: Option<String>) -> Result<Config> {
    let state = tenant_of(app, tenant)?;
    if let Some(only) = &only {
        super::find(app, tenant, only).await?;
    }
    app.store()
        .read(move |r| {
            let mut config = Config::default();
            for row in r.apps(state.tenant.id)? {
                if only.as_ref().is_some_and(|only| *only != row.name) {
                    continue;
                }
                let (name, held) = (row.name.clone(), Held::read(r, row)?);
                if held.people.is_none() {
                    let most = limits::CONFIG_PEOPLE_MAX;
                    config.remarks.push(format!(
                        "more than {most} people are assigned to {name} by themselves; they are not in this document and stay as they are"
                    ));
                }
                config.apps.insert(name, held.declared(r, &state)?);
            }
            Ok(config)
        })
        .await
}

/// What makes an app what its entry says, and the digest of what it was made from; nothing for one that is not there.
pub(super) fn steps(
    app: &App,
    r: &Reader,
    state: &Arc<TenantState>,
    name: &str,
    declared: &Declared,
) -> Result<(Vec<Step>, Option<String>)> {
    let mut steps = Vec::new();
    let (held, base) = match r.app_named(state.tenant.id, name)? {
        Some(row) => {
            let held = Held::read(r, row)?;
            let base = held.digest();
            (held, Some(base))
        }
        None => {
            let wanted = super::NewIntegration { name: name.to_owned(), ..super::NewIntegration::default() };
            let new = drawn(state.tenant.id, wanted)?;
            steps.push(Step::Create { app: name.to_owned() });
            let (settings, options) = (new.settings, new.options);
            (
                Held::none(AppRow {
                    name: name.to_owned(),
                    tenant: new.tenant,
                    settings,
                    options,
                    ..AppRow::default()
                })?,
                None,
            )
        }
    };
    let (before, after) = (held.integration.document(), candidate(app, &held.integration, declared.document.clone())?);
    let changes = after.document().into_iter().filter(|(key, value)| before.get(key) != Some(value));
    let change: Map<String, Value> = changes.collect();
    if !change.is_empty() {
        let was = before.into_iter().filter(|(key, _)| change.contains_key(key)).collect();
        steps.push(Step::Change { app: name.to_owned(), change, was });
    }
    let to = Towards { r, state, app: name, wanted: &after };
    to.rules(&held.rules, declared.push_rules.as_deref(), &mut steps)?;
    if let Some(assignments) = &declared.assignments {
        if assignments.people.is_some() && held.people.is_none() {
            let most = limits::CONFIG_PEOPLE_MAX;
            let detail = format!(
                "{name}: more than {most} people are assigned by themselves; assign groups, or leave people out"
            );
            return Err(scim::Error::invalid_value(detail).into());
        }
        let people = held.people.unwrap_or_default();
        to.assigned(Principal::User, &people, assignments.people.as_deref(), &mut steps)?;
        to.assigned(Principal::Group, &held.groups, assignments.groups.as_deref(), &mut steps)?;
    }
    to.pushed(&held.pushed, declared.push_groups.as_deref(), &mut steps)?;
    Ok((steps, base))
}

/// What lists of an entry ask for, compared with what is there.
struct Towards<'a> {
    r: &'a Reader,
    state: &'a TenantState,
    app: &'a str,
    wanted: &'a Integration,
}

impl Towards<'_> {
    fn id(&self, of: Principal, name: &str) -> Result<String> {
        let named = |_| -> Error {
            let what = if of == Principal::User { "user" } else { "group" };
            let detail = format!("{}: there is no {what} {name}, or several have that name", self.app);
            scim::Error::invalid_value(detail).into()
        };
        resolved(self.r, self.state, of, name).map_err(named)
    }

    fn assigned(
        &self,
        of: Principal,
        held: &[AssignmentRow],
        wanted: Option<&[Assigned]>,
        steps: &mut Vec<Step>,
    ) -> Result<()> {
        let Some(wanted) = wanted else { return Ok(()) };
        let app = || self.app.to_owned();
        let mut named = BTreeMap::new();
        for one in wanted {
            let profile = &self.wanted.app.profile;
            if let Some(unknown) = one.profile.keys().find(|name| profile.attribute(name).is_none()) {
                let detail = format!("{}: the app's profile has no attribute {unknown}", self.app);
                return Err(scim::Error::invalid_value(detail).into());
            }
            if one.only_values && of == Principal::Group {
                let detail = format!("{}: onlyValues is for people; a group is a reason", self.app);
                return Err(scim::Error::invalid_value(detail).into());
            }
            named.insert(self.id(of, &one.name)?, one);
        }
        for row in held.iter().filter(|row| !named.contains_key(&row.resource)) {
            let name = name(self.r, self.state, of, &row.resource)?;
            steps.push(Step::Unassign { app: app(), principal: of, resource: row.resource.clone(), name });
        }
        for (resource, one) in named {
            let same = |row: &AssignmentRow| {
                (&row.resource, row.priority, &row.profile, row.only_values)
                    == (&resource, one.priority, &one.profile, one.only_values)
            };
            if held.iter().any(same) {
                continue;
            }
            // Values alone would leave the reason that somebody has.
            let reason = held.iter().any(|row| row.resource == resource && !row.only_values);
            let name = one.name.clone();
            if one.only_values && reason {
                let (resource, name) = (resource.clone(), name.clone());
                steps.push(Step::Unassign { app: app(), principal: of, resource, name });
            }
            let (profile, priority, only_values) = (one.profile.clone(), one.priority, one.only_values);
            steps.push(Step::Assign { app: app(), principal: of, resource, name, priority, profile, only_values });
        }
        Ok(())
    }

    fn pushed(&self, held: &[PushGroupRow], wanted: Option<&[Pushed]>, steps: &mut Vec<Step>) -> Result<()> {
        let Some(wanted) = wanted else { return Ok(()) };
        let mut named = BTreeMap::new();
        for one in wanted {
            named.insert(self.id(Principal::Group, &one.group)?, one);
        }
        // What a rule has chosen that goes with this plan is pushed by name from then on.
        let ends = |rule: &i64| {
            let ended = |step: &Step| matches!(step, Step::RemoveRule { number, .. } if number == rule);
            steps.iter().any(ended)
        };
        let by_name: Vec<&PushGroupRow> = held.iter().filter(|row| row.rule.as_ref().is_none_or(ends)).collect();
        for row in by_name.into_iter().filter(|row| !named.contains_key(&row.resource)) {
            let name = name(self.r, self.state, Principal::Group, &row.resource)?;
            steps.push(Step::Unpush { app: self.app.to_owned(), resource: row.resource.clone(), name });
        }
        for (resource, one) in named {
            let same = |row: &PushGroupRow| {
                (&row.resource, &row.name, row.mode == word(one.mode), row.active)
                    == (&resource, &one.name, true, !one.paused)
            };
            if !held.iter().any(same) {
                steps.push(Step::Push { app: self.app.to_owned(), resource, pushed: one.clone() });
            }
        }
        Ok(())
    }

    fn rules(&self, held: &[PushRuleRow], wanted: Option<&[PushRule]>, steps: &mut Vec<Step>) -> Result<()> {
        let Some(wanted) = wanted else { return Ok(()) };
        let mut known = Vec::with_capacity(held.len());
        for row in held {
            known.push((row.id, rule(&row.rule)?));
        }
        let wanted: Vec<PushRule> = wanted.iter().map(|rule| PushRule { id: String::new(), ..rule.clone() }).collect();
        for (number, rule) in known.iter().filter(|(_, rule)| !wanted.contains(rule)) {
            steps.push(Step::RemoveRule { app: self.app.to_owned(), number: *number, rule: rule.clone() });
        }
        for rule in wanted.into_iter().filter(|rule| !known.iter().any(|(_, known)| known == rule)) {
            check_rule(&rule)?;
            steps.push(Step::AddRule { app: self.app.to_owned(), rule });
        }
        Ok(())
    }
}
