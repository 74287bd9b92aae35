//! What every page has around its content: navigation, breadcrumb, title, and the scripts.

use super::desk::{Desk, Theme};
use super::icon::{Icon, mark};
use super::parts;
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use maud::{DOCTYPE, Markup, html};

/// The entries of the navigation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nav {
    Setup,
    Overview,
    Scim,
    Users,
    Groups,
    Fields,
    Log,
    Conflicts,
    Settings,
    /// The operator's own page: in the menu on top, not in the navigation.
    Account,
    /// A page that belongs to none.
    None,
}

impl Nav {
    const ALL: [Self; 9] = [
        Self::Setup,
        Self::Overview,
        Self::Scim,
        Self::Users,
        Self::Groups,
        Self::Fields,
        Self::Log,
        Self::Conflicts,
        Self::Settings,
    ];

    fn entry(self) -> (&'static str, &'static str, Icon) {
        match self {
            Self::Setup => ("/app/setup", "Setup", Icon::Setup),
            Self::Overview => ("/app", "Overview", Icon::Overview),
            Self::Scim => ("/app/scim", "SCIM", Icon::Scim),
            Self::Users => ("/app/users", "Users", Icon::Users),
            Self::Groups => ("/app/groups", "Groups", Icon::Groups),
            Self::Fields => ("/app/fields", "Custom fields", Icon::Fields),
            Self::Log => ("/app/log", "Provisioning log", Icon::Log),
            Self::Conflicts => ("/app/conflicts", "Conflicts", Icon::Conflicts),
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
        Self { title: title.into(), nav, breadcrumb: Vec::new(), purpose: None, action: None, help: "", secret: false }
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
                    }
                    @if let Some(action) = &page.action { div .head-action { (action) } }
                }
                @if let Some(flash) = &cx.flash { (parts::flash(cx, flash)) }
                (body)
            }
        }
        div #announce .unseen role="status" {}
    };
    html_response(document(&page.title, cx.theme, true, &inner), page.secret)
}

/// A page without navigation: signing in, errors before it, links for people without an account.
pub(crate) fn bare(theme: Theme, title: &str, body: Markup) -> Response<Body> {
    let inner = html! {
        a .skip href="#main" { "Skip to content" }
        main #main .bare tabindex="-1" {
            div .brand { (mark()) span { "Provost" } }
            (body)
        }
        div #announce .unseen role="status" {}
    };
    html_response(document(title, theme, false, &inner), true)
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

fn document(title: &str, theme: Theme, live: bool, inner: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme.attribute()] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Provost" }
            }
            body data-live[live] { (inner) }
        }
    }
}

fn sidebar(cx: &Desk, current: Nav) -> Markup {
    html! {
        header .side {
            a .brand href="/app" { (mark()) span { "Provost" } }
            nav aria-label="Main" {
                p .side-title { "Application" }
                ul {
                    @for nav in Nav::ALL {
                        @let (href, word, icon) = nav.entry();
                        li { a href=(href) aria-current=[(nav == current).then_some("page")] { (icon.svg()) (word) } }
                    }
                }
            }
            p .side-foot { (cx.tenant.tenant.name) }
        }
    }
}

fn topbar(cx: &Desk, page: &Page) -> Markup {
    html! {
        div .top {
            nav .crumbs aria-label="Breadcrumb" {
                ol {
                    li { "Application" }
                    @for (word, href) in &page.breadcrumb { li { a href=(href) { (word) } } }
                    li aria-current="page" { (page.title) }
                }
            }
            span { (cx.operator.name) }
        }
    }
}
