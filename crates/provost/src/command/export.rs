//! `provost export`.

use super::{Cx, rows};
use crate::cli::{Export, ExportFormat, Exported};
use crate::client::with_query;
use crate::failure::{Exit, Failure, Result};
use crate::output::write_out_bytes;
use crate::progress::{Progress, Unit};
use crate::secret::FileBeside;
use reqwest::Method;
use serde_json::{Value, json};
use server::sheet::Column;

/// Bytes of output that are gathered before they are written.
const GATHERED: usize = 64 << 10;

const USER_COLUMNS: [&str; 14] = [
    "id",
    "userName",
    "externalId",
    "active",
    "displayName",
    "name.givenName",
    "name.familyName",
    "emails[type eq \"work\"].value",
    "phoneNumbers[type eq \"work\"].value",
    "title",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
];
const GROUP_COLUMNS: [&str; 3] = ["id", "displayName", "externalId"];

pub(super) async fn run(cx: &Cx, arguments: &Export) -> Result<()> {
    let columns = match arguments.format {
        ExportFormat::Csv => columns(cx, arguments).await?,
        ExportFormat::Jsonl if arguments.columns.is_empty() => Vec::new(),
        ExportFormat::Jsonl => return Err(Failure::usage("--columns goes with --format csv", "leave it out")),
    };
    let names_groups = columns.is_empty() || columns.iter().any(|column| column.path.starts_with("groups"));
    let names_members = columns.is_empty() || columns.iter().any(|column| column.path.starts_with("members"));
    let left_out: Vec<&str> = [("groups", names_groups), ("members", names_members)]
        .iter()
        .filter(|(_, named)| !named)
        .map(|(n, _)| *n)
        .collect();
    let which = match arguments.what {
        Exported::Users => "users",
        Exported::Groups => "groups",
        Exported::All => "all",
    };
    let query = [
        ("type", Some(which.to_owned())),
        ("excludedAttributes", Some(left_out.join(",")).filter(|names| !names.is_empty())),
    ];
    let mut out = Sink {
        file: arguments.output.as_ref().map(|file| FileBeside::create(file, arguments.force)).transpose()?,
        gathered: Vec::new(),
    };
    let mut incoming = cx.client.stream(Method::GET, &with_query(&cx.path("/export"), &query)).await?;
    if !columns.is_empty() {
        out.row(columns.iter().map(|column| column.path.clone()))?;
    }
    let mut progress = Progress::new(cx.out, "export", None, Unit::Things);
    let (mut rest, mut count) = (Vec::new(), 0_u64);
    while let Some(piece) = incoming.next().await? {
        rest.extend_from_slice(&piece);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { continue };
        let behind = rest.split_off(end + 1);
        count += lines(&rest, &columns, &mut out)?;
        rest = behind;
        progress.at(count);
    }
    drop(progress);
    out.write_through()?;
    let Some(file) = out.file else { return Ok(()) };
    file.keep()?;
    let path = arguments.output.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
    cx.out.done("export", &json!({"path": path, "count": count}), &format!("{count} resources are in {path}."))
}

async fn columns(cx: &Cx, arguments: &Export) -> Result<Vec<Column>> {
    let (resource_type, usual) = match arguments.what {
        Exported::Users => ("User", &USER_COLUMNS[..]),
        Exported::Groups => ("Group", &GROUP_COLUMNS[..]),
        Exported::All => {
            let fix = "export users and groups into two files, or all with --format jsonl";
            return Err(Failure::usage("users and groups have no columns in common", fix));
        }
    };
    let (attributes, _) = rows(&cx.client.get(&cx.path("/attributes")).await?);
    let wanted: Vec<&str> = match arguments.columns.as_slice() {
        [] => usual.to_vec(),
        given => given.iter().map(String::as_str).collect(),
    };
    let parsed = wanted.iter().map(|path| Column::parse(path, resource_type, &attributes));
    parsed.collect::<std::result::Result<_, _>>().map_err(|why| Failure::usage(why, "see `provost attribute list`"))
}

/// Writes whole lines; how many there were.
fn lines(bytes: &[u8], columns: &[Column], out: &mut Sink) -> Result<u64> {
    let mut count = 0;
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        count += 1;
        if columns.is_empty() {
            out.write(line)?;
            out.write(b"\n")?;
            continue;
        }
        let resource: Value = serde_json::from_slice(line)
            .map_err(|error| Failure::new(Exit::Failed, format!("the server sent what is not JSON: {error}"), ""))?;
        out.row(columns.iter().map(|column| column.get(&resource)))?;
    }
    Ok(count)
}

/// A file, or standard output.
struct Sink {
    file: Option<FileBeside>,
    gathered: Vec<u8>,
}

impl Sink {
    fn row(&mut self, cells: impl Iterator<Item = String>) -> Result<()> {
        let broken =
            |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, format!("a row cannot be written: {error}"), "");
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(cells).map_err(|error| broken(&error))?;
        let row = writer.into_inner().map_err(|error| broken(&error))?;
        self.write(&row)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED { self.write_through() } else { Ok(()) }
    }

    fn write_through(&mut self) -> Result<()> {
        match &mut self.file {
            Some(file) => file.write(&self.gathered)?,
            None => write_out_bytes(&self.gathered)?,
        }
        self.gathered.clear();
        Ok(())
    }
}
