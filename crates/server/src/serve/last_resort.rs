//! What is left when something in here breaks: the request that met it is answered, and nobody else notices.
//!
//! The message and the place of a panic are on standard error before this is reached; the answer tells neither. A lock
//! that was held is free again, because nobody here minds a poisoned one, and a transaction is undone by its own drop.

use crate::app::request_id;
use crate::error::Error;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use scim::Code;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use tower::ServiceExt;

/// The router's answer, or that something is broken.
pub(super) async fn answer(router: Router, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let mut answer = pin!(router.oneshot(request));
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))).unwrap_or_else(|_| Poll::Ready(Ok(broken())))
    })
    .await
}

fn broken() -> Response<Body> {
    let id = request_id();
    tracing::error!(request = %id, "a request met a fault of ours; its place is on standard error");
    let error = Error::new(
        Code::INTERNAL,
        "something broke inside the server; try again, and report it with this number if it stays",
    );
    error.answer(&id).into_response(&id, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;

    #[tokio::test]
    async fn a_fault_of_ours_ends_one_request_and_says_nothing_of_itself() {
        let broken = || async {
            tokio::task::yield_now().await;
            assert_eq!("a secret of ours", "another");
        };
        let router = Router::new().route("/broken", get(broken)).route("/whole", get(|| async { "whole" }));
        for (path, status) in [("/broken", 500), ("/whole", 200), ("/broken", 500)] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let answer = super::answer(router.clone(), request).await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
            let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
            assert!(!String::from_utf8_lossy(&body).contains("secret"));
        }
    }
}
