//! The pages' side of passkeys: buttons that a script brings to life, and the addresses that it talks to.

use super::desk::{Desk, Flash, Form, origin_of};
use super::entry::inside;
use super::fault::{Shown, sentence};
use super::parts::{self, Column, Row, Table};
use crate::app::App;
use crate::error::{Error, Result};
use crate::limits;
use crate::passkeys::operators as passkeys;
use crate::sign_in::Visitor;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use maud::{Markup, html};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::Passkey;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/account/passkeys/begin", post(begin))
        .route("/account/passkeys/finish", post(finish))
        .route("/account/passkeys/remove", post(remove))
}

pub(super) fn public() -> Router<App> {
    Router::new().route("/login/passkey", post(ask)).route("/login/passkey/finish", post(answer))
}

/// The button below the password; there only where a script and the browser can use it.
pub(crate) fn sign_in_button(at: &str, next: &str) -> Markup {
    html! {
        div .passkey data-passkey="sign-in" data-at=(at) data-next=(next) hidden {
            p .or { "or" }
            button .wide type="button" { (super::Icon::Key.svg()) span { "Use a passkey" } }
            p .error role="alert" {}
        }
    }
}

const COLUMNS: [Column; 4] =
    [Column::new("Name"), Column::new("Made"), Column::new("Last used").minor(), Column::new("")];

/// The part of the account page.
pub(super) fn card(cx: &Desk, keys: &[Passkey]) -> Markup {
    let rows = keys.iter().map(|key| Row {
        cells: vec![
            html! { (key.label) },
            parts::when(key.created_at, cx.now),
            html! { @match key.used_at { Some(at) => (parts::when(at, cx.now)), None => "never" } },
            parts::confirm(
                cx,
                "/account/passkeys/remove",
                "Remove",
                html! { p { "It does not let you in any more." } },
                None,
                html! { input type="hidden" name="id" value=(key.id); },
            ),
        ],
        ..Row::default()
    });
    let table = Table { caption: "Your passkeys", columns: &COLUMNS, rows: rows.collect(), body_id: None };
    parts::card(
        "Passkeys",
        html! {
            p { "Sign in with the lock of your device or a security key, without a password. A passkey cannot be phished." }
            @if !keys.is_empty() { (parts::table(&table)) }
            div .passkey data-passkey="enrol" data-at="/account/passkeys" hidden {
                div .field {
                    label for="passkey-label" { "Name of the new passkey" }
                    input #passkey-label type="text" maxlength="100" placeholder="Such as: my laptop" autocomplete="off";
                }
                div .actions { button type="button" { (super::Icon::Key.svg()) span { "Add a passkey" } } }
                p .error role="alert" {}
            }
            noscript { p .hint { "Making a passkey needs JavaScript." } }
        },
    )
}

/// As the script expects it: an object, or a message that says what went wrong.
pub(crate) fn told(outcome: Result<Value>) -> Response<Body> {
    let (status, body) = match outcome {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => {
            let told = error.to_scim("");
            let status = StatusCode::from_u16(told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, json!({"message": sentence(&told.detail), "code": told.code.to_string()}))
        }
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body.to_string()).into_response()
}

pub(crate) async fn body_of<T: DeserializeOwned>(body: Body) -> Result<T> {
    let unfit = || Error::from(scim::Error::invalid_syntax("the browser's answer cannot be read"));
    let bytes = axum::body::to_bytes(body, limits::FORM_BYTES_MAX).await.map_err(|_| unfit())?;
    serde_json::from_slice(&bytes).map_err(|_| unfit())
}

async fn begin(cx: Desk) -> Response<Body> {
    told(passkeys::begin(&cx.app, &cx.signed, cx.server_url(), cx.now).await)
}

#[derive(Deserialize)]
struct Made {
    ticket: String,
    #[serde(default)]
    label: String,
    credential: RegisterPublicKeyCredential,
}

async fn finish(cx: Desk, request: Request) -> Response<Body> {
    let work = async {
        let made: Made = body_of(request.into_body()).await?;
        let what = (made.ticket.as_str(), made.label.as_str());
        passkeys::finish(&cx.app, &cx.signed, cx.server_url(), what, &made.credential, &cx.origin, cx.now).await?;
        Ok(json!({}))
    };
    told(work.await)
}

#[derive(Deserialize)]
struct One {
    id: String,
}

async fn remove(cx: Desk, Form(form): Form<One>) -> Shown {
    let removed = passkeys::remove(&cx.app, &cx.signed, &form.id, &cx.origin, cx.now).await?;
    let flash = if removed { Flash::good("The passkey is removed.") } else { Flash::bad("It was removed already.") };
    cx.done("/account", flash)
}

/// The address by which this browser reaches the server.
pub(crate) fn server_url(app: &App, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    app.config().public_url.clone().unwrap_or_else(|| format!("{}://{host}", app.config().scheme()))
}

async fn ask(State(app): State<App>, parts: Parts) -> Response<Body> {
    told(passkeys::ask(&app, &server_url(&app, &parts.headers), &origin_of(&parts), app.clock().now()))
}

#[derive(Deserialize)]
struct Given {
    ticket: String,
    #[serde(default)]
    next: String,
    credential: PublicKeyCredential,
}

async fn answer(State(app): State<App>, parts: Parts, body: Body) -> Response<Body> {
    let origin = origin_of(&parts);
    let work = async {
        let given: Given = body_of(body).await?;
        let url = server_url(&app, &parts.headers);
        let visitor = Visitor { origin: &origin, headers: &parts.headers };
        let now = app.clock().now();
        let cookies = passkeys::answer(&app, &url, &given.ticket, &given.credential, &visitor, now).await?;
        Ok((cookies, inside(&given.next).to_owned()))
    };
    match work.await {
        Ok((cookies, to)) => {
            let mut response = told(Ok(json!({"to": to})));
            cookies.into_iter().for_each(|cookie| {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            });
            response
        }
        Err(error) => told(Err(error)),
    }
}
