//! The guide's story: Adam arrives with manager and custom field, changes, leaves, comes back; his group follows.

use super::{APPLICATION, COMPANY, World, person};
use crate::admin::apps::push_groups::{self, NewPushGroup};
use crate::auth::Actor;
use serde_json::{Value, json};
use std::time::Duration;
use store::{Headcount, Principal};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";

async fn push(world: &World, group: &str) {
    let wanted = NewPushGroup { group: group.into(), ..NewPushGroup::default() };
    push_groups::push(&world.app, &Actor::local(), COMPANY, super::APP, wanted).await.unwrap();
}

fn members(group: &Value) -> usize {
    group["members"].as_array().map_or(0, Vec::len)
}

async fn headcount(world: &World) -> Headcount {
    let (groups, _) = push_groups::list(&world.app, COMPANY, super::APP).await.unwrap();
    groups[0].headcount
}

async fn story(target: &str) {
    let world = World::new().await;
    world.connect(target).await;
    let mut adam = person("adam", Some("eve@example.com"));
    adam[CUSTOM] = json!({"badge": "B-17"});
    let adam = world.make(COMPANY, "/Users", adam).await;
    let eve = world.make(COMPANY, "/Users", person("eve", None)).await;
    let team = json!({"displayName": "Team", "members": [{"value": adam}, {"value": eve}]});
    let team = world.make(COMPANY, "/Groups", team).await;

    // Adam alone, and his manager has no account yet; then the group, for assignment and for push alike.
    world.assign(Principal::User, "adam@example.com").await;
    world.until("Adam is at the application", || async { world.account("adam@example.com").await.is_some() }).await;
    push(&world, "Team").await;
    world.assign(Principal::Group, &team).await;
    world
        .until("Adam has his manager", || async {
            let (adam, eve) = (world.account("adam@example.com").await, world.account("eve@example.com").await);
            let (Some(adam), Some(eve)) = (adam, eve) else { return false };
            adam[ENTERPRISE]["manager"]["value"] == eve["id"]
        })
        .await;
    let arrived = world.account("adam@example.com").await.unwrap();
    assert_eq!(arrived[CUSTOM]["badge"], "B-17");
    assert_eq!(arrived["name"]["familyName"], "Smith");
    assert_eq!(arrived["active"], true);
    world
        .until("the group has both", || async { world.pushed("Team").await.is_some_and(|team| members(&team) == 2) })
        .await;

    let title = json!({"op": "replace", "path": "title", "value": "Boss"});
    world.patch(COMPANY, &format!("/Users/{adam}"), title).await;
    let took = world
        .until("the title arrives", || async { world.account("adam@example.com").await.unwrap()["title"] == "Boss" })
        .await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    eprintln!("{target}: a change was there after {took:?}");

    // A new name is the same account.
    let name = json!({"op": "replace", "path": "userName", "value": "adam.smith@example.com"});
    world.patch(COMPANY, &format!("/Users/{adam}"), name).await;
    world.until("the new name arrives", || async { world.account("adam.smith@example.com").await.is_some() }).await;
    assert_eq!(world.account("adam.smith@example.com").await.unwrap()["id"], arrived["id"]);

    let off = |active: bool| json!({"op": "replace", "path": "active", "value": active});
    world.patch(COMPANY, &format!("/Users/{adam}"), off(false)).await;
    let is = |active: bool| {
        let world = &world;
        move || async move { world.account("adam.smith@example.com").await.unwrap()["active"] == active }
    };
    world.until("Adam is out of use", is(false)).await;
    world.until("he left the group", || async { members(&world.pushed("Team").await.unwrap()) == 1 }).await;
    let kept = Headcount { there: 1, people: 2, left_out: 1 };
    world.until("and it is known how many are there", || async { headcount(&world).await == kept }).await;
    world.patch(COMPANY, &format!("/Users/{adam}"), off(true)).await;
    world.until("Adam is back", is(true)).await;
    world.until("in his group", || async { members(&world.pushed("Team").await.unwrap()) == 2 }).await;
    assert_eq!(world.account("adam.smith@example.com").await.unwrap()["id"], arrived["id"]);

    // Two assignments: his own, and the group's. One of them is enough.
    world.unassign(Principal::Group, &team).await;
    world
        .until("Eve is out of use", || async { world.account("eve@example.com").await.unwrap()["active"] == false })
        .await;
    assert!(is(true)().await);
    world.unassign(Principal::User, &adam).await;
    world.until("Adam is out of use again", is(false)).await;
    let (_, all) = world.scim(APPLICATION, axum::http::Method::GET, "/Users", Value::Null).await;
    assert_eq!(all["totalResults"], 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adam_arrives_changes_and_leaves_by_patch() {
    story("generic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adam_arrives_changes_and_leaves_as_okta_sends_it() {
    story("okta-aiw").await;
}
