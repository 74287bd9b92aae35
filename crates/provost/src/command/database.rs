//! `provost database copy`: everything from one database into another. It is about the database and not about what is in
//! it, so it does not go through the API.

use super::blocking;
use crate::Environment;
use crate::cli::{Copy, Database, Global};
use crate::client::{address_in, checked_address, data_folder, has_password};
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, Output, text};
use crate::progress::{Progress, Unit};
use serde_json::{Value, json};
use store::copy::{Order, Outcome, Place};

pub(super) async fn run(command: &Database, global: &Global, environment: &Environment, out: Output) -> Result<()> {
    let Database::Copy(arguments) = command;
    if global.server.is_some() {
        let fix = "run the command on a machine that reaches both places";
        return Err(Failure::usage("a database is not copied over --server", fix));
    }
    copy(arguments, global, environment, out).await
}

async fn copy(arguments: &Copy, global: &Global, environment: &Environment, out: Output) -> Result<()> {
    let (from, to) = (place(&arguments.from)?, place(&arguments.to)?);
    if from == to {
        return Err(Failure::usage("FROM and TO are the same place", "name two places"));
    }
    let key_folder = data_folder(global, environment);
    let order = Order { from, to, key_folder: key_folder.clone(), moment: arguments.moment };
    let outcome = blocking(move || {
        let (mut progress, mut of) = (None, None);
        store::copy::copy(&order, &mut |step| {
            let progress = progress.get_or_insert_with(|| Progress::new(out, "copy", Some(step.total), Unit::Things));
            if of.as_deref() != Some(step.table) {
                progress.about(step.table);
                of = Some(step.table.to_owned());
            }
            progress.at(step.done);
        })
    });
    let outcome = outcome.await?.map_err(|error| refused(&error, &key_folder))?;
    told(&outcome, arguments, out)
}

/// A place in words.
fn place(text: &str) -> Result<Place> {
    match text.split_once(':') {
        Some(("sqlite", folder)) if !folder.is_empty() => {
            let folder = std::path::Path::new(folder);
            let is_file = folder.file_name().is_some_and(|name| name == crate::client::DATABASE);
            let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok(Place::Folder(if is_file { parent.unwrap_or(".".as_ref()) } else { folder }.to_owned()))
        }
        Some(("postgres" | "postgresql", _)) if has_password(text) => {
            let fix =
                "others on this machine can read it there; write the address into a file and name it as file:FILE";
            Err(Failure::usage("the address holds a password", fix))
        }
        Some(("postgres" | "postgresql", _)) => checked_address(text.to_owned()).map(Place::Postgres),
        Some(("file", file)) if !file.is_empty() => checked_address(address_in(file.as_ref())?).map(Place::Postgres),
        _ => {
            let fix = "write sqlite:FOLDER, postgres://user@host/database, or file:FILE with such an address in it";
            Err(Failure::usage(format!("{text} is no place of a database"), fix))
        }
    }
}

fn told(outcome: &Outcome, arguments: &Copy, out: Output) -> Result<()> {
    let tables: Vec<Value> = outcome
        .tables
        .iter()
        .map(|table| {
            json!({"table": table.table, "rows": table.rows, "written": table.written, "removed": table.removed,
                   "digest": table.digest})
        })
        .collect();
    let rows: u64 = outcome.tables.iter().map(|table| table.rows).sum();
    if out.json {
        let data = json!({"tables": tables, "rows": rows, "sourceStoodStill": outcome.stood_still,
                          "finished": outcome.finished});
        return out.one("database.copy", &data, "");
    }
    let columns: [Column<'_>; 5] = [
        ("TABLE", &|row| text(row, "table")),
        ("ROWS", &|row| text(row, "rows")),
        ("WRITTEN", &|row| text(row, "written")),
        ("REMOVED", &|row| text(row, "removed")),
        ("SHA-256, ADDED UP", &|row| text(row, "digest").chars().take(16).collect()),
    ];
    out.list("database.copy", &columns, &tables, &Value::Null)?;
    out.note(&format!("{rows} rows are the same on both sides, by count and digest of every table."));
    if outcome.stood_still {
        out.note("Nobody worked on the source meanwhile: the copy is everything, and a server may start on it.");
    } else if outcome.finished {
        out.note("The source was in use: the copy is that of the moment at which it began. A server may start on it.");
    } else {
        out.note("The source was in use, so the copy is not finished and no server starts on it.");
        let again = format!("provost database copy {} {}", arguments.from, arguments.to);
        out.hint(&format!("stop the servers of the source, then: {again}"));
    }
    Ok(())
}

fn refused(error: &store::Error, key_folder: &std::path::Path) -> Failure {
    let (exit, fix) = match error {
        store::Error::NotEmpty(_) => (Exit::Conflict, "name an empty folder, or make a new database"),
        store::Error::Locked(_) => (Exit::Conflict, "stop the server of the target, or name another folder"),
        store::Error::Unfinished => (Exit::Conflict, "the source itself is an unfinished copy: finish that one first"),
        store::Error::Unavailable => {
            (Exit::Failed, "see that both databases run and have room; the same command goes on where it stopped")
        }
        store::Error::KeyMissing(_) | store::Error::OtherKey(_) => {
            (Exit::Configuration, "name the data folder of a node of this database with --data: it holds secret.key")
        }
        other => return crate::serve::store_failure(other, key_folder),
    };
    Failure::new(exit, error.to_string(), fix)
}
