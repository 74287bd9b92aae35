//! `provost import`: a file in batches, each acknowledged before the next; what was done is remembered beside the file.
//!
//! How it works: a thread reads and puts batches together while the server works on the one before. Invariant: the state
//! file names a line only when everything up to it has been answered; running again changes nothing twice, because each
//! record is brought to what the file says.

use super::{Cx, rows};
use crate::cli::{Import, Match};
use crate::failure::{Exit, Failure, Result};
use crate::progress::{Progress, Unit};
use crate::source::{Form, Record, Source};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Records of one batch.
const RECORDS: usize = 500;
/// Bytes of one batch, after which it is full.
const BATCH_BYTES: usize = 4 << 20;
/// Batches that wait while the server works.
const WAITING: usize = 2;

/// What is left of a batch when it has been read.
struct Batch {
    body: Vec<u8>,
    records: usize,
    last_line: u64,
    unreadable: Vec<Value>,
    read: u64,
}

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
        .spawn(move || read(source, form, behind, &options, &batches))
        .map_err(|error| Failure::new(Exit::Failed, format!("no thread could be started: {error}"), ""))?;
    let mut errors = Errors { path: errors_path(arguments), file: None, append: behind > 0 };
    let mut progress = Progress::new(cx.out, "import", Some(meta.len()), Unit::Bytes);
    let path = cx.path("/import");
    while let Some(batch) = ready.recv().await {
        let batch: Batch = batch;
        let mut failed = batch.unreadable;
        if batch.records > 0 {
            let answer = cx
                .client
                .call_bytes(Method::POST, &path, batch.body)
                .await
                .map_err(|failure| stopped(failure, &state))?;
            let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
            state.created += count("created");
            state.updated += count("updated");
            state.unchanged += count("unchanged");
            failed.extend(answer.get("failed").and_then(Value::as_array).cloned().unwrap_or_default());
        }
        failed.sort_by_key(|failure| failure.get("line").and_then(Value::as_u64));
        state.failed += failed.len() as u64;
        errors.add(&failed)?;
        state.line = batch.last_line;
        if !arguments.dry_run {
            keep(&state_path(file), &state)?;
        }
        progress.at(batch.read.min(meta.len()));
    }
    drop(progress);
    let read = reader.join().map_err(|_| Failure::new(Exit::Failed, "the file could not be read", ""))?;
    read.map_err(|error| Failure::new(Exit::Failed, format!("{} cannot be read: {error}", file.display()), ""))?;
    if !arguments.dry_run {
        fs::remove_file(state_path(file)).ok();
    }
    done(cx, arguments, &state, &errors.path)
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

/// Reads the file to its end and hands batches on.
fn read(
    mut source: Source,
    form: Form,
    behind: u64,
    options: &Value,
    batches: &mpsc::Sender<Batch>,
) -> std::io::Result<()> {
    let mut batch = Gathering::new(options);
    while let Some(record) = source.next_record()? {
        if record.line <= behind {
            continue;
        }
        batch.take(record, form);
        if (batch.records >= RECORDS || batch.body.len() >= BATCH_BYTES || batch.unreadable.len() >= RECORDS)
            && batches.blocking_send(batch.full(source.read_so_far())).is_err()
        {
            return Ok(());
        }
        if batch.records == 0 && batch.unreadable.is_empty() {
            batch = Gathering::new(options);
        }
    }
    let last = batch.full(source.read_so_far());
    if last.records > 0 || !last.unreadable.is_empty() {
        batches.blocking_send(last).ok();
    }
    Ok(())
}

/// A batch while it grows; its body is written as it will be sent.
struct Gathering {
    body: Vec<u8>,
    records: usize,
    last_line: u64,
    unreadable: Vec<Value>,
}

impl Gathering {
    fn new(options: &Value) -> Self {
        let mut body = options.to_string().into_bytes();
        body.pop();
        body.extend_from_slice(b",\"records\":[");
        Self { body, records: 0, last_line: 0, unreadable: Vec::new() }
    }

    fn take(&mut self, record: Record, form: Form) {
        self.last_line = record.line;
        match record.resource {
            Err(what) => {
                self.unreadable.push(json!({"line": record.line, "code": "PRV-4002", "status": 400, "message": what}));
            }
            Ok(mut resource) => {
                if form != Form::Jsonl {
                    name_schemas(&mut resource);
                }
                slim(&mut resource);
                if self.records > 0 {
                    self.body.push(b',');
                }
                self.records += 1;
                // Writing into memory cannot fail.
                let _ = write!(self.body, "{{\"line\":{},\"resource\":", record.line);
                let _ = serde_json::to_writer(&mut self.body, &resource);
                self.body.push(b'}');
            }
        }
    }

    /// Takes what there is, and leaves nothing.
    fn full(&mut self, read: u64) -> Batch {
        self.body.extend_from_slice(b"]}");
        Batch {
            body: std::mem::take(&mut self.body),
            records: std::mem::take(&mut self.records),
            last_line: self.last_line,
            unreadable: std::mem::take(&mut self.unreadable),
            read,
        }
    }
}

/// A row has no place to say which schemas it uses.
fn name_schemas(resource: &mut Value) {
    let Some(map) = resource.as_object_mut() else { return };
    let mut schemas = vec![Value::from("urn:ietf:params:scim:schemas:core:2.0:User")];
    schemas.extend(map.keys().filter(|name| name.starts_with("urn:")).map(|name| Value::from(name.as_str())));
    map.insert("schemas".to_owned(), schemas.into());
}

/// Of a member only its value counts; a group of 100 000 would otherwise be three times as long.
fn slim(resource: &mut Value) {
    let Some(members) = resource.get_mut("members").and_then(Value::as_array_mut) else { return };
    for member in members.iter_mut().filter_map(Value::as_object_mut) {
        if member.contains_key("value") {
            member.retain(|name, _| name == "value");
        }
    }
}
