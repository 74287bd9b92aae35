//! What an app is told of a person: the `NameID` and the attributes, by the app's expressions. The preview and the
//! sign-in are this one function.

use super::{NameIdFormat, SamlApp};
use crate::error::Result;
use crate::outbound::inputs;
use crate::outbound::integration::Integration;
use crate::tenants::TenantState;
use provision::Expression;
use provision::Link;
use provision::expression::{Facts, Status, lookup};
use saml::{Attribute, NameId};
use serde_json::Value;
use store::Reader;

/// What would be said, and whether it may be.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Whether the app is in use, and the person active and assigned.
    pub(crate) may: std::result::Result<(), &'static str>,
    pub(crate) name_id: NameId,
    pub(crate) attributes: Vec<Attribute>,
    /// Expressions that gave nothing, or failed, and why.
    pub(crate) problems: Vec<String>,
}

/// What the app is told of this person.
pub(crate) fn said(
    r: &Reader,
    state: &TenantState,
    integration: &Integration,
    settings: &SamlApp,
    person: &str,
    now: i64,
) -> Result<Said> {
    let facts = inputs::person(r, state, integration, person, &Link::default(), now)?.facts.unwrap_or_default();
    let mut problems = Vec::new();
    let name_id = match &settings.name_id {
        Some(expression) => text(expression, &facts, now, "NameID", &mut problems),
        None => lookup(&facts.user.profile, "userName").and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    let mut attributes = Vec::new();
    for one in &settings.attributes {
        let values = texts(&value(&one.value, &facts, now, &one.name, &mut problems));
        let name_format = one.name_format.clone();
        attributes.push(Attribute { name: one.name.clone(), name_format, friendly_name: None, values });
    }
    if let Some(name) = &settings.groups_attribute {
        let names = facts.user.groups.iter().map(|group| group.name.as_str());
        let chosen = match &settings.groups_filter {
            Some(filter) => filter.chosen(names),
            None => Ok(names.collect()),
        };
        let chosen = chosen.unwrap_or_else(|why| {
            problems.push(format!("{name}: {why}"));
            Vec::new()
        });
        let values = chosen.into_iter().map(str::to_owned).collect();
        attributes.push(Attribute { name: name.clone(), name_format: None, friendly_name: None, values });
    }
    let groups: Vec<String> = facts.user.groups.iter().map(|group| group.id.clone()).collect();
    // Values of their own are no reason to have the app.
    let about = r.assignments_about(integration.row.id, person, &groups)?;
    let is_assigned = about.iter().any(|assignment| !assignment.only_values);
    let may = match (facts.user.status, is_assigned) {
        _ if integration.options.deactivated => Err("the app is deactivated"),
        (Status::Active, true) => Ok(()),
        (Status::Active, false) => Err("the person is not assigned to the app"),
        _ => Err("the person is not active"),
    };
    let value = match settings.name_id_format {
        NameIdFormat::Transient => saml::fresh_id().unwrap_or_default(),
        _ => name_id.trim().to_owned(),
    };
    let name_id = NameId { value, format: Some(settings.name_id_format.uri().to_owned()), ..NameId::default() };
    Ok(Said { may, name_id, attributes, problems })
}

fn value(expression: &Expression, facts: &Facts, now: i64, name: &str, problems: &mut Vec<String>) -> Value {
    match expression.evaluate(facts, now) {
        Ok(evaluated) => evaluated.value,
        Err(error) => {
            problems.push(format!("{name}: {error}"));
            Value::Null
        }
    }
}

fn text(expression: &Expression, facts: &Facts, now: i64, name: &str, problems: &mut Vec<String>) -> String {
    let found = texts(&value(expression, facts, now, name, problems)).into_iter().next().unwrap_or_default();
    if found.trim().is_empty() {
        problems.push(format!("{name}: {} has no value for this person", expression.text()));
    }
    found
}

/// A value as the texts of an attribute: a list is several, nothing is none.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(elements) => elements.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::texts;
    use serde_json::json;

    #[test]
    fn values_as_texts() {
        assert_eq!(texts(&json!(["a", ["b", null], 3, true, ""])), ["a", "b", "3", "true"]);
        assert!(texts(&json!(null)).is_empty());
    }
}
