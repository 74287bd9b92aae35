//! The program: reads the arguments and the environment, runs the command, ends with its exit code.

use clap::Parser;
use provost::Environment;
use provost::cli::{Cli, When};
use provost::failure::{Exit, Failure};
use provost::output::Output;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let environment = environment();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    let color = match cli.global.color {
        When::Always => true,
        When::Never => false,
        When::Auto => !environment.no_color && io::stdout().is_terminal(),
    };
    let out = Output { json: cli.global.json, color };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.failure(&Failure::new(Exit::Failed, format!("no threads could be started: {error}"), ""));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let ended = runtime.block_on(provost::command::run(cli, &environment, out));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody reads on, or somebody pressed Ctrl-C: no need to tell.
            if !matches!(failure.exit, Exit::Done | Exit::Interrupted) {
                out.failure(&failure);
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// An empty variable is one that is not set.
fn environment() -> Environment {
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Environment {
        data: text("PROVOST_DATA").map(Into::into),
        server: text("PROVOST_SERVER"),
        database: text("PROVOST_DATABASE"),
        log: text("PROVOST_LOG"),
        temporary: std::env::temp_dir(),
        no_color: text("NO_COLOR").is_some(),
    }
}

/// `--help` and `--version` go to standard output; wrong usage is told as the rest of the command line asks.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let (what, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let what = what.strip_prefix("error: ").unwrap_or(what);
        // What is missing stands in lines of its own, up to an empty one.
        let (named, rest) =
            if what.ends_with(':') { rest.split_once("\n\n").unwrap_or((rest, "")) } else { ("", rest) };
        let named = named.lines().map(str::trim).collect::<Vec<_>>().join(", ");
        let what = format!("{what} {named}").trim_end().to_owned();
        let rest = rest.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        Output { json: true, color: false }.failure(&Failure::usage(what, rest));
        return ExitCode::from(Exit::Usage as u8);
    }
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
}
