//! `provost serve`: what the start is told.

use clap::{Args, ValueEnum, ValueHint};
use server::egress::Network;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `provost serve`
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  provost serve
  provost serve --data /var/lib/provost --base-url https://scim.example.com
  provost serve --data /var/lib/provost --listen 0.0.0.0:443 --tls-certificate scim.crt --tls-key scim.key

SIGTERM and Ctrl-C finish the requests that are under way, then stop. Logs go to standard error; the
environment variable PROVOST_LOG sets their level (error, warn, info, debug, trace).")]
pub struct Serve {
    /// The address and port to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Speak TLS with this certificate, as PEM, its issuers' behind it; read again when it changes, or on SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate", value_hint = ValueHint::FilePath)]
    pub tls_key: Option<PathBuf>,
    /// The address under which clients reach the server, if it is not the one it listens on
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub base_url: Option<String>,
    /// A proxy on another machine whose X-Forwarded-For is believed: 10.0.0.5, or a network; may be given several times
    #[arg(long, value_name = "NETWORK")]
    pub trusted_proxy: Vec<Network>,
    /// Sign the newest row of the audit trail every minute and add it to this file; - is standard output; may be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub audit_checkpoints: Vec<PathBuf>,
    /// Let apps be on this machine and in private networks, also without TLS; otherwise only the internet is called
    #[arg(long)]
    pub allow_private_targets: bool,
    /// Let apps be in this network, also without TLS: 10.20.0.0/16, or one address; may be given several times
    #[arg(long, value_name = "NETWORK")]
    pub allow_target: Vec<Network>,
    /// Certificates of authorities that are trusted beside the system's when apps are called, as PEM
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub target_ca_file: Option<PathBuf>,
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// The form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
