//! An answer as a value: status, headers, body. It becomes an HTTP response at the edge, or an entry of a bulk answer.

use crate::pieces::Rest;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use scim::Code;
use serde_json::Value;

/// The media type of every SCIM answer, errors included (RFC 7644 §8.1).
pub(crate) const SCIM_JSON: &str = "application/scim+json; charset=utf-8";
/// The media type of the admin API.
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// What goes back to the client.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, or its first piece; empty with 204 and 304.
    pub(crate) body: Bytes,
    /// What comes behind the first piece, as it is made.
    pub(crate) rest: Option<Rest>,
    /// Whether the body is left out because it is too large to be made in a write; `scim::read::behind` reads it.
    pub(crate) large: bool,
    /// Headers besides the media type.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The media type of the body.
    pub(crate) media_type: &'static str,
    /// The catalogue code of a refusal, for the log.
    pub(crate) code: Option<Code>,
}

impl Answer {
    /// No body.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            body: Bytes::new(),
            rest: None,
            large: false,
            headers: Vec::new(),
            media_type: SCIM_JSON,
            code: None,
        }
    }

    /// A body that is written out already.
    pub(crate) fn bytes(status: u16, body: Vec<u8>) -> Self {
        Self { body: body.into(), ..Self::empty(status) }
    }

    /// A body as a value.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, body.to_string().into_bytes())
    }

    /// Sets a header.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.headers.retain(|(have, _)| *have != name);
        self.headers.push((name, value));
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| *have == name).map(|(_, value)| value.as_str())
    }

    /// With a header set.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.set(name, value);
        self
    }

    /// With all of its body in memory; for whoever asks from within. Nothing if it was broken off.
    pub(crate) async fn collected(mut self) -> Option<Self> {
        if let Some(rest) = self.rest.take() {
            self.body = axum::body::to_bytes(rest.behind(self.body), usize::MAX).await.ok()?;
        }
        Some(self)
    }

    /// As an HTTP response; `head_only` for HEAD, which has everything but the body.
    pub(crate) fn into_response(self, request_id: &str, head_only: bool) -> Response<Body> {
        let length = self.body.len();
        let has_body = length > 0;
        let is_whole = self.rest.is_none();
        let mut response = Response::new(match self.rest {
            // Its length is not known: HEAD says so by the same header, and nobody reads it.
            Some(rest) => rest.behind(self.body),
            None if head_only => Body::empty(),
            None => Body::from(self.body),
        });
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if has_body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        if head_only && has_body && is_whole {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(value) = HeaderValue::from_str(request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), value);
        }
        response
    }
}
