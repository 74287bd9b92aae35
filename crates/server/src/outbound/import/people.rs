//! The directory as an import changes it: by requests of SCIM, logged like all; who was put out by it comes back by it.

use super::{PATCH, label};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::{Error, Result};
use crate::limits;
use crate::outbound::directory;
use crate::outbound::integration::Integration;
use crate::outbound::scan::Scan;
use crate::scim::{Order, act};
use crate::tenants::TenantState;
use axum::http::Method;
use provision::import::Ended;
use provision::mapping::to_directory;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{AppId, Change, ChangeKind, LinkRow, Writer};

fn word(ended: Ended) -> &'static str {
    match ended {
        Ended::Deactivated => "deactivated",
        Ended::Suspended => "suspended",
    }
}

fn ended(word: &str) -> Option<Ended> {
    serde_json::from_value(json!(word)).ok()
}

/// Changes where a person stands; nothing leaves it to `active`.
fn stand(
    w: &mut Writer,
    tenant: store::TenantId,
    id: &str,
    status: Option<&str>,
    label: &str,
    now: i64,
) -> store::Result<()> {
    w.set_lifecycle(tenant, id, status, now)?;
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

/// The tenant's directory as the import changes it: by requests of SCIM, logged like all.
pub(super) struct Directory {
    pub(super) app: App,
    pub(super) state: Arc<TenantState>,
    pub(super) name: String,
}

impl Directory {
    pub(super) fn of(scan: &Scan) -> Self {
        let name = scan.integration.row.name.clone();
        Self { app: scan.app.clone(), state: Arc::clone(&scan.state), name }
    }

    pub(super) fn label(&self) -> String {
        label(&self.name)
    }

    /// Sends a request; an answer that refuses is an error.
    pub(super) async fn send(&self, method: Method, path: &str, body: Value) -> Result<Value> {
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

    async fn held(&self, person: &str) -> Result<Value> {
        self.send(Method::GET, &format!("/Users/{person}"), Value::Null).await
    }

    async fn activate(&self, person: &str, active: bool) -> Result<()> {
        let operation = json!({"op": "replace", "path": "active", "value": active});
        self.patch(person, vec![operation]).await.map(|_| ())
    }

    /// Notes, or forgets, what the import has done to somebody.
    async fn note(&self, app: AppId, person: &str, how: Option<Ended>) -> Result<()> {
        let (tenant, person) = (self.state.tenant.id, person.to_owned());
        let written = self.app.store().write_in(tenant, move |w| w.link_ended(app, &person, how.map(word)));
        Ok(written.await?)
    }

    /// Puts somebody out; whether they were in. It is noted first: whoever changes the same meanwhile takes the note away.
    pub(super) async fn deactivate(&self, app: AppId, person: &str) -> Result<bool> {
        if self.held(person).await?.get("active") == Some(&Value::Bool(false)) {
            return Ok(false);
        }
        self.note(app, person, Some(Ended::Deactivated)).await?;
        let done = self.activate(person, false).await;
        if done.is_err() {
            self.note(app, person, None).await?;
        }
        done.map(|()| true)
    }

    /// Suspends somebody; whether they were not yet.
    pub(super) async fn suspend(&self, app: AppId, person: &str, now: i64) -> Result<bool> {
        let (tenant, person, label) = (self.state.tenant.id, person.to_owned(), self.label());
        let suspended = self.app.store().write_in(tenant, move |w| -> store::Result<bool> {
            if w.lifecycle(tenant, &person)?.as_deref() == Some("suspended") {
                return Ok(false);
            }
            stand(w, tenant, &person, Some("suspended"), &label, now)?;
            w.link_ended(app, &person, Some(word(Ended::Suspended)))?;
            Ok(true)
        });
        Ok(suspended.await?)
    }

    /// Somebody's account is in use again: what an import had done to them, and nobody else since, is taken back where that is
    /// wanted. Whether it was.
    pub(super) async fn back(&self, integration: &Integration, row: &LinkRow, now: i64) -> Result<bool> {
        let ended = row.ended_by_import.as_deref().and_then(ended);
        let Some(ended) = ended.filter(|ended| integration.options.on_back.brings(*ended)) else { return Ok(false) };
        let (tenant, app, person) = (self.state.tenant.id, row.app, row.resource.clone());
        match ended {
            Ended::Deactivated => {
                self.activate(&person, true).await?;
                self.note(app, &person, None).await?;
            }
            Ended::Suspended => {
                let label = self.label();
                let write = self.app.store().write_in(tenant, move |w| -> store::Result<()> {
                    if w.lifecycle(tenant, &person)?.as_deref() == Some("suspended") {
                        stand(w, tenant, &person, None, &label, now)?;
                    }
                    w.link_ended(app, &person, None)
                });
                write.await?;
            }
        }
        Ok(true)
    }

    pub(super) async fn patch(&self, person: &str, operations: Vec<Value>) -> Result<Value> {
        let body = json!({"schemas": [PATCH], "Operations": operations});
        self.send(Method::PATCH, &format!("/Users/{person}"), body).await
    }

    /// Makes a person of an account; answers the id.
    pub(super) async fn create(
        &self,
        integration: &Integration,
        document: &Map<String, Value>,
        now: i64,
    ) -> Result<String> {
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
    pub(super) async fn update(
        &self,
        integration: &Integration,
        person: &str,
        document: &Map<String, Value>,
        now: i64,
    ) -> Result<bool> {
        let Some(users) = self.state.named("User") else { return Ok(false) };
        let held = self.held(person).await?;
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
