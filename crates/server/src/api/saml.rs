//! SAML connections and our keys.

use super::{ApiResult, body_of, body_within, listed, shown};
use crate::admin::{self, saml, saml_keys, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Error;
use crate::saml::{Addresses, certificates};
use ::saml::Certificate;
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use scim::Code;
use scim::meta::rfc3339;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{SamlConnection, SamlKey, SamlPurpose, SamlSettings};

const SP: SamlPurpose = SamlPurpose::ServiceProvider;

/// Room for metadata with its quotes escaped.
const METADATA_BODY_MAX: usize = 3 << 20;

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>, headers: HeaderMap) -> ApiResult {
    let all = saml::list(&app, &tenant).await?;
    let all = all.iter().map(|connection| show(&app, &tenant, &headers, connection));
    listed(all.collect::<Result<Vec<_>, Error>>()?, None)
}

pub(super) async fn create(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let headers = request.headers().clone();
    let mut body: Map<String, Value> = body_within(request, METADATA_BODY_MAX).await?;
    let id = body.remove("id");
    let id = id.as_ref().map_or(Some(crate::saml::DEFAULT), Value::as_str);
    let id = id.ok_or_else(|| scim::Error::invalid_value("id is text"))?.to_owned();
    let settings = laid_over(&app, &SamlSettings::default(), body).await?;
    let made = saml::create(&app, &actor, &tenant, &id, settings).await?;
    shown(201, &show(&app, &tenant, &headers, &made)?)
}

pub(super) async fn read(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult {
    shown(200, &show(&app, &tenant, &headers, &saml::find(&app, &tenant, &id).await?)?)
}

pub(super) async fn change(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let headers = request.headers().clone();
    let body: Map<String, Value> = body_within(request, METADATA_BODY_MAX).await?;
    let found = saml::find(&app, &tenant, &id).await?;
    let settings = laid_over(&app, &found.settings, body).await?;
    let changed = saml::update(&app, &actor, &tenant, found, settings).await?;
    shown(200, &show(&app, &tenant, &headers, &changed)?)
}

pub(super) async fn delete(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    saml::delete(&app, &actor, &tenant, &id).await?;
    shown(200, &json!({"id": id}))
}

/// Metadata of the other side, read and shown; nothing is saved.
pub(super) async fn preview(State(app): State<App>, Path(tenant): Path<String>, request: Request) -> ApiResult {
    tenant_of(&app, &tenant)?;
    let mut body: Map<String, Value> = body_within(request, METADATA_BODY_MAX).await?;
    let Some(bytes) = metadata_of(&app, &mut body).await? else {
        return Err(scim::Error::invalid_value("send metadata, the XML, or metadataUrl, where it is").into());
    };
    let metadata = saml::read_metadata(&bytes, app.clock().now())?;
    let role = metadata.identity_provider().map_err(|why| Error::new(Code::SAML_SETTINGS, why.fix()))?;
    shown(200, &saml::preview(&metadata, role))
}

pub(super) async fn keys(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    listed(saml_keys::list(&app, &tenant, SP).await?.iter().map(show_key).collect(), None)
}

pub(super) async fn new_key(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let _: Map<String, Value> = body_of(request).await?;
    shown(201, &show_key(&saml_keys::add(&app, &actor, &tenant, SP).await?))
}

pub(super) async fn promote_key(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    saml_keys::promote(&app, &actor, &tenant, SP, &id).await?;
    keys(State(app), Path(tenant)).await
}

pub(super) async fn remove_key(
    State(app): State<App>,
    Path((tenant, id)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    saml_keys::remove(&app, &actor, &tenant, SP, &id).await?;
    shown(200, &json!({"id": id}))
}

/// The metadata of a body: as it is, or from where it is.
async fn metadata_of(app: &App, body: &mut Map<String, Value>) -> Result<Option<Vec<u8>>, Error> {
    let text = |value: Option<Value>, name: &str| match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::from(scim::Error::invalid_value(format!("{name} is text")))),
    };
    match (text(body.remove("metadata"), "metadata")?, text(body.remove("metadataUrl"), "metadataUrl")?) {
        (Some(xml), None) => Ok(Some(xml.into_bytes())),
        (None, Some(url)) => saml::fetch_metadata(app, &url).await.map(Some),
        (None, None) => Ok(None),
        _ => Err(scim::Error::invalid_value("send metadata or metadataUrl, not both").into()),
    }
}

/// Settings with what was sent in the place of what was there; metadata first, so that a field may say otherwise.
async fn laid_over(app: &App, old: &SamlSettings, mut body: Map<String, Value>) -> Result<SamlSettings, Error> {
    let mut settings = old.clone();
    if let Some(bytes) = metadata_of(app, &mut body).await? {
        saml::take_over(&saml::read_metadata(&bytes, app.clock().now())?, &mut settings)?;
    }
    let mut whole = json!(settings);
    if let Some(fields) = whole.as_object_mut() {
        fields.extend(body);
    }
    serde_json::from_value(whole).map_err(|_| {
        Error::new(Code::SAML_SETTINGS, "a setting is unknown or of the wrong type; the API's description lists them")
    })
}

fn show(app: &App, tenant: &str, headers: &HeaderMap, connection: &SamlConnection) -> Result<Value, Error> {
    let at = Addresses::of(app, &*admin::tenant_of(app, tenant)?, headers, &connection.id)?;
    let mut whole = json!(connection.settings);
    let readable: Vec<Value> =
        certificates(&connection.settings).unwrap_or_default().iter().map(saml::certificate).collect();
    if let Some(fields) = whole.as_object_mut() {
        fields.insert("id".into(), json!(connection.id));
        fields.insert("version".into(), json!(connection.version));
        fields.insert("createdAt".into(), json!(rfc3339(connection.created_at)));
        fields.insert("modifiedAt".into(), json!(rfc3339(connection.modified_at)));
        fields.insert("certificateDetails".into(), readable.into());
        fields.insert(
            "serviceProvider".into(),
            json!({"entityId": at.entity_id, "acsUrl": at.acs, "loginUrl": at.login, "logoutUrl": at.logout,
                "metadataUrl": at.entity_id}),
        );
    }
    Ok(whole)
}

fn show_key(key: &SamlKey) -> Value {
    let certificate = Certificate::from_der(&key.certificate).ok();
    json!({
        "id": key.id,
        "state": key.state,
        "createdAt": rfc3339(key.created_at),
        "certificate": certificate.as_ref().map(saml::certificate),
        "pem": certificate.as_ref().map(Certificate::pem),
    })
}
