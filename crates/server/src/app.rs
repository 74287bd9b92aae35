//! What all requests share: the database, the tenants, the tokens in use, the limits.

use crate::admin::tokens::Life;
use crate::admin::waiting::Known;
use crate::auth::Tokens;
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::egress::Egress;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::gate::Gate;
use crate::log_queue::LogQueue;
use crate::metrics::Metrics;
use crate::operators::Desks;
use crate::outbound::Signal;
use crate::outbound::token::Holders;
use crate::received::Arrivals;
use crate::scim::Walks;
use crate::tenants::{DEFAULT, TenantState, Tenants};
use crate::{limits, token};
use axum::http::{HeaderMap, header};
use scim::Code;
use std::sync::Arc;
use store::{Definitions, Scope, Settings, Store, Token};
use tokio::sync::Mutex as AsyncMutex;

/// Who made the token that the first start makes.
pub(crate) const FIRST_START: &str = "first start";

/// The running application; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("data", &self.0.config.data).finish_non_exhaustive()
    }
}

struct Inner {
    store: Store,
    clock: Clock,
    /// What this process is called among its kind.
    node: String,
    config: Config,
    tenants: Tenants,
    reloading: AsyncMutex<()>,
    tokens: Tokens,
    arrivals: Arrivals,
    gate: Gate,
    events: Events,
    desks: Desks,
    saml_tests: crate::saml::Tests,
    first_keys: AsyncMutex<()>,
    waiting: Known,
    walks: Walks,
    egress: Egress,
    outbound: Signal,
    access_tokens: Holders,
    log: LogQueue,
    metrics: Metrics,
}

impl App {
    /// Opens the data folder and takes in the tenants. Holds the folder until the last clone is gone.
    pub fn open(config: Config) -> store::Result<Self> {
        let options = store::Options::default();
        let store = match &config.database {
            None => Store::open(&config.data, options)?,
            Some(Database { url, pooled }) => {
                Store::connect(&config.data, url, store::Options { pooled: *pooled, ..options })?
            }
        };
        let inner = Inner {
            store,
            clock: config.clock.clone(),
            node: node(&config.data),
            egress: Egress::new(config.targets.clone()),
            outbound: Signal::default(),
            access_tokens: Holders::default(),
            config,
            tenants: Tenants::default(),
            reloading: AsyncMutex::new(()),
            tokens: Tokens::default(),
            arrivals: Arrivals::default(),
            gate: Gate::default(),
            events: Events::default(),
            desks: Desks::default(),
            waiting: Known::default(),
            walks: Walks::default(),
            log: LogQueue::default(),
            metrics: Metrics::default(),
            first_keys: AsyncMutex::new(()),
            saml_tests: crate::saml::Tests::default(),
        };
        let app = Self(Arc::new(inner));
        let mut tenants: Vec<store::Tenant> = app.store().read_blocking(|r| r.tenants())?;
        if tenants.is_empty() {
            let now = app.clock().now();
            // Looked at again in the write: another node may have been first.
            tenants = app.store().write_blocking(move |w| {
                if w.tenants()?.is_empty() {
                    w.tenant_insert(DEFAULT, &Settings::default(), &Definitions::default(), now)?;
                }
                w.tenants()
            })?;
        }
        app.tenants().replace(tenants)?;
        Ok(app)
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What time it is.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What this process is called among its kind.
    pub(crate) fn node(&self) -> &str {
        &self.0.node
    }

    /// How it was started.
    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The tenants.
    pub(crate) fn tenants(&self) -> &Tenants {
        &self.0.tenants
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Which attributes came.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.0.arrivals
    }

    /// Places for requests at work.
    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Counters of requests.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// What happens, for who listens.
    pub(crate) fn events(&self) -> &Events {
        &self.0.events
    }

    /// What is known of lists that somebody goes through.
    pub(crate) fn walks(&self) -> &Walks {
        &self.0.walks
    }

    /// What waits for somebody, as it was counted lately.
    pub(crate) fn waiting(&self) -> &Known {
        &self.0.waiting
    }

    /// What signing in needs between requests.
    pub(crate) fn desks(&self) -> &Desks {
        &self.0.desks
    }

    /// The way out to other servers.
    pub fn egress(&self) -> &Egress {
        &self.0.egress
    }

    /// What wakes the outbound engine.
    pub(crate) fn outbound(&self) -> &Signal {
        &self.0.outbound
    }

    /// The access tokens that apps are shown.
    pub(crate) fn access_tokens(&self) -> &Holders {
        &self.0.access_tokens
    }

    /// Lets the outbound engine look for work now, as a test with a clock of its own has to.
    pub fn wake_outbound(&self) {
        self.0.outbound.nudge();
    }

    /// Log entries that the worker writes in batches.
    pub(crate) fn log(&self) -> &LogQueue {
        &self.0.log
    }

    /// Held while the first SAML key of a tenant is made.
    pub(crate) fn first_keys(&self) -> &AsyncMutex<()> {
        &self.0.first_keys
    }

    /// The last test sign-ins.
    pub(crate) fn saml_tests(&self) -> &crate::saml::Tests {
        &self.0.saml_tests
    }

    /// Log entries of reads that found the queue full.
    pub fn log_dropped(&self) -> u64 {
        self.log().dropped()
    }

    /// Takes in the tenants as they are now, after one was changed. Tokens forget their limits with them.
    pub(crate) async fn reload(&self) -> Result<()> {
        // One at a time: an older reading must not replace a newer one.
        let _turn = self.0.reloading.lock().await;
        let tenants = self.store().read(|r| r.tenants()).await?;
        self.tenants().replace(tenants)?;
        self.tokens().forget();
        Ok(())
    }

    /// Makes a token if there has never been one in the default tenant; its text is shown this once.
    pub(crate) async fn first_token(&self) -> Result<Option<String>> {
        let Some(state) = self.tenants().find(DEFAULT) else { return Ok(None) };
        let new = token::make(token::PREFIX)
            .ok_or_else(|| Error::new(Code::INTERNAL, "the operating system gives no randomness"))?;
        let now = self.clock().now();
        let row = Token {
            id: request_id(),
            tenant: Some(state.tenant.id),
            label: "first token".into(),
            hint: new.hint.clone(),
            scope: Scope::ALL,
            hash: new.hash,
            created_at: now,
            created_by: Some(FIRST_START.into()),
            expires_at: Life::Usual.end(now)?,
            ..Token::default()
        };
        let is_first = self
            .store()
            .write(move |w| -> store::Result<bool> {
                let is_first = w.tokens(row.tenant)?.is_empty();
                if is_first {
                    w.token_insert(&row)?;
                }
                Ok(is_first)
            })
            .await?;
        Ok(is_first.then_some(new.text))
    }

    /// The address of a tenant's endpoints as this client calls it.
    pub(crate) fn base_url(&self, tenant: &TenantState, headers: &HeaderMap) -> Result<String> {
        let name = &tenant.tenant.name;
        let path = if name == DEFAULT { "/scim/v2".to_owned() } else { format!("/t/{name}/scim/v2") };
        let fixed = tenant.tenant.settings.base_url.as_ref().or(self.config().public_url.as_ref());
        if let Some(url) = fixed {
            return Ok(format!("{}{path}", url.trim_end_matches('/')));
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if host.is_empty() {
            return Ok(format!("{}{path}", self.config().url()));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.len() > limits::BASE_URL_BYTES_MAX || !host.chars().all(fits) {
            return Err(scim::Error::invalid_value("the Host header is not a host name").into());
        }
        Ok(format!("{}://{host}{path}", self.config().scheme()))
    }
}

/// What this process is called among its kind: the same as the one before it in the same folder, whose claims are so
/// its own. A folder that cannot be written to gives a name for this start alone.
fn node(folder: &std::path::Path) -> String {
    let path = folder.join("node");
    let known = std::fs::read_to_string(&path).ok().filter(|name| uuid::Uuid::parse_str(name).is_ok());
    known.unwrap_or_else(|| {
        let name = request_id();
        if let Err(error) = std::fs::write(&path, &name) {
            tracing::warn!(%error, "the name of this node cannot be kept in the data folder");
        }
        name
    })
}

/// An id for a request or a token: ordered by time, unique.
pub(crate) fn request_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
