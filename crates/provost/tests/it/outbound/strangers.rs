//! The engine against servers written by others: `scim2-server` (Python) and SCIMMY (Node.js).

use super::{PATIENCE, PRIVATE, Wanted, again, app, joins, person, team, told};
use crate::client::{Answer, Connection, Request};
use crate::harness::{Folder, Server, id};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Somebody else's server, gone with the value.
struct Stranger {
    child: Child,
    address: SocketAddr,
    base: &'static str,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has now; whoever takes it in between makes the start fail, and another one is tried.
fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Stranger {
    /// Starts it on a free port and waits until it answers.
    fn start(base: &'static str, command: impl Fn(u16) -> Command) -> Self {
        for _ in 0..5 {
            let port = free();
            let child = command(port).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let mut stranger = Self { child, address: ([127, 0, 0, 1], port).into(), base };
            let began = Instant::now();
            while began.elapsed() < PATIENCE && stranger.child.try_wait().unwrap().is_none() {
                if stranger.get("/ServiceProviderConfig").is_some_and(|answer| answer.status < 500) {
                    return stranger;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("the server does not start");
    }

    fn get(&self, path: &str) -> Option<Answer> {
        Connection::tcp(self.address).ok()?.send(&Request::new("GET", format!("{}{path}", self.base))).ok()
    }

    /// The resources of an endpoint.
    fn list(&self, endpoint: &str) -> Vec<Value> {
        let list = self.get(endpoint).map(|answer| answer.json()).unwrap_or_default();
        list["Resources"].as_array().cloned().unwrap_or_default()
    }

    fn user(&self, name: &str) -> Option<Value> {
        self.list("/Users").into_iter().find(|user| user["userName"] == name)
    }
}

/// Somebody arrives with a group, changes, leaves; the group follows.
fn story(stranger: &Stranger) {
    let folder = Folder::new();
    let data = folder.data();
    let server = Server::start_in(&data);
    let tenant = server.tenant();
    let named = (tenant.name.clone(), tenant.token.clone());
    let group = team(&tenant);
    let people: Vec<String> =
        ["adam", "eve"].iter().map(|name| id(&tenant.post("/Users", &person(name)).json()).to_owned()).collect();
    for person in &people {
        joins(&tenant, &group, person).expect(204);
    }
    drop(server);
    let url = format!("http://{}{}", stranger.address, stranger.base);
    let wanted = Wanted { url: &url, target: json!({}), authentication: "none", group: &group };
    app(&data, None, &named.0, &wanted);
    let mut server = Some(Server::start_with(&data, &[PRIVATE]));
    let until = |server: &mut Option<Server>, what: &str, fits: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !fits() {
            if began.elapsed() > PATIENCE {
                *server = None;
                panic!("{what}: {}", told(&data, None, &named.0));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    };
    until(&mut server, "both are there", &|| stranger.user("adam").is_some() && stranger.user("eve").is_some());
    let members = |count: usize| {
        move || {
            let groups = stranger.list("/Groups");
            groups.len() == 1 && groups[0]["members"].as_array().map_or(0, Vec::len) == count
        }
    };
    until(&mut server, "the group has both", &members(2));
    let adam = stranger.user("adam").unwrap();
    assert_eq!(adam["externalId"], people[0].as_str());
    assert_eq!(adam["name"]["familyName"], "Smith");
    let change = |server: &Option<Server>, operation: Value| {
        let tenant = again(server.as_ref().unwrap(), &named);
        assert!(tenant.patch(&format!("/Users/{}", people[0]), &json!([operation])).status < 300);
    };
    change(&server, json!({"op": "replace", "path": "title", "value": "Boss"}));
    until(&mut server, "the title is there", &|| stranger.user("adam").is_some_and(|adam| adam["title"] == "Boss"));
    change(&server, json!({"op": "replace", "path": "name.familyName", "value": "Jones"}));
    until(&mut server, "the name is there", &|| {
        stranger.user("adam").is_some_and(|adam| adam["name"]["familyName"] == "Jones")
    });
    change(&server, json!({"op": "replace", "path": "active", "value": false}));
    until(&mut server, "he is out of use", &|| stranger.user("adam").is_some_and(|adam| adam["active"] == false));
    until(&mut server, "and out of the group", &members(1));
    change(&server, json!({"op": "replace", "path": "active", "value": true}));
    until(&mut server, "he is back", &|| stranger.user("adam").is_some_and(|adam| adam["active"] == true));
    until(&mut server, "and in the group", &members(2));
    assert_eq!(stranger.list("/Users").len(), 2);
    assert_eq!(stranger.user("adam").unwrap()["id"], adam["id"]);
}

fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("PROVOST_TEST_PYTHON").map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    let program = python.with_file_name("scim2-server");
    assert!(program.exists(), "{} is missing: run ./test once, it makes the Python environment", program.display());
    program
}

#[test]
fn scim2_server_is_brought_up_to_date() {
    let program = python();
    let stranger = Stranger::start("", |port| {
        let mut command = Command::new(&program);
        command.args(["--port", &port.to_string()]);
        command
    });
    story(&stranger);
}

/// Without Node.js, or without its packages, this says so and is no failure.
#[test]
fn scimmy_is_brought_up_to_date() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scimmy");
    if !folder.join("node_modules/scimmy").exists() {
        eprintln!("SKIPPED: SCIMMY is not installed here; ./test installs it where there is Node.js");
        return;
    }
    let stranger = Stranger::start("/scim/v2", |port| {
        let mut command = Command::new("node");
        command.current_dir(&folder).arg("server.mjs").arg(port.to_string());
        command
    });
    story(&stranger);
}
