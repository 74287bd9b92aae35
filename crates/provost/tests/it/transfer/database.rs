//! `provost database copy`: from a folder to PostgreSQL and back, beside a running server.

use super::{everything, people};
use crate::cli::Way;
use crate::cluster::Cluster;
use crate::harness::{Folder, Server, Tenant, id, run};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A directory with something of everything in it, and what a copy of it is compared with.
fn fill(server: &Server) -> Tenant<'_> {
    let tenant = server.default_tenant();
    tenant.settings(json!({ "ratePerSecond": 1_000_000, "rateBurst": 1_000_000 }));
    people(&tenant, 40);
    let way = Way::folder(&server.data);
    way.ok(&["attribute", "add", "badgeNumber"]);
    way.ok(&["operator", "invite", "ana@example.com", "--name", "Ana", "--role", "admin"]);
    tenant
}

fn copied(from: &str, to: &str, more: &[&str]) -> Value {
    let arguments: Vec<&str> = ["database", "copy", from, to, "--json"].iter().chain(more).copied().collect();
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["data"].clone()
}

fn rows_of(copied: &Value, table: &str, what: &str) -> u64 {
    let tables = copied["tables"].as_array().unwrap();
    tables.iter().find(|row| row["table"] == table).unwrap()[what].as_u64().unwrap()
}

#[test]
fn a_directory_in_use_moves_to_postgresql_and_back() {
    let (cluster, folder) = (Cluster::start(), Folder::new());
    let (data, address, back) = (folder.data(), folder.join("address"), folder.join("back"));
    fs::write(&address, cluster.database()).unwrap();
    let (here, there, home) = (format!("sqlite:{data}"), format!("file:{address}"), format!("sqlite:{back}"));

    // Beside the running server: whole, and not finished.
    let server = Server::start_in(&data);
    let tenant = fill(&server);
    let first = copied(&here, &there, &[]);
    assert_eq!((&first["finished"], &first["sourceStoodStill"]), (&json!(false), &json!(false)));
    assert_eq!(rows_of(&first, "resource", "written"), 41);
    let refused = run(&["serve", "--data", &data, "--listen", "127.0.0.1:0", "--database-file", &address]);
    assert_ne!(refused.status.code(), Some(0));

    // What changes meanwhile: somebody comes, somebody goes and comes back under the old id, somebody is renamed.
    let found = |name: &str| tenant.find("/Users", &format!("userName eq \"{name}\"")).remove(0);
    let (gone, renamed) = (found("u3@example.com"), found("u4@example.com"));
    tenant.delete(&format!("/Users/{}", id(&gone))).expect(204);
    tenant.post("/Users", &json!({ "userName": "u3@example.com", "externalId": "x3" })).expect(201);
    tenant.user("late@example.com", json!({}));
    let path = format!("/Users/{}", id(&renamed));
    tenant.patch(&path, &json!([{ "op": "replace", "path": "userName", "value": "new@example.com" }])).expect(200);
    let token = tenant.token.clone();
    let before = everything(&Way::folder(&server.data), "default");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));

    let second = copied(&here, &there, &[]);
    assert_eq!((&second["finished"], &second["sourceStoodStill"]), (&json!(true), &json!(true)));
    assert!((1..10).contains(&rows_of(&second, "resource", "written")), "{second}");
    assert!(rows_of(&second, "resource", "removed") > 0 && rows_of(&second, "tenant", "written") == 0, "{second}");
    let finished = run(&["database", "copy", &here, &there, "--json"]);
    assert_eq!(finished.status.code(), Some(6), "a finished copy is somebody's directory");

    // The same data folder has the key.
    let server = Server::start_with(&data, &["--database-file", &address]);
    let way = Way::folder(Path::new(&data));
    assert_eq!(everything(&way, "default"), before);
    let tenant = Tenant { server: &server, name: "default".into(), prefix: "/scim/v2".into(), token };
    let user = tenant.user("after@example.com", json!({}));
    let changes = tenant.admin("GET", "/changes?after=0&limit=1000", Value::Null).expect(200).json();
    let numbers: Vec<i64> =
        changes["data"].as_array().unwrap().iter().map(|row| row["seq"].as_i64().unwrap()).collect();
    assert!(numbers.iter().zip(1..).all(|(have, due)| *have == due), "the feed goes on without a gap: {numbers:?}");
    assert_eq!(way.json(&["check", "data"]), json!([]));

    // And back, of one moment, beside the node.
    let moment = copied(&there, &home, &["--data", &data, "--moment"]);
    assert_eq!((&moment["finished"], &moment["sourceStoodStill"]), (&json!(true), &json!(false)));
    let held = Way::folder(Path::new(&back));
    assert_eq!(everything(&held, "default"), everything(&way, "default"));
    assert_eq!(held.json(&["check", "data"]), json!([]));
    for file in ["secret.key", "provost.db"] {
        let mode = fs::metadata(Path::new(&back).join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(fs::read(format!("{back}/secret.key")).unwrap(), fs::read(format!("{data}/secret.key")).unwrap());
    let server = Server::start_in(&back);
    let tenant = Tenant { server: &server, ..tenant.clone() };
    assert_eq!(tenant.read(&format!("/Users/{}", id(&user)))["userName"], "after@example.com");
    tenant.user("last@example.com", json!({}));
}

#[test]
fn what_cannot_be_copied_is_refused_in_words() {
    let (cluster, folder) = (Cluster::start(), Folder::new());
    let (data, address) = (folder.data(), folder.join("address"));
    fs::write(&address, cluster.database()).unwrap();
    let (here, there) = (format!("sqlite:{data}"), format!("file:{address}"));
    let way = Way::folder(Path::new(&data));
    drop(Server::start_in(&data));
    let copy = |from: &str, to: &str| ["database".to_owned(), "copy".to_owned(), from.to_owned(), to.to_owned()];
    let fails = |exit: i32, from: &str, to: &str| {
        let arguments = copy(from, to);
        way.fails(exit, &arguments.each_ref().map(String::as_str))["message"].as_str().unwrap().to_owned()
    };
    assert!(fails(2, &here, "postgres://a:secret@db/x").contains("password"));
    assert!(fails(2, &here, "mysql://a@db/x").contains("no place"));
    assert!(fails(2, &here, &here).contains("same place"));
    assert!(fails(3, &format!("sqlite:{}", folder.join("nothing")), &there).contains("source: there is no"));
    assert!(fails(3, &here, "postgres://nobody@127.0.0.1:1/none").contains("target: "));
    let full = folder.join("full");
    drop(Server::start_in(&full));
    assert!(fails(6, &here, &format!("sqlite:{full}")).contains("holds data"));
    // Another key than the source's, where the source is no folder.
    copied(&here, &there, &[]);
    let other = folder.join("other");
    drop(Server::start_in(&other));
    let target = format!("sqlite:{}", folder.join("target"));
    let refused = Way::folder(Path::new(&other)).fails(3, &["database", "copy", &there, &target]);
    assert!(refused["message"].as_str().unwrap().contains("another key"), "{refused}");
}
