//! Questions about groups. They look at groups of any source.

use super::{Call, Function, MANY, as_list, as_text, function, regex};
use crate::expression::Error;
use crate::expression::facts::{Membership, Person};
use crate::expression::tree::At;
use serde_json::{Value, json};

pub(super) const TABLE: &[Function] = &[
    function("isMemberOfGroup", 1, 1, |call| any(call, |group, wanted| group.id == wanted)),
    function("isMemberOfAnyGroup", 1, MANY, |call| any(call, |group, wanted| group.id == wanted)),
    function("isMemberOfGroupName", 1, 1, |call| any(call, |group, wanted| group.name == wanted)),
    function("isMemberOfGroupNameStartsWith", 1, 1, |call| any(call, |group, start| group.name.starts_with(start))),
    function("isMemberOfGroupNameContains", 1, 1, |call| any(call, |group, part| group.name.contains(part))),
    function("isMemberOfGroupNameRegex", 1, 1, |call| {
        let pattern = regex(call.at, &call.text_or_empty(0)?)?;
        Ok(call.facts.user.groups.iter().any(|group| pattern.is_match(&group.name)).into())
    }),
    function("getFilteredGroups", 2, 3, filtered),
    function("Groups.contains", 2, 3, |call| claims(call, |name, part| name.contains(part))),
    function("Groups.startsWith", 2, 3, |call| claims(call, |name, part| name.starts_with(part))),
    function("Groups.endsWith", 2, 3, |call| claims(call, |name, part| name.ends_with(part))),
];

fn any(call: &mut Call<'_>, fits: impl Fn(&Membership, &str) -> bool) -> Result<Value, Error> {
    let wanted: Vec<String> = call.arguments.iter().flat_map(one_or_list).collect();
    let groups = &call.facts.user.groups;
    Ok(groups.iter().any(|group| wanted.iter().any(|wanted| fits(group, wanted))).into())
}

/// A text is one value here: a group's name may hold a comma.
fn one_or_list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(as_text).collect(),
        other => as_text(other).into_iter().collect(),
    }
}

fn limit(call: &Call<'_>, index: usize) -> Result<usize, Error> {
    if call.arguments.len() <= index {
        return Ok(usize::MAX);
    }
    Ok(usize::try_from(call.whole(index)?).unwrap_or(0))
}

/// Those of the listed groups that the person is in, as `group.name` or `group.id`.
fn filtered(call: &mut Call<'_>) -> Result<Value, Error> {
    let ids: Vec<String> = as_list(call.argument(0)).iter().filter_map(as_text).collect();
    let shown = call.text_or_empty(1)?;
    let limit = limit(call, 2)?;
    let groups = call.facts.user.groups.iter().filter(|group| ids.contains(&group.id)).take(limit);
    let shown = match shown.as_str() {
        "group.id" => groups.map(|group| Value::from(group.id.as_str())).collect(),
        "group.name" | "group.profile.name" => groups.map(|group| Value::from(group.name.as_str())).collect(),
        _ => return Err(call.error("the second argument is \"group.name\" or \"group.id\"")),
    };
    Ok(shown)
}

fn claims(call: &mut Call<'_>, fits: impl Fn(&str, &str) -> bool) -> Result<Value, Error> {
    let (source, part) = (call.text_or_empty(0)?, call.text_or_empty(1)?);
    let limit = limit(call, 2)?;
    let okta = source.eq_ignore_ascii_case("OKTA");
    let groups = call.facts.user.groups.iter();
    let of_source = groups.filter(|group| if okta { group.kind != "APP_GROUP" } else { group.source == source });
    let named = of_source.map(|group| group.name.as_str()).filter(|name| fits(name, &part));
    Ok(named.take(limit).map(Value::from).collect())
}

/// `user.getGroups({…}, …)`: a group fits if it fits every map; of a list in a map, one is enough.
pub(in crate::expression) fn select(at: At, person: &Person, maps: &[Value]) -> Result<Value, Error> {
    let mut found = Vec::new();
    for group in &person.groups {
        let mut fits = true;
        for map in maps {
            fits = fits && selects(at, group, map)?;
        }
        if fits {
            found.push(json!({
                "id": group.id, "name": group.name, "type": group.kind,
                "source": {"id": group.source}, "profile": {"name": group.name},
            }));
        }
    }
    Ok(found.into())
}

fn selects(at: At, group: &Membership, map: &Value) -> Result<bool, Error> {
    // A text by itself is the start of a name.
    let Some(map) = map.as_object() else {
        return Ok(one_or_list(map).iter().any(|start| group.name.starts_with(start)));
    };
    let operator = map.get("operator").and_then(Value::as_str).unwrap_or("STARTS_WITH");
    for (key, wanted) in map.iter().filter(|(key, _)| *key != "operator") {
        let wanted = one_or_list(wanted);
        let has = |value: &str| wanted.iter().any(|wanted| wanted == value);
        let fits = match (key.as_str(), operator.to_ascii_uppercase().as_str()) {
            ("group.id", _) => has(&group.id),
            ("group.type", _) => has(&group.kind),
            ("group.source.id", _) => has(&group.source),
            ("group.profile.name", "EXACT") => has(&group.name),
            ("group.profile.name", "STARTS_WITH") => wanted.iter().any(|start| group.name.starts_with(start)),
            ("group.profile.name", "CONTAINS") => wanted.iter().any(|part| group.name.contains(part)),
            ("group.profile.name", _) => return Err(Error::new(at, "operator is EXACT, STARTS_WITH or CONTAINS")),
            _ => {
                return Err(Error::new(
                    at,
                    "groups are selected by group.id, group.type, group.source.id or group.profile.name",
                ));
            }
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}
