//! The app as a source, and what is read of it: what an import must not make of it, and values that come from managers.

use super::many::{rest, scan, team};
use super::{APP, APPLICATION, COMPANY, World, person};
use crate::admin::apps::push_groups::{self, NewPushGroup};
use crate::admin::apps::runs::Kind;
use crate::admin::tenant_of;
use crate::auth::Actor;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use store::{Principal, RunState};

async fn total(world: &World, tenant: &str, path: &str) -> u64 {
    world.scim(tenant, Method::GET, path, Value::Null).await.1["totalResults"].as_u64().unwrap()
}

/// Groups that are pushed to an app are in its list of groups: they are neither new here nor missing there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_knows_the_groups_that_are_pushed() {
    let world = World::new().await;
    let people = team(&world, 2).await;
    for number in 0..5 {
        let body = json!({"displayName": format!("G{number}"), "members": [{"value": people[0]}]});
        let group = world.make(COMPANY, "/Groups", body).await;
        let wanted = NewPushGroup { group, ..NewPushGroup::default() };
        push_groups::push(&world.app, &Actor::local(), COMPANY, APP, wanted).await.unwrap();
    }
    world.until("they are there", || async { total(&world, APPLICATION, "/Groups?count=0").await == 5 }).await;
    rest(&world).await;
    world.make(APPLICATION, "/Groups", json!({"displayName": "Theirs"})).await;
    world.change(json!({"policy": {"actions": {"importGroups": true}}})).await;
    rest(&world).await;
    let before = total(&world, COMPANY, "/Groups?count=0").await;
    let run = scan(&world, Kind::Import).await;
    let counts = json!({"known": 2, "pushedGroups": 5, "newGroups": 1});
    assert_eq!((run.state, &run.counts), (RunState::Done, &counts), "{run:?}");
    assert_eq!(total(&world, COMPANY, "/Groups?count=0").await, before + 1);
    world.end().await;
}

/// An account that is out of use because somebody was unassigned says nothing about the person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_does_not_take_our_own_end_of_an_account_for_news() {
    let world = World::new().await;
    team(&world, 2).await;
    let solo = world.make(COMPANY, "/Users", person("solo", None)).await;
    world.assign(Principal::User, &solo).await;
    world.until("solo is there", || async { world.account("solo@example.com").await.is_some() }).await;
    world.unassign(Principal::User, &solo).await;
    let out = || async { world.account("solo@example.com").await.unwrap()["active"] == false };
    world.until("solo is out", out).await;
    rest(&world).await;
    world.change(json!({"options": {"profileSource": true, "onGone": "deactivate"}})).await;
    rest(&world).await;
    let run = scan(&world, Kind::Import).await;
    assert_eq!((run.state, &run.counts), (RunState::Done, &json!({"known": 3})), "{run:?}");
    let (_, held) = world.scim(COMPANY, Method::GET, &format!("/Users/{solo}"), Value::Null).await;
    assert_ne!(held["active"], false, "{held}");
    world.end().await;
}

/// Where the app is the source, its people leave the directory with their accounts, and come back with them; whom somebody else
/// has put out stays out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_come_back_with_their_accounts() {
    let world = World::new().await;
    let people = team(&world, 3).await;
    rest(&world).await;
    let mut accounts = Vec::new();
    for number in 0..3 {
        let account = world.account(&format!("p{number}@example.com")).await.unwrap();
        accounts.push(account["id"].as_str().unwrap().to_owned());
    }
    let active = |on: bool| json!({"op": "replace", "path": "active", "value": on});
    let there = async |number: usize, on: bool| {
        world.patch(APPLICATION, &format!("/Users/{}", accounts[number]), active(on)).await;
    };
    let here = async |number: usize, on: bool| {
        world.patch(COMPANY, &format!("/Users/{}", people[number]), active(on)).await;
    };
    let held = async |number: usize| {
        world.scim(COMPANY, Method::GET, &format!("/Users/{}", people[number]), Value::Null).await.1["active"] == true
    };
    let source = async |gone: &str, back: &str| {
        rest(&world).await;
        world.change(json!({"options": {"profileSource": true, "onGone": gone, "onBack": back}})).await;
        rest(&world).await;
    };
    // The first goes by the import, the second by an administrator, the third by both.
    source("deactivate", "reactivate").await;
    there(0, false).await;
    there(2, false).await;
    here(1, false).await;
    rest(&world).await;
    assert_eq!(scan(&world, Kind::Import).await.counts, json!({"known": 3, "left": 2}));
    rest(&world).await;
    here(2, true).await;
    here(2, false).await;
    rest(&world).await;
    for number in 0..3 {
        there(number, true).await;
    }
    assert_eq!(scan(&world, Kind::Import).await.counts, json!({"known": 3, "back": 1}));
    assert_eq!((held(0).await, held(1).await, held(2).await), (true, false, false));
    assert_eq!(world.account("p0@example.com").await.unwrap()["active"], true);

    // Suspended, and back; not where only the deactivated come back.
    source("suspend", "reactivateDeactivated").await;
    there(0, false).await;
    assert_eq!(scan(&world, Kind::Import).await.counts["left"], json!(1));
    assert_eq!(scan(&world, Kind::Import).await.counts, json!({"known": 3}), "once is enough");
    there(0, true).await;
    assert_eq!(scan(&world, Kind::Import).await.counts, json!({"known": 3}));
    let suspended = async || {
        let (tenant, id) = (tenant_of(&world.app, COMPANY).unwrap().tenant.id, people[0].clone());
        world.app.store().read(move |r| r.lifecycle(tenant, &id)).await.unwrap()
    };
    assert_eq!(suspended().await.as_deref(), Some("suspended"));
    source("suspend", "reactivateSuspended").await;
    assert_eq!(scan(&world, Kind::Import).await.counts, json!({"known": 3, "back": 1}));
    assert_eq!(suspended().await, None);
    world.end().await;
}

/// A value that is read of the manager goes when the manager goes, though nobody changed the person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_the_manager_goes_with_the_manager() {
    let world = World::new().await;
    world.connect("generic").await;
    let rows = json!([
        {"attribute": "userName", "from": {"direct": "userName"}},
        {"attribute": "title", "empty": "clear",
         "from": {"expression": {"text": "user.getLinkedObject(\"manager\").userName"}}},
    ]);
    world.change(json!({"toApp": rows})).await;
    let boss = world.make(COMPANY, "/Users", person("boss", None)).await;
    let adam = world.make(COMPANY, "/Users", person("adam", Some("boss@example.com"))).await;
    world.assign(Principal::User, &adam).await;
    let title = async || world.account("adam@example.com").await.map(|account| account["title"].clone());
    let boss_there = || async { title().await == Some(json!("boss@example.com")) };
    world.until("the boss is told", boss_there).await;
    rest(&world).await;
    world.scim(COMPANY, Method::DELETE, &format!("/Users/{boss}"), Value::Null).await;
    world.until("nobody is told", || async { title().await == Some(Value::Null) }).await;
    world.make(COMPANY, "/Users", person("boss", None)).await;
    world.until("the new boss is told", boss_there).await;
    world.end().await;
}

/// An app that shows the same page again and again has shown nobody else, and nobody else is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_does_not_page_proves_nothing() {
    let world = World::new().await;
    let answer = || async {
        let one = |name: &str| json!({"id": name, "userName": format!("{name}@example.com"), "active": true});
        let list = json!({"totalResults": 7, "startIndex": 1, "itemsPerPage": 2, "Resources": [one("a"), one("b")]});
        (StatusCode::OK, list.to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    world.connect_to("generic", &format!("http://{address}")).await;
    let run = scan(&world, Kind::Import).await;
    assert_eq!((run.state, &run.counts), (RunState::Done, &json!({"new": 2, "repeated": 1})), "{run:?}");
    world.end().await;
}
