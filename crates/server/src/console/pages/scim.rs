//! A2, SCIM configuration: what goes into the identity provider, and what it may do here.

use crate::admin;
use crate::console::parts::{
    self, Field, Tone, badge, card, card_with, choice, copy_box, field, form, link, live, note, switch, when,
};
use crate::console::{Desk, Fault, Flash, Form, Icon, Nav, Page, Shown, fragment, page};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use store::{Adoption, Crud, LogEntry, LogQuery, Token};

/// The full name of the manager attribute.
pub(super) use crate::admin::received::MANAGER;

/// Custom fields whose values are on the page itself.
const FIELDS: usize = 12;

/// `GET /app/scim`.
pub(super) async fn show(cx: Desk) -> Shown {
    let tokens = admin::tokens::list(&cx.app, Some(cx.tenant.tenant.id)).await?;
    let last = last_request(&cx).await?;
    let body = html! {
        (endpoint(&cx, &tokens))
        (operations(&cx))
        (rules(&cx, None))
        (more(&cx))
    };
    let state = live("receiving", &["log"], "/app/scim/state", receiving(&cx, last.as_ref()));
    let about = Page::new("SCIM configuration", Nav::Scim)
        .purpose("Give the endpoint and a token to your identity provider, then press Test Connector there.")
        .action(state)
        .help("connect-okta");
    Ok(page(&cx, about, body))
}

/// `GET /app/scim/state`.
pub(super) async fn state(cx: Desk) -> Shown {
    let last = last_request(&cx).await?;
    Ok(fragment(receiving(&cx, last.as_ref())))
}

/// The newest request with a token.
async fn last_request(cx: &Desk) -> Result<Option<LogEntry>, Fault> {
    let asked = LogQuery { limit: 20, ..LogQuery::default() };
    let entries = admin::log::list(&cx.app, cx.tenant.tenant.id, asked).await?;
    Ok(entries.into_iter().find(|entry| !entry.actor.is_empty() && entry.actor != super::scim_test::LABEL))
}

fn receiving(cx: &Desk, last: Option<&LogEntry>) -> Markup {
    if !cx.tenant.tenant.settings.switches.users.read {
        return html! { (badge(Tone::Warn, "Paused")) " " span .quiet { "Read is switched off for users: every push stands still" } };
    }
    match last {
        Some(last) => {
            html! { (badge(Tone::Good, "Receiving requests")) " " span .quiet { "last " (when(last.at, cx.now)) } }
        }
        None => badge(Tone::Info, "Waiting for the first request"),
    }
}

fn endpoint(cx: &Desk, tokens: &[Token]) -> Markup {
    let open: Vec<&Token> =
        tokens.iter().filter(|token| admin::tokens::State::of(token, cx.now) == admin::tokens::State::Active).collect();
    let mut fields = admin::attributes::list(&cx.tenant);
    fields.retain(|field| field.custom && field.resource_type == "User");
    let aside = html! {
        @if open.is_empty() { (badge(Tone::Warn, "No token")) } @else { (badge(Tone::Good, &format!("{} active", plural(open.len(), "token")))) }
    };
    card_with(
        "Endpoint",
        aside,
        html! {
            (copy_box("endpoint", "SCIM Endpoint", &cx.endpoint))
            (address_warning(&cx.endpoint))
            (copy_box("manager", "Manager attribute", MANAGER))
            @for (at, field) in fields.iter().take(FIELDS).enumerate() {
                (copy_box(&format!("field-{at}"), &format!("Custom field {}", field.attribute.name), &field.value))
            }
            @if fields.len() > FIELDS { p .hint { (fields.len() - FIELDS) " more custom fields are in the attribute list." } }
            div .token-line {
                @match open.iter().max_by_key(|token| token.last_used_at) {
                    None => {
                        p { "An identity provider cannot connect without a token." }
                        (link("/app/scim/tokens", "Generate token", true))
                    },
                    Some(token) => {
                        p {
                            "Token " strong { (token.label) } " " code { (token.hint) } " · "
                            @match token.last_used_at { Some(at) => { "last used " (when(at, cx.now)) }, None => "never used" }
                            @if let Some(at) = token.expires_at { " · expires " (when(at, cx.now)) }
                        }
                        (link("/app/scim/tokens", "Manage tokens", false))
                    },
                }
                (link("/app/scim/attributes", "Attribute list", false))
            }
        },
    )
}

pub(super) fn plural(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// What is wrong with an address for somebody on the other side of the internet.
pub(super) fn address_warning(endpoint: &str) -> Markup {
    let host = endpoint.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.chars().all(|c| c.is_ascii_digit()) { name } else { host });
    let is_ip = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let is_local = name == "localhost" || name.ends_with(".local") || name.ends_with(".internal");
    html! {
        @if is_ip || is_local {
            (note(Tone::Warn, "A hosted identity provider cannot reach this address", html! {
                p { "Okta and Entra call from the internet. Put a proxy with a public name and a certificate in front, then set that "
                    "name as the " a href="/app/settings#address" { "base URL" } "." }
            }))
        } @else if !endpoint.starts_with("https://") {
            (note(Tone::Warn, "This address is not encrypted", html! {
                p { "Identity providers refuse http, and the token would be readable on the way. Serve it over https and set the "
                    a href="/app/settings#address" { "base URL" } "." }
            }))
        }
        @if name.contains('_') {
            (note(Tone::Warn, "The host name holds an underscore", html! { p { "Okta does not accept one in a base URL." } }))
        }
    }
}

/// What each switch means, in the words of the people whom it concerns.
fn consequence(area: &str, operation: &str, on: bool) -> &'static str {
    match (area, operation, on) {
        ("users", "create", true) => "New people who are assigned in the identity provider get an account here.",
        ("users", "create", false) => "New people are refused with 403; those who are here stay as they are.",
        ("users", "read", true) => {
            "The identity provider looks people up before it creates or links them, and tests the connection."
        }
        ("users", "read", false) => {
            "Everything stops: Okta and Entra look each person up first, and their connection test fails."
        }
        ("users", "update", true) => "Profile changes and deactivation arrive.",
        ("users", "update", false) => {
            "Deactivation is an update too: whoever leaves keeps access. Nobody is locked out while this is off."
        }
        ("users", "delete", true) => {
            "A DELETE removes the person for good. Okta never sends one: it deactivates, which needs Update."
        }
        ("users", "delete", false) => {
            "A DELETE is refused. Okta never sends one; Entra sends it 30 days after somebody was removed."
        }
        ("groups", "create", true) => "Groups that are pushed appear here.",
        ("groups", "create", false) => "Pushing a new group is refused.",
        ("groups", "read", true) => "The identity provider finds groups by name before it pushes them.",
        ("groups", "read", false) => "Group push stops: groups are looked up by name first.",
        ("groups", "update", true) => "Members come and go, names change.",
        ("groups", "update", false) => "Membership stays as it is, also for those who leave a group.",
        ("groups", "delete", true) => "Unlinking a pushed group with “delete” removes it here; its members stay.",
        _ => "Groups stay when they are unlinked.",
    }
}

const OPERATIONS: [&str; 4] = ["create", "read", "update", "delete"];

fn is_on(crud: &Crud, operation: &str) -> bool {
    match operation {
        "create" => crud.create,
        "read" => crud.read,
        "update" => crud.update,
        _ => crud.delete,
    }
}

fn operations(cx: &Desk) -> Markup {
    let switches = cx.tenant.tenant.settings.switches;
    let row = |area: &str, crud: &Crud, operation: &str| {
        let on = is_on(crud, operation);
        let word = format!(
            "{}{}",
            operation.get(..1).unwrap_or_default().to_uppercase(),
            operation.get(1..).unwrap_or_default()
        );
        let danger = !on && matches!(operation, "read" | "update");
        let text = consequence(area, operation, on);
        let said = if danger {
            html! { strong .danger-text { (Icon::Warning.svg()) (text) } }
        } else {
            html! { (text) }
        };
        switch(cx, "/app/scim/switches", &format!("{area}.{operation}"), &format!("{word} {area}"), on, said)
    };
    let groups_off = OPERATIONS.iter().any(|operation| !is_on(&switches.groups, operation));
    html! {
        section .card #operations {
            header { h2 { "Allowed operations" } span .quiet { "saved at once" } }
            div .switches { @for operation in OPERATIONS { (row("users", &switches.users, operation)) } }
            details .folded open[groups_off] {
                summary { "Groups" @if groups_off { " " (badge(Tone::Warn, "some are off")) } }
                div .switches { @for operation in OPERATIONS { (row("groups", &switches.groups, operation)) } }
            }
        }
    }
}

/// `POST /app/scim/switches`: one or several of `users.update=true`.
pub(super) async fn switches(cx: Desk, Form(fields): Form<HashMap<String, String>>) -> Shown {
    let mut change = Map::new();
    let mut said = Vec::new();
    let mut back: Vec<(String, String)> = Vec::new();
    for (name, value) in fields.iter().filter(|(name, _)| name.contains('.')) {
        let Some((area, operation)) = name.split_once('.') else { continue };
        let on = value == "true";
        let held = change.entry(area).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(held) = held {
            held.insert(operation.to_owned(), on.into());
        }
        said.push(format!("{operation} {area} is {}", if on { "on" } else { "off" }));
        back.push((name.clone(), (!on).to_string()));
    }
    admin::tenants::switch(&cx.app, &cx.actor(), &cx.tenant.tenant.name, change).await?;
    let back: Vec<(&str, &str)> = back.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let text = said.join(", ");
    let text = format!("{}{}", text.get(..1).unwrap_or_default().to_uppercase(), text.get(1..).unwrap_or_default());
    cx.done("/app/scim#operations", Flash::good(text).undo("/app/scim/switches", &back))
}

fn adoption_word(adoption: Adoption) -> &'static str {
    match adoption {
        Adoption::Refuse => "refuse",
        Adoption::ExternalId => "externalId",
        Adoption::UserName => "userName",
        Adoption::VerifiedEmail => "verifiedEmail",
    }
}

/// How accounts are matched and what a return means.
#[derive(Deserialize)]
pub(super) struct Rules {
    adoption: String,
    #[serde(default)]
    domains: String,
    #[serde(default)]
    same_id: String,
    rate: String,
    burst: String,
}

fn rules(cx: &Desk, wrong: Option<(&Rules, &str)>) -> Markup {
    let settings = &cx.tenant.tenant.settings;
    let held = |from: fn(&Rules) -> &str, or: String| wrong.map_or(or, |(rules, _)| from(rules).to_owned());
    let adoption = held(|rules| &rules.adoption, adoption_word(settings.adoption).into());
    let domains = held(|rules| &rules.domains, settings.verified_domains.join(", "));
    let rate = held(|rules| &rules.rate, settings.rate_per_second.to_string());
    let burst = held(|rules| &rules.burst, settings.rate_burst.to_string());
    let same = wrong.map_or(settings.return_same_id, |(rules, _)| !rules.same_id.is_empty());
    let said = wrong.map(|(_, said)| said);
    let fits = |word: &str| said.filter(|said| said.to_lowercase().contains(word));
    let body = html! {
        @if let Some(said) = said { (note(Tone::Bad, "Not saved", html! { p { (said) } })) }
        (choice(&Field {
            name: "adoption", label: "When a create meets an account that is here already", value: &adoption,
            hint: "Okta and Entra look people up by userName first and link whom they find; this is for those who do not.",
            ..Field::default()
        }, &[
            ("refuse", "Refuse it with 409, as the standard says"),
            ("externalId", "Take over the account with the same externalId"),
            ("userName", "Take over the account with the same userName"),
            ("verifiedEmail", "Take over the account with the same e-mail, in the domains below"),
        ]))
        (field(&Field {
            name: "domains", label: "Domains whose e-mail addresses tell who somebody is", value: &domains,
            hint: "With commas: example.com, example.org. Only for the last choice above.", ..Field::default()
        }))
        label .check { input type="checkbox" name="same_id" value="1" checked[same]; span { "Somebody who was deleted and returns with the same externalId gets the old id back" } }
        div .columns {
            (field(&Field { name: "rate", label: "Requests a second with one token", kind: "number", value: &rate, required: true,
                error: fits("ratepersecond"), hint: "More are answered with 429 and the seconds to wait.", ..Field::default() }))
            (field(&Field { name: "burst", label: "At once with one token", kind: "number", value: &burst, required: true,
                hint: "What may come on top in a moment.", ..Field::default() }))
        }
        @if cx.may_change() { div .actions { button .main type="submit" { "Save rules" } } }
    };
    html! {
        section .card #rules {
            header { h2 { "Matching, deletion and rate" } }
            (parts::definitions(&[
                ("Deactivation", html! { code { "active: false" } " closes the door at once: the person stays, with groups and profile." }),
                ("Deletion", html! { "A DELETE removes the person, the memberships and what the profile held, for good. Only the id is remembered." }),
            ]))
            (form(cx, "/app/scim/rules", body))
        }
    }
}

/// `POST /app/scim/rules`.
pub(super) async fn save_rules(cx: Desk, Form(rules): Form<Rules>) -> Shown {
    let domains: Vec<&str> = rules.domains.split([',', ' ', '\n']).map(str::trim).filter(|d| !d.is_empty()).collect();
    let number = |text: &str| text.trim().parse::<u32>().ok();
    let wrong = match (number(&rules.rate), number(&rules.burst)) {
        (Some(rate), Some(burst)) => {
            let change = json!({
                "adoption": rules.adoption,
                "verifiedDomains": domains,
                "returnSameId": !rules.same_id.is_empty(),
                "ratePerSecond": rate,
                "rateBurst": burst,
            });
            let change = change.as_object().cloned().unwrap_or_default();
            match admin::tenants::change(&cx.app, &cx.actor(), &cx.tenant.tenant.name, change).await {
                Ok(_) => return cx.done("/app/scim#rules", Flash::good("Rules saved")),
                Err(error) => error.to_scim("").detail,
            }
        }
        _ => "ratePerSecond and rateBurst are whole numbers of at least 1".to_owned(),
    };
    let about = Page::new("SCIM configuration", Nav::Scim).help("connect-okta");
    Ok(super::unprocessable(page(&cx, about, rules_page(&cx, &rules, &wrong))))
}

fn rules_page(cx: &Desk, given: &Rules, wrong: &str) -> Markup {
    rules(cx, Some((given, wrong)))
}

fn more(cx: &Desk) -> Markup {
    card(
        "Check it",
        html! {
            p { "Runs the requests with which an identity provider begins, from here against this endpoint, and says what each one answered. "
                "It makes a user and removes it again." }
            div .actions {
                @if cx.may_change() { (form(cx, "/app/scim/test", html! { button type="submit" { (Icon::Play.svg()) span { "Test from here" } } })) }
                a .button href="/app/scim/configuration.json" download="scim-configuration.json" { "Download settings as JSON" }
                a .button.quiet href="/docs/connect-okta" { "Open the guide" }
            }
        },
    )
}

/// `GET /app/scim/configuration.json`: what the other side needs to know, without secrets.
pub(super) async fn download(cx: Desk) -> Shown {
    let settings = &cx.tenant.tenant.settings;
    let custom: Vec<Value> = admin::attributes::list(&cx.tenant)
        .iter()
        .filter(|named| named.custom)
        .map(|named| json!({"value": named.value, "namespace": named.namespace, "name": named.attribute.name}))
        .collect();
    let body = json!({
        "scimEndpoint": &*cx.endpoint,
        "uniqueIdentifierField": "userName",
        "authentication": "Authorization: Bearer TOKEN",
        "managerAttribute": MANAGER,
        "customFields": custom,
        "operations": settings.switches,
        "adoption": settings.adoption,
    });
    let text = serde_json::to_string_pretty(&body).unwrap_or_default();
    Ok(super::download(super::JSON, "scim-configuration.json", text))
}
