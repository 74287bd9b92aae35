//! The outbound engine of the real binary: killed at every step of a push, and against servers written by others.

mod kill;
#[allow(dead_code)]
#[path = "../../../provision/tests/it/sim.rs"]
mod sim;
mod strangers;

use crate::client::Answer;
use crate::harness::{GROUP, Server, Tenant, USER, id};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use store::{AssignmentRow, NewApp, Options, Principal, PushGroupRow, Store};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the binary has to be told to call servers on this machine.
const PRIVATE: &str = "--allow-private-targets";

/// An app that leads to this address; `target` is laid over the profile of that name.
struct Wanted<'a> {
    url: &'a str,
    target: Value,
    authentication: &'a str,
    /// The group that is assigned and pushed.
    group: &'a str,
}

/// Writes an app into the database of a server that does not run: everybody in a group is assigned, and the group is
/// pushed.
fn app(data: &str, database: Option<&str>, tenant: &str, wanted: &Wanted<'_>) {
    let store = match database {
        Some(url) => Store::connect(Path::new(data), url, Options::default()).unwrap(),
        None => Store::open(Path::new(data), Options::default()).unwrap(),
    };
    let mut settings = json!(provision::App::standard());
    settings["label"] = "Target".into();
    settings["provisioning"] = true.into();
    settings["connection"]["baseUrl"] = wanted.url.into();
    settings["target"] = json!(provision::Target::named("generic").unwrap());
    for (name, value) in wanted.target.as_object().into_iter().flatten() {
        settings["target"][name] = value.clone();
    }
    let on = ["create", "update", "deactivate", "pushGroups"];
    on.iter().for_each(|action| settings["policy"]["actions"][action] = true.into());
    let title = json!({"attribute": "title", "from": {"direct": "title"}, "empty": "clear"});
    settings["toApp"].as_array_mut().unwrap().push(title);
    let options = json!({"authentication": wanted.authentication, "timeoutSeconds": 5});
    let (name, group) = (tenant.to_owned(), wanted.group.to_owned());
    store
        .write_blocking(move |w| -> store::Result<()> {
            let tenant = w.tenant(&name)?.unwrap().id;
            let app = w.app_insert(&NewApp { tenant, name: "target".into(), settings, options }, 1)?.id;
            let assigned =
                AssignmentRow { principal: Principal::Group, resource: group.clone(), ..AssignmentRow::default() };
            w.assign(tenant, app, &assigned)?;
            w.fill_insert(tenant, app, &group, 1, true)?;
            let pushed = PushGroupRow { resource: group, mode: "link".into(), active: true, ..PushGroupRow::default() };
            w.push_group_insert(tenant, app, &pushed, 1)?;
            Ok(())
        })
        .unwrap();
    store.close();
}

/// What links and exchanges say, for whoever has to find out why a test fails.
fn told(data: &str, database: Option<&str>, tenant: &str) -> String {
    let store = match database {
        Some(url) => Store::connect(Path::new(data), url, Options::default()).unwrap(),
        None => Store::open(Path::new(data), Options::default()).unwrap(),
    };
    let name = tenant.to_owned();
    let lines: Vec<String> = store
        .read_blocking(move |r| -> store::Result<_> {
            let tenant = r.tenant(&name)?.unwrap().id;
            let app = r.app_named(tenant, "target")?.unwrap().id;
            let mut lines = vec![format!("{:?}", r.app(app)?.unwrap().pace)];
            for one in r.exchanges(app, None, None, 60)?.into_iter().rev() {
                lines.push(format!(
                    "{} {} {} {:?} {} -> {} {}",
                    one.action,
                    one.method,
                    one.path,
                    one.request,
                    one.status.unwrap_or(0),
                    one.outcome,
                    one.response.unwrap_or_default()
                ));
            }
            for kind in [store::LinkKind::User, store::LinkKind::Group] {
                let query = store::LinkQuery { kind, limit: 50, ..Default::default() };
                lines.extend(r.links(app, &query)?.into_iter().map(|row| format!("{row:?}")));
            }
            Ok(lines)
        })
        .unwrap();
    store.close();
    lines.join("\n")
}

/// The tenant of that name and token on a server that was started again.
fn again<'s>(server: &'s Server, tenant: &(String, String)) -> Tenant<'s> {
    let (name, token) = tenant.clone();
    Tenant { server, prefix: format!("/t/{name}/scim/v2"), name, token }
}

fn person(name: &str) -> Value {
    json!({
        "schemas": [USER],
        "userName": name,
        "name": {"givenName": name, "familyName": "Smith"},
        "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}],
    })
}

fn team(tenant: &Tenant<'_>) -> String {
    id(&tenant.post("/Groups", &json!({"schemas": [GROUP], "displayName": "Team"})).json()).to_owned()
}

fn joins(tenant: &Tenant<'_>, group: &str, person: &str) -> Answer {
    let add = json!([{"op": "add", "path": "members", "value": [{"value": person}]}]);
    tenant.patch(&format!("/Groups/{group}"), &add)
}
