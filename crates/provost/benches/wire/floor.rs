//! The first floor: axum in a process of its own, with the same runtime and allocator, that takes the same requests
//! and answers the same bytes without doing anything.

use crate::client::{Answer, Connection, Request};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, RwLock};

/// The argument that makes this program the floor.
pub(crate) const ARGUMENT: &str = "--serve-the-floor";

pub(crate) struct Floor {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Floor {
    pub(crate) fn start() -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut child =
            Command::new(this).arg(ARGUMENT).stdout(Stdio::piped()).spawn().expect("it can be started again");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        output.read_line(&mut line).expect("it prints its address");
        Self { child, address: line.trim().parse().expect("an address") }
    }

    /// From now on every request is answered like this.
    pub(crate) fn answer_with(&self, answer: &Answer) {
        let mut connection = Connection::tcp(self.address).expect("it listens");
        let mut request = Request::new("POST", format!("/answer/{}", answer.status)).body(answer.body.clone());
        if let Some(tag) = answer.header("etag") {
            request = request.header("X-Tag", tag);
        }
        connection.send(&request).expect("an answer").expect(200);
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Fixed {
    status: StatusCode,
    tag: Option<HeaderValue>,
    body: Bytes,
}

type Shared = Arc<RwLock<Arc<Fixed>>>;

pub(crate) async fn serve() {
    let fixed = Fixed { status: StatusCode::OK, tag: None, body: Bytes::new() };
    let shared: Shared = Arc::new(RwLock::new(Arc::new(fixed)));
    // A group of 100 000 members is a large answer to be told.
    let told = post(keep).layer(axum::extract::DefaultBodyLimit::disable());
    let app = Router::new().route("/answer/{status}", told).fallback(fixed_answer).with_state(shared);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("its address"));
    axum::serve(listener, app).await.expect("it serves until it is killed");
}

async fn keep(
    State(shared): State<Shared>,
    axum::extract::Path(status): axum::extract::Path<u16>,
    headers: axum::http::HeaderMap,
    body: Bytes,
) {
    let status = StatusCode::from_u16(status).expect("a status");
    *shared.write().expect("no panic while it is held") =
        Arc::new(Fixed { status, tag: headers.get("x-tag").cloned(), body });
}

/// Reads the request as Provost has to, and answers.
async fn fixed_answer(State(shared): State<Shared>, body: Bytes) -> Response {
    std::hint::black_box(&body);
    let fixed = Arc::clone(&shared.read().expect("no panic while it is held"));
    let mut response = (fixed.status, fixed.body.clone()).into_response();
    let scim = HeaderValue::from_static("application/scim+json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, scim);
    if let Some(tag) = &fixed.tag {
        response.headers_mut().insert(header::ETAG, tag.clone());
    }
    response
}
