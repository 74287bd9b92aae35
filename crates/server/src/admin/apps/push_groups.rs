//! Groups that are pushed to an app: by name, or by a rule.

use super::assign::resolved;
use super::{told, with_tenant};
use crate::admin::{audited, missing};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::limits;
use crate::outbound::integration::Integration;
use crate::tenants::TenantState;
use provision::push_group::{LinkMode, PushRule};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use store::{LinkKind, Precheck, Principal, PushGroupRow, PushRuleRow, Writer};

/// A group to push.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewPushGroup {
    /// The group's id, or its displayName.
    pub(crate) group: String,
    /// Its name at the app; nothing is its own.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// Whether a group of that name that is there already is taken.
    #[serde(default)]
    pub(crate) mode: LinkMode,
    /// Whether it is not pushed for now.
    #[serde(default)]
    pub(crate) paused: bool,
}

pub(super) fn word(mode: LinkMode) -> String {
    match mode {
        LinkMode::Create => "create",
        LinkMode::Link => "link",
    }
    .to_owned()
}

/// A group before it is pushed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Before {
    /// Its id.
    pub(crate) group: String,
    /// Its name.
    pub(crate) display: String,
    /// Whether it is pushed already.
    pub(crate) pushed: bool,
    /// How its members stand at the app.
    #[serde(flatten)]
    pub(crate) members: Precheck,
}

/// What pushing a group would find: who of its members would be left out.
pub(crate) async fn before(app: &App, tenant: &str, name: &str, group: &str) -> Result<Before> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, group) = (integration.row.id, group.to_owned());
    app.store()
        .read(move |r| -> Result<Before> {
            let tenant = state.tenant.id;
            let group = resolved(r, &state, Principal::Group, &group)?;
            let display = r.display_of(tenant, &group)?.unwrap_or_else(|| group.clone());
            let pushed = r.push_group(id, &group)?.is_some();
            let members = r.push_precheck(tenant, id, &group, limits::PUSH_LOOKED_MAX)?;
            Ok(Before { group, display, pushed, members })
        })
        .await
}

/// What a rule would choose.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Choice {
    /// The first of the groups, by id and name, and whether each is pushed already.
    pub(crate) groups: Vec<Chosen>,
    /// How many fit.
    pub(crate) fitting: usize,
    /// Of these, how many are not pushed yet.
    pub(crate) new: usize,
    /// How many groups were looked at.
    pub(crate) looked_at: usize,
    /// Whether there are more, which were not.
    pub(crate) more: bool,
}

/// A group that a rule chooses.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chosen {
    /// Its id.
    pub(crate) group: String,
    /// Its name.
    pub(crate) display: String,
    /// Whether it is pushed already.
    pub(crate) pushed: bool,
}

/// Which groups a rule would choose if it were made now.
pub(crate) async fn try_rule(app: &App, tenant: &str, name: &str, rule: PushRule) -> Result<Choice> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    check_rule(&rule)?;
    let (tenant, id) = (state.tenant.id, integration.row.id);
    app.store()
        .read(move |r| -> Result<Choice> {
            let (mut choice, mut after) = (Choice::default(), 0);
            let mut groups = r.groups_after(tenant, after, 500)?;
            while let Some((last, _, _)) = groups.last() {
                if choice.looked_at >= limits::PUSH_RULE_LOOKED {
                    choice.more = true;
                    break;
                }
                after = *last;
                choice.looked_at += groups.len();
                for (_, group, display) in groups {
                    if rule.chooses(&display, "") {
                        choice.take(Chosen { pushed: r.push_group(id, &group)?.is_some(), group, display });
                    }
                }
                groups = r.groups_after(tenant, after, 500)?;
            }
            Ok(choice)
        })
        .await
}

impl Choice {
    fn take(&mut self, chosen: Chosen) {
        self.fitting += 1;
        self.new += usize::from(!chosen.pushed);
        if self.groups.len() < limits::PUSH_RULE_NAMED {
            self.groups.push(chosen);
        }
    }
}

/// Pushes a group, or changes how it is pushed.
pub(crate) async fn push(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    wanted: NewPushGroup,
) -> Result<PushGroupRow> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now, known) = (integration.row.id, app.clock().now(), Arc::clone(&state));
    let line = ("app.push", format!("{tenant}/app/{name}/group/{}", wanted.group), json!({}));
    let pushed = audited(app, actor, line, move |w| {
        let resource = resolved(w, &known, Principal::Group, &wanted.group)?;
        let new = PushGroupRow {
            resource: resource.clone(),
            name: wanted.name.filter(|name| !name.trim().is_empty()),
            mode: word(wanted.mode),
            active: !wanted.paused,
            ..PushGroupRow::default()
        };
        w.push_group_insert(known.tenant.id, id, &new, now)?;
        w.push_group(id, &resource)?.ok_or_else(|| missing("the pushed group is gone"))
    })
    .await?;
    told(app, &state);
    Ok(pushed)
}

/// Pushes a group no longer. `delete` says what becomes of it there: `Some(true)` it is deleted, `Some(false)` it is
/// left, nothing is what the policy says (and then stays so for the others).
pub(crate) async fn unlink(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    group: &str,
    delete: Option<bool>,
) -> Result<()> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now, group, known) = (integration.row.id, app.clock().now(), group.to_owned(), Arc::clone(&state));
    let line = ("app.unpush", format!("{tenant}/app/{name}/group/{group}"), json!({"delete": delete}));
    audited(app, actor, line, move |w| {
        let resource = resolved(w, &known, Principal::Group, &group).unwrap_or(group);
        if !w.push_group_delete(id, &resource, now)? {
            return Err(missing("this group is not pushed; see: provost app groups"));
        }
        if let Some(delete) = delete {
            w.push_group_leave(id, &resource, delete)?;
        }
        Ok(())
    })
    .await?;
    told(app, &state);
    Ok(())
}

/// The groups that are pushed, and the rules.
pub(crate) async fn list(app: &App, tenant: &str, name: &str) -> Result<(Vec<PushGroupRow>, Vec<PushRuleRow>)> {
    let id = with_tenant(app, tenant, name).await?.1.row.id;
    let read = app.store().read(move |r| Ok((r.push_groups(id)?, r.push_rules(id)?))).await;
    read.map_err(|error: store::Error| error.into())
}

/// Sends a group's members once more, blocked ones included: *Push now*.
pub(crate) async fn push_now(app: &App, actor: &Actor, tenant: &str, name: &str, group: &str) -> Result<()> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now, group, known) = (integration.row.id, app.clock().now(), group.to_owned(), Arc::clone(&state));
    let line = ("app.pushNow", format!("{tenant}/app/{name}/group/{group}"), json!({}));
    audited(app, actor, line, move |w| {
        let resource = resolved(w, &known, Principal::Group, &group)?;
        let link = w.link_of(id, LinkKind::Group, &resource)?;
        let link = link.ok_or_else(|| missing("this group is not pushed; see: provost app groups"))?;
        w.link_retry(link.id, 2, now)?;
        Ok(())
    })
    .await?;
    told(app, &state);
    Ok(())
}

/// Adds a rule and pushes the groups that it chooses, now and when others come; answers its number and how many it
/// chose now.
pub(crate) async fn add_rule(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    rule: PushRule,
) -> Result<(i64, usize)> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    check_rule(&rule)?;
    let (now, known) = (app.clock().now(), Arc::clone(&state));
    let line = ("app.pushRule", format!("{tenant}/app/{name}"), json!(rule));
    let made = audited(app, actor, line, move |w| put_rule(w, &known, &integration, &rule, now)).await?;
    told(app, &state);
    Ok(made)
}

/// What keeps a rule from choosing anything.
pub(super) fn check_rule(rule: &PushRule) -> Result<()> {
    let detail = match (&rule.name, &rule.description) {
        (_, Some(_)) => "groups of this directory have no description: a rule compares the name",
        (None, None) => "a rule compares the name: [\"startsWith\", \"Sa\"]",
        (Some(_), None) => return Ok(()),
    };
    Err(scim::Error::invalid_value(detail).into())
}

/// Stores a rule and pushes what it chooses now; its number, and how many it chose.
pub(super) fn put_rule(
    w: &mut Writer,
    state: &TenantState,
    integration: &Integration,
    rule: &PushRule,
    now: i64,
) -> Result<(i64, usize)> {
    let (tenant, id) = (state.tenant.id, integration.row.id);
    let number = w.push_rule_insert(tenant, id, &json!(rule))?;
    let (mut chosen, mut after) = (0, 0);
    let mut groups = w.groups_after(tenant, after, 500)?;
    while let Some((last, _, _)) = groups.last() {
        after = *last;
        for (_, group, name) in &groups {
            // A group's description is not part of its core schema, so its name decides.
            if rule.chooses(name, "") && w.push_group(id, group)?.is_none() {
                choose(w, state, integration, group, number, now)?;
                chosen += 1;
            }
        }
        groups = w.groups_after(tenant, after, 500)?;
    }
    Ok((number, chosen))
}

/// A rule has chosen a group.
pub(crate) fn choose(
    w: &mut Writer,
    state: &TenantState,
    integration: &Integration,
    group: &str,
    rule: i64,
    now: i64,
) -> Result<()> {
    let new = PushGroupRow {
        resource: group.to_owned(),
        rule: Some(rule),
        mode: word(LinkMode::Link),
        active: true,
        ..PushGroupRow::default()
    };
    w.push_group_insert(state.tenant.id, integration.row.id, &new, now)?;
    Ok(())
}

/// Takes a rule away; the groups that it chose stay pushed, by name.
pub(crate) async fn remove_rule(app: &App, actor: &Actor, tenant: &str, name: &str, rule: i64) -> Result<()> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let id = integration.row.id;
    let line = ("app.unpushRule", format!("{tenant}/app/{name}/rule/{rule}"), json!({}));
    audited(app, actor, line, move |w| match w.push_rule_delete(id, rule)? {
        true => Ok(()),
        false => Err(missing("this app has no rule of this number")),
    })
    .await?;
    told(app, &state);
    Ok(())
}
