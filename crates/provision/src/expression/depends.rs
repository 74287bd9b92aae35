//! What an expression depends on, found without running it: the key of the dirty index.

use super::facts::Source;
use super::tree::{Kind, Node};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One thing whose change can change the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dependency {
    /// An attribute of an object: `user`, `appuser`, `app`, `org`, or a named one. `*` is every one.
    Attribute {
        /// The object.
        object: String,
        /// The attribute's name in lower case.
        name: String,
    },
    /// The person's groups.
    Groups,
    /// An attribute of the manager, the assistant or another linked person.
    Related {
        /// The link's name.
        relation: String,
        /// The attribute's name in lower case; `*` is every one.
        name: String,
    },
    /// The person's accounts at a source.
    Accounts {
        /// The source.
        source: String,
    },
    /// The time: evaluate again now and then.
    Clock,
}

impl Dependency {
    /// As one text, for an index: `user.email`, `groups`, `manager.email`, `accounts.workday`, `clock`.
    pub fn key(&self) -> String {
        match self {
            Self::Attribute { object, name } => format!("{object}.{name}"),
            Self::Groups => "groups".into(),
            Self::Related { relation, name } => format!("{relation}.{name}"),
            Self::Accounts { source } => format!("accounts.{source}"),
            Self::Clock => "clock".into(),
        }
    }
}

/// All dependencies of a tree.
pub(super) fn dependencies(tree: &Node, source: Source) -> BTreeSet<Dependency> {
    let mut found = BTreeSet::new();
    collect(tree, source, false, &mut found);
    found
}

fn collect(node: &Node, source: Source, projected: bool, found: &mut BTreeSet<Dependency>) {
    match &node.kind {
        Kind::Member(target, name) if one_step(target, name, source, projected, found) => return,
        Kind::Index(target, index) => match index.text() {
            Some(name) if one_step(target, name, source, projected, found) => return,
            _ => {}
        },
        Kind::Name(_) if projected => {}
        Kind::Name(name) => {
            // An object as a whole, or an attribute of the source by its bare name; what the name
            // turns out to be is only known with the facts, so both are noted.
            let (object, name) = match object(name, source) {
                Some(object) => (object, "*".to_owned()),
                None => (side(source), name.to_lowercase()),
            };
            found.insert(Dependency::Attribute { object, name });
        }
        Kind::Call(name, arguments) => called(name, arguments, found),
        Kind::Method(target, name, arguments) => {
            asked(name, arguments, found);
            // `user.getGroups()` is not about the profile.
            if matches!(&target.kind, Kind::Name(name) if name == "user") {
                arguments.iter().for_each(|argument| collect(argument, source, projected, found));
                return;
            }
        }
        Kind::Project(target, body) => {
            collect(target, source, projected, found);
            collect(body, source, true, found);
            return;
        }
        _ => {}
    }
    for child in node.children() {
        collect(child, source, projected, found);
    }
}

fn side(source: Source) -> String {
    match source {
        Source::User => "user".into(),
        Source::AppUser => "appuser".into(),
    }
}

fn object(name: &str, source: Source) -> Option<String> {
    match name {
        "user" | "app" | "org" => Some(name.to_owned()),
        "appuser" | "appUser" => Some("appuser".to_owned()),
        "source" => Some(side(source)),
        _ => None,
    }
}

/// `target.name` where the target leads to an object in one step.
fn one_step(target: &Node, name: &str, source: Source, projected: bool, found: &mut BTreeSet<Dependency>) -> bool {
    let name = name.to_lowercase();
    let dependency = match &target.kind {
        // `user.profile.x` is `user.x`.
        Kind::Member(outer, profile) if profile == "profile" && is_user(outer) => {
            Dependency::Attribute { object: "user".into(), name }
        }
        Kind::Name(object_name) if !projected => {
            let object = object(object_name, source).unwrap_or_else(|| object_name.clone());
            if name == "profile" && object == "user" {
                return false;
            }
            Dependency::Attribute { object, name }
        }
        Kind::Call(function, arguments) if function.starts_with("getManager") => {
            found.extend(account(arguments));
            Dependency::Related { relation: "manager".into(), name }
        }
        Kind::Call(function, arguments) if function.starts_with("getAssistant") => {
            found.extend(account(arguments));
            Dependency::Related { relation: "assistant".into(), name }
        }
        Kind::Method(_, method, arguments) if method == "getLinkedObject" => {
            let relation = arguments.first().and_then(Node::text).unwrap_or("*").to_owned();
            Dependency::Related { relation, name }
        }
        _ => return false,
    };
    found.insert(dependency);
    true
}

fn is_user(node: &Node) -> bool {
    matches!(&node.kind, Kind::Name(name) if name == "user")
}

/// At which app the account of somebody's manager or assistant is asked for.
fn account(arguments: &[Node]) -> Option<Dependency> {
    arguments.get(1).and_then(Node::text).map(|app| Dependency::Accounts { source: app.to_owned() })
}

fn called(name: &str, arguments: &[Node], found: &mut BTreeSet<Dependency>) {
    let all = || "*".to_owned();
    if name.ends_with("AppUser") {
        found.extend(account(arguments));
    }
    match name {
        "Time.now" | "DateTime.now" | "Entra.Now" => {
            found.insert(Dependency::Clock);
        }
        "getManagerUser" | "getManagerAppUser" => {
            found.insert(Dependency::Related { relation: "manager".into(), name: all() });
        }
        "getAssistantUser" | "getAssistantAppUser" => {
            found.insert(Dependency::Related { relation: "assistant".into(), name: all() });
        }
        "hasDirectoryUser" | "findDirectoryUser" => {
            found.insert(Dependency::Accounts { source: "active_directory".into() });
        }
        "hasWorkdayUser" | "findWorkdayUser" => {
            found.insert(Dependency::Accounts { source: "workday".into() });
        }
        _ if super::function::asks_groups(name) => {
            found.insert(Dependency::Groups);
        }
        _ => {}
    }
}

fn asked(method: &str, arguments: &[Node], found: &mut BTreeSet<Dependency>) {
    let first = arguments.first().and_then(Node::text).unwrap_or("*").to_owned();
    let dependency = match method {
        "getGroups" | "isMemberOf" => Dependency::Groups,
        "getLinkedObject" => Dependency::Related { relation: first, name: "*".into() },
        "getInternalProperty" => Dependency::Attribute { object: "user".into(), name: first },
        "withinDays" | "withinHours" | "withinMinutes" | "withinSeconds" => Dependency::Clock,
        _ => return,
    };
    found.insert(dependency);
}
