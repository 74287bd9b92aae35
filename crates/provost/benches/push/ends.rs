//! Both ends: a company with people and groups, and an application that has nobody yet.

use crate::client::{Connection, Request};
use crate::cluster::Cluster;
use crate::harness::{Folder, GROUP, Server, Tenant, id, run};
use crate::people::{Template, id as person_id};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;

/// Members of one PATCH.
const MEMBERS_AT_ONCE: usize = 10_000;

pub(crate) const COMPANY: &str = "company";
pub(crate) const APP: &str = "serviceops";

pub(crate) struct Ends {
    pub(crate) company: Server,
    pub(crate) company_token: String,
    pub(crate) application: Server,
    pub(crate) application_token: String,
    /// The group that everybody is in.
    pub(crate) everybody: String,
    pub(crate) people: usize,
    pub(crate) groups: usize,
    _folders: [Folder; 2],
    _cluster: Option<Cluster>,
}

impl Ends {
    /// With `postgres` the company's database, which is the engine's, is on a PostgreSQL of its own.
    pub(crate) fn make(people: usize, groups: usize, postgres: bool) -> Self {
        let folders = [Folder::new(), Folder::new()];
        let [from, to] = [folders[0].data(), folders[1].data()];
        let application = Server::start_in(&to);
        let cluster = postgres.then(Cluster::durable);
        let mut more = vec!["--allow-private-targets".to_owned()];
        if let Some(cluster) = &cluster {
            let address = folders[0].join("address");
            std::fs::write(&address, cluster.database()).expect("a file");
            more.extend(["--database-file".to_owned(), address]);
        }
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let company = Server::start_with(&from, &more);
        let company_token = company.tenant_named(COMPANY).token.clone();
        let application_token = application.tenant_named("application").token.clone();
        eprintln!("making a company of {people} people and {groups} groups …");
        let started = Instant::now();
        import(&folders[0], &from, people);
        let mut ends = Self {
            company,
            company_token,
            application,
            application_token,
            everybody: String::new(),
            people,
            groups,
            _folders: folders,
            _cluster: cluster,
        };
        ends.everybody = ends.fill(people, groups);
        ends.connect();
        eprintln!("  in {:.0} s", started.elapsed().as_secs_f64());
        ends
    }

    pub(crate) fn from(&self) -> Tenant<'_> {
        tenant(&self.company, COMPANY, &self.company_token)
    }

    pub(crate) fn to(&self) -> Tenant<'_> {
        tenant(&self.application, "application", &self.application_token)
    }

    fn fill(&self, people: usize, groups: usize) -> String {
        let tenant = self.from();
        let mut connection = Connection::tcp(self.company.address).expect("it listens");
        let share = people.checked_div(groups).unwrap_or_default();
        for number in 0..groups {
            let members: Vec<Value> =
                (number * share..(number + 1) * share).map(|n| json!({ "value": person_id(n) })).collect();
            let body = json!({ "schemas": [GROUP], "displayName": format!("Team {number}"), "members": members });
            connection.send(&tenant.request("POST", "/Groups").json(&body)).expect("an answer").expect(201);
        }
        let body = json!({ "schemas": [GROUP], "displayName": "Everybody" });
        let everybody = id(&tenant.post("/Groups", &body).expect(201).json()).to_owned();
        let members: Vec<Value> = (0..people).map(|n| json!({ "value": person_id(n) })).collect();
        for chunk in members.chunks(MEMBERS_AT_ONCE) {
            let operations = json!([{ "op": "add", "path": "members", "value": chunk }]);
            tenant.patch(&format!("/Groups/{everybody}"), &operations).expect(204);
        }
        everybody
    }

    /// The app in the company that leads to the application; nobody is assigned yet.
    fn connect(&self) {
        let base = format!("http://{}/t/application/scim/v2", self.application.address);
        let company = self.from();
        company.admin("POST", "/apps", json!({ "name": APP, "target": "generic" })).expect(201);
        let actions =
            json!({ "create": true, "update": true, "deactivate": true, "pushGroups": true, "import": false });
        let mut rows = company.admin("GET", &format!("/apps/{APP}"), Value::Null).expect(200).json()["toApp"].clone();
        let title = json!({ "attribute": "title", "from": { "direct": "title" }, "empty": "clear" });
        rows.as_array_mut().expect("the mappings").push(title);
        let change = json!({
            "connection": { "baseUrl": base }, "policy": { "actions": actions }, "toApp": rows, "provisioning": true,
        });
        self.app("PATCH", "", change);
        self.app("PUT", "/credential", json!({ "secret": self.application_token }));
    }

    /// The admin API below the app.
    pub(crate) fn app(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.from().admin(method, &format!("/apps/{APP}{path}"), body);
        assert!(answer.status < 300, "{} {}", answer.status, answer.text());
        answer.json()
    }

    /// How many there are at the application.
    pub(crate) fn arrived(&self, connection: &mut Connection, path: &str) -> usize {
        let request: Request = self.to().request("GET", path);
        let list = connection.send(&request).expect("an answer").expect(200).json();
        list["totalResults"].as_u64().and_then(|count| usize::try_from(count).ok()).expect("a number")
    }

    /// Waits until nothing is due.
    pub(crate) fn rest(&self) {
        loop {
            let numbers = self.app("GET", "", Value::Null)["numbers"].clone();
            let due = numbers["due"].as_object().expect("lanes").values().filter_map(Value::as_u64).sum::<u64>();
            if due + numbers["stale"].as_u64().expect("a number") == 0 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}

fn tenant<'s>(server: &'s Server, name: &str, token: &str) -> Tenant<'s> {
    Tenant { server, name: name.into(), prefix: format!("/t/{name}/scim/v2"), token: token.into() }
}

/// Brings people into a company.
pub(crate) fn import(folder: &Folder, data: &str, people: usize) {
    let file = folder.join("people.jsonl");
    let line = Template::line();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&file).expect("a file"));
    for n in 0..people {
        let text = line.with(&format!("person{n}"));
        writeln!(out, "{}", text.replacen(&format!("ID-OF-person{n}"), &person_id(n), 1)).expect("room on the disk");
    }
    out.into_inner().expect("room on the disk");
    for arguments in [
        &["attribute", "add", "badgeNumber", "--data", data, "--tenant", COMPANY][..],
        &["import", &file, "--keep-ids", "--data", data, "--tenant", COMPANY],
    ] {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::remove_file(file).expect("it is there");
}
