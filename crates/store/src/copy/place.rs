//! The two ends of a copy: what has to be true of them, and the key that secrets are sealed with.

use super::Order;
use super::side::Side;
use super::table::Table;
use crate::db::{connect_database, connect_file, key_digest, lock};
use crate::seal::Sealer;
use crate::{Error, Result, migrate};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const DATABASE: &str = "provost.db";
const KEY: &str = "secret.key";
const LOCK: &str = "provost.lock";
/// Sessions of servers on this database.
const SERVERS: &str = "select count(*) from pg_stat_activity
                       where datname = current_database() and application_name = 'provost'";
/// Held by whoever copies to this database.
const ALONE: &str = "select case when pg_try_advisory_lock(1396918605, -3) then 1 else 0 end";

/// Where a directory is.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A data folder with its own database.
    Folder(PathBuf),
    /// A database of PostgreSQL, by its address.
    Postgres(String),
}

impl std::fmt::Debug for Place {
    /// Without the address: there may be a password in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "Folder({})", path.display()),
            Self::Postgres(_) => f.write_str("Postgres"),
        }
    }
}

/// A source that is open.
pub(super) struct Source {
    pub(super) side: Side,
    /// The file with the key of its secrets.
    pub(super) key: PathBuf,
    watch: Watch,
}

/// How it is known whether somebody works on the source.
enum Watch {
    /// The folder's lock is ours, if nobody else has it.
    Folder(Option<File>),
    /// Servers are seen by their sessions: there were none at the beginning.
    Postgres { url: String, still: bool },
}

pub(super) fn source(order: &Order) -> Result<Source> {
    let source = match &order.from {
        Place::Folder(folder) => {
            let database = folder.join(DATABASE);
            if !database.is_file() {
                return Err(Error::Database(format!("there is no {}", database.display())));
            }
            let key = folder.join(KEY);
            Sealer::open(&key, false)?;
            let watch = match lock(&folder.join(LOCK)) {
                Ok(file) => Watch::Folder(Some(file)),
                Err(Error::Locked(_)) => Watch::Folder(None),
                Err(error) => return Err(error),
            };
            Source { side: Side::new(connect_file(&database, true)?), key, watch }
        }
        Place::Postgres(url) => {
            let side = Side::new(connect_database(url, true)?);
            let key = order.key_folder.join(KEY);
            own_key(&side, &key)?;
            let still = side.number(SERVERS, ())? == 0;
            Source { side, key, watch: Watch::Postgres { url: url.clone(), still } }
        }
    };
    let (found, known) = (source.side.version()?, migrate::known());
    if found > known {
        return Err(Error::NewerDatabase { found, known });
    }
    if found < known {
        return Err(Error::Database(format!(
            "the source has version {found} and this release makes version {known}; start this release on the source once"
        )));
    }
    if source.side.is_marked()? {
        return Err(Error::Unfinished);
    }
    Ok(source)
}

/// The secrets of a database are sealed with one key, and it remembers a digest of it.
fn own_key(side: &Side, key: &Path) -> Result<()> {
    let digest = key_digest(&Sealer::open(key, false)?);
    let mut known = None;
    side.connection.each("select digest from node_key", (), |row| {
        known = Some(row.get::<Vec<u8>>(0)?);
        Ok(true)
    })?;
    match known {
        Some(known) if known == digest => Ok(()),
        Some(_) => Err(Error::OtherKey(key.to_owned())),
        None => Err(Error::Database("no server has ever run on the source".into())),
    }
}

impl Source {
    /// Whether nobody has worked on it since it was opened.
    pub(super) fn stood_still(&self) -> Result<bool> {
        Ok(match &self.watch {
            Watch::Folder(lock) => lock.is_some(),
            Watch::Postgres { still: false, .. } => false,
            Watch::Postgres { url, .. } => Side::new(connect_database(url, true)?).number(SERVERS, ())? == 0,
        })
    }
}

/// A target that is open, marked, and nobody else's.
pub(super) struct Target {
    pub(super) side: Side,
    folder: Option<(PathBuf, File)>,
    /// A session that holds a lock until it goes.
    _alone: Option<Side>,
}

pub(super) fn target(place: &Place, key: &Path, tables: &[Table]) -> Result<Target> {
    let target = match place {
        Place::Folder(folder) => folder_target(folder, key)?,
        Place::Postgres(url) => {
            let side = Side::new(connect_database(url, false)?);
            let alone = Side::new(connect_database(url, true)?);
            if alone.number(ALONE, ())? == 0 {
                return Err(Error::Database("another copy to the target is under way".into()));
            }
            Target { side, folder: None, _alone: Some(alone) }
        }
    };
    if !target.side.is_marked()? {
        for table in tables {
            if !target.side.is_empty(table)? {
                return Err(Error::NotEmpty(format!("table {} of the target", table.name)));
            }
        }
    }
    target.mark(key)?;
    Ok(target)
}

fn folder_target(folder: &Path, key: &Path) -> Result<Target> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Folder { path, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    let lock = lock(&folder.join(LOCK))?;
    let (own, database) = (folder.join(KEY), folder.join(DATABASE));
    let bytes = fs::read(key).map_err(failed(key))?;
    match fs::read(&own) {
        Ok(same) if same == bytes => {}
        Ok(_) if database.is_file() => return Err(Error::NotEmpty(folder.display().to_string())),
        Ok(_) => return Err(Error::OtherKey(own)),
        Err(_) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own);
            file.and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all())).map_err(failed(&own))?;
        }
    }
    if !database.is_file() {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&database).map_err(failed(&database))?;
    }
    Ok(Target {
        side: Side::new(connect_file(&database, false)?),
        folder: Some((folder.to_owned(), lock)),
        _alone: None,
    })
}

impl Target {
    fn mark(&self, key: &Path) -> Result<()> {
        self.side.begin()?;
        let sql = "insert into meta (name, value) values ('copying', 1) on conflict (name) do nothing";
        self.side.execute(sql, ())?;
        if self.folder.is_none() {
            let digest = key_digest(&Sealer::open(key, false)?);
            self.side.execute("delete from node_key", ())?;
            self.side.execute("insert into node_key (digest) values (?1)", [digest.as_slice()])?;
        }
        self.side.commit()
    }

    /// Takes the mark away, if it is finished, and sees that everything is on the disk.
    pub(super) fn finish(&self, finished: bool) -> Result<()> {
        if finished {
            self.side.begin()?;
            self.side.execute("delete from meta where name = 'copying'", ())?;
            self.side.commit()?;
        }
        let Some((folder, _)) = &self.folder else { return Ok(()) };
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| Error::Folder { path: folder.clone(), source })
    }
}
