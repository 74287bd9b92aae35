//! *Test Connector Configuration*: what an app's server is asked before its connection is saved, one thing after the other,
//! and what each answer means. Nothing is changed at the app.
//!
//! What would break provisioning is wrong; what is only odd, or careless, is advice and keeps nobody from saving.

use super::with_tenant;
use crate::app::App;
use crate::clock::Stopwatch;
use crate::error::Result;
use crate::limits;
use crate::outbound::integration::{Authentication, Integration};
use crate::outbound::send::{Secret, Sent, TEST, send};
use crate::tenants::TenantState;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, DATE};
use provision::outcome::{Answer, Lost, http_date, page};
use provision::wire::{self, Request};
use std::time::Duration;
use store::Exchange;
use tokio::sync::mpsc;

/// Calls that show how fast an app answers.
const CALLS: usize = 5;

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// It works, and somebody should know.
    Advice,
    Wrong,
}

/// One step of a test of the connection.
#[derive(Clone, Debug)]
pub(crate) struct Tested {
    /// What was looked at: `address`, `token`, `protected`, `users`, `form`, `filter`, `groups`, `serviceProviderConfig`, `schemas`,
    /// `certificate`, `clock`, `speed`.
    pub(crate) about: &'static str,
    pub(crate) verdict: Verdict,
    /// What that means, and what to do if it is not as it should be.
    pub(crate) said: String,
    /// What was sent and answered, if anything was; the slowest of several.
    pub(crate) exchange: Option<Exchange>,
    pub(crate) took_us: i64,
}

/// Tests the connection of an app, and tells each step as it comes. Answers whether nothing was wrong.
pub(crate) async fn test_connection(app: &App, tenant: &str, name: &str, steps: mpsc::Sender<Tested>) -> Result<bool> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    if integration.app.connection.base_url.is_empty() {
        return Err(scim::Error::invalid_value(
            "give connection.baseUrl first: the address of the app's SCIM endpoint",
        )
        .into());
    }
    let secret = Secret::of(app, &integration).await?;
    Ok(test(app, &state, &integration, &secret, steps).await)
}

/// The same of an integration that need not be stored, with a secret that need not be.
pub(crate) async fn test(
    app: &App,
    state: &TenantState,
    integration: &Integration,
    secret: &Secret,
    steps: mpsc::Sender<Tested>,
) -> bool {
    let secret = &secret.anew();
    let mut trial = Trial { app, state, integration, secret, steps, fine: true };
    // Whoever has gone away needs no more steps.
    let _ = trial.run().await;
    trial.fine
}

/// What the app can do for people, as it is configured: "create, update, deactivate, push groups".
pub(crate) fn supported(integration: &Integration) -> String {
    let actions = &integration.app.policy.actions;
    let all = [
        (actions.create, "create"),
        (actions.update, "update"),
        (actions.deactivate, "deactivate"),
        (actions.push_groups, "push groups"),
        (actions.import, "import"),
        (actions.import_groups, "import groups"),
    ];
    let on: Vec<&str> = all.into_iter().filter_map(|(on, word)| on.then_some(word)).collect();
    if on.is_empty() { "nothing, until an action is on".to_owned() } else { on.join(", ") }
}

struct Trial<'a> {
    app: &'a App,
    state: &'a TenantState,
    integration: &'a Integration,
    secret: &'a Secret,
    steps: mpsc::Sender<Tested>,
    fine: bool,
}

/// Whether somebody still listens.
type Heard = Option<()>;

impl Trial<'_> {
    async fn run(&mut self) -> Heard {
        self.address().await?;
        if self.fine {
            self.token().await?;
        }
        if !self.fine {
            return Some(());
        }
        let nobody = format!("nobody-{:016x}@provost.invalid", self.app.clock().now());
        let mut asked = wire::test_connection(&self.integration.app, &nobody).into_iter();
        let (_, users) = asked.next()?;
        if self.integration.options.authentication != Authentication::None {
            self.protected(&users).await?;
        }
        let Some(headers) = self.users(&users).await? else { return Some(()) };
        for (about, request) in asked {
            let sent = self.ask(&request).await;
            let (verdict, said) = judge(about, &sent, self.has_token());
            self.tell(about, verdict, said, Some(sent.exchange)).await?;
        }
        self.clock(&headers).await?;
        self.speed(&users).await
    }

    fn has_token(&self) -> bool {
        matches!(self.secret, Secret::Token(_))
    }

    async fn ask(&self, request: &Request) -> Sent {
        send(self.app, self.state, self.integration, self.secret, TEST, request).await
    }

    async fn tell(&mut self, about: &'static str, verdict: Verdict, said: String, exchange: Option<Exchange>) -> Heard {
        let took_us = exchange.as_ref().map_or(0, |exchange| exchange.took_us);
        self.tell_timed(about, verdict, said, exchange, took_us).await
    }

    async fn tell_timed(
        &mut self,
        about: &'static str,
        verdict: Verdict,
        said: String,
        exchange: Option<Exchange>,
        took_us: i64,
    ) -> Heard {
        self.fine &= verdict != Verdict::Wrong;
        self.steps.send(Tested { about, verdict, said, exchange, took_us }).await.ok()
    }

    /// Whether the address may be called at all, and whether what is sent there can be read on the way.
    async fn address(&mut self) -> Heard {
        let url = &self.integration.app.connection.base_url;
        let (verdict, said) = match self.app.egress().check(url) {
            Err(refused) => (Verdict::Wrong, refused.to_string()),
            Ok(()) if url.starts_with("http://") => {
                (Verdict::Advice, "it is not https: token and people can be read on the way".to_owned())
            }
            Ok(()) => (Verdict::Fine, "it can be called, over https".to_owned()),
        };
        self.tell("address", verdict, said, None).await
    }

    /// Whether the authorization server gives a token, where there is one.
    async fn token(&mut self) -> Heard {
        let Secret::Token(holder) = self.secret else { return Some(()) };
        let watch = Stopwatch::start();
        let got = self.secret.shown(self.app).await;
        let (verdict, said) = match got {
            Err(failure) => (Verdict::Wrong, failure.said),
            Ok(_) => match holder.seconds_left(self.app.clock().now()).await {
                None => (
                    Verdict::Fine,
                    "there is one; how long it is good is not said, so until the app refuses it".to_owned(),
                ),
                Some(seconds @ ..120) => (Verdict::Fine, format!("there is one, good for {seconds} s")),
                Some(seconds) => (Verdict::Fine, format!("there is one, good for {} min", seconds / 60)),
            },
        };
        let plain = holder.token_url().starts_with("http://") && verdict == Verdict::Fine;
        let verdict = if plain { Verdict::Advice } else { verdict };
        let said = if plain {
            format!("{said}; it does not come over https: the secret can be read on the way")
        } else {
            said
        };
        self.tell_timed("token", verdict, said, None, watch.micros()).await
    }

    /// Whether the app asks who calls.
    async fn protected(&mut self, users: &Request) -> Heard {
        let Sent { answer, exchange, .. } =
            send(self.app, self.state, self.integration, &Secret::default(), TEST, users).await;
        let (verdict, said) = match (&answer, exchange.status) {
            // What is wrong with the way there is told by the next step.
            (Answer::Lost(_) | Answer::Unsent(_), _) | (_, None) => return Some(()),
            (_, Some(401 | 403)) => (Verdict::Fine, "without the token nobody is let in".to_owned()),
            (_, Some(200..=299)) => {
                let said = "everybody is let in: the app answers without a token, so anybody can read its people";
                (Verdict::Advice, said.to_owned())
            }
            (_, Some(status)) => (Verdict::Fine, format!("without the token the answer is {status}")),
        };
        self.tell("protected", verdict, said, Some(exchange)).await
    }

    /// Whether people can be read; nothing if not: whatever else was asked would say the same. The headers of the answer.
    async fn users(&mut self, users: &Request) -> Option<Option<HeaderMap>> {
        let sent = self.ask(users).await;
        if let Some(ends_at) = sent.certificate_ends_at {
            let (verdict, said) = certificate(ends_at, self.app.clock().now());
            self.tell("certificate", verdict, said, None).await?;
        }
        let (verdict, said) = judge("users", &sent, self.has_token());
        self.tell("users", verdict, said, Some(sent.exchange)).await?;
        if verdict == Verdict::Wrong {
            return Some(None);
        }
        let kind = sent.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (verdict, said) = match kind.split(';').next().unwrap_or_default().trim() {
            "application/scim+json" => (Verdict::Fine, "they are application/scim+json".to_owned()),
            "application/json" => (Verdict::Fine, "they are application/json, which is understood as well".to_owned()),
            other => (Verdict::Advice, format!("it calls itself “{other}”; application/scim+json is meant")),
        };
        self.tell("form", verdict, said, None).await?;
        Some(Some(sent.headers))
    }

    /// How far the clocks are apart: what the app says has changed since then is read by its clock.
    async fn clock(&mut self, headers: &HeaderMap) -> Heard {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(http_date);
        let Some(date) = date else { return Some(()) };
        let apart = Duration::from_micros(date.abs_diff(self.app.clock().now())).as_secs();
        let (verdict, said) = match apart {
            0..=2 => (Verdict::Fine, "they agree".to_owned()),
            _ if apart > limits::CLOCK_APART_MAX.as_secs() => {
                let said =
                    format!("they are {apart} s apart; imports of what changed may miss something: set one right");
                (Verdict::Advice, said)
            }
            _ => (Verdict::Fine, format!("they are {apart} s apart")),
        };
        self.tell("clock", verdict, said, None).await
    }

    /// How fast it answers.
    async fn speed(&mut self, users: &Request) -> Heard {
        let (watch, mut took) = (Stopwatch::start(), Vec::with_capacity(CALLS));
        while took.len() < CALLS && watch.micros() < 10_000_000 {
            let Sent { exchange, .. } = self.ask(users).await;
            took.push((exchange.took_us, exchange));
        }
        took.sort_by_key(|(us, _)| *us);
        let middle = took.get(took.len() / 2).map_or(0, |(us, _)| *us);
        let count = took.len();
        let Some((slowest, exchange)) = took.pop() else { return Some(()) };
        let ms = |us: i64| us as f64 / 1e3;
        let said = format!("{count} calls: {:.0} ms in the middle, {:.0} ms the slowest", ms(middle), ms(slowest));
        let slow = Duration::from_micros(slowest.unsigned_abs()) > self.integration.options.patience() / 2;
        let verdict = if slow { Verdict::Advice } else { Verdict::Fine };
        let said = if slow { format!("{said}; that is close to the time-out: raise it") } else { said };
        self.tell("speed", verdict, said, Some(exchange)).await
    }
}

/// How long the app's certificate is good; behind its end nothing could be sent.
fn certificate(ends_at: i64, now: i64) -> (Verdict, String) {
    let days = (ends_at - now).div_euclid(86_400_000_000).max(0);
    let until = scim::meta::rfc3339(ends_at);
    let until = until.get(..10).unwrap_or_default();
    let said = match days {
        1 => format!("it is good for one day, until {until}"),
        _ => format!("it is good for {days} days, until {until}"),
    };
    match ends_at - now < limits::PEER_CERTIFICATE_SOON {
        true => (Verdict::Advice, format!("{said}; when it ends nothing can be sent: have it renewed")),
        false => (Verdict::Fine, said),
    }
}

fn judge(about: &str, Sent { answer, exchange, .. }: &Sent, with_token: bool) -> (Verdict, String) {
    let response = match answer {
        Answer::Lost(lost) => {
            let what = match lost {
                Lost::Refused => "this address must not be called",
                Lost::Dns => "the host's name is not known",
                Lost::Connect => "nobody answers at this address",
                Lost::Tls => "the certificate is not trusted",
                Lost::Timeout => "no answer came in time",
                Lost::Reset => "the connection broke",
            };
            return (Verdict::Wrong, format!("{what}: {}", exchange.response.as_deref().unwrap_or_default()));
        }
        Answer::Unsent(_) => return (Verdict::Wrong, exchange.response.clone().unwrap_or_default()),
        Answer::Got(response) => response,
    };
    if let Some(refusal) = response.refusal() {
        let detail = refusal.detail.unwrap_or_default();
        let what = match refusal.status {
            401 if with_token => {
                "the app does not accept the token that its authorization server gave; look at scope and audience"
            }
            401 => "the app does not accept the credentials; paste the token again, without the word Bearer",
            403 => "the credentials may not read this; give the token the scope for users and groups",
            404 if about == "users" => "there is nothing at this address; the base URL usually ends with /scim/v2",
            404 if about == "filter" => {
                return (
                    Verdict::Advice,
                    "for nobody it says 404 instead of an empty list; that is understood".to_owned(),
                );
            }
            400 | 501 if about == "filter" => {
                "the app cannot look for somebody by the unique identifier; nobody who is there already would be found"
            }
            // Optional for an app, and not needed.
            404 | 501 => return (Verdict::Fine, "the app does not have it; it can do without".to_owned()),
            429 => "the app asks for fewer requests; try again in a minute",
            300..=399 => "the app sends elsewhere; use the address that it sends to",
            _ => "the app refuses",
        };
        return (Verdict::Wrong, format!("{what} ({}) {detail}", refusal.status).trim_end().to_owned());
    }
    match (about, page(response)) {
        ("users" | "groups" | "filter", None) => {
            (Verdict::Wrong, "the answer is no list of SCIM; check the base URL".to_owned())
        }
        ("filter", Some(page)) if !page.resources.is_empty() => {
            let said = "asked for somebody who is not there, the app shows others: it ignores the filter, and people would be taken for each other";
            (Verdict::Wrong, said.to_owned())
        }
        ("filter", Some(_)) => (Verdict::Fine, "nobody is found where nobody is".to_owned()),
        ("users" | "groups", Some(page)) => {
            let total = page.total.map_or_else(|| "an unknown number".to_owned(), |total| total.to_string());
            let remarks = page.remarks.iter().map(|remark| format!("; {remark}: Okta stops here")).collect::<String>();
            let verdict = if page.remarks.is_empty() { Verdict::Fine } else { Verdict::Advice };
            (verdict, format!("there are {total}{remarks}"))
        }
        _ => (Verdict::Fine, "answered".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use provision::outcome::{Body, Response};
    use serde_json::{Value, json};

    fn judged(about: &str, status: u16, body: Value) -> (Verdict, String) {
        let response = Response { status, retry_after: None, etag: None, location: None, body: Body::Json(body) };
        let (answer, exchange, headers) = (Answer::Got(response), Exchange::default(), HeaderMap::new());
        judge(about, &Sent { answer, exchange, headers, certificate_ends_at: None }, false)
    }

    #[test]
    fn a_certificate_that_ends_soon_is_advice() {
        let day = 86_400_000_000;
        for (left, verdict, said) in [
            (400 * day, Verdict::Fine, "good for 400 days, until 1971-02-05"),
            (29 * day + 5, Verdict::Advice, "good for 29 days"),
            (day, Verdict::Advice, "good for one day"),
            (day / 2, Verdict::Advice, "good for 0 days"),
        ] {
            let (is, words) = certificate(left, 0);
            assert!(is == verdict && words.contains(said), "{left}: {is:?} {words}");
        }
    }

    #[test]
    fn what_breaks_provisioning_is_wrong_and_what_is_odd_is_advice() {
        let list = |resources: Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 1, "Resources": resources});
        let cases = [
            ("users", 200, list(json!([{"id": "1"}])), Verdict::Fine, "there are 1"),
            ("users", 200, json!({"totalResults": "1", "Resources": []}), Verdict::Advice, "totalResults is a text"),
            ("users", 200, json!({"hello": "there"}), Verdict::Wrong, "no list of SCIM"),
            ("users", 401, json!({}), Verdict::Wrong, "paste the token again"),
            ("users", 404, json!({}), Verdict::Wrong, "/scim/v2"),
            ("filter", 200, list(json!([])), Verdict::Fine, "nobody is found"),
            ("filter", 200, list(json!([{"id": "1"}])), Verdict::Wrong, "ignores the filter"),
            ("filter", 404, json!({}), Verdict::Advice, "404 instead of an empty list"),
            ("filter", 501, json!({}), Verdict::Wrong, "cannot look for somebody"),
            ("schemas", 404, json!({}), Verdict::Fine, "can do without"),
            ("groups", 403, json!({}), Verdict::Wrong, "scope for users and groups"),
        ];
        for (about, status, body, verdict, said) in cases {
            let (is, words) = judged(about, status, body);
            assert!(is == verdict && words.contains(said), "{about} {status}: {is:?} {words}");
        }
    }
}
