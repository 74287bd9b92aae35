//! B6, Provisioning › Integration: where the app is, what it is shown, and what it can do. It is tested first; what was
//! tested can be saved.
//!
//! The test and the save are two requests. What was tested comes back sealed in the form, the secret with it, so that
//! exactly that is saved and nobody has to type the secret twice; whatever was changed in between is tested again.

use super::connector_test::{self, Outcome, Trial};
use super::{at, back, find, provisioning, tenant};
use crate::admin::apps::grant::{self, Arrived, Beginning};
use crate::admin::{apps, missing};
use crate::console::parts::{
    Field, Tone, badge, card, card_with, choice, confirm, copy_box, definitions, field, form, link, note, when,
};
use crate::console::{Desk, Fault, Flash, Form, Shown};
use crate::error::Error;
use crate::outbound::integration::{Authentication, ClientAuthentication, Integration};
use crate::outbound::send::Secret;
use crate::outbound::token::{Holder, Revocation};
use axum::extract::Path;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};
use provision::target::Update;
use scim::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json as value};
use std::sync::Arc;

/// Between the test and *Save*.
const TOO_LATE: &str =
    "what was authenticated is too old, or another one was begun since (options.oauth.grant): authenticate again";

/// `edit` of an address that leads back to a form.
const AGAIN: &str = "again";

/// The fields of the form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    url: String,
    unique: String,
    mode: String,
    grant: String,
    authorize_url: String,
    token_url: String,
    revoke_url: String,
    client_id: String,
    client_auth: String,
    scope: String,
    audience: String,
    import: String,
    push_users: String,
    push_updates: String,
    push_groups: String,
    import_groups: String,
    timeout: String,
}

/// What was sent: the fields, the secret if it was typed, and what was tested.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    #[serde(flatten)]
    draft: Draft,
    secret: String,
    tested: String,
    #[serde(rename = "do")]
    act: String,
}

/// What was tested, as it comes back.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) draft: Draft,
    /// Nothing is the one that is stored.
    pub(super) secret: Option<String>,
    /// Whether it was tested with what this session has just brought from the authorization server.
    pub(super) granted: bool,
}

const MODES: [(&str, &str); 5] = [
    ("bearer", "HTTP Header"),
    ("basic", "Basic Auth"),
    ("oauth2", "OAuth 2"),
    ("header", "HTTP Header, the whole value"),
    ("none", "None"),
];

/// In which ways tokens are come by.
const GRANTS: [(&str, &str); 2] = [
    ("clientCredentials", "Client credentials: the client asks for itself"),
    ("authorizationCode", "Authorization code: somebody agrees in a browser"),
];

/// How a client shows its authorization server who it is.
const CLIENTS: [(&str, &str); 2] =
    [("basic", "In the header (client_secret_basic)"), ("post", "In the body (client_secret_post)")];

/// Actions by the name of their field, with the guide's words.
const ACTIONS: [(&str, &str); 5] = [
    ("import", "Import New Users and Profile Updates"),
    ("push_users", "Push New Users"),
    ("push_updates", "Push Profile Updates"),
    ("push_groups", "Push Groups"),
    ("import_groups", "Import Groups"),
];

/// Whether the app is said to support an action: `settings.supported`.
pub(super) fn supports(integration: &Integration, action: &str) -> bool {
    let supported = integration.app.settings.get("supported").and_then(Value::as_array);
    supported.is_none_or(|all| all.iter().any(|known| known == action))
}

fn word(mode: Authentication) -> &'static str {
    match mode {
        Authentication::Bearer => "bearer",
        Authentication::Basic => "basic",
        Authentication::Header => "header",
        Authentication::OAuth2 => "oauth2",
        Authentication::None => "none",
    }
}

impl Draft {
    fn of(integration: &Integration) -> Self {
        let fresh = integration.app.connection.base_url.is_empty();
        let oauth = &integration.options.oauth;
        let flag = |action: &str| {
            let on = if fresh { action.starts_with("push") } else { supports(integration, action) };
            if on { "1".to_owned() } else { String::new() }
        };
        Self {
            url: integration.app.connection.base_url.clone(),
            unique: integration.app.unique_field().to_owned(),
            mode: word(integration.options.authentication).to_owned(),
            grant: if oauth.is_agreed() { "authorizationCode" } else { "clientCredentials" }.to_owned(),
            authorize_url: oauth.authorize_url.clone(),
            token_url: oauth.token_url.clone(),
            revoke_url: oauth.revoke_url.clone(),
            client_id: oauth.client_id.clone(),
            client_auth: match oauth.client_authentication {
                ClientAuthentication::Basic => "basic".to_owned(),
                ClientAuthentication::Post => "post".to_owned(),
            },
            scope: oauth.scope.clone(),
            audience: oauth.audience.clone(),
            import: flag("import"),
            push_users: flag("push_users"),
            push_updates: flag("push_updates"),
            push_groups: flag("push_groups"),
            import_groups: flag("import_groups"),
            timeout: integration.options.timeout_seconds.to_string(),
        }
    }

    fn on(&self, action: &str) -> bool {
        let flag = match action {
            "import" => &self.import,
            "push_users" => &self.push_users,
            "push_updates" => &self.push_updates,
            "push_groups" => &self.push_groups,
            _ => &self.import_groups,
        };
        !flag.is_empty()
    }

    fn is_oauth(&self) -> bool {
        self.mode == "oauth2"
    }

    /// What is typed for another mode is not looked at, and what was saved stays.
    fn oauth(&self) -> Value {
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let grant = if self.grant.is_empty() { "clientCredentials" } else { &self.grant };
        value!({
            "grant": grant,
            "authorizeUrl": self.authorize_url.trim(),
            "tokenUrl": self.token_url.trim(),
            "revokeUrl": self.revoke_url.trim(),
            "clientId": self.client_id.trim(),
            "clientAuthentication": self.client_auth,
            "scope": one_line(&self.scope),
            "audience": self.audience.trim(),
        })
    }

    /// As a part of the app's document. What the app does not support is switched off.
    fn change(&self, integration: &Integration) -> Map<String, Value> {
        let supported: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).filter(|name| self.on(name)).collect();
        let actions = integration.app.policy.actions;
        let mut change = Map::new();
        change.insert(
            "connection".into(),
            value!({"baseUrl": self.url.trim().trim_end_matches('/'), "uniqueField": self.unique.trim()}),
        );
        change.insert("settings".into(), value!({"supported": supported}));
        change.insert(
            "policy".into(),
            value!({"actions": {
                "create": actions.create && self.on("push_users"),
                "update": actions.update && self.on("push_updates"),
                "deactivate": actions.deactivate && self.on("push_updates"),
                "pushGroups": self.on("push_groups"),
                "import": self.on("import"),
                "importGroups": self.on("import_groups"),
            }}),
        );
        // What is no number is refused with the whole document, as any other option.
        let timeout = self.timeout.trim().parse::<u64>().map_or_else(|_| value!(self.timeout), Value::from);
        let mut options = Map::new();
        options.insert("authentication".into(), self.mode.as_str().into());
        options.insert("timeoutSeconds".into(), timeout);
        if self.is_oauth() {
            options.insert("oauth".into(), self.oauth());
        }
        change.insert("options".into(), options.into());
        change
    }
}

/// `GET /app/apps/{name}/provisioning/integration`.
pub(super) async fn show(cx: Desk, Path(name): Path<String>) -> Shown {
    let integration = find(&cx, &name).await?;
    let body = match cx.asked("edit").filter(|_| cx.may_change()).as_deref() {
        None => plain(&cx, &integration),
        // Back from the authorization server, the form is as it was.
        Some(AGAIN) => {
            let begun = grant::returned(&cx.app, &integration, &cx.csrf).await?;
            let has_grant = begun.as_ref().is_some_and(|begun| begun.granted.is_some());
            let draft = begun.and_then(|begun| begun.draft).and_then(|draft| serde_json::from_value(draft).ok());
            let draft = draft.unwrap_or_else(|| Draft::of(&integration));
            editor(&cx, &integration, &draft, &Outcome { has_grant, ..Outcome::default() })
        }
        Some(_) => editor(&cx, &integration, &Draft::of(&integration), &Outcome::default()),
    };
    Ok(provisioning(&cx, &integration, "/provisioning/integration", body))
}

fn plain(cx: &Desk, integration: &Integration) -> Markup {
    let draft = Draft::of(integration);
    let fresh = !super::is_connected(integration);
    let edit =
        html! { @if cx.may_change() { (link(&at(integration, "/provisioning/integration?edit=1"), "Edit", fresh)) } };
    let mode = MODES.iter().find(|(name, _)| *name == draft.mode).map_or("", |(_, words)| *words);
    let secret = shown_credential(cx, integration);
    let actions = html! { ul .list { @for (name, words) in ACTIONS { @if draft.on(name) { li { (words) } } } } };
    let start = html! { @if fresh {
        (note(Tone::Info, "Not connected yet", html! { p { "Edit gives the endpoint and the token, and tests them. To App and To Directory come with the first Save." } }))
    } };
    let connection = card_with(
        "SCIM connection",
        edit,
        definitions(&[
            (
                "SCIM connector base URL",
                html! { @if draft.url.is_empty() { span .quiet { "—" } } @else { code .wrap { (draft.url) } } },
            ),
            ("Unique identifier field for users", html! { code { (draft.unique) } }),
            ("Supported provisioning actions", actions),
            ("Update method", html! { (method(integration.app.target.user_update)) }),
            ("Authentication Mode", html! { (mode) }),
            (if draft.is_oauth() { "Client secret" } else { "Authorization" }, secret),
            ("Patience", html! { (draft.timeout) " s" }),
        ]),
    );
    let tokens = html! { @if draft.is_oauth() { (tokens(cx, integration, &draft)) } };
    html! { (start) (connection) (tokens) }
}

/// Where access tokens come from.
fn tokens(cx: &Desk, integration: &Integration, draft: &Draft) -> Markup {
    let client = CLIENTS.iter().find(|(name, _)| *name == draft.client_auth).map_or("", |(_, words)| *words);
    let or_none = |text: &str| html! { @if text.is_empty() { span .quiet { "—" } } @else { code .wrap { (text) } } };
    let grant = GRANTS.iter().find(|(name, _)| *name == draft.grant).map_or("", |(_, words)| *words);
    let mut lines = vec![("Grant", html! { (grant) })];
    if integration.options.oauth.is_agreed() {
        lines.push(("Authenticated", authenticated(cx, integration)));
        lines.push(("Authorization URL", or_none(&draft.authorize_url)));
    }
    lines.extend([("Token URL", or_none(&draft.token_url))]);
    if integration.options.oauth.is_agreed() {
        lines.push(("Revocation URL", or_none(&draft.revoke_url)));
    }
    lines.extend([
        ("Client ID", or_none(&draft.client_id)),
        ("Client secret is sent", html! { (client) }),
        ("Scope", or_none(&draft.scope)),
        ("Audience", or_none(&draft.audience)),
    ]);
    let body = html! {
        (definitions(&lines))
        @if integration.options.oauth.is_agreed() && cx.may_change() { (grant_actions(cx, integration)) }
    };
    card("Authorization server", body)
}

/// Whether somebody has agreed, and whether that still holds.
fn authenticated(cx: &Desk, integration: &Integration) -> Markup {
    let Some(grant) = &integration.row.grant else { return badge(Tone::Warn, "Not authenticated") };
    html! {
        @match grant.lost_at {
            None => (badge(Tone::Good, "Authenticated")),
            Some(at) => { (badge(Tone::Bad, "Authenticate again")) " The authorization server does not take it any more, noticed " (when(at, cx.now)) "." br; "Authenticated" },
        }
        " " (when(grant.at, cx.now)) ", by " (grant.by)
    }
}

/// What can be done about it with the settings as they are stored.
fn grant_actions(cx: &Desk, integration: &Integration) -> Markup {
    let place = at(integration, "/provisioning/integration");
    let grant = integration.row.grant.as_ref();
    let needed = grant.is_none_or(|grant| grant.lost_at.is_some());
    let what = |act: &str| html! { input type="hidden" name="do" value=(act); };
    html! {
        div .actions {
            (form(cx, &place, html! { (what("again")) button type="submit" class=[needed.then_some("main")] { (authenticate_with(integration)) } }))
            @if grant.is_some() {
                (confirm(cx, &place, "Forget", html! {
                    p { "Nothing more is sent to the app until somebody authenticates again." }
                    @if integration.options.oauth.revoke_url.is_empty() {
                        p { "There is no revocation URL, so the authorization server is not told: revoke it there as well." }
                    } @else {
                        p { "Then the authorization server is asked to revoke it." }
                    }
                }, None, what("forget")))
            }
        }
    }
}

/// As the guide's button says.
fn authenticate_with(integration: &Integration) -> String {
    format!("Authenticate with {}", integration.app.label)
}

/// Where a browser comes back to.
fn redirect(cx: &Desk, integration: &Integration) -> String {
    grant::redirect(&cx.site, tenant(cx), &integration.row.name)
}

/// The fields of OAuth 2, which the style shows for that mode alone.
fn oauth_fields(draft: &Draft, wrong: Option<&str>, redirect: &str) -> Markup {
    let error = |name: &str| wrong.filter(|wrong| wrong.contains(name));
    html! {
        fieldset .oauth {
            legend { "OAuth 2" }
            p .hint { "The authorization server gives access tokens to the client below; they are renewed before they end." }
            (choice(&Field { name: "grant", label: "Grant", value: &draft.grant, error: error("oauth.grant"), ..Field::default() }, &GRANTS))
            div .agreed {
                (field(&Field { name: "authorize_url", label: "Authorization URL", kind: "url", value: &draft.authorize_url, needed: true, mono: true, error: error("oauth.authorizeUrl"), autocomplete: "off",
                    hint: "The authorization endpoint, where somebody signs in and agrees.", ..Field::default() }))
                (copy_box("redirect", "Redirect URI", redirect))
                p .hint { "Enter it at the authorization server, for the client below." }
            }
            (field(&Field { name: "token_url", label: "Token URL", kind: "url", value: &draft.token_url, needed: true, mono: true, error: error("oauth.tokenUrl"), autocomplete: "off",
                hint: "The token endpoint of the application's authorization server.", ..Field::default() }))
            div .agreed {
                (field(&Field { name: "revoke_url", label: "Revocation URL", kind: "url", value: &draft.revoke_url, mono: true, error: error("oauth.revokeUrl"), autocomplete: "off",
                    hint: "The revocation endpoint, if there is one: what is forgotten here is revoked there.", ..Field::default() }))
            }
            (field(&Field { name: "client_id", label: "Client ID", value: &draft.client_id, needed: true, mono: true, error: error("oauth.clientId"), autocomplete: "off", ..Field::default() }))
            (choice(&Field { name: "client_auth", label: "Client secret is sent", value: &draft.client_auth, ..Field::default() }, &CLIENTS))
            (field(&Field { name: "scope", label: "Scope", value: &draft.scope, mono: true, error: error("oauth.scope"), autocomplete: "off",
                hint: "Names with spaces between them. Where somebody agrees, often with one for refresh tokens, such as offline_access.", ..Field::default() }))
            (field(&Field { name: "audience", label: "Audience", value: &draft.audience, mono: true, error: error("oauth.audience"), autocomplete: "off",
                hint: "Where the server has to be told for whom the token is.", ..Field::default() }))
        }
    }
}

/// How an account is changed; it comes with what the app speaks SCIM like.
fn method(update: Update) -> &'static str {
    match update {
        Update::MergedPut => "PUT, laid over what the app shows",
        Update::PathPatch => "PATCH, with a path for each value",
        Update::PathlessPatch => "PATCH, with all values in one object",
    }
}

/// Whether there is a credential, since when, and how it ends: enough to tell one from another.
fn shown_credential(cx: &Desk, integration: &Integration) -> Markup {
    let row = &integration.row;
    if !row.has_credential {
        return badge(Tone::Warn, "Not set");
    }
    html! {
        (badge(Tone::Good, "Set"))
        @if let Some(at) = row.credential_at { " " (when(at, cx.now)) }
        @if let Some(ends) = &row.credential_ends { ", ends " code { "…" (ends) } }
    }
}

pub(super) fn editor(cx: &Desk, integration: &Integration, draft: &Draft, outcome: &Outcome) -> Markup {
    let place = at(integration, "/provisioning/integration");
    let hint = match (outcome.tested.is_some() && outcome.has_secret, integration.row.has_credential) {
        (true, _) => "What was tested is kept for Save. Type here only to change it.",
        _ if outcome.has_grant => "What was typed before is kept. Type here only to change it.",
        (_, true) => "It is stored, and not shown. Leave this empty to keep it.",
        _ => {
            "The token, with or without the word Bearer before it; with Basic Auth name:password; with OAuth 2 the client secret. It is sealed and never shown again."
        }
    };
    let (about_timeout, about_url) = match outcome.wrong.as_deref() {
        Some(_) if draft.timeout.trim().parse::<u64>().is_err() => (Some("a whole number of seconds"), None),
        Some(wrong) if wrong.contains("oauth.") => (None, None),
        wrong => (None, wrong),
    };
    html! {
        @if outcome.has_grant {
            (note(Tone::Good, "Authenticated", html! { p { "The authorization server gave a token. Test the connector with it, then save." } }))
        }
        (card("SCIM connection", form(cx, &place, html! {
            (field(&Field { name: "url", label: "SCIM connector base URL", kind: "url", value: &draft.url, required: true, mono: true, error: about_url, autocomplete: "off",
                hint: "The SCIM Endpoint, as the application shows it.", ..Field::default() }))
            (field(&Field { name: "unique", label: "Unique identifier field for users", value: &draft.unique, required: true, mono: true, autocomplete: "off", ..Field::default() }))
            fieldset .checks-field {
                legend { "Supported provisioning actions" }
                @for (name, words) in ACTIONS {
                    label .check { input type="checkbox" name=(name) value="1" checked[draft.on(name)]; span { (words) } }
                }
            }
            (choice(&Field { name: "mode", label: "Authentication Mode", value: &draft.mode, ..Field::default() }, &MODES))
            (oauth_fields(draft, outcome.wrong.as_deref(), &redirect(cx, integration)))
            (field(&Field { name: "secret", label: "Authorization", kind: "password", mono: true, hint, autocomplete: "off", ..Field::default() }))
            (field(&Field { name: "timeout", label: "Seconds to wait for an answer", kind: "number", value: &draft.timeout, error: about_timeout, ..Field::default() }))
            @if let Some(tested) = &outcome.tested { input type="hidden" name="tested" value=(tested); }
            div .actions {
                @if outcome.tested.is_some() { button .main type="submit" name="do" value="save" { "Save" } }
                button .agreed type="submit" name="do" value="authenticate" { (authenticate_with(integration)) }
                button type="submit" name="do" value="test" class=[outcome.tested.is_none().then_some("main")] { "Test Connector Configuration" }
                (back(integration, "/provisioning/integration", "Cancel"))
            }
            @if outcome.tested.is_none() { p .hint { "Save comes when the test has succeeded." } }
        })))
    }
}

pub(super) fn purpose(cx: &Desk, integration: &Integration) -> String {
    format!("tested connection {} {}", integration.row.id.0, cx.csrf)
}

/// `POST /app/apps/{name}/provisioning/integration`: a test, or a save of what was tested; or what somebody agrees to.
pub(super) async fn act(cx: Desk, Path(name): Path<String>, Form(sent): Form<Sent>) -> Shown {
    let integration = find(&cx, &name).await?;
    match sent.act.as_str() {
        "again" => return go_on(&cx, &integration, &integration, (None, None)).await,
        "forget" => return forget(&cx, &integration).await,
        _ => {}
    }
    let kept = opened(&cx, &integration, &sent.tested);
    let typed = Some(sent.secret.trim().to_owned()).filter(|secret| !secret.is_empty());
    let fits = kept.as_ref().is_some_and(|kept| kept.draft == sent.draft && typed.is_none());
    let kept = match kept {
        Some(kept) if fits && sent.act == "save" => return save(&cx, &integration, kept).await,
        kept => kept,
    };
    let begun = grant::returned(&cx.app, &integration, &cx.csrf).await?;
    let secret = typed.or_else(|| kept.and_then(|kept| kept.secret));
    let draft = sent.draft;
    let candidate = match apps::candidate(&cx.app, &integration, draft.change(&integration)) {
        Ok(candidate) => candidate,
        Err(error) => {
            let outcome = Outcome { wrong: Some(Fault::from(error).refused()?), ..Outcome::default() };
            let body = editor(&cx, &integration, &draft, &outcome);
            let page = provisioning(&cx, &integration, "/provisioning/integration", body);
            return Ok(super::super::unprocessable(page));
        }
    };
    // Who came back need not type the secret again that they began with.
    let settings = &candidate.options.oauth;
    let begun = begun.filter(|begun| candidate.options.is_agreed() && begun.settings == *settings);
    let secret = secret.or_else(|| begun.as_ref().map(|begun| begun.secret.clone()));
    if sent.act == "authenticate" && candidate.options.is_agreed() {
        return go_on(&cx, &integration, &candidate, (Some(value!(draft)), secret)).await;
    }
    let fresh = begun.and_then(|begun| begun.granted);
    let granted = fresh.is_some();
    let shown = match (&secret, fresh) {
        (secret, Some(fresh)) => {
            let secret = secret.clone().unwrap_or_default();
            Secret::Token(Arc::new(Holder::trying(integration.row.id, settings, secret, &fresh)))
        }
        (Some(secret), None) => Secret::new(Some(secret.clone()), &candidate),
        (None, None) => Secret::of(&cx.app, &candidate).await?,
    };
    connector_test::page(cx, integration, Trial { draft, candidate, secret, shown, granted }).await
}

/// Sends the operator to the authorization server, for a form or for what is stored: by a link, since a form may lead to no
/// other server.
async fn go_on(
    cx: &Desk,
    integration: &Integration,
    candidate: &Integration,
    (draft, secret): (Option<Value>, Option<String>),
) -> Shown {
    let (redirect, back_to) = (redirect(cx, integration), if draft.is_some() { "?edit=1" } else { "" });
    let beginning = Beginning { session: Some(&cx.csrf), draft, secret, redirect: redirect.clone() };
    let begun = grant::begin(&cx.app, &cx.actor(), tenant(cx), candidate, beginning).await;
    let address = match begun.map_err(Fault::from) {
        Ok(address) => address,
        Err(fault) => {
            let why = crate::console::sentence(&fault.refused()?);
            return cx.done(&at(integration, "/provisioning/integration"), Flash::bad(why));
        }
    };
    let host = candidate.options.oauth.authorize_url.split('/').nth(2).unwrap_or_default();
    let host = host.split(['?', '#']).next().unwrap_or_default();
    let body = card(
        &authenticate_with(integration),
        html! {
            p { "Sign in at " strong { (host) } " as somebody who may manage the application's people, and agree. You come back here; be back within a quarter of an hour." }
            div .actions {
                (link(&address, &format!("Go on to {host}"), true))
                (back(integration, &format!("/provisioning/integration{back_to}"), "Cancel"))
            }
            (copy_box("redirect", "Redirect URI", &redirect))
            p .hint { "The authorization server has to know it for this client; otherwise it refuses there." }
        },
    );
    Ok(provisioning(cx, integration, "/provisioning/integration", body))
}

async fn forget(cx: &Desk, integration: &Integration) -> Shown {
    let revocation = grant::forget(&cx.app, &cx.actor(), tenant(cx), &integration.row.name).await?;
    let flash = match revocation {
        None => Flash::good("There is nothing to forget"),
        Some(Revocation { revoked: true, said }) => Flash::good(crate::console::sentence(&said)),
        Some(Revocation { said, .. }) => Flash::bad(crate::console::sentence(&said)),
    };
    cx.done(&at(integration, "/provisioning/integration"), flash)
}

/// What was done here, with what became of tokens at an authorization server that were forgotten with it.
pub(super) fn done(said: impl Into<String>, revocation: Option<Revocation>) -> Flash {
    let said = said.into();
    match revocation {
        None => Flash::good(said),
        Some(Revocation { revoked, said: more }) => {
            let said = format!("{said}. What was authenticated is {more}");
            if revoked { Flash::good(said) } else { Flash::bad(said) }
        }
    }
}

/// `GET /app/authorized/{tenant}/{name}`: back from the authorization server.
pub(super) async fn authorized(cx: Desk, Path((tenant, name)): Path<(String, String)>) -> Shown {
    // What the API has begun can be of a tenant that is not looked at; the answer stays good meanwhile.
    if cx.tenant.tenant.name != tenant {
        return Err(missing("this is of another tenant: turn to it, then load this page again").into());
    }
    let integration = find(&cx, &name).await?;
    if !cx.may_change() {
        return Err(Error::new(Code::ROLE, "who only looks authenticates no app").into());
    }
    let arrived = grant::arrive(&cx.app, &cx.actor(), &tenant, &integration, (&cx.csrf, &cx.query)).await?;
    let page = |query: &str| format!("{}{query}", at(&integration, "/provisioning/integration"));
    match arrived {
        Arrived::Kept => cx.done(&page(""), Flash::good(format!("Authenticated with {}", integration.app.label))),
        Arrived::Waits => cx.done(&page("?edit=again"), Flash::good("Authenticated: test it now")),
        Arrived::Refused { why, has_draft } => {
            let to = page(if has_draft { "?edit=again" } else { "" });
            cx.done(&to, Flash::bad(crate::console::sentence(&why)))
        }
    }
}

fn opened(cx: &Desk, integration: &Integration, tested: &str) -> Option<Kept> {
    let sealed = BASE64_STANDARD.decode(tested).ok()?;
    let plain = cx.app.store().unseal(&purpose(cx, integration), &sealed)?;
    serde_json::from_slice(&plain).ok()
}

async fn save(cx: &Desk, integration: &Integration, kept: Kept) -> Shown {
    let change = kept.draft.change(integration);
    let mut granted = None;
    if kept.granted {
        let candidate = apps::candidate(&cx.app, integration, change.clone())?;
        let begun = grant::returned(&cx.app, integration, &cx.csrf).await?;
        let begun = begun.filter(|begun| begun.settings == candidate.options.oauth);
        granted = begun.and_then(|begun| begun.granted);
        if granted.is_none() {
            let outcome = Outcome { wrong: Some(TOO_LATE.to_owned()), ..Outcome::default() };
            let body = editor(cx, integration, &kept.draft, &outcome);
            let page = provisioning(cx, integration, "/provisioning/integration", body);
            return Ok(super::super::unprocessable(page));
        }
    }
    let secret = kept.secret.as_deref().filter(|secret| !secret.is_empty());
    let (actor, name) = (cx.actor(), integration.row.name.as_str());
    let revocation = apps::connect(&cx.app, &actor, tenant(cx), name, change, secret, granted.as_ref()).await?;
    let said = "Saved. To App and To Directory were added: switch on what should be sent";
    cx.done(&at(integration, "/provisioning/to-app"), done(said, revocation))
}
