//! The libraries that are linked into the binary, and the texts of their licences.

use super::{framed, reader};
use crate::app::App;
use crate::console::parts::{Column, Row, Table, code, count, table};
use crate::console::{Fault, Shown};
use crate::licences::{Library, libraries, texts_of};
use axum::extract::{Path, State};
use axum::http::request;
use maud::{Markup, html};

const COLUMNS: [Column; 3] = [Column::new("Library"), Column::new("Version").minor(), Column::new("Licence")];

/// All of them, each leading to its texts.
pub(super) fn list() -> Markup {
    let row = |one: &Library| Row {
        cells: vec![
            html! { a href={ "/docs/licences/" (one.name) } { (one.name) } },
            html! { (one.version) },
            html! { (one.licence) },
        ],
        ..Row::default()
    };
    let all = libraries();
    html! {
        p { "Provost is given under the Apache License 2.0. These " (count(all.len() as u64)) " libraries of others are linked into it; behind each name are its notices and the text of its licence. Where an expression offers a choice, any of its licences may be taken." }
        p { "All of it for a file: " code { "provost licences > NOTICES" } }
        (table(&Table { caption: "Libraries", columns: &COLUMNS, rows: all.iter().map(row).collect(), body_id: None }))
    }
}

/// `GET /docs/licences/{library}`.
pub(in crate::console::pages) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    parts: request::Parts,
) -> Shown {
    let cx = reader(&app, &parts).await;
    let found: Vec<Library> = libraries().into_iter().filter(|one| one.name == name).collect();
    if found.is_empty() {
        return Err(Fault::missing("no library of this name is linked in"));
    }
    let texts: Vec<usize> = found.iter().flat_map(|one| one.texts.iter().copied()).collect();
    let body = html! {
        @for one in &found { p { strong { (one.name) " " (one.version) } " · " (one.licence) } }
        @for text in texts_of(&texts) {
            (code(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("Licence"), text))
        }
        p { a href="/docs/licences" { "All libraries" } }
    };
    Ok(framed(cx.as_ref(), "licences", &name, &body))
}
