//! Lists: integers, pages, filters, sorting, projections, `.search`, cursors.

use super::log::log_until;
use crate::harness::{ENTERPRISE, Server, Tenant, USER, encode, id};
use serde_json::{Value, json};

const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

fn people(count: usize) -> Tenant<'static> {
    let tenant = Server::shared().tenant();
    for n in 0..count {
        let more = json!({
            "active": n % 3 != 0,
            "name": { "familyName": format!("F{:02}", (n * 7) % count), "givenName": "G" },
            "emails": [
                { "value": format!("w{n}@work.test"), "type": "work", "primary": n % 2 == 0 },
                { "value": format!("h{n}@home.test"), "type": "home", "primary": n % 2 == 1 }
            ]
        });
        tenant.user(&format!("user{n:03}@x.test"), more);
    }
    tenant
}

fn names(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().unwrap_or_else(|| panic!("no Resources in {list}"));
    resources.iter().map(|user| user["userName"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn an_empty_list_is_an_answer() {
    let tenant = Server::shared().tenant();
    for path in ["/Users", "/Groups", "/Users?filter=userName%20eq%20%22x%22", "/Users?count=0", "/Users?startIndex=9"]
    {
        let list = tenant.read(path);
        assert_eq!(list["schemas"], json!([LIST]), "{path}");
        assert_eq!(list["totalResults"], 0, "{path}");
        assert_eq!(list["itemsPerPage"], 0, "{path}");
        assert_eq!(list["Resources"], json!([]), "{path}");
        assert!(list["startIndex"].is_u64(), "{path}");
    }
}

#[test]
fn pages_by_index() {
    let tenant = people(25);
    for (query, start, length) in [
        ("", 1, 25),
        ("?startIndex=1&count=10", 1, 10),
        ("?startIndex=21&count=10", 21, 5),
        ("?startIndex=0&count=5", 1, 5),
        ("?startIndex=-3&count=5", 1, 5),
        ("?startIndex=26&count=5", 26, 0),
        ("?startIndex=1000&count=5", 1000, 0),
        ("?count=0", 1, 0),
        ("?count=-1", 1, 0),
        ("?count=100000", 1, 25),
        ("?STARTINDEX=2&Count=3", 2, 3),
        ("?count=3&unknown=1&aadOptscim062020", 1, 3),
    ] {
        let list = tenant.read(&format!("/Users{query}"));
        assert_eq!(list["totalResults"], 25, "{query}");
        assert_eq!(list["startIndex"], start, "{query}");
        assert_eq!(list["itemsPerPage"], length, "{query}");
        assert_eq!(list["Resources"].as_array().map(Vec::len), Some(length), "{query}");
    }
    for query in ["?startIndex=x", "?count=many", "?count=1.5"] {
        let error = tenant.get(&format!("/Users{query}")).expect_error(400);
        assert_eq!(error["scimType"], "invalidValue", "{query}");
    }
}

#[test]
fn a_page_is_bounded_even_when_nobody_asks() {
    let tenant = Server::shared().tenant();
    tenant.settings(json!({ "pageDefault": 3, "pageMax": 5 }));
    for n in 0..8 {
        tenant.user(&format!("p{n}@x.test"), json!({}));
    }
    assert_eq!(tenant.read("/Users")["itemsPerPage"], 3);
    assert_eq!(tenant.read("/Users?count=4")["itemsPerPage"], 4);
    assert_eq!(tenant.read("/Users?count=8")["itemsPerPage"], 5);
    assert_eq!(tenant.read("/Users")["totalResults"], 8);
}

/// Every page of a cursor, one after the other.
fn walk(tenant: &Tenant<'_>, query: &str) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    for _ in 0..100 {
        let list = tenant.read(&format!("/Users?{query}&cursor={}", encode(&cursor)));
        found.extend(names(&list));
        match list["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return found,
        }
    }
    panic!("the cursor never ends");
}

#[test]
fn the_walk_by_cursor_is_the_walk_by_index() {
    let tenant = people(23);
    for query in [
        "count=5",
        "count=23",
        "count=1",
        "count=7&sortBy=name.familyName",
        "count=4&sortBy=userName&sortOrder=descending",
        "count=3&filter=active%20eq%20true",
        "count=6&sortBy=emails&filter=userName%20pr",
        "count=5&sortBy=title",
        "count=5&sortBy=active",
    ] {
        let by_index = names(&tenant.read(&format!("/Users?{}&startIndex=1&count=1000", without_count(query))));
        let by_cursor = walk(&tenant, query);
        assert_eq!(by_cursor, by_index, "{query}");
    }
}

fn without_count(query: &str) -> String {
    query.split('&').filter(|pair| !pair.starts_with("count=")).collect::<Vec<_>>().join("&")
}

#[test]
fn a_cursor_is_bound_to_its_query() {
    let tenant = people(9);
    let first = tenant.read("/Users?count=3&cursor=");
    assert_eq!(first["itemsPerPage"], 3);
    let cursor = first["nextCursor"].as_str().expect("there is more");
    let invalid = |path: String| {
        let error = tenant.get(&path).expect_error(400);
        assert_eq!(error["scimType"], "invalidCursor", "{path}");
    };
    invalid("/Users?count=3&cursor=nonsense".into());
    let mut tampered = cursor.to_owned();
    let last = if tampered.ends_with('A') { 'B' } else { 'A' };
    tampered.replace_range(tampered.len() / 2..tampered.len() / 2 + 1, &last.to_string());
    invalid(format!("/Users?count=3&cursor={}", encode(&tampered)));
    invalid(format!("/Users?count=3&filter=userName%20pr&cursor={}", encode(cursor)));
    invalid(format!("/Users?count=3&sortBy=userName&cursor={}", encode(cursor)));
    invalid(format!("/Groups?count=3&cursor={}", encode(cursor)));
    let other = Server::shared().tenant();
    let error = other.get(&format!("/Users?count=3&cursor={}", encode(cursor))).expect_error(400);
    assert_eq!(error["scimType"], "invalidCursor", "a cursor of another tenant");
    assert_eq!(names(&tenant.read(&format!("/Users?count=3&cursor={}", encode(cursor)))).len(), 3);
    let no_cursor_asked = tenant.read("/Users?count=3");
    assert!(no_cursor_asked.get("nextCursor").is_none(), "index paging stays the default: {no_cursor_asked}");
}

#[test]
fn a_cursor_survives_what_is_deleted_meanwhile() {
    let tenant = people(10);
    let first = tenant.read("/Users?count=4&cursor=&sortBy=userName");
    for user in first["Resources"].as_array().unwrap() {
        tenant.delete(&format!("/Users/{}", id(user))).expect(204);
    }
    let cursor = first["nextCursor"].as_str().expect("there is more");
    let second = tenant.read(&format!("/Users?count=4&sortBy=userName&cursor={}", encode(cursor)));
    assert_eq!(names(&second), ["user004@x.test", "user005@x.test", "user006@x.test", "user007@x.test"]);
}

#[test]
fn sorting() {
    let tenant = Server::shared().tenant();
    for (name, family, title) in
        [("c@x.test", "beta", Some("b")), ("A@x.test", "Gamma", None), ("b@x.test", "ALPHA", Some("A"))]
    {
        tenant
            .user(name, json!({ "name": { "familyName": family }, "title": title.map_or("{absent}", |title| title) }));
    }
    let sorted = |query: &str| names(&tenant.read(&format!("/Users?{query}")));
    assert_eq!(sorted("sortBy=userName"), ["A@x.test", "b@x.test", "c@x.test"]);
    assert_eq!(sorted("sortBy=userName&sortOrder=descending"), ["c@x.test", "b@x.test", "A@x.test"]);
    assert_eq!(sorted("sortBy=name.familyName"), ["b@x.test", "c@x.test", "A@x.test"]);
    assert_eq!(sorted("sortBy=urn:ietf:params:scim:schemas:core:2.0:User:userName").len(), 3);
    assert_eq!(sorted("sortBy=title"), ["b@x.test", "c@x.test", "A@x.test"], "no value comes last");
    assert_eq!(sorted("sortBy=title&sortOrder=descending").len(), 3);
    assert_eq!(sorted("sortBy=meta.created"), ["c@x.test", "A@x.test", "b@x.test"]);
    assert_eq!(sorted("sortBy="), ["c@x.test", "A@x.test", "b@x.test"], "an empty sortBy is none");
}

/// RFC 7644 §3.4.2.3 knows no error for it: nobody has a value, so everybody stands where those without one do. The log
/// tells whoever wonders.
#[test]
fn what_gives_no_order_is_no_error_and_the_log_says_so() {
    let tenant = Server::shared().tenant();
    for name in ["b@x.test", "a@x.test"] {
        tenant.user(name, json!({}));
    }
    let cases = [
        ("nosuch", "sortBy nosuch gives no order: there is no such attribute"),
        ("urn:x:y:nosuch", "there is no such attribute"),
        ("name", "sortBy name gives no order: it has parts"),
        ("password", "it is never shown"),
    ];
    for (path, _) in cases {
        for (order, expected) in [("ascending", ["b@x.test", "a@x.test"]), ("descending", ["a@x.test", "b@x.test"])] {
            let query = format!("/Users?sortBy={path}&sortOrder={order}");
            assert_eq!(names(&tenant.read(&query)), expected, "{query}");
        }
    }
    let reads = |entries: &[Value]| entries.iter().filter(|entry| entry["method"] == "GET").count();
    let entries = log_until(&tenant, "?limit=100", |entries| reads(entries) == 2 * cases.len());
    for (path, why) in cases {
        // What may be a secret is not kept.
        let sought = if path == "password" { "[redacted]".to_owned() } else { format!("sortBy={path}&") };
        let of = |entry: &&Value| entry["path"].as_str().is_some_and(|asked| asked.contains(&sought));
        let found = entries.iter().find(of).unwrap_or_else(|| panic!("no {sought} in {entries:?}"));
        let told = tenant.admin("GET", &format!("/log/{}", found["seq"]), Value::Null).expect(200).text();
        assert!(told.contains(why), "{told}");
    }
    let body = json!({ "sortBy": "nosuch" });
    assert_eq!(names(&tenant.post("/Users/.search", &body).expect(200).json()), ["b@x.test", "a@x.test"]);
}

#[test]
fn the_primary_element_is_what_a_list_sorts_by() {
    let tenant = Server::shared().tenant();
    let emails = |primary: &str, other: &str| json!({ "emails": [{ "value": other, "type": "home" }, { "value": primary, "type": "work", "primary": true }] });
    tenant.user("one@x.test", emails("z@x.test", "a@x.test"));
    tenant.user("two@x.test", emails("b@x.test", "y@x.test"));
    assert_eq!(names(&tenant.read("/Users?sortBy=emails")), ["two@x.test", "one@x.test"]);
    assert_eq!(names(&tenant.read("/Users?sortBy=emails.value")), ["two@x.test", "one@x.test"]);
}

#[test]
fn projections() {
    let tenant = Server::shared().tenant();
    let user = tenant.user(
        "show@x.test",
        json!({ "name": { "givenName": "G", "familyName": "F" }, "title": "T", ENTERPRISE: { "department": "D", "employeeNumber": "7" } }),
    );
    let path = format!("/Users/{}", id(&user));
    let keys = |query: &str| {
        let one = tenant.read(&format!("{path}?{query}"));
        let listed = tenant.read(&format!("/Users?{query}"))["Resources"][0].clone();
        assert_eq!(one, listed, "{query}: a list shows what a single read shows");
        let mut keys: Vec<String> = one.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        (keys, one)
    };
    assert_eq!(keys("attributes=userName").0, ["id", "schemas", "userName"]);
    assert_eq!(keys("attributes=id").0, ["id", "schemas"]);
    assert_eq!(keys("attributes=USERNAME,title").0, ["id", "schemas", "title", "userName"]);
    assert_eq!(keys("attributes=name.familyName").1["name"], json!({ "familyName": "F" }));
    assert_eq!(keys("attributes=urn:ietf:params:scim:schemas:core:2.0:User:title").0, ["id", "schemas", "title"]);
    let (_, department) = keys(&format!("attributes={ENTERPRISE}:department"));
    assert_eq!(department[ENTERPRISE], json!({ "department": "D" }));
    assert!(department.get("title").is_none());
    let (without, _) = keys("excludedAttributes=name,meta");
    assert!(
        !without.contains(&"name".into()) && !without.contains(&"meta".into()) && without.contains(&"title".into())
    );
    let (_, part) = keys("excludedAttributes=name.givenName");
    assert_eq!(part["name"], json!({ "familyName": "F" }));
    let (always, _) = keys("excludedAttributes=id,schemas");
    assert!(always.contains(&"id".into()) && always.contains(&"schemas".into()), "returned: always wins");
    assert_eq!(keys("attributes=nothingOfThatName").0, ["id", "schemas"]);
}

#[test]
fn a_projection_on_writes() {
    let tenant = Server::shared().tenant();
    let body = json!({ "schemas": [USER], "userName": "write@x.test", "title": "T" });
    let made = tenant.post("/Users?attributes=userName", &body).expect(201).json();
    assert!(made.get("title").is_none() && made["userName"] == "write@x.test", "{made}");
    let path = format!("/Users/{}", id(&made));
    let put = tenant.put(&format!("{path}?excludedAttributes=title"), &body).expect(200).json();
    assert!(put.get("title").is_none(), "{put}");
    let patched =
        tenant.patch(&format!("{path}?attributes=title"), &json!([{ "op": "replace", "path": "title", "value": "U" }]));
    assert_eq!(patched.expect(200).json()["title"], "U");
}

#[test]
fn a_group_without_its_members() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("m@x.test", json!({}));
    let group = tenant.group("G", &[id(&user)]);
    let path = format!("/Groups/{}", id(&group));
    assert!(tenant.read(&format!("{path}?excludedAttributes=members")).get("members").is_none());
    assert!(tenant.read("/Groups?excludedAttributes=members")["Resources"][0].get("members").is_none());
    assert!(tenant.read("/Groups?attributes=displayName")["Resources"][0].get("members").is_none());
    let only = tenant.read(&format!("{path}?attributes=members.value"));
    assert_eq!(only["members"], json!([{ "value": id(&user) }]));
    assert!(only.get("displayName").is_none());
}

#[test]
fn search_by_post_is_the_list() {
    let tenant = people(7);
    let search = |path: &str, mut body: Value| {
        body["schemas"] = json!([SEARCH]);
        tenant.post(path, &body).expect(200).json()
    };
    let got = tenant.read("/Users?filter=active%20eq%20true&sortBy=userName&startIndex=2&count=2&attributes=userName");
    let posted = search(
        "/Users/.search",
        json!({ "filter": "active eq true", "sortBy": "userName", "sortOrder": "ascending", "startIndex": 2, "count": 2, "attributes": ["userName"] }),
    );
    assert_eq!(posted, got);
    let group = tenant.group("A group", &[]);
    let all = search("/.search", json!({}));
    assert_eq!(all["totalResults"], 8, "users and groups at once");
    let ids: Vec<&str> = all["Resources"].as_array().unwrap().iter().map(id).collect();
    assert!(ids.contains(&id(&group)));
    let users = search("/.search", json!({ "filter": "meta.resourceType eq \"User\"", "count": 3 }));
    assert_eq!((&users["totalResults"], &users["itemsPerPage"]), (&json!(7), &json!(3)));
    let named = search("/.search", json!({ "filter": "displayName eq \"A group\"", "attributes": ["displayName"] }));
    assert_eq!(named["Resources"][0]["id"], group["id"]);
    let error =
        tenant.post("/Users/.search", &json!({ "schemas": [SEARCH], "filter": "userName eq" })).expect_error(400);
    assert_eq!(error["scimType"], "invalidFilter");
    let root = tenant.read("/?filter=userName%20eq%20%22user001%40x.test%22");
    assert_eq!(names(&root), ["user001@x.test"], "a query at the root looks at all resource types");
}

#[test]
fn a_cursor_in_a_search_body() {
    let tenant = people(5);
    let first =
        tenant.post("/Users/.search", &json!({ "schemas": [SEARCH], "count": 3, "cursor": "" })).expect(200).json();
    let next = first["nextCursor"].as_str().expect("there is more");
    let second =
        tenant.post("/Users/.search", &json!({ "schemas": [SEARCH], "count": 3, "cursor": next })).expect(200).json();
    assert_eq!(names(&first).len() + names(&second).len(), 5);
    assert!(second.get("nextCursor").is_none());
}

#[test]
fn a_cursor_expires() {
    let tenant = people(4);
    tenant.settings(json!({ "cursorSeconds": 1 }));
    assert_eq!(tenant.read("/ServiceProviderConfig")["pagination"]["cursorTimeout"], 1);
    let first = tenant.read("/Users?count=3&cursor=");
    let next = format!("/Users?count=3&cursor={}", encode(first["nextCursor"].as_str().expect("there is more")));
    tenant.get(&next).expect(200);
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    assert_eq!(tenant.get(&next).expect_error(400)["scimType"], "expiredCursor");
}

#[test]
fn pages_by_index_of_a_filter_are_those_of_the_directory_as_it_is() {
    let tenant = people(20);
    for query in [
        "filter=active%20eq%20true",
        "filter=userName%20co%20%22x%22&sortBy=name.familyName",
        "sortBy=emails&sortOrder=descending",
    ] {
        let page =
            |start: usize, count: usize| tenant.read(&format!("/Users?{query}&startIndex={start}&count={count}"));
        let walked = || {
            let whole = page(1, 1_000);
            let total = whole["totalResults"].as_u64().unwrap();
            let mut seen = Vec::new();
            // Forwards, so that each page begins where the one before has ended; then one from the middle.
            for start in (1..=total as usize).step_by(3) {
                let list = page(start, 3);
                assert_eq!(
                    (list["totalResults"].as_u64(), list["startIndex"].as_u64()),
                    (Some(total), Some(start as u64))
                );
                seen.extend(names(&list));
            }
            assert_eq!(seen, names(&whole), "{query}");
            assert_eq!(names(&page(6, 4)), seen[5..9], "{query}");
            assert_eq!(names(&page(total as usize + 1, 4)), Vec::<String>::new());
            (total, seen)
        };
        let (before, seen) = walked();
        // Somebody comes at the front, and somebody leaves: the next page knows of both.
        let body = json!({ "active": true, "name": { "familyName": "A" }, "emails": [{ "value": "zz@x.test", "primary": true }] });
        let new = id(&tenant.user("zz@x.test", body)).to_owned();
        assert_eq!(walked().0, before + 1);
        let gone = tenant.read(&format!("/Users?filter=userName%20eq%20%22{}%22", seen[1]));
        tenant.delete(&format!("/Users/{}", gone["Resources"][0]["id"].as_str().unwrap())).expect(204);
        let (after, left) = walked();
        assert!(after == before && !left.contains(&seen[1]));
        tenant.delete(&format!("/Users/{new}")).expect(204);
    }
}

/// Nothing is lost by whoever goes from cursor to cursor until there is none: the search over all types has none at all.
#[test]
fn a_search_over_all_types_refuses_a_first_cursor_as_well() {
    let tenant = people(3);
    for path in ["?cursor=&count=1", "?cursor=x&count=1"] {
        tenant.get(path).expect_error(400);
    }
    tenant.post("/.search", &json!({ "schemas": [SEARCH], "cursor": "", "count": 1 })).expect_error(400);
    assert_eq!(tenant.read("?count=1")["totalResults"], 3);
}

#[test]
fn a_parameter_that_comes_twice_names_more_attributes() {
    let tenant = people(1);
    let user = tenant.read("/Users?attributes=active&attributes=userName")["Resources"][0].clone();
    assert!(user["active"].is_boolean() && user["userName"].is_string() && user.get("name").is_none(), "{user}");
    let alone = tenant.read(&format!("/Users/{}?attributes=active&attributes=userName", id(&user)));
    assert_eq!(alone, user);
}
