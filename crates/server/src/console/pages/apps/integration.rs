//! B6, Provisioning › Integration: where the app is, what it is shown, and what it can do. It is tested first; what was
//! tested can be saved.
//!
//! The test and the save are two requests. What was tested comes back sealed in the form, the secret with it, so that
//! exactly that is saved and nobody has to type the secret twice; whatever was changed in between is tested again.

use super::connector_test::{self, Outcome, Trial};
use super::{at, back, find, provisioning, tenant};
use crate::admin::apps;
use crate::console::parts::{Field, Tone, badge, card, card_with, choice, definitions, field, form, link, note, when};
use crate::console::{Desk, Fault, Flash, Form, Shown};
use crate::outbound::integration::{Authentication, ClientAuthentication, Integration};
use crate::outbound::send::Secret;
use axum::extract::Path;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};
use provision::target::Update;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json as value};

/// The fields of the form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    url: String,
    unique: String,
    mode: String,
    token_url: String,
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
}

const MODES: [(&str, &str); 5] = [
    ("bearer", "HTTP Header"),
    ("basic", "Basic Auth"),
    ("oauth2", "OAuth 2"),
    ("header", "HTTP Header, the whole value"),
    ("none", "None"),
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
            token_url: oauth.token_url.clone(),
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
        value!({
            "tokenUrl": self.token_url.trim(),
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
    let edits = cx.asked("edit").is_some() && cx.may_change();
    let body = if edits {
        editor(&cx, &integration, &Draft::of(&integration), &Outcome::default())
    } else {
        plain(&cx, &integration)
    };
    Ok(provisioning(&cx, &integration, "/provisioning/integration", body))
}

fn plain(cx: &Desk, integration: &Integration) -> Markup {
    let draft = Draft::of(integration);
    let fresh = !super::is_connected(integration);
    let edit =
        html! { @if cx.may_change() { (link(&at(integration, "/provisioning/integration?edit=1"), "Edit", fresh)) } };
    let mode = MODES.iter().find(|(name, _)| *name == draft.mode).map_or("", |(_, words)| *words);
    let secret = credential(cx, integration);
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
    let tokens = html! { @if draft.is_oauth() { (tokens(&draft)) } };
    html! { (start) (connection) (tokens) }
}

/// Where access tokens come from.
fn tokens(draft: &Draft) -> Markup {
    let client = CLIENTS.iter().find(|(name, _)| *name == draft.client_auth).map_or("", |(_, words)| *words);
    let or_none = |text: &str| html! { @if text.is_empty() { span .quiet { "—" } } @else { code .wrap { (text) } } };
    card(
        "Authorization server",
        definitions(&[
            ("Token URL", or_none(&draft.token_url)),
            ("Client ID", or_none(&draft.client_id)),
            ("Client secret is sent", html! { (client) }),
            ("Scope", or_none(&draft.scope)),
            ("Audience", or_none(&draft.audience)),
        ]),
    )
}

/// The fields of OAuth 2, which the style shows for that mode alone.
fn oauth_fields(draft: &Draft, wrong: Option<&str>) -> Markup {
    let error = |name: &str| wrong.filter(|wrong| wrong.contains(name));
    html! {
        fieldset .oauth {
            legend { "OAuth 2: client credentials" }
            p .hint { "The authorization server gives an access token to the client below; it is renewed before it ends." }
            (field(&Field { name: "token_url", label: "Token URL", kind: "url", value: &draft.token_url, mono: true, error: error("oauth.tokenUrl"), autocomplete: "off",
                hint: "The token endpoint of the application's authorization server.", ..Field::default() }))
            (field(&Field { name: "client_id", label: "Client ID", value: &draft.client_id, mono: true, error: error("oauth.clientId"), autocomplete: "off", ..Field::default() }))
            (choice(&Field { name: "client_auth", label: "Client secret is sent", value: &draft.client_auth, ..Field::default() }, &CLIENTS))
            (field(&Field { name: "scope", label: "Scope", value: &draft.scope, mono: true, error: error("oauth.scope"), autocomplete: "off",
                hint: "Names with spaces between them.", ..Field::default() }))
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
fn credential(cx: &Desk, integration: &Integration) -> Markup {
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
            (oauth_fields(draft, outcome.wrong.as_deref()))
            (field(&Field { name: "secret", label: "Authorization", kind: "password", mono: true, hint, autocomplete: "off", ..Field::default() }))
            (field(&Field { name: "timeout", label: "Seconds to wait for an answer", kind: "number", value: &draft.timeout, error: about_timeout, ..Field::default() }))
            @if let Some(tested) = &outcome.tested { input type="hidden" name="tested" value=(tested); }
            div .actions {
                @if outcome.tested.is_some() { button .main type="submit" name="do" value="save" { "Save" } }
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

/// `POST /app/apps/{name}/provisioning/integration`: a test, or a save of what was tested.
pub(super) async fn act(cx: Desk, Path(name): Path<String>, Form(sent): Form<Sent>) -> Shown {
    let integration = find(&cx, &name).await?;
    let kept = opened(&cx, &integration, &sent.tested);
    let typed = Some(sent.secret.trim().to_owned()).filter(|secret| !secret.is_empty());
    let fits = kept.as_ref().is_some_and(|kept| kept.draft == sent.draft && typed.is_none());
    if sent.act == "save"
        && let Some(kept) = kept.filter(|_| fits)
    {
        return save(&cx, &integration, kept).await;
    }
    let secret = typed.or_else(|| opened(&cx, &integration, &sent.tested).and_then(|kept| kept.secret));
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
    let shown = match &secret {
        Some(secret) => Secret::new(Some(secret.clone()), &candidate.options),
        None => Secret::of(&cx.app, &candidate).await?,
    };
    connector_test::page(cx, integration, Trial { draft, candidate, secret, shown }).await
}

fn opened(cx: &Desk, integration: &Integration, tested: &str) -> Option<Kept> {
    let sealed = BASE64_STANDARD.decode(tested).ok()?;
    let plain = cx.app.store().unseal(&purpose(cx, integration), &sealed)?;
    serde_json::from_slice(&plain).ok()
}

async fn save(cx: &Desk, integration: &Integration, kept: Kept) -> Shown {
    let (actor, name) = (cx.actor(), integration.row.name.as_str());
    if let Some(secret) = &kept.secret {
        apps::set_credential(&cx.app, &actor, tenant(cx), name, secret).await?;
    }
    apps::change(&cx.app, &actor, tenant(cx), name, kept.draft.change(integration)).await?;
    let said = "Saved. To App and To Directory were added: switch on what should be sent";
    cx.done(&at(integration, "/provisioning/to-app"), Flash::good(said))
}
