//! The pages, one file each, and their routes.

mod apps;
mod attributes;
mod conflicts;
mod docs;
mod fields;
mod group;
mod groups;
mod imports;
mod jobs;
mod log;
mod log_entry;
mod oidc;
mod overview;
mod saml;
mod saml_connect;
mod saml_connection;
mod scim;
mod scim_test;
mod search;
mod settings;
mod settings_file;
mod setup;
mod share;
mod tokens;
mod user;
mod users;
mod views;

use crate::app::App;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post};

/// Behind the sign-in.
pub(super) fn router() -> Router<App> {
    Router::new()
        .merge(apps::router())
        .route("/app", get(overview::show))
        .route("/app/now", get(overview::fresh))
        .route("/app/latest", get(overview::fresh_latest))
        .route("/app/counts.csv", get(overview::csv))
        .route("/app/search", get(search::show))
        .route("/app/setup", get(setup::show))
        .route("/app/setup/steps", get(setup::fresh))
        .route("/app/setup/skip", post(setup::skip))
        .route("/app/setup/restart", post(setup::restart))
        .route("/app/setup/links", post(setup::make_link))
        .route("/app/setup/links/{id}/revoke", post(setup::revoke_link))
        .route("/app/scim", get(scim::show))
        .route("/app/scim/state", get(scim::state))
        .route("/app/scim/switches", post(scim::switches))
        .route("/app/scim/rules", post(scim::save_rules))
        .route("/app/scim/test", post(scim_test::run))
        .route("/app/scim/configuration.json", get(scim::download))
        .route("/app/scim/tokens", get(tokens::list).post(tokens::create))
        .route("/app/scim/tokens/rows", get(tokens::fresh))
        .route("/app/scim/tokens/{id}", get(tokens::show))
        .route("/app/scim/tokens/{id}/used", get(tokens::waits))
        .route("/app/scim/tokens/{id}/rotate", post(tokens::rotate))
        .route("/app/scim/tokens/{id}/networks", post(tokens::restrict))
        .route("/app/scim/tokens/{id}/switch", post(tokens::switched))
        .route("/app/scim/tokens/{id}/revoke", post(tokens::revoke))
        .route("/app/scim/attributes", get(attributes::show))
        .route("/app/scim/attributes.csv", get(attributes::csv))
        .route("/app/scim/attributes/accept", post(attributes::accept))
        .route("/app/saml", get(saml::show))
        .route("/app/saml/new", get(saml_connect::show))
        .route("/app/saml/preview", post(saml_connect::preview))
        .route("/app/saml/by-hand", post(saml_connect::save_typed))
        .route("/app/saml/keys", post(saml::new_key))
        .route("/app/saml/keys/{id}/promote", post(saml::promote_key))
        .route("/app/saml/keys/{id}/remove", post(saml::remove_key))
        .route("/app/saml/connections", post(saml_connect::save))
        .route("/app/saml/connections/{id}", get(saml_connection::show).post(saml_connection::save))
        .route("/app/saml/connections/{id}/switch", post(saml_connection::turn))
        .route("/app/saml/connections/{id}/delete", post(saml_connection::delete))
        .route("/app/saml/connections/{id}/test", get(saml_connection::test))
        .route("/app/saml/connections/{id}/tests/{test}", get(saml_connection::tested))
        .route("/app/users", get(users::list).post(users::new::create))
        .route("/app/users/samples", post(users::new::samples))
        .route("/app/users/new", get(users::new::form_new))
        .route("/app/users/bulk", post(users::bulk::begin))
        .route("/app/users/imports", get(imports::form_new).post(imports::take))
        .route("/app/users/imports/{id}", get(imports::show).post(imports::begin))
        .route("/app/users/imports/{id}/discard", post(imports::discard))
        .route("/app/users/export.csv", get(users::export::csv))
        .route("/app/users/arrived", get(users::arrived::fresh))
        .route("/app/users/{id}", get(user::profile))
        .route("/app/users/{id}/raw", get(user::raw))
        .route("/app/users/{id}/edit", get(users::edit::form_edit).post(users::edit::save))
        .route("/app/users/{id}/groups", get(user::groups))
        .route("/app/users/{id}/apps", get(users::apps::show))
        .route("/app/users/{id}/apps/rows", get(users::apps::fresh))
        .route("/app/users/{id}/history", get(user::history))
        .route("/app/users/{id}/sign-in", get(user::sign_in::show))
        .route("/app/users/{id}/sign-in/link", post(user::sign_in::link))
        .route("/app/users/{id}/sign-in/forget", post(user::sign_in::forget))
        .route("/app/users/{id}/active", post(user::set_active))
        .route("/app/users/{id}/convert", post(user::kind::convert))
        .route("/app/users/{id}/unlink", post(user::kind::unlink))
        .route("/app/users/{id}/link", post(user::kind::link))
        .route("/app/users/{id}/delete", post(user::delete))
        .route("/app/groups", get(groups::list).post(groups::create))
        .route("/app/groups/new", get(groups::form_new))
        .route("/app/groups/{id}", get(group::members))
        .route("/app/groups/{id}/raw", get(group::raw))
        .route("/app/groups/{id}/history", get(group::history))
        .route("/app/groups/{id}/members", post(group::moved))
        .route("/app/groups/{id}/absent", post(group::absent::forget))
        .route("/app/groups/{id}/roles", get(group::roles::show).post(group::roles::save))
        .route("/app/groups/{id}/name", post(group::rename))
        .route("/app/groups/{id}/delete", post(group::delete))
        .route("/app/fields", get(fields::list).post(fields::save))
        .route("/app/fields/new", get(fields::form_new))
        .route("/app/fields/edit", get(fields::form_edit))
        .route("/app/fields/preview", get(fields::preview_now))
        .route("/app/fields/move", post(fields::shift))
        .route("/app/fields/remove", post(fields::remove))
        .route("/app/fields/archived", get(fields::archived::show))
        .route("/app/fields/archive", post(fields::archived::archive))
        .route("/app/fields/restore", post(fields::archived::restore))
        .route("/app/fields/forget", post(fields::archived::forget))
        .route("/app/log", get(log::show))
        .route("/app/log/rows", get(log::fresh))
        .route("/app/log/export", get(log::export))
        .route("/app/report.json", get(log_entry::report))
        .route("/app/log/{seq}", get(log_entry::show))
        .route("/app/log/{seq}/json", get(log_entry::as_json))
        .route("/app/log/{seq}/replay", post(log_entry::replay))
        .route("/console/views", post(views::save))
        .route("/console/views/forget", post(views::forget))
        .route("/app/conflicts", get(conflicts::list))
        .route("/app/conflicts/bulk", post(conflicts::bulk))
        .route("/app/conflicts/dismiss", post(conflicts::dismiss))
        .route("/app/conflicts/link", post(conflicts::link_existing))
        .route("/app/conflicts/recall", post(conflicts::recall))
        .route("/app/jobs", get(jobs::list))
        .route("/app/jobs/{id}", get(jobs::show))
        .route("/app/jobs/{id}/now", get(jobs::fresh))
        .route("/app/jobs/{id}/failures.csv", get(jobs::failures))
        .route("/app/jobs/{id}/again", post(jobs::again))
        .route("/app/jobs/{id}/cancel", post(jobs::cancel))
        .route("/app/jobs/{id}/retry", post(jobs::retry))
        .route("/app/oidc", get(oidc::list).post(oidc::create))
        .route("/app/oidc/{id}", get(oidc::show).post(oidc::save))
        .route("/app/oidc/{id}/enabled", post(oidc::enable))
        .route("/app/oidc/{id}/secret", post(oidc::rotate))
        .route("/app/oidc/{id}/delete", post(oidc::delete))
        .route("/app/oidc-keys", post(oidc::new_key))
        .route("/app/oidc-keys/{id}/promote", post(oidc::promote_key))
        .route("/app/oidc-keys/{id}/remove", post(oidc::remove_key))
        .route("/app/settings", get(settings::show))
        .route("/app/settings/demo", post(settings::reset_demo))
        .route("/app/settings/export", get(settings_file::export))
        .route("/app/settings/import", get(settings_file::show).post(settings_file::compare))
        .route("/app/settings/import/apply", post(settings_file::apply))
        .route("/app/settings/general/{section}", post(settings::save))
}

/// For anybody: the guide, and links that carry their own permission.
pub(super) fn public() -> Router<App> {
    Router::new()
        .route("/docs", get(docs::index))
        .route("/docs/{slug}", get(docs::show))
        .route("/docs/errors/{code}", get(docs::error))
        .route("/docs/licences/{library}", get(docs::licences::show))
        .route("/docs/images/{name}", get(docs::picture))
        .route("/api/v1/openapi.json", get(docs::openapi))
        .route("/share/{secret}", get(share::show))
        .route("/share/{secret}/steps", get(share::steps))
        .route("/share/{secret}/token", post(share::token))
        .route("/share/{secret}/ask", post(share::ask))
        .route("/share/{secret}/done", post(share::done))
}

/// A file to keep.
fn download(kind: &'static str, name: &str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

const CSV: &str = "text/csv; charset=utf-8";
const JSON: &str = "application/json";

/// A form that was refused: the page with what is wrong, and 422.
fn unprocessable(mut page: Response<Body>) -> Response<Body> {
    *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    page
}
