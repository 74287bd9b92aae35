//! Roles at the application: a group gives them, and its people have them as long as they are in it.
//!
//! An application that signs people in with OpenID Connect is told them with the groups (claim `roles`); others ask the
//! admin API. What the identity provider sends as `roles` of a person is an attribute like others and has nothing to do
//! with these.

use super::directory::{Found, find, members};
use super::{audited, missing};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::limits;
use crate::tenants::TenantState;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{MemberView, TenantId};

/// What a change of a group's roles would do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Who would have a role that they have not, by the role: id and name.
    pub(crate) gain: BTreeMap<String, Vec<(String, String)>>,
    /// Who would have it no longer: no other group of theirs gives it.
    pub(crate) lose: BTreeMap<String, Vec<(String, String)>>,
    /// How many members were looked at, of how many; those of groups within it are not.
    pub(crate) looked_at: u64,
    pub(crate) members: u64,
}

impl Effect {
    /// As the admin API shows it.
    pub(crate) fn row(&self) -> Value {
        let all = |of: &BTreeMap<String, Vec<(String, String)>>| -> Value {
            let people = |all: &Vec<(String, String)>| -> Vec<Value> {
                all.iter().map(|(id, name)| json!({"id": id, "display": name})).collect()
            };
            of.iter().map(|(role, who)| json!({"role": role, "people": people(who)})).collect()
        };
        json!({"gain": all(&self.gain), "lose": all(&self.lose), "lookedAt": self.looked_at, "members": self.members})
    }
}

/// Roles as they are written: a word or a few, each once.
pub(crate) fn parsed<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<String>> {
    let all: BTreeSet<String> =
        words.into_iter().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    let fits = |word: &String| word.chars().count() <= limits::ROLE_CHARS_MAX && !word.contains(char::is_control);
    if all.len() > limits::GROUP_ROLES_MAX || !all.iter().all(fits) {
        let detail = format!(
            "a group gives {} roles at most, each of {} characters at most",
            limits::GROUP_ROLES_MAX,
            limits::ROLE_CHARS_MAX
        );
        return Err(scim::Error::invalid_value(detail).into());
    }
    Ok(all)
}

/// All groups that give a role.
pub(crate) async fn list(app: &App, tenant: TenantId) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let rows: Vec<(String, String)> = app.store().read(move |r| r.group_roles(tenant)).await?;
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (group, role) in rows {
        all.entry(group).or_default().insert(role);
    }
    Ok(all)
}

/// The roles that a group gives.
pub(crate) async fn of_group(app: &App, tenant: TenantId, group: &str) -> Result<BTreeSet<String>> {
    let group = group.to_owned();
    Ok(app.store().read(move |r| r.roles_of_group(tenant, &group)).await?)
}

/// The roles of a person: those of all their groups, also of groups around these.
pub(crate) async fn of_person(app: &App, tenant: TenantId, person: &Found) -> Result<BTreeSet<String>> {
    if person.groups.is_empty() {
        return Ok(BTreeSet::new());
    }
    let all = list(app, tenant).await?;
    Ok(person.groups.iter().filter_map(|group| all.get(&group.id)).flatten().cloned().collect())
}

/// Has a group give these roles and no others.
pub(crate) async fn set(
    app: &App,
    actor: &Actor,
    state: &Arc<TenantState>,
    group: &str,
    roles: BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    let (tenant, rt) = (state.tenant.id, state.named("Group").cloned());
    let line = ("group.roles", format!("{}/Groups/{group}", state.tenant.name), json!({"roles": roles}));
    let (id, kept, now, by) = (group.to_owned(), roles.clone(), app.clock().now(), actor.label.clone());
    audited(app, actor, line, move |w| {
        let is_there = rt.is_some_and(|rt| w.find(tenant, &rt, &id).is_ok_and(|found| found.is_some()));
        if !is_there {
            return Err(missing("there is no group of this id; see: provost group list"));
        }
        Ok(w.group_roles_set(tenant, &id, &kept, (now, &by))?)
    })
    .await?;
    Ok(roles)
}

/// Who would gain and who would lose a role if a group gave these; nothing is changed.
pub(crate) async fn effect(
    app: &App,
    state: &Arc<TenantState>,
    base: &str,
    group: &Found,
    wanted: &BTreeSet<String>,
) -> Result<Effect> {
    let all = list(app, state.tenant.id).await?;
    let none = BTreeSet::new();
    let before = all.get(&group.id).unwrap_or(&none);
    let looked: Vec<(i64, MemberView)> = members(app, state, group.rid, 0, limits::ROLE_PREVIEW_MEMBERS).await?;
    let mut effect = Effect { looked_at: looked.len() as u64, members: group.member_count, ..Effect::default() };
    for (_, member) in looked.into_iter().filter(|(_, member)| member.kind == "User") {
        let person = find(app, state, base, "User", &member.id).await?;
        let others = person.groups.iter().filter(|other| other.id != group.id);
        let kept: BTreeSet<&String> = others.filter_map(|other| all.get(&other.id)).flatten().collect();
        let note = |into: &mut BTreeMap<String, Vec<(String, String)>>, role: &String| {
            if !kept.contains(role) {
                into.entry(role.clone()).or_default().push((person.id.clone(), person.name()));
            }
        };
        wanted.difference(before).for_each(|role| note(&mut effect.gain, role));
        before.difference(wanted).for_each(|role| note(&mut effect.lose, role));
    }
    Ok(effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_words() {
        let all = parsed(["admin", " Support agent ", "", "admin"]).unwrap();
        assert_eq!(all.into_iter().collect::<Vec<_>>(), ["Support agent", "admin"]);
        assert!(parsed([["x"; 200].concat().as_str()]).is_err());
        assert!(parsed(["a\u{7}b"]).is_err());
        let many: Vec<String> = (0..=limits::GROUP_ROLES_MAX).map(|n| n.to_string()).collect();
        assert!(parsed(many.iter().map(String::as_str)).is_err());
    }
}
