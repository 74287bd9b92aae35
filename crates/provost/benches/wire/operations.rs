//! What is measured: each operation as the bytes of its requests.

use crate::client::{Answer, Connection, Request};
use crate::harness::encode;
use crate::load::MakeRequest;
use crate::people::{CUSTOM, Template, id};
use crate::sqlite::Write;
use crate::world::{PAGE, SPARE, World};
use serde_json::json;
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
    /// Whether a handler that answers the same bytes is a floor of it.
    pub(crate) has_floor: bool,
    /// More connections than this would measure the machine's memory.
    pub(crate) connections_max: usize,
}

/// The number of the connection of samples, which no measurement uses.
const SAMPLE: usize = 999;
/// Members that are added or removed at once.
const MANY: usize = 1_000;

impl Operation {
    fn new(name: impl Into<String>, status: u16, request: MakeRequest) -> Self {
        Self {
            name: name.into(),
            request,
            expected: vec![status],
            writes: None,
            for_log: false,
            has_floor: true,
            connections_max: usize::MAX,
        }
    }

    fn writing(self, write: Write) -> Self {
        Self { writes: Some(write), ..self }
    }

    fn for_log(self) -> Self {
        Self { for_log: true, ..self }
    }

    fn up_to(self, connections_max: usize) -> Self {
        Self { connections_max, ..self }
    }

    /// One answer as Provost gives it, for the floor to repeat.
    pub(crate) fn sample(&self, world: &World) -> Answer {
        let mut connection = Connection::tcp(world.server.address).expect("it listens");
        connection.write(&(self.request)(SAMPLE, 0)).expect("the request is taken");
        let answer = connection.read(false).expect("an answer");
        assert!(self.expected.contains(&answer.status), "{}: {} {}", self.name, answer.status, answer.text());
        answer
    }
}

/// Numbers that jump about, always the same ones.
fn scatter(connection: usize, n: usize, below: usize) -> usize {
    let mixed = (connection as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (n as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
    ((mixed ^ (mixed >> 29)) % below as u64) as usize
}

/// Makes requests with this directory's address and token.
#[derive(Clone)]
struct Wire {
    prefix: String,
    rest: String,
    users: usize,
}

impl Wire {
    fn new(world: &World) -> Self {
        let tenant = world.tenant();
        let rest = Request::new("GET", "/").bearer(&tenant.token);
        let headers: String = rest.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let agent = "Accept: application/scim+json\r\nUser-Agent: Okta SCIM Client 1.0.0\r\nHost: provost\r\n";
        Self { prefix: tenant.prefix.clone(), rest: format!("{agent}{headers}"), users: world.users }
    }

    fn get(&self, path: &str) -> Vec<u8> {
        format!("GET {}{path} HTTP/1.1\r\n{}\r\n", self.prefix, self.rest).into_bytes()
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let (prefix, rest, length) = (&self.prefix, &self.rest, body.len());
        let kind = "Content-Type: application/scim+json; charset=utf-8";
        format!("{method} {prefix}{path} HTTP/1.1\r\n{rest}{kind}\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    }

    /// A GET about somebody, always the same ones in the same order.
    fn about(&self, name: &str, path: impl Fn(usize) -> String + Send + Sync + 'static) -> Operation {
        let wire = self.clone();
        let request: MakeRequest = Arc::new(move |connection, n| wire.get(&path(scatter(connection, n, wire.users))));
        Operation::new(name, 200, request)
    }

    /// The same with a filter that has the person's number in it.
    fn filter(&self, name: &str, filter: &str) -> Operation {
        let path = Template::new(&format!(
            "/Users?filter={}&startIndex=1&count=100",
            encode(filter).replace("NUMBER", "\u{1}")
        ));
        self.about(name, move |n| path.with(&n.to_string()))
    }

    fn same(&self, name: &str, path: &str) -> Operation {
        let bytes = self.get(path);
        Operation::new(name, 200, Arc::new(move |_, _| bytes.clone()))
    }
}

/// What costs the same whatever the number of people is.
pub(crate) fn of_people(world: &World) -> Vec<Operation> {
    let wire = Wire::new(world);
    let deep = world.users * 9 / 10 + 1;
    vec![
        create(&wire).for_log(),
        wire.about("read by id", |n| format!("/Users/{}", id(n))).for_log(),
        wire.filter("userName eq", "userName eq \"personNUMBER@example.test\""),
        wire.filter("emails[type eq and value eq]", "emails[type eq \"work\" and value eq \"personNUMBER@work.test\"]"),
        wire.filter("custom attribute eq", &format!("{CUSTOM}:badgeNumber eq \"badge personNUMBER\"")),
        wire.same("list, first page", &format!("/Users?startIndex=1&count={PAGE}")),
        wire.same("list, 9/10 deep by index", &format!("/Users?startIndex={deep}&count={PAGE}")),
        wire.same("list, 9/10 deep by cursor", &format!("/Users?count={PAGE}&cursor={}", world.cursor)),
        patch(&wire).for_log(),
        mixed(&wire, world),
    ]
}

/// What should cost the same whatever the size of the group is; a list for each group.
pub(crate) fn of_members(world: &World, (size, group): &(usize, String)) -> Vec<Operation> {
    let wire = Wire::new(world);
    vec![
        member(&wire, world, group, 1).writing(Write::Member),
        member(&wire, world, group, MANY).up_to(1),
        wire.same("read group without members", &format!("/Groups/{group}?excludedAttributes=members")),
        wire.same("read group with members", &format!("/Groups/{group}")).up_to(if *size > 1_000 {
            16
        } else {
            usize::MAX
        }),
    ]
}

/// New people, nobody of whom comes twice in a run.
fn create(wire: &Wire) -> Operation {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let (wire, user) = (wire.clone(), Template::user());
    let request: MakeRequest = Arc::new(move |_, _| {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        wire.send("POST", "/Users", &user.with(&format!("new{n}")))
    });
    Operation::new("create", 201, request).writing(Write::Create)
}

fn patch(wire: &Wire) -> Operation {
    let (wire, next) = (wire.clone(), AtomicUsize::new(0));
    let body = Template::patch(&json!({ "op": "replace", "path": "title", "value": "Title NAME" }));
    let request: MakeRequest = Arc::new(move |connection, n| {
        let person = id(scatter(connection, n, wire.users));
        let title = next.fetch_add(1, Ordering::Relaxed).to_string();
        wire.send("PATCH", &format!("/Users/{person}"), &body.with(&title))
    });
    Operation::new("PATCH one attribute", 200, request).writing(Write::Patch)
}

/// Each connection adds its own people and removes them again.
fn member(wire: &Wire, world: &World, group: &str, many: usize) -> Operation {
    let turns: Vec<AtomicUsize> = (0..=SAMPLE).map(|_| AtomicUsize::new(0)).collect();
    let (wire, path) = (wire.clone(), format!("/Groups/{group}"));
    // Those who come one by one are others than those who come together.
    let first = if many == 1 { 0 } else { SAMPLE + 1 };
    let places = (SPARE - first) / many;
    let bodies: Vec<[String; 2]> = (0..places)
        .map(|place| {
            let people: Vec<_> = (0..many).map(|n| json!({ "value": world.spare(first + place * many + n) })).collect();
            let add = json!({ "op": "add", "path": "members", "value": people });
            let remove = match people.as_slice() {
                [one] => json!({ "op": "remove", "path": format!("members[value eq {}]", one["value"]) }),
                _ => json!({ "op": "remove", "path": "members", "value": people }),
            };
            [add, remove].map(|operation| Template::patch(&operation).with(""))
        })
        .collect();
    let request: MakeRequest = Arc::new(move |connection, _| {
        let turn = turns[connection].fetch_add(1, Ordering::Relaxed);
        // The last place is the samples'.
        wire.send("PATCH", &path, &bodies[connection.min(places - 1)][turn % 2])
    });
    let name = if many == 1 { "add or remove 1 member".to_owned() } else { format!("add or remove {many} members") };
    Operation::new(name, 204, request)
}

/// As Okta works in the middle of the day: it looks, reads, changes, and makes somebody now and then.
fn mixed(wire: &Wire, world: &World) -> Operation {
    let group = world.groups.first().map(|(_, group)| group.clone()).expect("every directory has a group");
    let one_of = [
        wire.filter("", "userName eq \"personNUMBER@example.test\"").request,
        wire.about("", |n| format!("/Users/{}", id(n))).request,
        patch(wire).request,
        member(wire, world, &group, 1).request,
        create(wire).request,
    ];
    // Of twenty: 8 looks, 4 reads, 4 changes, 2 members, 2 new.
    let day = [0, 1, 0, 2, 0, 1, 3, 0, 4, 2, 0, 1, 0, 2, 0, 3, 1, 0, 4, 2];
    let request: MakeRequest =
        Arc::new(move |connection, n| one_of[day[(connection * 7 + n) % day.len()]](connection, n));
    Operation {
        expected: vec![200, 201, 204],
        has_floor: false,
        ..Operation::new("mixed, as Okta works", 200, request)
    }
}
