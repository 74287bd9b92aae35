//! Saved views: filters of a list that an operator has given a name. They change nobody's data, so they are in no trail, and
//! whoever may look at a list may keep one.

use super::{missing, tenant_of};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::limits;
use serde::Deserialize;
use store::SavedView;

/// The lists that have views.
pub(crate) const PAGES: [&str; 3] = ["users", "groups", "log"];
/// Longest name.
pub(crate) const NAME_CHARS_MAX: u32 = 60;

/// A view as it is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) page: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) query: String,
}

/// Somebody's views of all lists.
pub(crate) async fn list(app: &App, actor: &Actor, tenant: &str) -> Result<Vec<SavedView>> {
    let (tenant, owner) = (tenant_of(app, tenant)?.tenant.id, actor.label.clone());
    app.store().read(move |r| r.saved_views(tenant, &owner)).await.map_err(|error: store::Error| error.into())
}

/// Keeps one; one of that name is replaced.
pub(crate) async fn save(app: &App, actor: &Actor, tenant: &str, wanted: Wanted) -> Result<SavedView> {
    let refuse = |what: String| Err(scim::Error::invalid_value(what).into());
    let (id, name) = (tenant_of(app, tenant)?.tenant.id, wanted.name.trim().to_owned());
    if !PAGES.contains(&wanted.page.as_str()) {
        return refuse(format!("page is one of {}", PAGES.join(", ")));
    }
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX as usize || name.chars().any(char::is_control) {
        return refuse(format!("give the view a name of 1 to {NAME_CHARS_MAX} characters"));
    }
    let query = wanted.query.trim_start_matches('?').to_owned();
    if query.is_empty() || query.len() > limits::VIEW_QUERY_BYTES_MAX || query.contains(char::is_control) {
        return refuse("query is what stands behind the ? in the address of the filtered list".into());
    }
    let held = list(app, actor, tenant).await?;
    let is_new = !held.iter().any(|view| view.page == wanted.page && view.name == name);
    if is_new && held.len() >= limits::VIEWS_MAX {
        return refuse(format!("at most {} views are kept; remove one first", limits::VIEWS_MAX));
    }
    let view = SavedView { page: wanted.page, name, query, at: app.clock().now() };
    let (kept, owner) = (view.clone(), actor.label.clone());
    let saved = app.store().write(move |w| w.save_view(id, &owner, &kept)).await;
    saved.map_err(|error: store::Error| crate::error::Error::from(error))?;
    Ok(view)
}

/// Takes one away.
pub(crate) async fn forget(app: &App, actor: &Actor, tenant: &str, page: &str, name: &str) -> Result<()> {
    let id = tenant_of(app, tenant)?.tenant.id;
    let (owner, page, name) = (actor.label.clone(), page.to_owned(), name.to_owned());
    let gone: store::Result<bool> = app.store().write(move |w| w.forget_view(id, &owner, &page, &name)).await;
    if gone? { Ok(()) } else { Err(missing("you have no view of this name")) }
}
