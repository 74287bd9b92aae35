//! Three nodes on one PostgreSQL: one is killed and PostgreSQL dies and comes back, under load. What was acknowledged is
//! there, nothing was done twice, and nobody was told of a defect.

mod pooler;
mod upgrade;

use crate::client::{Answer, Request};
use crate::cluster::Cluster;
use crate::harness::{Folder, GROUP, Server, Tenant, USER, encode, id, run};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

const CLIENTS: usize = 12;
/// How often each of them has gone round at the least, however slow the machine is.
const STEPS_MIN: usize = 6;
const NODES: usize = 3;
const WORKING: Duration = Duration::from_secs(8);

struct World {
    // First, so that they go before their database.
    nodes: Vec<Server>,
    cluster: Cluster,
    folder: Folder,
}

impl World {
    fn start() -> Self {
        let cluster = Cluster::start();
        let address = cluster.database();
        Self::with(cluster, NODES, &address, &[])
    }

    /// So many nodes that find their database by this address.
    fn with(cluster: Cluster, count: usize, database: &str, more: &[&str]) -> Self {
        let folder = Folder::new();
        let address = folder.join("database");
        fs::write(&address, database).unwrap();
        let mut world = Self { cluster, folder, nodes: Vec::new() };
        for number in 0..count {
            let data = world.folder.join(&format!("node{number}"));
            if number > 0 {
                // As the guide says: every node has the first one's key.
                fs::create_dir(&data).unwrap();
                fs::copy(world.folder.join("node0/secret.key"), format!("{data}/secret.key")).unwrap();
            }
            let arguments: Vec<&str> = ["--database-file", &address].into_iter().chain(more.iter().copied()).collect();
            world.nodes.push(Server::start_with(&data, &arguments));
        }
        world
    }
}

/// What a client knows of its own work.
#[derive(Default)]
struct Known {
    /// People by name, and the ids that were acknowledged.
    people: BTreeMap<String, String>,
    /// Those who were acknowledged as members.
    members: BTreeSet<String>,
    /// The title that was acknowledged last.
    titles: BTreeMap<String, String>,
    refused: usize,
    cut_off: usize,
}

/// Sends until somebody takes it, to one node after the other; whether an earlier attempt may have been taken as well.
fn send(nodes: &[Server], first: usize, request: &Request, known: &mut Known, until: Instant) -> (Answer, bool) {
    let mut in_doubt = false;
    for attempt in first.. {
        assert!(Instant::now() < until + Duration::from_secs(60), "nobody takes it: {}", request.target);
        match nodes[attempt % nodes.len()].send(request) {
            Ok(answer) if answer.status == 503 => {
                assert!(answer.header("retry-after").is_some(), "{}", answer.text());
                known.refused += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(answer) => {
                assert!(answer.status < 500, "{} {}", answer.status, answer.text());
                return (answer, in_doubt);
            }
            Err(_) => {
                known.cut_off += 1;
                in_doubt = true;
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
    unreachable!("it goes on until somebody answers")
}

fn work(nodes: &[Server], tenant: &Tenant<'_>, group: &str, client: usize, until: Instant) -> Known {
    let mut known = Known::default();
    for step in 0.. {
        if step >= STEPS_MIN && Instant::now() >= until {
            break;
        }
        let name = format!("person-{client}-{step}@x.test");
        let body = json!({ "schemas": [USER], "userName": name });
        let (made, in_doubt) =
            send(nodes, client + step, &tenant.request("POST", "/Users").json(&body), &mut known, until);
        let person = if made.status == 409 && in_doubt {
            let target = format!("/Users?filter={}", encode(&format!("userName eq \"{name}\"")));
            let (found, _) = send(nodes, step, &tenant.request("GET", &target), &mut known, until);
            id(&found.json()["Resources"][0]).to_owned()
        } else {
            assert_eq!(made.status, 201, "{}", made.text());
            id(&made.json()).to_owned()
        };
        known.people.insert(name, person.clone());
        let operation = json!({ "op": "add", "path": "members", "value": [{ "value": person }] });
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        let request = tenant.request("PATCH", &format!("/Groups/{group}")).json(&body);
        let (added, _) = send(nodes, client + step + 1, &request, &mut known, until);
        assert_eq!(added.status, 204, "{}", added.text());
        known.members.insert(person.clone());
        let title = format!("step {step}");
        let operation = json!({ "op": "replace", "path": "title", "value": title });
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        let request = tenant.request("PATCH", &format!("/Users/{person}")).json(&body);
        let (changed, _) = send(nodes, client + step + 2, &request, &mut known, until);
        assert_eq!(changed.status, 200, "{}", changed.text());
        known.titles.insert(person, title);
    }
    known
}

/// Clients work for a while, and something happens meanwhile.
fn under_load(
    world: &World,
    tenant: &Tenant<'_>,
    group: &str,
    lasting: Duration,
    happens: impl FnOnce(),
) -> Vec<Known> {
    let until = Instant::now() + lasting;
    std::thread::scope(|scope| {
        let nodes = &world.nodes;
        let running: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || work(nodes, tenant, group, client, until))).collect();
        happens();
        running.into_iter().map(|thread| thread.join().expect("no client failed")).collect()
    })
}

/// A tenant that all nodes know, and an empty group in it.
fn begin(world: &World) -> (Tenant<'_>, String) {
    let tenant = world.nodes[0].tenant();
    let group = tenant.post("/Groups", &json!({ "schemas": [GROUP], "displayName": "Everybody" })).expect(201).json();
    for node in &world.nodes {
        known_there(node, &tenant);
    }
    let group = id(&group).to_owned();
    (tenant, group)
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let world = World::start();
    let (tenant, group) = begin(&world);
    let known = under_load(&world, &tenant, &group, WORKING, || {
        std::thread::sleep(Duration::from_secs(2));
        world.nodes[NODES - 1].kill();
        std::thread::sleep(Duration::from_secs(2));
        world.cluster.kill();
        std::thread::sleep(Duration::from_millis(500));
        world.cluster.run();
    });
    let refused: usize = known.iter().map(|known| known.refused).sum();
    let cut_off: usize = known.iter().map(|known| known.cut_off).sum();
    let people: usize = known.iter().map(|known| known.people.len()).sum();
    assert!(
        people >= CLIENTS * STEPS_MIN && refused > 0 && cut_off > 0,
        "{people} people, {refused} refused, {cut_off} cut off"
    );
    for node in &world.nodes[..NODES - 1] {
        let tenant = Tenant { server: node, ..tenant.clone() };
        compare(&tenant, &group, &known);
    }
    feed_is_whole(&tenant, people);
    let data = world.folder.join("node0");
    let check = run(&["check", "data", "--data", &data]);
    let said = format!("{}{}", String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    assert_eq!(check.status.code(), Some(0), "{said}");
}

/// A node hears of a tenant that another one made.
fn known_there(node: &Server, tenant: &Tenant<'_>) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = node.send(&tenant.request("GET", "/Users?count=0")).expect("an answer");
        if answer.status == 200 {
            return;
        }
        assert!(Instant::now() < until, "{} {}", answer.status, answer.text());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn compare(tenant: &Tenant<'_>, group: &str, known: &[Known]) {
    let members: BTreeSet<String> = tenant.members(group).into_iter().collect();
    let acknowledged: BTreeSet<String> = known.iter().flat_map(|known| known.members.iter().cloned()).collect();
    assert_eq!(members, acknowledged, "members are those who were acknowledged");
    let mut found = BTreeMap::new();
    let mut start = 1;
    loop {
        let page = tenant.read(&format!("/Users?count=1000&startIndex={start}"));
        let users = page["Resources"].as_array().expect("a list");
        if users.is_empty() {
            break;
        }
        start += users.len();
        for user in users {
            let name = user["userName"].as_str().expect("a name").to_owned();
            assert!(found.insert(name, user.clone()).is_none(), "nobody is there twice");
        }
    }
    assert_eq!(found.len(), known.iter().map(|known| known.people.len()).sum::<usize>(), "nobody was made up");
    for (name, person) in known.iter().flat_map(|known| &known.people) {
        let user = found.get(name).unwrap_or_else(|| panic!("{name} was acknowledged and is lost"));
        assert_eq!(id(user), person);
        let title = known.iter().find_map(|known| known.titles.get(person)).expect("every person has a title");
        assert_eq!(user["title"].as_str(), Some(title.as_str()));
    }
}

/// The feed has no gaps, and every person was made once and became a member once.
fn feed_is_whole(tenant: &Tenant<'_>, people: usize) {
    let (mut created, mut joined) = (BTreeSet::new(), BTreeSet::new());
    for row in tenant.whole_feed() {
        if row["kind"] == "created" && row["resourceType"] == "User" {
            assert!(created.insert(row["id"].to_string()), "made twice: {row}");
        }
        for member in row["what"]["membersAdded"].as_array().into_iter().flatten() {
            assert!(joined.insert(member.to_string()), "added twice: {row}");
        }
    }
    assert_eq!(created.len(), people);
}

#[test]
fn a_token_that_was_revoked_on_one_node_is_refused_by_the_others() {
    let world = World::start();
    let tenant = world.nodes[0].tenant();
    known_there(&world.nodes[1], &tenant);
    let tokens = tenant.admin("GET", "/tokens", Value::Null).expect(200).json();
    let token = id(&tokens["data"][0]).to_owned();
    tenant.admin("DELETE", &format!("/tokens/{token}"), Value::Null);
    let until = Instant::now() + Duration::from_secs(5);
    while world.nodes[1].send(&tenant.request("GET", "/Users?count=0")).expect("an answer").status != 401 {
        assert!(Instant::now() < until, "the other node still takes it");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_node_that_cannot_take_part_says_why() {
    let world = World::start();
    let address = world.folder.join("database");
    let stranger = world.folder.join("stranger");
    let refused = run(&["serve", "--data", &stranger, "--listen", "127.0.0.1:0", "--database-file", &address]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && said.contains("secret.key"), "{said}");
    fs::write(format!("{stranger}/secret.key"), [9; 32]).unwrap();
    let refused = run(&["serve", "--data", &stranger, "--listen", "127.0.0.1:0", "--database-file", &address]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && said.contains("another node"), "{said}");
    let nowhere = "postgres://nobody:secret@127.0.0.1:1/none";
    let refused = run(&["serve", "--data", &stranger, "--listen", "127.0.0.1:0", "--database", nowhere]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("--database-file") && !said.contains("nobody:secret"), "{said}");
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    let refused = run(&["serve", "--data", &stranger, "--listen", "127.0.0.1:0", "--database", nowhere]);
    assert_eq!(refused.status.code(), Some(3));
}
