//! Custom attributes made at run time: every type and characteristic, in requests, answers, filters and discovery.

use crate::harness::{Server, Tenant, USER, id, lay_over};
use serde_json::{Value, json};

const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";

#[track_caller]
fn define(tenant: &Tenant<'_>, attribute: Value) -> Value {
    let answer = tenant.admin("POST", "/attributes", json!({ "resourceType": "User", "attribute": attribute }));
    assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text());
    answer.json()
}

fn with(tenant: &Tenant<'_>, values: Value) -> crate::client::Answer {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    tenant.post("/Users", &json!({ "schemas": [USER, CUSTOM], "userName": format!("c{n}@x.test"), CUSTOM: values }))
}

#[test]
fn every_type_goes_in_and_comes_back() {
    let tenant = Server::shared().tenant();
    let values = [
        ("aString", json!({ "type": "string" }), json!("Text & <more>"), json!([7.5, { "a": 1 }, []])),
        ("aBoolean", json!({ "type": "boolean" }), json!(false), json!(["perhaps", 2, {}])),
        ("anInteger", json!({ "type": "integer" }), json!(-42), json!(["x", 1.5, {}])),
        ("aDecimal", json!({ "type": "decimal" }), json!(2.25), json!(["x", {}, true])),
        ("aDateTime", json!({ "type": "dateTime" }), json!("2026-11-24T09:30:00+01:00"), json!(["yesterday", 5, {}])),
        (
            "aReference",
            json!({ "type": "reference", "referenceTypes": ["external"] }),
            json!("https://x.test/a"),
            json!([{}, [1, 2]]),
        ),
        ("aBinary", json!({ "type": "binary" }), json!("aGVsbG8="), json!([{}])),
        ("aList", json!({ "type": "string", "multiValued": true }), json!(["one", "two"]), json!([[{}]])),
        (
            "aComplex",
            json!({ "type": "complex", "subAttributes": [{ "name": "street", "type": "string" }, { "name": "number", "type": "integer" }] }),
            json!({ "street": "Penny Lane", "number": 17 }),
            json!([{ "number": "x" }]),
        ),
        (
            "complexList",
            json!({ "type": "complex", "multiValued": true, "subAttributes": [{ "name": "value", "type": "string" }, { "name": "type", "type": "string" }] }),
            json!([{ "value": "a", "type": "x" }, { "value": "b" }]),
            json!([[{ "value": {} }]]),
        ),
    ];
    let mut all = json!({});
    for (name, definition, value, _) in &values {
        let mut attribute = json!({ "name": name });
        lay_over(&mut attribute, definition.clone());
        define(&tenant, attribute);
        all[name] = value.clone();
    }
    let user = with(&tenant, all.clone()).expect(201).json();
    let path = format!("/Users/{}", id(&user));
    for (name, _, value, wrong) in &values {
        assert_eq!(&user[CUSTOM][name], value, "POST {name}");
        assert_eq!(&tenant.read(&path)[CUSTOM][name], value, "GET {name}");
        for wrong in wrong.as_array().unwrap() {
            if name == &"aString" && wrong.is_number() {
                continue;
            }
            let answer = with(&tenant, json!({ *name: wrong }));
            let cleared = wrong.as_array().is_some_and(Vec::is_empty)
                || wrong.as_object().is_some_and(|map| map.is_empty() && name.contains("omplex"));
            if !cleared {
                assert_eq!(answer.status, 400, "{name} = {wrong}: {}", answer.text());
                assert!(
                    answer.expect_error(400)["detail"]
                        .as_str()
                        .unwrap()
                        .contains(name.trim_start_matches("a").trim_start_matches("n").get(1..).unwrap_or_default())
                );
            }
        }
    }
    assert!(user["schemas"].as_array().unwrap().contains(&json!(CUSTOM)));
    let echoed = tenant.put(&path, &tenant.read(&path)).expect(200).json();
    assert_eq!(echoed, user, "PUT of our own GET");
    filters(&tenant);
    by_patch(&tenant, &path);
}

fn filters(tenant: &Tenant<'_>) {
    for filter in [
        "aString eq \"TEXT & <more>\"",
        "aString sw \"text\" and aString co \"<MORE\"",
        "aBoolean eq false",
        "anInteger eq -42",
        "anInteger lt 0 and anInteger ge -42",
        "aDecimal gt 2.2 and aDecimal le 2.25",
        "aDateTime eq \"2026-11-24T08:30:00Z\"",
        "aDateTime gt \"2026-11-24T08:29:59.5Z\"",
        "aReference eq \"https://x.test/a\"",
        "aList eq \"two\"",
        "aComplex.street eq \"penny lane\"",
        "aComplex[street eq \"penny lane\" and number eq 17]",
        "complexList[value eq \"a\" and type eq \"x\"]",
        "complexList.value eq \"b\"",
    ] {
        let urn = filter.split(" and ").map(|term| format!("{CUSTOM}:{term}")).collect::<Vec<_>>().join(" and ");
        let urn = if filter.contains('[') { format!("{CUSTOM}:{filter}") } else { urn };
        assert_eq!(tenant.find("/Users", &urn).len(), 1, "{urn}");
        assert_eq!(tenant.find("/Users", filter).len(), 1, "{filter}, by the bare name");
    }
    assert!(tenant.find("/Users", &format!("{CUSTOM}:complexList[value eq \"b\" and type eq \"x\"]")).is_empty());
}

fn by_patch(tenant: &Tenant<'_>, path: &str) {
    let patched = tenant.patch(
        path,
        &json!([
            { "op": "replace", "path": format!("{CUSTOM}:anInteger"), "value": 43 },
            { "op": "add", "path": format!("{CUSTOM}:aList"), "value": ["three"] },
            { "op": "replace", "path": format!("{CUSTOM}:aComplex.number"), "value": 18 },
            { "op": "replace", "path": format!("{CUSTOM}:complexList[value eq \"b\"].type"), "value": "y" },
            { "op": "remove", "path": format!("{CUSTOM}:aString") }
        ]),
    );
    let custom = patched.expect(200).json()[CUSTOM].clone();
    assert_eq!(custom["anInteger"], 43);
    assert_eq!(custom["aList"], json!(["one", "two", "three"]));
    assert_eq!(custom["aComplex"], json!({ "street": "Penny Lane", "number": 18 }));
    assert_eq!(custom["complexList"][1], json!({ "value": "b", "type": "y" }));
    assert!(custom.get("aString").is_none());
}

#[test]
fn characteristics_are_enforced_and_shown() {
    let tenant = Server::shared().tenant();
    define(&tenant, json!({ "name": "badge", "type": "string", "uniqueness": "server", "caseExact": true }));
    define(&tenant, json!({ "name": "once", "type": "string", "mutability": "immutable" }));
    define(&tenant, json!({ "name": "secret", "type": "string", "mutability": "writeOnly", "returned": "never" }));
    define(&tenant, json!({ "name": "asked", "type": "string", "returned": "request" }));
    define(&tenant, json!({ "name": "kept", "type": "string", "returned": "always" }));
    let schema = tenant.read(&format!("/Schemas/{CUSTOM}"));
    let shown = |name: &str| {
        let attributes = schema["attributes"].as_array().unwrap();
        attributes
            .iter()
            .find(|attribute| attribute["name"] == name)
            .unwrap_or_else(|| panic!("{name}: {schema}"))
            .clone()
    };
    assert_eq!((&shown("badge")["uniqueness"], &shown("badge")["caseExact"]), (&json!("server"), &json!(true)));
    assert_eq!(shown("once")["mutability"], "immutable");
    assert_eq!(shown("secret")["returned"], "never");
    let extensions = tenant.read("/ResourceTypes/User")["schemaExtensions"].to_string();
    assert!(extensions.contains(CUSTOM), "{extensions}");

    let user = with(&tenant, json!({ "badge": "B1", "once": "first", "secret": "s3cr3t", "asked": "a", "kept": "k" }));
    let user = user.expect(201).json();
    let path = format!("/Users/{}", id(&user));
    assert_eq!(user[CUSTOM], json!({ "badge": "B1", "once": "first", "kept": "k" }));
    assert_eq!(tenant.read(&format!("{path}?attributes={CUSTOM}:asked"))[CUSTOM], json!({ "asked": "a", "kept": "k" }));
    assert_eq!(tenant.read(&format!("{path}?attributes=userName"))[CUSTOM], json!({ "kept": "k" }));
    assert!(!tenant.get(&format!("{path}?attributes={CUSTOM}:secret")).text().contains("s3cr3t"));
    let conflict = with(&tenant, json!({ "badge": "B1" })).expect_error(409);
    assert!(conflict["detail"].as_str().unwrap().contains("badge"), "{conflict}");
    with(&tenant, json!({ "badge": "b1" })).expect(201);
    let change = |value: &str| json!([{ "op": "replace", "path": format!("{CUSTOM}:once"), "value": value }]);
    assert_eq!(tenant.patch(&path, &change("second")).expect_error(400)["scimType"], "mutability");
    tenant.patch(&path, &change("first")).expect(200);
    // A PUT that cannot name what it was never shown keeps it.
    let put = tenant.put(&path, &tenant.read(&path)).expect(200).json();
    assert_eq!(put, user);
    assert_eq!(tenant.read(&format!("{path}?attributes={CUSTOM}:asked"))[CUSTOM]["asked"], "a");
}

#[test]
fn required_and_bounds() {
    let tenant = Server::shared().tenant();
    define(&tenant, json!({ "name": "short", "type": "string", "lengthMin": 2, "lengthMax": 4 }));
    with(&tenant, json!({ "short": "abcd" })).expect(201);
    for wrong in ["a", "abcde"] {
        let error = with(&tenant, json!({ "short": wrong })).expect_error(400);
        assert!(error["detail"].as_str().unwrap().contains("short"), "{error}");
    }
    define(&tenant, json!({ "name": "must", "type": "string", "required": true }));
    let error = with(&tenant, json!({ "short": "ab" })).expect_error(400);
    assert!(error["detail"].as_str().unwrap().contains("must"), "{error}");
    with(&tenant, json!({ "short": "ab", "must": "x" })).expect(201);
}

#[test]
fn the_list_to_copy_from() {
    let tenant = Server::shared().tenant();
    define(&tenant, json!({ "name": "Custom_Field", "type": "string" }));
    let listed = tenant.admin("GET", "/attributes", Value::Null).expect(200).json().to_string();
    assert!(listed.contains(&format!("{CUSTOM}:Custom_Field")), "{listed}");
    assert!(listed.contains("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"), "{listed}");
    let again = tenant.admin(
        "POST",
        "/attributes",
        json!({ "resourceType": "User", "attribute": { "name": "custom_field", "type": "string" } }),
    );
    assert!(matches!(again.status, 400 | 409), "a name is one in any case: {} {}", again.status, again.text());
    for wrong in [
        json!({ "name": "no spaces", "type": "string" }),
        json!({ "name": "x", "type": "nonsense" }),
        json!({ "type": "string" }),
    ] {
        let answer = tenant.admin("POST", "/attributes", json!({ "resourceType": "User", "attribute": wrong }));
        assert!(matches!(answer.status, 400 | 422), "{wrong}: {} {}", answer.status, answer.text());
        assert!(answer.json()["error"]["fix"].is_string(), "{}", answer.text());
    }
    let user = with(&tenant, json!({ "Custom_Field": "v" })).expect(201).json();
    let gone = tenant.admin("DELETE", &format!("/attributes/{CUSTOM}:Custom_Field"), Value::Null);
    assert!(matches!(gone.status, 200 | 204), "{} {}", gone.status, gone.text());
    assert!(tenant.read(&format!("/Users/{}", id(&user))).get(CUSTOM).is_none());
    assert!(
        tenant.get(&format!("/Schemas/{CUSTOM}")).status == 404
            || !tenant.get(&format!("/Schemas/{CUSTOM}")).text().contains("Custom_Field")
    );
}

#[test]
fn rules_that_concern_what_is_stored_hold_once_its_index_is_built_again() {
    let tenant = Server::shared().tenant();
    let mut badge = define(&tenant, json!({ "name": "badge", "type": "string" }));
    for text in ["A1", "a1", "B2"] {
        with(&tenant, json!({ "badge": text })).expect(201);
    }
    let found = |text: &str| {
        let filter = format!("/Users?filter={CUSTOM}:badge%20eq%20%22{text}%22");
        tenant.read(&filter)["totalResults"].clone()
    };
    assert_eq!(found("A1"), 2);
    badge["uniqueness"] = json!("server");
    // As it was shown, with what a list adds.
    let change = |definition: &Value| tenant.admin("PATCH", &format!("/attributes/{CUSTOM}:badge"), definition.clone());
    let taken = change(&badge).expect(409).json();
    assert!(taken["error"]["message"].as_str().unwrap().contains("already has this value"), "{taken}");
    assert_eq!(found("a1"), 2, "refused, and everything as it was");
    badge["caseExact"] = json!(true);
    let changed = change(&badge).expect(200).json();
    assert_eq!(
        (&changed["job"]["state"], &changed["job"]["done"], &changed["caseExact"]),
        (&json!("done"), &json!(3), &json!(true))
    );
    assert_eq!((found("A1"), found("a1"), found("b2")), (json!(1), json!(1), json!(0)));
    with(&tenant, json!({ "badge": "B2" })).expect(409);
    with(&tenant, json!({ "badge": "b2" })).expect(201);
    let listed = tenant.admin("GET", "/jobs", Value::Null).expect(200).json();
    let kinds: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|job| job["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["clear", "index", "clear", "index"]);
}

#[test]
fn one_tenants_attributes_are_its_own() {
    let (a, b) = (Server::shared().tenant(), Server::shared().tenant());
    define(&a, json!({ "name": "mine", "type": "string" }));
    assert!(a.read("/Schemas").to_string().contains(CUSTOM));
    assert!(!b.read("/Schemas").to_string().contains(CUSTOM));
    let user = with(&b, json!({ "mine": "x" })).expect(201).json();
    assert!(user.get(CUSTOM).is_none(), "dropped as unknown: {user}");
}

/// Neighbours that one floating-point number stands for are two values all the same.
#[test]
fn long_integers_are_told_apart() {
    let tenant = Server::shared().tenant();
    define(&tenant, json!({ "name": "badge", "type": "integer", "uniqueness": "server" }));
    define(&tenant, json!({ "name": "weight", "type": "decimal" }));
    let (low, high) = (9_007_199_254_740_993_i64, 9_007_199_254_740_994_i64);
    for number in [low, high] {
        with(&tenant, json!({ "badge": number })).expect(201);
        with(&tenant, json!({ "badge": number })).expect_error(409);
    }
    with(&tenant, json!({ "badge": -low, "weight": 1e18 })).expect(201);
    for (filter, count) in [
        (format!("badge eq {low}"), 1),
        (format!("badge eq \"{high}\""), 1),
        (format!("badge gt {low}"), 1),
        (format!("badge ge {low}"), 2),
        (format!("badge lt -{}", low - 1), 1),
        (format!("badge gt {}", low - 2), 2),
        ("weight eq 1000000000000000000".to_owned(), 1),
        ("weight eq 1e18".to_owned(), 1),
        ("weight gt 999999999999999999".to_owned(), 1),
    ] {
        assert_eq!(tenant.find("/Users", &filter).len(), count, "{filter}");
    }
}

/// So long an id would lose its last digits on the way, and two people be taken for one.
#[test]
fn a_number_that_loses_digits_is_no_id() {
    let tenant = Server::shared().tenant();
    let body = br#"{"userName":"long@x.test","externalId":103547991597142817347}"#;
    let request = tenant.request("POST", "/Users").header("Content-Type", "application/json").body(body.to_vec());
    let error = tenant.send(&request).expect_error(400);
    assert!(error["detail"].as_str().unwrap().contains("quotation marks"), "{error}");
}

#[test]
fn what_stays_of_a_field_is_not_said_to_have_changed() {
    let tenant = Server::shared().tenant();
    define(&tenant, json!({ "name": "once", "mutability": "immutable" }));
    let change = |definition: Value| tenant.admin("PATCH", &format!("/attributes/{CUSTOM}:once"), definition);
    for wish in [json!({ "mutability": "readWrite" }), json!({ "returned": "never" })] {
        let mut definition = json!({ "name": "once" });
        lay_over(&mut definition, wish);
        change(definition).expect(400);
    }
    change(json!({ "name": "once", "mutability": "immutable", "description": "As it was" })).expect(200);
    let shown = change(json!({ "name": "once", "description": "Left out" })).expect(200).json();
    assert_eq!((&shown["mutability"], &shown["description"]), (&json!("immutable"), &json!("Left out")), "{shown}");
}
