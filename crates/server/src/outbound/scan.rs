//! Scans: an app's users and groups read page by page, for reconciliation and for import.
//!
//! A page is one transaction: what it says about links, what was found, and how far the scan is. A scan goes on where the
//! process before it died. What was not in a whole list is looked at behind it, and not before a safeguard has agreed.

use super::integration::Integration;
use super::send::{Secret, Sent, send};
use super::{import, others, reconcile};
use crate::app::App;
use crate::error::{Error, Result};
use crate::limits;
use crate::tenants::TenantState;
use provision::import::{Index, Safeguard, safeguard};
use provision::link::Kind;
use provision::outcome::{Answer, NoToken, Page, page, retry_after};
use provision::wire;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{AppId, AppRow, LinkKind, Run, RunState, Writer};
use tokio::sync::watch;

/// How far a scan is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Position {
    /// Users first, then groups.
    pub(crate) groups: bool,
    /// Resources that were read.
    pub(crate) read: u64,
    /// The next page by RFC 9865.
    pub(crate) cursor: Option<String>,
    /// Who stood first on the page before.
    pub(crate) first: Option<String>,
    /// Whether a page came again: the app does not page, and what else it has nobody knows.
    pub(crate) repeats: bool,
    /// Whether the list was read to its end, and what it did not show is looked at.
    pub(crate) unseen: bool,
    /// Behind which link.
    pub(crate) after: i64,
    /// Whether somebody has agreed to what the safeguard found.
    pub(crate) agreed: bool,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Of an incremental import: only what was changed since then. Nothing, if the app cannot be asked that.
    pub(crate) since: Option<i64>,
}

/// Everything that a scan works with.
pub(crate) struct Scan {
    pub(crate) app: App,
    pub(crate) state: Arc<TenantState>,
    pub(crate) integration: Integration,
    pub(crate) secret: Secret,
    pub(crate) run: Run,
    pub(crate) position: Position,
    /// Of an import: people by what the rules compare.
    pub(crate) index: Option<Index>,
    /// The apps whose expressions read the accounts of this one.
    pub(crate) readers: Vec<AppId>,
}

/// Does the scans that wait, a page of each in turn, until none could go on.
pub(crate) async fn turns(app: App, stop: watch::Receiver<bool>) {
    let mut indexes = HashMap::new();
    while !*stop.borrow() {
        match turn(&app, &mut indexes).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(error = %error.to_scim(""), "a scan rests for a moment");
                tokio::time::sleep(limits::OUTBOUND_RETRY).await;
            }
        }
    }
}

/// The next page of one scan; whether there was one. `indexes` are those of imports that are not at their end.
async fn turn(app: &App, indexes: &mut HashMap<i64, Index>) -> Result<bool> {
    let (now, node) = (app.clock().now(), app.node().to_owned());
    let claim = move |w: &mut Writer| w.run_claim(&node, now, now.saturating_add(limits::SCAN_LEASE));
    let run: Option<Run> = app.store().write(claim).await.map_err(|error: store::Error| Error::from(error))?;
    let Some(mut run) = run else { return Ok(false) };
    run.started_at = run.started_at.or(Some(now));
    run.state = RunState::Running;
    let index = indexes.remove(&run.id);
    let Some(mut scan) = Scan::open(app, run, index).await? else { return Ok(true) };
    scan.work().await?;
    if let Some(index) = scan.index.filter(|_| scan.run.finished_at.is_none()) {
        if indexes.len() >= limits::SCAN_INDEXES_MAX {
            indexes.clear();
        }
        indexes.insert(scan.run.id, index);
    }
    Ok(true)
}

impl Scan {
    async fn open(app: &App, run: Run, index: Option<Index>) -> Result<Option<Self>> {
        let id = run.app;
        let row: Option<AppRow> = app.store().read(move |r| r.app(id)).await?;
        let state = app.tenants().all().into_iter().find(|state| state.tenant.id == run.tenant);
        let (Some(row), Some(state)) = (row, state) else {
            let gone = Run { state: RunState::Cancelled, finished_at: Some(app.clock().now()), ..run };
            app.store()
                .write(move |w| w.run_update(&gone, None))
                .await
                .map_err(|error: store::Error| Error::from(error))?;
            return Ok(None);
        };
        let integration = Integration::of(row)?;
        let secret = Secret::of(app, &integration).await?;
        let position = serde_json::from_value(run.position.clone()).unwrap_or_default();
        let (tenant, name) = (state.tenant.id, integration.row.name.clone());
        let readers = app.store().read(move |r| others::readers(r, tenant, id, &name)).await?;
        let mut scan = Self { app: app.clone(), state, integration, secret, run, position, index, readers };
        if scan.is_import() && scan.index.is_none() {
            scan.index = Some(import::index(&scan).await?);
        }
        Ok(Some(scan))
    }

    pub(crate) fn is_import(&self) -> bool {
        self.run.kind == "import"
    }

    pub(crate) fn kind(&self) -> LinkKind {
        if self.position.groups { LinkKind::Group } else { LinkKind::User }
    }

    async fn work(&mut self) -> Result<()> {
        if self.position.unseen { self.next_unseen().await } else { self.next_page().await }
    }

    async fn next_page(&mut self) -> Result<()> {
        let (kind, target) = (super::inputs::kind_of(self.kind()), &self.integration.app.target);
        let request = match &self.position.cursor {
            Some(cursor) => wire::list_after(kind, cursor, target),
            None => wire::list(kind, self.position.read + 1, target),
        };
        let request = match self.position.since {
            Some(since) => request.changed_since(since),
            None => request,
        };
        let Sent { answer, exchange, .. } =
            send(&self.app, &self.state, &self.integration, &self.secret, "scan", &request).await;
        let now = self.app.clock().now();
        let was_asked = !matches!(answer, Answer::Unsent(_));
        let (found, asked) = match &answer {
            Answer::Got(response) if response.refusal().is_none() => (page(response), None),
            Answer::Got(response) => {
                (None, response.retry_after.as_deref().and_then(|header| retry_after(header, now)))
            }
            Answer::Unsent(NoToken::Busy { retry_after: Some(header) }) => (None, retry_after(header, now)),
            Answer::Lost(_) | Answer::Unsent(_) => (None, None),
        };
        match found {
            Some(page) => {
                self.position.failures = 0;
                self.take(page).await
            }
            None if self.position.since.is_some() && was_asked && exchange.status.is_some_and(cannot_filter) => {
                self.position = Position { groups: self.position.groups, ..Position::default() };
                self.keep().await
            }
            None => self.failed(exchange, asked).await,
        }
    }

    /// Takes a page over.
    async fn take(&mut self, page: Page) -> Result<()> {
        let shown = u64::try_from(page.resources.len()).unwrap_or(u64::MAX);
        self.position.read += shown;
        let behind = page.total.is_some_and(|total| self.position.read < total) && shown > 0;
        self.position.cursor = page.next_cursor.clone().filter(|_| shown > 0);
        let first = page.resources.first().and_then(remote_id);
        self.position.repeats |= first.is_some() && first == self.position.first;
        self.position.first = first;
        let more = (self.position.cursor.is_some() || behind) && !self.position.repeats;
        if self.position.repeats {
            self.count("repeated", 1);
        } else if self.is_import() {
            import::page(self, &page.resources).await?;
        } else {
            reconcile::page(self, page.resources.clone()).await?;
        }
        if more {
            return self.keep().await;
        }
        // A list that ended early, or began anew, proves nothing about what it did not show.
        let whole = page.total.is_none_or(|total| self.position.read >= total) && !self.position.repeats;
        if whole && self.run.mode == "full" { self.safeguard().await } else { self.next_kind().await }
    }

    /// Judges a whole list before anything is taken away because of it.
    async fn safeguard(&mut self) -> Result<()> {
        let (kind, run) = (self.kind(), self.run.clone());
        let (known, missing): (u64, u64) = self.app.store().read(move |r| r.run_missing(&run, kind)).await?;
        let percent = self.integration.options.safeguard_percent;
        (self.position.unseen, self.position.after) = (true, 0);
        if let (Safeguard::Stop { missing, allowed, known }, false) =
            (safeguard(known, missing, percent), self.position.agreed)
        {
            self.run.state = RunState::Stopped;
            self.run.error = Some(format!(
                "{missing} of {known} known accounts are not in the app's list, and at most {allowed} may be; \
                 look at the app, then let the run go on or cancel it"
            ));
        }
        self.keep().await
    }

    async fn next_unseen(&mut self) -> Result<()> {
        let (kind, run, after) = (self.kind(), self.run.clone(), self.position.after);
        let rows: Vec<store::LinkRow> =
            self.app.store().read(move |r| r.run_unseen(&run, kind, after, limits::SCAN_UNSEEN)).await?;
        let Some(last) = rows.last() else { return self.next_kind().await };
        self.position.after = last.id;
        if self.is_import() {
            import::unseen(self, rows).await?
        } else {
            reconcile::unseen(self, rows).await?
        }
        self.keep().await
    }

    /// Users are done: groups, if they are wanted; or the end.
    async fn next_kind(&mut self) -> Result<()> {
        let actions = &self.integration.app.policy.actions;
        let groups = if self.is_import() { actions.import_groups } else { actions.push_groups };
        if !self.position.groups && groups {
            self.position = Position { groups: true, since: self.position.since, ..Position::default() };
            return self.keep().await;
        }
        (self.run.state, self.run.finished_at) = (RunState::Done, Some(self.app.clock().now()));
        self.keep().await
    }

    /// A page was not read. Whoever is asked to wait waits, and has not failed; others have their turns meanwhile.
    async fn failed(&mut self, exchange: store::Exchange, asked: Option<i64>) -> Result<()> {
        self.position.failures += u32::from(asked.is_none());
        let status = exchange.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
        if self.position.failures >= limits::SCAN_FAILURES_MAX {
            (self.run.state, self.run.finished_at) = (RunState::Failed, Some(self.app.clock().now()));
            self.run.error = Some(format!("the app's list cannot be read: {status}; see the last exchange"));
        }
        let kept = store::Exchange { outcome: "failed".into(), ..exchange };
        let tenant = self.run.tenant;
        self.write(move |w| w.exchanges_insert([&kept].into_iter())).await?;
        tracing::info!(run = self.run.id, tenant = tenant.0, status, "a page of a scan was not read");
        self.keep().await?;
        let (now, pause) =
            (self.app.clock().now(), limits::OUTBOUND_RETRY.saturating_mul(1 << self.position.failures.min(6)));
        let later = |pause: Duration| now.saturating_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
        let until = asked.unwrap_or(0).clamp(later(pause), later(limits::SCAN_REST_MAX));
        let run = self.run.id;
        self.write(move |w| w.run_rest(run, until)).await
    }

    /// Runs a write of this tenant.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> store::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.app.store().write_in(self.run.tenant, work).await.map_err(|error: store::Error| error.into())
    }

    /// Adds to the run's counts.
    pub(crate) fn count(&mut self, word: &str, more: u64) {
        if more == 0 {
            return;
        }
        if !self.run.counts.is_object() {
            self.run.counts = Value::Object(Map::new());
        }
        if let Some(counts) = self.run.counts.as_object_mut() {
            let known = counts.get(word).and_then(Value::as_u64).unwrap_or(0);
            counts.insert(word.to_owned(), json!(known + more));
        }
    }

    async fn keep(&mut self) -> Result<()> {
        self.run.position = json!(self.position);
        let (run, node) = (self.run.clone(), self.app.node().to_owned());
        self.write(move |w| w.run_update(&run, Some(&node))).await?;
        self.app.outbound().nudge();
        self.app.events().publish(self.run.tenant, crate::events::Topic::Apps);
        Ok(())
    }
}

/// Whether an app answers like this when it knows no such filter.
fn cannot_filter(status: u16) -> bool {
    matches!(status, 400 | 403 | 404 | 405 | 500 | 501)
}

/// A resource's id; some servers send numbers.
pub(crate) fn remote_id(resource: &Map<String, Value>) -> Option<String> {
    match resource.get("id")? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a document says that it is out of use.
pub(crate) fn is_inactive(kind: Kind, document: &Map<String, Value>) -> bool {
    let off = document.get("active").is_some_and(|active| provision::link::equal(&Value::Bool(false), active));
    kind == Kind::User && off
}
