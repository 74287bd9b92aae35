//! The functions: name, number of arguments, what they do. One table a subject.
//!
//! Null: a text function of null is null, a question about null is false, a length of null is 0,
//! and where texts are put together null is no text.

mod arrays;
mod convert;
mod entra;
mod groups;
mod text;
mod when;

pub(super) use groups::select as groups;

use super::facts::Facts;
use super::tree::{At, Kind, Node, Op};
use super::{Error, Language, OUTPUT_BYTES_MAX};
use serde_json::Value;

/// A function.
pub(super) struct Function {
    /// Its name with the namespace in front.
    pub(super) name: &'static str,
    /// Fewest arguments.
    pub(super) min: usize,
    /// Most arguments.
    pub(super) max: usize,
    /// What it does.
    pub(super) run: fn(&mut Call<'_>) -> Result<Value, Error>,
}

/// Any number of arguments.
pub(super) const MANY: usize = 1000;

pub(super) const fn function(
    name: &'static str,
    min: usize,
    max: usize,
    run: fn(&mut Call<'_>) -> Result<Value, Error>,
) -> Function {
    Function { name, min, max, run }
}

/// One call of a function.
pub(super) struct Call<'a> {
    pub(super) at: At,
    pub(super) name: &'static str,
    pub(super) arguments: Vec<Value>,
    pub(super) facts: &'a Facts,
    pub(super) now: i64,
    pub(super) warnings: Vec<String>,
    pub(super) ignored: bool,
}

impl Call<'_> {
    /// An argument; null if it was left out.
    pub(super) fn argument(&self, index: usize) -> &Value {
        self.arguments.get(index).unwrap_or(&Value::Null)
    }

    /// An argument as text; nothing if it is null.
    pub(super) fn text(&self, index: usize) -> Result<Option<String>, Error> {
        match self.argument(index) {
            Value::Object(_) => Err(self.error("an object is no text; name one of its attributes")),
            value => Ok(as_text(value)),
        }
    }

    /// An argument as text; `""` if it is null.
    pub(super) fn text_or_empty(&self, index: usize) -> Result<String, Error> {
        Ok(self.text(index)?.unwrap_or_default())
    }

    /// An argument as a whole number.
    pub(super) fn whole(&self, index: usize) -> Result<i64, Error> {
        let value = self.argument(index);
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        number.ok_or_else(|| self.error(&format!("argument {} has to be a whole number", index + 1)))
    }

    /// An argument as a list: null is empty, and a text is read as comma-separated.
    pub(super) fn list(&self, index: usize) -> Vec<Value> {
        as_list(self.argument(index))
    }

    fn shown(&self) -> &'static str {
        self.name.strip_prefix("Entra.").unwrap_or(self.name)
    }

    pub(super) fn error(&self, message: &str) -> Error {
        Error::new(self.at, format!("{}: {message}", self.shown()))
    }

    pub(super) fn warn(&mut self, message: &str) {
        self.warnings.push(format!("{}: {message}", self.shown()));
    }
}

fn tables() -> impl Iterator<Item = &'static Function> {
    [text::TABLE, arrays::TABLE, convert::TABLE, when::TABLE, groups::TABLE, entra::TABLE].into_iter().flatten()
}

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    tables().find(|function| function.name == name)
}

/// The names of all functions, for completion in an editor.
pub fn names(language: Language) -> Vec<&'static str> {
    let all = tables().map(|function| function.name).chain(RELATIONS.map(|(name, ..)| name));
    match language {
        Language::Okta => all.filter(|name| !name.starts_with("Entra.")).collect(),
        Language::Entra => all.filter_map(|name| name.strip_prefix("Entra.")).collect(),
    }
}

/// Functions that the evaluator does itself, because they lead to people and accounts.
const RELATIONS: [(&str, usize, usize); 9] = [
    ("Entra.IIF", 3, 3),
    ("getManagerUser", 1, 1),
    ("getAssistantUser", 1, 1),
    ("getManagerAppUser", 2, 2),
    ("getAssistantAppUser", 2, 2),
    ("hasDirectoryUser", 0, 0),
    ("findDirectoryUser", 0, 0),
    ("hasWorkdayUser", 0, 0),
    ("findWorkdayUser", 0, 0),
];

/// Methods by name: the function that does it, and the one for lists where that is another.
const METHODS: [(&str, &str, &str); 37] = [
    ("toUpperCase", "String.toUpperCase", ""),
    ("toLowerCase", "String.toLowerCase", ""),
    ("substring", "String.substring", ""),
    ("substringBefore", "String.substringBefore", ""),
    ("substringAfter", "String.substringAfter", ""),
    ("replace", "String.replace", ""),
    ("replaceFirst", "String.replaceFirst", ""),
    ("length", "String.len", "Arrays.size"),
    ("removeSpaces", "String.removeSpaces", ""),
    ("contains", "String.stringContains", "Arrays.contains"),
    ("startsWith", "String.startsWith", ""),
    ("endsWith", "String.endsWith", ""),
    ("trim", "String.trim", ""),
    ("append", "String.append", ""),
    ("concat", "String.append", ""),
    ("toInteger", "Convert.toInt", ""),
    ("toNumber", "Convert.toNum", ""),
    ("parseCountryCode", "String.trim", ""),
    ("toAlpha2", "Iso3166Convert.toAlpha2", ""),
    ("toAlpha3", "Iso3166Convert.toAlpha3", ""),
    ("toNumeric", "Iso3166Convert.toNumeric", ""),
    ("toName", "Iso3166Convert.toName", ""),
    ("size", "String.len", "Arrays.size"),
    ("isEmpty", "Arrays.isEmpty", "Arrays.isEmpty"),
    ("add", "", "Arrays.add"),
    ("remove", "", "Arrays.remove"),
    ("flatten", "Arrays.flatten", "Arrays.flatten"),
    ("get", "Arrays.get", "Arrays.get"),
    ("toCsvString", "Arrays.toCsvString", "Arrays.toCsvString"),
    ("parseStringTime", "DateTime.parseString", ""),
    ("parseUnixTime", "Time.fromUnixToIso8601", ""),
    ("parseWindowsTime", "Time.fromWindowsToIso8601", ""),
    ("toUnix", "Time.fromIso8601ToUnix", ""),
    ("toWindows", "Time.fromIso8601ToWindows", ""),
    ("toZone", "DateTime.toZone", ""),
    ("toString", "DateTime.toString", ""),
    ("join", "", "Arrays.toCsvString"),
];

/// The function behind a method of a text or a list.
pub(super) fn method(name: &str, list: bool) -> Option<&'static str> {
    let row = METHODS.iter().find(|(method, ..)| *method == name);
    let found = row.map(|(_, text, on_list)| if list { *on_list } else { *text }).filter(|found| !found.is_empty());
    found.or_else(|| when::method(name))
}

/// Whether the answer depends on the person's groups.
pub(super) fn asks_groups(name: &str) -> bool {
    name.starts_with("isMemberOf") || name == "getFilteredGroups" || name.starts_with("Groups.")
}

/// Refuses unknown functions, wrong numbers of arguments, and regular expressions that are none.
pub(super) fn check(tree: &Node, language: Language) -> Result<(), Error> {
    let mut wrong = Ok(());
    tree.walk(&mut |node| {
        let found = match &node.kind {
            Kind::Call(name, arguments) => arity(node.at, name, arguments, language),
            Kind::Method(_, name, _) if !is_method(name) => {
                Err(Error::new(node.at, format!("there is no method {name}")))
            }
            Kind::Binary(Op::Matches, _, pattern) => pattern_of(pattern),
            _ => Ok(()),
        };
        if wrong.is_ok() {
            wrong = found;
        }
    });
    wrong
}

fn is_method(name: &str) -> bool {
    const PERSON: [&str; 4] = ["getInternalProperty", "getLinkedObject", "getGroups", "isMemberOf"];
    PERSON.contains(&name) || method(name, false).is_some() || method(name, true).is_some()
}

fn pattern_of(node: &Node) -> Result<(), Error> {
    node.text().map_or(Ok(()), |pattern| regex(node.at, pattern).map(drop))
}

fn arity(at: At, name: &str, arguments: &[Node], language: Language) -> Result<(), Error> {
    let relation = RELATIONS.iter().find(|(relation, ..)| *relation == name).map(|(_, min, max)| (*min, *max));
    let known = relation.or_else(|| find(name).map(|function| (function.min, function.max)));
    let shown = name.strip_prefix("Entra.").unwrap_or(name);
    let Some((min, max)) = known else {
        let near = names(language).into_iter().find(|known| known.eq_ignore_ascii_case(shown));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        return Err(Error::new(at, format!("there is no function {shown}{hint}")));
    };
    let count = arguments.len();
    if count < min || count > max {
        let range = match (min, max) {
            (min, max) if min == max => format!("{min}"),
            (min, MANY) => format!("at least {min}"),
            _ => format!("{min} to {max}"),
        };
        return Err(Error::new(at, format!("{shown} takes {range} arguments, not {count}")));
    }
    if name == "isMemberOfGroupNameRegex" {
        arguments.first().map_or(Ok(()), pattern_of)?;
    }
    if name == "Entra.Replace" {
        arguments.get(2).map_or(Ok(()), pattern_of)?;
    }
    Ok(())
}

/// A regular expression of an expression.
pub(super) fn regex(at: At, text: &str) -> Result<regex::Regex, Error> {
    bounded_regex(text).map_err(|why| Error::new(at, why))
}

/// A regular expression of the engine that always ends in time proportional to the text.
pub(crate) fn bounded_regex(pattern: &str) -> Result<regex::Regex, String> {
    let built = regex::RegexBuilder::new(pattern).size_limit(1 << 18).nest_limit(50).build();
    built.map_err(|error| {
        let why = match error {
            regex::Error::CompiledTooBig(_) => "it is too large",
            _ if pattern.contains("(?=") || pattern.contains("(?!") || pattern.contains("(?<") => {
                "look-around and back-references are not available, because matching has to end"
            }
            _ => "it is not one",
        };
        format!("this regular expression cannot be used: {why}")
    })
}

/// A value as text; null is none. Lists are comma-separated.
pub(super) fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => {
            Some(list.iter().map(|item| as_text(item).unwrap_or_default()).collect::<Vec<_>>().join(","))
        }
        other => Some(other.to_string()),
    }
}

/// A value as a part of a longer text.
pub(super) fn text_or_empty(at: At, value: &Value) -> Result<String, Error> {
    match value {
        Value::Object(_) => Err(Error::new(at, "an object is no text; name one of its attributes")),
        value => Ok(as_text(value).unwrap_or_default()),
    }
}

/// A value as a list: null is empty, and a text is read as comma-separated.
pub(super) fn as_list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.clone(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => text.split(',').map(|item| Value::from(item.trim())).collect(),
        other => vec![other.clone()],
    }
}

/// Replaces a literal, and refuses before the result gets too large.
pub(super) fn replace_all(call: &Call<'_>, text: &str, old: &str, new: &str) -> Result<String, Error> {
    if old.is_empty() {
        return Ok(text.to_owned());
    }
    let found = text.matches(old).count();
    if text.len() + found * new.len() > OUTPUT_BYTES_MAX * 2 {
        return Err(call.error("the result is too large"));
    }
    Ok(text.replace(old, new))
}
