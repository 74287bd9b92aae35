//! `/oidc/token`: a code becomes an ID token and an access token, once (OpenID Connect Core §3.1.3).

use super::claims::{self, Claims};
use super::refusal::{Refusal, Told};
use super::request::Parameters;
use super::{Addresses, client, keys};
use crate::admin::roles;
use crate::answer::{Answer, JSON};
use crate::person::{Visit, users};
use crate::session::same;
use crate::{limits, token};
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::http::{Method, Response, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use scim::Code;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{OidcClient, OidcGrant, PersonSession};

/// What an access token looks like to whoever searches logs for secrets.
const TOKEN_PREFIX: &str = "pvo_";

/// `POST /oidc/token`.
pub(super) async fn exchange(visit: Visit, body: Body) -> Response<Body> {
    let mut told = Told::new(&visit, Method::POST, "/oidc/token");
    match exchanged(&visit, &mut told, body).await {
        Ok(body) => {
            told.done(200);
            Answer { media_type: JSON, ..Answer::json(200, &body) }.into_response(told.request_id(), false)
        }
        Err(why) => told.refuse(&why),
    }
}

async fn exchanged(visit: &Visit, told: &mut Told<'_>, body: Body) -> Result<Value, Refusal> {
    let form = form(visit, body).await?;
    let client = client::authenticate(visit, &form).await?;
    told.client(&client);
    if form.required("grant_type")? != "authorization_code" {
        return Err(Refusal::new("unsupported_grant_type", "grant_type has to be authorization_code"));
    }
    let (grant, session) = redeemed(visit, told, &form, &client).await?;
    let at = Addresses::of(&visit.app, &visit.tenant, &visit.headers)?;
    let signer = keys::signer(&visit.app, &visit.tenant, visit.now).await?;
    let person = claims::person(visit, &grant.person).await?;
    let access_token = use_up(visit, &grant, &session).await?;
    let roles = roles::of_person(&visit.app, visit.tenant.tenant.id, &person).await?;
    let claims = Claims { person: &person, scope: &grant.scope, settings: &client.settings, roles: &roles };
    let mut id_token = claims.all(limits::OIDC_TOKEN_GROUPS_MAX);
    let seconds = |micros: i64| micros / 1_000_000;
    for (name, value) in [
        ("iss", json!(at.issuer)),
        ("aud", json!(client.id)),
        ("iat", json!(seconds(visit.now))),
        ("exp", json!(seconds(visit.now.saturating_add(limits::OIDC_ID_TOKEN_LIFE)))),
        ("auth_time", json!(seconds(session.authenticated_at))),
        ("sid", json!(session.id)),
        ("at_hash", json!(half_hash(&access_token.text))),
    ] {
        id_token.insert(name.to_owned(), value);
    }
    if let Some(nonce) = &grant.nonce {
        id_token.insert("nonce".to_owned(), json!(nonce));
    }
    if let Some(method) = claims::method(&session.method) {
        id_token.insert("amr".to_owned(), json!([method]));
    }
    told.step("the code was exchanged");
    Ok(json!({
        "access_token": access_token.text,
        "token_type": "Bearer",
        "expires_in": seconds(access_token.expires_at - visit.now),
        "scope": grant.scope,
        "id_token": signer.sign(&Value::Object(id_token))?,
    }))
}

async fn form(visit: &Visit, body: Body) -> Result<Parameters, Refusal> {
    let busy = |_| Refusal::new("temporarily_unavailable", "the server is busy; try again in a moment");
    let _place = visit.app.gate().enter(visit.tenant.tenant.id).await.map_err(busy)?;
    let kind = visit.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Refusal::request("the body has to be application/x-www-form-urlencoded"));
    }
    let bytes = axum::body::to_bytes(body, limits::OIDC_FORM_BYTES_MAX).await;
    let bytes = bytes
        .map_err(|_| Refusal::request(format!("a request takes {} bytes at the most", limits::OIDC_FORM_BYTES_MAX)))?;
    Parameters::read(std::str::from_utf8(&bytes).map_err(|_| Refusal::request("the body is not UTF-8"))?)
}

/// The grant of the code, if this client may have it now.
async fn redeemed(
    visit: &Visit,
    told: &mut Told<'_>,
    form: &Parameters,
    client: &OidcClient,
) -> Result<(OidcGrant, PersonSession), Refusal> {
    let (code, verifier) = (form.required("code")?, form.required("code_verifier")?);
    let redirect_uri = form.required("redirect_uri")?;
    let (tenant, hash) = (visit.tenant.tenant.id, token::hash(code));
    let found: Option<OidcGrant> = visit.app.store().read(move |r| r.oidc_grant_of_code(tenant, &hash)).await?;
    let unknown =
        || Refusal::grant("the code is not one of this application's, or has run out; start the sign-in again");
    let grant = found.filter(|grant| grant.client == client.id).ok_or_else(unknown)?;
    told.person(&grant.person);
    if grant.code_used_at.is_some() {
        return Err(used_twice(visit, &grant).await?);
    }
    if grant.code_expires_at <= visit.now {
        return Err(unknown());
    }
    if grant.redirect_uri != redirect_uri {
        return Err(Refusal::grant("the redirect_uri is not the one that the code was sent to"));
    }
    if !same(&grant.challenge, &BASE64.encode(digest(&SHA256, verifier.as_bytes()))) {
        return Err(Refusal::grant("the code_verifier does not fit the code_challenge of the request"));
    }
    let (users, id, now) = (Arc::clone(users(&visit.tenant)?), grant.session.clone(), visit.now);
    let living = visit.app.store().read(move |r| r.person_session_by_id(tenant, &users, &id, now)).await?;
    let (session, _) = living.ok_or_else(|| Refusal::grant("the session has ended, or the person was deactivated"))?;
    Ok((grant, session))
}

/// A code that comes twice was caught by somebody: what came of it is taken back (RFC 6749 §4.1.2).
async fn used_twice(visit: &Visit, grant: &OidcGrant) -> Result<Refusal, Refusal> {
    let (tenant, id, now) = (grant.tenant, grant.id.clone(), visit.now);
    visit.app.store().write_in(tenant, move |w| w.oidc_grant_revoke(&id, now)).await.map_err(|e: store::Error| e)?;
    Ok(Refusal::grant("the code was used before; its access token is taken back"))
}

struct AccessToken {
    text: String,
    expires_at: i64,
}

/// Uses the code up. An access token lives as long as the session at the most.
async fn use_up(visit: &Visit, grant: &OidcGrant, session: &PersonSession) -> Result<AccessToken, Refusal> {
    let new = token::make(TOKEN_PREFIX);
    let new =
        new.ok_or_else(|| crate::error::Error::new(Code::INTERNAL, "the operating system gives no randomness"))?;
    let (tenant, id, hash, now) = (grant.tenant, grant.id.clone(), new.hash, visit.now);
    let expires_at = now.saturating_add(limits::OIDC_TOKEN_LIFE).min(session.expires_at);
    let is_first = visit.app.store().write_in(tenant, move |w| w.oidc_code_use(&id, &hash, expires_at, now));
    if is_first.await.map_err(|error: store::Error| error)? {
        return Ok(AccessToken { text: new.text, expires_at });
    }
    Err(used_twice(visit, grant).await?)
}

/// `at_hash`: the left half of the hash.
fn half_hash(text: &str) -> String {
    BASE64.encode(digest(&SHA256, text.as_bytes()).as_ref().get(..16).unwrap_or_default())
}
