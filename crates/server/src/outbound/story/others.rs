//! Two apps, of which one reads the other's accounts; and people who come back under another id.

use super::many::rest;
use super::{APP, APPLICATION, COMPANY, World, person};
use crate::admin::apps::{self, NewIntegration, runs};
use crate::admin::tenants::{self, NewTenant};
use crate::admin::tokens;
use crate::auth::Actor;
use axum::http::Method;
use serde_json::{Map, Value, json};
use store::Principal;

const WIKI: &str = "wiki-two";

async fn change(world: &World, app: &str, change: Value) -> Result<(), String> {
    let Value::Object(change) = change else { panic!("a change is an object") };
    let done = apps::change(&world.app, &Actor::local(), COMPANY, app, change).await;
    done.map(|_| ()).map_err(|error| error.to_scim("").detail.to_string())
}

/// A second application, in a tenant of its own, whose nick names are made of what the first one knows.
async fn wiki(world: &World) {
    let wanted = NewTenant { name: WIKI.into(), settings: Map::new() };
    tenants::create(&world.app, &Actor::local(), wanted).await.unwrap();
    let wanted = tokens::NewToken {
        label: "outbound".into(),
        scope: None,
        expires_in: tokens::Life::Usual,
        networks: Vec::new(),
    };
    let token = tokens::create(&world.app, &Actor::local(), WIKI, wanted).await.unwrap().text;
    let wanted = NewIntegration { name: WIKI.into(), ..NewIntegration::default() };
    apps::create(&world.app, &Actor::local(), COMPANY, wanted).await.unwrap();
    apps::set_credential(&world.app, &Actor::local(), COMPANY, WIKI, &token).await.unwrap();
    let rows = json!([
        {"attribute": "userName", "from": {"direct": "userName"}},
        {"attribute": "nickName", "empty": "clear",
         "from": {"expression": {"text": "serviceops.title + \"@\" + serviceops_app.place"}}},
    ]);
    change(
        world,
        WIKI,
        json!({
            "connection": {"baseUrl": format!("{}/t/{WIKI}/scim/v2", world.base)}, "toApp": rows, "provisioning": true,
            "policy": {"actions": {"create": true, "update": true, "deactivate": true}},
        }),
    )
    .await
    .unwrap();
}

/// What an app's expressions read of another app follows the account there: also what was changed by somebody at that app, once an
/// import has seen it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_of_an_account_elsewhere_follows_it() {
    let world = World::new().await;
    world.connect("generic").await;
    change(&world, APP, json!({"settings": {"place": "Rome"}})).await.unwrap();
    wiki(&world).await;
    let adam = world.make(COMPANY, "/Users", person("adam", None)).await;
    let title = |title: &str| json!({"op": "replace", "path": "title", "value": title});
    world.patch(COMPANY, &format!("/Users/{adam}"), title("Boss")).await;
    let nick = async || {
        let (_, list) = world.scim(WIKI, Method::GET, "/Users", Value::Null).await;
        list["Resources"][0]["nickName"].as_str().unwrap_or_default().to_owned()
    };
    let is = |wanted: &'static str| {
        let nick = &nick;
        move || async move { nick().await == wanted }
    };
    let wanted = assign(&world, WIKI, &adam).await;
    assert!(wanted);
    world.until("nothing is known of him elsewhere", is("@Rome")).await;
    world.assign(Principal::User, &adam).await;
    world.until("what is pushed there is read here", is("Boss@Rome")).await;
    world.patch(COMPANY, &format!("/Users/{adam}"), title("Chief")).await;
    world.until("and what is pushed there later", is("Chief@Rome")).await;
    change(&world, APP, json!({"settings": {"place": "Oslo"}})).await.unwrap();
    world.until("a setting of the app", is("Chief@Oslo")).await;

    rest(&world).await;
    let account = world.account("adam@example.com").await.unwrap()["id"].as_str().unwrap().to_owned();
    world.patch(APPLICATION, &format!("/Users/{account}"), title("Clown")).await;
    super::many::scan(&world, runs::Kind::Import).await;
    world.until("what an import saw there", is("Clown@Oslo")).await;

    let back = json!({"toApp": [{"attribute": "userName", "from": {"direct": "userName"}},
        {"attribute": "title", "from": {"expression": {"text": "wiki_two.nickName"}}}]});
    let refused = change(&world, APP, back).await.unwrap_err();
    assert!(refused.contains("read wiki_two, whose expressions read this app's accounts"), "{refused}");
    world.end().await;
}

async fn assign(world: &World, app: &str, resource: &str) -> bool {
    use crate::admin::apps::assign::{NewAssignment, assign};
    let wanted = NewAssignment { resource: resource.into(), ..NewAssignment::default() };
    assign(&world.app, &Actor::local(), COMPANY, app, wanted).await.is_ok()
}

/// Whoever was deleted and is made anew gets their account back by themselves; somebody else of the same user name does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_made_anew_has_their_account_again() {
    let world = World::new().await;
    world.connect("generic").await;
    let made = async |name: &str, family: &str| {
        let mut body = person(name, None);
        body["name"]["familyName"] = json!(family);
        let id = world.make(COMPANY, "/Users", body).await;
        world.assign(Principal::User, &id).await;
        id
    };
    let active = async |name: &str| world.account(&format!("{name}@example.com")).await.map(|it| it["active"] == true);
    let mut before = Vec::new();
    for name in ["adam", "eve"] {
        let id = made(name, "Smith").await;
        world.until("they are there", || async { active(name).await == Some(true) }).await;
        before.push(world.account(&format!("{name}@example.com")).await.unwrap()["id"].clone());
        world.scim(COMPANY, Method::DELETE, &format!("/Users/{id}"), Value::Null).await;
        world.until("they are out", || async { active(name).await == Some(false) }).await;
    }
    rest(&world).await;
    let adam = made("adam", "Smith").await;
    world.until("Adam is back", || async { active("adam").await == Some(true) }).await;
    let account = world.account("adam@example.com").await.unwrap();
    assert_eq!((&account["id"], &account["externalId"]), (&before[0], &json!(adam)));

    made("eve", "Jones").await;
    rest(&world).await;
    let parked = super::many::standing(&world, store::Standing::Parked).await;
    assert_eq!((parked.len(), active("eve").await), (1, Some(false)), "another Eve");
    world.end().await;
}
