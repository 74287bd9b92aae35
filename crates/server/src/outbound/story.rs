//! Two tenants in one process, connected over real HTTP: the company's directory and the application.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod arrives;
mod many;
mod oauth;
mod others;
mod scans;
mod sources;
mod target;

use crate::admin::apps::assign::{self, NewAssignment};
use crate::admin::apps::{self, NewIntegration, links};
use crate::admin::attributes::{self, NewAttribute};
use crate::admin::tenants::{self, NewTenant};
use crate::admin::{tenant_of, tokens};
use crate::app::App;
use crate::auth::{Actor, Origin};
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::egress::Targets;
use crate::scim::{Order, act};
use crate::worker::{Workers, start};
use axum::http::Method;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use store::Principal;

/// The tenant that is the identity provider's.
pub(super) const COMPANY: &str = "company";
/// The tenant that is the application's.
pub(super) const APPLICATION: &str = "application";
/// The app in the company that leads to the application.
pub(super) const APP: &str = "serviceops";
/// How long anything may take in a test on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that speaks HTTP, in this process.
pub(super) struct World {
    pub(super) app: App,
    pub(super) base: String,
    workers: Option<Workers>,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Clock::system(), None).await
    }

    pub(super) async fn with(clock: Clock, database: Option<Database>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("provost-outbound-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let targets = Targets { private: true, ..Targets::default() };
        let config = Config { targets, clock, database, ..Config::new(folder.clone(), address) };
        // Away from the runtime: opening waits.
        let app = tokio::task::spawn_blocking(|| App::open(config)).await.unwrap().unwrap();
        let workers = Some(start(&app));
        let router = crate::routes::router(app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let world = Self { app, base: format!("http://{address}"), workers, folder };
        for name in [COMPANY, APPLICATION] {
            let rates = [("ratePerSecond", 1_000_000), ("rateBurst", 1_000_000)];
            let settings = rates.into_iter().map(|(name, rate)| (name.to_owned(), Value::from(rate))).collect();
            let wanted = NewTenant { name: name.into(), settings };
            tenants::create(&world.app, &Actor::local(), wanted).await.unwrap();
        }
        world
    }

    pub(super) async fn end(mut self) {
        if let Some(workers) = self.workers.take() {
            workers.stop().await;
        }
    }

    /// A request of SCIM to a tenant, from within.
    pub(super) async fn scim(&self, tenant: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let state = tenant_of(&self.app, tenant).unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let order = Order {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            body: body.into(),
            origin: Origin { address: String::new(), agent: "test".into() },
            rehearsal: false,
        };
        let base = format!("{}/t/{tenant}/scim/v2", self.base);
        let answer = act(&self.app, &state, Arc::new(Actor::local()), &base, order).await.answer;
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    pub(super) async fn make(&self, tenant: &str, endpoint: &str, body: Value) -> String {
        let (status, made) = self.scim(tenant, Method::POST, endpoint, body).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// PATCH with one operation.
    pub(super) async fn patch(&self, tenant: &str, path: &str, operation: Value) {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        let (status, answer) = self.scim(tenant, Method::PATCH, path, body).await;
        assert!(status < 300, "{answer}");
    }

    /// The user of that name at the application, if there is exactly one.
    pub(super) async fn account(&self, name: &str) -> Option<Value> {
        let path = format!("/Users?filter=userName%20eq%20%22{name}%22");
        let (_, list) = self.scim(APPLICATION, Method::GET, &path, Value::Null).await;
        let found = list["Resources"].as_array().cloned().unwrap_or_default();
        assert!(found.len() < 2, "{name} has {} accounts", found.len());
        found.into_iter().next()
    }

    /// The group of that name at the application, with its members.
    pub(super) async fn pushed(&self, name: &str) -> Option<Value> {
        let path = format!("/Groups?filter=displayName%20eq%20%22{name}%22");
        let (_, list) = self.scim(APPLICATION, Method::GET, &path, Value::Null).await;
        list["Resources"].as_array().cloned().unwrap_or_default().into_iter().next()
    }

    /// Waits until something is as it should be; answers how long it took.
    pub(super) async fn until<F: Future<Output = bool>>(&self, what: &str, fits: impl Fn() -> F) -> Duration {
        let began = Instant::now();
        while !fits().await {
            if began.elapsed() > PATIENCE {
                self.tell().await;
                panic!("not in {PATIENCE:?}: {what}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    }

    /// What was sent and where links stand, for whoever has to find out why a test fails.
    pub(super) async fn tell(&self) {
        for exchange in links::exchanges(&self.app, COMPANY, APP, None, None, 200).await.unwrap().into_iter().rev() {
            let (request, response) = (exchange.request.unwrap_or_default(), exchange.response.unwrap_or_default());
            eprintln!(
                "{} {} {} {request}\n    {:?} {response} -> {}",
                exchange.action, exchange.method, exchange.path, exchange.status, exchange.outcome
            );
        }
        for kind in [store::LinkKind::User, store::LinkKind::Group] {
            let query = store::LinkQuery { kind, limit: 100, ..Default::default() };
            for row in links::list(&self.app, COMPANY, APP, query).await.unwrap() {
                eprintln!("{row:?}");
            }
        }
    }

    pub(super) async fn change(&self, change: Value) {
        let Value::Object(change) = change else { panic!("a change is an object") };
        apps::change(&self.app, &Actor::local(), COMPANY, APP, change).await.unwrap();
    }

    pub(super) async fn assign(&self, principal: Principal, resource: &str) {
        let wanted = NewAssignment { principal, resource: resource.into(), ..NewAssignment::default() };
        assign::assign(&self.app, &Actor::local(), COMPANY, APP, wanted).await.unwrap();
    }

    pub(super) async fn unassign(&self, principal: Principal, resource: &str) {
        assign::unassign(&self.app, &Actor::local(), COMPANY, APP, principal, resource).await.unwrap();
    }

    /// The app, connected to the application's own endpoint: names, mail, title, manager, and a custom field.
    pub(super) async fn connect(&self, target: &str) {
        for tenant in [COMPANY, APPLICATION] {
            let attribute = json!({"name": "badge", "type": "string"});
            let wanted = NewAttribute { resource_type: None, schema: None, attribute };
            attributes::add(&self.app, &Actor::local(), tenant, wanted).await.unwrap();
        }
        let wanted = tokens::NewToken {
            label: "outbound".into(),
            scope: None,
            expires_in: tokens::Life::Usual,
            networks: Vec::new(),
        };
        let token = tokens::create(&self.app, &Actor::local(), APPLICATION, wanted).await.unwrap().text;
        self.connect_to(target, &format!("{}/t/{APPLICATION}/scim/v2", self.base)).await;
        apps::set_credential(&self.app, &Actor::local(), COMPANY, APP, &token).await.unwrap();
    }

    /// The app, connected to any endpoint.
    pub(super) async fn connect_to(&self, target: &str, url: &str) {
        let wanted = NewIntegration { name: APP.into(), target: Some(target.into()), ..NewIntegration::default() };
        let made = apps::create(&self.app, &Actor::local(), COMPANY, wanted).await.unwrap();
        let mut document = made.document();
        let mut attributes = document["profile"]["attributes"].as_array().unwrap().clone();
        attributes.push(json!({
            "variableName": "manager", "externalName": "manager", "dataType": "string",
            "externalNamespace": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        }));
        attributes.push(
            json!({"variableName": "badge", "externalName": "urn:provost:params:scim:schemas:custom:User:badge"}),
        );
        let rows = document["toApp"].as_array_mut().unwrap();
        for name in ["title", "badge"] {
            rows.push(json!({"attribute": name, "from": {"direct": name}, "empty": "clear"}));
        }
        rows.push(json!({"attribute": "manager", "from": "managerAccount"}));
        self.change(json!({
            "connection": {"baseUrl": url},
            "profile": {"attributes": attributes},
            "toApp": rows,
            "policy": {"actions": {"create": true, "update": true, "deactivate": true, "pushGroups": true, "import": true}},
            "provisioning": true,
        }))
        .await;
    }
}

/// A person of the company.
pub(super) fn person(name: &str, manager: Option<&str>) -> Value {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("{name}@example.com"),
        "name": {"givenName": name, "familyName": "Smith"},
        "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}],
    });
    if let Some(manager) = manager {
        body["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = json!({"manager": {"value": manager}});
    }
    body
}
