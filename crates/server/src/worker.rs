//! What goes on beside the requests: the log entries of reads, old log entries and sign-ins, the last use of tokens.

use crate::app::App;
use crate::events::Topic;
use crate::limits;
use std::collections::HashSet;
use std::time::Duration;
use store::{LogBlock, Writer};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The running workers.
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    /// One more, which ends when it hears of the end.
    pub(crate) fn add<F>(&mut self, work: impl FnOnce(watch::Receiver<bool>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push(tokio::spawn(work(self.stop.subscribe())));
    }

    /// Ends them; what waits to be written is written first.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Starts them.
pub fn start(app: &App) -> Workers {
    let (stop, stopping) = watch::channel(false);
    let mut tasks = vec![
        tokio::spawn(every(limits::TOKEN_USE_EVERY, app.clone(), stopping.clone(), note_tokens)),
        tokio::spawn(every(limits::TOKEN_USE_EVERY, app.clone(), stopping.clone(), note_received)),
        tokio::spawn(every(limits::PRUNE_EVERY, app.clone(), stopping.clone(), prune)),
        tokio::spawn(do_jobs(app.clone(), stopping.clone())),
        tokio::spawn(crate::outbound::run(app.clone(), stopping.clone())),
    ];
    if let Some(generation) = app.store().generation() {
        tasks.push(tokio::spawn(follow_nodes(app.clone(), generation, stopping.clone())));
    }
    tasks.push(tokio::spawn(write_log(app.clone(), stopping)));
    Workers { stop, tasks }
}

/// Does something again and again, and once more at the end.
async fn every<F: Future<Output = ()>>(pause: Duration, app: App, mut stop: watch::Receiver<bool>, work: fn(App) -> F) {
    loop {
        let stopping = tokio::select! {
            () = tokio::time::sleep(pause) => false,
            _ = stop.changed() => true,
        };
        work(app.clone()).await;
        if stopping {
            return;
        }
    }
}

/// Jobs turn by turn, with a look for new ones in between; what is not done when the server stops goes on at its start.
async fn do_jobs(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let worked = crate::admin::jobs::turn(&app).await;
        let pause = match worked {
            Ok(true) => continue,
            Ok(false) => limits::JOBS_EVERY,
            Err(error) => {
                tracing::warn!(error = %error.to_scim(""), "a job did not go on");
                limits::JOBS_RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Takes in what other nodes changed of tenants and tokens.
async fn follow_nodes(app: App, mut generation: watch::Receiver<i64>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            changed = generation.changed() => if changed.is_err() { return },
            _ = stop.changed() => return,
        }
        while let Err(error) = app.reload().await {
            tracing::warn!(error = %error.to_scim(""), "what another node changed was not taken in; trying again");
            tokio::select! {
                () = tokio::time::sleep(limits::RELOAD_RETRY) => {}
                _ = stop.changed() => return,
            }
        }
        app.tenants().all().iter().for_each(|state| app.events().publish(state.tenant.id, Topic::Settings));
    }
}

async fn note_tokens(app: App) {
    let uses = app.tokens().uses();
    if uses.is_empty() {
        return;
    }
    if let Err(error) = app.store().write(move |w| w.tokens_used(&uses)).await {
        tracing::warn!(%error, "the last use of tokens was not written down");
    }
    app.tenants().all().iter().for_each(|state| app.events().publish(state.tenant.id, Topic::Tokens));
}

async fn note_received(app: App) {
    let known: HashSet<_> = app.tenants().all().iter().map(|state| state.tenant.id).collect();
    let taken = app.arrivals().take(&known);
    if taken.is_empty() {
        return;
    }
    if let Err(error) = app.store().write(move |w| w.received_note(&taken)).await {
        tracing::warn!(%error, "which attributes came was not written down");
    }
}

async fn prune(app: App) {
    let now = app.clock().now();
    for state in app.tenants().all() {
        let (tenant, limits) = (state.tenant.id, state.tenant.settings.log);
        loop {
            match app.store().write_in(tenant, move |w| w.log_prune(tenant, &limits, now)).await {
                Ok(store::LOG_PRUNED_MAX) => continue,
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, tenant = state.tenant.name, "old log entries were not taken away");
                    break;
                }
            }
        }
        let (files, jobs) = (now - limits::IMPORT_FILE_LIFE, now - limits::JOB_FAILURES_LIFE);
        if let Err(error) = app.store().write_in(tenant, move |w| w.imports_prune(tenant, files, jobs)).await {
            tracing::warn!(%error, tenant = state.tenant.name, "old files of imports were not taken away");
        }
        if let Err(error) = app.store().write_in(tenant, move |w| w.sign_ins_prune(tenant, now)).await {
            tracing::warn!(%error, tenant = state.tenant.name, "sign-ins that ran out were not taken away");
        }
        if let Err(error) = app.store().write_in(tenant, move |w| w.task_notes_prune(tenant)).await {
            tracing::warn!(%error, tenant = state.tenant.name, "notes on tasks that are over were not taken away");
        }
    }
}

/// Collects the entries of reads for a moment and writes them together; reads pay nothing for their fsync.
async fn write_log(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        let stopping = tokio::select! {
            () = app.log().ready() => false,
            _ = stop.changed() => true,
        };
        flush(&app).await;
        if stopping {
            return;
        }
    }
}

/// Has everything written that waited when it was asked: whoever lists the log sees what came before. It costs nothing
/// where nothing waits, and where writing takes long it is not waited for.
pub(crate) async fn settle_log(app: &App) {
    if !app.log().is_idle() {
        let app = app.clone();
        let written = tokio::spawn(async move { flush(&app).await });
        let _ = tokio::time::timeout(limits::LOG_SETTLE, written).await;
    }
}

async fn flush(app: &App) {
    let _turn = app.log().turn().await;
    // All at once, so that one commit serves them where one can.
    let writes: Vec<_> = app
        .log()
        .take()
        .by_tenant()
        .map(|(tenant, blocks, entries)| {
            let count = blocks.iter().map(LogBlock::len).sum::<usize>() + entries.len();
            let newest = blocks.iter().map(LogBlock::last).chain(entries.iter().map(|entry| entry.seq)).max();
            let app = app.clone();
            let work = move |w: &mut Writer| -> store::Result<()> {
                entries.into_iter().for_each(|entry| w.log(entry));
                blocks.into_iter().try_for_each(|block| w.log_block(tenant, block))
            };
            (
                tenant,
                count,
                newest.unwrap_or(0),
                tokio::spawn(async move { app.store().write_log_in(tenant, work).await }),
            )
        })
        .collect();
    for (tenant, count, newest, written) in writes {
        match written.await.unwrap_or(Err(store::Error::Unavailable)) {
            Ok(()) => app.events().publish(tenant, Topic::Log(newest)),
            Err(error) => tracing::warn!(%error, count, "log entries were lost"),
        }
    }
}
