//! `kill -9` in the middle of 64 clients' work, again and again: what was acknowledged is there, nothing is half written.

use crate::concurrency::{Worker, people};
use crate::harness::{Folder, Server, Tenant, id, run};
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
