//! `provost tenant …`

use super::{Cx, rows, text_of};
use crate::cli::{Tenant, merged};
use crate::client::{encoded, scim_base};
use crate::failure::{Failure, Result};
use crate::output::{Column, instant, text};
use crate::secret::confirm;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

pub(super) async fn run(cx: &Cx, command: Tenant) -> Result<()> {
    match command {
        Tenant::Create { name } => create(cx, &name).await,
        Tenant::List => list(cx).await,
        Tenant::Show { name } => {
            let tenant = cx.client.get(&path(name.as_deref().unwrap_or(&cx.tenant))).await?;
            cx.out.one("tenant.show", &tenant, &shown(&tenant))
        }
        Tenant::Set { settings } => {
            let body = json!({"settings": merged(&settings)});
            let tenant = cx.client.call(Method::PATCH, &path(&cx.tenant), Some(&body)).await?;
            cx.out.one("tenant.set", &tenant, &shown(&tenant))
        }
        Tenant::Export => {
            let file = cx.client.get(&cx.path("/settings-file")).await?;
            cx.out.one("tenant.export", &file, &serde_json::to_string_pretty(&file).unwrap_or_default())
        }
        Tenant::Import { file, dry_run } => import(cx, &file, dry_run).await,
        Tenant::Delete { name } => {
            cx.client.get(&path(&name)).await?;
            confirm(&format!("delete tenant {name} with all of its people, groups, tokens and logs"), cx.yes)?;
            cx.client.call(Method::DELETE, &path(&name), None).await?;
            cx.out.done("tenant.delete", &json!({"name": name}), &format!("Tenant {name} is deleted."))
        }
    }
}

/// Shows what a file changes, and applies it if that is wanted.
async fn import(cx: &Cx, file: &Path, dry_run: bool) -> Result<()> {
    let fix = "give a file that `provost tenant export` wrote";
    let text = text_of(file, fix)?;
    let file: Value =
        serde_json::from_str(&text).map_err(|error| Failure::usage(format!("it is not JSON: {error}"), fix))?;
    // With `--json` the export wraps it.
    let file = file.get("data").filter(|_| file.get("schema").is_some()).cloned().unwrap_or(file);
    let difference =
        cx.client.call(Method::POST, &cx.path("/settings-file/diff"), Some(&json!({"file": file}))).await?;
    let lines: Vec<String> =
        difference.get("lines").and_then(Value::as_array).into_iter().flatten().map(told).collect();
    let all = if lines.is_empty() { "Everything in the file is so already.".to_owned() } else { lines.join("\n") };
    let changes = difference.get("changes") == Some(&Value::Bool(true));
    if dry_run || !changes {
        return cx.out.one("tenant.import", &difference, &all);
    }
    cx.out.note(&all);
    confirm(&format!("apply this to the tenant {}", cx.tenant), cx.yes)?;
    let body = json!({"file": file, "generation": difference.get("generation")});
    let done = cx.client.call(Method::PUT, &cx.path("/settings-file"), Some(&body)).await?;
    cx.out.done("tenant.import", &done, "The file is applied.")
}

/// A line of the difference.
fn told(line: &Value) -> String {
    let value = |name: &str| line.get(name).map(Value::to_string).unwrap_or_default();
    let change = format!("{}  {} → {}", text(line, "name"), value("before"), value("after"));
    match line.get("stays").and_then(Value::as_str) {
        Some(why) => format!("{change}  (stays: {why})"),
        None => change,
    }
}

fn path(name: &str) -> String {
    format!("/api/v1/tenants/{}", encoded(name))
}

async fn create(cx: &Cx, name: &str) -> Result<()> {
    let tenant = cx.client.call(Method::POST, "/api/v1/tenants", Some(&json!({"name": name}))).await?;
    let sentence = format!("Tenant {name} is there; its SCIM endpoint ends in {}.", scim_base(name));
    cx.out.done("tenant.create", &tenant, &sentence)?;
    cx.out.hint(&format!("provost token create --tenant {name} --label okta"));
    Ok(())
}

async fn list(cx: &Cx) -> Result<()> {
    let (tenants, next) = rows(&cx.client.get("/api/v1/tenants").await?);
    let columns: [Column<'_>; 3] = [
        ("NAME", &|row| text(row, "name")),
        ("CREATED", &|row| instant(row, "createdAt")),
        ("ENDPOINT", &|row| scim_base(&text(row, "name"))),
    ];
    cx.out.list("tenant.list", &columns, &tenants, &next)
}

/// The settings level by level, in the form that `tenant set` takes.
fn shown(tenant: &Value) -> String {
    let mut out = format!("name     {}\ncreated  {}\n", text(tenant, "name"), instant(tenant, "createdAt"));
    let mut lines = Vec::new();
    flatten(tenant.get("settings").unwrap_or(&Value::Null), String::new(), &mut lines);
    for line in lines {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn flatten(value: &Value, key: String, lines: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                flatten(inner, if key.is_empty() { name.clone() } else { format!("{key}.{name}") }, lines);
            }
        }
        Value::Null if key.is_empty() => {}
        Value::String(text) => lines.push(format!("{key}={text}")),
        other => lines.push(format!("{key}={other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_as_they_are_set() {
        let tenant = json!({"name": "a", "settings": {"log": {"keepDays": 30}, "adoption": "refuse"}});
        assert!(shown(&tenant).ends_with("log.keepDays=30\nadoption=refuse\n"));
    }
}
