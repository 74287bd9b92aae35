//! The console when there is much: a log that fills quickly, lists that are long.

use crate::client::Connection;
use crate::harness::{Server, Tenant, USER};
use crate::visit::Visit;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Rows a second, and for how long.
const RATE: u32 = 50;
const SECONDS: u32 = 5;

/// Longest time in which the page may do nothing else: room for a machine that does other things as well, and not for a
/// page that stands still.
const BUSY_MAX_MS: f64 = 2_000.0;
/// Most elements of the page, however much arrives.
const ELEMENTS_MAX: u64 = 2_500;

/// Users of the long list, and of a bulk request.
const MANY: usize = 20_000;
const AT_ONCE: usize = 1_000;

#[test]
fn fifty_rows_a_second() {
    let server = Server::start();
    let visit = Visit::owner(&server);
    let tenant = server.default_tenant();
    tenant.user("adam@example.com", json!({}));
    visit.open("/app/log");
    visit.until("document.querySelector('#live')?.dataset.state === 'live'", "the live connection");
    visit.tab.eval(
        "window.stayed = true; window.slowest = 0; window.frames = 0; window.last = performance.now(); \
         (function frame() { const now = performance.now(); window.slowest = Math.max(window.slowest, now - window.last); \
         window.last = now; window.frames += 1; setTimeout(frame, 10) })()",
    );
    let mut connection = Connection::tcp(server.address).unwrap();
    let started = Instant::now();
    for n in 0..RATE * SECONDS {
        let wanted = tenant.request("GET", &format!("/Users?startIndex=1&count=2&n={n}"));
        assert_eq!(connection.send(&wanted).unwrap().status, 200);
        let due = Duration::from_secs(1) * (n + 1) / RATE;
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        if n == RATE * SECONDS / 2 {
            // In the middle of it: a row is opened by the keyboard and the page answers.
            let asked = Instant::now();
            visit.tab.eval("document.querySelector('main h1').textContent");
            assert!(asked.elapsed() < Duration::from_millis(1_000), "the page answered after {:?}", asked.elapsed());
        }
    }
    let last = RATE * SECONDS - 1;
    let sent = tenant.send(&tenant.request("GET", "/Users?startIndex=1&count=2&n=the-last"));
    assert_eq!(sent.status, 200, "after {last}");
    visit.until("document.querySelector('#log a[href]') && fetch(document.querySelector('#log th a').href).then((r) => r.text()).then((t) => t.includes('the-last'))", "the last row");
    let told = visit.tab.eval("[window.slowest, window.frames, document.querySelectorAll('*').length, document.querySelectorAll('#log tr[data-row]').length, window.stayed]");
    println!("slowest turn, turns, elements, rows: {told}");
    assert_eq!(told[4], true);
    assert!(told[0].as_f64().unwrap() < BUSY_MAX_MS, "the page did nothing else for {} ms", told[0]);
    assert!(told[2].as_u64().unwrap() < ELEMENTS_MAX && told[3].as_u64().unwrap() <= 50, "{told}");
    // Paused by its key, it stays as it is.
    visit.tab.key("p");
    visit.until("document.querySelector('#live').textContent.includes('Paused')", "the pause");
    let first = visit.tab.text("document.querySelector('#log th a').pathname");
    tenant.get("/Users?count=1").expect(200);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(visit.tab.text("document.querySelector('#log th a').pathname"), first);
    visit.tab.key("p");
    visit.until(&format!("document.querySelector('#log th a').pathname !== {}", json!(first)), "what came meanwhile");
    visit.no_complaints();
}

fn fill(tenant: &Tenant<'_>, number: usize) {
    let mut connection = Connection::tcp(tenant.server.address).unwrap();
    let all: Vec<usize> = (0..number).collect();
    for part in all.chunks(AT_ONCE) {
        let one = |n: &usize| {
            let user = json!({ "schemas": [USER], "userName": format!("user{n}@example.com"), "externalId": format!("x{n}"),
                "displayName": format!("User {n}"), "active": !n.is_multiple_of(10) });
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": user })
        };
        let operations: Vec<Value> = part.iter().map(one).collect();
        let body =
            json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
        let answer = connection.send(&tenant.request("POST", "/Bulk").json(&body)).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// The middle of how long a page takes to open, in milliseconds.
fn median(visit: &Visit<'_>, path: &str) -> f64 {
    visit.open(path);
    let mut all: Vec<f64> = (0..9)
        .map(|_| {
            visit.open(path);
            visit.tab.eval("performance.getEntriesByType('navigation')[0].loadEventEnd").as_f64().unwrap()
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[test]
fn a_long_list_opens_like_a_short_one() {
    let server = Server::start();
    let visit = Visit::owner(&server);
    let short = server.tenant_named("short");
    let long = server.tenant_named("long");
    fill(&short, 20);
    let began = Instant::now();
    fill(&long, MANY);
    println!("{MANY} users in {:?}", began.elapsed());
    let ids: Vec<Value> = long.read("/Users?count=1000&attributes=userName")["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| json!({ "value": user["id"] }))
        .collect();
    let group = json!({ "schemas": [crate::harness::GROUP], "displayName": "All", "members": ids });
    let big = long.post("/Groups", &group).expect(201).json()["id"].as_str().unwrap().to_owned();
    let few = json!({ "schemas": [crate::harness::GROUP], "displayName": "All", "members": [] });
    let small = short.post("/Groups", &few).expect(201).json()["id"].as_str().unwrap().to_owned();
    let mut slow = Vec::new();
    let pages = |group: &str| {
        [
            "/app/users",
            "/app/users?q=user1",
            "/app/users?order=name",
            "/app/users?active=no",
            "/app",
            "/app/log",
            "/app/setup",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("/app/groups/{group}")])
        .collect::<Vec<_>>()
    };
    let times: Vec<Vec<f64>> = [("short", &small), ("long", &big)]
        .into_iter()
        .map(|(tenant, group)| {
            visit.open("/app");
            visit.tab.leads(|_| visit.choose("Tenant", tenant));
            pages(group).iter().map(|path| median(&visit, path)).collect()
        })
        .collect();
    for ((path, short), long) in pages("…").iter().zip(&times[0]).zip(&times[1]) {
        println!("{path}: {short:.0} ms, {long:.0} ms");
        if *long > 3.0 * short + 60.0 {
            slow.push(format!("{path}: {long:.0} ms with {MANY} users, {short:.0} ms with 20"));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
    visit.no_complaints();
}
