//! Pushed groups as they are shown: what pushing would find before it is done, and which groups a rule would choose.

use crate::browser::Browser;
use crate::desk::Desk;
use serde_json::{Value, json};

const APPS: &str = "/api/v1/tenants/default/apps";

#[tokio::test]
async fn what_pushing_would_find_is_said_before_it_is_done() {
    let desk = Desk::new();
    let ok = async |method: &str, path: &str, body: Value| {
        let answer = desk.local(method, path, body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    };
    ok("POST", APPS, json!({"name": "desk"})).await;
    let mut people = Vec::new();
    for name in ["adam", "bea", "carl"] {
        people.push(json!({"value": desk.user(name).await}));
    }
    let inner = json!({"displayName": "Sales North", "members": [people[2]]});
    let inner = ok("POST", "/scim/v2/Groups", inner).await["id"].clone();
    let members = [people[0].clone(), people[1].clone(), json!({"value": inner})];
    ok("POST", "/scim/v2/Groups", json!({"displayName": "Sales", "members": members})).await;
    ok("POST", "/scim/v2/Groups", json!({"displayName": "Other"})).await;
    ok("POST", &format!("{APPS}/desk/assignments"), json!({"resource": "adam"})).await;

    let mut before = ok("GET", &format!("{APPS}/desk/push-groups/Sales"), Value::Null).await;
    before.as_object_mut().unwrap().remove("group");
    let expected = json!({"display": "Sales", "pushed": false, "members": 3, "lookedAt": 3, "there": 0, "onTheWay": 1,
        "notAssigned": 1, "outOfUse": 0, "groups": 1});
    assert_eq!(before, expected);

    let mut owner = Browser::owner(&desk).await;
    let place = "/app/apps/desk/push-groups";
    for (of, told) in
        [("group", "1 member is not assigned to the app, and will be left out"), ("rule", "It matches 2 groups now.")]
    {
        let fields = [("group", "Sales"), ("compare", "startsWith"), ("text", "sales")];
        let fresh = owner.post(&format!("{place}/look?of={of}"), &fields).await;
        assert!(fresh.status == 200 && fresh.text.contains(told), "{of}: {}", fresh.text);
        let act = format!("look-{of}");
        let whole = owner.post(place, &[("do", act.as_str()), fields[0], fields[1], fields[2]]).await;
        assert!(whole.text.contains(told) && whole.text.contains("Assign them"), "{of}: {}", whole.text);
    }
    let nothing = owner.post(&format!("{place}/look?of=group"), &[("group", "Nobody")]).await;
    assert!(nothing.text.contains("There is no group of this id or name"), "{}", nothing.text);

    ok("POST", &format!("{APPS}/desk/push-groups"), json!({"group": "Sales"})).await;
    let rule = json!({"name": ["startsWith", "Sales"]});
    let choice = ok("POST", &format!("{APPS}/desk/push-rules/preview"), rule).await;
    let number = |name: &str| choice[name].as_u64().unwrap();
    assert_eq!((number("fitting"), number("new"), number("lookedAt"), &choice["more"]), (2, 1, 3, &json!(false)));
    let page = owner.get(place).await;
    assert!(page.text.contains("0 of 3"), "{}", page.text);
}
