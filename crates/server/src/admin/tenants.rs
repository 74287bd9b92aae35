//! Tenants, their settings and their operation switches.

use super::apps::grant;
use super::{attributes, audited, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::limits;
use crate::outbound::token::Forgotten;
use crate::tenants::{DEFAULT, TenantState};
use scim::Code;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{Definitions, Settings, Tenant};

/// Longest name of a tenant; it is a part of its address.
const NAME_CHARS_MAX: usize = 63;

/// What a new tenant is made of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenant {
    /// Its name.
    pub(crate) name: String,
    /// The settings that differ from the usual ones.
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
}

/// Makes a tenant.
pub(crate) async fn create(app: &App, actor: &Actor, wanted: NewTenant) -> Result<Arc<TenantState>> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = wanted.name;
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(fits) || name.starts_with('-') {
        let detail = format!(
            "a tenant's name is 1 to {NAME_CHARS_MAX} lower-case letters, digits and hyphens: it is a part of its address"
        );
        return Err(scim::Error::invalid_value(detail).into());
    }
    if app.tenants().find(&name).is_some() {
        return Err(Error::new(Code::NAME_TAKEN, "there is already a tenant of this name"));
    }
    let settings = merged(&Settings::default(), wanted.settings)?;
    if !settings.ignored.is_empty() {
        return Err(scim::Error::invalid_value("make the tenant first, then say what it ignores").into());
    }
    let (now, new) = (app.clock().now(), name.clone());
    let line = ("tenant.create", name.clone(), json!({}));
    audited(app, actor, line, move |w| {
        Ok(w.tenant_insert(&new, &settings, &Definitions::default(), now).map(|_| ())?)
    })
    .await?;
    app.reload().await?;
    tenant_of(app, &name)
}

/// Lays a change over a tenant's settings: only what it names changes.
pub(crate) async fn change(
    app: &App,
    actor: &Actor,
    tenant: &str,
    change: Map<String, Value>,
) -> Result<Arc<TenantState>> {
    let state = tenant_of(app, tenant)?;
    let detail = Value::Object(change.clone());
    let settings = merged(&state.tenant.settings, change)?;
    attributes::check_ignored(&state, &settings)?;
    let line = ("tenant.settings", tenant.to_owned(), detail);
    save(app, actor, line, Tenant { settings, ..state.tenant.clone() }).await?;
    tenant_of(app, tenant)
}

/// Switches operations on and off: `{"users": {"delete": false}}`.
pub(crate) async fn switch(
    app: &App,
    actor: &Actor,
    tenant: &str,
    change: Map<String, Value>,
) -> Result<Arc<TenantState>> {
    let state = tenant_of(app, tenant)?;
    let change = Map::from_iter([("switches".to_owned(), Value::Object(change))]);
    let line = ("tenant.switches", tenant.to_owned(), Value::Object(change.clone()));
    let settings = merged(&state.tenant.settings, change)?;
    save(app, actor, line, Tenant { settings, ..state.tenant.clone() }).await?;
    tenant_of(app, tenant)
}

/// Removes a tenant with everything in it.
pub(crate) async fn delete(app: &App, actor: &Actor, tenant: &str) -> Result<()> {
    let state = tenant_of(app, tenant)?;
    if tenant == DEFAULT {
        return Err(scim::Error::invalid_value("the tenant default serves /scim/v2 and stays").into());
    }
    let id = state.tenant.id;
    let forgotten = audited(app, actor, ("tenant.delete", tenant.to_owned(), json!({})), move |w| {
        let granted = w.apps(id)?.into_iter().filter(|row| row.grant.is_some());
        let forgotten = granted.map(|row| Ok((Forgotten::of(w, row.id)?, row.name)));
        let forgotten: Vec<(Option<Forgotten>, String)> = forgotten.collect::<Result<_>>()?;
        w.tenant_delete(id)?;
        Ok(forgotten)
    })
    .await?;
    let (owned, actor, tenant) = (app.clone(), actor.clone(), tenant.to_owned());
    // Nobody waits for all of these servers; what they say is in the audit trail.
    tokio::spawn(async move {
        for (forgotten, name) in forgotten {
            grant::revoked(&owned, &actor, format!("{tenant}/app/{name}"), forgotten).await;
        }
    });
    app.reload().await
}

/// Writes a changed tenant, unless somebody else changed it meanwhile, and takes it in.
pub(super) async fn save(app: &App, actor: &Actor, line: (&str, String, Value), new: Tenant) -> Result<()> {
    let (id, state) = (new.id, tenant_of(app, &new.name)?);
    let other_order = new.settings.manager_match != state.tenant.settings.manager_match;
    let users = state.named("User").filter(|_| other_order).cloned();
    audited(app, actor, line, move |w| {
        w.tenant_update(&new)?;
        users.map_or(Ok(()), |users| Ok(w.resolve_managers(new.id, &users, &new.settings.manager_match)?))
    })
    .await?;
    app.reload().await?;
    app.events().publish(id, Topic::Settings);
    Ok(())
}

/// The settings with a change laid over them; a name that there is not is an error, not a surprise.
pub(super) fn merged(settings: &Settings, change: Map<String, Value>) -> Result<Settings> {
    let change = Value::Object(change);
    let mut whole = json!(settings);
    lay_over(&mut whole, change.clone(), "")?;
    let settings: Settings = serde_json::from_value(whole).map_err(|error| wrong_type(settings, &change, &error))?;
    check(&settings)?;
    Ok(settings)
}

/// Which setting it is that does not fit: the first that does not even alone.
fn wrong_type(settings: &Settings, change: &Value, error: &serde_json::Error) -> scim::Error {
    let fails = |alone: &Value| {
        let mut whole = json!(settings);
        lay_over(&mut whole, alone.clone(), "").is_ok() && serde_json::from_value::<Settings>(whole).is_err()
    };
    let path = each_alone(change).into_iter().find(|(_, alone)| fails(alone)).map(|(path, _)| path);
    let path = path.unwrap_or_else(|| "a setting".to_owned());
    let what = crate::json::wanted(&error.to_string());
    scim::Error::invalid_value(format!("{path}: {what}; compare with: provost tenant show"))
}

/// Every value of a change by its path, with a change that holds it alone.
fn each_alone(change: &Value) -> Vec<(String, Value)> {
    let Value::Object(map) = change else { return vec![(String::new(), change.clone())] };
    let within = |(name, inner): (&String, &Value)| {
        let path = |path: String| if path.is_empty() { name.clone() } else { format!("{name}.{path}") };
        let alone = |inner: Value| Value::Object(Map::from_iter([(name.clone(), inner)]));
        each_alone(inner).into_iter().map(|(rest, inner)| (path(rest), alone(inner))).collect::<Vec<_>>()
    };
    map.iter().flat_map(within).collect()
}

fn lay_over(whole: &mut Value, change: Value, path: &str) -> Result<()> {
    match (whole, change) {
        (Value::Object(whole), Value::Object(change)) => {
            for (name, value) in change {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let Some(held) = whole.get_mut(&name) else {
                    return Err(scim::Error::invalid_value(format!(
                        "there is no setting {path}; see: provost tenant show"
                    ))
                    .into());
                };
                lay_over(held, value, &path)?;
            }
        }
        (whole, change) => *whole = change,
    }
    Ok(())
}

/// Longest domain (RFC 1035).
const DOMAIN_BYTES_MAX: usize = 253;

fn check(settings: &Settings) -> Result<()> {
    let refuse = |what: &str| Err(scim::Error::invalid_value(what).into());
    if settings.page_max == 0
        || settings.page_max > 10_000
        || settings.page_default == 0
        || settings.page_default > settings.page_max
    {
        return refuse("pageMax is between 1 and 10000, and pageDefault between 1 and pageMax");
    }
    if settings.rate_per_second == 0 || settings.rate_burst == 0 {
        return refuse("ratePerSecond and rateBurst are at least 1");
    }
    if settings.cursor_seconds == 0 {
        return refuse("cursorSeconds is at least 1");
    }
    let is_name = |name: &String| {
        (1..=64).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-')
    };
    if settings.masked.len() > limits::MASKED_MAX || !settings.masked.iter().all(is_name) {
        return refuse("masked holds at most 50 names of attributes, without their namespaces");
    }
    let is_domain = |name: &String| {
        let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
        name.len() <= DOMAIN_BYTES_MAX && name.split('.').all(is_label)
    };
    if !settings.verified_domains.iter().all(is_domain) {
        return refuse("verifiedDomains holds domains, such as example.com, each an element of its own");
    }
    if settings.base_url.as_ref().is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        return refuse("baseUrl starts with https:// or http://");
    }
    Ok(())
}
