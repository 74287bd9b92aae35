//! The admin API: everything that an administrator can do, for the command line and for scripts.
//!
//! Who may: an administrator's token (`pva_…`), or somebody on this machine who can open the data folder and so comes
//! through its socket. Every change is one transaction; the tenants in memory are taken in anew behind it.

mod app_work;
mod apps;
mod attributes;
pub(crate) mod feeds;
mod idp;
mod imports;
mod oidc;
mod operators;
mod people;
mod plans;
mod resource_types;
mod roles;
mod saml;
mod settings_file;
mod tenants;
mod tokens;
mod transfer;
mod views;
mod work;

use crate::answer::{Answer, JSON};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::Error;
use crate::limits;
use crate::record::Trace;
use crate::serve::Peer;
use crate::tenants::TenantState;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{delete, get, patch, post, put};
use axum::{Extension, Router};
use scim::Code;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use store::Role;

/// Below `/api/v1`.
pub(crate) fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/status", get(status))
        .route("/check", get(check))
        .route("/demo/reset", post(transfer::reset_demo))
        .route("/backup", post(transfer::backup))
        .route("/tokens", get(tokens::list_admin))
        .route("/tokens/admin", post(tokens::create_admin))
        .route("/tokens/{id}", patch(tokens::change_admin).delete(tokens::revoke_admin))
        .route("/operators", get(operators::list).post(operators::invite))
        .route("/operators/setup-link", post(operators::setup_link))
        .route("/operators/{id}", patch(operators::update).delete(operators::delete))
        .route("/operators/{id}/link", post(operators::link))
        .route("/audit", get(operators::audit))
        .route("/audit/verify", get(operators::verify))
        .route("/tenants", get(tenants::list).post(tenants::create))
        .route("/tenants/{tenant}", get(tenants::show_tenant).patch(tenants::update).delete(tenants::delete))
        .route("/tenants/{tenant}/settings-file", get(settings_file::export).put(settings_file::apply))
        .route("/tenants/{tenant}/settings-file/diff", post(settings_file::diff))
        .route("/tenants/{tenant}/switches", get(tenants::switches).patch(tenants::set_switches))
        .route("/tenants/{tenant}/tokens", get(tokens::list).post(tokens::create))
        .route("/tenants/{tenant}/tokens/{id}", patch(tokens::change).delete(tokens::revoke))
        .route("/tenants/{tenant}/tokens/{id}/rotate", post(tokens::rotate))
        .route("/tenants/{tenant}/attributes", get(attributes::list).post(attributes::add))
        .route("/tenants/{tenant}/attributes/{attribute}", patch(attributes::change).delete(attributes::remove))
        .route("/tenants/{tenant}/attributes/{attribute}/move", post(attributes::shift))
        .route("/tenants/{tenant}/attributes/{attribute}/accepted", put(attributes::accept))
        .route("/tenants/{tenant}/attributes-never-received", get(attributes::never))
        .route("/tenants/{tenant}/attributes/{attribute}/archive", post(attributes::archive))
        .route("/tenants/{tenant}/archived-attributes", get(attributes::archived))
        .route("/tenants/{tenant}/archived-attributes/{attribute}", delete(attributes::forget))
        .route("/tenants/{tenant}/archived-attributes/{attribute}/preview", post(attributes::preview))
        .route("/tenants/{tenant}/archived-attributes/{attribute}/restore", post(attributes::restore))
        .route("/tenants/{tenant}/users/{user}/archived-values", get(attributes::archived_values))
        .route("/tenants/{tenant}/resource-types", get(resource_types::list).post(resource_types::add))
        .route("/tenants/{tenant}/resource-types/{name}", delete(resource_types::remove))
        .route("/tenants/{tenant}/log", get(feeds::log))
        .route("/tenants/{tenant}/log/{seq}", get(feeds::log_entry))
        .route("/tenants/{tenant}/log/{seq}/rehearsal", post(work::rehearse))
        .route("/tenants/{tenant}/log-counts", get(work::counts))
        .route("/tenants/{tenant}/report", get(work::report))
        .route("/tenants/{tenant}/changes", get(feeds::changes))
        .route("/tenants/{tenant}/export", get(transfer::export))
        .route("/tenants/{tenant}/import", post(transfer::import))
        .route("/tenants/{tenant}/samples", post(transfer::samples))
        .route("/tenants/{tenant}/imports", get(imports::list).post(imports::take))
        .route("/tenants/{tenant}/imports/{id}", get(imports::show).post(imports::begin).delete(imports::forget))
        .route("/tenants/{tenant}/views", get(views::list).put(views::save).delete(views::forget))
        .route("/tenants/{tenant}/conflicts", get(work::conflicts))
        .route("/tenants/{tenant}/conflicts/bulk", post(work::bulk_conflicts))
        .route("/tenants/{tenant}/conflicts/dismiss", post(work::dismiss))
        .route("/tenants/{tenant}/conflicts/link", post(work::link_conflict))
        .route("/tenants/{tenant}/jobs", get(work::list_jobs).post(work::begin_job))
        .route("/tenants/{tenant}/jobs/{id}", get(work::job).delete(work::cancel_job))
        .route("/tenants/{tenant}/jobs/{id}/failures", get(work::job_failures))
        .route("/tenants/{tenant}/jobs/{id}/retry", post(work::retry_job))
        .route("/tenants/{tenant}/setup-links", get(work::list_links).post(work::make_link))
        .route("/tenants/{tenant}/setup-links/{id}", delete(work::revoke_link))
        .route("/tenants/{tenant}/saml/connections", get(saml::list).post(saml::create))
        .route("/tenants/{tenant}/saml/connections/{id}", get(saml::read).patch(saml::change).delete(saml::delete))
        .route("/tenants/{tenant}/saml/metadata", post(saml::preview))
        .route("/tenants/{tenant}/roles", get(roles::list))
        .route("/tenants/{tenant}/groups/{group}/roles", get(roles::of_group).put(roles::set))
        .route("/tenants/{tenant}/groups/{group}/roles/preview", post(roles::preview))
        .route("/tenants/{tenant}/groups/{group}/absent-members", get(roles::absent).delete(roles::forget_absent))
        .route("/tenants/{tenant}/users/{user}/roles", get(roles::of_person))
        .route("/tenants/{tenant}/users/{user}/link", get(people::unlinked).post(people::link_again))
        .route("/tenants/{tenant}/saml/keys", get(saml::keys).post(saml::new_key))
        .route("/tenants/{tenant}/saml/keys/{id}", delete(saml::remove_key))
        .route("/tenants/{tenant}/saml/keys/{id}/promote", post(saml::promote_key))
        .route("/tenants/{tenant}/apps/{name}/saml", get(idp::settings).patch(idp::change))
        .route("/tenants/{tenant}/apps/{name}/saml/metadata", post(idp::import))
        .route("/tenants/{tenant}/apps/{name}/saml/preview", get(idp::preview))
        .route("/tenants/{tenant}/idp/keys", get(idp::keys).post(idp::new_key))
        .route("/tenants/{tenant}/idp/keys/{id}", delete(idp::remove_key))
        .route("/tenants/{tenant}/idp/keys/{id}/promote", post(idp::promote_key))
        .route("/tenants/{tenant}/users/{id}/sign-in-link", post(idp::sign_in_link))
        .route("/tenants/{tenant}/users/{id}/password", delete(idp::forget_password))
        .route("/tenants/{tenant}/oidc/clients", get(oidc::list).post(oidc::create))
        .route("/tenants/{tenant}/oidc/clients/{id}", get(oidc::read).patch(oidc::change).delete(oidc::delete))
        .route("/tenants/{tenant}/oidc/clients/{id}/secret", post(oidc::rotate))
        .route("/tenants/{tenant}/oidc/keys", get(oidc::keys).post(oidc::new_key))
        .route("/tenants/{tenant}/oidc/keys/{id}", delete(oidc::remove_key))
        .route("/tenants/{tenant}/oidc/keys/{id}/promote", post(oidc::promote_key))
        .route("/tenants/{tenant}/users", get(people::list))
        .route("/tenants/{tenant}/users/{user}/status", get(people::status).put(apps::set_status))
        .route("/tenants/{tenant}/apps", get(apps::list).post(apps::create))
        .route("/tenants/{tenant}/apps/{app}", get(apps::show).patch(apps::change).delete(apps::delete))
        .route("/tenants/{tenant}/apps/{app}/credential", put(apps::credential))
        .route("/tenants/{tenant}/apps/{app}/grant", post(apps::authenticate).delete(apps::forget))
        .route("/tenants/{tenant}/apps/{app}/duplicate", post(apps::duplicate))
        .route("/tenants/{tenant}/apps/{app}/test", post(apps::test))
        .route("/tenants/{tenant}/apps/{app}/preview", post(apps::look))
        .route("/tenants/{tenant}/apps/{app}/provision", post(apps::provision))
        .route("/tenants/{tenant}/apps/{app}/effect", post(apps::try_change))
        .route("/tenants/{tenant}/apps/{app}/assignments", get(apps::assignments).post(apps::assign))
        .route("/tenants/{tenant}/apps/{app}/assignments/{principal}/{resource}", delete(apps::unassign))
        .route("/tenants/{tenant}/apps/{app}/push-groups", get(apps::push_groups).post(apps::push))
        .route("/tenants/{tenant}/apps/{app}/push-groups/{group}", get(apps::before_push).delete(apps::unpush))
        .route("/tenants/{tenant}/apps/{app}/push-groups/{group}/push", post(apps::push_now))
        .route("/tenants/{tenant}/apps/{app}/push-rules", post(apps::add_rule))
        .route("/tenants/{tenant}/apps/{app}/push-rules/preview", post(apps::try_rule))
        .route("/tenants/{tenant}/apps/{app}/push-rules/{rule}", delete(apps::remove_rule))
        .route("/tenants/{tenant}/config", get(plans::export))
        .route("/tenants/{tenant}/config/diff", post(plans::diff))
        .route("/tenants/{tenant}/plans", get(plans::list).post(plans::create))
        .route("/tenants/{tenant}/plans/{plan}", get(plans::show).delete(plans::discard))
        .route("/tenants/{tenant}/plans/{plan}/approve", post(plans::approve))
        .route("/tenants/{tenant}/plans/{plan}/apply", post(plans::apply))
        .route("/tenants/{tenant}/apps/{app}/links", get(apps::list_links))
        .route("/tenants/{tenant}/apps/{app}/links/{link}", get(apps::link))
        .route("/tenants/{tenant}/apps/{app}/tasks", get(app_work::tasks))
        .route("/tenants/{tenant}/apps/{app}/tasks/ignore", post(app_work::ignore))
        .route("/tenants/{tenant}/apps/{app}/tasks/recall", post(app_work::recall))
        .route("/tenants/{tenant}/apps/{app}/retry", post(app_work::retry))
        .route("/tenants/{tenant}/apps/{app}/held/approve", post(app_work::approve))
        .route("/tenants/{tenant}/apps/{app}/held/drop", post(app_work::discard))
        .route("/tenants/{tenant}/apps/{app}/exchanges", get(app_work::exchanges))
        .route("/tenants/{tenant}/apps/{app}/runs", get(app_work::list_runs).post(app_work::begin_run))
        .route("/tenants/{tenant}/apps/{app}/runs/{run}", get(app_work::run).delete(app_work::cancel_run))
        .route("/tenants/{tenant}/apps/{app}/runs/{run}/resume", post(app_work::resume_run))
        .route("/tenants/{tenant}/apps/{app}/runs/{run}/items", get(app_work::items))
        .route("/tenants/{tenant}/apps/{app}/runs/{run}/items/{item}", post(app_work::decide))
        .fallback(|| async { ApiError::from(Error::new(Code::NOT_FOUND, "the admin API has no such address")) })
        .method_not_allowed_fallback(|| async {
            ApiError::from(Error::new(Code::METHOD, "the admin API does not take this method here"))
        })
        .layer(middleware::from_fn_with_state(app.clone(), authenticate))
}

/// The numbers for Prometheus, behind the same door.
pub(crate) fn metrics(app: &App) -> Router<App> {
    Router::new()
        .route(METRICS, get(settings_file::numbers))
        .layer(middleware::from_fn_with_state(app.clone(), authenticate))
}

/// Where they are.
pub(crate) const METRICS: &str = "/metrics";

/// What goes wrong here, in the API's own form.
#[derive(Debug)]
pub(crate) struct ApiError(Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response<Body> {
        let id = crate::app::request_id();
        let scim_form = self.0.answer(&id);
        let error = self.0.to_scim(&id);
        let fix = error.code.entry().map_or("", |entry| entry.fix);
        let body = json!({"error": {
            "code": error.code.to_string(),
            "status": error.status,
            "message": error.detail,
            "fix": fix,
            "requestId": id,
        }});
        let mut answer = Answer::json(error.status, &body);
        answer.media_type = JSON;
        answer.headers = scim_form.headers;
        answer.into_response(&id, false)
    }
}

pub(crate) type ApiResult = Result<Response<Body>, ApiError>;

/// An answer of the API.
pub(crate) fn shown(status: u16, body: &Value) -> ApiResult {
    let mut answer = Answer::json(status, body);
    answer.media_type = JSON;
    Ok(answer.into_response(&crate::app::request_id(), false))
}

/// A list and where it goes on.
pub(crate) fn listed(data: Vec<Value>, next: Option<i64>) -> ApiResult {
    shown(200, &json!({"data": data, "next": next}))
}

/// Where a page goes on: behind its last row, if it is full.
pub(crate) fn onwards<T>(page: &[T], limit: u32, number: impl Fn(&T) -> i64) -> Option<i64> {
    page.last().filter(|_| page.len() >= limit as usize).map(number)
}

/// The body of a request.
pub(crate) async fn body_of<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    body_within(request, limits::BODY_BYTES_MAX).await
}

/// The tenant that a request is about, and its body.
pub(crate) async fn tenant_and_body<T: DeserializeOwned>(
    app: &App,
    tenant: &str,
    request: Request,
) -> Result<(Arc<TenantState>, T), ApiError> {
    // A tenant that is not there is told before anything about the body.
    let state = crate::admin::tenant_of(app, tenant)?;
    Ok((state, body_of(request).await?))
}

/// The body of a request that may be so long.
pub(crate) async fn body_within<T: DeserializeOwned>(request: Request, bytes_max: usize) -> Result<T, ApiError> {
    let bytes = received(request, bytes_max).await?;
    crate::json::parse(&bytes).and_then(|_| serde_json::from_slice(&bytes)).map_err(unfit)
}

/// The same where the parts of a body are read later, each by itself: one that cannot be read refuses nothing else.
pub(crate) async fn body_of_parts<T: DeserializeOwned>(request: Request, bytes_max: usize) -> Result<T, ApiError> {
    let bytes = received(request, bytes_max).await?;
    serde_json::from_slice(&bytes).map_err(unfit)
}

async fn received(request: Request, bytes_max: usize) -> Result<Bytes, ApiError> {
    let bytes = axum::body::to_bytes(request.into_body(), bytes_max)
        .await
        .map_err(|_| Error::new(Code::BODY_TOO_LARGE, "the body is too large"))?;
    Ok(if bytes.is_empty() { Bytes::from_static(b"{}") } else { bytes })
}

fn unfit(error: serde_json::Error) -> ApiError {
    let what = if error.is_data() { crate::json::wanted(&error.to_string()) } else { "it is not JSON".to_owned() };
    let detail = format!("the body does not fit: {what}, at line {} column {}", error.line(), error.column());
    scim::Error::invalid_syntax(detail).into()
}

async fn authenticate(State(app): State<App>, mut request: Request, next: Next) -> Response<Body> {
    let peer = request.extensions().get::<Peer>().copied();
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let origin = Origin {
        address: peer.map(|peer| peer.client(request.headers())).unwrap_or_default(),
        agent: agent.to_owned(),
    };
    let headers = request.headers().clone();
    let actor = if peer.is_some_and(|peer| peer.is_local()) {
        Ok(Arc::new(Actor::local()))
    } else {
        app.actor(None, &headers, &origin, app.clock().now(), &mut Trace::default()).await
    };
    match actor {
        Ok(actor) => {
            let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
            if let Some(error) = actor.at_least(if is_read { Role::Auditor } else { Role::Admin }).err() {
                return ApiError::from(error).into_response();
            }
            // Kept tokens have no address: each request has its own.
            request.extensions_mut().insert(Arc::new(Actor { address: origin.address, ..(*actor).clone() }));
            next.run(request).await
        }
        Err(error) => ApiError::from(error).into_response(),
    }
}

async fn status(State(app): State<App>) -> ApiResult {
    let stats = app.store().stats();
    shown(
        200,
        &json!({
            "version": env!("CARGO_PKG_VERSION"),
            "data": app.config().data,
            "tenants": app.tenants().all().len(),
            "writes": stats.writes,
            "commits": stats.batches,
            "largestBatch": stats.largest_batch,
            "logEntriesDropped": app.log_dropped(),
        }),
    )
}

/// Recomputes everything that is derived and tells what does not agree.
async fn check(State(app): State<App>, Extension(actor): Extension<Arc<Actor>>) -> ApiResult {
    tracing::info!(actor = actor.label, "data checked");
    let file = app.store().read(|r| r.verify_file()).await.map_err(Error::from)?;
    let mut problems: Vec<Value> = file.into_iter().map(|problem| json!({"problem": problem})).collect();
    for state in app.tenants().all() {
        let checked = Arc::clone(&state);
        let found = app
            .store()
            .read(move |r| r.verify(checked.tenant.id, &checked.types, &checked.tenant.settings.manager_match));
        let found = found.await.map_err(Error::from)?;
        problems.extend(found.into_iter().map(|problem| json!({"tenant": state.tenant.name, "problem": problem})));
    }
    listed(problems, None)
}
