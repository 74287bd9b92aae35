//! Passwords in provisioning requests: hashed when the tenant keeps them, thrown away when it does not.
//!
//! Identity providers send a random password with every create, asked for or not, so a tenant keeps none by
//! default. Hashing is slow by design; it happens before the writer is entered and not inside.

use super::Cx;
use crate::error::{Error, Result};
use crate::record::Trace;
use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use scim::{Code, Resource, ResourceType};
use serde_json::Value;

const NAME: &str = "password";

/// Replaces every password in a body by its argon2id hash, if the tenant keeps passwords.
pub(super) async fn hash(cx: &Cx, body: &mut Value) -> Result<()> {
    if !cx.tenant.tenant.settings.keep_passwords {
        return Ok(());
    }
    let mut found = Vec::new();
    find(body, &mut found);
    for secret in found {
        let Value::String(plain) = secret else { continue };
        if plain.is_empty() {
            continue;
        }
        let plain = std::mem::take(plain);
        let hashed = tokio::task::spawn_blocking(move || hash_one(&plain)).await;
        *secret =
            Value::String(hashed.ok().flatten().ok_or_else(|| {
                Error::new(Code::INTERNAL, "the password could not be hashed, so nothing was written")
            })?);
    }
    Ok(())
}

fn hash_one(plain: &str) -> Option<String> {
    Some(Argon2::default().hash_password(plain.as_bytes()).ok()?.to_string())
}

/// The places of a body that hold a password: the attribute, and the value of a PATCH operation on it.
fn find<'v>(value: &'v mut Value, found: &mut Vec<&'v mut Value>) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| find(element, found)),
        Value::Object(map) => {
            let at_password = map
                .iter()
                .any(|(key, path)| key.eq_ignore_ascii_case("path") && path.as_str().is_some_and(is_password));
            for (key, part) in map.iter_mut() {
                if is_password(key) || (at_password && key.eq_ignore_ascii_case("value")) {
                    found.push(part);
                } else {
                    find(part, found);
                }
            }
        }
        _ => {}
    }
}

fn is_password(path: &str) -> bool {
    path.rsplit(':').next().is_some_and(|name| name.eq_ignore_ascii_case(NAME))
}

/// Takes the password away if the tenant keeps none.
pub(super) fn discard(cx: &Cx, rt: &ResourceType, resource: &mut Resource, trace: &mut Trace) {
    if cx.tenant.tenant.settings.keep_passwords || !rt.is_user() {
        return;
    }
    if resource.attributes.shift_remove(NAME).is_some() {
        trace.step("the password was thrown away: this tenant keeps none");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn passwords_are_found_wherever_they_stand() {
        let mut body = json!({
            "password": "1",
            "urn:ietf:params:scim:schemas:core:2.0:User:PassWord": "2",
            "Operations": [
                {"op": "replace", "path": "password", "value": "3"},
                {"op": "replace", "value": {"password": "4", "userName": "u"}},
            ],
        });
        let mut found = Vec::new();
        find(&mut body, &mut found);
        assert_eq!(found.iter().filter_map(|v| v.as_str()).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    }

    #[test]
    fn the_hash_is_argon2id() {
        assert!(hash_one("x").unwrap().starts_with("$argon2id$"));
    }
}
