//! `kill -9` in the middle of 64 clients' work, again and again: what was acknowledged is there, nothing is half written.

use crate::concurrency::{Worker, people};
use crate::harness::{Folder, Server, Tenant, USER, id, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;
const ROUNDS: u64 = 50;

/// What is known of one person after a round whose last change may or may not have been kept.
struct Known {
    worker: Worker,
    /// Changes that were sent and not answered in this round: either way is right.
    open: bool,
}

#[test]
fn nothing_acknowledged_is_lost_in_fifty_crashes() {
    let folder = Folder::new();
    let data = folder.data();
    let mut server = Server::start_in(&data);
    let tenant = server.tenant();
    let (name, token) = (tenant.name.clone(), tenant.token.clone());
    let everybody = people(&tenant, CLIENTS);
    let group = id(&tenant.group("Crash", &[])).to_owned();
    let mut known: Vec<Known> = everybody
        .iter()
        .map(|who| Known { worker: Worker::new(&tenant, &group, vec![who.clone()]), open: false })
        .collect();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let lasting = Duration::from_millis(60 + (round * 37) % 250);
        acknowledged += work_until_killed(&server, &mut known, lasting);
        drop(server);
        server = Server::start_in(&data);
        let tenant =
            Tenant { server: &server, name: name.clone(), prefix: format!("/t/{name}/scim/v2"), token: token.clone() };
        compare(&tenant, &group, &mut known, round);
        for one in &mut known {
            one.worker.reconnect(&tenant);
        }
    }
    assert!(acknowledged > ROUNDS as usize * 10, "only {acknowledged} changes in all rounds");
    drop(server);
    let check = run(&["check", "data", "--data", &data]);
    let said = format!("{}{}", String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    assert_eq!(check.status.code(), Some(0), "{said}");
}

/// All clients work until the server is gone; gives the number of acknowledged changes.
fn work_until_killed(server: &Server, known: &mut [Known], lasting: Duration) -> usize {
    let until = Instant::now() + lasting;
    std::thread::scope(|scope| {
        let running: Vec<_> = known
            .iter_mut()
            .map(|one| {
                scope.spawn(move || {
                    let mut done = 0;
                    loop {
                        match one.worker.change() {
                            Ok(answer) => {
                                assert!(matches!(answer.status, 200 | 204), "{} {}", answer.status, answer.text());
                                done += 1;
                            }
                            Err(error) => {
                                assert!(cut_off(&error), "{error:?}");
                                one.open = true;
                                return done;
                            }
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        server.kill();
        running.into_iter().map(|thread| thread.join().expect("no client failed")).sum()
    })
}

fn cut_off(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
    )
}

/// Reads everything back. The one change of each client that was not answered may be there or not, whole;
/// everything else is exactly as it was acknowledged.
fn compare(tenant: &Tenant<'_>, group: &str, known: &mut [Known], round: u64) {
    let members: BTreeSet<String> = tenant.members(group).into_iter().collect();
    let users = tenant.read("/Users?count=1000");
    let users = users["Resources"].as_array().expect("a list");
    assert_eq!(users.len(), known.len(), "round {round}: nobody appears or disappears");
    let mut others = members.clone();
    for one in known {
        let who = one.worker.people[0].clone();
        others.remove(&who);
        let user = users
            .iter()
            .find(|user| user["id"] == who.as_str())
            .unwrap_or_else(|| panic!("round {round}: {who} is lost"));
        let title = user["title"].as_str().unwrap_or_default();
        let inside = members.contains(&who);
        assert_eq!(user["groups"].is_array(), inside, "round {round}: both directions agree: {user}");
        let open_title = one.open && one.worker.step.is_multiple_of(3);
        let open_member = one.open && !one.worker.step.is_multiple_of(3);
        let attempted = format!("step {}", one.worker.step);
        let title_fits = title == one.worker.titles[0] || (open_title && title == attempted);
        assert!(title_fits, "round {round}: {title:?} where {:?} was acknowledged", one.worker.titles[0]);
        let member_fits = inside == one.worker.inside.contains(&who) || open_member;
        assert!(member_fits, "round {round}: {who} is a member: {inside}, acknowledged otherwise");
        // What is there now is the new truth.
        one.worker.titles[0] = title.to_owned();
        if inside {
            one.worker.inside.insert(who);
        } else {
            one.worker.inside.remove(&who);
        }
        one.open = false;
    }
    assert!(others.is_empty(), "round {round}: members that nobody added: {others:?}");
}

#[test]
fn an_index_that_was_being_built_is_built_on_after_a_crash() {
    const PEOPLE: usize = 6_000;
    let folder = Folder::new();
    let data = folder.data();
    let server = Server::start_in(&data);
    let tenant = server.tenant();
    let name = tenant.name.clone();
    let badge = json!({ "name": "badge", "type": "string" });
    let made =
        tenant.admin("POST", "/attributes", json!({ "resourceType": "User", "attribute": badge })).expect(201).json();
    let value = made["value"].as_str().unwrap().to_owned();
    let urn = made["namespace"].as_str().unwrap();
    let line =
        |n: usize| json!({ "schemas": [USER, urn], "userName": format!("u{n}"), urn: { "badge": format!("X{n}") } });
    let lines: String = (0..PEOPLE).map(|n| format!("{}\n", line(n))).collect();
    let file = folder.join("people.jsonl");
    std::fs::write(&file, lines).unwrap();
    assert_eq!(run(&["import", &file, "--data", &data, "--tenant", &name]).status.code(), Some(0));

    let newest = |server: &Server| {
        let tenant = Tenant { server, name: name.clone(), prefix: String::new(), token: String::new() };
        tenant.admin("GET", "/jobs", Value::Null).expect(200).json()["data"][0].clone()
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let arguments = ["attribute", "change", &value, "--case-exact", "true", "--data", &data, "--tenant", &name];
            assert_ne!(run(&arguments).status.code(), Some(0), "it was cut off");
        });
        let end = Instant::now() + Duration::from_secs(20);
        while newest(&server)["done"].as_u64().unwrap_or(0) == 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        server.kill();
    });
    drop(server);
    let server = Server::start_in(&data);
    let end = Instant::now() + Duration::from_secs(60);
    let job = loop {
        let jobs = newest(&server);
        if jobs["kind"] == "clear" || Instant::now() > end {
            break jobs;
        }
        assert!(matches!(jobs["state"].as_str(), Some("running" | "waiting" | "done")), "{jobs}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(job["kind"], "clear", "the index is there, and the former one goes later");
    let people = |text: &str| {
        let output = run(&[
            "user",
            "list",
            "--filter",
            &format!("{value} eq \"{text}\""),
            "--json",
            "--data",
            &data,
            "--tenant",
            &name,
        ]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["data"].as_array().unwrap().len()
    };
    assert_eq!((people("X5999"), people("x5999"), people("X0")), (1, 0, 1));
    drop(server);
    let check = run(&["check", "data", "--data", &data]);
    assert_eq!(
        check.status.code(),
        Some(0),
        "{}{}",
        String::from_utf8_lossy(&check.stdout),
        String::from_utf8_lossy(&check.stderr)
    );
}
