//! The operator's own page: password, second factor, passkeys, sessions.

use super::desk::{Desk, Flash, Form, see_other};
use super::fault::{Fault, Shown, sentence};
use super::parts::{self, Column, Field, Row, Table, Tone};
use super::shell::{Nav, Page, page};
use super::{Icon, passkeys};
use crate::app::App;
use crate::error::Error;
use crate::sign_in::Visitor;
use crate::{limits, operators, sign_in, totp};
use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use maud::{Markup, html};
use scim::Code;
use serde::Deserialize;
use store::{Passkey, Session};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/account", get(account))
        .route("/account/password", post(password))
        .route("/account/confirm", post(confirm))
        .route("/account/totp", get(totp_offer).post(totp_enrol))
        .route("/account/totp/off", post(totp_off))
        .route("/account/sessions/end", post(end_session))
        .route("/account/sessions/end-others", post(end_others))
}

async fn account(cx: Desk) -> Shown {
    shown(&cx, Wrong::default()).await
}

/// What is wrong with the forms of the page.
#[derive(Clone, Copy, Default)]
struct Wrong<'w> {
    password: Option<&'w str>,
    confirmation: Option<&'w str>,
}

async fn shown(cx: &Desk, wrong: Wrong<'_>) -> Shown {
    let id = cx.operator.id.clone();
    let found = cx.app.store().read(move |r| -> store::Result<_> { Ok((r.sessions(Some(&id))?, r.passkeys(&id)?)) });
    let (sessions, keys): (Vec<Session>, Vec<Passkey>) = found.await?;
    let sessions: Vec<Session> = sessions.into_iter().filter(|session| is_good(session, cx.now)).collect();
    let body = html! {
        (parts::card("You", parts::definitions(&[
            ("Name", html! { (cx.operator.name) }),
            ("E-mail", html! { (cx.operator.email) }),
            ("Role", html! { (cx.operator.role.as_str()) " " span .hint { (role_words(cx.operator.role)) } }),
        ])))
        (parts::card("Password", password_form(cx, wrong.password)))
        @if cx.signed.is_recent(cx.now) {
            (second_factor(cx))
            (passkeys::card(cx, &keys))
        } @else {
            (confirmation(cx, &keys, wrong.confirmation))
        }
        (sessions_card(cx, &sessions))
    };
    let purpose = "How you sign in, and where you are signed in.";
    Ok(page(cx, Page::new("Account", Nav::Account).purpose(purpose).help("console"), body))
}

/// What a role may do, in words.
pub(super) fn role_words(role: store::Role) -> &'static str {
    match role {
        store::Role::Owner => "may do everything, operators and API keys included",
        store::Role::Admin => "may change everything but operators and API keys",
        store::Role::Auditor => "may look at everything and change nothing",
    }
}

fn is_good(session: &Session, now: i64) -> bool {
    now - session.seen_at < limits::SESSION_IDLE && now - session.created_at < limits::SESSION_LIFE
}

fn password_form(cx: &Desk, error: Option<&str>) -> Markup {
    let hint = format!(
        "{} characters or more. You stay signed in here; everywhere else you are signed out.",
        limits::PASSWORD_CHARS_MIN
    );
    parts::form(
        cx,
        "/account/password",
        html! {
            input type="hidden" name="email" autocomplete="username" value=(cx.operator.email);
            (parts::field(&Field { name: "old", label: "Present password", kind: "password", required: true,
                autocomplete: "current-password", error, ..Field::default() }))
            (parts::field(&Field { name: "new", label: "New password", kind: "password", required: true, hint: &hint,
                autocomplete: "new-password", ..Field::default() }))
            button type="submit" { "Change password" }
        },
    )
}

#[derive(Deserialize)]
struct Passwords {
    old: String,
    new: String,
}

async fn password(cx: Desk, headers: HeaderMap, Form(form): Form<Passwords>) -> Shown {
    let visitor = Visitor { origin: &cx.origin, headers: &headers };
    match operators::new_password(&cx.app, &cx.signed, (&form.old, &form.new), &visitor, cx.now).await {
        Ok(()) => cx.done("/account", Flash::good("The password is changed.")),
        Err(error) => {
            let text = Fault::from(error).refused()?;
            let mut response = shown(&cx, Wrong { password: Some(&text), ..Wrong::default() }).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

/// In place of second factor and passkeys while it is long ago that somebody proved to be here.
fn confirmation(cx: &Desk, keys: &[Passkey], error: Option<&str>) -> Markup {
    let is_on = if cx.operator.totp.is_some() { "on" } else { "off" };
    parts::card(
        "Authenticator app and passkeys",
        html! {
            p { "The authenticator is " (is_on) "; there are " (keys.len()) " passkeys. To change them, confirm that it is you." }
            (parts::form(cx, "/account/confirm", html! {
                input type="hidden" name="email" autocomplete="username" value=(cx.operator.email);
                (parts::field(&Field { name: "confirm-password", label: "Your password", kind: "password", required: true,
                    autocomplete: "current-password", error, ..Field::default() }))
                button type="submit" { "Confirm" }
            }))
        },
    )
}

#[derive(Deserialize)]
struct Confirmation {
    #[serde(rename = "confirm-password")]
    password: String,
}

async fn confirm(cx: Desk, headers: HeaderMap, Form(form): Form<Confirmation>) -> Shown {
    let visitor = Visitor { origin: &cx.origin, headers: &headers };
    match sign_in::confirm(&cx.app, &cx.signed, &form.password, &visitor, cx.now).await {
        Ok(cookies) => {
            let mut response = see_other("/account");
            for cookie in cookies {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(Error::Scim(error)) if error.code == Code::SIGN_IN => {
            let text = sentence(&error.detail);
            let mut response = shown(&cx, Wrong { confirmation: Some(&text), ..Wrong::default() }).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

fn second_factor(cx: &Desk) -> Markup {
    let is_on = cx.operator.totp.is_some();
    let state = if is_on { parts::badge(Tone::Good, "On") } else { parts::badge(Tone::Quiet, "Off") };
    parts::card_with(
        "Authenticator app",
        state,
        html! {
            @if is_on {
                p { "Signing in takes a code of your authenticator besides the password. "
                    (cx.operator.recovery.len()) " recovery codes are left." }
                div .actions {
                    a .button href="/account/totp" { "Set up again" }
                    (parts::confirm(cx, "/account/totp/off", "Switch off", html! { p { "Then the password alone lets you in." } }, None, html! {}))
                }
            } @else {
                p { "A second step at sign-in: a code of six digits that an app on your phone shows." }
                a .button href="/account/totp" { "Set up" }
            }
        },
    )
}

async fn totp_offer(cx: Desk) -> Shown {
    if !cx.signed.is_recent(cx.now) {
        return Ok(see_other("/account"));
    }
    let (offer, ticket) = totp::offer(&cx.app, &cx.operator)?;
    Ok(totp_page(&cx, &offer, &ticket, None))
}

fn totp_page(
    cx: &Desk,
    offer: &totp::Offer,
    ticket: &str,
    error: Option<&str>,
) -> axum::http::Response<axum::body::Body> {
    let body = html! {
        ol .steps {
            li {
                h2 { "Scan this with your authenticator app" }
                div .qr { (qr(&offer.url)) }
                details { summary { "It cannot be scanned" } (parts::copy_box("totp-secret", "Secret, to type in", &offer.secret)) }
            }
            li {
                h2 { "Type the code that it shows" }
                (parts::form(cx, "/account/totp", html! {
                    input type="hidden" name="ticket" value=(ticket);
                    (parts::field(&Field { name: "code", label: "Code", required: true, mono: true, autocomplete: "one-time-code",
                        error, max: Some(16), ..Field::default() }))
                    div .actions { button .main type="submit" { "Switch on" } a .button href="/account" { "Cancel" } }
                }))
            }
        }
    };
    page(cx, Page::new("Set up an authenticator", Nav::Account).under("Account", "/account").secret(), body)
}

/// The QR code of a text, as SVG.
fn qr(text: &str) -> Markup {
    let Ok(code) = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium) else { return html! {} };
    let size = code.size();
    let dark = (0..size).flat_map(|y| (0..size).map(move |x| (x, y))).filter(|(x, y)| code.get_module(*x, *y));
    let path: String = dark.map(|(x, y)| format!("M{} {}h1v1h-1z", x + 4, y + 4)).collect();
    let side = size + 8;
    html! {
        svg viewBox={ "0 0 " (side) " " (side) } width="220" height="220" role="img" aria-label="QR code for an authenticator app"
            shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}

#[derive(Deserialize)]
struct Enrol {
    ticket: String,
    code: String,
}

async fn totp_enrol(cx: Desk, Form(form): Form<Enrol>) -> Shown {
    match totp::enrol(&cx.app, &cx.signed, &form.ticket, &form.code, &cx.origin, cx.now).await {
        Ok(codes) => Ok(recovery_page(&cx, &codes)),
        Err(error) => {
            let text = Fault::from(error).refused()?;
            let Ok((offer, ticket)) = totp::offer_again(&cx.app, &cx.operator, &form.ticket) else {
                let words = "The page was too old. Scan this one, and type the code that the app shows then.";
                return cx.done("/account/totp", Flash::bad(words));
            };
            let mut response = totp_page(&cx, &offer, &ticket, Some(&text));
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

fn recovery_page(cx: &Desk, codes: &[String]) -> axum::http::Response<axum::body::Body> {
    let all = codes.join("\n");
    let body = html! {
        section .card.once data-leave="The recovery codes are shown only now. Leave anyway?" {
            header { h2 { "Ten codes for the day that the phone is lost" } (parts::badge(Tone::Warn, "Secret")) }
            p { "Each lets you in once, in place of a code of the app. Only hashes of them are kept: store them now." }
            (parts::code("Recovery codes", &all))
            div .actions {
                button type="button" data-download=(all) data-name="provost-recovery-codes.txt" hidden { "Download .txt" }
                a .button.main href="/account" data-stored { "I have stored them" }
            }
        }
    };
    page(cx, Page::new("The authenticator is set up", Nav::Account).under("Account", "/account").secret(), body)
}

async fn totp_off(cx: Desk) -> Shown {
    totp::remove(&cx.app, &cx.signed, &cx.origin, cx.now).await?;
    cx.done("/account", Flash::good("The authenticator is switched off."))
}

const SESSION_COLUMNS: [Column; 5] = [
    Column::new("Browser"),
    Column::new("Last used"),
    Column::new("Address").minor(),
    Column::new("Signed in").minor(),
    Column::new(""),
];

fn sessions_card(cx: &Desk, sessions: &[Session]) -> Markup {
    let rows = sessions.iter().map(|session| {
        let is_this = session.id == cx.signed.session.id;
        Row {
            cells: vec![
                html! { (browser(&session.agent)) @if is_this { " " (parts::badge(Tone::Info, "This one")) } },
                parts::when(session.seen_at, cx.now),
                html! { span .mono { (session.address) } },
                html! { (parts::when(session.created_at, cx.now)) " with " (session.method) },
                html! {
                    @if !is_this {
                        (parts::form(cx, "/account/sessions/end", html! {
                            input type="hidden" name="id" value=(session.id);
                            button .small type="submit" { "Sign out" }
                        }))
                    }
                },
            ],
            ..Row::default()
        }
    });
    let table = Table { caption: "Your sessions", columns: &SESSION_COLUMNS, rows: rows.collect(), body_id: None };
    let others = html! {
        @if sessions.len() > 1 {
            (parts::form(cx, "/account/sessions/end-others", html! { button .small type="submit" { "Sign out everywhere else" } }))
        }
    };
    parts::card_with(
        "Sessions",
        others,
        html! {
            (parts::table(&table))
            p .hint { "A session ends after 30 minutes without use, and after 12 hours in any case." }
        },
    )
}

/// The browser and system of a `User-Agent`, as a person would say it.
pub(super) fn browser(agent: &str) -> String {
    let find =
        |known: &[(&str, &'static str)]| known.iter().find(|(part, _)| agent.contains(part)).map(|(_, word)| *word);
    let name = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        _ if agent.is_empty() => "Unknown browser".to_owned(),
        _ => crate::redact::cut(agent, 40).into_owned(),
    }
}

#[derive(Deserialize)]
struct One {
    id: String,
}

async fn end_session(cx: Desk, Form(form): Form<One>) -> Shown {
    let count = operators::end_sessions(&cx.app, &cx.signed, Some(form.id), &cx.origin, cx.now).await?;
    cx.done(
        "/account",
        if count > 0 { Flash::good("That session is signed out.") } else { Flash::bad("It had ended already.") },
    )
}

async fn end_others(cx: Desk) -> Shown {
    let count = operators::end_sessions(&cx.app, &cx.signed, None, &cx.origin, cx.now).await?;
    cx.done("/account", Flash::good(format!("Signed out of {count} other sessions.")))
}

/// What stands in front of a part of the page that a role may not use.
pub(super) fn owners_only(what: &str) -> Markup {
    parts::empty(Icon::Shield, "For owners", html! { (what) " are looked after by owners. Ask one of them." }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_have_names() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!((browser("curl/8"), browser("")), ("curl/8".into(), "Unknown browser".into()));
    }

    #[test]
    fn a_qr_code_is_drawn_without_a_style() {
        let svg = qr("otpauth://totp/Provost:a%40example.com?secret=ABC").into_string();
        assert!(svg.contains("<path d=\"M4 4h1v1h-1z") && !svg.contains("style"), "{svg}");
    }
}
