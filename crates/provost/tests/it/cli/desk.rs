//! What an operator does at the desk, by commands: keys switched off for a while, conflicts, reports.

use super::{Way, text};
use crate::harness::{Folder, Server, Tenant, USER, id, run};
use serde_json::{Value, json};

#[test]
fn a_key_of_the_api_is_switched_off_and_on_again() {
    let server = Server::shared();
    let way = Way::folder(&server.data);
    let folder = Folder::new();
    let file = folder.join("key");
    let made =
        way.json(&["token", "create", "--admin", "--label", "nightly", "--role", "auditor", "--output-file", &file]);
    let key = made["id"].as_str().unwrap();
    let far = Way::remote(server, &file);
    far.json(&["tenant", "list"]);
    way.fails(2, &["token", "disable", key, "--admin"]);
    assert_eq!(way.json(&["token", "disable", key, "--admin", "--yes"])["id"], key);
    let error = far.fails(4, &["tenant", "list"]);
    assert_eq!(error["code"], "PRV-2012", "{error}");
    assert!(error["fix"].as_str().unwrap().contains("provost token enable"), "{error}");
    let listed = way.json(&["token", "list", "--admin"]);
    let state = |listed: &Value| {
        let row = listed.as_array().unwrap().iter().find(|row| row["id"] == key).unwrap();
        row["state"].clone()
    };
    assert_ne!(state(&listed), "active");
    way.json(&["token", "enable", key, "--admin"]);
    far.json(&["tenant", "list"]);
    assert_eq!(state(&way.json(&["token", "list", "--admin"])), "active");
    // Nobody switches off the key that they come with by another's role.
    far.fails(4, &["token", "disable", key, "--admin", "--yes"]);
}

/// A user that is there, and a create that was refused because of it.
fn conflict(tenant: &Tenant<'_>, name: &str) -> String {
    let made = tenant.user(name, json!({"externalId": "old"}));
    let again = json!({"schemas": [USER], "userName": name, "externalId": "new", "title": "Engineer"});
    tenant.post("/Users", &again).expect(409);
    id(&made).to_owned()
}

/// Refusals come into the log a moment later than their answer goes out.
fn waiting(way: &Way, of: &[&str; 2], number: usize) -> Value {
    for _ in 0..100 {
        let listed = way.json(&[&["conflict", "list"], &of[..]].concat());
        if listed.as_array().unwrap().len() == number {
            return listed;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("there are not {number} conflicts");
}

#[test]
fn conflicts_are_listed_linked_and_dismissed() {
    let server = Server::shared();
    let tenant = server.tenant();
    let way = Way::folder(&server.data);
    let of = ["--tenant", tenant.name.as_str()];
    let with = |words: &[&'static str]| [words, &of[..]].concat();
    assert_eq!(way.json(&with(&["conflict", "list"])), json!([]));
    let adam = conflict(&tenant, "adam@example.com");
    conflict(&tenant, "bea@example.com");
    let listed = waiting(&way, &of, 2);
    let about: Vec<&str> = listed.as_array().unwrap().iter().map(|row| row["subject"].as_str().unwrap()).collect();
    assert!(about.contains(&"adam@example.com") && about.contains(&"bea@example.com"), "{listed}");
    assert!(way.ok(&with(&["conflict", "list"])).contains("PRV-1007"));

    let error = way.fails(2, &with(&["conflict", "link", "adam@example.com"]));
    assert!(error["fix"].as_str().unwrap().contains("--yes"), "{error}");
    let linked = way.json(&with(&["conflict", "link", "adam@example.com", "--yes"]));
    assert_eq!(linked["id"], adam.as_str());
    let read = tenant.read(&format!("/Users/{adam}"));
    assert_eq!((&read["externalId"], &read["title"]), (&json!("new"), &json!("Engineer")));
    way.json(&with(&["conflict", "dismiss", "bea@example.com"]));
    assert_eq!(waiting(&way, &of, 0), json!([]));
    let error = way.fails(5, &with(&["conflict", "dismiss", "bea@example.com"]));
    assert!(error["fix"].as_str().unwrap().contains("provost conflict list"), "{error}");
}

#[test]
fn a_report_tells_what_happened_and_nobodys_data() {
    let server = Server::shared();
    let tenant = server.tenant();
    conflict(&tenant, "private@example.com");
    waiting(&Way::folder(&server.data), &["--tenant", tenant.name.as_str()], 1);
    let data = server.data.display().to_string();
    let output = run(&["log", "report", "--tenant", &tenant.name, "--data", &data]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    serde_json::from_str::<Value>(&told).expect("a report is JSON");
    assert!(told.contains("PRV-1007") && told.contains("/Users"), "{told}");
    assert!(!told.contains("private@example.com") && !told.contains(&tenant.token), "{told}");
}

#[test]
fn an_entry_is_rehearsed_and_changes_nothing() {
    let server = Server::shared();
    let tenant = server.tenant();
    let way = Way::folder(&server.data);
    let of = ["--tenant", tenant.name.as_str()];
    let made = tenant.user("ann@example.com", json!({"title": "Engineer"}));
    let title = |title: &str| json!([{"op": "replace", "path": "title", "value": title}]);
    let path = format!("/Users/{}", id(&made));
    tenant.patch(&path, &title("Chef")).expect(200);
    tenant.patch(&path, &title("Boss")).expect(200);
    let entries = way.json(&[&["log", "list"], &of[..]].concat());
    let rehearsed = |entry: &Value| way.ok(&[&["log", "rehearse", &entry["seq"].to_string()], &of[..]].concat());
    let said = rehearsed(&entries[0]);
    assert!(said.starts_with("POST /Users: 201 then, 409 PRV-1007 now\n"), "{said}");
    assert!(said.contains("ann@example.com") || said.contains("userName"), "it says why: {said}");
    let said = rehearsed(&entries[1]);
    assert!(said.starts_with(&format!("PATCH {path}: 200 then, 200 now\n")), "{said}");
    assert!(said.contains("\n  title: Boss → Chef\n") && said.ends_with("\nNothing was changed.\n"), "{said}");
    assert_eq!(tenant.get(&path).expect(200).json()["title"], "Boss");
    for token in tenant.admin("GET", "/tokens", Value::Null).expect(200).json()["data"].as_array().unwrap() {
        way.json(&[&["token", "revoke", token["id"].as_str().unwrap(), "--yes"], &of[..]].concat());
    }
    let said = rehearsed(&entries[1]);
    assert!(said.contains("\n  with its own token 401: it is not let in any more\n"), "{said}");
}
