//! Batches of records, put together while the server works on others.

use crate::source::{Content, Form, Record, Source};
use serde_json::{Value, json};
use server::sheet::name_schemas;
use std::collections::HashSet;
use std::io::Write;
use tokio::sync::mpsc;

/// Records of one batch.
const RECORDS: usize = 1_000;
/// Bytes of one batch, after which it is full.
const BATCH_BYTES: usize = 4 << 20;

/// A batch as it is sent, and what is left of it then.
pub(super) struct Batch {
    pub(super) body: Vec<u8>,
    pub(super) records: usize,
    pub(super) last_line: u64,
    pub(super) unreadable: Vec<Value>,
    pub(super) read: u64,
    /// Everybody whom it is about, if it is about nothing but people.
    names: Option<HashSet<String>>,
}

impl Batch {
    /// Whether it is about other people than the other one, so that it does not matter which is written first.
    pub(super) fn may_go_beside(&self, other: &Self) -> bool {
        self.names.as_ref().zip(other.names.as_ref()).is_some_and(|(own, others)| own.is_disjoint(others))
    }
}

/// Reads the file to its end and hands batches on.
pub(super) fn read(
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
    /// Nothing once there is a record of which it is not known whom it is about.
    names: Option<HashSet<String>>,
}

impl Gathering {
    fn new(options: &Value) -> Self {
        let mut body = options.to_string().into_bytes();
        body.pop();
        body.extend_from_slice(b",\"records\":[");
        Self { body, records: 0, last_line: 0, unreadable: Vec::new(), names: Some(HashSet::new()) }
    }

    fn take(&mut self, record: Record, form: Form) {
        self.last_line = record.line;
        match record.resource {
            Err(what) => {
                self.unreadable.push(json!({"line": record.line, "code": "PRV-4002", "status": 400, "message": what}));
            }
            Ok(content) => {
                if self.records > 0 {
                    self.body.push(b',');
                }
                self.records += 1;
                // Writing into memory cannot fail.
                let _ = write!(self.body, "{{\"line\":{},\"resource\":", record.line);
                match content {
                    Content::Line { text, user_name, external_id } => {
                        self.body.extend_from_slice(text.as_bytes());
                        self.name([Some(user_name), external_id]);
                    }
                    Content::Value(mut resource) => {
                        if form != Form::Jsonl {
                            name_schemas(&mut resource);
                        }
                        slim(&mut resource);
                        let _ = serde_json::to_writer(&mut self.body, &resource);
                        let text = |name: &str| resource.get(name).and_then(Value::as_str).map(str::to_owned);
                        match text("userName") {
                            Some(user_name) if form != Form::Jsonl => self.name([Some(user_name), text("externalId")]),
                            _ => self.names = None,
                        }
                    }
                }
                self.body.push(b'}');
            }
        }
    }

    /// Notes whom a record is about.
    fn name(&mut self, names: [Option<String>; 2]) {
        if let Some(known) = &mut self.names {
            known.extend(names.into_iter().flatten().map(|name| name.to_lowercase()));
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
            names: self.names.take(),
        }
    }
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
