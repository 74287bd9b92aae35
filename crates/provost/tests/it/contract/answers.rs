//! Statuses, media types and the shape of errors, from the outermost layer inwards.

use crate::client::Request;
use crate::harness::{Server, USER, id};
use serde_json::{Value, json};

#[test]
fn every_error_has_the_shape_and_the_media_type_of_scim() {
    let tenant = Server::shared().tenant();
    let plain = |method: &str, path: &str| Request::new(method, format!("{}{path}", tenant.prefix));
    let with = |method: &str, path: &str| tenant.request(method, path);
    let cases: Vec<(Request, u16)> = vec![
        (plain("GET", "/Users"), 401),
        (plain("POST", "/Users").body("{}"), 401),
        (plain("GET", "/nothing"), 401),
        (plain("GET", "/Users").header("Authorization", "Basic eDp5"), 401),
        (plain("GET", "/Users").header("Authorization", "Bearer "), 401),
        (plain("GET", "/Users").bearer("pv_x"), 401),
        (with("GET", "/nothing"), 404),
        (with("GET", "/Users/none"), 404),
        (with("GET", "/Users/none/deeper"), 404),
        (with("GET", "/Schemas/urn:none"), 404),
        (with("GET", "/ResourceTypes/None"), 404),
        (with("DELETE", "/Groups/none"), 404),
        (with("PUT", "/Users/none").json(&json!({ "schemas": [USER], "userName": "x" })), 404),
        (with("DELETE", "/Users"), 405),
        (with("PUT", "/Groups"), 405),
        (with("POST", "/Users/none").json(&json!({})), 405),
        (with("POST", "/Schemas").json(&json!({})), 405),
        (with("PATCH", "/ServiceProviderConfig").json(&json!({})), 405),
        (with("DELETE", "/ResourceTypes"), 405),
        (with("GET", "/Bulk"), 405),
        (with("POST", "/Users").header("Content-Type", "text/plain").body("{}"), 415),
        (with("POST", "/Users").header("Content-Type", "application/xml").body("<x/>"), 415),
        (with("GET", "/Schemas?filter=id%20pr"), 403),
    ];
    for (request, status) in cases {
        let answer = tenant.send(&request);
        let shown = format!("{} {} {:?}: {}", request.method, request.target, request.headers, answer.text());
        assert_eq!(answer.status, status, "{shown}");
        let body = answer.clone().expect_error(status);
        assert!(body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{shown}");
        if status == 401 {
            assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{shown}");
        }
        if status == 405 {
            assert!(answer.header("allow").is_some_and(|value| !value.is_empty()), "{shown}");
        }
    }
}

#[test]
fn a_body_that_is_no_message_is_refused_with_invalid_syntax() {
    let tenant = Server::shared().tenant();
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        b"{\"userName\":\"\xff\xfe\"}".to_vec(),
        b"{} trailing".to_vec(),
        deep.into_bytes(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body).chars().take(40).collect::<String>();
        let request = tenant.request("POST", "/Users").header("Content-Type", "application/scim+json").body(body);
        let answer = tenant.send(&request);
        assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
        assert_eq!(answer.expect_error(400)["scimType"], "invalidSyntax", "{shown}");
    }
}

#[test]
fn any_json_media_type_in_and_any_accept() {
    let tenant = Server::shared().tenant();
    let types = [
        "application/scim+json",
        "application/json",
        "application/json; charset=utf-8",
        "application/scim+json;charset=UTF-8",
        "Application/JSON",
        "application/json;charset=iso-8859-1",
    ];
    for (n, media_type) in types.iter().enumerate() {
        let body = json!({ "schemas": [USER], "userName": format!("media{n}@x.test") }).to_string();
        let request = tenant.request("POST", "/Users").header("Content-Type", *media_type).body(body);
        let answer = tenant.send(&request);
        assert_eq!(answer.status, 201, "{media_type}: {}", answer.text());
    }
    for accept in ["*/*", "application/json", "application/scim+json; charset=utf-8", "text/html, */*;q=0.8", ""] {
        let answer = tenant.send(&tenant.request("GET", "/Users").header("Accept", accept));
        assert_eq!(answer.status, 200, "{accept}: {}", answer.text());
        answer.check_media_type();
    }
}

#[test]
fn slashes_and_empty_queries_are_taken_as_meant() {
    let tenant = Server::shared().tenant();
    let user = tenant.user("paths@x.test", json!({}));
    let id = id(&user);
    for path in ["/Users/", "//Users", "/Users?", "/Users?&", "//Users/?", "/Users?startIndex=1&"] {
        assert_eq!(tenant.read(path)["totalResults"], 1, "{path}");
    }
    for path in [format!("/Users/{id}/"), format!("//Users/{id}?"), format!("/Users/{id}?&")] {
        assert_eq!(tenant.read(&path)["id"], id, "{path}");
    }
    let body = json!({ "schemas": [USER], "userName": "paths2@x.test" });
    tenant.post("/Users/", &body).expect(201);
    tenant.put(&format!("/Users/{id}?"), &json!({ "schemas": [USER], "userName": "paths@x.test" })).expect(200);
}

#[test]
fn the_scheme_of_the_token_is_read_leniently() {
    let tenant = Server::shared().tenant();
    for header in [
        format!("Bearer {}", tenant.token),
        format!("bearer {}", tenant.token),
        format!("BEARER  {}", tenant.token),
        tenant.token.clone(),
    ] {
        let request = Request::new("GET", format!("{}/Users", tenant.prefix)).header("Authorization", header.clone());
        assert_eq!(tenant.send(&request).status, 200, "{}", header.replace(&tenant.token, "<token>"));
    }
}

#[test]
fn a_created_resource_says_where_it_is() {
    let tenant = Server::shared().tenant();
    let answer = tenant.post("/Users", &json!({ "schemas": [USER], "userName": "where@x.test" })).expect(201);
    let body = answer.json();
    let location = body["meta"]["location"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(location));
    let expected = format!("http://{}{}/Users/{}", tenant.server.address, tenant.prefix, id(&body));
    assert_eq!(location, expected);
    assert_eq!(answer.header("etag"), body["meta"]["version"].as_str());
    assert_eq!(body["meta"]["resourceType"], "User");
    assert_eq!(body["meta"]["created"], body["meta"]["lastModified"]);
    assert_eq!(body, tenant.read(&format!("/Users/{}", id(&body))), "POST answers what GET answers");
}

#[test]
fn me_is_honest_about_what_a_provisioning_token_is() {
    let tenant = Server::shared().tenant();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let answer = tenant.send(&tenant.request(method, "/Me"));
        let error = answer.expect_error(501);
        assert!(error["detail"].as_str().is_some_and(|detail| detail.contains("token")), "{error}");
    }
}

#[test]
fn health_needs_no_token() {
    let server = Server::shared();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.send(&Request::new("GET", path)).unwrap().status, 200, "{path}");
    }
}

#[test]
fn details_name_the_attribute_and_never_a_value() {
    let tenant = Server::shared().tenant();
    let secret = "very-personal-value";
    let bodies = [
        json!({ "schemas": [USER], "userName": "d@x.test", "active": secret }),
        json!({ "schemas": [USER], "userName": "d@x.test", "name": [secret, secret] }),
        json!({ "schemas": [USER], "userName": "d@x.test", "emails": [{ "primary": secret }] }),
        json!({ "schemas": [USER], "displayName": secret }),
    ];
    for body in bodies {
        let error = tenant.post("/Users", &body).expect_error(400);
        assert_eq!(error["scimType"], "invalidValue", "{body}");
        assert!(!error.to_string().contains(secret), "{error}");
    }
    tenant.user(&format!("{secret}@x.test"), json!({}));
    let again = json!({ "schemas": [USER], "userName": format!("{secret}@x.test") });
    let error = tenant.post("/Users", &again).expect_error(409);
    assert!(!error.to_string().contains(secret), "{error}");
}

#[test]
fn head_and_options_do_not_hurt() {
    let tenant = Server::shared().tenant();
    let head = tenant.send(&tenant.request("HEAD", "/Users"));
    assert!(matches!(head.status, 200 | 405), "{}", head.status);
    let options = tenant.send(&tenant.request("OPTIONS", "/Users"));
    assert!(options.status < 500 || options.status == 501, "{}", options.status);
    let value: Value = tenant.read("/Users");
    assert_eq!(value["totalResults"], 0);
}
