//! `provost export` and `provost import`.

use super::{everything, people};
use crate::cli::Way;
use crate::harness::{Folder, Server};
use serde_json::{Value, json};
use std::fs;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Without what differs between two tenants that hold the same.
fn same(mut all: Vec<Value>) -> Vec<Value> {
    for one in &mut all {
        one["meta"].take();
    }
    all
}

#[test]
fn what_was_exported_is_imported_again() {
    let server = Server::shared();
    let (from, to) = (server.tenant(), server.tenant());
    people(&from, 620);
    let folder = Folder::new();
    let file = folder.join("all.jsonl");
    let way = Way::folder(&server.data);
    let told = way.json(&["export", "--output", &file, "--tenant", &from.name]);
    assert_eq!(told["count"], 621);
    let lines = fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().count(), 621);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["userName"], "u0@example.com");
    assert_eq!(way.ok(&["export", "--tenant", &from.name]).lines().count(), 621);

    let import = |more: &[&str]| {
        let mut all = vec!["import", file.as_str(), "--keep-ids", "--tenant", to.name.as_str()];
        all.extend(more);
        let told = way.json(&all);
        [&told["created"], &told["updated"], &told["unchanged"], &told["failed"]].map(|n| n.as_u64().unwrap())
    };
    assert_eq!(import(&["--dry-run"]), [621, 0, 0, 0]);
    assert!(everything(&way, &to.name).is_empty());
    assert_eq!(import(&[]), [621, 0, 0, 0]);
    assert_eq!(same(everything(&way, &to.name)), same(everything(&way, &from.name)));
    let group = to.get("/Groups?count=1").json()["Resources"][0].clone();
    assert_eq!(group["members"].as_array().unwrap().len(), 620);
    assert_eq!(import(&[]), [0, 0, 621, 0]);
    // One entry for each batch, a change for each resource, and their members.
    let log = to.admin("GET", "/log?limit=1000", Value::Null).json();
    let paths: Vec<&Value> = log["data"].as_array().unwrap().iter().map(|entry| &entry["path"]).collect();
    assert_eq!(paths.iter().filter(|path| **path == "/import").count(), 2, "{paths:?}");
    let changes = to.admin("GET", "/changes?limit=1000", Value::Null).json();
    assert_eq!(changes["data"].as_array().unwrap().len(), 622);
    assert_eq!(way.json(&["check", "data"]), json!([]));
}

#[test]
fn batches_keep_their_order_where_it_matters() {
    let server = Server::shared();
    let tenant = server.tenant();
    let folder = Folder::new();
    let file = folder.join("many.jsonl");
    let mut lines: Vec<String> =
        (0..3_200).map(|n| json!({ "userName": format!("m{n}@x.test"), "title": "first" }).to_string()).collect();
    // Somebody comes again in the next batch, under a name in capital letters; the later line counts.
    lines[1_700] = json!({ "userName": "M1@X.TEST", "title": "second" }).to_string();
    // What nobody can read refuses itself alone, however it looks from outside.
    lines[40] = r#"{"userName": "m40@x.test", "title": "\ud800"}"#.to_owned();
    lines[41] = r#"{"userName": "m41@x.test", "title": 1e999}"#.to_owned();
    lines[42] = r#"{"userName": "m42@x.test", "title": "a", "title": "b"}"#.to_owned();
    let members: Vec<_> = (0..3_200).filter(|n| ![40, 41, 42, 1_700].contains(n)).collect();
    let members: Vec<Value> = members.iter().map(|n| json!({ "value": format!("m{n}@x.test") })).collect();
    lines.push(json!({ "displayName": "Many", "members": members }).to_string());
    fs::write(&file, lines.join("\n")).unwrap();
    let way = Way::folder(&server.data);
    let error = way.fails(1, &["import", &file, "--tenant", &tenant.name]);
    assert!(error["message"].as_str().unwrap().contains("3 records were refused (3197 created, 1 updated"), "{error}");
    let errors = fs::read_to_string(format!("{file}.errors.jsonl")).unwrap();
    let refused: Vec<Value> = errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(refused.iter().map(|one| &one["line"]).collect::<Vec<_>>(), [41, 42, 43], "{errors}");
    assert_eq!(tenant.find("/Users", "userName eq \"m1@x.test\"")[0]["title"], "second");
    let group = tenant.find("/Groups", "displayName eq \"Many\"").remove(0);
    assert_eq!(tenant.members(group["id"].as_str().unwrap()).len(), 3_196);
}

#[test]
fn csv_goes_there_and_back_over_http() {
    let server = Server::shared();
    let (from, to) = (server.tenant(), server.tenant());
    people(&from, 12);
    let folder = Folder::new();
    let (file, token) = (folder.join("users.csv"), folder.join("token"));
    fs::write(&token, server.admin_token()).unwrap();
    let way = Way::remote(server, &token);
    way.ok(&["export", "users", "--format", "csv", "--output", &file, "--tenant", &from.name]);
    let told = way.json(&["import", &file, "--tenant", &to.name]);
    assert_eq!(told["created"], 12);
    let shown = |all: Vec<Value>| -> Vec<Value> {
        let mut users: Vec<Value> = all.into_iter().filter(|one| one["userName"].is_string()).collect();
        users.sort_by_key(|user| user["userName"].to_string());
        let keep = ["userName", "externalId", "name", ENTERPRISE];
        users.iter().map(|user| keep.iter().map(|name| user[*name].clone()).collect()).collect()
    };
    assert_eq!(shown(everything(&way, &to.name)), shown(everything(&way, &from.name)));
    // Only what is said changes.
    fs::write(
        &file,
        "\u{feff}externalId,userName,active,title\nx3,new@example.com,FALSE,\nx4,u4@example.com,,\"a, \"\"b\"\"\"\n",
    )
    .unwrap();
    let told = way.json(&["import", &file, "--match", "externalid", "--tenant", &to.name]);
    assert_eq!((&told["updated"], &told["created"]), (&json!(2), &json!(0)));
    let user = to.get("/Users?filter=externalId%20eq%20%22x3%22").json()["Resources"][0].clone();
    assert_eq!((&user["active"], &user["userName"]), (&json!(false), &json!("new@example.com")));
    let user = to.get("/Users?filter=externalId%20eq%20%22x4%22").json()["Resources"][0].clone();
    assert_eq!((&user["title"], &user["emails"][0]["value"]), (&json!("a, \"b\""), &json!("u4@example.com")));

    fs::write(&file, "userName,favouriteColour\na,blue\n").unwrap();
    let error = way.fails(2, &["import", &file, "--tenant", &to.name]);
    assert!(error["message"].as_str().unwrap().contains("favouriteColour"), "{error}");
    way.fails(2, &["export", "--format", "csv", "--tenant", &to.name]);
}

#[test]
fn a_refused_record_is_told_with_its_line_and_stops_nothing() {
    let server = Server::shared();
    let tenant = server.tenant();
    let folder = Folder::new();
    let file = folder.join("mixed.jsonl");
    let lines = [
        r#"{"userName": "a", "emails": [{"value": "a@example.com"}]}"#,
        "",
        "{not json",
        r#"{"displayName": "people", "members": [{"value": "a"}, {"value": "b"}]}"#,
        r#"{"userName": "b", "active": "perhaps"}"#,
        r#"{"emails": []}"#,
        r#"{"userName": "c"}"#,
        "[1]",
        r#"{"displayName": "people", "members": [{"value": "A"}, {"value": "c"}]}"#,
        r#"{"userName": "C", "title": "Boss"}"#,
    ];
    fs::write(&file, lines.join("\n")).unwrap();
    tenant.settings(json!({"dialect": {"unknown_members_dropped": false}}));
    let way = Way::folder(&server.data);
    let error = way.fails(1, &["import", &file, "--tenant", &tenant.name]);
    assert!(error["message"].as_str().unwrap().starts_with("5 records were refused"), "{error}");
    let errors = fs::read_to_string(format!("{file}.errors.jsonl")).unwrap();
    let told: Vec<Value> = errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at: Vec<u64> = told.iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!(at, [3, 4, 5, 6, 8], "{errors}");
    assert!(told.iter().all(|error| error["code"].as_str().unwrap().starts_with("PRV-")), "{errors}");
    assert!(!fs::exists(format!("{file}.import-state")).unwrap());
    let names: Vec<String> =
        everything(&way, &tenant.name).iter().filter_map(|one| one["userName"].as_str().map(str::to_owned)).collect();
    assert_eq!(names.len(), 2);
    let group = tenant.get("/Groups").json()["Resources"][0].clone();
    assert_eq!(group["members"].as_array().unwrap().len(), 2);
}

#[test]
fn an_import_goes_on_where_it_stopped() {
    let server = Server::shared();
    let tenant = server.tenant();
    let folder = Folder::new();
    let file = folder.join("many.jsonl");
    let text: String = (1..=1_200).map(|n| format!("{{\"userName\": \"n{n}\"}}\n")).collect();
    fs::write(&file, &text).unwrap();
    let way = Way::folder(&server.data);
    let count = |told: &Value| told["created"].as_u64().unwrap();
    assert_eq!(count(&way.json(&["import", &file, "--resume", "700", "--tenant", &tenant.name])), 500);
    // As a killed import leaves it.
    let meta = fs::metadata(&file).unwrap();
    let modified = std::os::unix::fs::MetadataExt::mtime(&meta);
    let state = json!({"bytes": meta.len(), "modified": modified, "line": 500, "created": 500, "updated": 0, "unchanged": 0, "failed": 0});
    let state_file = format!("{file}.import-state");
    fs::write(&state_file, state.to_string()).unwrap();
    let told = way.json(&["import", &file, "--tenant", &tenant.name]);
    assert_eq!((count(&told), &told["unchanged"]), (700, &json!(500)));
    assert!(!fs::exists(&state_file).unwrap());
    // A file that is another one by now.
    fs::write(&state_file, state.to_string()).unwrap();
    fs::write(&file, "{\"userName\": \"other\"}\n").unwrap();
    way.fails(6, &["import", &file, "--tenant", &tenant.name]);
    tenant.admin("PATCH", "/switches", json!({"users": {"create": false}})).expect(200);
    fs::remove_file(&state_file).unwrap();
    way.fails(1, &["import", &file, "--tenant", &tenant.name]);
    assert!(fs::read_to_string(format!("{file}.errors.jsonl")).unwrap().contains("PRV-2005"));
}

#[test]
fn people_come_from_ldif() {
    let server = Server::shared();
    let tenant = server.tenant();
    let folder = Folder::new();
    let file = folder.join("people.ldif");
    let text = "version: 1\n\n# the tree\ndn: ou=people,dc=example,dc=com\nobjectClass: organizationalUnit\nou: people\n\n\
        dn: uid=adam,ou=people,dc=example,dc=com\nobjectClass: top\nobjectClass: inetOrgPerson\nuid: adam\ncn:: QWTDoW0gS2F5\n\
        sn: Kay\ngivenName: Adam\nmail: adam@example.com\nmail: kay@example.com\ntelephoneNumber: +1 5\n 55\ntitle: Clerk\n\
        employeeNumber: 7\nmanager: uid=eve,ou=people,dc=example,dc=com\nuserPassword:: /////w==\n\n\
        dn: uid=eve,ou=people,dc=example,dc=com\nobjectClass: person\nsn: Eve\nmail: eve@example.com\n\n\
        dn: uid=x,dc=example\nchangetype: modify\nobjectClass: person\nuid: x\n";
    fs::write(&file, text).unwrap();
    let way = Way::folder(&server.data);
    way.fails(1, &["import", &file, "--tenant", &tenant.name]);
    let errors = fs::read_to_string(format!("{file}.errors.jsonl")).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("\"line\":29"), "{errors}");
    let adam = tenant.get("/Users?filter=userName%20eq%20%22adam%22").json()["Resources"][0].clone();
    assert_eq!(adam["name"], json!({"formatted": "Adám Kay", "familyName": "Kay", "givenName": "Adam"}));
    assert_eq!(adam["displayName"], "Adám Kay");
    assert_eq!(adam["emails"].as_array().unwrap().len(), 2);
    assert_eq!(adam["phoneNumbers"][0]["value"], "+1 555");
    assert_eq!(adam[ENTERPRISE]["employeeNumber"], "7");
    assert_eq!(adam[ENTERPRISE]["manager"]["value"], "uid=eve,ou=people,dc=example,dc=com");
    assert_eq!(tenant.get("/Users?filter=userName%20eq%20%22eve@example.com%22").json()["totalResults"], 1);
}
