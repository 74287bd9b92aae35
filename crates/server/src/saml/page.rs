//! What browsers see between two sites: the failure that says nothing, and the forms and links that lead on.

use super::denied::Denied;
use crate::answer::Answer;
use crate::auth::Actor;
use crate::console::{self, Fault, Icon, Shown, bare, parts};
use crate::error::Error;
use crate::person::Visit;
use crate::record::{self, Trace};
use crate::scim::Asked;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use maud::{Markup, html};
use scim::Code;

/// Where a form of the page leads to, for the policy of the page.
#[derive(Clone)]
struct LeadsTo(String);

/// The headers of the console's pages; a form of ours may lead to the identity provider that it is for.
pub(crate) async fn secured(response: Response<Body>) -> Response<Body> {
    let leads_to = response.extensions().get::<LeadsTo>().cloned();
    let mut response = console::secured(response).await;
    if let Some(LeadsTo(origin)) = leads_to {
        let policy = console::POLICY.replace("form-action 'self'", &format!("form-action {origin}"));
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
    response
}

/// Ends a sign-in that failed: the reason into the log, a plain page to the browser. What is broken in here is a fault
/// like any other.
pub(super) fn refused(visit: &Visit, asked: &Asked, trace: &Trace, connection: &str, error: Error) -> Shown {
    let told = error.to_scim(&asked.request_id);
    if told.status >= 500 || matches!(error, Error::Later { .. }) {
        return Err(error.into());
    }
    tracing::info!(
        request_id = asked.request_id,
        tenant = visit.tenant.tenant.name,
        connection,
        reason = told.detail,
        "a sign-in with SAML was refused"
    );
    let answer = Answer { code: Some(Code::SAML_REFUSED), ..Answer::empty(403) };
    record::later(&visit.app, &visit.tenant, asked, Some(&actor(connection)), trace, &answer, visit.now);
    Ok(failed(visit, asked, connection))
}

/// A message that was refused outside of a transaction.
pub(super) fn denied(visit: &Visit, asked: &Asked, trace: &mut Trace, connection: &str, why: Denied) -> Shown {
    let error = why.refuse(trace);
    refused(visit, asked, trace, connection, error)
}

/// Whoever signs people in, for the log: allowed to make users and nothing else.
pub(super) fn actor(connection: &str) -> Actor {
    let users = store::Access { read: true, write: true };
    let scope = store::Scope { users, ..store::Scope::default() };
    Actor { label: format!("SAML {connection}"), scope, address: String::new() }
}

fn failed(visit: &Visit, asked: &Asked, connection: &str) -> Response<Body> {
    let again = super::Addresses::below(&visit.tenant.root(), connection).login;
    let body = html! {
        h1 { "Sign-in failed" }
        p .lead { "You are not signed in." }
        p { "Whoever administers this application can look up why, by this request:" }
        dl .definitions { div { dt { "Request" } dd .mono { (asked.request_id) } } }
        div .actions { a .button.main href=(again) { "Try again" } }
    };
    let mut page = bare(visit.theme, "Sign-in failed", body);
    *page.status_mut() = StatusCode::FORBIDDEN;
    if let Ok(id) = HeaderValue::from_str(&asked.request_id) {
        page.headers_mut().insert("x-request-id", id);
    }
    page
}

/// A form that posts a message to the other side: by itself where there is a script, by a button otherwise.
pub(crate) fn post_on(visit: &Visit, to: &str, fields: &[(&str, &str)], words: (&str, &str)) -> Response<Body> {
    let (title, button) = words;
    let body = html! {
        h1 { (title) }
        form method="post" action=(to) data-auto {
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button .main.wide type="submit" { (button) }
        }
    };
    let mut page = bare(visit.theme, title, body);
    page.extensions_mut().insert(LeadsTo(origin(to)));
    page
}

/// A page that goes on to another site by itself. A redirect would do, where it does not end a form of ours: the policy
/// of the page with the form holds for where it leads.
pub(super) fn go_on(visit: &Visit, to: &str, words: (&str, &str)) -> Response<Body> {
    let (title, link) = words;
    let body = html! {
        h1 { (title) }
        meta http-equiv="refresh" content={ "0;url=" (to) };
        div .actions { a .button.main href=(to) { (link) } }
    };
    bare(visit.theme, title, body)
}

/// A page with a sentence, for the end of something.
pub(crate) fn said(visit: &Visit, title: &str, body: Markup) -> Response<Body> {
    bare(visit.theme, title, html! { h1 { (title) } (body) })
}

/// Signing in is not set up.
pub(super) fn nothing_here(visit: &Visit) -> Response<Body> {
    let body = html! {
        (parts::note(parts::Tone::Warn, "", html! { p { "Nobody can sign in at this address." } }))
        p { "Whoever administers this application sets it up under Single sign-on in the console." }
        div .actions { a .button href="/app/saml" { (Icon::Person.svg()) "To the console" } }
    };
    let mut page = said(visit, "Sign-in is not set up", body);
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// A failure before there was anything to log.
pub(super) fn unusable(reason: ::saml::Refused) -> Fault {
    Error::new(Code::SAML_SETTINGS, reason.fix().trim_end_matches('.').to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn origins() {
        assert_eq!(origin("https://idp.example:8443/sso?x=1"), "https://idp.example:8443");
        assert_eq!(origin("http://127.0.0.1:9/a"), "http://127.0.0.1:9");
    }
}
