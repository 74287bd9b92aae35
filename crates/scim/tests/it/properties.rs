//! What holds for every resource, filter and operation, on some hundreds of random ones.

use crate::sample::{USER, long};
use proptest::prelude::*;
use proptest::sample::select;
use scim::resource::Parsed;
use scim::{AttrPath, CompareOp, Dialect, Filter, PatchOp, Resource};
use serde_json::{Map, Value, json};

const CASES: u32 = 512;

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_-]{0,6}"
        .prop_filter("`not` in front of a bracket is the operator", |name| !name.eq_ignore_ascii_case("not"))
}

fn urn() -> impl Strategy<Value = String> {
    "urn:[a-z]{1,4}(:[a-zA-Z0-9.]{1,5}){1,3}"
}

fn attr_path() -> impl Strategy<Value = AttrPath> {
    (prop::option::weighted(0.3, urn()), name(), prop::option::weighted(0.3, name()))
        .prop_map(|(urn, name, sub)| AttrPath { urn, name, sub })
}

fn literal() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::from),
        r#"[a"\\\]\[() ]{0,6}"#.prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn bare() -> impl Strategy<Value = AttrPath> {
    name().prop_map(|name| AttrPath { urn: None, name, sub: None })
}

fn tree(leaf: BoxedStrategy<Filter>) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(4, 16, 2, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_map(|(a, b)| Filter::And(Box::new(a), Box::new(b))),
            two.prop_map(|(a, b)| Filter::Or(Box::new(a), Box::new(b))),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn term(path: BoxedStrategy<AttrPath>) -> BoxedStrategy<Filter> {
    prop_oneof![
        path.clone().prop_map(Filter::Present),
        (path, select(CompareOp::ALL.to_vec()), literal())
            .prop_map(|(path, op, literal)| Filter::Compare(path, op, literal)),
    ]
    .boxed()
}

fn filter() -> impl Strategy<Value = Filter> {
    let holder = attr_path().prop_map(|path| path.parent());
    let element = (holder, tree(term(bare().boxed()))).prop_map(|(path, inner)| Filter::Element(path, Box::new(inner)));
    tree(prop_oneof![3 => term(attr_path().boxed()), 1 => element].boxed())
}

/// Few values, so that things meet.
fn word() -> impl Strategy<Value = Value> {
    select(vec!["a", "A", "b", "work", "home", "Straße"]).prop_map(Value::from)
}

fn object(parts: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let parts: Vec<_> = parts
        .into_iter()
        .map(|(name, value)| prop::option::of(value).prop_map(move |value| value.map(|value| (name.to_owned(), value))))
        .collect();
    parts.prop_map(|parts| Value::Object(parts.into_iter().flatten().collect::<Map<_, _>>())).boxed()
}

fn element() -> BoxedStrategy<Value> {
    object(vec![("value", word().boxed()), ("type", word().boxed()), ("display", word().boxed())])
}

/// A list in which at most the first is primary.
fn list() -> BoxedStrategy<Value> {
    (prop::collection::vec(element(), 0..4), any::<bool>())
        .prop_map(|(mut list, primary)| {
            if let Some(first) = list.first_mut().filter(|_| primary) {
                first["primary"] = Value::Bool(true);
            }
            Value::Array(list)
        })
        .boxed()
}

fn desk() -> BoxedStrategy<Value> {
    object(vec![("room", word().boxed()), ("floor", (0..3).prop_map(Value::from).boxed()), ("alarm", word().boxed())])
}

fn words() -> BoxedStrategy<Value> {
    prop::collection::vec(word(), 0..4).prop_map(Value::from).boxed()
}

fn body() -> impl Strategy<Value = Value> {
    let acme = object(vec![
        ("tags", words()),
        ("codes", words()),
        ("desk", desk()),
        ("remote", any::<bool>().prop_map(Value::from).boxed()),
        ("level", (0..3).prop_map(Value::from).boxed()),
        ("pin", word().boxed()),
        ("note", word().boxed()),
    ]);
    let enterprise = object(vec![
        ("department", word().boxed()),
        ("manager", prop_oneof![word().boxed(), object(vec![("value", word().boxed())])].boxed()),
    ]);
    let name = object(vec![("givenName", word().boxed()), ("familyName", word().boxed())]);
    (name, word(), list(), list(), acme, enterprise).prop_map(|(name, title, emails, addresses, acme, enterprise)| {
        let mut addresses = addresses;
        for address in addresses.as_array_mut().unwrap() {
            let country = address["value"].take();
            address["country"] = country;
        }
        let mut body = json!({
            "userName": "ann", "name": name, "title": title, "emails": emails, "addresses": addresses, "password": "p",
        });
        body[long("ACME")] = acme;
        body[long("ENTERPRISE")] = enterprise;
        body
    })
}

fn parse(body: Value) -> Parsed {
    Resource::parse(body, &USER, &Dialect::LENIENT).unwrap()
}

fn operation() -> impl Strategy<Value = Value> {
    let op = || select(vec!["add", "replace", "Remove", "Add"]);
    let any_value = || prop_oneof![word().boxed(), list(), element(), desk(), Just(Value::Null).boxed(), words()];
    let whole = select(vec!["title", "name", "emails", "addresses", "ENTERPRISE", "acme:tags", "codes", "acme:desk"]);
    let part =
        select(vec!["name.givenName", "acme:desk.room", "emails.display", "enterprise:manager.value", "manager"]);
    let term = || {
        (select(vec!["value", "type", "display", "primary"]), select(vec!["eq", "ne", "co"]), word())
            .prop_map(|(name, op, value)| format!("{name} {op} {value}"))
    };
    let selected = (
        select(vec!["emails", "addresses", "acme:tags", "acme:codes", "enterprise:manager"]),
        prop_oneof![term().boxed(), (term(), term()).prop_map(|(a, b)| format!("{a} and {b}")).boxed()],
        select(vec!["", "", ".value", ".type", ".display", ".primary", ".country"]),
    )
        .prop_map(|(list, filter, part)| format!("{list}[{filter}]{part}"));
    let path = prop_oneof![whole.prop_map(str::to_owned), part.prop_map(str::to_owned), selected];
    prop_oneof![
        4 => (op(), path, any_value()).prop_map(|(op, path, value)| json!({"op": op, "path": long(&path), "value": value})),
        1 => (select(vec!["add", "replace"]), body()).prop_map(|(op, body)| json!({"op": op, "value": body})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_path_reads_the_same(path in attr_path()) {
        prop_assert_eq!(AttrPath::parse(&path.to_string()), Some(path));
    }

    #[test]
    fn a_printed_filter_reads_the_same(filter in filter()) {
        let printed = filter.to_string();
        match Filter::parse(&printed) {
            Ok(read) => prop_assert_eq!(read, filter),
            Err(error) => prop_assert!(printed.len() > 8192, "{}: {}", error, printed),
        }
    }

    #[test]
    fn no_text_breaks_the_parser(text in r#"[a-c.:\[\]()" \\eqnotpr0-9é-]{0,40}"#) {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
        }
        let _ = AttrPath::parse(&text);
        let _ = scim::patch_op::PatchPath::parse(&text);
    }

    #[test]
    fn what_is_shown_reads_the_same(body in body()) {
        let resource = parse(body).resource;
        let again = parse(Value::Object(resource.to_document(&USER, "1")));
        prop_assert_eq!(&again.resource, &resource);
        prop_assert!(again.ignored.is_empty());
        prop_assert_eq!(Resource::from_document(resource.to_document(&USER, "1"), &USER), resource);
    }

    #[test]
    fn putting_back_what_was_shown_changes_nothing(body in body()) {
        let resource = parse(body).resource;
        let (mut shown, hidden) = resource.split_hidden(&USER);
        let text = Value::Object(shown.to_document(&USER, "1")).to_string();
        prop_assert!(!text.contains("password") && !text.contains("alarm") && !text.contains("pin"));
        let mut joined = shown.clone();
        joined.join_hidden(hidden, &USER);
        prop_assert!(joined.difference(&resource, &USER).is_empty());
        // `note` is shown only to who asks for it.
        let note = USER.extensions[1].schema.attribute("note").unwrap();
        shown.set(Some(&USER.extensions[1].schema), note, None);
        let sent = parse(Value::Object(shown.to_document(&USER, "1"))).resource;
        let put = resource.replaced_by(sent, &USER).unwrap();
        prop_assert!(resource.difference(&put, &USER).is_empty());
    }

    #[test]
    fn a_patch_applied_twice_is_applied_once(body in body(), operation in operation()) {
        let resource = parse(body).resource;
        let patch = PatchOp::parse(json!({"Operations": [operation]}), &Dialect::LENIENT).unwrap();
        let Ok(once) = patch.apply(&resource, &USER, &Dialect::LENIENT) else { return Ok(()) };
        prop_assert_eq!(once.resource.check(&USER), Ok(()));
        // What comes out is what a client could have sent.
        prop_assert_eq!(&parse(Value::Object(once.resource.to_document(&USER, "1"))).resource, &once.resource);
        prop_assert_eq!(resource.difference(&once.resource, &USER), once.changed);
        match patch.apply(&once.resource, &USER, &Dialect::LENIENT) {
            Ok(twice) => prop_assert_eq!(twice.resource, once.resource),
            // A filter that is no list of `eq` no longer finds what it has moved away.
            Err(error) => prop_assert_eq!(error.scim_type, Some(scim::ScimType::NoTarget)),
        }
    }
}
