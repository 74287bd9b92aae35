//! Refusals that wait for a person: what was refused lately, grouped by what it was about, until it is solved or dismissed.
//!
//! Nothing is kept but dismissals: groups are read from the newest refusals of the log. One is solved by itself when the
//! same thing was asked later and went through.

use super::{audited, directory, missing};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::Result;
use crate::limits;
use crate::redact::REDACTED;
use crate::tenants::TenantState;
use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use store::{LogEntry, LogQuery};

/// Refusals that are looked at.
const LOOKED_AT: u32 = 500;

/// Refusals of one kind about one thing.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    /// Tells it from others, for dismissing.
    pub(crate) name: String,
    /// The code of the catalogue.
    pub(crate) code: String,
    /// The newest of them.
    pub(crate) last: LogEntry,
    /// When the first of them came.
    pub(crate) first_at: i64,
    pub(crate) count: u64,
    /// What it is about, as the request named it: a login, a group's name, an address.
    pub(crate) subject: String,
    /// What the answer said.
    pub(crate) detail: String,
}

/// Whether an entry is one that a person should see: something that was to be changed, or a switch or scope that stood in
/// the way. A wrong token is told on the page of tokens.
fn counts(entry: &LogEntry) -> bool {
    let code = entry.code.as_deref().unwrap_or_default();
    let is_read = matches!(entry.method.as_str(), "GET" | "HEAD") || entry.path.contains("/.search");
    match code {
        "PRV-2004" | "PRV-2005" => true,
        "PRV-2001" | "PRV-2002" | "PRV-2003" | "PRV-2012" | "PRV-3002" | "PRV-1010" => false,
        _ => !is_read && entry.status >= 400,
    }
}

fn subject(entry: &LogEntry) -> String {
    let body: Value = entry.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let named = ["userName", "displayName", "externalId"].iter().find_map(|name| body.get(name)?.as_str());
    let path = entry.path.split('?').next().unwrap_or_default();
    named.or(entry.resource_id.as_deref()).unwrap_or(path).to_owned()
}

fn detail(entry: &LogEntry) -> String {
    let answer: Value = entry.answer.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    answer.get("detail").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn is_solved(of: &LogEntry, subject: &str, later: &[LogEntry]) -> bool {
    later.iter().any(|entry| {
        entry.seq > of.seq
            && entry.status < 400
            && entry.method != "GET"
            && (entry.resource_id.is_some() && entry.resource_id == of.resource_id
                || (entry.resource_type == of.resource_type || of.resource_type.is_none())
                    && self::subject(entry) == subject)
    })
}

/// The groups of refusals, newest first, and how many were dismissed.
pub(crate) async fn list(app: &App, state: &TenantState) -> Result<(Vec<Conflict>, usize)> {
    let tenant = state.tenant.id;
    app.store()
        .read(move |r| -> store::Result<_> {
            let failed = LogQuery { failed: Some(true), limit: LOOKED_AT, want_texts: true, ..LogQuery::default() };
            let refused = r.log(tenant, &failed)?;
            let after = refused.last().map(|oldest| oldest.seq);
            let good = LogQuery {
                after,
                failed: Some(false),
                writes: Some(true),
                limit: LOOKED_AT * 2,
                want_texts: true,
                ..LogQuery::default()
            };
            let later = if refused.is_empty() { Vec::new() } else { r.log(tenant, &good)? };
            Ok(grouped(&refused, &later, &r.dismissals(tenant)?))
        })
        .await
        .map_err(|error: store::Error| error.into())
}

fn grouped(refused: &[LogEntry], later: &[LogEntry], dismissed: &HashMap<String, i64>) -> (Vec<Conflict>, usize) {
    let mut groups: Vec<Conflict> = Vec::new();
    for entry in refused.iter().filter(|entry| counts(entry)) {
        let (code, subject) = (entry.code.clone().unwrap_or_else(|| entry.status.to_string()), subject(entry));
        let kind = entry.path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
        let name = format!("{code}|{}|{kind}|{subject}", entry.method);
        if let Some(known) = groups.iter_mut().find(|known| known.name == name) {
            known.count += 1;
            known.first_at = entry.at;
            continue;
        }
        let detail = detail(entry);
        groups.push(Conflict { name, code, first_at: entry.at, count: 1, subject, detail, last: entry.clone() });
    }
    groups.retain(|group| !is_solved(&group.last, &group.subject, later));
    let all = groups.len();
    groups.retain(|group| dismissed.get(&group.name).is_none_or(|seq| *seq < group.last.seq));
    let hidden = all - groups.len();
    (groups, hidden)
}

/// Most people that a filter of those in a conflict names.
const NAMED_MAX: usize = 100;

/// A filter for the people whom a conflict is about, by id or by login: each is found through a unique index.
pub(crate) async fn people(app: &App, state: &TenantState) -> Result<String> {
    let (all, _) = list(app, state).await?;
    let quoted = |text: &str| Value::from(text).to_string();
    let mut parts: Vec<String> = Vec::new();
    for conflict in all.iter().filter(|conflict| conflict.last.path.starts_with("/Users")) {
        let path = conflict.last.path.split('?').next().unwrap_or_default();
        let id = path.strip_prefix("/Users/").map(|id| id.trim_end_matches('/')).filter(|id| !id.is_empty());
        parts.push(match id {
            Some(id) => format!("id eq {}", quoted(id)),
            None => format!("userName eq {}", quoted(&conflict.subject)),
        });
    }
    parts.sort();
    parts.dedup();
    parts.truncate(NAMED_MAX);
    // Nobody has an empty id.
    Ok(if parts.is_empty() { "id eq \"\"".into() } else { parts.join(" or ") })
}

/// What is done with several at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Many {
    Dismiss,
    Link,
}

/// What became of several: how many it was done with, and with which it was not, and why.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) done: usize,
    pub(crate) failed: Vec<(String, String)>,
}

/// Dismisses or links several, each by its name and up to which entry it was seen. One that fails stops no other.
pub(crate) async fn many(
    app: &App,
    actor: &Arc<Actor>,
    state: &Arc<TenantState>,
    (base, origin): (&str, &Origin),
    what: Many,
    chosen: &[(String, i64)],
) -> Result<Outcome> {
    if chosen.is_empty() || chosen.len() > limits::CONFLICTS_AT_ONCE_MAX {
        let most = limits::CONFLICTS_AT_ONCE_MAX;
        return Err(scim::Error::invalid_value(format!("choose 1 to {most} conflicts")).into());
    }
    let (all, _) = list(app, state).await?;
    let mut outcome = Outcome::default();
    for (name, seq) in chosen {
        let done = match (what, all.iter().find(|conflict| conflict.name == *name)) {
            (Many::Dismiss, _) => dismiss(app, actor, state, name, *seq).await,
            (Many::Link, Some(found)) => link_one(app, Arc::clone(actor), state, base, origin, found).await.map(|_| ()),
            (Many::Link, None) => Err(missing(GONE)),
        };
        match done {
            Ok(()) => outcome.done += 1,
            Err(error) if error.to_scim("").status < 500 => {
                let subject = all.iter().find(|conflict| conflict.name == *name).map(|one| one.subject.clone());
                outcome.failed.push((subject.unwrap_or_else(|| name.clone()), error.to_scim("").detail));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}

const GONE: &str = "there is no such conflict, or it was solved meanwhile";

/// Whether the account that is in the way can take over what was refused: a create of a user.
pub(crate) fn can_link(conflict: &Conflict) -> bool {
    conflict.code == scim::Code::UNIQUENESS.to_string()
        && conflict.last.method == "POST"
        && conflict.last.path.trim_end_matches('/') == "/Users"
        && conflict.last.body.is_some()
}

/// The user with the login that was refused becomes what the refused create asked for, as a PUT of it would have done;
/// answers the user's id.
pub(crate) async fn link(
    app: &App,
    actor: Arc<Actor>,
    state: &Arc<TenantState>,
    base: &str,
    origin: &Origin,
    name: &str,
) -> Result<String> {
    let (all, _) = list(app, state).await?;
    let found = all.into_iter().find(|conflict| conflict.name == name);
    link_one(app, actor, state, base, origin, &found.ok_or_else(|| missing(GONE))?).await
}

async fn link_one(
    app: &App,
    actor: Arc<Actor>,
    state: &Arc<TenantState>,
    base: &str,
    origin: &Origin,
    conflict: &Conflict,
) -> Result<String> {
    let body: Option<Value> = conflict.last.body.as_deref().and_then(|body| serde_json::from_str(body).ok());
    let Some(body) = body.filter(|_| can_link(conflict)) else {
        let detail = "only a create of a user whose body the log kept whole can be linked";
        return Err(scim::Error::invalid_value(detail).into());
    };
    let login = body.get("userName").and_then(Value::as_str).unwrap_or_default();
    let Some(id) = directory::find_by(app, state, "User", "userName", login).await? else {
        return Err(missing("nobody here has this userName any more; ask for the create to be sent again"));
    };
    let change = (Method::PUT, format!("/Users/{id}"), without_secrets(body));
    let acted = directory::change(app, state, actor, base, origin, change).await?;
    app.waiting().forget(state.tenant.id);
    match directory::refusal(&acted.answer) {
        Some(said) => Err(scim::Error::invalid_value(format!("the account cannot take it over: {said}")).into()),
        None => Ok(id),
    }
}

/// The log keeps no secrets: what stands in their place is not sent on, wherever a secret stood.
fn without_secrets(body: Value) -> Value {
    match body {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| value.as_str() != Some(REDACTED));
            Value::Object(kept.map(|(name, value)| (name, without_secrets(value))).collect())
        }
        Value::Array(all) => all.into_iter().map(without_secrets).collect(),
        other => other,
    }
}

/// Takes a group out of the list until the same is refused again.
pub(crate) async fn dismiss(app: &App, actor: &Actor, state: &TenantState, name: &str, seq: i64) -> Result<()> {
    let (tenant, now) = (state.tenant.id, app.clock().now());
    let (name, label) = (name.to_owned(), actor.label.clone());
    let line = ("conflict.dismiss", format!("{}/conflict", state.tenant.name), json!({"seq": seq}));
    audited(app, actor, line, move |w| Ok(w.dismiss(tenant, &name, seq, now, &label)?)).await?;
    app.waiting().forget(tenant);
    Ok(())
}

/// Puts it back.
pub(crate) async fn recall(app: &App, actor: &Actor, state: &TenantState, name: &str) -> Result<()> {
    let (tenant, name) = (state.tenant.id, name.to_owned());
    let line = ("conflict.recall", format!("{}/conflict", state.tenant.name), json!({}));
    audited(app, actor, line, move |w| Ok(w.dismiss_undo(tenant, &name).map(|_| ())?)).await?;
    app.waiting().forget(tenant);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_secret_is_no_value() {
        let body = json!({"userName": "adam", "password": REDACTED, "urn:x": {"pin": REDACTED, "desk": 7},
            "Operations": [{"token": REDACTED}]});
        assert_eq!(without_secrets(body), json!({"userName": "adam", "urn:x": {"desk": 7}, "Operations": [{}]}));
    }

    fn entry(seq: i64, status: u16, name: &str) -> LogEntry {
        LogEntry {
            seq,
            status,
            at: seq,
            method: "POST".into(),
            path: "/Users".into(),
            code: (status >= 400).then(|| "PRV-1007".into()),
            body: Some(format!("{{\"userName\":\"{name}\"}}")),
            ..LogEntry::default()
        }
    }

    #[test]
    fn the_same_refusal_is_one_and_a_later_success_solves_it() {
        let refused = [entry(9, 409, "a"), entry(7, 409, "a"), entry(5, 409, "b"), entry(3, 409, "c")];
        let later = [entry(6, 201, "b")];
        let (groups, hidden) = grouped(&refused, &later, &HashMap::from([("PRV-1007|POST|Users|c".to_owned(), 3)]));
        assert_eq!(groups.iter().map(|g| (g.subject.as_str(), g.count)).collect::<Vec<_>>(), [("a", 2)]);
        assert_eq!(hidden, 1);
    }
}
