//! From an action to the request that does it, in the forms of the target's profile.
//!
//! Key order and compactness are part of it: the captures of `okta-*` are reproduced to the byte.

use crate::app::App;
use crate::link::{Kind, Link};
use crate::mapping::Valued;
use crate::plan::{ACTIVE, Action, Change, Lookup, Member, Members, Resource, Rules, Update, user_update};
use crate::profile::Apply;
use crate::target::{GroupUpdate, LookupBy, Removal, Target, Template, Update as How};
use scim::schema::{GROUP, USER};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The schema of a PATCH body.
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Make.
    Post,
    /// Replace.
    Put,
    /// Change.
    Patch,
    /// Delete.
    Delete,
}

impl Method {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request, without its address, credentials and transport.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Behind the base URL, segments percent-encoded.
    pub path: String,
    /// The query, not encoded.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Option<Value>,
    /// `If-Match`.
    pub if_match: Option<String>,
}

impl Request {
    fn new(method: Method, path: String) -> Self {
        Self { method, path, query: Vec::new(), body: None, if_match: None }
    }

    fn with(self, name: &str, value: impl Into<String>) -> Self {
        let mut query = self.query;
        query.push((name.to_owned(), value.into()));
        Self { query, ..self }
    }

    /// Only what was changed since that instant.
    #[must_use]
    pub fn changed_since(self, since: i64) -> Self {
        self.with("filter", format!("meta.lastModified gt \"{}\"", scim::meta::rfc3339(since)))
    }

    /// Path and query as they stand in the request line; a space is `%20`.
    pub fn target(&self) -> String {
        let pairs: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        if pairs.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, pairs.join("&")) }
    }

    /// The body as it goes out: compact.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.body.as_ref().map(|body| body.to_string().into_bytes())
    }

    /// The headers that belong to the form of the request, in Okta's order.
    pub fn headers(&self, target: &Target, product: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Accept", target.media_type.clone()), ("Accept-Charset", "utf-8".to_owned())];
        if self.body.is_some() {
            headers.push(("Content-Type", format!("{}; charset=utf-8", target.media_type)));
        }
        let agent =
            if target.user_agent.is_empty() { format!("{product} SCIM Client") } else { target.user_agent.clone() };
        headers.push(("User-Agent", agent));
        headers.extend(self.if_match.iter().map(|etag| ("If-Match", etag.clone())));
        headers
    }
}

/// Everything but unreserved characters is encoded (RFC 3986 §2.3).
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The request for an action, if it is one that sends. `nonce` makes the throw-away password of a new
/// user; it has to be unpredictable.
pub fn request(action: &Action, link: &Link, rules: &Rules<'_>, nonce: u64) -> Option<Request> {
    let one = |id: &str| format!("{}/{}", rules.kind.endpoint(), encode(id));
    match action {
        Action::Probe(Lookup::Id(id)) => Some(read(Request::new(Method::Get, one(id)), rules)),
        Action::Probe(Lookup::Filter { field, value }) => {
            let filter = format!("{field} eq {}", Value::from(value.as_str()));
            let get = Request::new(Method::Get, rules.kind.endpoint().to_owned());
            Some(read(get.with("filter", filter).with("startIndex", "1").with("count", "100"), rules))
        }
        Action::Create(want) => {
            let body = match rules.kind {
                Kind::User => new_user(want, rules.target, nonce),
                Kind::Group => new_group(want, rules.target),
            };
            Some(Request { body: Some(body), ..Request::new(Method::Post, rules.kind.endpoint().to_owned()) })
        }
        Action::Update(update) | Action::Deactivate(update) => {
            let how = match rules.kind {
                Kind::User => user_update(&update.changes, rules.target),
                Kind::Group => match rules.target.group_update {
                    GroupUpdate::Put => How::MergedPut,
                    GroupUpdate::Patch => How::PathPatch,
                },
            };
            let (method, body) = match (how, rules.kind) {
                (How::MergedPut, Kind::User) => (Method::Put, merged(update, link)),
                (How::MergedPut, Kind::Group) => (Method::Put, whole_group(update, link, rules.target)),
                (How::PathlessPatch, _) => (Method::Patch, pathless(&update.changes, link, rules.target)),
                (How::PathPatch, Kind::User) => (Method::Patch, by_path(&update.changes, link, rules.target)),
                (How::PathPatch, Kind::Group) => (Method::Patch, group_patch(update, link, rules.target)),
            };
            // Okta sends no If-Match, whatever the target offers.
            let if_match = link.etag.clone().filter(|_| rules.target.user_template == Template::Rfc);
            Some(Request { body: Some(body), if_match, ..Request::new(method, one(&update.id)) })
        }
        Action::Delete { id } => Some(Request::new(Method::Delete, one(id))),
        Action::Nothing | Action::Adopt { .. } | Action::Wait { .. } | Action::Hold { .. } | Action::Park(_) => None,
    }
}

/// A large group is not read with its members unless a PUT needs them.
fn read(request: Request, rules: &Rules<'_>) -> Request {
    let members = rules.kind == Kind::Group && rules.target.group_update == GroupUpdate::Patch;
    if members && rules.target.user_template == Template::Rfc {
        request.with("excludedAttributes", "members")
    } else {
        request
    }
}

/// The values of a new resource, with the URNs that they are under.
fn values(want: &Resource, core: &str, target: &Target) -> (Vec<String>, Map<String, Value>) {
    let (mut schemas, mut body) = (vec![core.to_owned()], Map::new());
    for Valued { place, value, apply, .. } in &want.values {
        let Some(value) = value.as_ref().filter(|_| *apply != Apply::Never) else { continue };
        place.write(&mut body, value.clone());
        if let Some(urn) = &place.namespace
            && !schemas.contains(urn)
        {
            schemas.push(urn.clone());
        }
    }
    for name in &target.single_valued {
        if let Some(list) = body.get_mut(name).and_then(Value::as_array_mut) {
            list.truncate(1);
        }
    }
    (schemas, body)
}

fn new_user(want: &Resource, target: &Target, nonce: u64) -> Value {
    let (schemas, mut values) = values(want, USER, target);
    let mut body = Map::new();
    body.insert("schemas".into(), json!(schemas));
    let is_okta = target.user_template == Template::Okta;
    if !is_okta {
        body.insert("externalId".into(), want.external_id.as_str().into());
    }
    if let Some(name) = values.shift_remove("userName") {
        body.insert("userName".into(), name);
    }
    // A mapped `active` would fight with the standing of the account.
    values.shift_remove(ACTIVE);
    body.append(&mut values);
    if is_okta {
        body.insert("externalId".into(), want.external_id.as_str().into());
        body.entry("groups").or_insert_with(|| json!([]));
        body.entry("password").or_insert_with(|| password(nonce).into());
    }
    body.insert(ACTIVE.into(), true.into());
    Value::Object(body)
}

/// Eight characters without look-alikes, as Okta fills the field.
fn password(nonce: u64) -> String {
    const LETTERS: &[u8; 56] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ2345678";
    let mut rest = nonce;
    let letters = (0..8).map(|_| {
        let index = usize::try_from(rest % 56).unwrap_or(0);
        rest /= 56;
        char::from(LETTERS.get(index).copied().unwrap_or(b'x'))
    });
    letters.collect()
}

fn member(member: &Member, target: &Target) -> Value {
    if target.member_display && !member.display.is_empty() {
        json!({"value": member.id, "display": member.display})
    } else {
        json!({"value": member.id})
    }
}

fn new_group(want: &Resource, target: &Target) -> Value {
    let (schemas, mut values) = values(want, GROUP, target);
    let mut body = Map::new();
    body.insert("schemas".into(), json!(schemas));
    if target.user_template == Template::Rfc {
        body.insert("externalId".into(), want.external_id.as_str().into());
    }
    body.append(&mut values);
    // Members follow in bites that the target can chew, unless it takes only whole groups.
    let all = want.members.as_ref().and_then(|members| members.all.as_ref());
    let all = all.filter(|_| target.group_update == GroupUpdate::Put);
    let members: Vec<Value> = all.into_iter().flatten().map(|one| member(one, target)).collect();
    body.insert("members".into(), members.into());
    Value::Object(body)
}

/// What the target answered to GET, with the values laid over it.
fn merged(update: &Update, link: &Link) -> Value {
    let mut body = link.document.clone().unwrap_or_default();
    for change in &update.overlay {
        match &change.value {
            Some(value) => change.place.write(&mut body, value.clone()),
            None => change.place.clear(&mut body),
        }
    }
    if !body.contains_key("externalId") {
        body.insert("externalId".into(), link.external_id.as_str().into());
    }
    let urns = update
        .overlay
        .iter()
        .filter(|change| change.value.is_some())
        .filter_map(|change| change.place.namespace.as_ref());
    if let Some(schemas) = body.get_mut("schemas").and_then(Value::as_array_mut) {
        for urn in urns {
            let known = schemas.iter().any(|known| known.as_str().is_some_and(|known| known.eq_ignore_ascii_case(urn)));
            if !known {
                schemas.push(urn.as_str().into());
            }
        }
    }
    Value::Object(body)
}

fn whole_group(update: &Update, link: &Link, target: &Target) -> Value {
    let all = update.members.as_ref().and_then(|members| members.all.as_ref());
    let members: Option<Value> = all.map(|all| all.iter().map(|one| member(one, target)).collect());
    if target.user_template == Template::Rfc {
        let mut body = merged(update, link);
        if let (Some(map), Some(members)) = (body.as_object_mut(), members) {
            map.insert("members".into(), members);
        }
        return body;
    }
    let shown = link.document.as_ref().and_then(|document| document.get("members")).cloned();
    let mut body = json!({"schemas": [GROUP], "id": update.id});
    for change in &update.overlay {
        if let (Some(map), Some(value)) = (body.as_object_mut(), &change.value) {
            change.place.write(map, value.clone());
        }
    }
    if let Some(map) = body.as_object_mut() {
        map.insert("members".into(), members.or(shown).unwrap_or_else(|| json!([])));
    }
    body
}

fn op(word: &str, target: &Target) -> Value {
    let word = if target.title_case_ops {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    } else {
        word.to_owned()
    };
    Value::String(word)
}

fn patch(operations: Vec<Value>) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

fn written(value: &Value, target: &Target) -> Value {
    match value {
        Value::Bool(flag) if target.boolean_text => Value::from(if *flag { "True" } else { "False" }),
        other => other.clone(),
    }
}

/// Servers replace what they are given here, so a part of a list or an object takes the rest of it along.
fn pathless(changes: &[Change], link: &Link, target: &Target) -> Value {
    let document = link.document.clone().unwrap_or_default();
    let mut values = Map::new();
    let mut operations = Vec::new();
    for change in changes {
        let Some(value) = &change.value else {
            operations.push(json!({"op": op("remove", target), "path": change.place.path()}));
            continue;
        };
        let holder = change.place.namespace.as_deref().unwrap_or(change.place.attribute());
        let known = document.get(holder).filter(|known| known.is_array() || known.is_object());
        if let Some(known) = known.filter(|_| change.place.is_part() && !values.contains_key(holder)) {
            values.insert(holder.to_owned(), known.clone());
        }
        change.place.write(&mut values, written(value, target));
    }
    if !values.is_empty() {
        operations.insert(0, json!({"op": op("replace", target), "value": values}));
    }
    patch(operations)
}

fn by_path(changes: &[Change], link: &Link, target: &Target) -> Value {
    let document = link.document.clone().unwrap_or_default();
    // Several values of one missing element have to become one element.
    let mut fresh: Vec<(String, Map<String, Value>)> = Vec::new();
    let mut operations = Vec::new();
    for change in changes {
        let path = change.place.path();
        let Some(value) = &change.value else {
            operations.push(json!({"op": op("remove", target), "path": path}));
            continue;
        };
        let value = written(value, target);
        match change.place.as_new_element(&value) {
            Some((list, _)) if !change.place.has_element(&document) => {
                let at = fresh.iter().position(|(known, _)| *known == list);
                let at = at.unwrap_or_else(|| {
                    fresh.push((list, Map::new()));
                    fresh.len() - 1
                });
                if let Some((_, holder)) = fresh.get_mut(at) {
                    change.place.write(holder, value);
                }
            }
            _ => operations.push(json!({"op": op("replace", target), "path": path, "value": value})),
        }
    }
    for (list, holder) in fresh {
        let name = list.rsplit(':').next().unwrap_or_default();
        let inside = holder.values().find_map(|value| value.get(name));
        if let Some(elements) = holder.get(name).or(inside) {
            operations.push(json!({"op": op("add", target), "path": list, "value": elements}));
        }
    }
    patch(operations)
}

/// The change of members that goes out with an action.
pub fn members(action: &Action, link: &Link, target: &Target) -> Option<Members> {
    let whole = target.group_update == GroupUpdate::Put;
    match action {
        Action::Create(want) => want.members.clone().filter(|members| whole && members.all.is_some()),
        Action::Update(update) if whole => update.members.clone(),
        Action::Update(update) => update.members.as_ref().map(|members| chunk(members, link, target)),
        _ => None,
    }
}

/// The part of a change of members that goes out with the next request.
pub fn chunk(members: &Members, link: &Link, target: &Target) -> Members {
    let most = link.chunk.unwrap_or(target.members_chunk).max(1);
    let remove: Vec<Member> = members.remove.iter().take(most).cloned().collect();
    let add: Vec<Member> = members.add.iter().take(most - remove.len()).cloned().collect();
    Members { add, remove, before: members.before, all: None }
}

fn group_patch(update: &Update, link: &Link, target: &Target) -> Value {
    let mut operations = Vec::new();
    let is_okta = target.user_template == Template::Okta;
    if is_okta {
        let mut value = Map::from_iter([("id".to_owned(), Value::from(update.id.as_str()))]);
        for change in &update.changes {
            if let Some(new) = &change.value {
                change.place.write(&mut value, new.clone());
            }
        }
        if target.rename_always
            && let Some(name) = &update.name
        {
            value.entry("displayName").or_insert_with(|| name.as_str().into());
        }
        if value.len() > 1 {
            operations.push(json!({"op": "replace", "value": value}));
        }
    } else if let Some(list) =
        by_path(&update.changes, link, target).get_mut("Operations").and_then(Value::as_array_mut)
    {
        operations.append(list);
    }
    let Some(members) = &update.members else { return patch(operations) };
    let part = chunk(members, link, target);
    match target.member_removal {
        _ if part.remove.is_empty() => {}
        Removal::Filter => operations.extend(part.remove.iter().map(|gone| {
            json!({"op": op("remove", target), "path": format!("members[value eq {}]", Value::from(gone.id.as_str()))})
        })),
        Removal::Values => {
            let gone: Vec<Value> = part.remove.iter().map(|gone| json!({"value": gone.id})).collect();
            operations.push(json!({"op": op("remove", target), "path": "members", "value": gone}));
        }
    }
    if !part.add.is_empty() {
        let come: Vec<Value> = part.add.iter().map(|one| member(one, target)).collect();
        operations.push(json!({"op": op("add", target), "path": "members", "value": come}));
    }
    patch(operations)
}

/// A page of a list, for import and reconciliation. `start` counts from 1.
pub fn list(kind: Kind, start: u64, target: &Target) -> Request {
    Request::new(Method::Get, kind.endpoint().to_owned())
        .with("startIndex", start.to_string())
        .with("count", target.page_size.to_string())
}

/// The next page by cursor (RFC 9865); an empty cursor asks for the first one.
pub fn list_after(kind: Kind, cursor: &str, target: &Target) -> Request {
    Request::new(Method::Get, kind.endpoint().to_owned())
        .with("cursor", cursor)
        .with("count", target.page_size.to_string())
}

/// What *Test Connector Configuration* asks, one after the other, each with what it is about; people first. `nobody` is a value
/// that no account has.
pub fn test_connection(app: &App, nobody: &str) -> Vec<(&'static str, Request)> {
    let get = |path: &str| Request::new(Method::Get, path.to_owned());
    let list = |path: &str, count: &str| get(path).with("startIndex", "1").with("count", count);
    let mut steps = vec![("users", list("/Users", "2"))];
    if app.target.lookups.contains(&LookupBy::Unique) {
        let filter = format!("{} eq {}", app.unique_field(), Value::from(nobody));
        steps.push(("filter", get("/Users").with("filter", filter).with("startIndex", "1").with("count", "100")));
    }
    if app.target.user_template == Template::Rfc {
        steps.push(("serviceProviderConfig", get("/ServiceProviderConfig")));
        steps.push(("schemas", get("/Schemas")));
    }
    let actions = &app.policy.actions;
    if actions.import_groups || actions.push_groups {
        steps.push(("groups", list("/Groups", "100")));
    }
    steps
}
