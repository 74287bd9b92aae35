//! The evaluator: a walk over the tree that counts its steps and notes what it read.

use super::facts::{Facts, Person, Source, Status, lookup};
use super::function::{self, Call, as_text};
use super::tree::{At, Kind, Node, Op};
use super::{Error, Language, OUTPUT_BYTES_MAX, STEPS_MAX};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// A value with its provenance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The value.
    pub value: Value,
    /// Whether the attribute is to be left as it is (`IgnoreFlowIfNullOrEmpty`).
    pub ignored: bool,
    /// What was read and which way conditions went, in that order.
    pub steps: Vec<Step>,
    /// What an author should look at.
    pub warnings: Vec<Warning>,
    /// How much was spent of `STEPS_MAX`.
    pub spent: usize,
}

/// One thing that led to a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// An attribute was read.
    Read {
        /// Which: `user.email`, `user.manager.email`.
        path: String,
        /// What it was.
        value: Value,
    },
    /// A condition went one way.
    Branch {
        /// Where the condition stands.
        at: At,
        /// Which way.
        taken: bool,
    },
    /// The groups were asked.
    Groups {
        /// The function.
        function: String,
        /// The answer.
        value: Value,
    },
}

/// Something odd that did not keep the value from being made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Where.
    pub at: At,
    /// What.
    pub message: String,
}

/// Evaluates a tree.
pub(super) fn evaluate(tree: &Node, language: Language, facts: &Facts, now: i64) -> Result<Evaluated, Error> {
    let mut run = Run {
        facts,
        language,
        now,
        spent: 0,
        steps: Vec::new(),
        warnings: Vec::new(),
        elements: Vec::new(),
        ignored: false,
    };
    let value = run.value(tree)?;
    let Run { spent, steps, warnings, ignored, .. } = run;
    Ok(Evaluated { value, ignored, steps, warnings, spent })
}

/// What a node is worth: a JSON value, or something that members are read from.
enum Worth<'f> {
    Json(Value),
    Person(&'f Person, String),
    Object(&'f Map<String, Value>, String),
}

struct Run<'f> {
    facts: &'f Facts,
    language: Language,
    now: i64,
    spent: usize,
    steps: Vec<Step>,
    warnings: Vec<Warning>,
    /// The elements of the projections that are open, innermost last.
    elements: Vec<Value>,
    ignored: bool,
}

/// Bytes that a value takes, roughly.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(|item| 8 + size(item)).sum(),
        Value::Object(map) => map.iter().map(|(name, item)| 8 + name.len() + size(item)).sum(),
        _ => 8,
    }
}

impl<'f> Run<'f> {
    fn spend(&mut self, at: At, cost: usize) -> Result<(), Error> {
        self.spent += cost;
        if self.spent > STEPS_MAX {
            return Err(Error::new(at, format!("the expression takes more than {STEPS_MAX} steps")));
        }
        Ok(())
    }

    fn warn(&mut self, at: At, message: &str) {
        self.warnings.push(Warning { at, message: message.to_owned() });
    }

    /// A node as a JSON value.
    fn value(&mut self, node: &Node) -> Result<Value, Error> {
        let value = match self.worth(node)? {
            Worth::Json(value) => value,
            Worth::Person(person, path) => {
                self.steps.push(Step::Read { path, value: Value::String(person.id.clone()) });
                Value::Object(person.profile.clone())
            }
            Worth::Object(map, _) => Value::Object(map.clone()),
        };
        let size = size(&value);
        self.spend(node.at, size / 256)?;
        if size > OUTPUT_BYTES_MAX {
            return Err(Error::new(node.at, format!("this value is larger than {OUTPUT_BYTES_MAX} bytes")));
        }
        Ok(value)
    }

    fn worth(&mut self, node: &Node) -> Result<Worth<'f>, Error> {
        self.spend(node.at, 1)?;
        let value = match &node.kind {
            Kind::Literal(value) => value.clone(),
            Kind::Blank => Value::Null,
            Kind::Name(name) => return Ok(self.named(name)),
            Kind::Member(target, name) => {
                let target = self.worth(target)?;
                return Ok(self.member(target, name));
            }
            Kind::Index(target, index) => {
                let target = self.worth(target)?;
                let index = self.value(index)?;
                return self.index(node.at, target, &index);
            }
            Kind::Project(target, body) => self.project(target, body)?,
            Kind::Call(name, arguments) => return self.call(node.at, name, arguments),
            Kind::Method(target, name, arguments) => return self.method(node.at, target, name, arguments),
            Kind::List(list) => list.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?,
            Kind::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, item)| Ok((key.clone(), self.value(item)?)));
                Value::Object(pairs.collect::<Result<_, Error>>()?)
            }
            Kind::Not(operand) => Value::Bool(!self.condition(operand)?),
            Kind::Minus(operand) => self.minus(operand)?,
            Kind::Binary(op, left, right) => self.binary(node.at, *op, left, right)?,
            Kind::Choice(condition, yes, no) => {
                let taken = self.condition(condition)?;
                self.steps.push(Step::Branch { at: condition.at, taken });
                return self.worth(if taken { yes } else { no });
            }
            Kind::Elvis(head, default) => {
                let value = self.value(head)?;
                if value.is_null() || value == "" { self.value(default)? } else { value }
            }
        };
        Ok(Worth::Json(value))
    }

    /// What a name by itself means: inside a projection a part of the element; else an object; else
    /// an attribute of the source.
    fn named(&mut self, name: &str) -> Worth<'f> {
        if let Some(element) = self.elements.last() {
            let found = match (name, element) {
                ("#this" | "#root", element) => Some(element.clone()),
                (_, Value::Object(map)) => lookup(map, name).cloned(),
                _ => None,
            };
            return Worth::Json(found.unwrap_or(Value::Null));
        }
        let facts = self.facts;
        match name {
            "user" => return Worth::Person(&facts.user, "user".into()),
            "appuser" | "appUser" => return Worth::Object(&facts.app_user, "appuser".into()),
            "app" => return Worth::Object(&facts.app, "app".into()),
            "org" => return Worth::Object(&facts.org, "org".into()),
            "source" => return self.source(),
            _ => {}
        }
        if let Some(object) = facts.objects.get(name) {
            return Worth::Object(object, name.to_owned());
        }
        let source = self.source();
        self.member(source, name)
    }

    fn source(&self) -> Worth<'f> {
        match self.facts.source {
            Source::User => Worth::Person(&self.facts.user, "user".into()),
            Source::AppUser => Worth::Object(&self.facts.app_user, "appuser".into()),
        }
    }

    /// A member; of null it is null, so that `getManagerUser("active_directory").email` of somebody
    /// without a manager is null.
    fn member(&mut self, target: Worth<'f>, name: &str) -> Worth<'f> {
        let (value, path) = match target {
            Worth::Json(Value::Object(map)) => return Worth::Json(lookup(&map, name).cloned().unwrap_or(Value::Null)),
            Worth::Json(_) => return Worth::Json(Value::Null),
            Worth::Object(map, path) => (lookup(map, name).cloned(), path),
            Worth::Person(person, path) => match lookup(&person.profile, name) {
                Some(value) => (Some(value.clone()), path),
                None if name == "profile" => return Worth::Person(person, path),
                None if name == "id" => (Some(person.id.clone().into()), path),
                None if name == "status" => (Some(person.status.word().into()), path),
                None => (None, path),
            },
        };
        let value = value.unwrap_or(Value::Null);
        self.steps.push(Step::Read { path: format!("{path}.{name}"), value: value.clone() });
        Worth::Json(value)
    }

    fn index(&mut self, at: At, target: Worth<'f>, index: &Value) -> Result<Worth<'f>, Error> {
        if let Value::String(name) = index {
            return Ok(self.member(target, name));
        }
        let Worth::Json(Value::Array(list)) = target else { return Ok(Worth::Json(Value::Null)) };
        let number = index.as_u64().and_then(|number| usize::try_from(number).ok());
        let number = number.ok_or_else(|| Error::new(at, "an index is a whole number that is not negative"))?;
        let found = list.into_iter().nth(number);
        if found.is_none() {
            self.warn(at, "the list has no element with this index; null is taken");
        }
        Ok(Worth::Json(found.unwrap_or(Value::Null)))
    }

    fn project(&mut self, target: &Node, body: &Node) -> Result<Value, Error> {
        let list = match self.value(target)? {
            Value::Array(list) => list,
            Value::Null => Vec::new(),
            other => vec![other],
        };
        let mut out = Vec::new();
        for element in list {
            self.elements.push(element);
            let value = self.value(body);
            self.elements.pop();
            out.push(value?);
        }
        Ok(Value::Array(out))
    }

    /// A condition. Null is false, with a warning; anything else that is no boolean is an error.
    fn condition(&mut self, node: &Node) -> Result<bool, Error> {
        match self.value(node)? {
            Value::Bool(flag) => Ok(flag),
            Value::Null => {
                self.warn(node.at, "this condition is null; it counts as false");
                Ok(false)
            }
            Value::String(text) if self.language == Language::Entra => Ok(text.eq_ignore_ascii_case("true")),
            _ => Err(Error::new(node.at, "a condition has to be true or false; compare it with something")),
        }
    }

    fn minus(&mut self, operand: &Node) -> Result<Value, Error> {
        let value = self.value(operand)?;
        match (value.as_i64().and_then(i64::checked_neg), value.as_f64()) {
            (Some(whole), _) => Ok(whole.into()),
            (None, Some(number)) => Ok(Number::from_f64(-number).into()),
            (None, None) => Err(Error::new(operand.at, "only a number can be negative")),
        }
    }

    fn binary(&mut self, at: At, op: Op, left: &Node, right: &Node) -> Result<Value, Error> {
        match op {
            Op::Or => Ok((self.condition(left)? || self.condition(right)?).into()),
            Op::And => Ok((self.condition(left)? && self.condition(right)?).into()),
            _ => {
                let (a, b) = (self.value(left)?, self.value(right)?);
                match op {
                    Op::Eq => Ok(self.equal(at, &a, &b).into()),
                    Op::Ne => Ok((!self.equal(at, &a, &b)).into()),
                    Op::Lt | Op::Le | Op::Gt | Op::Ge => self.order(at, op, &a, &b),
                    Op::Matches => self.matches(right.at, &a, &b),
                    Op::Add => self.add(at, a, b),
                    _ => arithmetic(at, op, &a, &b),
                }
            }
        }
    }

    fn equal(&mut self, at: At, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (Value::String(_), Value::Number(_) | Value::Bool(_))
            | (Value::Number(_) | Value::Bool(_), Value::String(_)) => {
                self.warn(at, "a text never equals a number or a boolean");
                false
            }
            _ => a == b,
        }
    }

    /// Null stands before everything, as in Spring.
    fn order(&mut self, at: At, op: Op, a: &Value, b: &Value) -> Result<Value, Error> {
        use std::cmp::Ordering;
        let empty_fails = self.language == Language::Entra && (a.is_null() || b.is_null());
        let order = match (a, b) {
            _ if empty_fails => return Ok(false.into()),
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Less,
            (_, Value::Null) => Ordering::Greater,
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
            },
            _ => return Err(Error::new(at, "these two have no order; convert one with Convert.toNum")),
        };
        let holds = match op {
            Op::Lt => order.is_lt(),
            Op::Le => order.is_le(),
            Op::Gt => order.is_gt(),
            _ => order.is_ge(),
        };
        Ok(holds.into())
    }

    fn matches(&mut self, at: At, text: &Value, pattern: &Value) -> Result<Value, Error> {
        let (Some(text), Some(pattern)) = (as_text(text), as_text(pattern)) else { return Ok(false.into()) };
        self.spend(at, 10 + pattern.len())?;
        Ok(function::regex(at, &format!("^(?:{pattern})$"))?.is_match(&text).into())
    }

    /// Numbers add up; everything else is text. Null is no text at all, with a warning.
    fn add(&mut self, at: At, a: Value, b: Value) -> Result<Value, Error> {
        if a.is_number() && b.is_number() {
            return arithmetic(at, Op::Add, &a, &b);
        }
        if a.is_null() || b.is_null() {
            self.warn(at, "one side of + is null; it adds nothing");
        }
        let text = |value: &Value| function::text_or_empty(at, value);
        Ok(Value::String(text(&a)? + &text(&b)?))
    }

    fn call(&mut self, at: At, name: &str, arguments: &[Node]) -> Result<Worth<'f>, Error> {
        if let Some(worth) = self.relation(at, name, arguments)? {
            return Ok(worth);
        }
        if let ("Entra.IIF", [condition, yes, no]) = (name, arguments) {
            let taken = self.condition(condition)?;
            self.steps.push(Step::Branch { at: condition.at, taken });
            return self.worth(if taken { yes } else { no });
        }
        let values = arguments.iter().map(|argument| self.value(argument)).collect::<Result<_, _>>()?;
        self.run(at, name, values).map(Worth::Json)
    }

    fn run(&mut self, at: At, name: &str, arguments: Vec<Value>) -> Result<Value, Error> {
        let found = function::find(name).ok_or_else(|| Error::new(at, format!("there is no function {name}")))?;
        let mut call = Call {
            at,
            name: found.name,
            arguments,
            facts: self.facts,
            now: self.now,
            warnings: Vec::new(),
            ignored: false,
        };
        let value = (found.run)(&mut call)?;
        let Call { warnings, ignored, .. } = call;
        self.ignored |= ignored;
        for message in warnings {
            self.warn(at, &message);
        }
        if function::asks_groups(name) {
            self.steps.push(Step::Groups { function: name.to_owned(), value: value.clone() });
        }
        Ok(value)
    }

    /// Functions that lead to another person or account.
    fn relation(&mut self, at: At, name: &str, arguments: &[Node]) -> Result<Option<Worth<'f>>, Error> {
        let user = &self.facts.user;
        let (person, path) = match name {
            "getManagerUser" | "getManagerAppUser" => (&user.manager, "user.manager"),
            "getAssistantUser" | "getAssistantAppUser" => (&user.assistant, "user.assistant"),
            "hasDirectoryUser" | "hasWorkdayUser" => {
                let one = self.only_account(name).is_some();
                return Ok(Some(Worth::Json(one.into())));
            }
            "findDirectoryUser" | "findWorkdayUser" => {
                let account = self.only_account(name);
                let path = source_of(name).to_owned();
                return Ok(Some(account.map_or(Worth::Json(Value::Null), |account| Worth::Object(account, path))));
            }
            _ => return Ok(None),
        };
        let source = self.value(arguments.first().unwrap_or(&Node::new(at, Kind::Blank)))?;
        if source != "active_directory" {
            self.warn(at, "only \"active_directory\" is known here; the directory's own relation is taken");
        }
        let Some(person) = person.as_deref() else { return Ok(Some(Worth::Json(Value::Null))) };
        let Some(account) = arguments.get(1) else { return Ok(Some(Worth::Person(person, path.into()))) };
        let account = self.value(account)?;
        let account = account.as_str().and_then(|account| person.accounts.get(account)).and_then(|list| list.first());
        Ok(Some(account.map_or(Worth::Json(Value::Null), |map| Worth::Object(map, format!("{path}.account")))))
    }

    fn only_account(&self, name: &str) -> Option<&'f Map<String, Value>> {
        match self.facts.user.accounts.get(source_of(name)).map(Vec::as_slice) {
            Some([one]) => Some(one),
            _ => None,
        }
    }

    fn method(&mut self, at: At, target: &Node, name: &str, arguments: &[Node]) -> Result<Worth<'f>, Error> {
        let values: Vec<Value> = arguments.iter().map(|argument| self.value(argument)).collect::<Result<_, _>>()?;
        let target = match self.worth(target)? {
            Worth::Person(person, path) => return self.ask(at, person, &path, name, values),
            Worth::Json(value) => value,
            Worth::Object(map, _) => Value::Object(map.clone()),
        };
        if target.is_null() {
            self.warn(at, "a method of null; the answer is null");
            return Ok(Worth::Json(Value::Null));
        }
        let found = function::method(name, target.is_array())
            .ok_or_else(|| Error::new(at, format!("there is no method {name} here")))?;
        let values = std::iter::once(target).chain(values).collect();
        self.run(at, found, values).map(Worth::Json)
    }

    /// The methods of a person.
    fn ask(
        &mut self,
        at: At,
        person: &'f Person,
        path: &str,
        name: &str,
        arguments: Vec<Value>,
    ) -> Result<Worth<'f>, Error> {
        let first = arguments.first().and_then(Value::as_str).unwrap_or_default();
        let value = match name {
            "getInternalProperty" => match first {
                "id" => person.id.clone().into(),
                "status" if matches!(person.status, Status::Deactivated | Status::Deleted) => Value::Null,
                "status" => person.status.word().into(),
                _ => return Err(Error::new(at, "getInternalProperty knows \"id\" and \"status\"")),
            },
            "getLinkedObject" => {
                let linked = person.linked.get(first).or(match first {
                    "manager" => person.manager.as_deref(),
                    "assistant" => person.assistant.as_deref(),
                    _ => None,
                });
                return Ok(match linked {
                    Some(linked) => Worth::Person(linked, format!("{path}.{first}")),
                    None => Worth::Json(Value::Null),
                });
            }
            "getGroups" => function::groups(at, person, &arguments)?,
            "isMemberOf" => {
                let groups = function::groups(at, person, &arguments)?;
                Value::Bool(groups.as_array().is_some_and(|list| !list.is_empty()))
            }
            _ => return Err(Error::new(at, format!("a person has no method {name}"))),
        };
        if matches!(name, "getGroups" | "isMemberOf") {
            self.steps.push(Step::Groups { function: format!("{path}.{name}"), value: value.clone() });
        } else {
            self.steps.push(Step::Read { path: format!("{path}.{first}"), value: value.clone() });
        }
        Ok(Worth::Json(value))
    }
}

fn source_of(function: &str) -> &'static str {
    if function.contains("Workday") { "workday" } else { "active_directory" }
}

fn arithmetic(at: At, op: Op, a: &Value, b: &Value) -> Result<Value, Error> {
    let overflow = || Error::new(at, "the result is too large");
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        if b == 0 && matches!(op, Op::Div | Op::Rem) {
            return Err(Error::new(at, "division by zero"));
        }
        let result = match op {
            Op::Add => a.checked_add(b),
            Op::Sub => a.checked_sub(b),
            Op::Mul => a.checked_mul(b),
            Op::Div => a.checked_div(b),
            _ => a.checked_rem(b),
        };
        return result.map(Value::from).ok_or_else(overflow);
    }
    let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else {
        return Err(Error::new(at, "only numbers can be calculated with; convert with Convert.toNum"));
    };
    let result = match op {
        Op::Add => a + b,
        Op::Sub => a - b,
        Op::Mul => a * b,
        Op::Div => a / b,
        _ => a % b,
    };
    Number::from_f64(result).map(Value::Number).ok_or_else(overflow)
}
