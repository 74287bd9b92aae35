//! Watches the database on a thread of its own: whether it is there, whether another node has changed what nodes keep in
//! memory, and whether its planner knows how large the tables have become.
//!
//! A notification is a nudge; the number that it is about is read from the database, and is read every second anyway.

use super::Shared;
use super::session::{Ahead, Failure, Session, told};
use super::statistics;
use crate::db::value::Row;
use crate::{Error, Result};
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_postgres::AsyncMessage;

/// How often the number is read without a nudge.
const TICK: Duration = Duration::from_secs(1);
/// First and longest pause between attempts to connect.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The running thread.
pub(in crate::db) struct Monitor {
    shared: Arc<Shared>,
    generation: watch::Receiver<i64>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Monitor {
    pub(in crate::db) fn start(shared: Arc<Shared>, generation: i64) -> Result<Self> {
        let (seen, heard) = watch::channel(generation);
        let (stop, stopping) = watch::channel(false);
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|error| Error::Broken(Box::new(error)))?;
        let watched = Arc::clone(&shared);
        let thread = crate::db::spawn("store-monitor", move || runtime.block_on(run(&watched, &seen, stopping)))?;
        Ok(Self { shared, generation: heard, stop, thread: Mutex::new(Some(thread)) })
    }

    /// The number that goes up when something changes that nodes keep in memory.
    pub(in crate::db) fn generation(&self) -> watch::Receiver<i64> {
        self.generation.clone()
    }

    /// Ways there and back that somebody waited for.
    pub(in crate::db) fn ways(&self) -> u64 {
        self.shared.ways.load(Ordering::Relaxed)
    }

    pub(in crate::db) fn close(&self) {
        self.stop.send_replace(true);
        crate::db::join(self.thread.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

async fn run(shared: &Shared, seen: &watch::Sender<i64>, mut stop: watch::Receiver<bool>) {
    let mut pause = PAUSE_MIN;
    while !*stop.borrow() {
        tokio::select! {
            why = watch_over(shared, seen, &mut pause) => {
                if shared.up.swap(false, Ordering::Relaxed) {
                    tracing::warn!(why, "the database does not answer; requests are refused until it does");
                }
            }
            _ = stop.changed() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            _ = stop.changed() => return,
        }
    }
}

/// Connects and stays; answers why it could not stay.
async fn watch_over(shared: &Shared, seen: &watch::Sender<i64>, pause: &mut Duration) -> String {
    let (client, mut connection) = match shared.open().await {
        Ok(connected) => connected,
        Err(error) => return told(&error),
    };
    let (nudge, mut nudged) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if matches!(message, AsyncMessage::Notification(_)) {
                // One that waits already says the same.
                let _ = nudge.try_send(());
            }
        }
    });
    let session = Session::new(client, shared.named);
    // A pooler that hands out sessions by the transaction cannot pass notifications on; the tick is enough.
    if shared.named && session.batch("listen provost").await.is_err() {
        return "it did not take listen".into();
    }
    let mut look = tokio::time::interval(statistics::LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut generation = None;
        let sql = "select value from meta where name = 'generation'";
        let mut row = |row: &Row<'_>| {
            generation = Some(row.get(0)?);
            Ok(true)
        };
        let ahead = Ahead::default();
        let read = session.run(&ahead, sql, &[], &mut row);
        match tokio::time::timeout(super::STATEMENT_MAX, read).await {
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => return failure.into_error().to_string(),
            Err(_) => return "it took too long".into(),
        }
        *pause = PAUSE_MIN;
        if !shared.up.swap(true, Ordering::Relaxed) {
            tracing::info!("the database answers again");
        }
        if let Some(generation) = generation {
            seen.send_if_modified(|seen| std::mem::replace(seen, generation) != generation);
        }
        tokio::select! {
            nudged = nudged.recv() => if nudged.is_none() {
                return "the session ended".into();
            },
            () = tokio::time::sleep(TICK) => {}
            _ = look.tick() => match tokio::time::timeout(super::STATEMENT_MAX, statistics::renew(&session)).await {
                Ok(Ok(()) | Err(Failure::Row(_))) => {}
                // What it may not count it goes without.
                Ok(Err(Failure::Refused(error))) => tracing::debug!(why = told(&error), "tables are not counted"),
                Ok(Err(Failure::Lost(why))) => return why,
                Err(_) => return "counting the tables took too long".into(),
            },
            () = shared.look.notified() => {}
        }
    }
}
