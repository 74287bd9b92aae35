//! Filters over HTTP: the grammar, precedence, one and the same element, types, and how they are encoded.

use crate::harness::{ENTERPRISE, Server, Tenant, id};
use serde_json::json;

fn people() -> Tenant<'static> {
    let tenant = Server::shared().tenant();
    tenant.user(
        "ann@x.test",
        json!({ "externalId": "A-1", "active": true, "title": "Lead", "name": { "givenName": "Ann", "familyName": "Alder" },
                "emails": [{ "value": "ann@work.test", "type": "work", "primary": true }, { "value": "ann@home.test", "type": "home" }],
                ENTERPRISE: { "department": "Sales", "employeeNumber": "10" } }),
    );
    tenant.user(
        "bob@x.test",
        json!({ "externalId": "a-1", "active": false, "name": { "givenName": "Bob", "familyName": "Birch" },
                "emails": [{ "value": "bob@home.test", "type": "work" }], ENTERPRISE: { "department": "Support" } }),
    );
    tenant.user("cyd@x.test", json!({ "displayName": "Say \"hi\" \\ bye", "nickName": "Cÿd" }));
    tenant
}

/// A filter and who it finds, by the first letters.
const ROWS: [(&str, &str); 66] = [
    ("userName eq \"ann@x.test\"", "a"),
    ("USERNAME Eq \"ANN@X.TEST\"", "a"),
    ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"bob@x.test\"", "b"),
    ("userName ne \"ann@x.test\"", "bc"),
    ("userName co \"@X\"", "abc"),
    ("userName sw \"b\"", "b"),
    ("userName ew \"X.test\"", "abc"),
    ("userName gt \"bob@x.test\"", "c"),
    ("userName ge \"BOB@x.test\"", "bc"),
    ("userName lt \"b\"", "a"),
    ("userName le \"bob@x.test\"", "ab"),
    ("userName pr", "abc"),
    ("title pr", "a"),
    ("not (title pr)", "bc"),
    ("title eq null", "bc"),
    ("title ne null", "a"),
    ("title ne \"Lead\"", "bc"),
    ("externalId eq \"A-1\"", "a"),
    ("externalId eq \"a-1\"", "b"),
    ("active eq true", "a"),
    ("active eq false", "b"),
    ("active eq \"True\"", "a"),
    ("active ne true", "bc"),
    ("name.familyName eq \"alder\"", "a"),
    ("name.familyName sw \"B\"", "b"),
    ("name pr", "ab"),
    ("emails pr", "ab"),
    ("emails eq \"ann@home.test\"", "a"),
    ("emails co \"home\"", "ab"),
    ("emails.value ew \"work.test\"", "a"),
    ("emails.type eq \"home\"", "a"),
    ("emails[type eq \"work\"]", "ab"),
    ("emails[type eq \"work\" and value co \"home\"]", "b"),
    ("emails.type eq \"work\" and emails.value co \"home\"", "ab"),
    ("emails[type eq \"work\"].value eq \"bob@home.test\"", "b"),
    ("emails[type eq \"home\" or primary eq true]", "a"),
    ("emails[not (type eq \"work\")]", "a"),
    ("not (emails[type eq \"home\"])", "bc"),
    ("emails.primary eq true", "a"),
    ("emails[value pr]", "ab"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"sales\"", "a"),
    ("department eq \"sales\"", "a"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department sw \"S\"", "ab"),
    ("employeeNumber pr", "a"),
    ("userName eq \"ann@x.test\" or userName eq \"bob@x.test\" and active eq true", "a"),
    ("(userName eq \"ann@x.test\" or userName eq \"bob@x.test\") and active eq false", "b"),
    ("active eq true or not (active pr) and nickName pr", "ac"),
    ("not (active eq true) and not (active eq false)", "c"),
    ("not (active eq true or active eq false)", "c"),
    ("userName sw \"a\" AND active eq true Or userName sw \"c\"", "ac"),
    ("((((userName sw \"c\"))))", "c"),
    ("displayName eq \"Say \\\"hi\\\" \\\\ bye\"", "c"),
    ("displayName co \"\\\"HI\\\"\"", "c"),
    ("nickName eq \"C\\u00ffd\"", "c"),
    ("nickName eq \"CŸD\"", "c"),
    ("unknown eq \"x\"", ""),
    ("unknown pr", ""),
    ("not (unknown pr)", "abc"),
    ("unknown.sub eq \"x\"", ""),
    ("meta.resourceType eq \"User\"", "abc"),
    ("meta.resourceType eq \"Group\"", ""),
    ("meta.created gt \"2020-01-01T00:00:00Z\"", "abc"),
    ("meta.lastModified lt \"2020-01-01T00:00:00Z\"", ""),
    ("schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"", "ab"),
    ("id pr", "abc"),
    ("groups pr", ""),
];

#[test]
fn who_is_found() {
    let tenant = people();
    for (filter, expected) in ROWS {
        let mut found: Vec<char> =
            tenant.find("/Users", filter).iter().filter_map(|user| user["userName"].as_str()?.chars().next()).collect();
        found.sort_unstable();
        assert_eq!(found.into_iter().collect::<String>(), expected, "{filter}");
    }
}

#[test]
fn totals_agree_with_what_is_listed() {
    let tenant = people();
    for (filter, expected) in ROWS {
        let list = tenant.read(&format!("/Users?count=1&filter={}", crate::harness::encode(filter)));
        assert_eq!(list["totalResults"], expected.len(), "{filter}");
        assert_eq!(list["itemsPerPage"], expected.len().min(1), "{filter}");
    }
}

#[test]
fn every_encoding_of_the_same_filter() {
    let tenant = people();
    for query in [
        "filter=userName%20eq%20%22ann%40x.test%22",
        "filter=userName+eq+%22ann%40x.test%22",
        "filter=userName+eq+%22ann@x.test%22",
        "filter=userName+Eq+%22ann@x.test%22&",
        "&filter=userName+eq+%22ann@x.test%22",
        "startIndex=1&count=100&filter=userName%20eq%20%22ann%40x.test%22",
        "FILTER=userName%20eq%20%22ann%40x.test%22",
        "filter=%75serName%20eq%20%22%61nn%40x.test%22",
        "filter=%20userName%20%20eq%20%20%22ann%40x.test%22%20",
    ] {
        assert_eq!(tenant.read(&format!("/Users?{query}"))["totalResults"], 1, "{query}");
    }
    tenant.user("a+b@x.test", json!({}));
    assert_eq!(tenant.read("/Users?filter=userName%20eq%20%22a%2Bb%40x.test%22")["totalResults"], 1, "%2B is a plus");
}

#[test]
fn by_id_and_together() {
    let tenant = people();
    let ann = tenant.find("/Users", "userName sw \"ann\"")[0].clone();
    for filter in [
        format!("id eq \"{}\"", id(&ann)),
        format!("id eq \"{}\" and active eq true", id(&ann)),
        format!("meta.version eq {}", serde_json::Value::from(ann["meta"]["version"].as_str().unwrap())),
        format!("id eq \"{}\" or id eq \"none\"", id(&ann)),
    ] {
        let found = tenant.find("/Users", &filter);
        assert!(found.iter().any(|user| user["id"] == ann["id"]), "{filter}");
    }
    assert!(tenant.find("/Users", &format!("id eq \"{}\"", id(&ann).to_uppercase())).len() <= 1);
    assert!(tenant.find("/Users", &format!("not (id eq \"{}\") and id eq \"{}\"", id(&ann), id(&ann))).is_empty());
}
