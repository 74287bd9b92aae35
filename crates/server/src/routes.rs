//! Every route of the product on one page.

use crate::app::App;
use crate::{api, console, limits, query, scim, session};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Router, middleware};

/// The routes.
pub fn router(app: App) -> Router {
    let is_https = session::is_https(&app);
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/scim/v2", any(scim_root))
        .route("/scim/v2/{*rest}", any(scim_rest))
        .route("/t/{tenant}/scim/v2", any(tenant_root))
        .route("/t/{tenant}/scim/v2/{*rest}", any(tenant_rest))
        .nest("/api/v1", api::router(&app))
        .merge(api::metrics(&app))
        .merge(console::router(&app))
        .merge(crate::saml::router())
        .merge(crate::oidc::router())
        .merge(crate::idp::router())
        .fallback(nothing)
        .layer(middleware::map_response(move |response| async move { bound(is_https, response) }))
        .with_state(app)
}

async fn scim_root(State(app): State<App>, request: Request<Body>) -> Response<Body> {
    scim::serve(app, crate::tenants::DEFAULT, "", request).await
}

async fn scim_rest(State(app): State<App>, request: Request<Body>) -> Response<Body> {
    let rest = behind(request.uri(), 2);
    scim::serve(app, crate::tenants::DEFAULT, &rest, request).await
}

async fn tenant_root(State(app): State<App>, Path(tenant): Path<String>, request: Request<Body>) -> Response<Body> {
    scim::serve(app, &tenant, "", request).await
}

async fn tenant_rest(
    State(app): State<App>,
    Path((tenant, _)): Path<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    let rest = behind(request.uri(), 4);
    scim::serve(app, &tenant, &rest, request).await
}

/// The path behind so many segments, not decoded: an id may hold an encoded slash.
fn behind(uri: &Uri, segments: usize) -> String {
    uri.path().split('/').filter(|segment| !segment.is_empty()).skip(segments).collect::<Vec<_>>().join("/")
}

async fn ready(State(app): State<App>) -> Response<Body> {
    match app.store().read(|r| r.tenants()).await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let retry = [(header::RETRY_AFTER, limits::RETRY_AFTER_SECONDS.to_string())];
            (StatusCode::SERVICE_UNAVAILABLE, retry, "the database does not answer\n").into_response()
        }
    }
}

/// What is no page: should a browser open it, nothing in it runs, loads or is framed.
const POLICY_OF_DATA: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The headers of every answer, of pages and of everything else. A page has said for itself what it may do.
fn bound(is_https: bool, mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(POLICY_OF_DATA);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// The console for a browser, a few words for everybody else; not which version this is.
async fn index(State(app): State<App>, headers: HeaderMap) -> Response<Body> {
    if wants_page(&headers) {
        return (StatusCode::SEE_OTHER, [(header::LOCATION, "/app")]).into_response();
    }
    let host = app.config().url();
    format!(
        "Provost\n\nSCIM endpoint  {host}/scim/v2\nadmin API      {host}/api/v1\n\nConfigure it with the provost command; see provost --help.\n"
    )
    .into_response()
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

async fn nothing(headers: HeaderMap) -> Response<Body> {
    if wants_page(&headers) {
        let page = console::Fault::missing("there is nothing at this address").into_response();
        return console::secured(page).await;
    }
    let error = crate::error::Error::new(
        ::scim::Code::NOT_FOUND,
        "there is nothing at this address; SCIM is served below /scim/v2",
    );
    let id = crate::app::request_id();
    error.answer(&id).into_response(&id, false)
}

/// The refusal of a request that does not say, once, which host it is for (RFC 9112 §3.2): what stands in front of us may
/// have taken it for another one. HTTP/1.0 knows no Host.
pub(crate) fn without_host(request: &Request<Body>) -> Option<Response<Body>> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let detail = match hosts {
        0 if request.version() == Version::HTTP_11 => "a request of HTTP/1.1 has a Host header, and this one has none",
        0 | 1 => return None,
        _ => "the request has more than one Host header; send one",
    };
    let error = crate::error::Error::new(::scim::Code::NO_HOST, detail);
    let response = match request.uri().path().starts_with("/api/") {
        true => api::ApiError::from(error).into_response(),
        false => {
            let id = crate::app::request_id();
            error.answer(&id).into_response(&id, request.method() == Method::HEAD)
        }
    };
    Some(bound(false, response))
}

/// Doubled slashes and a slash at the end, as identity providers make them of a base URL, are taken away. Of escapes that
/// are no UTF-8 only what is readable is kept: such an address means nothing, and is answered like any that does.
pub fn normalise(request: Request<Body>) -> Request<Body> {
    let path = request.uri().path();
    let is_text = !path.contains('%') || query::is_text(path);
    if is_text && !path.contains("//") && (path.len() <= 1 || !path.ends_with('/')) {
        return request;
    }
    let readable = |segment: &str| match is_text {
        true => segment.to_owned(),
        false => query::encode(&query::decode_segment(segment)),
    };
    let segments: Vec<String> = path.split('/').filter(|segment| !segment.is_empty()).map(readable).collect();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let text = format!("/{}{query}", segments.join("/"));
    let (mut parts, body) = request.into_parts();
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = text.parse().ok().or(uri.path_and_query);
    parts.uri = Uri::from_parts(uri).unwrap_or(parts.uri);
    Request::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_forgiven() {
        for (sent, meant) in [
            ("//scim/v2//Users/?count=1&", "/scim/v2/Users?count=1&"),
            ("/scim/v2/Users/", "/scim/v2/Users"),
            ("/scim/v2/Users", "/scim/v2/Users"),
            ("/", "/"),
            ("/scim/v2/Users/a%2Fb", "/scim/v2/Users/a%2Fb"),
            ("/scim/v2/Users/a%ffb", "/scim/v2/Users/a%EF%BF%BDb"),
            ("/t/%ff/scim/v2/Users?a=%ff", "/t/%EF%BF%BD/scim/v2/Users?a=%ff"),
        ] {
            let request = Request::builder().uri(sent).body(Body::empty()).unwrap();
            assert_eq!(normalise(request).uri().to_string(), meant);
        }
    }
}
