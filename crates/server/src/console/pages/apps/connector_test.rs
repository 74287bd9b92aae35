//! *Test Connector Configuration*: the page is sent while the test goes on, a step as soon as it was answered; the form,
//! with *Save* or without, comes last. A browser shows it as it comes, and needs no script for that.

use super::integration::{Draft, Kept, editor, purpose};
use super::provisioning;
use crate::admin::apps::connector::{self, Tested, Verdict};
use crate::console::parts::{Tone, badge, json, ms, note};
use crate::console::{Desk, Fault, Shown};
use crate::outbound::integration::Integration;
use crate::outbound::send::Secret;
use crate::pieces::{self, Pieces};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, PreEscaped, html};
use tokio::sync::mpsc;

/// Steps of a test that are waited for.
const STEPS_WAIT: usize = 16;
/// Where the page is cut in two.
const HERE: &str = "<!-- steps -->";
const BEGIN: &str = "<section class=\"card\"><header><h2>Test</h2></header><ol class=\"checks\">";
const END: &str = "</ol></section>";

/// What is tested: the integration as it would be, and what it would show the app.
pub(super) struct Trial {
    pub(super) draft: Draft,
    pub(super) candidate: Integration,
    /// What was typed; nothing is the one that is stored.
    pub(super) secret: Option<String>,
    pub(super) shown: Secret,
    /// Whether it is tried with what this session has just brought from the authorization server.
    pub(super) granted: bool,
}

/// What a test, or a refusal, has to say to the form.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) wrong: Option<String>,
    /// Sealed: what may be saved now.
    pub(super) tested: Option<String>,
    pub(super) has_secret: bool,
    /// Whether this session has just brought something from the authorization server.
    pub(super) has_grant: bool,
}

/// The page of a test, which goes on while it is sent.
pub(super) async fn page(cx: Desk, integration: Integration, trial: Trial) -> Shown {
    let frame = provisioning(&cx, &integration, "/provisioning/integration", PreEscaped(HERE.to_owned()));
    let (mut parts, body) = frame.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let whole = String::from_utf8_lossy(&whole).into_owned();
    let (before, after) = whole.split_once(HERE).unwrap_or((&whole, ""));
    let (pieces, rest) = pieces::rest();
    let begin = format!("{before}{BEGIN}");
    let after = after.to_owned();
    tokio::spawn(async move { go(cx, integration, trial, after, pieces).await });
    // What is kept for *Save* is on it; and nothing on the way may gather what should come at once.
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    parts.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(axum::http::Response::from_parts(parts, Body::new(rest.behind(begin.into()))))
}

async fn go(cx: Desk, integration: Integration, trial: Trial, after: String, pieces: Pieces) {
    let (steps, told) = mpsc::channel(STEPS_WAIT);
    let testing = connector::test(&cx.app, &cx.tenant, &trial.candidate, &trial.shown, steps);
    let (fine, ()) = tokio::join!(testing, tell(told, &pieces));
    let last = match end(&cx, &integration, trial, fine) {
        Ok(end) => format!("{END}{}{after}", end.into_string()),
        Err(fault) => {
            let wrong = crate::console::sentence(&fault.0.to_scim("").detail);
            let body = note(Tone::Bad, "The test came to no end", html! { p { (wrong) } });
            format!("{END}{}{after}", body.into_string())
        }
    };
    // Whoever has gone away needs no end.
    let _ = pieces.send(Ok(last.into())).await;
}

async fn tell(mut told: mpsc::Receiver<Tested>, pieces: &Pieces) {
    while let Some(step) = told.recv().await {
        if pieces.send(Ok(checked(&step).into_string().into())).await.is_err() {
            return;
        }
    }
}

/// The verdict, and the form with what may be done now.
fn end(cx: &Desk, integration: &Integration, trial: Trial, fine: bool) -> Result<Markup, Fault> {
    let mut outcome = Outcome { has_secret: trial.secret.is_some(), ..Outcome::default() };
    let draft = trial.draft.clone();
    if fine {
        let kept = Kept { draft: trial.draft, secret: trial.secret, granted: trial.granted };
        let kept = serde_json::to_vec(&kept).unwrap_or_default();
        outcome.tested = Some(BASE64_STANDARD.encode(cx.app.store().seal(&purpose(cx, integration), &kept)?));
    }
    let verdict = match fine {
        true => note(
            Tone::Good,
            "Connector configured successfully",
            html! { p { "Supported: " (connector::supported(&trial.candidate)) ". Save it now." } },
        ),
        false => note(
            Tone::Bad,
            "The connector does not work yet",
            html! { p { "What is marked above says what to do. Nothing was saved." } },
        ),
    };
    Ok(html! { div role="status" { (verdict) } (editor(cx, integration, &draft, &outcome)) })
}

fn checked(step: &Tested) -> Markup {
    let title = match step.about {
        "address" => "The address",
        "token" => "Token",
        "protected" => "Nobody is let in without the token",
        "users" => "Users can be read with it",
        "form" => "The form of the answers",
        "filter" => "Somebody can be looked for",
        "certificate" => "The certificate",
        "clock" => "Both clocks agree",
        "speed" => "How fast it answers",
        "groups" => "Groups can be read",
        "schemas" => "Schemas are told",
        "serviceProviderConfig" => "What the service offers is told",
        other => other,
    };
    let mark = match step.verdict {
        Verdict::Fine => badge(Tone::Good, "Fine"),
        Verdict::Advice => badge(Tone::Warn, "Look at this"),
        Verdict::Wrong => badge(Tone::Bad, "Wrong"),
    };
    html! {
        li {
            p .check-line {
                (mark) strong { (title) } @if step.took_us > 0 { span .quiet { (ms(step.took_us)) } }
            }
            p { (crate::console::sentence(&step.said)) }
            @if let Some(exchange) = &step.exchange {
                details {
                    summary { (exchange.method) " " (exchange.path) }
                    @if let Some(status) = exchange.status { p .quiet { "Answered with " (status) } }
                    @if let Some(response) = &exchange.response { (json("Answer", response)) }
                }
            }
        }
    }
}
