//! `provost app …`: applications that people and groups are brought to; and `provost demo`, which shows it.

use super::Setting;
use clap::{Args, Subcommand, ValueHint};
use std::net::SocketAddr;
use std::path::PathBuf;

/// `provost app …`
#[derive(Debug, Subcommand)]
pub enum App {
    /// List apps
    List,
    /// Make an app integration
    #[command(after_help = "\
Examples:
  provost app create serviceops --target okta-aiw --label 'ServiceOps SCIM'
  provost app set serviceops connection.baseUrl=https://serviceops.example.com/scim/v2
  provost app credential serviceops --file serviceops.token
  provost app test serviceops
  provost app set serviceops provisioning=true policy.actions.create=true policy.actions.update=true policy.actions.deactivate=true
  provost app assign serviceops adam@example.com")]
    Create {
        /// Its name: lower-case letters, digits, - and _
        name: String,
        /// For people
        #[arg(long)]
        label: Option<String>,
        /// What the other side's SCIM is like: generic, okta-aiw, okta-oin, entra, aws, github, slack …
        #[arg(long, value_name = "PROFILE")]
        target: Option<String>,
    },
    /// Make another app with the settings of one; without its address, credential, assignments and accounts
    Duplicate {
        /// The app
        name: String,
        /// The new one's name: lower-case letters, digits, - and _
        to: String,
        /// For people
        #[arg(long)]
        label: Option<String>,
    },
    /// Show an app: its settings, mappings, and how its people stand
    Show {
        /// The app
        name: String,
    },
    /// Change settings of an app
    #[command(after_help = "\
Examples:
  provost app set serviceops provisioning=true
  provost app set serviceops policy.actions.deactivate=true options.paused=false
  provost app set serviceops options.authentication=oauth2 options.oauth.tokenUrl=https://login.example.com/token options.oauth.clientId=provost
  provost app set serviceops --file mappings.json
  provost app set serviceops --file mappings.json --dry-run
  provost app set serviceops --file mappings.json --later && provost app retry serviceops")]
    Set(AppSet),
    /// Store what the app is shown, sealed; it is never shown again
    Credential {
        /// The app
        name: String,
        /// File that holds the token, name:password, or with OAuth 2 the client's secret, and nothing else; `-` reads standard input
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Print where somebody agrees, in a browser, that the app's authorization server gives tokens; for options.oauth.grant=authorizationCode
    #[command(after_help = "\
Examples:
  provost app set serviceops options.authentication=oauth2 options.oauth.grant=authorizationCode options.oauth.clientId=provost options.oauth.authorizeUrl=https://login.example.com/authorize options.oauth.tokenUrl=https://login.example.com/token options.oauth.revokeUrl=https://login.example.com/revoke
  provost app credential serviceops --file client.secret
  provost app authenticate serviceops")]
    Authenticate {
        /// The app
        name: String,
    },
    /// Forget what somebody has agreed to at the app's authorization server, and have it revoked there (options.oauth.revokeUrl); nothing is sent until somebody does again
    Forget {
        /// The app
        name: String,
    },
    /// Test the connection, step by step; nothing is changed at the app
    Test {
        /// The app
        name: String,
    },
    /// What would be done for one person, and why
    Preview {
        /// The app
        name: String,
        /// Their id or userName
        person: String,
    },
    /// Provision one person now
    Provision {
        /// The app
        name: String,
        /// Their id or userName
        person: String,
    },
    /// Assign a person, or a group
    Assign {
        /// The app
        name: String,
        /// Id, userName, or with --group the group's name
        who: String,
        /// It is a group
        #[arg(long)]
        group: bool,
        /// Of several groups the lowest number wins
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        priority: u32,
        /// Values of this assignment, by variable name
        #[arg(long = "value", value_name = "NAME=VALUE")]
        values: Vec<Setting>,
        /// Only give these values to somebody who has the app through a group
        #[arg(long, conflicts_with = "group")]
        only_values: bool,
    },
    /// Take an assignment away
    Unassign {
        /// The app
        name: String,
        /// Id, userName, or with --group the group's name
        who: String,
        /// It is a group
        #[arg(long)]
        group: bool,
    },
    /// List assignments
    Assignments {
        /// The app
        name: String,
        /// Groups instead of people
        #[arg(long)]
        group: bool,
        /// Which part of the list
        #[command(flatten)]
        page: Page,
    },
    /// Push a group
    Push {
        /// The app
        name: String,
        /// The group's id or name
        group: String,
        /// Its name at the app
        #[arg(long = "as", value_name = "NAME")]
        called: Option<String>,
        /// Only say who of its members would be left out
        #[arg(long)]
        dry_run: bool,
    },
    /// Push every group whose name fits, now and when others come
    #[command(after_help = "\
Examples:
  provost app push-rule serviceops starts-with Sales --dry-run
  provost app push-rule serviceops starts-with Sales
  provost app push-rule serviceops --remove 1")]
    PushRule(PushRule),
    /// Push a group no longer
    Unpush {
        /// The app
        name: String,
        /// The group's id or name
        group: String,
        /// Delete it at the app
        #[arg(long)]
        delete: bool,
    },
    /// List the groups that are pushed
    Groups {
        /// The app
        name: String,
    },
    /// Where people's accounts stand
    Links {
        /// The app
        name: String,
        /// Groups instead of people
        #[arg(long)]
        group: bool,
        /// Only these: new, linked, waiting, held, parked, dropped
        #[arg(long, value_name = "WORD")]
        standing: Option<String>,
        /// Which part of the list
        #[command(flatten)]
        page: Page,
    },
    /// What waits for somebody, by cause
    Tasks {
        /// The app
        name: String,
    },
    /// Try again: one cause, one link, or everything
    Retry {
        /// The app
        name: String,
        /// The cause, as `app tasks` shows it
        #[arg(long, conflicts_with = "link")]
        cause: Option<String>,
        /// The number of a link, as `app links` shows it
        #[arg(long)]
        link: Option<i64>,
    },
    /// Leave a task as it is, and say why: it counts no longer among what waits
    Ignore {
        /// The app
        name: String,
        /// The cause, as `app tasks` shows it
        #[arg(long)]
        cause: String,
        /// Why
        #[arg(long)]
        note: String,
    },
    /// Take a task up again that was ignored
    Recall {
        /// The app
        name: String,
        /// The cause, as `app tasks` shows it
        #[arg(long)]
        cause: String,
    },
    /// Let held work go on, for these links
    Approve {
        /// The app
        name: String,
        /// Numbers, as `app links --standing held` shows them
        #[arg(required = true)]
        links: Vec<i64>,
    },
    /// Drop held work
    Drop {
        /// The app
        name: String,
        /// Numbers, as `app links --standing held` shows them
        #[arg(required = true)]
        links: Vec<i64>,
    },
    /// Compare the app with what should be there, and put it right
    Reconcile {
        /// The app
        name: String,
    },
    /// Take people over from the app
    Import {
        /// The app
        name: String,
        /// Only what changed since the last one
        #[arg(long)]
        changed: bool,
    },
    /// List comparisons, or imports
    Runs {
        /// The app
        name: String,
        /// Imports instead of comparisons
        #[arg(long)]
        imports: bool,
    },
    /// What was sent and answered, newest first
    Log {
        /// The app
        name: String,
        /// Which part of the list
        #[command(flatten)]
        page: Page,
    },
    /// Delete an app; everybody keeps their account there
    Delete {
        /// The app
        name: String,
    },
}

/// Which part of a list.
#[derive(Args, Clone, Debug)]
pub struct Page {
    /// Go on behind this number: `next` of --json
    #[arg(long, value_name = "NUMBER")]
    pub after: Option<i64>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
}

/// `provost app push-rule`
#[derive(Args, Debug)]
pub struct PushRule {
    /// The app
    pub name: String,
    /// How a group's name compares: starts-with, ends-with, contains, equals
    #[arg(value_name = "COMPARE", value_parser = ["starts-with", "ends-with", "contains", "equals"], required_unless_present = "remove")]
    pub compare: Option<String>,
    /// With what
    #[arg(required_unless_present = "remove")]
    pub text: Option<String>,
    /// Only say which groups it would choose
    #[arg(long)]
    pub dry_run: bool,
    /// Take the rule with this number away; its groups stay pushed
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["compare", "text", "dry_run"])]
    pub remove: Option<i64>,
}

/// `provost app set`
#[derive(Args, Debug)]
pub struct AppSet {
    /// The app
    pub name: String,
    /// Settings, with a dot between levels; values are JSON or plain text
    #[arg(value_name = "KEY=VALUE", required_unless_present = "file")]
    pub settings: Vec<Setting>,
    /// JSON with the part of the app's document that changes; `-` reads standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "settings")]
    pub file: Option<PathBuf>,
    /// Only say what it would do to everybody
    #[arg(long)]
    pub dry_run: bool,
    /// Keep the change and apply it to everybody later: with `app retry`, or the next reconciliation
    #[arg(long, conflicts_with = "dry_run")]
    pub later: bool,
}

/// `provost demo`
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  provost demo
  provost demo --data ./sample
  provost demo reset --data ./sample

The data lies in a new folder that is taken away at the end, or in the empty folder of --data, where it stays."
)]
pub struct Demo {
    /// What to do to one that runs; without it one is started
    #[command(subcommand)]
    pub action: Option<DemoAction>,
    /// The address and port to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Seconds between two chapters of the story
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    pub pause: u64,
    /// End when the story is told
    #[arg(long)]
    pub once: bool,
}

/// What is done to a demo that runs.
#[derive(Subcommand, Debug)]
pub enum DemoAction {
    /// Put the sample data back: everything that was added is gone, and both sides are connected again
    Reset,
}
