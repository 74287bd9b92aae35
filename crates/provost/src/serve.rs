//! `provost serve`: the banner of the start, the log, and a sentence for everything that keeps it from starting.

use crate::Environment;
use crate::cli::{Global, LogFormat, Serve};
use crate::client::{DATABASE, data_folder, database};
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, write_out};
use serde_json::json;
use server::checkpoint::Place;
use server::egress::{Authorities, Targets};
use server::{Config, StartError, Started, TlsFiles};
use std::io;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

/// Runs the server until SIGTERM or Ctrl-C.
pub async fn serve(arguments: &Serve, global: &Global, environment: &Environment, out: Output) -> Result<()> {
    start_log(arguments.log_format, environment)?;
    let mut config = Config::new(data_folder(global, environment), arguments.listen);
    config.database = database(global, environment)?;
    config.public_url = arguments.base_url.as_deref().map(base_url).transpose()?;
    config.tls = tls_files(arguments);
    config.checkpoints = arguments.audit_checkpoints.iter().map(|file| place(file)).collect();
    config.proxies = arguments.trusted_proxy.clone();
    config.targets = targets(arguments)?;
    let failed = |error: io::Error| Failure::new(Exit::Failed, format!("signals cannot be listened to: {error}"), "");
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Whoever presses Ctrl-C again does not want to wait for the requests in flight.
        tokio::spawn(async move {
            interrupt.recv().await;
            std::process::exit(i32::from(Exit::Interrupted as u8));
        });
    };
    let data = config.data.clone();
    server::run(config, |started| announce(started, out), stop).await.map_err(|error| start_failure(&error, &data))
}

fn place(file: &Path) -> Place {
    if file.as_os_str() == "-" { Place::Output } else { Place::File(file.to_owned()) }
}

fn tls_files(arguments: &Serve) -> Option<TlsFiles> {
    let (certificate, key) = (arguments.tls_certificate.clone()?, arguments.tls_key.clone()?);
    Some(TlsFiles { certificate, key })
}

fn targets(arguments: &Serve) -> Result<Targets> {
    let read = |path: &PathBuf| {
        let pem = std::fs::read(path).map_err(|error| error.to_string());
        pem.and_then(|pem| Authorities::parse(&pem)).map_err(|error| {
            let fix = "name a readable file with certificates between BEGIN CERTIFICATE and END CERTIFICATE";
            Failure::new(Exit::Configuration, format!("{} holds no certificates: {error}", path.display()), fix)
        })
    };
    Ok(Targets {
        private: arguments.allow_private_targets,
        networks: arguments.allow_target.clone(),
        authorities: arguments.target_ca_file.as_ref().map(read).transpose()?.unwrap_or_default(),
    })
}

fn base_url(text: &str) -> Result<String> {
    let fix = "write it like https://scim.example.com, without /scim/v2";
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(Failure::usage("--base-url is not an http or https address", fix)),
    }
}

/// What a newcomer needs, on standard output; token and link only when they were made just now.
fn announce(started: &Started, out: Output) {
    let data = std::path::absolute(&started.data).unwrap_or_else(|_| started.data.clone());
    let written = if out.json {
        let banner = json!({
            "console": started.console,
            "setupLink": started.setup_link,
            "hasOwner": started.has_owner,
            "scimEndpoint": started.scim_endpoint,
            "token": started.first_token,
            "data": data,
        });
        write_out(&format!("{}\n", json!({"schema": "provost/v1/serve", "data": banner})))
    } else {
        write_out(&banner(started, &data.display().to_string()))
    };
    if written.is_err() {
        tracing::warn!("nobody reads standard output; the first token, if there was one, is lost: make another");
    }
}

fn banner(started: &Started, data: &str) -> String {
    let Started { console, scim_endpoint, first_token, setup_link, has_owner, .. } = started;
    let mut text = format!("\nconsole        {console}\n");
    match setup_link {
        Some(link) => {
            text.push_str(&format!("first owner    {link}\n               good once; make your account there\n"));
        }
        None if !has_owner => {
            text.push_str(
                "first owner    nobody yet; the link of the first start is still good, and this makes another:\n",
            );
            text.push_str(&format!("               provost operator setup-link --data {data}\n"));
        }
        None => {}
    }
    text.push_str(&format!("SCIM endpoint  {scim_endpoint}\n"));
    match first_token {
        Some(token) => {
            text.push_str(&format!("token          {token}\n               shown this once; only its hash is kept\n"));
            text.push_str(&format!("data           {data}\n\nTry it:\n"));
            text.push_str(&format!("  curl -H 'Authorization: Bearer {token}' '{scim_endpoint}/Users?count=10'\n"));
            text.push_str("\nNext: put endpoint and token into your identity provider (docs/guide/connect-okta.md),\n");
            text.push_str("      and watch what arrives with `provost log tail`.\n\n");
        }
        None => {
            text.push_str(&format!("data           {data}\n\nTry it:\n"));
            text.push_str(&format!("  curl -H \"Authorization: Bearer $TOKEN\" '{scim_endpoint}/Users?count=10'\n"));
            text.push_str(
                "\nNext: a lost token cannot be read again; `provost token create --label NAME` makes another.\n\n",
            );
        }
    }
    text
}

/// The log goes to standard error; its level is `PROVOST_LOG`.
fn start_log(format: LogFormat, environment: &Environment) -> Result<()> {
    let level = match &environment.log {
        None => LevelFilter::INFO,
        Some(text) => text.parse().map_err(|_| {
            let fix = "use off, error, warn, info, debug or trace";
            Failure::new(Exit::Configuration, "PROVOST_LOG is not a level", fix)
        })?,
    };
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level).with_target(false);
    let colors = !environment.no_color && io::IsTerminal::is_terminal(&io::stderr());
    let started = match format {
        LogFormat::Text => log.with_ansi(colors).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
    started.map_err(|error| Failure::new(Exit::Failed, format!("the log cannot be started: {error}"), ""))
}

/// One sentence and what to do, for each thing that keeps a server or a command from the data.
pub fn start_failure(error: &StartError, data: &Path) -> Failure {
    match error {
        StartError::AddressInUse(address) => Failure::new(
            Exit::Conflict,
            format!("{address} is in use by another program"),
            "stop that program, or choose another address with --listen",
        ),
        StartError::Listen(address, cause) => Failure::new(
            Exit::Configuration,
            format!("{address} cannot be listened on: {cause}"),
            "choose another address with --listen",
        ),
        StartError::Checkpoints(cause) => Failure::new(
            Exit::Configuration,
            format!("checkpoints of the audit trail cannot be written: {cause}"),
            "name files with --audit-checkpoints that the user of the server may write to",
        ),
        StartError::Tls(problem) => Failure::new(Exit::Configuration, problem.to_string(), problem.fix()),
        StartError::Store(error) => store_failure(error, data),
        StartError::Other(text) => Failure::new(Exit::Failed, text.clone(), ""),
    }
}

/// The same for the database alone.
pub fn store_failure(error: &store::Error, data: &Path) -> Failure {
    match error {
        store::Error::Locked(path) => Failure::new(
            Exit::Conflict,
            format!("another Provost works on this data folder ({} is locked)", path.display()),
            "stop the other one, or give this one a folder of its own with --data",
        ),
        store::Error::NewerDatabase { found, known } => Failure::new(
            Exit::Configuration,
            format!("the database has version {found}, and this release knows versions up to {known}"),
            "start the newer release, or restore a backup that this release made",
        ),
        store::Error::KeyMissing(path) => Failure::new(
            Exit::Configuration,
            match data.join(DATABASE) {
                file if file.is_file() => format!("{} is there, but its key {} is not", file.display(), path.display()),
                _ => format!("the database is there, but its key {} is not", path.display()),
            },
            "restore the key file from the backup of the same folder, or copy it from another node",
        ),
        store::Error::OtherKey(path) => Failure::new(
            Exit::Configuration,
            format!("{} is another key than the one that this database's secrets are sealed with", path.display()),
            "copy secret.key from the data folder of another node of this database",
        ),
        store::Error::Unfinished => Failure::new(
            Exit::Configuration,
            "the database is a copy that is not finished",
            "stop the servers of its source, and run `provost database copy` again",
        ),
        store::Error::Database(why) => Failure::new(
            Exit::Configuration,
            format!("the database cannot be used: {why}"),
            "see that the address is right, that the server runs there, and docs/guide/move-to-postgresql.md",
        ),
        store::Error::Folder { path, source } => Failure::new(
            Exit::Configuration,
            format!("{} cannot be used: {source}", path.display()),
            "give the folder to the user that runs Provost, or name another with --data",
        ),
        store::Error::Unavailable => Failure::new(
            Exit::Failed,
            "the database cannot take the work now",
            "see that the disk is not full and not read-only, then try again",
        ),
        store::Error::Broken(cause) => Failure::new(
            Exit::Configuration,
            format!("{} cannot be used: {cause}", data.join(DATABASE).display()),
            "restore a backup, or name another folder with --data",
        ),
        other => Failure::new(Exit::Failed, other.to_string(), "see docs/guide/operate.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(first_token: Option<&str>) -> Started {
        Started {
            console: "http://127.0.0.1:8080/".into(),
            scim_endpoint: "http://127.0.0.1:8080/scim/v2".into(),
            first_token: first_token.map(str::to_owned),
            setup_link: first_token.map(|_| "http://127.0.0.1:8080/setup?code=x".into()),
            has_owner: false,
            data: "provost-data".into(),
        }
    }

    #[test]
    fn the_first_banner_has_a_curl_that_works_as_it_is() {
        let text = banner(&started(Some("pv_x")), "/srv/p");
        assert!(text.contains("curl -H 'Authorization: Bearer pv_x' 'http://127.0.0.1:8080/scim/v2/Users?count=10'"));
        assert!(text.contains("\ndata           /srv/p\n"));
    }

    #[test]
    fn a_later_banner_has_no_secret() {
        let text = banner(&started(None), "/srv/p");
        assert!(!text.contains("pv_") && !text.contains("code=") && text.contains("provost token create"), "{text}");
        assert!(text.contains("provost operator setup-link --data /srv/p\n"), "{text}");
        let owned = Started { has_owner: true, ..started(None) };
        assert!(!banner(&owned, "/srv/p").contains("first owner"));
    }

    #[test]
    fn what_keeps_a_server_from_starting_has_its_exit_code() {
        let address = "127.0.0.1:1".parse().unwrap();
        for (error, exit) in [
            (StartError::AddressInUse(address), Exit::Conflict),
            (StartError::Store(store::Error::Locked("x".into())), Exit::Conflict),
            (StartError::Store(store::Error::NewerDatabase { found: 9, known: 1 }), Exit::Configuration),
        ] {
            let failure = start_failure(&error, Path::new("data"));
            assert_eq!(failure.exit, exit);
            assert!(failure.fix.is_some());
        }
    }

    #[test]
    fn a_base_url_is_an_address() {
        assert_eq!(base_url("https://a.example/"), Ok("https://a.example".into()));
        assert!(base_url("a.example").is_err());
        assert!(base_url("ftp://a.example").is_err());
    }
}
