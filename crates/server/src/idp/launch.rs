//! The apps that somebody can start from their own page.

use super::SamlApp;
use crate::app::App;
use crate::error::Result;
use crate::outbound::integration::Integration;
use crate::tenants::TenantState;
use std::collections::BTreeSet;
use store::{AppId, AppRow, Principal};

/// The apps that this person is assigned to, themselves or through a group, that they can sign in to from here, and that
/// are in use and not hidden; by their labels. Whether they may is asked again when they go (`said`).
pub(crate) async fn startable(app: &App, state: &TenantState, person: &str) -> Result<Vec<Integration>> {
    let (tenant, person) = (state.tenant.id, person.to_owned());
    let read = app.store().read(move |r| -> store::Result<Vec<AppRow>> {
        let mut held: BTreeSet<AppId> = r.assigned_apps(tenant, Principal::User, &person)?.into_iter().collect();
        for group in r.groups_holding(tenant, &person)? {
            held.extend(r.assigned_apps(tenant, Principal::Group, &group)?);
        }
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = r.apps(tenant)?;
        rows.retain(|row| held.contains(&row.id));
        Ok(rows)
    });
    let mut all = read.await?.into_iter().map(Integration::of).collect::<Result<Vec<_>>>()?;
    all.retain(is_shown);
    all.sort_by_key(|integration| integration.app.label.to_lowercase());
    Ok(all)
}

fn is_shown(integration: &Integration) -> bool {
    let options = &integration.options;
    !options.hidden && !options.deactivated && SamlApp::of(integration).is_ok_and(|saml| saml.is_set())
}
