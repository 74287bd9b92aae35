//! From the directory to an account, and back: values, each with where it came from.
//!
//! Precedence for an account: the person's own assignment, then the assignments of groups (by priority,
//! or combined), then the mapping, then its default.

use crate::app::App;
use crate::assignment::{Assignment, Basis, Presence, Standing};
use crate::expression::{Dependency, Expression, Facts, Source, Step, Warning, lookup};
use crate::place::Place;
use crate::plan::{Desired, Resource};
use crate::profile::{Apply, Attribute, Problem, Scope, Union};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Where a mapping takes its value from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// An attribute of the same meaning.
    Direct(String),
    /// Always the same value.
    Constant(Value),
    /// An expression.
    Expression(Expression),
    /// The id of the manager's account at the same app. Without one the attribute is left out until
    /// there is one.
    ManagerAccount,
    /// Nothing: only assignments give it, or the default.
    None,
}

/// What is sent when there is no value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Empty {
    /// Nothing: what the target has stays.
    #[default]
    Omit,
    /// The value at the target is taken away.
    Clear,
    /// This instead.
    Default(Value),
}

/// One row of a mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapping {
    /// The attribute that is written: a variable name of the profile, or of the directory.
    pub attribute: String,
    /// Where the value comes from.
    pub from: Rule,
    /// When it is written.
    #[serde(default)]
    pub apply: Apply,
    /// What is sent when there is no value.
    #[serde(default)]
    pub empty: Empty,
}

impl Mapping {
    /// What its value depends on.
    pub fn dependencies(&self, source: Source) -> BTreeSet<Dependency> {
        let object = match source {
            Source::User => "user",
            Source::AppUser => "appuser",
        };
        match &self.from {
            Rule::Direct(name) => {
                BTreeSet::from([Dependency::Attribute { object: object.into(), name: name.to_lowercase() }])
            }
            Rule::Expression(expression) => expression.dependencies(source),
            Rule::ManagerAccount => {
                BTreeSet::from([Dependency::Related { relation: "manager".into(), name: "remoteId".into() }])
            }
            Rule::Constant(_) | Rule::None => BTreeSet::new(),
        }
    }
}

impl Mapping {
    /// The objects that it names and that are neither the person, nor the account, nor the app, nor the organisation.
    pub fn objects(&self, source: Source) -> BTreeSet<String> {
        let named = self.dependencies(source).into_iter().filter_map(|one| match one {
            Dependency::Attribute { object, .. } => Some(object),
            Dependency::Accounts { source } => Some(source),
            _ => None,
        });
        named.filter(|object| !matches!(object.as_str(), "user" | "appuser" | "app" | "org")).collect()
    }

    /// The attributes that it reads and that there are not: they are always empty. `known` are those that there are.
    pub fn unknown(&self, source: Source, known: &[String]) -> Vec<String> {
        let object = match source {
            Source::User => "user",
            Source::AppUser => "appuser",
        };
        let is_known = |name: &str| {
            let of_person = source == Source::User && matches!(name, "id" | "status" | "profile");
            name == "*" || of_person || known.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        let read = self.dependencies(source).into_iter().filter_map(|one| match one {
            Dependency::Attribute { object: of, name } if of == object && !is_known(&name) => Some(name),
            _ => None,
        });
        read.collect()
    }
}

/// The attributes of an app's profile with their mappings, found once for an app and not once for each person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows(Vec<Row>);

/// One attribute: the place of its mapping among the app's, where it stands at the target, when it is written.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    mapping: Option<usize>,
    place: Result<Place, String>,
    apply: Apply,
}

impl Rows {
    /// Those of an app; they are good for as long as it is not changed.
    pub fn of(app: &App) -> Self {
        let row = |attribute: &Attribute| {
            let is_its = |row: &Mapping| row.attribute.eq_ignore_ascii_case(&attribute.variable_name);
            let mapping = app.to_app.iter().position(is_its);
            let apply = applied(app, attribute, mapping.and_then(|at| app.to_app.get(at)));
            Row { mapping, place: attribute.place(app.profile.pasted), apply }
        };
        Self(app.profile.attributes.iter().map(row).collect())
    }

    fn each<'a>(&'a self, app: &'a App) -> impl Iterator<Item = (&'a Attribute, &'a Row, Option<&'a Mapping>)> {
        let mapping = |row: &Row| row.mapping.and_then(|at| app.to_app.get(at));
        app.profile.attributes.iter().zip(&self.0).map(move |(attribute, row)| (attribute, row, mapping(row)))
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "origin")]
pub enum Origin {
    /// Assignments: one, or several that were combined.
    Assignments {
        /// Their ids.
        assignments: Vec<String>,
    },
    /// The mapping's attribute.
    Direct {
        /// Which.
        attribute: String,
    },
    /// The mapping's expression.
    Expression {
        /// Its source.
        text: String,
        /// What it read and decided.
        steps: Vec<Step>,
        /// What its author should look at.
        warnings: Vec<Warning>,
    },
    /// The mapping's constant.
    Constant,
    /// The mapping's default, because there was no value.
    Default,
    /// The manager's account.
    ManagerAccount,
}

/// A value of an account, with its provenance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Valued {
    /// The variable name.
    pub variable: String,
    /// Where it stands at the target.
    pub place: Place,
    /// The value; nothing takes away what is there.
    pub value: Option<Value>,
    /// When it is sent.
    pub apply: Apply,
    /// Where it came from.
    pub origin: Origin,
    /// Whether evidence hides it.
    pub sensitive: bool,
}

/// Everything about one person at one app: what preview, explanation and worker all start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// Should they be there, and why.
    pub standing: Standing,
    /// What should be there.
    pub desired: Desired,
}

/// Decides what should be at an app for one person. `rows` are the app's.
pub fn desired(
    app: &App,
    rows: &Rows,
    facts: &Facts,
    assignments: &[Assignment],
    external_id: &str,
    now: i64,
) -> Explained {
    let basis = Basis::of(&facts.user, assignments);
    let standing = Standing::of(app, &facts.user, &basis);
    let desired = match standing.presence {
        Presence::Unmanaged => Desired::Unmanaged,
        Presence::Inactive | Presence::Absent => Desired::Gone { leave: standing.leave(app) },
        Presence::Active => present(app, rows, facts, &basis, external_id, now),
    };
    Explained { standing, desired }
}

/// What somebody whom no assignment is about would get with one that says nothing of its own: for looking at mappings
/// before anybody is assigned.
pub fn as_if_assigned(app: &App, facts: &Facts, external_id: &str, now: i64) -> Desired {
    present(app, &Rows::of(app), facts, &Basis::of(&facts.user, &[]), external_id, now)
}

fn present(app: &App, rows: &Rows, facts: &Facts, basis: &Basis<'_>, external_id: &str, now: i64) -> Desired {
    let (values, waits, mut problems) = account(app, rows, facts, basis, now);
    let unique_field = app.unique_field();
    let unique = values
        .iter()
        .find(|valued| valued.place.namespace.is_none() && valued.place.path().eq_ignore_ascii_case(unique_field))
        .and_then(|valued| valued.value.as_ref()?.as_str().map(str::to_owned));
    if unique.is_none() && problems.is_empty() {
        problems.push(Problem::new(
            unique_field,
            "the unique identifier has no value, so the account cannot be told from others",
        ));
    }
    if !problems.is_empty() {
        return Desired::Impossible(problems);
    }
    let unique = (unique_field.to_owned(), unique.unwrap_or_default());
    Desired::Present(Box::new(Resource { values, unique, external_id: external_id.to_owned(), members: None, waits }))
}

/// The values of an account in the order of the profile; for which people it waits; what is wrong.
fn account(
    app: &App,
    rows: &Rows,
    facts: &Facts,
    basis: &Basis<'_>,
    now: i64,
) -> (Vec<Valued>, Vec<String>, Vec<Problem>) {
    let (mut values, mut waits, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (attribute, row, mapping) in rows.each(app) {
        match valued(app, attribute, (row, mapping), facts, basis, now) {
            Ok(Some(valued)) => values.push(valued),
            Ok(None) => {
                let waiting = mapping.is_some_and(|row| row.from == Rule::ManagerAccount);
                waits.extend(facts.user.manager.iter().filter(|_| waiting).map(|manager| manager.id.clone()));
            }
            Err(why) => problems.push(Problem::new(&attribute.variable_name, why)),
        }
    }
    (values, waits, problems)
}

fn valued(
    app: &App,
    attribute: &Attribute,
    (row, mapping): (&Row, Option<&Mapping>),
    facts: &Facts,
    basis: &Basis<'_>,
    now: i64,
) -> Result<Option<Valued>, String> {
    let (apply, place) = (row.apply, row.place.clone()?);
    let unsupported = app.target.unsupported.iter().any(|name| name.eq_ignore_ascii_case(place.attribute()));
    if apply == Apply::Never || (unsupported && place.namespace.is_none()) {
        return Ok(None);
    }
    let found = match given(attribute, basis) {
        Some(given) => Some(given),
        None => mapping.map_or(Ok(None), |mapping| mapped(mapping, facts, now))?,
    };
    let (value, origin) = match found {
        Some((value, origin)) if !is_empty(&value) => (Some(attribute.fit(value)?), origin),
        found => match mapping.map(|mapping| &mapping.empty) {
            Some(Empty::Default(value)) => (Some(attribute.fit(value.clone())?), Origin::Default),
            Some(Empty::Clear) => match found {
                Some((_, origin)) => (None, origin),
                None => (None, Origin::Default),
            },
            Some(Empty::Omit) | None => return missing(attribute),
        },
    };
    if value.is_none() && attribute.required {
        return missing(attribute);
    }
    let variable = attribute.variable_name.clone();
    Ok(Some(Valued { variable, place, value, apply, origin, sensitive: attribute.sensitive }))
}

fn missing(attribute: &Attribute) -> Result<Option<Valued>, String> {
    if attribute.required { Err("the attribute is required and has no value".into()) } else { Ok(None) }
}

/// The stricter of the two switches.
fn applied(app: &App, attribute: &Attribute, mapping: Option<&Mapping>) -> Apply {
    let path = &attribute.external_name;
    let is_name = path.eq_ignore_ascii_case("userName") || path.eq_ignore_ascii_case(app.unique_field());
    let kept = app.policy.exclude_username_updates && is_name;
    let rank = |apply| match apply {
        Apply::Never => 0,
        Apply::Create => 1,
        Apply::CreateAndUpdate => 2,
    };
    let switches = [attribute.apply, mapping.map_or(Apply::CreateAndUpdate, |mapping| mapping.apply)];
    let kept = if kept { Apply::Create } else { Apply::CreateAndUpdate };
    switches.into_iter().chain([kept]).min_by_key(|apply| rank(*apply)).unwrap_or_default()
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty)
}

/// What assignments give.
fn given(attribute: &Attribute, basis: &Basis<'_>) -> Option<(Value, Origin)> {
    let origin = |assignments: Vec<&Assignment>| Origin::Assignments {
        assignments: assignments.iter().map(|assignment| assignment.id.clone()).collect(),
    };
    let value = |assignment: &Assignment| lookup(&assignment.profile, &attribute.variable_name).cloned();
    let mut own = [basis.direct, basis.values].into_iter().flatten().filter_map(|own| Some((own, value(own)?)));
    if let Some((own, value)) = own.next() {
        return Some((value, origin(vec![own])));
    }
    if attribute.scope == Scope::UserPersonal {
        return None;
    }
    let mut giving = basis.groups.iter().filter_map(|group| Some((*group, value(group)?)));
    if attribute.union == Union::Priority {
        return giving.next().map(|(group, value)| (value, origin(vec![group])));
    }
    let (mut all, mut from) = (Vec::new(), Vec::new());
    for (group, value) in giving {
        from.push(group);
        let items = if let Value::Array(list) = value { list } else { vec![value] };
        for item in items {
            if !all.contains(&item) {
                all.push(item);
            }
        }
    }
    (!from.is_empty()).then(|| (Value::Array(all), origin(from)))
}

/// What a mapping gives; nothing if the attribute is to be left as it is.
fn mapped(mapping: &Mapping, facts: &Facts, now: i64) -> Result<Option<(Value, Origin)>, String> {
    Ok(match &mapping.from {
        Rule::None => None,
        Rule::Constant(value) => Some((value.clone(), Origin::Constant)),
        Rule::Direct(name) => {
            let map = match facts.source {
                Source::User => &facts.user.profile,
                Source::AppUser => &facts.app_user,
            };
            let value = lookup(map, name).cloned().unwrap_or(Value::Null);
            Some((value, Origin::Direct { attribute: name.clone() }))
        }
        Rule::ManagerAccount => {
            let account = facts.user.manager.as_ref().and_then(|manager| manager.remote_id.clone());
            account.map(|id| (Value::String(id), Origin::ManagerAccount))
        }
        Rule::Expression(expression) => {
            let done = expression.evaluate(facts, now).map_err(|error| error.to_string())?;
            let text = expression.text().to_owned();
            let origin = Origin::Expression { text, steps: done.steps, warnings: done.warnings };
            (!done.ignored).then_some((done.value, origin))
        }
    })
}

/// A value for the directory, read back from an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// The directory's attribute.
    pub attribute: String,
    /// The value; nothing takes away what is there.
    pub value: Option<Value>,
    /// Where it came from.
    pub origin: Origin,
}

/// The account's values by variable name, as `appuser.x` sees them.
pub fn app_user(app: &App, rows: &Rows, document: &Map<String, Value>) -> Map<String, Value> {
    let read = |(attribute, row, _): (&Attribute, &Row, Option<&Mapping>)| {
        let value = row.place.as_ref().ok()?.read(document)?.clone();
        // The manager is an object on the wire and a text in the profile.
        let value = match (&value, attribute.data_type) {
            (Value::Object(map), crate::profile::DataType::String) => map.get("value").cloned()?,
            _ => value,
        };
        Some((attribute.variable_name.clone(), value))
    };
    rows.each(app).filter_map(read).collect()
}

/// App › directory: the values that an account gives to the person it belongs to. `new` is whether the
/// person is being made from it.
pub fn to_directory(app: &App, document: &Map<String, Value>, new: bool, now: i64) -> (Vec<Imported>, Vec<Problem>) {
    let facts = Facts {
        app_user: app_user(app, &Rows::of(app), document),
        app: app.settings.clone(),
        source: Source::AppUser,
        ..Facts::default()
    };
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for mapping in
        app.to_directory.iter().filter(|row| row.apply == Apply::CreateAndUpdate || (new && row.apply == Apply::Create))
    {
        let attribute = mapping.attribute.clone();
        match mapped(mapping, &facts, now) {
            Err(why) => problems.push(Problem::new(&attribute, why)),
            Ok(Some((value, origin))) if !is_empty(&value) => {
                values.push(Imported { attribute, value: Some(value), origin })
            }
            Ok(found) => match &mapping.empty {
                Empty::Omit => {}
                Empty::Default(value) => {
                    values.push(Imported { attribute, value: Some(value.clone()), origin: Origin::Default });
                }
                Empty::Clear => {
                    let origin = found.map_or(Origin::Default, |(_, origin)| origin);
                    values.push(Imported { attribute, value: None, origin });
                }
            },
        }
    }
    (values, problems)
}

/// Which changes in the directory make an app's accounts out of date.
pub fn dependencies(app: &App) -> BTreeSet<Dependency> {
    let used = |row: &&Mapping| app.profile.attribute(&row.attribute).is_some() && row.apply != Apply::Never;
    app.to_app.iter().filter(used).flat_map(|row| row.dependencies(Source::User)).collect()
}
