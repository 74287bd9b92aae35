//! Many people at once: leavers before a backlog, brakes, scans that put right, imports.

use super::{APP, APPLICATION, COMPANY, World, person};
use crate::admin::apps::runs::{self, Decision, Kind};
use crate::admin::apps::{self, links};
use crate::admin::tenant_of;
use crate::auth::Actor;
use axum::http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use store::{LinkQuery, Principal, Run, RunState, Standing};

/// People in a group that is assigned; they are at the application when this returns.
pub(super) async fn team(world: &World, count: usize) -> Vec<String> {
    world.connect("generic").await;
    let mut people = Vec::new();
    for number in 0..count {
        people.push(world.make(COMPANY, "/Users", person(&format!("p{number}"), None)).await);
    }
    let members: Vec<Value> = people.iter().map(|id| json!({"value": id})).collect();
    let group = world.make(COMPANY, "/Groups", json!({"displayName": "All", "members": members})).await;
    world.assign(Principal::Group, &group).await;
    let began = Instant::now();
    world.until("everybody is there", || async { count_of(world, "/Users?count=0").await == count as u64 }).await;
    eprintln!("{count} people arrived in {:?}", began.elapsed());
    people
}

pub(super) async fn count_of(world: &World, path: &str) -> u64 {
    world.scim(APPLICATION, Method::GET, path, Value::Null).await.1["totalResults"].as_u64().unwrap()
}

async fn off(world: &World, tenant: &str, id: &str) {
    world.patch(tenant, &format!("/Users/{id}"), json!({"op": "replace", "path": "active", "value": false})).await;
}

/// Nobody is due, nor will be by a change that was not looked at yet.
pub(super) async fn rest(world: &World) {
    let tenant = tenant_of(&world.app, COMPANY).unwrap().tenant.id;
    let is_behind = move |r: &store::Reader| -> store::Result<bool> {
        let Some(cursor) = r.feed_cursor(tenant)? else { return Ok(false) };
        Ok(!r.changes(tenant, cursor, 1)?.is_empty())
    };
    world
        .until("nothing is due", || async {
            if world.app.store().read(is_behind).await.unwrap() {
                return false;
            }
            let integration = apps::find(&world.app, COMPANY, APP).await.unwrap();
            let numbers = apps::numbers(&world.app, &integration).await.unwrap();
            numbers.due == [0; 4] && numbers.stale == 0
        })
        .await;
}

pub(super) async fn standing(world: &World, standing: Standing) -> Vec<i64> {
    let query = LinkQuery { standing: Some(standing), limit: 1_000, ..LinkQuery::default() };
    links::list(&world.app, COMPANY, APP, query).await.unwrap().into_iter().map(|row| row.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_out_of_use_is_sent_nothing() {
    let world = World::new().await;
    let people = team(&world, 2).await;
    rest(&world).await;
    let title = async || world.account("p0@example.com").await.unwrap()["title"].clone();
    world.change(json!({"options": {"deactivated": true}})).await;
    let new = json!({"op": "replace", "path": "title", "value": "T"});
    world.patch(COMPANY, &format!("/Users/{}", people[0]), new).await;
    world
        .until("he is due", || async {
            let integration = apps::find(&world.app, COMPANY, APP).await.unwrap();
            apps::numbers(&world.app, &integration).await.unwrap().due != [0; 4]
        })
        .await;
    world.app.wake_outbound();
    // Many times as long as it takes otherwise.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(title().await, Value::Null);
    let refused = runs::begin(&world.app, &Actor::local(), COMPANY, APP, Kind::Import, false).await;
    assert!(refused.unwrap_err().to_scim("").detail.contains("options.deactivated=false"));
    world.change(json!({"options": {"deactivated": false}})).await;
    world.until("what waited is sent", || async { title().await == "T" }).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_passes_a_backlog() {
    let world = World::new().await;
    let people = team(&world, 300).await;
    rest(&world).await;
    world.change(json!({"options": {"paused": true}})).await;
    for person in &people {
        world
            .patch(COMPANY, &format!("/Users/{person}"), json!({"op": "replace", "path": "title", "value": "T"}))
            .await;
    }
    // The one who would be the last of them.
    off(&world, COMPANY, &people[299]).await;
    world.change(json!({"options": {"paused": false}})).await;
    let took = world
        .until("he is out of use", || async { world.account("p299@example.com").await.unwrap()["active"] == false })
        .await;
    let behind = 300 - count_of(&world, "/Users?filter=title%20eq%20%22T%22&count=0").await;
    eprintln!("a leaver took {took:?}, with {behind} updates behind him");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(behind > 50, "{behind} updates were left");
    world
        .until("all titles are there", || async {
            count_of(&world, "/Users?filter=title%20eq%20%22T%22&count=0").await >= 299
        })
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_arrive_are_not_looked_for_one_by_one() {
    let world = World::new().await;
    team(&world, 600).await;
    rest(&world).await;
    let sent = links::exchanges(&world.app, COMPANY, APP, None, None, 2_000).await.unwrap();
    let of = |action: &str| sent.iter().filter(|one| one.action == action).count();
    assert_eq!(of("create"), 600);
    // Two for each, without a list; those who came while it was read have them.
    assert!(of("probe") < 600, "{} looks", of("probe"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_with_another_name_changes_who_is_told_of_it() {
    let world = World::new().await;
    let people = team(&world, 2).await;
    let named = r#"isMemberOfGroupName("Sales") ? "sells" : "does not""#;
    let mut rows = apps::find(&world.app, COMPANY, APP).await.unwrap().document()["toApp"].clone();
    let title = rows.as_array_mut().unwrap().iter_mut().find(|row| row["attribute"] == "title").unwrap();
    title["from"] = json!({"expression": {"text": named}});
    world.change(json!({"toApp": rows})).await;
    let members = json!([{"value": people[0]}]);
    let group = world.make(COMPANY, "/Groups", json!({"displayName": "Buying", "members": members})).await;
    let title = async |wanted: &str| world.account("p0@example.com").await.unwrap()["title"] == wanted;
    world.until("he does not sell", || title("does not")).await;
    rest(&world).await;
    let name = json!({"op": "replace", "path": "displayName", "value": "Sales"});
    world.patch(COMPANY, &format!("/Groups/{group}"), name).await;
    world.until("he sells", || title("sells")).await;
    assert_eq!(world.account("p1@example.com").await.unwrap()["title"], "does not");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brake_holds_what_is_too_much() {
    let world = World::new().await;
    let people = team(&world, 20).await;
    rest(&world).await;
    for person in people.iter().take(15) {
        off(&world, COMPANY, person).await;
    }
    // Twenty in a hundred of twenty are four, but ten are always free.
    world.until("five are held", || async { standing(&world, Standing::Held).await.len() == 5 }).await;
    rest(&world).await;
    assert_eq!(count_of(&world, "/Users?filter=active%20eq%20false&count=0").await, 10);
    let tasks = links::tasks(&world.app, COMPANY, APP).await.unwrap();
    assert_eq!((tasks[0].cause.as_str(), tasks[0].count), ("held:deactivations", 5));
    // Everybody else goes on.
    world
        .patch(COMPANY, &format!("/Users/{}", people[19]), json!({"op": "replace", "path": "title", "value": "T"}))
        .await;
    world.until("others go on", || async { world.account("p19@example.com").await.unwrap()["title"] == "T" }).await;
    let held = standing(&world, Standing::Held).await;
    let some = held.iter().take(2).copied().collect();
    assert_eq!(links::approve(&world.app, &Actor::local(), COMPANY, APP, some).await.unwrap(), 2);
    world
        .until("two more are out", || async {
            count_of(&world, "/Users?filter=active%20eq%20false&count=0").await == 12
        })
        .await;
    let rest_of = standing(&world, Standing::Held).await;
    assert_eq!(links::discard(&world.app, &Actor::local(), COMPANY, APP, rest_of).await.unwrap(), 3);
    assert!(links::tasks(&world.app, COMPANY, APP).await.unwrap().is_empty());
    rest(&world).await;
    assert_eq!(count_of(&world, "/Users?filter=active%20eq%20false&count=0").await, 12);
    world.end().await;
}

pub(super) async fn scan(world: &World, kind: Kind) -> Run {
    let run = runs::begin(&world.app, &Actor::local(), COMPANY, APP, kind, false).await.unwrap();
    world
        .until("the scan is at its end", || async {
            let run = runs::find(&world.app, COMPANY, APP, run.id).await.unwrap();
            run.finished_at.is_some() || run.state == RunState::Stopped
        })
        .await;
    runs::find(&world.app, COMPANY, APP, run.id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_puts_right_what_somebody_changed_there() {
    let world = World::new().await;
    team(&world, 12).await;
    rest(&world).await;
    let account = async |number: usize| world.account(&format!("p{number}@example.com")).await.unwrap();
    let id = async |number: usize| account(number).await["id"].as_str().unwrap().to_owned();
    let name = json!({"op": "replace", "path": "name.familyName", "value": "Meddled"});
    world.patch(APPLICATION, &format!("/Users/{}", id(0).await), name).await;
    off(&world, APPLICATION, &id(1).await).await;
    let (gone, _) = world.scim(APPLICATION, Method::DELETE, &format!("/Users/{}", id(2).await), Value::Null).await;
    assert_eq!(gone, 204);
    world.make(APPLICATION, "/Users", person("robot", None)).await;
    let run = scan(&world, Kind::Reconcile).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    assert_eq!(run.counts, json!({"inSync": 9, "drifted": 2, "orphaned": 1, "missing": 1}), "{run:?}");
    world.until("the name is right again", || async { account(0).await["name"]["familyName"] == "Smith" }).await;
    world.until("he is in use again", || async { account(1).await["active"] == true }).await;
    world.until("he is there again", || async { world.account("p2@example.com").await.is_some() }).await;
    // Nobody touches what nobody goes with.
    assert_ne!(world.account("robot@example.com").await.unwrap()["active"], false);
    rest(&world).await;
    let again = scan(&world, Kind::Reconcile).await;
    assert_eq!(again.counts, json!({"inSync": 12, "orphaned": 1}), "{again:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_stops_when_too_many_are_missing() {
    let world = World::new().await;
    team(&world, 10).await;
    rest(&world).await;
    for number in 0..5 {
        let account = world.account(&format!("p{number}@example.com")).await.unwrap();
        let path = format!("/Users/{}", account["id"].as_str().unwrap());
        world.scim(APPLICATION, Method::DELETE, &path, Value::Null).await;
    }
    let run = scan(&world, Kind::Reconcile).await;
    assert_eq!(run.state, RunState::Stopped);
    assert!(run.error.unwrap().starts_with("5 of 10"));
    assert_eq!(count_of(&world, "/Users?count=0").await, 5);
    runs::resume(&world.app, &Actor::local(), COMPANY, APP, run.id).await.unwrap();
    world.until("they are made again", || async { count_of(&world, "/Users?count=0").await == 10 }).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_finds_whose_accounts_are() {
    let world = World::new().await;
    world.connect("generic").await;
    let known = world.make(COMPANY, "/Users", person("known", None)).await;
    world.make(APPLICATION, "/Users", person("known", None)).await;
    world.make(APPLICATION, "/Users", person("newcomer", None)).await;
    let run = scan(&world, Kind::Import).await;
    assert_eq!((run.state, run.counts), (RunState::Done, json!({"exact": 1, "new": 1})));
    // Who is known is linked, and assigned.
    let query = LinkQuery { standing: Some(Standing::Linked), limit: 9, ..LinkQuery::default() };
    let linked = links::list(&world.app, COMPANY, APP, query).await.unwrap();
    assert_eq!(linked.iter().map(|row| &row.resource).collect::<Vec<_>>(), [&known]);
    // Who is new waits for somebody.
    let items = runs::items(&world.app, COMPANY, APP, run.id, Some("new".into()), 0, 10).await.unwrap();
    assert_eq!((items.len(), items[0].decided.as_deref()), (1, None));
    let (actor, item) = (Actor::local(), (run.id, items[0].id));
    let person = runs::decide(&world.app, &actor, COMPANY, APP, item, Decision::Create).await.unwrap().unwrap();
    let (_, made) = world.scim(COMPANY, Method::GET, &format!("/Users/{person}"), Value::Null).await;
    assert_eq!(made["userName"], "newcomer@example.com");
    assert_eq!(made["name"]["familyName"], "Smith");
    let again = scan(&world, Kind::Import).await;
    assert_eq!(again.counts, json!({"known": 2}));
    assert_eq!(count_of(&world, "/Users?count=0").await, 2);
    world.end().await;
}

/// How many creates a second the application takes over HTTP from this many clients at once.
async fn own_rate(world: &World, count: usize, clients: usize) -> f64 {
    let wanted = crate::admin::tokens::NewToken {
        label: "rate".into(),
        scope: None,
        expires_in: crate::admin::tokens::Life::Usual,
        networks: Vec::new(),
    };
    let token = crate::admin::tokens::create(&world.app, &Actor::local(), APPLICATION, wanted).await.unwrap().text;
    let began = Instant::now();
    let work = (0..clients).map(|client| {
        let (app, token, base) = (world.app.clone(), token.clone(), world.base.clone());
        tokio::spawn(async move {
            for number in (client..count).step_by(clients) {
                let body = person(&format!("own{number}"), None).to_string();
                let request = crate::egress::Request {
                    method: Method::POST,
                    url: format!("{base}/t/{APPLICATION}/scim/v2/Users"),
                    headers: vec![
                        ("Content-Type".into(), "application/scim+json".into()),
                        ("Authorization".into(), format!("Bearer {token}")),
                    ],
                    body: Some(body.into()),
                    time: None,
                    bytes_max: None,
                };
                assert_eq!(app.egress().send(request).await.unwrap().status, 201);
            }
        })
    });
    for client in work.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    count as f64 / began.elapsed().as_secs_f64()
}

/// How fast everybody arrives, beside how fast the endpoint is by itself. For figures:
/// `PEOPLE=20000 cargo test --release -p server --lib -- --nocapture an_initial_push`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_initial_push_is_measured() {
    let world = World::new().await;
    world.connect("generic").await;
    let count: usize = std::env::var("PEOPLE").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let own = own_rate(&world, count, 32).await;
    let mut people = Vec::new();
    for number in 0..count {
        people.push(json!({"value": world.make(COMPANY, "/Users", person(&format!("p{number}"), None)).await}));
    }
    let group = world.make(COMPANY, "/Groups", json!({"displayName": "All", "members": people})).await;
    world.assign(Principal::Group, &group).await;
    let began = Instant::now();
    world.until("everybody is there", || async { count_of(&world, "/Users?count=0").await == 2 * count as u64 }).await;
    let pushed = count as f64 / began.elapsed().as_secs_f64();
    eprintln!("{own:.0} creates a second by clients, {pushed:.0} by the engine: {:.2} of it", pushed / own);
    let mut took = Vec::new();
    for (number, person) in people.iter().enumerate().take(20) {
        let name = format!("p{number}@example.com");
        let title = json!({"op": "replace", "path": "title", "value": format!("T{number}")});
        let id = person["value"].as_str().unwrap();
        world.patch(COMPANY, &format!("/Users/{id}"), title).await;
        let began = Instant::now();
        world
            .until("the title", || async { world.account(&name).await.unwrap()["title"] == format!("T{number}") })
            .await;
        took.push(began.elapsed());
    }
    took.sort();
    eprintln!("a single change: median {:?}, slowest of twenty {:?}", took[10], took[19]);
    world.end().await;
}
