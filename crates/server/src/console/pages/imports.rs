//! Importing people from a file of CSV: upload it, say what each column is, try it, import it. The work itself is a job.

use crate::admin::imports::{self, Plan, Sample};
use crate::console::parts::{
    Column, Field, Row, Table, Tone, card, choice, confirm, count, form, json, link, note, table, visible,
};
use crate::console::upload;
use crate::console::{Desk, Flash, Nav, Page, Shown, page, sentence};
use crate::limits;
use crate::query;
use crate::scim::import::Match;
use crate::sheet;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::HeaderMap;
use maud::{Markup, html};
use serde_json::Value;
use store::ImportFile;

const HERE: &str = "/app/users/imports";

/// `GET /app/users/imports`.
pub(super) async fn form_new(cx: Desk) -> Shown {
    upload_page(&cx, None).await
}

async fn upload_page(cx: &Desk, wrong: Option<&str>) -> Shown {
    let files = imports::list(&cx.app, cx.tenant.tenant.id).await?;
    let most = (limits::IMPORT_FILE_BYTES_MAX as u64 >> 20, count(limits::IMPORT_FILE_ROWS_MAX));
    let body = html! {
        @if cx.may_change() { (card("The file", html! {
            p { "CSV in UTF-8, with the names of the columns in the first row and somebody in every other. What the columns are is asked next, and nothing is changed before you say so." }
            form method="post" action=(HERE) enctype="multipart/form-data" {
                input type="hidden" name="csrf" value=(cx.csrf);
                div .field {
                    label for="file" { "File of CSV" }
                    p .hint #file-hint { "Up to " (most.0) " MiB and " (most.1) " rows; more go with " code { "provost import" } "." }
                    input #file type="file" name="file" accept=".csv,text/csv" required aria-invalid=[wrong.map(|_| "true")]
                        aria-describedby=(if wrong.is_some() { "file-hint file-error" } else { "file-hint" });
                    @if let Some(wrong) = wrong { p .error #file-error { (wrong) } }
                }
                div .actions { button .main type="submit" { "Upload" } (link("/app/users", "Back", false)) }
            }
        })) }
        @if !files.is_empty() { (card("Uploaded", html! {
            ul .list.rows { @for file in &files { li { a href={ (HERE) "/" (file.id) } { (visible(&file.name)) } " " span .quiet { (count(file.records)) " rows, by " (file.created_by) } } } }
            p .hint { "A file goes when it was imported, or after a day." }
        })) }
        (card("What an import does", html! {
            ul .list {
                li { "Who is not there is created; who is there is brought to what the file says." }
                li { "What the file does not speak of stays as it is, and so does everybody who is not in the file." }
                li { "A row that is refused stops no other; the job names its line and the reason." }
            }
        }))
    };
    let about = Page::new("Import people", Nav::Users)
        .under("Users", "/app/users")
        .purpose("From a spreadsheet or another system, by a file of CSV.")
        .help("import-export");
    let shown = page(cx, about, body);
    Ok(if wrong.is_some() { super::unprocessable(shown) } else { shown })
}

/// `POST /app/users/imports`.
pub(super) async fn take(cx: Desk, headers: HeaderMap, bytes: Bytes) -> Shown {
    let uploaded =
        if upload::is_one(&cx.path, &headers) { upload::read(&headers, bytes).await? } else { Default::default() };
    let Some((name, bytes)) = uploaded.file else { return upload_page(&cx, Some("Choose a file first.")).await };
    match imports::take(&cx.app, &cx.actor(), &cx.tenant, &name, &bytes).await {
        Ok(file) => cx.done(&format!("{HERE}/{}", file.id), Flash::good("Uploaded. Nothing is imported yet.")),
        Err(error) if error.to_scim("").status < 500 => {
            upload_page(&cx, Some(&sentence(&error.to_scim("").detail))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /app/users/imports/{id}`.
pub(super) async fn show(cx: Desk, Path(id): Path<String>) -> Shown {
    let file = imports::find(&cx.app, cx.tenant.tenant.id, &id).await?;
    let plan = Plan { columns: imports::guessed(&cx.tenant, &file), ..Plan::default() };
    mapping_page(&cx, &file, &plan, None).await
}

/// The columns with their first cells, and what each becomes.
async fn mapping_page(cx: &Desk, file: &ImportFile, plan: &Plan, wrong: Option<&str>) -> Shown {
    let columns = imports::columns(&cx.tenant, file, &plan.columns).unwrap_or_default();
    let sample = imports::sample(&cx.app, file, &columns).await?;
    let places = sheet::places("User", &imports::known(&cx.tenant));
    let action = format!("{HERE}/{}", file.id);
    let body = html! {
        @if let Some(wrong) = wrong { (note(Tone::Bad, "Nothing was begun", html! { p { (wrong) } })) }
        (card("Columns", form(cx, &action, html! {
            (columns_table(file, plan, &sample, &places))
            (choice(&Field { name: "match", label: "People who are here already are found by", value: plan.by.as_str(), ..Field::default() },
                &[("userName", "userName, the login"), ("externalId", "externalId, the other system's id")]))
            @if cx.may_change() { div .actions {
                button .main type="submit" name="do" value="try" { "Try it" }
                button type="submit" name="do" value="import" { "Import " (count(file.records)) " people" }
                button .quiet type="submit" name="do" value="look" { "Look at the first rows again" }
            } }
            p .hint { "Trying it goes through every row and says what would happen, and changes nothing." }
        })))
        (first_people(&sample))
        @if cx.may_change() { (card("Discard", confirm(cx, &format!("{action}/discard"), "Discard the file", html! { p { "What was imported stays." } }, None, html! {}))) }
    };
    let purpose = format!("{} rows in {} columns. Nothing is imported yet.", count(file.records), file.header.len());
    let about = Page::new(file.name.clone(), Nav::Users)
        .under("Users", "/app/users")
        .under("Import people", HERE)
        .purpose(purpose)
        .help("import-export");
    let shown = page(cx, about, body);
    Ok(if wrong.is_some() { super::unprocessable(shown) } else { shown })
}

const COLUMNS: [Column; 3] = [Column::new("In the file"), Column::new("First rows"), Column::new("Becomes")];

fn columns_table(file: &ImportFile, plan: &Plan, sample: &Sample, places: &[(String, Vec<String>)]) -> Markup {
    let rows = file.header.iter().enumerate().map(|(at, name)| {
        let chosen = plan.columns.get(at).and_then(Option::as_deref).unwrap_or_default();
        let shown = if name.is_empty() { format!("Column {}", at + 1) } else { name.clone() };
        let hidden = [chosen, name].iter().any(|word| word.to_ascii_lowercase().contains("passw"));
        let cells = sample.cells.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty());
        let cells = cells.map(|cell| if hidden { "•••".into() } else { crate::redact::cut(cell, 60) });
        Row {
            cells: vec![
                html! { strong { (visible(&shown)) } },
                html! { ul .list.examples { @for cell in cells { li { (visible(&cell)) } } } },
                become_what(&shown, chosen, places),
            ],
            ..Row::default()
        }
    });
    table(&Table { caption: "Columns of the file", columns: &COLUMNS, rows: rows.collect(), body_id: None })
}

fn become_what(shown: &str, chosen: &str, places: &[(String, Vec<String>)]) -> Markup {
    let is_known = places.iter().any(|(_, paths)| paths.iter().any(|path| path == chosen));
    html! {
        select name="column" aria-label={ "What " (shown) " becomes" } {
            option value="" selected[chosen.is_empty()] { "(left out)" }
            @if !chosen.is_empty() && !is_known { option value=(chosen) selected { (chosen) } }
            @for (namespace, paths) in places {
                optgroup label=(if namespace.is_empty() { "User" } else { namespace }) {
                    @for path in paths { option value=(path) selected[path == chosen] { (path.rsplit(':').next().unwrap_or(path)) } }
                }
            }
        }
    }
}

/// The first rows as they would arrive, without what is secret.
fn first_people(sample: &Sample) -> Markup {
    let without = |person: &Value| {
        let mut person = person.clone();
        if let Some(password) = person.get_mut("password") {
            *password = "•••".into();
        }
        person.to_string()
    };
    html! {
        @if !sample.people.is_empty() && sample.people.iter().any(|one| one.as_object().is_some_and(|map| !map.is_empty())) {
            (card("The first rows as SCIM", html! {
                @for (at, person) in sample.people.iter().enumerate() { (json(&format!("Row {}", at + 1), &without(person))) }
            }))
        }
    }
}

/// `POST /app/users/imports/{id}`: looks again, tries it, or imports it.
pub(super) async fn begin(cx: Desk, Path(id): Path<String>, body: Bytes) -> Shown {
    let fields: Vec<(String, String)> = query::pairs(&String::from_utf8_lossy(&body)).collect();
    let all = |name: &'static str| fields.iter().filter(move |(have, _)| have == name).map(|(_, value)| value.as_str());
    let one = |name: &'static str| all(name).next().unwrap_or_default();
    let file = imports::find(&cx.app, cx.tenant.tenant.id, &id).await?;
    let plan = Plan {
        columns: all("column").map(|path| (!path.is_empty()).then(|| path.to_owned())).collect(),
        by: Match::parse(one("match")),
        dry_run: one("do") != "import",
    };
    if one("do") == "look" {
        let wrong = imports::columns(&cx.tenant, &file, &plan.columns).err();
        let wrong = wrong.map(|error| sentence(&error.to_scim("").detail));
        return mapping_page(&cx, &file, &plan, wrong.as_deref()).await;
    }
    match imports::begin(&cx.app, &cx.actor(), &cx.tenant, &id, &plan).await {
        Ok(job) => cx.done(&format!("/app/jobs/{job}"), Flash::good("The job has begun")),
        Err(error) if error.to_scim("").status < 500 => {
            mapping_page(&cx, &file, &plan, Some(&sentence(&error.to_scim("").detail))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /app/users/imports/{id}/discard`.
pub(super) async fn discard(cx: Desk, Path(id): Path<String>) -> Shown {
    imports::forget(&cx.app, &cx.actor(), &cx.tenant, &id).await?;
    cx.done(HERE, Flash::good("The file is gone"))
}
