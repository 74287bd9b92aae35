//! The body of a request: within its bound, JSON by its own word, and read to its end also when it is refused.

use crate::error::{Error, Result};
use crate::limits;
use axum::body::{Body, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use bytes::Bytes;
use scim::Code;
use std::future::poll_fn;
use std::pin::Pin;

/// The body within its bound; a body has to be JSON by its own word, or say nothing.
pub(super) async fn read(parts: &Parts, body: Body, path: &str) -> Result<Bytes> {
    if parts.uri.query().is_some_and(|query| query.len() > limits::QUERY_BYTES_MAX) {
        let detail = format!("the query is longer than {} bytes; use POST …/.search", limits::QUERY_BYTES_MAX);
        return Err(Error::new(Code::ADDRESS_TOO_LONG, detail));
    }
    let is_bulk = path.eq_ignore_ascii_case("/Bulk");
    let bytes_max = if is_bulk { limits::BULK_BYTES_MAX } else { limits::BODY_BYTES_MAX };
    let too_large =
        || Error::new(Code::BODY_TOO_LARGE, format!("the body is larger than {bytes_max} bytes; send less at once"));
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > bytes_max) {
        drain(parts, body).await;
        return Err(too_large());
    }
    let mut body = body;
    let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
    while let Some(piece) = piece(&mut body).await {
        let piece = piece.map_err(|_| scim::Error::invalid_syntax("the body ends before it is complete"))?;
        if bytes.len() + piece.len() > bytes_max {
            drain(parts, body).await;
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    let bytes = Bytes::from(bytes);
    if !bytes.is_empty() && is_packed(&parts.headers) && takes_body(&parts.method) {
        return Err(Error::Packed);
    }
    if !bytes.is_empty() && !is_json(&parts.headers) && takes_body(&parts.method) {
        return Err(Error::new(
            Code::MEDIA_TYPE,
            "the Content-Type has to be application/scim+json or application/json",
        ));
    }
    Ok(bytes)
}

/// The next piece of a body; nothing at its end.
async fn piece(body: &mut Body) -> Option<std::result::Result<Bytes, axum::Error>> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(Ok(data));
                }
            }
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Reads on without keeping anything, within bounds: a client that writes its whole body before it reads would see a
/// broken connection where it should see the answer. One that waits to be asked for its body is not asked.
pub(super) async fn drain(parts: &Parts, mut body: Body) {
    if parts.headers.contains_key(header::EXPECT) {
        return;
    }
    let reading = async {
        let mut left = limits::DRAIN_BYTES_MAX;
        while let Some(Ok(piece)) = piece(&mut body).await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(limits::DRAIN_TIME, reading).await;
}

fn takes_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Whether the body is compressed. Bombs are made so, and no identity provider does it.
fn is_packed(headers: &HeaderMap) -> bool {
    let is_plain =
        |value: &HeaderValue| value.to_str().is_ok_and(|value| value.trim().eq_ignore_ascii_case("identity"));
    !headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let media_type = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    media_type.is_empty()
        || ["application/scim+json", "application/json", "text/json"]
            .iter()
            .any(|known| media_type.eq_ignore_ascii_case(known))
}
