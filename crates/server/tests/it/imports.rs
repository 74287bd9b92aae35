//! A file of people comes in through the console and the API: looked at, tried, imported, what was refused with its line.

use crate::browser::{Browser, Shown};
use crate::desk::{Desk, request};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use server::Peer;

/// Brings a file over the API; its id.
pub async fn upload(desk: &Desk, tenant: &str, text: &str) -> String {
    let path = format!("/api/v1/tenants/{tenant}/imports?name=people.csv");
    let request = Request::builder().method("POST").uri(path).header("content-type", "text/csv");
    let answer = desk.send(Some(Peer::Local), request.body(Body::from(text.to_owned())).unwrap()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["id"].as_str().unwrap().to_owned()
}

/// Sends the form with the file, as a browser does.
async fn choose(browser: &mut Browser<'_>, csrf: &str, name: &str, text: &str) -> Shown {
    let part = |head: &str, body: &str| format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    let file = format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv");
    let body = format!("{}{}--b--\r\n", part("name=\"csrf\"", csrf), part(&file, text));
    let request = browser
        .request("POST", "/app/users/imports")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "multipart/form-data; boundary=b");
    browser.send(request.body(Body::from(body)).unwrap()).await
}

/// Lets the workers do every job that waits.
async fn work(desk: &Desk, job: i64) -> Value {
    let workers = server::start_workers(&desk.app);
    for _ in 0..500 {
        let told = desk.local("GET", &format!("/api/v1/tenants/default/jobs/{job}"), Value::Null).await;
        if told.body["finishedAt"] != Value::Null {
            workers.stop().await;
            return told.body;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the job did not come to its end");
}

fn number(location: &str) -> i64 {
    location.rsplit('/').next().unwrap().parse().unwrap()
}

const FILE: &str = "Login;First name;E-mail;Shoe size\nadam@x.test;Adam;adam@x.test;43\n;Nobody;;1\n\"eve@x.test\";Eve;eve@x.test;38\nshort;row\n";

#[tokio::test]
async fn what_a_job_could_not_do_is_done_by_another_when_it_was_put_right() {
    let desk = Desk::new();
    let api = "/api/v1/tenants/default";
    let adam = desk.local("POST", "/scim/v2/Users", json!({"userName": "adam@x.test"})).await.body["id"].clone();
    let wanted = json!({"kind": "deactivate", "ids": [adam, "bea"]});
    let begun = desk.local("POST", &format!("{api}/jobs"), wanted).await.body["id"].as_i64().unwrap();
    let early = desk.local("POST", &format!("{api}/jobs/{begun}/retry"), Value::Null).await;
    assert!(early.status == 400 && early.text.contains("that has ended"), "{}", early.text);
    let told = work(&desk, begun).await;
    assert_eq!((&told["done"], &told["failed"]), (&json!(2), &json!(1)), "{told}");

    let bea = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "bea", "userName": "bea@x.test"});
    let batch = json!({"keepIds": true, "records": [{"line": 1, "resource": bea}]});
    assert_eq!(desk.local("POST", &format!("{api}/import"), batch).await.body["created"], 1);
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get(&format!("/app/jobs/{begun}")).await.text;
    assert!(page.contains("Retry the 1 that failed"), "{page}");
    let again = number(owner.post(&format!("/app/jobs/{begun}/retry"), &[]).await.location());
    let told = work(&desk, again).await;
    assert_eq!((&told["kind"], &told["done"], &told["failed"]), (&json!("deactivate"), &json!(1), &json!(0)), "{told}");
    assert_eq!(desk.local("GET", "/scim/v2/Users/bea", Value::Null).await.body["active"], false);
    let none = desk.local("POST", &format!("{api}/jobs/{again}/retry"), Value::Null).await;
    assert!(none.status == 400 && none.text.contains("nothing of this job failed"), "{}", none.text);
}

#[tokio::test]
async fn a_file_is_looked_at_tried_and_imported() {
    let desk = Desk::new();
    desk.user("eve@x.test").await;
    let mut owner = Browser::owner(&desk).await;
    assert!(owner.get("/app/users").await.text.contains("Import CSV"));
    let csrf = owner.token.clone();
    assert_eq!(choose(&mut owner, "wrong", "p.csv", FILE).await.status, 403, "without the token of the session");
    let nothing = choose(&mut owner, &csrf, "", "").await;
    assert!(nothing.status == 422 && nothing.text.contains("Choose a file first"), "{}", nothing.text);
    let empty = choose(&mut owner, &csrf, "p.csv", "userName\n").await;
    assert!(empty.status == 422 && empty.text.contains("no row below it"), "{}", empty.text);

    let taken = choose(&mut owner, &csrf, "<p>.csv", FILE).await;
    assert_eq!(taken.status, 303, "{}", taken.text);
    let file = taken.location().to_owned();
    let page = owner.get(&file).await.text;
    for told in ["4 rows in 4 columns", "&lt;p&gt;.csv", "Shoe size", "43", "First rows"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    for guessed in ["value=\"userName\" selected", "value=\"name.givenName\" selected", ".value\" selected"] {
        assert!(page.contains(guessed), "{guessed}: {page}");
    }
    assert!(page.contains("&quot;userName&quot;") && page.contains("adam@x.test"), "the first rows as SCIM: {page}");

    let columns = ["userName", "name.givenName", "emails[type eq \"work\"].value", ""];
    let plan = |act: &'static str, columns: [&'static str; 4]| {
        let mut fields: Vec<(&str, &str)> = columns.iter().map(|column| ("column", *column)).collect();
        fields.extend([("match", "userName"), ("do", act)]);
        fields
    };
    for (columns, why) in [
        (["", "name.givenName", "", ""], "No column becomes userName"),
        (["userName", "userName", "", ""], "Two columns become userName"),
        (["userName", "id", "shoe", ""], "Column “E-mail”: shoe is no attribute"),
    ] {
        let refused = owner.post(&file, &plan("import", columns)).await;
        assert!(refused.status == 422 && refused.text.contains(why), "{why}: {}", refused.text);
    }

    let tried = owner.post(&file, &plan("try", columns)).await.location().to_owned();
    let told = work(&desk, number(&tried)).await;
    assert_eq!(told["counts"], json!({"created": 1, "updated": 1, "unchanged": 0}), "{told}");
    let page = owner.get(&tried).await.text;
    for words in ["Would be created", "Line 3", "Line 5", "the row has 2 cells, the header 4", "Import them now"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let people = desk.local("GET", "/scim/v2/Users", Value::Null).await;
    assert_eq!(people.body["totalResults"], 1, "nothing was changed");

    let begun = owner.post(&format!("{tried}/again"), &[]).await.location().to_owned();
    let told = work(&desk, number(&begun)).await;
    assert_eq!((&told["failed"], &told["done"], &told["total"]), (&json!(2), &json!(4), &json!(4)), "{told}");
    let adam = desk.local("GET", "/scim/v2/Users?filter=userName+eq+%22adam@x.test%22", Value::Null).await;
    assert_eq!(adam.body["Resources"][0]["name"]["givenName"], "Adam", "{}", adam.text);
    let failures = owner.get(&format!("{begun}/failures.csv")).await;
    assert!(failures.header("content-disposition").contains("attachment"));
    let lines: Vec<&str> = failures.text.lines().collect();
    assert!(
        lines[0] == "line,code,message" && lines[1].starts_with("3,\"PRV-") && lines[2].starts_with("5,"),
        "{lines:?}"
    );
    assert_eq!(owner.get(&file).await.status, 404, "the file goes when it was imported");
    let again = owner.post(&format!("{tried}/again"), &[]).await;
    assert!(again.status == 404 && again.text.contains("upload it again"), "{}", again.text);
    let trail = owner.get("/app/settings/audit").await.text;
    assert!(trail.contains("import.upload") && trail.contains("job.begin"), "{trail}");
}

#[tokio::test]
async fn a_file_of_passwords_is_sealed_and_goes_after_a_day() {
    let desk = Desk::new();
    let id = upload(&desk, "default", "userName,password\nadam,correct-horse-7\n").await;
    let mut owner = Browser::owner(&desk).await;
    let page = owner.get(&format!("/app/users/imports/{id}")).await.text;
    assert!(!page.contains("correct-horse-7") && page.contains("•••"), "{page}");
    let named = id.clone();
    let tenant = store::TenantId(1);
    let part = desk.app.store().read(move |r| r.import_part(tenant, &named, 0)).await.unwrap().unwrap();
    assert!(!part.sealed.windows(15).any(|piece| piece == b"correct-horse-7"));
    desk.clock.advance(2 * 86_400 * crate::desk::SECOND);
    let until = desk.clock.now() - 86_400 * crate::desk::SECOND;
    desk.app.store().write(move |w| w.imports_prune(tenant, until, until)).await.unwrap();
    assert_eq!(owner.get("/login").await.status, 200);
    let gone = desk.local("GET", &format!("/api/v1/tenants/default/imports/{id}"), Value::Null).await;
    assert_eq!(gone.status, 404, "{}", gone.text);
}

#[tokio::test]
async fn the_api_imports_a_file_with_what_was_guessed() {
    let desk = Desk::new();
    let mut text = "userName,externalId\n".to_owned();
    for n in 0..1_100 {
        text.push_str(&format!("u{n},{}\n", if n == 700 { "x699".to_owned() } else { format!("x{n}") }));
    }
    let id = upload(&desk, "default", &text).await;
    let path = format!("/api/v1/tenants/default/imports/{id}");
    let told = desk.local("GET", &path, Value::Null).await;
    assert_eq!((&told.body["guessed"], &told.body["records"]), (&json!(["userName", "externalId"]), &json!(1_100)));
    let wrong = desk.send(Some(Peer::Local), request("POST", &path, None, &json!({"columns": ["userName"]}))).await;
    assert!(wrong.status == 400 && wrong.text.contains("2 columns, the plan 1"), "{}", wrong.text);
    let begun = desk.local("POST", &path, json!({"match": "externalId"})).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    let job = begun.body["id"].as_i64().unwrap();
    let told = work(&desk, job).await;
    assert_eq!(told["counts"]["created"], 1_099, "{told}");
    let people = desk.local("GET", "/scim/v2/Users?count=0", Value::Null).await;
    assert_eq!(people.body["totalResults"], 1_099, "row 700 is laid over the one that has its externalId");
    let failures = desk.local("GET", &format!("/api/v1/tenants/default/jobs/{job}/failures"), Value::Null).await;
    assert_eq!(failures.body["data"], json!([]), "{}", failures.text);
}
