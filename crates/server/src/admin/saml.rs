//! SAML connections: what an administrator sets of them, checked so that nothing unsafe can be kept, and what metadata says.

use super::{audited, missing, saml_keys, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::egress::Request;
use crate::error::{Error, Result};
use crate::limits;
use crate::saml::is_connection_id;
use crate::tenants::TenantState;
use ::saml::metadata::{Endpoint, IdentityProviderRole};
use ::saml::{Binding, Certificate, EntityId, Keys, Location, Metadata, Refused};
use scim::{Code, Mutability, ResourceType, Target};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{SamlBinding, SamlConnection, SamlPurpose, SamlSettings};

/// The least and the most minutes of a session.
const SESSION_MINUTES: std::ops::RangeInclusive<u32> = 5..=1_440;
const LABEL_CHARS_MAX: usize = 100;
/// Mapped attributes, and allowed domains.
const LIST_MAX: usize = 50;

fn wrong(detail: impl Into<String>) -> Error {
    Error::new(Code::SAML_SETTINGS, detail)
}

/// A reason of the crate about a field, in the form of our errors.
fn about(field: &str) -> impl Fn(Refused) -> Error + '_ {
    move |reason| wrong(format!("{field}: {} ({})", reason.fix().trim_end_matches('.'), reason.name()))
}

/// A tenant's connections.
pub(crate) async fn list(app: &App, tenant: &str) -> Result<Vec<SamlConnection>> {
    let id = tenant_of(app, tenant)?.tenant.id;
    Ok(app.store().read(move |r| r.saml_connections(id)).await?)
}

/// One connection.
pub(crate) async fn find(app: &App, tenant: &str, id: &str) -> Result<SamlConnection> {
    let (tenant, id) = (tenant_of(app, tenant)?.tenant.id, id.to_owned());
    let found = app.store().read(move |r| r.saml_connection(tenant, &id)).await?;
    found.ok_or_else(|| missing("there is no SAML connection of this id; see: provost saml list"))
}

/// Makes a connection, and our first key if there is none yet.
pub(crate) async fn create(
    app: &App,
    actor: &Actor,
    tenant: &str,
    id: &str,
    settings: SamlSettings,
) -> Result<SamlConnection> {
    let state = tenant_of(app, tenant)?;
    if !is_connection_id(id) {
        return Err(wrong("the id takes 1 to 32 lower-case letters, digits and hyphens: it stands in the addresses"));
    }
    let settings = checked(&state, settings)?;
    saml_keys::first(app, &state, SamlPurpose::ServiceProvider).await?;
    let now = app.clock().now();
    let new = SamlConnection {
        tenant: state.tenant.id,
        id: id.to_owned(),
        version: 1,
        created_at: now,
        modified_at: now,
        settings,
    };
    let kept = new.clone();
    let line = ("saml.create", format!("{tenant}/saml/{id}"), json!({"entityId": new.settings.entity_id}));
    audited(app, actor, line, move |w| {
        if w.saml_connections(kept.tenant)?.len() >= limits::SAML_CONNECTIONS_MAX {
            return Err(wrong(format!("a tenant has at most {} connections", limits::SAML_CONNECTIONS_MAX)));
        }
        match w.saml_connection_insert(&kept) {
            Err(store::Error::Conflict { .. }) => {
                Err(Error::new(Code::NAME_TAKEN, "there is a connection of this id already"))
            }
            other => Ok(other?),
        }
    })
    .await?;
    app.events().publish(state.tenant.id, crate::events::Topic::Settings);
    Ok(new)
}

/// Changes a connection that was read before. Who is signed in with it stays so, unless it is switched off.
pub(crate) async fn update(
    app: &App,
    actor: &Actor,
    tenant: &str,
    read: SamlConnection,
    settings: SamlSettings,
) -> Result<SamlConnection> {
    let state = tenant_of(app, tenant)?;
    let settings = checked(&state, settings)?;
    let changed = changes(&read.settings, &settings);
    let (id, now, ends) = (read.id.clone(), app.clock().now(), !settings.enabled && read.settings.enabled);
    let new = SamlConnection { settings, ..read };
    let line = ("saml.change", format!("{tenant}/saml/{id}"), json!({"changed": changed}));
    audited(app, actor, line, move |w| {
        w.saml_connection_update(&new, now)?;
        if ends {
            w.person_sessions_of_connection_end(new.tenant, &new.id)?;
        }
        Ok(())
    })
    .await?;
    app.events().publish(state.tenant.id, crate::events::Topic::Settings);
    find(app, tenant, &id).await
}

/// The names of the settings that differ.
fn changes(old: &SamlSettings, new: &SamlSettings) -> Vec<String> {
    let (old, new) = (json!(old), json!(new));
    let fields = new.as_object().into_iter().flatten();
    fields.filter(|(name, value)| old.get(name.as_str()) != Some(value)).map(|(name, _)| name.clone()).collect()
}

/// Takes a connection away; who is signed in with it is out.
pub(crate) async fn delete(app: &App, actor: &Actor, tenant: &str, id: &str) -> Result<()> {
    let state = tenant_of(app, tenant)?;
    let (tenant_id, name) = (state.tenant.id, id.to_owned());
    let line = ("saml.delete", format!("{tenant}/saml/{id}"), json!({}));
    audited(app, actor, line, move |w| {
        if w.saml_connection_delete(tenant_id, &name)? {
            return Ok(());
        }
        Err(missing("there is no SAML connection of this id; see: provost saml list"))
    })
    .await?;
    app.events().publish(tenant_id, crate::events::Topic::Settings);
    Ok(())
}

/// The settings as they may be kept. Without a usable key there is no connection.
fn checked(state: &TenantState, mut settings: SamlSettings) -> Result<SamlSettings> {
    let printable = |text: &str| !text.chars().any(char::is_control);
    if settings.label.chars().count() > LABEL_CHARS_MAX || !printable(&settings.label) {
        return Err(wrong(format!("label takes at most {LABEL_CHARS_MAX} characters")));
    }
    EntityId::parse(&settings.entity_id).map_err(about("entityId"))?;
    Location::parse(&settings.sign_on_url).map_err(about("signOnUrl"))?;
    for (name, url) in [("logoutUrl", &settings.logout_url), ("logoutResponseUrl", &settings.logout_response_url)] {
        if let Some(url) = url {
            Location::parse(url).map_err(about(name))?;
        }
    }
    let certificates = settings.certificates.iter().map(|text| Certificate::from_text(text));
    let certificates = certificates.collect::<std::result::Result<Vec<_>, _>>().map_err(about("certificates"))?;
    Keys::of_certificates(&certificates).map_err(about("certificates"))?;
    settings.certificates = certificates.iter().map(Certificate::base64).collect();
    if !SESSION_MINUTES.contains(&settings.session_minutes) {
        let (least, most) = (SESSION_MINUTES.start(), SESSION_MINUTES.end());
        return Err(wrong(format!("sessionMinutes is {least} to {most}")));
    }
    for (name, text) in [("nameIdFormat", &settings.name_id_format), ("matchAttribute", &settings.match_attribute)] {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > 1_024 || !printable(text)) {
            return Err(wrong(format!("{name} is empty or too long; leave it out for none")));
        }
    }
    check_domains(&mut settings.domains)?;
    check_mapping(state, &settings)?;
    Ok(settings)
}

fn check_domains(domains: &mut [String]) -> Result<()> {
    if domains.len() > LIST_MAX {
        return Err(wrong(format!("domains takes at most {LIST_MAX}")));
    }
    for domain in domains {
        *domain = domain.trim().trim_start_matches('@').to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if domain.is_empty() || domain.len() > 253 || !domain.contains('.') || !domain.chars().all(fits) {
            return Err(wrong("domains are names such as example.com"));
        }
    }
    Ok(())
}

/// What an assertion may say about somebody new: not whether they may come in, not their password, nothing of ours.
fn check_mapping(state: &TenantState, settings: &SamlSettings) -> Result<()> {
    if settings.attributes.len() > LIST_MAX {
        return Err(wrong(format!("attributes takes at most {LIST_MAX}")));
    }
    let users: &Arc<ResourceType> = crate::person::users(state)?;
    for mapped in &settings.attributes {
        let plain = mapped.path.split('[').next().unwrap_or_default();
        let place = users.resolve_text(plain);
        let writable = match &place {
            Some(Target::Attribute { attribute, .. }) => {
                attribute.mutability != Mutability::ReadOnly
                    && !matches!(attribute.name.as_str(), "active" | "password" | "id" | "meta" | "groups")
            }
            _ => false,
        };
        if !writable || mapped.name.is_empty() || mapped.name.len() > 1_024 || mapped.path.len() > 1_024 {
            let path = crate::redact::cut(&mapped.path, 100);
            return Err(wrong(format!("attributes: {path} is no attribute of a user that a sign-in may set")));
        }
    }
    Ok(())
}

/// The other side's metadata, as it came. `now` is for its validity.
pub(crate) fn read_metadata(bytes: &[u8], now: i64) -> Result<Metadata> {
    let metadata = Metadata::parse(bytes, now).map_err(about("metadata"))?;
    let role = metadata.identity_provider().map_err(about("metadata"))?;
    role.role.keys().map_err(about("metadata"))?;
    Ok(metadata)
}

/// The other side's metadata as an operator brings it: the XML itself, or its address.
pub(crate) async fn brought_metadata(app: &App, url: &str, xml: &str) -> Result<Vec<u8>> {
    match (xml.trim(), url.trim()) {
        ("", "") => {
            Err(scim::Error::invalid_value("bring the metadata: a file, its address, or the XML itself").into())
        }
        ("", url) => fetch_metadata(app, url).await,
        (xml, _) => Ok(xml.as_bytes().to_vec()),
    }
}

/// Fetches metadata from where an operator says it is.
pub(crate) async fn fetch_metadata(app: &App, url: &str) -> Result<Vec<u8>> {
    let answer = app.egress().send(Request::get(url.trim())).await;
    let answer = answer.map_err(|failure| wrong(format!("the metadata cannot be fetched: {}", failure.why)))?;
    match answer.status {
        200 => Ok(answer.body.to_vec()),
        status => Err(wrong(format!("the metadata cannot be fetched: the answer is {status}"))),
    }
}

/// Takes over from metadata what it says about an identity provider; the rest of the settings stays.
pub(crate) fn take_over(metadata: &Metadata, settings: &mut SamlSettings) -> Result<()> {
    let role = metadata.identity_provider().map_err(about("metadata"))?;
    let sign_on = preferred(&role.sign_on).ok_or_else(|| about("metadata")(Refused::EndpointMissing))?;
    settings.entity_id = metadata.entity_id.as_str().to_owned();
    (settings.sign_on_url, settings.sign_on_binding) = (sign_on.location.as_str().to_owned(), binding(sign_on.binding));
    let logout = preferred(&role.role.logout);
    settings.logout_url = logout.map(|endpoint| endpoint.location.as_str().to_owned());
    settings.logout_binding = logout.map(|endpoint| binding(endpoint.binding)).unwrap_or_default();
    let answers = logout.and_then(|endpoint| endpoint.response_location.as_ref());
    settings.logout_response_url = answers.map(|location| location.as_str().to_owned());
    settings.certificates = role.role.signing.iter().map(Certificate::base64).collect();
    settings.sign_requests |= role.wants_signed_requests;
    Ok(())
}

/// By redirect where that is offered.
pub(super) fn preferred(endpoints: &[Endpoint]) -> Option<&Endpoint> {
    endpoints.iter().find(|endpoint| endpoint.binding == Binding::Redirect).or(endpoints.first())
}

/// A binding as it is kept.
pub(super) fn binding(of: Binding) -> SamlBinding {
    match of {
        Binding::Redirect => SamlBinding::Redirect,
        Binding::Post => SamlBinding::Post,
    }
}

/// What metadata says, to be looked at before anything is saved.
pub(crate) fn preview(metadata: &Metadata, role: &IdentityProviderRole) -> Value {
    let endpoints = |all: &[Endpoint]| -> Vec<Value> {
        all.iter().map(|e| json!({"binding": e.binding.name(), "location": e.location.as_str()})).collect()
    };
    json!({
        "entityId": metadata.entity_id.as_str(),
        "validUntil": metadata.valid_until_at.map(scim::meta::rfc3339),
        "signOn": endpoints(&role.sign_on),
        "logout": endpoints(&role.role.logout),
        "wantsSignedRequests": role.wants_signed_requests,
        "nameIdFormats": role.role.name_id_formats,
        "certificates": role.role.signing.iter().map(certificate).collect::<Vec<_>>(),
        "unusableCertificates": role.role.unusable.iter().map(|reason| reason.fix()).collect::<Vec<_>>(),
    })
}

/// A certificate, for reading.
pub(crate) fn certificate(certificate: &Certificate) -> Value {
    json!({
        "subject": certificate.subject(),
        "notBefore": scim::meta::rfc3339(certificate.not_before_at()),
        "notAfter": scim::meta::rfc3339(certificate.not_after_at()),
        "fingerprint": certificate.fingerprint(),
        "base64": certificate.base64(),
    })
}
