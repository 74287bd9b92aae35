//! `provost demo`: a directory and an application in one process, connected over HTTP on this machine by nothing but
//! what everybody can use; Adam arrives, changes, leaves, and an error is explained. `reset` has a demo that runs begin
//! anew.

use crate::Environment;
use crate::cli::{Demo, Global};
use crate::client::Client;
use crate::command::Cx;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;
use crate::secret::confirm;
use reqwest::Method;
use serde_json::{Value, json};
use server::egress::Targets;
use server::{Clock, Config, Furnish};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The tenant that is the application's; the directory is the tenant `default`.
const APPLICATION: &str = "serviceops";
/// The app in the directory.
const APP: &str = "/api/v1/tenants/default/apps/serviceops-scim";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";
/// The sample people who have the application from the beginning.
const ASSIGNED: [&str; 2] = ["bea@example.com", "adam@example.com"];
/// Microseconds that anything may take to arrive.
const PATIENCE: i64 = 60_000_000;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Where the two sides are.
struct Links {
    setup: Option<String>,
    base: String,
}

/// Runs both sides until Ctrl-C, or with `--once` until the story is told.
pub async fn demo(arguments: &Demo, global: &Global, environment: &Environment, out: Output) -> Result<()> {
    let made = global.data.is_none();
    let folder = global.data.clone().unwrap_or_else(|| fresh_folder(&environment.temporary));
    let (furnisher, mut resets) = mpsc::channel(1);
    let config = Config {
        targets: Targets { private: true, ..Targets::default() },
        demo: Some(furnisher),
        ..Config::new(folder.clone(), arguments.listen)
    };
    let (tell, told) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    let (over, mut is_over) = oneshot::channel::<()>();
    let started = |started: &server::Started| {
        let base = started.console.trim_end_matches('/').to_owned();
        // Whoever waits for it is the story below; if it is gone there is nobody to tell.
        let _ = tell.send(Links { setup: started.setup_link.clone(), base });
    };
    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = ended => {}
        }
    };
    let mut end = Some(end);
    let story = async {
        let outcome = async {
            let links = told.await.map_err(|_| Failure::new(Exit::Failed, "the server did not start", ""))?;
            let here = Global { data: Some(folder.clone()), server: None, token_file: None, ..global.clone() };
            let client = Client::open(&here, environment, out).await?;
            let pause = Duration::from_secs(arguments.pause);
            let world = World { client, out, clock: Clock::system(), pause };
            world.go_on(&links, arguments.once, &mut resets, &mut is_over).await
        }
        .await;
        // Dropped, it ends the server.
        end.take();
        outcome
    };
    let server = async {
        let ran = server::run(config, started, stop).await;
        // What is told or waited for ends with it.
        drop(over);
        ran
    };
    let (ran, outcome) = tokio::join!(server, story);
    if made {
        // A leftover in the folder for temporary files harms nobody.
        let _ = std::fs::remove_dir_all(&folder);
    }
    ran.map_err(|error| crate::serve::start_failure(&error, &folder))?;
    outcome
}

/// `provost demo reset`
pub async fn reset(cx: &Cx) -> Result<()> {
    confirm("put the sample data back; everything that was added to the demo is gone", cx.yes)?;
    let done = cx.client.call(Method::POST, "/api/v1/demo/reset", None).await?;
    cx.out.done("demo.reset", &done, "The sample data is back, and both sides are connected.")
}

fn fresh_folder(temporary: &Path) -> PathBuf {
    temporary.join(format!("provost-demo-{}", std::process::id()))
}

/// Where to look.
fn show(links: &Links, out: Output) {
    let look = |tenant: &str, page: &str| format!("{}/console/look?tenant={tenant}&next={page}", links.base);
    out.note("");
    // Whoever has no account yet begins here, so it comes first, as when `serve` starts.
    if let Some(setup) = &links.setup {
        out.note(&format!(
            "first owner    {setup}\n               good once; make your account there, then open both sides:"
        ));
    }
    out.note(&format!("directory      {}", look("default", "/app/dashboard")));
    out.note(&format!("application    {}\n", look(APPLICATION, "/app/users")));
}

struct World {
    client: Client,
    out: Output,
    clock: Clock,
    pause: Duration,
}

impl World {
    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        self.client.call(method, path, Some(&body)).await
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.call(Method::POST, path, body).await
    }

    /// Tells the story, and again from its beginning each time that the sample data is to be put back.
    async fn go_on(
        &self,
        links: &Links,
        once: bool,
        resets: &mut mpsc::Receiver<Furnish>,
        is_over: &mut oneshot::Receiver<()>,
    ) -> Result<()> {
        self.prepare(links).await?;
        show(links, self.out);
        loop {
            tokio::select! {
                told = self.tell() => {
                    told?;
                    if once {
                        return Ok(());
                    }
                    self.out.note("\nBoth sides go on; change something and look. Ctrl-C ends it.");
                    tokio::select! {
                        Some(reset) = resets.recv() => self.furnish(links, reset).await,
                        _ = &mut *is_over => return Ok(()),
                    }
                }
                Some(reset) = resets.recv() => self.furnish(links, reset).await,
                _ = &mut *is_over => return Ok(()),
            }
        }
    }

    /// Everything is gone: makes it again, and says so to whoever asked.
    async fn furnish(&self, links: &Links, reset: Furnish) {
        self.out.note("\nThe sample data is put back.\n");
        let done = self.prepare(links).await.map_err(|failure| failure.message);
        // Who asked may have gone.
        let _ = reset.send(done);
    }

    /// Both sides, and the connection between them, as an administrator makes it.
    async fn prepare(&self, links: &Links) -> Result<()> {
        self.post("/api/v1/tenants", json!({"name": APPLICATION})).await?;
        for tenant in ["default", APPLICATION] {
            let field = json!({"attribute": {"name": "costCentre", "description": "Who pays"}});
            self.post(&format!("/api/v1/tenants/{tenant}/attributes"), field).await?;
        }
        let token =
            self.post(&format!("/api/v1/tenants/{APPLICATION}/tokens"), json!({"label": "the directory"})).await?;
        self.client.call(Method::POST, "/api/v1/tenants/default/samples", None).await?;
        self.post(
            "/api/v1/tenants/default/apps",
            json!({"name": "serviceops-scim", "label": "ServiceOps SCIM", "target": "okta-aiw"}),
        )
        .await?;
        let secret = token.get("token").cloned().unwrap_or_default();
        self.call(Method::PUT, &format!("{APP}/credential"), json!({"secret": secret})).await?;
        let known = self.client.get(APP).await?;
        self.call(Method::PATCH, APP, connection(&known, &format!("{}/t/{APPLICATION}/scim/v2", links.base))).await?;
        Ok(())
    }

    async fn tell(&self) -> Result<()> {
        let began = self.clock.now();
        for who in ASSIGNED {
            self.post(&format!("{APP}/assignments"), json!({"resource": who})).await?;
        }
        let adam = self.until(|adam| adam.pointer(&manager_name()).is_some()).await?;
        let manager = adam.pointer(&manager_name()).and_then(Value::as_str).unwrap_or_default();
        self.say(
            &format!("Adam was assigned, and is in the application, with his cost centre and his manager {manager}"),
            began,
        )
        .await;

        let began = self.clock.now();
        self.patch(json!({"op": "replace", "path": "title", "value": "Head of Sales"})).await?;
        self.until(|adam| adam.get("title") == Some(&json!("Head of Sales"))).await?;
        self.say("Adam is Head of Sales now, and the application knows it", began).await;

        let began = self.clock.now();
        self.post(&format!("{APP}/assignments"), json!({"principal": "group", "resource": "Sales"})).await?;
        self.post(&format!("{APP}/push-groups"), json!({"group": "Sales"})).await?;
        let task = self.task().await?;
        self.say("The group Sales was assigned and pushed; one of its people cannot be provisioned", began).await;
        let detail = |name: &str| task.pointer(&format!("/detail/{name}")).and_then(Value::as_str).unwrap_or_default();
        let who = task.get("example").and_then(Value::as_str).unwrap_or_default();
        self.out.note(&format!("             {who}: {}. {}", detail("title"), detail("fix")));

        let began = self.clock.now();
        self.patch(json!({"op": "replace", "path": "active", "value": false})).await?;
        self.until(|adam| adam.get("active") == Some(&json!(false))).await?;
        self.say("Adam has left, and is out of the application", began).await;
        self.out.one("demo", &json!({"told": true}), "")
    }

    async fn say(&self, sentence: &str, began: i64) {
        self.out.note(&format!("{:>7} ms   {sentence}", (self.clock.now() - began) / 1_000));
        tokio::time::sleep(self.pause).await;
    }

    /// Adam on one of the two sides.
    async fn adam(&self, base: &str) -> Result<Value> {
        let found = self.client.get(&format!("{base}/Users?filter=userName%20eq%20%22adam@example.com%22")).await?;
        Ok(found.pointer("/Resources/0").cloned().unwrap_or_default())
    }

    async fn patch(&self, operation: Value) -> Result<()> {
        let adam = self.adam("/scim/v2").await?;
        let id = adam.get("id").and_then(Value::as_str).unwrap_or_default();
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        self.call(Method::PATCH, &format!("/scim/v2/Users/{id}"), body).await.map(|_| ())
    }

    /// Waits until the application has Adam so.
    async fn until(&self, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = self.clock.now();
        while self.clock.now() - began < PATIENCE {
            let adam = self.adam(&format!("/t/{APPLICATION}/scim/v2")).await?;
            if fits(&adam) {
                return Ok(adam);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(late())
    }

    /// Waits for the first thing that somebody has to look at.
    async fn task(&self) -> Result<Value> {
        let began = self.clock.now();
        while self.clock.now() - began < PATIENCE {
            let tasks = self.client.get(&format!("{APP}/tasks")).await?;
            if let Some(task) = tasks.pointer("/data/0") {
                return Ok(task.clone());
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(late())
    }
}

fn late() -> Failure {
    Failure::new(Exit::Failed, "it did not arrive in time", "look under Applications › ServiceOps SCIM › Tasks and Log")
}

fn manager_name() -> String {
    format!("/{ENTERPRISE}/manager/displayName")
}

/// The connection, the two attributes of the guide with their mappings, and what is switched on.
fn connection(known: &Value, url: &str) -> Value {
    let list = |path: &str| known.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut attributes, mut to_app, mut to_directory) =
        (list("/profile/attributes"), list("/toApp"), list("/toDirectory"));
    attributes.push(json!({"variableName": "manager", "displayName": "Manager", "externalName": "manager", "externalNamespace": ENTERPRISE, "lengthMin": 0, "lengthMax": 255}));
    attributes.push(json!({"variableName": "Custom_Field", "displayName": "Cost centre", "externalName": "costCentre", "externalNamespace": CUSTOM, "lengthMin": 0, "lengthMax": 8}));
    for (name, from) in
        [("displayName", "displayName"), ("title", "title"), ("manager", "managerId"), ("Custom_Field", "costCentre")]
    {
        to_app.push(json!({"attribute": name, "from": {"direct": from}, "empty": "clear"}));
    }
    for (name, from) in [("managerId", "manager"), ("costCentre", "Custom_Field")] {
        to_directory.push(json!({"attribute": name, "from": {"direct": from}}));
    }
    json!({
        "connection": {"baseUrl": url},
        "profile": {"attributes": attributes},
        "toApp": to_app,
        "toDirectory": to_directory,
        "policy": {"actions": {"create": true, "update": true, "deactivate": true, "pushGroups": true, "import": true}},
        "provisioning": true,
    })
}
