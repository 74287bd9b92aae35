//! Signing people in with SAML 2.0: this server as a service provider, a tenant's identity providers as connections.
//!
//! What a message has to be is judged by the crate `saml`; here is what needs a memory. A sign-in goes: `start` makes a
//! request and binds it to the browser, `acs` takes the answer, `arrive` finds or makes the person and begins their
//! session. The connection comes out of the address (`/saml/acs/{connection}`, `default` for the short form), and each
//! has an entity ID of its own, so that what was said to one cannot be shown to another.
//!
//! Invariant: the browser learns that a sign-in failed and nothing else; the provisioning log has the reason.

mod acs;
mod address;
mod arrive;
mod check;
mod denied;
mod keys;
mod logout;
mod page;
mod published;
mod start;
mod test;

pub(crate) use acs::read as read_form;
pub(crate) use address::{Addresses, is_connection_id};
pub(crate) use check::{Check, Verdict};
pub(crate) use keys::{Ours, make as make_key, ours};
pub(crate) use logout::{
    REQUEST_REMEMBERED as LOGOUT_REMEMBERED, heard as logout_heard, leave, posted as posted_logout, send as send_logout,
};
pub(crate) use page::{post_on, said as said_page, secured};
pub(crate) use start::{Start, begin as start, is_inside};
pub(crate) use test::{Outcome, Tests, checks};

use crate::app::App;
use crate::person::Visit;
use ::saml::{Certificate, Connection, EntityId, Keys, Location, Refused};
use axum::routing::get;
use axum::{Router, middleware};
use denied::Denied;
use store::{SamlConnection, SamlSettings};

/// The id of the connection with the short addresses.
pub(crate) const DEFAULT: &str = "default";

/// The endpoints of every tenant. They are outside of the console's gates: what is posted to them comes from another
/// site, and is believed for its signature alone.
pub(crate) fn router() -> Router<App> {
    let mut router = Router::new();
    for tenant in ["", "/t/{tenant}"] {
        for connection in ["", "/{connection}"] {
            let at = |what: &str| format!("{tenant}/saml/{what}{connection}");
            router = router
                .route(&at("metadata"), get(published::metadata))
                .route(&at("login"), get(start::login))
                .route(&at("acs"), get(acs::no_message).post(acs::consume))
                .route(&at("logout"), get(logout::by_redirect).post(logout::by_post));
        }
    }
    router.layer(middleware::map_response(page::secured))
}

/// The connection that a request names.
fn named(visit: &Visit) -> &str {
    visit.path.split('/').nth(3).filter(|id| !id.is_empty()).unwrap_or(DEFAULT)
}

/// The connection of a request, if people can sign in with it.
async fn connection(visit: &Visit) -> Result<Result<SamlConnection, Denied>, crate::error::Error> {
    let (tenant, id) = (visit.tenant.tenant.id, named(visit).to_owned());
    let found = visit.app.store().read(move |r| r.saml_connection(tenant, &id)).await?;
    Ok(match found {
        None => Err(Denied::NoConnection),
        Some(found) if !found.settings.enabled => Err(Denied::ConnectionOff),
        Some(found) => Ok(found),
    })
}

/// The certificates of a connection.
pub(crate) fn certificates(settings: &SamlSettings) -> Result<Vec<Certificate>, Refused> {
    settings.certificates.iter().map(|text| Certificate::from_text(text)).collect()
}

/// A connection as messages are judged by; what cannot be one cannot be saved either.
pub(crate) fn trusted(settings: &SamlSettings, at: &Addresses, ours: Ours) -> Result<Connection, Refused> {
    let decryption_keys = if settings.encrypted_assertions { ours.into_private_keys() } else { Vec::new() };
    Ok(Connection {
        identity_provider: EntityId::parse(&settings.entity_id)?,
        keys: Keys::of_certificates(&certificates(settings)?)?,
        service_provider: EntityId::parse(&at.entity_id)?,
        acs: Location::parse(&at.acs)?,
        idp_initiated: settings.idp_initiated,
        decryption_keys,
        allow_cbc: settings.allow_cbc,
    })
}
