//! A filter in SQL finds exactly what `Filter::matches` says of the document that is shown, and lists stand
//! in the order that the documents have.

use super::support::{BASE, Dice, POLICY, World, refs};
use scim::filter::CompareOp;
use scim::patch_op::MemberOp;
use scim::schema::{AttrType, Attribute, Mutability, Returned, Uniqueness};
use scim::{AttrPath, Dialect, Filter, Resource, ResourceType, Schema};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Definitions, Effort, ExtensionDef, Only, Query, ResourceTypeDef, Sort, Start};

const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";
const TEXTS: [&str; 24] = [
    "Adam",
    "adam",
    "ADAM",
    "a",
    "ab",
    "aB",
    "abc",
    "Straße",
    "STRASSE",
    "strasse",
    "İstanbul",
    "日本語",
    "日本",
    "é",
    "e\u{301}",
    "%",
    "_a",
    "it's",
    "\"q\"",
    "\u{D7FF}",
    "\u{E000}x",
    "\u{10FFFF}",
    "true",
    "10",
];
const DATES: [&str; 6] = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T01:00:00+01:00",
    "2026-01-01T00:00:00.000001Z",
    "1969-12-31T23:59:59Z",
    "2026-06-01T00:00:00",
    "1970-01-01T00:00:00.000001Z",
];

fn attribute(name: &str, attr_type: AttrType, change: impl FnOnce(&mut Attribute)) -> Attribute {
    let mut attribute = Attribute { attr_type, ..Attribute::string(name) };
    change(&mut attribute);
    attribute
}

fn many(attribute: &mut Attribute) {
    attribute.multi_valued = true;
}

fn definitions() -> Definitions {
    use AttrType::{Binary, Boolean, Complex, DateTime, Decimal, Integer, Reference, String};
    let parts = || {
        vec![
            attribute("value", String, |_| {}),
            attribute("exact", String, |a| a.case_exact = true),
            attribute("number", Integer, |_| {}),
            attribute("flag", Boolean, |_| {}),
            attribute("at", DateTime, |_| {}),
            attribute("list", String, many),
            attribute("secret", String, |a| {
                a.mutability = Mutability::WriteOnly;
                a.returned = Returned::Never;
            }),
            attribute("onRequest", String, |a| a.returned = Returned::Request),
        ]
    };
    let attributes = vec![
        attribute("exact", String, |a| a.case_exact = true),
        attribute("text", String, |_| {}),
        attribute("flag", Boolean, |_| {}),
        attribute("number", Integer, |_| {}),
        attribute("ratio", Decimal, |_| {}),
        attribute("at", DateTime, |_| {}),
        attribute("bytes", Binary, |_| {}),
        attribute("link", Reference, |_| {}),
        attribute("badge", String, |a| a.uniqueness = Uniqueness::Server),
        attribute("tags", String, many),
        attribute("numbers", Decimal, many),
        attribute("one", Complex, |a| a.sub_attributes = parts()),
        attribute("some", Complex, |a| {
            many(a);
            a.sub_attributes = parts();
        }),
        attribute("noValue", Complex, |a| a.sub_attributes = vec![attribute("name", String, |_| {})]),
        attribute("secret", String, |a| a.returned = Returned::Never),
        attribute("onRequest", String, |a| a.returned = Returned::Request),
    ];
    let schema =
        Schema { id: CUSTOM.into(), name: "Custom".into(), description: std::string::String::new(), attributes };
    let extensions = vec![ExtensionDef { schema: CUSTOM.into(), required: false }];
    Definitions {
        schemas: vec![schema],
        resource_types: vec![ResourceTypeDef { name: "User".into(), extensions, ..ResourceTypeDef::default() }],
        ..Definitions::default()
    }
}

fn scalar(attribute: &Attribute, dice: &mut Dice) -> Value {
    match attribute.attr_type {
        AttrType::Boolean => json!(dice.one_in(2)),
        AttrType::Integer => json!(i64::try_from(dice.below(7)).unwrap() - 3),
        AttrType::Decimal => dice.pick(&[json!(0), json!(-0.0), json!(1.5), json!(-2), json!(1e20), json!(2)]).clone(),
        AttrType::DateTime => json!(dice.pick(&DATES)),
        AttrType::Binary => json!(dice.pick(&["QQ==", "qq==", "QUJD", "QUI="])),
        _ if dice.one_in(12) => json!(""),
        _ => json!(dice.pick(&TEXTS)),
    }
}

fn value(attribute: &Attribute, dice: &mut Dice) -> Value {
    let single = |dice: &mut Dice, primary: bool| {
        if !attribute.is_complex() {
            return scalar(attribute, dice);
        }
        let mut element = Map::new();
        for sub in &attribute.sub_attributes {
            if sub.name == "primary" {
                element.insert(sub.name.clone(), json!(primary));
            } else if dice.one_in(2) {
                element.insert(sub.name.clone(), value(sub, dice));
            }
        }
        Value::Object(element)
    };
    if !attribute.multi_valued {
        return single(dice, false);
    }
    let count = 1 + dice.below(3);
    let primary = dice.below(4);
    (0..count).map(|index| single(dice, index == primary)).collect()
}

fn body(resource_type: &ResourceType, number: usize, dice: &mut Dice) -> Value {
    let mut body = Map::new();
    for (extension, attribute) in resource_type.attributes() {
        let apart = ["schemas", "id", "meta", "groups", "members", "manager", "badge"];
        if apart.contains(&attribute.name.as_str()) || !dice.one_in(3) {
            continue;
        }
        let value = value(attribute, dice);
        match extension {
            None => _ = body.insert(attribute.name.clone(), value),
            Some(schema) => {
                body.entry(schema.id.clone()).or_insert_with(|| json!({}))[&attribute.name] = value;
            }
        }
    }
    let text = dice.pick(&TEXTS);
    if resource_type.is_user() {
        body.insert("userName".into(), json!(format!("{text}{number}")));
        if dice.one_in(3) {
            body.entry(CUSTOM).or_insert_with(|| json!({}))["badge"] = json!(format!("{text}-{number}"));
        }
    } else {
        body.insert("displayName".into(), json!(format!("{text}{number}")));
    }
    Value::Object(body)
}

/// Something by which a manager may or may not be found.
fn manager(world: &World, made: &[store::Stored], dice: &mut Dice) -> Value {
    if made.is_empty() || dice.one_in(4) {
        return json!(dice.pick(&TEXTS));
    }
    let boss = dice.pick(made);
    let paths = ["userName", "externalId", "employeeNumber"];
    let text = boss.resource.text(&world.user, dice.pick::<&str>(&paths)).filter(|text| !text.is_empty());
    match (text, dice.below(3)) {
        (Some(text), 0 | 1) => json!(text),
        (_, 2) => json!(boss.resource.attributes.get("emails").map_or(&boss.id[..], |emails| {
            emails[0]["value"].as_str().filter(|text| !text.is_empty()).unwrap_or(&boss.id)
        })),
        _ => json!(boss.id),
    }
}

/// Users and groups of all sorts.
fn populate(world: &World, users: usize, groups: usize, dice: &mut Dice) {
    let strict = Dialect { empty_string_unassigns: false, ..Dialect::LENIENT };
    let mut made = Vec::new();
    for number in 0..users {
        let mut body = body(&world.user, number, dice);
        if dice.one_in(2) {
            body["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"] =
                json!({"value": manager(world, &made, dice)});
        }
        let dialect = if dice.one_in(2) { strict } else { Dialect::LENIENT };
        let resource = Resource::parse(body, &world.user, &dialect).unwrap().resource;
        let (tenant, user) = (world.tenant, Arc::clone(&world.user));
        let now = 1_000_000 + i64::try_from(dice.below(5)).unwrap();
        let stored = world.write(move |w| w.insert(tenant, &user, None, &resource, now, POLICY)).unwrap();
        if dice.one_in(4) {
            let (user, again) = (Arc::clone(&world.user), stored.clone());
            world
                .write(move |w| w.update(tenant, &user, &again, &again.resource, now + 1, super::support::ORDER))
                .unwrap();
        }
        made.push(stored);
    }
    let mut ids: Vec<String> = made.into_iter().map(|stored| stored.id).collect();
    let mut of_groups = Vec::new();
    for number in 0..groups {
        let stored = world.insert(&world.group, body(&world.group, number, dice));
        ids.push(stored.id.clone());
        of_groups.push(stored.id);
    }
    for group in &of_groups {
        let count = dice.below(6);
        let wanted = (0..count).map(|_| dice.pick(&ids).clone()).filter(|id| id != group).collect::<Vec<_>>();
        world.members(group, vec![MemberOp::Add(refs(wanted))]).unwrap();
    }
}

struct Documents {
    resource_type: Arc<ResourceType>,
    /// In the order of the rows.
    all: Vec<(String, Map<String, Value>)>,
    /// Values that occur, by path.
    samples: Vec<(String, Value)>,
}

impl Documents {
    fn read(world: &World, resource_type: &Arc<ResourceType>) -> Self {
        let (tenant, of_type) = (world.tenant, Arc::clone(resource_type));
        let all = world.read(move |r| {
            let query = Query {
                filter: None,
                sort: None,
                start: Start::Index(0),
                count: 100_000,
                want_total: false,
                want_groups: true,
                base: BASE,
            };
            let mut all = Vec::new();
            for view in r.search(tenant, &of_type, &query)?.views {
                let mut document = view.document(BASE, &of_type)?;
                let mut members = Vec::new();
                r.members(tenant, view.rid, |member| {
                    members.push(member.to_json(BASE));
                    Ok(())
                })?;
                if !members.is_empty() {
                    document.insert("members".into(), members.into());
                }
                all.push((view.id, document));
            }
            Ok(all)
        });
        let mut samples = Vec::new();
        for (_, document) in &all {
            for (extension, attribute) in resource_type.attributes() {
                let target = scim::Target::Attribute { extension, attribute, sub: None };
                for element in target.elements(document) {
                    if !attribute.is_complex() {
                        samples.push((attribute.name.clone(), element.clone()));
                    }
                    for sub in &attribute.sub_attributes {
                        let values = element.get(&sub.name).map(|v| v.as_array().cloned().unwrap_or(vec![v.clone()]));
                        let named = format!("{}.{}", attribute.name, sub.name);
                        samples.extend(values.into_iter().flatten().map(|value| (named.clone(), value)));
                    }
                }
            }
        }
        samples.sort_by(|a, b| a.0.cmp(&b.0));
        Self { resource_type: Arc::clone(resource_type), all, samples }
    }

    fn literal(&self, named: &str, leaf: Option<&Attribute>, dice: &mut Dice) -> Value {
        let start = self.samples.partition_point(|(path, _)| path.as_str() < named);
        let end = self.samples.partition_point(|(path, _)| path.as_str() <= named);
        match dice.below(10) {
            0 => dice
                .pick(&[json!(null), json!(true), json!("False"), json!(0), json!("2"), json!(""), json!("x")])
                .clone(),
            1 | 2 => leaf.map_or(json!("a"), |leaf| scalar(leaf, dice)),
            _ if start < end => {
                let value = self.samples[start + dice.below(end - start)].1.clone();
                match value.as_str().map(|text| text.chars().collect::<Vec<char>>()) {
                    Some(chars) if !chars.is_empty() && dice.one_in(2) => {
                        let (a, b) = (dice.below(chars.len() + 1), dice.below(chars.len() + 1));
                        json!(chars[a.min(b)..a.max(b)].iter().collect::<String>())
                    }
                    _ => value,
                }
            }
            _ => json!(dice.pick(&TEXTS)),
        }
    }

    fn path(&self, dice: &mut Dice) -> (AttrPath, String, Option<Attribute>) {
        if dice.one_in(30) {
            let odd =
                ["nothing", "emails.nothing", "urn:x:y:User:name", CUSTOM, "meta", "schemas", "groups", "members"];
            let path = AttrPath::parse(dice.pick::<&str>(&odd)).unwrap();
            return (path, String::new(), None);
        }
        let attributes: Vec<_> = self.resource_type.attributes().collect();
        let (extension, attribute) = *dice.pick(&attributes);
        let sub = (attribute.is_complex() && !dice.one_in(4)).then(|| dice.pick(&attribute.sub_attributes));
        let urn = match extension {
            Some(schema) => (!dice.one_in(4)).then(|| schema.id.clone()),
            None => dice.one_in(8).then(|| self.resource_type.schema.id.clone()),
        };
        let path = AttrPath { urn, name: attribute.name.clone(), sub: sub.map(|sub| sub.name.clone()) };
        let path = if dice.one_in(5) { AttrPath::parse(&path.to_string().to_uppercase()).unwrap() } else { path };
        let leaf = sub.or_else(|| attribute.sub("value")).unwrap_or(attribute).clone();
        let named =
            if attribute.is_complex() { format!("{}.{}", attribute.name, leaf.name) } else { leaf.name.clone() };
        (path, named, Some(leaf))
    }

    fn filter(&self, depth: usize, dice: &mut Dice) -> Filter {
        match dice.below(if depth == 0 { 6 } else { 12 }) {
            0 => Filter::Present(self.path(dice).0),
            1..=4 => {
                let (path, named, leaf) = self.path(dice);
                Filter::Compare(path, *dice.pick(&CompareOp::ALL), self.literal(&named, leaf.as_ref(), dice))
            }
            5 => {
                let (path, ..) = self.path(dice);
                let holder = self.resource_type.resolve(&path.parent()).and_then(|target| match target {
                    scim::Target::Attribute { attribute, .. } => Some(attribute.clone()),
                    scim::Target::Extension(_) => None,
                });
                let inner = self.inner(holder.as_ref(), depth.min(2), dice);
                Filter::Element(path.parent(), Box::new(inner))
            }
            6 | 7 => Filter::And(Box::new(self.filter(depth - 1, dice)), Box::new(self.filter(depth - 1, dice))),
            8 | 9 => Filter::Or(Box::new(self.filter(depth - 1, dice)), Box::new(self.filter(depth - 1, dice))),
            _ => Filter::Not(Box::new(self.filter(depth - 1, dice))),
        }
    }

    fn inner(&self, holder: Option<&Attribute>, depth: usize, dice: &mut Dice) -> Filter {
        let name = |name: &str| AttrPath { urn: None, name: name.to_owned(), sub: None };
        let leaf = holder
            .map(|holder| if holder.is_complex() { dice.pick(&holder.sub_attributes).clone() } else { holder.clone() });
        let path = match (&leaf, holder) {
            _ if dice.one_in(15) => name("nothing"),
            (Some(leaf), Some(holder)) if holder.is_complex() => name(&leaf.name),
            _ => name("value"),
        };
        match dice.below(if depth == 0 { 6 } else { 11 }) {
            0 => Filter::Present(path),
            1..=5 => {
                let named = match (&leaf, holder) {
                    (Some(leaf), Some(holder)) if holder.is_complex() => format!("{}.{}", holder.name, leaf.name),
                    (Some(leaf), _) => leaf.name.clone(),
                    _ => String::new(),
                };
                Filter::Compare(path, *dice.pick(&CompareOp::ALL), self.literal(&named, leaf.as_ref(), dice))
            }
            6 | 7 => Filter::And(
                Box::new(self.inner(holder, depth - 1, dice)),
                Box::new(self.inner(holder, depth - 1, dice)),
            ),
            8 | 9 => {
                Filter::Or(Box::new(self.inner(holder, depth - 1, dice)), Box::new(self.inner(holder, depth - 1, dice)))
            }
            _ => Filter::Not(Box::new(self.inner(holder, depth - 1, dice))),
        }
    }

    fn expected(&self, filter: &Filter) -> BTreeSet<String> {
        let fits = |(_, document): &&(String, Map<String, Value>)| filter.matches(document, &self.resource_type);
        self.all.iter().filter(fits).map(|(id, _)| id.clone()).collect()
    }
}

/// The smallest part of a filter in which the two still differ.
fn smallest(documents: &Documents, filter: &Filter, world: &World) -> Filter {
    let parts: Vec<&Filter> = match filter {
        Filter::And(a, b) | Filter::Or(a, b) => vec![a, b],
        Filter::Not(inner) => vec![inner],
        _ => vec![],
    };
    let differs = |part: &&Filter| found(documents, part, world).0 != documents.expected(part);
    parts.into_iter().find(differs).map_or_else(|| filter.clone(), |part| smallest(documents, part, world))
}

fn found(documents: &Documents, filter: &Filter, world: &World) -> (BTreeSet<String>, u64) {
    let (tenant, resource_type, filter) = (world.tenant, Arc::clone(&documents.resource_type), filter.clone());
    world.read(move |r| {
        let query = Query {
            filter: Some(&filter),
            sort: None,
            start: Start::Index(0),
            count: 100_000,
            want_total: true,
            want_groups: false,
            base: BASE,
        };
        let page = r.search(tenant, &resource_type, &query)?;
        Ok((page.views.into_iter().map(|view| view.id).collect(), page.total.unwrap()))
    })
}

fn agree(documents: &Documents, world: &World, rounds: usize, dice: &mut Dice) {
    let mut hits = 0;
    for _ in 0..rounds {
        let filter = documents.filter(3, dice);
        let (ids, total) = found(documents, &filter, world);
        let expected = documents.expected(&filter);
        if ids != expected || total != expected.len() as u64 {
            let part = smallest(documents, &filter, world);
            let (ids, expected) = (found(documents, &part, world).0, documents.expected(&part));
            let odd = ids.symmetric_difference(&expected).next();
            let document = documents.all.iter().find(|(id, _)| Some(id) == odd).map(|(_, document)| document);
            panic!(
                "{part}\n  SQL finds {} and the documents have {}; the first that differs is\n  {}",
                ids.len(),
                expected.len(),
                serde_json::to_string(&document).unwrap()
            );
        }
        hits += usize::from(!ids.is_empty() && ids.len() < documents.all.len());
    }
    assert!(hits > rounds / 4, "only {hits} of {rounds} filters told resources apart");
}

#[test]
fn sql_agrees_with_matches() {
    let world = World::with(definitions());
    let mut dice = Dice::new(7);
    populate(&world, 160, 30, &mut dice);
    world.verify();
    agree(&Documents::read(&world, &world.user), &world, 3_000, &mut dice);
    agree(&Documents::read(&world, &world.group), &world, 1_500, &mut dice);
}

/// What a document is sorted by: the key of the primary or first element, if it has one.
fn sort_key(document: &Map<String, Value>, resource_type: &ResourceType, path: &AttrPath) -> Option<String> {
    let target = resource_type.resolve(path)?;
    let leaf = target.leaf()?;
    let elements = target.elements(document);
    let primary = elements.iter().find(|element| element.get("primary") == Some(&json!(true)));
    let element = primary.or(elements.first())?;
    let scim::Target::Attribute { attribute, .. } = target else { return None };
    let held = if attribute.is_complex() { element.get(&leaf.name)? } else { element };
    let values = held.as_array().map_or(std::slice::from_ref(held), Vec::as_slice);
    values.iter().filter(|value| scim::filter::is_value(value)).filter_map(|value| leaf.key(value)).min()
}

/// The way from page to page.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Index,
    Cursor,
    /// As the console does: with so many candidates at most, and so many looked at.
    Walk(usize, usize),
}

fn pages(
    world: &World,
    resource_type: &Arc<ResourceType>,
    filter: Option<Filter>,
    sort: Option<(AttrPath, bool)>,
    count: u64,
    how: How,
) -> Vec<String> {
    let (tenant, resource_type) = (world.tenant, Arc::clone(resource_type));
    world.read(move |r| {
        let mut ids = Vec::new();
        let mut position = None;
        loop {
            let start = match &position {
                Some(position) if how != How::Index => Start::After(position),
                _ => Start::Index(ids.len() as u64),
            };
            let sort = sort.as_ref().map(|(path, descending)| Sort { path, descending: *descending });
            let filter = filter.as_ref();
            let query = Query { filter, sort, start, count, want_total: false, want_groups: false, base: BASE };
            let (views, next) = match how {
                How::Walk(candidates_max, looked_at_max) => {
                    let effort = Effort { candidates_max, looked_at_max };
                    let page = r.walk(tenant, &resource_type, &query, Only::default(), effort)?;
                    assert!(page.total.is_none_or(|total| total >= page.views.len() as u64));
                    (page.views, page.next)
                }
                How::Index | How::Cursor => {
                    let page = r.search(tenant, &resource_type, &query)?;
                    (page.views, page.next)
                }
            };
            ids.extend(views.into_iter().map(|view| view.id));
            match next {
                Some(next) => position = Some(next),
                None => return Ok(ids),
            }
        }
    })
}

#[test]
fn sorting_agrees_with_the_documents_page_by_page() {
    let world = World::with(definitions());
    let mut dice = Dice::new(11);
    populate(&world, 60, 12, &mut dice);
    for resource_type in [&world.user, &world.group] {
        let documents = Documents::read(&world, resource_type);
        let mut paths: Vec<AttrPath> = (0..40).map(|_| documents.path(&mut dice).0).collect();
        paths.extend(
            ["userName", "emails", "emails.value", "manager", "manager.displayName"]
                .map(|p| AttrPath::parse(p).unwrap()),
        );
        for path in paths {
            let unordered = ["groups", "members", "meta", "schemas", "id"].contains(&path.name.to_lowercase().as_str());
            if unordered || documents.resource_type.resolve(&path).is_none() {
                continue;
            }
            let filter = dice.one_in(2).then(|| documents.filter(1, &mut dice));
            let fits = |document| filter.as_ref().is_none_or(|filter| filter.matches(document, resource_type));
            let mut expected: Vec<(bool, Option<String>, usize)> = Vec::new();
            for (index, (_, document)) in documents.all.iter().enumerate().filter(|(_, (_, document))| fits(document)) {
                let key = sort_key(document, resource_type, &path);
                expected.push((key.is_none(), key, index));
            }
            expected.sort();
            let mut expected: Vec<String> =
                expected.into_iter().map(|(_, _, index)| documents.all[index].0.clone()).collect();
            for descending in [false, true] {
                if descending {
                    expected.reverse();
                }
                // A walk that has few candidates, and one that has too many and has to stop on its way.
                for how in [How::Index, How::Cursor, How::Walk(1_000, 1_000), How::Walk(3, 7)] {
                    let sort = Some((path.clone(), descending));
                    let count = 1 + dice.below(9) as u64;
                    let ids = pages(&world, resource_type, filter.clone(), sort, count, how);
                    assert_eq!(ids, expected, "{path}, descending {descending}, {how:?}, {count} a page, {filter:?}");
                }
            }
        }
    }
}
