//! What is live: one stream of events for each open page, from which its parts hear that they are out of date.
//!
//! An event is a topic and no content: the page asks for its parts again, by the same addresses and filters as before.
//! So it does not matter which event a page missed while it slept; at its return it hears of every topic once, and so
//! does a page of which something happened between its making and the beginning of its stream (`seen`).

use super::desk::Desk;
use super::fault::{Fault, Shown};
use crate::app::App;
use crate::error::Error;
use crate::events::{Event, Topic};
use crate::limits;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::routing::get;
use bytes::Bytes;
use scim::Code;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

/// Pieces of a stream that wait for a slow browser.
const PIECES_MAX: usize = 8;

pub(super) fn router() -> Router<App> {
    Router::new().route("/console/events", get(events))
}

async fn events(cx: Desk, headers: HeaderMap) -> Shown {
    if !cx.app.desks().stream_open(&cx.operator.id) {
        return Err(Fault::from(Error::busy(Code::STREAMS, "too many live pages are open; close some")));
    }
    let resumes = headers.contains_key("last-event-id");
    let seen = cx.asked("seen").and_then(|text| text.parse().ok()).filter(|_| !resumes);
    let (pieces, out) = mpsc::channel(PIECES_MAX);
    tokio::spawn(tell(cx, if resumes { Since::Before } else { seen.map_or(Since::Now, Since::Seen) }, pieces));
    Ok(event_stream(out))
}

/// A stream of events as an answer.
pub(crate) fn event_stream(pieces: mpsc::Receiver<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::new(Stream(pieces)));
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx and its kind would otherwise gather what should come at once.
    answer.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Which topics a page has to hear about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stale {
    log: bool,
    tiles: bool,
    jobs: bool,
    tokens: bool,
    settings: bool,
    apps: bool,
}

impl Stale {
    const ALL: Self = Self { log: true, tiles: true, jobs: true, tokens: true, settings: true, apps: true };

    fn note(&mut self, topic: Topic) {
        match topic {
            Topic::Log(_) => (self.log, self.tiles) = (true, true),
            Topic::Jobs => self.jobs = true,
            Topic::Tokens => self.tokens = true,
            Topic::Settings => self.settings = true,
            Topic::Apps => self.apps = true,
        }
    }

    /// As events of a stream; `setup` is anything that a step of the setup may wait for.
    fn write(self, seq: i64) -> String {
        let setup = self.log || self.tokens || self.settings;
        let topics = [
            ("log", self.log),
            ("tiles", self.tiles),
            ("setup", setup),
            ("jobs", self.jobs),
            ("tokens", self.tokens),
            ("settings", self.settings),
            ("apps", self.apps),
        ];
        let told = topics.iter().filter(|(_, stale)| *stale);
        told.map(|(name, _)| format!("event: {name}\nid: {seq}\ndata: {seq}\n\n")).collect()
    }
}

/// What a page knows already.
#[derive(Clone, Copy, Debug)]
enum Since {
    /// Everything that there is.
    Now,
    /// What there was when it was made: so many events.
    Seen(u64),
    /// What there was some time ago.
    Before,
}

/// Tells one page until it goes away, is signed out, or the server stops.
async fn tell(cx: Desk, since: Since, pieces: mpsc::Sender<Bytes>) {
    let app = cx.app.clone();
    let (mut listener, mut stopping) = app.events().listen();
    let missed = match since {
        Since::Now => false,
        Since::Seen(count) => count != app.events().count(),
        Since::Before => true,
    };
    let events = &mut listener.events;
    // `tiles` waits for its turn: numbers that change faster than they can be read tell nothing.
    let mut tiles = tokio::time::interval(limits::STREAM_TILES);
    tiles.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut heartbeat = tokio::time::interval(limits::STREAM_HEARTBEAT);
    let (mut stale, mut seq) = (if missed { Stale::ALL } else { Stale::default() }, 0);
    let begin = format!("retry: 2000\n\nevent: live\ndata: 1\n\n{}", stale.write(seq));
    let mut open = pieces.send(begin.into()).await.is_ok();
    let mut tiles_due = false;
    stale = Stale::default();
    while open {
        tokio::select! {
            event = events.recv() => {
                if matches!(event, Err(RecvError::Closed)) { break; }
                take(&cx, event, &mut stale, &mut seq);
                tokio::time::sleep(limits::STREAM_GATHER).await;
                drain(&cx, events, &mut stale, &mut seq);
                tiles_due |= std::mem::take(&mut stale.tiles);
                let told = std::mem::take(&mut stale).write(seq);
                open = told.is_empty() || pieces.send(told.into()).await.is_ok();
            }
            _ = tiles.tick(), if tiles_due => {
                tiles_due = false;
                open = pieces.send(Stale { tiles: true, ..Stale::default() }.write(seq).into()).await.is_ok();
            }
            _ = heartbeat.tick() => {
                open = still_signed_in(&cx).await && pieces.send(Bytes::from_static(b": still here\n\n")).await.is_ok();
            }
            () = pieces.closed() => break,
            _ = stopping.changed() => break,
        }
    }
    cx.app.desks().stream_close(&cx.operator.id);
}

fn take(cx: &Desk, event: Result<Event, RecvError>, stale: &mut Stale, seq: &mut i64) {
    match event {
        Ok(event) if event.tenant == cx.tenant.tenant.id => {
            if let Topic::Log(new) = event.topic {
                *seq = new.max(*seq);
            }
            stale.note(event.topic);
        }
        Ok(_) | Err(RecvError::Closed) => {}
        Err(RecvError::Lagged(_)) => *stale = Stale::ALL,
    }
}

fn drain(cx: &Desk, events: &mut broadcast::Receiver<Event>, stale: &mut Stale, seq: &mut i64) {
    loop {
        match events.try_recv() {
            Ok(event) => take(cx, Ok(event), stale, seq),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => take(cx, Err(RecvError::Lagged(missed)), stale, seq),
            Err(_) => return,
        }
    }
}

/// A session that was revoked hears nothing more.
async fn still_signed_in(cx: &Desk) -> bool {
    let (hash, id) = (cx.signed.session.hash, cx.operator.id.clone());
    let found = cx.app.store().read(move |r| -> store::Result<bool> {
        Ok(r.session(&hash)?.is_some() && r.operator(&id)?.is_some_and(|operator| operator.disabled_at.is_none()))
    });
    found.await.unwrap_or(false)
}

/// The pieces as a body.
struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(hyper::body::Frame::data(piece))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_becomes_an_event_with_the_number_of_the_log() {
        let mut stale = Stale::default();
        stale.note(Topic::Log(7));
        assert_eq!(
            stale.write(7),
            "event: log\nid: 7\ndata: 7\n\nevent: tiles\nid: 7\ndata: 7\n\nevent: setup\nid: 7\ndata: 7\n\n"
        );
        assert_eq!(Stale::default().write(7), "");
    }
}
