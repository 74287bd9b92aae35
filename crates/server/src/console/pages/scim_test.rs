//! "Test from here": the requests with which an identity provider begins, by the whole path that its own would take, and
//! what each was answered.

use super::scim::plural;
use crate::admin;
use crate::auth::Actor;
use crate::console::parts::{self, Tone, badge, card, link, ms, note};
use crate::console::{Desk, Fault, Nav, Page, Shown, page};
use axum::body::Body;
use axum::http::Request;
use maud::{Markup, html};
use serde_json::{Value, json};

/// The label of the token that is made for it; such requests are not those of an identity provider.
pub(super) use crate::admin::tokens::TEST_LABEL as LABEL;

/// How its requests call themselves.
pub(super) const AGENT: &str = "Provost test from the console";

/// One request and how it went.
struct Check {
    what: &'static str,
    request: String,
    status: u16,
    took_us: i64,
    /// What is wrong, if something is.
    wrong: Option<String>,
    answer: String,
}

/// Sends requests as an identity provider does.
struct Caller<'a> {
    cx: &'a Desk,
    token: String,
    checks: Vec<Check>,
}

/// `POST /app/scim/test`.
pub(super) async fn run(cx: Desk) -> Shown {
    let tenant = cx.tenant.tenant.name.clone();
    let actor = Actor { label: format!("test by {}", cx.operator.email), ..cx.actor() };
    let wanted = admin::tokens::NewToken {
        label: LABEL.into(),
        scope: None,
        expires_in: admin::tokens::Life::Seconds(300),
        networks: Vec::new(),
    };
    let made = admin::tokens::create(&cx.app, &actor, &tenant, wanted).await?;
    let mut caller = Caller { cx: &cx, token: made.text, checks: Vec::new() };
    let outcome = caller.walk().await;
    let checks = caller.checks;
    admin::tokens::revoke(&cx.app, &actor, &tenant, &made.token.id).await?;
    outcome?;
    let wrong = checks.iter().filter(|check| check.wrong.is_some()).count();
    let body = html! {
        @if wrong == 0 {
            (note(Tone::Good, "An identity provider can work with this endpoint", html! {
                p { "Looked up, created, replaced, deactivated, grouped and removed: each was answered as it should be." }
            }))
        } @else {
            (note(Tone::Bad, &format!("{} of {} did not go well", wrong, checks.len()), html! {
                p { "The first one that failed is mostly the cause of those behind it." }
            }))
        }
        (card("What was asked", html! { ol .checks { @for check in &checks { (shown(check)) } } }))
        div .actions { (link("/app/scim", "Back to SCIM configuration", false)) (link("/app/log?token=test+from+the+console", "These requests in the log", false)) }
    };
    let about = Page::new("Test from here", Nav::Scim)
        .under("SCIM configuration", "/app/scim")
        .purpose(html! { (plural(checks.len(), "request")) ", by the path that those of an identity provider take." })
        .help("connect-okta");
    Ok(page(&cx, about, body))
}

fn shown(check: &Check) -> Markup {
    html! {
        li {
            p .check-line {
                @match &check.wrong { None => (badge(Tone::Good, "passed")), Some(_) => (badge(Tone::Bad, "failed")) }
                strong { (check.what) } span .quiet { (check.status) " · " (ms(check.took_us)) }
            }
            @if let Some(wrong) = &check.wrong { p .error { (wrong) } }
            details { summary { "Request and answer" }
                code .wrap { (check.request) }
                @if !check.answer.is_empty() { (parts::json("Answer", &check.answer)) }
            }
        }
    }
}

impl Caller<'_> {
    /// All requests in their order; ends early only when the server itself does not work.
    async fn walk(&mut self) -> Result<(), Fault> {
        let login = format!("provost-test-{}@example.invalid", self.cx.now);
        self.ask("Refuses who has no token", "GET", "/Users?startIndex=1&count=2", None, false, 401).await;
        let list =
            self.ask("Lists users (Test Connector)", "GET", "/Users?startIndex=1&count=2", None, true, 200).await;
        self.expect(list.get("totalResults").is_some_and(Value::is_u64), "totalResults has to be a number");
        let filter = crate::query::encode(&format!("userName eq \"{login}\""));
        let path = format!("/Users?filter={filter}&startIndex=1&count=100");
        let none =
            self.ask("Finds nobody with an unknown login, without an error", "GET", &path, None, true, 200).await;
        self.expect(none.get("totalResults") == Some(&json!(0)), "totalResults has to be 0");
        let person = json!({
            "schemas": [scim::schema::USER], "userName": login, "active": true,
            "name": {"givenName": "Test", "familyName": "From here"},
            "emails": [{"primary": true, "value": login, "type": "work"}],
        });
        let made = self.ask("Creates a user", "POST", "/Users", Some(&person), true, 201).await;
        let Some(id) = made.get("id").and_then(Value::as_str).map(str::to_owned) else { return Ok(()) };
        let path = format!("/Users/{id}");
        self.ask("Refuses the same login a second time", "POST", "/Users", Some(&person), true, 409).await;
        let mut whole = self.ask("Reads the user", "GET", &path, None, true, 200).await;
        if let Some(map) = whole.as_object_mut() {
            map.insert("title".into(), "Tested".into());
        }
        self.ask("Replaces the user (PUT, as Okta does)", "PUT", &path, Some(&whole), true, 200).await;
        let patch = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": {"active": false}}],
        });
        let off = self.ask("Deactivates the user (PATCH)", "PATCH", &path, Some(&patch), true, 200).await;
        self.expect(off.get("active") == Some(&json!(false)), "active has to be false afterwards");
        let group = json!({"schemas": [scim::schema::GROUP], "displayName": login, "members": [{"value": id}]});
        let made = self.ask("Pushes a group with the user in it", "POST", "/Groups", Some(&group), true, 201).await;
        if let Some(group) = made.get("id").and_then(Value::as_str) {
            self.ask("Removes the group", "DELETE", &format!("/Groups/{group}"), None, true, 204).await;
            self.tidy(&format!("/Groups/{group}")).await?;
        }
        self.ask("Removes the user", "DELETE", &path, None, true, 204).await;
        self.tidy(&path).await
    }

    /// Takes away what a switched-off delete has left behind.
    async fn tidy(&self, path: &str) -> Result<(), Fault> {
        let cx = self.cx;
        let change = (axum::http::Method::DELETE, path.to_owned(), Value::Null);
        let last_failed = self.checks.last().is_some_and(|check| check.wrong.is_some());
        if last_failed {
            admin::directory::change(&cx.app, &cx.tenant, cx.actor().into(), &cx.endpoint, &cx.origin, change).await?;
        }
        Ok(())
    }

    fn expect(&mut self, holds: bool, wrong: &str) {
        if let Some(last) = self.checks.last_mut()
            && !holds
            && last.wrong.is_none()
        {
            last.wrong = Some(wrong.to_owned());
        }
    }

    async fn ask(
        &mut self,
        what: &'static str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        with_token: bool,
        wanted: u16,
    ) -> Value {
        let started = crate::clock::Stopwatch::start();
        let host = self.cx.server_url().split("://").nth(1).unwrap_or("localhost").to_owned();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/scim/v2{path}"))
            .header("host", host)
            .header("accept", "application/scim+json")
            .header("user-agent", AGENT);
        if with_token {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let body = match body {
            None => Body::empty(),
            Some(body) => {
                request = request.header("content-type", "application/scim+json; charset=utf-8");
                Body::from(body.to_string())
            }
        };
        let Ok(request) = request.body(body) else { return Value::Null };
        let tenant = &self.cx.tenant.tenant.name;
        let rest = path.split('?').next().unwrap_or_default().trim_start_matches('/').to_owned();
        let response = crate::scim::serve(self.cx.app.clone(), tenant, &rest, request).await;
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap_or_default();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let detail = answer.get("detail").and_then(Value::as_str).unwrap_or_default();
        let wrong = (status != wanted).then(|| format!("answered with {status} where {wanted} was due. {detail}"));
        self.checks.push(Check {
            what,
            request: format!("{method} {path}"),
            status,
            took_us: started.micros(),
            wrong,
            answer: String::from_utf8_lossy(&bytes).into_owned(),
        });
        answer
    }
}
