//! `provost serve` as an administrator meets it: the first start, the next one, and every way in which it cannot start.

use crate::client::{Connection, Request};
use crate::harness::{Folder, Server, USER, binary, run};
use serde_json::json;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Starts and expects it to end by itself.
fn refused(arguments: &[&str]) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    let started = Instant::now();
    while child.try_wait().expect("it can be asked").is_none() {
        if started.elapsed() > Duration::from_secs(20) {
            let _ = child.kill();
            panic!("it is still running: {arguments:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output")
}

/// The exit code, and that the words are a sentence which names these things and no panic or backtrace.
#[track_caller]
fn says(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.to_lowercase().contains(&word.to_lowercase()), "{word} is not in: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("Error {"), "{said}");
}

#[test]
fn the_first_start_prints_what_is_needed_and_the_next_no_secret() {
    let folder = Folder::new();
    let data = folder.data();
    let first = Server::start_in(&data);
    let printed = first.printed().join("\n");
    let token = first.printed_token();
    let (_, code) = printed.split_once("/setup?code=").expect("a link for the first owner");
    let code = code.split_whitespace().next().expect("a code").to_owned();
    for line in ["console", "SCIM endpoint", "token", "data"] {
        assert!(printed.lines().any(|have| have.starts_with(line)), "{line} is not in: {printed}");
    }
    assert!(printed.contains(&format!("http://{}/scim/v2", first.address)), "{printed}");
    assert!(printed.contains("curl") && printed.contains(&data), "{printed}");
    let users = Request::new("GET", "/scim/v2/Users").bearer(&token);
    assert_eq!(first.send(&users).unwrap().status, 200);
    let body = json!({ "schemas": [USER], "userName": "kept@x.test" });
    first.send(&Request::new("POST", "/scim/v2/Users").bearer(&token).json(&body)).unwrap().expect(201);
    first.signal("TERM");
    assert_eq!(first.wait(), Some(0), "{}", first.errors());
    drop(first);

    let second = Server::start_in(&data);
    let printed = second.printed().join("\n");
    assert!(!printed.contains("pv_") && !printed.contains("code="), "no secret again: {printed}");
    assert!(printed.contains("provost operator setup-link --data"), "{printed}");
    let setup = Request::new("GET", format!("/setup?code={code}"));
    assert_eq!(second.send(&setup).unwrap().status, 200, "the link of the first start is good until somebody used it");
    assert!(!second.errors().contains(&token));
    assert_eq!(second.send(&users).unwrap().json()["totalResults"], 1, "everything is kept");
    second.signal("INT");
    assert!(matches!(second.wait(), Some(0 | 130)));
}

/// What the trail of a data folder is told to be, compared with checkpoints.
fn verified(data: &str, file: &str, more: &[&str]) -> Output {
    run(&[&["audit", "verify", "--data", data, "--checkpoints", file], more].concat())
}

#[test]
fn a_trail_that_was_cut_or_written_anew_does_not_fit_its_checkpoints() {
    let folder = Folder::new();
    let (data, file) = (folder.data(), folder.join("elsewhere.checkpoints"));
    let server = Server::start_with(&data, &["--audit-checkpoints", &file, "--audit-checkpoints", "-"]);
    for name in ["one", "two", "three"] {
        server.admin("POST", "/tenants", Some(&json!({ "name": name }))).expect(201);
    }
    let found = server.admin("GET", "/audit/verify", None).json();
    let (key, head) = (found["checkpointKey"].as_str().expect("a key").to_owned(), found["head"]["seq"].clone());
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0), "{}", server.errors());
    let text = fs::read_to_string(&file).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().expect("one at the end")).unwrap();
    assert_eq!((&last["seq"], last["key"].as_str()), (&head, Some(&*key)), "{text}");
    assert!(server.printed().contains(&text.lines().last().unwrap().to_owned()), "{:?}", server.printed());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    drop(server);

    says(&verified(&data, &file, &["--key", &key]), 0, &["up to row"]);
    says(&verified(&data, &folder.join("nowhere"), &[]), 5, &["cannot be read"]);
    let other = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    says(&verified(&data, &file, &["--key", other]), 11, &["another key"]);
    let forged = folder.join("forged");
    fs::write(&forged, text.replace("\"seq\":", "\"seq\":1")).unwrap();
    says(&verified(&data, &forged, &[]), 11, &["line 1", "signature does not fit"]);

    // Whoever can write to the database cuts the newest rows off: the chain holds, and the file tells.
    let cut = || {
        let database = rusqlite::Connection::open(format!("{data}/provost.db")).unwrap();
        let before = database.query_row("select max(seq) from audit", [], |row| row.get::<_, i64>(0)).unwrap();
        database.execute("delete from audit where seq = ?1", [before]).unwrap();
    };
    cut();
    says(&run(&["audit", "verify", "--data", &data]), 0, &["holds"]);
    says(&verified(&data, &file, &[]), 11, &["was cut off"]);
    // And something else is written in their place.
    assert!(run(&["tenant", "create", "four", "--data", &data]).status.success());
    says(&run(&["audit", "verify", "--data", &data]), 0, &["holds"]);
    says(&verified(&data, &file, &[]), 11, &["written anew"]);
    // The next start says so as well, in its log.
    let server = Server::start_with(&data, &["--audit-checkpoints", &file]);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    assert!(server.errors().contains("is not the one that was signed"), "{}", server.errors());
    drop(server);
    says(
        &refused(&["serve", "--data", &data, "--listen", "127.0.0.1:0", "--audit-checkpoints", &data]),
        3,
        &["checkpoints"],
    );
}

#[test]
fn each_bad_file_of_tls_is_named() {
    let folder = Folder::new();
    let (certificate, key) = (folder.join("scim.crt"), folder.join("scim.key"));
    let data = folder.data();
    let with = |more: &[&str]| refused(&[&["serve", "--data", &data, "--listen", "127.0.0.1:0"], more].concat());
    let both = ["--tls-certificate", &certificate, "--tls-key", &key];
    says(&with(&both), 3, &["scim.crt cannot be read", "may read"]);
    fs::write(&certificate, include_str!("../../../server/tests/keys/app.crt")).unwrap();
    says(&with(&both), 3, &["scim.key cannot be read"]);
    fs::write(&key, "nothing").unwrap();
    says(&with(&both), 3, &["scim.key holds no private key", "BEGIN PRIVATE KEY"]);
    says(&with(&["--tls-certificate", &certificate]), 2, &["--tls-key"]);
    assert!(!std::path::Path::new(&data).join("provost.db").exists(), "nothing was made before");
}

#[test]
fn the_printed_curl_works_by_copy_and_paste() {
    let server = Server::start();
    let printed = server.printed().join("\n");
    let start = printed.find("curl").expect("a curl is printed");
    // As far as the command goes: lines that end in a backslash go on.
    let mut command = String::new();
    for line in printed[start..].lines() {
        command.push_str(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            break;
        }
    }
    let has_curl = Command::new("sh").args(["-c", "command -v curl"]).output().expect("sh is there").status.success();
    if has_curl {
        let output = Command::new("sh").args(["-c", &command]).output().expect("sh is there");
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer.contains("urn:ietf:params:scim"), "{command}\n{answer}");
    }
    assert!(command.contains(&server.printed_token()) && command.contains("/scim/v2"), "{command}");
}

#[test]
fn the_data_folder_is_private() {
    let server = Server::start();
    for (name, allowed) in [("secret.key", 0o600), ("provost.db", 0o600)] {
        let mode =
            fs::metadata(server.data.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")).permissions().mode();
        assert_eq!(mode & 0o777 & !allowed, 0, "{name} is {mode:o}");
    }
    let socket = fs::metadata(server.data.join("provost.sock")).expect("the socket").permissions().mode();
    let within = fs::metadata(&server.data).expect("the folder").permissions().mode();
    assert!(socket & 0o077 == 0 || within & 0o077 == 0, "others reach the socket: {socket:o} in {within:o}");
}

#[test]
fn a_port_that_is_taken() {
    let server = Server::shared();
    let folder = Folder::new();
    let output = refused(&["serve", "--data", &folder.data(), "--listen", &server.address.to_string()]);
    says(&output, 6, &[&server.address.port().to_string(), "in use"]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!printed.contains("pv_"), "no token is shown and lost: {printed}");
    let next = Server::start_in(&folder.data());
    assert!(!next.printed_token().is_empty(), "the token comes with the first start that works");
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = Folder::new();
    fs::write(folder.path().join("file"), "x").unwrap();
    let below = folder.join("file/data");
    says(&refused(&["serve", "--data", &below, "--listen", "127.0.0.1:0"]), 3, &[&below]);
    let file = folder.join("file");
    says(&refused(&["serve", "--data", &file, "--listen", "127.0.0.1:0"]), 3, &[&file]);
}

#[test]
fn a_second_instance_on_the_same_folder() {
    let server = Server::start();
    let data = server.data.to_str().unwrap();
    says(&refused(&["serve", "--data", data, "--listen", "127.0.0.1:0"]), 6, &[data]);
    server.default_tenant().get("/Users").expect(200);
}

#[test]
fn a_database_of_a_newer_version() {
    let folder = Folder::new();
    let data = folder.data();
    drop({
        let server = Server::start_in(&data);
        server.signal("TERM");
        server.wait();
        server
    });
    let database = rusqlite::Connection::open(format!("{data}/provost.db")).unwrap();
    let changed = database.execute("update meta set value = 9999 where name = 'version'", []).unwrap();
    assert_eq!(changed, 1, "the version of the schema is in the table meta");
    drop(database);
    says(&refused(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]), 3, &["newer"]);
}

#[test]
fn a_folder_that_holds_something_else() {
    let folder = Folder::new();
    let data = folder.data();
    fs::create_dir(&data).unwrap();
    fs::write(format!("{data}/provost.db"), "this is no database".repeat(100)).unwrap();
    let output = refused(&["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
    says(&output, 3, &["provost.db"]);
    assert_eq!(fs::read(format!("{data}/provost.db")).unwrap(), "this is no database".repeat(100).into_bytes());
}

#[test]
fn wrong_usage() {
    let folder = Folder::new();
    says(&refused(&["serve", "--listen", "nonsense", "--data", &folder.data()]), 2, &["listen"]);
    says(&refused(&["serve", "--no-such-option"]), 2, &["--no-such-option"]);
    says(&refused(&["no-such-command"]), 2, &["no-such-command"]);
}

#[test]
fn requests_in_flight_finish() {
    let server = Server::start();
    let tenant = server.tenant();
    let body = json!({ "schemas": [USER], "userName": "inflight@x.test" }).to_string();
    let mut connection = Connection::tcp(server.address).unwrap();
    let head = format!(
        "POST {}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        tenant.prefix,
        tenant.token,
        body.len()
    );
    let (first, rest) = body.split_at(10);
    connection.write(format!("{head}{first}").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let mut idle = Connection::tcp(server.address).unwrap();
    idle.send(&Request::new("GET", "/healthz")).unwrap();
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    connection.write(rest.as_bytes()).unwrap();
    let answer = connection.read(false).expect("the request is still answered");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let ended = Instant::now();
    assert_eq!(server.wait(), Some(0), "{}", server.errors());
    assert!(ended.elapsed() < Duration::from_secs(10), "an idle connection does not hold it up");
    let data = server.data.to_str().unwrap().to_owned();
    let again = Server::start_in(&data);
    let tenant = crate::harness::Tenant { server: &again, ..tenant.clone() };
    assert_eq!(tenant.find("/Users", "userName eq \"inflight@x.test\"").len(), 1);
}

#[test]
fn a_token_by_command_while_the_server_runs_and_while_not() {
    let folder = Folder::new();
    let data = folder.data();
    let server = Server::start_in(&data);
    let while_running = token(&["--data", &data, "--label", "running"], &folder.join("running"));
    assert_eq!(server.send(&Request::new("GET", "/scim/v2/Users").bearer(&while_running)).unwrap().status, 200);
    fs::write(folder.path().join("admin"), server.admin_token()).unwrap();
    let address = format!("http://{}", server.address);
    let remote = token(
        &["--server", &address, "--token-file", &folder.join("admin"), "--label", "remote"],
        &folder.join("remote"),
    );
    assert_eq!(server.send(&Request::new("GET", "/scim/v2/Users").bearer(&remote)).unwrap().status, 200);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    drop(server);
    let while_stopped = token(&["--data", &data, "--label", "stopped"], &folder.join("stopped"));
    let server = Server::start_in(&data);
    for token in [while_running, remote, while_stopped] {
        assert_eq!(server.send(&Request::new("GET", "/scim/v2/Users").bearer(&token)).unwrap().status, 200);
    }
}

/// Makes a token in a file and reads it there; standard output stays without it.
fn token(arguments: &[&str], file: &str) -> String {
    let output = run(&[&["token", "create"], arguments, &["--output-file", file]].concat());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    let mode = fs::metadata(file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut text = String::new();
    fs::File::open(file).unwrap().read_to_string(&mut text).unwrap();
    let token = text.trim().to_owned();
    assert!(token.starts_with("pv_") && !said.contains(&token), "{said}");
    token
}

#[test]
fn a_token_file_is_not_overwritten() {
    let folder = Folder::new();
    let data = folder.data();
    let _server = Server::start_in(&data);
    fs::write(folder.path().join("there"), "precious").unwrap();
    let output = run(&["token", "create", "--data", &data, "--label", "x", "--output-file", &folder.join("there")]);
    assert_ne!(output.status.code(), Some(0));
    assert_eq!(fs::read_to_string(folder.path().join("there")).unwrap(), "precious");
}

#[test]
fn a_server_that_cannot_be_reached() {
    let folder = Folder::new();
    fs::write(folder.path().join("admin"), "pva_x").unwrap();
    let output = run(&["status", "--server", "http://127.0.0.1:9", "--token-file", &folder.join("admin")]);
    says(&output, 7, &["127.0.0.1:9"]);
}
