//! The OpenID Connect provider: any application can use a tenant's sign-in with the OpenID Connect client it has.
//!
//! Authorization code with PKCE and nothing else (OpenID Connect Core 1.0, OAuth 2.0 Security BCP). A sign-in goes:
//! `authorize` judges the request, waits for the person where nobody is signed in (`/sign-in`, and back by a handle),
//! and sends a code; `token` exchanges it for an ID token and a short access token; `userinfo` says more.
//!
//! Invariant: what was given counts as long as the person's session, and only while they are active: every use looks at
//! both. Invariant: nothing is sent to an address that is not registered for the client, character by character.

mod address;
mod authorize;
mod claims;
mod client;
mod discovery;
mod keys;
mod logout;
mod page;
mod refusal;
mod request;
mod token;
mod userinfo;

pub(crate) use address::Addresses;
pub(crate) use keys::make as make_key;
pub(crate) use page::on;

use crate::app::App;
use crate::console;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{get, post};

/// The endpoints of every tenant. They are outside of the console's gates: applications and other sites call them.
pub(crate) fn router() -> Router<App> {
    let (mut pages, mut calls) = (Router::new(), Router::new());
    for tenant in ["", "/t/{tenant}"] {
        let at = |what: &str| format!("{tenant}/{what}");
        pages = pages
            .route(&at("oidc/authorize"), get(authorize::by_query).post(authorize::by_form))
            .route(&at("oidc/continue"), get(authorize::go_on))
            .route(&at("oidc/logout"), get(logout::by_query).post(logout::by_form));
        calls = calls
            .route(&at(".well-known/openid-configuration"), get(discovery::configuration))
            .route(&at("oidc/jwks"), get(discovery::jwks))
            .route(&at("oidc/token"), post(token::exchange))
            .route(&at("oidc/userinfo"), get(userinfo::show).post(userinfo::show));
    }
    let pages = pages.layer(middleware::map_response(secured));
    pages.merge(calls.layer(middleware::from_fn(open_to_scripts)))
}

/// The headers of the console's pages, but for the one that would part a pop-up from the application that opened it.
async fn secured(response: Response<Body>) -> Response<Body> {
    let mut response = console::secured(response).await;
    response.headers_mut().remove("cross-origin-opener-policy");
    response
}

/// Applications that run in a browser may call from any site: what counts here is a token or a code, never a cookie.
async fn open_to_scripts(request: Request, next: Next) -> Response<Body> {
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_MAX_AGE, "3600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
