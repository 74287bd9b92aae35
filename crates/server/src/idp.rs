//! The issuing side of SAML 2.0: the directory's people sign in to the apps that they are assigned to.
//!
//! Each app has an entity ID and endpoints of its own (`/idp/{app}/metadata`, `…/sso`, `…/slo`). A sign-in goes: `sso`
//! judges the request, or there is none and it starts here; the person signs in where nobody is (`/sign-in`, and back by
//! a handle); `assertion` says who they are with the app's expressions; the crate `saml` writes and signs. When the
//! session ends, `farewell` tells the apps that were told of it.
//!
//! Invariant: an answer goes to an ACS URL of the app's settings and nowhere else. Invariant: only an active person who
//! is assigned to the app, themselves or through a group, is named to it.

mod address;
mod assertion;
mod farewell;
mod launch;
mod page;
mod published;
mod settings;
mod slo;
mod sso;

pub(crate) use address::Addresses;
pub(crate) use assertion::{Said, said};
pub(crate) use farewell::{leave, pass_on};
pub(crate) use launch::startable;
pub(crate) use settings::{LIST_MAX, NameIdFormat, SamlApp};

use crate::admin::saml_keys;
use crate::app::App;
use crate::error::Result;
use crate::person::Visit;
use crate::saml::{Ours, ours};
use axum::routing::get;
use axum::{Router, middleware};
use store::SamlPurpose;

/// Our keys to sign with; the first is made when it is needed.
async fn signing(visit: &Visit) -> Result<Ours> {
    saml_keys::first(&visit.app, &visit.tenant, SamlPurpose::IdentityProvider).await?;
    ours(&visit.app, &visit.tenant, SamlPurpose::IdentityProvider).await
}

/// The endpoints of every tenant. They are outside of the console's gates: what is posted to them comes from other
/// sites.
pub(crate) fn router() -> Router<App> {
    let mut router = Router::new();
    for tenant in ["", "/t/{tenant}"] {
        let at = |what: &str| format!("{tenant}/idp/{{app}}/{what}");
        router = router
            .route(&at("metadata"), get(published::metadata))
            .route(&at("sso"), get(sso::by_query).post(sso::by_form))
            .route(&at("continue"), get(sso::go_on))
            .route(&at("slo"), get(slo::by_query).post(slo::by_form))
            .route(&format!("{tenant}/idp/goodbye"), get(farewell::go_on));
    }
    router.layer(middleware::map_response(crate::saml::secured))
}
