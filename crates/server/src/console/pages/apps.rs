//! B2, applications: what people are brought to. The frame that every page of one app has, and their routes.

mod all_tasks;
mod assign;
mod assignments;
mod connector_test;
mod dashboard;
mod duplicate;
mod exchanges;
mod general;
mod import;
mod integration;
mod mapped;
mod mappings;
mod on_demand;
mod plans;
mod profile;
mod profiles;
mod push_groups;
mod sign_on;
mod tasks;
mod to_app;
mod to_directory;
mod wizard;

use crate::admin::apps::health::{self, Health};
use crate::admin::apps::{self, logo};
use crate::app::App;
use crate::console::parts::{
    self, Column, Row, Table, Tone, at_least, badge, count, empty, form, link, note, table, when,
};
use crate::console::{Desk, Fault, Icon, Nav, Page, Shown, page};
use crate::outbound::causes;
use crate::outbound::integration::Integration;
use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::routing::{get, post};
use maud::{Markup, html};
use store::Standing;

pub(super) use on_demand::reason;

/// Everything below `/app/apps`, and the wizard.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/app/dashboard", get(dashboard::show))
        .route("/app/dashboard/now", get(dashboard::fresh))
        .route("/app/dashboard/on-demand", get(dashboard::lead_on))
        .route("/app/tasks", get(all_tasks::show).post(all_tasks::retry))
        .route("/app/tasks/rows", get(all_tasks::fresh))
        .route("/app/profiles", get(profiles::show))
        .route("/app/plans", get(plans::list).post(plans::create))
        .route("/app/plans/new", get(plans::form_new))
        .route("/app/plans/{id}", get(plans::show))
        .route("/app/plans/{id}/now", get(plans::fresh))
        .route("/app/plans/{id}/approve", post(plans::approve))
        .route("/app/plans/{id}/apply", post(plans::apply))
        .route("/app/plans/{id}/drop", post(plans::discard))
        .route("/app/apps", get(list))
        .route("/app/authorized/{tenant}/{name}", get(integration::authorized))
        .route("/app/create-app", get(wizard::method).post(wizard::create))
        .route("/app/create-app/general", get(wizard::general))
        .route("/app/create-app/saml", get(wizard::saml).post(wizard::read))
        .route("/app/create-app/feedback", get(wizard::feedback))
        .route("/app/apps/{name}", get(general::show))
        .route("/app/apps/{name}/general", post(general::save))
        .route("/app/apps/{name}/logo", get(general::picture))
        .route("/app/apps/{name}/delete", post(general::delete))
        .route("/app/apps/{name}/duplicate", get(duplicate::show).post(duplicate::save))
        .route("/app/apps/{name}/sign-on", get(sign_on::show).post(sign_on::act))
        .route("/app/apps/{name}/sign-on/metadata", post(sign_on::read))
        .route("/app/apps/{name}/sign-on/certificate", get(sign_on::certificate))
        .route("/app/apps/{name}/sign-on/keys", post(sign_on::new_key))
        .route("/app/apps/{name}/sign-on/keys/{id}/promote", post(sign_on::promote_key))
        .route("/app/apps/{name}/sign-on/keys/{id}/remove", post(sign_on::remove_key))
        .route("/app/apps/{name}/provisioning/integration", get(integration::show).post(integration::act))
        .route("/app/apps/{name}/provisioning/to-app", get(to_app::show).post(to_app::save))
        .route("/app/apps/{name}/provisioning/to-app/force", post(to_app::force))
        .route("/app/apps/{name}/provisioning/to-directory", get(to_directory::show).post(to_directory::save))
        .route("/app/apps/{name}/profile", get(profile::list).post(profile::save))
        .route("/app/apps/{name}/profile/new", get(profile::form_new))
        .route("/app/apps/{name}/profile/edit", get(profile::form_edit))
        .route("/app/apps/{name}/profile/preview", post(profile::fresh))
        .route("/app/apps/{name}/profile/remove", post(profile::remove))
        .route("/app/apps/{name}/profile/pasted", post(profile::pasted))
        .route("/app/apps/{name}/mappings", get(mappings::show).post(mappings::act))
        .route("/app/apps/{name}/mappings/preview", post(mappings::fresh))
        .route("/app/apps/{name}/mappings/apply", post(mappings::apply))
        .route("/app/apps/{name}/assignments", get(assignments::show))
        .route("/app/apps/{name}/assignments/rows", get(assignments::fresh))
        .route("/app/apps/{name}/assignments/unassign", post(assignments::unassign))
        .route("/app/apps/{name}/assign", get(assign::choose).post(assign::save))
        .route("/app/apps/{name}/assign/one", get(assign::one))
        .route("/app/apps/{name}/push-groups", get(push_groups::show).post(push_groups::act))
        .route("/app/apps/{name}/push-groups/rows", get(push_groups::fresh))
        .route("/app/apps/{name}/push-groups/look", post(push_groups::look))
        .route("/app/apps/{name}/import", get(import::show).post(import::begin))
        .route("/app/apps/{name}/import/{run}", get(import::run).post(import::decide))
        .route("/app/apps/{name}/import/{run}/now", get(import::fresh))
        .route("/app/apps/{name}/tasks", get(tasks::show).post(tasks::act))
        .route("/app/apps/{name}/on-demand", get(on_demand::show).post(on_demand::provision))
        .route("/app/apps/{name}/on-demand/steps", get(on_demand::fresh))
        .route("/app/apps/{name}/log", get(exchanges::show))
}

/// The pages of one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tab {
    General,
    SignOn,
    Provisioning,
    Import,
    Assignments,
    PushGroups,
    Tasks,
    OnDemand,
    Log,
}

impl Tab {
    const ALL: [(Self, &'static str, &'static str); 9] = [
        (Self::General, "General", ""),
        (Self::SignOn, "Sign On", "/sign-on"),
        (Self::Provisioning, "Provisioning", "/provisioning/integration"),
        (Self::Import, "Import", "/import"),
        (Self::Assignments, "Assignments", "/assignments"),
        (Self::PushGroups, "Push Groups", "/push-groups"),
        (Self::Tasks, "Tasks", "/tasks"),
        (Self::OnDemand, "Provision on demand", "/on-demand"),
        (Self::Log, "Log", "/log"),
    ];

    /// Whether there is anything behind it yet: what is sent needs provisioning.
    fn is_there(self, integration: &Integration) -> bool {
        match self {
            Self::General | Self::SignOn | Self::Assignments => true,
            _ => integration.app.provisioning,
        }
    }
}

/// Its logo; the label beside it says the same.
fn picture(integration: &Integration) -> Markup {
    html! { @if logo::has(integration) { img .app-logo src=(at(integration, "/logo")) alt="" width="24" height="24"; } }
}

/// The name of the tenant that the operator looks at.
fn tenant(cx: &Desk) -> &str {
    &cx.tenant.tenant.name
}

async fn find(cx: &Desk, name: &str) -> Result<Integration, Fault> {
    Ok(apps::find(&cx.app, tenant(cx), name).await?)
}

/// The address of a page of an app.
pub(super) fn at(integration: &Integration, rest: &str) -> String {
    format!("/app/apps/{}{rest}", integration.row.name)
}

/// Whether the connection was tested and saved.
fn is_connected(integration: &Integration) -> bool {
    !integration.app.connection.base_url.is_empty()
}

/// A page of an app: its tabs above what it says.
fn framed(cx: &Desk, integration: &Integration, tab: Tab, body: Markup) -> Response<Body> {
    let tabs: Vec<_> = Tab::ALL
        .iter()
        .filter(|(tab, ..)| tab.is_there(integration))
        .map(|(known, word, rest)| (*word, at(integration, rest), *known == tab))
        .collect();
    let inner = html! {
        (parts::tabs("App", &tabs))
        @if let Some(pace) = &integration.row.pace { (trouble(pace)) }
        @if let Some(since) = integration.row.pending_at { (pending(cx, integration, since)) }
        (body)
    };
    let about = Page::new(integration.app.label.clone(), Nav::Apps)
        .under("Applications", "/app/apps")
        .purpose(html! { (picture(integration)) (state(integration)) " · " code { (integration.row.name) } })
        .help("provision-an-application");
    page(cx, about, inner)
}

/// What is wrong with the app as a whole.
fn trouble(pace: &serde_json::Value) -> Markup {
    let (what, fix) = causes::trouble(pace);
    note(Tone::Warn, "Requests to this app wait", html! { p { (crate::console::sentence(&what)) " " (fix) } })
}

/// A change that was kept and not applied to everybody, with the button that does.
fn pending(cx: &Desk, integration: &Integration, since: i64) -> Markup {
    let body = html! {
        p { "Since " (when(since, cx.now)) ". Whoever changes, or is provisioned on demand, gets it already; everybody does with the next reconciliation." }
        @if cx.may_change() {
            (form(cx, &at(integration, "/provisioning/to-app/force"), html! { button type="submit" { "Apply Updates now" } }))
        }
    };
    note(Tone::Warn, "A change waits to be applied to everybody", body)
}

/// The pages below Provisioning; *To App* and *To Directory* come with a saved connection.
fn provisioning(cx: &Desk, integration: &Integration, current: &str, body: Markup) -> Response<Body> {
    let all = [
        ("Integration", "/provisioning/integration", true),
        ("To App", "/provisioning/to-app", is_connected(integration)),
        ("To Directory", "/provisioning/to-directory", is_connected(integration)),
        ("Profile Editor", "/profile", true),
        ("Mappings", "/mappings", true),
    ];
    let tabs: Vec<_> = all
        .iter()
        .filter(|(.., there)| *there)
        .map(|(word, rest, _)| (*word, at(integration, rest), *rest == current))
        .collect();
    framed(cx, integration, Tab::Provisioning, html! { (parts::tabs("Provisioning", &tabs)) (body) })
}

/// How provisioning stands, in a word.
fn state(integration: &Integration) -> Markup {
    match (integration.app.provisioning, is_connected(integration), integration.options.paused) {
        _ if integration.options.deactivated => badge(Tone::Quiet, "Deactivated"),
        (false, ..) => badge(Tone::Quiet, "Provisioning off"),
        (_, false, _) => badge(Tone::Warn, "Not connected"),
        (_, _, true) => badge(Tone::Warn, "Paused"),
        _ if integration.row.pace.is_some() => badge(Tone::Warn, "Waiting"),
        _ => badge(Tone::Good, "Provisioning on"),
    }
}

/// Where somebody's account stands.
pub(super) fn standing(standing: Standing, active: bool) -> Markup {
    let (tone, word) = match (standing, active) {
        (Standing::Linked, true) => (Tone::Good, "Provisioned"),
        (Standing::Linked, false) => (Tone::Quiet, "Deactivated"),
        (Standing::New, _) => (Tone::Info, "Queued"),
        (Standing::Waiting, _) => (Tone::Info, "Waiting"),
        (Standing::Held, _) => (Tone::Warn, "Held"),
        (Standing::Parked, _) => (Tone::Bad, "Error"),
        _ => (Tone::Quiet, "Dropped"),
    };
    badge(tone, word)
}

const COLUMNS: [Column; 7] = [
    Column::new("Application"),
    Column::new("Sign-in").minor(),
    Column::new("Provisioning"),
    Column::new("People").number(),
    Column::new("Groups").number().minor(),
    Column::new("Health"),
    Column::new("Tasks"),
];

/// `GET /app/apps`.
async fn list(cx: Desk) -> Shown {
    let all = health::of_all(&cx.app, tenant(&cx), health::FEW).await?;
    let mut rows: Vec<Row> = all.iter().map(|one| row(&cx, one)).collect();
    let deleted = apps::deleted(&cx.app, tenant(&cx)).await?;
    rows.extend(deleted.iter().map(|(name, since, left)| deleted_row(name, *since, *left)));
    let new = html! { a .button.main href="/app/create-app" { (Icon::Plus.svg()) "Create App Integration" } };
    let body = html! {
        @if all.is_empty() && deleted.is_empty() {
            (empty(Icon::Apps, "No applications yet", html! { "An app integration brings the people and groups of this directory to an application, and keeps them right there." },
                cx.may_change().then(|| new.clone())))
        } @else { (table(&Table { caption: "Applications", columns: &COLUMNS, rows, body_id: None })) }
    };
    let action = html! { @if cx.may_change() && !all.is_empty() { (new) } };
    let about = Page::new("Applications", Nav::Apps)
        .purpose("Where the people of this directory have accounts.")
        .action(action)
        .help("provision-an-application");
    Ok(page(&cx, about, body))
}

/// How people sign in to it, and whether they can.
fn sign_in(integration: &Integration) -> &'static str {
    let saml = integration.app.settings.get("saml");
    let has = |name: &str| saml.and_then(|saml| saml.get(name)?.as_str()).is_some_and(|text| !text.is_empty());
    if has("ssoUrl") && has("audience") { "SAML 2.0" } else { "Not set up" }
}

/// Whether it takes what it is sent.
fn healthy(cx: &Desk, one: &Health) -> Markup {
    let failed = (one.sent > 0).then(|| one.failed * 100 / one.sent);
    html! {
        @match failed {
            None => (badge(Tone::Quiet, "Nothing sent today")),
            Some(0) => (badge(Tone::Good, "Takes everything")),
            Some(share) => (badge(if share > 20 { Tone::Bad } else { Tone::Warn }, &format!("{share} % refused"))),
        }
        @if let Some(at) = one.last_good_at { p .hint { "last success " (when(at, cx.now)) } }
    }
}

fn row(cx: &Desk, one: &Health) -> Row {
    let Health { integration, numbers, .. } = one;
    let there = |of: &[(Standing, bool, u64)]| {
        let linked = of.iter().filter(|(standing, active, _)| *standing == Standing::Linked && *active);
        linked.map(|(.., count)| *count).sum::<u64>()
    };
    let tasks = html! {
        @if numbers.tasks == 0 { (badge(Tone::Good, "None")) }
        @else { a href=(at(integration, "/tasks")) { (badge(Tone::Bad, &at_least(numbers.tasks))) } }
    };
    Row {
        cells: vec![
            html! { (picture(integration)) a href=(at(integration, "")) { (integration.app.label) } p .hint { (integration.row.name) } },
            html! { (sign_in(integration)) },
            state(integration),
            html! { (count(there(&numbers.people))) },
            html! { (count(there(&numbers.groups))) },
            healthy(cx, one),
            tasks,
        ],
        ..Row::default()
    }
}

/// An app that is being deleted: nothing can be done about it but to wait.
fn deleted_row(name: &str, since: i64, left: u64) -> Row {
    Row {
        cells: vec![
            html! { (name) p .hint { "deleted " (parts::time(since)) } },
            html! { (badge(Tone::Quiet, "Being deleted")) p .hint { (count(left)) " links are left; nobody's account is touched" } },
            html! { "–" },
            html! { "–" },
            html! { "–" },
        ],
        ..Row::default()
    }
}

/// A link back to where the reader came from.
fn back(integration: &Integration, rest: &str, words: &str) -> Markup {
    link(&at(integration, rest), words, false)
}
