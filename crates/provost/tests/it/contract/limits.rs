//! Limits: what is too much is refused with a number to wait for or a word about what is allowed.

use crate::client::{Connection, Request};
use crate::harness::{GROUP, Server, USER, id};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn too_many_requests_are_told_how_long_to_wait() {
    let tenant = Server::shared().tenant();
    let other = tenant.with_token(&tenant.new_token(json!({ "label": "other" })));
    tenant.settings(json!({ "ratePerSecond": 2, "rateBurst": 3 }));
    let mut limited = None;
    for _ in 0..20 {
        let answer = tenant.get("/Users?count=0");
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let limited = limited.expect("twenty at once are more than three");
    let wait: u64 = limited.header("retry-after").expect("Retry-After").parse().expect("whole seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let error = limited.expect_error(429);
    assert!(error["detail"].as_str().unwrap().contains("PRV-3002"), "{error}");
    assert_eq!(other.get("/Users?count=0").status, 200, "the limit is per token");
    std::thread::sleep(Duration::from_secs(wait));
    assert_eq!(tenant.get("/Users?count=0").status, 200, "after the wait it goes on");
}

#[test]
fn a_body_that_is_too_large() {
    let tenant = Server::shared().tenant();
    let fits = json!({ "schemas": [USER], "userName": "big@x.test", "unknown": "x".repeat(900 * 1024) });
    tenant.post("/Users", &fits).expect(201);
    for size in [1024 * 1024 + 1, 12 * 1024 * 1024] {
        let body = json!({ "schemas": [USER], "userName": "bigger@x.test", "unknown": "x".repeat(size) });
        let error = tenant.post("/Users", &body).expect_error(413);
        assert!(error["detail"].as_str().unwrap().contains("PRV-3001"), "{error}");
    }
    let chunked = tenant
        .request("POST", "/Users")
        .header("Transfer-Encoding", "chunked")
        .header("Content-Type", "application/json")
        .body(
            [format!("{:x}\r\n", 1024 * 1024 + 1).into_bytes(), vec![b' '; 1024 * 1024 + 1], b"\r\n0\r\n\r\n".to_vec()]
                .concat(),
        );
    tenant.send(&chunked).expect_error(413);
    let many: Vec<Value> = vec![json!({ "value": "x".repeat(100) }); 5_000];
    let group = json!({ "schemas": [GROUP], "displayName": "G", "members": many });
    let answer = tenant.post("/Groups", &group);
    assert!(matches!(answer.status, 201 | 400), "{} {}", answer.status, answer.text());
}

/// Bodies that cost parsers their stack, or that two parsers read differently.
#[test]
fn json_is_bounded() {
    let tenant = Server::shared().tenant();
    let deep = |open: &str, close: &str, times: usize| format!("{}1{}", open.repeat(times), close.repeat(times));
    let bodies: Vec<Vec<u8>> = vec![
        deep("[", "]", 200).into(),
        "[".repeat(900_000).into(),
        deep("{\"a\":", "}", 200).into(),
        format!("{{\"userName\":\"deep\",\"name\":{}}}", deep("{\"a\":", "}", 150_000 / 6)).into(),
        br#"{"userName":"a"} x"#.to_vec(),
        br#"{"userName":"a"}{"userName":"b"}"#.to_vec(),
        br#"{"userName":"a",}"#.to_vec(),
        br#"{'userName':'a'}"#.to_vec(),
        br#"{"userName":"\ud800"}"#.to_vec(),
        b"{\"userName\":\"\xff\"}".to_vec(),
        b"\xef\xbb\xbf{\"userName\":\"a\"}".to_vec(),
        "{\"userName\":\"a\"}".encode_utf16().flat_map(u16::to_be_bytes).collect(),
        br#"{"userName":NaN}"#.to_vec(),
        br#"{"userName":1e999}"#.to_vec(),
        br#"{"userName":"a","userName":"b"}"#.to_vec(),
        br#"{"userName":"a","name":{"givenName":"x","given\u004eame":"y"}}"#.to_vec(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        for path in ["/Users", "/Bulk", "/.search"] {
            let request = tenant.request("POST", path).header("Content-Type", "application/json").body(body.clone());
            let error = tenant.send(&request).expect_error(400);
            assert!(
                ["invalidSyntax", "invalidValue"].contains(&error["scimType"].as_str().unwrap()),
                "{shown}: {error}"
            );
        }
    }
    assert_eq!(tenant.read("/Users")["totalResults"], 0);
}

#[test]
fn a_filter_that_is_too_long_or_too_deep() {
    let tenant = Server::shared().tenant();
    let deep = format!("{}userName pr{}", "(".repeat(200), ")".repeat(200));
    let long = format!("userName eq \"{}\"", "x".repeat(9_000));
    let wide = vec!["userName pr"; 200].join(" or ");
    for filter in [deep, long, wide] {
        let answer = tenant.get(&format!("/Users?filter={}", crate::harness::encode(&filter)));
        assert!(matches!(answer.status, 400 | 414 | 431), "{}", answer.status);
        if answer.status == 400 {
            assert_eq!(answer.expect_error(400)["scimType"], "invalidFilter");
        }
        let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter });
        assert_eq!(tenant.post("/Users/.search", &search).expect_error(400)["scimType"], "invalidFilter");
    }
}

#[test]
fn an_error_in_a_filter_names_its_position() {
    let tenant = Server::shared().tenant();
    for filter in [
        "userName",
        "userName eq",
        "userName xx \"a\"",
        "(userName pr",
        "userName eq \"a\" and",
        "not userName pr",
        "emails[type eq",
        "userName eq \"open",
        "",
    ] {
        let error = tenant.get(&format!("/Users?filter={}", crate::harness::encode(filter))).expect_error(400);
        assert_eq!(error["scimType"], "invalidFilter", "{filter}");
        let detail = error["detail"].as_str().unwrap();
        assert!(filter.is_empty() || detail.chars().any(|c| c.is_ascii_digit()), "{filter}: {detail}");
    }
    assert_eq!(tenant.get("/Users?filter=active%20gt%20true").expect_error(400)["scimType"], "invalidFilter");
}

#[test]
fn a_slow_or_broken_client_hurts_nobody_else() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("slow@x.test", json!({}));
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::tcp(tenant.server.address).unwrap();
        connection.write(format!("POST {}/Users HTTP/1.1\r\nHost: x\r\nContent-Le", tenant.prefix).as_bytes()).unwrap();
        held.push(connection);
    }
    let mut garbage = Connection::tcp(tenant.server.address).unwrap();
    garbage.write(b"\x16\x03\x01 not http at all\r\n\r\n").unwrap();
    if let Ok(answer) = garbage.read(false) {
        assert_eq!(answer.status, 400);
    }
    assert_eq!(tenant.read(&format!("/Users/{}", id(&user)))["userName"], "slow@x.test");
    let mut connection = Connection::tcp(tenant.server.address).unwrap();
    let get = Request::new("GET", format!("{}/Users", tenant.prefix)).bearer(&tenant.token);
    for _ in 0..3 {
        assert_eq!(connection.send(&get).unwrap().status, 200, "one connection, many requests");
    }
}
