//! The search in the top bar: people, groups, pages by name, and entries of the log by number.

use super::users::activity;
use crate::admin::directory::{self, Listing, Status};
use crate::console::parts::{card, empty, link};
use crate::console::{Desk, Icon, Nav, Page, Shown, page};
use crate::query;
use maud::html;
use scim::Filter;
use serde_json::Value;

const FOUND_MAX: u64 = 8;

/// Pages by the words that people look for them with.
const PAGES: [(&str, &str, &str); 18] = [
    ("Setup", "/app/setup", "setup assistant begin okta entra connect link"),
    ("Overview", "/app", "overview charts requests latency errors"),
    ("SCIM configuration", "/app/scim", "scim endpoint url configuration base"),
    ("Operation switches", "/app/scim#operations", "create read update delete switches operations allowed"),
    ("Matching and rate", "/app/scim#rules", "matching adoption rate limit duplicate"),
    ("SAML sign-in", "/app/saml", "sso single sign-on acs entity id metadata certificate identity provider"),
    ("Tokens", "/app/scim/tokens", "token bearer secret rotate revoke expiry"),
    ("Attributes", "/app/scim/attributes", "attributes manager urn namespace schema mapping"),
    ("Users", "/app/users", "users people accounts deactivate"),
    ("Groups", "/app/groups", "groups members push"),
    ("Custom fields", "/app/fields", "custom fields attribute"),
    ("Provisioning log", "/app/log", "log requests history export"),
    ("Conflicts", "/app/conflicts", "conflicts duplicates refused uniqueness"),
    ("Jobs", "/app/jobs", "jobs bulk progress"),
    ("Settings", "/app/settings", "settings retention leniency dialect page size manager order"),
    ("Guide", "/docs", "guide help documentation"),
    ("OpenID Connect", "/app/oidc", "sso sign-in applications client oauth issuer redirect"),
    ("Admin API", "/docs/api", "api openapi reference scripts"),
];

/// `GET /app/search?q=…`.
pub(super) async fn show(cx: Desk) -> Shown {
    let text = cx.asked("q").unwrap_or_default();
    let word = text.trim().to_lowercase();
    let quoted = Value::from(text.trim()).to_string();
    let find = async |kind: &'static str, names: &[&str]| -> Result<Vec<directory::Found>, crate::error::Error> {
        if word.is_empty() {
            return Ok(Vec::new());
        }
        let filter = names.iter().map(|name| format!("{name} sw {quoted}")).collect::<Vec<_>>().join(" or ");
        let filter = Filter::parse(&format!("{filter} or id eq {quoted} or externalId eq {quoted}"))?;
        let listing = Listing { filter: Some(filter), count: FOUND_MAX, ..Listing::default() };
        Ok(directory::list(&cx.app, &cx.tenant, &cx.endpoint, kind, listing).await?.found)
    };
    let people =
        find("User", &["userName", "displayName", "name.familyName", "name.givenName", "emails.value"]).await?;
    let groups = find("Group", &["displayName"]).await?;
    let pages: Vec<_> = PAGES
        .iter()
        .filter(|(title, _, words)| {
            !word.is_empty() && (title.to_lowercase().contains(&word) || words.split(' ').any(|w| w.starts_with(&word)))
        })
        .collect();
    let entry = text.trim().trim_start_matches('#').parse::<i64>().ok();
    let code = word.strip_prefix("prv-").map(|number| format!("PRV-{number}"));
    let nothing = people.is_empty() && groups.is_empty() && pages.is_empty() && entry.is_none() && code.is_none();
    let body = html! {
        @if nothing {
            (empty(Icon::Search, "Nothing found", html! { "A search looks for the beginnings of names, logins, e-mail addresses and ids." },
                Some(link(&query::address("/app/log", &[("text", text.trim())]), "Look for it in the log", true))))
        } @else {
            @if !people.is_empty() { (card("People", html! { ul .list.rows { @for found in &people { li data-row { a href={ "/app/users/" (found.id) } { (found.name()) } span .quiet { " " (found.text("userName")) } @if found.status() != Status::Active { " " (activity(found.status())) } } } } })) }
            @if !groups.is_empty() { (card("Groups", html! { ul .list.rows { @for found in &groups { li data-row { a href={ "/app/groups/" (found.id) } { (found.text("displayName")) } } } } })) }
            @if !pages.is_empty() { (card("Pages", html! { ul .list.rows { @for (title, href, _) in &pages { li data-row { a href=(href) { (title) } } } } })) }
            (card("Elsewhere", html! { ul .list.rows {
                @if let Some(seq) = entry { li data-row { a href={ "/app/log/" (seq) } { "Entry " (seq) " of the log" } } }
                @if let Some(code) = &code { li data-row { a href={ "/docs/errors/" (code) } { "About " (code) } } }
                li data-row { a href=(query::address("/app/log", &[("text", text.trim())])) { "Look for “" (text.trim()) "” in the log" } }
            } }))
        }
    };
    Ok(page(
        &cx,
        Page::new(if word.is_empty() { "Search".to_owned() } else { format!("Search: {}", text.trim()) }, Nav::None),
        body,
    ))
}
