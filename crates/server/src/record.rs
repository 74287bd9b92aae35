//! The provisioning log: what was asked, what was decided and why, what changed, what was answered.
//!
//! The entry of a write is part of the write's own transaction. Entries of everything else (reads, refusals) are
//! written in batches a moment later. Secrets are taken out before an entry is made (`redact`).

use crate::answer::Answer;
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::redact::{self, REDACTED, Secrets};
use crate::scim::{Asked, Cx};
use crate::tenants::TenantState;
use axum::http::Method;
use scim::resource::{Ignored, full_name};
use scim::{Resource, ResourceType};
use serde_json::{Value, json};
use store::{LogEntry, LogLevel, MembersChanged, Writer};

/// Most decision steps of an entry, and most attributes and members of its difference.
const STEPS_MAX: usize = 100;
/// Bytes that are kept of the answer to a successful read: it says nothing that the database does not.
const READ_ANSWER_BYTES_MAX: usize = 256;
/// Longest value in a difference.
const VALUE_BYTES_MAX: usize = 1_024;

/// What a use case tells about itself while it works.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Nobody will read the difference, so none is made.
    pub(crate) quiet: bool,
    pub(crate) steps: Vec<String>,
    pub(crate) ignored: Vec<Ignored>,
    pub(crate) diff: Vec<Value>,
    /// Type and id of the resource that it is about.
    pub(crate) resource: Option<(String, String)>,
    /// Whether the entry is in the database, or will be with the transaction.
    pub(crate) written: bool,
    /// The number of that entry, once it is written.
    pub(crate) seq: i64,
}

impl Trace {
    pub(crate) fn step(&mut self, step: impl Into<String>) {
        if self.steps.len() < STEPS_MAX {
            self.steps.push(step.into());
        }
    }

    pub(crate) fn resource(&mut self, rt: &ResourceType, id: &str) {
        self.resource = Some((rt.name.clone(), id.to_owned()));
    }

    pub(crate) fn created(&mut self, new: &Resource, rt: &ResourceType, secrets: &Secrets) {
        self.changed(&Resource::default(), new, rt, secrets);
    }

    pub(crate) fn deleted(&mut self, old: &Resource, rt: &ResourceType, secrets: &Secrets) {
        self.changed(old, &Resource::default(), rt, secrets);
    }

    /// Notes every attribute that differs, before and after.
    pub(crate) fn changed(&mut self, old: &Resource, new: &Resource, rt: &ResourceType, secrets: &Secrets) {
        if self.quiet {
            return;
        }
        for (extension, attribute) in rt.attributes() {
            let (before, after) = (old.value(extension, attribute), new.value(extension, attribute));
            if before == after || self.diff.len() >= STEPS_MAX {
                continue;
            }
            let secret = attribute.returned == scim::Returned::Never || secrets.names(&attribute.name);
            let shown = |value: Option<&Value>| match value {
                None => Value::Null,
                Some(_) if secret => REDACTED.into(),
                Some(value) => short(value),
            };
            self.diff.push(json!({
                "attribute": full_name(extension, attribute),
                "before": shown(before),
                "after": shown(after),
            }));
        }
    }

    pub(crate) fn members(&mut self, moved: &MembersChanged) {
        for (name, ids) in [("membersAdded", &moved.added), ("membersRemoved", &moved.removed)] {
            if !ids.is_empty() {
                let first: Vec<_> = ids.iter().take(STEPS_MAX).collect();
                self.diff.push(json!({"attribute": name, "count": ids.len(), "ids": first}));
            }
        }
        if !moved.unknown.is_empty() {
            self.step(format!("{} members do not exist here and were left out", moved.unknown.len()));
        }
    }

    /// The steps in their order, those that left something out behind them.
    pub(crate) fn told(&self) -> Vec<String> {
        let ignored = self.ignored.iter().take(STEPS_MAX).map(|i| format!("{} was left out: {}", i.path, i.reason));
        self.steps.iter().cloned().chain(ignored).collect()
    }

    fn steps_text(&self) -> Option<String> {
        if self.steps.is_empty() && self.ignored.is_empty() {
            return None;
        }
        Some(json!(self.told()).to_string())
    }
}

fn short(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= VALUE_BYTES_MAX { value.clone() } else { redact::cut(&text, VALUE_BYTES_MAX).into() }
}

/// A use case that changed nothing, with what it told until then.
struct Undone {
    why: Why,
    trace: Trace,
}

enum Why {
    Failed(Error),
    /// It was only to be seen what would come of it.
    Rehearsed(Answer),
}

impl From<store::Error> for Box<Undone> {
    fn from(error: store::Error) -> Self {
        Self::new(Undone { why: Why::Failed(error.into()), trace: Trace::default() })
    }
}

/// Runs the writing half of a use case, and its log entry, in one transaction; a rehearsal is undone at its end.
pub(crate) async fn write<F>(cx: &Cx, trace: &mut Trace, work: F) -> Result<Answer>
where
    F: FnOnce(&mut Writer, &Cx, &mut Trace) -> Result<Answer> + Send + 'static,
{
    let mut inner = std::mem::take(trace);
    let cx = cx.clone();
    let store = cx.app.store().clone();
    let tenant = cx.tenant.tenant.id;
    let done = store
        .write_in(tenant, move |w| -> std::result::Result<(Answer, Trace), Box<Undone>> {
            current(w, &cx)?;
            let outcome = work(w, &cx, &mut inner).and_then(|answer| {
                write_now(w, &cx, &mut inner, &answer)?;
                Ok(answer)
            });
            match outcome {
                Ok(answer) if cx.rehearsal => Err(Box::new(Undone { why: Why::Rehearsed(answer), trace: inner })),
                Ok(answer) => Ok((answer, inner)),
                Err(error) => {
                    inner.written = false;
                    Err(Box::new(Undone { why: Why::Failed(error), trace: inner }))
                }
            }
        })
        .await;
    match done {
        Ok((answer, told)) => {
            *trace = told;
            Ok(answer)
        }
        Err(undone) => {
            *trace = undone.trace;
            match undone.why {
                Why::Failed(error) => Err(error),
                Why::Rehearsed(answer) => Ok(answer),
            }
        }
    }
}

/// Refuses a request that was read by settings and definitions which another node has changed meanwhile: a moment
/// later this node knows them too, and the request can be repeated.
pub(crate) fn current(w: &Writer, cx: &Cx) -> store::Result<()> {
    match w.tenant_generation() {
        Some(generation) if generation != cx.tenant.tenant.generation => Err(store::Error::Unavailable),
        _ => Ok(()),
    }
}

/// Writes the entry into the transaction at hand.
pub(crate) fn write_now(w: &mut Writer, cx: &Cx, trace: &mut Trace, answer: &Answer) -> store::Result<()> {
    trace.written = true;
    if cx.rehearsal || cx.tenant.tenant.settings.log.level == LogLevel::Off {
        return Ok(());
    }
    trace.seq = w.next_log_seq();
    let entry = entry(trace.seq, &cx.tenant, &cx.asked, Some(&cx.actor), trace, answer, cx.now);
    w.log(&entry).map(|_| ())
}

/// Hands the entry to the worker that writes them in batches.
pub(crate) fn later(
    app: &App,
    tenant: &TenantState,
    asked: &Asked,
    actor: Option<&Actor>,
    trace: &Trace,
    answer: &Answer,
    now: i64,
) {
    let is_read = matches!(asked.method, Method::GET | Method::HEAD) && answer.status < 400;
    match tenant.tenant.settings.log.level {
        LogLevel::Off => {}
        LogLevel::Writes if is_read => {}
        _ => app.log_later(entry(app.store().next_log_seq(), tenant, asked, actor, trace, answer, now)),
    }
}

fn entry(
    seq: i64,
    tenant: &TenantState,
    asked: &Asked,
    actor: Option<&Actor>,
    trace: &Trace,
    answer: &Answer,
    now: i64,
) -> LogEntry {
    let bytes_max = tenant.tenant.settings.log.body_bytes_max as usize;
    let is_read = matches!(asked.method, Method::GET | Method::HEAD) && answer.status < 400;
    let answer_max = if is_read { bytes_max.min(READ_ANSWER_BYTES_MAX) } else { bytes_max };
    let kept = answer.body.get(..answer_max.saturating_add(4).min(answer.body.len())).unwrap_or_default();
    let mut kept = redact::cut(&String::from_utf8_lossy(kept), answer_max);
    if answer.body.len() > answer_max {
        kept = format!("{}… [{answer_max} of {} bytes]", kept.split('…').next().unwrap_or_default(), answer.body.len());
    }
    let (resource_type, resource_id) = trace.resource.clone().unzip();
    let query = tenant.secrets.query(&asked.query, 4_096);
    let path = redact::cut(&asked.path, 1_024);
    let text = |text: String| (!text.is_empty()).then_some(text);
    LogEntry {
        seq,
        tenant: tenant.tenant.id,
        at: now,
        took_us: asked.started.micros(),
        method: asked.method.to_string(),
        path: if query.is_empty() { path } else { format!("{path}?{query}") },
        status: answer.status,
        code: answer.code.map(|code| code.to_string()),
        actor: actor.map(|actor| actor.label.clone()).unwrap_or_default(),
        remote: text(redact::cut(&asked.origin.address, 64)),
        user_agent: text(redact::cut(&asked.origin.agent, 256)),
        request_id: asked.request_id.clone(),
        resource_type,
        resource_id,
        body: text(tenant.secrets.body(&asked.body, bytes_max)),
        answer: text(kept),
        steps: trace.steps_text(),
        diff: (!trace.diff.is_empty()).then(|| json!(trace.diff).to_string()),
    }
}
