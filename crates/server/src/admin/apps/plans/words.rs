//! What a plan does, line by line, for people: the same in the console, over the API and on the command line.
//!
//! What is done begins with its kind: `+` something comes, `-` something goes, `~` something becomes something else.

use super::Step;
use serde_json::{Map, Value};
use store::Principal;

/// Longest text of a value in a line, in bytes.
const VALUE_BYTES_MAX: usize = 160;

/// What is done, and whom it concerns.
#[derive(Debug)]
pub(crate) struct Words {
    /// In the order of the steps.
    pub(crate) done: Vec<String>,
    /// How many people would change, fail, come and go.
    pub(crate) concerns: Vec<String>,
}

impl Words {
    /// Of a difference.
    pub(crate) fn of(steps: &[Step], effect: &Value) -> Self {
        let mut done = Vec::new();
        for step in steps {
            describe(step, &mut done);
        }
        Self { done, concerns: concerns(effect) }
    }

    /// All of them.
    pub(crate) fn all(self) -> Vec<String> {
        self.done.into_iter().chain(self.concerns).collect()
    }
}

fn concerns(effect: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (app, effect) in effect.get("apps").and_then(Value::as_object).into_iter().flatten() {
        let number = |name: &str| effect.get(name).and_then(Value::as_u64).unwrap_or(0);
        let first = if effect.get("more") == Some(&Value::Bool(true)) { "the first " } else { "" };
        let (all, change, fail) = (number("lookedAt"), number("change"), number("fail"));
        lines.push(match all {
            0 => format!("{app}: nobody is there whose values could change."),
            1 => format!("{app}: of 1 person {change} would change and {fail} could not be pushed."),
            _ => format!("{app}: of {first}{all} people {change} would change and {fail} could not be pushed."),
        });
    }
    for scope in effect.get("scope").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| scope.get(name).and_then(Value::as_str).unwrap_or_default();
        let people = scope.get("people").and_then(Value::as_u64).unwrap_or(0);
        let (app, who, come) = (text("app"), text("who"), text("way") == "come");
        let who_moves = match (people, come) {
            (1, true) => "1 person comes".to_owned(),
            (1, false) => "1 person goes".to_owned(),
            (_, true) => format!("{people} people come"),
            (_, false) => format!("{people} people go"),
        };
        lines.push(format!("{app}: {who_moves} with {who}."));
    }
    lines
}

fn describe(step: &Step, lines: &mut Vec<String>) {
    let of = |principal: &Principal| match principal {
        Principal::User => "user",
        Principal::Group => "group",
    };
    match step {
        Step::Create { app } => lines.push(format!("+ the app {app}")),
        Step::Change { app, change, was } => {
            for (key, value) in change {
                difference(&format!("{app}: {key}"), was.get(key).unwrap_or(&Value::Null), value, lines);
            }
        }
        Step::Assign { app, name, only_values: true, .. } => {
            lines.push(format!("+ {app}: user {name} has values of their own"));
        }
        Step::Assign { app, principal, name, priority, .. } => {
            lines.push(format!("+ {app}: {} {name} is assigned, priority {priority}", of(principal)));
        }
        Step::Unassign { app, principal, name, .. } => {
            lines.push(format!("- {app}: {} {name} is not assigned any more", of(principal)));
        }
        Step::Push { app, pushed, .. } => lines.push(format!("+ {app}: the group {} is pushed", pushed.group)),
        Step::Unpush { app, name, .. } => lines.push(format!("- {app}: the group {name} is pushed no longer")),
        Step::AddRule { app, rule } => lines.push(format!("+ {app}: groups are pushed by {}", short(rule))),
        Step::RemoveRule { app, rule, .. } => {
            lines.push(format!("- {app}: groups are not pushed any more by {}", short(rule)));
        }
    }
}

/// Objects part by part, lists element by element, everything else as a whole.
fn difference(path: &str, was: &Value, is: &Value, lines: &mut Vec<String>) {
    let none = Map::new();
    match (was, is) {
        (Value::Object(_) | Value::Null, Value::Object(is)) if !is.is_empty() => {
            let was = was.as_object().unwrap_or(&none);
            for (name, value) in is {
                difference(&format!("{path}.{name}"), was.get(name).unwrap_or(&Value::Null), value, lines);
            }
        }
        (Value::Array(was), Value::Array(is)) => {
            lines.extend(was.iter().filter(|one| !is.contains(one)).map(|one| format!("- {path}: {}", short(one))));
            lines.extend(is.iter().filter(|one| !was.contains(one)).map(|one| format!("+ {path}: {}", short(one))));
        }
        _ if was == is => {}
        _ => lines.push(format!("~ {path}: {} → {}", short(was), short(is))),
    }
}

fn short(value: &impl serde::Serialize) -> String {
    crate::redact::cut(&serde_json::to_string(value).unwrap_or_default(), VALUE_BYTES_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_step_is_a_line_and_a_change_one_for_each_value() {
        let steps: Vec<Step> = serde_json::from_value(json!([
            {"do": "create", "app": "wiki"},
            {"do": "change", "app": "wiki",
                "was": {"label": "Wiki", "policy": {"actions": {"create": true, "update": true}}, "toApp": [{"a": 1}, {"b": 2}]},
                "change": {"label": "The Wiki", "policy": {"actions": {"create": false, "update": true}}, "toApp": [{"b": 2}, {"c": 3}]}},
            {"do": "assign", "app": "wiki", "principal": "group", "resource": "7", "name": "Sales", "priority": 2, "profile": {}},
            {"do": "unassign", "app": "wiki", "principal": "user", "resource": "8", "name": "adam@example.com"},
            {"do": "push", "app": "wiki", "resource": "7", "pushed": {"group": "Sales"}},
            {"do": "unpush", "app": "wiki", "resource": "9", "name": "Marketing"},
        ]))
        .unwrap();
        let effect = json!({
            "apps": {"desk": {"lookedAt": 0}, "wiki": {"lookedAt": 500, "more": true, "change": 3, "fail": 1}},
            "scope": [{"app": "wiki", "who": "Sales", "people": 12, "way": "come"},
                {"app": "wiki", "who": "adam@example.com", "people": 1, "way": "go"}],
        });
        let expected = [
            "+ the app wiki",
            "~ wiki: label: \"Wiki\" → \"The Wiki\"",
            "~ wiki: policy.actions.create: true → false",
            "- wiki: toApp: {\"a\":1}",
            "+ wiki: toApp: {\"c\":3}",
            "+ wiki: group Sales is assigned, priority 2",
            "- wiki: user adam@example.com is not assigned any more",
            "+ wiki: the group Sales is pushed",
            "- wiki: the group Marketing is pushed no longer",
            "desk: nobody is there whose values could change.",
            "wiki: of the first 500 people 3 would change and 1 could not be pushed.",
            "wiki: 12 people come with Sales.",
            "wiki: 1 person goes with adam@example.com.",
        ];
        assert_eq!(Words::of(&steps, &effect).all(), expected);
        assert!(short(&"x".repeat(1_000)).contains("… [160 of 1002 bytes]"));
    }
}
