//! `provost backup` and `provost restore`.

use super::{everything, people};
use crate::cli::Way;
use crate::harness::{Folder, Server};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[test]
fn a_backup_under_load_is_one_whole_state() {
    let server = Server::start();
    let tenant = server.default_tenant();
    tenant.settings(json!({ "ratePerSecond": 1_000_000, "rateBurst": 1_000_000 }));
    people(&tenant, 20);
    let folder = Folder::new();
    let (file, restored) = (folder.join("a.backup"), folder.join("restored"));
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicUsize::new(0));
    let before = std::thread::scope(|scope| {
        for worker in 0..3 {
            let (stop, acknowledged, tenant) = (&stop, &acknowledged, &tenant);
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    tenant.post("/Users", &json!({"userName": format!("w{worker}-{n}")})).expect(201);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        while acknowledged.load(Ordering::SeqCst) < 30 {
            std::thread::yield_now();
        }
        let before = acknowledged.load(Ordering::SeqCst);
        Way::folder(&server.data).ok(&["backup", &file]);
        stop.store(true, Ordering::Relaxed);
        before
    });
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_dir(&server.data).unwrap().all(|entry| !entry.unwrap().path().ends_with(".tmp")));

    let way = Way::folder(Path::new(&restored));
    way.ok(&["restore", &file]);
    let live = everything(&Way::folder(&server.data), "default");
    let held = everything(&way, "default");
    // Everything that was acknowledged before is in it, and nothing in it is other than it was.
    assert!(held.len() >= 21 + before, "{} of {before}", held.len());
    for one in &held {
        let same = live.iter().find(|other| other["id"] == one["id"]).expect("nothing that was never there");
        assert_eq!(one, same);
    }
    assert_eq!(way.json(&["check", "data"]), json!([]));
    for key in [server.data.join("secret.key"), Path::new(&restored).join("secret.key")] {
        assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // It is a directory to go on with.
    let again = Server::start_in(&restored);
    let tenant = again.default_tenant();
    tenant.post("/Users", &json!({"userName": "after"})).expect(201);
}

#[test]
fn a_backup_is_made_over_http_and_while_nothing_runs() {
    let server = Server::start();
    people(&server.default_tenant(), 3);
    let folder = Folder::new();
    let (token, auditor) = (folder.join("token"), folder.join("auditor"));
    fs::write(&token, server.admin_token()).unwrap();
    let way = Way::folder(&server.data);
    way.ok(&["token", "create", "--label", "a", "--admin", "--role", "admin", "--output-file", &auditor]);
    let file = folder.join("http.backup");
    let made = Way::remote(&server, &token).json(&["backup", &file]);
    assert_eq!(made["path"], file.as_str());
    Way::remote(&server, &auditor).fails(4, &["backup", &folder.join("no.backup")]);
    assert!(!Path::new(&folder.join("no.backup")).exists());
    Way::folder(&server.data).fails(6, &["backup", &file]);
    let expected = everything(&way, "default");
    server.kill();
    let later = folder.join("later.backup");
    way.ok(&["backup", &later]);
    for (n, file) in [file, later].iter().enumerate() {
        let restored = folder.join(&format!("restored{n}"));
        let way = Way::folder(Path::new(&restored));
        assert_eq!(way.json(&["restore", file])["release"], env!("CARGO_PKG_VERSION"));
        assert_eq!(everything(&way, "default"), expected);
    }
    // Nothing but backups, tokens and restored folders is left behind.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6);
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let server = Server::start();
    people(&server.default_tenant(), 3);
    let folder = Folder::new();
    let file = folder.join("a.backup");
    Way::folder(&server.data).ok(&["backup", &file]);
    let whole = fs::read(&file).unwrap();
    let restored = folder.join("restored");
    let way = Way::folder(Path::new(&restored));
    let refused = |bytes: &[u8], exit: i32, what: &str| {
        fs::write(&file, bytes).unwrap();
        let error = way.fails(exit, &["restore", &file]);
        assert!(error["message"].as_str().unwrap().contains(what), "{error}");
        assert!(!Path::new(&restored).exists());
    };
    let key = whole.iter().position(|byte| *byte == b'}').unwrap() + 2;
    for at in [key, key + 32 + 5_000, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        refused(&damaged, 1, "checksum");
    }
    refused(&whole[..whole.len() - 1], 1, "length");
    refused(&[whole.as_slice(), b"x"].concat(), 1, "length");
    refused(b"something else\n", 2, "not a backup");
    refused(b"PROVOST BACKUP 2\n{}", 3, "format");

    fs::write(&file, &whole).unwrap();
    fs::create_dir(&restored).unwrap();
    fs::write(format!("{restored}/mine"), "").unwrap();
    way.fails(6, &["restore", &file]);
    assert_eq!(fs::read_dir(&restored).unwrap().count(), 1);
    fs::remove_file(format!("{restored}/mine")).unwrap();
    way.ok(&["restore", &file]);
}

#[test]
fn what_does_not_agree_is_named_by_whoever_looks() {
    let folder = Folder::new();
    let (data, file, restored) = (folder.data(), folder.join("a.backup"), folder.join("restored"));
    let server = Server::start_in(&data);
    people(&server.default_tenant(), 2);
    drop(server);
    let database = rusqlite::Connection::open(Path::new(&data).join("provost.db")).unwrap();
    database.execute("update change_seq set last = last + 1", ()).unwrap();
    drop(database);
    let way = Way::folder(Path::new(&data));
    way.ok(&["backup", &file]);
    for (way, arguments) in
        [(way, &["check", "data"][..]), (Way::folder(Path::new(&restored)), &["restore", file.as_str()][..])]
    {
        let found = way.run(arguments);
        let said = String::from_utf8(found.stdout).unwrap();
        assert_eq!(found.status.code(), Some(11), "{arguments:?}: {said}");
        let line = said.lines().find(|line| line.starts_with("default"));
        assert!(line.is_some_and(|line| line.contains("numbers missing in the change feed")), "{arguments:?}: {said}");
    }
}
