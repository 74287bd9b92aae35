//! The provisioning log: what was asked, what was decided and why, what changed, what was answered.
//!
//! The entry of a write is part of the write's own transaction. Entries of everything else (reads, refusals) are
//! written in batches a moment later. Secrets are taken out before an entry is made (`redact`).

use crate::answer::Answer;
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::redact::{self, REDACTED, Secrets, without_tokens};
use crate::scim::{Asked, Cx};
use crate::tenants::TenantState;
use axum::http::Method;
use scim::resource::{Ignored, full_name};
use scim::{Attribute, Resource, ResourceType, Returned};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use store::{AS_ANSWERED, LogEntry, LogLevel, LogLine, MembersChanged, Writer};

/// Most decision steps of an entry, and most attributes and members of its difference.
const STEPS_MAX: usize = 100;
/// Bytes that are kept of the answer to a search: how much was found, which the database may say otherwise by then.
const READ_ANSWER_BYTES_MAX: usize = 160;
/// Longest value in a difference.
const VALUE_BYTES_MAX: usize = 1_024;

/// What a use case tells about itself while it works.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// Nobody will read the difference, so none is made.
    pub(crate) quiet: bool,
    /// What a creation will change.
    pub(crate) creation: Option<Creation>,
    /// What was created, where the answer says all of it and the difference need not say it again.
    pub(crate) answered: Option<(Arc<Resource>, Arc<ResourceType>)>,
    pub(crate) steps: Vec<String>,
    pub(crate) ignored: Vec<Ignored>,
    pub(crate) diff: Diff,
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

    /// Makes the difference that the creation of this resource will be, before the writer is asked: everybody waits for it.
    /// Where the answer says the same, `as_answered`, none is made.
    pub(crate) fn will_create(
        &mut self,
        new: &Arc<Resource>,
        rt: &Arc<ResourceType>,
        secrets: &Secrets,
        as_answered: bool,
    ) {
        self.creation = Some(if as_answered && is_shown(new, rt, secrets) {
            Creation::AsAnswered(Arc::clone(new), Arc::clone(rt))
        } else {
            Creation::Told(Diff::of([&Resource::default(), new], rt, secrets))
        });
    }

    pub(crate) fn created(&mut self, new: &Resource, rt: &ResourceType, secrets: &Secrets) {
        match self.creation.take() {
            _ if self.quiet => {}
            Some(Creation::Told(diff)) => self.diff = diff,
            Some(Creation::AsAnswered(new, rt)) => self.answered = Some((new, rt)),
            None => self.changed(&Resource::default(), new, rt, secrets),
        }
    }

    pub(crate) fn deleted(&mut self, old: &Resource, rt: &ResourceType, secrets: &Secrets) {
        self.changed(old, &Resource::default(), rt, secrets);
    }

    /// Notes every attribute that differs, before and after.
    pub(crate) fn changed(&mut self, old: &Resource, new: &Resource, rt: &ResourceType, secrets: &Secrets) {
        if !self.quiet {
            self.diff.add([old, new], rt, secrets);
        }
    }

    /// The difference for the log, beside an answer of which it keeps this.
    fn diff_text(&self, tenant: &TenantState, answer: &Answer, kept: &str) -> Option<String> {
        let diff = match &self.answered {
            None => self.diff.text(),
            Some(_) if self.diff.is_empty() && is_kept_whole(answer, kept) => return Some(AS_ANSWERED.into()),
            Some((new, rt)) => {
                let created = Diff::of([&Resource::default(), new], rt, &tenant.secrets);
                created.and(&self.diff).text()
            }
        };
        diff.map(|text| without_tokens(text.into()).into_owned())
    }

    pub(crate) fn members(&mut self, moved: &MembersChanged) {
        for (name, ids) in [("membersAdded", &moved.added), ("membersRemoved", &moved.removed)] {
            if !ids.is_empty() {
                let first: Vec<_> = ids.iter().take(STEPS_MAX).collect();
                self.diff.push(&json!({"attribute": name, "count": ids.len(), "ids": first}));
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
        serde_json::to_string(&self.told()).ok()
    }
}

/// What a creation will change.
#[derive(Debug)]
pub(crate) enum Creation {
    Told(Diff),
    /// All that this has, and nothing else; the answer will say it.
    AsAnswered(Arc<Resource>, Arc<ResourceType>),
}

/// Whether the log keeps an answer as it is.
fn is_kept_whole(answer: &Answer, kept: &str) -> bool {
    !answer.large && answer.rest.is_none() && kept.as_bytes() == &*answer.body
}

/// Whether an answer that leaves nothing out by request shows everything that this resource has, as it was given.
fn is_shown(new: &Resource, rt: &ResourceType, secrets: &Secrets) -> bool {
    let is_returned = |attribute: &Attribute| matches!(attribute.returned, Returned::Default | Returned::Always);
    // Who a manager is is looked up for the answer.
    let is_shown = |attribute: &Attribute| {
        is_returned(attribute)
            && attribute.name != "manager"
            && !secrets.names(&attribute.name)
            && attribute.sub_attributes.iter().all(is_returned)
    };
    new.values(rt).all(|(_, attribute, _)| is_shown(attribute))
}

/// What changed, attribute by attribute, written out at once: `[{"attribute":…,"before":…,"after":…},…`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diff {
    text: Vec<u8>,
    length: usize,
}

impl Diff {
    fn of(both: [&Resource; 2], rt: &ResourceType, secrets: &Secrets) -> Self {
        let mut diff = Self::default();
        diff.add(both, rt, secrets);
        diff
    }

    fn add(&mut self, both: [&Resource; 2], rt: &ResourceType, secrets: &Secrets) {
        for (extension, attribute, [before, after]) in Resource::differences(both, rt) {
            let secret = attribute.returned == Returned::Never || secrets.names(&attribute.name);
            self.attribute(&full_name(extension, attribute), before, after, secret);
        }
    }

    /// With what changed besides.
    fn and(mut self, more: &Self) -> Self {
        more.values().iter().for_each(|item| self.push(item));
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn attribute(&mut self, name: &str, before: Option<&Value>, after: Option<&Value>, secret: bool) {
        self.item(|text| {
            text.extend_from_slice(b"{\"attribute\":");
            write_json(text, name);
            for (key, value) in [(&b",\"before\":"[..], before), (b",\"after\":", after)] {
                text.extend_from_slice(key);
                match value {
                    Some(_) if secret => write_json(text, REDACTED),
                    value => write_short(text, value),
                }
            }
            text.push(b'}');
        });
    }

    fn push(&mut self, item: &Value) {
        self.item(|text| write_json(text, item));
    }

    fn item(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.length < STEPS_MAX {
            self.text.push(if self.is_empty() { b'[' } else { b',' });
            write(&mut self.text);
            self.length += 1;
        }
    }

    /// As JSON; nothing if nothing changed.
    pub(crate) fn text(&self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        String::from_utf8([&*self.text, b"]"].concat()).ok()
    }

    /// As values.
    pub(crate) fn values(&self) -> Vec<Value> {
        self.text().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }
}

fn write_json(text: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Writing what has strings for keys into memory cannot fail.
    serde_json::to_writer(text, value).ok();
}

/// A value, or what is left of the text of a long one.
fn write_short(text: &mut Vec<u8>, value: Option<&Value>) {
    let start = text.len();
    write_json(text, &value);
    if text.len() - start > VALUE_BYTES_MAX {
        let cut = redact::cut_bytes(text.get(start..).unwrap_or_default(), VALUE_BYTES_MAX);
        text.truncate(start);
        write_json(text, &cut);
    }
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
    write_as(false, cx, trace, work).await
}

/// The same for a use case that does many things, each in a `Writer::nested` of its own and nothing beside them.
pub(crate) async fn write_parts<F>(cx: &Cx, trace: &mut Trace, work: F) -> Result<Answer>
where
    F: FnOnce(&mut Writer, &Cx, &mut Trace) -> Result<Answer> + Send + 'static,
{
    // A rehearsal is undone as a whole.
    write_as(!cx.rehearsal, cx, trace, work).await
}

async fn write_as<F>(in_parts: bool, cx: &Cx, trace: &mut Trace, work: F) -> Result<Answer>
where
    F: FnOnce(&mut Writer, &Cx, &mut Trace) -> Result<Answer> + Send + 'static,
{
    let mut inner = std::mem::take(trace);
    let cx = cx.clone();
    let store = cx.app.store().clone();
    let tenant = cx.tenant.tenant.id;
    let said = is_kept(&cx).then(|| Said::of(&cx.tenant, &cx.asked).into_owned());
    let job = move |w: &mut Writer| -> std::result::Result<(Answer, Trace), Box<Undone>> {
        current(w, &cx)?;
        let outcome = work(w, &cx, &mut inner).inspect(|answer| tell(w, &cx, &mut inner, said, answer));
        match outcome {
            Ok(answer) if cx.rehearsal => Err(Box::new(Undone { why: Why::Rehearsed(answer), trace: inner })),
            Ok(answer) => Ok((answer, inner)),
            Err(error) => {
                inner.written = false;
                Err(Box::new(Undone { why: Why::Failed(error), trace: inner }))
            }
        }
    };
    let done = if in_parts { store.write_parts_in(tenant, job).await } else { store.write_in(tenant, job).await };
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

/// Refuses a request that was read by settings and definitions which another node has changed meanwhile, or before an
/// index began to be built again: a moment later this node knows them too, and the request can be repeated.
pub(crate) fn current(w: &Writer, cx: &Cx) -> store::Result<()> {
    let (tenant, generation) = (cx.tenant.tenant.id, cx.tenant.tenant.generation);
    if w.is_outdated(tenant, generation) { Err(store::Error::Unavailable) } else { Ok(()) }
}

/// Writes the entry into the transaction at hand.
pub(crate) fn write_now(w: &mut Writer, cx: &Cx, trace: &mut Trace, answer: &Answer) {
    let said = is_kept(cx).then(|| Said::of(&cx.tenant, &cx.asked));
    tell(w, cx, trace, said, answer);
}

fn tell(w: &mut Writer, cx: &Cx, trace: &mut Trace, said: Option<Said<'_>>, answer: &Answer) {
    trace.written = true;
    if let Some(said) = said {
        let entry = entry(&cx.tenant, &cx.asked, said, Some(&cx.actor), trace, answer, cx.now);
        trace.seq = w.log_now(entry);
    }
}

/// Whether a change is told to the log.
fn is_kept(cx: &Cx) -> bool {
    !cx.rehearsal && cx.tenant.tenant.settings.log.level != LogLevel::Off
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
    let (level, is_read) = (tenant.tenant.settings.log.level, is_answered_read(asked, answer));
    if level == LogLevel::Off || (level == LogLevel::Writes && is_read) {
        return;
    }
    let said = Said::of(tenant, asked);
    if is_read && trace.diff.is_empty() {
        let line = line(tenant, asked, said, actor, trace, answer, now);
        app.log().push_read(tenant.tenant.id, || app.store().next_log_seq(), &line);
    } else {
        let entry = entry(tenant, asked, said, actor, trace, answer, now);
        app.log().push(LogEntry { seq: app.store().next_log_seq(), ..entry });
    }
}

fn is_answered_read(asked: &Asked, answer: &Answer) -> bool {
    matches!(asked.method, Method::GET | Method::HEAD) && answer.status < 400
}

/// What is kept of what was sent, without secrets. It is there before anything is decided, and made before the writer is
/// asked: everybody waits for it.
struct Said<'a> {
    path: Cow<'a, str>,
    body: Cow<'a, str>,
}

impl<'a> Said<'a> {
    fn of(tenant: &TenantState, asked: &'a Asked) -> Self {
        let bytes_max = tenant.tenant.settings.log.body_bytes_max as usize;
        let mut path = redact::cut(&asked.path, 1_024);
        if !asked.query.is_empty() {
            path.to_mut().push('?');
            path.to_mut().push_str(&tenant.secrets.query(&asked.query, 4_096));
        }
        let body = tenant.secrets.body(&asked.body, bytes_max);
        Self { path: without_tokens(path), body: without_tokens(body.into()) }
    }

    fn into_owned(self) -> Said<'static> {
        Said { path: self.path.into_owned().into(), body: self.body.into_owned().into() }
    }
}

/// What only a change or a refusal says, on top of the line; it has no number yet.
fn entry(
    tenant: &TenantState,
    asked: &Asked,
    said: Said<'_>,
    actor: Option<&Actor>,
    trace: &Trace,
    answer: &Answer,
    now: i64,
) -> LogEntry {
    let line = line(tenant, asked, said, actor, trace, answer, now);
    LogEntry {
        code: answer.code.map(|code| code.to_string()),
        diff: trace.diff_text(tenant, answer, &line.answer),
        ..line.into_entry(tenant.tenant.id, 0)
    }
}

/// What every entry says. What need not be changed is borrowed.
fn line<'a>(
    tenant: &TenantState,
    asked: &'a Asked,
    said: Said<'a>,
    actor: Option<&'a Actor>,
    trace: &'a Trace,
    answer: &Answer,
    now: i64,
) -> LogLine<'a> {
    let bytes_max = tenant.tenant.settings.log.body_bytes_max as usize;
    let (resource_type, resource_id) = trace.resource.as_ref().map_or(("", ""), |(kind, id)| (kind, id));
    let answer_max = match is_answered_read(asked, answer) {
        // It was what the database still says.
        true if !resource_id.is_empty() => 0,
        true => bytes_max.min(READ_ANSWER_BYTES_MAX),
        false => bytes_max,
    };
    LogLine {
        at: now,
        took_us: asked.started.micros(),
        method: asked.method.as_str().into(),
        path: said.path,
        status: answer.status,
        actor: actor.map_or("", |actor| &actor.label).into(),
        remote: redact::cut(&asked.origin.address, 64),
        user_agent: without_tokens(redact::cut(&asked.origin.agent, 256)),
        request_id: (&*asked.request_id).into(),
        resource_type: resource_type.into(),
        resource_id: without_tokens(resource_id.into()),
        body: said.body,
        answer: without_tokens(if !tenant.tenant.settings.masked.is_empty() && answer.rest.is_none() {
            // What is masked by choice is returned as ever, so that answers hold it too.
            tenant.secrets.body(&answer.body, answer_max).into()
        } else if answer.rest.is_some() {
            redact::cut_piece(&answer.body, answer_max).into()
        } else {
            redact::cut_bytes(&answer.body, answer_max).into()
        }),
        steps: trace.steps_text().unwrap_or_default().into(),
    }
}
