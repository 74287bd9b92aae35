//! The commands about the issuing side of SAML: what an app is told, and the keys that sign it.

use clap::{Subcommand, ValueHint};
use std::path::PathBuf;

/// `provost idp …`
#[derive(Debug, Subcommand)]
pub enum Idp {
    /// Show an app's SAML settings, and what goes into the application
    Show {
        /// The app's name
        app: String,
    },
    /// Change SAML settings of an app
    #[command(after_help = "\
Examples:
  provost idp set wiki ssoUrl=https://wiki.example.com/saml/acs audience=https://wiki.example.com/saml
  provost idp set wiki nameIdFormat=emailAddress 'nameId={\"text\": \"user.email\"}'")]
    Set {
        /// The app's name
        app: String,
        /// Settings; values are JSON or plain text
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<super::Setting>,
    },
    /// Take over what the application's own metadata says
    ImportMetadata {
        /// The app's name
        app: String,
        /// The file, or - for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// What an app would be told of a person, and whether it would be
    Preview {
        /// The app's name
        app: String,
        /// The person's id, or the userName
        user: String,
    },
    /// The keys that sign what apps are told
    #[command(subcommand)]
    Key(IdpKey),
}

/// `provost idp key …`
#[derive(Debug, Subcommand)]
pub enum IdpKey {
    /// List keys
    List,
    /// Make a key and publish it; it signs once it is promoted
    Add,
    /// Have the next key sign
    Promote {
        /// Its id
        id: String,
    },
    /// Take away a key that does not sign
    Remove {
        /// Its id
        id: String,
    },
}
