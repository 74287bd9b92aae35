//! What an authorization server gives because somebody agreed (RFC 6749 §4.1): kept sealed with the app, and renewed with a
//! refresh token (§6), by one node at a time.
//!
//! Invariant: what a renewal brings is on the disk before its access token is used. A server that gives another refresh token
//! each time takes the one before it for stolen, so the newest must not be lost, and none is sent twice.

use super::{Client, Failure, Got, Token};
use crate::app::App;
use crate::clock::Stopwatch;
use crate::limits;
use crate::outbound::integration::OAuth;
use provision::outcome::NoToken;
use serde::{Deserialize, Serialize};
use store::AppId;

/// Nobody has agreed.
pub(super) const NOBODY: &str = "nobody has authenticated it there: authenticate it under Provisioning › Integration";
/// The authorization server has said that it takes it no more.
const LOST: &str = "the authorization server does not take what was authenticated any more: authenticate again";
/// There is nothing to renew it with.
const ENDED: &str = "what was authenticated has ended, and there is no refresh token to renew it with: authenticate again; \
                     many servers give one only with a scope of its own, such as offline_access";
const OTHERS: &str = "it was authenticated at another server or for another client: authenticate again";

/// What was granted, and to whom.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Granted {
    token_url: String,
    client_id: String,
    access: String,
    refresh: Option<String>,
    renew_at: Option<i64>,
    ends_at: Option<i64>,
}

impl Granted {
    /// A refresh token that does not come again stays good.
    fn of(settings: &OAuth, got: Got, before: Option<String>) -> Self {
        let Got { token, refresh } = got;
        Self {
            token_url: settings.token_url.clone(),
            client_id: settings.client_id.clone(),
            access: token.text,
            refresh: refresh.or(before),
            renew_at: token.renew_at,
            ends_at: token.ends_at,
        }
    }

    /// For whom, as the authorization server calls it.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether it is of this client at this server.
    pub(super) fn is_of(&self, settings: &OAuth) -> bool {
        (&self.token_url, &self.client_id) == (&settings.token_url, &settings.client_id)
    }

    pub(super) fn refresh(&self) -> Option<&str> {
        self.refresh.as_deref()
    }

    pub(super) fn token(&self) -> Token {
        Token { text: self.access.clone(), renew_at: self.renew_at, ends_at: self.ends_at }
    }
}

/// What it is sealed for: it cannot be moved to another app.
fn purpose(id: AppId) -> String {
    format!("app grant {}", id.0)
}

/// Sealed, as it is kept.
pub(crate) fn sealed(app: &App, id: AppId, granted: &Granted) -> store::Result<Vec<u8>> {
    app.store().seal(&purpose(id), &serde_json::to_vec(granted)?)
}

/// What is sealed, if that can be read.
pub(super) fn opened(app: &App, id: AppId, sealed: &[u8]) -> Option<Granted> {
    serde_json::from_slice(&app.store().unseal(&purpose(id), sealed)?).ok()
}

/// Exchanges the code that somebody came back with (§4.1.3, and RFC 7636 §4.5).
pub(crate) async fn exchange(
    app: &App,
    settings: &OAuth,
    secret: String,
    (code, verifier, redirect): (&str, &str, &str),
) -> Result<Granted, Failure> {
    let client = Client { settings: settings.clone(), secret };
    let form =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect), ("code_verifier", verifier)];
    client.ask(app, &form).await.map(|got| Granted::of(settings, got, None))
}

fn broken(error: store::Error) -> Failure {
    tracing::warn!(%error, "what was granted to an app is not read or kept");
    Failure::of(NoToken::Unreachable, "the database does not answer")
}

fn not_granted(why: &str) -> Failure {
    Failure::of(NoToken::NotGranted, why)
}

/// What is kept, and which renewal brought it.
async fn read(client: &Client, app: &App, id: AppId) -> Result<(Granted, i64), Failure> {
    let kept: Option<store::Granted> = app.store().read(move |r| r.app_granted(id)).await.map_err(broken)?;
    let kept = kept.ok_or_else(|| not_granted(NOBODY))?;
    if kept.is_lost {
        return Err(not_granted(LOST));
    }
    let granted = opened(app, id, &kept.sealed).ok_or_else(|| not_granted(LOST))?;
    match granted.is_of(&client.settings) {
        true => Ok((granted, kept.of)),
        false => Err(not_granted(OTHERS)),
    }
}

/// The token that is kept, or the next one if that is not good or, with `anew`, in any case. Another node may be getting
/// it; then that one is waited for.
pub(super) async fn renewed(
    client: &Client,
    app: &App,
    (id, anew): (AppId, bool),
    refused: Option<&str>,
) -> Result<Token, Failure> {
    let (watch, mut first) = (Stopwatch::start(), None);
    loop {
        let (granted, of) = read(client, app, id).await?;
        let (now, token) = (app.clock().now(), granted.token());
        // What another node has just got is new enough.
        let anew = anew && *first.get_or_insert(of) == of;
        let is_other = Some(token.text.as_str()) != refused;
        if !anew && is_other && token.renew_at.is_none_or(|at| now < at) {
            return Ok(token);
        }
        let is_left = is_other && token.ends_at.is_none_or(|at| now < at);
        let Some(refresh) = granted.refresh else {
            return if is_left { Ok(Token { renew_at: token.ends_at, ..token }) } else { Err(not_granted(ENDED)) };
        };
        let until = now.saturating_add(limits::GRANT_LEASE);
        let taken: Option<i64> =
            app.store().write(move |w| w.app_take_granted(id, of, now, until)).await.map_err(broken)?;
        if let Some(number) = taken {
            match renew(client, app, id, (of, number), refresh).await? {
                Renewal::Kept(token) => return Ok(token),
                Renewal::Failed(failure) if anew || !is_left || failure.why == NoToken::NotGranted => {
                    return Err(failure);
                }
                Renewal::Failed(failure) => {
                    tracing::warn!(why = failure.said, "a token is not renewed yet and used while it is good");
                    let again = Some(now.saturating_add(limits::ACCESS_TOKEN_REST));
                    let renew_at = token.ends_at.map_or(again, |ends_at| again.min(Some(ends_at)));
                    return Ok(Token { renew_at, ..token });
                }
                // Somebody agreed anew meanwhile, or a later renewal was quicker: that one counts.
                Renewal::Superseded => {}
            }
        }
        if watch.micros() > limits::GRANT_LEASE {
            return Err(Failure::of(NoToken::Unreachable, "another node is getting it, and does not come to an end"));
        }
        if taken.is_none() {
            tokio::time::sleep(limits::GRANT_LOOK).await;
        }
    }
}

/// What became of a renewal.
enum Renewal {
    Kept(Token),
    Failed(Failure),
    Superseded,
}

/// Renews what is kept, with the number that was drawn for it.
async fn renew(
    client: &Client,
    app: &App,
    id: AppId,
    (of, number): (i64, i64),
    refresh: String,
) -> Result<Renewal, Failure> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    match client.ask(app, &form).await {
        Ok(got) => {
            let granted = Granted::of(&client.settings, got, Some(refresh));
            if keep(app, id, number, &granted).await? {
                return Ok(Renewal::Kept(granted.token()));
            }
            unwanted(client, app, id, granted).await?;
            Ok(Renewal::Superseded)
        }
        Err(failure) if failure.why == NoToken::NotGranted => {
            let now = app.clock().now();
            let lost: bool =
                app.store().write(move |w| w.app_lose_granted(id, (of, number), now)).await.map_err(broken)?;
            Ok(if lost { Renewal::Failed(failure) } else { Renewal::Superseded })
        }
        Err(failure) => {
            app.store().write(move |w| w.app_release_granted(id, number)).await.map_err(broken)?;
            Ok(Renewal::Failed(failure))
        }
    }
}

/// What came too late to be kept. If it was forgotten meanwhile, the server is told of this one as well; if somebody has agreed
/// anew it is not, because many servers would take back that with it.
async fn unwanted(client: &Client, app: &App, id: AppId, granted: Granted) -> Result<(), Failure> {
    let other: Option<store::Granted> = app.store().read(move |r| r.app_granted(id)).await.map_err(broken)?;
    if other.is_none() && !client.settings.revoke_url.is_empty() {
        let (client, app) = (client.clone(), app.clone());
        tokio::spawn(async move {
            let said = client.revoke(&app, &granted).await.said;
            tracing::info!(app = id.0, said, "what was renewed while it was forgotten");
        });
    }
    Ok(())
}

/// Keeps what a renewal brought; whether it counts. There is no second chance to get it, so a database that is away for a
/// moment is waited for.
async fn keep(app: &App, id: AppId, number: i64, granted: &Granted) -> Result<bool, Failure> {
    let (bytes, watch) = (sealed(app, id, granted).map_err(broken)?, Stopwatch::start());
    loop {
        let bytes = bytes.clone();
        let kept: store::Result<bool> = app.store().write(move |w| w.app_renew_granted(id, number, &bytes)).await;
        match kept {
            Err(error) if watch.micros() < limits::GRANT_LEASE => {
                tracing::warn!(%error, "what an authorization server gave is not kept yet");
                tokio::time::sleep(limits::GRANT_LOOK).await;
            }
            kept => return kept.map_err(broken),
        }
    }
}
