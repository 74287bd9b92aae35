//! Scans that end what nobody goes with, and imports of what changed.

use super::many::{count_of, rest, scan, standing, team};
use super::{APP, APPLICATION, COMPANY, World, person};
use crate::admin::apps;
use crate::admin::apps::runs::{self, Kind};
use crate::auth::Actor;
use crate::clock::Clock;
use crate::limits::IMPORT_OVERLAP;
use axum::http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use store::{Principal, Run, RunState, Standing};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_are_put_out_of_use_when_that_is_wanted() {
    let world = World::new().await;
    team(&world, 3).await;
    world.change(json!({"options": {"reactions": {"orphaned": "enforce"}}})).await;
    rest(&world).await;
    let robot = world.make(APPLICATION, "/Users", person("robot", None)).await;
    let run = scan(&world, Kind::Reconcile).await;
    assert_eq!(run.counts, json!({"inSync": 3, "orphaned": 1}), "{run:?}");
    let out = || async { world.account("robot@example.com").await.unwrap()["active"] == false };
    world.until("nobody's account is out of use", out).await;
    rest(&world).await;
    let found = runs::items(&world.app, COMPANY, APP, run.id, Some("orphaned".into()), 0, 9).await.unwrap();
    assert_eq!((found.len(), found[0].decided.as_deref()), (1, Some("done")));
    let again = scan(&world, Kind::Reconcile).await;
    assert_eq!(again.counts, json!({"inSync": 4}), "it is as it should be: {again:?}");
    // Whoever comes later and is called so gets this account, and no second one.
    let late = world.make(COMPANY, "/Users", person("robot", None)).await;
    world.assign(Principal::User, &late).await;
    let back = || async { world.account("robot@example.com").await.unwrap()["active"] == true };
    world.until("it is in use again", back).await;
    rest(&world).await;
    assert_eq!(world.account("robot@example.com").await.unwrap()["id"], robot.as_str());
    assert_eq!(standing(&world, Standing::Parked).await, Vec::<i64>::new());
    let whole = scan(&world, Kind::Reconcile).await;
    assert_eq!(whole.counts, json!({"inSync": 4}), "{whole:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brake_holds_the_end_of_too_many_orphans() {
    let world = World::new().await;
    team(&world, 3).await;
    world.change(json!({"options": {"reactions": {"orphaned": "enforce"}}})).await;
    for number in 0..14 {
        world.make(APPLICATION, "/Users", person(&format!("robot{number}"), None)).await;
    }
    let run = scan(&world, Kind::Reconcile).await;
    assert_eq!(run.counts, json!({"inSync": 3, "orphaned": 14}), "{run:?}");
    // Ten are always free.
    world.until("four are held", || async { standing(&world, Standing::Held).await.len() == 4 }).await;
    rest(&world).await;
    assert_eq!(count_of(&world, "/Users?filter=active%20eq%20false&count=0").await, 10);
    world.end().await;
}

async fn import_changes(world: &World) -> Run {
    let run = runs::begin(&world.app, &Actor::local(), COMPANY, APP, Kind::Import, true).await.unwrap();
    let ended = || async { runs::find(&world.app, COMPANY, APP, run.id).await.unwrap().finished_at.is_some() };
    world.until("the import is at its end", ended).await;
    runs::find(&world.app, COMPANY, APP, run.id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_of_what_changed_reads_nothing_else() {
    let clock = Clock::manual(1_700_000_000_000_000);
    let world = World::with(clock.clone(), None).await;
    team(&world, 2).await;
    rest(&world).await;
    // What changed just before an import is read once more by the next one; these did not.
    clock.advance(2 * IMPORT_OVERLAP);
    assert_eq!(scan(&world, Kind::Import).await.counts, json!({"known": 2}));
    world.make(APPLICATION, "/Users", person("newcomer", None)).await;
    let run = import_changes(&world).await;
    assert_eq!((run.state, run.counts), (RunState::Done, json!({"new": 1})));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whom_the_directory_refuses_does_not_stop_an_import() {
    let world = World::new().await;
    team(&world, 2).await;
    rest(&world).await;
    world.change(json!({"options": {"paused": true, "profileSource": true}})).await;
    let found = async |tenant: &str, name: &str| {
        let path = format!("/Users?filter=userName%20eq%20%22{name}@example.com%22");
        let (_, list) = world.scim(tenant, Method::GET, &path, Value::Null).await;
        format!("/Users/{}", list["Resources"][0]["id"].as_str().unwrap())
    };
    // One is gone in the directory, and the app, which is asked first about him, says what has changed of the other.
    let (gone, stays) = (found(COMPANY, "p0").await, found(COMPANY, "p1").await);
    world.scim(COMPANY, Method::DELETE, &gone, Value::Null).await;
    let name = json!({"op": "replace", "path": "name.familyName", "value": "Renamed"});
    world.patch(APPLICATION, &found(APPLICATION, "p1").await, name).await;
    let run = scan(&world, Kind::Import).await;
    assert_eq!((run.state, &run.counts), (RunState::Done, &json!({"known": 2, "denied": 1, "updated": 1})), "{run:?}");
    let (_, person) = world.scim(COMPANY, Method::GET, &stays, Value::Null).await;
    assert_eq!(person["name"]["familyName"], "Renamed");
    let items = runs::items(&world.app, COMPANY, APP, run.id, Some("denied".into()), 0, 9).await.unwrap();
    assert!(items.len() == 1 && items[0].detail["error"].as_str().is_some_and(|error| !error.is_empty()));
    world.end().await;
}

/// An app that shows two people, and knows no filter.
async fn simple_app(seen: Arc<Mutex<Vec<String>>>) -> String {
    let answer = move |uri: Uri| {
        let query = uri.query().unwrap_or_default().to_owned();
        seen.lock().unwrap().push(query.clone());
        async move {
            if query.contains("filter=") {
                return (StatusCode::BAD_REQUEST, json!({"status": "400"}).to_string());
            }
            let one = |name: &str| json!({"id": name, "userName": format!("{name}@example.com"), "active": true});
            let list =
                json!({"totalResults": 2, "startIndex": 1, "itemsPerPage": 2, "Resources": [one("a"), one("b")]});
            (StatusCode::OK, list.to_string())
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_waits_as_long_as_the_app_asks() {
    let (world, asked) = (World::new().await, Arc::<Mutex<Vec<Instant>>>::default());
    let seen = Arc::clone(&asked);
    let answer = move || {
        let mut seen = seen.lock().unwrap();
        seen.push(Instant::now());
        let first = seen.len() == 1;
        async move {
            let list = json!({"totalResults": 0, "Resources": []}).to_string();
            let wait = [("retry-after", if first { "2" } else { "0" })];
            (if first { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK }, wait, list)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    world.connect_to("generic", &format!("http://{address}")).await;
    let run = scan(&world, Kind::Import).await;
    assert_eq!(run.state, RunState::Done, "{run:?}");
    let times = asked.lock().unwrap().clone();
    let waited = times[1].duration_since(times[0]);
    assert!(waited >= Duration::from_millis(1_900), "{waited:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_knows_no_filter_is_read_whole() {
    let (world, seen) = (World::new().await, Arc::<Mutex<Vec<String>>>::default());
    world.connect_to("generic", &simple_app(Arc::clone(&seen)).await).await;
    assert_eq!(scan(&world, Kind::Import).await.counts, json!({"new": 2}));
    let run = import_changes(&world).await;
    assert_eq!((run.state, run.counts), (RunState::Done, json!({"new": 2})));
    let seen = seen.lock().unwrap().clone();
    let (first, rest) = seen.split_first().unwrap();
    assert!(!first.contains("filter="), "{first}");
    assert!(rest.len() == 2 && rest[0].contains("lastModified") && !rest[1].contains("filter="), "{rest:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_asks_for_the_time_follows_it() {
    let clock = Clock::manual(1_700_000_000_000_000);
    let world = World::with(clock.clone(), None).await;
    team(&world, 1).await;
    let mut rows = apps::find(&world.app, COMPANY, APP).await.unwrap().document()["toApp"].clone();
    let title = rows.as_array_mut().unwrap().iter_mut().find(|row| row["attribute"] == "title").unwrap();
    title["from"] = json!({"expression": {"text": r#"Time.now("UTC", "HH")"#}});
    world.change(json!({"toApp": rows})).await;
    let title = async |wanted: &str| world.account("p0@example.com").await.unwrap()["title"] == wanted;
    world.until("it is ten at night", || title("22")).await;
    // Nobody changes anything; only the time goes on.
    clock.advance(3_600_000_000);
    world.until("it is eleven", || title("23")).await;
    world.end().await;
}
