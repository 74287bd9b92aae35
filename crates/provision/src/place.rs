//! Where a value stands in a resource's JSON, as an administrator names it.
//!
//! `name.givenName`, `emails[type eq "work"].value`, `emails.^[primary==true].value`, and attributes of
//! an extension by namespace and name or by the whole value in one.

use scim::AttrPath;
use scim::schema::{GROUP, USER};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::ops::Deref;
use std::sync::Arc;

/// Most steps of a place.
const STEPS_MAX: usize = 8;

/// What becomes of a full value (`urn:…:User:field`) that was pasted into the external name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pasted {
    /// Namespace and name: `{"urn:…:User": {"field": v}}`.
    #[default]
    Split,
    /// Kept as one key: `{"urn:…:User:field": v}`.
    WholeKey,
    /// Kept, and nested at its dots as external names are: `{"urn:…:2": {"0:User:field": v}}`.
    Dots,
}

/// A place in a resource. It goes with every value of every person, so a copy shares what was read once.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    way: Arc<Way>,
    /// As RFC 7644 writes it.
    path: Arc<str>,
}

/// What a place is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// The extension, or nothing for the core schema.
    pub namespace: Option<String>,
    /// The way from there.
    steps: Vec<Step>,
    /// How it is written.
    pasted: Pasted,
}

impl Deref for Place {
    type Target = Way;

    fn deref(&self) -> &Way {
        &self.way
    }
}

impl From<Way> for Place {
    fn from(way: Way) -> Self {
        Self { path: way.written().into(), way: Arc::new(way) }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.way.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Way::deserialize(deserializer).map(Self::from)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Step {
    /// A key of an object.
    Key(String),
    /// The element of a list that has these values.
    Element(Vec<(String, Value)>),
}

impl Place {
    /// Reads external name and namespace.
    pub fn parse(name: &str, namespace: Option<&str>, pasted: Pasted) -> Result<Self, String> {
        let name = name.trim();
        let namespace = namespace.map(str::trim).filter(|urn| !urn.is_empty());
        let namespace = namespace.filter(|urn| !is_core(urn)).map(|urn| urn.trim_end_matches(':'));
        let is_whole = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
        if !is_whole {
            let namespace = namespace.map(str::to_owned);
            return Ok(Way { namespace, steps: steps(name)?, pasted: Pasted::Split }.into());
        }
        // What stands in brackets may hold colons too; the URN ends before them.
        let (head, tail) = name.find('[').and_then(|at| name.split_at_checked(at)).unwrap_or((name, ""));
        let path = AttrPath::parse(head).ok_or("the external name starts with a URN but is no full attribute name")?;
        let urn =
            path.urn.filter(|urn| urn.contains(':')).ok_or("the external name has a URN but no attribute behind it")?;
        let inner = path.sub.map_or(path.name.clone(), |sub| format!("{}.{sub}", path.name));
        let core = is_core(&urn);
        let pasted = if core { Pasted::Split } else { pasted };
        let way = Way { namespace: (!core).then_some(urn), steps: steps(&format!("{inner}{tail}"))?, pasted };
        let place = Self::from(way);
        // Each dot of the namespace makes an object within an object.
        if pasted == Pasted::Dots && place.path().split('.').nth(STEPS_MAX).is_some() {
            return Err(too_deep());
        }
        Ok(place)
    }

    /// The value there, if there is one. The canonical form is looked at before a pasted one, because
    /// servers answer with that.
    pub fn read<'v>(&self, document: &'v Map<String, Value>) -> Option<&'v Value> {
        self.canonical(document).or_else(|| match self.pasted {
            Pasted::Split => None,
            Pasted::WholeKey => document.get(self.path()),
            Pasted::Dots => {
                let mut keys = self.path().split('.');
                let first = document.get(keys.next()?)?;
                keys.try_fold(first, |value, key| value.get(key))
            }
        })
    }

    /// Puts a value there; what is missing on the way is made.
    pub fn write(&self, document: &mut Map<String, Value>, value: Value) {
        match self.pasted {
            Pasted::Split => {
                let holder = match &self.namespace {
                    None => document,
                    Some(urn) => object(document.entry(named(document, urn)).or_insert(Value::Null)),
                };
                write(holder, &self.steps, value);
            }
            Pasted::WholeKey => {
                document.insert(self.path().to_owned(), value);
            }
            Pasted::Dots => {
                let mut keys = self.path().split('.').peekable();
                let mut holder = document;
                while let Some(name) = keys.next() {
                    if keys.peek().is_none() {
                        holder.insert(name.to_owned(), value);
                        return;
                    }
                    holder = object(holder.entry(name).or_insert(Value::Null));
                }
            }
        }
    }

    /// Takes the value away, and what is empty without it.
    pub fn clear(&self, document: &mut Map<String, Value>) {
        match &self.namespace {
            None => clear(document, &self.steps),
            Some(urn) => {
                let name = named(document, urn);
                if let Some(holder) = document.get_mut(&name).and_then(Value::as_object_mut) {
                    clear(holder, &self.steps);
                    if holder.is_empty() {
                        document.shift_remove(&name);
                    }
                }
                match self.pasted {
                    Pasted::Split | Pasted::WholeKey => drop(document.shift_remove(self.path())),
                    Pasted::Dots => {
                        clear(
                            document,
                            &self.path().split('.').map(|key| Step::Key(key.to_owned())).collect::<Vec<_>>(),
                        );
                    }
                }
            }
        }
    }

    /// As RFC 7644 writes it: `urn:…:User:manager`, `emails[type eq "work"].value`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The list that it selects an element of, and that element with this value: what `add` needs
    /// where the element is not there yet.
    pub fn as_new_element(&self, value: &Value) -> Option<(String, Value)> {
        let [Step::Key(list), Step::Element(_), ..] = self.steps.as_slice() else { return None };
        let mut holder = Map::new();
        write(&mut holder, &self.steps, value.clone());
        let prefix = self.namespace.as_ref().map_or_else(String::new, |urn| format!("{urn}:"));
        Some((format!("{prefix}{list}"), holder.shift_remove(list)?))
    }

    /// Whether the element that it selects is in this resource.
    pub fn has_element(&self, document: &Map<String, Value>) -> bool {
        let [head @ Step::Key(_), element @ Step::Element(_), ..] = self.steps.as_slice() else { return true };
        let steps = vec![head.clone(), element.clone()];
        let element = Way { namespace: self.namespace.clone(), steps, pasted: Pasted::Split };
        element.canonical(document).is_some()
    }

    /// Whether it is a part of something that holds more: of an object, a list, an extension.
    pub fn is_part(&self) -> bool {
        self.steps.len() > 1 || (self.namespace.is_some() && self.pasted == Pasted::Split)
    }

    /// The name of the attribute at its start.
    pub fn attribute(&self) -> &str {
        match self.steps.first() {
            Some(Step::Key(name)) => name,
            _ => "",
        }
    }
}

impl Way {
    /// An attribute of the core schema, by its name.
    pub(crate) fn of_attribute(name: &str) -> Self {
        Self { namespace: None, steps: vec![Step::Key(name.to_owned())], pasted: Pasted::Split }
    }

    fn canonical<'v>(&self, document: &'v Map<String, Value>) -> Option<&'v Value> {
        let holder = match &self.namespace {
            None => document,
            Some(urn) => key(document, urn)?.as_object()?,
        };
        let mut steps = self.steps.iter();
        let Some(Step::Key(first)) = steps.next() else { return None };
        let found = steps.try_fold(key(holder, first)?, |value, step| match step {
            Step::Key(name) => key(preferred(value)?.as_object()?, name),
            Step::Element(wanted) => elements(value).iter().find(|element| fits(element, wanted)),
        })?;
        (!found.is_null()).then_some(found)
    }

    fn written(&self) -> String {
        let mut path = self.namespace.as_ref().map_or_else(String::new, |urn| format!("{urn}:"));
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(name) => {
                    if index > 0 {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                Step::Element(wanted) => {
                    let terms: Vec<String> = wanted.iter().map(|(name, value)| format!("{name} eq {value}")).collect();
                    path.push_str(&format!("[{}]", terms.join(" and ")));
                }
            }
        }
        path
    }
}

fn is_core(urn: &str) -> bool {
    [USER, GROUP].iter().any(|core| core.eq_ignore_ascii_case(urn.trim_end_matches(':')))
}

/// An attribute by its name in any case.
fn key<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    map.get(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The key under which it stands, or its own name.
fn named(map: &Map<String, Value>, name: &str) -> String {
    if map.contains_key(name) {
        return name.to_owned();
    }
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned())
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Of a list the primary element or the first one; anything else is itself.
fn preferred(value: &Value) -> Option<&Value> {
    let list = elements(value);
    list.iter()
        .find(|element| element.get("primary").is_some_and(|flag| same(flag, &Value::Bool(true))))
        .or(list.first())
}

fn fits(element: &Value, wanted: &[(String, Value)]) -> bool {
    wanted
        .iter()
        .all(|(name, value)| element.as_object().and_then(|map| key(map, name)).is_some_and(|found| same(found, value)))
}

/// Equal as a server may show it: booleans as text, text in another case.
fn same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(found), Value::String(wanted)) => found.eq_ignore_ascii_case(wanted),
        (Value::String(found), Value::Bool(_) | Value::Number(_)) => found.eq_ignore_ascii_case(&wanted.to_string()),
        _ => found == wanted,
    }
}

/// Makes it an object if it is none.
#[expect(clippy::panic, reason = "what was just made an object is one")]
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => panic!("an object"),
    }
}

fn write(holder: &mut Map<String, Value>, steps: &[Step], value: Value) {
    let Some((Step::Key(first), rest)) = steps.split_first() else { return };
    let name = named(holder, first);
    put(holder.entry(name).or_insert(Value::Null), rest, value);
}

fn put(place: &mut Value, steps: &[Step], value: Value) {
    match steps.split_first() {
        None => *place = value,
        Some((Step::Key(_), _)) => write(object(place), steps, value),
        Some((Step::Element(wanted), rest)) => {
            if !place.is_array() {
                let alone = place.take();
                *place = Value::Array(if alone.is_object() { vec![alone] } else { Vec::new() });
            }
            let Some(list) = place.as_array_mut() else { return };
            if let Some(element) = list.iter_mut().find(|element| fits(element, wanted)) {
                return put(element, rest, value);
            }
            let mut element = Value::Object(wanted.iter().cloned().collect());
            put(&mut element, rest, value);
            list.push(element);
        }
    }
}

fn clear(holder: &mut Map<String, Value>, steps: &[Step]) {
    let Some((Step::Key(first), rest)) = steps.split_first() else { return };
    let name = named(holder, first);
    let Some(value) = holder.get_mut(&name) else { return };
    let is_gone = match rest.split_first() {
        None => true,
        Some((Step::Key(_), _)) => value.as_object_mut().is_some_and(|map| {
            clear(map, rest);
            map.is_empty()
        }),
        Some((Step::Element(wanted), after)) => value.as_array_mut().is_some_and(|list| {
            for element in list.iter_mut().filter(|element| fits(element, wanted)) {
                if let Some(map) = element.as_object_mut() {
                    clear(map, after);
                }
            }
            // An element of nothing but its own marks says nothing any more.
            let bare = |element: &Value| element.as_object().is_some_and(|map| map.len() <= wanted.len());
            list.retain(|element| !(fits(element, wanted) && (after.is_empty() || bare(element))));
            list.is_empty()
        }),
    };
    if is_gone {
        holder.shift_remove(&name);
    }
}

fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (condition, behind) = bracket(inside)?;
            steps.push(Step::Element(terms(condition)?));
            rest = behind.strip_prefix('.').unwrap_or(behind);
        } else if let Some(behind) = rest.strip_prefix('^') {
            rest = behind;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            if name.is_empty() {
                return Err("the external name has an empty part".into());
            }
            steps.push(Step::Key(name.to_owned()));
            rest = behind.strip_prefix('.').unwrap_or(behind);
        }
    }
    if !matches!(steps.first(), Some(Step::Key(_))) {
        return Err("the external name is missing or not an attribute's name".into());
    }
    if steps.len() > STEPS_MAX { Err(too_deep()) } else { Ok(steps) }
}

fn too_deep() -> String {
    format!("the external name goes more than {STEPS_MAX} steps deep")
}

/// Up to the bracket that closes; brackets in quotes do not count.
fn bracket(text: &str) -> Result<(&str, &str), String> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ']' if !quoted => return Ok((text.get(..at).unwrap_or(""), text.get(at + 1..).unwrap_or(""))),
            _ => {}
        }
    }
    Err("a bracket in the external name is not closed".into())
}

fn terms(text: &str) -> Result<Vec<(String, Value)>, String> {
    text.split(" and ").map(term).collect()
}

fn term(text: &str) -> Result<(String, Value), String> {
    let split = text.split_once("==").or_else(|| text.split_once(" eq ")).or_else(|| text.split_once(" Eq "));
    let (name, value) = split.ok_or("an element is selected by name eq value")?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$')) {
        return Err("an element is selected by the name of one of its parts".into());
    }
    let bare = value.trim_matches('\'');
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(bare));
    if value.is_array() || value.is_object() || value.is_null() {
        return Err("an element is selected by a text, a number or a boolean".into());
    }
    Ok((name.to_owned(), value))
}
