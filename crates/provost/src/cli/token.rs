//! `provost token …`

use super::{Life, Role, Span};
use clap::{Args, Subcommand, ValueHint};
use server::egress::Network;
use std::path::PathBuf;

/// `provost token …`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token; it is shown once
    #[command(after_help = "\
Examples:
  provost token create --label okta
  provost token create --label okta --output-file okta.token --expires-in 90d
  provost token create --label report --scope users:read,groups:read
  provost token create --label okta --network 203.0.113.0/24 --network 2001:db8::/32
  provost token create --label ops --admin --output-file admin.token")]
    Create(TokenCreate),
    /// List tokens: label, scope, last used
    List {
        /// The administrators' tokens instead of the tenant's
        #[arg(long)]
        admin: bool,
    },
    /// Replace a token; the old one goes on working for a while
    #[command(after_help = "Example:\n  provost token rotate 0190c2 --overlap 24h --output-file okta.token")]
    Rotate {
        /// The token's id, as `token list` shows it; its beginning is enough
        id: String,
        /// How long the old token goes on working: 90s, 15m, 24h, 7d
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: Span,
        /// Where the secret goes.
        #[command(flatten)]
        output: SecretOutput,
    },
    /// Say which networks a token may come from, from now on
    #[command(after_help = "\
Examples:
  provost token restrict 0190c2 --network 203.0.113.0/24 --network 2001:db8::/32
  provost token restrict 0190c2 --anywhere")]
    Restrict {
        /// The token's id, as `token list` shows it; its beginning is enough
        id: String,
        /// A network that it may come from: 203.0.113.0/24, 2001:db8::/32, or one address; may be given several times
        #[arg(long, value_name = "NETWORK", required_unless_present = "anywhere", conflicts_with = "anywhere")]
        network: Vec<Network>,
        /// From anywhere
        #[arg(long)]
        anywhere: bool,
    },
    /// Switch a token off for a while: whoever uses it is refused
    #[command(after_help = "Example:\n  provost token disable 0190c2\n  provost token enable 0190c2")]
    Disable {
        /// The token's id, as `token list` shows it; its beginning is enough
        id: String,
        /// It is an administrator's token
        #[arg(long)]
        admin: bool,
    },
    /// Switch a token on again
    Enable {
        /// The token's id, as `token list` shows it; its beginning is enough
        id: String,
        /// It is an administrator's token
        #[arg(long)]
        admin: bool,
    },
    /// End a token now
    Revoke {
        /// The token's id, as `token list` shows it; its beginning is enough
        id: String,
        /// It is an administrator's token
        #[arg(long)]
        admin: bool,
    },
}

/// `provost token create`
#[derive(Args, Debug)]
pub struct TokenCreate {
    /// What the token is for
    #[arg(long)]
    pub label: String,
    /// What it may do: users:read, users:write, groups:read, groups:write [default: all four]
    #[arg(long, value_name = "LIST", conflicts_with = "admin")]
    pub scope: Option<String>,
    /// When it ends: 90s, 15m, 24h, 90d, at most 730d; or never [default: 365d]
    #[arg(long, value_name = "TIME|never")]
    pub expires_in: Option<Life>,
    /// A network that it may come from: 203.0.113.0/24, 2001:db8::/32, or one address; may be given several times [default: from anywhere]
    #[arg(long, value_name = "NETWORK", conflicts_with = "admin")]
    pub network: Vec<Network>,
    /// An administrator's token, for this command line and the admin API
    #[arg(long)]
    pub admin: bool,
    /// What the administrator may do [default: owner]
    #[arg(long, value_enum, requires = "admin")]
    pub role: Option<Role>,
    /// Where the secret goes.
    #[command(flatten)]
    pub output: SecretOutput,
}

/// Where a secret is written.
#[derive(Args, Clone, Debug)]
pub struct SecretOutput {
    /// Write the token to this new file (mode 0600) instead of printing it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output_file: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output_file")]
    pub force: bool,
}
