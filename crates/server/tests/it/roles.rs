//! What each role is shown: no page offers an operator what would be refused.

use crate::browser::Browser;
use crate::desk::{Answer, Desk};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const API: &str = "/api/v1/tenants/default";

async fn made(desk: &Desk, path: &str, body: Value) -> Value {
    let answer: Answer = desk.local("POST", path, body).await;
    assert!(matches!(answer.status, 200..=202), "{path}: {}", answer.text);
    answer.body
}

/// Something of everything that a page could offer a button for.
async fn furnish(desk: &Desk, owner: &mut Browser<'_>) {
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    let mut ids = Vec::new();
    for (name, active) in [("adam", true), ("dora", false)] {
        let body = json!({"schemas": [user], "userName": name, "externalId": name, "active": active});
        ids.push(made(desk, "/scim/v2/Users", body).await["id"].clone());
    }
    made(desk, "/scim/v2/Groups", json!({"displayName": "Sales", "members": [{"value": ids[0]}]})).await;
    let twice = desk.local("POST", "/scim/v2/Users", json!({"schemas": [user], "userName": "adam", "externalId": "x"}));
    assert_eq!(twice.await.status, 409);
    made(desk, &format!("{API}/attributes"), json!({"attribute": {"name": "costCentre"}})).await;
    made(desk, &format!("{API}/tokens"), json!({"label": "Okta"})).await;
    made(desk, &format!("{API}/setup-links"), json!({"label": "Okta team"})).await;
    made(desk, &format!("{API}/apps"), json!({"name": "wiki", "target": "okta-aiw"})).await;
    let change = json!({"provisioning": true, "connection": {"baseUrl": "https://wiki.example/scim/v2"},
        "options": {"paused": true}});
    assert_eq!(desk.local("PATCH", &format!("{API}/apps/wiki"), change).await.status, 200);
    made(desk, &format!("{API}/apps/wiki/assignments"), json!({"resource": ids[0]})).await;
    made(desk, &format!("{API}/apps/wiki/push-rules"), json!({"name": ["startsWith", "S"]})).await;
    for label in ["Wiki", "Other wiki"] {
        let config = json!({"apps": {"wiki": {"label": label}}});
        made(desk, &format!("{API}/plans"), json!({"title": "a name", "config": config})).await;
    }
    made(desk, &format!("{API}/plans/2/approve"), Value::Null).await;
    let client = json!({"label": "Wiki", "redirectUris": ["https://wiki.example/callback"]});
    made(desk, &format!("{API}/oidc/clients"), client).await;
    let job = [("do", "deactivate"), ("confirm", "deactivate"), ("everybody", "1")];
    assert_eq!(owner.post("/app/users/bulk", &job).await.status, 303);
}

/// The address with what stands for one of many taken out, so that one page of a kind is looked at.
fn kind(path: &str) -> String {
    let is_one = |part: &str| part.len() > 20 || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.split('/').map(|part| if is_one(part) { "…" } else { part }).collect();
    let names: BTreeSet<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    format!("{}?{}", parts.join("/"), names.into_iter().collect::<Vec<_>>().join("&"))
}

/// Every page that links lead to, by its address.
async fn pages(browser: &mut Browser<'_>) -> BTreeMap<String, String> {
    let (mut found, mut seen) = (BTreeMap::new(), BTreeSet::new());
    let mut to_see = VecDeque::from(["/app".to_owned()]);
    while let Some(path) = to_see.pop_front() {
        if !seen.insert(kind(&path)) {
            continue;
        }
        let page = browser.get(&path).await;
        assert!(page.status < 400, "a link leads to {path}, which answers {}: {}", page.status, page.text);
        if !page.header("content-type").starts_with("text/html") {
            continue;
        }
        let hrefs = page.text.split("href=\"/").skip(1).filter_map(|rest| rest.split(['"', '#']).next());
        let inside = hrefs.filter(|href| href.starts_with("app") || href.starts_with("account"));
        to_see.extend(inside.map(|href| format!("/{}", href.replace("&amp;", "&"))));
        found.insert(path, page.text);
    }
    found
}

/// The forms of a page that can be sent and are not the operator's own.
fn forms(page: &str) -> Vec<&str> {
    let main = page.split_once("<main").map_or("", |(_, rest)| rest);
    let all = main.split("<form method=\"post\" action=\"").skip(1).filter_map(|rest| rest.split("</form>").next());
    let own = |form: &&str| ["/account", "/console/", "/logout"].iter().any(|own| form.starts_with(own));
    all.filter(|form| !own(form) && !form.contains("<fieldset class=\"read-only\" disabled>")).collect()
}

/// Where pages lead on that are only for changes; what an editor says of one thing can be read by everybody.
const FOR_CHANGES: [&str; 6] = ["/new", "edit=1", "/create-app", "/users/imports\"", "/assign?", "/assign/"];

#[tokio::test]
async fn an_auditor_is_offered_nothing_that_would_be_refused() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    furnish(&desk, &mut owner).await;
    let mut auditor = Browser::invited(&mut owner, "cal@example.com", "auditor").await;
    let (all, seen) = (pages(&mut owner).await, pages(&mut auditor).await);
    assert!(seen.len() > 60 && all.len() > seen.len() + 10, "{} of {} pages", seen.len(), all.len());
    let offered: usize = all.values().map(|page| forms(page).len()).sum();
    assert!(offered > 60, "an owner is offered {offered} forms");
    let mut wrong = Vec::new();
    for (path, page) in seen.iter().filter(|(path, _)| !path.starts_with("/account")) {
        wrong.extend(
            forms(page).into_iter().map(|form| format!("{path} has a form: {}", form.get(..80).unwrap_or(form))),
        );
        let main = page.split_once("<main").map_or("", |(_, rest)| rest);
        let leads = main.split("href=\"").skip(1).filter_map(|rest| rest.split_inclusive('"').next());
        let offers = leads.filter(|href| href.starts_with("/app") && FOR_CHANGES.iter().any(|end| href.contains(end)));
        wrong.extend(offers.map(|href| format!("{path} leads to {href}")));
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_link_leads_an_admin_to_nothing_that_is_the_owners() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    furnish(&desk, &mut owner).await;
    let mut admin = Browser::invited(&mut owner, "bea@example.com", "admin").await;
    for (path, page) in pages(&mut admin).await.iter().filter(|(path, _)| path.starts_with("/app/settings")) {
        let owners = forms(page)
            .into_iter()
            .filter(|form| form.starts_with("/app/settings/operators") || form.starts_with("/app/settings/keys"));
        assert_eq!(owners.count(), 0, "{path} offers an admin what is the owner's");
    }
}
