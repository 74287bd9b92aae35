//! The commands about the OpenID Connect provider: the applications that use it, and the keys that it signs with.

use super::{SecretOutput, Span};
use clap::{Args, Subcommand, ValueEnum};

/// `provost oidc …`
#[derive(Debug, Subcommand)]
pub enum Oidc {
    /// The applications that sign people in
    #[command(subcommand)]
    Client(OidcClient),
    /// The keys that ID tokens are signed with
    #[command(subcommand)]
    Key(OidcKey),
}

/// `provost oidc client …`
#[derive(Debug, Subcommand)]
pub enum OidcClient {
    /// Register an application; its secret is shown once
    #[command(after_help = "\
Examples:
  provost oidc client create --label Wiki --redirect-uri https://wiki.example.com/callback --output-file wiki.secret
  provost oidc client create --label Desk --public --redirect-uri com.example.desk:/callback")]
    Create(OidcCreate),
    /// List applications
    List,
    /// Show an application
    Show {
        /// Its client id; the beginning is enough
        id: String,
    },
    /// Change an application; addresses that are given take the place of all of that kind
    #[command(after_help = "Example:\n  provost oidc client set 0190c2 --enabled false")]
    Set {
        /// Its client id; the beginning is enough
        id: String,
        /// What is to be different.
        #[command(flatten)]
        change: OidcChange,
    },
    /// Make a new secret; the old one goes on working for a while
    Rotate {
        /// Its client id; the beginning is enough
        id: String,
        /// How long the old secret goes on working: 90s, 15m, 24h, 7d
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: Span,
        /// Where the secret goes.
        #[command(flatten)]
        output: SecretOutput,
    },
    /// Take an application away
    Delete {
        /// Its client id; the beginning is enough
        id: String,
    },
}

/// `provost oidc client create`
#[derive(Args, Debug)]
pub struct OidcCreate {
    /// It can keep no secret: it runs in a browser or on a device
    #[arg(long)]
    pub public: bool,
    /// What it is like.
    #[command(flatten)]
    pub change: OidcChange,
    /// Where the secret goes.
    #[command(flatten)]
    pub output: SecretOutput,
}

/// What can be set of an application.
#[derive(Args, Debug)]
pub struct OidcChange {
    /// Which application it is
    #[arg(long)]
    pub label: Option<String>,
    /// Where codes are sent, compared character by character; may be given several times
    #[arg(long, value_name = "URL")]
    pub redirect_uri: Vec<String>,
    /// Where a browser may go on to after signing out; may be given several times
    #[arg(long, value_name = "URL")]
    pub post_logout_redirect_uri: Vec<String>,
    /// Whether people can sign in to it
    #[arg(long, value_name = "true|false")]
    pub enabled: Option<bool>,
    /// What of a group the claim groups holds
    #[arg(long, value_enum)]
    pub groups: Option<OidcGroups>,
    /// Whether email_verified is said to be true
    #[arg(long, value_name = "true|false")]
    pub email_verified: Option<bool>,
}

/// What a group is called in a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OidcGroups {
    /// By its display name.
    Name,
    /// By its id.
    Id,
}

impl OidcGroups {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Id => "id",
        }
    }
}

/// `provost oidc key …`
#[derive(Debug, Subcommand)]
pub enum OidcKey {
    /// List keys
    List,
    /// Make a key and publish it; it signs once it is promoted
    Add,
    /// Have the next key sign; the old one stays published
    Promote {
        /// Its id; the beginning is enough
        id: String,
    },
    /// Take away a key that does not sign
    Remove {
        /// Its id; the beginning is enough
        id: String,
    },
}
