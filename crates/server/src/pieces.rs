//! An answer that is made while it is sent: pieces from a channel. A failure breaks the answer off, so that nobody takes
//! half of it for the whole.

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Pieces of an answer that wait for a slow reader.
const PIECES_MAX: usize = 8;

/// Where the pieces go in.
pub(crate) type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// A body, and where its pieces go in.
pub(crate) fn channel() -> (Pieces, Body) {
    let (pieces, rest) = rest();
    (pieces, rest.behind(Bytes::new()))
}

/// Breaks an answer off for a reason, which is told to the server's own log.
pub(crate) async fn break_off(pieces: &Pieces, why: &crate::error::Error) {
    let told = why.to_scim("").detail;
    tracing::warn!(why = %told, "an answer was broken off");
    let _ = pieces.send(Err(io::Error::other(told))).await;
}

/// What follows a piece that is known, and where it goes in.
pub(crate) fn rest() -> (Pieces, Rest) {
    let (pieces, out) = mpsc::channel(PIECES_MAX);
    (pieces, Rest { first: Bytes::new(), out })
}

/// Pieces that are still to come.
#[derive(Debug)]
pub(crate) struct Rest {
    first: Bytes,
    out: mpsc::Receiver<io::Result<Bytes>>,
}

impl Rest {
    /// As a body that begins with a piece.
    pub(crate) fn behind(self, first: Bytes) -> Body {
        Body::new(Self { first, ..self })
    }
}

impl hyper::body::Body for Rest {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.first)))));
        }
        self.out.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
