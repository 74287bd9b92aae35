//! The commands about the console: its people, the trail of what they did, and what waits for them.

use clap::{Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

/// What an operator or an administrator's token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but operators and administrators' tokens.
    Admin,
    /// Look at everything, change nothing.
    Auditor,
}

/// `provost operator …`
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// A new link for the first owner, while there is none
    SetupLink,
    /// List operators: role, second factor, last sign-in
    List,
    /// Make an operator, and the link by which they choose a password
    #[command(after_help = "Example:\n  provost operator invite ana@example.com --name 'Ana Ruiz' --role admin")]
    Invite {
        /// What they sign in with
        email: String,
        /// What they are called
        #[arg(long)]
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: Role,
    },
    /// A new password link for somebody who forgot it
    Link {
        /// Whose
        email: String,
    },
    /// Give an operator another role
    Role {
        /// Whose
        email: String,
        /// What they may do
        #[arg(value_enum)]
        role: Role,
    },
    /// Sign an operator out and let them in no more
    Disable {
        /// Whom
        email: String,
    },
    /// Let a disabled operator in again
    Enable {
        /// Whom
        email: String,
    },
    /// Delete an operator; what they did stays in the audit trail
    Delete {
        /// Whom
        email: String,
    },
}

/// `provost audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List what was changed, newest first
    #[command(after_help = "Example:\n  provost audit list --text token")]
    List {
        /// Only lines whose person, action or object holds this
        #[arg(long)]
        text: Option<String>,
        /// Only those before this number
        #[arg(long, value_name = "SEQ")]
        before: Option<u64>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Follow the chain of hashes: whether a line was changed, taken away or put in
    #[command(after_help = "\
Examples:
  provost audit verify
  provost audit verify --checkpoints /mnt/elsewhere/audit.checkpoints --key BASE64")]
    Verify {
        /// Checkpoints that a server wrote: whether every row that was signed is still there, and as it was
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        checkpoints: Option<PathBuf>,
        /// The public key that they were signed with [default: the server's own]
        #[arg(long, value_name = "BASE64", requires = "checkpoints")]
        key: Option<String>,
    },
}

/// `provost conflict …`
#[derive(Debug, Subcommand)]
pub enum Conflict {
    /// List what was refused and has not gone through since
    List,
    /// Let the account that is in the way take over what was refused
    #[command(after_help = "Example:\n  provost conflict link adam@example.com")]
    Link {
        /// Whom it is about, as `conflict list` shows it
        subject: String,
    },
    /// Hide some until the same is refused again
    Dismiss {
        /// Whom they are about, as `conflict list` shows it
        #[arg(required = true)]
        subject: Vec<String>,
    },
}
