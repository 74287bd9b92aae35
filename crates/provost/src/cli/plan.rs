//! `provost plan …`, `provost apply` and `provost config …`: changes of apps that are looked at before they are made, and
//! everything that was decided about apps as one document.

use super::Setting;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// `provost plan …`
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// List plans, newest first
    List,
    /// Show a plan: what it would do, and to how many
    Show {
        /// Its number
        plan: i64,
    },
    /// Plan a change; nothing happens before it is approved and applied
    #[command(after_help = "\
Examples:
  provost plan create serviceops.json --title 'titles in capitals'
  provost plan create --app serviceops policy.actions.deactivate=true

The file is what `provost config export` writes, or a part of it. What it does not name stays; a list that it
names is the whole list.")]
    Create(PlanCreate),
    /// Agree to a plan
    Approve {
        /// Its number
        plan: i64,
    },
    /// Drop a plan
    Drop {
        /// Its number
        plan: i64,
    },
}

/// `provost plan create`
#[derive(Args, Debug)]
pub struct PlanCreate {
    /// JSON, or TOML if its name ends so; `-` reads JSON from standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "app")]
    pub file: Option<PathBuf>,
    /// Change settings of this app instead; they follow as KEY=VALUE
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,
    /// Settings, with a dot between levels; values are JSON or plain text
    #[arg(value_name = "KEY=VALUE", requires = "app", last = true)]
    pub settings: Vec<Setting>,
    /// What to call it
    #[arg(long, default_value = "")]
    pub title: String,
}

/// `provost apply`
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  provost plan create serviceops.json && provost plan show 7 && provost plan approve 7 && provost apply 7

A plan is applied as it was shown, all of it or nothing. If an app has changed since the plan was made, nothing is done.")]
pub struct Apply {
    /// The number of an approved plan
    pub plan: i64,
}

/// `provost config …`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Write apps, mappings, assignments and pushed groups out, as JSON; secrets are not in it
    #[command(after_help = "Example:\n  provost config export > apps.json")]
    Export {
        /// One app instead of all
        #[arg(long, value_name = "NAME")]
        app: Option<String>,
    },
    /// What would be done to make it so
    #[command(after_help = "Example:\n  provost config diff apps.json")]
    Diff {
        /// JSON, or TOML if its name ends so; `-` reads JSON from standard input
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Make it so: plan, approve and apply in one
    #[command(after_help = "\
Example:
  provost config apply apps.json --secret serviceops=serviceops.token

What the file does not name stays; a list that it names is the whole list. Apps that it does not name stay.")]
    Apply {
        /// JSON, or TOML if its name ends so; `-` reads JSON from standard input
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Where the secret of an app's `credential` is: a name and a file that holds nothing else
        #[arg(long = "secret", value_name = "NAME=FILE", value_parser = secret)]
        secrets: Vec<(String, PathBuf)>,
        /// What to call the plan
        #[arg(long, default_value = "")]
        title: String,
    },
}

fn secret(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("a secret is NAME=FILE, such as serviceops=serviceops.token")?;
    Ok((name.to_owned(), file.into()))
}
