//! Bytes that are not quite HTTP: each is refused or understood in one way only, and nothing of it is left for the next
//! request on the connection.

use crate::client::Connection;
use crate::harness::{Server, Tenant};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Everything that comes back for these bytes until the server closes or is silent for a while.
fn exchange(tenant: &Tenant<'_>, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(tenant.server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    // A server that refuses early may close before everything is written.
    let _ = stream.write_all(bytes);
    let mut seen = Vec::new();
    let mut piece = [0; 65_536];
    while let Ok(read) = stream.read(&mut piece) {
        if read == 0 {
            break;
        }
        seen.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines.filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

#[test]
fn what_is_not_http_is_answered_in_scims_words() {
    let tenant = Server::shared().tenant();
    let auth = format!("Host: x\r\nAuthorization: Bearer {}\r\n", tenant.token);
    let users = format!("{}/Users", tenant.prefix);
    let long = "x".repeat(70_000);
    let cases = [
        (400, format!("GET {users}?filter=userName eq \"a\" HTTP/1.1\r\n{auth}\r\n")),
        (400, format!("GET {users}\u{7f} HTTP/1.1\r\n{auth}\r\n")),
        (400, format!("GET  {users} HTTP/1.1\r\n{auth}\r\n")),
        (400, format!("GET {users} HTTP/1.1\r\nBad Name: x\r\n{auth}\r\n")),
        (400, format!("GET {users} HTTP/1.1\r\nX : y\r\n{auth}\r\n")),
        (400, format!("GET {users} HTTP/1.1\r\nX: a\0b\r\n{auth}\r\n")),
        (400, format!("GET {users} HTTP/1.1\r\n folded\r\n{auth}\r\n")),
        (414, format!("GET {users}?filter={long} HTTP/1.1\r\n{auth}\r\n")),
        (431, format!("GET {users} HTTP/1.1\r\n{auth}{}\r\n", "X: y\r\n".repeat(200))),
        (431, format!("GET {users} HTTP/1.1\r\n{auth}X: {}\r\n\r\n", "x".repeat(1 << 20))),
    ];
    for (status, bytes) in cases {
        // Behind a good request on the same connection it is the same.
        let good = format!("GET {users}?count=0 HTTP/1.1\r\n{auth}\r\n");
        for bytes in [bytes.clone(), format!("{good}{bytes}")] {
            let answers = exchange(&tenant, bytes.as_bytes());
            let shown: String = bytes.chars().take(120).collect();
            assert_eq!(statuses(&answers).last(), Some(&status), "{shown}: {answers}");
            let (head, body) = answers.rsplit_once("\r\n\r\n").unwrap();
            assert!(head.contains("content-type: application/scim+json"), "{shown}: {answers}");
            let body: serde_json::Value =
                serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answers}"));
            assert_eq!(body["status"], status.to_string());
            assert!(!answers.contains(&tenant.token), "{answers}");
        }
    }
    let hint = exchange(&tenant, format!("GET {users}?filter=userName eq \"a\" HTTP/1.1\r\n{auth}\r\n").as_bytes());
    assert!(hint.contains("%20") && hint.contains("PRV-3009"), "{hint}");
}

/// A second request hidden in the first one's body: it must be a body to whoever reads it, or nothing at all.
#[test]
fn no_request_hides_in_another() {
    let tenant = Server::shared().tenant();
    let path = format!("{}/Users", tenant.prefix);
    let auth = format!("Host: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n", tenant.token);
    let body = r#"{"userName":"smuggled@x.test"}"#;
    let hidden = format!("POST {path} HTTP/1.1\r\n{auth}Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for framing in [
        // Two ways to tell the length. The one that is refused or the one that is meant: never the shorter.
        format!("Content-Length: 0\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("Content-Length: 0, {}\r\n\r\n{hidden}", hidden.len()),
        format!("Content-Length: +0\r\n\r\n{hidden}"),
        format!("Content-Length: 0x0\r\n\r\n{hidden}"),
        format!("Content-Length: -1\r\n\r\n{hidden}"),
        format!("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n{chunked}"),
        format!("Transfer-Encoding: identity\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n{hidden}"),
        format!("Transfer-Encoding:\u{b}chunked\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n-1\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(100_000)),
    ] {
        let answers = exchange(&tenant, format!("POST {path} HTTP/1.1\r\n{auth}{framing}").as_bytes());
        let shown: String = framing.chars().take(80).collect();
        assert_eq!(tenant.read("/Users")["totalResults"], 0, "{shown}: {answers}");
        assert!(statuses(&answers).iter().all(|status| *status >= 400), "{shown}: {answers}");
    }
}

/// What only proxies and HTTP/2 know is not acted upon.
#[test]
fn nothing_is_upgraded_tunnelled_or_unpacked() {
    let tenant = Server::shared().tenant();
    let users = format!("{}/Users", tenant.prefix);
    let auth = format!("Host: x\r\nAuthorization: Bearer {}\r\n", tenant.token);
    for (bytes, allowed) in [
        (format!("CONNECT {}:22 HTTP/1.1\r\n{auth}\r\n", tenant.server.address.ip()), &[400, 404, 405][..]),
        (format!("TRACE {users} HTTP/1.1\r\n{auth}\r\n"), &[405, 501]),
        (
            format!(
                "GET {users} HTTP/1.1\r\n{auth}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
            ),
            &[200],
        ),
        (format!("GET http://169.254.169.254/latest/ HTTP/1.1\r\n{auth}\r\n"), &[404]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[400, 505]),
    ] {
        let answers = exchange(&tenant, bytes.as_bytes());
        let seen = statuses(&answers);
        assert!(seen.is_empty() || seen.iter().all(|status| allowed.contains(status)), "{bytes}: {answers}");
        // TRACE would give back what a browser does not let scripts see.
        assert!(!answers.contains(&tenant.token), "{answers}");
    }
    let packed = [0x1f_u8, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let mut bytes = format!(
        "POST {users} HTTP/1.1\r\n{auth}Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&packed);
    let answers = exchange(&tenant, &bytes);
    assert!(statuses(&answers).iter().all(|status| (400..500).contains(status)), "{answers}");
}

#[test]
fn a_connection_goes_on_behind_what_was_refused_in_its_words() {
    let tenant = Server::shared().tenant();
    let mut connection = Connection::tcp(tenant.server.address).unwrap();
    for (body, status) in [("{", 400), ("[]", 400), (r#"{"userName":"a@x.test"}"#, 201)] {
        let request = tenant.request("POST", "/Users").header("Content-Type", "application/json").body(body);
        assert_eq!(connection.send(&request).unwrap().status, status, "{body}");
    }
}

#[test]
fn an_address_that_is_no_text_is_one_that_means_nothing() {
    let tenant = Server::shared().tenant();
    for path in ["/Users/%ff", "/Users/a%C3", "/%ff/x", "/Schemas/%C3%28"] {
        tenant.get(path).expect_error(404);
    }
    let request = crate::client::Request::new("GET", "/t/%ff/scim/v2/Users").bearer(&tenant.token);
    tenant.send(&request).expect_error(404);
    tenant.get("/Users/%C3%A4").expect_error(404);
}

#[test]
fn a_compressed_body_is_told_as_such() {
    let tenant = Server::shared().tenant();
    let request = tenant.request("POST", "/Users").header("Content-Type", "application/json");
    let request = request.header("Content-Encoding", "gzip").body([0x1f, 0x8b, 8, 0]);
    let answer = tenant.send(&request);
    assert_eq!(answer.header("accept-encoding"), Some("identity"));
    assert!(answer.expect_error(415)["detail"].as_str().unwrap().contains("compressed"));
    let plain = tenant.request("POST", "/Users").header("Content-Encoding", "identity");
    tenant.send(&plain.json(&serde_json::json!({ "userName": "plain@x.test" }))).expect(201);
}

/// Where a header that decides comes twice, what stands in front may have looked at the other one.
#[test]
fn one_host_and_one_token() {
    let tenant = Server::shared().tenant();
    let hosts = tenant.request("GET", "/Users").header("Host", "a.test").header("Host", "b.test");
    tenant.send(&hosts).expect_error(400);
    let tokens = tenant.request("GET", "/Users").bearer("pv_other");
    assert!(tenant.send(&tokens).expect_error(401)["detail"].as_str().unwrap().contains("more than one"));
}

/// RFC 9112 §3.2; HTTP/1.0 knows no Host, and an empty one is one.
#[test]
fn a_request_says_which_host_it_is_for() {
    let tenant = Server::shared().tenant();
    let (auth, users) = (format!("Authorization: Bearer {}\r\n", tenant.token), format!("{}/Users", tenant.prefix));
    for (line, host, first) in [
        (format!("GET {users} HTTP/1.1"), "", "HTTP/1.1 400"),
        (format!("GET {users} HTTP/1.1"), "Host: a.test\r\nHost: a.test\r\n", "HTTP/1.1 400"),
        (format!("GET {users} HTTP/1.1"), "Host:\r\n", "HTTP/1.1 200"),
        (format!("GET {users} HTTP/1.0"), "", "HTTP/1.0 200"),
        (format!("GET {users} HTTP/1.0"), "Host: a.test\r\nHost: b.test\r\n", "HTTP/1.0 400"),
        ("GET /app HTTP/1.1".to_owned(), "", "HTTP/1.1 400"),
        ("GET /api/v1/tenants HTTP/1.1".to_owned(), "", "HTTP/1.1 400"),
    ] {
        let answer = exchange(&tenant, format!("{line}\r\n{host}{auth}Connection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with(first), "{line} {host}: {answer}");
        if first.ends_with("400") {
            let body: serde_json::Value = serde_json::from_str(answer.rsplit_once("\r\n\r\n").unwrap().1).unwrap();
            let told = if line.contains("/api/") { &body["error"]["message"] } else { &body["detail"] };
            assert!(told.as_str().unwrap().contains("Host header"), "{answer}");
        }
    }
}
