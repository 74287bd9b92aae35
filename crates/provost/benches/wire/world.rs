//! A directory of so many people on a server of its own: made by `provost import`, which is measured on the way, and for
//! PostgreSQL by `provost database copy` of such a directory.

use crate::cluster::Cluster;
use crate::harness::{Folder, GROUP, Server, Tenant, run};
use crate::options::Database;
use crate::people::{Template, id};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

/// People behind the last one, who are in no group and of whom nobody asks: they are added and removed.
pub(crate) const SPARE: usize = 4_000;
/// Members of one PATCH.
const MEMBERS_AT_ONCE: usize = 10_000;
/// People of one page on the way to a cursor.
pub(crate) const PAGE: usize = 100;

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) token: String,
    /// People that reads ask for.
    pub(crate) users: usize,
    /// Groups by their sizes; their members are the first people.
    pub(crate) groups: Vec<(usize, String)>,
    /// A cursor behind nine of ten people.
    pub(crate) cursor: String,
    pub(crate) made: Made,
    _folder: Folder,
    _cluster: Option<Cluster>,
}

/// How it was made, and what it needs.
#[derive(Clone, Default)]
pub(crate) struct Made {
    /// People a second that the import has brought in.
    pub(crate) imported: Option<f64>,
    /// Rows a second that the copy has brought over.
    pub(crate) copied: Option<f64>,
    pub(crate) cold_start: Duration,
    /// The process's own memory behind the load, and the most that it had with the parts of the file that it has mapped.
    pub(crate) own_kib: u64,
    pub(crate) resident_kib: u64,
}

const NAME: &str = "bench";

impl World {
    pub(crate) fn make(database: Database, users: usize, groups: &[usize]) -> Self {
        let folder = Folder::new();
        let data = folder.data();
        eprintln!("making a directory of {users} people …");
        let (token, mut made) = fill(&folder, &data, users);
        let mut more = Vec::new();
        let mut cluster = None;
        if database == Database::Postgres {
            let own = Cluster::durable();
            let address = folder.join("address");
            std::fs::write(&address, own.database()).expect("a file");
            let started = Instant::now();
            let from = format!("sqlite:{data}");
            let said = output(&["database", "copy", &from, &format!("file:{address}"), "--json"]);
            let copied: Value = serde_json::from_str(&said).expect("JSON");
            let rows = copied["data"]["rows"].as_u64().expect("a number");
            made.copied = Some(rows as f64 / started.elapsed().as_secs_f64());
            more = vec!["--database-file".to_owned(), address];
            cluster = Some(own);
        }
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let started = Instant::now();
        let server = Server::start_with(&data, &more);
        made.cold_start = started.elapsed();
        let mut world = Self {
            server,
            token,
            users,
            groups: Vec::new(),
            cursor: String::new(),
            made,
            _folder: folder,
            _cluster: cluster,
        };
        world.groups = groups.iter().map(|size| (*size, world.group(*size))).collect();
        world.cursor = world.deep_cursor();
        world
    }

    pub(crate) fn tenant(&self) -> Tenant<'_> {
        let prefix = format!("/t/{NAME}/scim/v2");
        Tenant { server: &self.server, name: NAME.into(), prefix, token: self.token.clone() }
    }

    /// Someone who is in no group, for the n-th connection.
    pub(crate) fn spare(&self, n: usize) -> String {
        id(self.users + n)
    }

    fn group(&self, size: usize) -> String {
        let tenant = self.tenant();
        let body = json!({ "schemas": [GROUP], "displayName": format!("Group of {size}") });
        let group = tenant.post("/Groups", &body).expect(201).json();
        let group = crate::harness::id(&group).to_owned();
        let members: Vec<Value> = (0..size).map(|n| json!({ "value": id(n) })).collect();
        for chunk in members.chunks(MEMBERS_AT_ONCE) {
            let operations = json!([{ "op": "add", "path": "members", "value": chunk }]);
            tenant.patch(&format!("/Groups/{group}"), &operations).expect(204);
        }
        group
    }

    /// Pages through nine of ten people.
    fn deep_cursor(&self) -> String {
        let tenant = self.tenant();
        let mut connection = crate::client::Connection::tcp(self.server.address).expect("it listens");
        let mut cursor = String::new();
        for _ in 0..self.users * 9 / 10 / PAGE {
            let path = format!("/Users?count={PAGE}&attributes=userName&cursor={cursor}");
            let page = connection.send(&tenant.request("GET", &path)).expect("an answer").expect(200);
            let text = page.text();
            let (_, rest) = text.split_once("\"nextCursor\":\"").expect("there is a next page");
            cursor = rest.split('"').next().unwrap_or_default().to_owned();
        }
        cursor
    }

    /// Looks at the memory of the server: its own now, and the most with what it has mapped.
    pub(crate) fn look(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap_or_default();
        let of = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
        };
        self.made.own_kib = of("RssAnon:");
        self.made.resident_kib = of("VmHWM:");
    }
}

/// Brings people into a folder and leaves it; a token, and how fast it was.
fn fill(folder: &Folder, data: &str, users: usize) -> (String, Made) {
    let file = folder.join("people.jsonl");
    let line = Template::line();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&file).expect("a file"));
    for n in 0..users + SPARE {
        let text = line.with(&format!("person{n}"));
        let text = text.replacen(&format!("ID-OF-person{n}"), &id(n), 1);
        writeln!(out, "{text}").expect("room on the disk");
    }
    out.into_inner().expect("room on the disk");
    let server = Server::start_in(data);
    let tenant = server.tenant_named(NAME);
    tenant.settings(json!({ "cursorSeconds": 86_400 }));
    let token = tenant.token.clone();
    output(&["attribute", "add", "badgeNumber", "--data", data, "--tenant", NAME]);
    let started = Instant::now();
    output(&["import", &file, "--keep-ids", "--data", data, "--tenant", NAME]);
    let imported = (users + SPARE) as f64 / started.elapsed().as_secs_f64();
    server.signal("TERM");
    server.wait();
    std::fs::remove_file(file).expect("it is there");
    (token, Made { imported: Some(imported), ..Made::default() })
}

fn output(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
