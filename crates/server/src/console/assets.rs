//! The stylesheet and the script, under names that change with their content, so that browsers may keep them for ever.

use super::packed::takes_gzip;
use crate::app::App;
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::io::Write;
use std::sync::LazyLock;

/// One file as it is served.
struct Asset {
    /// `app.1a2b3c4d5e6f.js`
    name: String,
    media_type: &'static str,
    plain: String,
    packed: Vec<u8>,
}

/// htmx and its extension for server-sent events, as published (assets/vendor/README.md), then our own.
const SCRIPTS: [&str; 3] = [
    include_str!("../../assets/vendor/htmx.min.js"),
    include_str!("../../assets/vendor/hx-sse.min.js"),
    include_str!("../../assets/console.js"),
];
const STYLES: [&str; 4] = [
    include_str!("../../assets/base.css"),
    include_str!("../../assets/shell.css"),
    include_str!("../../assets/parts.css"),
    include_str!("../../assets/pages.css"),
];
const ICON: &str = include_str!("../../assets/icon.svg");

// One script, not three: an extension in a file of its own may come too late for htmx to know it.
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| asset("app", "js", "text/javascript; charset=utf-8", &SCRIPTS.join("\n;")));
static STYLE: LazyLock<Asset> =
    LazyLock::new(|| asset("app", "css", "text/css; charset=utf-8", &smaller(&STYLES.join("\n"))));
static SIGN: LazyLock<Asset> = LazyLock::new(|| asset("icon", "svg", "image/svg+xml", ICON));

fn asset(name: &str, ending: &str, media_type: &'static str, text: &str) -> Asset {
    let hash = store::hex(crate::token::hash(text).get(..6).unwrap_or_default());
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    // Writing into memory cannot fail; if it did, the plain file would be served.
    let packed = packer.write_all(text.as_bytes()).and_then(|()| packer.finish()).unwrap_or_default();
    Asset { name: format!("{name}.{hash}.{ending}"), media_type, plain: text.to_owned(), packed }
}

/// Without comments and the space at the beginning of lines: it is what a browser would skip.
fn smaller(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Addresses for the head of a page.
pub(super) fn script() -> String {
    format!("/assets/{}", SCRIPT.name)
}

pub(super) fn style() -> String {
    format!("/assets/{}", STYLE.name)
}

pub(super) fn icon() -> String {
    format!("/assets/{}", SIGN.name)
}

pub(super) fn router() -> Router<App> {
    Router::new().route("/assets/{name}", get(serve)).route("/favicon.ico", get(sign))
}

async fn sign(headers: HeaderMap) -> Response<Body> {
    answer(&SIGN, &headers, "public, max-age=86400")
}

async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response<Body> {
    let all: [&LazyLock<Asset>; 3] = [&SCRIPT, &STYLE, &SIGN];
    match all.into_iter().find(|asset| asset.name == name) {
        Some(asset) => answer(asset, &headers, "public, max-age=31536000, immutable"),
        None => (StatusCode::NOT_FOUND, "there is no such file; load the page again\n").into_response(),
    }
}

fn answer(asset: &Asset, headers: &HeaderMap, cache: &'static str) -> Response<Body> {
    let is_packed = takes_gzip(headers) && !asset.packed.is_empty();
    let body = if is_packed { Body::from(asset.packed.clone()) } else { Body::from(asset.plain.clone()) };
    let mut response = Response::new(body);
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_packed {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
