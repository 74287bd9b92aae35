//! The stylesheet, the script and what is live.

use crate::browser::Browser;
use crate::desk::{Desk, request};
use axum::body::Body;
use serde_json::{Value, json};
use server::Peer;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tower::ServiceExt;

/// Status, headers and bytes of an asset.
async fn fetch(desk: &Desk, path: &str, encoding: &str) -> (u16, axum::http::HeaderMap, Vec<u8>) {
    let mut request = request("GET", path, None, &Value::Null);
    request.headers_mut().insert("accept-encoding", encoding.parse().unwrap());
    let response = server::router(desk.app.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (parts.status.as_u16(), parts.headers, bytes.to_vec())
}

#[tokio::test]
async fn script_and_style_are_small_and_kept_for_ever() {
    let desk = Desk::new();
    let page = Browser::new(&desk).get("/login").await;
    let script = page.between("<script src=\"", "\"");
    let style = page.between("rel=\"stylesheet\" href=\"", "\"");
    for (path, bytes_max) in [(script, 25 * 1_024), (style, 12 * 1_024)] {
        let (status, headers, packed) = fetch(&desk, &path, "br, gzip;q=0.8").await;
        assert_eq!((status, &headers["content-encoding"]), (200, &"gzip".parse().unwrap()));
        assert!(packed.len() <= bytes_max, "{path}: {} bytes", packed.len());
        assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
        let (_, headers, plain) = fetch(&desk, &path, "gzip;q=0").await;
        assert!(!headers.contains_key("content-encoding") && plain.len() > packed.len());
        assert_eq!(headers["vary"], "accept-encoding");
        let text = String::from_utf8(plain).unwrap();
        assert!(!text.contains("http://") || text.contains("w3.org"), "{path} names another place");
    }
    assert_eq!(fetch(&desk, "/assets/app.000000000000.js", "").await.0, 404);
    assert_eq!(fetch(&desk, "/favicon.ico", "").await.0, 200);
}

#[test]
fn scripts_of_others_are_as_published() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/vendor");
    let table = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for name in ["htmx.min.js", "hx-sse.min.js"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        assert!(table.contains(&store::hex(sum.as_ref())), "{name} is not the file of its README");
    }
    assert!(folder.join("LICENSE-htmx").exists());
}

/// A page that listens.
struct Stream(Body);

impl Stream {
    async fn open(browser: &Browser<'_>) -> (u16, Self) {
        let mut request = browser.request("GET", "/console/events").body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer::Remote(([192, 0, 2, 1], 1).into()));
        let response = server::router(browser.desk.app.clone()).oneshot(request).await.unwrap();
        (response.status().as_u16(), Self(response.into_body()))
    }

    /// The next piece, or nothing at the end.
    async fn piece(&mut self) -> Option<String> {
        let frame = poll_fn(|cx| axum::body::HttpBody::poll_frame(Pin::new(&mut self.0), cx));
        let frame = tokio::time::timeout(Duration::from_secs(20), frame).await.expect("a piece within its time")?;
        Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
    }

    /// Reads until something is told; the rest up to there.
    async fn until(&mut self, what: &str) -> String {
        let mut all = String::new();
        while !all.contains(what) {
            all.push_str(&self.piece().await.unwrap_or_else(|| panic!("ended before {what}: {all}")));
        }
        all
    }
}

#[tokio::test]
async fn a_page_hears_of_what_happens_in_its_tenant() {
    let desk = Desk::new();
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": "other"})).await.status, 201);
    let workers = server::start_workers(&desk.app);
    let owner = Browser::owner(&desk).await;
    let (status, mut stream) = Stream::open(&owner).await;
    assert_eq!(status, 200);
    assert!(stream.until("event: live").await.starts_with("retry: "));
    desk.local("POST", "/t/other/scim/v2/Users", json!({"userName": "x"})).await;
    desk.user("adam").await;
    let told = stream.until("event: log").await;
    let seq = desk.local("GET", "/api/v1/tenants/default/log", Value::Null).await.body["data"][0]["seq"].clone();
    assert!(told.contains(&format!("event: log\nid: {seq}\ndata: {seq}\n\n")), "{told}");
    assert!(stream.until("event: tiles").await.contains("event: setup") || told.contains("event: setup"));
    desk.local("GET", "/scim/v2/Users?count=1", Value::Null).await;
    stream.until("event: log").await;
    workers.stop().await;
}

#[tokio::test]
async fn a_page_that_comes_back_looks_at_everything() {
    let desk = Desk::new();
    let owner = Browser::owner(&desk).await;
    let mut request = owner.request("GET", "/console/events").header("last-event-id", "3").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::Remote(([192, 0, 2, 1], 1).into()));
    let response = server::router(desk.app.clone()).oneshot(request).await.unwrap();
    let first = Stream(response.into_body()).piece().await.unwrap();
    for topic in ["log", "tiles", "setup", "jobs", "tokens"] {
        assert!(first.contains(&format!("event: {topic}\n")), "{first}");
    }
}

#[tokio::test]
async fn a_page_hears_what_happened_before_its_stream_began() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let stream = |page: &str| {
        let (_, rest) = page.split_once("hx-sse:connect=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let address = stream(&owner.get("/app/jobs").await.text);
    for happens in [false, true] {
        if happens {
            desk.user("adam").await;
        }
        let mut request = owner.request("GET", &address).body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer::Remote(([192, 0, 2, 1], 1).into()));
        let response = server::router(desk.app.clone()).oneshot(request).await.unwrap();
        let first = Stream(response.into_body()).piece().await.unwrap();
        assert_eq!(first.contains("event: jobs"), happens, "{first}");
    }
}

#[tokio::test]
async fn streams_of_one_operator_are_bounded() {
    let desk = Desk::new();
    let owner = Browser::owner(&desk).await;
    let mut open = Vec::new();
    for _ in 0..16 {
        let (status, mut stream) = Stream::open(&owner).await;
        assert_eq!(status, 200);
        stream.until("event: live").await;
        open.push(stream);
    }
    assert_eq!(Stream::open(&owner).await.0, 429);
    open.clear();
    // The places come back when the pages are gone.
    for _ in 0..100 {
        if Stream::open(&owner).await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no place came back");
}
