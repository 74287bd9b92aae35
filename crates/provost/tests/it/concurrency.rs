//! 64 clients at once on one group and its people: every acknowledged change is there and nothing else.

use crate::client::{Answer, Connection, Request};
use crate::harness::{Server, Tenant, id};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;
const PEOPLE_EACH: usize = 4;
const WORKING: Duration = Duration::from_secs(4);

/// One client: its own people, the shared group, a connection that stays open.
pub(crate) struct Worker {
    connection: Connection,
    prefix: String,
    token: String,
    pub(crate) group: String,
    pub(crate) people: Vec<String>,
    /// What was acknowledged last, per person: member or not, and the title.
    pub(crate) inside: BTreeSet<String>,
    pub(crate) titles: Vec<String>,
    pub(crate) step: usize,
}

impl Worker {
    pub(crate) fn new(tenant: &Tenant<'_>, group: &str, people: Vec<String>) -> Self {
        Self {
            connection: Connection::tcp(tenant.server.address).expect("it listens"),
            prefix: tenant.prefix.clone(),
            token: tenant.token.clone(),
            group: group.to_owned(),
            titles: vec![String::new(); people.len()],
            people,
            inside: BTreeSet::new(),
            step: 0,
        }
    }

    pub(crate) fn reconnect(&mut self, tenant: &Tenant<'_>) {
        self.connection = Connection::tcp(tenant.server.address).expect("it listens");
    }

    fn patch(&mut self, path: &str, operation: &Value) -> std::io::Result<Answer> {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        self.connection.send(&Request::new("PATCH", format!("{}{path}", self.prefix)).bearer(&self.token).json(&body))
    }

    /// The next change, in every form that clients use; what was acknowledged is remembered.
    pub(crate) fn change(&mut self) -> std::io::Result<Answer> {
        self.step += 1;
        let n = self.step % self.people.len();
        let who = self.people[n].clone();
        let group = format!("/Groups/{}", self.group);
        let is_in = self.inside.contains(&who);
        match self.step % 3 {
            0 => {
                let title = format!("step {}", self.step);
                let answer =
                    self.patch(&format!("/Users/{who}"), &json!({ "op": "replace", "path": "title", "value": title }))?;
                if answer.status == 200 {
                    self.titles[n] = title;
                }
                Ok(answer)
            }
            _ if is_in => {
                let operation = if self.step.is_multiple_of(2) {
                    json!({ "op": "remove", "path": format!("members[value eq \"{who}\"]") })
                } else {
                    json!({ "op": "Remove", "path": "members", "value": [{ "value": who, "$ref": null }] })
                };
                let answer = self.patch(&group, &operation)?;
                if answer.status == 204 {
                    self.inside.remove(&who);
                }
                Ok(answer)
            }
            _ => {
                let answer =
                    self.patch(&group, &json!({ "op": "add", "path": "members", "value": [{ "value": who }] }))?;
                if answer.status == 204 {
                    self.inside.insert(who);
                }
                Ok(answer)
            }
        }
    }
}

pub(crate) fn people(tenant: &Tenant<'_>, count: usize) -> Vec<String> {
    (0..count).map(|n| id(&tenant.user(&format!("crowd{n}@x.test"), json!({}))).to_owned()).collect()
}

#[test]
fn nothing_is_lost_and_nothing_is_made_up() {
    let server = Server::start();
    let tenant = server.tenant();
    let everybody = people(&tenant, CLIENTS * PEOPLE_EACH);
    let group = id(&tenant.group("Crowd", &[])).to_owned();
    let until = Instant::now() + WORKING;
    let workers: Vec<Worker> = std::thread::scope(|scope| {
        let running: Vec<_> = everybody
            .chunks(PEOPLE_EACH)
            .map(|own| {
                let mut worker = Worker::new(&tenant, &group, own.to_vec());
                scope.spawn(move || {
                    while Instant::now() < until {
                        let answer = worker.change().expect("an answer");
                        assert!(matches!(answer.status, 200 | 204), "{} {}", answer.status, answer.text());
                    }
                    worker
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("no client failed")).collect()
    });
    let steps: usize = workers.iter().map(|worker| worker.step).sum();
    assert!(workers.iter().all(|worker| worker.step > 3), "nobody starves");
    assert!(steps > CLIENTS * 10, "only {steps} changes");
    let expected: Vec<String> =
        workers.iter().flat_map(|worker| worker.inside.iter().cloned()).collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(tenant.members(&group), expected);
    for worker in &workers {
        for (who, title) in worker.people.iter().zip(&worker.titles) {
            let user = tenant.read(&format!("/Users/{who}"));
            assert_eq!(user["title"].as_str().unwrap_or_default(), title);
            assert_eq!(user["groups"].is_array(), worker.inside.contains(who), "{user}");
        }
    }
    changes_are_whole(&tenant, steps);
}

/// The change feed has no gap, and as many rows as there were changes.
fn changes_are_whole(tenant: &Tenant<'_>, steps: usize) {
    let rows = tenant.whole_feed().len();
    let made = CLIENTS * PEOPLE_EACH + 1;
    assert!(rows >= steps + made, "{rows} rows for {steps} changes and {made} creations");
}

#[test]
fn the_same_name_at_the_same_moment_is_given_once() {
    let tenant = Server::shared().tenant();
    for round in 0..5 {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..16)
                .map(|n| {
                    let tenant = &tenant;
                    let name = if n % 2 == 0 { format!("race{round}@x.test") } else { format!("RACE{round}@X.test") };
                    scope.spawn(move || {
                        let body = json!({ "schemas": [crate::harness::USER], "userName": name });
                        tenant.post("/Users", &body).status
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 15, "{statuses:?}");
    }
    assert_eq!(tenant.read("/Users")["totalResults"], 5);
}

#[test]
fn if_match_lets_one_of_many_win() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("counter@x.test", json!({ "title": "0" }));
    let path = format!("/Users/{}", id(&user));
    let wins: usize = std::thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut wins = 0;
                    while wins < 5 {
                        let now = tenant.get(&path);
                        let tag = now.header("etag").expect("a tag").to_owned();
                        let next = now.json()["title"].as_str().unwrap().parse::<u32>().unwrap() + 1;
                        let body =
                            json!({ "Operations": [{ "op": "replace", "path": "title", "value": next.to_string() }] });
                        let answer = tenant.send(&tenant.request("PATCH", &path).header("If-Match", tag).json(&body));
                        assert!(matches!(answer.status, 200 | 412), "{} {}", answer.status, answer.text());
                        wins += usize::from(answer.status == 200);
                    }
                    wins
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("no client failed")).sum()
    });
    assert_eq!(tenant.read(&path)["title"], wins.to_string(), "no update was lost");
}
