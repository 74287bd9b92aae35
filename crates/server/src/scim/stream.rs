//! An answer that may be larger than what should be in memory: it is written once, into memory while it is small, and
//! piece by piece to whoever reads it where it carries many members.
//!
//! How it goes: the work runs on a reader thread with a sink that takes small answers only. If its answer is a large
//! one, it runs again, on a thread that may wait for its client, in one snapshot; the first piece makes the HTTP answer,
//! the rest follows as the client takes it. A failure behind the first piece breaks the answer off.

use super::Cx;
use crate::answer::Answer;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::limits;
use crate::pieces::{self, Pieces};
use crate::record::Trace;
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use store::Reader;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Bytes of a piece.
const PIECE_BYTES: usize = 64 << 10;

/// Where an answer is written.
pub(super) struct Sink {
    bytes: Vec<u8>,
    head: Answer,
    large: Option<Large>,
}

/// The way to a client.
struct Large {
    runtime: Handle,
    started: Stopwatch,
    way: Way,
}

enum Way {
    /// Nothing was sent: the first piece goes with the head.
    Closed(oneshot::Sender<Answer>),
    Open(Pieces),
}

/// What the work says: that it has written its answer, or that the answer is too large for this sink.
pub(super) enum Written {
    /// With a step for the log.
    Whole(Option<String>),
    Large,
}

impl Sink {
    fn new(large: Option<Large>) -> Self {
        Self { bytes: Vec::new(), head: Answer::empty(200), large }
    }

    /// A sink for small answers.
    pub(super) fn in_memory() -> Self {
        Self::new(None)
    }

    /// A sink for whoever reads pieces already.
    pub(super) fn to_pieces(runtime: Handle, pieces: Pieces) -> Self {
        Self::new(Some(Large { runtime, started: Stopwatch::start(), way: Way::Open(pieces) }))
    }

    /// Whether an answer with so many members may be written here.
    pub(super) fn takes(&self, members: u64) -> bool {
        self.large.is_some() || members <= limits::MEMBERS_WHOLE_MAX
    }

    /// What stands above the body.
    pub(super) fn head(&mut self, head: Answer) {
        self.head = head;
    }

    /// Where to append.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Between two elements: sends what there is when it is enough for a piece. Waits for the client.
    pub(super) fn breathe(&mut self) -> store::Result<()> {
        if self.large.is_some() && self.bytes.len() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    /// Sends what there is.
    pub(super) fn flush(&mut self) -> store::Result<()> {
        let Some(large) = &mut self.large else { return Ok(()) };
        if self.bytes.is_empty() {
            return Ok(());
        }
        // As long as the last one: pieces are about of one size.
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(PIECE_BYTES + 1_024));
        if large.started.micros() > limits::STREAM_TIME {
            return Err(store::Error::Unavailable);
        }
        match &large.way {
            Way::Open(pieces) => {
                // It fails where the client went away, or stopped reading.
                if large.send(pieces, Ok(bytes.into())) { Ok(()) } else { Err(store::Error::Unavailable) }
            }
            Way::Closed(_) => {
                let (pieces, rest) = pieces::rest();
                let head = std::mem::replace(&mut self.head, Answer::empty(200));
                let answer = Answer { body: bytes.into(), rest: Some(rest), ..head };
                match std::mem::replace(&mut large.way, Way::Open(pieces)) {
                    Way::Closed(reply) => reply.send(answer).map_err(|_| store::Error::Unavailable),
                    Way::Open(_) => Ok(()),
                }
            }
        }
    }

    /// Sends the end: without it, the answer is broken off.
    pub(super) fn finish(mut self) -> store::Result<()> {
        self.flush()?;
        self.large = None;
        Ok(())
    }

    /// The whole answer, of a sink that sent nothing.
    pub(super) fn whole(mut self) -> Answer {
        let head = std::mem::replace(&mut self.head, Answer::empty(200));
        Answer { body: std::mem::take(&mut self.bytes).into(), ..head }
    }
}

impl Large {
    /// Whether the client took it in time.
    fn send(&self, pieces: &Pieces, piece: io::Result<Bytes>) -> bool {
        let sent = async { tokio::time::timeout(limits::PIECE_TIME, pieces.send(piece)).await };
        matches!(self.runtime.block_on(sent), Ok(Ok(())))
    }
}

/// Nobody takes half of an answer for the whole, however it ended.
impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(large) = &self.large
            && let Way::Open(pieces) = &large.way
        {
            large.send(pieces, Err(io::Error::other("the answer was broken off")));
        }
    }
}

/// How much a work reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// A few rows by their keys: on the thread that serves the request.
    Few,
    Many,
}

/// Answers by what the work writes; it may run twice.
pub(super) async fn answer<F>(cx: &Cx, trace: &mut Trace, rows: Rows, work: F) -> Result<Answer>
where
    F: Fn(&Reader, &mut Sink) -> Result<Written> + Send + Sync + 'static,
{
    let (work, store) = (Arc::new(work), cx.app.store().clone());
    let small = Arc::clone(&work);
    let read = move |r: &Reader| -> Result<Option<(Answer, Option<String>)>> {
        let mut sink = Sink::in_memory();
        match small(r, &mut sink)? {
            Written::Whole(step) => Ok(Some((sink.whole(), step))),
            Written::Large => Ok(None),
        }
    };
    let written = if rows == Rows::Few { store.read_short(read).await? } else { store.read(read).await? };
    if let Some((answer, step)) = written {
        step.into_iter().for_each(|step| trace.step(step));
        return Ok(answer);
    }
    trace.step("many members: the answer is sent while it is read");
    streamed(cx, work).await
}

/// The same on a thread that may wait for the client; comes back with the first piece.
async fn streamed<F>(cx: &Cx, work: Arc<F>) -> Result<Answer>
where
    F: Fn(&Reader, &mut Sink) -> Result<Written> + Send + Sync + 'static,
{
    let (reply, first) = oneshot::channel();
    let (runtime, started) = (Handle::current(), Stopwatch::start());
    let store = cx.app.store().clone();
    let written = tokio::spawn(async move {
        let large = Large { runtime, started, way: Way::Closed(reply) };
        store.stream(move |r| write(r, Sink::new(Some(large)), &*work)).await
    });
    match first.await {
        Ok(answer) => Ok(answer),
        // It ended without a first piece: with a small answer, or with an error.
        Err(_) => match written.await {
            Ok(answer) => answer,
            Err(_) => Err(store::Error::Unavailable.into()),
        },
    }
}

fn write<F>(r: &Reader, mut sink: Sink, work: &F) -> Result<Answer>
where
    F: Fn(&Reader, &mut Sink) -> Result<Written>,
{
    let outcome = work(r, &mut sink);
    let has_begun = matches!(&sink.large, Some(Large { way: Way::Open(_), .. }));
    if let Err(error) = outcome {
        // That a client went away is nobody's failure.
        if has_begun && !matches!(error, Error::Store(store::Error::Unavailable)) {
            tracing::error!(error = ?error, "an answer was broken off");
        }
        return Err(error);
    }
    if has_begun {
        sink.finish()?;
        return Ok(Answer::empty(200));
    }
    sink.large = None;
    Ok(sink.whole())
}
