//! The issuing side of SAML: what an app is told, before it is told; its settings; the keys that sign.

use super::apps::assign::resolved;
use super::apps::{self, with_tenant};
use super::{audited, missing, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::idp::{Addresses, Said, SamlApp, said};
use crate::limits;
use crate::outbound::integration::Integration;
use crate::saml::make_key;
use crate::tenants::TenantState;
use ::saml::issue::{Login, Recipient, authn_context};
use ::saml::{EntityId, Metadata, Refused, fresh_id};
use scim::Code;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{KeyState, Principal, SamlKey, SamlPurpose};

const IDP: SamlPurpose = SamlPurpose::IdentityProvider;

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
    let mut found = Map::new();
    for (field, value) in [
        ("audience", json!(metadata.entity_id.as_str())),
        ("ssoUrl", json!(default.location.as_str())),
        ("otherAcsUrls", json!(others)),
        ("requestCertificate", json!(role.role.signing.first().map(|certificate| certificate.base64()))),
        ("requireSignedRequests", json!(role.signs_requests && !role.role.signing.is_empty())),
        ("encryptionCertificate", json!(role.role.encryption.first().map(|certificate| certificate.base64()))),
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
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let settings = draft.map_or_else(|| SamlApp::of(&integration).map_err(wrong), Ok)?;
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

/// Our first key is made when it is needed.
pub(crate) async fn first_key(app: &App, state: &TenantState) -> Result<()> {
    let tenant = state.tenant.id;
    if !app.store().read(move |r| r.saml_keys(tenant, IDP)).await?.is_empty() {
        return Ok(());
    }
    let key = make_key(app, state, IDP, KeyState::Current, app.clock().now()).await?;
    let kept = app.store().write_in(tenant, move |w| -> store::Result<()> {
        // Somebody else may have been first.
        if w.saml_keys(tenant, IDP)?.is_empty() { w.saml_key_insert(tenant, IDP, &key) } else { Ok(()) }
    });
    Ok(kept.await?)
}

/// Our keys as an identity provider, the newest first.
pub(crate) async fn keys(app: &App, tenant: &str) -> Result<Vec<SamlKey>> {
    let id = tenant_of(app, tenant)?.tenant.id;
    Ok(app.store().read(move |r| r.saml_keys(id, IDP)).await.map_err(|error: store::Error| error)?)
}

/// Makes a key and publishes it: the first one signs, a later one is the next.
pub(crate) async fn new_key(app: &App, actor: &Actor, tenant: &str) -> Result<SamlKey> {
    let state = tenant_of(app, tenant)?;
    let mut key = make_key(app, &state, IDP, KeyState::Next, app.clock().now()).await?;
    let id = state.tenant.id;
    let line = ("idp.key.create", format!("{tenant}/idp-key/{}", key.id), json!({}));
    audited(app, actor, line, move |w| {
        let known = w.saml_keys(id, IDP)?;
        if known.len() >= limits::SAML_KEYS_MAX {
            return Err(wrong(format!("there are {} keys; take an old one away first", limits::SAML_KEYS_MAX)));
        }
        if known.is_empty() {
            key.state = KeyState::Current;
        }
        w.saml_key_insert(id, IDP, &key)?;
        Ok(key)
    })
    .await
}

/// Has the next key sign. The old one is published no longer, once it is taken away.
pub(crate) async fn promote_key(app: &App, actor: &Actor, tenant: &str, key: &str) -> Result<()> {
    let (id, wanted) = (tenant_of(app, tenant)?.tenant.id, key.to_owned());
    let line = ("idp.key.promote", format!("{tenant}/idp-key/{key}"), json!({}));
    audited(app, actor, line, move |w| {
        if w.saml_key_promote(id, IDP, &wanted)? { Ok(()) } else { Err(missing("there is no next key of this id")) }
    })
    .await
}

/// Takes a key away that does not sign.
pub(crate) async fn remove_key(app: &App, actor: &Actor, tenant: &str, key: &str) -> Result<()> {
    let (id, wanted) = (tenant_of(app, tenant)?.tenant.id, key.to_owned());
    let line = ("idp.key.remove", format!("{tenant}/idp-key/{key}"), json!({}));
    audited(app, actor, line, move |w| {
        let why = "there is no key of this id that could go; the one that signs is replaced first";
        if w.saml_key_delete(id, IDP, &wanted)? { Ok(()) } else { Err(missing(why)) }
    })
    .await
}
