//! A simulated target behind real HTTP: one for each path, on the simulation that the rules are tested with.

#[allow(dead_code, unreachable_pub)]
#[path = "../../../../store/tests/it/cluster.rs"]
mod cluster;
mod faults;
#[allow(dead_code)]
#[path = "../../../../provision/tests/it/sim.rs"]
mod sim;

use crate::clock::Clock;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use provision::outcome::{Answer, Body as Said, Lost};
use provision::wire::{Method, Request as Asked};
use sim::Sim;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

/// Targets by the first part of the path.
#[derive(Clone)]
struct Targets {
    address: String,
    held: Arc<Mutex<BTreeMap<String, Sim>>>,
    clock: Clock,
}

impl Targets {
    async fn start(clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let targets = Self { address, held: Arc::default(), clock };
        let serving = targets.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let targets = serving.clone();
                let service = hyper::service::service_fn(move |request| targets.clone().answer(request));
                let stream = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
            }
        });
        targets
    }

    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Sim) -> T) -> T {
        work(self.held.lock().unwrap().entry(name.to_owned()).or_default())
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(Body::new(body), usize::MAX).await.map_err(io::Error::other)?;
        let path = parts.uri.path().trim_start_matches('/');
        let (name, rest) = path.split_once('/').unwrap();
        let asked = Asked {
            method: [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete]
                .into_iter()
                .find(|method| method.as_str() == parts.method.as_str())
                .unwrap(),
            path: format!("/{rest}"),
            query: crate::query::pairs(parts.uri.query().unwrap_or_default()).collect(),
            body: (!bytes.is_empty()).then(|| serde_json::from_slice(&bytes).unwrap()),
            if_match: None,
        };
        let now = self.clock.now();
        match self.with(name, |sim| sim.call(&asked, now)) {
            Answer::Got(got) => {
                let mut response = Response::builder().status(got.status);
                for (header, value) in [("retry-after", got.retry_after), ("etag", got.etag)] {
                    if let Some(value) = value {
                        response = response.header(header, value);
                    }
                }
                let body = match got.body {
                    Said::Empty => Body::empty(),
                    Said::Json(value) => Body::from(value.to_string()),
                    Said::Other => Body::from("<html>a page</html>"),
                };
                Ok(response.body(body).unwrap())
            }
            Answer::Unsent(_) => Err(io::Error::other("a target sends nothing")),
            Answer::Lost(lost) => {
                if lost == Lost::Timeout {
                    // Longer than the app's own patience, which the test sets to a second.
                    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
                }
                Err(io::Error::other("the connection breaks"))
            }
        }
    }
}
