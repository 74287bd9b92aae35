//! Tells an authorization server that what it gave is not wanted any more (RFC 7009).
//!
//! It is forgotten here before that, whatever becomes of it there; nothing is kept for another try. What the server may take
//! yet is said instead, so that whoever forgot it can take it back there.
//! Not here: what is forgotten and when, which is in `admin/apps/grant`.

use super::{Client, Granted, answer, granted};
use crate::app::App;
use crate::egress::{self, Lost};
use crate::error::Result;
use crate::limits;
use crate::outbound::integration::{Integration, OAuth};
use store::{AppId, Reader};

/// What somebody has agreed to, as it was kept, with what it takes to say that it is not wanted any more.
pub(crate) struct Forgotten {
    app: Integration,
    credential: Option<Vec<u8>>,
    granted: Vec<u8>,
}

/// What became of it at the authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// Whether the server has done what it was asked.
    pub(crate) revoked: bool,
    /// The same for people, with what is left to do.
    pub(crate) said: String,
}

/// What an answer says of one token.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// It is good for nothing there.
    Revoked,
    /// Tokens of its kind are not revoked there.
    Unsupported,
    /// Why it may be good yet, of the authorization server.
    Left(String),
}

impl Forgotten {
    /// What is kept of an app, for the transaction that forgets it and before it does. Nothing, if there is nothing.
    pub(crate) fn of(r: &Reader, id: AppId) -> Result<Option<Self>> {
        let (Some(granted), Some(row)) = (r.app_granted(id)?, r.app(id)?) else { return Ok(None) };
        let credential = r.app_credential(id)?;
        Ok(Some(Self { app: Integration::of(row)?, credential, granted: granted.sealed }))
    }
}

impl Revocation {
    fn left(why: &str) -> Self {
        Self { revoked: false, said: format!("forgotten here; {why}: revoke it there") }
    }

    /// Nothing came of it.
    pub(crate) fn broken() -> Self {
        Self::left("telling the authorization server broke off")
    }
}

/// Has what was forgotten revoked.
pub(crate) async fn revoke(app: &App, forgotten: Forgotten) -> Revocation {
    let Forgotten { app: integration, credential, granted } = forgotten;
    let settings = &integration.options.oauth;
    if settings.revoke_url.is_empty() {
        return Revocation::left("the authorization server was not told, because there is no revocation URL");
    }
    let unread = || Revocation::left("what was kept cannot be read, so the authorization server was not told");
    let Some(granted) = granted::opened(app, integration.row.id, &granted) else { return unread() };
    let purpose = crate::admin::apps::credential_purpose(&integration);
    let secret = match credential.map(|sealed| app.store().unseal(&purpose, &sealed)) {
        None => String::new(),
        Some(plain) => match plain.and_then(|plain| String::from_utf8(plain).ok()) {
            Some(secret) => secret,
            None => return unread(),
        },
    };
    Client { settings: settings.clone(), secret }.revoke(app, &granted).await
}

/// Where a revocation URL leads to: what has to be the same for it to be the token URL's server.
fn server(url: &str) -> Vec<&str> {
    url.split('/').take(3).collect()
}

/// Whether what is kept would be told to another server than the one that gave it.
pub(crate) fn is_elsewhere(settings: &OAuth) -> bool {
    !settings.revoke_url.is_empty() && server(&settings.revoke_url) != server(&settings.token_url)
}

impl Client {
    /// The refresh token first: with it most servers take back what was got with it (§2.1).
    pub(super) async fn revoke(&self, app: &App, granted: &Granted) -> Revocation {
        if !granted.is_of(&self.settings) {
            return Revocation::left("it was given by another authorization server, or to another client");
        }
        let refresh = match granted.refresh() {
            Some(token) => Some(self.tell(app, "refresh_token", token).await),
            None => None,
        };
        if let Some(Told::Left(why)) = refresh {
            return Revocation::left(&why);
        }
        let token = granted.token();
        let left = token.ends_at.map(|at| at.saturating_sub(app.clock().now()));
        let access = match left {
            Some(..=0) => Told::Revoked,
            _ => self.tell(app, "access_token", &token.text).await,
        };
        judged(refresh, access, left)
    }

    /// Says it of one token, as the same client that asks for tokens.
    async fn tell(&self, app: &App, kind: &str, token: &str) -> Told {
        let form = [("token", token), ("token_type_hint", kind)];
        let request = self.request(&self.settings.revoke_url, &form);
        let request = egress::Request { time: Some(limits::REVOCATION_TIME), ..request };
        match app.egress().send(request).await {
            Ok(response) => {
                read(response.status, response.header("retry-after").is_some(), &response.body, &self.secrets(&form))
            }
            Err(failure) => Told::Left(match failure.lost {
                Lost::Refused(_) => format!("the revocation URL is not called ({})", failure.why),
                _ => format!("the authorization server did not answer ({})", failure.why),
            }),
        }
    }
}

/// What both answers mean together; `left` is for how many microseconds the access token is good, if that is known.
fn judged(refresh: Option<Told>, access: Told, left: Option<i64>) -> Revocation {
    let done = |more: &str| Revocation {
        revoked: true,
        said: format!("forgotten here and revoked at the authorization server{more}"),
    };
    match (refresh, access) {
        (Some(Told::Left(why)), _) => Revocation::left(&why),
        (Some(Told::Unsupported), _) => Revocation::left("the authorization server does not revoke refresh tokens"),
        (None, Told::Unsupported) => Revocation::left("the authorization server does not revoke access tokens"),
        (None, Told::Left(why)) => Revocation::left(&why),
        (Some(Told::Revoked), Told::Left(why)) => Revocation::left(&format!(
            "the refresh token is revoked, and the access token may be good yet, because {why}"
        )),
        // There is nothing that anybody could do about it.
        (Some(Told::Revoked), Told::Unsupported) => done(&match left {
            Some(left) => format!(", which lets the last access token end by itself, in {} min", left / 60_000_000 + 1),
            None => ", which lets the last access token end by itself".to_owned(),
        }),
        (Some(Told::Revoked) | None, Told::Revoked) => done(""),
    }
}

/// Reads an answer (§2.2): of a good one the status says all. Of `secrets` nothing comes back in words.
fn read(status: u16, asks_to_wait: bool, body: &[u8], secrets: &[String]) -> Told {
    let object = serde_json::from_slice(body).ok();
    let code = object.as_ref().and_then(|object| answer::text(object, "error"));
    let what = match (status, code) {
        (200..=299, _) => return Told::Revoked,
        // A token that is not known is none that has to be revoked; some servers call that an error.
        (400, Some("invalid_token")) => return Told::Revoked,
        (_, Some("unsupported_token_type")) => return Told::Unsupported,
        (429, _) => "asks for fewer requests",
        (503, _) if asks_to_wait => "asks to wait",
        (408 | 500..=599, _) => "does not work at the moment",
        (300..=399, _) => "sends elsewhere, and the revocation URL is to be corrected",
        (_, Some("invalid_client")) | (401 | 403, None) => "does not know the client, or the secret is wrong",
        (_, Some("unauthorized_client")) => "does not let this client revoke it",
        (404 | 405 | 410, None) => "has no revocation endpoint at the revocation URL",
        _ => "refuses",
    };
    Told::Left(format!("the authorization server {what}{}", answer::own_words(status, object.as_ref(), secrets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whether_a_token_may_be_good_yet() {
        let echo = r#"{"error":"invalid_client","error_description":"not with zq-secret-qz"}"#;
        for (status, asks_to_wait, body, words) in [
            (200, false, "", "Revoked"),
            (200, false, r#"{"error":"invalid_client"}"#, "Revoked"),
            (204, false, "<html>", "Revoked"),
            (400, false, r#"{"error":"invalid_token"}"#, "Revoked"),
            (400, false, r#"{"error":"unsupported_token_type"}"#, "Unsupported"),
            (503, false, r#"{"error":"unsupported_token_type"}"#, "Unsupported"),
            (503, true, "", "asks to wait (503)"),
            (503, false, "", "does not work at the moment (503)"),
            (429, true, "", "asks for fewer requests (429)"),
            (500, false, r#"{"error":"server_error"}"#, "does not work at the moment (server_error, 500)"),
            (302, false, "", "the revocation URL is to be corrected (302)"),
            (404, false, "", "no revocation endpoint at the revocation URL (404)"),
            (401, false, "no", "does not know the client, or the secret is wrong (401)"),
            (401, false, echo, "(invalid_client, 401): “not with (credential)”"),
            (400, false, r#"{"error":"unauthorized_client"}"#, "does not let this client revoke it"),
            (400, false, r#"{"error":"invalid_request"}"#, "refuses (invalid_request, 400)"),
            (400, false, "[]", "refuses (400)"),
        ] {
            let told = read(status, asks_to_wait, body.as_bytes(), &["zq-secret-qz".to_owned()]);
            let told = format!("{told:?}");
            assert!(told.contains(words) && !told.contains("zq-s"), "{status} {body}: {told}");
        }
    }

    #[test]
    fn what_is_left_to_do_is_said() {
        let left = || Told::Left("it asks to wait (503)".into());
        for (refresh, access, ends_in, revoked, words) in [
            (Some(Told::Revoked), Told::Revoked, None, true, "and revoked at the authorization server"),
            (None, Told::Revoked, None, true, "and revoked at the authorization server"),
            (Some(Told::Revoked), Told::Unsupported, Some(59_000_000), true, "end by itself, in 1 min"),
            (Some(Told::Revoked), Told::Unsupported, None, true, "end by itself"),
            (Some(Told::Unsupported), Told::Revoked, None, false, "does not revoke refresh tokens: revoke it there"),
            (None, Told::Unsupported, None, false, "does not revoke access tokens: revoke it there"),
            (Some(left()), Told::Revoked, None, false, "it asks to wait (503): revoke it there"),
            (None, left(), None, false, "it asks to wait (503): revoke it there"),
            (Some(Told::Revoked), left(), None, false, "the refresh token is revoked, and the access token may"),
        ] {
            let is = judged(refresh, access, ends_in);
            assert!(is.revoked == revoked && is.said.starts_with("forgotten here"), "{is:?}");
            assert!(is.said.contains(words), "{words}: {is:?}");
        }
    }

    #[test]
    fn what_is_kept_is_told_to_who_gave_it() {
        for (token_url, revoke_url, elsewhere) in [
            ("https://as.example/token", "", false),
            ("https://as.example/token", "https://as.example/revoke?a=b", false),
            ("https://as.example/token", "https://as.example", false),
            ("https://as.example/token", "https://as.example:8443/revoke", true),
            ("https://as.example/token", "http://as.example/revoke", true),
            ("https://as.example/token", "https://as.example.org/revoke", true),
            ("https://as.example/token", "https://as.example?@else.example/revoke", true),
            ("https://as.example/token", "https://as.example\\@else.example/revoke", true),
        ] {
            let settings = OAuth { token_url: token_url.into(), revoke_url: revoke_url.into(), ..OAuth::default() };
            assert_eq!(is_elsewhere(&settings), elsewhere, "{revoke_url}");
        }
    }
}
