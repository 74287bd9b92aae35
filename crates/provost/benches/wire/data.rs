//! The people and groups that are there before anything is measured.

use crate::harness::{GROUP, Tenant, id};
use serde_json::{Value, json};

/// Operations of one bulk request, and members of one PATCH.
const AT_ONCE: usize = 1_000;
const MEMBERS_AT_ONCE: usize = 10_000;

pub(crate) struct Data {
    pub(crate) users: Vec<String>,
    /// A tenth of the people, and all but those that come and go.
    pub(crate) groups: Vec<(usize, String)>,
}

impl Data {
    pub(crate) fn make(tenant: &Tenant<'_>, count: usize) -> Self {
        // The last ones are in no group: they are added and removed while it is measured.
        let spare = 1_000;
        eprintln!("making {} users …", count + spare);
        let mut users = Vec::new();
        while users.len() < count + spare {
            let from = users.len();
            let to = (from + AT_ONCE).min(count + spare);
            users.extend(bulk(tenant, from, to));
        }
        let groups = [count / 10, count]
            .into_iter()
            .map(|size| {
                eprintln!("making a group of {size} …");
                (size, group(tenant, &users[..size]))
            })
            .collect();
        Self { users, groups }
    }

    /// Someone who is in no group, for the n-th connection.
    pub(crate) fn spare(&self, n: usize) -> &str {
        &self.users[self.users.len() - 1 - n]
    }
}

fn bulk(tenant: &Tenant<'_>, from: usize, to: usize) -> Vec<String> {
    let operations: Vec<Value> = (from..to)
        .map(|n| json!({ "method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": user(&format!("person{n}")) }))
        .collect();
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    let answer = tenant.post("/Bulk", &body).expect(200).json();
    let made = answer["Operations"].as_array().expect("Operations");
    made.iter()
        .map(|operation| {
            assert_eq!(operation["status"], "201", "{operation}");
            operation["location"].as_str().expect("a location").rsplit('/').next().expect("an id").to_owned()
        })
        .collect()
}

fn group(tenant: &Tenant<'_>, users: &[String]) -> String {
    let body = json!({ "schemas": [GROUP], "displayName": format!("Group of {}", users.len()) });
    let group = tenant.post("/Groups", &body).expect(201).json();
    let path = format!("/Groups/{}", id(&group));
    for chunk in users.chunks(MEMBERS_AT_ONCE) {
        let members: Vec<Value> = chunk.iter().map(|id| json!({ "value": id })).collect();
        tenant.patch(&path, &json!([{ "op": "add", "path": "members", "value": members }])).expect(204);
    }
    id(&group).to_owned()
}

/// A user as an identity provider sends one, about 1.2 kB.
pub(crate) fn user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": format!("{name}@example.test"), "externalId": format!("00u{name}"), "active": true,
        "displayName": format!("Person {name}"), "title": "Engineer", "locale": "en-US", "timezone": "Europe/Berlin",
        "name": { "givenName": "Person", "familyName": name, "formatted": format!("Person {name}") },
        "emails": [
            { "value": format!("{name}@work.test"), "type": "work", "primary": true },
            { "value": format!("{name}@home.test"), "type": "home" }
        ],
        "phoneNumbers": [{ "value": "+49 30 1234567", "type": "work" }],
        "addresses": [{ "type": "work", "streetAddress": "1 Example Street", "locality": "Berlin", "postalCode": "10115", "country": "DE" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": name, "department": "Research", "costCenter": "4130", "organization": "Example"
        },
        "groups": [], "password": "1mz050nq"
    })
}
