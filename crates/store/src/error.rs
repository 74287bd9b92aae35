//! What can go wrong in the store, in the few kinds that a caller treats differently.
//!
//! Absence is an `Option`, never an error.

use std::fmt;
use std::path::PathBuf;

/// A failure of the store.
#[derive(Debug)]
pub enum Error {
    /// Another resource holds this value already; the full name of the attribute.
    Conflict {
        /// With the extension's URN in front, as discovery names it.
        attribute: String,
    },
    /// The row has changed or gone since it was read.
    Stale,
    /// The database cannot take the work now: too much is waiting, the disk is full, or it is closing.
    /// Nothing was changed; `Stats::last_failure` says why.
    Unavailable,
    /// Members that do not exist, by the ids that were sent; nothing was changed.
    UnknownMembers(Vec<String>),
    /// A group was to become its own member.
    SelfMember,
    /// Another process works on this folder.
    Locked(PathBuf),
    /// The database was written by a newer release.
    NewerDatabase {
        /// The version in the database.
        found: i64,
        /// The newest one that this release knows.
        known: i64,
    },
    /// The database is there, but the key that its secrets are sealed with is not.
    KeyMissing(PathBuf),
    /// The folder has another key than the one that the database's secrets are sealed with.
    OtherKey(PathBuf),
    /// The database is the target of a copy that is not finished.
    Unfinished,
    /// The place where a copy should go holds something already; what, in words.
    NotEmpty(String),
    /// The database cannot be worked with at all; why, in words.
    Database(String),
    /// The folder or a file in it cannot be used.
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A defect: of ours, or of the file.
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A defect described in words.
    pub fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into().into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { attribute } => write!(f, "another resource already has this {attribute}"),
            Self::Stale => f.write_str("the resource has changed since it was read"),
            Self::Unavailable => f.write_str("the database cannot take the work now"),
            Self::UnknownMembers(ids) => write!(f, "{} of the members do not exist", ids.len()),
            Self::SelfMember => f.write_str("a group cannot be its own member"),
            Self::Locked(path) => {
                write!(f, "another Provost is running on this data folder ({} is locked)", path.display())
            }
            Self::NewerDatabase { found, known } => write!(
                f,
                "the database has version {found} and this release knows versions up to {known}; start the newer release"
            ),
            Self::KeyMissing(path) => write!(
                f,
                "the database is there but {} is not; restore the key file from the backup of the same folder",
                path.display()
            ),
            Self::OtherKey(path) => write!(
                f,
                "{} is another key than the one that this database's secrets are sealed with; copy the file from another node",
                path.display()
            ),
            Self::Unfinished => f.write_str(
                "the database is an unfinished copy; run `provost database copy` again after its source was stopped",
            ),
            Self::NotEmpty(what) => write!(f, "{what} holds data already; a copy needs an empty place"),
            Self::Database(why) => write!(f, "the database cannot be used: {why}"),
            Self::Folder { path, source } => write!(f, "{} cannot be used: {source}", path.display()),
            Self::Broken(source) => write!(f, "the store is broken: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Folder { source, .. } => Some(source),
            Self::Broken(source) => Some(&**source),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(
                Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::DiskFull
                | Code::SystemIoFailure
                | Code::ReadOnly
                | Code::CannotOpen
                | Code::OutOfMemory,
            ) => Self::Unavailable,
            _ => Self::Broken(Box::new(error)),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}
