//! Runs the stories of one file.

use super::checks::check;
use crate::client::{Answer, Request};
use crate::harness::{Server, Tenant, encode, lay_over};
use serde_json::{Map, Value};
use std::time::{Duration, UNIX_EPOCH};

type Variables = Map<String, Value>;

/// Tries for an exchange that has to be fast: the machine may be busy with other tests.
const FAST_TRIES: usize = 5;

/// Each story in a fresh tenant.
pub(crate) fn replay(file: &str, text: &str) {
    replay_in(&|| Server::shared().tenant(), file, text);
}

/// Each story in the tenant that is given.
pub(crate) fn replay_in<'s>(tenant: &dyn Fn() -> Tenant<'s>, file: &str, text: &str) {
    let mut headers = Value::Null;
    let mut story: Option<Story<'s>> = None;
    for (number, line) in text.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}:{}: {error}", number + 1));
        if line.get("headers").is_some_and(Value::is_object) {
            headers = line["headers"].clone();
        } else if let Some(name) = line["story"].as_str() {
            let place = format!("{file} story {name}");
            story = Some(Story::begin(place, tenant(), headers.clone(), line["variables"].as_object()));
        } else {
            let story = story.as_mut().unwrap_or_else(|| panic!("{file}:{}: no story has begun", number + 1));
            story.line = number + 1;
            story.play(&line);
        }
    }
}

struct Story<'s> {
    place: String,
    line: usize,
    headers: Value,
    variables: Variables,
    tenant: Tenant<'s>,
}

impl<'s> Story<'s> {
    fn begin(place: String, tenant: Tenant<'s>, headers: Value, given: Option<&Variables>) -> Self {
        let mut variables = given.cloned().unwrap_or_default();
        variables.entry("token").or_insert_with(|| tenant.token.clone().into());
        variables.insert("host".into(), tenant.server.address.to_string().into());
        Self { place, line: 0, headers, variables, tenant }
    }

    fn play(&mut self, line: &Value) {
        for n in 1..=line["repeat"].as_u64().unwrap_or(1) {
            self.variables.insert("n".into(), n.to_string().into());
            if let Some(call) = line["admin"].as_str() {
                self.admin(call, line);
            } else {
                self.exchange(line);
            }
        }
    }

    fn admin(&mut self, call: &str, line: &Value) {
        let (method, path) = call.split_once(' ').expect("method and path");
        let body = filled(&line["body"], &self.variables);
        let answer = self.tenant.admin(method, &path.replace("{{", "").replace("}}", ""), body);
        assert!(answer.status < 300, "{}: {call} gave {} {}", self.at(), answer.status, answer.text());
    }

    fn exchange(&mut self, line: &Value) {
        let request = self.request(line);
        let limit = line["faster_than_ms"].as_u64().map(Duration::from_millis);
        let mut answer = self.tenant.send(&request);
        for _ in 1..FAST_TRIES {
            if request.method != "GET" || limit.is_none_or(|limit| answer.took < limit) {
                break;
            }
            answer = self.tenant.send(&request);
        }
        if let (Some(limit), "GET") = (limit, request.method.as_str()) {
            assert!(answer.took < limit, "{}: took {:?}", self.at(), answer.took);
        }
        self.judge(line, &request, &answer);
        let body = if answer.body.is_empty() { Value::Null } else { answer.json() };
        for (name, pointer) in line["capture"].as_object().into_iter().flatten() {
            let pointer = pointer.as_str().expect("a JSON pointer");
            let found = body.pointer(pointer).unwrap_or_else(|| panic!("{}: no {pointer} in {body}", self.at()));
            self.variables.insert(name.clone(), found.clone());
        }
    }

    fn request(&self, line: &Value) -> Request {
        let send = text(line["send"].as_str().expect("a line sends something"), &self.variables);
        let (method, path) = send.split_once(' ').expect("method and path");
        let base = if path.starts_with("{root}") { "" } else { &self.tenant.prefix };
        let mut request = Request::new(method, format!("{base}{}", path.trim_start_matches("{root}")));
        let body = self.body(line);
        let list = line["headers"].as_str().unwrap_or("check");
        let list = self.headers[list].as_array().unwrap_or_else(|| panic!("{}: no headers {list}", self.at()));
        for pair in list {
            let (name, value) = (pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"));
            let value = value.replace("{{len}}", &body.as_ref().map_or(0, String::len).to_string());
            request = request.header(name, text(&value, &self.variables));
        }
        match body {
            Some(body) => request.body(body),
            None => request,
        }
    }

    fn body(&self, line: &Value) -> Option<String> {
        if let Some(over) = line.get("overlay") {
            let mut body = self.variables.get("echo").expect("a GET was captured as echo").clone();
            lay_over(&mut body, filled(over, &self.variables));
            return Some(body.to_string());
        }
        match line.get("body")? {
            Value::String(raw) => Some(text(raw, &self.variables)),
            body => Some(filled(body, &self.variables).to_string()),
        }
    }

    fn judge(&self, line: &Value, request: &Request, answer: &Answer) {
        let shown = || {
            let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
            format!(
                "{}\n{} {}\n{body}\n=> {} {}",
                self.at(),
                request.method,
                request.target,
                answer.status,
                answer.text()
            )
        };
        let allowed = line["status"].as_array().expect("a list of statuses");
        assert!(allowed.contains(&answer.status.into()), "{}\nallowed: {allowed:?}", shown());
        if answer.status == 204 {
            assert!(answer.body.is_empty(), "{}", shown());
        } else {
            answer.check_media_type();
        }
        if answer.status >= 400 {
            answer.clone().expect_error(answer.status);
        }
        let body = if answer.body.is_empty() { Value::Null } else { answer.json() };
        for assertion in line["check"].as_array().into_iter().flatten() {
            let assertion = filled(assertion, &self.variables);
            if let Err(why) = check(&assertion, &body, answer) {
                panic!("{}\n{assertion}: {why}", shown());
            }
        }
    }

    fn at(&self) -> String {
        format!("{} line {}", self.place, self.line)
    }
}

/// A text with its variables in place.
fn text(raw: &str, variables: &Variables) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or_else(|| panic!("unclosed placeholder in {raw}"));
        out.push_str(before);
        out.push_str(&variable(name, variables));
        rest = after;
    }
    out + rest
}

fn variable(name: &str, variables: &Variables) -> String {
    if name == "rand8" {
        let nanos = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
        return format!("{:08x}", nanos % 0xffff_ffff);
    }
    let plain = name.strip_suffix(".enc").filter(|_| !variables.contains_key(name));
    let value = variables.get(plain.unwrap_or(name)).unwrap_or_else(|| panic!("no variable {name}"));
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if plain.is_some() { encode(&value) } else { value }
}

/// A value with its variables in place, names of members included. A text that is nothing but one
/// placeholder becomes the variable's own value.
fn filled(value: &Value, variables: &Variables) -> Value {
    match value {
        Value::String(raw) => {
            let whole = raw.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
            match whole.and_then(|name| variables.get(name)) {
                Some(value) => value.clone(),
                None => text(raw, variables).into(),
            }
        }
        Value::Array(elements) => elements.iter().map(|element| filled(element, variables)).collect(),
        Value::Object(map) => {
            map.iter().map(|(name, value)| (text(name, variables), filled(value, variables))).collect()
        }
        other => other.clone(),
    }
}
