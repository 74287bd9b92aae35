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
    let (pieces, out) = mpsc::channel(PIECES_MAX);
    (pieces, Body::new(Out(out)))
}

struct Out(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Out {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
