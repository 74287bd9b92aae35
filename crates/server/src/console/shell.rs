//! What every page has around its content: navigation, breadcrumb, title, and the scripts.

use super::desk::{Desk, Form, Theme, density_cookie, see_other};
use super::fault::{Fault, Shown};
use super::icon::{Icon, mark};
use super::{assets, parts};
use crate::app::App;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use axum::routing::{get, post};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

/// The entries of the navigation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nav {
    Setup,
    Overview,
    Scim,
    Saml,
    Users,
    Groups,
    Fields,
    Profiles,
    Dashboard,
    Apps,
    Plans,
    Tasks,
    Log,
    Conflicts,
    Jobs,
    Settings,
    /// The operator's own page: in the menu on top, not in the navigation.
    Account,
    /// A page that belongs to none.
    None,
}

impl Nav {
    /// The entries below their headings: what comes in, who there is, where they are brought to, the server itself.
    const ALL: [(&'static str, &'static [Self]); 4] = [
        ("Application", &[Self::Setup, Self::Overview, Self::Scim, Self::Saml, Self::Log, Self::Conflicts]),
        ("Directory", &[Self::Users, Self::Groups, Self::Fields, Self::Profiles]),
        ("Applications", &[Self::Dashboard, Self::Apps, Self::Plans, Self::Tasks]),
        ("Server", &[Self::Jobs, Self::Settings]),
    ];

    fn entry(self) -> (&'static str, &'static str, Icon) {
        match self {
            Self::Setup => ("/app/setup", "Setup", Icon::Setup),
            Self::Overview => ("/app", "Overview", Icon::Overview),
            Self::Scim => ("/app/scim", "SCIM configuration", Icon::Scim),
            Self::Saml => ("/app/saml", "SAML sign-in", Icon::Key),
            Self::Users => ("/app/users", "Users", Icon::Users),
            Self::Groups => ("/app/groups", "Groups", Icon::Groups),
            Self::Profiles => ("/app/profiles", "Profile Editor", Icon::Person),
            Self::Dashboard => ("/app/dashboard", "Dashboard", Icon::Gauge),
            Self::Apps => ("/app/apps", "Applications", Icon::Apps),
            Self::Plans => ("/app/plans", "Plans", Icon::Plan),
            Self::Tasks => ("/app/tasks", "Tasks", Icon::Tasks),
            Self::Fields => ("/app/fields", "Custom fields", Icon::Fields),
            Self::Log => ("/app/log", "Provisioning log", Icon::Log),
            Self::Conflicts => ("/app/conflicts", "Conflicts", Icon::Conflicts),
            Self::Jobs => ("/app/jobs", "Jobs", Icon::Clock),
            Self::Settings => ("/app/settings", "Settings", Icon::Settings),
            Self::Account => ("/account", "Account", Icon::Person),
            Self::None => ("/app", "", Icon::Dot),
        }
    }
}

/// What a page says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Its heading and, with the product's name, the title of the window.
    pub(crate) title: String,
    /// The entry of the navigation that it belongs to.
    pub(crate) nav: Nav,
    /// Where it lies: pairs of word and address, without itself.
    pub(crate) breadcrumb: Vec<(String, String)>,
    /// What it is for, in one line under the heading.
    pub(crate) purpose: Option<Markup>,
    /// Beside the heading: the one thing to do here, or a state.
    pub(crate) action: Option<Markup>,
    /// The page of the guide that explains it, behind `/docs/`.
    pub(crate) help: &'static str,
    /// Holds a secret: no cache and no history may keep it.
    pub(crate) secret: bool,
}

impl Page {
    pub(crate) fn new(title: impl Into<String>, nav: Nav) -> Self {
        let (title, breadcrumb) = (title.into(), Vec::new());
        Self { title, nav, breadcrumb, purpose: None, action: None, help: "", secret: false }
    }

    /// One step above this page in the breadcrumb; call it from the top downwards.
    #[must_use]
    pub(crate) fn under(mut self, word: impl Into<String>, href: impl Into<String>) -> Self {
        self.breadcrumb.push((word.into(), href.into()));
        self
    }

    #[must_use]
    pub(crate) fn purpose(mut self, text: impl maud::Render) -> Self {
        self.purpose = Some(text.render());
        self
    }

    #[must_use]
    pub(crate) fn action(mut self, action: Markup) -> Self {
        self.action = Some(action);
        self
    }

    #[must_use]
    pub(crate) fn help(mut self, guide: &'static str) -> Self {
        self.help = guide;
        self
    }

    #[must_use]
    pub(crate) fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A whole page.
pub(crate) fn page(cx: &Desk, page: Page, body: Markup) -> Response<Body> {
    let inner = html! {
        a .skip href="#main" { "Skip to content" }
        (sidebar(cx, page.nav))
        div .stage {
            (topbar(cx, &page))
            main #main tabindex="-1" {
                header .head {
                    div {
                        h1 { (page.title) }
                        @if let Some(purpose) = &page.purpose { p .purpose { (purpose) } }
                        @if !cx.may_send(&cx.path) { p .hint { "Read only: your role is " (cx.operator.role.as_str()) "." } }
                    }
                    @if let Some(action) = &page.action { div .head-action { (action) } }
                }
                @if let Some(flash) = &cx.flash { (parts::flash(cx, flash)) }
                (body)
            }
        }
        (shortcuts())
        div #announce .unseen role="status" {}
    };
    html_response(document(&page.title, cx.theme, Some(cx), &inner), page.secret)
}

/// A page without navigation: signing in, errors before it, links for people without an account.
pub(crate) fn bare(theme: Theme, title: &str, body: Markup) -> Response<Body> {
    let inner = html! {
        a .skip href="#main" { "Skip to content" }
        div .bare {
            header .brand { (mark()) span { "Provost" } }
            main #main tabindex="-1" { (body) }
        }
        div #announce .unseen role="status" {}
    };
    html_response(document(title, theme, None, &inner), true)
}

/// A part of a page, for a request of htmx.
pub(crate) fn fragment(body: Markup) -> Response<Body> {
    html_response(body, false)
}

fn html_response(body: Markup, secret: bool) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let cache = if secret { "no-store" } else { "private, no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn document(title: &str, theme: Theme, cx: Option<&Desk>, inner: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme.attribute()] data-rows=[cx.filter(|cx| cx.is_compact).map(|_| "compact")] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content="extensions:sse, history:false, includeIndicatorCSS:false";
                @if let Some(cx) = cx { meta name="csrf" content=(cx.csrf); }
                title { (title) " · Provost" }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" href=(assets::icon()) type="image/svg+xml";
                script src=(assets::script()) defer {}
            }
            body { (inner) }
        }
    }
}

fn sidebar(cx: &Desk, current: Nav) -> Markup {
    let tenants = cx.app.tenants().all();
    html! {
        header .side {
            a .brand href="/app" { (mark()) span { "Provost" } }
            // Open on wide windows whatever it says (the stylesheet sees to that); a menu on narrow ones.
            details .menu {
                summary .menu-button { (Icon::Log.svg()) "Menu" }
                div .menu-body {
                    @if tenants.len() > 1 {
                        (parts::form(cx, "/console/tenant", html! {
                            label .side-title for="tenant" { "Tenant" }
                            div .joined {
                                select #tenant name="tenant" data-submit {
                                    @for state in &tenants {
                                        @let name = &state.tenant.name;
                                        option value=(name) selected[*name == cx.tenant.tenant.name] { (name) }
                                    }
                                }
                                button .small type="submit" { "Go" }
                            }
                        }))
                    }
                    nav aria-label="Main" {
                        @for (title, entries) in Nav::ALL {
                            p .side-title id={ "nav-" (title) } { (title) }
                            ul aria-labelledby={ "nav-" (title) } {
                                @for nav in entries.iter().copied() {
                                    @let (href, word, icon) = nav.entry();
                                    li {
                                        a href=(href) aria-current=[(nav == current).then_some("page")] data-go=(key(nav)) {
                                            (icon.svg()) span { (word) } (waits(cx, nav))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How much waits there for somebody.
fn waits(cx: &Desk, nav: Nav) -> Markup {
    let (number, what) = match nav {
        Nav::Conflicts => (cx.waiting.conflicts, "to solve"),
        Nav::Jobs => (cx.waiting.jobs, "failed in part lately"),
        Nav::Tasks => (cx.waiting.tasks, "wait for somebody"),
        _ => (0, ""),
    };
    html! { @if number > 0 { span .waits { (parts::count(number as u64)) span .unseen { " " (what) } } } }
}

/// The letter behind `g` that leads there.
fn key(nav: Nav) -> &'static str {
    match nav {
        Nav::Setup => "a",
        Nav::Overview => "o",
        Nav::Scim => "s",
        Nav::Saml => "i",
        Nav::Users => "u",
        Nav::Groups => "g",
        Nav::Profiles => "m",
        Nav::Dashboard => "d",
        Nav::Apps => "p",
        Nav::Plans => "n",
        Nav::Tasks => "t",
        Nav::Fields => "f",
        Nav::Log => "l",
        Nav::Conflicts => "c",
        Nav::Jobs => "j",
        Nav::Settings => "e",
        Nav::Account | Nav::None => "",
    }
}

fn topbar(cx: &Desk, page: &Page) -> Markup {
    html! {
        section .top aria-label="Tools" {
            nav .crumbs aria-label="Breadcrumb" {
                ol {
                    li { a href="/app" { "Application" } }
                    @for (word, href) in &page.breadcrumb { li { a href=(href) { (word) } } }
                    li aria-current="page" { (page.title) }
                }
            }
            div .top-tools {
                form .search action="/app/search" role="search" aria-label="Everything" {
                    label .unseen for="search" { "Search" }
                    (Icon::Search.svg())
                    input #search type="search" name="q" placeholder="Search" data-search aria-keyshortcuts="/";
                }
                span #live .live-state hx-sse:connect={ "/console/events?seen=" (cx.seen) } data-state="off" hidden {
                    (Icon::Dot.svg()) span { "Connecting" }
                }
                a .top-link href={ "/docs/" (page.help) } title="What is this page?" { (Icon::Help.svg()) span .narrow-unseen { "Help" } }
                (theme_menu(cx))
                (account_menu(cx))
            }
        }
    }
}

/// A mark before what is chosen.
fn chosen(is_it: bool) -> Markup {
    html! { @if is_it { (Icon::Check.svg()) } @else { span .icon {} } }
}

fn theme_menu(cx: &Desk) -> Markup {
    html! {
        details .drop data-drop {
            summary title="Colours and rows" { (Icon::Sun.svg()) span .unseen { "Colours and rows" } }
            div {
            (parts::form(cx, "/console/theme", html! {
                input type="hidden" name="next" value=(cx.path);
                @for (theme, words) in Theme::ALL.into_iter().zip(["As the system", "Light", "Dark"]) {
                    button .plain type="submit" name="theme" value=(theme.as_str()) aria-pressed=(cx.theme == theme) {
                        (chosen(cx.theme == theme))
                        (words)
                    }
                }
            }))
            (parts::form(cx, "/console/rows", html! {
                input type="hidden" name="next" value=(cx.path);
                @for (word, compact, words) in [("usual", false, "Roomy rows"), ("compact", true, "Compact rows")] {
                    button .plain type="submit" name="density" value=(word) aria-pressed=(cx.is_compact == compact) {
                        (chosen(cx.is_compact == compact))
                        (words)
                    }
                }
            }))
            }
        }
    }
}

fn account_menu(cx: &Desk) -> Markup {
    let operator = &cx.operator;
    html! {
        details .drop data-drop {
            summary { span .avatar aria-hidden="true" { (initials(&operator.name)) } span .unseen { "Account of " (operator.name) } (Icon::Down.svg()) }
            div {
                p .who { strong { (operator.name) } span { (operator.email) } span { (operator.role.as_str()) } }
                a .plain href="/account" { (Icon::Person.svg()) "Account and sessions" }
                (parts::form(cx, "/logout", html! { button .plain type="submit" { (Icon::Out.svg()) "Sign out" } }))
            }
        }
    }
}

/// `Ana Ruiz` is `AR`.
pub(crate) fn initials(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let letters = [words.first(), words.last().filter(|_| words.len() > 1)];
    letters.into_iter().flatten().filter_map(|word| word.chars().next()).flat_map(char::to_uppercase).collect()
}

/// What keys do; opened by `?`.
fn shortcuts() -> Markup {
    let keys = [
        ("/", "Search"),
        (
            "g then o, s, i, l, c, u, g, f, m, d, p, n, t, j, e",
            "Go to overview, SCIM, sign-in, log, conflicts, users, groups, fields, profiles, dashboard, applications, plans, tasks, jobs, settings",
        ),
        ("j and k", "Next and previous row"),
        ("Enter", "Open the row"),
        ("x", "Select the row"),
        ("c", "Copy a link to the row, or to the page"),
        (".", "Go to what can be done on the page"),
        ("[ and ]", "Previous and next error, on a log entry"),
        ("Ctrl+Enter", "Send the form"),
        ("p", "Pause and go on with what is live"),
        ("?", "Show this"),
    ];
    html! {
        dialog #shortcuts aria-labelledby="shortcuts-title" {
            h2 #shortcuts-title { "Keys" }
            dl .definitions { @for (key, what) in keys { div { dt { kbd { (key) } } dd { (what) } } } }
            label .check { input type="checkbox" data-keys; span { "Single keys do something" } }
            form method="dialog" { button { "Close" } }
        }
    }
}

/// The pages below Settings; `current` is the address of one of them.
pub(crate) fn settings_tabs(current: &str) -> Markup {
    let all = [
        ("General", "/app/settings"),
        ("Operators", "/app/settings/operators"),
        ("API keys", "/app/settings/keys"),
        ("Audit trail", "/app/settings/audit"),
    ];
    let tabs: Vec<_> = all.iter().map(|(word, href)| (*word, (*href).to_owned(), *href == current)).collect();
    parts::tabs("Settings", &tabs)
}

/// The choices that belong to every page.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/console/theme", post(set_theme))
        .route("/console/rows", post(set_rows))
        .route("/console/tenant", post(set_tenant))
        .route("/console/look", get(look))
}

#[derive(Deserialize)]
struct Colours {
    theme: String,
    next: String,
}

/// Where to go on: a page of this server, or the overview.
fn onwards(next: &str) -> &str {
    let inside =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(|c: char| c == '\\' || c.is_control());
    if inside { next } else { "/app" }
}

async fn set_theme(cx: Desk, Form(form): Form<Colours>) -> Shown {
    let mut response = see_other(onwards(&form.next));
    if let Some(cookie) = Theme::parse(&form.theme).cookie(&cx.app) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Deserialize)]
struct Rows {
    density: String,
    next: String,
}

async fn set_rows(cx: Desk, Form(form): Form<Rows>) -> Shown {
    let mut response = see_other(onwards(&form.next));
    if let Some(cookie) = density_cookie(&cx.app, form.density == "compact") {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Deserialize)]
struct Choice {
    tenant: String,
    #[serde(default)]
    next: String,
}

/// `GET /console/look?tenant=…&next=…`: a link to a page of a tenant. Which tenant an operator looks at is changed by a form
/// of ours, which sends itself where scripts run.
async fn look(cx: Desk) -> Shown {
    let (tenant, next) = (cx.asked("tenant").unwrap_or_default(), cx.asked("next").unwrap_or_default());
    if tenant == cx.tenant.tenant.name {
        return Ok(see_other(onwards(&next)));
    }
    if cx.app.tenants().find(&tenant).is_none() {
        return Err(Fault::missing("there is no tenant of this name"));
    }
    let body = html! {
        form method="post" action="/console/tenant" data-auto {
            input type="hidden" name="csrf" value=(cx.csrf);
            input type="hidden" name="tenant" value=(tenant);
            input type="hidden" name="next" value=(next);
            p { "The page is one of another tenant than the one that you look at." }
            div .actions { button .main type="submit" { "Look at " (tenant) } }
        }
    };
    Ok(page(&cx, Page::new("Another tenant", Nav::None), body))
}

async fn set_tenant(cx: Desk, Form(form): Form<Choice>) -> Shown {
    let state = cx.app.tenants().find(&form.tenant).ok_or_else(|| Fault::missing("there is no tenant of this name"))?;
    let (hash, name) = (cx.signed.session.hash, state.tenant.name.clone());
    cx.app.store().write(move |w| w.session_tenant(&hash, &name)).await.map_err(|error: store::Error| error)?;
    Ok(see_other(onwards(&form.next)))
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_of_names() {
        assert_eq!(
            (initials("Ana María Ruiz"), initials("ölaf"), initials(" ")),
            ("AR".into(), "Ö".into(), String::new())
        );
    }
}
