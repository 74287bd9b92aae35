//! Import (*To Directory*): whose an account is, and what it says about its person.
//!
//! An account is somebody's by the matching rules, or it is somebody new. What nobody has to look at is taken over at once;
//! the rest waits in the run for a decision. People are made and changed by the same requests as everybody's: what the
//! directory refuses is refused here too.

mod people;

use super::directory::Profile;
use super::integration::Integration;
use super::others;
use super::scan::{Scan, is_inactive, remote_id};
use crate::admin::apps::assign::number;
use crate::app::App;
use crate::error::{Error, Result};
use crate::tenants::TenantState;
use axum::http::Method;
use people::Directory;
use provision::import::{Index, OnGone, Verdict};
use provision::link::{Kind, Knowledge, Link};
use provision::mapping::app_user;
use provision::plan::Lane;
use provision::reconcile::refreshed;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{AppId, AssignmentRow, Found, LinkKind, LinkRow, Position, Principal, RunItem, Standing, Start, Writer};

/// Who an import is in the log and in the feed.
pub(crate) fn label(app: &str) -> String {
    format!("import from {app}")
}

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// People by what the matching rules compare. One page at a time is read, and of each person only what is compared.
pub(crate) async fn index(scan: &Scan) -> Result<Index> {
    let matching = &scan.integration.options.matching;
    let rules = matching.exact.iter().chain(&matching.partial);
    let names: Vec<&String> = rules.flat_map(|rule| rule.pairs.iter().map(|(_, person)| person)).collect();
    let Some(users) = scan.state.named("User").cloned() else { return Ok(Index::default()) };
    let compared = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
    let profile = Arc::new(Profile::whole(&users).only(compared));
    let (tenant, mut after, mut people) = (scan.run.tenant, 0, Vec::new());
    loop {
        let (users, profile) = (Arc::clone(&users), Arc::clone(&profile));
        let page: Vec<(i64, String, Map<String, Value>)> = scan
            .app
            .store()
            .read(move |r| -> store::Result<_> {
                let place = Position { rid: after, key: None };
                let query = store::Query {
                    filter: None,
                    sort: None,
                    start: Start::After(&place),
                    count: 500,
                    want_total: false,
                    want_groups: false,
                    base: "",
                };
                let views = r.search(tenant, &users, &query)?.views;
                let read = |view: store::View| -> store::Result<_> {
                    let read = profile.read(&view.document("", &users)?);
                    Ok((view.rid, view.id, read))
                };
                views.into_iter().map(read).collect()
            })
            .await?;
        let Some((last, ..)) = page.last() else { break };
        after = *last;
        people.extend(page.into_iter().map(|(_, id, profile)| (id, profile)));
    }
    Ok(matching.index(people.iter().map(|(id, profile)| (id.as_str(), profile))))
}

/// Takes a page over.
pub(crate) async fn page(scan: &mut Scan, resources: &[Map<String, Value>]) -> Result<()> {
    for resource in resources {
        let Some(id) = remote_id(resource) else { continue };
        let done = match scan.kind() {
            LinkKind::User => account(scan, &id, resource).await,
            LinkKind::Group => group(scan, &id, resource).await,
        };
        denied(scan, (scan.kind(), id), Some(resource), done).await?;
    }
    Ok(())
}

/// What the directory refuses of one account is a finding, and keeps nobody else from being taken over.
async fn denied(
    scan: &mut Scan,
    (kind, remote_id): (LinkKind, String),
    document: Option<&Map<String, Value>>,
    done: Result<()>,
) -> Result<()> {
    let Err(Error::Scim(refusal)) = done else { return done };
    scan.count("denied", 1);
    let mut shown = document.cloned().map(Value::Object).unwrap_or_default();
    scan.state.secrets.clean(&mut shown);
    let (app, tenant, run) = (scan.run.app, scan.run.tenant, scan.run.id);
    let detail = json!({"account": shown, "error": refusal.detail});
    scan.write(move |w| {
        let resource = w.link_by_remote(app, kind, &remote_id)?.map(|row| row.resource);
        let (verdict, decided) = ("denied".to_owned(), Some("noted".to_owned()));
        w.run_item_put(
            tenant,
            run,
            &RunItem { kind, remote_id, verdict, detail, resource, decided, ..RunItem::default() },
        )
    })
    .await
}

async fn account(scan: &mut Scan, id: &str, document: &Map<String, Value>) -> Result<()> {
    let (app, run, remote_id, now) = (scan.run.app, scan.run.id, id.to_owned(), scan.app.clock().now());
    let (readers, shown) = (scan.readers.clone(), document.clone());
    let known = scan
        .write(move |w| {
            let row = w.link_by_remote(app, LinkKind::User, &remote_id)?;
            if let Some(row) = &row {
                w.run_seen(run, row.id)?;
                learned(w, &readers, row, &shown, now)?;
            }
            Ok(row)
        })
        .await?;
    match known {
        Some(row) => known_account(scan, &row, document).await,
        None if is_inactive(Kind::User, document) => {
            scan.count("inactive", 1);
            Ok(())
        }
        None => stranger(scan, id, document).await,
    }
}

/// What other apps read of an account is what was last seen of it.
fn learned(
    w: &mut Writer,
    readers: &[AppId],
    row: &LinkRow,
    shown: &Map<String, Value>,
    now: i64,
) -> store::Result<()> {
    let state = if readers.is_empty() { None } else { w.link_state(row.id)? };
    let Some(state) = state else { return Ok(()) };
    let link: Link = serde_json::from_str(&state)?;
    if link.document.as_ref() == Some(shown) {
        return Ok(());
    }
    let state = serde_json::to_string(&refreshed(link, shown))?;
    if w.link_shown(row.id, &state, now)? { others::tell(w, readers, &row.resource, now) } else { Ok(()) }
}

async fn known_account(scan: &mut Scan, row: &LinkRow, document: &Map<String, Value>) -> Result<()> {
    scan.count("known", 1);
    if !scan.integration.options.profile_source {
        return Ok(());
    }
    if is_inactive(Kind::User, document) {
        // What we put out of use ourselves is no news of the person.
        return if row.active { gone(scan, &row.resource).await } else { Ok(()) };
    }
    let (cx, now) = (Directory::of(scan), scan.app.clock().now());
    if cx.back(&scan.integration, row, now).await? {
        scan.count("back", 1);
    }
    if cx.update(&scan.integration, &row.resource, document, now).await? {
        scan.count("updated", 1);
    }
    Ok(())
}

async fn stranger(scan: &mut Scan, id: &str, document: &Map<String, Value>) -> Result<()> {
    let account = app_user(&scan.integration.app, &scan.integration.rows, document);
    let index = scan.index.take().unwrap_or_default();
    let verdict = scan.integration.options.matching.verdict(&account, None, &index);
    scan.index = Some(index);
    let (word, person, confirmed) = match &verdict {
        Verdict::Known { person } => ("known", Some(person.clone()), true),
        Verdict::Exact { person, confirmed, .. } => ("exact", Some(person.clone()), *confirmed),
        Verdict::Partial { person, confirmed, .. } => ("partial", Some(person.clone()), *confirmed),
        Verdict::Ambiguous { people, .. } => ("ambiguous", people.first().cloned(), false),
        Verdict::New { confirmed } => ("new", None, *confirmed),
    };
    scan.count(word, 1);
    let mut shown = Value::Object(document.clone());
    scan.state.secrets.clean(&mut shown);
    let mut item = RunItem {
        kind: LinkKind::User,
        remote_id: id.to_owned(),
        verdict: word.to_owned(),
        detail: json!({"verdict": verdict, "account": shown}),
        resource: person,
        ..RunItem::default()
    };
    if confirmed {
        match confirm(&scan.app, &scan.state, &scan.integration, &item).await {
            Ok(person) => (item.resource, item.decided) = (Some(person), Some("confirmed".into())),
            Err(error) => {
                scan.count("refused", 1);
                if let Some(detail) = item.detail.as_object_mut() {
                    detail.insert("error".into(), error.to_scim("").detail.into());
                }
            }
        }
    }
    let (tenant, run) = (scan.run.tenant, scan.run.id);
    scan.write(move |w| w.run_item_put(tenant, run, &item)).await
}

/// Takes an account over: it is the person's, who is made if nobody is named, and comes back if an import had put them out;
/// answers their id.
pub(crate) async fn confirm(
    app: &App,
    state: &Arc<TenantState>,
    integration: &Integration,
    item: &RunItem,
) -> Result<String> {
    let Some(document) = item.detail.get("account").and_then(Value::as_object).cloned() else {
        return Err(scim::Error::invalid_value("the finding has no account; run the import again").into());
    };
    let (now, inactive) = (app.clock().now(), is_inactive(Kind::User, &document));
    let directory = Directory { app: app.clone(), state: Arc::clone(state), name: integration.row.name.clone() };
    let person = match &item.resource {
        Some(person) => person.clone(),
        None => directory.create(integration, &document, now).await?,
    };
    let (tenant, id, who) = (state.tenant.id, integration.row.id, person.clone());
    let (remote_id, label) = (item.remote_id.clone(), label(&integration.row.name));
    let taken = app
        .store()
        .write_in(tenant, move |w| -> store::Result<Option<LinkRow>> {
            let known = w.assignment(id, Principal::User, &who)?;
            if known.as_ref().is_none_or(|known| known.only_values) {
                let new = AssignmentRow {
                    resource: who.clone(),
                    profile: known.map(|known| known.profile).unwrap_or_default(),
                    created_at: now,
                    created_by: label,
                    ..AssignmentRow::default()
                };
                w.assign(tenant, id, &new)?;
            }
            w.link_nudge(tenant, id, LinkKind::User, &who, number(Lane::Backfill), now)?;
            let Some(row) = w.link_of(id, LinkKind::User, &who)? else { return Ok(None) };
            let taken = match &row.remote_id {
                None => w.link_found(&linked(&row, remote_id, document, now)?, now)?,
                Some(known) => *known == remote_id,
            };
            Ok(taken.then_some(row))
        })
        .await?;
    if let Some(row) = taken {
        if integration.options.profile_source && !inactive {
            directory.back(integration, &row, now).await?;
        }
        app.outbound().nudge();
        return Ok(person);
    }
    app.outbound().nudge();
    let detail = "this person has another account there, or somebody works on it now; look at the person's link";
    Err(scim::Error::invalid_value(detail).into())
}

fn linked(row: &LinkRow, remote_id: String, document: Map<String, Value>, now: i64) -> store::Result<Found> {
    let active = !is_inactive(Kind::User, &document);
    let link = Link {
        knowledge: Knowledge::Linked,
        remote_id: Some(remote_id.clone()),
        document: Some(document),
        read_at: now,
        ..Link::new(Kind::User, &row.resource)
    };
    Ok(Found {
        id: row.id,
        state: serde_json::to_string(&link)?,
        remote_id: Some(remote_id),
        standing: Standing::Linked,
        active,
        lane: number(Lane::Backfill),
    })
}

/// Links whose accounts a whole list did not show.
pub(crate) async fn unseen(scan: &mut Scan, rows: Vec<LinkRow>) -> Result<()> {
    for row in rows {
        scan.count("missing", 1);
        if row.kind == LinkKind::User && row.active && scan.integration.options.profile_source {
            let done = gone(scan, &row.resource).await;
            if done.is_err() {
                denied(scan, (row.kind, row.remote_id.unwrap_or_default()), None, done).await?;
                continue;
            }
        }
        let item = RunItem {
            kind: row.kind,
            remote_id: row.remote_id.unwrap_or_default(),
            verdict: "missing".into(),
            detail: json!({}),
            resource: Some(row.resource),
            ..RunItem::default()
        };
        let (tenant, run) = (scan.run.tenant, scan.run.id);
        scan.write(move |w| w.run_item_put(tenant, run, &item)).await?;
    }
    Ok(())
}

/// Somebody's account is gone, or out of use, where the app decides about its people.
async fn gone(scan: &mut Scan, person: &str) -> Result<()> {
    let (directory, now) = (Directory::of(scan), scan.app.clock().now());
    let (app, left) = (scan.run.app, scan.integration.options.on_gone);
    let left = match left {
        OnGone::Nothing => false,
        OnGone::Deactivate => directory.deactivate(app, person).await?,
        OnGone::Suspend => directory.suspend(app, person, now).await?,
    };
    scan.count("left", u64::from(left));
    Ok(())
}

/// A group of the app becomes one of the directory, known by the id that it has there; its members are those whose
/// accounts are somebody's. One that is pushed from here is one of the directory already.
async fn group(scan: &mut Scan, id: &str, document: &Map<String, Value>) -> Result<()> {
    let (app, run, remote_id) = (scan.run.app, scan.run.id, id.to_owned());
    let pushed = scan.write(move |w| {
        let row = w.link_by_remote(app, LinkKind::Group, &remote_id)?;
        row.as_ref().map_or(Ok(()), |row| w.run_seen(run, row.id))?;
        Ok(row.is_some())
    });
    if pushed.await? {
        scan.count("pushedGroups", 1);
        return Ok(());
    }
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, external) = (text("displayName"), format!("{}:{id}", scan.integration.row.name));
    let members = document.get("members").and_then(Value::as_array).into_iter().flatten();
    let ids: Vec<String> = members.filter_map(|one| one.get("value")?.as_str().map(str::to_owned)).collect();
    let (app, tenant, groups, claim) =
        (scan.run.app, scan.run.tenant, scan.state.named("Group").cloned(), external.clone());
    let (people, held): (Vec<String>, Option<String>) = scan
        .app
        .store()
        .read(move |r| -> store::Result<_> {
            let mut people = Vec::new();
            for id in &ids {
                people.extend(r.link_by_remote(app, LinkKind::User, id)?.map(|row| row.resource));
            }
            let held = match groups {
                Some(groups) => r.find_by(tenant, &groups, "externalId", &claim)?.pop().map(|held| held.id),
                None => None,
            };
            Ok((people, held))
        })
        .await?;
    let directory = Directory::of(scan);
    let members: Vec<Value> = people.into_iter().map(|id| json!({"value": id})).collect();
    match held {
        Some(held) => {
            let operations = json!([
                {"op": "replace", "path": "displayName", "value": name},
                {"op": "replace", "path": "members", "value": members},
            ]);
            let body = json!({"schemas": [PATCH], "Operations": operations});
            directory.send(Method::PATCH, &format!("/Groups/{held}"), body).await?;
            scan.count("groups", 1);
        }
        None => {
            let body = json!({
                "schemas": [scim::schema::GROUP], "displayName": name, "externalId": external, "members": members,
            });
            directory.send(Method::POST, "/Groups", body).await?;
            scan.count("newGroups", 1);
        }
    }
    Ok(())
}
