//! What scripts rely on: exit codes, what goes to which stream, questions without a terminal, secrets in files.

use super::{Way, text};
use crate::harness::{Folder, Server, binary, run};
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::process::{Child, Command, Stdio};

#[test]
fn wrong_usage_says_what_was_meant() {
    let output = run(&["tokn", "list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("'token'"), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");

    let output = run(&["tokn", "list", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "PRV-4002");
}

#[test]
fn help_and_version_go_to_standard_output() {
    for arguments in
        [&["--help"][..], &["token", "create", "--help"], &["--version"], &["version"], &["completions", "bash"]]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(text(&output.stdout).len() > 10 && output.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(text(&run(&["version"]).stdout), format!("provost {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_start_that_fails_says_so_in_json() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let data = folder.path().join("file/data");
    let error = Way::folder(&data).fails(3, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(error["code"], "PRV-4003");
    assert!(error["fix"].as_str().unwrap().contains("--data"), "{error}");
}

#[test]
fn the_demo_tells_its_story_and_leaves_nothing() {
    let output = run(&["demo", "--once", "--pause", "0", "--listen", "127.0.0.1:0"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for chapter in [
        "manager Bea Cruz",
        "Head of Sales",
        "longer than 8 characters",
        "Adam has left",
        "tenant=default&next=/app/dashboard",
        "tenant=serviceops&next=/app/users",
        "/setup?code=",
    ] {
        assert!(told.contains(chapter), "{chapter}: {told}");
    }
}

/// What its story ends with.
const TOLD: &str = "Both sides go on";

/// A process that ends with its test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_demo_that_runs_is_put_back() {
    let folder = Folder::new();
    let data = folder.path().join("demo");
    let mut command = Command::new(binary());
    command.args(["demo", "--pause", "0", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
    let mut demo = Ends(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = std::io::BufReader::new(demo.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(TOLD)));
    let way = Way::folder(&data);
    way.json(&["tenant", "create", "mine"]);
    way.json(&["user", "delete", "adam@example.com", "--yes"]);
    way.json(&["user", "status", "bea@example.com", "suspended"]);
    let refused = way.fails(2, &["demo", "reset"]);
    assert!(refused["fix"].as_str().unwrap().contains("--yes"), "{refused}");
    assert_eq!(way.json(&["demo", "reset", "--yes"])["reset"], true);
    // The story begins again, and can only end with Adam.
    assert!(lines.any(|line| line.contains(TOLD)));
    assert_eq!(way.json(&["tenant", "list"]).as_array().map(Vec::len), Some(2));
    assert_eq!(way.json(&["user", "show", "adam@example.com"])["title"], "Head of Sales");
}

#[test]
fn a_folder_without_data_is_not_made() {
    let folder = Folder::new();
    let data = folder.path().join("nothing");
    Way::folder(&data).fails(5, &["user", "list"]);
    assert!(!data.exists());
    std::fs::create_dir(&data).unwrap();
    Way::folder(&data).fails(5, &["user", "list"]);
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0);
}

#[test]
fn what_takes_away_needs_yes_without_a_terminal() {
    let server = Server::shared();
    let tenant = server.tenant();
    let way = Way::folder(&server.data);
    let error = way.fails(2, &["tenant", "delete", &tenant.name]);
    assert!(error["fix"].as_str().unwrap().contains("--yes"), "{error}");
    assert_eq!(way.json(&["tenant", "show", &tenant.name])["name"], tenant.name.as_str());
    way.fails(5, &["tenant", "delete", "nobody"]);
    // The key that is published as the next one is taken back, by its id.
    for area in [
        &["saml", "new-key", "remove-key", "keys"][..],
        &["idp", "add", "remove", "list"],
        &["oidc", "add", "remove", "list"],
    ] {
        let [of, add, remove, list] = area else { continue };
        let command = |word: &&'static str, rest: &[&str]| -> Vec<String> {
            let key = if *of == "saml" { vec![] } else { vec!["key"] };
            [&[*of][..], &key, &[*word], rest, &["--tenant", &tenant.name]]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect()
        };
        let json = |arguments: Vec<String>| way.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        json(command(add, &[]));
        let next = json(command(add, &[]));
        assert_eq!(next["state"], "next", "{of}: {next}");
        let id = next["id"].as_str().unwrap();
        let asked: Vec<String> = command(remove, &[id]);
        let error = way.fails(2, &asked.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(error["fix"].as_str().unwrap().contains("--yes"), "{of}: {error}");
        json(command(remove, &[id, "--yes"]));
        let left = json(command(list, &[]));
        assert!(left.as_array().unwrap().iter().all(|key| key["state"] == "current"), "{of}: {left}");
    }
}

#[test]
fn tokens_come_from_files_or_standard_input() {
    let server = Server::shared();
    let url = format!("http://{}", server.address);
    let arguments = ["status", "--json", "--server", &url, "--token-file", "-"];
    let with_input = |input: &str| {
        let mut command = Command::new(binary());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let good = with_input(&format!("{}\n", server.admin_token()));
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    let wrong = with_input("pva_wrong");
    assert_eq!(wrong.status.code(), Some(4), "{}", text(&wrong.stderr));
    assert_eq!(with_input("").status.code(), Some(2));
    assert_eq!(with_input("two words").status.code(), Some(2));
    assert_eq!(run(&["status", "--server", &url]).status.code(), Some(2), "nobody is there to ask");
    assert_eq!(run(&["status", "--server", &url, "--data", "x"]).status.code(), Some(2));
    assert_eq!(run(&["status", "--server", "ftp://x.test", "--token-file", "-"]).status.code(), Some(2));
}

#[test]
fn a_tenants_token_is_no_administrators() {
    let server = Server::shared();
    let tenant = server.tenant();
    let folder = Folder::new();
    let file = folder.join("token");
    std::fs::write(&file, &tenant.token).unwrap();
    let url = format!("http://{}", server.address);
    let output = run(&["tenant", "list", "--server", &url, "--token-file", &file]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    // What it reads it reads, and what only administrators are told is said to be missing.
    tenant.user("ann@x.test", json!({"active": false}));
    for what in [&["list"][..], &["list", "--all"], &["list", "--sort-by", "userName"], &["show", "ann@x.test"]] {
        let of = ["--tenant", &tenant.name, "--server", &url, "--token-file", &file];
        let output = run(&[&["user"], what, &of].concat());
        let (shown, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{what:?}: {said}");
        let words = if what[0] == "show" { ("\"active\": false", "") } else { ("deactivated", "administrators alone") };
        assert!(shown.contains(words.0) && said.contains(words.1), "{what:?}: {shown}{said}");
    }
    let output = run(&["user", "list", "--json", "--tenant", &tenant.name, "--server", &url, "--token-file", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let listed: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((listed["data"][0]["userName"].as_str(), listed["data"][0].get("status")), (Some("ann@x.test"), None));
}

#[test]
fn people_and_groups_are_found_by_name_or_id() {
    let server = Server::shared();
    let tenant = server.tenant();
    let way = Way::folder(&server.data);
    let on = |arguments: &[&str]| -> Vec<String> {
        arguments.iter().chain(&["--tenant", tenant.name.as_str()]).map(|word| (*word).to_owned()).collect()
    };
    let json = |arguments: &[&str]| {
        let all = on(arguments);
        way.json(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let scim = |path: &str, body: Value| {
        let request = crate::client::Request::new("POST", format!("{}{path}", tenant.prefix)).bearer(&tenant.token);
        server.send(&request.json(&body)).unwrap().expect(201).json()
    };
    let core = "urn:ietf:params:scim:schemas:core:2.0";
    let mut ids = Vec::new();
    for name in ["ada", "ben", "cleo"] {
        let body =
            json!({"schemas": [format!("{core}:User")], "userName": format!("{name}@x.test"), "displayName": name});
        ids.push(scim("/Users", body)["id"].as_str().unwrap().to_owned());
    }
    let members: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
    scim("/Groups", json!({"schemas": [format!("{core}:Group")], "displayName": "Staff", "members": members}));

    assert_eq!(json(&["user", "list"]).as_array().unwrap().len(), 3);
    assert_eq!(json(&["user", "list", "--all"]).as_array().unwrap().len(), 3);
    let some = json(&["user", "list", "--filter", "userName sw \"b\"", "--sort-by", "userName"]);
    assert_eq!((some.as_array().unwrap().len(), some[0]["displayName"].as_str()), (1, Some("ben")));
    let last = json(&["user", "list", "--sort-by", "userName", "--descending", "--limit", "1"]);
    assert_eq!(last[0]["displayName"], "cleo");

    assert_eq!(json(&["user", "show", "ADA@x.test"])["id"], ids[0].as_str());
    assert_eq!(json(&["user", "show", &ids[1]])["displayName"], "ben");
    assert_eq!(json(&["user", "deactivate", "ada@x.test", "--yes"])["active"], false);
    assert_eq!(json(&["user", "activate", &ids[0]])["active"], true);
    json(&["user", "status", "ben@x.test", "suspended"]);
    let statuses = |arguments: &[&str]| {
        let listed = json(arguments);
        let row = |row: &Value| format!("{} {}", row["displayName"].as_str().unwrap(), row["status"].as_str().unwrap());
        listed.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    let by_name = statuses(&["user", "list", "--sort-by", "userName"]);
    assert_eq!(by_name, ["ada active", "ben suspended", "cleo active"]);
    assert_eq!(statuses(&["user", "list", "--all"]), ["ada active", "ben suspended", "cleo active"]);
    assert_eq!(statuses(&["user", "list", "--status", "suspended"]), ["ben suspended"]);
    assert_eq!(statuses(&["user", "list", "--status", "active", "--limit", "1"]), ["cleo active"]);
    json(&["user", "deactivate", "ben@x.test", "--yes"]);
    let told = |status: &str| {
        let all = on(&["user", "status", "ben@x.test", status]);
        text(&way.run(&all.iter().map(String::as_str).collect::<Vec<_>>()).stderr)
    };
    let said = told("suspended");
    assert!(said.contains("it stays deactivated until then: provost user activate ben@x.test"), "{said}");
    assert_eq!(statuses(&["user", "list", "--status", "suspended"]), [""; 0]);
    json(&["user", "activate", "ben@x.test"]);
    assert_eq!(statuses(&["user", "list", "--status", "suspended"]), ["ben suspended"]);
    assert_eq!(told("active"), "ben@x.test is active.\n");
    assert_eq!(json(&["group", "show", "staff"])["displayName"], "Staff");
    assert!(json(&["group", "show", "staff"]).get("members").is_none());
    assert_eq!(json(&["group", "members", "Staff"]).as_array().unwrap().len(), 3);
    json(&["user", "delete", "cleo@x.test", "--yes"]);
    assert_eq!(json(&["group", "members", "Staff"]).as_array().unwrap().len(), 2);
    let all = on(&["user", "show", "cleo@x.test"]);
    way.fails(5, &all.iter().map(String::as_str).collect::<Vec<_>>());

    let changes = json(&["changes", "list", "--limit", "2"]);
    assert_eq!((changes[0]["seq"].as_u64(), changes[1]["seq"].as_u64()), (Some(1), Some(2)));
    let entries = json(&["log", "list", "--method", "post"]);
    assert!(entries.as_array().unwrap().iter().all(|entry| entry["method"] == "POST"), "{entries}");
    let seq = entries[0]["seq"].to_string();
    assert!(json(&["log", "show", &seq])["request"].is_object());
}

#[test]
fn a_followed_feed_shows_what_comes() {
    let server = Server::shared();
    let tenant = server.tenant();
    let mut child = Command::new(binary())
        .args(["changes", "tail", "--json", "--tenant", &tenant.name, "--data", server.data.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let create = |name: &str| {
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name});
        let request = crate::client::Request::new("POST", format!("{}/Users", tenant.prefix)).bearer(&tenant.token);
        server.send(&request.json(&body)).unwrap().expect(201).json()
    };
    let lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::BufRead::lines(lines).map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    // It follows from some moment on; somebody new is made until it has begun.
    let mut first = None;
    for number in 0..100 {
        create(&format!("p{number}@x.test"));
        first = told.recv_timeout(std::time::Duration::from_millis(700)).ok();
        if first.is_some() {
            break;
        }
    }
    let line: Value = serde_json::from_str(&first.expect("a change is shown")).unwrap();
    assert_eq!((line["kind"].as_str(), line["resourceType"].as_str()), (Some("created"), Some("User")), "{line}");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn nothing_colours_a_pipe() {
    let server = Server::shared();
    let output = Way::folder(&server.data).ok(&["tenant", "list"]);
    assert!(output.starts_with("NAME") && !output.contains('\u{1b}'), "{output}");
    let output = Way::folder(&server.data).ok(&["tenant", "list", "--color", "always"]);
    assert!(output.contains('\u{1b}'), "{output}");
}
