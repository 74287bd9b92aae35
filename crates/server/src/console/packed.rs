//! Pages go packed over the wire: a list of fifty rows is ten times as long as what it says.
//!
//! Not here: pages with a secret on them (`no-store`). Packed together with words of the address, the length of a page
//! tells about what else is in it, to somebody who can make a browser open many addresses and watches the wire. The
//! token of the session's forms is on packed pages; alone it permits nothing, a change has to come from a page of this
//! server as well (`desk::guard`).

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::middleware::Next;
use std::io::Write;

/// Shorter pages gain nothing.
const BYTES_MIN: usize = 1_024;

/// Whether a browser takes gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| {
        let (name, quality) = one.split_once(';').unwrap_or((one, ""));
        name.trim() == "gzip" && !quality.trim().starts_with("q=0.0") && quality.trim() != "q=0"
    })
}

/// Packs an answer if it is a page without a secret and the browser takes it so.
pub(super) async fn pack(request: Request, next: Next) -> Response<Body> {
    let takes = takes_gzip(request.headers());
    let response = next.run(request).await;
    if takes && is_page(response.headers()) { packed(response).await } else { response }
}

fn is_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text(header::CONTENT_TYPE).starts_with("text/html")
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !text(header::CACHE_CONTROL).contains("no-store")
}

async fn packed(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    // A page is in memory already; nothing is waited for, and nothing can fail.
    let Ok(plain) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    parts.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if plain.len() < BYTES_MIN {
        return Response::from_parts(parts, plain.into());
    }
    let mut packer = flate2::write::GzEncoder::new(Vec::with_capacity(plain.len() / 4), flate2::Compression::fast());
    match packer.write_all(&plain).and_then(|()| packer.finish()) {
        Ok(bytes) => {
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, bytes.into())
        }
        Err(_) => Response::from_parts(parts, plain.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_gets_it() {
        let takes = |value: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        assert!(takes("gzip, deflate, br") && takes("br;q=1, gzip;q=0.5"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("") && !takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn no_page_with_a_secret() {
        let page = |cache: &'static str| {
            let media_type = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            is_page(&HeaderMap::from_iter([media_type, (header::CACHE_CONTROL, HeaderValue::from_static(cache))]))
        };
        assert!(page("private, no-cache") && !page("no-store"));
    }
}
