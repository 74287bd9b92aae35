//! What is decided about, as it is now: a person with groups, manager and assignments, or a pushed group with members.

use super::directory::Profile;
use super::integration::Integration;
use super::others::{Accounts, Others};
use crate::error::Result;
use crate::tenants::TenantState;
use provision::app::Policy;
use provision::assignment::{Assignment, Principal as Whom, Standing};
use provision::expression::{Membership, Status};
use provision::link::Link;
use provision::mapping::{self, Explained};
use provision::plan::{Desired, Members, Rules};
use provision::push_group::{self, Candidate, LinkMode, PushGroup};
use provision::target::GroupUpdate;
use provision::{Facts, Person};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use store::{AppId, AssignmentRow, Headcount, LinkKind, LinkRow, PersonRow, Principal, PushGroupRow, Reader};

/// Everything that a decision about one link takes.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    /// What should be there.
    pub(crate) desired: Desired,
    /// What the administrator decided.
    pub(crate) policy: Policy,
    /// Of a person: why.
    pub(crate) standing: Option<Standing>,
    /// Of a person: whom it was decided about.
    pub(crate) facts: Option<Facts>,
    /// Of a group: whose membership was in doubt when this was compared (`Link::unsure`).
    pub(crate) unsure: BTreeSet<String>,
    /// Of a pushed group: how many of its people are there.
    pub(crate) headcount: Option<Headcount>,
}

impl Inputs {
    /// What a decision goes by.
    pub(crate) fn rules<'a>(&'a self, integration: &'a Integration, kind: LinkKind) -> Rules<'a> {
        Rules { kind: kind_of(kind), policy: &self.policy, target: &integration.app.target }
    }

    /// What was just brought or taken away, or is left out, is no difference any more.
    pub(crate) fn moved(&mut self, done: Option<&Members>, blocked: Option<&str>) {
        let Desired::Present(want) = &mut self.desired else { return };
        let Some(members) = &mut want.members else { return };
        if let Some(done) = done {
            members.settle(done);
            let came = number(done.add.len()) - number(done.remove.len());
            self.headcount = self.headcount.map(|head| Headcount { there: (head.there + came).max(0), ..head });
        }
        blocked.into_iter().for_each(|id| members.leave_out(id));
    }

    /// The people without whose accounts it is not complete, where somebody has to be told when they have one. Groups are
    /// woken by their members.
    pub(crate) fn waits(&self) -> Vec<String> {
        match &self.desired {
            Desired::Present(want) if want.members.is_none() => want.waits.clone(),
            _ => Vec::new(),
        }
    }
}

/// The kind of a link, as the rules call it.
pub(crate) fn kind_of(kind: LinkKind) -> provision::link::Kind {
    match kind {
        LinkKind::User => provision::link::Kind::User,
        LinkKind::Group => provision::link::Kind::Group,
    }
}

/// Through what somebody has an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Through {
    /// They are assigned themselves.
    pub(crate) own: bool,
    /// A group that they are in is assigned.
    pub(crate) group: bool,
    /// They have values of their own, which are no reason.
    pub(crate) values: bool,
}

/// What is asked of the directory for decisions about people, read for many of them in one go: them and their managers, and
/// the assignments that are about them.
#[derive(Debug, Default)]
pub(crate) struct Around {
    people: HashMap<String, PersonRow>,
    assignments: HashMap<String, AssignmentRow>,
    others: Others,
    accounts: Accounts,
}

impl Around {
    /// Of these people, with their accounts at other apps where expressions read them.
    pub(crate) fn read(r: &Reader, state: &TenantState, integration: &Integration, ids: &[&str]) -> Result<Self> {
        let mut around = Self::known(r, state, integration.row.id, ids)?;
        around.others = Others::read(r, state.tenant.id, integration)?;
        let people: Vec<&str> = around.people.keys().map(String::as_str).collect();
        around.accounts = around.others.accounts(r, &people)?;
        Ok(around)
    }

    fn known(r: &Reader, state: &TenantState, app: AppId, ids: &[&str]) -> Result<Self> {
        let Some(users) = state.named("User").filter(|_| !ids.is_empty()) else { return Ok(Self::default()) };
        let tenant = state.tenant.id;
        let mut people = r.people(tenant, users, app, ids)?;
        let groups: BTreeSet<&str> = people.values().flat_map(|row| &row.view.groups).map(|group| &*group.id).collect();
        let whom: Vec<(Principal, &str)> = ids
            .iter()
            .map(|id| (Principal::User, *id))
            .chain(groups.into_iter().map(|group| (Principal::Group, group)))
            .collect();
        let assigned = r.assignments_of(app, &whom)?.into_iter().flatten();
        let assignments = assigned.map(|row| (row.resource.clone(), row)).collect();
        let managers: BTreeSet<String> = people.values().filter_map(manager).map(str::to_owned).collect();
        let others: Vec<&str> = managers.iter().map(String::as_str).filter(|id| !people.contains_key(*id)).collect();
        let others = r.people(tenant, users, app, &others)?;
        people.extend(others);
        Ok(Self { people, assignments, ..Self::default() })
    }

    /// Through what somebody has the app.
    pub(crate) fn through(&self, id: &str) -> Through {
        let own = self.assignments.get(id);
        let groups = self.people.get(id).map(|person| &person.view.groups);
        Through {
            own: own.is_some_and(|own| !own.only_values),
            values: own.is_some_and(|own| own.only_values),
            group: groups.is_some_and(|groups| groups.iter().any(|group| self.assignments.contains_key(&group.id))),
        }
    }

    /// The assignments that are about somebody: their own, and those of their groups.
    fn assignments(&self, person: &PersonRow) -> Vec<Assignment> {
        let groups = person.view.groups.iter().map(|group| &group.id);
        let about = std::iter::once(&person.view.id).chain(groups).filter_map(|id| self.assignments.get(id));
        about.cloned().map(assignment).collect()
    }
}

/// The id of somebody's manager.
fn manager(row: &PersonRow) -> Option<&str> {
    row.view.manager.as_ref()?.id.as_deref()
}

/// Where what is said of people comes from: the tenant, the app, and what its mappings read.
pub(crate) type Sources<'a> = (&'a TenantState, &'a Integration, &'a Profile);

/// Reads what a decision about this link takes.
pub(crate) fn read(r: &Reader, sources: Sources<'_>, row: &LinkRow, link: &Link, now: i64) -> Result<Inputs> {
    let person: Option<&str> = (row.kind == LinkKind::User).then_some(&row.resource);
    let around = Around::read(r, sources.0, sources.1, &person.into_iter().collect::<Vec<_>>())?;
    of(r, &around, sources, row, link, now)
}

/// What a decision about this link takes; of a person, from what was read around them.
pub(crate) fn of(
    r: &Reader,
    around: &Around,
    sources: Sources<'_>,
    row: &LinkRow,
    link: &Link,
    now: i64,
) -> Result<Inputs> {
    match row.kind {
        LinkKind::User => of_person(around, sources, &row.resource, link, now),
        LinkKind::Group => group(r, sources.0, sources.1, row, link, now),
    }
}

/// The inputs of a person who may have no link yet, with everything that is known of them.
pub(crate) fn person(
    r: &Reader,
    state: &TenantState,
    integration: &Integration,
    id: &str,
    link: &Link,
    now: i64,
) -> Result<Inputs> {
    let whole = state.named("User").map_or_else(Profile::default, |users| Profile::whole(users));
    let around = Around::read(r, state, integration, &[id])?;
    of_person(&around, (state, integration, &whole), id, link, now)
}

fn of_person(around: &Around, sources: Sources<'_>, id: &str, link: &Link, now: i64) -> Result<Inputs> {
    let (_, integration, _) = sources;
    let (facts, assignments) = facts(around, sources, id, link)?;
    let Explained { standing, desired } =
        mapping::desired(&integration.app, &integration.rows, &facts, &assignments, id, now);
    Ok(Inputs {
        desired,
        policy: integration.app.policy,
        standing: Some(standing),
        facts: Some(facts),
        unsure: link.unsure.clone(),
        headcount: None,
    })
}

fn facts(
    around: &Around,
    (state, integration, profile): Sources<'_>,
    id: &str,
    link: &Link,
) -> Result<(Facts, Vec<Assignment>)> {
    let (Some(users), Some(found)) = (state.named("User"), around.people.get(id)) else {
        let gone = Person { id: id.to_owned(), status: Status::Deleted, ..Person::default() };
        return Ok((Facts { user: gone, ..Facts::default() }, Vec::new()));
    };
    let manager = manager(found).and_then(|id| around.people.get(id));
    let mut user = known(found, users, profile)?;
    user.manager = manager.map(|manager| known(manager, users, profile)).transpose()?.map(Box::new);
    let lists =
        |id: &str| around.accounts.get(id).into_iter().flatten().map(|(app, one)| (app.clone(), vec![one.clone()]));
    user.accounts = lists(id).collect();
    if let Some(manager) = &mut user.manager {
        manager.accounts = lists(&manager.id).collect();
    }
    let shown = link.document.as_ref().map(|document| mapping::app_user(&integration.app, &integration.rows, document));
    let facts = Facts {
        user,
        app_user: shown.unwrap_or_default(),
        app: integration.app.settings.clone(),
        org: Map::from_iter([("name".to_owned(), Value::from(state.tenant.name.as_str()))]),
        objects: around.others.objects(around.accounts.get(id)),
        ..Facts::default()
    };
    Ok((facts, around.assignments(found)))
}

fn known(row: &PersonRow, users: &scim::ResourceType, profile: &Profile) -> Result<Person> {
    let document = row.view.document("", users)?;
    let mut profile = profile.read(&document);
    if let Some(manager) = &row.view.manager {
        // What was sent: an id of ours would say nothing to the app.
        profile.insert("managerId".into(), Value::from(manager.raw.as_str()));
    }
    let active = document.get("active") != Some(&Value::Bool(false));
    let status = match row.status.as_deref() {
        Some("staged") => Status::Staged,
        Some("suspended") if active => Status::Suspended,
        _ if active => Status::Active,
        _ => Status::Deactivated,
    };
    let groups = row.view.groups.iter().map(|group| Membership {
        id: group.id.clone(),
        name: group.display.clone().unwrap_or_default(),
        kind: "OKTA_GROUP".into(),
        source: String::new(),
    });
    Ok(Person {
        id: row.view.id.clone(),
        status,
        groups: groups.collect(),
        profile,
        remote_id: row.remote_id.clone(),
        ..Person::default()
    })
}

fn assignment(row: AssignmentRow) -> Assignment {
    let principal = match row.principal {
        Principal::User => Whom::Person(row.resource),
        Principal::Group => Whom::Group(row.resource),
    };
    Assignment {
        id: row.id.to_string(),
        principal,
        priority: row.priority,
        profile: row.profile,
        only_values: row.only_values,
    }
}

fn group(
    r: &Reader,
    state: &TenantState,
    integration: &Integration,
    row: &LinkRow,
    link: &Link,
    now: i64,
) -> Result<Inputs> {
    let app = &integration.app;
    let pushed = r.push_group(integration.row.id, &row.resource)?;
    // A group that is gone in the directory is pushed no longer.
    let pushed = pushed.filter(|pushed| pushed.display.is_some()).map(pushed_group);
    let mut policy = push_group::policy(app, pushed.as_ref());
    match row.leave.as_deref() {
        Some("delete") => policy.delete_unlinked_groups = true,
        Some("keep") => policy.delete_unlinked_groups = false,
        _ => {}
    }
    let Compared { members, waits, headcount } = match pushed {
        Some(_) => members(r, state, integration, row, &link.unsure, now)?,
        None => Compared::default(),
    };
    let named = provision::App { policy, ..app.clone() };
    let name = row.name.clone().unwrap_or_default();
    let desired = push_group::desired(&named, pushed.as_ref(), &name, members, waits, &row.resource);
    Ok(Inputs { desired, policy, standing: None, facts: None, unsure: link.unsure.clone(), headcount })
}

fn pushed_group(row: PushGroupRow) -> PushGroup {
    PushGroup {
        group: row.resource,
        rule: row.rule.map(|rule| rule.to_string()),
        name: row.name,
        mode: if row.mode == "create" { LinkMode::Create } else { LinkMode::Link },
        active: row.active,
    }
}

/// Who should be in a group, beside who is known to be.
#[derive(Default)]
struct Compared {
    members: Members,
    waits: Vec<String>,
    headcount: Option<Headcount>,
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn members(
    r: &Reader,
    state: &TenantState,
    integration: &Integration,
    row: &LinkRow,
    unsure: &BTreeSet<String>,
    now: i64,
) -> Result<Compared> {
    let wanted = r.push_wanted(state.tenant.id, integration.row.id, &row.resource)?;
    let wanted: Vec<Candidate> = wanted
        .into_iter()
        .map(|one| Candidate { person: one.person, remote_id: one.remote_id, display: one.display })
        .collect();
    let (mut known, mut blocked) = (BTreeSet::new(), BTreeSet::new());
    for member in r.push_known(row.id)? {
        let set = if member.blocked { &mut blocked } else { &mut known };
        set.insert(member.remote_id);
    }
    let whole = integration.app.target.group_update == GroupUpdate::Put;
    let (mut members, waits) = push_group::members(&wanted, &known, unsure, &blocked, whole);
    // A shrink in several bites is one shrink.
    members.before += usize::try_from(shrunk(r, integration, row.id, now)?).unwrap_or(0);
    let (there, people, left_out) = (number(known.len()), number(wanted.len()), number(waits.len()));
    Ok(Compared { members, waits, headcount: Some(Headcount { there, people, left_out }) })
}

fn shrunk(r: &Reader, integration: &Integration, link: i64, now: i64) -> Result<u64> {
    let metric = provision::brake::Metric::MembershipShrink;
    let limits = integration.app.brakes.iter().filter(|limit| limit.metric == metric);
    let Some(window) = limits.map(|limit| limit.window_ms).max() else { return Ok(0) };
    let since = now.saturating_sub(window.saturating_mul(1_000));
    Ok(r.destroyed_of(link, super::brakes::word(metric), since)?)
}
