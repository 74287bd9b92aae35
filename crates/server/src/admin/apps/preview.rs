//! Looking before leaping: a test of the connection step by step, and what would be done for one person and why.

use super::assign::resolved;
use super::{told, with_tenant};
use crate::admin::missing;
use crate::app::App;
use crate::error::Result;
use crate::outbound::integration::Integration;
use crate::outbound::send::{Secret, Sent, send};
use crate::outbound::{brakes, inputs};
use crate::tenants::TenantState;
use provision::Facts;
use provision::assignment::Reason;
use provision::link::{Kind, Link};
use provision::mapping::{self, Explained};
use provision::outcome::{Answer, Lost, page};
use provision::plan::{Action, Desired, next};
use provision::wire::{self, Request};
use serde_json::Value;
use std::sync::Arc;
use store::{Exchange, LinkKind, LinkRow, Principal};
use tokio::sync::mpsc;

/// One step of a test of the connection.
#[derive(Clone, Debug)]
pub(crate) struct Tested {
    /// What was asked for: `users`, `serviceProviderConfig`, `schemas`, `groups`.
    pub(crate) about: String,
    /// Whether it is as it should be.
    pub(crate) fine: bool,
    /// What that means, and what to do if it is not.
    pub(crate) said: String,
    /// What was sent and answered.
    pub(crate) exchange: Exchange,
}

/// *Test Connector Configuration*: asks the app, one request after the other, and tells each answer as it comes. Nothing is
/// changed at the app. Answers whether everything was fine.
pub(crate) async fn test_connection(app: &App, tenant: &str, name: &str, steps: mpsc::Sender<Tested>) -> Result<bool> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    if integration.app.connection.base_url.is_empty() {
        return Err(scim::Error::invalid_value(
            "give connection.baseUrl first: the address of the app's SCIM endpoint",
        )
        .into());
    }
    let secret = Secret::of(app, &integration).await?;
    Ok(test(app, &state, &integration, &secret, steps).await)
}

/// The same of an integration that need not be stored, with a secret that need not be.
pub(crate) async fn test(
    app: &App,
    state: &TenantState,
    integration: &Integration,
    secret: &Secret,
    steps: mpsc::Sender<Tested>,
) -> bool {
    let mut fine = true;
    for (about, request) in wire::test_connection(&integration.app) {
        let Sent { answer, exchange } = send(app, state, integration, secret, "test", &request).await;
        let (good, said) = judge(about, &answer, &exchange);
        fine &= good;
        let tested = Tested { about: about.to_owned(), fine: good, said, exchange };
        if steps.send(tested).await.is_err() {
            break;
        }
    }
    fine
}

fn judge(about: &str, answer: &Answer, exchange: &Exchange) -> (bool, String) {
    let response = match answer {
        Answer::Lost(lost) => {
            let what = match lost {
                Lost::Refused => "this address must not be called",
                Lost::Dns => "the host's name is not known",
                Lost::Connect => "nobody answers at this address",
                Lost::Tls => "the certificate is not trusted",
                Lost::Timeout => "no answer came in time",
                Lost::Reset => "the connection broke",
            };
            return (false, format!("{what}: {}", exchange.response.as_deref().unwrap_or_default()));
        }
        Answer::Got(response) => response,
    };
    if let Some(refusal) = response.refusal() {
        let detail = refusal.detail.unwrap_or_default();
        let what = match refusal.status {
            401 => "the app does not accept the credentials; paste the token again, without the word Bearer",
            403 => "the credentials may not read this; give the token the scope for users and groups",
            404 if about == "users" => "there is nothing at this address; the base URL usually ends with /scim/v2",
            // Optional for an app, and not needed.
            404 | 501 => return (true, "the app does not have it; it can do without".to_owned()),
            429 => "the app asks for fewer requests; try again in a minute",
            300..=399 => "the app sends elsewhere; use the address that it sends to",
            _ => "the app refuses",
        };
        return (false, format!("{what} ({}) {detail}", refusal.status).trim_end().to_owned());
    }
    match (about, page(response)) {
        ("users" | "groups", None) => (false, "the answer is no list of SCIM; check the base URL".to_owned()),
        ("users" | "groups", Some(page)) => {
            let total = page.total.map_or_else(|| "an unknown number".to_owned(), |total| total.to_string());
            let remarks = page.remarks.iter().map(|remark| format!("; {remark}")).collect::<String>();
            (true, format!("{total} in all{remarks}"))
        }
        _ => (true, "answered".to_owned()),
    }
}

/// What would be done for one person at one app, and why: what the worker would do, without doing it.
#[derive(Clone, Debug)]
pub(crate) struct Preview {
    /// 1. The person as the directory has them, with groups and manager.
    pub(crate) facts: Facts,
    /// 2. and 3. Whether they should be there and why; which values, and where each comes from.
    pub(crate) explained: Explained,
    /// Of somebody whom no assignment is about: what they would get if they were assigned.
    pub(crate) if_assigned: Option<Desired>,
    /// 4. What is known of the account.
    pub(crate) link: Link,
    /// Its row, if there is one.
    pub(crate) row: Option<LinkRow>,
    /// 5. The next thing to do; a brake may hold it.
    pub(crate) action: Action,
    /// 6. The request that would do it, secrets taken out.
    pub(crate) request: Option<Request>,
}

/// Decides about one person, by id or userName, as the worker would right now; nothing is sent or stored.
pub(crate) async fn preview(app: &App, tenant: &str, name: &str, person: &str) -> Result<Preview> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    of(app, state, integration, person).await
}

/// The same with an integration that need not be stored.
pub(crate) async fn of(app: &App, state: Arc<TenantState>, integration: Integration, person: &str) -> Result<Preview> {
    let (now, person) = (app.clock().now(), person.to_owned());
    app.store()
        .read(move |r| -> Result<Preview> {
            let id = resolved(r, &state, Principal::User, &person)?;
            let row = r.link_of(integration.row.id, LinkKind::User, &id)?;
            let stored = match &row {
                Some(row) => r.link_state(row.id)?,
                None => None,
            };
            let mut link: Link = match stored {
                Some(stored) => serde_json::from_str(&stored).map_err(store::Error::from)?,
                None => Link::new(Kind::User, &id),
            };
            let inputs = inputs::person(r, &state, &integration, &id, &link, now)?;
            link.note(&inputs.desired, now);
            let rules = inputs.rules(&integration, LinkKind::User);
            let action = next(&link, &inputs.desired, &rules, now);
            let (number, app) = (row.as_ref().map_or(0, |row| row.id), integration.row.id);
            let action = brakes::apply(r, &integration, action, number, now, || r.population(app))?;
            let request = wire::request(&action, &link, &rules, 0).map(|request| cleaned(request, &state));
            let (Some(standing), Some(facts)) = (inputs.standing.clone(), inputs.facts.clone()) else {
                return Err(missing("there is nothing to say about this person"));
            };
            let explained = Explained { standing, desired: inputs.desired.clone() };
            let unassigned = explained.standing.reasons.first() == Some(&Reason::NotAssigned);
            let if_assigned = unassigned.then(|| mapping::as_if_assigned(&integration.app, &facts, &id, now));
            Ok(Preview { facts, explained, if_assigned, link, row, action, request })
        })
        .await
}

fn cleaned(mut request: Request, state: &TenantState) -> Request {
    request.body.iter_mut().for_each(|body| state.secrets.clean(body));
    request
}

/// *Provision on demand*: the worker looks at this person now, before everything but leavers; answers the link.
pub(crate) async fn provision_now(app: &App, tenant: &str, name: &str, person: &str) -> Result<LinkRow> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (now, person, known) = (app.clock().now(), person.to_owned(), Arc::clone(&state));
    let row = app
        .store()
        .write_in(state.tenant.id, move |w| -> Result<LinkRow> {
            let (tenant, id) = (known.tenant.id, integration.row.id);
            let person = resolved(w, &known, Principal::User, &person)?;
            w.link_nudge(tenant, id, LinkKind::User, &person, 1, now)?;
            let row = w.link_of(id, LinkKind::User, &person)?.ok_or_else(|| missing("the link is gone"))?;
            w.link_retry(row.id, 1, now)?;
            Ok(row)
        })
        .await?;
    told(app, &state);
    Ok(row)
}

/// The names that mappings to an app can read, for a choice: `user.x`.
pub(crate) fn directory_names(app: &App, tenant: &str) -> Result<Vec<String>> {
    let state = crate::admin::tenant_of(app, tenant)?;
    let users = state.named("User").ok_or_else(|| missing("there is no resource type User"))?;
    Ok(crate::outbound::directory::names(users))
}

/// A value of a preview as one line.
pub(crate) fn line(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
