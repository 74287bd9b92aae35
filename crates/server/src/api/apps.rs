//! Apps over HTTP: what they are, their secret, a look before a change, who is assigned, which groups are pushed.

use super::{ApiError, ApiResult, body_of, listed, onwards, shown};
use crate::admin::apps::connector::{self, Tested, Verdict};
use crate::admin::apps::duplicate::{self, Called};
use crate::admin::apps::grant::{self, Beginning};
use crate::admin::apps::{self, NewIntegration, When, assign, effect, links, preview, push_groups};
use crate::admin::log;
use crate::app::App;
use crate::auth::Actor;
use crate::outbound::causes;
use crate::outbound::integration::Integration;
use crate::outbound::token::Revocation;
use crate::{admin, limits, pieces, query};
use axum::Extension;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use provision::push_group::PushRule;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{Exchange, Lifecycle, LinkRow, Principal};
use tokio::sync::mpsc;

/// Tenant and app.
pub(super) type Place = Path<(String, String)>;

/// Steps of a test that wait for a slow reader.
const STEPS_WAIT: usize = 8;

/// The body of a request about an app, which has to be there first: what somebody else's app is sent says nothing of it.
pub(super) async fn body_at<T: DeserializeOwned>(
    app: &App,
    tenant: &str,
    name: &str,
    request: Request,
) -> Result<T, ApiError> {
    apps::find(app, tenant, name).await?;
    body_of(request).await
}

/// A number in an address.
pub(super) fn number(text: &str) -> Result<i64, ApiError> {
    Ok(text.parse().map_err(|_| admin::missing("this app has nothing of this number"))?)
}

/// What is wrong with the app as a whole, with words.
fn trouble(pace: &Value) -> Value {
    let (what, fix) = causes::trouble(pace);
    let mut told = pace.clone();
    if let Some(map) = told.as_object_mut() {
        map.insert("title".into(), what.into());
        map.insert("fix".into(), fix.into());
    }
    told
}

/// Everything about an app but its secret.
pub(super) fn show_app(integration: &Integration) -> Value {
    let mut shown = Map::new();
    let row = &integration.row;
    shown.insert("name".into(), row.name.clone().into());
    shown.extend(integration.document());
    shown.insert("hasCredential".into(), row.has_credential.into());
    let credential = json!({"setAt": row.credential_at.map(rfc3339), "ends": row.credential_ends});
    shown.insert("credential".into(), if row.has_credential { credential } else { Value::Null });
    let granted = row.grant.as_ref();
    let granted = granted.map(|it| json!({"at": rfc3339(it.at), "by": it.by, "lostAt": it.lost_at.map(rfc3339)}));
    shown.insert("granted".into(), granted.into());
    shown.insert("pendingSince".into(), row.pending_at.map(rfc3339).into());
    shown.insert("revision".into(), row.revision.into());
    shown.insert("trouble".into(), row.pace.as_ref().map_or(Value::Null, trouble));
    shown.insert("createdAt".into(), rfc3339(row.created_at).into());
    shown.insert("modifiedAt".into(), rfc3339(row.modified_at).into());
    Value::Object(shown)
}

pub(super) async fn list(State(app): State<App>, Path(tenant): Path<String>) -> ApiResult {
    let mut shown: Vec<Value> = apps::list(&app, &tenant).await?.iter().map(show_app).collect();
    let deleted = apps::deleted(&app, &tenant).await?;
    shown.extend(
        deleted.iter().map(|(name, at, left)| json!({"name": name, "deletingAt": rfc3339(*at), "linksLeft": left})),
    );
    listed(shown, None)
}

pub(super) async fn create(
    State(app): State<App>,
    Path(tenant): Path<String>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    admin::tenant_of(&app, &tenant)?;
    let wanted: NewIntegration = body_of(request).await?;
    shown(201, &show_app(&apps::create(&app, &actor, &tenant, wanted).await?))
}

/// Another app with the same settings, mappings and switches; without address, credential, assignments and accounts.
pub(super) async fn duplicate(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let called: Called = body_at(&app, &tenant, &name, request).await?;
    let made = duplicate::duplicate(&app, &actor, &tenant, &name, called).await?;
    let mut answer = show_app(&made);
    if let Some(map) = answer.as_object_mut() {
        map.insert("notTaken".into(), duplicate::LEFT.into());
    }
    shown(201, &answer)
}

/// The app, and how its people and groups stand.
pub(super) async fn show(State(app): State<App>, Path((tenant, name)): Place) -> ApiResult {
    let integration = apps::find(&app, &tenant, &name).await?;
    let numbers = apps::numbers(&app, &integration).await?;
    let counted = |of: &[(store::Standing, bool, u64)]| -> Vec<Value> {
        of.iter()
            .map(|(standing, active, count)| json!({"standing": standing.as_str(), "active": active, "count": count}))
            .collect()
    };
    let [leavers, arrivals, changes, backfill] = numbers.due;
    let mut answer = show_app(&integration);
    if let Some(map) = answer.as_object_mut() {
        let due = json!({"leavers": leavers, "arrivals": arrivals, "changes": changes, "backfill": backfill});
        let numbers = json!({
            "people": counted(&numbers.people), "groups": counted(&numbers.groups),
            "due": due, "stale": numbers.stale, "tasks": numbers.tasks,
        });
        map.insert("numbers".into(), numbers);
    }
    shown(200, &answer)
}

/// `?apply`: `now`, if nothing is said, or `later`.
pub(super) async fn change(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    RawQuery(raw): RawQuery,
    request: Request,
) -> ApiResult {
    let wanted: Map<String, Value> = body_at(&app, &tenant, &name, request).await?;
    let when = match query::value(&raw.unwrap_or_default(), "apply").as_deref() {
        None | Some("" | "now") => When::Now,
        Some("later") => When::Later,
        Some(_) => return Err(scim::Error::invalid_value("apply is now or later").into()),
    };
    let (changed, revocation) = apps::change_when(&app, &actor, &tenant, &name, wanted, when).await?;
    shown(200, &with_revocation(show_app(&changed), revocation))
}

pub(super) async fn delete(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let revocation = apps::delete(&app, &actor, &tenant, &name).await?;
    shown(200, &with_revocation(json!({"deleted": name}), revocation))
}

/// An answer with what became of tokens at an authorization server, if any were forgotten.
fn with_revocation(mut answer: Value, revocation: Option<Revocation>) -> Value {
    if let (Some(map), Some(Revocation { revoked, said })) = (answer.as_object_mut(), revocation) {
        map.insert("revocation".into(), json!({"revoked": revoked, "said": said}));
    }
    answer
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Credential {
    secret: String,
}

/// The secret goes in here and comes out nowhere.
pub(super) async fn credential(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: Credential = body_at(&app, &tenant, &name, request).await?;
    apps::set_credential(&app, &actor, &tenant, &name, &wanted.secret).await?;
    shown(200, &json!({"hasCredential": !wanted.secret.trim().is_empty()}))
}

/// Begins what somebody has to agree to in a browser, as an operator who may change the app; where they go.
pub(super) async fn authenticate(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let integration = apps::find(&app, &tenant, &name).await?;
    let redirect = grant::redirect(&app.config().url(), &tenant, &name);
    let ends_at = app.clock().now().saturating_add(limits::GRANT_BEGUN_LIFE);
    let beginning = Beginning { session: None, draft: None, secret: None, redirect: redirect.clone() };
    let address = grant::begin(&app, &actor, &tenant, &integration, beginning).await?;
    shown(201, &json!({"address": address, "redirectUri": redirect, "endsAt": rfc3339(ends_at)}))
}

/// Takes away what somebody has agreed to.
pub(super) async fn forget(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let revocation = grant::forget(&app, &actor, &tenant, &name).await?;
    shown(200, &with_revocation(json!({"forgotten": revocation.is_some()}), revocation))
}

/// *Test Connector Configuration*: one line of JSON for each step, as it is done; the last one says how it went.
pub(super) async fn test(State(app): State<App>, Path((tenant, name)): Place) -> ApiResult {
    apps::find(&app, &tenant, &name).await?;
    let (steps, mut done) = mpsc::channel::<Tested>(STEPS_WAIT);
    let (lines, body) = pieces::channel();
    tokio::spawn(async move {
        let tell = async {
            while let Some(step) = done.recv().await {
                let mut line = json!({
                    "step": step.about, "fine": step.verdict != Verdict::Wrong,
                    "advice": step.verdict == Verdict::Advice, "said": step.said, "tookUs": step.took_us,
                });
                if let (Some(map), Some(exchange)) = (line.as_object_mut(), &step.exchange) {
                    map.insert("exchange".into(), show_exchange(exchange));
                }
                if lines.send(Ok(Bytes::from(format!("{line}\n")))).await.is_err() {
                    return;
                }
            }
        };
        let (fine, ()) = tokio::join!(connector::test_connection(&app, &tenant, &name, steps), tell);
        let last = match fine {
            Ok(fine) => json!({"fine": fine}),
            Err(error) => json!({"fine": false, "said": error.to_scim("").detail}),
        };
        // Nobody may be reading any more.
        let _ = lines.send(Ok(Bytes::from(format!("{last}\n")))).await;
    });
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Looked {
    person: String,
    #[serde(default)]
    change: Map<String, Value>,
}

/// What would be done for one person and why, also with a change that is not stored: nothing is sent.
pub(super) async fn look(State(app): State<App>, Path((tenant, name)): Place, request: Request) -> ApiResult {
    let wanted: Looked = body_at(&app, &tenant, &name, request).await?;
    if wanted.change.is_empty() {
        return shown(200, &show_preview(&preview::preview(&app, &tenant, &name, &wanted.person).await?));
    }
    let state = admin::tenant_of(&app, &tenant)?;
    let known = apps::find(&app, &tenant, &name).await?;
    let integration = apps::candidate(&app, &known, wanted.change)?;
    shown(200, &show_preview(&preview::of(&app, state, integration, &wanted.person).await?))
}

/// The six steps.
fn show_preview(preview: &preview::Preview) -> Value {
    let sent = preview.request.as_ref();
    let request = sent.map(|sent| json!({"method": sent.method.as_str(), "path": sent.target(), "body": sent.body}));
    json!({
        "person": preview.facts.user,
        "scope": preview.explained.standing,
        "match": {
            "remoteId": preview.link.remote_id,
            "document": preview.link.document,
            "link": preview.row.as_ref().map(show_link),
        },
        "map": preview.explained.desired,
        "ifAssigned": preview.if_assigned,
        "action": preview.action,
        "does": preview.action.word(),
        "send": request,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Whom {
    person: String,
}

/// *Provision on demand*.
pub(super) async fn provision(State(app): State<App>, Path((tenant, name)): Place, request: Request) -> ApiResult {
    let wanted: Whom = body_at(&app, &tenant, &name, request).await?;
    shown(202, &show_link(&preview::provision_now(&app, &tenant, &name, &wanted.person).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewStatus {
    status: Lifecycle,
}

/// Where a person stands besides what `active` says: `active`, `staged` or `suspended`.
pub(super) async fn set_status(
    State(app): State<App>,
    Path((tenant, person)): Path<(String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let state = admin::tenant_of(&app, &tenant)?;
    let (known, id) = (Arc::clone(&state), person.clone());
    app.store().read(move |r| assign::resolved(r, &known, Principal::User, &id)).await?;
    let wanted: NewStatus = body_of(request).await?;
    assign::set_status(&app, &actor, &tenant, &person, wanted.status).await?;
    shown(200, &json!({"changed": person}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Tried {
    change: Map<String, Value>,
}

/// What a change would do to everybody; nothing is stored.
pub(super) async fn try_change(State(app): State<App>, Path((tenant, name)): Place, request: Request) -> ApiResult {
    let wanted: Tried = body_at(&app, &tenant, &name, request).await?;
    shown(200, &effect::effect(&app, &tenant, &name, wanted.change).await?.to_json())
}

/// `?principal&after&limit`; principal is `user` or `group`.
pub(super) async fn assignments(
    State(app): State<App>,
    Path((tenant, name)): Place,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let raw = raw.unwrap_or_default();
    let principal = principal(&query::value(&raw, "principal").unwrap_or_default());
    let after = log::number(&raw, "after").unwrap_or(0);
    let limit = log::limit(&raw);
    let rows = assign::list(&app, &tenant, &name, principal, after, limit).await?;
    let next = onwards(&rows, limit, |row| row.id);
    listed(rows.iter().map(show_assignment).collect(), next)
}

fn principal(word: &str) -> Principal {
    if word.eq_ignore_ascii_case("group") { Principal::Group } else { Principal::User }
}

fn show_assignment(row: &store::AssignmentRow) -> Value {
    json!({
        "id": row.id, "principal": row.principal.as_str(), "resource": row.resource, "priority": row.priority,
        "profile": row.profile, "onlyValues": row.only_values, "display": row.display, "createdAt": rfc3339(row.created_at), "createdBy": row.created_by,
    })
}

pub(super) async fn assign(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: assign::NewAssignment = body_at(&app, &tenant, &name, request).await?;
    shown(201, &show_assignment(&assign::assign(&app, &actor, &tenant, &name, wanted).await?))
}

pub(super) async fn unassign(
    State(app): State<App>,
    Path((tenant, name, kind, resource)): Path<(String, String, String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    assign::unassign(&app, &actor, &tenant, &name, principal(&kind), &resource).await?;
    shown(200, &json!({"unassigned": resource}))
}

pub(super) async fn push_groups(State(app): State<App>, Path((tenant, name)): Place) -> ApiResult {
    let (groups, rules) = push_groups::list(&app, &tenant, &name).await?;
    shown(200, &json!({"data": groups.iter().map(show_pushed).collect::<Vec<_>>(), "rules": rules, "next": null}))
}

fn show_pushed(row: &store::PushGroupRow) -> Value {
    json!({
        "id": row.id, "group": row.resource, "display": row.display, "name": row.name, "rule": row.rule,
        "mode": row.mode, "active": row.active, "createdAt": rfc3339(row.created_at), "members": row.headcount,
    })
}

/// What pushing a group would find.
pub(super) async fn before_push(
    State(app): State<App>,
    Path((tenant, name, group)): Path<(String, String, String)>,
) -> ApiResult {
    shown(200, &json!(push_groups::before(&app, &tenant, &name, &group).await?))
}

pub(super) async fn push(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let wanted: push_groups::NewPushGroup = body_at(&app, &tenant, &name, request).await?;
    shown(201, &show_pushed(&push_groups::push(&app, &actor, &tenant, &name, wanted).await?))
}

/// `?leave`: `delete` or `keep`; nothing is what the policy says.
pub(super) async fn unpush(
    State(app): State<App>,
    Path((tenant, name, group)): Path<(String, String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let delete = match query::value(&raw.unwrap_or_default(), "leave").as_deref() {
        None | Some("") => None,
        Some("delete") => Some(true),
        Some("keep") => Some(false),
        Some(_) => return Err(scim::Error::invalid_value("leave is delete or keep").into()),
    };
    push_groups::unlink(&app, &actor, &tenant, &name, &group, delete).await?;
    shown(200, &json!({"unlinked": group}))
}

pub(super) async fn push_now(
    State(app): State<App>,
    Path((tenant, name, group)): Path<(String, String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    push_groups::push_now(&app, &actor, &tenant, &name, &group).await?;
    shown(202, &json!({"pushed": group}))
}

pub(super) async fn add_rule(
    State(app): State<App>,
    Path((tenant, name)): Place,
    Extension(actor): Extension<Arc<Actor>>,
    request: Request,
) -> ApiResult {
    let rule: PushRule = body_at(&app, &tenant, &name, request).await?;
    let (number, chosen) = push_groups::add_rule(&app, &actor, &tenant, &name, rule).await?;
    shown(201, &json!({"id": number, "chosen": chosen}))
}

/// Which groups a rule would choose; nothing is stored.
pub(super) async fn try_rule(State(app): State<App>, Path((tenant, name)): Place, request: Request) -> ApiResult {
    let rule: PushRule = body_at(&app, &tenant, &name, request).await?;
    shown(200, &json!(push_groups::try_rule(&app, &tenant, &name, rule).await?))
}

pub(super) async fn remove_rule(
    State(app): State<App>,
    Path((tenant, name, rule)): Path<(String, String, String)>,
    Extension(actor): Extension<Arc<Actor>>,
) -> ApiResult {
    let rule = number(&rule)?;
    push_groups::remove_rule(&app, &actor, &tenant, &name, rule).await?;
    shown(200, &json!({"removed": rule}))
}

/// A link without what is known of the account.
pub(super) fn show_link(row: &LinkRow) -> Value {
    json!({
        "id": row.id, "kind": row.kind.as_str(), "resource": row.resource, "name": row.name, "remoteId": row.remote_id,
        "display": row.display, "standing": row.standing.as_str(), "active": row.active,
        "dueAt": row.due_at.map(rfc3339), "cause": row.cause, "causedAt": row.caused_at.map(rfc3339),
        "changedAt": rfc3339(row.changed_at), "endedByImport": row.ended_by_import,
    })
}

/// One request and its answer.
pub(super) fn show_exchange(one: &Exchange) -> Value {
    json!({
        "id": one.id, "link": one.link, "resource": one.resource, "at": rfc3339(one.at), "tookUs": one.took_us,
        "action": one.action, "method": one.method, "path": one.path, "request": one.request, "status": one.status,
        "response": one.response, "outcome": one.outcome,
    })
}

/// One link with what is known of the account, and the last requests.
pub(super) async fn link(
    State(app): State<App>,
    Path((tenant, name, link)): Path<(String, String, String)>,
) -> ApiResult {
    let whole = links::find(&app, &tenant, &name, number(&link)?).await?;
    let mut answer = show_link(&whole.row);
    if let Some(map) = answer.as_object_mut() {
        map.insert("state".into(), whole.state);
        map.insert("exchanges".into(), whole.exchanges.iter().map(show_exchange).collect());
    }
    shown(200, &answer)
}

/// `?kind&standing&cause&after&limit`.
pub(super) async fn list_links(
    State(app): State<App>,
    Path((tenant, name)): Place,
    RawQuery(raw): RawQuery,
) -> ApiResult {
    let raw = raw.unwrap_or_default();
    let asked = |name: &str| query::value(&raw, name).filter(|value| !value.is_empty());
    let standing = asked("standing").map(|word| {
        let known = store::Standing::parse(&word);
        known.ok_or_else(|| scim::Error::invalid_value("standing is new, linked, waiting, held, parked or dropped"))
    });
    let group = asked("kind").is_some_and(|kind| kind.eq_ignore_ascii_case("group"));
    let wanted = store::LinkQuery {
        kind: if group { store::LinkKind::Group } else { store::LinkKind::User },
        standing: standing.transpose()?,
        cause: asked("cause"),
        after: log::number(&raw, "after").unwrap_or(0),
        limit: log::limit(&raw),
    };
    let limit = wanted.limit;
    let rows = links::list(&app, &tenant, &name, wanted).await?;
    let next = onwards(&rows, limit, |row| row.id);
    listed(rows.iter().map(show_link).collect(), next)
}
