//! A server in this process: a data folder of its own, a clock that stands still, requests without a network.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use server::egress::Targets;
use server::{App, Clock, Config, Peer};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tower::ServiceExt;

/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000_000;
pub const SECOND: i64 = 1_000_000;

pub struct Desk {
    pub app: App,
    pub clock: Clock,
    pub folder: PathBuf,
}

pub struct Answer {
    pub status: u16,
    pub headers: axum::http::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Desk {
    pub fn new() -> Self {
        Self::with_url(None)
    }

    /// With the address that browsers use.
    pub fn at(url: &str) -> Self {
        Self::with_url(Some(url.to_owned()))
    }

    /// With the machine's own time, for who compares with it.
    pub fn now() -> Self {
        Self::made(None, Clock::system(), Targets::default())
    }

    /// One whose engine may call this machine.
    pub fn that_calls_home() -> Self {
        Self::made(None, Clock::manual(START), Targets { private: true, ..Targets::default() })
    }

    /// A demo, with whoever furnishes it.
    pub fn demo(furnisher: server::Furnisher) -> Self {
        Self::opened(None, Clock::manual(START), Targets::default(), Some(furnisher))
    }

    fn with_url(public_url: Option<String>) -> Self {
        Self::made(public_url, Clock::manual(START), Targets::default())
    }

    fn made(public_url: Option<String>, clock: Clock, targets: Targets) -> Self {
        Self::opened(public_url, clock, targets, None)
    }

    fn opened(public_url: Option<String>, clock: Clock, targets: Targets, demo: Option<server::Furnisher>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("provost-server-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let config = Config {
            clock: clock.clone(),
            public_url,
            targets,
            demo,
            ..Config::new(folder.clone(), ([127, 0, 0, 1], 8080).into())
        };
        Self { app: App::open(config).unwrap(), clock, folder }
    }

    /// A server that is also reached over HTTP, may call itself, and whose clock goes; with the address to call.
    pub async fn over_http() -> (Self, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let desk = Self::made(None, Clock::system(), Targets { private: true, ..Targets::default() });
        let router = server::router(desk.app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (desk, url)
    }

    pub async fn send(&self, peer: Option<Peer>, request: Request<Body>) -> Answer {
        let mut request = server::normalise(request);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let response: Response<Body> = server::router(self.app.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    /// As somebody on this machine.
    pub async fn local(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(Some(Peer::Local), request(method, path, None, &body)).await
    }

    /// With a token.
    pub async fn with(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        self.send(None, request(method, path, Some(token), &body)).await
    }

    /// A new token of a tenant.
    pub async fn token(&self, tenant: &str, body: Value) -> (String, String) {
        let made = self.local("POST", &format!("/api/v1/tenants/{tenant}/tokens"), body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        (made.body["token"].as_str().unwrap().to_owned(), made.body["id"].as_str().unwrap().to_owned())
    }

    pub async fn user(&self, name: &str) -> String {
        let made = self.local("POST", "/scim/v2/Users", json!({"userName": name})).await;
        assert_eq!(made.status, StatusCode::CREATED.as_u16(), "{}", made.text);
        made.body["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.app.store().close();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn request(method: &str, path: &str, token: Option<&str>, body: &Value) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path).header("host", "scim.example.com");
    if let Some(token) = token {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    if body.is_null() {
        return builder.body(Body::empty()).unwrap();
    }
    builder.header("content-type", "application/scim+json").body(Body::from(body.to_string())).unwrap()
}
