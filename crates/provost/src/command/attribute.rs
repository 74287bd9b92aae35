//! `provost attribute …` and `provost type …`: what a tenant's resources are made of.

use super::{Cx, rows, text_of};
use crate::cli::{Attribute, AttributeAdd, AttributeChange, AttributeRestore, AttributeTaken, Offered, Type, Way};
use crate::client::encoded;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, text, yes};
use crate::secret::confirm;
use clap::ValueEnum;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) async fn attribute(cx: &Cx, command: Attribute) -> Result<()> {
    match command {
        Attribute::List { resource, custom } => list(cx, resource.as_deref(), custom).await,
        Attribute::Add(arguments) => add(cx, &arguments).await,
        Attribute::Change(arguments) => change(cx, &arguments).await,
        Attribute::Move { value, to } => {
            let (to, word) = if to == Way::Up { ("up", "above") } else { ("down", "below") };
            let path = cx.path(&format!("/attributes/{}/move", encoded(&value)));
            let moved = cx.client.call(Method::POST, &path, Some(&json!({"to": to}))).await?;
            cx.out.done("attribute.move", &moved, &format!("{value} is past the one {word} it."))
        }
        Attribute::Ignore(taken) => {
            accept(cx, &taken, false, "is ignored: what is sent of it is dropped, and told in the log").await
        }
        Attribute::Accept(taken) => accept(cx, &taken, true, "is taken when it is sent").await,
        Attribute::Never => {
            let (never, next) = rows(&cx.client.get(&cx.path("/attributes-never-received")).await?);
            let columns: [Column<'_>; 3] = [
                ("OF", &|row| text(row, "resourceType")),
                ("MADE", &|row| text(row, "madeAt")),
                ("VALUE", &|row| text(row, "value")),
            ];
            cx.out.list("attribute.never", &columns, &never, &next)
        }
        Attribute::Archived => archived(cx).await,
        Attribute::Archive { value, no_wait } => {
            let path = cx.path(&format!("/attributes/{}/archive", encoded(&value)));
            let done = cx.client.call(Method::POST, &path, None).await?;
            let sentence = match settled(cx, &done, no_wait).await? {
                Some(job) => format!("The attribute {value} is read-only, and put away when job {job} is done."),
                None => format!("The attribute {value} is archived with its values."),
            };
            cx.out.done("attribute.archive", &done, &sentence)
        }
        Attribute::Restore(arguments) => restore(cx, &arguments).await,
        Attribute::Forget { value, no_wait } => {
            let path = cx.path(&format!("/archived-attributes/{}", encoded(&value)));
            confirm(&format!("delete {} with its {}", value, values(cx, &value).await?), cx.yes)?;
            let gone = cx.client.call(Method::DELETE, &path, None).await?;
            let sentence = match settled(cx, &gone, no_wait).await? {
                Some(job) => format!("The last value of {value} is gone when job {job} is done."),
                None => format!("The archived attribute {value} is deleted with its values."),
            };
            cx.out.done("attribute.forget", &gone, &sentence)
        }
        Attribute::Remove { value, no_wait } => {
            confirm(&format!("take the attribute {value} away from every resource"), cx.yes)?;
            let path = cx.path(&format!("/attributes/{}", encoded(&value)));
            let gone = cx.client.call(Method::DELETE, &path, None).await?;
            let sentence = match settled(cx, &gone, no_wait).await? {
                Some(job) => format!("The attribute {value} is read-only, and gone when job {job} is done."),
                None => format!("The attribute {value} is gone."),
            };
            cx.out.done("attribute.remove", &json!({"value": value, "job": gone.get("job")}), &sentence)
        }
    }
}

async fn accept(cx: &Cx, taken: &AttributeTaken, accepted: bool, said: &str) -> Result<()> {
    let path = cx.path(&format!("/attributes/{}/accepted", encoded(&taken.value)));
    let body = json!({"accepted": accepted, "resourceType": taken.of});
    let done = cx.client.call(Method::PUT, &path, Some(&body)).await?;
    cx.out.done("attribute.accept", &done, &format!("{} {said}.", taken.value))
}

/// Waits for the job of an answer, if it is to be waited for; answers the number of one that goes on.
async fn settled(cx: &Cx, answer: &Value, no_wait: bool) -> Result<Option<i64>> {
    let Some(job) = answer.get("job").filter(|job| job.is_object()) else { return Ok(None) };
    let goes_on = matches!(job.get("state").and_then(Value::as_str), Some("waiting" | "running"));
    if no_wait {
        return Ok(job.get("id").and_then(Value::as_i64).filter(|_| goes_on));
    }
    super::job::waited(cx, job.clone()).await.map(|_| None)
}

async fn archived(cx: &Cx) -> Result<()> {
    let (attributes, next) = rows(&cx.client.get(&cx.path("/archived-attributes")).await?);
    let columns: [Column<'_>; 4] = [
        ("NAME", &|row| text(row, "name")),
        ("VALUES", &|row| text(row, "values")),
        ("SINCE", &|row| text(row, "archivedAt")),
        ("VALUE", &|row| text(row, "value")),
    ];
    cx.out.list("attribute.archived", &columns, &attributes, &next)
}

/// How many values an archived attribute has, in words.
async fn values(cx: &Cx, value: &str) -> Result<String> {
    let (attributes, _) = rows(&cx.client.get(&cx.path("/archived-attributes")).await?);
    let found = attributes.iter().find(|row| text(row, "value").eq_ignore_ascii_case(value));
    let found = found.ok_or_else(|| {
        let fix = format!("see `provost attribute archived{}`", cx.again());
        Failure::new(Exit::NotFound, format!("there is no archived attribute {value}"), fix)
    })?;
    let count = text(found, "values");
    Ok(if count == "1" { "1 value".to_owned() } else { format!("{count} values") })
}

async fn restore(cx: &Cx, arguments: &AttributeRestore) -> Result<()> {
    let (value, wanted) = (&arguments.value, arguments.wanted());
    let path = cx.path(&format!("/archived-attributes/{}", encoded(value)));
    if arguments.preview {
        let would = cx.client.call(Method::POST, &format!("{path}/preview"), Some(&wanted)).await?;
        let sentence = format!("{} values would fit, {} would not.", text(&would, "fit"), text(&would, "unfit"));
        return cx.out.done("attribute.restore", &would, &sentence);
    }
    let done = cx.client.call(Method::POST, &format!("{path}/restore"), Some(&wanted)).await?;
    let sentence = match settled(cx, &done, arguments.no_wait).await? {
        Some(job) => format!("The attribute {value} is read-only until job {job} is done."),
        None => format!("The attribute {value} is back with its values."),
    };
    cx.out.done("attribute.restore", &done, &sentence)
}

async fn change(cx: &Cx, arguments: &AttributeChange) -> Result<()> {
    let (attributes, _) = rows(&cx.client.get(&cx.path("/attributes")).await?);
    let is_meant = |row: &&Value| text(row, "value").eq_ignore_ascii_case(&arguments.value);
    let fix = format!("see `provost attribute list --custom{}`", cx.again());
    let found = attributes.iter().find(is_meant).and_then(Value::as_object).cloned();
    let found =
        found.ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no attribute {}", arguments.value), fix))?;
    let definition = arguments.laid_over(found);
    let path = cx.path(&format!("/attributes/{}", encoded(&arguments.value)));
    let changed = cx.client.call(Method::PATCH, &path, Some(&definition)).await?;
    let sentence = match settled(cx, &changed, arguments.no_wait).await? {
        Some(job) => format!("The new rules of {} hold when job {job} is done.", arguments.value),
        None => format!("The new rules of {} hold.", arguments.value),
    };
    cx.out.done("attribute.change", &changed, &sentence)
}

async fn list(cx: &Cx, resource: Option<&str>, custom: bool) -> Result<()> {
    let (mut attributes, next) = rows(&cx.client.get(&cx.path("/attributes")).await?);
    attributes.retain(|row| {
        let fits = resource.is_none_or(|name| text(row, "resourceType").eq_ignore_ascii_case(name));
        fits && (!custom || row.get("custom") == Some(&Value::Bool(true)))
    });
    let columns: [Column<'_>; 5] = [
        ("OF", &|row| text(row, "resourceType")),
        ("NAME", &|row| text(row, "name")),
        ("TYPE", &|row| {
            if yes(row, "multiValued") == "yes" { format!("{}[]", text(row, "type")) } else { text(row, "type") }
        }),
        ("REQUIRED", &|row| yes(row, "required")),
        ("VALUE TO COPY", &|row| text(row, "value")),
    ];
    cx.out.list("attribute.list", &columns, &attributes, &next)
}

async fn add(cx: &Cx, arguments: &AttributeAdd) -> Result<()> {
    let mut body = Map::new();
    body.insert("resourceType".into(), arguments.resource.clone().into());
    if let Some(schema) = &arguments.schema {
        body.insert("schema".into(), schema.clone().into());
    }
    body.insert("attribute".into(), arguments.definition());
    let made = cx.client.call(Method::POST, &cx.path("/attributes"), Some(&body.into())).await?;
    cx.out.note("Copy this value into the identity provider's external name:");
    cx.out.one("attribute.add", &made, &text(&made, "value"))
}

pub(super) async fn resource_type(cx: &Cx, command: Type) -> Result<()> {
    match command {
        Type::List => {
            let (types, next) = rows(&cx.client.get(&cx.path("/resource-types")).await?);
            let columns: [Column<'_>; 3] = [
                ("NAME", &|row| text(row, "name")),
                ("ENDPOINT", &|row| text(row, "endpoint")),
                ("SCHEMA", &|row| schema_id(row)),
            ];
            cx.out.list("type.list", &columns, &types, &next)
        }
        Type::Add { offered, file } => {
            let body = match (offered, file) {
                (Some(offered), _) => json!({"offered": offered_name(offered)}),
                (None, Some(file)) => read_definition(&file)?,
                (None, None) => return Err(Failure::usage("no resource type is named", "use --offered or --file")),
            };
            let made = cx.client.call(Method::POST, &cx.path("/resource-types"), Some(&body)).await?;
            let sentence = format!("{} is served at {}.", text(&made, "name"), text(&made, "endpoint"));
            cx.out.done("type.add", &made, &sentence)
        }
        Type::Remove { name } => {
            confirm(&format!("stop serving the resource type {name}"), cx.yes)?;
            cx.client.call(Method::DELETE, &cx.path(&format!("/resource-types/{}", encoded(&name))), None).await?;
            cx.out.done("type.remove", &json!({"name": name}), &format!("{name} is no longer served."))
        }
    }
}

fn schema_id(row: &Value) -> String {
    if row.get("schema").is_some_and(Value::is_object) { text(row, "schema.id") } else { text(row, "schema") }
}

fn offered_name(offered: Offered) -> String {
    offered.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn read_definition(file: &Path) -> Result<Value> {
    let text = text_of(file, "see `provost type add --help`")?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{} is not JSON: {error}", file.display()), "see `provost type add --help`")
    })
}
