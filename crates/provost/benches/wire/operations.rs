//! What is measured: each operation as the bytes of its requests.

use crate::client::{Answer, Connection, Request};
use crate::data::{Data, user};
use crate::harness::{Tenant, encode};
use crate::load::MakeRequest;
use crate::sqlite::Write;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) request: MakeRequest,
    pub(crate) expected: Vec<u16>,
    /// What it writes, for the floor of SQLite.
    pub(crate) writes: Option<Write>,
    /// Whether the cost of the log is measured with it.
    pub(crate) for_log: bool,
}

impl Operation {
    /// One answer as Provost gives it, for the floor to repeat.
    pub(crate) fn sample(&self, tenant: &Tenant<'_>) -> Answer {
        let mut connection = Connection::tcp(tenant.server.address).expect("it listens");
        // A connection that the measurement does not use, so that adding and removing keep their turns.
        let bytes = (self.request)(SAMPLE, 0);
        connection.write(&bytes).expect("the request is taken");
        let answer = connection.read(false).expect("an answer");
        assert!(self.expected.contains(&answer.status), "{}: {} {}", self.name, answer.status, answer.text());
        answer
    }
}

/// The number of the connection of samples.
const SAMPLE: usize = 999;

/// Numbers that jump about, always the same ones.
fn scatter(connection: usize, n: usize, below: usize) -> usize {
    let mixed = (connection as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (n as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
    ((mixed ^ (mixed >> 29)) % below as u64) as usize
}

/// Makes requests with this tenant's address and token.
#[derive(Clone)]
struct Wire {
    prefix: String,
    rest: String,
}

impl Wire {
    fn bytes(&self, method: &str, path: &str, body: Option<&Value>) -> Vec<u8> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/scim+json; charset=utf-8\r\n" };
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        format!("{method} {}{path} HTTP/1.1\r\n{}{kind}{length}\r\n{body}", self.prefix, self.rest).into_bytes()
    }
}

pub(crate) fn operations(tenant: &Tenant<'_>, data: &Data) -> Vec<Operation> {
    let rest = Request::new("GET", "/").bearer(&tenant.token);
    let headers: String = rest.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let rest =
        format!("Accept: application/scim+json\r\nUser-Agent: Okta SCIM Client 1.0.0\r\nHost: provost\r\n{headers}");
    let wire = Wire { prefix: tenant.prefix.clone(), rest };
    let people: Arc<Vec<String>> = Arc::new(data.users.clone());
    let mut all = vec![create(&wire)];
    all.extend(reads(&wire, &people));
    all.push(patch(&wire, &people));
    for (size, group) in &data.groups {
        all.push(member(&wire, data, *size, group));
    }
    all
}

fn create(wire: &Wire) -> Operation {
    let (wire, next) = (wire.clone(), AtomicUsize::new(0));
    let request: MakeRequest = Arc::new(move |_, _| {
        let n = next.fetch_add(1, Ordering::Relaxed);
        wire.bytes("POST", "/Users", Some(&user(&format!("new{n}"))))
    });
    Operation { name: "create a user".into(), request, expected: vec![201], writes: Some(Write::Create), for_log: true }
}

fn reads(wire: &Wire, people: &Arc<Vec<String>>) -> Vec<Operation> {
    let read = |name: &str, for_log: bool, path: Arc<dyn Fn(usize) -> String + Send + Sync>| {
        let (wire, count) = (wire.clone(), people.len());
        let request: MakeRequest =
            Arc::new(move |connection, n| wire.bytes("GET", &path(scatter(connection, n, count)), None));
        Operation { name: name.to_owned(), request, expected: vec![200], writes: None, for_log }
    };
    let ids = Arc::clone(people);
    let filter = |filter: String| format!("/Users?filter={}&startIndex=1&count=100", encode(&filter));
    vec![
        read("GET by id", true, Arc::new(move |n| format!("/Users/{}", ids[n]))),
        read("userName eq", false, Arc::new(move |n| filter(format!("userName eq \"person{n}@example.test\"")))),
        read(
            "emails[type eq and value eq]",
            false,
            Arc::new(move |n| filter(format!("emails[type eq \"work\" and value eq \"person{n}@work.test\"]"))),
        ),
        read("list 100", false, Arc::new(|_| "/Users?startIndex=1&count=100".to_owned())),
    ]
}

fn patch(wire: &Wire, people: &Arc<Vec<String>>) -> Operation {
    let (wire, people, next) = (wire.clone(), Arc::clone(people), AtomicUsize::new(0));
    let request: MakeRequest = Arc::new(move |connection, n| {
        let title = format!("Title {}", next.fetch_add(1, Ordering::Relaxed));
        let body = patch_body(&json!({ "op": "replace", "path": "title", "value": title }));
        wire.bytes("PATCH", &format!("/Users/{}", people[scatter(connection, n, people.len())]), Some(&body))
    });
    Operation {
        name: "PATCH one attribute".into(),
        request,
        expected: vec![200],
        writes: Some(Write::Patch),
        for_log: true,
    }
}

fn member(wire: &Wire, data: &Data, size: usize, group: &str) -> Operation {
    let spare: Vec<String> = (0..1_000).map(|n| data.spare(n).to_owned()).collect();
    let turns: Vec<AtomicUsize> = (0..1_000).map(|_| AtomicUsize::new(0)).collect();
    let (wire, path) = (wire.clone(), format!("/Groups/{group}"));
    let request: MakeRequest = Arc::new(move |connection, _| {
        let who = &spare[connection];
        let operation = if turns[connection].fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            json!({ "op": "add", "path": "members", "value": [{ "value": who }] })
        } else {
            json!({ "op": "remove", "path": format!("members[value eq \"{who}\"]") })
        };
        wire.bytes("PATCH", &path, Some(&patch_body(&operation)))
    });
    let name = format!("±1 member of {size}");
    Operation { name, request, expected: vec![204], writes: Some(Write::Member), for_log: false }
}

fn patch_body(operation: &Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] })
}
