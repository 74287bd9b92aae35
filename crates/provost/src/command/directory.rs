//! `provost user …` and `provost group …`: the SCIM endpoints from a terminal.

use super::{Cx, rows};
use crate::cli::{Group, ListResources, User};
use crate::client::{encoded, scim_base, with_query};
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, instant, plain, text};
use crate::secret::confirm;
use reqwest::Method;
use serde_json::{Value, json};

/// Resources asked for at once with `--all`.
const PAGE: u64 = 500;

pub(super) async fn user(cx: &Cx, command: User) -> Result<()> {
    match command {
        User::List { status, which } => {
            let columns: [Column<'_>; 5] = [
                ("USERNAME", &|row| text(row, "userName")),
                ("NAME", &|row| name(row)),
                ("STATUS", &|row| stands(row)),
                ("MODIFIED", &|row| instant(row, "meta.lastModified")),
                ("ID", &|row| text(row, "id")),
            ];
            let (found, next) = match status {
                Some(_) => standing(cx, status, "", &which).await?,
                None => everybody(cx, &which).await?,
            };
            cx.out.list("user.list", &columns, &found, &next)
        }
        User::Show { user } => {
            let found = find(cx, "Users", "userName", &user, "").await?;
            cx.out.one("user.show", &found, &pretty(&found))?;
            let path = cx.path(&format!("/users/{}/status", encoded(&text(&found, "id"))));
            let status = allowed(cx.client.get(&path).await)?.map(|told| text(&told, "status"));
            if let Some(status) = status.filter(|status| ["staged", "suspended"].contains(&status.as_str())) {
                cx.out.note(&format!("They are {status}, which no attribute of SCIM says; see provost user status."));
            }
            Ok(())
        }
        User::Samples => {
            let made = cx.client.call(Method::POST, &cx.path("/samples"), None).await?;
            let sentence = format!("{} sample people and a group are there.", text(&made, "people"));
            cx.out.done("user.samples", &made, &sentence)
        }
        User::Deactivate { user } => {
            let found = find(cx, "Users", "userName", &user, "").await?;
            confirm(&format!("deactivate {}", text(&found, "userName")), cx.yes)?;
            set_active(cx, &found, false, "user.deactivate").await
        }
        User::Activate { user } => {
            let found = find(cx, "Users", "userName", &user, "").await?;
            set_active(cx, &found, true, "user.activate").await
        }
        User::Status { user, status } => {
            let path = cx.path(&format!("/users/{}/status", encoded(&user_id(cx, &user).await?)));
            let done = cx.client.call(Method::PUT, &path, Some(&json!({"status": status}))).await?;
            let stands = text(&cx.client.get(&path).await?, "status");
            let sentence = match stands.as_str() {
                // `active` says so, and that is a thing of its own.
                "deactivated" => format!(
                    "{user} is {status} once the account is switched on; it stays deactivated until then: provost user activate {user}"
                ),
                _ => format!("{user} is {stands}."),
            };
            cx.out.done("user.status", &done, &sentence)
        }
        User::Convert { user, to } => {
            let found = find(cx, "Users", "userName", &user, "").await?;
            let operation = json!({"op": "replace", "path": "userType", "value": to});
            let sentence = format!("{} is a {to}.", text(&found, "userName"));
            patch(cx, &found, operation, ("user.convert", &sentence)).await
        }
        User::Unlink { user } => {
            let found = find(cx, "Users", "userName", &user, "").await?;
            confirm(&format!("unlink {} from the identity provider", text(&found, "userName")), cx.yes)?;
            let operation = json!({"op": "remove", "path": "externalId"});
            let sentence = format!("{} is a local person.", text(&found, "userName"));
            patch(cx, &found, operation, ("user.unlink", &sentence)).await
        }
        User::Link { user } => {
            let id = user_id(cx, &user).await?;
            let path = cx.path(&format!("/users/{}/link", encoded(&id)));
            let linked = cx.client.call(Method::POST, &path, None).await?;
            cx.out.done("user.link", &linked, &format!("{user} is managed by the identity provider again."))
        }
        User::Bulk { what, filter, user, wait } => bulk(cx, &what, filter, &user, wait).await,
        User::SignInLink { user } => {
            let id = user_id(cx, &user).await?;
            let path = cx.path(&format!("/users/{}/sign-in-link", encoded(&id)));
            let made = cx.client.call(Method::POST, &path, None).await?;
            cx.out.note("Whoever has this link chooses the password; it is shown only this once:");
            cx.out.one("user.sign-in-link", &made, &text(&made, "link"))
        }
        User::ForgetPassword { user } => {
            let id = user_id(cx, &user).await?;
            confirm(&format!("take the password of {user} away and sign them out"), cx.yes)?;
            cx.client.call(Method::DELETE, &cx.path(&format!("/users/{}/password", encoded(&id))), None).await?;
            cx.out.done(
                "user.forget-password",
                &json!({"id": id}),
                &format!("{user} has no password and no passkey here any more."),
            )
        }
        User::Delete { user } => {
            let found = find(cx, "Users", "userName", &user, "").await?;
            let name = text(&found, "userName");
            confirm(&format!("delete {name} for good; `provost user deactivate` can be undone"), cx.yes)?;
            let path = format!("{}/Users/{}", scim_base(&cx.tenant), encoded(&text(&found, "id")));
            cx.client.call(Method::DELETE, &path, None).await?;
            cx.out.done("user.delete", &json!({"id": found.get("id")}), &format!("{name} is deleted."))
        }
    }
}

/// Begins a job on many, and waits for it if that is wanted.
async fn bulk(cx: &Cx, what: &str, filter: Option<String>, users: &[String], wait: bool) -> Result<()> {
    let body = match &filter {
        Some(filter) => json!({"kind": what, "filter": filter}),
        None => {
            let mut ids = Vec::with_capacity(users.len());
            for user in users {
                ids.push(user_id(cx, user).await?);
            }
            json!({"kind": what, "ids": ids})
        }
    };
    let whom = filter.map_or_else(|| users.join(", "), |filter| format!("everybody with {filter}"));
    confirm(&format!("{what}: {whom}"), cx.yes)?;
    let job = cx.client.call(Method::POST, &cx.path("/jobs"), Some(&body)).await?;
    let job = if wait { super::job::waited(cx, job).await? } else { job };
    let sentence = format!(
        "Job {} is {}: {} of {} done.",
        text(&job, "id"),
        text(&job, "state"),
        text(&job, "done"),
        text(&job, "total")
    );
    cx.out.done("user.bulk", &job, &sentence)
}

/// The id of a person who is named by it, or by their userName.
pub(super) async fn user_id(cx: &Cx, named: &str) -> Result<String> {
    Ok(text(&find(cx, "Users", "userName", named, "").await?, "id"))
}

pub(super) async fn group(cx: &Cx, command: Group) -> Result<()> {
    match command {
        Group::List(arguments) => {
            let columns: [Column<'_>; 3] = [
                ("NAME", &|row| text(row, "displayName")),
                ("MODIFIED", &|row| instant(row, "meta.lastModified")),
                ("ID", &|row| text(row, "id")),
            ];
            let (found, next) = listed(cx, "Groups", &arguments).await?;
            cx.out.list("group.list", &columns, &found, &next)
        }
        Group::Show { group } => {
            let found = find(cx, "Groups", "displayName", &group, "members").await?;
            cx.out.one("group.show", &found, &pretty(&found))?;
            cx.out.hint(&format!("provost group members {}{}", text(&found, "id"), cx.again()));
            Ok(())
        }
        Group::Members { group } => {
            let found = find(cx, "Groups", "displayName", &group, "").await?;
            let members = found.get("members").and_then(Value::as_array).cloned().unwrap_or_default();
            let columns: [Column<'_>; 3] = [
                ("NAME", &|row| text(row, "display")),
                ("TYPE", &|row| text(row, "type")),
                ("ID", &|row| text(row, "value")),
            ];
            cx.out.list("group.members", &columns, &members, &Value::Null)
        }
        Group::Absent { group, forget } => {
            let found = find(cx, "Groups", "displayName", &group, "members").await?;
            let path = cx.path(&format!("/groups/{}/absent-members", encoded(&text(&found, "id"))));
            if forget {
                let gone = cx.client.call(Method::DELETE, &path, None).await?;
                return cx.out.done("group.absent", &gone, "The list is empty.");
            }
            let (members, next) = rows(&cx.client.get(&path).await?);
            let columns: [Column<'_>; 3] = [
                ("ID THAT WAS SENT", &|row| text(row, "value")),
                ("LAST NAMED", &|row| text(row, "lastNamedAt")),
                ("HERE NOW", &|row| text(row, "hereNow.display")),
            ];
            cx.out.list("group.absent", &columns, &members, &next)
        }
        Group::Roles { group, set, none, preview } => {
            let found = find(cx, "Groups", "displayName", &group, "members").await?;
            let path = cx.path(&format!("/groups/{}/roles", encoded(&text(&found, "id"))));
            roles(cx, &path, (!set.is_empty() || none).then_some(set), preview).await
        }
    }
}

/// Shows the roles that a group gives, sets them, or says what setting them would do.
async fn roles(cx: &Cx, path: &str, wanted: Option<Vec<String>>, preview: bool) -> Result<()> {
    let Some(wanted) = wanted else {
        let given = cx.client.get(path).await?;
        return cx.out.one("group.roles", &given, &words(&given, "roles"));
    };
    let body = json!({"roles": wanted});
    if !preview {
        let given = cx.client.call(Method::PUT, path, Some(&body)).await?;
        return cx.out.done(
            "group.roles",
            &given,
            &format!("The group gives these roles: {}.", words(&given, "roles")),
        );
    }
    let effect = cx.client.call(Method::POST, &format!("{path}/preview"), Some(&body)).await?;
    let people = |of: &str| -> Vec<String> {
        let all = effect.get(of).and_then(Value::as_array).into_iter().flatten();
        let line = |one: &Value| {
            let people = one.get("people").and_then(Value::as_array).into_iter().flatten();
            let names: Vec<String> = people.map(|person| text(person, "display")).collect();
            format!("{of} {}: {}", text(one, "role"), names.join(", "))
        };
        all.map(line).collect()
    };
    let lines = [people("gain"), people("lose")].concat();
    let said = if lines.is_empty() { "Nobody gains or loses a role.".to_owned() } else { lines.join("\n") };
    cx.out.one("group.roles.preview", &effect, &said)
}

/// The texts of a list, in a line.
fn words(row: &Value, list: &str) -> String {
    let all = row.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let all: Vec<&str> = all.collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// Where somebody stands; `active` alone where nothing more is told.
fn stands(user: &Value) -> String {
    let by_active = if user.get("active") == Some(&Value::Bool(false)) { "deactivated" } else { "active" };
    user.get("status").and_then(Value::as_str).unwrap_or(by_active).to_owned()
}

/// Nothing where only an administrator is answered: a tenant's own token reads its people all the same.
fn allowed<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(failure) if failure.exit == Exit::Forbidden => Ok(None),
        answer => answer.map(Some),
    }
}

/// People with where they stand, and whether there are more.
async fn everybody(cx: &Cx, which: &ListResources) -> Result<(Vec<Value>, Value)> {
    // All of them come a page at a time with where they stand; asked afterwards it is a request for every few.
    if which.all
        && which.sort_by.is_none()
        && let Some(all) = allowed(standing(cx, None, "oldest", which).await)?
    {
        return Ok(all);
    }
    let (mut found, next) = listed(cx, "Users", which).await?;
    if allowed(say_status(cx, &mut found).await)?.is_none() {
        cx.out.note("Who is staged or suspended is told to administrators alone.");
    }
    Ok((found, next))
}

/// People whose status is asked for at once: their ids stand in an address.
const ASKED_AT_ONCE: usize = 50;

/// Adds to people where they stand, which their resources do not tell.
async fn say_status(cx: &Cx, found: &mut [Value]) -> Result<()> {
    for some in found.chunks_mut(ASKED_AT_ONCE) {
        let ids = some.iter().filter_map(|user| user.get("id")).map(|id| format!("id eq {id}"));
        let filter = ids.collect::<Vec<_>>().join(" or ");
        let path =
            with_query(&cx.path("/users"), &[("filter", Some(filter)), ("limit", Some(ASKED_AT_ONCE.to_string()))]);
        let (rows, _) = rows(&cx.client.get(&path).await?);
        for user in some {
            let of = rows.iter().find(|row| row.get("user").and_then(|one| one.get("id")) == user.get("id"));
            put_status(user, of.and_then(|row| row.get("status")));
        }
    }
    Ok(())
}

fn put_status(user: &mut Value, status: Option<&Value>) {
    if let (Some(user), Some(status)) = (user.as_object_mut(), status) {
        user.insert("status".into(), status.clone());
    }
}

/// Who stands so, or everybody, and whether there are more.
async fn standing(cx: &Cx, status: Option<String>, order: &str, which: &ListResources) -> Result<(Vec<Value>, Value)> {
    let wanted = if which.all { usize::MAX } else { usize::try_from(which.limit).unwrap_or(usize::MAX) };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let left = (wanted - found.len()).min(usize::try_from(PAGE).unwrap_or(usize::MAX));
        let path = with_query(
            &cx.path("/users"),
            &[
                ("status", status.clone()),
                ("order", Some(order.to_owned())),
                ("filter", which.filter.clone()),
                ("after", after),
                ("limit", Some(left.to_string())),
            ],
        );
        let (rows, next) = rows(&cx.client.get(&path).await?);
        found.extend(rows.into_iter().map(|mut row| {
            let mut user = row.get_mut("user").map(Value::take).unwrap_or_default();
            put_status(&mut user, row.get("status"));
            user
        }));
        after = next.as_str().map(str::to_owned);
        if after.is_none() || found.len() >= wanted {
            return Ok((found, next));
        }
    }
}

/// Resources, and where the list goes on.
async fn listed(cx: &Cx, of: &str, arguments: &ListResources) -> Result<(Vec<Value>, Value)> {
    let mut start = arguments.start.max(1);
    let mut left = if arguments.all { u64::MAX } else { arguments.limit };
    let mut found: Vec<Value> = Vec::new();
    loop {
        let page = page(cx, of, arguments, start, left.min(PAGE)).await?;
        let resources = page.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default();
        let got = resources.len() as u64;
        let total = page.get("totalResults").and_then(Value::as_u64).unwrap_or(0);
        found.extend(resources);
        start += got;
        left = left.saturating_sub(got);
        if start > total || got == 0 {
            return Ok((found, Value::Null));
        }
        if left == 0 {
            return Ok((found, start.into()));
        }
    }
}

async fn page(cx: &Cx, of: &str, arguments: &ListResources, start: u64, count: u64) -> Result<Value> {
    let path = with_query(
        &format!("{}/{of}", scim_base(&cx.tenant)),
        &[
            ("filter", arguments.filter.clone()),
            ("sortBy", arguments.sort_by.clone()),
            ("sortOrder", arguments.descending.then(|| "descending".to_owned())),
            ("startIndex", Some(start.to_string())),
            ("count", Some(count.to_string())),
            // A list of groups is read for their names; their members can be very many.
            ("excludedAttributes", (of == "Groups").then(|| "members".to_owned())),
        ],
    );
    cx.client.get(&path).await
}

/// The resource with this id, or with this name.
async fn find(cx: &Cx, of: &str, name: &str, wanted: &str, excluded: &str) -> Result<Value> {
    let literal = Value::String(wanted.to_owned());
    let path = with_query(
        &format!("{}/{of}", scim_base(&cx.tenant)),
        &[
            ("filter", Some(format!("id eq {literal} or {name} eq {literal}"))),
            ("count", Some("2".to_owned())),
            ("excludedAttributes", Some(excluded.to_owned()).filter(|text| !text.is_empty())),
        ],
    );
    let answer = cx.client.get(&path).await?;
    let found = answer.get("Resources").and_then(Value::as_array).cloned().unwrap_or_default();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => {
            let message = format!("tenant {} has nothing with the id or {name} {wanted} among its {of}", cx.tenant);
            let command = if of == "Users" { "user" } else { "group" };
            Err(Failure::new(Exit::NotFound, message, format!("see `provost {command} list{}`", cx.again())))
        }
        _ => Err(Failure::usage(format!("{wanted} names two of the {of}"), "use the id")),
    }
}

async fn set_active(cx: &Cx, found: &Value, active: bool, schema: &str) -> Result<()> {
    let state = if active { "active" } else { "inactive" };
    let operation = json!({"op": "replace", "path": "active", "value": active});
    patch(cx, found, operation, (schema, &format!("{} is {state}.", text(found, "userName")))).await
}

async fn patch(cx: &Cx, found: &Value, operation: Value, (schema, sentence): (&str, &str)) -> Result<()> {
    let path = format!("{}/Users/{}", scim_base(&cx.tenant), encoded(&text(found, "id")));
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
    let user = cx.client.call(Method::PATCH, &path, Some(&body)).await?;
    cx.out.done(schema, &user, sentence)
}

fn name(row: &Value) -> String {
    let display = row.get("displayName").or_else(|| row.get("name").and_then(|name| name.get("formatted")));
    if let Some(display) = display {
        return plain(display);
    }
    let parts = ["givenName", "familyName"].map(|part| row.get("name").and_then(|name| name.get(part)).map(plain));
    let whole = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if whole.is_empty() { "-".into() } else { whole }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
