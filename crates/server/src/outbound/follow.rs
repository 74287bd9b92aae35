//! From the change feed to what is due: which links a change of the directory makes out of date.
//!
//! Done in the transaction that moves the cursor, so a change is spread once, whichever node does it; spreading one twice
//! would only cost a look. Nothing here decides anything.

use super::import;
use super::integration::Integration;
use crate::admin::apps::assign::number;
use crate::admin::apps::push_groups;
use crate::app::App;
use crate::error::Result;
use crate::limits;
use crate::tenants::TenantState;
use provision::Dependency;
use provision::mapping::dependencies;
use provision::plan::Lane;
use provision::push_group::PushRule;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{AppId, AppRow, Change, ChangeKind, LinkKind, Principal, TenantId, Writer};

/// What has to be known of an app to spread a change to it.
struct Follower {
    integration: Integration,
    /// Whether accounts depend on their groups, besides through assignments.
    on_groups: bool,
    /// Whether accounts depend on their managers.
    on_manager: bool,
    rules: Vec<(i64, PushRule)>,
}

impl Follower {
    fn of(row: AppRow, rules: Vec<store::PushRuleRow>) -> Result<Self> {
        let integration = Integration::of(row)?;
        let depends = dependencies(&integration.app);
        let rules =
            rules.into_iter().filter_map(|row| Some((row.id, serde_json::from_value(row.rule).ok()?))).collect();
        Ok(Self {
            on_groups: depends.iter().any(|one| matches!(one, Dependency::Groups)),
            on_manager: depends.iter().any(|one| matches!(one, Dependency::Related { .. })),
            integration,
            rules,
        })
    }

    fn id(&self) -> AppId {
        self.integration.row.id
    }
}

/// Spreads the next changes of a tenant; whether there may be more.
pub(crate) async fn follow(app: &App, state: &Arc<TenantState>) -> Result<bool> {
    let (tenant, now) = (state.tenant.id, app.clock().now());
    let rows: Vec<(AppRow, Vec<store::PushRuleRow>)> = app
        .store()
        .read(move |r| {
            let mut rows = Vec::new();
            for row in r.apps(tenant)? {
                let rules = r.push_rules(row.id)?;
                rows.push((row, rules));
            }
            Ok(rows)
        })
        .await
        .map_err(|error: store::Error| crate::error::Error::from(error))?;
    let followers = rows.into_iter().map(|(row, rules)| Follower::of(row, rules)).collect::<Result<Vec<_>>>()?;
    let state = Arc::clone(state);
    app.store()
        .write_late_in(tenant, move |w| -> Result<bool> {
            let Some(cursor) = w.feed_cursor(tenant)? else { return Ok(false) };
            let changes = w.changes(tenant, cursor, limits::OUTBOUND_FEED_BATCH)?;
            for change in &changes {
                spread(w, &state, &followers, change, now)?;
            }
            if let Some(last) = changes.last() {
                w.feed_moved(tenant, last.seq)?;
            }
            Ok(changes.len() >= limits::OUTBOUND_FEED_BATCH as usize)
        })
        .await
}

fn spread(w: &mut Writer, state: &TenantState, followers: &[Follower], change: &Change, now: i64) -> Result<()> {
    match change.resource_type.as_str() {
        "User" => person(w, followers, change, now),
        "Group" => match change.kind {
            ChangeKind::MembersChanged => members(w, followers, change, now),
            ChangeKind::Deleted => deleted_group(w, followers, change, now),
            ChangeKind::Created | ChangeKind::Updated => group(w, state, followers, change, now),
        },
        _ => Ok(()),
    }
}

/// Whether a change is about an attribute.
fn is_about(change: &Change, name: &str) -> bool {
    listed(change, "attributes").iter().any(|changed| changed.eq_ignore_ascii_case(name))
}

/// Whether somebody may have to go, at some app or at all.
fn leaves(change: &Change) -> bool {
    let comes = change.what.get("active") == Some(&Value::Bool(true));
    change.kind == ChangeKind::Deleted || (is_about(change, "active") && !comes)
}

fn person(w: &mut Writer, followers: &[Follower], change: &Change, now: i64) -> Result<()> {
    if is_about(change, "active") {
        let by = followers.iter().find(|follower| import::label(&follower.integration.row.name) == change.actor);
        w.links_ended_elsewhere(change.tenant, &change.id, by.map(Follower::id))?;
    }
    let lane = number(if leaves(change) { Lane::Leaver } else { Lane::Change });
    for follower in followers {
        w.link_nudge_known(follower.id(), LinkKind::User, &change.id, lane, now)?;
    }
    if followers.iter().any(|follower| follower.on_manager) {
        let reports = w.reports(change.tenant, &change.id, limits::OUTBOUND_REPORTS_MAX)?;
        for follower in followers.iter().filter(|follower| follower.on_manager) {
            if reports.len() >= limits::OUTBOUND_REPORTS_MAX as usize {
                // Nobody is left out: everybody is looked at, lazily.
                w.app_bump(follower.id())?;
            }
            for report in &reports {
                w.link_nudge_known(follower.id(), LinkKind::User, report, number(Lane::Change), now)?;
            }
        }
    }
    Ok(())
}

fn group(w: &mut Writer, state: &TenantState, followers: &[Follower], change: &Change, now: i64) -> Result<()> {
    let name = w.display_of(change.tenant, &change.id)?.unwrap_or_default();
    for follower in followers {
        let chosen = follower.rules.iter().find(|(_, rule)| rule.chooses(&name, ""));
        if let Some((rule, _)) = chosen
            && w.push_group(follower.id(), &change.id)?.is_none()
        {
            push_groups::choose(w, state, &follower.integration, &change.id, *rule, now)?;
        }
        w.link_nudge_known(follower.id(), LinkKind::Group, &change.id, number(Lane::Change), now)?;
        if follower.on_groups && change.kind == ChangeKind::Updated && is_about(change, "displayName") {
            w.fill_insert(change.tenant, follower.id(), &change.id, number(Lane::Backfill), false)?;
        }
    }
    Ok(())
}

/// Whoever may have to leave was noted when it was deleted. Of those whose accounts say in which groups they are nobody knows
/// any more who was in it: everybody is looked at, lazily.
fn deleted_group(w: &mut Writer, followers: &[Follower], change: &Change, now: i64) -> Result<()> {
    for follower in followers {
        w.unassign(follower.id(), Principal::Group, &change.id)?;
        if follower.on_groups {
            w.app_bump(follower.id())?;
        }
        w.push_group_delete(follower.id(), &change.id, now)?;
    }
    Ok(())
}

/// A list of texts in what a change says of itself.
fn listed<'c>(change: &'c Change, name: &str) -> Vec<&'c str> {
    change.what.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn members(w: &mut Writer, followers: &[Follower], change: &Change, now: i64) -> Result<()> {
    let mut around: BTreeSet<String> = w.groups_holding(change.tenant, &change.id)?.into_iter().collect();
    around.insert(change.id.clone());
    for follower in followers {
        let mut assigned = false;
        for group in &around {
            assigned |= w.assignment(follower.id(), Principal::Group, group)?.is_some();
            let at = now.saturating_add(limits::OUTBOUND_GATHER);
            w.link_nudge_known(follower.id(), LinkKind::Group, group, number(Lane::Change), at)?;
        }
        if !assigned && !follower.on_groups {
            continue;
        }
        for id in listed(change, "added") {
            joined(w, change.tenant, follower.id(), id, number(Lane::Arrival), assigned, now)?;
        }
        for id in listed(change, "removed") {
            joined(w, change.tenant, follower.id(), id, number(Lane::Leaver), false, now)?;
        }
    }
    Ok(())
}

/// Somebody, or everybody in a group, came to or went from where it matters.
fn joined(w: &mut Writer, tenant: TenantId, app: AppId, id: &str, lane: i64, make: bool, now: i64) -> Result<()> {
    match w.kind_of(tenant, id)?.as_deref() {
        Some("Group") => w.fill_insert(tenant, app, id, lane, make)?,
        Some("User") if make => w.link_nudge(tenant, app, LinkKind::User, id, lane, now)?,
        _ => {
            w.link_nudge_known(app, LinkKind::User, id, lane, now)?;
        }
    }
    Ok(())
}
