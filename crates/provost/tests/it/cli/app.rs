//! `provost app …`: every command against the real binary, with a second tenant as the application.

use super::{Way, text};
use crate::harness::{Folder, Server};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The directory and its application on one server, and a way to the directory.
struct World {
    server: Server,
    folder: Folder,
    way: Way,
}

impl World {
    fn new() -> Self {
        let server = Server::start_both_sides();
        let way = Way::folder(&server.data);
        Self { server, folder: Folder::new(), way }
    }

    /// The application's endpoint, and a file with its token.
    fn application(&self) -> (String, String) {
        let application = self.server.tenant_named("serviceops");
        let file = self.folder.join("serviceops.token");
        fs::write(&file, format!("{}\n", application.token)).unwrap();
        (format!("http://{}{}", self.server.address, application.prefix), file)
    }

    fn until(&self, arguments: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let found = self.way.json(arguments);
            if fits(&found) {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "{arguments:?}: {found}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A table, its headings, and its rows.
    fn table(&self, arguments: &[&str], headings: &[&str]) -> String {
        let printed = self.way.ok(arguments);
        let first = printed.lines().next().unwrap_or_default();
        assert!(headings.iter().all(|heading| first.contains(heading)), "{arguments:?}: {printed}");
        printed
    }
}

fn set_up(world: &World) {
    let (url, token) = world.application();
    let way = &world.way;
    assert_eq!(way.json(&["app", "list"]), json!([]));
    way.ok(&["app", "create", "serviceops", "--target", "okta-aiw", "--label", "ServiceOps SCIM"]);
    way.fails(6, &["app", "create", "serviceops"]);
    way.fails(1, &["app", "create", "Not A Name"]);
    way.fails(5, &["app", "show", "nobody"]);
    way.fails(1, &["app", "set", "serviceops", "nothing=1"]);

    let wrong = world.folder.join("wrong.token");
    fs::write(&wrong, "pv_wrong\n").unwrap();
    way.ok(&["app", "set", "serviceops", &format!("connection.baseUrl={url}")]);
    way.ok(&["app", "credential", "serviceops", "--file", &wrong]);
    let refused = way.run(&["app", "test", "serviceops"]);
    assert_eq!(refused.status.code(), Some(11), "{}", text(&refused.stderr));
    assert!(text(&refused.stdout).contains("WRONG users"), "{}", text(&refused.stdout));
    way.ok(&["app", "credential", "serviceops", "--file", &token]);
    let tested = way.ok(&["app", "test", "serviceops"]);
    assert!(tested.contains("fine  users") && tested.contains("Connector configured successfully"), "{tested}");
    // With --json each step is a line.
    let steps = way.ok(&["app", "test", "serviceops", "--json"]);
    let steps: Vec<Value> = steps.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(steps.len() >= 2 && steps.last().unwrap()["fine"] == true, "{steps:?}");

    let actions = ["create", "update", "deactivate", "pushGroups", "import"];
    let switches: Vec<String> = actions.iter().map(|action| format!("policy.actions.{action}=true")).collect();
    let mut arguments = vec!["app", "set", "serviceops", "provisioning=true"];
    arguments.extend(switches.iter().map(String::as_str));
    assert_eq!(way.json(&arguments)["policy"]["actions"]["create"], true);
    let shown = way.json(&["app", "show", "serviceops"]);
    assert_eq!((shown["hasCredential"].as_bool(), shown["label"].as_str()), (Some(true), Some("ServiceOps SCIM")));
    assert!(!shown.to_string().contains("pv_"), "no secret is shown: {shown}");
    let listed = world.table(&["app", "list"], &["NAME", "LABEL", "PROVISIONING", "CREDENTIAL", "URL"]);
    assert!(listed.contains("ServiceOps SCIM") && listed.contains(&url), "{listed}");
}

/// What somebody agrees to in a browser begins here.
fn agreed(world: &World) {
    let way = &world.way;
    way.ok(&["app", "create", "cloud"]);
    let begins = ["app", "authenticate", "cloud"];
    way.fails(1, &begins);
    let there = "https://login.example.com";
    let set = [
        "authentication=oauth2",
        "oauth.grant=authorizationCode",
        "oauth.clientId=provost",
        &format!("oauth.authorizeUrl={there}/authorize"),
        &format!("oauth.tokenUrl={there}/token"),
    ];
    let set: Vec<String> = set.iter().map(|part| format!("options.{part}")).collect();
    way.ok(&[&["app", "set", "cloud"], &*set.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    let begun = way.json(&begins);
    let (address, redirect) = (begun["address"].as_str().unwrap(), begun["redirectUri"].as_str().unwrap());
    assert!(address.starts_with(&format!("{there}/authorize?response_type=code&client_id=provost&")), "{address}");
    assert!(redirect.ends_with("/app/authorized/default/cloud"), "{redirect}");
    let said = way.ok(&begins);
    assert!(said.contains("Open this in a browser") && said.contains(redirect), "{said}");
    way.fails(2, &["app", "forget", "cloud"]);
    assert_eq!(way.json(&["app", "forget", "cloud", "--yes"]), json!({"forgotten": false}));
    way.ok(&["app", "delete", "cloud", "--yes"]);
}

fn people(world: &World) {
    let tenant = world.server.default_tenant();
    let person = |name: &str| {
        let login = format!("{name}@example.com");
        let more = json!({"name": {"givenName": name, "familyName": "Kay"}, "emails": [{"value": login, "type": "work", "primary": true}]});
        tenant.user(&login, more)["id"].as_str().unwrap().to_owned()
    };
    let (_, bea) = (person("adam"), person("bea"));
    tenant.user("cleo@example.com", json!({}));
    tenant.group("Sales", &[&bea]);
}

fn assignments(world: &World) {
    let way = &world.way;
    let preview = way.json(&["app", "preview", "serviceops", "adam@example.com"]);
    assert!(preview["scope"].to_string().contains("notAssigned") && preview["map"]["gone"].is_object(), "{preview}");
    assert!(preview["ifAssigned"]["present"].to_string().contains("adam@example.com"), "{preview}");
    way.fails(5, &["app", "assign", "serviceops", "nobody@example.com"]);
    way.ok(&["app", "assign", "serviceops", "adam@example.com"]);
    let preview = way.json(&["app", "preview", "serviceops", "adam@example.com"]);
    assert!(preview["ifAssigned"].is_null() && preview["map"]["present"].is_object(), "{preview}");
    way.ok(&["app", "assign", "serviceops", "Sales", "--group", "--priority", "3"]);
    let copy = way.json(&["app", "duplicate", "serviceops", "serviceops-two"]);
    assert!(copy["hasCredential"] == false && copy["connection"]["baseUrl"] == "", "{copy}");
    way.ok(&["app", "delete", "serviceops-two", "--yes"]);
    let own = ["app", "assign", "serviceops", "bea@example.com", "--value", "title=Boss", "--only-values"];
    assert_eq!(way.json(&own)["onlyValues"], true);
    let groups = way.json(&["app", "assignments", "serviceops", "--group"]);
    assert_eq!(groups[0]["priority"], 3, "{groups}");
    world.table(&["app", "assignments", "serviceops"], &["ID", "NAME", "PRIORITY", "ONLY VALUES", "SINCE"]);
    let linked = |rows: &Value| rows.as_array().unwrap().iter().filter(|row| row["active"] == true).count() == 2;
    world.until(&["app", "links", "serviceops"], linked);
    let links =
        world.table(&["app", "links", "serviceops"], &["LINK", "NAME", "STANDING", "IN USE", "AT THE APP", "WHY"]);
    assert!(links.contains("linked"), "{links}");
    way.fails(1, &["app", "links", "serviceops", "--standing", "odd"]);

    way.ok(&["app", "push", "serviceops", "Sales", "--as", "Vertrieb"]);
    world.until(&["app", "links", "serviceops", "--group"], |rows| rows[0]["standing"] == "linked");
    let pushed = world.table(&["app", "groups", "serviceops"], &["ID", "NAME", "AT THE APP", "ACTIVE"]);
    assert!(pushed.contains("Vertrieb"), "{pushed}");
    let log = world.table(&["app", "log", "serviceops"], &["WHEN", "FOR", "METHOD", "PATH", "STATUS", "THEN"]);
    assert!(log.contains("POST") && log.contains("201") && !log.contains("pv_"), "{log}");
}

fn changes(world: &World) {
    let way = &world.way;
    let file = world.folder.join("mappings.json");
    let mappings = json!({"toApp": [
        {"attribute": "userName", "from": {"direct": "userName"}},
        {"attribute": "givenName", "from": {"direct": "givenName"}},
        {"attribute": "familyName", "from": {"constant": "Known"}},
        {"attribute": "email", "from": {"direct": "email"}},
    ]});
    fs::write(&file, mappings.to_string()).unwrap();
    let before = way.json(&["app", "show", "serviceops"])["toApp"].clone();
    let effect = way.json(&["app", "set", "serviceops", "--file", &file, "--dry-run"]);
    assert_eq!(effect["change"], 2, "{effect}");
    assert_eq!(way.json(&["app", "show", "serviceops"])["toApp"], before, "a dry run stores nothing");
    let kept = way.json(&["app", "set", "serviceops", "options.paused=false", "--later"]);
    assert_eq!(kept["pendingSince"], Value::Null, "what matters to nobody waits for nothing: {kept}");
    fs::write(&file, "no JSON").unwrap();
    way.fails(2, &["app", "set", "serviceops", "--file", &file]);
    way.fails(2, &["app", "set", "serviceops", "--file", &world.folder.join("nothing.json")]);
}

fn work(world: &World) {
    let way = &world.way;
    assert_eq!(way.json(&["app", "tasks", "serviceops"]), json!([]));
    // An assignment that takes the userName away: there is nothing to tell the account from others by.
    way.ok(&["app", "assign", "serviceops", "cleo@example.com", "--value", "userName="]);
    let tasks =
        world.until(&["app", "tasks", "serviceops"], |rows| rows.as_array().is_some_and(|rows| !rows.is_empty()));
    let cause = tasks[0]["cause"].as_str().unwrap().to_owned();
    let table = world.table(&["app", "tasks", "serviceops"], &["COUNT", "CAUSE", "WHAT", "DO"]);
    assert!(table.contains(&cause), "{table}");
    assert_eq!(way.json(&["app", "retry", "serviceops", "--cause", &cause])["links"], 1);
    let link = way.json(&["app", "links", "serviceops", "--standing", "parked"]);
    if let Some(link) = link[0]["id"].as_i64() {
        assert_eq!(way.json(&["app", "retry", "serviceops", "--link", &link.to_string()])["links"], 1);
    }
    assert!(way.json(&["app", "retry", "serviceops"])["links"].as_u64().is_some());
    let both = ["app", "retry", "serviceops", "--cause", &cause, "--link", "1"];
    assert_eq!(way.run(&both).status.code(), Some(2), "one or the other");
    for (word, key) in [("approve", "approved"), ("drop", "dropped")] {
        assert_eq!(way.json(&["app", word, "serviceops", "999"])[key], 0);
        assert_eq!(way.run(&["app", word, "serviceops"]).status.code(), Some(2), "numbers are needed");
    }
    way.ok(&["app", "provision", "serviceops", "adam@example.com"]);
    way.fails(5, &["app", "provision", "serviceops", "nobody@example.com"]);
    for (begin, list) in [
        (&["app", "reconcile", "serviceops"][..], &["app", "runs", "serviceops"][..]),
        (&["app", "import", "serviceops"], &["app", "runs", "serviceops", "--imports"]),
    ] {
        way.ok(begin);
        world.until(list, |rows| rows[0]["state"] == "done");
        world.table(list, &["RUN", "STATE", "BEGUN", "FOUND", "ERROR"]);
    }
}

fn the_end(world: &World) {
    let way = &world.way;
    for arguments in [
        &["app", "unassign", "serviceops", "adam@example.com"][..],
        &["app", "unpush", "serviceops", "Sales"],
        &["app", "delete", "serviceops"],
    ] {
        let error = way.fails(2, arguments);
        assert!(error["fix"].as_str().unwrap().contains("--yes"), "{error}");
        way.ok(&[arguments, &["--yes"]].concat());
        way.fails(5, &[arguments, &["--yes"]].concat());
    }
    assert_eq!(way.json(&["app", "list"]), json!([]));
}

#[test]
fn every_command_about_an_app() {
    let world = World::new();
    set_up(&world);
    agreed(&world);
    people(&world);
    assignments(&world);
    changes(&world);
    work(&world);
    the_end(&world);
}
