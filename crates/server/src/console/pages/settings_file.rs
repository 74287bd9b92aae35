//! The settings as a file: exported, compared with what holds, applied once the difference was looked at.

use crate::admin::settings_file::{self, Difference, Line};
use crate::console::parts::{Column, Row, Table, Tone, badge, card, empty, form, link, note, table};
use crate::console::{Desk, Flash, Form, Icon, Nav, Page, Shown, page, remedy, sentence, upload};
use axum::body::Bytes;
use axum::http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

const HERE: &str = "/app/settings/import";
/// Longest value that a line shows.
const SHOWN_CHARS_MAX: usize = 200;

const COLUMNS: [Column; 4] =
    [Column::new("Setting or field"), Column::new("Now"), Column::new("In the file"), Column::new("What happens")];

/// `GET /app/settings/export`: all settings and definitions, without secrets.
pub(super) async fn export(cx: Desk) -> Shown {
    let text = serde_json::to_string_pretty(&settings_file::export(&cx.tenant)).unwrap_or_default();
    Ok(super::download(super::JSON, "settings.json", text))
}

fn about() -> Page {
    Page::new("Import settings", Nav::Settings)
        .under("Settings", "/app/settings")
        .purpose("From a file that “Export as JSON” made, here or on another server. The difference is shown first.")
        .help("operate")
}

/// `GET /app/settings/import`.
pub(super) async fn show(cx: Desk) -> Shown {
    Ok(page(&cx, about(), chooser(&cx, None)))
}

fn chooser(cx: &Desk, wrong: Option<&str>) -> Markup {
    html! {
        (card("The file", html! {
            p { "A file changes settings and adds custom fields. It takes no field away and changes none that is here; tokens, operators and people are not in it." }
            @if cx.may_change() {
                form method="post" action=(HERE) enctype="multipart/form-data" {
                    input type="hidden" name="csrf" value=(cx.csrf);
                    div .field {
                        label for="file" { "File of JSON" }
                        p .hint #file-hint { "Nothing is changed yet." }
                        input #file type="file" name="file" accept=".json,application/json" required aria-invalid=[wrong.map(|_| "true")]
                            aria-describedby=(if wrong.is_some() { "file-hint file-error" } else { "file-hint" });
                        @if let Some(wrong) = wrong { p .error #file-error { (wrong) } }
                    }
                    div .actions { button .main type="submit" { "Show the difference" } (link("/app/settings", "Back", false)) }
                }
            } @else { p .quiet { "An administrator can import one." } }
        }))
    }
}

/// A page that says what is wrong with a file.
fn refused(cx: &Desk, said: &str) -> Shown {
    Ok(super::unprocessable(page(cx, about(), chooser(cx, Some(&sentence(remedy::detail(said)))))))
}

/// `POST /app/settings/import`: the difference; nothing is changed.
pub(super) async fn compare(cx: Desk, headers: HeaderMap, bytes: Bytes) -> Shown {
    let uploaded =
        if upload::is_one(&cx.path, &headers) { upload::read(&headers, bytes).await? } else { Default::default() };
    let Some((_, bytes)) = uploaded.file else { return refused(&cx, "choose a file first") };
    let drawn = settings_file::parse(&bytes).and_then(|file| settings_file::diff(&cx.app, &cx.tenant, &file));
    match drawn {
        Ok(difference) => Ok(page(&cx, about(), shown(&cx, &difference, &String::from_utf8_lossy(&bytes)))),
        Err(error) if error.to_scim("").status < 500 => refused(&cx, &error.to_scim("").detail),
        Err(error) => Err(error.into()),
    }
}

fn shown(cx: &Desk, difference: &Difference, text: &str) -> Markup {
    if difference.lines.is_empty() {
        let back = link("/app/settings", "Back to the settings", false);
        return empty(Icon::Check, "No difference", html! { "Everything in the file is so already." }, Some(back));
    }
    let rows = difference.lines.iter().map(row).collect();
    html! {
        (table(&Table { caption: "What differs", columns: &COLUMNS, rows, body_id: None }))
        @if difference.changes() {
            (card("Apply it?", form(cx, "/app/settings/import/apply", html! {
                p { "What is marked “changes” and “new” above becomes so in the tenant " strong { (cx.tenant.tenant.name) } ", all at once; the rest stays." }
                input type="hidden" name="file" value=(text);
                input type="hidden" name="generation" value=(difference.generation);
                div .actions { button .main type="submit" { "Apply the file" } (link(HERE, "Choose another", false)) }
            })))
        } @else {
            (note(Tone::Info, "Nothing would change", html! { p { "What differs is not changed by a file." } }))
        }
    }
}

fn value(value: &Value) -> Markup {
    let text = match value {
        Value::Null => return html! { span .quiet { "—" } },
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    html! { code .wrap { (crate::redact::cut(&text, SHOWN_CHARS_MAX)) } }
}

fn row(line: &Line) -> Row {
    let what = match (line.stays, &line.before) {
        (Some(why), _) => html! { (badge(Tone::Quiet, "stays")) p .hint { (sentence(why)) } },
        (None, Value::Null) => badge(Tone::Good, "new"),
        (None, _) => badge(Tone::Info, "changes"),
    };
    Row {
        cells: vec![html! { code .wrap { (line.name) } }, value(&line.before), value(&line.after), what],
        ..Row::default()
    }
}

/// The file again, as it was shown.
#[derive(Deserialize)]
pub(super) struct Wanted {
    file: String,
    generation: i64,
}

/// `POST /app/settings/import/apply`.
pub(super) async fn apply(cx: Desk, Form(wanted): Form<Wanted>) -> Shown {
    let file = settings_file::parse(wanted.file.as_bytes())?;
    let tenant = cx.tenant.tenant.name.clone();
    match settings_file::apply(&cx.app, &cx.actor(), &tenant, &file, wanted.generation).await {
        Ok(_) => cx.done("/app/settings", Flash::good("The file is applied")),
        Err(error) if error.to_scim("").status < 500 => refused(&cx, &error.to_scim("").detail),
        Err(error) => Err(error.into()),
    }
}
