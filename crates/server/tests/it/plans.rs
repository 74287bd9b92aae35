//! Plans and the declarative document: what is shown is what is done, all of it or nothing, and only after somebody agreed.

use crate::desk::{Answer, Desk};
use serde_json::{Value, json};

const API: &str = "/api/v1/tenants/default";

async fn get(desk: &Desk, path: &str) -> Value {
    let answer = desk.local("GET", path, Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.body
}

async fn post(desk: &Desk, path: &str, body: Value) -> Answer {
    desk.local("POST", path, body).await
}

/// What a request has made.
async fn made(desk: &Desk, path: &str, body: Value) -> Value {
    let answer = post(desk, path, body).await;
    assert!(matches!(answer.status, 200..=202), "{path}: {}", answer.text);
    answer.body
}

/// An app with a secret, a person and a group who are assigned, a pushed group and a rule.
async fn furnish(desk: &Desk) {
    let scim = "/scim/v2";
    let adam = made(desk, &format!("{scim}/Users"), json!({"userName": "adam@x.test"})).await["id"].clone();
    made(desk, &format!("{scim}/Users"), json!({"userName": "eve@x.test"})).await;
    for name in ["Team", "Others", "Rule one"] {
        let body = json!({"displayName": name, "members": [{"value": adam}]});
        made(desk, &format!("{scim}/Groups"), body).await;
    }
    made(desk, &format!("{API}/apps"), json!({"name": "serviceops", "target": "okta-aiw"})).await;
    let app = format!("{API}/apps/serviceops");
    let change = json!({"connection": {"baseUrl": "https://serviceops.example/scim/v2"}, "options": {"paused": true}});
    assert_eq!(desk.local("PATCH", &app, change).await.status, 200);
    let secret = desk.local("PUT", &format!("{app}/credential"), json!({"secret": "zq-secret-qz"})).await;
    assert_eq!(secret.status, 200);
    made(desk, &format!("{app}/assignments"), json!({"resource": "adam@x.test", "profile": {"userName": "a"}})).await;
    made(desk, &format!("{app}/assignments"), json!({"principal": "group", "resource": "Team", "priority": 3})).await;
    made(desk, &format!("{app}/push-groups"), json!({"group": "Others", "name": "Elsewhere"})).await;
    made(desk, &format!("{app}/push-rules"), json!({"name": ["startsWith", "Rule"]})).await;
}

fn entry(config: &Value) -> &Value {
    &config["apps"]["serviceops"]
}

#[tokio::test]
async fn the_document_says_everything_but_secrets_and_means_the_same_elsewhere() {
    let desk = Desk::new();
    furnish(&desk).await;
    let config = get(&desk, &format!("{API}/config")).await;
    let app = entry(&config);
    assert_eq!(app["credential"], "serviceops");
    assert!(!config.to_string().contains("zq-secret-qz"));
    assert_eq!(app["target"], "okta-aiw");
    assert_eq!(app["assignments"]["people"], json!([{"name": "adam@x.test", "profile": {"userName": "a"}}]));
    assert_eq!(app["assignments"]["groups"], json!([{"name": "Team", "priority": 3}]));
    // What a rule has chosen is the rule's.
    assert_eq!(app["pushGroups"], json!([{"group": "Others", "name": "Elsewhere", "mode": "link"}]));
    assert_eq!(app["pushRules"].as_array().unwrap().len(), 1);
    let same = made(&desk, &format!("{API}/config/diff"), json!({"config": config})).await;
    assert_eq!((&same["steps"], &same["secrets"]), (&json!([]), &json!([])), "{same}");

    made(&desk, "/api/v1/tenants", json!({"name": "two"})).await;
    let two = "/api/v1/tenants/two";
    for name in ["Team", "Others", "Rule one"] {
        made(&desk, "/t/two/scim/v2/Groups", json!({"displayName": name})).await;
    }
    made(&desk, "/t/two/scim/v2/Users", json!({"userName": "adam@x.test"})).await;
    let plan = made(&desk, &format!("{two}/plans"), json!({"title": "the same", "config": config})).await;
    let place = format!("{two}/plans/{}", plan["id"]);
    made(&desk, &format!("{place}/approve"), Value::Null).await;
    let applied = made(&desk, &format!("{place}/apply"), Value::Null).await;
    assert_eq!((&applied["state"], &applied["steps"]), (&json!("applied"), &plan["steps"]));
    let mut there = get(&desk, &format!("{two}/config")).await;
    assert_eq!(entry(&there)["credential"], Value::Null, "a secret goes nowhere by itself");
    there["apps"]["serviceops"]["credential"] = "serviceops".into();
    assert_eq!(there, config);
    let missing = made(&desk, &format!("{two}/config/diff"), json!({"config": config})).await;
    assert_eq!((&missing["steps"], &missing["secrets"]), (&json!([]), &json!(["serviceops"])));
}

#[tokio::test]
async fn a_plan_is_done_as_it_was_shown_when_somebody_has_agreed() {
    let desk = Desk::new();
    furnish(&desk).await;
    let before = get(&desk, &format!("{API}/config")).await;
    let change = json!({"apps": {"serviceops": {
        "label": "Another",
        "policy": {"actions": {"deactivate": true}},
        "assignments": {"groups": [{"name": "Others"}], "people": []},
        "pushGroups": [{"group": "Team", "paused": true}],
        "pushRules": [],
    }}});
    let plan = made(&desk, &format!("{API}/plans"), json!({"title": "less", "config": change})).await;
    let does: Vec<&str> = plan["steps"].as_array().unwrap().iter().filter_map(|step| step["do"].as_str()).collect();
    assert_eq!(does, ["change", "removeRule", "unassign", "unassign", "assign", "unpush", "unpush", "push"]);
    assert_eq!(plan["steps"][0]["was"]["label"], "serviceops");
    assert_eq!(plan["steps"][0]["change"]["label"], "Another");
    let scope = plan["effect"]["scope"].as_array().unwrap();
    assert_eq!(scope.len(), 3);
    assert_eq!(scope[2], json!({"app": "serviceops", "who": "Others", "people": 1, "way": "come"}));
    assert_eq!(plan["effect"]["apps"]["serviceops"]["lookedAt"], 1, "{plan}");

    let place = format!("{API}/plans/{}", plan["id"]);
    let early = post(&desk, &format!("{place}/apply"), Value::Null).await;
    assert_eq!((early.status, early.body["error"]["code"].as_str()), (409, Some("PRV-1104")), "{}", early.text);
    assert_eq!(get(&desk, &format!("{API}/config")).await, before, "nothing happens before it is approved");
    made(&desk, &format!("{place}/approve"), Value::Null).await;
    assert_eq!(post(&desk, &format!("{place}/approve"), Value::Null).await.status, 409);
    assert_eq!(made(&desk, &format!("{place}/apply"), Value::Null).await["state"], "applied");
    let after = get(&desk, &format!("{API}/config")).await;
    assert_eq!(entry(&after)["label"], "Another");
    assert_eq!(entry(&after)["policy"]["actions"]["deactivate"], true);
    assert_eq!(entry(&after)["connection"], entry(&before)["connection"], "what is not named stays");
    assert_eq!(entry(&after)["assignments"], json!({"people": [], "groups": [{"name": "Others"}]}));
    for path in ["/apply", "/approve"] {
        assert_eq!(post(&desk, &format!("{place}{path}"), Value::Null).await.status, 409, "{path}");
    }
    let nothing = post(&desk, &format!("{API}/plans"), json!({"config": change})).await;
    assert_eq!(nothing.status, 400, "{}", nothing.text);
    let listed = get(&desk, &format!("{API}/plans")).await;
    assert_eq!((&listed["data"][0]["state"], &listed["data"][0]["title"]), (&json!("applied"), &json!("less")));
    let kept = &listed["data"][0];
    assert!(kept["appliedAt"].is_string() && kept["decidedBy"].is_string(), "{kept}");
    assert_eq!(kept["createdBy"], kept["decidedBy"], "its maker may agree to it, and that stands there");
}

#[tokio::test]
async fn a_plan_of_what_was_is_not_done() {
    let desk = Desk::new();
    furnish(&desk).await;
    let app = format!("{API}/apps/serviceops");
    let label = json!({"apps": {"serviceops": {"label": "Planned"}}});
    // What happens between the plan and its application: a change of the app, somebody who is assigned, a pushed group.
    let meanwhile = [
        ("PATCH", app.clone(), json!({"label": "Meanwhile"})),
        ("POST", format!("{app}/assignments"), json!({"resource": "eve@x.test"})),
        ("DELETE", format!("{app}/push-groups/Others"), Value::Null),
    ];
    for (method, path, body) in meanwhile {
        let plan = made(&desk, &format!("{API}/plans"), json!({"config": label})).await;
        let place = format!("{API}/plans/{}", plan["id"]);
        made(&desk, &format!("{place}/approve"), Value::Null).await;
        let done = desk.local(method, &path, body).await;
        assert!(done.status < 300, "{path}: {}", done.text);
        let stale = post(&desk, &format!("{place}/apply"), Value::Null).await;
        assert_eq!(
            (stale.status, stale.body["error"]["code"].as_str()),
            (409, Some("PRV-1103")),
            "{path}: {}",
            stale.text
        );
        assert_eq!(get(&desk, &place).await["state"], "approved");
        let dropped = desk.local("DELETE", &place, Value::Null).await;
        assert_eq!((dropped.status, &dropped.body["state"]), (200, &json!("dropped")));
    }
    assert_ne!(get(&desk, &app).await["label"], "Planned");
}

/// What an entry may not say, and what is said about it.
#[tokio::test]
async fn a_document_that_cannot_be_is_refused() {
    let desk = Desk::new();
    furnish(&desk).await;
    for (entry, says) in [
        (json!({"assignments": {"groups": [{"name": "Nobody"}]}}), "there is no group Nobody"),
        (json!({"assignments": {"people": [{"name": "adam@x.test", "profile": {"shoe": 1}}]}}), "no attribute shoe"),
        (json!({"pushRules": [{}]}), "a rule compares"),
        (json!({"nonsense": 1}), "no setting nonsense"),
        (json!({"target": "nonsense"}), "no target profile"),
        (json!({"connection": {"baseUrl": "ftp://x"}}), ""),
    ] {
        let config = json!({"apps": {"serviceops": entry}});
        let answer = post(&desk, &format!("{API}/config/diff"), json!({"config": config})).await;
        assert!(answer.status == 400 && answer.text.contains(says), "{config}: {} {}", answer.status, answer.text);
    }
    assert_eq!(post(&desk, &format!("{API}/plans"), json!({"config": {"aps": {}}})).await.status, 400);
}

/// Whoever is behind the first thousand is assigned as well, and their values are not lost when they are edited.
#[tokio::test]
async fn an_assignment_is_edited_however_many_there_are() {
    let desk = Desk::new();
    let mut owner = crate::browser::Browser::owner(&desk).await;
    made(&desk, &format!("{API}/apps"), json!({"name": "wiki", "target": "generic"})).await;
    let (all, mut last) = (1_001, String::new());
    for part in (0..all).collect::<Vec<usize>>().chunks(500) {
        let one = |n: &usize| json!({"method": "POST", "path": "/Users", "bulkId": format!("b{n}"), "data": {"userName": format!("u{n}")}});
        let operations: Vec<Value> = part.iter().map(one).collect();
        let schema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
        let done = made(&desk, "/scim/v2/Bulk", json!({"schemas": [schema], "Operations": operations})).await;
        let place = done["Operations"].as_array().unwrap().last().unwrap()["location"].as_str().unwrap().to_owned();
        last = place.rsplit('/').next().unwrap().to_owned();
    }
    let people: Vec<Value> =
        (0..all).map(|n| json!({"name": format!("u{n}"), "profile": {"userName": format!("their own {n}")}})).collect();
    let config = json!({"apps": {"wiki": {"assignments": {"people": people}}}});
    let plan = made(&desk, &format!("{API}/plans"), json!({"config": config})).await;
    let listed = get(&desk, &format!("{API}/plans")).await;
    assert_eq!((&listed["data"][0]["stepCount"], &listed["data"][0]["steps"]), (&json!(all), &Value::Null));
    assert_eq!(plan["lines"][0], "+ wiki: user u0 is assigned, priority 0");
    for step in ["approve", "apply"] {
        made(&desk, &format!("{API}/plans/{}/{step}", plan["id"]), Value::Null).await;
    }
    let page = owner.get(&format!("/app/apps/wiki/assign/one?to=people&resource={last}")).await;
    assert!(page.text.contains("value=\"their own 1000\""), "{}", page.text);
    let choice = owner.get("/app/apps/wiki/assign?to=people&q=u1000").await;
    assert!(choice.text.contains("Assigned"), "{}", choice.text);
    let shown = owner.get(&format!("/app/plans/{}", plan["id"])).await;
    assert!(shown.text.len() < 100_000 && shown.text.contains("These are the first 500"), "{}", shown.text.len());
}
