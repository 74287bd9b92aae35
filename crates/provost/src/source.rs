//! The file that an import reads, record by record: JSON lines, CSV or LDIF.
//!
//! Invariant: a record that cannot be read is an answer with its line, not the end of the file.

mod ldif;

use serde::Deserialize;
use serde_json::Value;
use server::sheet::{self, Attributes, Column};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest line of a file, and longest entry of an LDIF file, in bytes.
pub const LINE_BYTES_MAX: usize = 24 << 20;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Jsonl,
    /// A header of attribute paths, and a user a row.
    Csv,
    /// LDAP's form (RFC 2849), with people as inetOrgPerson (RFC 2798).
    Ldif,
}

impl Form {
    /// By the end of the file's name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "ldif" | "ldf" => Some(Self::Ldif),
            _ => None,
        }
    }
}

/// One record, or why it is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The line that it begins on; the first is 1.
    pub line: u64,
    /// The resource, or what is wrong.
    pub resource: Result<Content, String>,
}

/// What a record holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// JSON that was read.
    Value(Value),
    /// A user's line as it stands there, which is JSON, and by what the user is found.
    Line {
        /// The line.
        text: String,
        /// The userName.
        user_name: String,
        /// The externalId.
        external_id: Option<String>,
    },
}

/// As much of a line as has to be known here: the server reads the rest.
#[derive(Deserialize)]
struct Found<'t> {
    #[serde(borrow, rename = "userName")]
    user_name: Cow<'t, str>,
    #[serde(borrow, rename = "externalId", default)]
    external_id: Option<Cow<'t, str>>,
}

/// A file that is read.
pub struct Source {
    reader: Reader,
    read: Arc<AtomicU64>,
}

enum Reader {
    Jsonl { lines: Lines, line: u64 },
    Csv { rows: Box<sheet::Rows<Counted>>, columns: Vec<Column> },
    Ldif(ldif::Entries),
}

type Lines = BufReader<Counted>;

/// Counts the bytes that went through.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(buffer)?;
        self.read.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

impl Source {
    /// Opens a file; a header of CSV that names no attributes is an error.
    pub fn open(path: &Path, form: Form, resource_type: &str, attributes: &Attributes) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted { file, read: Arc::clone(&read) };
        let reader = match form {
            Form::Jsonl => Reader::Jsonl { lines: BufReader::with_capacity(256 << 10, counted), line: 0 },
            Form::Ldif => Reader::Ldif(ldif::Entries::new(BufReader::with_capacity(256 << 10, counted))),
            Form::Csv => {
                let (rows, header) = sheet::Rows::open(counted, b',')?;
                let columns = sheet::columns(&header, resource_type, attributes)?;
                Reader::Csv { rows: Box::new(rows), columns }
            }
        };
        Ok(Self { reader, read })
    }

    /// How many bytes of the file were read so far.
    pub fn read_so_far(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The next record; an error is one of the disk.
    pub fn next_record(&mut self) -> io::Result<Option<Record>> {
        match &mut self.reader {
            Reader::Jsonl { lines, line } => next_line(lines, line),
            Reader::Csv { rows, columns } => next_row(rows, columns),
            Reader::Ldif(entries) => entries.next_entry(),
        }
    }
}

/// Reads a line without its end into `into`; whether there was one, and whether it was too long to keep.
fn read_line(from: &mut Lines, into: &mut Vec<u8>) -> io::Result<Option<bool>> {
    into.clear();
    let mut too_long = false;
    let mut any = false;
    loop {
        let piece = from.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        any = true;
        let end = piece.iter().position(|byte| *byte == b'\n');
        let take = end.map_or(piece.len(), |end| end + 1);
        too_long |= into.len() + take > LINE_BYTES_MAX;
        if let (false, Some(piece)) = (too_long, piece.get(..take)) {
            into.extend_from_slice(piece);
        }
        from.consume(take);
        if end.is_some() {
            break;
        }
    }
    while into.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        into.pop();
    }
    Ok(any.then_some(too_long))
}

fn next_line(lines: &mut Lines, line: &mut u64) -> io::Result<Option<Record>> {
    let mut text = Vec::new();
    loop {
        let Some(too_long) = read_line(lines, &mut text)? else { return Ok(None) };
        *line += 1;
        if too_long {
            return Ok(Some(Record {
                line: *line,
                resource: Err(format!("the line is longer than {LINE_BYTES_MAX} bytes")),
            }));
        }
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        return Ok(Some(Record { line: *line, resource: content(text) }));
    }
}

/// What a line holds; a user's is only looked through.
fn content(text: &[u8]) -> Result<Content, String> {
    let plain = std::str::from_utf8(text).ok().filter(|text| !text.contains("\"members\""));
    let found = plain.and_then(|text| Some((text, serde_json::from_str::<Found<'_>>(text).ok()?)));
    if let Some((text, found)) = found.filter(|(text, _)| text.trim_start().starts_with('{')) {
        return Ok(Content::Line {
            text: text.to_owned(),
            user_name: found.user_name.into_owned(),
            external_id: found.external_id.map(Cow::into_owned),
        });
    }
    match serde_json::from_slice::<Value>(text) {
        Ok(value) if value.is_object() => Ok(Content::Value(value)),
        Ok(_) => Err("the line is no JSON object".to_owned()),
        Err(error) => Err(format!("the line is not JSON: column {}", error.column())),
    }
}

fn next_row(rows: &mut sheet::Rows<Counted>, columns: &[Column]) -> io::Result<Option<Record>> {
    let Some((line, row)) = rows.next_row()? else { return Ok(None) };
    let resource = row.map(|row| Content::Value(sheet::resource(columns.iter().map(Some), row)));
    Ok(Some(Record { line, resource }))
}
