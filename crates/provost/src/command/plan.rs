//! `provost plan`, `apply` and `config`: what would be done, line by line, and doing it.

use super::{Cx, rows, text_of};
use crate::cli::{Apply, Config, Plan, PlanCreate, merged};
use crate::client::{encoded, with_query};
use crate::failure::{Failure, Result};
use crate::output::{Column, instant, text};
use crate::secret::{confirm, read_token};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

pub(super) async fn plan(cx: &Cx, command: Plan) -> Result<()> {
    match command {
        Plan::List => list(cx).await,
        Plan::Show { plan } => {
            let shown = cx.client.get(&at(cx, plan, "")).await?;
            cx.out.one("plan.show", &shown, &lines(&shown))
        }
        Plan::Create(arguments) => create(cx, &arguments).await,
        Plan::Approve { plan } => {
            let plan_ = cx.client.call(Method::POST, &at(cx, plan, "/approve"), None).await?;
            cx.out.done("plan.approve", &plan_, &format!("Plan {plan} is approved."))?;
            cx.out.hint(&format!("provost apply {plan}{}", cx.again()));
            Ok(())
        }
        Plan::Drop { plan } => {
            let dropped = cx.client.call(Method::DELETE, &at(cx, plan, ""), None).await?;
            cx.out.done("plan.drop", &dropped, &format!("Plan {plan} is dropped."))
        }
    }
}

pub(super) async fn apply(cx: &Cx, arguments: &Apply) -> Result<()> {
    let applied = cx.client.call(Method::POST, &at(cx, arguments.plan, "/apply"), None).await?;
    cx.out.done("apply", &applied, &format!("Plan {} is applied.", arguments.plan))
}

pub(super) async fn config(cx: &Cx, command: Config) -> Result<()> {
    match command {
        Config::Export { app } => {
            let config = cx.client.get(&with_query(&cx.path("/config"), &[("app", app)])).await?;
            cx.out.one("config.export", &config, &serde_json::to_string_pretty(&config).unwrap_or_default())
        }
        Config::Diff { file } => {
            let found = diff(cx, &read(&file)?).await?;
            cx.out.one("config.diff", &found, &lines(&found))
        }
        Config::Apply { file, secrets, title } => make_it_so(cx, &read(&file)?, &secrets, &title).await,
    }
}

/// The address of a plan.
fn at(cx: &Cx, plan: i64, rest: &str) -> String {
    cx.path(&format!("/plans/{plan}{rest}"))
}

async fn list(cx: &Cx) -> Result<()> {
    let (found, next) = rows(&cx.client.get(&cx.path("/plans")).await?);
    let columns: [Column<'_>; 6] = [
        ("PLAN", &|row| text(row, "id")),
        ("TITLE", &|row| text(row, "title")),
        ("STATE", &|row| text(row, "state")),
        ("STEPS", &|row| text(row, "stepCount")),
        ("MADE", &|row| instant(row, "createdAt")),
        ("BY", &|row| text(row, "createdBy")),
    ];
    cx.out.list("plan.list", &columns, &found, &next)
}

async fn create(cx: &Cx, arguments: &PlanCreate) -> Result<()> {
    let config = match (&arguments.app, &arguments.file) {
        (Some(app), _) => json!({"apps": {app: merged(&arguments.settings)}}),
        (None, Some(file)) => read(file)?,
        (None, None) => Value::Null,
    };
    let body = json!({"title": arguments.title, "config": config});
    let made = cx.client.call(Method::POST, &cx.path("/plans"), Some(&body)).await?;
    cx.out.one("plan.create", &made, &lines(&made))?;
    cx.out.hint(&format!("provost plan approve {}{}", text(&made, "id"), cx.again()));
    Ok(())
}

async fn diff(cx: &Cx, config: &Value) -> Result<Value> {
    cx.client.call(Method::POST, &cx.path("/config/diff"), Some(&json!({"config": config}))).await
}

async fn make_it_so(cx: &Cx, config: &Value, secrets: &[(String, PathBuf)], title: &str) -> Result<()> {
    let found = diff(cx, config).await?;
    let mut applied = Value::Null;
    if steps(&found).is_empty() {
        cx.out.note("Everything is like that already.");
    } else {
        cx.out.note(&lines(&found));
        confirm("do this", cx.yes)?;
        let body = json!({"title": title, "config": config});
        let made = cx.client.call(Method::POST, &cx.path("/plans"), Some(&body)).await?;
        // What was shown is what is agreed to.
        if made.get("steps") != found.get("steps") {
            let fix = "look at the difference again: provost config diff";
            return Err(Failure::new(crate::failure::Exit::Conflict, "an app has changed meanwhile", fix));
        }
        let plan = made.get("id").and_then(Value::as_i64).unwrap_or_default();
        cx.client.call(Method::POST, &at(cx, plan, "/approve"), None).await?;
        applied = cx.client.call(Method::POST, &at(cx, plan, "/apply"), None).await?;
    }
    let apps = config.get("apps").and_then(Value::as_object);
    for (app, entry) in apps.into_iter().flatten() {
        let Some(name) = entry.get("credential").and_then(Value::as_str) else { continue };
        if let Some((_, file)) = secrets.iter().find(|(given, _)| given == name) {
            let path = cx.path(&format!("/apps/{}/credential", encoded(app)));
            cx.client.call(Method::PUT, &path, Some(&json!({"secret": read_token(Some(file))?}))).await?;
        }
    }
    let missing = found.get("secrets").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in missing.filter(|name| !secrets.iter().any(|(given, _)| given == name)) {
        cx.out.hint(&format!(
            "the secret {name} is not known here: provost app credential {name} --file FILE{}",
            cx.again()
        ));
    }
    cx.out.done("config.apply", &applied, "It is so now.")
}

/// A document of JSON or TOML.
fn read(file: &Path) -> Result<Value> {
    let held = text_of(file, "see: provost config export")?;
    let unread = |error: String| {
        Failure::usage(format!("{} cannot be read: {error}", file.display()), "see: provost config export")
    };
    let is_toml = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"));
    let read: Map<String, Value> = if is_toml {
        toml::from_str(&held).map_err(|error| unread(error.to_string()))?
    } else {
        serde_json::from_str(&held).map_err(|error| unread(error.to_string()))?
    };
    // What `--json` has written may come back as it is.
    Ok(match read.get("data") {
        Some(data) if read.contains_key("schema") => data.clone(),
        _ => Value::Object(read),
    })
}

fn steps(plan: &Value) -> &[Value] {
    plan.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What a plan would do, for people: the lines that the server has for it.
fn lines(plan: &Value) -> String {
    let mut lines = Vec::new();
    if plan.get("id").is_some() {
        lines.push(format!("Plan {} {}: {}", text(plan, "id"), text(plan, "title"), text(plan, "state")));
    }
    if steps(plan).is_empty() {
        lines.push("Everything is like that already.".to_owned());
    }
    let told = plan.get("lines").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    lines.extend(told.map(str::to_owned));
    lines.join("\n")
}
