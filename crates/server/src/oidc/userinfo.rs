//! `/oidc/userinfo`: what the directory says of the person now (OpenID Connect Core §5.3).

use super::claims::{self, Claims};
use super::refusal::{Refusal, Told};
use crate::admin::roles;
use crate::answer::{Answer, JSON};
use crate::person::{Visit, users};
use crate::{limits, token};
use axum::body::Body;
use axum::http::{Method, Response, header};
use serde_json::Value;
use std::sync::Arc;
use store::LivingGrant;

/// `GET` and `POST /oidc/userinfo`.
pub(super) async fn show(visit: Visit) -> Response<Body> {
    let mut told = Told::new(&visit, Method::GET, "/oidc/userinfo");
    match shown(&visit, &mut told).await {
        Ok(body) => {
            told.done(200);
            Answer { media_type: JSON, ..Answer::json(200, &body) }.into_response(told.request_id(), false)
        }
        Err(why) => told.refuse(&why),
    }
}

async fn shown(visit: &Visit, told: &mut Told<'_>) -> Result<Value, Refusal> {
    let refused = |why: &str| Refusal::new("invalid_token", why);
    let header = visit.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bearer = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let text = bearer.map(|(_, text)| text.trim()).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| refused("send the access token as Authorization: Bearer"))?;
    let (tenant, users, hash, now) =
        (visit.tenant.tenant.id, Arc::clone(users(&visit.tenant)?), token::hash(text), visit.now);
    let found: Option<LivingGrant> = visit.app.store().read(move |r| r.oidc_token(tenant, &users, &hash, now)).await?;
    let ended = "the access token is unknown or has run out, the session has ended, or the person is not active";
    let (grant, _, person) = found.ok_or_else(|| refused(ended))?;
    told.person(&person.id);
    let id = grant.client.clone();
    let client = visit.app.store().read(move |r| r.oidc_client(tenant, &id)).await?;
    let client = client.filter(|client: &store::OidcClient| client.settings.enabled);
    let client = client.ok_or_else(|| refused("the application is switched off"))?;
    told.client(&client);
    let person = claims::person(visit, &grant.person).await?;
    let roles = roles::of_person(&visit.app, visit.tenant.tenant.id, &person).await?;
    let claims = Claims { person: &person, scope: &grant.scope, settings: &client.settings, roles: &roles };
    Ok(Value::Object(claims.all(limits::OIDC_USERINFO_GROUPS_MAX)))
}
