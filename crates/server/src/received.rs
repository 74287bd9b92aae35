//! Which attributes identity providers send: noted in memory as requests come, written down now and then.
//!
//! What it costs a request: a look in a map for each attribute that it names. A value becomes an example, masked, no more
//! often than every [`RECEIVED_EVERY`](limits::RECEIVED_EVERY).

use crate::limits;
use crate::redact::{REDACTED, Secrets, masked};
use scim::resource::full_name;
use scim::{ResourceType, Returned, Target};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use store::{Received, TenantId, names_in};

/// An attribute under one of the names that clients have for it.
struct Noted {
    /// Its own, in lower case.
    name: String,
    at: i64,
    example: String,
    is_new: bool,
}

/// By name, as it was sent.
type OfType = HashMap<String, Noted>;

/// What came lately, by tenant and resource type.
#[derive(Default)]
pub(crate) struct Arrivals(Mutex<HashMap<TenantId, HashMap<String, OfType>>>);

impl Arrivals {
    /// Notes what a body of a token's request names.
    pub(crate) fn note(&self, tenant: TenantId, rt: &ResourceType, secrets: &Secrets, body: &Value, now: i64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let types = all.entry(tenant).or_default();
        if !types.contains_key(&rt.name) {
            types.insert(rt.name.clone(), OfType::default());
        }
        let Some(of_type) = types.get_mut(&rt.name) else { return };
        names_in(body, &mut |name, value| {
            if value.is_null() {
                return;
            }
            let has_room = of_type.len() < limits::RECEIVED_NAMES_MAX;
            match of_type.get_mut(name) {
                Some(noted) if now - noted.at < limits::RECEIVED_EVERY => {}
                Some(noted) => {
                    let example = example(rt, secrets, name, value);
                    *noted = Noted { name: std::mem::take(&mut noted.name), at: now, example, is_new: true };
                }
                None if has_room => {
                    let Some(known) = known(rt, name) else { return };
                    let example = example(rt, secrets, name, value);
                    of_type.insert(name.to_owned(), Noted { name: known, at: now, example, is_new: true });
                }
                None => {}
            }
        });
    }

    /// What is to be written down since it was last asked for, of the tenants that there are.
    pub(crate) fn take(&self, tenants: &HashSet<TenantId>) -> Vec<Received> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|tenant, _| tenants.contains(tenant));
        let mut taken = Vec::new();
        for (tenant, types) in all.iter_mut() {
            for (kind, of_type) in types.iter_mut() {
                for noted in of_type.values_mut().filter(|noted| noted.is_new) {
                    noted.is_new = false;
                    let (name, example) = (noted.name.clone(), noted.example.clone());
                    taken.push(Received { tenant: *tenant, kind: kind.clone(), name, at: noted.at, example });
                }
            }
        }
        taken
    }
}

/// The attribute's own full name, if there is such a one.
fn known(rt: &ResourceType, name: &str) -> Option<String> {
    match rt.resolve_text(name)? {
        Target::Attribute { extension, attribute, .. } => Some(full_name(extension, attribute).to_lowercase()),
        _ => None,
    }
}

fn example(rt: &ResourceType, secrets: &Secrets, name: &str, value: &Value) -> String {
    let target = rt.resolve_text(name);
    let is_hidden =
        matches!(target, Some(Target::Attribute { attribute, .. }) if attribute.returned == Returned::Never);
    if is_hidden || secrets.names(name) { REDACTED.to_owned() } else { masked(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_told_apart_whatever_they_look_like_and_secrets_have_no_example() {
        let (arrivals, rt) = (Arrivals::default(), ResourceType::user());
        let tenants = HashSet::from([TenantId(1)]);
        let secrets = Secrets::new(["nickname".to_owned()]);
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let body = json!({"USERNAME": "adam@example.com", "password": "geheim-1", "nickName": "Ad", "unheardOf": 1,
            "title": null, enterprise: {"department": "Tools"}});
        arrivals.note(TenantId(1), &rt, &secrets, &body, 10);
        let patch = json!({"Operations": [{"op": "replace", "path": "name.givenName", "value": "Adam"}]});
        arrivals.note(TenantId(1), &rt, &secrets, &patch, 20);
        let mut taken = arrivals.take(&tenants);
        taken.sort_by(|a, b| a.name.cmp(&b.name));
        let told: Vec<(&str, &str)> = taken.iter().map(|one| (one.name.as_str(), one.example.as_str())).collect();
        let department = format!("{}:department", enterprise.to_lowercase());
        let expected = [
            ("name", "A•••"),
            ("nickname", REDACTED),
            ("password", REDACTED),
            (department.as_str(), "T•••"),
            ("username", "a•••m"),
        ];
        assert_eq!(told, expected);
        // Told once, and again when a while has passed.
        arrivals.note(TenantId(1), &rt, &secrets, &patch, 30);
        assert!(arrivals.take(&tenants).is_empty());
        arrivals.note(TenantId(1), &rt, &secrets, &patch, 20 + limits::RECEIVED_EVERY);
        assert_eq!(arrivals.take(&tenants).len(), 1);
    }
}
