//! Import (*To Directory*): whose an account is, and what it says about its person.
//!
//! An account is somebody's by the matching rules, or it is somebody new. What nobody has to look at is taken over at once;
//! the rest waits in the run for a decision. People are made and changed by the same requests as everybody's: what the
//! directory refuses is refused here too.

use super::directory::{self, Profile};
use super::integration::Integration;
use super::scan::{Scan, is_inactive, remote_id};
use crate::admin::apps::assign::number;
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::{Error, Result};
use crate::limits;
use crate::scim::{Order, act};
use crate::tenants::TenantState;
use axum::http::Method;
use provision::import::{Index, OnBack, OnGone, Verdict};
use provision::link::{Kind, Knowledge, Link};
use provision::mapping::{app_user, to_directory};
use provision::plan::Lane;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{
    AssignmentRow, Change, ChangeKind, Found, LinkKind, LinkRow, Position, Principal, RunItem, Standing, Start, Writer,
};

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
    let (app, run, remote_id) = (scan.run.app, scan.run.id, id.to_owned());
    let known = scan
        .write(move |w| {
            let row = w.link_by_remote(app, LinkKind::User, &remote_id)?;
            if let Some(row) = &row {
                w.run_seen(run, row.id)?;
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

async fn known_account(scan: &mut Scan, row: &LinkRow, document: &Map<String, Value>) -> Result<()> {
    scan.count("known", 1);
    if !scan.integration.options.profile_source {
        return Ok(());
    }
    if is_inactive(Kind::User, document) {
        // What we put out of use ourselves is no news of the person.
        return if row.active { gone(scan, &row.resource).await } else { Ok(()) };
    }
    if !row.active && scan.integration.options.on_back == OnBack::Reactivate {
        back(scan, &row.resource).await?;
    }
    let (cx, now) = (Directory::of(scan), scan.app.clock().now());
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

/// Takes an account over: it is the person's, who is made if nobody is named; answers their id.
pub(crate) async fn confirm(
    app: &App,
    state: &Arc<TenantState>,
    integration: &Integration,
    item: &RunItem,
) -> Result<String> {
    let Some(document) = item.detail.get("account").and_then(Value::as_object).cloned() else {
        return Err(scim::Error::invalid_value("the finding has no account; run the import again").into());
    };
    let now = app.clock().now();
    let directory = Directory { app: app.clone(), state: Arc::clone(state), name: integration.row.name.clone() };
    let person = match &item.resource {
        Some(person) => person.clone(),
        None => directory.create(integration, &document, now).await?,
    };
    let (tenant, id, who) = (state.tenant.id, integration.row.id, person.clone());
    let (remote_id, label) = (item.remote_id.clone(), format!("import from {}", integration.row.name));
    let taken = app
        .store()
        .write_in(tenant, move |w| -> store::Result<bool> {
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
            match w.link_of(id, LinkKind::User, &who)? {
                Some(row) if row.remote_id.is_none() => w.link_found(&linked(&row, remote_id, document, now)?, now),
                Some(row) => Ok(row.remote_id.as_deref() == Some(remote_id.as_str())),
                None => Ok(false),
            }
        })
        .await?;
    app.outbound().nudge();
    if taken {
        return Ok(person);
    }
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
    let directory = Directory::of(scan);
    match scan.integration.options.on_gone {
        OnGone::Nothing => return Ok(()),
        OnGone::Deactivate => {
            let operation = json!({"op": "replace", "path": "active", "value": false});
            directory.patch(person, vec![operation]).await?;
        }
        OnGone::Suspend => {
            let (tenant, id, now, label) =
                (scan.run.tenant, person.to_owned(), scan.app.clock().now(), directory.label());
            scan.write(move |w| suspend(w, tenant, &id, &label, now)).await?;
        }
    }
    scan.count("left", 1);
    Ok(())
}

/// Somebody's account was out of use and is in use again, where the app decides about its people.
async fn back(scan: &mut Scan, person: &str) -> Result<()> {
    let directory = Directory::of(scan);
    let held = directory.send(Method::GET, &format!("/Users/{person}"), Value::Null).await?;
    if held.get("active") == Some(&Value::Bool(false)) {
        directory.patch(person, vec![json!({"op": "replace", "path": "active", "value": true})]).await?;
        scan.count("back", 1);
    }
    Ok(())
}

fn suspend(w: &mut Writer, tenant: store::TenantId, id: &str, label: &str, now: i64) -> store::Result<()> {
    if w.lifecycle(tenant, id)?.as_deref() == Some("suspended") {
        return Ok(());
    }
    w.set_lifecycle(tenant, id, Some("suspended"), now)?;
    w.change(&Change {
        tenant,
        seq: 0,
        kind: ChangeKind::Updated,
        resource_type: "User".into(),
        id: id.to_owned(),
        at: now,
        actor: label.to_owned(),
        what: json!({"attributes": ["active"]}),
    })
    .map(|_| ())
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

/// The tenant's directory as the import changes it: by requests of SCIM, logged like all.
struct Directory {
    app: App,
    state: Arc<TenantState>,
    name: String,
}

impl Directory {
    fn of(scan: &Scan) -> Self {
        let name = scan.integration.row.name.clone();
        Self { app: scan.app.clone(), state: Arc::clone(&scan.state), name }
    }

    fn label(&self) -> String {
        format!("import from {}", self.name)
    }

    /// Sends a request; an answer that refuses is an error.
    async fn send(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        let actor = Arc::new(Actor { label: self.label(), ..Actor::local() });
        let base = self.app.base_url(&self.state, &axum::http::HeaderMap::new())?;
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let order = Order {
            method,
            path: path.to_owned(),
            query: String::new(),
            body: body.into(),
            origin: Origin { address: "import".into(), agent: self.label() },
            rehearsal: false,
        };
        // The switches of the endpoint are for identity providers.
        let state = Arc::new(self.state.unlocked()?);
        let answer = act(&self.app, &state, actor, &base, order).await.answer;
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status < 300 {
            return Ok(said);
        }
        // What may go well in a moment is nobody's fault.
        if answer.status == 429 || answer.status >= 500 {
            return Err(store::Error::Unavailable.into());
        }
        let detail = said.get("detail").and_then(Value::as_str).unwrap_or("the directory refuses it");
        Err(Error::Scim(scim::Error::invalid_value(detail.to_owned())))
    }

    async fn patch(&self, person: &str, operations: Vec<Value>) -> Result<Value> {
        let body = json!({"schemas": [PATCH], "Operations": operations});
        self.send(Method::PATCH, &format!("/Users/{person}"), body).await
    }

    /// Makes a person of an account; answers the id.
    async fn create(&self, integration: &Integration, document: &Map<String, Value>, now: i64) -> Result<String> {
        let users = self.state.named("User").ok_or_else(|| crate::admin::missing("there is no resource type User"))?;
        let (values, problems) = to_directory(&integration.app, document, true, now);
        if let Some(problem) = problems.first() {
            let detail = format!("{}: {}", problem.attribute, problem.message);
            return Err(scim::Error::invalid_value(detail).into());
        }
        let mut body = Map::new();
        let mut schemas = vec![scim::schema::USER.to_owned()];
        for value in values {
            if let (Some(place), Some(value)) = (directory::written(&value.attribute, users), value.value) {
                place.write(&mut body, value);
                schemas.extend(place.namespace.clone().filter(|urn| !schemas.contains(urn)));
            }
        }
        body.insert("schemas".into(), json!(schemas));
        body.insert("active".into(), integration.options.matching.activate_new.into());
        let made = self.send(Method::POST, "/Users", Value::Object(body)).await?;
        let id = made.get("id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| crate::admin::missing("the new person has no id"))
    }

    /// Lays what an account says over its person; whether anything differed.
    async fn update(
        &self,
        integration: &Integration,
        person: &str,
        document: &Map<String, Value>,
        now: i64,
    ) -> Result<bool> {
        let Some(users) = self.state.named("User") else { return Ok(false) };
        let held = self.send(Method::GET, &format!("/Users/{person}"), Value::Null).await?;
        let Some(held) = held.as_object() else { return Ok(false) };
        let (values, _) = to_directory(&integration.app, document, false, now);
        let mut operations = Vec::new();
        for value in values.into_iter().take(limits::IMPORT_VALUES_MAX) {
            let Some(place) = directory::written(&value.attribute, users) else { continue };
            let path = place.path();
            match (value.value, place.read(held)) {
                (Some(new), Some(known)) if provision::link::equal(&new, known) => {}
                (Some(new), _) => operations.push(json!({"op": "replace", "path": path, "value": new})),
                (None, Some(_)) => operations.push(json!({"op": "remove", "path": path})),
                (None, None) => {}
            }
        }
        if operations.is_empty() {
            return Ok(false);
        }
        self.patch(person, operations).await.map(|_| true)
    }
}
