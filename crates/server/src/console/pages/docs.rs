//! The guide, built into the binary: its pages, the catalogue of errors, the reference of the admin API.
//!
//! Open to everybody: it holds nothing of anybody. Opened from the console it holds the reader's own addresses.

pub(super) mod licences;

use crate::app::App;
use crate::console::parts::{self, card, definitions, link, status};
use crate::console::{Desk, Fault, Nav, Page, Shown, Theme, bare, page};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Response, header, request};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};
use scim::code::{CATALOGUE, Entry};
use serde_json::{Map, Value};

/// The description of the admin API, kept by hand and held against the routes and real answers by tests.
pub(super) const OPENAPI: &str = include_str!("../../api/openapi.json");

/// A page of the guide.
struct Guide {
    slug: &'static str,
    text: &'static str,
}

macro_rules! guide {
    ($($slug:literal),* $(,)?) => {
        [$(Guide { slug: $slug, text: include_str!(concat!("../../../../../docs/guide/", $slug, ".md")) }),*]
    };
}

static GUIDE: &[(&str, &[Guide])] = &[
    (
        "Begin",
        &guide![
            "first-run",
            "console",
            "connect-okta",
            "connect-entra",
            "sign-in-with-saml",
            "openid-connect",
            "identity-provider",
            "provision-an-application",
            "plans"
        ],
    ),
    ("Use", &guide!["manager-and-custom-fields", "tokens", "operation-switches", "provisioning-log", "cli"]),
    (
        "Run",
        &guide!["operate", "backup", "import-export", "scale-out", "move-to-postgresql", "outbound", "expressions"],
    ),
    ("Look up", &guide!["performance", "limits", "licences"]),
];

/// Pictures of the guide, which the benchmark draws.
static PICTURES: &[(&str, &str)] = &[
    ("performance-users-sqlite.svg", include_str!("../../../../../docs/images/performance-users-sqlite.svg")),
    ("performance-members-sqlite.svg", include_str!("../../../../../docs/images/performance-members-sqlite.svg")),
    ("performance-users-postgres.svg", include_str!("../../../../../docs/images/performance-users-postgres.svg")),
    ("performance-members-postgres.svg", include_str!("../../../../../docs/images/performance-members-postgres.svg")),
];

fn find(slug: &str) -> Option<&'static Guide> {
    GUIDE.iter().flat_map(|(_, pages)| pages.iter()).find(|guide| guide.slug == slug)
}

impl Guide {
    fn title(&self) -> &'static str {
        self.text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(self.slug)
    }

    /// The first sentence under the title, without its markup.
    fn purpose(&self) -> String {
        let line = self.text.lines().skip(1).find(|line| !line.trim().is_empty()).unwrap_or_default();
        if line.starts_with(['#', '|', '-']) {
            return String::new();
        }
        let words = Parser::new(line).filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.into_string()),
            _ => None,
        });
        let plain: String = words.collect();
        plain.split(". ").next().unwrap_or_default().to_owned()
    }
}

/// Whoever reads: signed in or not.
async fn reader(app: &App, parts: &request::Parts) -> Option<Desk> {
    crate::console::visitor(app, parts).await
}

/// A page of the guide with its navigation, in the console's frame for who is signed in.
fn framed(cx: Option<&Desk>, current: &str, title: &str, body: &Markup) -> Response<Body> {
    let inner = html! {
        div .docs {
            nav .docs-nav aria-label="Guide" { details .docs-contents {
                summary { "All pages of the guide" }
                @for (word, pages) in GUIDE {
                    p .side-title { (word) }
                    ul { @for guide in *pages { (entry(guide.slug, guide.title(), current)) } }
                }
                ul { (entry("errors", "Errors", current)) (entry("api", "Admin API", current)) }
            } }
            article .prose {
                @if cx.is_none() { h1 { (title) } }
                (body)
            }
        }
    };
    match cx {
        Some(cx) => page(cx, Page::new(title, Nav::None).under("Guide", "/docs"), inner),
        None => bare(Theme::System, title, inner),
    }
}

fn entry(slug: &str, title: &str, current: &str) -> Markup {
    html! { li { a href={ "/docs/" (slug) } aria-current=[(slug == current).then_some("page")] { (title) } } }
}

/// `GET /docs`.
pub(super) async fn index(State(app): State<App>, parts: request::Parts) -> Shown {
    let cx = reader(&app, &parts).await;
    let body = html! {
        p .lead { "From the first start to a system that runs by itself. Every page is part of this server and needs no network." }
        div .two {
            @for (word, pages) in GUIDE {
                (card(word, html! { ul .list.rows {
                    @for guide in *pages { li { a href={ "/docs/" (guide.slug) } { strong { (guide.title()) } }
                        @if !guide.purpose().is_empty() { p .hint { (guide.purpose()) } } } }
                    @if *word == "Look up" {
                        li { a href="/docs/errors" { strong { "Errors" } } p .hint { "Every code, what happened, what to do" } }
                        li { a href="/docs/api" { strong { "Admin API" } } p .hint { "Everything that the console does, for scripts" } }
                    }
                } }))
            }
        }
    };
    Ok(framed(cx.as_ref(), "", "Guide", &body))
}

/// `GET /docs/{slug}`.
pub(super) async fn show(State(app): State<App>, Path(slug): Path<String>, parts: request::Parts) -> Shown {
    let cx = reader(&app, &parts).await;
    let slug = slug.strip_suffix(".md").unwrap_or(&slug);
    match slug {
        "errors" => Ok(framed(cx.as_ref(), "errors", "Errors", &errors())),
        "licences" => Ok(framed(cx.as_ref(), "licences", "Licences of others", &licences::list())),
        "api" => Ok(framed(cx.as_ref(), "api", "Admin API", &reference(cx.as_ref()))),
        slug => {
            let guide = find(slug).ok_or_else(|| Fault::missing("the guide has no such page"))?;
            let text = with_values(guide.text, cx.as_ref());
            let body = html! {
                @if cx.is_some() && guide.text.contains("YOUR-HOST") { p .hint { "With the addresses of this server filled in." } }
                (PreEscaped(rendered(&text)))
            };
            Ok(framed(cx.as_ref(), slug, guide.title(), &body))
        }
    }
}

/// `GET /docs/images/{name}`.
pub(super) async fn picture(Path(name): Path<String>) -> Shown {
    let found = PICTURES.iter().find(|(known, _)| *known == name);
    let (_, text) = found.ok_or_else(|| Fault::missing("the guide has no such picture"))?;
    let mut response = Response::new((*text).into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// The reader's own addresses in the place of the examples.
fn with_values(text: &str, cx: Option<&Desk>) -> String {
    match cx {
        Some(cx) => {
            text.replace("https://YOUR-HOST/scim/v2", &cx.endpoint).replace("https://YOUR-HOST", cx.server_url())
        }
        None => text.to_owned(),
    }
}

/// Markdown as HTML: without the title, tables that scroll, code that can be copied, links that stay inside.
fn rendered(text: &str) -> String {
    let body = text.split_once('\n').filter(|(first, _)| first.starts_with("# ")).map_or(text, |(_, rest)| rest);
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut code: Option<(String, String)> = None;
    for event in Parser::new_ext(body, Options::ENABLE_TABLES) {
        match (event, &mut code) {
            (Event::Start(Tag::CodeBlock(kind)), _) => {
                let language =
                    if let CodeBlockKind::Fenced(language) = kind { language.to_string() } else { String::new() };
                code = Some((language, String::new()));
            }
            (Event::End(TagEnd::CodeBlock), Some((language, text))) => {
                let label = match language.as_str() {
                    "sh" => "Shell",
                    "json" => "JSON",
                    "http" => "HTTP",
                    _ => "Example",
                };
                let block = parts::code(label, text.trim_end()).into_string();
                events.push(Event::Html(block.into()));
                code = None;
            }
            (Event::Text(text), Some((_, held))) => held.push_str(&text),
            // Alignment would become a style inside the page, which the policy forbids.
            (Event::Start(Tag::Table(columns)), _) => {
                events.push(Event::Html(
                    "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">".into(),
                ));
                let plain = columns.iter().map(|_| pulldown_cmark::Alignment::None).collect();
                events.push(Event::Start(Tag::Table(plain)));
            }
            (Event::End(TagEnd::Table), _) => {
                events.push(Event::End(TagEnd::Table));
                events.push(Event::Html("</div>".into()));
            }
            (Event::Start(Tag::Link { link_type, dest_url, title, id }), _) => {
                events.push(Event::Start(Tag::Link { link_type, dest_url: inside(&dest_url), title, id }));
            }
            (Event::Start(Tag::Image { link_type, dest_url, title, id }), _) => {
                let dest_url = dest_url
                    .strip_prefix("../images/")
                    .map_or(dest_url.clone(), |name| format!("/docs/images/{name}").into());
                events.push(Event::Start(Tag::Image { link_type, dest_url, title, id }));
            }
            // The guide is Markdown; whatever looks like HTML in it is meant as text.
            (Event::Html(html) | Event::InlineHtml(html), None) => events.push(Event::Text(html)),
            (other, _) => events.push(other),
        }
    }
    let mut out = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut out, events.into_iter());
    out
}

/// `connect-okta.md#x` is `/docs/connect-okta#x` here; what is not in the guide is where the sources are.
fn inside<'a>(link: &str) -> CowStr<'a> {
    match link.split_once(".md") {
        Some((slug, rest)) if find(slug).is_some() || slug == "errors" => format!("/docs/{slug}{rest}").into(),
        _ => link.to_owned().into(),
    }
}

fn errors() -> Markup {
    let areas =
        [(1, "The protocol"), (2, "Who may do what"), (3, "Limits"), (4, "The console"), (5, "The server itself")];
    html! {
        p { "Every refusal carries a code at the end of its detail, such as " code { "(PRV-1007)" } ". A code keeps its meaning for ever." }
        @for (area, title) in areas {
            @let entries: Vec<&Entry> = CATALOGUE.iter().filter(|entry| entry.code.number() / 1000 == area).collect();
            @if !entries.is_empty() {
                h2 { (title) }
                ul .list.rows {
                    @for entry in entries { li { a href={ "/docs/errors/" (entry.code) } { strong { (entry.code) } } " " (entry.title) } }
                }
            }
        }
    }
}

/// `GET /docs/errors/{code}`.
pub(super) async fn error(State(app): State<App>, Path(code): Path<String>, parts: request::Parts) -> Shown {
    let cx = reader(&app, &parts).await;
    let found = CATALOGUE.iter().find(|entry| entry.code.to_string().eq_ignore_ascii_case(&code));
    let entry = found.ok_or_else(|| Fault::missing("there is no such code in the catalogue"))?;
    let code = entry.code.to_string();
    let scim_type = entry.scim_type.map_or("—", |scim_type| scim_type.as_str());
    let body = html! {
        p .lead { (entry.title) "." }
        (definitions(&[
            ("Status", status(entry.status, None)),
            ("scimType", html! { code { (scim_type) } }),
            ("What to do", html! { (entry.fix) }),
        ]))
        @if let Some(cx) = &cx {
            p { (link(&crate::query::address("/app/log", &[("code", &code)]), "Requests with this code", false)) }
            @if code == "PRV-2005" { p { (link("/app/scim#operations", "Operation switches", false)) } }
            @if code.starts_with("PRV-200") { p { "Tokens of the tenant " (cx.tenant.tenant.name) ": " a href="/app/scim/tokens" { "look at them" } } }
        }
        p { a href="/docs/errors" { "All errors" } }
    };
    Ok(framed(cx.as_ref(), "errors", &code, &body))
}

/// `GET /api/v1/openapi.json`.
pub(super) async fn openapi() -> Response<Body> {
    let mut response = Response::new(OPENAPI.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn reference(cx: Option<&Desk>) -> Markup {
    let document: Value = serde_json::from_str(OPENAPI).unwrap_or_default();
    let server = cx.map_or("https://YOUR-HOST", |cx| cx.server_url());
    let none = Map::new();
    let paths = document.get("paths").and_then(Value::as_object).unwrap_or(&none);
    let tags = document.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let about = document.get("info").map(|info| text(info, "description")).unwrap_or_default();
    html! {
        p { (about) }
        (parts::code("Try it", &format!("curl {server}/api/v1/tenants -H \"Authorization: Bearer $TOKEN\"")))
        p { a href="/api/v1/openapi.json" { "The same as OpenAPI 3.1" } }
        @for tag in &tags {
            @let name = text(tag, "name");
            section .card {
                header { h2 { (name) } }
                p { (text(tag, "description")) }
                div { @for (path, operations) in paths {
                    @for (method, operation) in operations.as_object().into_iter().flatten().filter(|(method, _)| *method != "parameters") {
                        @if operation.get("tags").and_then(|tags| tags.get(0)).and_then(Value::as_str) == Some(&name) {
                            (operation_of(&document, path, method, operation))
                        }
                    }
                }
            } }
        }
    }
}

fn operation_of(document: &Value, path: &str, method: &str, operation: &Value) -> Markup {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let parameters = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
    let body =
        operation.pointer("/requestBody/content/application~1json/schema").map(|schema| resolved(document, schema));
    let answers = operation.get("responses").and_then(Value::as_object).cloned().unwrap_or_default();
    html! {
        details .operation {
            summary { span .method { (method.to_uppercase()) } " " code .wrap { "/api/v1" (path) } span .quiet { " " (text(operation, "summary")) } }
            div .operation-body {
                @if !text(operation, "description").is_empty() { p { (text(operation, "description")) } }
                @if !parameters.is_empty() {
                    h3 { "Parameters" }
                    ul .list { @for parameter in &parameters { li { code { (text(parameter, "name")) } " " span .quiet { (text(parameter, "description")) } } } }
                }
                @if let Some(schema) = body {
                    h3 { "Body" }
                    (properties(document, schema))
                }
                h3 { "Answers" }
                ul .list { @for (status, answer) in &answers { li { code { (status) } " " (text(answer, "description")) } } }
            }
        }
    }
}

fn resolved<'v>(document: &'v Value, schema: &'v Value) -> &'v Value {
    let named = schema.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix('#'));
    named.and_then(|place| document.pointer(place)).unwrap_or(schema)
}

fn properties(document: &Value, schema: &Value) -> Markup {
    let none = Map::new();
    let fields = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    html! {
        ul .list {
            @for (name, field) in fields {
                @let field = resolved(document, field);
                li {
                    code { (name) } " " span .quiet { (field.get("type").map(ToString::to_string).unwrap_or_default().replace('"', "")) }
                    @if required.iter().any(|one| one.as_str() == Some(name)) { " " strong { "required" } }
                    " " (field.get("description").and_then(Value::as_str).unwrap_or_default())
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_the_guide_has_a_title_and_becomes_a_page_that_the_policy_allows() {
        let slugs: Vec<&str> = GUIDE.iter().flat_map(|(_, pages)| pages.iter()).map(|guide| guide.slug).collect();
        let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide"));
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let slug = name.trim_end_matches(".md");
            assert!(slugs.contains(&slug) || slug == "errors", "{name} is not in the guide");
        }
        for guide in GUIDE.iter().flat_map(|(_, pages)| pages.iter()) {
            let html = rendered(guide.text);
            assert!(guide.title() != guide.slug);
            for forbidden in ["style=", "<script", "onclick", ".md\"", ".md#"] {
                assert!(!html.contains(forbidden), "{}: {forbidden}", guide.slug);
            }
        }
    }

    #[test]
    fn markup_in_the_text_is_text() {
        let html =
            rendered("# T\n\na <script>x</script> b\n\n| a | b |\n|---|--:|\n| 1 | `<i>` |\n\n```sh\necho <b>\n```\n");
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("class=\"scroll\"") && !html.contains("style="), "{html}");
        assert!(html.contains("echo &lt;b&gt;"));
    }
}
