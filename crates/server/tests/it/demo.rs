//! Sample data: made in a directory with nobody in it, and put back in a demo.

use crate::browser::Browser;
use crate::desk::Desk;
use serde_json::{Value, json};
use server::Furnish;
use tokio::sync::mpsc;

const SAMPLES: &str = "/api/v1/tenants/default/samples";
const RESET: &str = "/api/v1/demo/reset";

#[tokio::test]
async fn sample_people_are_for_an_empty_directory() {
    let desk = Desk::new();
    let field = json!({"attribute": {"name": "costCentre"}});
    assert_eq!(desk.local("POST", "/api/v1/tenants/default/attributes", field).await.status, 201);
    let made = desk.local("POST", SAMPLES, Value::Null).await;
    assert_eq!((made.status, &made.body), (201, &json!({"people": 5, "groups": 1})), "{}", made.text);
    let adam = desk.local("GET", "/scim/v2/Users?filter=userName%20eq%20%22adam@example.com%22", Value::Null).await;
    assert!(
        adam.text.contains("4711") && adam.text.contains("Bea Cruz") && adam.text.contains("Sales"),
        "{}",
        adam.text
    );
    let again = desk.local("POST", SAMPLES, Value::Null).await;
    assert_eq!(again.status, 400, "{}", again.text);
}

/// Without the demo's custom field they are made as well.
#[tokio::test]
async fn an_empty_list_of_users_offers_sample_people() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    assert!(owner.get("/app/users").await.text.contains("Create sample people"));
    assert_eq!(owner.post("/app/users/samples", &[]).await.location(), "/app/users");
    let shown = owner.get("/app/users").await.text;
    assert!(shown.contains("5 sample people") && shown.contains("Emil Voss"), "{shown}");
    assert_eq!(owner.post("/app/users/samples", &[]).await.status, 303);
    assert!(owner.get("/app/users").await.text.contains("There are people already"));
}

/// Furnishes as often as somebody asks.
async fn furnish(desk: &Desk, mut asked: mpsc::Receiver<Furnish>) {
    while let Some(done) = asked.recv().await {
        let made = desk.local("POST", SAMPLES, Value::Null).await;
        done.send(if made.status == 201 { Ok(()) } else { Err(made.text) }).unwrap();
    }
}

#[tokio::test]
async fn a_demo_is_put_back_and_nothing_else_is() {
    let usual = Desk::new();
    let mut owner = Browser::owner(&usual).await;
    assert!(!owner.get("/app/settings").await.text.contains("Put the sample data back"));
    assert_eq!(usual.local("POST", RESET, Value::Null).await.status, 404);
    assert_eq!(owner.post("/app/settings/demo", &[("confirm", "reset")]).await.status, 404);

    let (furnisher, asked) = mpsc::channel(1);
    let desk = Desk::demo(furnisher);
    let mut owner = Browser::owner(&desk).await;
    let story = async {
        let mine = json!({"userName": "zoe@example.com"});
        assert_eq!(desk.local("POST", "/scim/v2/Users", mine).await.status, 201);
        assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": "mine"})).await.status, 201);
        let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
        assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 200);
        assert!(owner.get("/app/settings").await.text.contains("Put the sample data back"));
        // What has to be typed was not.
        assert_eq!(owner.post("/app/settings/demo", &[("confirm", "yes")]).await.location(), "/app/settings");
        assert!(owner.get("/app/settings").await.text.contains("Nothing was changed"));
        assert_eq!(owner.post("/app/settings/demo", &[("confirm", "reset")]).await.location(), "/app/dashboard");
        let people = desk.local("GET", "/scim/v2/Users", Value::Null).await;
        assert_eq!(people.body["totalResults"], 5, "{}", people.text);
        let tenants = desk.local("GET", "/api/v1/tenants", Value::Null).await;
        assert_eq!(tenants.body["data"].as_array().map(Vec::len), Some(1), "{}", tenants.text);
        assert_eq!(desk.with(&token, "GET", "/scim/v2/Users", Value::Null).await.status, 401);
        // The owner is still there, and the trail says what they did.
        assert!(owner.get("/app/settings/audit").await.text.contains("demo.reset"));
        assert_eq!(desk.local("POST", RESET, Value::Null).await.body, json!({"reset": true}));
    };
    tokio::select! { () = story => {}, () = furnish(&desk, asked) => {} }
    // Nobody listens any more.
    let broken = desk.local("POST", RESET, Value::Null).await;
    assert_eq!(broken.status, 500, "{}", broken.text);
}

/// Where somebody stands is said on their page, as `active` does not tell.
#[tokio::test]
async fn who_is_held_back_is_told_so() {
    let desk = Desk::new();
    let id = desk.user("adam").await;
    let mut owner = Browser::owner(&desk).await;
    for (status, title) in [("suspended", "<strong>Suspended"), ("staged", "<strong>Staged")] {
        let put =
            desk.local("PUT", &format!("/api/v1/tenants/default/users/{id}/status"), json!({"status": status})).await;
        assert_eq!(put.status, 200, "{}", put.text);
        assert!(owner.get(&format!("/app/users/{id}")).await.text.contains(title), "{status}");
    }
    desk.local("PUT", &format!("/api/v1/tenants/default/users/{id}/status"), json!({"status": "active"})).await;
    assert!(!owner.get(&format!("/app/users/{id}")).await.text.contains("<strong>Staged"));
}
