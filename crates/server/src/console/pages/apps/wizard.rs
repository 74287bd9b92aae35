//! B3, the wizard: method, general settings, SAML, feedback. Each step carries what was said before in its address, so
//! that Back keeps it and nothing is stored before Finish.

use super::general::visibility;
use super::mappings::expression;
use super::sign_on::{BINDINGS, FORMATS, GROUPS_BY, binding, groups_filter, of_draft};
use super::tenant;
use crate::admin::apps::{self, NewIntegration, assign};
use crate::admin::{idp, saml};
use crate::console::parts::{Field, Tone, card, choice, copy_box, field, form, link, note, tabs, text_area};
use crate::console::{Desk, Fault, Flash, Form, Nav, Page, Shown, page, sentence};
use crate::idp::SamlApp;
use crate::query;
use axum::body::Body;
use axum::http::Response;
use maud::{Markup, html};
use provision::app::SignIn;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Principal;

/// What was said so far. The names are those of the fields.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    label: String,
    target: String,
    /// A PNG in base64.
    logo: String,
    /// `1` where people have no tile of it.
    hidden: String,
    sso: String,
    audience: String,
    name_id: String,
    /// Attribute statements, one a line: name = expression.
    attributes: String,
    /// The attribute that holds the names of groups, and which groups.
    groups: String,
    groups_by: String,
    groups_filter: String,
    /// Other ACS URLs, one a line.
    other_acs: String,
    request_certificate: String,
    /// `1` where requests have to be signed.
    signed_requests: String,
    /// Where the application hears that a session has ended, and how.
    logout: String,
    logout_by: String,
    /// Where it takes requests, if elsewhere.
    logout_asked: String,
    encryption_certificate: String,
}

/// The fields of the step that configures SAML.
const SAML_FIELDS: [&str; 14] = [
    "sso",
    "audience",
    "name_id",
    "attributes",
    "groups",
    "groups_by",
    "groups_filter",
    "other_acs",
    "request_certificate",
    "signed_requests",
    "logout",
    "logout_by",
    "logout_asked",
    "encryption_certificate",
];

impl Draft {
    fn of(cx: &Desk) -> Self {
        let mut draft = Self::default();
        for (name, value) in draft.fields_mut() {
            *value = cx.asked(name).unwrap_or_default();
        }
        draft
    }

    /// All that was said, by the names of its fields.
    fn fields_mut(&mut self) -> [(&'static str, &mut String); 18] {
        [
            ("label", &mut self.label),
            ("target", &mut self.target),
            ("logo", &mut self.logo),
            ("hidden", &mut self.hidden),
            ("sso", &mut self.sso),
            ("audience", &mut self.audience),
            ("name_id", &mut self.name_id),
            ("attributes", &mut self.attributes),
            ("groups", &mut self.groups),
            ("groups_by", &mut self.groups_by),
            ("groups_filter", &mut self.groups_filter),
            ("other_acs", &mut self.other_acs),
            ("request_certificate", &mut self.request_certificate),
            ("signed_requests", &mut self.signed_requests),
            ("logout", &mut self.logout),
            ("logout_by", &mut self.logout_by),
            ("logout_asked", &mut self.logout_asked),
            ("encryption_certificate", &mut self.encryption_certificate),
        ]
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        self.clone().fields_mut().map(|(name, value)| (name, std::mem::take(value))).into()
    }

    fn address(&self, step: &str) -> String {
        let fields = self.fields();
        query::address(step, &fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
    }

    /// Everything but the fields of a step, which has them in sight.
    fn hidden(&self, in_sight: &[&str]) -> Markup {
        html! {
            @for (name, value) in self.fields() {
                @if !in_sight.contains(&name) && !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
        }
    }

    /// The SAML settings, or what keeps them from being kept.
    fn saml(&self) -> Result<(Map<String, Value>, SamlApp), String> {
        let mut statements = Vec::new();
        for line in lines(&self.attributes) {
            let (name, value) = line.split_once('=').ok_or_else(|| format!("{line}: write name = expression"))?;
            let value = expression(value.trim()).map_err(|why| format!("{}: {why}", name.trim()))?;
            statements.push(json!({"name": name.trim(), "value": value}));
        }
        let format = if self.name_id.is_empty() { "unspecified" } else { &self.name_id };
        let settings = [
            ("ssoUrl", json!(self.sso.trim())),
            ("audience", json!(self.audience.trim())),
            ("nameIdFormat", json!(format)),
            ("attributes", json!(statements)),
            ("groupsAttribute", optional(&self.groups)),
            ("groupsFilter", groups_filter(&self.groups_by, &self.groups_filter)),
            ("otherAcsUrls", json!(lines(&self.other_acs))),
            ("requestCertificate", optional(&self.request_certificate)),
            ("requireSignedRequests", json!(!self.signed_requests.is_empty())),
            ("logoutUrl", optional(&self.logout)),
            ("logoutRequestUrl", optional(&self.logout_asked)),
            ("logoutBinding", binding(&self.logout_by)),
            ("encryptionCertificate", optional(&self.encryption_certificate)),
        ];
        let settings: Map<String, Value> = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let read = idp::laid_over(&SamlApp::default(), settings.clone());
        let read = read.map_err(|error| error.to_scim("").detail)?;
        Ok((settings, read))
    }

    /// The app that is to be made of it.
    fn wanted(&self, name: String) -> NewIntegration {
        let target = if self.target.is_empty() { "okta-aiw" } else { self.target.as_str() };
        NewIntegration {
            name,
            label: Some(self.label.trim().to_owned()),
            sign_in: SignIn::Saml,
            target: Some(target.to_owned()),
        }
    }
}

/// The lines in which something stands.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// A text, or nothing where it is empty.
fn optional(text: &str) -> Value {
    json!(Some(text.trim()).filter(|text| !text.is_empty()))
}

/// The name in addresses: letters, digits and dashes of the label.
fn slug(label: &str) -> String {
    let mut name = String::new();
    for c in label.trim().to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' => name.push(c),
            _ if !name.ends_with('-') && !name.is_empty() => name.push('-'),
            _ => {}
        }
    }
    let name: String = name.trim_matches('-').chars().take(60).collect();
    if name.is_empty() { "app".to_owned() } else { name }
}

fn step(cx: &Desk, number: usize, draft: &Draft, body: Markup) -> Response<Body> {
    let steps = [
        ("1 Sign-in method", "/app/create-app"),
        ("2 General settings", "/app/create-app/general"),
        ("3 Configure SAML", "/app/create-app/saml"),
        ("4 Feedback", "/app/create-app/feedback"),
    ];
    let shown: Vec<_> = steps
        .iter()
        .enumerate()
        .filter(|(at, _)| *at <= number)
        .map(|(at, (word, href))| (*word, draft.address(href), at == number))
        .collect();
    let about = Page::new("Create App Integration", Nav::Apps)
        .under("Applications", "/app/apps")
        .help("provision-an-application");
    page(cx, about, html! { (tabs("Steps", &shown)) (body) })
}

/// `GET /app/create-app`.
pub(super) async fn method(cx: Desk) -> Shown {
    let draft = Draft::of(&cx);
    let body = card(
        "Sign-in method",
        html! {
            form method="get" action="/app/create-app/general" {
                (draft.hidden(&[]))
                fieldset .checks-field {
                    legend { "How people sign in to the application" }
                    label .check { input type="radio" name="method" value="saml" checked; span { "SAML 2.0" span .hint { " – the application trusts signed assertions" } } }
                    label .check { input type="radio" name="method" value="oidc" disabled; span { "OIDC – OpenID Connect" span .hint { " – not here" } } }
                    label .check { input type="radio" name="method" value="swa" disabled; span { "SWA – stored passwords" span .hint { " – not here" } } }
                }
                div .actions { button .main type="submit" { "Next" } (link("/app/apps", "Cancel", false)) }
            }
        },
    );
    Ok(step(&cx, 0, &draft, body))
}

/// `GET /app/create-app/general`.
pub(super) async fn general(cx: Desk) -> Shown {
    let draft = Draft::of(&cx);
    let targets = apps::targets();
    let choices: Vec<(&str, &str)> = targets.iter().map(|(name, label)| (*name, label.as_str())).collect();
    let target = if draft.target.is_empty() { "okta-aiw" } else { draft.target.as_str() };
    let body = card(
        "General settings",
        html! {
            form method="get" action="/app/create-app/saml" {
                (draft.hidden(&["label", "target", "logo", "hidden"]))
                (field(&Field { name: "label", label: "App name", value: &draft.label, required: true, max: Some(100), autofocus: true, autocomplete: "off",
                    hint: "As people know it, such as ServiceOps SCIM.", ..Field::default() }))
                (logo_field(&draft.logo))
                (choice(&Field { name: "target", label: "Speaks SCIM like", value: target,
                    hint: "What the other side is known to want otherwise: PUT or PATCH, how groups change.", ..Field::default() }, &choices))
                (visibility(!draft.hidden.is_empty()))
                div .actions { button .main type="submit" { "Next" } (link(&draft.address("/app/create-app"), "Back", false)) }
            }
        },
    );
    Ok(step(&cx, 1, &draft, body))
}

/// A picture, made small by the page's script; without one there is none to choose.
pub(super) fn logo_field(value: &str) -> Markup {
    html! {
        div .field hidden {
            label for="logo-file" { "App logo" span .optional { "optional" } }
            p .hint #logo-hint { "PNG, JPEG or WebP; this page makes it small." @if !value.is_empty() { " One is chosen." } }
            input #logo-file type="file" accept="image/png,image/jpeg,image/webp" data-picture="logo" aria-describedby="logo-hint";
            input #logo type="hidden" name="logo" value=(value);
        }
    }
}

/// `GET /app/create-app/saml`: with a person, what the application would be told of them.
pub(super) async fn saml(cx: Desk) -> Shown {
    let (draft, person) = (Draft::of(&cx), cx.asked("person").unwrap_or_default());
    let person = person.trim();
    if person.is_empty() {
        return configure(&cx, &draft, &Brought::default(), Told::Nothing).await;
    }
    match draft.saml() {
        Ok((_, settings)) => {
            let told = of_draft(&cx, draft.wanted(slug(&draft.label)), settings, person).await;
            configure(&cx, &draft, &Brought::default(), Told::Preview(person, told)).await
        }
        Err(said) => {
            let page = configure(&cx, &draft, &Brought::default(), Told::Wrong(&said)).await?;
            Ok(super::super::unprocessable(page))
        }
    }
}

/// What the step says besides its fields.
enum Told<'t> {
    Nothing,
    Wrong(&'t str),
    /// Of whom, and what.
    Preview(&'t str, Markup),
}

/// The application's metadata, however it comes, beside what was said so far.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Brought {
    #[serde(flatten)]
    draft: Draft,
    url: String,
    xml: String,
}

/// `POST /app/create-app/saml`: the application's metadata fills the step in.
pub(super) async fn read(cx: Desk, Form(brought): Form<Brought>) -> Shown {
    let read = match saml::brought_metadata(&cx.app, &brought.url, &brought.xml).await {
        Ok(bytes) => idp::from_metadata(&bytes, cx.now),
        Err(error) => Err(error),
    };
    match read {
        Ok(found) => {
            let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let urls = found.get("otherAcsUrls").and_then(Value::as_array).into_iter().flatten();
            let is_signed = found.get("requireSignedRequests") == Some(&Value::Bool(true));
            let draft = Draft {
                sso: text("ssoUrl"),
                audience: text("audience"),
                other_acs: urls.filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
                request_certificate: text("requestCertificate"),
                signed_requests: if is_signed { "1".to_owned() } else { String::new() },
                logout: text("logoutUrl"),
                logout_by: text("logoutBinding"),
                logout_asked: text("logoutRequestUrl"),
                encryption_certificate: text("encryptionCertificate"),
                ..brought.draft
            };
            configure(&cx, &draft, &Brought::default(), Told::Nothing).await
        }
        Err(error) => {
            let said = Fault::from(error).refused()?;
            Ok(super::super::unprocessable(configure(&cx, &brought.draft, &brought, Told::Wrong(&said)).await?))
        }
    }
}

async fn configure(cx: &Desk, draft: &Draft, brought: &Brought, told: Told<'_>) -> Shown {
    let people = assign::candidates(&cx.app, tenant(cx), Principal::User, "").await?;
    let person =
        if let Told::Preview(person, _) = told { person.to_owned() } else { cx.asked("person").unwrap_or_default() };
    let name_id = if draft.name_id.is_empty() { "unspecified" } else { draft.name_id.as_str() };
    let body = html! {
        @if let Told::Wrong(said) = told { (note(Tone::Bad, "That cannot be", html! { p { (sentence(said)) } })) }
        (card("Configure SAML", html! {
            form method="get" action="/app/create-app/feedback" {
                (draft.hidden(&SAML_FIELDS))
                (field(&Field { name: "sso", label: "Single sign on URL", kind: "url", value: &draft.sso, required: true, mono: true, autocomplete: "off",
                    hint: "The application's ACS URL: https://INSTANCE/saml/acs.", ..Field::default() }))
                (field(&Field { name: "audience", label: "Audience URI (SP Entity ID)", value: &draft.audience, required: true, mono: true, autocomplete: "off",
                    hint: "https://INSTANCE/saml/metadata.", ..Field::default() }))
                (choice(&Field { name: "name_id", label: "Name ID format", value: name_id, ..Field::default() }, &FORMATS))
                (text_area(&Field { name: "attributes", label: "Attribute statements", value: &draft.attributes, mono: true,
                    hint: "One a line, name = expression, such as firstName = user.firstName.", ..Field::default() }, 3))
                (groups(draft))
                (advanced(draft))
                div .field {
                    label for="person" { "Preview for" span .optional { "optional" } }
                    p .hint { "userName or id of a person" }
                    input #person name="person" type="text" value=(person) autocomplete="off" list="people";
                    datalist #people { @for (_, name) in &people { option value=(name) {} } }
                }
                p .hint { "Everything else of it is under Sign On once the app is there. Provisioning needs none of this." }
                div .actions {
                    button .main type="submit" { "Next" }
                    button type="submit" formaction="/app/create-app/saml#preview" { "Preview" }
                    (link(&draft.address("/app/create-app/general"), "Back", false))
                }
            }
        }))
        @if let Told::Preview(_, told) = &told { div #preview { (card("Preview the SAML assertion", html! { p .hint { "Nothing is stored yet." } (told) })) } }
        (fill(cx, draft, brought))
    };
    Ok(step(cx, 2, draft, body))
}

fn groups(draft: &Draft) -> Markup {
    html! {
        (field(&Field { name: "groups", label: "Group attribute statement", value: &draft.groups, mono: true, autocomplete: "off",
            hint: "The attribute that holds the names of the person's groups. None is sent if it is empty.", ..Field::default() }))
        div .columns {
            (choice(&Field { name: "groups_by", label: "Filter", value: &draft.groups_by, ..Field::default() }, &GROUPS_BY))
            (field(&Field { name: "groups_filter", label: "Filter value", value: &draft.groups_filter, mono: true, autocomplete: "off", ..Field::default() }))
        }
    }
}

/// What the application's metadata says besides, and few need by hand.
fn advanced(draft: &Draft) -> Markup {
    let certificate = |name: &str, label: &str, hint: &str, value: &str| {
        text_area(&Field { name, label, hint, value, mono: true, ..Field::default() }, 3)
    };
    let all = [
        &draft.other_acs,
        &draft.request_certificate,
        &draft.signed_requests,
        &draft.logout,
        &draft.encryption_certificate,
    ];
    html! {
        details open[all.iter().any(|value| !value.is_empty())] {
            summary { "Advanced settings" }
            (text_area(&Field { name: "other_acs", label: "Other requestable SSO URLs", value: &draft.other_acs, mono: true, hint: "One a line.", ..Field::default() }, 2))
            (certificate("request_certificate", "Signature certificate of the application", "PEM, or its base64. Requests that are signed are judged with it.", &draft.request_certificate))
            label .check {
                input type="checkbox" name="signed_requests" value="1" checked[!draft.signed_requests.is_empty()];
                span { "Signed requests: what is not signed is refused" }
            }
            div .columns {
                (field(&Field { name: "logout", label: "Single Logout URL", kind: "url", value: &draft.logout, mono: true, autocomplete: "off",
                    hint: "Where the application hears that a session here has ended.", ..Field::default() }))
                (choice(&Field { name: "logout_by", label: "Single logout by", value: &draft.logout_by, ..Field::default() }, &BINDINGS))
            }
            (field(&Field { name: "logout_asked", label: "Single Logout URL for requests", kind: "url", value: &draft.logout_asked, mono: true, autocomplete: "off",
                hint: "Only if the application takes requests at another address than answers.", ..Field::default() }))
            (certificate("encryption_certificate", "Encryption certificate of the application", "Assertions are encrypted to it. They are not if it is empty.", &draft.encryption_certificate))
        }
    }
}

/// Has the application's metadata say it.
fn fill(cx: &Desk, draft: &Draft, brought: &Brought) -> Markup {
    card(
        "Fill it in from the application's metadata",
        form(
            cx,
            "/app/create-app/saml",
            html! {
                (draft.hidden(&[]))
                (field(&Field { name: "url", label: "Metadata URL of the application", kind: "url", value: &brought.url, mono: true, autocomplete: "off",
                    hint: "Fetched once, now. Leave it empty to paste.", ..Field::default() }))
                (text_area(&Field { name: "xml", label: "Metadata XML", value: &brought.xml, mono: true, ..Field::default() }, 3))
                div .actions { button type="submit" { "Fill in for me" } }
            },
        ),
    )
}

fn last(cx: &Desk, draft: &Draft, wrong: Option<&str>) -> Response<Body> {
    let body = card(
        "Feedback",
        html! {
            @if let Some(said) = wrong { (note(Tone::Bad, "Not created", html! { p { (said) } })) }
            (form(cx, "/app/create-app", html! {
                (draft.hidden(&[]))
                fieldset .checks-field {
                    legend { "What kind of app this is" }
                    label .check { input type="radio" name="kind" value="internal" checked; span { "This is an internal app that we have created" } }
                    label .check { input type="radio" name="kind" value="vendor"; span { "It's a vendor's app, set up for our people" } }
                }
                (copy_box("slug", "Name in addresses and expressions", &slug(&draft.label)))
                div .actions { button .main type="submit" { "Finish" } (link(&draft.address("/app/create-app/saml"), "Back", false)) }
            }))
        },
    );
    step(cx, 3, draft, body)
}

/// `GET /app/create-app/feedback`.
pub(super) async fn feedback(cx: Desk) -> Shown {
    let draft = Draft::of(&cx);
    match draft.saml() {
        Ok(_) => Ok(last(&cx, &draft, None)),
        Err(said) => {
            Ok(super::super::unprocessable(configure(&cx, &draft, &Brought::default(), Told::Wrong(&said)).await?))
        }
    }
}

/// `POST /app/create-app`.
pub(super) async fn create(cx: Desk, Form(draft): Form<Draft>) -> Shown {
    let settings = match draft.saml() {
        Ok((settings, _)) => settings,
        Err(said) => {
            return Ok(super::super::unprocessable(
                configure(&cx, &draft, &Brought::default(), Told::Wrong(&said)).await?,
            ));
        }
    };
    let wanted = draft.wanted(free_name(&cx, &draft.label).await?);
    let (actor, name) = (cx.actor(), wanted.name.clone());
    let made = apps::create(&cx.app, &actor, tenant(&cx), wanted).await;
    if let Err(error) = made {
        let said = Fault::from(error).refused()?;
        return Ok(super::super::unprocessable(last(&cx, &draft, Some(&said))));
    }
    idp::change(&cx.app, &actor, tenant(&cx), &name, settings).await?;
    let mut looks = Map::new();
    if !draft.logo.is_empty() {
        looks.insert("settings".to_owned(), json!({"logo": draft.logo}));
    }
    if !draft.hidden.is_empty() {
        looks.insert("options".to_owned(), json!({"hidden": true}));
    }
    if !looks.is_empty() {
        apps::change(&cx.app, &actor, tenant(&cx), &name, looks).await?;
    }
    let said = "App integration created. Switch SCIM provisioning on under General, Edit";
    cx.done(&format!("/app/apps/{name}"), Flash::good(said))
}

/// The name that the label gives, with a number behind it where it is taken.
async fn free_name(cx: &Desk, label: &str) -> Result<String, Fault> {
    let held: Vec<String> =
        apps::list(&cx.app, tenant(cx)).await?.into_iter().map(|integration| integration.row.name).collect();
    let wanted = slug(label);
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    let free = std::iter::once(wanted.clone()).chain(numbered).find(|name| !held.contains(name));
    Ok(free.unwrap_or(wanted))
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_label_becomes_a_name() {
        assert_eq!(
            (slug("ServiceOps SCIM"), slug(" Ärger & Co. "), slug("—")),
            ("serviceops-scim".into(), "rger-co".into(), "app".into())
        );
    }
}
