//! What the benchmark is told behind `--`.

use std::time::Duration;

/// Connections at once.
const CONNECTIONS: [usize; 3] = [1, 16, 128];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) fn name(self) -> &'static str {
        if self == Self::Sqlite { "SQLite" } else { "PostgreSQL" }
    }

    /// In names of files.
    pub(crate) fn slug(self) -> &'static str {
        if self == Self::Sqlite { "sqlite" } else { "postgres" }
    }
}

pub(crate) struct Options {
    pub(crate) databases: Vec<Database>,
    users: Vec<usize>,
    users_are_told: bool,
    members: Vec<usize>,
    pub(crate) connections: Vec<usize>,
    /// For each measurement, all its turns together.
    pub(crate) lasting: Duration,
    pub(crate) only: String,
    /// The guide's figures and charts are written anew.
    pub(crate) write: bool,
    pub(crate) log: bool,
}

impl Options {
    pub(crate) fn read() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let has = |name: &str| arguments.iter().any(|argument| argument == name);
        let given = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1).cloned();
        let numbers = |name: &str, usual: &[usize]| -> Vec<usize> {
            let parse = |text: String| text.split(',').map(|part| part.parse().expect("a number")).collect();
            given(name).map_or_else(|| usual.to_vec(), parse)
        };
        let quick = has("--quick");
        let databases = match given("--database").as_deref() {
            None | Some("sqlite") => vec![Database::Sqlite],
            Some("postgres") => vec![Database::Postgres],
            Some("both") => vec![Database::Sqlite, Database::Postgres],
            Some(other) => panic!("--database {other}: sqlite, postgres or both"),
        };
        let (users, members): (&[usize], &[usize]) = if quick {
            (&[1_000, 10_000], &[10, 1_000])
        } else {
            (&[1_000, 100_000, 1_000_000], &[10, 1_000, 10_000, 100_000])
        };
        let seconds = given("--seconds").map_or(if quick { 0.4 } else { 0.9 }, |text| text.parse().expect("seconds"));
        Self {
            users: numbers("--users", users),
            users_are_told: has("--users"),
            members: numbers("--members", members),
            connections: numbers("--connections", &CONNECTIONS),
            databases,
            lasting: Duration::from_secs_f64(seconds),
            only: given("--only").unwrap_or_default(),
            write: has("--write"),
            log: !quick,
        }
    }

    /// Sizes of the directories, the smallest first. A million people take longer to bring to PostgreSQL than everything
    /// else, so they are there only if they are asked for.
    pub(crate) fn users(&self, database: Database) -> Vec<usize> {
        let most = if database == Database::Postgres && !self.users_are_told { 100_000 } else { usize::MAX };
        self.users.iter().copied().filter(|users| *users <= most).collect()
    }

    /// Sizes of the groups, the smallest first.
    pub(crate) fn members(&self) -> &[usize] {
        &self.members
    }
}
