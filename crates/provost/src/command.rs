//! The commands: each asks the API and prints what it answers.

mod app;
mod attribute;
mod audit;
mod backup;
mod check;
mod conflict;
mod database;
mod directory;
mod export;
mod feed;
mod idp;
mod import;
mod job;
mod oidc;
mod operator;
mod plan;
mod saml;
mod status;
mod switch;
mod tenant;
mod token;

use crate::cli::{Cli, Command};
use crate::client::{Client, encoded};
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, text, write_out};
use crate::{Environment, demo, serve};
use clap::CommandFactory;
use serde_json::{Value, json};
use std::path::Path;

/// What every command works with.
pub struct Cx {
    /// The way to the API.
    pub client: Client,
    /// How to print.
    pub out: Output,
    /// The tenant of `--tenant`.
    pub tenant: String,
    /// `--yes` was given.
    pub yes: bool,
}

impl Cx {
    /// The admin API's address of something of the tenant.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/tenants/{}{rest}", encoded(&self.tenant))
    }

    /// Behind a command of a hint, so that it reaches the same place.
    pub fn again(&self) -> String {
        if self.tenant == "default" { String::new() } else { format!(" --tenant {}", self.tenant) }
    }
}

/// Runs the command.
pub async fn run(cli: Cli, environment: &Environment, out: Output) -> Result<()> {
    let global = &cli.global;
    match &cli.command {
        Command::Serve(arguments) => return serve::serve(arguments, global, environment, out).await,
        Command::Demo(arguments) if arguments.action.is_none() => {
            return demo::demo(arguments, global, environment, out).await;
        }
        Command::Restore(arguments) => return backup::restore(arguments, global, environment, out).await,
        Command::Database(command) => return database::run(command, global, environment, out).await,
        Command::Completions { shell } => return completions(*shell),
        Command::Licences { library } => return licences(library.as_deref(), out),
        Command::Version => return version(out),
        _ => {}
    }
    let client = Client::open(global, environment, out).await?;
    let cx = Cx { client, out, tenant: global.tenant.clone(), yes: global.yes };
    match cli.command {
        Command::Token(command) => token::run(&cx, command).await,
        Command::Tenant(command) => tenant::run(&cx, command).await,
        Command::Switch(command) => switch::run(&cx, command).await,
        Command::Attribute(command) => attribute::attribute(&cx, command).await,
        Command::Type(command) => attribute::resource_type(&cx, command).await,
        Command::User(command) => directory::user(&cx, command).await,
        Command::Group(command) => directory::group(&cx, command).await,
        Command::App(command) => app::run(&cx, command).await,
        Command::Plan(command) => plan::plan(&cx, command).await,
        Command::Apply(arguments) => plan::apply(&cx, &arguments).await,
        Command::Config(command) => plan::config(&cx, command).await,
        Command::Log(command) => feed::log(&cx, command).await,
        Command::Conflict(command) => conflict::run(&cx, command).await,
        Command::Job(command) => job::run(&cx, command).await,
        Command::Changes(command) => feed::changes(&cx, command).await,
        Command::Saml(command) => saml::run(&cx, command).await,
        Command::Idp(command) => idp::run(&cx, command).await,
        Command::Oidc(command) => oidc::run(&cx, command).await,
        Command::Operator(command) => operator::run(&cx, command).await,
        Command::Audit(command) => audit::run(&cx, command).await,
        Command::Check(command) => check::run(&cx, command).await,
        Command::Export(arguments) => export::run(&cx, &arguments).await,
        Command::Import(arguments) => import::run(&cx, &arguments).await,
        Command::Backup(arguments) => backup::backup(&cx, &arguments).await,
        Command::Status => status::run(&cx).await,
        Command::Demo(_) => demo::reset(&cx).await,
        Command::Serve(_)
        | Command::Restore(_)
        | Command::Database(_)
        | Command::Completions { .. }
        | Command::Licences { .. }
        | Command::Version => Ok(()),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "provost", &mut script);
    write_out(&String::from_utf8_lossy(&script))
}

/// What the binary carries: of one library, or of all.
fn licences(library: Option<&str>, out: Output) -> Result<()> {
    use server::licences::{libraries, notices, texts_of};
    let mut all = libraries();
    all.retain(|one| library.is_none_or(|name| one.name == name));
    if all.is_empty() {
        let fix = "provost licences lists all of them";
        return Err(Failure::new(Exit::NotFound, "no library of this name is linked in".to_owned(), fix));
    }
    let row = |one: &server::licences::Library| json!({"name": one.name, "version": one.version, "licence": one.licence, "texts": texts_of(&one.texts)});
    let rows = if out.json { all.iter().map(row).collect() } else { Vec::new() };
    let text = match library {
        None => notices(),
        Some(_) => {
            let texts: Vec<usize> = all.iter().flat_map(|one| one.texts.iter().copied()).collect();
            let heads = all.iter().map(|one| format!("{} {}: {}\n", one.name, one.version, one.licence));
            heads.chain(texts_of(&texts).into_iter().map(|text| format!("\n{text}\n"))).collect()
        }
    };
    out.one("licences", &Value::from(rows), &text)
}

fn version(out: Output) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    out.one("version", &json!({"version": version}), &format!("provost {version}"))
}

/// Work that waits for a disk, beside the threads that wait for nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::new(Exit::Failed, format!("the work was broken off: {error}"), ""))
}

/// The text of a file, or of standard input for `-`.
fn text_of(file: &Path, fix: &str) -> Result<String> {
    let read =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    read.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display()), fix))
}

/// A list of what has an id.
struct Listed<'a> {
    path: String,
    /// What one is called.
    what: &'a str,
    owner: String,
    /// The command that shows them.
    list: String,
}

impl<'a> Listed<'a> {
    /// Of the tenant.
    fn of(cx: &Cx, path: &str, what: &'a str, list: &str) -> Self {
        let (owner, list) = (format!("tenant {}", cx.tenant), format!("{list}{}", cx.again()));
        Self { path: cx.path(path), what, owner, list }
    }

    /// The id that begins like this, if it is the only one.
    async fn whole_id(&self, cx: &Cx, start: &str) -> Result<String> {
        let Self { path, what, owner, list } = self;
        let (all, _) = rows(&cx.client.get(path).await?);
        let ids: Vec<String> = all.iter().map(|one| text(one, "id")).collect();
        if let Some(id) = ids.iter().find(|id| *id == start) {
            return Ok(id.clone());
        }
        let mut fitting = ids.iter().filter(|id| !start.is_empty() && id.starts_with(start));
        match (fitting.next(), fitting.next()) {
            (Some(id), None) => Ok(id.clone()),
            (Some(_), Some(_)) => {
                Err(Failure::usage(format!("several {what}s begin with {start}"), "write more of the id"))
            }
            (None, _) => {
                let message = format!("{owner} has no {what} {start}");
                Err(Failure::new(Exit::NotFound, message, format!("see `provost {list}`")))
            }
        }
    }
}

/// The rows of a list answer, and where it goes on.
pub fn rows(answer: &Value) -> (Vec<Value>, Value) {
    let list = answer.get("data").unwrap_or(answer);
    (list.as_array().cloned().unwrap_or_default(), answer.get("next").cloned().unwrap_or(Value::Null))
}
