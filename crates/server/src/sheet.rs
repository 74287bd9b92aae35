//! A file of CSV: a header that names columns, then somebody a row. Read here for the command line and the console alike.
//!
//! Invariant: a row that cannot be read is an answer with its line, not the end of the file.

mod column;
mod guess;

pub use column::{Attributes, Column};
pub use guess::{delimiter, guess, places};

use serde_json::{Map, Value};
use std::io;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// What is read: with an end of line behind it, so that every row has one.
type Ended<R> = io::Chain<R, &'static [u8]>;

/// The rows of a file.
pub struct Rows<R> {
    reader: csv::Reader<Ended<R>>,
    row: csv::StringRecord,
    width: usize,
    /// Lines in front of what is read here.
    lines_before: u64,
}

/// A row, or what is wrong with it.
pub type Row<'r> = Result<&'r csv::StringRecord, String>;

impl<R: io::Read> Rows<R> {
    /// Opens a file, and gives the names of its columns.
    pub fn open(from: R, delimiter: u8) -> Result<(Self, Vec<String>), String> {
        let mut rows = Self::from_line(from, delimiter, 1, 0);
        let mut row = csv::StringRecord::new();
        rows.reader.read_record(&mut row).map_err(|error| error.to_string())?;
        // Spreadsheets put a mark in front of the first name.
        let names: Vec<String> = row.iter().map(|name| name.trim_start_matches('\u{feff}').trim().into()).collect();
        if names.iter().all(String::is_empty) {
            return Err("the file has no header".to_owned());
        }
        rows.width = names.len();
        Ok((rows, names))
    }

    /// Goes on in the middle of a file: at the beginning of this line, with rows of so many cells.
    pub fn from_line(from: R, delimiter: u8, line: u64, width: usize) -> Self {
        let mut builder = csv::ReaderBuilder::new();
        // A line ends where its line feed is, so that lines can be counted; a carriage return in front is taken away.
        builder.buffer_capacity(BUFFER).flexible(true).has_headers(false).delimiter(delimiter);
        let reader = builder.terminator(csv::Terminator::Any(b'\n')).from_reader(from.chain(&b"\n"[..]));
        Self { reader, row: csv::StringRecord::new(), width, lines_before: line.saturating_sub(1) }
    }

    /// How many bytes are behind what was read so far, and the line that begins there.
    pub fn place(&self) -> (u64, u64) {
        let position = self.reader.position();
        (position.byte(), position.line() + self.lines_before)
    }

    /// The next row and the line that it begins on; an error is one of the disk. Empty rows are passed over.
    pub fn next_row(&mut self) -> io::Result<Option<(u64, Row<'_>)>> {
        loop {
            let read = self.reader.read_record(&mut self.row);
            let last_line = self.place().1 - 1;
            match read {
                Ok(false) => return Ok(None),
                Ok(true) => {}
                Err(error) => match error.into_kind() {
                    csv::ErrorKind::Io(error) => return Err(error),
                    csv::ErrorKind::Utf8 { .. } => {
                        return Ok(Some((last_line, Err("the row is not UTF-8".to_owned()))));
                    }
                    _ => return Ok(Some((last_line, Err("the row is not CSV".to_owned())))),
                },
            }
            if self.row.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            without_return(&mut self.row);
            let inside = self.row.iter().map(|cell| cell.bytes().filter(|byte| *byte == b'\n').count()).sum::<usize>();
            let line = last_line - inside as u64;
            if self.row.len() != self.width {
                let what = format!("the row has {} cells, the header {}", self.row.len(), self.width);
                return Ok(Some((line, Err(what))));
            }
            return Ok(Some((line, Ok(&self.row))));
        }
    }
}

/// Takes the carriage return from the end of a row.
fn without_return(row: &mut csv::StringRecord) {
    let Some(last) = row.iter().next_back().and_then(|cell| cell.strip_suffix('\r')).map(str::to_owned) else { return };
    row.truncate(row.len() - 1);
    row.push_field(&last);
}

/// The columns that have these names; the error says which is none, or stands there twice.
pub fn columns(names: &[String], resource_type: &str, attributes: &Attributes) -> Result<Vec<Column>, String> {
    let mut columns: Vec<Column> = Vec::with_capacity(names.len());
    for path in names {
        let column = Column::parse(path, resource_type, attributes)?;
        if columns.iter().any(|other| other.same_place(&column)) {
            return Err(format!("{path} stands in the header twice"));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// What a row says of somebody, by its columns; cells without one are left out.
pub fn resource<'c>(columns: impl Iterator<Item = Option<&'c Column>>, row: &csv::StringRecord) -> Value {
    let mut resource = Map::new();
    for (column, cell) in columns.zip(row.iter()) {
        if let Some(column) = column {
            column.put(cell, &mut resource);
        }
    }
    resource.into()
}

/// A row has no place to say which schemas it uses: what is in it says so.
pub fn name_schemas(resource: &mut Value) {
    let Some(map) = resource.as_object_mut() else { return };
    let mut schemas = vec![Value::from("urn:ietf:params:scim:schemas:core:2.0:User")];
    schemas.extend(map.keys().filter(|name| name.starts_with("urn:")).map(|name| Value::from(name.as_str())));
    map.insert("schemas".to_owned(), schemas.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines and first cells of all rows; a wrong row's words.
    fn all(mut rows: Rows<&[u8]>) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        while let Some((line, row)) = rows.next_row().unwrap() {
            all.push((line, row.map_or_else(|wrong| wrong, |row| row.iter().collect::<Vec<_>>().join("|"))));
        }
        all
    }

    #[test]
    fn every_row_has_its_line() {
        let text = "userName;title\n\"a\nb\";x\n\n  \n\nc;y\nd\n\"e\n\n\";z";
        let wanted = [(2, "a\nb|x"), (7, "c|y"), (8, "the row has 1 cells, the header 2"), (9, "e\n\n|z")];
        let wanted = wanted.map(|(line, row)| (line, row.to_owned()));
        let (rows, header) = Rows::open(text.as_bytes(), b';').unwrap();
        assert_eq!((header, all(rows)), (vec!["userName".into(), "title".into()], wanted.to_vec()));
        let returned = text.replace('\n', "\r\n");
        let (rows, header) = Rows::open(returned.as_bytes(), b';').unwrap();
        assert_eq!(header, ["userName", "title"]);
        let lines = |rows: Vec<(u64, String)>| rows.into_iter().map(|(line, _)| line).collect::<Vec<_>>();
        assert_eq!(lines(all(rows)), [2, 7, 8, 9]);
    }

    #[test]
    fn the_middle_of_a_file_goes_on_with_its_lines() {
        let text = "userName,title\n\na,1\n\n\nb,2\n";
        let (mut rows, _) = Rows::open(text.as_bytes(), b',').unwrap();
        rows.next_row().unwrap().unwrap().1.unwrap();
        let (byte, line) = rows.place();
        let rest = &text.as_bytes()[usize::try_from(byte).unwrap()..];
        assert_eq!(all(Rows::from_line(rest, b',', line, 2)), [(6, "b|2".to_owned())]);
    }

    #[test]
    fn a_mark_in_front_is_no_part_of_a_name() {
        let (_, header) = Rows::open("\u{feff}userName,x\n".as_bytes(), b',').unwrap();
        assert_eq!(header, ["userName", "x"]);
        assert!(Rows::open("".as_bytes(), b',').is_err());
    }
}
