//! The settings of a tenant as a file: exported, compared with what holds, and applied once somebody has seen the difference.
//!
//! A file changes settings and adds custom fields. It takes no field away and changes none that is here, because there are
//! values behind them: that it would is told, and done on the pages of the fields.

use super::attributes::{self, place};
use super::{tenant_of, tenants};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::tenants::TenantState;
use scim::{Attribute, Code};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use store::{Definitions, Settings, Tenant};

/// What a file holds; what else is in it is a mistake.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SettingsFile {
    /// Whose settings they were; it need not be the same tenant.
    #[serde(default)]
    #[expect(dead_code, reason = "told for people; the tenant is the one that it is applied to")]
    name: String,
    /// Those that are named change.
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    definitions: Option<Definitions>,
}

/// One line of the difference.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// The setting, with dots between levels, or the field by its full value.
    pub(crate) name: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
    /// Why it stays as it is, if it does.
    pub(crate) stays: Option<&'static str>,
}

/// What a file would do.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) lines: Vec<Line>,
    /// The state of the tenant that it was made from.
    pub(crate) generation: i64,
}

impl Difference {
    /// Whether anything would change.
    pub(crate) fn changes(&self) -> bool {
        self.lines.iter().any(|line| line.stays.is_none())
    }

    /// As the admin API shows it.
    pub(crate) fn row(&self) -> Value {
        let line =
            |line: &Line| json!({"name": line.name, "before": line.before, "after": line.after, "stays": line.stays});
        json!({"generation": self.generation, "changes": self.changes(), "lines": self.lines.iter().map(line).collect::<Vec<_>>()})
    }
}

/// The file of a tenant, without secrets.
pub(crate) fn export(state: &TenantState) -> Value {
    let Tenant { name, settings, definitions, .. } = &state.tenant;
    json!({"name": name, "settings": settings, "definitions": definitions})
}

/// Reads a file.
pub(crate) fn parse(text: &[u8]) -> Result<SettingsFile> {
    serde_json::from_slice(text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        scim::Error::invalid_value(format!("this is no file of settings as the export makes it: look at {place}"))
            .into()
    })
}

/// The leaves of a value, by their paths.
fn leaves(value: &Value, path: &str, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, part) in map {
                leaves(part, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, into);
            }
        }
        leaf => {
            into.insert(path.to_owned(), leaf.clone());
        }
    }
}

fn settings_lines(old: &Settings, new: &Settings) -> Vec<Line> {
    let of = |settings: &Settings| {
        let mut all = BTreeMap::new();
        leaves(&json!(settings), "", &mut all);
        all
    };
    let (before, after) = (of(old), of(new));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let value = |all: &BTreeMap<String, Value>, name: &String| all.get(name).cloned().unwrap_or_default();
    let line = |name: &String| {
        let (before, after) = (value(&before, name), value(&after, name));
        (before != after).then(|| Line { name: name.clone(), before, after, stays: None })
    };
    names.into_iter().filter_map(line).collect()
}

/// Which resource type a schema of the definitions extends.
fn type_of<'d>(definitions: &'d Definitions, urn: &str) -> Option<&'d str> {
    let extends = |def: &&store::ResourceTypeDef| {
        def.extensions.iter().any(|extension| extension.schema.eq_ignore_ascii_case(urn))
    };
    definitions.resource_types.iter().find(extends).map(|def| def.name.as_str())
}

/// The fields of a file: what is done with each, and the definitions with the new ones among them.
fn fields(state: &TenantState, wanted: &Definitions, now: i64) -> Result<(Vec<Line>, Definitions)> {
    let mut definitions = state.tenant.definitions.clone();
    let mut lines = Vec::new();
    for schema in &wanted.schemas {
        for attribute in &schema.attributes {
            let name = format!("{}:{}", schema.id, attribute.name);
            let mut line = |before: Option<&Attribute>, stays| {
                let before = before.map(Attribute::to_json).unwrap_or_default();
                lines.push(Line { name: name.clone(), before, after: attribute.to_json(), stays });
            };
            match (definitions.attribute(&name).cloned(), type_of(wanted, &schema.id)) {
                (Some(held), _) if held == *attribute => {}
                (Some(held), _) => line(Some(&held), Some("it is another here, with values: change it on its page")),
                (None, _) if definitions.archived(&name).is_some() => {
                    line(None, Some("it is archived here: restore it"))
                }
                (None, Some(of)) if state.named(of).is_some() => {
                    line(None, None);
                    place(&mut definitions, of, &schema.id, attribute.clone())?;
                    if let Some(form) = wanted.forms.get(&name) {
                        definitions.form_set(name.clone(), form.clone());
                    }
                    definitions.made.insert(name, now);
                }
                (None, _) => line(None, Some("its resource type is not here: make that first")),
            }
        }
    }
    for schema in &state.tenant.definitions.schemas {
        for held in &schema.attributes {
            let name = format!("{}:{}", schema.id, held.name);
            if wanted.attribute(&name).is_none() {
                let stays = Some("the file does not have it; nothing is taken away");
                lines.push(Line { name, before: held.to_json(), after: Value::Null, stays });
            }
        }
    }
    definitions.check()?;
    Ok((lines, definitions))
}

/// What a file makes of the tenant, and how that differs.
fn drawn(app: &App, state: &TenantState, file: &SettingsFile) -> Result<(Difference, Tenant)> {
    let settings = tenants::merged(&state.tenant.settings, file.settings.clone())?;
    let mut lines = settings_lines(&state.tenant.settings, &settings);
    let mut definitions = state.tenant.definitions.clone();
    if let Some(wanted) = &file.definitions {
        let (of_fields, with_new) = fields(state, wanted, app.clock().now())?;
        lines.extend(of_fields);
        definitions = with_new;
    }
    let tenant = Tenant { settings, definitions, ..state.tenant.clone() };
    // What is ignored may be a field that comes with the same file.
    attributes::check_ignored(
        &TenantState::new(Tenant { settings: state.tenant.settings.clone(), ..tenant.clone() })?,
        &tenant.settings,
    )?;
    Ok((Difference { lines, generation: state.tenant.generation }, tenant))
}

/// What a file would change; nothing is changed.
pub(crate) fn diff(app: &App, state: &TenantState, file: &SettingsFile) -> Result<Difference> {
    Ok(drawn(app, state, file)?.0)
}

/// Applies a file as it was shown: refused if the tenant has changed since. All of it is one transaction.
pub(crate) async fn apply(
    app: &App,
    actor: &Actor,
    tenant: &str,
    file: &SettingsFile,
    generation: i64,
) -> Result<Difference> {
    let state = tenant_of(app, tenant)?;
    if state.tenant.generation != generation {
        let detail = "the settings have changed since the difference was shown; compare the file again";
        return Err(Error::new(Code::PRECONDITION, detail));
    }
    let (difference, new) = drawn(app, &state, file)?;
    if !difference.changes() {
        return Ok(difference);
    }
    tenants::save(app, actor, ("tenant.settings-file", tenant.to_owned(), difference.row()), new).await?;
    Ok(difference)
}
