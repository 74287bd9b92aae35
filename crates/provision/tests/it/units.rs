//! Places, profiles, assignments, mappings, brakes, import: what each says by itself.

use crate::sim::CUSTOM;
use crate::world::{START, World, app};
use provision::assignment::{Assignment, Basis, Presence, Principal, Reason, Standing};
use provision::brake::{self, Limit, Metric, Tally};
use provision::expression::{Membership, Status};
use provision::import::{Matching, Rule as MatchRule, Safeguard, Verdict, safeguard};
use provision::mapping::{self, Empty, Mapping, Origin, Rule};
use provision::outcome::{backoff, retry_after};
use provision::place::{Pasted, Place};
use provision::plan::{Action, Desired};
use provision::profile::{Apply, Attribute, DataType, Profile, Scope, Union};
use provision::target::TARGETS;
use provision::{Dependency, Expression, FilterBy, GroupFilter, Target};
use serde_json::{Map, Value, json};

fn place(name: &str, namespace: Option<&str>, pasted: Pasted) -> Place {
    Place::parse(name, namespace, pasted).unwrap()
}

#[test]
fn a_filter_names_the_groups_that_fit() {
    let groups = ["App Admins", "App Users", "all", "Old App"];
    for (by, value, chosen) in [
        (FilterBy::StartsWith, "App ", &["App Admins", "App Users"][..]),
        (FilterBy::StartsWith, "app ", &[]),
        (FilterBy::Equals, "all", &["all"]),
        (FilterBy::Equals, "al", &[]),
        (FilterBy::Contains, "App", &["App Admins", "App Users", "Old App"]),
        (FilterBy::Matches, "^App (Users|Guests)$", &["App Users"]),
        (FilterBy::Matches, ".*", &groups),
    ] {
        let filter = GroupFilter { by, value: value.into() };
        assert_eq!(filter.chosen(groups), Ok(chosen.to_vec()), "{filter:?}");
    }
    for (by, value) in [(FilterBy::Equals, ""), (FilterBy::Matches, "("), (FilterBy::Matches, "(?=a)")] {
        assert!(GroupFilter { by, value: value.into() }.chosen(groups).is_err(), "{value}");
    }
}

/// Name, namespace, what is done with pasted names, and what a write of `v` makes.
#[test]
fn places_on_the_wire() {
    let enterprise = scim::schema::ENTERPRISE_USER;
    let core = scim::schema::USER;
    let whole = format!("{CUSTOM}:field");
    let dotted = "urn:x:scim:schemas:2.0:User:field";
    let rows: [(&str, Option<&str>, Pasted, Value, String); 13] = [
        ("title", None, Pasted::Split, json!({"title": "v"}), "title".into()),
        ("title", Some(core), Pasted::Split, json!({"title": "v"}), "title".into()),
        ("name.givenName", Some(core), Pasted::Split, json!({"name": {"givenName": "v"}}), "name.givenName".into()),
        (
            "manager",
            Some(enterprise),
            Pasted::Split,
            json!({enterprise: {"manager": "v"}}),
            format!("{enterprise}:manager"),
        ),
        (
            "manager.value",
            Some(enterprise),
            Pasted::Split,
            json!({enterprise: {"manager": {"value": "v"}}}),
            format!("{enterprise}:manager.value"),
        ),
        (
            r#"emails[type eq "work"].value"#,
            None,
            Pasted::Split,
            json!({"emails": [{"type": "work", "value": "v"}]}),
            r#"emails[type eq "work"].value"#.into(),
        ),
        (
            "emails.^[primary==true].value",
            None,
            Pasted::Split,
            json!({"emails": [{"primary": true, "value": "v"}]}),
            "emails[primary eq true].value".into(),
        ),
        (
            "emails.^[type=='home'].value",
            None,
            Pasted::Split,
            json!({"emails": [{"type": "home", "value": "v"}]}),
            r#"emails[type eq "home"].value"#.into(),
        ),
        (&whole, None, Pasted::Split, json!({CUSTOM: {"field": "v"}}), whole.clone()),
        (&whole, Some(core), Pasted::WholeKey, json!({&*whole: "v"}), whole.clone()),
        (dotted, None, Pasted::WholeKey, json!({dotted: "v"}), dotted.into()),
        (dotted, None, Pasted::Dots, json!({"urn:x:scim:schemas:2": {"0:User:field": "v"}}), dotted.into()),
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
            None,
            Pasted::Dots,
            json!({"name": {"familyName": "v"}}),
            "name.familyName".into(),
        ),
    ];
    for (name, namespace, pasted, written, path) in rows {
        let place = place(name, namespace, pasted);
        let mut document = Map::new();
        place.write(&mut document, json!("v"));
        assert_eq!(Value::Object(document.clone()), written, "{name}");
        assert_eq!(place.path(), path, "{name}");
        assert_eq!(place.read(&document), Some(&json!("v")), "{name}");
        place.write(&mut document, json!("w"));
        assert_eq!(place.read(&document), Some(&json!("w")), "{name}");
        if pasted == Pasted::Split {
            place.clear(&mut document);
            assert_eq!(Value::Object(document), json!({}), "{name}");
        }
        assert_eq!(Place::parse(&path, None, Pasted::Split).unwrap().path(), path);
    }
    for wrong in [
        "",
        ".",
        "a..b",
        "emails[",
        "emails[type]",
        "[type eq 1]",
        "emails[type eq null].value",
        "urn:x",
        "urn:x:y z:a",
    ] {
        assert!(Place::parse(wrong, None, Pasted::Split).is_err(), "{wrong}");
    }
    // So deep a document could not even be let go of.
    for (deep, pasted) in [
        ("a.b.c.d.e.f.g.h.i".to_owned(), Pasted::Split),
        ("urn:x.1.2.3.4.5.6.7:8.9".to_owned(), Pasted::Dots),
        (format!("urn:{}:x", ".a".repeat(200_000)), Pasted::Dots),
    ] {
        assert_eq!(Place::parse(&deep, None, pasted).unwrap_err(), "the external name goes more than 8 steps deep");
    }
    assert!(Place::parse("urn:x.1.2.3.4.5.6:7.8", None, Pasted::Dots).is_ok());
}

/// What a server shows is read in its canonical form, in any case, and as it likes to write it.
#[test]
fn places_read_what_servers_show() {
    let document = json!({
        "Emails": [{"value": "a", "primary": "True"}, {"value": "b", "type": "Work"}], "phoneNumbers": {"type": "work", "value": "1"},
        CUSTOM: {"Field": "x"}, "roles": [{"value": "r"}],
    });
    let Value::Object(document) = document else { panic!() };
    let read = |name: &str| place(name, None, Pasted::Dots).read(&document).cloned().unwrap_or(Value::Null);
    assert_eq!(read("emails[primary eq true].value"), "a");
    assert_eq!(read("emails[type eq \"work\"].value"), "b");
    assert_eq!(read("emails.value"), "a");
    assert_eq!(read("phoneNumbers[type eq \"work\"].value"), "1");
    assert_eq!(read(&format!("{CUSTOM}:field")), "x");
    assert_eq!(read("emails[type eq \"home\"].value"), Value::Null);
}

#[test]
fn profiles_are_checked() {
    let attribute = |variable: &str, external: &str| Attribute {
        variable_name: variable.into(),
        external_name: external.into(),
        ..Attribute::default()
    };
    let wrong = |attributes: Vec<Attribute>| Profile { attributes, pasted: Pasted::Split }.check().len();
    assert_eq!(wrong(vec![attribute("a", "a"), attribute("b", "b")]), 0);
    assert_eq!(wrong(vec![attribute("a", "a"), attribute("A", "b")]), 1);
    assert_eq!(wrong(vec![attribute("a", "x.y"), attribute("b", "X.y")]), 1);
    assert_eq!(wrong(vec![attribute("a", "")]), 1);
    assert_eq!(wrong(vec![attribute("a b", "x")]), 1);
    assert_eq!(wrong(vec![Attribute { union: Union::Combine, ..attribute("a", "a") }]), 1);
    assert_eq!(wrong(vec![Attribute { length_min: Some(2), length_max: Some(1), ..attribute("a", "a") }]), 1);
    let mut app = app("generic");
    assert_eq!(app.check(), []);
    app.to_app.push(app.to_app[0].clone());
    app.to_app[1].attribute = "nobody".into();
    assert_eq!(app.check().len(), 2);
}

#[test]
fn values_fit_their_types() {
    let fit =
        |data_type, value: Value| Attribute { data_type, ..Attribute::default() }.fit(value).unwrap_or(Value::Null);
    assert_eq!(fit(DataType::String, json!(5)), "5");
    assert_eq!(fit(DataType::String, json!(["a"])), "a");
    assert_eq!(fit(DataType::String, json!(["a", "b"])), Value::Null);
    assert_eq!(fit(DataType::Integer, json!(" 5 ")), 5);
    assert_eq!(fit(DataType::Integer, json!(5.5)), Value::Null);
    assert_eq!(fit(DataType::Number, json!("5.5")), 5.5);
    assert_eq!(fit(DataType::Boolean, json!("TRUE")), true);
    assert_eq!(fit(DataType::Boolean, json!("yes")), Value::Null);
    assert_eq!(fit(DataType::StringArray, json!("a")), json!(["a"]));
    assert_eq!(fit(DataType::IntegerArray, json!(["1", 2])), json!([1, 2]));
    assert_eq!(fit(DataType::Json, json!([{"value": "x"}])), json!([{"value": "x"}]));
    let bounded = Attribute {
        length_min: Some(2),
        length_max: Some(3),
        values: vec![json!("ab"), json!("a")],
        ..Attribute::default()
    };
    assert!(bounded.fit(json!("ab")).is_ok());
    assert!(bounded.fit(json!("a")).unwrap_err().contains("shorter"));
    assert!(bounded.fit(json!("abcd")).unwrap_err().contains("among"));
}

fn group(id: &str, group: &str, priority: u32, profile: Value) -> Assignment {
    let Value::Object(profile) = profile else { panic!() };
    Assignment { id: id.into(), principal: Principal::Group(group.into()), priority, profile, only_values: false }
}

#[test]
fn assignments_by_precedence() {
    let mut world = World::new("generic");
    let roles = Attribute {
        variable_name: "roles".into(),
        external_name: format!("{CUSTOM}:roles"),
        data_type: DataType::StringArray,
        union: Union::Combine,
        ..Attribute::default()
    };
    let badge = world.app.profile.attributes.iter_mut().find(|attribute| attribute.variable_name == "badge").unwrap();
    badge.scope = Scope::UserPersonal;
    world.app.profile.attributes.push(roles);
    world.set("title", json!("from the mapping"));
    for id in ["g1", "g2"] {
        world.facts.user.groups.push(Membership { id: id.into(), name: id.to_uppercase(), ..Membership::default() });
    }
    world.assignments = vec![
        group("a2", "g2", 2, json!({"title": "from g2", "roles": ["x", "y"], "badge": 1})),
        group("a1", "g1", 1, json!({"title": "from g1", "roles": ["y", "z"]})),
        group("a3", "g3", 0, json!({"title": "from elsewhere"})),
    ];
    let value = |world: &World, name: &str| {
        let Desired::Present(want) = world.desired() else { panic!() };
        want.values
            .into_iter()
            .find(|valued| valued.variable == name)
            .map(|valued| (valued.value.unwrap(), valued.origin))
    };
    let (title, origin) = value(&world, "title").unwrap();
    assert_eq!((title, origin), (json!("from g1"), Origin::Assignments { assignments: vec!["a1".into()] }));
    assert_eq!(value(&world, "roles").unwrap().0, json!(["y", "z", "x"]));
    assert_eq!(value(&world, "badge"), None);
    let own = Assignment {
        id: "own".into(),
        principal: Principal::Person("p1".into()),
        priority: 9,
        profile: Map::from_iter([("title".to_owned(), json!("mine")), ("badge".to_owned(), json!(7))]),
        only_values: false,
    };
    // Values of their own are such with groups as the reason, and no reason themselves.
    for only_values in [true, false] {
        world.assignments.push(Assignment { only_values, ..own.clone() });
        assert_eq!(value(&world, "title").unwrap().0, "mine");
        assert_eq!(value(&world, "badge").unwrap().0, 7);
        world.assignments.retain(|one| one.id != "own");
    }
    world.assignments = vec![Assignment { only_values: true, ..own }];
    assert!(matches!(world.desired(), Desired::Gone { .. }));
    world.assignments.clear();
    assert!(matches!(world.desired(), Desired::Gone { .. }));
}

#[test]
fn standing_has_reasons() {
    let world = World::new("generic");
    let mut person = world.facts.user.clone();
    let assignments = vec![Assignment {
        id: "a".into(),
        principal: Principal::Person("p1".into()),
        priority: 0,
        profile: Map::new(),
        only_values: false,
    }];
    let mut app = world.app.clone();
    let standing =
        |app: &provision::App, person: &provision::Person| Standing::of(app, person, &Basis::of(person, &assignments));
    assert_eq!(standing(&app, &person).presence, Presence::Active);
    for (status, presence) in [
        (Status::Staged, Presence::Inactive),
        (Status::Suspended, Presence::Unmanaged),
        (Status::Deactivated, Presence::Inactive),
        (Status::Deleted, Presence::Absent),
    ] {
        person.status = status;
        let standing = standing(&app, &person);
        assert_eq!(standing.presence, presence);
        assert_eq!(standing.reasons.len(), 2);
    }
    person.status = Status::Suspended;
    app.policy.deactivate_suspended = true;
    assert_eq!(standing(&app, &person).presence, Presence::Inactive);
    app.provisioning = false;
    assert_eq!(standing(&app, &person).reasons[0], Reason::ProvisioningOff);
}

#[test]
fn empty_values_and_defaults() {
    let mut world = World::new("generic");
    world.assign();
    let row = |world: &mut World, empty: Empty| {
        let row = world.app.to_app.iter_mut().find(|row| row.attribute == "title").unwrap();
        row.empty = empty;
    };
    let title = |world: &World| {
        let Desired::Present(want) = world.desired() else { return Err(world.desired()) };
        Ok(want.values.into_iter().find(|valued| valued.variable == "title").map(|valued| valued.value))
    };
    for empty in [None, Some("")] {
        match empty {
            Some(text) => world.set("title", json!(text)),
            None => drop(world.facts.user.profile.shift_remove("title")),
        }
        row(&mut world, Empty::Omit);
        assert_eq!(title(&world), Ok(None));
        row(&mut world, Empty::Clear);
        assert_eq!(title(&world), Ok(Some(None)));
        row(&mut world, Empty::Default(json!("none")));
        assert_eq!(title(&world), Ok(Some(Some(json!("none")))));
    }
    row(&mut world, Empty::Clear);
    world.app.profile.attributes.iter_mut().find(|attribute| attribute.variable_name == "title").unwrap().required =
        true;
    assert!(matches!(title(&world), Err(Desired::Impossible(_))));
}

/// The manager's account at the same app: left out until there is one, and remembered.
#[test]
fn the_managers_account() {
    let mut world = World::new("generic");
    world.assign();
    world.app.to_app.iter_mut().find(|row| row.attribute == "manager").unwrap().from = Rule::ManagerAccount;
    world.app.to_app.iter_mut().find(|row| row.attribute == "manager").unwrap().empty = Empty::Omit;
    world.facts.user.manager = Some(Box::new(provision::Person { id: "boss".into(), ..Default::default() }));
    let Desired::Present(want) = world.desired() else { panic!() };
    assert_eq!(want.waits, ["boss"]);
    world.facts.user.manager.as_mut().unwrap().remote_id = Some("r9".into());
    let Desired::Present(want) = world.desired() else { panic!() };
    assert!(want.waits.is_empty());
    assert!(want.values.iter().any(|valued| valued.variable == "manager" && valued.value == Some(json!("r9"))));
}

#[test]
fn an_apps_dependencies() {
    let app = app("generic");
    let deps = mapping::dependencies(&app);
    let user = |name: &str| Dependency::Attribute { object: "user".into(), name: name.into() };
    assert!(
        deps.contains(&user("managerid")) && deps.contains(&user("primaryemail")) && !deps.contains(&user("login"))
    );
}

#[test]
fn back_to_the_directory() {
    let mut app = app("generic");
    let row = |attribute: &str, from: Rule, apply: Apply, empty: Empty| Mapping {
        attribute: attribute.into(),
        from,
        apply,
        empty,
    };
    app.to_directory = vec![
        row(
            "managerId",
            Rule::Expression(Expression::okta("appuser.manager").unwrap()),
            Apply::CreateAndUpdate,
            Empty::Omit,
        ),
        row("customField", Rule::Direct("Custom_Field".into()), Apply::CreateAndUpdate, Empty::Clear),
        row("login", Rule::Direct("userName".into()), Apply::Create, Empty::Omit),
    ];
    let account =
        json!({"userName": "u", scim::schema::ENTERPRISE_USER: {"manager": {"value": "boss", "displayName": "B"}}});
    let Value::Object(account) = account else { panic!() };
    let (values, problems) = mapping::to_directory(&app, &account, false, START);
    let shown: Vec<_> = values.iter().map(|value| (value.attribute.as_str(), value.value.clone())).collect();
    assert_eq!(shown, [("managerId", Some(json!("boss"))), ("customField", None)]);
    assert!(problems.is_empty());
    assert_eq!(mapping::to_directory(&app, &account, true, START).0.len(), 3);
}

#[test]
fn brakes() {
    let limit = |count_max, percent_max, count_free| Limit {
        metric: Metric::Deletions,
        window_ms: 1_000,
        count_max,
        percent_max,
        count_free,
    };
    let held = |limit: Limit, population: u64, done: u64| {
        let tally = |_: &Limit, _| Ok::<_, ()>(Tally { population, done });
        let action = brake::apply(Action::Delete { id: "x".into() }, &[limit], None, START + 1, tally);
        matches!(action, Ok(Action::Hold { .. }))
    };
    assert!(!held(limit(Some(2), None, 0), 10, 1));
    assert!(held(limit(Some(2), None, 0), 10, 2));
    assert!(held(limit(None, Some(20.0), 0), 4, 0));
    assert!(!held(limit(None, Some(20.0), 1), 4, 0));
    assert!(held(limit(None, Some(20.0), 1), 4, 1));
    assert!(held(limit(Some(100), Some(20.0), 0), 10, 2));
    assert!(!held(limit(None, None, 0), 10, 99));
    let mut asked = None;
    let since = |_: &Limit, since| {
        asked = Some(since);
        Ok::<_, ()>(Tally { population: 1, done: 9 })
    };
    let delete = || Action::Delete { id: "x".into() };
    let action = brake::apply(delete(), &[limit(Some(1), None, 0)], None, START + 2_000_000, since);
    assert!(matches!(action, Ok(Action::Hold { .. })) && asked == Some(START + 1_000_000));
    let never = |_: &Limit, _| Err("what is approved is not counted");
    let approved = brake::apply(delete(), &[limit(Some(1), None, 0)], Some(START + 1), START, never);
    assert!(matches!(approved, Ok(Action::Delete { .. })));
    assert!(brake::apply(delete(), &[limit(Some(1), None, 0)], Some(START), START, never).is_err(), "it has ended");
}

#[test]
fn import_matches() {
    let profile = |value: Value| value.as_object().unwrap().clone();
    let people = [
        (
            "p1",
            profile(
                json!({"userName": "adam@x", "primaryEmail": "adam@x", "givenName": "Adam", "familyName": "Smith"}),
            ),
        ),
        (
            "p2",
            profile(json!({"userName": "eve@x", "primaryEmail": "eve@x", "givenName": "Eve", "familyName": "Jones"})),
        ),
        (
            "p3",
            profile(json!({"userName": "eve2@x", "primaryEmail": "eve2@x", "givenName": "eve", "familyName": "jones"})),
        ),
    ];
    let matching = Matching::default();
    let index = matching.index(people.iter().map(|(id, profile)| (*id, profile)));
    let verdict = |account: Value| matching.verdict(&profile(account), None, &index);
    let by = |name: &str| vec![name.to_owned()];
    assert_eq!(
        verdict(json!({"userName": "ADAM@x"})),
        Verdict::Exact { person: "p1".into(), by: by("userName"), confirmed: true }
    );
    assert_eq!(
        verdict(json!({"userName": "zz", "email": "eve@x"})),
        Verdict::Exact { person: "p2".into(), by: by("email"), confirmed: true }
    );
    assert!(matches!(
        verdict(json!({"givenName": "Adam", "familyName": "Smith"})),
        Verdict::Partial { confirmed: false, .. }
    ));
    assert!(
        matches!(verdict(json!({"givenName": "Eve", "familyName": "Jones"})), Verdict::Ambiguous { people, .. } if people.len() == 2)
    );
    assert_eq!(verdict(json!({"givenName": "Adam"})), Verdict::New { confirmed: false });
    assert_eq!(matching.verdict(&Map::new(), Some("p1"), &index), Verdict::Known { person: "p1".into() });
    let exact = Matching {
        exact: vec![MatchRule { pairs: vec![("userName".into(), "userName".into())], case_exact: true }],
        partial: None,
        ..Matching::default()
    };
    let index = exact.index(people.iter().map(|(id, profile)| (*id, profile)));
    assert_eq!(exact.verdict(&profile(json!({"userName": "ADAM@x"})), None, &index), Verdict::New { confirmed: false });
}

#[test]
fn the_safeguard() {
    assert_eq!(safeguard(100, 20, 20.0), Safeguard::Go);
    assert_eq!(safeguard(100, 21, 20.0), Safeguard::Stop { missing: 21, allowed: 20, known: 100 });
    assert_eq!(safeguard(4, 3, 20.0), Safeguard::Go);
    assert!(matches!(safeguard(10, 10, 20.0), Safeguard::Stop { .. }));
}

#[test]
fn targets_are_data() {
    for (name, _) in TARGETS {
        let target = Target::named(name).unwrap_or_else(|| panic!("{name} cannot be read"));
        assert_eq!(target.name, name);
        assert!(!target.label.is_empty() && !target.source.is_empty());
    }
    assert!(Target::named("nobody").is_none());
}

#[test]
fn pauses() {
    for attempts in 0..40 {
        for seed in 0..50 {
            let pause = backoff(attempts, seed);
            assert!((1_000_000..=3_600_000_000).contains(&pause), "{pause}");
            assert_eq!(pause, backoff(attempts, seed));
        }
    }
    assert_eq!(retry_after("7", START), Some(START + 7_000_000));
    assert_eq!(retry_after("0", START), Some(START + 1_000_000));
    assert_eq!(retry_after("99999999", START), Some(START + 86_400_000_000));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", START), Some(START + 1_000_000));
    for wrong in ["", "soon", "-1", "NaN", "inf"] {
        assert_eq!(retry_after(wrong, START), None, "{wrong}");
    }
}

/// The capture of a new user, to the byte but for the throw-away password.
#[test]
fn a_new_user_as_okta_sends_it() {
    let mut world = World::new("okta-aiw");
    world.assign();
    for (name, value) in [
        ("userName", "test.user@okta.local"),
        ("primaryEmail", "test.user@okta.local"),
        ("givenName", "Test"),
        ("familyName", "User"),
    ] {
        world.set(name, json!(value));
    }
    for (name, value) in [("displayName", "Test User"), ("locale", "en-US")] {
        let attribute = Attribute { variable_name: name.into(), external_name: name.into(), ..Attribute::default() };
        world.app.profile.attributes.push(attribute);
        let from = Rule::Constant(json!(value));
        world.app.to_app.push(Mapping { attribute: name.into(), from, apply: Apply::Create, empty: Empty::Omit });
    }
    let told = mapping::desired(
        &world.app,
        &mapping::Rows::of(&world.app),
        &world.facts,
        &world.assignments,
        "00ujl29u0le5T6Aj10h7",
        START,
    );
    let Desired::Present(want) = told.desired else { panic!() };
    let rules = provision::Rules { kind: provision::Kind::User, policy: &world.app.policy, target: &world.app.target };
    let request = provision::wire::request(&Action::Create(want), &world.link, &rules, 1).unwrap();
    let body = String::from_utf8(request.bytes().unwrap()).unwrap();
    let (before, after) = body.split_once("\"password\":\"").unwrap();
    assert_eq!(
        before,
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"test.user@okta.local","name":{"givenName":"Test","familyName":"User"},"emails":[{"primary":true,"value":"test.user@okta.local","type":"work"}],"displayName":"Test User","locale":"en-US","externalId":"00ujl29u0le5T6Aj10h7","groups":[],"#
    );
    assert_eq!(&after[8..], r#"","active":true}"#);
    let headers = request.headers(&world.app.target, "Provost");
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Accept", "Accept-Charset", "Content-Type", "User-Agent"]);
    assert_eq!(headers[3].1, "Okta SCIM Client 1.0.0");
    let tests: Vec<String> = provision::wire::test_connection(&world.app, "no\"body")
        .into_iter()
        .map(|(_, request)| request.target())
        .collect();
    let nobody = "/Users?filter=userName%20eq%20%22no%5C%22body%22&startIndex=1&count=100";
    assert_eq!(tests, ["/Users?startIndex=1&count=2", nobody, "/Groups?startIndex=1&count=100"]);
}

/// What a new app starts with is well formed, and maps what the guide maps.
#[test]
fn the_standard_app() {
    let app = provision::App::standard();
    assert_eq!(app.check(), []);
    let path =
        |row: &Mapping| app.profile.attribute(&row.attribute).unwrap().place(Pasted::Split).unwrap().path().to_owned();
    let rows: Vec<String> = app.to_app.iter().map(path).collect();
    assert_eq!(rows, ["userName", "name.givenName", "name.familyName", r#"emails[type eq "work"].value"#]);
    assert_eq!(app.to_directory.len(), 4);
    let kept = serde_json::to_string(&app).unwrap();
    assert_eq!(serde_json::from_str::<provision::App>(&kept).unwrap(), app);
}

#[test]
fn leavers_come_first() {
    use provision::plan::Lane;
    let mut world = World::new("generic");
    let gone = world.desired();
    world.assign();
    let present = world.desired();
    assert_eq!(Lane::of(&world.link, &gone, false), Lane::Leaver);
    assert_eq!(Lane::of(&world.link, &present, true), Lane::Arrival);
    assert_eq!(Lane::of(&world.link, &present, false), Lane::Backfill);
    world.run();
    assert_eq!(Lane::of(&world.link, &present, true), Lane::Change);
    assert!(Lane::Leaver < Lane::Arrival && Lane::Change < Lane::Backfill);
}

/// Members that leave at once are counted against the size of their own group.
#[test]
fn a_shrinking_group_is_held() {
    use provision::plan::{Member, Members, Update};
    let shrink = |gone: usize, before: usize| {
        let remove = vec![Member::default(); gone];
        let members = Some(Members { remove, before, ..Members::default() });
        let action = Action::Update(Box::new(Update { members, ..Update::default() }));
        let limit = Limit {
            metric: Metric::MembershipShrink,
            window_ms: 1_000,
            count_max: None,
            percent_max: Some(50.0),
            count_free: 2,
        };
        let none = |_: &Limit, _| Ok::<_, ()>(Tally::default());
        matches!(brake::apply(action, &[limit], None, START, none), Ok(Action::Hold { .. }))
    };
    assert!(!shrink(5, 10));
    assert!(shrink(6, 10));
    assert!(!shrink(2, 2));
    assert!(!shrink(0, 10));
}

#[test]
fn the_pace_of_an_app() {
    use provision::outcome::{Outcome, Trouble};
    use provision::pace::{AT_ONCE_FIRST, AT_ONCE_MAX, Pace};
    let mut pace = Pace::default();
    assert!(pace.allows(AT_ONCE_FIRST - 1, START) && !pace.allows(AT_ONCE_FIRST, START));
    for _ in 0..10 {
        pace = pace.after(&Outcome::Done, START);
    }
    assert_eq!(pace.at_once, AT_ONCE_FIRST + 10, "nothing has gone wrong yet");
    pace = pace.after(&Outcome::Unknown { at: START }, START);
    for _ in 0..AT_ONCE_FIRST + 10 {
        pace = pace.after(&Outcome::Done, START);
    }
    assert_eq!(pace.at_once, AT_ONCE_FIRST + 11, "a round is worth one");
    for _ in 0..2_000 {
        pace = pace.after(&Outcome::Done, START);
    }
    assert_eq!(pace.at_once, AT_ONCE_MAX);
    let until = START + 7_000_000;
    // One round of refusals halves once.
    for _ in 0..5 {
        pace = pace.after(&Outcome::Throttled { until }, START);
    }
    assert_eq!(pace.at_once, AT_ONCE_MAX / 2);
    assert!(!pace.allows(0, START) && pace.allows(0, until));
    let broken = Outcome::Breaker { trouble: Trouble::Unauthorized, until: 0 };
    let pace = pace.after(&broken, until);
    assert!(
        !pace.allows(0, until + 59_000_000)
            && pace.allows(0, until + 60_000_000)
            && !pace.allows(1, until + 60_000_000)
    );
    let again = pace.clone().after(&broken, until + 60_000_000);
    assert!(!again.allows(0, until + 179_000_000) && again.allows(0, until + 180_000_000));
    assert!(again.after(&Outcome::Done, until + 180_000_000).allows(3, until + 180_000_000));
}

/// *Retry* and *force sync*.
#[test]
fn a_link_is_tried_again_and_looked_at_afresh() {
    let mut world = World::new("generic");
    world.sim.ignores_title = true;
    world.set("title", json!("Boss"));
    world.assign();
    world.run();
    let calls = world.sim.calls;
    assert_eq!(world.link.lessons.len(), 1);
    world.sim.ignores_title = false;
    world.run();
    assert_eq!(world.sim.calls, calls, "a lesson is not fought");
    world.link = world.link.clone().forgotten();
    world.run();
    assert_eq!(world.accounts()[0].1["title"], "Boss");
    assert!(world.link.lessons.is_empty());
    world.link.parked = Some(provision::link::Parked {
        reason: provision::plan::Parking::Invisible,
        inputs: provision::plan::fingerprint(&world.desired()),
    });
    world.run();
    assert!(matches!(world.last, Action::Park(_)));
    world.link = world.link.clone().retried();
    world.run();
    assert_eq!(world.last, Action::Nothing);
}
