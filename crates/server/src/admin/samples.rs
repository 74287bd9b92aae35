//! Sample people for a directory with nobody in it, to look around before real ones come. The demo's are these.

use super::{directory, tenant_of};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::Result;
use crate::tenants::TenantState;
use axum::http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Login, given name, family name, cost centre.
type Sample = (&'static str, &'static str, &'static str, &'static str);

/// The manager of the others.
const MANAGER: &str = "bea@example.com";

/// Carl's cost centre is longer than the demo's application takes.
const PEOPLE: [Sample; 5] = [
    (MANAGER, "Bea", "Cruz", "4711"),
    ("adam@example.com", "Adam", "Kay", "4711"),
    ("carl@example.com", "Carl", "Moss", "4711-does-not-fit"),
    ("dora@example.com", "Dora", "Lind", "0815"),
    ("emil@example.com", "Emil", "Voss", "0815"),
];

/// The group that all of them are in.
const GROUP: &str = "Sales";

/// The custom field that they have where there is one.
const COST_CENTRE: &str = "costCentre";

/// Makes them in a tenant that has nobody; how many there are.
pub(crate) async fn create(app: &App, actor: &Arc<Actor>, tenant: &str, origin: &Origin) -> Result<usize> {
    let state = tenant_of(app, tenant)?;
    let base = app.base_url(&state, &HeaderMap::new())?;
    let first = directory::list(app, &state, &base, "User", directory::Listing { count: 1, ..Default::default() });
    if !first.await?.found.is_empty() {
        let detail = "there are people already; sample people are for a directory with nobody in it";
        return Err(scim::Error::invalid_value(detail).into());
    }
    let made = async |path: &str, body: Value| {
        let change = (Method::POST, path.to_owned(), body);
        let acted = directory::change(app, &state, Arc::clone(actor), &base, origin, change).await?;
        if let Some(said) = directory::refusal(&acted.answer) {
            return Err(scim::Error::invalid_value(said).into());
        }
        let made: Value = serde_json::from_slice(&acted.answer.body).unwrap_or_default();
        Ok::<_, crate::error::Error>(json!({"value": made.get("id")}))
    };
    let mut members = Vec::new();
    for who in PEOPLE {
        members.push(made("/Users", person(&state, who)).await?);
    }
    made("/Groups", json!({"schemas": [scim::schema::GROUP], "displayName": GROUP, "members": members})).await?;
    Ok(PEOPLE.len())
}

fn person(state: &TenantState, (login, given, family, centre): Sample) -> Value {
    let mut person = Map::new();
    person.insert("schemas".into(), json!([scim::schema::USER]));
    person.insert("userName".into(), json!(login));
    person.insert("displayName".into(), json!(format!("{given} {family}")));
    person.insert("name".into(), json!({"givenName": given, "familyName": family}));
    person.insert("emails".into(), json!([{"value": login, "type": "work", "primary": true}]));
    if login != MANAGER {
        person.insert(scim::schema::ENTERPRISE_USER.into(), json!({"manager": {"value": MANAGER}}));
    }
    let types = state.named("User");
    let mut attributes = types.iter().flat_map(|rt| rt.attributes());
    let place = attributes.find_map(|(extension, attribute)| extension.filter(|_| attribute.name == COST_CENTRE));
    if let Some(extension) = place {
        person.insert(extension.id.clone(), json!({COST_CENTRE: centre}));
    }
    Value::Object(person)
}
