//! The commands that move much at once: backup, restore, export, import.

use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `provost backup`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  provost backup /backup/monday.backup
  provost backup scim.backup --server https://scim.example.com --token-file owner.token

The file holds the database as it is at one moment, and secret.key: whoever has it has everything. It is made
with mode 0600. Over --server it takes an owner's token.")]
pub struct Backup {
    /// The file to write
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// `provost restore`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  provost restore scim.backup --data /var/lib/provost
  provost restore scim.backup --data /tmp/try && provost check data --data /tmp/try

The folder has to be empty or not there yet. The checksum is verified before anything stays, and the data behind
it; exit code 11 says that something does not agree.")]
pub struct Restore {
    /// The file that `provost backup` wrote
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Exported {
    /// People.
    Users,
    /// Groups with their members.
    Groups,
    /// Everything, of every resource type.
    All,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A resource a line, as SCIM shows it.
    Jsonl,
    /// Chosen columns.
    Csv,
}

/// `provost export`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  provost export > everything.jsonl
  provost export users --format csv --output users.csv
  provost export users --format csv --columns 'userName,name.familyName,emails[type eq \"work\"].value'

Resources come in the order in which they were made, users before groups, and never twice.")]
pub struct Export {
    /// What
    #[arg(value_enum, default_value_t = Exported::All, value_name = "WHAT")]
    pub what: Exported,
    /// In which form
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl, value_name = "FORMAT")]
    pub format: ExportFormat,
    /// The columns of a CSV file: paths of attributes [default: the usual ones]
    #[arg(long, value_delimiter = ',', value_name = "PATHS")]
    pub columns: Vec<String>,
    /// Write to this new file (mode 0600) instead of standard output
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// By what a resource that is there already is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Match {
    /// A user's userName, a group's displayName.
    #[value(name = "userName")]
    UserName,
    /// The externalId.
    #[value(name = "externalId")]
    ExternalId,
}

/// `provost import`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  provost import users.csv --dry-run
  provost import users.csv
  provost import everything.jsonl --keep-ids --tenant acme
  provost import people.ldif --match externalId

Who is not there is created; who is there is brought to what the file says, and keeps what it does not speak of.
A record that is refused stops nothing: its line and the reason go to FILE.errors.jsonl, and the exit code is 1.
An import that was broken off goes on where it stopped when the same command runs again.")]
pub struct Import {
    /// The file: .jsonl (users, and groups with members), .csv or .ldif (users)
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// By what somebody who is there already is found
    #[arg(long = "match", value_enum, ignore_case = true, default_value_t = Match::UserName, value_name = "ATTRIBUTE")]
    pub by: Match,
    /// Only say what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// New resources get the ids of the file, so that members of groups keep their meaning
    #[arg(long)]
    pub keep_ids: bool,
    /// Where to say what was refused [default: FILE.errors.jsonl]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub errors: Option<PathBuf>,
    /// Go on behind this line of the file
    #[arg(long, value_name = "LINE")]
    pub resume: Option<u64>,
}
