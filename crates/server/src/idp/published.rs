//! `/idp/{app}/metadata`: our side of an app, for the app to import.

use super::page::unusable;
use super::{Addresses, SamlApp, signing, sso};
use crate::console::Shown;
use crate::person::Visit;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use saml::metadata::OurIdentityProvider;
use saml::{EntityId, Location};

/// `GET /idp/{app}/metadata`. Also before the app's side is known: the other side often wants ours first.
pub(super) async fn metadata(visit: Visit) -> Shown {
    let integration = sso::integration(&visit).await?;
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers, &integration.row.name)?;
    let ours = signing(&visit).await?;
    let entity_id = EntityId::parse(&at.entity_id).map_err(unusable)?;
    let (sign_on, logout) = (Location::parse(&at.sso).map_err(unusable)?, Location::parse(&at.slo).map_err(unusable)?);
    let saml = SamlApp::of(&integration).unwrap_or_default();
    let written = OurIdentityProvider {
        entity_id: &entity_id,
        sign_on: &sign_on,
        // Only where it is answered.
        logout: saml.logout_url.as_ref().map(|_| &logout),
        signing: &ours.published(),
        wants_signed_requests: saml.require_signed_requests,
        name_id_formats: &[saml.name_id_format.uri()],
    };
    let mut response = Response::new(Body::from(written.xml().map_err(unusable)?));
    let media_type = HeaderValue::from_static("application/samlmetadata+xml; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    Ok(response)
}
