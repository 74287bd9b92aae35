//! The issuing side of SAML: what an app is told, before it is told; and its settings.

use super::apps;
use super::apps::assign::resolved;
use super::saml::{binding, preferred};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::idp::{Addresses, Said, SamlApp, said};
use crate::outbound::integration::Integration;
use ::saml::issue::{Login, Recipient, authn_context};
use ::saml::{EntityId, Metadata, Refused, fresh_id};
use scim::Code;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::Principal;

fn wrong(detail: impl Into<String>) -> Error {
    Error::new(Code::SAML_SETTINGS, detail)
}

fn about(field: &str) -> impl Fn(Refused) -> Error {
    move |why| wrong(format!("{field}: {}", why.fix().trim_end_matches('.')))
}

/// An app and its SAML settings.
pub(crate) async fn settings(app: &App, tenant: &str, name: &str) -> Result<(Integration, SamlApp)> {
    let integration = apps::find(app, tenant, name).await?;
    let settings = SamlApp::of(&integration).map_err(wrong)?;
    Ok((integration, settings))
}

/// Changes SAML settings of an app: a part of them, laid over what is there.
pub(crate) async fn change(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    change: Map<String, Value>,
) -> Result<SamlApp> {
    let (_, known) = settings(app, tenant, name).await?;
    let changed = laid_over(&known, change)?;
    let mut document = Map::new();
    document.insert("settings".into(), json!({"saml": changed}));
    apps::change(app, actor, tenant, name, document).await?;
    Ok(changed)
}

/// The settings with a part of them changed, if they can be kept so.
pub(crate) fn laid_over(known: &SamlApp, change: Map<String, Value>) -> Result<SamlApp> {
    let mut whole = json!(known);
    for (field, value) in change {
        match whole.get_mut(&field) {
            Some(held) => *held = value,
            None => return Err(wrong(format!("saml.{field}: there is no such setting"))),
        }
    }
    let changed: SamlApp = serde_json::from_value(whole).map_err(|error| wrong(format!("saml: {error}")))?;
    changed.check().map_err(wrong)?;
    Ok(changed)
}

/// What an app's own metadata says of it, as settings: where answers go, the audience, its certificates.
pub(crate) fn from_metadata(bytes: &[u8], now: i64) -> Result<Map<String, Value>> {
    let metadata = Metadata::parse(bytes, now).map_err(about("metadata"))?;
    let role = metadata.service_provider().map_err(about("metadata"))?;
    let default = role.acs.iter().find(|acs| acs.default).or(role.acs.first());
    let default = default.ok_or_else(|| about("metadata")(Refused::EndpointMissing))?;
    let others = role.acs.iter().filter(|acs| acs.location != default.location);
    let others: Vec<&str> = others.map(|acs| acs.location.as_str()).collect();
    let signing = role.role.signing.first();
    // An app that shows no certificate cannot ask.
    let logout = preferred(&role.role.logout).filter(|_| signing.is_some());
    let answers = logout.map(|logout| logout.response_location.as_ref().unwrap_or(&logout.location));
    let asked =
        logout.map(|logout| logout.location.as_str()).filter(|asked| answers.is_some_and(|to| to.as_str() != *asked));
    let encryption = role.role.encryption.iter().find(|certificate| certificate.key().encrypts());
    let mut found = Map::new();
    for (field, value) in [
        ("audience", json!(metadata.entity_id.as_str())),
        ("ssoUrl", json!(default.location.as_str())),
        ("otherAcsUrls", json!(others)),
        ("requestCertificate", json!(signing.map(|certificate| certificate.base64()))),
        ("requireSignedRequests", json!(role.signs_requests && signing.is_some())),
        ("logoutUrl", json!(answers.map(|location| location.as_str()))),
        ("logoutRequestUrl", json!(asked)),
        ("logoutBinding", json!(logout.map(|logout| binding(logout.binding)).unwrap_or_default())),
        ("encryptionCertificate", json!(encryption.map(|certificate| certificate.base64()))),
    ] {
        found.insert(field.into(), value);
    }
    Ok(found)
}

/// What an app would be told of a person now.
#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) said: Said,
    /// The assertion, not signed; nothing where it could not be written.
    pub(crate) xml: Option<String>,
}

/// Shows what would be said of a person (their id or userName), to whom, and whether it may; with other settings than
/// those that are kept, if some are given.
pub(crate) async fn preview(
    app: &App,
    (tenant, name): (&str, &str),
    draft: Option<SamlApp>,
    person: &str,
    endpoint: &str,
) -> Result<Preview> {
    let integration = apps::find(app, tenant, name).await?;
    let settings = draft.map_or_else(|| SamlApp::of(&integration).map_err(wrong), Ok)?;
    preview_of(app, tenant, (integration, settings), person, endpoint).await
}

/// The same for an app that may not be there yet.
pub(crate) async fn preview_of(
    app: &App,
    tenant: &str,
    (integration, settings): (Integration, SamlApp),
    person: &str,
    endpoint: &str,
) -> Result<Preview> {
    let (state, name) = (super::tenant_of(app, tenant)?, integration.row.name.as_str());
    let (at, now, person) = (Addresses::behind(endpoint, name), app.clock().now(), person.to_owned());
    let (of, asked) = (Arc::new(integration), settings.clone());
    let read = app.store().read(move |r| -> Result<Said> {
        let id = resolved(r, &state, Principal::User, &person)?;
        said(r, &state, &of, &asked, &id, now)
    });
    let said = read.await?;
    let written = || -> std::result::Result<String, Refused> {
        let provider = settings.service_provider()?;
        let recipient = Recipient {
            service_provider: &provider.entity_id,
            acs: provider.default_acs()?,
            in_response_to: None,
            sign: settings.sign(),
            encrypt_to: None,
        };
        let login = Login {
            name_id: &said.name_id,
            attributes: &said.attributes,
            session_index: "preview",
            authenticated_at: now,
            authn_context: authn_context::UNSPECIFIED,
            session_ends_at: None,
        };
        ::saml::issue::preview(&EntityId::parse(&at.entity_id)?, &recipient, &login, &fresh_id()?, now)
    };
    let xml = written();
    Ok(Preview { xml: xml.ok(), said })
}
