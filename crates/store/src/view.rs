//! A resource as it is shown: stored bytes, and what is computed when it is read (the manager, a user's
//! groups, a group's members, `meta`).

use crate::db::{Asked, Reader, Row, Value as Sent};
use crate::prepared::Prepared;
use crate::render::{Comma, Overlay, manager_attribute, object};
use crate::resources::Stored;
use crate::{Error, Result, TenantId};
use bytes::Bytes;
use scim::{Meta, Resource, ResourceType};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A resource to be shown.
#[derive(Clone, Debug)]
pub struct View {
    /// Its row.
    pub rid: i64,
    /// Its id.
    pub id: String,
    /// Goes up with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it last changed.
    pub modified_at: i64,
    /// How many members it has; 0 for what is no group.
    pub member_count: u64,
    /// When an identity provider last said something new of it.
    pub heard_at: Option<i64>,
    /// `{"schemas":[…],"id":…,…}` as a default GET answers, without manager, groups, members and meta.
    pub head: Bytes,
    /// Attributes of which a part is returned on request alone, whole, as an object; see `document`.
    pub asked: Option<Bytes>,
    /// A user's manager.
    pub manager: Option<ManagerView>,
    /// A user's groups, if they were wanted, direct ones and those around them.
    pub groups: Vec<GroupView>,
}

/// A manager, and where it goes in the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerView {
    /// Offset in `head` at which `"manager":{…}` is put.
    pub at: usize,
    /// What comes between it and its neighbours.
    pub comma: Comma,
    /// As it was sent.
    pub raw: String,
    /// The id of whom it means, if somebody matches.
    pub id: Option<String>,
    /// That person's name.
    pub display: Option<String>,
}

/// A group that a user is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub display: Option<String>,
    /// Whether the user is a member itself, not only of a group within it.
    pub direct: bool,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its id.
    pub id: String,
    /// Its resource type: `User` or `Group`.
    pub kind: String,
    /// Its name.
    pub display: Option<String>,
}

impl ManagerView {
    /// The attribute's value: the id with address and name if somebody matches, else what was sent.
    pub fn to_json(&self, users: &str) -> Value {
        let Some(id) = &self.id else { return json!({"value": self.raw}) };
        let mut value = Map::new();
        value.insert("value".into(), id.as_str().into());
        value.insert("$ref".into(), format!("{users}/{id}").into());
        if let Some(display) = &self.display {
            value.insert("displayName".into(), display.as_str().into());
        }
        Value::Object(value)
    }
}

impl GroupView {
    /// The element of `groups`; `groups` is the address of the endpoint.
    pub fn to_json(&self, groups: &str) -> Value {
        let kind = if self.direct { "direct" } else { "indirect" };
        element(&self.id, groups, self.display.as_deref(), kind)
    }
}

impl MemberView {
    /// The element of `members`, in a service whose address is `base`.
    pub fn to_json(&self, base: &str) -> Value {
        let endpoint = if self.kind == "Group" { "Groups" } else { "Users" };
        element(&self.id, &format!("{base}/{endpoint}"), self.display.as_deref(), &self.kind)
    }

    /// Appends the same as bytes: the way of a hundred thousand.
    pub fn write(&self, base: &str, out: &mut Vec<u8>) {
        let endpoint = if self.kind == "Group" { "/Groups/" } else { "/Users/" };
        let text = |out: &mut Vec<u8>, text: &str| {
            // Writing a text into memory cannot fail.
            let _ = serde_json::to_writer(out, text);
        };
        out.extend_from_slice(b"{\"value\":");
        text(out, &self.id);
        out.extend_from_slice(b",\"$ref\":");
        text(out, &[base, endpoint, &self.id].concat());
        if let Some(display) = &self.display {
            out.extend_from_slice(b",\"display\":");
            text(out, display);
        }
        out.extend_from_slice(b",\"type\":");
        text(out, &self.kind);
        out.push(b'}');
    }
}

fn element(id: &str, endpoint: &str, display: Option<&str>, kind: &str) -> Value {
    let mut value = Map::new();
    value.insert("value".into(), id.into());
    value.insert("$ref".into(), format!("{endpoint}/{id}").into());
    if let Some(display) = display {
        value.insert("display".into(), display.into());
    }
    value.insert("type".into(), kind.into());
    Value::Object(value)
}

impl View {
    /// Whether an identity provider's id stands behind its own, where documents have it. No parsing; who says no may be wrong
    /// where an id has to be escaped.
    pub fn has_external_id(&self) -> bool {
        let own = format!("\"id\":\"{}\",\"externalId\":", self.id);
        self.head.windows(own.len()).any(|bytes| bytes == own.as_bytes())
    }

    /// Appends the stored bytes with the manager in its place; `users` is the address of the user endpoint
    /// (`https://host/scim/v2/Users`). No parsing.
    pub fn head_with_manager(&self, users: &str, out: &mut Vec<u8>) -> Result<()> {
        let Some(manager) = &self.manager else {
            out.extend_from_slice(&self.head);
            return Ok(());
        };
        let Some((before, behind)) = self.head.split_at_checked(manager.at) else {
            return Err(Error::broken("a manager's place lies outside of its document"));
        };
        out.extend_from_slice(before);
        if manager.comma == Comma::Before {
            out.push(b',');
        }
        out.extend_from_slice(b"\"manager\":");
        serde_json::to_writer(&mut *out, &manager.to_json(users))?;
        if manager.comma == Comma::After {
            out.push(b',');
        }
        out.extend_from_slice(behind);
        Ok(())
    }

    /// All of it as a value, for projections and filters: with what is returned on request, manager, groups
    /// (if they were read) and `meta`; without members. `base` is the address of the service
    /// (`https://host/scim/v2`). Parses the stored bytes.
    pub fn document(&self, base: &str, resource_type: &ResourceType) -> Result<Map<String, Value>> {
        let mut whole = Resource { attributes: object(&self.head)? };
        if let Some(asked) = &self.asked {
            whole.join(&Resource { attributes: object(asked)? }, resource_type);
            let schemas = whole.schemas(resource_type);
            whole.attributes.insert("schemas".into(), schemas.into());
        }
        if let (Some(manager), Some((extension, attribute))) = (&self.manager, manager_attribute(resource_type)) {
            let value = manager.to_json(&format!("{base}/Users"));
            whole.set(Some(extension), attribute, Some(value));
        }
        let mut document = whole.attributes;
        if !self.groups.is_empty() {
            let endpoint = format!("{base}/Groups");
            let groups = self.groups.iter().map(|group| group.to_json(&endpoint)).collect();
            document.insert("groups".into(), Value::Array(groups));
        }
        let location = self.location(base, resource_type);
        document.insert("meta".into(), serde_json::to_value(self.meta(&location, resource_type))?);
        Ok(document)
    }

    /// Its address in the service at `base`.
    pub fn location(&self, base: &str, resource_type: &ResourceType) -> String {
        format!("{base}{}/{}", resource_type.endpoint, self.id)
    }

    /// The `meta` attribute of what lies at this address.
    pub fn meta<'a>(&self, location: &'a str, resource_type: &'a ResourceType) -> Meta<'a> {
        Meta {
            resource_type: &resource_type.name,
            created_at: self.created_at,
            modified_at: self.modified_at,
            location,
            version: self.version,
        }
    }
}

/// Members that are read at once.
const MEMBERS_PAGE: u32 = 1_000;

macro_rules! views {
    ($which:literal) => {
        concat!(
            "select r.rid, r.id, r.version, r.created_at, r.modified_at, r.member_count, d.head, d.asked,
             d.manager_at, d.manager_comma, l.raw, m.id, m.display, r.heard_at
             from resource r join document d on d.rid = r.rid
             left join manager_link l on l.rid = r.rid
             left join resource m on m.rid = l.manager_rid where ",
            $which
        )
    };
}

fn view(row: &Row<'_>) -> Result<View> {
    let at: Option<i64> = row.get(8)?;
    let raw: Option<String> = row.get(10)?;
    let comma: Option<i64> = row.get(9)?;
    let (id, display) = (row.get(11)?, row.get(12)?);
    let manager = at.and_then(|at| usize::try_from(at).ok()).zip(raw).map(|(at, raw)| {
        let comma = Comma::from_number(comma.unwrap_or(0));
        ManagerView { at, comma, raw, id, display }
    });
    Ok(View {
        rid: row.get(0)?,
        id: row.get(1)?,
        version: row.get(2)?,
        created_at: row.get(3)?,
        modified_at: row.get(4)?,
        member_count: row.get::<i64>(5)?.cast_unsigned(),
        heard_at: row.get(13)?,
        head: Bytes::from(row.get::<Vec<u8>>(6)?),
        asked: row.get::<Option<Vec<u8>>>(7)?.map(Bytes::from),
        manager,
        groups: Vec::new(),
    })
}

macro_rules! groups_around {
    ($which:literal) => {
        concat!(
            "select m.member_rid, g.rid, g.id, g.display from member m join resource g on g.rid = m.group_rid
             where m.tenant = ?1 and m.member_rid",
            $which
        )
    };
}

/// Somebody's row, and a group that they are in.
fn group_around(row: &Row<'_>) -> Result<(i64, (i64, GroupView))> {
    Ok((row.get(0)?, (row.get(1)?, GroupView { id: row.get(2)?, display: row.get(3)?, direct: false })))
}

/// The groups around members, and around these groups, by the member's row.
type Around = HashMap<i64, Vec<(i64, GroupView)>>;

/// The groups that somebody is in, directly and through groups in groups, in the order of their rows; circles end.
fn groups_of(rid: i64, around: &Around) -> Vec<GroupView> {
    let mut found = BTreeMap::new();
    let mut frontier = vec![rid];
    while let Some(member) = frontier.pop() {
        for (group, view) in around.get(&member).into_iter().flatten() {
            let place = found.entry(*group).or_insert_with(|| {
                frontier.push(*group);
                view.clone()
            });
            place.direct |= member == rid;
        }
    }
    found.into_values().collect()
}

/// A resource that was just made as it is shown, where that is known without a look: it is in no group, has no manager,
/// and got the id that it was prepared with.
pub(crate) fn of_new(stored: &Stored, prepared: &Prepared) -> Option<View> {
    if stored.id != prepared.id || prepared.rendered.manager.is_some() {
        return None;
    }
    Some(View {
        rid: stored.rid,
        id: stored.id.clone(),
        version: stored.version,
        created_at: stored.created_at,
        modified_at: stored.modified_at,
        member_count: 0,
        heard_at: stored.heard_at,
        head: Bytes::copy_from_slice(&prepared.rendered.head),
        asked: prepared.rendered.asked.as_deref().map(Bytes::copy_from_slice),
        manager: None,
        groups: Vec::new(),
    })
}

impl Reader {
    /// The resource of that id and type to be shown. A few lookups by key, and one for each group around it
    /// if groups are wanted.
    pub fn view(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        id: &str,
        want_groups: bool,
    ) -> Result<Option<View>> {
        let key = [Sent::Int(tenant.0), Sent::Text(id), Sent::Text(&resource_type.name)];
        let rows = (views!("r.tenant = ?1 and r.id = ?2 and r.kind = ?3"), &key[..]);
        let which = groups_around!(" = (select rid from resource where tenant = ?1 and id = ?2 and kind = ?3)");
        self.view_by(tenant, rows, (want_groups && resource_type.is_user()).then_some((which, &key[..])))
    }

    /// As `view`, of a row that is known to be there.
    pub fn view_of(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        rid: i64,
        want_groups: bool,
    ) -> Result<Option<View>> {
        let (row, around) = ([Sent::Int(rid)], [Sent::Int(tenant.0), Sent::Int(rid)]);
        let groups = (want_groups && resource_type.is_user()).then_some((groups_around!(" = ?2"), &around[..]));
        self.view_by(tenant, (views!("r.rid = ?1"), &row[..]), groups)
    }

    /// What one statement finds, with the groups that another finds around it: on one way where nobody is in groups
    /// within groups.
    fn view_by(&self, tenant: TenantId, rows: Asked<'_>, groups: Option<Asked<'_>>) -> Result<Option<View>> {
        let asked = [rows, groups.unwrap_or_default()];
        let asked = asked.get(..1 + usize::from(groups.is_some())).unwrap_or_default();
        let (mut found, mut direct) = (None, Vec::new());
        self.several(asked, |number, row| {
            if number == 0 {
                found = Some(view(row)?);
            } else {
                direct.push(group_around(row)?.1);
            }
            Ok(())
        })?;
        if let Some(found) = found.as_mut().filter(|_| !direct.is_empty()) {
            found.groups = groups_of(found.rid, &self.groups_around(tenant, HashMap::from([(found.rid, direct)]))?);
        }
        Ok(found)
    }

    /// The resources of these rows, which have to be there, in this order.
    pub fn views(
        &self,
        tenant: TenantId,
        resource_type: &ResourceType,
        rids: &[i64],
        want_groups: bool,
    ) -> Result<Vec<View>> {
        let mut found = HashMap::with_capacity(rids.len());
        self.each_key(views!("+r.tenant = ?1 and r.rid"), tenant, rids, |row| {
            let view = view(row)?;
            found.insert(view.rid, view);
            Ok(())
        })?;
        let listed =
            rids.iter().map(|rid| found.remove(rid).ok_or_else(|| Error::broken("a listed row without a resource")));
        let mut views: Vec<View> = listed.collect::<Result<_>>()?;
        if want_groups && resource_type.is_user() {
            self.with_groups(tenant, &mut views)?;
        }
        Ok(views)
    }

    /// Tells of each user in which groups they are.
    pub(crate) fn with_groups(&self, tenant: TenantId, users: &mut [View]) -> Result<()> {
        let rids: Vec<i64> = users.iter().map(|user| user.rid).collect();
        let around = self.groups_around(tenant, self.groups_around_each(tenant, &rids)?)?;
        for user in users {
            user.groups = groups_of(user.rid, &around);
        }
        Ok(())
    }

    /// The groups that somebody is in, directly and through groups in groups.
    pub(crate) fn groups_of(&self, tenant: TenantId, rid: i64) -> Result<Vec<GroupView>> {
        let around = self.groups_around(tenant, self.groups_around_each(tenant, &[rid])?)?;
        Ok(groups_of(rid, &around))
    }

    /// The groups that any of these is in, directly and through groups in groups, each once.
    pub(crate) fn groups_around_all(&self, tenant: TenantId, rids: &[i64]) -> Result<BTreeSet<String>> {
        let around = self.groups_around(tenant, self.groups_around_each(tenant, rids)?)?;
        Ok(around.into_values().flatten().map(|(_, group)| group.id).collect())
    }

    /// Adds the groups around those groups that were found, until there are no more. Each group is looked up once, and
    /// those at the same depth go one way: a recursive query would cost forty times as much for who is in none.
    fn groups_around(&self, tenant: TenantId, mut around: Around) -> Result<Around> {
        loop {
            let groups: BTreeSet<i64> = around.values().flatten().map(|(group, _)| *group).collect();
            let asked: Vec<i64> = groups.into_iter().filter(|group| !around.contains_key(group)).collect();
            if asked.is_empty() {
                return Ok(around);
            }
            around.extend(self.groups_around_each(tenant, &asked)?);
        }
    }

    fn groups_around_each(&self, tenant: TenantId, members: &[i64]) -> Result<Around> {
        let mut around: Around = members.iter().map(|member| (*member, Vec::new())).collect();
        self.each_key(groups_around!(""), tenant, members, |row| {
            let (member, group) = group_around(row)?;
            around.entry(member).or_default().push(group);
            Ok(())
        })?;
        Ok(around)
    }

    /// Calls for each member of a group, in the order in which their rows were made. A page of them is collected at a
    /// time: memory does not grow with the group, and the closure may wait.
    pub fn members(
        &self,
        tenant: TenantId,
        group_rid: i64,
        mut each: impl FnMut(MemberView) -> Result<()>,
    ) -> Result<()> {
        let mut after = i64::MIN;
        loop {
            let page = self.members_page(tenant, group_rid, after, MEMBERS_PAGE)?;
            let is_last = page.len() < MEMBERS_PAGE as usize;
            for (rid, member) in page {
                after = rid;
                each(member)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MemberView;

    #[test]
    fn a_member_as_bytes_is_the_member_as_a_value() {
        for (id, kind, display) in [("a-1", "User", Some("Ann \"the\" \u{1} One")), ("b\"\\", "Group", None)] {
            let member = MemberView { id: id.into(), kind: kind.into(), display: display.map(str::to_owned) };
            let mut out = Vec::new();
            member.write("https://x/scim/v2", &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), member.to_json("https://x/scim/v2").to_string());
        }
    }
}
