//! A simulated target: a small SCIM server on the library's own parser and patcher, which can fail, hang,
//! answer late, drop the answer after applying, throttle, and lie.

use provision::outcome::{Answer, Body, Lost, Response};
use provision::wire::{Method, Request};
use scim::resource_type::Extension;
use scim::{Dialect, Filter, MemberOp, PatchOp, Resource, ResourceType, Schema};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, LazyLock};

pub(super) const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";

static USER: LazyLock<ResourceType> = LazyLock::new(|| {
    let custom = json!({"id": CUSTOM, "name": "Custom", "attributes": [{"name": "field", "type": "string"}, {"name": "badge", "type": "integer"}]});
    let custom: Schema = serde_json::from_value(custom).unwrap();
    let mut user = ResourceType::user();
    user.extensions.push(Extension { schema: Arc::new(custom), required: false });
    user
});
static GROUP: LazyLock<ResourceType> = LazyLock::new(ResourceType::group);

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    Pass,
    /// Nobody answers the call.
    Connect,
    /// No answer, and nothing was done.
    TimeoutUndone,
    /// No answer, and it was done.
    TimeoutDone,
    /// The connection breaks, and it is done 20 seconds later.
    Late,
    /// The connection breaks after it was done.
    ResetDone,
    /// 500, and nothing was done.
    Error,
    /// 500, and it was done.
    ErrorDone,
    /// 503 from a proxy, and it was done.
    ProxyDone,
    /// 429 with seconds.
    Throttle,
    /// 429 with a date.
    ThrottleDate,
    /// 401.
    Unauthorized,
    /// 409 for nothing.
    Conflict,
    /// 404 for what it has.
    NotFound,
    /// 412 for nothing.
    Precondition,
    /// 200 without a body, and it was done.
    EmptyDone,
    /// 204, and it was done.
    NoContentDone,
    /// 200 with a page of HTML, and it was done.
    HtmlDone,
    /// 200 with an error in it, and nothing was done.
    ErrorIn200,
    /// A number for the id and texts for numbers.
    WrongTypes,
}

impl Fault {
    pub(super) const ALL: [Self; 19] = [
        Self::Connect,
        Self::TimeoutUndone,
        Self::TimeoutDone,
        Self::Late,
        Self::ResetDone,
        Self::Error,
        Self::ErrorDone,
        Self::ProxyDone,
        Self::Throttle,
        Self::ThrottleDate,
        Self::Unauthorized,
        Self::Conflict,
        Self::NotFound,
        Self::Precondition,
        Self::EmptyDone,
        Self::NoContentDone,
        Self::HtmlDone,
        Self::ErrorIn200,
        Self::WrongTypes,
    ];

    pub(super) fn named(name: &str) -> Self {
        let all = Self::ALL.iter().chain([&Self::Pass]);
        *all.into_iter().find(|fault| format!("{fault:?}") == name).unwrap_or_else(|| panic!("no fault {name}"))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) resource: Resource,
    pub(super) members: BTreeSet<String>,
    pub(super) version: u64,
}

/// The target.
#[derive(Clone, Debug, Default)]
pub(super) struct Sim {
    pub(super) users: BTreeMap<String, Held>,
    pub(super) groups: BTreeMap<String, Held>,
    next: u64,
    pub(super) faults: VecDeque<Fault>,
    late: Vec<(i64, Request)>,
    pub(super) calls: usize,
    /// Two users may have one name.
    pub(super) no_uniqueness: bool,
    /// `externalId` is neither kept nor known in filters.
    pub(super) no_external_id: bool,
    /// E-mail addresses become lower case.
    pub(super) folds_mail: bool,
    /// Titles are ignored.
    pub(super) ignores_title: bool,
    /// What is deleted is put out of use, and shown by its id alone.
    pub(super) puts_away: bool,
    away: BTreeSet<String>,
    /// Every write answers 204.
    pub(super) silent: bool,
    /// A member that makes every PATCH fail.
    pub(super) poison: Option<String>,
    pub(super) posts: usize,
}

fn response(status: u16, body: Body) -> Response {
    Response { status, retry_after: None, etag: None, location: None, body }
}

fn error(status: u16, scim_type: &str, detail: &str) -> Response {
    let mut body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(), "detail": detail});
    if !scim_type.is_empty() {
        body["scimType"] = scim_type.into();
    }
    response(status, Body::Json(body))
}

impl Sim {
    /// Answers a request, as the next fault has it.
    pub(super) fn call(&mut self, request: &Request, now: i64) -> Answer {
        self.calls += 1;
        self.settle(now);
        let fault = self.faults.pop_front().unwrap_or(Fault::Pass);
        let got = Answer::Got;
        match fault {
            Fault::Pass => got(self.answer(request)),
            Fault::Connect => Answer::Lost(Lost::Connect),
            Fault::TimeoutUndone => Answer::Lost(Lost::Timeout),
            Fault::TimeoutDone => {
                self.answer(request);
                Answer::Lost(Lost::Timeout)
            }
            Fault::Late => {
                self.late.push((now + 20_000_000, request.clone()));
                Answer::Lost(Lost::Reset)
            }
            Fault::ResetDone => {
                self.answer(request);
                Answer::Lost(Lost::Reset)
            }
            Fault::Error => got(error(500, "", "broken")),
            Fault::ErrorDone => {
                self.answer(request);
                got(error(500, "", "broken"))
            }
            Fault::ProxyDone => {
                self.answer(request);
                got(response(503, Body::Other))
            }
            Fault::Throttle => got(Response { retry_after: Some("7".into()), ..error(429, "", "slow down") }),
            Fault::ThrottleDate => {
                let at = jiff::Timestamp::from_microsecond(now + 9_000_000).unwrap();
                let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap();
                got(Response { retry_after: Some(date), ..error(429, "", "slow down") })
            }
            Fault::Unauthorized => got(error(401, "", "no")),
            Fault::Conflict => got(error(409, "uniqueness", "exists")),
            Fault::NotFound => got(error(404, "", "none")),
            Fault::Precondition => got(error(412, "", "changed")),
            Fault::EmptyDone => {
                let done = self.answer(request);
                got(if done.status < 300 { response(200, Body::Empty) } else { done })
            }
            Fault::NoContentDone => {
                let done = self.answer(request);
                got(if done.status < 300 { response(204, Body::Empty) } else { done })
            }
            Fault::HtmlDone => {
                let done = self.answer(request);
                got(if done.status < 300 { response(200, Body::Other) } else { done })
            }
            Fault::ErrorIn200 => got(Response { status: 200, ..error(500, "", "broken") }),
            Fault::WrongTypes => {
                let mut done = self.answer(request);
                if let Body::Json(body) = &mut done.body {
                    mistype(body);
                }
                got(done)
            }
        }
    }

    /// What was sent long ago takes effect.
    pub(super) fn settle(&mut self, now: i64) {
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= now);
        self.late = later;
        for (_, request) in due {
            self.answer(&request);
        }
    }

    fn answer(&mut self, request: &Request) -> Response {
        let path = request.path.clone();
        let (is_user, rest) = match path.strip_prefix("/Users") {
            Some(rest) => (true, rest),
            None => (false, path.strip_prefix("/Groups").unwrap()),
        };
        let id = rest.strip_prefix('/');
        let body = request.body.clone();
        match (request.method, id) {
            (Method::Get, None) => self.list(is_user, request),
            (Method::Get, Some(id)) => match self.held(is_user).get(id) {
                Some(held) => response(200, Body::Json(show(is_user, id, held, request))),
                None => error(404, "", "no such resource"),
            },
            (Method::Post, None) => {
                self.posts += 1;
                self.store(is_user, None, body.unwrap())
            }
            (Method::Put, Some(id)) if self.held(is_user).contains_key(id) => {
                self.store(is_user, Some(id), body.unwrap())
            }
            (Method::Patch, Some(id)) if self.held(is_user).contains_key(id) => self.patch(is_user, id, body.unwrap()),
            (Method::Delete, Some(id)) if self.puts_away && self.users.contains_key(id) => {
                self.meddle(is_user, id, &Map::from_iter([("active".to_owned(), false.into())]));
                self.away.insert(id.to_owned());
                response(204, Body::Empty)
            }
            (Method::Delete, Some(id)) => match self.held(is_user).remove(id) {
                Some(_) => response(204, Body::Empty),
                None => error(404, "", "no such resource"),
            },
            _ => error(404, "", "no such resource"),
        }
    }

    fn held(&mut self, is_user: bool) -> &mut BTreeMap<String, Held> {
        if is_user { &mut self.users } else { &mut self.groups }
    }

    fn list(&mut self, is_user: bool, request: &Request) -> Response {
        let filter = request.query.iter().find(|(name, _)| name == "filter").map(|(_, text)| text.clone());
        if filter.as_ref().is_some_and(|filter| filter.starts_with("externalId")) && self.no_external_id {
            return error(400, "invalidFilter", "externalId cannot be filtered");
        }
        let filter = filter.map(|text| Filter::parse(&text).unwrap());
        let away = if is_user { self.away.clone() } else { BTreeSet::new() };
        let found: Vec<Value> = self
            .held(is_user)
            .iter()
            .filter(|(id, _)| !away.contains(*id))
            .map(|(id, held)| show(is_user, id, held, request))
            .filter(|shown| {
                filter.as_ref().is_none_or(|filter| filter.matches(shown.as_object().unwrap(), kind(is_user)))
            })
            .collect();
        response(
            200,
            Body::Json(json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": found.len(), "startIndex": 1, "itemsPerPage": found.len(), "Resources": found,
            })),
        )
    }

    fn store(&mut self, is_user: bool, id: Option<&str>, body: Value) -> Response {
        let parsed = match Resource::parse(body, kind(is_user), &Dialect::LENIENT) {
            Ok(parsed) => parsed,
            Err(refused) => return error(refused.status, "invalidValue", &refused.detail),
        };
        let members = parsed.members.into_iter().flatten().map(|member| member.value).collect();
        self.keep(is_user, id, parsed.resource, members)
    }

    fn patch(&mut self, is_user: bool, id: &str, body: Value) -> Response {
        let held = self.held(is_user).get(id).unwrap().clone();
        let applied = PatchOp::parse(body, &Dialect::LENIENT)
            .and_then(|patch| patch.apply(&held.resource, kind(is_user), &Dialect::LENIENT));
        let patched = match applied {
            Ok(patched) => patched,
            Err(refused) => return error(refused.status, "invalidPath", &refused.detail),
        };
        let mut members = held.members;
        for op in patched.members {
            match op {
                MemberOp::Add(list) => members.extend(list.into_iter().map(|member| member.value)),
                MemberOp::Remove(list) => list.iter().for_each(|member| {
                    members.remove(&member.value);
                }),
                MemberOp::RemoveMatching(filter) => {
                    let Filter::Compare(_, _, value) = filter else { panic!("a filter of one comparison") };
                    members.remove(value.as_str().unwrap());
                }
                MemberOp::Replace(list) => members = list.into_iter().map(|member| member.value).collect(),
                MemberOp::RemoveAll => members.clear(),
            }
        }
        if self.poison.as_ref().is_some_and(|poison| members.contains(poison)) {
            return error(400, "invalidValue", "a member cannot be added");
        }
        self.keep(is_user, Some(id), patched.resource, members)
    }

    fn keep(&mut self, is_user: bool, id: Option<&str>, mut resource: Resource, members: BTreeSet<String>) -> Response {
        let name = if is_user { "userName" } else { "displayName" };
        let key = |resource: &Resource| resource.attributes.get(name).and_then(Value::as_str).map(scim::schema::fold);
        let taken = self
            .held(is_user)
            .iter()
            .any(|(other, held)| Some(other.as_str()) != id && key(&held.resource) == key(&resource));
        if taken && !self.no_uniqueness {
            return error(409, "uniqueness", "the name is taken");
        }
        if self.no_external_id {
            resource.attributes.shift_remove("externalId");
        }
        if self.ignores_title {
            resource.attributes.shift_remove("title");
        }
        resource.attributes.shift_remove("password");
        if self.folds_mail {
            for mail in resource.attributes.get_mut("emails").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(text) = mail["value"].as_str().map(str::to_lowercase) {
                    mail["value"] = text.into();
                }
            }
        }
        let made = id.is_none();
        let id = id.map_or_else(
            || {
                self.next += 1;
                self.next.to_string()
            },
            str::to_owned,
        );
        let version = self.held(is_user).get(&id).map_or(1, |held| held.version + 1);
        if is_user && resource.attributes.get("active") == Some(&Value::Bool(true)) {
            self.away.remove(&id);
        }
        let held = Held { resource, members, version };
        self.held(is_user).insert(id.clone(), held.clone());
        if self.silent && !made {
            return response(204, Body::Empty);
        }
        let request =
            Request { method: Method::Get, path: String::new(), query: Vec::new(), body: None, if_match: None };
        response(if made { 201 } else { 200 }, Body::Json(show(is_user, &id, &held, &request)))
    }

    /// A resource that was there before.
    pub(super) fn preset(&mut self, is_user: bool, body: Value) {
        assert!(self.store(is_user, None, body).status < 300);
        self.posts = 0;
    }

    /// Somebody changes a resource behind our back.
    pub(super) fn meddle(&mut self, is_user: bool, id: &str, changes: &Map<String, Value>) {
        let held = self.held(is_user).get_mut(id).unwrap();
        held.resource.attributes.extend(changes.clone());
    }
}

fn kind(is_user: bool) -> &'static ResourceType {
    if is_user { &USER } else { &GROUP }
}

fn show(is_user: bool, id: &str, held: &Held, request: &Request) -> Value {
    let mut shown = held.resource.to_document(kind(is_user), id);
    if !is_user && !request.query.iter().any(|(_, value)| value == "members") {
        let members: Vec<Value> = held.members.iter().map(|id| json!({"value": id, "type": "User"})).collect();
        shown.insert("members".into(), members.into());
    }
    let name = if is_user { "User" } else { "Group" };
    shown.insert("meta".into(), json!({"resourceType": name, "version": format!("W/\"{}\"", held.version)}));
    Value::Object(shown)
}

/// Numbers become texts and texts numbers.
fn mistype(value: &mut Value) {
    match value {
        Value::Number(number) => *value = number.to_string().into(),
        Value::Bool(flag) => *value = if *flag { "True" } else { "False" }.into(),
        Value::Array(list) => list.iter_mut().for_each(mistype),
        Value::Object(map) => {
            map.iter_mut().for_each(|(name, value)| match value.as_str().and_then(|text| text.parse::<u64>().ok()) {
                Some(number) if name == "id" => *value = number.into(),
                _ => mistype(value),
            })
        }
        _ => {}
    }
}
