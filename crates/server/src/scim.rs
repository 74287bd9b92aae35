//! The SCIM endpoints: one function a verb, for every resource type (RFC 7644).
//!
//! How a request goes: `serve` finds the tenant and the actor, reads the body within its bounds, and hands a `Cx` to the
//! use case of its method. Writes run inside the store's writer, so that what they read cannot change under them;
//! their change rows and their log entry are part of the same transaction.

mod body;
mod bulk;
mod create;
mod cursor;
mod delete;
mod discovery;
pub(crate) mod export;
mod ignored;
pub(crate) mod import;
mod list;
mod passwords;
mod patch;
mod read;
mod render;
mod replace;
mod save;
mod stream;
mod unlinked;
mod walks;

pub(crate) use create::join;
pub(crate) use walks::Walks;

use crate::admin::tokens::TEST_LABEL;
use crate::answer::Answer;
use crate::app::App;
use crate::auth::{Actor, Operation, Origin};
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::record::Trace;
use crate::tenants::TenantState;
use crate::{limits, query};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, Response, header};
use bytes::Bytes;
use scim::meta::EntityTags;
use scim::{Code, Dialect, Projection, ResourceType};
use serde_json::Value;
use std::sync::Arc;

/// Everything that a use case knows about its request.
#[derive(Clone, Debug)]
pub(crate) struct Cx {
    pub(crate) app: App,
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) actor: Arc<Actor>,
    /// Address of the tenant's endpoints as the client calls it: `https://host/scim/v2`.
    pub(crate) base: Arc<str>,
    pub(crate) now: i64,
    pub(crate) asked: Arc<Asked>,
    /// Only to see what would come of it: nothing stays, nothing is logged.
    pub(crate) rehearsal: bool,
}

/// A request that comes from within: an operator's, a job's, a rehearsal of one that came before.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) method: Method,
    /// Behind the endpoint: `/Users/{id}`.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Bytes,
    pub(crate) origin: Origin,
    pub(crate) rehearsal: bool,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Acted {
    pub(crate) answer: Answer,
    pub(crate) trace: Trace,
}

/// The request as the provisioning log will tell it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) request_id: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) origin: Origin,
    pub(crate) started: Stopwatch,
}

impl Asked {
    /// A request of a browser for a page or by a form, none of whose content is logged.
    pub(crate) fn of_page(visit: &crate::person::Visit, method: Method, path: &str, started: Stopwatch) -> Self {
        Self {
            request_id: crate::app::request_id(),
            method,
            path: format!("{}{path}", visit.tenant.root()),
            query: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            origin: visit.origin.clone(),
            started,
        }
    }
}

impl Cx {
    pub(crate) fn dialect(&self) -> &Dialect {
        &self.tenant.tenant.settings.dialect
    }

    pub(crate) fn resource_type(&self, segment: &str) -> Result<Arc<ResourceType>> {
        self.tenant.served_at(segment).cloned().ok_or_else(|| {
            Error::new(Code::NOT_FOUND, "there is no such endpoint; /ResourceTypes lists the ones of this tenant")
        })
    }

    pub(crate) fn may(&self, rt: &ResourceType, operation: Operation) -> Result<()> {
        self.actor.may(&self.tenant, rt, operation)
    }

    pub(crate) fn projection(&self) -> Result<Projection> {
        let attributes = query::joined(&self.asked.query, "attributes");
        let excluded = query::joined(&self.asked.query, "excludedAttributes");
        Ok(Projection::parse(attributes.as_deref(), excluded.as_deref())?)
    }

    /// The entity tags of a header, which may stand in several lines (RFC 9110 §5.3).
    pub(crate) fn entity_tags(&self, name: header::HeaderName) -> Option<EntityTags> {
        let lines = self.asked.headers.get_all(name);
        let lines: Vec<&str> = lines.iter().map(|line| line.to_str().unwrap_or_default()).collect();
        (!lines.is_empty()).then(|| EntityTags::parse(&lines.join(",")))
    }

    /// Notes which attributes a body names, where an identity provider sent it, and not the console's own test.
    pub(crate) fn received(&self, rt: &ResourceType, body: &Value) {
        if !self.actor.scope.admin && !self.rehearsal && self.actor.label != TEST_LABEL {
            self.app.arrivals().note(self.tenant.tenant.id, rt, &self.tenant.secrets, body, self.now);
        }
    }

    /// The same request for another method, address or body: one operation of a bulk request.
    pub(crate) fn with_asked(&self, asked: Asked) -> Self {
        Self { asked: Arc::new(asked), ..self.clone() }
    }
}

/// Serves one request below `/scim/v2`; `rest` is the path behind it.
pub(crate) async fn serve(app: App, tenant_name: &str, rest: &str, request: Request<Body>) -> Response<Body> {
    let started = Stopwatch::start();
    let now = app.clock().now();
    let (parts, body) = request.into_parts();
    let head_only = parts.method == Method::HEAD;
    let request_id = crate::app::request_id();
    let Some(tenant) = app.tenants().find(tenant_name) else {
        let error = Error::new(Code::NOT_FOUND, "there is no such tenant; check the address");
        return error.answer(&request_id).into_response(&request_id, head_only);
    };
    let mut asked = Arc::new(asked(&parts, rest, &request_id, started));
    let (mut trace, mut actor) = (Trace::default(), None);
    let work = admitted(&app, &tenant, &mut asked, &mut actor, (&parts, body), now, &mut trace);
    let outcome = tokio::time::timeout(limits::REQUEST_TIME, work).await.unwrap_or_else(|_| Err(too_slow()));
    let answer = outcome.unwrap_or_else(|error| error.answer(&request_id));
    app.metrics().note(tenant.tenant.id, answer.status, asked.started.micros());
    if trace.written {
        app.outbound().changed();
        app.events().publish(tenant.tenant.id, Topic::Log(trace.seq));
    } else {
        crate::record::later(&app, &tenant, &asked, actor.as_deref(), &trace, &answer, now);
    }
    answer.into_response(&request_id, head_only)
}

fn too_slow() -> Error {
    Error::busy(Code::TIMEOUT, "the request took too long; a write may still have happened: read before you repeat it")
}

fn asked(parts: &Parts, rest: &str, request_id: &str, started: Stopwatch) -> Asked {
    let text = |name: header::HeaderName| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let address =
        parts.extensions.get::<crate::serve::Peer>().map(|peer| peer.client(&parts.headers)).unwrap_or_default();
    Asked {
        request_id: request_id.to_owned(),
        method: parts.method.clone(),
        path: format!("/{}", rest.trim_matches('/')),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body: Bytes::new(),
        origin: Origin { address, agent: text(header::USER_AGENT) },
        started,
    }
}

/// From the bare request to its outcome: a place, the actor, the body, the use case. What is known of the request by
/// then stays in `asked` and `actor`, also when time runs out.
async fn admitted(
    app: &App,
    tenant: &Arc<TenantState>,
    asked: &mut Arc<Asked>,
    known: &mut Option<Arc<Actor>>,
    (parts, body): (&Parts, Body),
    now: i64,
    trace: &mut Trace,
) -> Result<Answer> {
    let _place = app.gate().enter(tenant.tenant.id).await?;
    let public = asked.path.eq_ignore_ascii_case("/ServiceProviderConfig")
        && asked.method == Method::GET
        && !parts.headers.contains_key(header::AUTHORIZATION);
    let is_local = parts.extensions.get::<crate::serve::Peer>().is_some_and(crate::serve::Peer::is_local);
    let actor = if is_local {
        Arc::new(Actor::local())
    } else if public {
        Arc::new(Actor::anonymous())
    } else {
        match app.actor(Some(tenant), &parts.headers, &asked.origin, now, trace).await {
            Ok(actor) => actor,
            Err(error) => {
                body::drain(parts, body).await;
                return Err(error);
            }
        }
    };
    *known = Some(Arc::clone(&actor));
    let bytes = body::read(parts, body, &asked.path).await?;
    if let Some(asked) = Arc::get_mut(asked) {
        asked.body = bytes;
    }
    let cx = Cx {
        app: app.clone(),
        tenant: Arc::clone(tenant),
        actor,
        base: app.base_url(tenant, &parts.headers)?.into(),
        now,
        asked: Arc::clone(asked),
        rehearsal: false,
    };
    dispatch(&cx, trace).await
}

/// Carries out a request from within, by the same use cases as one from outside, and logs it like one.
pub(crate) async fn act(app: &App, tenant: &Arc<TenantState>, actor: Arc<Actor>, base: &str, order: Order) -> Acted {
    let (now, request_id) = (app.clock().now(), crate::app::request_id());
    let asked = Arc::new(Asked {
        request_id: request_id.clone(),
        method: order.method,
        path: order.path,
        query: order.query,
        headers: HeaderMap::new(),
        body: order.body,
        origin: order.origin,
        started: Stopwatch::start(),
    });
    let cx = Cx {
        app: app.clone(),
        tenant: Arc::clone(tenant),
        actor: Arc::clone(&actor),
        base: base.into(),
        now,
        asked: Arc::clone(&asked),
        rehearsal: order.rehearsal,
    };
    let mut trace = Trace::default();
    let outcome = match dispatch(&cx, &mut trace).await {
        Ok(answer) => answer.collected().await.ok_or_else(|| store::Error::Unavailable.into()),
        Err(error) => Err(error),
    };
    let answer = outcome.unwrap_or_else(|error: Error| error.answer(&request_id));
    if order.rehearsal {
        return Acted { answer, trace };
    }
    if trace.written {
        app.outbound().changed();
        app.events().publish(tenant.tenant.id, Topic::Log(trace.seq));
    } else {
        crate::record::later(app, tenant, &asked, Some(&*actor), &trace, &answer, now);
    }
    Acted { answer, trace }
}

/// All SCIM routes of a tenant. Resource types are data, so their endpoints are looked up, not written here.
async fn dispatch(cx: &Cx, trace: &mut Trace) -> Result<Answer> {
    let path = cx.asked.path.clone();
    let decoded: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(query::decode_segment).collect();
    let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
    let method = cx.asked.method.clone();
    match segments.as_slice() {
        [] => match method {
            Method::GET | Method::HEAD => list::root(cx, trace).await,
            _ => Err(Error::Method { allow: "GET" }),
        },
        [".search"] => match method {
            Method::POST => list::root_search(cx, trace).await,
            _ => Err(Error::Method { allow: "POST" }),
        },
        [one, rest @ ..] if is(one, "ServiceProviderConfig") && rest.is_empty() => {
            discovery::only_get(cx, discovery::config)
        }
        [one, rest @ ..] if is(one, "ResourceTypes") && rest.len() <= 1 => {
            discovery::only_get(cx, |cx| discovery::resource_types(cx, rest.first().copied()))
        }
        [one, rest @ ..] if is(one, "Schemas") && rest.len() <= 1 => {
            discovery::only_get(cx, |cx| discovery::schemas(cx, rest.first().copied()))
        }
        [one, ..] if is(one, "Me") => Err(Error::new(
            Code::NOT_IMPLEMENTED,
            "a provisioning token stands for a system, not for a person, so there is no /Me; use /Users",
        )),
        [one] if is(one, "Bulk") => match method {
            Method::POST => bulk::bulk(cx, trace).await,
            _ => Err(Error::Method { allow: "POST" }),
        },
        [endpoint] => match method {
            Method::GET | Method::HEAD => list::list(cx, endpoint, trace).await,
            Method::POST => create::create(cx, endpoint, trace).await,
            _ => Err(known(cx, endpoint, Error::Method { allow: "GET, POST" })),
        },
        [endpoint, ".search"] => match method {
            Method::POST => list::search(cx, endpoint, trace).await,
            _ => Err(known(cx, endpoint, Error::Method { allow: "POST" })),
        },
        [endpoint, id] => match method {
            Method::GET | Method::HEAD => read::read(cx, endpoint, id, trace).await,
            Method::PUT => replace::replace(cx, endpoint, id, trace).await,
            Method::PATCH => patch::patch(cx, endpoint, id, trace).await,
            Method::DELETE => delete::delete(cx, endpoint, id, trace).await,
            _ => Err(known(cx, endpoint, Error::Method { allow: "GET, PUT, PATCH, DELETE" })),
        },
        _ => Err(Error::new(Code::NOT_FOUND, "there is nothing at this address")),
    }
}

/// 404 before 405: an endpoint that is not there allows no method at all.
fn known(cx: &Cx, endpoint: &str, error: Error) -> Error {
    cx.resource_type(endpoint).err().unwrap_or(error)
}

/// The body as JSON.
pub(crate) fn json(body: &[u8]) -> Result<Value> {
    if body.is_empty() {
        return Err(scim::Error::invalid_syntax("the body is empty; send a JSON object").into());
    }
    crate::json::parse(body).map_err(|error| {
        let what = crate::json::wrong(body, &error);
        let detail = format!("the body cannot be read: {what}: line {}, column {}", error.line(), error.column());
        scim::Error::invalid_syntax(detail).into()
    })
}

/// 404 for a resource of this type.
pub(crate) fn no_such(rt: &ResourceType) -> Error {
    Error::new(Code::NOT_FOUND, format!("there is no {} with this id", rt.name))
}
