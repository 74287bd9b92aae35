//! Lists: what they show, how they are filtered, how one page leads to the next, and that none of it counts rows.

use crate::browser::Browser;
use crate::desk::{Desk, SECOND};
use serde_json::{Value, json};

async fn people(desk: &Desk, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let user = json!({
            "userName": format!("person{number:03}@example.com"),
            "name": {"givenName": "Pat", "familyName": format!("Number{number:03}")},
            "externalId": (number % 2 == 0).then(|| format!("00u{number}")),
            "active": number % 10 != 0,
        });
        desk.clock.advance(SECOND);
        let made = desk.local("POST", "/scim/v2/Users", user).await;
        ids.push(made.body["id"].as_str().unwrap().to_owned());
    }
    ids
}

/// The addresses of the rows of a page, in their order.
fn rows(html: &str, place: &str) -> Vec<String> {
    let table = html.rsplit("<tbody").next().unwrap_or_default().split("</tbody").next().unwrap_or_default();
    let link = format!("href=\"/app/{place}/");
    let links = table.split(&link).skip(1);
    links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

fn next(html: &str) -> Option<String> {
    let pager = html.split("class=\"pager\"").nth(1)?;
    let link = pager.split("rel=\"next\"").next().filter(|before| before.len() < pager.len())?;
    Some(link.rsplit("href=\"").next()?.split('"').next()?.replace("&amp;", "&"))
}

#[tokio::test]
async fn every_user_is_on_exactly_one_page_in_every_order() {
    let desk = Desk::new();
    let ids = people(&desk, 120).await;
    let mut owner = Browser::owner(&desk).await;
    for order in ["", "oldest", "changed", "unchanged", "name", "-name"] {
        let mut path = format!("/app/users?order={order}");
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = owner.get(&path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
            seen.extend(rows(&page.text, "users"));
            pages += 1;
            match next(&page.text) {
                Some(more) => path = more,
                None => break,
            }
        }
        assert_eq!((pages, seen.len()), (3, 120), "{order}");
        let is_upwards = matches!(order, "oldest" | "unchanged" | "name");
        let expected: Vec<String> = if is_upwards { ids.clone() } else { ids.iter().rev().cloned().collect() };
        assert_eq!(seen, expected, "{order}");
    }
}

#[tokio::test]
async fn columns_and_order_live_in_the_address() {
    let desk = Desk::new();
    people(&desk, 3).await;
    let mut owner = Browser::owner(&desk).await;
    let headings = |html: &str| {
        let head = html.split("<thead>").nth(1).unwrap().split("</thead>").next().unwrap().to_owned();
        head.split("<th ").skip(1).map(|th| th.split_once('>').unwrap().1.replace("</th>", "")).collect::<Vec<_>>()
    };
    let usual = owner.get("/app/users").await;
    assert!(headings(&usual.text).iter().any(|th| th == "Manager"), "{:?}", headings(&usual.text));
    let chosen = owner.get("/app/users?col=email&col=created&order=oldest&q=person").await;
    let have = headings(&chosen.text);
    assert_eq!(have.len(), 3, "{have:?}");
    assert_eq!(have[1], "E-mail");
    assert!(chosen.text.contains("aria-sort=\"ascending\""), "{have:?}");
    // The heading turns the order round and keeps everything else, and so does the form of the filters.
    assert!(have[2].contains("/app/users?q=person&amp;col=email&amp;col=created"), "{have:?}");
    assert!(chosen.text.contains("type=\"hidden\" name=\"col\" value=\"created\""));
}

#[tokio::test]
async fn filters_live_in_the_address() {
    let desk = Desk::new();
    people(&desk, 30).await;
    let mut owner = Browser::owner(&desk).await;
    for (query, count) in [
        ("q=person00", 10),
        ("q=Number01", 10),
        ("q=PERSON003%40example.com", 1),
        ("active=no", 3),
        ("source=managed", 15),
        ("source=local&active=yes", 15),
        ("filter=name.familyName+eq+%22Number007%22", 1),
        ("q=person00&filter=active+eq+false", 1),
    ] {
        let page = owner.get(&format!("/app/users?{query}")).await;
        assert_eq!(rows(&page.text, "users").len(), count, "{query}");
    }
    let none = owner.get("/app/users?q=zzz").await;
    assert!(none.text.contains("Nobody fits") && none.text.contains("Show everybody"));
    let wrong = owner.get("/app/users?filter=userName+eq").await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.text.contains("id=\"filter-error\"") && wrong.text.contains("value=\"userName eq\""),
        "{}",
        wrong.text
    );
    assert_eq!(owner.get("/app/users?after=nonsense").await.status, 200);
}

#[tokio::test]
async fn members_are_read_by_the_page() {
    let desk = Desk::new();
    let ids = people(&desk, 110).await;
    let members: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
    let made = desk.local("POST", "/scim/v2/Groups", json!({"displayName": "All", "members": members})).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let mut owner = Browser::owner(&desk).await;
    let (mut path, mut seen) = (format!("/app/groups/{id}"), Vec::new());
    loop {
        let page = owner.get(&path).await;
        seen.extend(rows(&page.text, "users"));
        match next(&page.text) {
            Some(more) => path = more,
            None => break,
        }
    }
    assert_eq!(seen, ids);
    assert!(owner.get(&format!("/app/groups/{id}/raw")).await.text.contains("first 100 members"));
    let list = owner.get("/app/groups?q=al").await;
    assert!(list.text.contains(&id) && list.text.contains("110"));
}

#[tokio::test]
async fn the_log_is_filtered_exported_and_told_apart() {
    let desk = Desk::new();
    let workers = server::start_workers(&desk.app);
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let adam = json!({"userName": "adam", "title": "=cmd()", "password": "hunter2"});
    let made = desk.with(&token, "POST", "/scim/v2/Users", adam.clone()).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.with(&token, "POST", "/scim/v2/Users", adam).await.status, 409);
    let put = json!({"userName": "adam", "title": "Boss", "nope": 1});
    assert_eq!(desk.with(&token, "PUT", &format!("/scim/v2/Users/{id}"), put).await.status, 200);
    desk.with(&token, "GET", "/scim/v2/Users?filter=userName+eq+%22bea%22", Value::Null).await;
    desk.with("pv_wrong", "GET", "/scim/v2/Users", Value::Null).await;
    workers.stop().await;
    let mut owner = Browser::owner(&desk).await;
    for (query, count) in [
        ("", 5),
        ("result=failed", 2),
        ("result=good", 3),
        ("op=writes", 3),
        ("op=PUT", 1),
        ("type=User", 2),
        ("token=Okta", 4),
        ("code=PRV-1007", 1),
        ("text=Boss", 1),
        ("text=zzz", 0),
        ("since=2099-01-01T00:00:00Z", 0),
        ("until=2000-01-01T00:00:00Z", 0),
        ("last=15m", 5),
        ("last=7d&op=PUT", 1),
        ("from=192.0.2.9", 0),
    ] {
        let page = owner.get(&format!("/app/log?{query}")).await;
        assert_eq!(rows(&page.text, "log").len(), count, "{query}: {}", page.text);
    }
    for (query, count) in [
        ("type=User", 2),
        ("token=Okta", 4),
        ("code=PRV-1007", 1),
        ("until=2000-01-01T00:00:00Z", 0),
        ("remote=192.0.2.9", 0),
    ] {
        let listed = desk.local("GET", &format!("/api/v1/tenants/default/log?{query}"), Value::Null).await;
        assert_eq!(listed.body["data"].as_array().map(Vec::len), Some(count), "{query}: {}", listed.body);
    }
    let narrowed = owner.get("/app/log?code=PRV-1007&from=192.0.2.9").await;
    for kept in [r#"name="code" value="PRV-1007""#, r#"name="from" value="192.0.2.9""#] {
        assert!(narrowed.text.contains(kept), "another choice keeps what it was narrowed to: {kept}");
    }
    let all = owner.get("/app/log").await;
    for told in ["bea (not found)", "409 PRV-1007", "title", "Okta"] {
        assert!(all.text.contains(told), "{told}");
    }
    assert!(owner.get("/app/log/rows").await.text.starts_with("<div class=\"scroll"), "a part, no page");
    let failed = owner.get("/app/log/rows?result=failed").await.text;
    assert!(failed.starts_with("<p class=\"hidden-rows\">") && failed.contains("hidden by filters"), "{failed}");
    let export = owner.get("/app/log/export?format=ndjson&op=writes").await;
    let lines: Vec<Value> = export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2]["request"]["password"], "[redacted]");
    let csv = owner.get("/app/log/export?format=csv").await;
    assert_eq!(csv.text.lines().count(), 6, "{}", csv.text);

    let put = rows(&owner.get("/app/log?op=PUT").await.text, "log").remove(0);
    let entry = owner.get(&format!("/app/log/{put}")).await;
    for told in [
        "What came in",
        "What we answered",
        "What changed",
        "Why",
        "Then",
        "=cmd()",
        "Boss",
        "nope was left out",
        "$TOKEN",
        "updated",
    ] {
        assert!(entry.text.contains(told), "{told}: {}", entry.text);
    }
    let refused = rows(&owner.get("/app/log?code=PRV-1007").await.text, "log").remove(0);
    let entry = owner.get(&format!("/app/log/{refused}")).await;
    assert!(entry.text.contains("What to do") && entry.text.contains("/docs/errors/PRV-1007"), "{}", entry.text);
    assert!(entry.text.contains("The log keeps no secrets"), "a password cannot be asked again");
}

#[tokio::test]
async fn a_rehearsal_shows_what_would_happen_and_changes_nothing() {
    let desk = Desk::new();
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let id = desk.user("adam").await;
    let path = format!("/scim/v2/Users/{id}");
    desk.with(&token, "PUT", &path, json!({"userName": "adam", "title": "Boss"})).await;
    desk.with(&token, "PUT", &path, json!({"userName": "adam", "title": "Chef"})).await;
    let mut owner = Browser::owner(&desk).await;
    let entries = rows(&owner.get("/app/log?text=Boss&op=PUT").await.text, "log");
    let first = entries.last().unwrap();
    let before = desk.local("GET", &path, Value::Null).await;
    let logged = rows(&owner.get("/app/log?op=PUT").await.text, "log").len();
    let shown = owner.post(&format!("/app/log/{first}/replay"), &[]).await;
    assert!(shown.text.contains("Rehearsed") && shown.text.contains("Chef"), "{}", shown.text);
    assert_eq!(desk.local("GET", &path, Value::Null).await.text, before.text);
    assert_eq!(rows(&owner.get("/app/log?op=PUT").await.text, "log").len(), logged, "nothing was logged");
    owner.post("/app/scim/switches", &[("users.update", "false")]).await;
    let shown = owner.post(&format!("/app/log/{first}/replay"), &[]).await;
    assert!(shown.text.contains("something else would happen") && shown.text.contains("PRV-2005"), "{}", shown.text);
    let note = shown.between("something else would happen", "<details");
    assert!(note.contains("is off"), "the reason is there, unfolded: {note}");
    let api = desk.local("POST", &format!("/api/v1/tenants/default/log/{first}/rehearsal"), Value::Null).await;
    assert_eq!((api.status, &api.body["status"], &api.body["letIn"]), (200, &json!(403), &json!(true)));
}

#[tokio::test]
async fn a_conflict_is_linked_counted_and_reported_without_anybodys_data() {
    let desk = Desk::new();
    let mut owner = Browser::owner(&desk).await;
    let (token, _) = desk.token("default", json!({"label": "Okta"})).await;
    let old = json!({"userName": "cleo@example.com", "externalId": "old"});
    let id = desk.with(&token, "POST", "/scim/v2/Users", old).await.body["id"].as_str().unwrap().to_owned();
    let workers = server::start_workers(&desk.app);
    let new = json!({"userName": "cleo@example.com", "externalId": "new", "title": "Engineer"});
    assert_eq!(desk.with(&token, "POST", "/scim/v2/Users", new).await.status, 409);
    workers.stop().await;
    desk.clock.advance(6 * SECOND);
    let page = owner.get("/app/conflicts").await;
    assert!(page.text.contains("class=\"waits\">1<"), "the navigation counts it: {}", page.text);
    assert!(page.text.contains("Link existing") && page.text.contains("Ask to resend"), "{}", page.text);
    let report = owner.get("/app/report.json").await.text;
    assert!(report.contains("PRV-1007") && report.contains("userName") && !report.contains("cleo"), "{report}");
    let listed = desk.local("GET", "/api/v1/tenants/default/conflicts", Value::Null).await;
    let name = listed.body["data"][0]["name"].as_str().unwrap().to_owned();
    let linked = owner.post("/app/conflicts/link", &[("name", &name)]).await;
    assert_eq!((linked.status, linked.location()), (303, format!("/app/users/{id}").as_str()));
    let user = desk.with(&token, "GET", &format!("/scim/v2/Users/{id}"), Value::Null).await.body;
    assert_eq!((&user["externalId"], &user["title"]), (&json!("new"), &json!("Engineer")));
    let page = owner.get("/app/conflicts").await;
    assert!(page.text.contains("Nothing to solve") && !page.text.contains("class=\"waits\""), "{}", page.text);
    let gone = desk.local("POST", "/api/v1/tenants/default/conflicts/link", json!({"name": name})).await;
    assert_eq!(gone.status, 404);
    let chains = owner.get("/app/log?show=chains").await;
    assert!(chains.text.contains("Requests that belong together"), "{}", chains.text);
}

#[tokio::test]
async fn conflicts_wait_are_dismissed_come_back_and_solve_themselves() {
    let desk = Desk::new();
    desk.user("adam").await;
    let mut owner = Browser::owner(&desk).await;
    assert!(owner.get("/app/conflicts").await.text.contains("Nothing to solve"));
    let workers = server::start_workers(&desk.app);
    for _ in 0..3 {
        desk.local("POST", "/scim/v2/Users", json!({"userName": "Adam"})).await;
    }
    desk.local("POST", "/scim/v2/Groups", json!({})).await;
    workers.stop().await;
    let page = owner.get("/app/conflicts").await;
    assert!(page.text.contains("Already here") && page.text.contains("3 times"), "{}", page.text);
    let listed = desk.local("GET", "/api/v1/tenants/default/conflicts", Value::Null).await;
    let waiting = listed.body["data"].as_array().unwrap();
    assert_eq!(waiting.len(), 2, "{}", listed.text);
    let adam = waiting.iter().find(|one| one["code"] == "PRV-1007").unwrap();
    let (name, seq) = (adam["name"].as_str().unwrap(), adam["lastSeq"].to_string());
    owner.post("/app/conflicts/dismiss", &[("name", name), ("seq", &seq)]).await;
    let page = owner.get("/app/conflicts").await;
    assert!(!page.text.contains("Already here") && page.text.contains("1 dismissed"), "{}", page.text);
    owner.post("/app/conflicts/recall", &[("name", name)]).await;
    assert!(owner.get("/app/conflicts").await.text.contains("Already here"));
}

#[tokio::test]
async fn many_at_once_become_a_job() {
    let desk = Desk::new();
    let ids = people(&desk, 130).await;
    let mut owner = Browser::owner(&desk).await;
    let nobody = owner.post("/app/users/bulk", &[("do", "deactivate")]).await;
    assert_eq!(nobody.status, 303);
    let asked = owner.post("/app/users/bulk", &[("do", "deactivate"), ("id", &ids[1]), ("id", &ids[2])]).await;
    assert!(asked.text.contains("This concerns 2 users") && asked.text.contains("Type “deactivate”"), "{}", asked.text);
    let fields = [("do", "deactivate"), ("everybody", "1"), ("source", "managed"), ("confirm", "deactivate")];
    let begun = owner.post("/app/users/bulk", &fields).await;
    let job = begun.location().to_owned();
    assert!(job.starts_with("/app/jobs/"), "{}", begun.text);
    assert!(owner.get(&job).await.text.contains("0 of 65"));
    assert!(owner.get(&format!("{job}/now")).await.text.contains("Stop<"), "it goes with the part that is fresh");
    let workers = server::start_workers(&desk.app);
    for _ in 0..200 {
        if owner.get(&job).await.text.contains(">done<")
            || owner.get(&job).await.text.contains("Went well") && !owner.get(&job).await.text.contains("Stop")
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    workers.stop().await;
    let page = owner.get(&job).await;
    assert!(page.text.contains("65 of 65"), "{}", page.text);
    let left = desk.local("GET", "/scim/v2/Users?filter=active+eq+true&count=1", Value::Null).await;
    assert_eq!(left.body["totalResults"], 65, "those who are local are as they were");
    let begun = owner.post("/app/users/bulk", &[("do", "delete"), ("id", &ids[0]), ("confirm", "delete")]).await;
    let job = begun.location().to_owned();
    owner.post(&format!("{job}/cancel"), &[]).await;
    let page = owner.get(&job).await;
    for words in ["stopped", "Not reached", "1<span class=\"quiet\">, and left as they were"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let now = owner.get(&format!("{job}/now")).await;
    assert!(!now.text.contains("Stop<") && !now.text.contains("Time left"), "it is over: {}", now.text);
    let workers = server::start_workers(&desk.app);
    workers.stop().await;
    assert_eq!(desk.local("GET", &format!("/scim/v2/Users/{}", ids[0]), Value::Null).await.status, 200);
}

#[test]
fn pages_are_read_by_keyset() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["src/admin/directory.rs", "src/admin/jobs.rs"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        for start in text.split("Start::Index(").skip(1) {
            assert!(start.starts_with("0)"), "{file}: a page that skips rows costs what it skips");
        }
    }
    let browse = std::fs::read_to_string(folder.join("../store/src/browse.rs")).unwrap();
    assert!(!browse.contains("offset"), "members are read behind a row, not behind a number of rows");
}

#[tokio::test]
async fn whom_an_identity_provider_manages_and_never_spoke_of_is_found() {
    let desk = Desk::new();
    let (okta, _) = desk.token("default", json!({"label": "Okta"})).await;
    let brought = json!({"userName": "brought", "externalId": "00u1"});
    let id = desk.local("POST", "/scim/v2/Users", brought.clone()).await.body["id"].as_str().unwrap().to_owned();
    let local = desk.user("local").await;
    desk.with(&okta, "POST", "/scim/v2/Users", json!({"userName": "pushed", "externalId": "00u2"})).await;
    let mut owner = Browser::owner(&desk).await;
    let never = "/app/users?source=unsynced";
    assert_eq!(rows(&owner.get(never).await.text, "users"), [id.as_str()]);
    assert_eq!(rows(&owner.get("/app/users?source=never").await.text, "users"), [local.as_str(), &id]);
    let page = owner.get(&format!("/app/users/{id}")).await.text;
    assert!(page.contains("Managed, never synced"), "{page}");
    let file = owner.get("/app/users/export.csv?source=never&col=synced").await.text;
    assert!(file.contains("brought") && file.contains("Last synced") && !file.contains("pushed"), "{file}");
    // On all of them: these two, not everybody.
    let all = [("source", "never"), ("everybody", "1"), ("do", "deactivate")];
    let asked = owner.post("/app/users/bulk", &all).await.text;
    assert!(asked.contains("This concerns 2 users"), "{asked}");

    // Whom it speaks of is found no more, also if it says nothing new.
    let put = desk.with(&okta, "PUT", &format!("/scim/v2/Users/{id}"), brought).await;
    assert_eq!((put.status, put.headers["etag"].to_str().unwrap()), (200, "W/\"1\""), "nothing changed");
    assert!(owner.get(never).await.text.contains("Nobody fits"));
    let page = owner.get(&format!("/app/users/{id}")).await.text;
    assert!(page.contains("last synced") && !page.contains("never synced"), "{page}");
}

/// `active` is true of whoever is staged or suspended: every list that shows where people stand says what holds, and finds
/// them by it.
#[tokio::test]
async fn where_people_stand_is_told_wherever_they_are_listed() {
    let desk = Desk::new();
    let ids = people(&desk, 5).await;
    for (number, status) in [(1, "staged"), (2, "suspended")] {
        let at = format!("/api/v1/tenants/default/users/{}/status", ids[number]);
        assert_eq!(desk.local("PUT", &at, json!({"status": status})).await.status, 200);
    }
    let mut owner = Browser::owner(&desk).await;
    let listed = ["Active", "Active", "Suspended", "Staged", "Deactivated"];
    let badges = |html: &str| {
        let table = html.rsplit("<tbody").next().unwrap_or_default().split("</tbody").next().unwrap_or_default();
        let words = ["Active", "Staged", "Suspended", "Deactivated"];
        let cells = table.split("</td>").filter(|cell| cell.contains("badge"));
        cells.filter_map(|cell| words.into_iter().find(|word| cell.contains(&format!("{word}<")))).collect::<Vec<_>>()
    };
    assert_eq!(badges(&owner.get("/app/users").await.text), listed);
    let file = owner.get("/app/users/export.csv?col=state").await.text;
    let states: Vec<&str> =
        file.lines().skip(1).filter_map(|line| Some(line.rsplit(',').next()?.trim_matches('"'))).collect();
    assert_eq!(states, ["active", "active", "suspended", "staged", "deactivated"], "{file}");
    let members: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
    let group = desk.local("POST", "/scim/v2/Groups", json!({"displayName": "All", "members": members})).await;
    let page = owner.get(&format!("/app/groups/{}", group.body["id"].as_str().unwrap())).await.text;
    assert_eq!(badges(&page), ["Deactivated", "Staged", "Suspended", "Active", "Active"], "{page}");
    let found = owner.get("/app/search?q=person00").await.text;
    assert!(["Staged<", "Suspended<", "Deactivated<"].iter().all(|badge| found.contains(badge)), "{found}");

    for (word, who, api) in [
        ("yes", &[4, 3][..], "active"),
        ("no", &[0], "deactivated"),
        ("staged", &[1], "staged"),
        ("suspended", &[2], "suspended"),
    ] {
        let expected: Vec<&str> = who.iter().map(|number| ids[*number].as_str()).collect();
        assert_eq!(rows(&owner.get(&format!("/app/users?active={word}")).await.text, "users"), expected, "{word}");
        let file = owner.get(&format!("/app/users/export.csv?active={word}&col=state")).await.text;
        assert_eq!(
            file.lines().skip(1).filter(|line| line.ends_with(&format!("\"{api}\""))).count(),
            who.len(),
            "{file}"
        );
        let answer = desk.local("GET", &format!("/api/v1/tenants/default/users?status={api}"), Value::Null).await;
        let data = answer.body["data"].as_array().unwrap();
        let told: Vec<&str> = data.iter().filter_map(|row| row["user"]["id"].as_str()).collect();
        assert_eq!(told, expected, "{}", answer.text);
        assert!(data.iter().all(|row| row["status"] == api), "{}", answer.text);
        // What is done with everybody on the list is done with these.
        let form = [("active", word), ("everybody", "1"), ("do", "technician")];
        let asked = owner.post("/app/users/bulk", &form).await;
        let concerns = if who.len() == 1 { "1 user".to_owned() } else { format!("{} users", who.len()) };
        assert!(asked.text.contains(&format!("This concerns {concerns}")), "{word}: {}", asked.text);
    }
    let at = |more: &str| format!("/api/v1/tenants/default/users{more}");
    assert_eq!(desk.local("GET", &at("?status=odd"), Value::Null).await.status, 400);
    assert_eq!(desk.local("GET", &at("?filter=odd"), Value::Null).await.status, 400);
    let first = desk.local("GET", &at("?limit=3&filter=userType%20pr%20or%20userName%20pr"), Value::Null).await.body;
    let rest =
        desk.local("GET", &at(&format!("?limit=3&after={}", first["next"].as_str().unwrap())), Value::Null).await;
    assert_eq!((first["data"].as_array().unwrap().len(), rest.body["data"].as_array().unwrap().len()), (3, 2));
    let one = desk.local("GET", &at("/person002@example.com/status"), Value::Null).await;
    assert_eq!((one.status, &one.body["status"]), (200, &json!("suspended")), "{}", one.text);
}
