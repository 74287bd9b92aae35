//! What a command prints: data on standard output, everything else on standard error.
//!
//! Invariant: with `--json`, standard output holds one object `{"schema":…,"data":…}` or, for streams, one object
//! a line, and nothing else; lists without entries are `[]`.

use crate::failure::{Exit, Failure, Result};
use serde_json::{Value, json};
use std::io::{self, Write};

/// How to print.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output {
    /// As JSON.
    pub json: bool,
    /// With colours on standard output.
    pub color: bool,
}

/// A column of a table: its heading, and what a row shows in it.
pub type Column<'a> = (&'a str, &'a dyn Fn(&Value) -> String);

impl Output {
    /// A list: a table, or `{"schema", "data", "next"}`.
    pub fn list(self, schema: &str, columns: &[Column<'_>], rows: &[Value], next: &Value) -> Result<()> {
        if self.json {
            return self.object(schema, &Value::from(rows), Some(next));
        }
        let text = table(columns, rows, self.color);
        write_out(&text)?;
        if rows.is_empty() {
            self.note("nothing found");
        }
        if !next.is_null() {
            self.note("there is more; raise --limit or see --help");
        }
        Ok(())
    }

    /// One thing: the given text, or `{"schema", "data"}`.
    pub fn one(self, schema: &str, data: &Value, text: &str) -> Result<()> {
        if self.json { self.object(schema, data, None) } else { write_out(&with_newline(text)) }
    }

    /// One entry of a stream: the given text, or a JSON object on one line.
    pub fn line(self, data: &Value, text: &str) -> Result<()> {
        if self.json { write_out(&format!("{data}\n")) } else { write_out(&with_newline(text)) }
    }

    /// Something was done, which yields no data: a sentence on standard error, or `{"schema", "data"}`.
    pub fn done(self, schema: &str, data: &Value, sentence: &str) -> Result<()> {
        if self.json {
            return self.object(schema, data, None);
        }
        self.note(sentence);
        Ok(())
    }

    fn object(self, schema: &str, data: &Value, next: Option<&Value>) -> Result<()> {
        let mut object = json!({"schema": format!("provost/v1/{schema}"), "data": data});
        if let (Some(next), Some(map)) = (next, object.as_object_mut()) {
            map.insert("next".into(), next.clone());
        }
        write_out(&format!("{object}\n"))
    }

    /// A sentence for whoever watches.
    pub fn note(self, sentence: &str) {
        if !self.json {
            write_err(&format!("{sentence}\n"));
        }
    }

    /// What one would do next.
    pub fn hint(self, next: &str) {
        self.note(&format!("Next: {next}"));
    }

    /// How the command failed.
    pub fn failure(self, failure: &Failure) {
        if self.json {
            write_err(&format!("{}\n", failure.to_json()));
            return;
        }
        write_err(&format!("error: {} ({})\n", failure.message, failure.code));
        if let Some(fix) = &failure.fix {
            write_err(&format!("  fix: {fix}\n"));
        }
    }
}

/// Writes data. A reader that has seen enough (`| head`) ends the command without a complaint.
pub fn write_out(text: &str) -> Result<()> {
    write_out_bytes(text.as_bytes())
}

/// As `write_out`, for what is bytes already.
pub fn write_out_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::new(Exit::Done, "", "")),
        Err(error) => Err(Failure::new(Exit::Failed, format!("standard output cannot be written: {error}"), "")),
        Ok(()) => Ok(()),
    }
}

/// Writes to standard error; when that is closed there is nobody left to tell.
pub fn write_err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn with_newline(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// Rows under headings, each column as wide as its widest cell; the last one is not padded.
fn table(columns: &[Column<'_>], rows: &[Value], color: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut cells: Vec<Vec<String>> = vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()];
    cells.extend(rows.iter().map(|row| columns.iter().map(|(_, show)| printable(&show(row))).collect()));
    let width = |index: usize| cells.iter().filter_map(|line| line.get(index)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).map(|index| width(index).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, line) in cells.iter().enumerate() {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            row.push_str(&format!("{cell:<width$}  "));
        }
        let row = row.trim_end();
        text.push_str(&if number == 0 && color { format!("\x1b[1m{row}\x1b[0m\n") } else { format!("{row}\n") });
    }
    text
}

/// Without control characters: what a client sent must not steer the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The text at a path of names with dots between, or nothing; lists have commas.
pub fn text(row: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(row, |value, name| value.get(name));
    plain(found.unwrap_or(&Value::Null))
}

/// A value as a person reads it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// An instant to the second, UTC, from an RFC 3339 text.
pub fn instant(row: &Value, path: &str) -> String {
    let whole = text(row, path);
    match whole.split_once('.') {
        Some((seconds, _)) if seconds.contains('T') => format!("{}Z", seconds),
        _ => whole,
    }
}

/// `yes` or `no`.
pub fn yes(row: &Value, path: &str) -> String {
    match text(row, path).as_str() {
        "true" => "yes".into(),
        "false" => "no".into(),
        other => other.into(),
    }
}

/// An object as indented `name  value` lines, nested ones as JSON.
pub fn properties(value: &Value) -> String {
    let Some(map) = value.as_object() else { return plain(value) };
    let width = map.keys().map(|key| key.chars().count()).max().unwrap_or(0);
    let line = |(key, value): (&String, &Value)| {
        let shown = if value.is_object() { value.to_string() } else { plain(value) };
        format!("{key:<width$}  {}\n", printable(&shown))
    };
    map.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_cannot_steer_the_terminal() {
        let rows = [json!({"a": "x\u{1b}[2Jy", "b": [1, 2]}), json!({"a": "longer than the rest"})];
        let columns: [Column<'_>; 2] = [("A", &|row| text(row, "a")), ("B", &|row| text(row, "b"))];
        let expected = "A                     B\nx [2Jy                1, 2\nlonger than the rest  -\n";
        assert_eq!(table(&columns, &rows, false), expected);
        assert_eq!(table(&columns, &[], false), "");
    }

    #[test]
    fn instants_end_at_the_second() {
        assert_eq!(instant(&json!({"at": "2026-11-24T09:30:00.123456Z"}), "at"), "2026-11-24T09:30:00Z");
        assert_eq!(instant(&json!({}), "at"), "-");
    }
}
