//! `provost backup` and `provost restore`.

use super::{Cx, blocking, check, rows};
use crate::Environment;
use crate::cli::{Backup, Global, Restore};
use crate::client::{Client, data_folder};
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;
use crate::progress::{Progress, Unit};
use crate::secret::FileBeside;
use reqwest::Method;
use scim::meta::rfc3339;
use serde_json::{Value, json};
use std::path::Path;
use store::backup::{Header, Refused};

pub(super) async fn backup(cx: &Cx, arguments: &Backup) -> Result<()> {
    let mut file = FileBeside::create(&arguments.file, arguments.force)?;
    let mut incoming = cx.client.stream(Method::POST, "/api/v1/backup").await?;
    let mut progress = Progress::new(cx.out, "backup", incoming.length, Unit::Bytes);
    while let Some(piece) = incoming.next().await? {
        file.write(&piece)?;
        progress.more(piece.len() as u64);
    }
    drop(progress);
    let written = file.synced()?.to_owned();
    // What was written is read again: a backup that cannot be read is found out now.
    let header = blocking(move || store::backup::verify(&written)).await?.map_err(|error| refused(&error))?;
    file.keep()?;
    let sentence = format!(
        "{} holds everything as of {}, {} bytes of database. It holds secret.key as well: keep it like a secret.",
        arguments.file.display(),
        rfc3339(header.made_at),
        header.database_bytes
    );
    cx.out.done("backup", &shown(&arguments.file, &header), &sentence)
}

pub(super) async fn restore(
    arguments: &Restore,
    global: &Global,
    environment: &Environment,
    out: Output,
) -> Result<()> {
    if global.server.is_some() {
        let fix = "name the folder with --data, on the machine that the server shall run on";
        return Err(Failure::usage("a backup is restored into a folder, not over --server", fix));
    }
    let folder = data_folder(global, environment);
    let (from, to) = (arguments.file.clone(), folder.clone());
    let header = blocking(move || store::backup::restore(&from, &to)).await?.map_err(|error| refused(&error))?;
    let local = Global { data: Some(folder.clone()), server: None, token_file: None, ..global.clone() };
    let client = Client::open(&local, &Environment::default(), out).await?;
    let (findings, next) = rows(&client.get("/api/v1/check").await?);
    if !findings.is_empty() {
        check::list(&out, "restore", &findings, &next)?;
        let message = format!("{} is restored, but {} things do not agree", folder.display(), findings.len());
        return Err(Failure::new(Exit::Findings, message, "try an older backup in another folder"));
    }
    let sentence = format!("{} is as it was at {}; it was checked.", folder.display(), rfc3339(header.made_at));
    out.done("restore", &shown(&folder, &header), &sentence)?;
    out.hint(&format!("provost serve --data {}", folder.display()));
    Ok(())
}

fn shown(path: &Path, header: &Header) -> Value {
    json!({
        "path": path,
        "madeAt": rfc3339(header.made_at),
        "release": header.release,
        "databaseBytes": header.database_bytes,
    })
}

fn refused(error: &Refused) -> Failure {
    let (exit, fix) = match error {
        Refused::NotABackup => (Exit::Usage, "name a file that `provost backup` wrote"),
        Refused::Newer => (Exit::Configuration, "restore it with the release that made it, or a newer one"),
        Refused::Length | Refused::Checksum => (Exit::Failed, "take another copy of the file, or an older backup"),
        Refused::NotEmpty(_) => (Exit::Conflict, "name an empty folder with --data, or a new one"),
        Refused::Io(..) => (Exit::Failed, "see that it is there, that there is room, and that it may be used"),
    };
    Failure::new(exit, error.to_string(), fix)
}
