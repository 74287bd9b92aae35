//! The issuing side of SAML: settings of an app, what it would be told of somebody, keys; and passwords of people.

use super::{ApiResult, body_of, listed, shown};
use crate::admin::{idp, person_passwords, saml, saml_keys, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::idp::Addresses;
use crate::query;
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{SamlKey, SamlPurpose};

const IDP: SamlPurpose = SamlPurpose::IdentityProvider;

fn endpoint(app: &App, tenant: &str, headers: &HeaderMap) -> Result<String, Error> {
    app.base_url(&*tenant_of(app, tenant)?, headers)
}

pub(super) async fn settings(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    let (_, settings) = idp::settings(&app, &tenant, &name).await?;
    let at = Addresses::behind(&endpoint(&app, &tenant, &headers)?, &name);
    shown(
        200,
        &json!({
            "issuer": at.entity_id,
            "signOnUrl": at.sso,
            "logoutUrl": at.slo,
            "metadataUrl": at.entity_id,
            "settings": settings,
        }),
    )
}

pub(super) async fn change(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult {
    let wanted: Map<String, Value> = body_of(request).await?;
    idp::change(&app, &actor, &tenant, &name, wanted).await?;
    settings(State(app), Path((tenant, name)), headers).await
}

/// Metadata as XML, or where it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    xml: Option<String>,
    url: Option<String>,
}

/// Takes the settings over that the app's metadata says.
pub(super) async fn import(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    headers: HeaderMap,
    request: Request,
) -> ApiResult {
    idp::settings(&app, &tenant, &name).await?;
    let source: Source = body_of(request).await?;
    let bytes = match (source.xml, source.url) {
        (Some(xml), None) => xml.into_bytes(),
        (None, Some(url)) => saml::fetch_metadata(&app, &url).await?,
        _ => return Err(scim::Error::invalid_value("send the metadata as xml, or its url").into()),
    };
    let found = idp::from_metadata(&bytes, app.clock().now())?;
    idp::change(&app, &actor, &tenant, &name, found).await?;
    settings(State(app), Path((tenant, name)), headers).await
}

pub(super) async fn preview(
    State(app): State<App>,
    Path((tenant, name)): Path<(String, String)>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> ApiResult {
    let person = query::value(&asked.unwrap_or_default(), "person").unwrap_or_default();
    let endpoint = endpoint(&app, &tenant, &headers)?;
    let preview = idp::preview(&app, (&tenant, &name), None, &person, &endpoint).await?;
    let attributes = preview.said.attributes.iter().map(|one| json!({"name": one.name, "values": one.values}));
    shown(
        200,
        &json!({
            "allowed": preview.said.may.is_ok(),
            "reason": preview.said.may.err(),
            "nameId": preview.said.name_id.value,
            "attributes": attributes.collect::<Vec<_>>(),
            "problems": preview.said.problems,
            "assertion": preview.xml,
        }),
    )
}

fn show_key(key: &SamlKey) -> Value {
    let certificate = ::saml::Certificate::from_der(&key.certificate).ok();
    json!({
        "id": key.id,
        "state": key.state,
        "createdAt": rfc3339(key.created_at),
        "fingerprint": certificate.as_ref().map(::saml::Certificate::fingerprint),
        "certificate": certificate.as_ref().map(::saml::Certificate::pem),
    })
}

pub(super) async fn keys(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    listed(saml_keys::list(&app, &tenant, IDP).await?.iter().map(show_key).collect(), None)
}

pub(super) async fn new_key(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    shown(201, &show_key(&saml_keys::add(&app, &actor, &tenant, IDP).await?))
}

pub(super) async fn promote_key(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    saml_keys::promote(&app, &actor, &tenant, IDP, &id).await?;
    shown(200, &json!({"id": id, "state": "current"}))
}

pub(super) async fn remove_key(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    saml_keys::remove(&app, &actor, &tenant, IDP, &id).await?;
    shown(200, &json!({"id": id, "deleted": true}))
}

/// A link by which a person chooses a password. Whoever has it is that person: it is shown this once.
pub(super) async fn sign_in_link(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    headers: HeaderMap,
) -> ApiResult {
    let made = person_passwords::make_link(&app, &actor, &tenant, &id).await?;
    let endpoint = app.base_url(&*tenant_of(&app, crate::tenants::DEFAULT)?, &headers)?;
    let server = endpoint.strip_suffix("/scim/v2").unwrap_or(&endpoint);
    shown(201, &json!({"link": format!("{server}{}", made.path), "expiresAt": rfc3339(made.expires_at)}))
}

pub(super) async fn forget_password(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    person_passwords::forget(&app, &actor, &tenant, &id).await?;
    shown(200, &json!({"id": id, "deleted": true}))
}
