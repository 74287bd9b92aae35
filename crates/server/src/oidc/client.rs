//! Which application calls (RFC 6749 §2.3): a secret in the header or in the form, or none for a public client.

use super::refusal::Refusal;
use super::request::Parameters;
use crate::person::Visit;
use crate::{query, token};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use store::{OidcClient, OidcSecret};

/// What a caller says about itself.
struct Claimed {
    id: String,
    secret: Option<String>,
}

/// The client that calls, after it has proved that.
pub(super) async fn authenticate(visit: &Visit, form: &Parameters) -> Result<OidcClient, Refusal> {
    let claimed = claimed(&visit.headers, form)?;
    let (tenant, id) = (visit.tenant.tenant.id, claimed.id.clone());
    let (client, secrets): (Option<OidcClient>, Vec<OidcSecret>) = visit
        .app
        .store()
        .read(move |r| -> store::Result<_> { Ok((r.oidc_client(tenant, &id)?, r.oidc_secrets(tenant, &id)?)) })
        .await?;
    let unknown = || Refusal::client("client_id and client_secret do not fit together");
    let client = client.ok_or_else(unknown)?;
    if !client.settings.enabled {
        return Err(Refusal::client("the application is switched off"));
    }
    match (client.settings.public, &claimed.secret) {
        (true, None) => Ok(client),
        (true, Some(_)) => Err(Refusal::client("this is a public client: it has no secret, and none may be sent")),
        (false, None) => Err(Refusal::client("the client_secret is missing, in the header or in the form")),
        (false, Some(secret)) => {
            let hash = token::hash(secret);
            let is_good = |kept: &OidcSecret| {
                aws_lc_rs::constant_time::verify_slices_are_equal(&kept.hash, &hash).is_ok()
                    && kept.expires_at.is_none_or(|at| at > visit.now)
            };
            if secrets.iter().any(is_good) { Ok(client) } else { Err(unknown()) }
        }
    }
}

fn claimed(headers: &HeaderMap, form: &Parameters) -> Result<Claimed, Refusal> {
    let in_form = (form.find("client_id"), form.find("client_secret"));
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        let id = in_form.0.ok_or_else(|| Refusal::client("the client_id is missing, in the header or in the form"))?;
        return Ok(Claimed { id: id.to_owned(), secret: in_form.1.map(str::to_owned) });
    };
    let malformed = || Refusal::client("the Authorization header has to be Basic with client_id and client_secret");
    let text = header.to_str().map_err(|_| malformed())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = BASE64.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.ok_or_else(malformed)?;
    let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    let (id, secret) = (query::decode(id), query::decode(secret));
    if in_form.1.is_some() || in_form.0.is_some_and(|other| other != id) {
        return Err(Refusal::request("the client says who it is twice; use the header or the form"));
    }
    Ok(Claimed { id, secret: (!secret.is_empty()).then_some(secret) })
}
