//! The commands about the database itself.

use clap::{Args, Subcommand};

/// `provost database …`
#[derive(Debug, Subcommand)]
pub enum Database {
    /// Copy a whole directory into another database, and verify the copy
    Copy(Copy),
}

/// `provost database copy`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  provost database copy sqlite:/var/lib/provost postgres://provost@db.internal/provost
  provost database copy sqlite:/var/lib/provost file:/etc/provost/database
  provost database copy file:/etc/provost/database sqlite:/srv/provost --data /var/lib/provost

A place is sqlite:FOLDER, postgres://… without a password, or file:FILE with such an address in it. The target is
empty, or one that the same command has left unfinished: then only what differs is written. Run it beside the
running server first, stop the server, and run it again: no server starts on the target before that. secret.key
goes along into a folder; from PostgreSQL it is taken from the folder of --data.")]
pub struct Copy {
    /// What is copied
    #[arg(value_name = "FROM")]
    pub from: String,
    /// Where it goes
    #[arg(value_name = "TO")]
    pub to: String,
    /// Finish although the source is in use: the copy is that of the moment at which it began
    #[arg(long)]
    pub moment: bool,
}
