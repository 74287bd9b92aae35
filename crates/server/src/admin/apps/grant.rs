//! Somebody agrees, at an app's authorization server, that this server gets its tokens: RFC 6749 §4.1 with PKCE (RFC 7636).
//!
//! What was begun is kept with the app, sealed, until it is saved or too old. It is for the session that began it; what the API
//! has begun is for whoever may change the app and brings the answer. A second beginning ends the first, and an answer is
//! taken once. Each app has a redirect URI of its own, so that no authorization server is taken for another one.

use super::{audited, told, with_tenant};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::limits;
use crate::outbound::integration::{Integration, OAuth};
use crate::outbound::send;
use crate::outbound::token::{self, Forgotten, Granted, Revocation};
use crate::{query, session};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use scim::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::AppId;

/// Longest part of somebody else's words that is shown.
const WORDS_MAX: usize = 200;
/// Nobody is told more about an answer that is not theirs.
const STRANGER: &str = "this is not the answer to what was begun here, or it comes too late: authenticate again";

/// It was agreed to for what the app is not any more.
const CHANGED: &str = "the app's settings were changed meanwhile: authenticate again";

/// What is to be begun.
pub(crate) struct Beginning<'a> {
    /// Whose the answer is; nothing is whoever may change the app.
    pub(crate) session: Option<&'a str>,
    /// A form that is not saved yet, and then takes what is given; without one the app does, at once.
    pub(crate) draft: Option<Value>,
    /// The client's secret; nothing is the one that is stored.
    pub(crate) secret: Option<String>,
    /// Where a browser comes back to.
    pub(crate) redirect: String,
}

/// What was begun.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// The form as it was.
    pub(crate) draft: Option<Value>,
    /// The client's secret.
    pub(crate) secret: String,
    /// What it was begun with.
    pub(crate) settings: OAuth,
    /// What came of it.
    pub(crate) granted: Option<Granted>,
    /// For which answer to wait; nothing when it was taken.
    state: Option<String>,
    verifier: String,
    redirect: String,
    at: i64,
}

/// What became of an answer.
pub(crate) enum Arrived {
    /// It is the app's from now on.
    Kept,
    /// It waits for the form to be tested and saved.
    Waits,
    /// Nothing was given: why, and whether there is a form to go back to.
    Refused { why: String, has_draft: bool },
}

/// Where browsers come back to, on a server that they reach by this address.
pub(crate) fn redirect(site: &str, tenant: &str, name: &str) -> String {
    format!("{}/app/authorized/{tenant}/{name}", site.trim_end_matches('/'))
}

fn purpose(id: AppId, session: Option<&str>) -> String {
    format!("app granting {} {}", id.0, session.unwrap_or("-"))
}

fn sealed(app: &App, id: AppId, session: Option<&str>, begun: &Begun) -> Result<Vec<u8>> {
    let plain = serde_json::to_vec(begun).map_err(store::Error::from)?;
    Ok(app.store().seal(&purpose(id, session), &plain)?)
}

/// What was begun for one of these, if it is not too old; and as it is kept.
async fn found(app: &App, id: AppId, sessions: &[Option<&str>]) -> Result<Option<(Begun, Vec<u8>)>> {
    let kept: Option<Vec<u8>> = app.store().read(move |r| r.app_granting(id)).await?;
    let Some(kept) = kept else { return Ok(None) };
    let plain = sessions.iter().find_map(|session| app.store().unseal(&purpose(id, *session), &kept));
    let begun: Option<Begun> = plain.and_then(|plain| serde_json::from_slice(&plain).ok());
    let oldest = app.clock().now().saturating_sub(limits::GRANT_BEGUN_LIFE);
    Ok(begun.filter(|begun| begun.at >= oldest).map(|begun| (begun, kept)))
}

/// What this session has begun in a form and come back from.
pub(crate) async fn returned(app: &App, integration: &Integration, session: &str) -> Result<Option<Begun>> {
    let found = found(app, integration.row.id, &[Some(session)]).await?;
    Ok(found.map(|(begun, _)| begun).filter(|begun| begun.draft.is_some() && begun.state.is_none()))
}

/// Begins; where to go.
pub(crate) async fn begin(
    app: &App,
    actor: &Actor,
    tenant: &str,
    candidate: &Integration,
    beginning: Beginning<'_>,
) -> Result<String> {
    let options = &candidate.options;
    let invalid = |detail: String| scim::Error::invalid_value(detail);
    if !options.is_agreed() {
        let detail = "nobody has to authenticate this app: options.authentication is not oauth2, or options.oauth.grant is not authorizationCode";
        return Err(invalid(detail.into()).into());
    }
    if let Some(problem) = options.problem() {
        return Err(invalid(problem).into());
    }
    let Beginning { session, draft, secret, redirect } = beginning;
    let secret = match secret {
        Some(secret) => secret,
        None => send::credential(app, candidate).await?.unwrap_or_default(),
    };
    let (state, verifier) = (session::random_text()?, session::random_text()?);
    let settings = options.oauth.clone();
    let address = address(&settings, &redirect, &state, &verifier);
    let (id, at, is_saved) = (candidate.row.id, app.clock().now(), draft.is_none());
    let begun = Begun { draft, secret, settings, granted: None, state: Some(state), verifier, redirect, at };
    let sealed = sealed(app, id, session, &begun)?;
    let detail =
        json!({"authorizeUrl": place(&begun.settings), "clientId": begun.settings.client_id, "saved": is_saved});
    let line = ("grant.begin", format!("{tenant}/app/{}", candidate.row.name), detail);
    audited(app, actor, line, move |w| Ok(w.app_set_granting(id, &sealed)?)).await?;
    Ok(address)
}

/// The authorization endpoint without what may stand behind it.
fn place(settings: &OAuth) -> &str {
    settings.authorize_url.split(['?', '#']).next().unwrap_or_default()
}

/// RFC 6749 §4.1.1: what stands in the address already, stays; a fragment is not sent.
fn address(settings: &OAuth, redirect: &str, state: &str, verifier: &str) -> String {
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let parameters = [
        ("response_type", "code"),
        ("client_id", &settings.client_id),
        ("redirect_uri", redirect),
        ("scope", &settings.scope),
        ("audience", &settings.audience),
        ("state", state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let whole = settings.authorize_url.split('#').next().unwrap_or_default();
    let asked = query::address("", &parameters);
    match whole.contains('?') {
        true => format!("{whole}&{}", asked.trim_start_matches('?')),
        false => format!("{whole}{asked}"),
    }
}

/// Takes the answer that somebody came back with; or says why there is nothing to take.
pub(crate) async fn arrive(
    app: &App,
    actor: &Actor,
    tenant: &str,
    integration: &Integration,
    (session, asked): (&str, &str),
) -> Result<Arrived> {
    let id = integration.row.id;
    let refused = |why: String, has_draft| Ok(Arrived::Refused { why, has_draft });
    let Some((mut begun, kept)) = found(app, id, &[Some(session), None]).await? else {
        return refused(STRANGER.into(), false);
    };
    let has_draft = begun.draft.is_some();
    let state = query::value(asked, "state").unwrap_or_default();
    if !begun.state.take().is_some_and(|wanted| session::same(&wanted, &state)) {
        return refused(STRANGER.into(), false);
    }
    // Whatever it says, it is taken once; a form stays as it was.
    let taken = if has_draft { Some(sealed(app, id, Some(session), &begun)?) } else { None };
    if !swap(app, id, kept, taken.clone()).await? {
        return refused(STRANGER.into(), false);
    }
    let Some(code) = query::value(asked, "code").filter(|_| query::value(asked, "error").is_none()) else {
        return refused(refusal(asked), has_draft);
    };
    if !has_draft && integration.options.oauth != begun.settings {
        return refused(CHANGED.into(), false);
    }
    let with = (code.as_str(), begun.verifier.as_str(), begun.redirect.as_str());
    let granted = match token::exchange(app, &begun.settings, begun.secret.clone(), with).await {
        Ok(granted) => granted,
        Err(failure) => return refused(failure.said, has_draft),
    };
    let Some(taken) = taken else {
        return match keep(app, actor, tenant, &integration.row.name, &begun.settings, &granted).await? {
            true => Ok(Arrived::Kept),
            false => refused(CHANGED.into(), false),
        };
    };
    (begun.granted, begun.at) = (Some(granted), app.clock().now());
    let sealed = sealed(app, id, Some(session), &begun)?;
    match swap(app, id, taken, Some(sealed)).await? {
        true => Ok(Arrived::Waits),
        false => refused(STRANGER.into(), false),
    }
}

async fn swap(app: &App, id: AppId, known: Vec<u8>, sealed: Option<Vec<u8>>) -> Result<bool> {
    Ok(app.store().write(move |w| w.app_swap_granting(id, &known, sealed.as_deref())).await?)
}

/// RFC 6749 §4.1.2.1, in words.
fn refusal(asked: &str) -> String {
    let error = query::value(asked, "error").unwrap_or_default();
    let what = match error.as_str() {
        "access_denied" => "it was not agreed to",
        "invalid_scope" => "the authorization server does not give this scope: correct the scope",
        "unauthorized_client" => "the client may not ask for this there: allow it the grant authorization_code",
        "unsupported_response_type" => "the authorization server does not know this grant: choose another one",
        "server_error" | "temporarily_unavailable" => {
            "the authorization server does not work at the moment: try again later"
        }
        "" => "the authorization server sent no code: check the authorization URL",
        _ => "the authorization server refuses",
    };
    let shown = |text: String| {
        let text: String = text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
        text.trim().to_owned()
    };
    let named = if error.is_empty() { String::new() } else { format!(" ({})", shown(error)) };
    let described = query::value(asked, "error_description").map(shown).filter(|text| !text.is_empty());
    let described = described.map(|text| format!(": “{text}”")).unwrap_or_default();
    format!("{what}{named}{described} ({})", Code::NOT_GRANTED)
}

/// What was agreed to is the app's from now on; what waited for it is tried at once. Whether its settings are still those
/// that it was begun with.
pub(crate) async fn keep(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    settings: &OAuth,
    granted: &Granted,
) -> Result<bool> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    if integration.options.oauth != *settings {
        return Ok(false);
    }
    let (id, now, by, settings) = (integration.row.id, app.clock().now(), actor.label.to_string(), settings.clone());
    let sealed = token::sealed(app, id, granted)?;
    let line = ("grant.keep", format!("{tenant}/app/{name}"), json!({"clientId": settings.client_id}));
    audited(app, actor, line, move |w| {
        let known = w.app(id)?.map(Integration::of).transpose()?;
        if known.is_none_or(|known| known.options.oauth != settings) {
            return Err(store::Error::Stale.into());
        }
        w.app_set_granted(id, Some((&sealed, &by)), now)?;
        Ok(w.app_set_pace(id, None)?)
    })
    .await?;
    app.access_tokens().forget(id);
    told(app, &state);
    Ok(true)
}

/// Takes away what was agreed to; nothing more is sent with it. Then the authorization server is told. What came of that, if
/// there was something.
pub(crate) async fn forget(app: &App, actor: &Actor, tenant: &str, name: &str) -> Result<Option<Revocation>> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    if integration.row.grant.is_none() {
        return Ok(None);
    }
    let (id, now, object) = (integration.row.id, app.clock().now(), format!("{tenant}/app/{name}"));
    let line = ("grant.forget", object.clone(), json!({"why": "asked"}));
    let forgotten = audited(app, actor, line, move |w| {
        let forgotten = Forgotten::of(w, id)?;
        w.app_set_granted(id, None, now)?;
        Ok(forgotten)
    })
    .await?;
    app.access_tokens().forget(id);
    told(app, &state);
    Ok(revoked(app, actor, object, forgotten).await)
}

/// Tells the authorization server of what is forgotten here by now. In a task of its own: whoever asked may go away, and what
/// came of it stands in the audit trail.
pub(crate) async fn revoked(
    app: &App,
    actor: &Actor,
    object: String,
    forgotten: Option<Forgotten>,
) -> Option<Revocation> {
    let (app, actor, forgotten) = (app.clone(), actor.clone(), forgotten?);
    let told = tokio::spawn(async move {
        let revocation = token::revoke(&app, forgotten).await;
        let Revocation { revoked, said } = &revocation;
        if !revoked {
            tracing::warn!(object, said, "tokens may be good yet at an authorization server");
        }
        let line = ("grant.revoke", object, json!({"revoked": revoked, "said": said}));
        if let Err(error) = audited(&app, &actor, line, |_| Ok(())).await {
            tracing::warn!(error = %error.to_scim(""), said, "what an authorization server was told is not noted");
        }
        revocation
    });
    Some(told.await.unwrap_or_else(|_| Revocation::broken()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_all_that_is_asked() {
        let settings = |authorize_url: &str| OAuth {
            authorize_url: authorize_url.into(),
            client_id: "a client".into(),
            scope: "scim offline_access".into(),
            ..OAuth::default()
        };
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let asked = "response_type=code&client_id=a%20client&redirect_uri=https%3A%2F%2Fp.example%2Fback\
                     &scope=scim%20offline_access&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
                     &code_challenge_method=S256";
        for (url, begins) in [
            ("https://as.example/authorize", "https://as.example/authorize?"),
            ("https://as.example/authorize?prompt=consent#top", "https://as.example/authorize?prompt=consent&"),
        ] {
            let address = address(&settings(url), "https://p.example/back", "s", verifier);
            assert_eq!(address, format!("{begins}{asked}"));
        }
    }

    #[test]
    fn what_an_authorization_server_says_is_told_in_words() {
        let long = format!("error=odd&error_description={}", "x".repeat(10_000));
        for (asked, words) in [
            (
                "error=access_denied&error_description=Not%20today",
                "it was not agreed to (access_denied): “Not today” (PRV-2041)",
            ),
            ("error=access_denied&error_description=%0d%0a", "it was not agreed to (access_denied) (PRV-2041)"),
            ("error=invalid_scope", "correct the scope"),
            ("error=temporarily_unavailable", "try again later"),
            ("error=", "sent no code"),
            ("", "sent no code"),
            ("error=odd", "refuses (odd)"),
            (&long, "refuses (odd)"),
        ] {
            let said = refusal(asked);
            assert!(said.contains(words) && said.len() < 2 * WORDS_MAX, "{asked}: {said}");
        }
    }
}
