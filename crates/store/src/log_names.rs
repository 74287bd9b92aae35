//! Which attributes a request named, and which it changed.

use crate::log::LogEntry;
use serde_json::{Value, json};

/// The difference of a creation that changed what the answer holds, and nothing else: it is kept once, and read as if it had
/// been written out.
pub const AS_ANSWERED: &str = "=";

/// That difference, by the answer.
pub(crate) fn created(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let mut diff = Vec::new();
    names_in(&answer, &mut |name, value| {
        if !matches!(name, "schemas" | "id" | "meta") {
            diff.push(json!({"attribute": name, "before": null, "after": value}));
        }
    });
    serde_json::to_string(&diff).ok()
}

/// Hands out the attributes that the body of a request names, each with its value: what stands under a URN has it in front,
/// what stands at a path of a PATCH is the attribute that the path begins with, and what a bulk request holds is each of it.
pub fn names_in<'v>(body: &'v Value, note: &mut impl FnMut(&str, &'v Value)) {
    let Some(map) = body.as_object() else { return };
    for (name, value) in map {
        match value {
            Value::Object(parts) if name.starts_with("urn:") => {
                parts.iter().for_each(|(part, value)| note(&format!("{name}:{part}"), value));
            }
            _ => note(name, value),
        }
    }
    for operation in map.get("Operations").and_then(Value::as_array).into_iter().flatten() {
        let value = operation.get("value").unwrap_or(&Value::Null);
        match (operation.get("path").and_then(Value::as_str), operation.get("data")) {
            (_, Some(data)) => names_in(data, note),
            (Some(path), None) => note(attribute_of(path), value),
            (None, None) => names_in(value, note),
        }
    }
}

/// The attribute at the beginning of a path. What a value path compares with may hold any sign.
fn attribute_of(path: &str) -> &str {
    let name = path.split('[').next().unwrap_or(path);
    let behind_urn = name.rfind(':').map_or(0, |colon| colon + 1);
    let dot = name.get(behind_urn..).and_then(|rest| rest.find('.'));
    dot.and_then(|dot| name.get(..behind_urn + dot)).unwrap_or(name)
}

/// Whether one is the other, or its last part where no namespace is said.
fn is_same(have: &str, want: &str) -> bool {
    let have = if matches!(have, "membersAdded" | "membersRemoved") { "members" } else { have };
    let short = have.rsplit(':').next().unwrap_or(have);
    have.eq_ignore_ascii_case(want) || (!want.contains(':') && short.eq_ignore_ascii_case(want))
}

impl LogEntry {
    /// Whether the request changed this attribute or named it.
    pub(crate) fn names(&self, want: &str) -> bool {
        let read = |text: &Option<String>| -> Option<Value> {
            // Most texts do not even hold the word: they need not be taken apart.
            let lower = want.rsplit(':').next().unwrap_or(want).to_ascii_lowercase();
            let text = text.as_deref().filter(|text| text.to_ascii_lowercase().contains(&lower))?;
            serde_json::from_str(text).ok()
        };
        let diff = read(&self.diff).unwrap_or_default();
        let changed = diff.as_array().into_iter().flatten().filter_map(|one| one.get("attribute")?.as_str());
        let mut found = changed.into_iter().any(|have| is_same(have, want));
        if let Some(body) = read(&self.body).filter(|_| !found) {
            names_in(&body, &mut |have, _| found = found || is_same(have, want));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_found_in_bodies_paths_and_differences() {
        let bodies = [
            json!({"userName": "a", "urn:x:2.0:User": {"manager": "b"}}),
            json!({"Operations": [
                {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "x"},
                {"op": "replace", "path": "ims[value eq \"x:a.b\"].display", "value": "x"},
                {"op": "replace", "path": "urn:y:2.0:User:office.floor", "value": "x"},
                {"op": "replace", "path": "urn:y:2.0:User:field", "value": "x"},
                {"op": "replace", "value": {"title": "t"}},
                {"method": "POST", "path": "/Users", "data": {"nickName": "n"}},
            ]}),
        ];
        let mut found = Vec::new();
        bodies.iter().for_each(|body| names_in(body, &mut |name, _| found.push(name.to_owned())));
        let names =
            ["userName", "urn:x:2.0:User:manager", "emails", "ims", "urn:y:2.0:User:office", "urn:y:2.0:User:field"];
        for name in names.into_iter().chain(["title", "nickName"]) {
            assert!(found.iter().any(|have| have == name), "{name}: {found:?}");
        }
        let entry = |body: &Value, diff: &str| LogEntry {
            body: Some(body.to_string()),
            diff: Some(diff.to_owned()),
            ..LogEntry::default()
        };
        let [whole, patch] = &bodies;
        let moved = r#"[{"attribute":"membersAdded","count":1},{"attribute":"urn:z:User:team","after":"x"}]"#;
        for (body, diff, want, due) in [
            (whole, "[]", "manager", true),
            (whole, "[]", "urn:x:2.0:user:manager", true),
            (whole, "[]", "urn:q:2.0:User:manager", false),
            (whole, "[]", "name", false),
            (patch, moved, "members", true),
            (patch, moved, "team", true),
            (patch, moved, "work", false),
        ] {
            assert_eq!(entry(body, diff).names(want), due, "{want}");
        }
    }
}
