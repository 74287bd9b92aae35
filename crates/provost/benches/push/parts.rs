//! What is measured between the two ends: everybody arrives, one changes, one leaves in front of a backlog.

use crate::client::Connection;
use crate::cpu::cpu_time;
use crate::ends::Ends;
use crate::harness::{Tenant, encode};
use crate::load::{MakeRequest, Plan, measure};
use crate::people::{Template, id as person_id};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Connections with which the application is asked for creates by themselves.
const CLIENTS: [usize; 2] = [32, 128];
/// How long each of these is measured.
const OWN: Duration = Duration::from_secs(8);
/// Changes of one person while nothing else happens.
const CHANGES: usize = 300;
/// Leavers in front of one backlog.
const LEAVERS: usize = 10;

/// Everybody arrives, beside how fast the application takes the same creates from clients that do nothing else.
pub(crate) fn push(ends: &Ends) {
    let body = what_is_sent(ends);
    let own = CLIENTS.map(|clients| own_rate(ends, &body, clients));
    let best = own.iter().copied().fold(0.0, f64::max);
    println!("creates a second by clients alone: {:.0} with {}, {:.0} with {}", own[0], CLIENTS[0], own[1], CLIENTS[1]);
    let mut connection = Connection::tcp(ends.application.address).expect("it listens");
    let before = cpu(ends);
    let started = Instant::now();
    ends.app("POST", "/push-rules", json!({ "name": ["startsWith", "Team"] }));
    ends.app("POST", "/assignments", json!({ "principal": "group", "resource": ends.everybody }));
    let mut told = Instant::now();
    let people = until(ends.people, || {
        let count = ends.arrived(&mut connection, "/Users?count=0");
        if told.elapsed() > Duration::from_secs(10) {
            eprintln!("  {count} are there after {:.0} s", started.elapsed().as_secs_f64());
            told = Instant::now();
        }
        count
    });
    let used = cpu(ends);
    ends.rest();
    let all = started.elapsed();
    let groups = ends.arrived(&mut connection, "/Groups?count=0");
    assert_eq!(groups, ends.groups, "every group has arrived");
    let rate = ends.people as f64 / people.as_secs_f64();
    let whole = (ends.people + ends.groups) as f64 / all.as_secs_f64();
    println!(
        "{} people in {:.1} s: {rate:.0} a second, {:.2} of that; with {} groups and their members in {:.1} s: {whole:.0} a second, {:.2}",
        ends.people,
        people.as_secs_f64(),
        rate / best,
        ends.groups,
        all.as_secs_f64(),
        whole / best,
    );
    let each = |place: usize| (used[place] - before[place]).as_secs_f64() * 1e6 / ends.people as f64;
    println!("processor time for each person: {:.0} µs at the company, {:.0} µs at the application", each(0), each(1));
}

/// The body of a create as the engine sends it, with gaps: one person is brought, looked at, and taken away again.
fn what_is_sent(ends: &Ends) -> Template {
    let someone = person_id(0);
    ends.app("POST", "/assignments", json!({ "principal": "user", "resource": someone }));
    let mut connection = Connection::tcp(ends.application.address).expect("it listens");
    until(1, || ends.arrived(&mut connection, "/Users?count=0"));
    ends.rest();
    let exchanges = ends.app("GET", "/exchanges?limit=50", Value::Null);
    let sent = exchanges["data"].as_array().expect("a list").iter().find(|one| one["action"] == "create");
    let body = sent.and_then(|one| one["request"].as_str()).expect("its create").to_owned();
    let account = ends.to().find("/Users", "userName eq \"person0@example.test\"");
    ends.app("DELETE", &format!("/assignments/user/{someone}"), Value::Null);
    ends.rest();
    ends.to().delete(&format!("/Users/{}", crate::harness::id(&account[0]))).expect(204);
    Template::new(&body.replace("person0", "\u{1}"))
}

/// Creates a second that the application takes, in a tenant of its own.
fn own_rate(ends: &Ends, body: &Template, clients: usize) -> f64 {
    let tenant = ends.application.tenant_named(&format!("own{clients}"));
    let (address, prefix, token) = (ends.application.address, tenant.prefix.clone(), tenant.token.clone());
    let body = body.clone();
    let request: MakeRequest = Arc::new(move |client, n| {
        let body = body.with(&format!("own{client}x{n}"));
        let head = format!(
            "POST {prefix}/Users HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        (head + &body).into_bytes()
    });
    let plan = Plan { address, connections: clients, lasting: OWN, warm_up: Duration::from_secs(1) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(&plan, &request, &[201])).per_second
}

/// One change at a time: from the answer to the change until the application shows it.
pub(crate) fn changes(ends: &Ends) {
    let (from, mut to) = (ends.from(), Connection::tcp(ends.application.address).expect("it listens"));
    let mut company = Connection::tcp(ends.company.address).expect("it listens");
    let mut took = Vec::new();
    for number in 0..CHANGES {
        let person = number * ends.people / CHANGES;
        let account = account(ends, &mut to, person);
        let title = format!("Title {number}");
        patch(&from, &mut company, person, &json!({ "op": "replace", "path": "title", "value": title }));
        took.push(shown(ends, &mut to, &account, |user| user["title"] == title.as_str()));
        std::thread::sleep(Duration::from_millis(20));
    }
    took.sort();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "a single change is at the application after {:.1} ms (p50), {:.1} ms (p99), {:.1} ms at the most, of {CHANGES}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Everybody changes at once, and some leave while that is worked off.
pub(crate) fn leavers(ends: &Ends) {
    ends.app("PATCH", "", json!({ "options": { "paused": true }, "brakes": [] }));
    eprintln!("changing {} people …", ends.people);
    everybody_changes(ends);
    let (from, mut to) = (ends.from(), Connection::tcp(ends.application.address).expect("it listens"));
    let mut company = Connection::tcp(ends.company.address).expect("it listens");
    ends.app("PATCH", "", json!({ "options": { "paused": false } }));
    std::thread::sleep(Duration::from_secs(1));
    let mut took = Vec::new();
    for number in 0..LEAVERS {
        let person = (number + 1) * ends.people / (LEAVERS + 1);
        let account = account(ends, &mut to, person);
        patch(&from, &mut company, person, &json!({ "op": "replace", "path": "active", "value": false }));
        took.push(shown(ends, &mut to, &account, |user| user["active"] == false));
    }
    let changed = ends.arrived(&mut to, &format!("/Users?count=0&filter={}", encode("title sw \"New\"")));
    took.sort();
    println!(
        "a leaver is out after {:.0} ms (median of {LEAVERS}), {:.0} ms at the most, with {} of {} updates waiting behind the last one",
        took[LEAVERS / 2].as_secs_f64() * 1e3,
        took[LEAVERS - 1].as_secs_f64() * 1e3,
        ends.people - changed,
        ends.people,
    );
}

fn everybody_changes(ends: &Ends) {
    let from = ends.from();
    let (address, prefix, token) = (ends.company.address, from.prefix.clone(), from.token.clone());
    let body = Template::patch(&json!({ "op": "replace", "path": "title", "value": "New NAME" }));
    let (next, people) = (AtomicUsize::new(0), ends.people);
    let request: MakeRequest = Arc::new(move |client, n| {
        // Behind the last one somebody is changed to what they have: the load goes by time.
        let person = next.fetch_add(1, Ordering::Relaxed) % people;
        let body = body.with(&format!("{client} {n}"));
        let head = format!(
            "PATCH {prefix}/Users/{} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
            person_id(person),
            body.len()
        );
        (head + &body).into_bytes()
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut done = 0.0;
    while done < people as f64 {
        let lasting = Duration::from_secs(2);
        let plan = Plan { address, connections: 64, lasting, warm_up: Duration::ZERO };
        done += runtime.block_on(measure(&plan, &request, &[200, 204])).per_second * lasting.as_secs_f64();
    }
}

fn patch(from: &Tenant<'_>, connection: &mut Connection, person: usize, operation: &Value) {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
    let body = json!({ "schemas": schemas, "Operations": [operation] });
    let request = from.request("PATCH", &format!("/Users/{}", person_id(person))).json(&body);
    let answer = connection.send(&request).expect("an answer");
    assert!(answer.status < 300, "{}", answer.text());
}

/// The address of a person's account.
fn account(ends: &Ends, connection: &mut Connection, person: usize) -> String {
    let filter = encode(&format!("userName eq \"person{person}@example.test\""));
    let request = ends.to().request("GET", &format!("/Users?filter={filter}"));
    let list = connection.send(&request).expect("an answer").expect(200).json();
    format!("/Users/{}", crate::harness::id(&list["Resources"][0]))
}

/// How long it takes until the application shows it.
fn shown(ends: &Ends, connection: &mut Connection, path: &str, fits: impl Fn(&Value) -> bool) -> Duration {
    let (started, request) = (Instant::now(), ends.to().request("GET", path));
    while !fits(&connection.send(&request).expect("an answer").expect(200).json()) {
        assert!(started.elapsed() < Duration::from_secs(120), "{path} never shows it");
        std::thread::sleep(Duration::from_micros(500));
    }
    started.elapsed()
}

/// Waits until there are so many.
fn until(wanted: usize, mut count: impl FnMut() -> usize) -> Duration {
    let started = Instant::now();
    while count() < wanted {
        std::thread::sleep(Duration::from_millis(100));
    }
    started.elapsed()
}

fn cpu(ends: &Ends) -> [Duration; 2] {
    [ends.company.pid(), ends.application.pid()].map(cpu_time)
}
