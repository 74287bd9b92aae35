//! The command line as a type: every command, flag and example that `--help` shows.
//!
//! Invariant: no secret is ever an argument; tokens come from a file, from standard input or from a prompt.
//! Not here: what a command does (`command`), and how it reaches the data (`client`).

mod app;
mod args;
mod console;
mod database;
mod directory;
mod idp;
mod oidc;
mod plan;
mod serve;
mod token;
mod transfer;

pub use app::*;
pub use args::*;
pub use console::*;
pub use database::*;
pub use directory::*;
pub use idp::*;
pub use oidc::*;
pub use plan::*;
pub use serve::*;
pub use token::*;
pub use transfer::*;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  provost serve                                          start; the first start prints a token
  provost token create --label okta --output-file okta.token
  provost user list --filter 'active eq false'
  provost log tail --failed
  provost status --server https://scim.example.com --token-file admin.token

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration, 4 not allowed, 5 not found, 6 conflict,
7 unreachable, 11 a check found something, 130 interrupted.";

/// SCIM 2.0 provisioning in one binary.
#[derive(Debug, Parser)]
#[command(name = "provost", version, about, after_help = EXAMPLES, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// Where the data is and how to answer.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// The data folder [default: $PROVOST_DATA, or ./provost-data]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// A database of PostgreSQL instead of a file in the data folder; without a password, which others could read
    /// here [default: $PROVOST_DATABASE]
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url, conflicts_with = "database_file")]
    pub database: Option<String>,
    /// File that holds the address of that database
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub database_file: Option<PathBuf>,
    /// A pooler that hands out connections by the transaction stands in front of that database
    #[arg(long, global = true)]
    pub database_pooled: bool,
    /// Speak to this server instead of the data folder [default: $PROVOST_SERVER]
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub server: Option<String>,
    /// File with the admin token for --server; `-` reads it from standard input
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
    /// The tenant that the command is about
    #[arg(long, global = true, value_name = "NAME", default_value = "default")]
    pub tenant: String,
    /// Answer with JSON: data on standard output, errors on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Do not ask before something is taken away
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub color: When,
}

/// When to do something that a terminal makes sensible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// If it is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// See both sides at work: a directory and an application in one process, with sample people
    Demo(Demo),
    /// Bearer tokens: make, list, rotate, switch off, revoke
    #[command(subcommand)]
    Token(Token),
    /// Tenants and their settings
    #[command(subcommand)]
    Tenant(Tenant),
    /// Signing in with SAML: identity providers and our keys
    #[command(subcommand)]
    Saml(Saml),
    /// Which operations an identity provider may use
    #[command(subcommand)]
    Switch(Switch),
    /// Attributes: the values to copy into an identity provider, and custom ones
    #[command(subcommand)]
    Attribute(Attribute),
    /// Resource types beside User and Group
    #[command(subcommand)]
    Type(Type),
    /// People
    #[command(subcommand)]
    User(User),
    /// Groups
    #[command(subcommand)]
    Group(Group),
    /// Applications that people and groups are brought to
    #[command(subcommand)]
    App(App),
    /// Changes of apps that are approved before they are made
    #[command(subcommand)]
    Plan(Plan),
    /// Do what an approved plan says
    Apply(Apply),
    /// Apps, mappings and assignments as one document
    #[command(subcommand)]
    Config(Config),
    /// The provisioning log
    #[command(subcommand)]
    Log(Log),
    /// What was refused and waits for somebody
    #[command(subcommand)]
    Conflict(Conflict),
    /// Long work: how far it is, and the way to stop it
    #[command(subcommand)]
    Job(Job),
    /// The feed of changes
    #[command(subcommand)]
    Changes(Changes),
    /// What apps are told of people with SAML: the issuing side
    #[command(subcommand)]
    Idp(Idp),
    /// Sign-in for applications: the OpenID Connect provider
    #[command(subcommand)]
    Oidc(Oidc),
    /// The people at the console
    #[command(subcommand)]
    Operator(Operator),
    /// The audit trail: who changed what
    #[command(subcommand)]
    Audit(Audit),
    /// Verify what is stored
    #[command(subcommand)]
    Check(Check),
    /// Write users and groups out, as JSON lines or CSV
    Export(Export),
    /// Bring users and groups in, from JSON lines, CSV or LDIF
    Import(Import),
    /// Write everything into one file, while the server runs or not
    Backup(Backup),
    /// Bring a backup into an empty folder
    Restore(Restore),
    /// Move everything between a data folder and PostgreSQL
    #[command(subcommand)]
    Database(Database),
    /// What runs, where, and how much it holds
    Status,
    /// A completion script for a shell
    #[command(after_help = "Example:\n  provost completions bash > ~/.local/share/bash-completion/completions/provost")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// The licences of the libraries that are linked into this binary, with their texts
    #[command(after_help = "Example:\n  provost licences serde")]
    Licences {
        /// Of this library alone
        library: Option<String>,
    },
    /// The version
    Version,
}

/// `provost tenant …`
#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// Make a tenant; it is served at /t/NAME/scim/v2
    #[command(after_help = "Example:\n  provost tenant create acme\n  provost token create --tenant acme --label okta")]
    Create {
        /// Letters, digits and dashes
        name: String,
    },
    /// List tenants
    List,
    /// Show a tenant's settings
    Show {
        /// The tenant [default: the one of --tenant]
        name: Option<String>,
    },
    /// Change settings of the tenant of --tenant
    #[command(after_help = "\
Examples:
  provost tenant set returnSameId=false
  provost tenant set adoption=userName dialect.bare_token=false
  provost tenant set log.keepDays=90 --tenant acme")]
    Set {
        /// Settings, with a dot between levels; values are JSON or plain text
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<Setting>,
    },
    /// Write settings and custom fields of the tenant of --tenant as a file
    Export,
    /// Apply such a file, after showing what it changes; it takes no field away
    #[command(after_help = "\
Examples:
  provost tenant export > settings.json
  provost tenant import settings.json --dry-run --tenant acme
  provost tenant import settings.json --yes --tenant acme")]
    Import {
        /// The file, or - for standard input
        file: PathBuf,
        /// Show what it changes, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete a tenant and everything in it
    Delete {
        /// The tenant
        name: String,
    },
}

/// `provost saml …`
#[derive(Debug, Subcommand)]
pub enum Saml {
    /// List the identity providers that people sign in with
    List,
    /// Show what goes into the identity provider, and what is known of it
    Show {
        /// The connection
        #[arg(default_value = "default")]
        id: String,
    },
    /// Connect an identity provider by its metadata
    #[command(after_help = "\
Examples:
  provost saml add --metadata okta.xml
  provost saml add --metadata-url https://idp.example.com/metadata --label Okta")]
    Add {
        /// A word of the addresses; default has the short ones
        #[arg(default_value = "default")]
        id: String,
        /// Where its metadata is
        #[command(flatten)]
        from: MetadataSource,
        /// A name for people
        #[arg(long)]
        label: Option<String>,
    },
    /// Change settings of a connection
    #[command(after_help = "\
Examples:
  provost saml set default idpInitiated=true
  provost saml set default autoCreate=true domains='[\"example.com\"]'")]
    Set {
        /// The connection
        id: String,
        /// Settings; values are JSON or plain text
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<Setting>,
    },
    /// Take over new metadata of the identity provider, such as new certificates
    Metadata {
        /// The connection
        #[arg(default_value = "default")]
        id: String,
        /// Where its metadata is
        #[command(flatten)]
        from: MetadataSource,
    },
    /// Delete a connection; who came by it is signed out
    Remove {
        /// The connection
        id: String,
    },
    /// List our own keys
    Keys,
    /// Make our next key, which is published at once
    NewKey,
    /// Have the next key sign from now on
    PromoteKey {
        /// The key
        key: String,
    },
    /// Delete a key that does not sign
    RemoveKey {
        /// The key
        key: String,
    },
}

/// Where the other side's metadata is.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct MetadataSource {
    /// File with the metadata; `-` reads it from standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub metadata: Option<PathBuf>,
    /// Address of the metadata; the server fetches it once
    #[arg(long, value_name = "URL")]
    pub metadata_url: Option<String>,
}

/// `provost switch …`
#[derive(Debug, Subcommand)]
pub enum Switch {
    /// Show which operations are on
    Show,
    /// Switch operations on or off
    #[command(after_help = "\
Examples:
  provost switch set users.delete=off
  provost switch set users.create=on groups.create=on")]
    Set {
        /// users or groups, then create, read, update or delete, then on or off
        #[arg(required = true, value_name = "WHAT.OPERATION=on|off")]
        switches: Vec<SwitchSetting>,
    },
}

/// `provost attribute …`
#[derive(Debug, Subcommand)]
pub enum Attribute {
    /// List attributes with the value to copy into an identity provider
    #[command(after_help = "\
Examples:
  provost attribute list
  provost attribute list --custom
  provost attribute list --json")]
    List {
        /// Only those of this resource type
        #[arg(long, value_name = "TYPE")]
        resource: Option<String>,
        /// Only custom ones
        #[arg(long)]
        custom: bool,
    },
    /// Define a custom attribute
    #[command(after_help = "\
Examples:
  provost attribute add badgeNumber
  provost attribute add costCenters --multi-valued --description 'Who pays'
  provost attribute add desk --type complex --sub building --sub floor:integer")]
    Add(Box<AttributeAdd>),
    /// Change the rules of a custom attribute; what is stored has to fit
    #[command(after_help = "\
Examples:
  provost attribute change urn:provost:params:scim:schemas:custom:User:badgeNumber --uniqueness server
  provost attribute change urn:provost:params:scim:schemas:custom:User:badgeNumber --case-exact true --no-wait

Where values are kept otherwise from then on, a job builds the index again; the former rules hold until it is done.")]
    Change(Box<AttributeChange>),
    /// Move a custom attribute past its neighbour: so it stands in lists, forms and at /Schemas
    #[command(after_help = "\
Example:
  provost attribute move urn:provost:params:scim:schemas:custom:User:badgeNumber up")]
    Move {
        /// The whole value, as `attribute list` shows it
        value: String,
        /// Where to
        to: Way,
    },
    /// Drop what identity providers send of an attribute; what is stored stays
    #[command(after_help = "\
Example:
  provost attribute ignore title")]
    Ignore(AttributeTaken),
    /// Take what identity providers send of an attribute again
    Accept(AttributeTaken),
    /// List the custom attributes that no request has ever carried
    Never,
    /// List the custom attributes that are archived
    Archived,
    /// Put a custom attribute away: nobody sends or is shown it any more, its values stay
    #[command(after_help = "\
Example:
  provost attribute archive urn:provost:params:scim:schemas:custom:User:badgeNumber")]
    Archive {
        /// The whole value, as `attribute list` shows it
        value: String,
        /// Do not wait until the last value is put away
        #[arg(long)]
        no_wait: bool,
    },
    /// Bring an archived attribute back with its values
    #[command(after_help = "\
Examples:
  provost attribute restore urn:provost:params:scim:schemas:custom:User:badgeNumber
  provost attribute restore urn:provost:params:scim:schemas:custom:User:badgeNumber --type integer --preview
  provost attribute restore urn:provost:params:scim:schemas:custom:User:badgeNumber --type integer --leave-out

As another type, values are converted; one that does not fit refuses it, or is left out for good with --leave-out.")]
    Restore(Box<AttributeRestore>),
    /// Delete an archived attribute, with every value of it
    Forget {
        /// The whole value, as `attribute archived` shows it
        value: String,
        /// Do not wait until the last value is gone
        #[arg(long)]
        no_wait: bool,
    },
    /// Take a custom attribute away, with every value of it
    Remove {
        /// The whole value, as `attribute list` shows it
        value: String,
        /// Do not wait until the last value is gone
        #[arg(long)]
        no_wait: bool,
    },
}

/// `provost job …`
#[derive(Debug, Subcommand)]
pub enum Job {
    /// List jobs, newest first
    List,
    /// Show one
    Show {
        /// Its number
        id: i64,
        /// Until it is at its end
        #[arg(long)]
        wait: bool,
    },
    /// Stop one
    Cancel {
        /// Its number
        id: i64,
    },
    /// Do again what one on people could not do, as another job
    Retry {
        /// Its number
        id: i64,
        /// Wait until that is done
        #[arg(long)]
        wait: bool,
    },
}

/// `provost type …`
#[derive(Debug, Subcommand)]
pub enum Type {
    /// List resource types
    List,
    /// Serve a further resource type
    #[command(after_help = "\
Examples:
  provost type add --offered okta-role
  provost type add --offered okta-entitlement
  provost type add --file device.json")]
    Add {
        /// One that we bring with us
        #[arg(long, value_enum, required_unless_present = "file", conflicts_with = "file")]
        offered: Option<Offered>,
        /// A definition of your own: {name, endpoint, description, schema: {id, name, attributes}}; `-` for standard input
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Take a resource type away
    Remove {
        /// Its name
        name: String,
    },
}

/// Past which neighbour an attribute is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// The one above.
    Up,
    /// The one below.
    Down,
}

/// A resource type that we bring with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Offered {
    /// Roles of Okta Identity Governance, at /Roles.
    OktaRole,
    /// Entitlements of Okta Identity Governance, at /Entitlements.
    OktaEntitlement,
}

/// `provost log …`
#[derive(Debug, Subcommand)]
pub enum Log {
    /// List entries, the newest last
    #[command(after_help = "\
Examples:
  provost log list --since 1h --failed
  provost log list --method POST --limit 20
  provost log list --resource 0190c2b4-6ca1-7d2e-a5c8-3f7be1c2d3e4")]
    List(LogList),
    /// Ask what an entry asked once more, and change nothing: what would come of it now
    #[command(after_help = "Example:\n  provost log rehearse 4711")]
    Rehearse {
        /// Its number
        seq: u64,
    },
    /// A report for whoever helps: what was refused lately, without anybody's data
    #[command(after_help = "Example:\n  provost log report 4711 >report.json")]
    Report {
        /// About this entry, with what its token asked before
        seq: Option<u64>,
    },
    /// Show one entry: request, answer, decision steps, difference
    Show {
        /// Its number
        seq: u64,
    },
    /// Follow the log
    Tail(LogFilter),
}

/// `provost changes …`
#[derive(Debug, Subcommand)]
pub enum Changes {
    /// List changes after a number
    List {
        /// Only those after this number
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: u64,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u64,
    },
    /// Follow the changes
    Tail {
        /// Begin after this number [default: only what comes from now on]
        #[arg(long, value_name = "SEQ")]
        after: Option<u64>,
    },
}

/// `provost check …`
#[derive(Debug, Subcommand)]
pub enum Check {
    /// Verify the database: pages, index rows, members, managers; exit code 11 if something is wrong
    Data,
}
