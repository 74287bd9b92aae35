//! People as an identity provider sends them, about 1.2 kB each: made from one text with gaps, because the load shares
//! the machine with what it measures.

use crate::harness::{ENTERPRISE, USER};
use serde_json::{Value, json};

pub(crate) const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";
/// What stands where a gap is.
const GAP: &str = "\u{1}";

/// A text with gaps.
#[derive(Clone)]
pub(crate) struct Template(Vec<String>);

impl Template {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.split(GAP).map(str::to_owned).collect())
    }

    /// The text with this in every gap.
    pub(crate) fn with(&self, filling: &str) -> String {
        self.0.join(filling)
    }

    /// A user to be made; `name` is a word.
    pub(crate) fn user() -> Self {
        Self::new(&user().to_string().replace("NAME", GAP))
    }

    /// A line of a file that is imported: with an id, so that everybody's id is known, and without a password.
    pub(crate) fn line() -> Self {
        let mut user = user();
        user["id"] = "ID".into();
        if let Some(map) = user.as_object_mut() {
            map.shift_remove("password");
        }
        Self::new(&user.to_string().replace("\"ID\"", "\"ID-OF-NAME\"").replace("NAME", GAP))
    }

    /// A PATCH with one gap.
    pub(crate) fn patch(operation: &Value) -> Self {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        Self::new(&body.to_string().replace("NAME", GAP))
    }
}

/// The id that person `n` of a directory has: the form of a UUID, rising as those that Provost makes.
pub(crate) fn id(n: usize) -> String {
    format!("0190{:04x}-{:04x}-7000-8000-{n:012x}", (n >> 16) & 0xffff, n & 0xffff)
}

fn user() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE, CUSTOM],
        "userName": "NAME@example.test", "externalId": "00uNAME", "active": true,
        "displayName": "Person NAME", "title": "Engineer", "locale": "en-US", "timezone": "Europe/Berlin",
        "name": { "givenName": "Person", "familyName": "NAME", "formatted": "Person NAME" },
        "emails": [
            { "value": "NAME@work.test", "type": "work", "primary": true },
            { "value": "NAME@home.test", "type": "home" }
        ],
        "phoneNumbers": [{ "value": "+49 30 1234567", "type": "work" }],
        "addresses": [{
            "type": "work", "streetAddress": "1 Example Street", "locality": "Berlin", "postalCode": "10115", "country": "DE"
        }],
        ENTERPRISE: { "employeeNumber": "NAME", "department": "Research", "costCenter": "4130", "organization": "Example" },
        CUSTOM: { "badgeNumber": "badge NAME" },
        "groups": [], "password": "1mz050nq"
    })
}
