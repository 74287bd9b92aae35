//! A resource as bytes. What is stored is spliced, not parsed: only what depends on the request (addresses) or on other
//! resources (groups, members, manager) is written anew. A projection is the slow way round.

use crate::error::Result;
use scim::{Projection, ResourceType};
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

/// Writes one resource behind `out`.
#[expect(clippy::too_many_arguments, reason = "the parts of one answer, each used once")]
pub(super) fn resource(
    r: &Reader,
    tenant: TenantId,
    base: &str,
    rt: &ResourceType,
    view: &View,
    projection: &Projection,
    wanted: &Wanted,
    out: &mut Vec<u8>,
) -> store::Result<()> {
    if wanted.splice {
        return spliced(r, tenant, base, rt, view, wanted, out);
    }
    let mut document = view.document(base, rt)?;
    if wanted.members {
        let mut members = Vec::new();
        r.members(tenant, view.rid, |member| {
            members.push(member.to_json(base));
            Ok(())
        })?;
        document.insert("members".into(), members.into());
    }
    let shown: Map<String, Value> = projection.apply(document, rt);
    write(out, &Value::Object(shown));
    Ok(())
}

fn spliced(
    r: &Reader,
    tenant: TenantId,
    base: &str,
    rt: &ResourceType,
    view: &View,
    wanted: &Wanted,
    out: &mut Vec<u8>,
) -> store::Result<()> {
    view.head_with_manager(&format!("{base}/Users"), out)?;
    out.pop(); // the closing brace comes behind what is added
    if wanted.groups && !view.groups.is_empty() {
        out.extend_from_slice(b",\"groups\":");
        let endpoint = format!("{base}/Groups");
        write(out, &view.groups.iter().map(|group| group.to_json(&endpoint)).collect::<Value>());
    }
    if wanted.members {
        // A group without members says so: Okta compares what it reads with the list that it pushed.
        out.extend_from_slice(b",\"members\":[");
        let mut first = true;
        r.members(tenant, view.rid, |member| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write(out, &member.to_json(base));
            Ok(())
        })?;
        out.push(b']');
    }
    out.extend_from_slice(b",\"meta\":");
    write(out, &view.meta(base, rt));
    out.push(b'}');
    Ok(())
}

fn write(out: &mut Vec<u8>, value: &Value) {
    // Writing a `Value` into memory cannot fail.
    let _ = serde_json::to_writer(&mut *out, value);
}

/// The members that a page of groups would carry, to be refused when they are too many for one answer.
pub(super) fn check_members(views: &[View], wanted: &Wanted) -> Result<()> {
    let members: u64 = views.iter().map(|view| view.member_count).sum();
    if wanted.members && members > crate::limits::LIST_MEMBERS_MAX {
        let detail = format!(
            "this page would carry {members} members, more than {}; add excludedAttributes=members, or ask for fewer groups with count",
            crate::limits::LIST_MEMBERS_MAX
        );
        return Err(scim::Error::new(scim::Code::TOO_MANY, detail).into());
    }
    Ok(())
}
