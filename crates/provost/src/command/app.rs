//! `provost app …`: what the console's Applications do, for scripts.

use super::{Cx, rows, text_of};
use crate::cli::{App, AppSet, Page, PushRule, merged};
use crate::client::{encoded, with_query};
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, instant, text, yes};
use crate::secret::{confirm, read_token};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) async fn run(cx: &Cx, command: App) -> Result<()> {
    match command {
        App::List => list(cx).await,
        App::Create { name, label, target } => {
            let made = cx
                .client
                .call(Method::POST, &cx.path("/apps"), Some(&json!({"name": name, "label": label, "target": target})))
                .await?;
            cx.out.done("app.create", &made, &format!("The app {name} is there; nothing is sent yet."))?;
            cx.out.hint(&format!("provost app set {name} connection.baseUrl=URL{}", cx.again()));
            Ok(())
        }
        App::Duplicate { name, to, label } => {
            let body = json!({"name": to, "label": label});
            let made = cx.client.call(Method::POST, &at(cx, &name, "/duplicate"), Some(&body)).await?;
            let said = format!("The app {to} is like {name}, without {}.", text(&made, "notTaken"));
            cx.out.done("app.duplicate", &made, &said)?;
            cx.out.hint(&format!("provost app set {to} connection.baseUrl=URL{}", cx.again()));
            Ok(())
        }
        App::Show { name } => {
            let app = cx.client.get(&at(cx, &name, "")).await?;
            cx.out.one("app.show", &app, &pretty(&app))
        }
        App::Set(arguments) => set(cx, &arguments).await,
        App::Credential { name, file } => credential(cx, &name, &file).await,
        App::Authenticate { name } => authenticate(cx, &name).await,
        App::Forget { name } => {
            confirm(
                &format!("forget what was authenticated for {name}: nothing is sent until somebody does it again"),
                cx.yes,
            )?;
            let answer = cx.client.call(Method::DELETE, &at(cx, &name, "/grant"), None).await?;
            let said = revocation(&answer).unwrap_or_else(|| "There was nothing to forget.".to_owned());
            cx.out.done("app.forget", &answer, &said)
        }
        App::Test { name } => test(cx, &name).await,
        App::Preview { name, person } => {
            let shown =
                cx.client.call(Method::POST, &at(cx, &name, "/preview"), Some(&json!({"person": person}))).await?;
            cx.out.one("app.preview", &shown, &pretty(&shown))
        }
        App::Provision { name, person } => {
            let link =
                cx.client.call(Method::POST, &at(cx, &name, "/provision"), Some(&json!({"person": person}))).await?;
            cx.out.done("app.provision", &link, &format!("{person} is looked at now; see: provost app log {name}"))
        }
        App::Assign { name, who, group, priority, values, only_values } => {
            let body = json!({"principal": principal(group), "resource": who, "priority": priority,
                "profile": merged(&values), "onlyValues": only_values});
            let made = cx.client.call(Method::POST, &at(cx, &name, "/assignments"), Some(&body)).await?;
            let said = match only_values {
                true => format!("{who} has values of their own at {name}; what they have it through is as it was."),
                false => format!("{who} is assigned to {name}."),
            };
            cx.out.done("app.assign", &made, &said)
        }
        App::Unassign { name, who, group } => {
            confirm(&format!("take {name} away from {who}"), cx.yes)?;
            let path = at(cx, &name, &format!("/assignments/{}/{}", principal(group), encoded(&who)));
            let answer = cx.client.call(Method::DELETE, &path, None).await?;
            cx.out.done("app.unassign", &answer, &format!("{who} is not assigned to {name} any more."))
        }
        App::Assignments { name, group, page } => assignments(cx, &name, group, &page).await,
        App::Push { name, group, dry_run: true, .. } => {
            let path = at(cx, &name, &format!("/push-groups/{}", encoded(&group)));
            let found = cx.client.get(&path).await?;
            let said = format!(
                "Not assigned to {name}, and left out: {}. With an account there: {}; that will have one: {}; whose is out of use: {}.",
                text(&found, "notAssigned"),
                text(&found, "there"),
                text(&found, "onTheWay"),
                text(&found, "outOfUse")
            );
            cx.out.one("app.push", &found, &said)
        }
        App::PushRule(rule) => push_rule(cx, rule).await,
        App::Push { name, group, called, .. } => {
            let body = json!({"group": group, "name": called});
            let made = cx.client.call(Method::POST, &at(cx, &name, "/push-groups"), Some(&body)).await?;
            cx.out.done("app.push", &made, &format!("The group {group} is pushed to {name}."))
        }
        App::Unpush { name, group, delete } => {
            confirm(&format!("push the group {group} to {name} no longer"), cx.yes)?;
            let leave = Some(if delete { "delete" } else { "keep" }.to_owned());
            let path = with_query(&at(cx, &name, &format!("/push-groups/{}", encoded(&group))), &[("leave", leave)]);
            let answer = cx.client.call(Method::DELETE, &path, None).await?;
            cx.out.done("app.unpush", &answer, &format!("The group {group} is pushed to {name} no longer."))
        }
        App::Groups { name } => groups(cx, &name).await,
        App::Links { name, group, standing, page } => links(cx, &name, group, standing, &page).await,
        other => work(cx, other).await,
    }
}

/// The commands about what waits for somebody.
async fn work(cx: &Cx, command: App) -> Result<()> {
    match command {
        App::Tasks { name } => tasks(cx, &name).await,
        App::Retry { name, cause, link } => {
            let what = match (cause, link) {
                (Some(cause), _) => json!({"cause": cause}),
                (None, Some(link)) => json!({"link": link}),
                (None, None) => json!("everything"),
            };
            let answer = cx.client.call(Method::POST, &at(cx, &name, "/retry"), Some(&what)).await?;
            cx.out.done("app.retry", &answer, &format!("{} are tried again.", text(&answer, "links")))
        }
        App::Ignore { name, cause, note } => {
            let body = json!({"cause": cause, "note": note});
            let answer = cx.client.call(Method::POST, &at(cx, &name, "/tasks/ignore"), Some(&body)).await?;
            cx.out.done("app.ignore", &answer, &format!("{cause} is ignored."))
        }
        App::Recall { name, cause } => {
            let body = json!({"cause": cause});
            let answer = cx.client.call(Method::POST, &at(cx, &name, "/tasks/recall"), Some(&body)).await?;
            cx.out.done("app.recall", &answer, &format!("{cause} is a task again."))
        }
        App::Approve { name, links } => {
            let answer =
                cx.client.call(Method::POST, &at(cx, &name, "/held/approve"), Some(&json!({"links": links}))).await?;
            cx.out.done("app.approve", &answer, &format!("{} go on.", text(&answer, "approved")))
        }
        App::Drop { name, links } => {
            let answer =
                cx.client.call(Method::POST, &at(cx, &name, "/held/drop"), Some(&json!({"links": links}))).await?;
            cx.out.done("app.drop", &answer, &format!("{} are dropped.", text(&answer, "dropped")))
        }
        App::Reconcile { name } => begin(cx, &name, json!({"kind": "reconcile"})).await,
        App::Import { name, changed } => begin(cx, &name, json!({"kind": "import", "incremental": changed})).await,
        App::Runs { name, imports } => runs(cx, &name, imports).await,
        App::Log { name, page } => log(cx, &name, &page).await,
        App::Delete { name } => {
            confirm(&format!("delete the app {name}: everybody keeps their account there"), cx.yes)?;
            let answer = cx.client.call(Method::DELETE, &at(cx, &name, ""), None).await?;
            cx.out.done("app.delete", &answer, &with_revocation(format!("The app {name} is gone."), &answer))
        }
        _ => Ok(()),
    }
}

/// The address of something of an app.
fn at(cx: &Cx, name: &str, rest: &str) -> String {
    cx.path(&format!("/apps/{}{rest}", encoded(name)))
}

fn principal(group: bool) -> &'static str {
    if group { "group" } else { "user" }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

async fn list(cx: &Cx) -> Result<()> {
    let (apps, next) = rows(&cx.client.get(&cx.path("/apps")).await?);
    let url = |row: &Value| row.get("connection").map(|connection| text(connection, "baseUrl")).unwrap_or_default();
    let columns: [Column<'_>; 5] = [
        ("NAME", &|row| text(row, "name")),
        ("LABEL", &|row| text(row, "label")),
        ("PROVISIONING", &|row| match row.get("linksLeft") {
            Some(left) => format!("being deleted, {left} links left"),
            None => yes(row, "provisioning"),
        }),
        ("CREDENTIAL", &|row| yes(row, "hasCredential")),
        ("URL", &url),
    ];
    cx.out.list("app.list", &columns, &apps, &next)
}

/// The part of the document that changes.
fn change(arguments: &AppSet) -> Result<Value> {
    let Some(file) = &arguments.file else { return Ok(merged(&arguments.settings)) };
    let held = text_of(file, "name a file of JSON")?;
    serde_json::from_str::<Map<String, Value>>(&held).map(Value::Object).map_err(|error| {
        Failure::usage(format!("{} is not an object of JSON: {error}", file.display()), "see: provost app show --json")
    })
}

async fn set(cx: &Cx, arguments: &AppSet) -> Result<()> {
    let (name, change) = (&arguments.name, change(arguments)?);
    if arguments.dry_run {
        let effect = cx.client.call(Method::POST, &at(cx, name, "/effect"), Some(&json!({"change": change}))).await?;
        let number = |key: &str| text(&effect, key);
        let said = format!(
            "Of {} people {} would change and {} could not be pushed; nothing is stored.",
            number("lookedAt"),
            number("change"),
            number("fail")
        );
        return cx.out.one("app.effect", &effect, &said);
    }
    let path = with_query(&at(cx, name, ""), &[("apply", arguments.later.then(|| "later".to_owned()))]);
    let changed = cx.client.call(Method::PATCH, &path, Some(&change)).await?;
    let said = match arguments.later {
        true => format!("The app {name} is changed; apply it to everybody with: provost app retry {name}"),
        false => format!("The app {name} is changed."),
    };
    cx.out.done("app.set", &changed, &with_revocation(said, &changed))
}

/// What was done, and what became of what was authenticated, on a line of its own.
fn with_revocation(said: String, answer: &Value) -> String {
    revocation(answer).map_or(said.clone(), |more| format!("{said}\n{more}"))
}

/// What became of what was authenticated, if that was forgotten.
fn revocation(answer: &Value) -> Option<String> {
    Some(format!("What was authenticated is {}.", text(answer.get("revocation")?, "said")))
}

async fn credential(cx: &Cx, name: &str, file: &Path) -> Result<()> {
    let secret = read_token(Some(file))?;
    let answer = cx.client.call(Method::PUT, &at(cx, name, "/credential"), Some(&json!({"secret": secret}))).await?;
    cx.out.done("app.credential", &answer, "The credential is stored, sealed; it is not shown again.")?;
    cx.out.hint(&format!("provost app test {name}{}", cx.again()));
    Ok(())
}

/// The address is for a browser in which somebody is signed in to the console.
async fn authenticate(cx: &Cx, name: &str) -> Result<()> {
    let begun = cx.client.call(Method::POST, &at(cx, name, "/grant"), Some(&json!({}))).await?;
    let said = format!(
        "Open this in a browser in which you are signed in to the console, and be back before {}:\n{}\nThe authorization server has to know this redirect URI: {}",
        text(&begun, "endsAt"),
        text(&begun, "address"),
        text(&begun, "redirectUri")
    );
    cx.out.one("app.authenticate", &begun, &said)
}

/// Prints each step as it is done; a step that went wrong is a finding.
async fn test(cx: &Cx, name: &str) -> Result<()> {
    let mut answer = cx.client.stream(Method::POST, &at(cx, name, "/test")).await?;
    let (mut held, mut fine) = (Vec::new(), false);
    while let Some(piece) = answer.next().await? {
        held.extend_from_slice(&piece);
        while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = held.drain(..=end).collect();
            let step: Value = serde_json::from_slice(&line).unwrap_or_default();
            fine = step.get("fine") == Some(&Value::Bool(true));
            let word = match step.get("advice") {
                Some(Value::Bool(true)) => "look ",
                _ if fine => "fine ",
                _ => "WRONG",
            };
            let said = match step.get("step") {
                Some(_) => format!("{word} {}: {}", text(&step, "step"), text(&step, "said")),
                None if fine => "Connector configured successfully.".to_owned(),
                None => format!("The connector does not work yet. {}", text(&step, "said")).trim_end().to_owned(),
            };
            cx.out.line(&step, &said)?;
        }
    }
    if fine {
        return Ok(());
    }
    Err(Failure::new(Exit::Findings, "the connection does not work yet", "what is marked WRONG says what to do"))
}

fn limit(page: &Page) -> (&'static str, Option<String>) {
    ("limit", Some(page.limit.to_string()))
}

fn from(page: &Page) -> Option<String> {
    page.after.map(|after| after.to_string())
}

async fn assignments(cx: &Cx, name: &str, group: bool, page: &Page) -> Result<()> {
    let of = ("principal", Some(principal(group).to_owned()));
    let path = with_query(&at(cx, name, "/assignments"), &[of, limit(page), ("after", from(page))]);
    let (found, next) = rows(&cx.client.get(&path).await?);
    let columns: [Column<'_>; 5] = [
        ("ID", &|row| text(row, "resource")),
        ("NAME", &|row| text(row, "display")),
        ("PRIORITY", &|row| text(row, "priority")),
        ("ONLY VALUES", &|row| yes(row, "onlyValues")),
        ("SINCE", &|row| instant(row, "createdAt")),
    ];
    cx.out.list("app.assignments", &columns, &found, &next)
}

async fn push_rule(cx: &Cx, rule: PushRule) -> Result<()> {
    let PushRule { name, compare, text: with, dry_run, remove } = rule;
    if let Some(number) = remove {
        let answer = cx.client.call(Method::DELETE, &at(cx, &name, &format!("/push-rules/{number}")), None).await?;
        return cx.out.done("app.pushRule", &answer, "The rule is gone; its groups stay pushed.");
    }
    let compare = match compare.as_deref() {
        Some("ends-with") => "endsWith",
        Some("contains") => "contains",
        Some("equals") => "equals",
        _ => "startsWith",
    };
    let body = json!({"name": [compare, with]});
    if !dry_run {
        let made = cx.client.call(Method::POST, &at(cx, &name, "/push-rules"), Some(&body)).await?;
        let said = format!("Rule {} is made; groups that it chose: {}.", text(&made, "id"), text(&made, "chosen"));
        return cx.out.done("app.pushRule", &made, &said);
    }
    let found = cx.client.call(Method::POST, &at(cx, &name, "/push-rules/preview"), Some(&body)).await?;
    let mut said =
        format!("Groups that it fits: {}; not pushed yet: {}.", text(&found, "fitting"), text(&found, "new"));
    for group in found.get("groups").and_then(Value::as_array).into_iter().flatten() {
        said.push_str(&format!("\n  {}", text(group, "display")));
    }
    cx.out.one("app.pushRule", &found, &said)
}

async fn groups(cx: &Cx, name: &str) -> Result<()> {
    let (found, _) = rows(&cx.client.get(&at(cx, name, "/push-groups")).await?);
    let part = |row: &Value, part: &str| row.pointer(&format!("/members/{part}")).map(Value::to_string);
    let members = |row: &Value| {
        format!("{} of {}", part(row, "there").unwrap_or_default(), part(row, "people").unwrap_or_default())
    };
    let columns: [Column<'_>; 5] = [
        ("ID", &|row| text(row, "group")),
        ("NAME", &|row| text(row, "display")),
        ("AT THE APP", &|row| text(row, "name")),
        ("MEMBERS", &members),
        ("ACTIVE", &|row| yes(row, "active")),
    ];
    cx.out.list("app.groups", &columns, &found, &Value::Null)
}

async fn links(cx: &Cx, name: &str, group: bool, standing: Option<String>, page: &Page) -> Result<()> {
    let of = [("kind", Some(principal(group).to_owned())), ("standing", standing), limit(page), ("after", from(page))];
    let path = with_query(&at(cx, name, "/links"), &of);
    let (found, next) = rows(&cx.client.get(&path).await?);
    let why = |row: &Value| row.pointer("/cause/detail/title").and_then(Value::as_str).unwrap_or_default().to_owned();
    let columns: [Column<'_>; 6] = [
        ("LINK", &|row| text(row, "id")),
        ("NAME", &|row| text(row, "name")),
        ("STANDING", &|row| text(row, "standing")),
        ("IN USE", &|row| yes(row, "active")),
        ("AT THE APP", &|row| text(row, "remoteId")),
        ("WHY", &why),
    ];
    cx.out.list("app.links", &columns, &found, &next)
}

async fn tasks(cx: &Cx, name: &str) -> Result<()> {
    let (found, next) = rows(&cx.client.get(&at(cx, name, "/tasks")).await?);
    let detail = |row: &Value, key: &str| row.get("detail").map(|detail| text(detail, key)).unwrap_or_default();
    let (title, fix) = (|row: &Value| detail(row, "title"), |row: &Value| detail(row, "fix"));
    let note = |row: &Value| row.get("ignored").map(|ignored| text(ignored, "note")).unwrap_or_default();
    let columns: [Column<'_>; 5] = [
        ("COUNT", &|row| text(row, "count")),
        ("CAUSE", &|row| text(row, "cause")),
        ("WHAT", &title),
        ("DO", &fix),
        ("IGNORED", &note),
    ];
    cx.out.list("app.tasks", &columns, &found, &next)
}

async fn begin(cx: &Cx, name: &str, body: Value) -> Result<()> {
    let run = cx.client.call(Method::POST, &at(cx, name, "/runs"), Some(&body)).await?;
    cx.out.done("app.run", &run, &format!("Run {} is begun; see: provost app runs {name}", text(&run, "id")))
}

async fn runs(cx: &Cx, name: &str, imports: bool) -> Result<()> {
    let kind = if imports { "import" } else { "reconcile" };
    let path = with_query(&at(cx, name, "/runs"), &[("kind", Some(kind.to_owned()))]);
    let (found, next) = rows(&cx.client.get(&path).await?);
    let counts =
        |row: &Value| row.get("counts").filter(|counts| !counts.is_null()).map(Value::to_string).unwrap_or_default();
    let columns: [Column<'_>; 5] = [
        ("RUN", &|row| text(row, "id")),
        ("STATE", &|row| text(row, "state")),
        ("BEGUN", &|row| instant(row, "createdAt")),
        ("FOUND", &counts),
        ("ERROR", &|row| text(row, "error")),
    ];
    cx.out.list("app.runs", &columns, &found, &next)
}

async fn log(cx: &Cx, name: &str, page: &Page) -> Result<()> {
    // Newest first: what is behind is what was before.
    let path = with_query(&at(cx, name, "/exchanges"), &[limit(page), ("before", from(page))]);
    let (found, next) = rows(&cx.client.get(&path).await?);
    let columns: [Column<'_>; 6] = [
        ("WHEN", &|row| instant(row, "at")),
        ("FOR", &|row| text(row, "action")),
        ("METHOD", &|row| text(row, "method")),
        ("PATH", &|row| text(row, "path")),
        ("STATUS", &|row| text(row, "status")),
        ("THEN", &|row| text(row, "outcome")),
    ];
    cx.out.list("app.log", &columns, &found, &next)
}
