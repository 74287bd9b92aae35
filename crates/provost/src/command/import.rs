//! `provost import`: a file in batches, each acknowledged before the next; what was done is remembered beside the file.
//!
//! How it works: a thread reads and puts batches together while the server works on those before; the server has several
//! at once where their order does not matter (`batch`). Invariant: the state file names a line only when everything up to it
//! has been answered; running again changes nothing twice, because each record is brought to what the file says.

mod batch;

use super::{Cx, rows};
use crate::cli::{Import, Match};
use crate::failure::{Exit, Failure, Result};
use crate::progress::{Progress, Unit};
use crate::source::{Form, Source};
use batch::Batch;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Batches that wait while the server works.
const WAITING: usize = 2;
/// Batches that the server has at once: it reads one while another is being written.
const AT_ONCE: usize = 3;

/// What was done, and of which file; kept beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    bytes: u64,
    modified: i64,
    line: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    failed: u64,
}

pub(super) async fn run(cx: &Cx, arguments: &Import) -> Result<()> {
    let file = &arguments.file;
    let form = Form::of(file).ok_or_else(|| {
        Failure::usage(format!("{} has no form that is known", file.display()), "name it .jsonl, .csv or .ldif")
    })?;
    let meta = fs::metadata(file)
        .map_err(|error| Failure::new(Exit::NotFound, format!("{} cannot be read: {error}", file.display()), ""))?;
    let (attributes, _) = rows(&cx.client.get(&cx.path("/attributes")).await?);
    let source = Source::open(file, form, "User", &attributes)
        .map_err(|why| Failure::usage(format!("{}: {why}", file.display()), "see `provost import --help`"))?;
    let mut state = begin(cx, arguments, &meta)?;
    let (behind, options) =
        (state.line, json!({"match": by(arguments.by), "dryRun": arguments.dry_run, "keepIds": arguments.keep_ids}));
    let (batches, mut ready) = mpsc::channel(WAITING);
    let reader = std::thread::Builder::new()
        .name("import".into())
        .spawn(move || batch::read(source, form, behind, &options, &batches))
        .map_err(|error| Failure::new(Exit::Failed, format!("no thread could be started: {error}"), ""))?;
    let mut errors = Errors { path: errors_path(arguments), file: None, append: behind > 0 };
    let mut progress = Progress::new(cx.out, "import", Some(meta.len()), Unit::Bytes);
    let mut turns = Turns { cx, beside: may_go_beside(cx, &attributes).await?, under_way: VecDeque::new() };
    let mut next: Option<Batch> = None;
    loop {
        if next.is_none() {
            next = ready.recv().await;
        }
        match next.take() {
            Some(batch) if turns.takes(&batch) => turns.start(batch),
            other => {
                next = other;
                let Some((batch, answer)) = turns.finish().await else { break };
                let answer = answer.map_err(|failure| stopped(failure, &state))?;
                errors.add(&state.take(batch.unreadable, batch.last_line, &answer))?;
                if !arguments.dry_run {
                    keep(&state_path(file), &state)?;
                }
                progress.at(batch.read.min(meta.len()));
            }
        }
    }
    drop(progress);
    let read = reader.join().map_err(|_| Failure::new(Exit::Failed, "the file could not be read", ""))?;
    read.map_err(|error| Failure::new(Exit::Failed, format!("{} cannot be read: {error}", file.display()), ""))?;
    if !arguments.dry_run {
        fs::remove_file(state_path(file)).ok();
    }
    done(cx, arguments, &state, &errors.path)
}

impl State {
    /// Counts a batch that is done; gives what was refused.
    fn take(&mut self, unreadable: Vec<Value>, last_line: u64, answer: &Value) -> Vec<Value> {
        let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
        self.created += count("created");
        self.updated += count("updated");
        self.unchanged += count("unchanged");
        let mut failed = unreadable;
        failed.extend(answer.get("failed").and_then(Value::as_array).cloned().unwrap_or_default());
        failed.sort_by_key(|failure| failure.get("line").and_then(Value::as_u64));
        self.failed += failed.len() as u64;
        self.line = last_line;
        failed
    }
}

/// Whether the order of two batches of different people can matter to nobody: not if a person could take over somebody
/// else's account by an address, or a value that only one may have.
async fn may_go_beside(cx: &Cx, attributes: &[Value]) -> Result<bool> {
    let tenant = cx.client.get(&cx.path("")).await?;
    let adopts = tenant.pointer("/settings/adoption").and_then(Value::as_str) == Some("verifiedEmail");
    let unique = attributes.iter().any(|row| {
        row.get("custom") == Some(&Value::Bool(true))
            && row.get("uniqueness").is_some_and(|uniqueness| uniqueness != "none")
    });
    Ok(!adopts && !unique)
}

/// The batches that the server has.
struct Turns<'c> {
    cx: &'c Cx,
    beside: bool,
    under_way: VecDeque<(Batch, JoinHandle<Result<Value>>)>,
}

impl Turns<'_> {
    /// Whether this one may be sent before the others are answered.
    fn takes(&self, batch: &Batch) -> bool {
        let free = self.under_way.iter().all(|(other, _)| self.beside && batch.may_go_beside(other));
        self.under_way.len() < AT_ONCE && free
    }

    fn start(&mut self, mut batch: Batch) {
        let (client, path) = (self.cx.client.clone(), self.cx.path("/import"));
        let (body, empty) = (std::mem::take(&mut batch.body), batch.records == 0);
        let task = tokio::spawn(async move {
            if empty { Ok(Value::Null) } else { client.call_bytes(Method::POST, &path, body).await }
        });
        self.under_way.push_back((batch, task));
    }

    /// The oldest one, when it is answered.
    async fn finish(&mut self) -> Option<(Batch, Result<Value>)> {
        let (batch, task) = self.under_way.pop_front()?;
        let broken = |error| Failure::new(Exit::Failed, format!("the work was broken off: {error}"), "");
        Some((batch, task.await.map_err(broken).and_then(|answer| answer)))
    }
}

fn by(by: Match) -> &'static str {
    match by {
        Match::UserName => "userName",
        Match::ExternalId => "externalId",
    }
}

fn done(cx: &Cx, arguments: &Import, state: &State, errors: &Path) -> Result<()> {
    let (would, are) = if arguments.dry_run { ("would be ", "would be") } else { ("", "were") };
    let sentence = format!(
        "{} {would}created, {} {would}updated, {} {are} as they are already, {} {are} refused.",
        state.created, state.updated, state.unchanged, state.failed
    );
    let errors_file = (state.failed > 0).then_some(errors);
    let told = json!({
        "dryRun": arguments.dry_run,
        "created": state.created,
        "updated": state.updated,
        "unchanged": state.unchanged,
        "failed": state.failed,
        "lastLine": state.line,
        "errors": errors_file,
    });
    if state.failed > 0 {
        // With --json standard output stays empty when a command fails; the file has every line.
        cx.out.note(&sentence);
        let message = format!(
            "{} records were refused ({} created, {} updated, {} unchanged)",
            state.failed, state.created, state.updated, state.unchanged
        );
        let fix = format!("{} says which lines and why; put them right and import them again", errors.display());
        return Err(Failure::new(Exit::Failed, message, fix));
    }
    cx.out.done("import", &told, &sentence)
}

fn stopped(failure: Failure, state: &State) -> Failure {
    let fix = format!(
        "{}; everything up to line {} is done, and the same command goes on behind it",
        failure.fix.as_deref().unwrap_or("see what the message says"),
        state.line
    );
    Failure { fix: Some(fix), ..failure }
}

/// Where to go on: behind the line of `--resume`, or where the state file says, or at the beginning.
fn begin(cx: &Cx, arguments: &Import, meta: &fs::Metadata) -> Result<State> {
    let fresh = State { bytes: meta.len(), modified: meta.mtime(), ..State::default() };
    if let Some(line) = arguments.resume {
        return Ok(State { line, ..fresh });
    }
    let path = state_path(&arguments.file);
    if arguments.dry_run || !path.exists() {
        return Ok(fresh);
    }
    let kept = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
    match kept {
        Some(kept) if (kept.bytes, kept.modified) == (fresh.bytes, fresh.modified) => {
            cx.out.note(&format!("going on behind line {}; remove {} to start anew", kept.line, path.display()));
            Ok(kept)
        }
        _ => {
            let message = format!("{} belongs to another state of this file", path.display());
            let fix = "remove it to start anew, or say where to go on with --resume LINE";
            Err(Failure::new(Exit::Conflict, message, fix))
        }
    }
}

fn state_path(file: &Path) -> PathBuf {
    behind(file, ".import-state")
}

fn errors_path(arguments: &Import) -> PathBuf {
    arguments.errors.clone().unwrap_or_else(|| behind(&arguments.file, ".errors.jsonl"))
}

fn behind(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn keep(path: &Path, state: &State) -> Result<()> {
    let unfinished = behind(path, ".new");
    let written = serde_json::to_vec(state)
        .map_err(std::io::Error::other)
        .and_then(|bytes| fs::write(&unfinished, bytes))
        .and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| Failure::new(Exit::Failed, format!("{} cannot be written: {error}", path.display()), ""))
}

/// The file of what was refused; it is made when there is something to write.
struct Errors {
    path: PathBuf,
    file: Option<File>,
    append: bool,
}

impl Errors {
    fn add(&mut self, failed: &[Value]) -> Result<()> {
        if failed.is_empty() {
            return Ok(());
        }
        let broken = |error: std::io::Error| {
            Failure::new(
                Exit::Failed,
                format!("{} cannot be written: {error}", self.path.display()),
                "name another with --errors",
            )
        };
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.create(true).mode(0o600).write(true).append(self.append).truncate(!self.append);
            self.file = Some(options.open(&self.path).map_err(broken)?);
        }
        let text: String = failed.iter().map(|failure| format!("{failure}\n")).collect();
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(text.as_bytes())).map_err(broken)
    }
}
