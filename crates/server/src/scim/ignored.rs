//! Attributes that an administrator has switched off: what an identity provider sends of them is dropped and told in the
//! log, and what is stored of them stays as it is.

use super::Cx;
use crate::record::Trace;
use scim::resource::{Ignored, full_name};
use scim::{Attribute, Resource, ResourceType, Schema};

const REASON: &str = "it is ignored here; an administrator has switched it off";

/// Those of a resource type that bind whoever asks: operators are not bound.
fn of<'r>(cx: &Cx, rt: &'r ResourceType) -> Vec<(Option<&'r Schema>, &'r Attribute, String)> {
    let ignored = &cx.tenant.tenant.settings.ignored;
    if ignored.is_empty() || cx.actor.scope.admin {
        return Vec::new();
    }
    let named = rt.attributes().map(|(extension, attribute)| (extension, attribute, full_name(extension, attribute)));
    named.filter(|(.., value)| cx.tenant.tenant.settings.ignores(&rt.name, value)).collect()
}

/// Takes them out of what was sent.
pub(super) fn drop(cx: &Cx, rt: &ResourceType, sent: &mut Resource, trace: &mut Trace) {
    for (extension, attribute, path) in of(cx, rt) {
        if sent.value(extension, attribute).is_some() {
            sent.set(extension, attribute, None);
            trace.ignored.push(Ignored { path, reason: REASON });
        }
    }
}

/// Leaves them as they are stored, whatever a change made of them.
pub(super) fn keep(cx: &Cx, rt: &ResourceType, stored: &Resource, new: &mut Resource, trace: &mut Trace) {
    for (extension, attribute, path) in of(cx, rt) {
        let held = stored.value(extension, attribute);
        if held != new.value(extension, attribute) {
            new.set(extension, attribute, held.cloned());
            if !trace.ignored.iter().any(|one| one.path == path) {
                trace.ignored.push(Ignored { path, reason: REASON });
            }
        }
    }
}
