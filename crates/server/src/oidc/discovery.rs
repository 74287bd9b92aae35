//! What a client reads to set itself up (OpenID Connect Discovery 1.0 §4), and the keys that it checks ID tokens with.

use super::Addresses;
use super::refusal::{Refusal, Told};
use crate::answer::{Answer, JSON};
use crate::person::Visit;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, header};
use serde_json::{Value, json};

/// `GET /.well-known/openid-configuration`.
pub(super) async fn configuration(visit: Visit) -> Response<Body> {
    match Addresses::of(&visit.app, &visit.tenant, &visit.headers) {
        Ok(at) => public(&described(&at)),
        Err(error) => failed(&visit, error.into()),
    }
}

fn described(at: &Addresses) -> Value {
    json!({
        "issuer": at.issuer,
        "authorization_endpoint": at.authorize,
        "token_endpoint": at.token,
        "userinfo_endpoint": at.userinfo,
        "jwks_uri": at.jwks,
        "end_session_endpoint": at.logout,
        "scopes_supported": ["openid", "profile", "email", "groups"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login"],
        "claims_supported": super::claims::NAMES,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
    })
}

/// `GET /oidc/jwks`: the key that signs, the next one, and those that signed.
pub(super) async fn jwks(visit: Visit) -> Response<Body> {
    let tenant = visit.tenant.tenant.id;
    match visit.app.store().read(move |r| r.oidc_keys(tenant)).await {
        Ok(keys) => {
            let keys: Vec<Value> = keys.iter().filter_map(|key| serde_json::from_str(&key.public_key).ok()).collect();
            public(&json!({"keys": keys}))
        }
        Err(error) => failed(&visit, store::Error::into(error)),
    }
}

/// Clients keep both for a while; five minutes are short against the days that a key is published before it signs.
fn public(body: &Value) -> Response<Body> {
    let answer = Answer { media_type: JSON, ..Answer::json(200, body) };
    let mut response = answer.into_response(&crate::app::request_id(), false);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

fn failed(visit: &Visit, why: Refusal) -> Response<Body> {
    Told::new(visit, Method::GET, "/.well-known/openid-configuration").refuse(&why)
}
