//! A file of people that an operator brings: kept, looked at, its columns given a meaning, and imported as a job.
//!
//! How it works: the file is cut into parts of whole rows, sealed, since there may be passwords in it. A turn of the job
//! hands one part to `scim::import`, as `provost import` does with its batches. Invariant: a part is imported whole or
//! not at all, and twice does no harm, so that the job goes on after a restart. The file goes when it was imported, or
//! after a day.

use super::{attributes, audited, missing};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::limits;
use crate::scim::import::{self, Batch, Entry, Match};
use crate::sheet::{self, Column, Rows};
use crate::tenants::TenantState;
use axum::http::HeaderMap;
use scim::Code;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{ImportFile, ImportPart, Job, TenantId};

/// What the parts are sealed for.
const PURPOSE: &str = "import-file";
/// The kind of its jobs.
pub(crate) const KIND: &str = "import";
/// Bytes after which a part is full.
const PART_BYTES: usize = 1 << 20;
/// Rows that are shown before the import.
pub(crate) const SAMPLE: usize = 3;

fn refused(detail: impl Into<String>) -> Error {
    scim::Error::invalid_value(detail).into()
}

/// Takes a file: reads its header, counts its rows, and keeps it.
pub(crate) async fn take(
    app: &App,
    actor: &Actor,
    state: &Arc<TenantState>,
    name: &str,
    bytes: &[u8],
) -> Result<ImportFile> {
    if bytes.len() > limits::IMPORT_FILE_BYTES_MAX {
        let most = limits::IMPORT_FILE_BYTES_MAX >> 20;
        return Err(refused(format!("the file is larger than {most} MiB; import it with: provost import FILE")));
    }
    let delimiter = sheet::delimiter(bytes);
    let cut = parts(bytes, delimiter)?;
    let sealer = app.store().sealer();
    let sealed: Result<Vec<_>> = cut
        .parts
        .iter()
        .map(|(line, rows)| Ok(ImportPart { line: *line, sealed: sealer.seal(PURPOSE, rows)? }))
        .collect();
    let parts = sealed?;
    let file = ImportFile {
        id: uuid::Uuid::now_v7().to_string(),
        tenant: state.tenant.id,
        name: name.chars().filter(|c| !c.is_control()).take(200).collect(),
        header: cut.header,
        delimiter: char::from(delimiter).to_string(),
        records: cut.records,
        created_at: app.clock().now(),
        created_by: actor.label.clone(),
    };
    let kept = file.clone();
    let object = format!("{}/import/{}", state.tenant.name, file.id);
    let line = ("import.upload", object, json!({"name": file.name, "records": file.records}));
    audited(app, actor, line, move |w| Ok(w.import_file_insert(&kept, &parts)?)).await?;
    Ok(file)
}

struct Cut<'b> {
    header: Vec<String>,
    records: u64,
    parts: Vec<(u64, &'b [u8])>,
}

/// The file in parts of whole rows, each with the line on which it begins.
fn parts(bytes: &[u8], delimiter: u8) -> Result<Cut<'_>> {
    let (mut rows, header) = Rows::open(bytes, delimiter).map_err(refused)?;
    let (mut records, mut held, mut parts) = (0, 0, Vec::new());
    let place = |rows: &Rows<&[u8]>| {
        let (byte, line) = rows.place();
        (usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len()), line)
    };
    let (mut from, mut line) = place(&rows);
    while rows.next_row().map_err(|error| refused(format!("the file cannot be read: {error}")))?.is_some() {
        (records, held) = (records + 1, held + 1);
        if records > limits::IMPORT_FILE_ROWS_MAX {
            let most = limits::IMPORT_FILE_ROWS_MAX;
            return Err(refused(format!("the file has more than {most} rows; import it with: provost import FILE")));
        }
        let (to, next_line) = place(&rows);
        if held >= limits::IMPORT_TURN || to - from >= PART_BYTES {
            parts.push((line, bytes.get(from..to).unwrap_or_default()));
            (from, line, held) = (to, next_line, 0);
        }
    }
    if held > 0 {
        parts.push((line, bytes.get(from..).unwrap_or_default()));
    }
    if records == 0 {
        return Err(refused("the file has a header and no row below it"));
    }
    Ok(Cut { header, records, parts })
}

/// A tenant's files, newest first.
pub(crate) async fn list(app: &App, tenant: TenantId) -> Result<Vec<ImportFile>> {
    app.store().read(move |r| r.import_files(tenant)).await.map_err(|error: store::Error| error.into())
}

/// The file of that id.
pub(crate) async fn find(app: &App, tenant: TenantId, id: &str) -> Result<ImportFile> {
    let id = id.to_owned();
    let found: Option<ImportFile> = app.store().read(move |r| r.import_file(tenant, &id)).await?;
    found.ok_or_else(|| missing("there is no such file any more; upload it again"))
}

/// Forgets a file.
pub(crate) async fn forget(app: &App, actor: &Actor, state: &TenantState, id: &str) -> Result<()> {
    let (tenant, name) = (state.tenant.id, find(app, state.tenant.id, id).await?.name);
    let line = ("import.discard", format!("{}/import/{id}", state.tenant.name), json!({"name": name}));
    let id = id.to_owned();
    audited(app, actor, line, move |w| Ok(w.import_file_delete(tenant, &id).map(|_| ())?)).await
}

/// The rows of one of the file's parts: its first line, and the text.
async fn part(app: &App, file: &ImportFile, number: i64) -> Result<Option<(u64, Vec<u8>)>> {
    let (tenant, id) = (file.tenant, file.id.clone());
    let found: Option<ImportPart> = app.store().read(move |r| r.import_part(tenant, &id, number)).await?;
    let Some(found) = found else { return Ok(None) };
    let opened = app.store().sealer().unseal(PURPOSE, &found.sealed);
    let broken = || Error::new(Code::INTERNAL, "the file cannot be opened with this server's key; upload it again");
    Ok(Some((found.line, opened.ok_or_else(broken)?)))
}

fn rows<'b>(file: &ImportFile, line: u64, text: &'b [u8]) -> Rows<&'b [u8]> {
    let delimiter = file.delimiter.bytes().next().unwrap_or(b',');
    Rows::from_line(text, delimiter, line, file.header.len())
}

/// What stands in the first rows, and what would become of them with these columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) cells: Vec<Vec<String>>,
    pub(crate) people: Vec<Value>,
}

/// Looks at the first rows.
pub(crate) async fn sample(app: &App, file: &ImportFile, columns: &[Option<Column>]) -> Result<Sample> {
    let mut sample = Sample::default();
    let Some((line, text)) = part(app, file, 0).await? else { return Ok(sample) };
    let mut rows = rows(file, line, &text);
    while sample.cells.len() < SAMPLE {
        let row = rows.next_row().map_err(|error| refused(error.to_string()))?;
        let Some((_, row)) = row else { break };
        let Ok(row) = row else { continue };
        sample.cells.push(row.iter().map(str::to_owned).collect());
        sample.people.push(sheet::resource(columns.iter().map(Option::as_ref), row));
    }
    Ok(sample)
}

/// The meaning that each column of a file probably has: a path, or nothing.
pub(crate) fn guessed(state: &TenantState, file: &ImportFile) -> Vec<Option<String>> {
    let rows = known(state);
    let mut taken: Vec<String> = Vec::new();
    let guess = |name: &String| {
        let path = sheet::guess(name, "User", &rows).filter(|path| !taken.contains(path));
        taken.extend(path.clone());
        path
    };
    file.header.iter().map(guess).collect()
}

/// The attributes as the admin API lists them.
pub(crate) fn known(state: &TenantState) -> Vec<Value> {
    attributes::list(state).iter().map(attributes::Named::row).collect()
}

/// What is to be done with a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The path of the attribute that each column becomes; nothing leaves it out.
    pub(crate) columns: Vec<Option<String>>,
    /// By what people are found that are here already.
    pub(crate) by: Match,
    /// Only to see what would come of it.
    pub(crate) dry_run: bool,
}

/// The columns of a plan, if people can be made of them.
pub(crate) fn columns(state: &TenantState, file: &ImportFile, paths: &[Option<String>]) -> Result<Vec<Option<Column>>> {
    if paths.len() != file.header.len() {
        return Err(refused(format!("the file has {} columns, the plan {}", file.header.len(), paths.len())));
    }
    let known = known(state);
    let parse = |(name, path): (&String, &Option<String>)| -> Result<Option<Column>> {
        let column = path.as_ref().map(|path| Column::parse(path, "User", &known)).transpose();
        column.map_err(|why| refused(format!("column “{name}”: {why}")))
    };
    let columns: Vec<Option<Column>> = file.header.iter().zip(paths).map(parse).collect::<Result<_>>()?;
    for (at, column) in columns.iter().enumerate() {
        let Some(column) = column else { continue };
        if columns.iter().skip(at + 1).flatten().any(|other| other.same_place(column)) {
            return Err(refused(format!("two columns become {}; leave one of them out", column.path)));
        }
    }
    if !columns.iter().flatten().any(|column| column.is("userName")) {
        return Err(refused("no column becomes userName, which everybody needs; choose the one with the logins"));
    }
    Ok(columns)
}

/// Begins the job; answers its number.
pub(crate) async fn begin(app: &App, actor: &Actor, state: &TenantState, id: &str, plan: &Plan) -> Result<i64> {
    let file = find(app, state.tenant.id, id).await?;
    let columns = columns(state, &file, &plan.columns)?;
    if plan.by == Match::ExternalId && !columns.iter().flatten().any(|column| column.is("externalId")) {
        return Err(refused("people are to be found by externalId, and no column becomes it"));
    }
    let job = Job {
        tenant: state.tenant.id,
        kind: KIND.to_owned(),
        label: if plan.dry_run { "Try an import" } else { "Import users" }.to_owned(),
        input: json!({
            "file": file.id,
            "name": file.name,
            "columns": plan.columns,
            "match": plan.by.as_str(),
            "dryRun": plan.dry_run,
        }),
        total: file.records,
        created_at: app.clock().now(),
        created_by: actor.label.clone(),
        ..Job::default()
    };
    let told = json!({"kind": job.kind, "total": job.total, "dryRun": plan.dry_run, "name": file.name});
    let line = ("job.begin", format!("{}/job", state.tenant.name), told);
    audited(app, actor, line, move |w| Ok(w.job_insert(&job)?)).await
}

/// The plan of a job, and its file's id and name.
pub(crate) fn plan_of(job: &Job) -> (String, String, Plan) {
    let text = |name: &str| job.input.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let columns = job.input.get("columns").and_then(Value::as_array).into_iter().flatten();
    let plan = Plan {
        columns: columns.map(|path| path.as_str().map(str::to_owned)).collect(),
        by: Match::parse(&text("match")),
        dry_run: job.input.get("dryRun") == Some(&Value::Bool(true)),
    };
    (text("file"), text("name"), plan)
}

/// Does the next part of a job: what was refused, or nothing if there is no part left.
pub(crate) async fn turn(app: &App, state: &Arc<TenantState>, job: &mut Job) -> Result<Option<Vec<Value>>> {
    let (id, _, plan) = plan_of(job);
    let (tenant, wanted) = (state.tenant.id, id.clone());
    let file: Option<ImportFile> = app.store().read(move |r| r.import_file(tenant, &wanted)).await?;
    let Some(file) = file else { return Ok(None) };
    let columns = match columns(state, &file, &plan.columns) {
        Ok(columns) => columns,
        // A field was taken away meanwhile.
        Err(error) => {
            job.position = i64::MAX;
            let left = file.records.saturating_sub(job.done);
            job.done = file.records;
            return Ok((left > 0).then(|| vec![json!({"line": 1, "message": error.to_scim("").detail})]));
        }
    };
    let Some((line, text)) = part(app, &file, job.position).await? else {
        if !plan.dry_run {
            app.store().write(move |w| w.import_file_delete(tenant, &id)).await?;
        }
        return Ok(None);
    };
    let (records, mut failed) = read(&file, line, &text, &columns)?;
    job.done += (records.len() + failed.len()) as u64;
    let actor = Arc::new(Actor { label: job.created_by.clone(), ..Actor::local() });
    let base = app.base_url(state, &HeaderMap::new())?;
    let batch = Batch { by: plan.by, dry_run: plan.dry_run, keep_ids: false, records };
    let imported = import::import(app, state, &actor, base, batch).await?;
    job.counts = counted(&job.counts, &imported);
    failed.extend(imported.failed);
    failed.sort_by_key(|failure| failure.get("line").and_then(Value::as_u64));
    job.position += 1;
    Ok(Some(failed))
}

/// What happened so far, and this time.
fn counted(before: &Value, imported: &import::Imported) -> Value {
    let sum = |name: &str, more: u64| before.get(name).and_then(Value::as_u64).unwrap_or(0) + more;
    json!({
        "created": sum("created", imported.created),
        "updated": sum("updated", imported.updated),
        "unchanged": sum("unchanged", imported.unchanged),
    })
}

/// The rows of a part as records, and those that cannot be read.
fn read(file: &ImportFile, line: u64, text: &[u8], columns: &[Option<Column>]) -> Result<(Vec<Entry>, Vec<Value>)> {
    let (mut records, mut failed) = (Vec::new(), Vec::new());
    let mut rows = rows(file, line, text);
    while let Some((line, row)) = rows.next_row().map_err(|error| refused(error.to_string()))? {
        match row {
            Ok(row) => {
                let mut person = sheet::resource(columns.iter().map(Option::as_ref), row);
                sheet::name_schemas(&mut person);
                let resource = RawValue::from_string(person.to_string());
                let resource = resource.map_err(|error| refused(format!("line {line} is no JSON: {error}")))?;
                records.push(Entry { line, resource });
            }
            Err(what) => failed
                .push(json!({"line": line, "code": Code::INVALID_SYNTAX.to_string(), "status": 400, "message": what})),
        }
    }
    Ok((records, failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_cut_at_its_rows() {
        let mut text = "userName,title\n".to_owned();
        for n in 0..1_200 {
            text.push_str(&format!("u{n},\"a\nb\"\n\n"));
        }
        let cut = parts(text.as_bytes(), b',').unwrap();
        assert_eq!((cut.records, cut.parts.len()), (1_200, 3));
        assert_eq!(cut.parts.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 1_501, 3_001]);
        assert!(cut.parts[1].1.starts_with(b"\nu500,") && cut.parts[2].1.starts_with(b"\nu1000,"));
        assert!(parts(b"userName\n\n", b',').is_err());
    }
}
