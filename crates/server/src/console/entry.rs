//! Coming in and going out: the first owner's page, links for a new password, signing in, signing out.

use super::desk::{Desk, Theme, encoded, origin_of, see_other};
use super::fault::{Fault, Shown, sentence};
use super::parts::{self, Field};
use super::shell::bare;
use crate::app::App;
use crate::error::Error;
use crate::operators::{Entry, NewOperator};
use crate::sign_in::{Cookies, Step};
use crate::{limits, operators, query, session, sign_in};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post};
use maud::{Markup, html};
use scim::Code;
use serde::Deserialize;
use std::convert::Infallible;

use super::desk::Form;

/// Open to everybody.
pub(super) fn public() -> Router<App> {
    Router::new()
        .route("/login", get(login).post(sign_in_by_password))
        .route("/login/code", post(sign_in_by_code))
        .route("/setup", get(setup).post(set_up))
}

/// Behind the session.
pub(super) fn router() -> Router<App> {
    Router::new().route("/logout", post(sign_out))
}

/// A request of somebody who is not signed in.
struct Visitor {
    theme: Theme,
    origin: crate::auth::Origin,
    query: String,
    parts: Parts,
}

impl Visitor {
    fn known(&self) -> sign_in::Visitor<'_> {
        sign_in::Visitor { origin: &self.origin, headers: &self.parts.headers }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            theme: Theme::of(&parts.headers),
            origin: origin_of(parts),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            parts: parts.clone(),
        })
    }
}

/// Only a path of this console: `//host` and `https:` would lead away from it.
pub(super) fn inside(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    let leads_out = next.starts_with("/login") || next.starts_with("/logout") || next.starts_with("/setup");
    if is_path && !leads_out { next } else { "/app" }
}

fn with_status(mut response: Response<Body>, status: StatusCode) -> Response<Body> {
    *response.status_mut() = status;
    response
}

/// What is wrong with a form that is shown again, or the fault if it is not about what was typed.
fn wrong(error: Error) -> Result<(String, StatusCode, Option<u64>), Fault> {
    let seconds = if let Error::Later { seconds, .. } = &error { Some(*seconds) } else { None };
    let told = error.to_scim("");
    match told.status {
        400 | 401 | 409 | 410 | 429 => {
            Ok((sentence(&told.detail), StatusCode::from_u16(told.status).unwrap_or(StatusCode::BAD_REQUEST), seconds))
        }
        _ => Err(error.into()),
    }
}

fn shown_again(page: Response<Body>, status: StatusCode, seconds: Option<u64>) -> Response<Body> {
    let mut page = with_status(page, status);
    if let Some(seconds) = seconds.and_then(|s| HeaderValue::from_str(&s.to_string()).ok()) {
        page.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    page
}

async fn login(State(app): State<App>, visitor: Visitor) -> Shown {
    let next = query::value(&visitor.query, "next").unwrap_or_default();
    let now = app.clock().now();
    if session::find(&app, &visitor.parts.headers, &visitor.origin, now).await?.is_some() {
        return Ok(see_other(inside(&next)));
    }
    let has_owner = app.store().read(|r| r.has_owner()).await?;
    Ok(if has_owner { login_page(visitor.theme, &next, "", None) } else { no_owner(visitor.theme) })
}

fn no_owner(theme: Theme) -> Response<Body> {
    let body = html! {
        h1 { "Nobody owns this server yet" }
        p .lead { "The one-time link for the first owner was printed when the server started for the first time." }
        p { "If it is lost, make another on the machine that the server runs on:" }
        (parts::code("Command", "provost operator setup-link"))
    };
    bare(theme, "First run", body)
}

fn alert(text: &str) -> Markup {
    html! { div .note.bad role="alert" { (parts::Tone::Bad.icon().svg()) p { (text) } } }
}

fn login_page(theme: Theme, next: &str, email: &str, error: Option<&str>) -> Response<Body> {
    let body = html! {
        h1 { "Sign in" }
        @if let Some(error) = error { (alert(error)) }
        form method="post" action="/login" {
            input type="hidden" name="next" value=(next);
            (parts::field(&Field { name: "email", label: "E-mail", kind: "email", value: email, required: true,
                autocomplete: "username webauthn", autofocus: email.is_empty(), ..Field::default() }))
            (parts::field(&Field { name: "password", label: "Password", kind: "password", required: true,
                autocomplete: "current-password", autofocus: !email.is_empty(), ..Field::default() }))
            button .main.wide type="submit" { "Sign in" }
        }
        (super::passkeys::sign_in_button("/login/passkey", next))
        p .hint { "Forgot the password? An owner can send you a new link from Settings; on the machine of the server, "
            code { "provost operator link" } " makes one." }
    };
    bare(theme, "Sign in", body)
}

#[derive(Deserialize)]
struct Password {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in_by_password(State(app): State<App>, visitor: Visitor, Form(form): Form<Password>) -> Shown {
    let now = app.clock().now();
    match sign_in::password(&app, &form.email, &form.password, &visitor.known(), now).await {
        Ok(Step::In(cookies)) => Ok(entered(&form.next, cookies)),
        Ok(Step::Code(ticket)) => Ok(code_page(visitor.theme, &form.next, &ticket, None)),
        Err(error) => {
            let (text, status, seconds) = wrong(error)?;
            Ok(shown_again(login_page(visitor.theme, &form.next, &form.email, Some(&text)), status, seconds))
        }
    }
}

fn entered(next: &str, cookies: Cookies) -> Response<Body> {
    let mut response = see_other(inside(next));
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn code_page(theme: Theme, next: &str, ticket: &str, error: Option<&str>) -> Response<Body> {
    let hint = "The six digits that your authenticator shows, or one of your recovery codes.";
    let body = html! {
        h1 { "One more step" }
        @if let Some(error) = error { (alert(error)) }
        form method="post" action="/login/code" {
            input type="hidden" name="next" value=(next);
            input type="hidden" name="ticket" value=(ticket);
            (parts::field(&Field { name: "code", label: "Code", hint, required: true, autocomplete: "one-time-code",
                autofocus: true, mono: true, max: Some(32), ..Field::default() }))
            button .main.wide type="submit" { "Sign in" }
        }
        p { a href="/login" { "Start again" } }
    };
    bare(theme, "Sign in", body)
}

#[derive(Deserialize)]
struct SecondStep {
    ticket: String,
    code: String,
    #[serde(default)]
    next: String,
}

async fn sign_in_by_code(State(app): State<App>, visitor: Visitor, Form(form): Form<SecondStep>) -> Shown {
    let now = app.clock().now();
    match sign_in::code(&app, &form.ticket, &form.code, &visitor.known(), now).await {
        Ok(cookies) => Ok(entered(&form.next, cookies)),
        Err(error) => {
            let (text, status, seconds) = wrong(error)?;
            let page = code_page(visitor.theme, &form.next, &form.ticket, Some(&text));
            Ok(shown_again(page, status, seconds))
        }
    }
}

async fn setup(State(app): State<App>, visitor: Visitor) -> Shown {
    let code = query::value(&visitor.query, "code").unwrap_or_default();
    match operators::entry(&app, &code, app.clock().now()).await {
        Ok(entry) => Ok(setup_page(visitor.theme, &code, &entry, &SetUp::default(), None)),
        Err(Error::Scim(error)) if error.code == Code::LINK_USED => Ok(ended(visitor.theme)),
        Err(error) => Err(error.into()),
    }
}

fn ended(theme: Theme) -> Response<Body> {
    let body = html! {
        h1 { "This link has ended" }
        p .lead { "It was used already, or its time is over." }
        p { "An owner can send you a new one from Settings. While there is no owner, make one on the machine that the server runs on:" }
        (parts::code("Command", "provost operator setup-link"))
        div .actions { a .button.main href="/login" { "Sign in" } }
    };
    with_status(bare(theme, "This link has ended", body), StatusCode::GONE)
}

#[derive(Default, Deserialize)]
struct SetUp {
    #[serde(default)]
    code: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

fn setup_page(theme: Theme, code: &str, entry: &Entry, had: &SetUp, error: Option<&str>) -> Response<Body> {
    let hint = format!("{} characters or more; several words are easy to remember.", limits::PASSWORD_CHARS_MIN);
    let title = match entry {
        Entry::FirstOwner => "Welcome to Provost",
        Entry::Choose(_) => "Choose a password",
    };
    let body = html! {
        h1 { (title) }
        @match entry {
            Entry::FirstOwner => p .lead { "Make the first account. It owns this server: it can invite others and do everything." },
            Entry::Choose(operator) => p .lead { "For " strong { (operator.email) } "." },
        }
        @if let Some(error) = error { (alert(error)) }
        form method="post" action="/setup" {
            input type="hidden" name="code" value=(code);
            @match entry {
                Entry::FirstOwner => {
                    (parts::field(&Field { name: "name", label: "Your name", value: &had.name, required: true, autocomplete: "name",
                        autofocus: true, max: Some(100), ..Field::default() }))
                    (parts::field(&Field { name: "email", label: "E-mail", kind: "email", value: &had.email, required: true,
                        autocomplete: "username", hint: "You sign in with it; nothing is sent to it.", max: Some(254), ..Field::default() }))
                },
                Entry::Choose(operator) => input type="hidden" name="email" autocomplete="username" value=(operator.email);,
            }
            (parts::field(&Field { name: "password", label: "Password", kind: "password", required: true, hint: &hint,
                autocomplete: "new-password", ..Field::default() }))
            button .main.wide type="submit" {
                @match entry { Entry::FirstOwner => "Create the owner", Entry::Choose(_) => "Save and sign in" }
            }
        }
    };
    bare(theme, title, body)
}

async fn set_up(State(app): State<App>, visitor: Visitor, Form(form): Form<SetUp>) -> Shown {
    let now = app.clock().now();
    let entry = match operators::entry(&app, &form.code, now).await {
        Ok(entry) => entry,
        Err(Error::Scim(error)) if error.code == Code::LINK_USED => return Ok(ended(visitor.theme)),
        Err(error) => return Err(error.into()),
    };
    let wanted = NewOperator { email: form.email.clone(), name: form.name.clone() };
    match operators::enter(&app, &form.code, wanted, &form.password, &visitor.known(), now).await {
        Ok(cookies) => Ok(entered(if matches!(entry, Entry::FirstOwner) { "/app/setup" } else { "/app" }, cookies)),
        Err(error) => {
            let (text, status, _) = wrong(error)?;
            Ok(with_status(setup_page(visitor.theme, &form.code, &entry, &form, Some(&text)), status))
        }
    }
}

async fn sign_out(cx: Desk) -> Shown {
    sign_in::out(&cx.app, &cx.signed, &cx.origin, cx.now).await?;
    let mut response = see_other("/login");
    session::forget(&mut response, session::end_cookie(&cx.app));
    Ok(response)
}

/// The address of a link that lets somebody in.
pub(super) fn link_url(server: &str, code: &str) -> String {
    format!("{server}/setup?code={}", encoded(code))
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn signing_in_leads_nowhere_else() {
        assert_eq!(inside("/app/users?x=1"), "/app/users?x=1");
        for out in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/logout", "javascript:x", "/a\nb"]
        {
            assert_eq!(inside(out), "/app");
        }
    }
}
