//! Users and groups as an operator sees and changes them.
//!
//! Lists are read by keyset, so that the last page of a million costs what the first one does. Changes are SCIM requests
//! that are carried out here: the same use cases, the same log.

use super::missing;
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::error::Result;
use crate::scim::{Acted, Order, act};
use crate::tenants::TenantState;
use axum::http::Method;
use scim::{AttrPath, Filter, ResourceType};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use store::{
    Change, Effort, GroupView, Lifecycle, LogEntry, LogQuery, ManagerView, MemberView, Only, Position, Query, Reader,
    Sort, Start, TenantId, Unlinked, View,
};

/// A resource, taken apart for showing.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) rid: i64,
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) created_at: i64,
    pub(crate) modified_at: i64,
    pub(crate) member_count: u64,
    /// When an identity provider last said something new of it.
    pub(crate) heard_at: Option<i64>,
    /// Where a person stands besides what `active` says, where that was asked: `staged` or `suspended`.
    pub(crate) lifecycle: Option<String>,
    /// As the API shows it, without members.
    pub(crate) document: Map<String, Value>,
    pub(crate) manager: Option<ManagerView>,
    pub(crate) groups: Vec<GroupView>,
}

impl Found {
    fn new(view: View, base: &str, rt: &ResourceType) -> store::Result<Self> {
        let document = view.document(base, rt)?;
        Ok(Self {
            rid: view.rid,
            id: view.id,
            version: view.version,
            created_at: view.created_at,
            modified_at: view.modified_at,
            member_count: view.member_count,
            heard_at: view.heard_at,
            lifecycle: None,
            document,
            manager: view.manager,
            groups: view.groups,
        })
    }

    /// The text at a place of the document, such as `name.givenName`.
    pub(crate) fn text(&self, path: &str) -> &str {
        let mut value = None;
        for (depth, part) in path.split('.').enumerate() {
            value = if depth == 0 { self.document.get(part) } else { value.and_then(|value: &Value| value.get(part)) };
        }
        value.and_then(Value::as_str).unwrap_or_default()
    }

    /// What people call it: its display name, or the parts of the name, or the login.
    pub(crate) fn name(&self) -> String {
        let display = self.text("displayName");
        if !display.is_empty() {
            return display.to_owned();
        }
        let whole = format!("{} {}", self.text("name.givenName"), self.text("name.familyName"));
        let whole = whole.trim();
        match (whole.is_empty(), self.text("name.formatted"), self.text("userName")) {
            (false, ..) => whole.to_owned(),
            (_, formatted, _) if !formatted.is_empty() => formatted.to_owned(),
            (_, _, login) if !login.is_empty() => login.to_owned(),
            _ => self.id.clone(),
        }
    }

    /// Where a person stands, in a word: an account that is deactivated is nothing else besides.
    pub(crate) fn status(&self) -> Status {
        match (self.is_active(), self.lifecycle.as_deref()) {
            (false, _) => Status::Deactivated,
            (true, Some("staged")) => Status::Staged,
            (true, Some("suspended")) => Status::Suspended,
            (true, _) => Status::Active,
        }
    }

    /// What `active` says; who is staged or suspended may not come in all the same.
    pub(crate) fn is_active(&self) -> bool {
        self.document.get("active") != Some(&Value::Bool(false))
    }

    /// Whether an identity provider made it or took it over: it has given it its own id.
    pub(crate) fn is_managed(&self) -> bool {
        !self.text("externalId").is_empty()
    }
}

/// Where a person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Staged,
    Suspended,
    Deactivated,
}

impl Status {
    pub(crate) const ALL: [Self; 4] = [Self::Active, Self::Staged, Self::Suspended, Self::Deactivated];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Staged => "staged",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
        }
    }

    /// Of this word.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Who stands so: a filter of the protocol, and what no filter of the protocol says.
    pub(crate) fn sought(self) -> (&'static str, Option<Lifecycle>) {
        let active = "not (active eq false)";
        match self {
            Self::Active => (active, Some(Lifecycle::AtWork)),
            Self::Staged => (active, Some(Lifecycle::Staged)),
            Self::Suspended => (active, Some(Lifecycle::Suspended)),
            Self::Deactivated => ("active eq false", None),
        }
    }
}

/// Says of people where they stand: one read for all of them.
fn stand(r: &Reader, tenant: TenantId, found: &mut [Found]) -> store::Result<()> {
    let ids: Vec<&str> = found.iter().map(|one| one.id.as_str()).collect();
    let mut words = r.lifecycles(tenant, &ids)?;
    for one in found {
        one.lifecycle = words.remove(&one.id);
    }
    Ok(())
}

/// In which order a list stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sorting {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
    /// What changed last first.
    Changed,
    /// What changed last at the end.
    Unchanged,
    /// By login or name.
    Name,
    /// The same backwards.
    NameDown,
}

impl Sorting {
    /// The words in an address, and what people call them.
    pub(crate) const WORDS: [(&'static str, &'static str); 6] = [
        ("", "Newest"),
        ("oldest", "Oldest"),
        ("changed", "Last changed"),
        ("unchanged", "Longest unchanged"),
        ("name", "Name, A to Z"),
        ("-name", "Name, Z to A"),
    ];
    const ALL: [Self; 6] = [Self::Newest, Self::Oldest, Self::Changed, Self::Unchanged, Self::Name, Self::NameDown];

    /// Of this word in an address.
    pub(crate) fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|sorting| sorting.as_str() == text).unwrap_or_default()
    }

    /// Its word in an address.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "",
            Self::Oldest => "oldest",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Name => "name",
            Self::NameDown => "-name",
        }
    }

    /// By what it sorts, and whether downwards.
    pub(crate) fn by(self) -> (By, bool) {
        match self {
            Self::Newest => (By::Created, true),
            Self::Oldest => (By::Created, false),
            Self::Changed => (By::Changed, true),
            Self::Unchanged => (By::Changed, false),
            Self::Name => (By::Name, false),
            Self::NameDown => (By::Name, true),
        }
    }

    /// Whether a list stands upwards by this, if it stands by it.
    pub(crate) fn ascending(self, by: By) -> Option<bool> {
        let (now, descending) = self.by();
        (now == by).then_some(!descending)
    }

    /// The order that a heading leads to: by this the usual way round, or turned if the list stands so already.
    pub(crate) fn next(self, by: By) -> Self {
        match (by, self) {
            (By::Created, Self::Newest) => Self::Oldest,
            (By::Created, _) => Self::Newest,
            (By::Changed, Self::Changed) => Self::Unchanged,
            (By::Changed, _) => Self::Changed,
            (By::Name, Self::Name) => Self::NameDown,
            (By::Name, _) => Self::Name,
        }
    }

    fn path(self, rt: &ResourceType) -> (&'static str, bool) {
        let (by, descending) = self.by();
        let path = match by {
            By::Created => "meta.created",
            By::Changed => "meta.lastModified",
            By::Name if rt.is_user() => "userName",
            By::Name => "displayName",
        };
        (path, descending)
    }
}

/// What a list can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Created,
    Changed,
    /// Login or name.
    Name,
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Listed {
    /// How many there are, where that is known without counting.
    pub(crate) total: Option<u64>,
    pub(crate) found: Vec<Found>,
    /// Where the next page starts, for an address.
    pub(crate) next: Option<String>,
    /// How many were looked at, if the page ends because that was enough.
    pub(crate) stopped_after: Option<u64>,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Sorting,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    pub(crate) count: u64,
    pub(crate) want_groups: bool,
    /// Whom, besides the filter.
    pub(crate) only: Only,
}

/// Lists resources of a type: a page costs about the same however many there are. How many fit is told where it is known
/// without counting.
pub(crate) async fn list(
    app: &App,
    state: &Arc<TenantState>,
    base: &str,
    type_name: &str,
    ask: Listing,
) -> Result<Listed> {
    let rt = type_of(state, type_name)?;
    if let Some(filter) = &ask.filter {
        filter.check(&rt)?;
    }
    let (tenant, base) = (state.tenant.id, base.to_owned());
    app.store()
        .read(move |r| -> Result<Listed> {
            let (path, descending) = ask.order.path(&rt);
            let path = AttrPath::parse(path);
            let after = ask.after.as_deref().and_then(position);
            let query = Query {
                filter: ask.filter.as_ref(),
                sort: path.as_ref().map(|path| Sort { path, descending }),
                start: after.as_ref().map_or(Start::Index(0), Start::After),
                count: ask.count,
                want_total: ask.filter.is_none() && ask.only == Only::default(),
                want_groups: ask.want_groups,
                base: &base,
            };
            let page = r.walk(tenant, &rt, &query, ask.only, Effort::default())?;
            let found = page.views.into_iter().map(|view| Found::new(view, &base, &rt));
            let mut found = found.collect::<store::Result<Vec<_>>>()?;
            match ask.only.lifecycle {
                // Whoever was sought by it stands so.
                Some(lifecycle) => found.iter_mut().for_each(|one| one.lifecycle = lifecycle.word().map(str::to_owned)),
                None if rt.is_user() => stand(r, tenant, &mut found)?,
                None => {}
            }
            found.iter_mut().try_for_each(|one| name_manager(r, tenant, &rt, one))?;
            Ok(Listed {
                total: page.total,
                found,
                next: page.next.map(|position| format!("{}.{}", position.rid, position.key.unwrap_or_default())),
                stopped_after: page.stopped_after,
            })
        })
        .await
}

fn position(text: &str) -> Option<Position> {
    let (rid, key) = text.split_once('.')?;
    Some(Position { rid: rid.parse().ok()?, key: (!key.is_empty()).then(|| key.to_owned()) })
}

fn type_of(state: &TenantState, name: &str) -> Result<Arc<ResourceType>> {
    state.named(name).cloned().ok_or_else(|| missing("there is no resource type of this name"))
}

/// What somebody is called who has no display name: by the parts of the name, or the login. On the wire such a person is
/// shown by the id alone (`store::index::display` says why); people want a name.
pub(crate) fn called(r: &Reader, tenant: TenantId, rt: &ResourceType, id: &str) -> store::Result<Option<String>> {
    let view = r.view(tenant, rt, id, false)?;
    Ok(view.map(|view| Found::new(view, "", rt)).transpose()?.map(|found| found.name()))
}

/// The same where there is no type at hand.
pub(crate) fn person_called(r: &Reader, state: &TenantState, id: &str) -> store::Result<Option<String>> {
    state.named("User").map_or(Ok(None), |rt| called(r, state.tenant.id, rt, id))
}

fn name_manager(r: &Reader, tenant: TenantId, rt: &ResourceType, found: &mut Found) -> store::Result<()> {
    let unnamed = found.manager.as_mut().filter(|manager| manager.display.is_none());
    if let Some(manager) = unnamed
        && let Some(id) = &manager.id
    {
        manager.display = called(r, tenant, rt, id)?;
    }
    Ok(())
}

/// One resource.
pub(crate) async fn find(app: &App, state: &Arc<TenantState>, base: &str, type_name: &str, id: &str) -> Result<Found> {
    let rt = type_of(state, type_name)?;
    let (tenant, id, base, name) = (state.tenant.id, id.to_owned(), base.to_owned(), rt.name.to_lowercase());
    let found = app
        .store()
        .read(move |r| -> store::Result<_> {
            let view = r.view(tenant, &rt, &id, rt.is_user())?;
            let mut found = view.map(|view| Found::new(view, &base, &rt)).transpose()?;
            if let Some(one) = &mut found {
                if rt.is_user() {
                    one.lifecycle = r.lifecycle(tenant, &one.id)?;
                }
                name_manager(r, tenant, &rt, one)?;
            }
            Ok(found)
        })
        .await?;
    found.ok_or_else(|| missing(&format!("there is no {name} with this id; it may have been deleted")))
}

/// The resource with this value of a unique attribute.
pub(crate) async fn find_by(
    app: &App,
    state: &Arc<TenantState>,
    type_name: &str,
    path: &'static str,
    text: &str,
) -> Result<Option<String>> {
    let rt = type_of(state, type_name)?;
    let (tenant, text) = (state.tenant.id, text.to_owned());
    let found = app.store().read(move |r| r.find_unique(tenant, &rt, path, &text)).await?;
    Ok(found.map(|stored| stored.id))
}

/// Members of a group behind a row, each with its row.
pub(crate) async fn members(
    app: &App,
    state: &TenantState,
    group_rid: i64,
    after: i64,
    count: u32,
) -> Result<Vec<(i64, MemberView)>> {
    let tenant = state.tenant.id;
    let members = app.store().read(move |r| r.members_page(tenant, group_rid, after, count)).await;
    members.map_err(|error: store::Error| error.into())
}

/// A member of a group as people know it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) rid: i64,
    pub(crate) id: String,
    pub(crate) is_group: bool,
    pub(crate) name: String,
    /// Where a person stands.
    pub(crate) status: Option<Status>,
}

/// Members of a group behind a row, with names and with where they stand. The people of a page are read together.
pub(crate) async fn members_told(
    app: &App,
    state: &Arc<TenantState>,
    group_rid: i64,
    after: i64,
    count: u32,
) -> Result<Vec<Member>> {
    let state = Arc::clone(state);
    app.store()
        .read(move |r| -> Result<Vec<Member>> {
            let (tenant, users) = (state.tenant.id, type_of(&state, "User")?);
            let members = r.members_page(tenant, group_rid, after, count)?;
            let rids: Vec<i64> =
                members.iter().filter(|(_, one)| one.kind == users.name).map(|(rid, _)| *rid).collect();
            let found = r.views(tenant, &users, &rids, false)?.into_iter().map(|view| Found::new(view, "", &users));
            let mut found = found.collect::<store::Result<Vec<_>>>()?;
            stand(r, tenant, &mut found)?;
            let mut people: HashMap<i64, Found> = found.into_iter().map(|one| (one.rid, one)).collect();
            let told = members.into_iter().map(|(rid, member)| {
                let person = people.remove(&rid);
                let name = person.as_ref().map(Found::name).or(member.display).unwrap_or_else(|| member.id.clone());
                let (is_group, status) = (member.kind == "Group", person.map(|person| person.status()));
                Member { rid, id: member.id, is_group, name, status }
            });
            Ok(told.collect())
        })
        .await
}

/// What was asked about a resource, newest first, with the differences; and the changes of the feed, which stay longer
/// than the log does.
pub(crate) async fn history(
    app: &App,
    state: &TenantState,
    id: &str,
    before: Option<i64>,
    count: u32,
) -> Result<(Vec<LogEntry>, Vec<Change>)> {
    let (tenant, id) = (state.tenant.id, id.to_owned());
    app.store()
        .read(move |r| -> store::Result<_> {
            let asked = LogQuery {
                before,
                limit: count,
                resource_id: Some(id.clone()),
                writes: Some(true),
                want_texts: true,
                ..LogQuery::default()
            };
            Ok((r.log(tenant, &asked)?, r.changes_of(tenant, &id, None, count)?))
        })
        .await
        .map_err(|error: store::Error| error.into())
}

/// Whether a person was unlinked from the identity provider, and since when.
pub(crate) async fn unlinked(app: &App, state: &TenantState, person: &Found) -> Result<Option<Unlinked>> {
    let (tenant, rid) = (state.tenant.id, person.rid);
    app.store().read(move |r| r.unlinked(tenant, rid)).await.map_err(|error: store::Error| error.into())
}

/// Gives somebody who was unlinked the identity provider's id back: what it says of them counts again.
pub(crate) async fn link_again(
    app: &App,
    state: &TenantState,
    actor: Arc<Actor>,
    base: &str,
    origin: &Origin,
    person: &Found,
) -> Result<Acted> {
    let unlinked = unlinked(app, state, person).await?;
    let unlinked = unlinked.ok_or_else(|| missing("this person was not unlinked, or is linked again already"))?;
    let operation = json!({"op": "replace", "path": "externalId", "value": unlinked.external_id});
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
    change(app, state, actor, base, origin, (Method::PATCH, format!("/Users/{}", person.id), body)).await
}

/// Carries out a change as an operator. The operation switches bind identity providers, not operators.
pub(crate) async fn change(
    app: &App,
    state: &TenantState,
    actor: Arc<Actor>,
    base: &str,
    origin: &Origin,
    (method, path, body): (Method, String, Value),
) -> Result<Acted> {
    let state = Arc::new(state.unlocked()?);
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let object = format!("{}{path}", state.tenant.name);
    let action = format!("resource.{}", method.as_str().to_lowercase());
    let order =
        Order { method, path, query: String::new(), body: body.into(), origin: origin.clone(), rehearsal: false };
    let acted = act(app, &state, Arc::clone(&actor), base, order).await;
    // What changed stands in the provisioning log; the trail only says who did it.
    super::audited(app, &actor, (&action, object, json!({"status": acted.answer.status})), |_| Ok(())).await?;
    Ok(acted)
}

/// The refusal in an answer, if it is one: what a form shows.
pub(crate) fn refusal(answer: &crate::answer::Answer) -> Option<String> {
    (answer.status >= 400).then(|| {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        body.get("detail").and_then(Value::as_str).unwrap_or("the change was refused").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_list_survives_an_address() {
        assert_eq!(position("12."), Some(Position { rid: 12, key: None }));
        assert_eq!(position("12.a.b@x"), Some(Position { rid: 12, key: Some("a.b@x".into()) }));
        assert_eq!(position("x"), None);
    }
}
