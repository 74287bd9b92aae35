//! The command line against the real binary: the contract of `docs/guide/cli.md`, the three ways to the data, and the
//! README's walk by copy and paste.

mod app;
mod contract;
mod desk;

use crate::harness::{Folder, Server, binary, run};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A way to the data: the flags that every command gets for it.
#[derive(Clone)]
pub(super) struct Way(Vec<String>);

impl Way {
    pub(super) fn folder(data: &Path) -> Self {
        Self(vec!["--data".into(), data.display().to_string()])
    }

    pub(super) fn remote(server: &Server, token_file: &str) -> Self {
        let url = format!("http://{}", server.address);
        Self(vec!["--server".into(), url, "--token-file".into(), token_file.into()])
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        let mut all: Vec<&str> = arguments.to_vec();
        all.extend(self.0.iter().map(String::as_str));
        run(&all)
    }

    /// Runs it, expects that it works, gives standard output.
    #[track_caller]
    pub(super) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs it with `--json`, and checks the envelope.
    #[track_caller]
    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let output = self.ok(&all);
        let value: Value = serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output}"));
        let schema = value["schema"].as_str().unwrap();
        assert!(schema.starts_with("provost/v1/"), "{schema}");
        assert!(value.get("data").is_some(), "{value}");
        value["data"].clone()
    }

    /// Runs it with `--json`, expects this exit code, gives the error.
    #[track_caller]
    pub(super) fn fails(&self, exit: i32, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let output = self.run(&all);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
        let value: Value =
            serde_json::from_slice(&output.stderr).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        let error = value["error"].clone();
        assert!(error["code"].as_str().unwrap().starts_with("PRV-"), "{error}");
        assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
        error
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Everything that an administrator does, over one way.
fn story(way: &Way, tenant: &str) {
    let with = |arguments: &[&'static str]| -> Vec<String> {
        arguments.iter().map(|word| (*word).to_owned()).chain(["--tenant".to_owned(), tenant.to_owned()]).collect()
    };
    let json = |arguments: &[&'static str]| {
        let all = with(arguments);
        way.json(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    way.json(&["tenant", "create", tenant]);
    assert!(way.json(&["tenant", "list"]).as_array().unwrap().iter().any(|row| row["name"] == tenant));
    assert_eq!(json(&["tenant", "set", "returnSameId=false", "log.keepDays=7"])["settings"]["log"]["keepDays"], 7);
    assert_eq!(json(&["tenant", "show"])["settings"]["returnSameId"], false);

    assert_eq!(json(&["token", "list"]), serde_json::json!([]));
    let made = json(&["token", "create", "--label", "okta", "--scope", "users:read", "--expires-in", "1h"]);
    assert!(made["token"].as_str().unwrap().starts_with("pv_"));
    let id = made["id"].as_str().unwrap();
    assert_eq!(json(&["token", "list"])[0]["label"], "okta");
    let rotated = way.json(&["token", "rotate", id, "--overlap", "1h", "--tenant", tenant]);
    assert_ne!(rotated["token"], made["token"]);
    for (word, state) in [("disable", "disabled"), ("enable", "active")] {
        let changed = way.json(&["token", word, id, "--yes", "--tenant", tenant]);
        assert_eq!(changed["state"], state, "{changed}");
    }
    way.json(&["token", "revoke", id, "--yes", "--tenant", tenant]);

    assert_eq!(json(&["switch", "set", "users.delete=off"])["users"]["delete"], false);
    assert_eq!(json(&["switch", "show"])["users"]["create"], true);
    way.fails(5, &["user", "delete", "nobody@x.test", "--yes", "--tenant", tenant]);
    json(&["switch", "set", "users.delete=on"]);

    let value = json(&["attribute", "add", "badgeNumber", "--length-max", "20"])["value"].as_str().unwrap().to_owned();
    assert_eq!(value, "urn:provost:params:scim:schemas:custom:User:badgeNumber");
    let custom = json(&["attribute", "list", "--custom"]);
    assert_eq!((custom.as_array().unwrap().len(), custom[0]["value"].as_str()), (1, Some(value.as_str())));
    let stricter = ["--uniqueness", "server", "--case-exact", "true"];
    let changed = way.json(&[&["attribute", "change", &value, "--tenant", tenant], &stricter[..]].concat());
    assert_eq!((changed["uniqueness"].as_str(), changed["job"]["state"].as_str()), (Some("server"), Some("done")));
    let job = changed["job"]["id"].to_string();
    assert_eq!(way.json(&["job", "show", &job, "--wait", "--tenant", tenant])["kind"], "index");
    assert!(
        json(&["job", "list"]).as_array().unwrap().iter().any(|row| row["state"] == "waiting"),
        "clearing up is later"
    );
    assert_eq!(way.json(&["job", "cancel", &job, "--yes", "--tenant", tenant])["state"], "done");
    way.json(&["attribute", "remove", &value, "--yes", "--tenant", tenant]);
    json(&["type", "add", "--offered", "okta-role"]);
    assert!(json(&["type", "list"]).as_array().unwrap().iter().any(|row| row["endpoint"] == "/Roles"));
    json(&["type", "remove", "Role", "--yes"]);

    assert_eq!(json(&["user", "list"]), serde_json::json!([]));
    assert_eq!(json(&["group", "list", "--all"]), serde_json::json!([]));
    assert_eq!(json(&["changes", "list"]), serde_json::json!([]));
    assert!(json(&["log", "list", "--since", "1h"]).is_array());
    way.json(&["check", "data"]);
    assert!(way.json(&["status"])["version"].is_string());
    way.json(&["tenant", "delete", tenant, "--yes"]);
    way.fails(5, &["tenant", "show", tenant]);
}

#[test]
fn the_same_story_over_all_three_ways() {
    let server = Server::start();
    let folder = Folder::new();
    let socket = Way::folder(&server.data);
    story(&socket, "by-socket");

    let token_file = folder.join("admin.token");
    socket.ok(&["token", "create", "--admin", "--label", "ops", "--output-file", &token_file]);
    story(&Way::remote(&server, &token_file), "by-http");

    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    story(&socket, "in-process");
}

/// What the walk of the README has in its fenced blocks, as one script.
fn walk() -> String {
    let readme = fs::read_to_string(crate::tidy::root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## The walk\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks: Vec<&str> = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 7, "the walk has {} blocks", blocks.len());
    blocks.join("echo '=='\n")
}

#[test]
fn the_readme_walks_by_copy_and_paste() {
    let server = Server::start();
    let script = walk()
        .replace("./target/release/provost", binary())
        .replace("http://127.0.0.1:8080", &format!("http://{}", server.address));
    let mut child = Command::new("bash")
        .args(["-e", "-u", "-o", "pipefail"])
        .env("PROVOST_DATA", &server.data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", text(&output.stderr));
    let steps: Vec<&str> = printed.split("==\n").collect();
    let answer = |step: usize, line: usize| -> Value {
        let line =
            steps[step].lines().filter(|line| line.starts_with('{')).nth(line).unwrap_or_else(|| panic!("{printed}"));
        serde_json::from_str(line).unwrap()
    };
    let id = answer(1, 0)["id"].as_str().unwrap().to_owned();
    assert_eq!(answer(2, 0)["Resources"][0]["id"], id.as_str());
    assert_eq!(answer(3, 0)["title"], "Engineer");
    assert_eq!(answer(4, 0)["members"][0]["value"], id.as_str());
    assert_eq!(answer(4, 1)["groups"][0]["display"], "Engineering");
    assert_eq!((answer(5, 0)["active"].as_bool(), answer(5, 0)["title"].as_str()), (Some(false), Some("Engineer")));
    assert!(steps[6].contains("PATCH") && steps[6].contains("/Groups"), "{printed}");
    assert!(steps[6].contains("adam@example.com"), "{printed}");
}

#[test]
fn a_token_file_is_for_its_owner_and_is_not_overwritten() {
    let server = Server::start();
    let folder = Folder::new();
    let way = Way::folder(&server.data);
    let file = folder.join("okta.token");
    let printed = way.ok(&["token", "create", "--label", "a", "--output-file", &file]);
    assert_eq!(printed, "", "the token is in the file and nowhere else");
    let token = fs::read_to_string(&file).unwrap();
    assert!(token.starts_with("pv_"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    way.fails(6, &["token", "create", "--label", "b", "--output-file", &file]);
    assert_eq!(fs::read_to_string(&file).unwrap(), token);
    let labels = way.json(&["token", "list"]);
    assert!(!labels.as_array().unwrap().iter().any(|row| row["label"] == "b"), "no token is made and then lost");

    let made = way.json(&["token", "create", "--label", "c", "--output-file", &file, "--force"]);
    assert_eq!((made.get("token"), made["outputFile"].as_str()), (None, Some(file.as_str())));
    assert_ne!(fs::read_to_string(&file).unwrap(), token);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let failed = folder.join("never.token");
    way.fails(5, &["token", "create", "--label", "d", "--output-file", &failed, "--tenant", "nobody"]);
    assert!(!Path::new(&failed).exists(), "no empty file is left behind");
}
