//! A resource as bytes. What is stored is spliced, not parsed: only what depends on the request (addresses) or on other
//! resources (groups, members, manager) is written anew. A projection is the slow way round.

use super::stream::Sink;
use crate::error::Result;
use scim::{Projection, ResourceType};
use serde::Serialize;
use serde_json::{Map, Value};
use store::{Reader, TenantId, View};

/// What an answer needs besides the document.
pub(super) struct Wanted {
    /// A user's groups.
    pub(super) groups: bool,
    /// A group's members.
    pub(super) members: bool,
    /// Whether the stored bytes can be used as they are.
    splice: bool,
}

impl Wanted {
    pub(super) fn new(rt: &ResourceType, projection: &Projection) -> Self {
        Self {
            groups: rt.is_user() && projection.shows_name(rt, "groups"),
            members: rt.has_members() && projection.shows_name(rt, "members"),
            splice: projection.is_default() && !has_on_request(rt),
        }
    }
}

fn has_on_request(rt: &ResourceType) -> bool {
    let on_request = |a: &scim::Attribute| a.returned == scim::Returned::Request;
    rt.attributes().any(|(_, attribute)| on_request(attribute) || attribute.sub_attributes.iter().any(on_request))
}

/// Writes one resource into a sink.
#[expect(clippy::too_many_arguments, reason = "the parts of one answer, each used once")]
pub(super) fn resource(
    r: &Reader,
    tenant: TenantId,
    base: &str,
    rt: &ResourceType,
    view: &View,
    projection: &Projection,
    wanted: &Wanted,
    out: &mut Sink,
) -> store::Result<()> {
    if wanted.splice {
        return spliced(r, tenant, base, rt, view, wanted, out);
    }
    let shown: Map<String, Value> = projection.apply(view.document(base, rt)?, rt);
    let is_empty = shown.is_empty();
    write(out.bytes(), &Value::Object(shown));
    if wanted.members {
        out.bytes().pop(); // the closing brace comes behind the members
        let comma: &[u8] = if is_empty { b"" } else { b"," };
        projected_members(r, (tenant, base, rt), view, projection, comma, out)?;
        out.bytes().push(b'}');
    }
    Ok(())
}

/// Members as a projection shows them, each by itself; nothing if it shows nothing of them.
fn projected_members(
    r: &Reader,
    (tenant, base, rt): (TenantId, &str, &ResourceType),
    view: &View,
    projection: &Projection,
    comma: &[u8],
    out: &mut Sink,
) -> store::Result<()> {
    let (mut is_first, mut is_empty) = (true, true);
    r.members(tenant, view.rid, |member| {
        is_empty = false;
        let alone = Map::from_iter([("members".to_owned(), Value::Array(vec![member.to_json(base)]))]);
        let Some(Value::Array(shown)) = projection.apply(alone, rt).remove("members") else { return Ok(()) };
        for member in &shown {
            let is_first = std::mem::take(&mut is_first);
            let bytes = out.bytes();
            if is_first {
                bytes.extend_from_slice(comma);
                bytes.extend_from_slice(b"\"members\":[");
            } else {
                bytes.push(b',');
            }
            write(bytes, member);
        }
        out.breathe()
    })?;
    if !is_first {
        out.bytes().push(b']');
        return Ok(());
    }
    // Members of whom nothing is shown are none that are not there.
    let none = Map::from_iter([("members".to_owned(), Value::Array(Vec::new()))]);
    if is_empty && projection.apply(none, rt).contains_key("members") {
        out.bytes().extend_from_slice(comma);
        out.bytes().extend_from_slice(b"\"members\":[]");
    }
    Ok(())
}

fn spliced(
    r: &Reader,
    tenant: TenantId,
    base: &str,
    rt: &ResourceType,
    view: &View,
    wanted: &Wanted,
    out: &mut Sink,
) -> store::Result<()> {
    let bytes = out.bytes();
    bytes.reserve(view.head.len() + 512);
    view.head_with_manager(&format!("{base}/Users"), bytes)?;
    bytes.pop(); // the closing brace comes behind what is added
    if wanted.groups && !view.groups.is_empty() {
        bytes.extend_from_slice(b",\"groups\":");
        let endpoint = format!("{base}/Groups");
        write(bytes, &view.groups.iter().map(|group| group.to_json(&endpoint)).collect::<Value>());
    }
    if wanted.members {
        // A group without members says so: Okta compares what it reads with the list that it pushed.
        bytes.extend_from_slice(b",\"members\":[");
        let mut is_first = true;
        r.members(tenant, view.rid, |member| {
            if !std::mem::take(&mut is_first) {
                out.bytes().push(b',');
            }
            member.write(base, out.bytes());
            out.breathe()
        })?;
        out.bytes().push(b']');
    }
    let (bytes, location) = (out.bytes(), view.location(base, rt));
    bytes.extend_from_slice(b",\"meta\":");
    write(bytes, &view.meta(&location, rt));
    bytes.push(b'}');
    Ok(())
}

fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing what has strings for keys into memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, value);
}

/// The members that an answer carries; refused when they are too many for one page of several groups.
pub(super) fn members_of(views: &[View], wanted: &Wanted) -> Result<u64> {
    if !wanted.members {
        return Ok(0);
    }
    let members: u64 = views.iter().map(|view| view.member_count).sum();
    if views.len() > 1 && members > crate::limits::LIST_MEMBERS_MAX {
        let detail = format!(
            "this page would carry {members} members, more than {}; add excludedAttributes=members, or ask for fewer groups with count",
            crate::limits::LIST_MEMBERS_MAX
        );
        return Err(scim::Error::new(scim::Code::TOO_MANY, detail).into());
    }
    Ok(members)
}
