//! `/saml/metadata`: our side of a connection, for the identity provider to import.

use super::page::unusable;
use super::{Addresses, named, ours};
use crate::admin::saml_keys;
use crate::console::Shown;
use crate::error::Error;
use crate::person::Visit;
use ::saml::metadata::OurServiceProvider;
use ::saml::{EntityId, Location, Refused, name_id_format};
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use store::{SamlPurpose, SamlSettings};

/// What a connection that is still to be made asks for.
const FORMATS: [&str; 3] = [name_id_format::UNSPECIFIED, name_id_format::EMAIL, name_id_format::PERSISTENT];

/// `GET /saml/metadata`. Also before the connection is made: the other side often wants ours first, and with our
/// certificate, or it sets up neither logout nor signed requests.
pub(super) async fn metadata(visit: Visit) -> Shown {
    let id = named(&visit);
    if !super::is_connection_id(id) {
        return Err(crate::console::Fault::missing("no SAML connection can be called this"));
    }
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, id)?;
    let (tenant, name) = (visit.tenant.tenant.id, id.to_owned());
    let settings = visit.app.store().read(move |r| r.saml_connection(tenant, &name)).await?;
    let settings = settings.map(|connection| connection.settings).unwrap_or_default();
    saml_keys::first(&visit.app, &visit.tenant, SamlPurpose::ServiceProvider).await?;
    let ours = ours(&visit.app, &visit.tenant, SamlPurpose::ServiceProvider).await?;
    let xml = written(&at, &settings, &ours).map_err(unusable)?;
    let mut response = Response::new(Body::from(xml));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/samlmetadata+xml; charset=utf-8"));
    let name = HeaderValue::from_str(&format!("inline; filename=\"{id}-sp-metadata.xml\""));
    headers.insert(header::CONTENT_DISPOSITION, name.map_err(|_| Error::new(scim::Code::INTERNAL, "no name"))?);
    Ok(response)
}

fn written(at: &Addresses, settings: &SamlSettings, ours: &super::Ours) -> std::result::Result<String, Refused> {
    let (entity_id, acs, logout) =
        (EntityId::parse(&at.entity_id)?, Location::parse(&at.acs)?, Location::parse(&at.logout)?);
    let published = ours.published();
    let asked = settings.name_id_format.as_deref();
    OurServiceProvider {
        entity_id: &entity_id,
        acs: &[&acs],
        logout: Some(&logout),
        signing: &published,
        encryption: if settings.encrypted_assertions { &published } else { &[] },
        signs_requests: settings.sign_requests,
        name_id_formats: asked.as_slice().first().map_or(&FORMATS, |_| asked.as_slice()),
    }
    .xml()
}
