//! What an author should know about an expression that can be read and run: where the original is
//! undocumented, behaves differently, or does not allow it.

use super::Language;
use super::tree::{At, Kind, Node, Op};
use serde::{Deserialize, Serialize};

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lint {
    /// Where, in characters from 1.
    pub at: At,
    /// A name for it: `matches`, `look`, `deprecated`, …
    pub code: String,
    /// What to know.
    pub message: String,
}

/// All remarks, in the order of the source.
pub(super) fn lints(tree: &Node, language: Language) -> Vec<Lint> {
    let mut found = Vec::new();
    let mut note = |at: At, code: &str, message: &str| {
        found.push(Lint { at, code: code.to_owned(), message: message.to_owned() });
    };
    tree.walk(&mut |node| remark(node, language, &mut note));
    found.sort_by_key(|lint| lint.at);
    found
}

fn remark(node: &Node, language: Language, note: &mut impl FnMut(At, &str, &str)) {
    match &node.kind {
        Kind::Binary(Op::Matches, ..) => {
            note(
                node.at,
                "matches",
                "matches compares the whole text; Okta calls it deprecated. Write .* around a part",
            );
        }
        Kind::Binary(Op::Add, left, right)
            if language == Language::Okta && (may_be_null(left) || may_be_null(right)) =>
        {
            note(node.at, "nullInSum", "a null in + adds nothing here; Okta does not say what it does");
        }
        Kind::Binary(Op::Eq | Op::Ne, left, right) if mixed(left, right) || mixed(right, left) => {
            note(node.at, "mixedTypes", "a text never equals a number or a boolean");
        }
        Kind::Call(name, arguments) => call(node.at, name, arguments, note),
        Kind::Choice(condition, ..) | Kind::Not(condition) => in_condition(condition, note),
        Kind::Binary(Op::And | Op::Or, left, right) => {
            in_condition(left, note);
            in_condition(right, note);
        }
        _ => {}
    }
}

/// Whether it is an attribute by itself, which may never have had a value.
fn may_be_null(node: &Node) -> bool {
    matches!(node.kind, Kind::Member(..) | Kind::Name(_) | Kind::Index(..))
}

fn mixed(a: &Node, b: &Node) -> bool {
    let text = |node: &Node| node.text().is_some();
    let other = |node: &Node| matches!(&node.kind, Kind::Literal(value) if value.is_number() || value.is_boolean());
    text(a) && other(b)
}

fn call(at: At, name: &str, arguments: &[Node], note: &mut impl FnMut(At, &str, &str)) {
    let first = arguments.first().and_then(Node::text);
    match name {
        "toUpperCase" | "toLowerCase" | "substring" | "substringBefore" | "substringAfter" => {
            note(at, "deprecated", "functions without a namespace are deprecated; write String. in front");
        }
        "String.substringAfter" | "String.substringBefore" => {
            note(
                at,
                "notFound",
                "if the mark is not found, Before gives everything and After nothing; Okta does not say",
            );
        }
        "String.substring" => {
            note(at, "bounds", "bounds outside the text are cut off; Okta may fail");
        }
        "String.replaceFirst" => {
            note(at, "literal", "the text to replace is taken literally; Okta does not say whether it is a pattern");
        }
        "Convert.toInt" => {
            note(at, "rounding", "a half is rounded up, and large numbers do not wrap around as Okta's do");
        }
        "Groups.contains" | "Groups.startsWith" | "Groups.endsWith" => {
            note(at, "claimsOnly", "Okta allows this function in claims only, not in mappings");
        }
        "isMemberOfGroupNameRegex" => {
            note(
                at,
                "partialMatch",
                "the pattern may match a part of the name; Okta's example starts with a slash, which matches nothing here",
            );
        }
        "getManagerUser" | "getManagerAppUser" | "getAssistantUser" | "getAssistantAppUser"
            if first != Some("active_directory") =>
        {
            note(at, "oneDirectory", "Okta knows only \"active_directory\" here");
        }
        "getManagerUser" | "getManagerAppUser" => {
            note(
                at,
                "refreshed",
                "a change of the manager is pushed here; Okta waits for the next change of the person",
            );
        }
        "hasDirectoryUser" | "findDirectoryUser" => {
            note(
                at,
                "noDirectory",
                "the account at an app called active_directory is meant; without one, has… is false and find… is null",
            );
        }
        "hasWorkdayUser" | "findWorkdayUser" => {
            note(
                at,
                "noDirectory",
                "the account at an app called workday is meant; without one, has… is false and find… is null",
            );
        }
        "Entra.Switch" => {
            note(at, "switch", "a null source takes the default; Entra may take null when something else changes");
        }
        "Entra.SingleAppRoleAssignment" if arguments.len() == 1 => {
            note(at, "firstRole", "of several roles the first in the list is taken; Entra does not promise an order");
        }
        _ => {}
    }
}

/// Okta does not support these inside conditions.
fn in_condition(condition: &Node, note: &mut impl FnMut(At, &str, &str)) {
    condition.walk(&mut |node| {
        if let Kind::Call(name, _) = &node.kind
            && ["Convert.", "Arrays.", "Time."].iter().any(|space| name.starts_with(space))
        {
            note(node.at, "inCondition", "Okta documents conversions, lists and times as unsupported in conditions");
        }
    });
}
