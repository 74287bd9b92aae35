//! A backup: one file with the whole of a data folder in it, made beside the running server.
//!
//! How it looks: a line that names the format, a line of JSON (`Header`), the key file, the database, and the SHA-256
//! of everything before it. Invariant: the database in it is one state, that of one moment.
//! Invariant: nothing is restored over something, and nothing is left behind by a restore that failed.

use crate::db::Store;
use crate::{Error, Result};
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use bytes::Bytes;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const MAGIC: &str = "PROVOST BACKUP 1\n";
/// Longest header of a backup.
const HEADER_BYTES_MAX: u64 = 64 << 10;
/// Largest key file that a backup may hold.
const KEY_BYTES_MAX: u64 = 64 << 10;
/// Pages that are copied between two looks at whether somebody else wants the disk.
const STEP_PAGES: i32 = 4_096;
const PIECE_BYTES: usize = 256 << 10;
const DATABASE: &str = "provost.db";
const KEY: &str = "secret.key";

/// What a backup says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The release that made it.
    pub release: String,
    /// The moment that it holds, in microseconds.
    pub made_at: i64,
    /// Length of the key file.
    pub key_bytes: u64,
    /// Length of the database.
    pub database_bytes: u64,
}

/// A backup on its way out, piece by piece. The copy that it reads has no name any more and goes with it.
pub struct Snapshot {
    header: Header,
    ahead: Option<Bytes>,
    database: File,
    left: u64,
    digest: Option<Context>,
    bytes: u64,
}

impl Store {
    /// Copies the database as it is at this moment; writers go on meanwhile, but what they write stays in the journal
    /// until the copy is made. Blocks. Needs as much room in the data folder as the database has.
    /// PostgreSQL has tools of its own.
    pub fn backup(&self, now: i64) -> Result<Snapshot> {
        if self.generation().is_some() {
            return Err(Error::Database("PostgreSQL is backed up with its own tools, such as pg_dump".into()));
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Folder { path, source }
        };
        let folder = self.folder();
        let copy = folder.join(format!("backup.{}.tmp", uuid::Uuid::now_v7()));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy).map_err(failed(&copy))?;
        let copied = copy_database(&folder.join(DATABASE), &copy);
        let opened = File::open(&copy);
        fs::remove_file(&copy).map_err(failed(&copy))?;
        copied?;
        let database = opened.map_err(failed(&copy))?;
        let left = database.metadata().map_err(failed(&copy))?.len();
        let key_path = folder.join(KEY);
        let key = fs::read(&key_path).map_err(failed(&key_path))?;
        let header = Header {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: now,
            key_bytes: key.len() as u64,
            database_bytes: left,
        };
        let line = serde_json::to_string(&header).map_err(|error| Error::Broken(Box::new(error)))?;
        let mut ahead = format!("{MAGIC}{line}\n").into_bytes();
        ahead.extend_from_slice(&key);
        let bytes = ahead.len() as u64 + left + SHA256_OUTPUT_LEN as u64;
        Ok(Snapshot { header, ahead: Some(ahead.into()), database, left, digest: Some(Context::new(&SHA256)), bytes })
    }
}

impl Snapshot {
    /// What it says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How long the whole backup is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece; nothing behind the last one. Blocks.
    pub fn next_piece(&mut self) -> io::Result<Option<Bytes>> {
        let Some(digest) = &mut self.digest else { return Ok(None) };
        if let Some(ahead) = self.ahead.take() {
            digest.update(&ahead);
            return Ok(Some(ahead));
        }
        if self.left > 0 {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let got = (&self.database).take(self.left.min(PIECE_BYTES as u64)).read_to_end(&mut piece)?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.left -= got as u64;
            digest.update(&piece);
            return Ok(Some(piece.into()));
        }
        let digest = self.digest.take().map(Context::finish);
        Ok(digest.map(|digest| Bytes::copy_from_slice(digest.as_ref())))
    }
}

/// Copies page by page in one read transaction, so that it is one state however long it takes.
fn copy_database(from: &Path, to: &Path) -> Result<()> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    source.busy_timeout(Duration::from_secs(5))?;
    source.execute_batch("begin; select count(*) from tenant;")?;
    let mut target = Connection::open(to)?;
    target.pragma_update(None, "journal_mode", "off")?;
    target.pragma_update(None, "synchronous", "off")?;
    let backup = Backup::new(&source, &mut target)?;
    loop {
        match backup.step(STEP_PAGES)? {
            StepResult::Done => break,
            StepResult::More => {}
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    drop(backup);
    source.execute_batch("commit")?;
    Ok(())
}

/// Why a file is no backup that can be used.
#[derive(Debug)]
pub enum Refused {
    /// It is something else.
    NotABackup,
    /// It is of a format that this release does not know.
    Newer,
    /// It ends too early, or goes on behind its end.
    Length,
    /// Its bytes are not those that were written.
    Checksum,
    /// The folder that it should go to has something in it.
    NotEmpty(PathBuf),
    /// It cannot be read, or the folder cannot be written.
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotABackup => f.write_str("the file is not a backup of Provost"),
            Self::Newer => f.write_str("the backup has a format that this release does not know"),
            Self::Length => f.write_str("the backup is not whole: its length is wrong"),
            Self::Checksum => f.write_str("the backup is damaged: its checksum does not fit"),
            Self::NotEmpty(path) => write!(f, "{} is not empty", path.display()),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Refused {}

/// Reads a backup to its end and holds it against its checksum.
pub fn verify(file: &Path) -> Result<Header, Refused> {
    read(file, &mut io::sink(), &mut io::sink())
}

/// Brings a backup into a folder that is empty or not there yet. Everything is on the disk when it returns.
pub fn restore(file: &Path, folder: &Path) -> Result<Header, Refused> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Refused::Io(path, source)
    };
    let existed = folder.is_dir();
    if existed && fs::read_dir(folder).map_err(failed(folder))?.next().is_some() {
        return Err(Refused::NotEmpty(folder.to_owned()));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    let names = [(KEY, folder.join("secret.key.new")), (DATABASE, folder.join("provost.db.new"))];
    let result = unpack(file, folder, &names);
    if result.is_err() {
        for (_, path) in &names {
            fs::remove_file(path).ok();
        }
        if !existed {
            fs::remove_dir(folder).ok();
        }
    }
    result
}

fn unpack(file: &Path, folder: &Path, names: &[(&str, PathBuf); 2]) -> Result<Header, Refused> {
    let create = |path: &Path| {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|source| Refused::Io(path.to_owned(), source))
    };
    let [(_, key), (_, database)] = names;
    let (mut key_file, mut database_file) = (create(key)?, create(database)?);
    let header = read(file, &mut key_file, &mut database_file)?;
    let io_failed = |source| Refused::Io(folder.to_owned(), source);
    key_file.sync_all().and_then(|()| database_file.sync_all()).map_err(io_failed)?;
    // The database last: without it the folder is not one.
    for (name, path) in names {
        fs::rename(path, folder.join(name)).map_err(io_failed)?;
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_failed)?;
    Ok(header)
}

fn read(path: &Path, key: &mut impl Write, database: &mut impl Write) -> Result<Header, Refused> {
    let failed = |source| Refused::Io(path.to_owned(), source);
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut from = BufReader::with_capacity(PIECE_BYTES, file);
    let mut line = Vec::new();
    (&mut from).take(MAGIC.len() as u64).read_until(b'\n', &mut line).map_err(failed)?;
    if line != MAGIC.as_bytes() {
        let other = line.starts_with(b"PROVOST BACKUP ");
        return Err(if other { Refused::Newer } else { Refused::NotABackup });
    }
    let mut digest = Context::new(&SHA256);
    digest.update(&line);
    let mut text = Vec::new();
    (&mut from).take(HEADER_BYTES_MAX).read_until(b'\n', &mut text).map_err(failed)?;
    digest.update(&text);
    let header: Header = serde_json::from_slice(&text).map_err(|_| Refused::Checksum)?;
    let parts = [header.key_bytes, header.database_bytes, (line.len() + text.len() + SHA256_OUTPUT_LEN) as u64];
    let due = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part));
    if due != Some(length) || header.key_bytes > KEY_BYTES_MAX {
        return Err(Refused::Length);
    }
    copy(&mut from, header.key_bytes, key, &mut digest).map_err(failed)?;
    copy(&mut from, header.database_bytes, database, &mut digest).map_err(failed)?;
    let mut written = [0; SHA256_OUTPUT_LEN];
    from.read_exact(&mut written).map_err(failed)?;
    if digest.finish().as_ref() == written { Ok(header) } else { Err(Refused::Checksum) }
}

fn copy(from: &mut impl BufRead, mut left: u64, to: &mut impl Write, digest: &mut Context) -> io::Result<()> {
    while left > 0 {
        let piece = from.fill_buf()?;
        let take = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let Some(piece) = piece.get(..take).filter(|piece| !piece.is_empty()) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        digest.update(piece);
        to.write_all(piece)?;
        from.consume(take);
        left -= take as u64;
    }
    Ok(())
}
