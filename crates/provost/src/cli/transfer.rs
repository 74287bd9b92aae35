//! The commands that move much at once: backup, restore.

use clap::{Args, ValueHint};
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
