//! Resources: the bytes that are kept, what is unique, who comes back, whom a manager means.

use super::support::{BASE, Dice, ORDER, POLICY, World, resource};
use scim::schema::{AttrType, Attribute, Returned, Uniqueness};
use scim::{AttrPath, Filter, Schema};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{
    Comma, Definitions, Effort, Error, ExtensionDef, Lifecycle, ManagerMatch, Only, Policy, Query, ResourceTypeDef,
    Sort, Start, Stored,
};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CUSTOM: &str = "urn:provost:params:scim:schemas:custom:User";

fn custom(attributes: Vec<Attribute>) -> Definitions {
    let schema = Schema { id: CUSTOM.into(), name: "Custom".into(), description: String::new(), attributes };
    let extensions = vec![ExtensionDef { schema: CUSTOM.into(), required: false }];
    Definitions {
        schemas: vec![schema],
        resource_types: vec![ResourceTypeDef { name: "User".into(), extensions, ..ResourceTypeDef::default() }],
        ..Definitions::default()
    }
}

fn spliced(world: &World, id: &str) -> Value {
    let mut bytes = Vec::new();
    world.view(&world.user, id).unwrap().head_with_manager(&format!("{BASE}/Users"), &mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn the_manager_goes_into_the_bytes_wherever_it_stands() {
    let world = World::with(custom(vec![Attribute::string("field")]));
    let boss = world.insert(&world.user, json!({"userName": "boss", "displayName": "The Boss"}));
    for (number, (extension, comma)) in [
        (json!({"manager": {"value": "BOSS"}}), Comma::None),
        (json!({"department": "d", "manager": {"value": "BOSS"}}), Comma::Before),
        (json!({"employeeNumber": "1", "division": "e", "manager": "boss"}), Comma::Before),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"userName": format!("user{number}"), ENTERPRISE: extension, CUSTOM: {"field": "x"}});
        let stored = world.insert(&world.user, body.clone());
        let view = world.view(&world.user, &stored.id).unwrap();
        assert_eq!(view.manager.as_ref().unwrap().comma, comma);
        let shown = spliced(&world, &stored.id);
        let manager = json!({"value": boss.id, "$ref": format!("{BASE}/Users/{}", boss.id), "displayName": "The Boss"});
        assert_eq!(shown[ENTERPRISE]["manager"], manager);
        assert_eq!(shown[ENTERPRISE].as_object().unwrap().len(), extension.as_object().unwrap().len());
        assert_eq!(shown["schemas"], json!([scim::schema::USER, ENTERPRISE, CUSTOM]));
        assert_eq!(view.document(BASE, &world.user).unwrap()[ENTERPRISE], shown[ENTERPRISE]);
        let raw = body[ENTERPRISE]["manager"].get("value").unwrap_or(&body[ENTERPRISE]["manager"]);
        assert_eq!(
            &world.find(&world.user, &stored.id).unwrap().resource.attributes[ENTERPRISE]["manager"]["value"],
            raw
        );
    }
    world.verify();
}

#[test]
fn hidden_values_are_kept_and_never_shown() {
    let asked = Attribute { returned: Returned::Request, ..Attribute::string("asked") };
    let part = Attribute { returned: Returned::Never, ..Attribute::string("pin") };
    let card = Attribute {
        attr_type: AttrType::Complex,
        sub_attributes: vec![Attribute::string("value"), part],
        ..Attribute::string("card")
    };
    let world = World::with(custom(vec![asked, card]));
    let body = json!({"userName": "adam", "password": "s3cret",
        CUSTOM: {"asked": "on request", "card": {"value": "4711", "pin": "1234"}}});
    let stored = world.insert(&world.user, body);
    let view = world.view(&world.user, &stored.id).unwrap();
    let head = String::from_utf8(view.head.to_vec()).unwrap();
    assert!(!head.contains("s3cret") && !head.contains("1234") && !head.contains("on request"));
    assert!(head.contains("4711"));
    let document = view.document(BASE, &world.user).unwrap();
    assert_eq!(document[CUSTOM], json!({"asked": "on request", "card": {"value": "4711"}}));
    assert_eq!(document.get("password"), None);
    assert_eq!(world.find(&world.user, &stored.id).unwrap(), stored);
    assert_eq!(stored.resource.attributes["password"], "s3cret");
    assert_eq!(stored.resource.attributes[CUSTOM]["card"]["pin"], "1234");
    world.verify();
}

#[test]
fn unique_values_are_taken_in_any_case_and_free_again() {
    let badge = Attribute { uniqueness: Uniqueness::Server, case_exact: true, ..Attribute::string("badge") };
    let world = World::with(custom(vec![badge]));
    let body = |name: &str, badge: &str| json!({"userName": name, CUSTOM: {"badge": badge}});
    let adam = world.insert(&world.user, body("Adam", "A1"));
    let taken = world.try_insert(&world.user, body("aDAM", "A2"), 1);
    assert!(matches!(taken, Err(Error::Conflict { attribute }) if attribute == "userName"));
    let taken = world.try_insert(&world.user, body("Eve", "A1"), 1);
    assert!(matches!(taken, Err(Error::Conflict { attribute }) if attribute == format!("{CUSTOM}:badge")));
    let eve = world.insert(&world.user, body("Eve", "a1"));
    let taken = world.update(&world.user, &eve.id, body("ADAM", "a1"));
    assert!(matches!(taken, Err(Error::Conflict { attribute }) if attribute == "userName"));
    assert_eq!(world.find(&world.user, &eve.id).unwrap(), eve);
    let renamed = world.update(&world.user, &adam.id, body("adam", "A1")).unwrap();
    assert_eq!((renamed.version, renamed.resource.text(&world.user, "userName")), (2, Some("adam")));
    world.update(&world.user, &adam.id, body("adam2", "A1")).unwrap();
    world.update(&world.user, &eve.id, body("ADAM", "a1")).unwrap();
    world.delete(&world.user, &adam.id);
    world.insert(&world.user, body("adam2", "A1"));
    world.verify();
}

#[test]
fn a_state_that_is_no_longer_there_is_stale() {
    let world = World::new();
    let adam = world.insert(&world.user, json!({"userName": "adam"}));
    world.update(&world.user, &adam.id, json!({"userName": "adam", "title": "x"})).unwrap();
    let (tenant, user, old) = (world.tenant, Arc::clone(&world.user), adam.clone());
    let stale = world.write(move |w| w.update(tenant, &user, &old, &old.resource, 5, ORDER));
    assert!(matches!(stale, Err(Error::Stale)));
    let (user, old) = (Arc::clone(&world.user), adam.clone());
    assert!(matches!(world.write(move |w| w.delete(tenant, &user, &old, 5, ORDER)), Err(Error::Stale)));
    assert!(matches!(world.write(move |w| w.touch(tenant, &adam, 5)), Err(Error::Stale)));
    world.verify();
}

#[test]
fn who_comes_back_has_the_same_id_and_a_new_version() {
    let world = World::new();
    let body = json!({"userName": "adam", "externalId": "Ext-1"});
    let adam = world.insert(&world.user, body.clone());
    world.delete(&world.user, &adam.id);
    assert_eq!(world.find(&world.user, &adam.id), None);
    let group = world.insert(&world.group, json!({"displayName": "adam", "externalId": "Ext-1"}));
    assert_ne!(group.id, adam.id, "another type does not come back");
    let other = world.insert(&world.user, json!({"userName": "adam", "externalId": "ext-1"}));
    assert_ne!(other.id, adam.id, "externalId is case-exact");
    world.delete(&world.user, &other.id);
    let again = world.insert(&world.user, body.clone());
    assert_eq!((&again.id, again.version), (&adam.id, 2));
    world.delete(&world.user, &adam.id);
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    let policy = Policy { return_same_id: false, ..POLICY };
    let body = resource(&user, body);
    let fresh = world.write(move |w| w.insert(tenant, &user, None, &body, 9, policy)).unwrap();
    assert_ne!(fresh.id, adam.id, "the policy says no");
    world.verify();
}

#[test]
fn a_given_id_is_taken_over_or_refused() {
    let world = World::new();
    let insert = |id: &'static str, name: &str| {
        let (tenant, user) = (world.tenant, Arc::clone(&world.user));
        let body = resource(&user, json!({"userName": name}));
        world.write(move |w| w.insert(tenant, &user, Some(id), &body, 1, POLICY))
    };
    assert_eq!(insert("given-1", "a").unwrap().id, "given-1");
    assert!(matches!(insert("given-1", "b"), Err(Error::Conflict { attribute }) if attribute == "id"));
    assert!(matches!(insert("Upper", "b"), Err(Error::Broken(_))));
    world.delete(&world.user, "given-1");
    assert_eq!(insert("given-1", "b").unwrap().version, 2);
    world.verify();
}

#[test]
fn a_manager_is_found_when_it_arrives_changes_and_leaves() {
    let world = World::new();
    let report = |name: &str, manager: &str| {
        world.insert(&world.user, json!({"userName": name, ENTERPRISE: {"manager": {"value": manager}}})).id
    };
    let shown = |id: &str| {
        let manager = world.view(&world.user, id).unwrap().manager.unwrap();
        (manager.id, manager.display)
    };
    let (by_mail, by_number, by_name) = (report("r1", "BOSS@x.example"), report("r2", "0042"), report("r3", "boss"));
    assert_eq!(shown(&by_mail), (None, None));
    let boss = world.insert(
        &world.user,
        json!({"userName": "Boss", "displayName": "Boss", "emails": [{"value": "other@x"}, {"value": "boss@X.example"}], ENTERPRISE: {"employeeNumber": "0042"}}),
    );
    for id in [&by_mail, &by_number, &by_name] {
        assert_eq!(shown(id), (Some(boss.id.clone()), Some("Boss".into())));
    }
    let by_id = report("r4", &boss.id);
    assert_eq!(shown(&by_id).0.as_ref(), Some(&boss.id));
    assert_eq!(spliced(&world, &by_mail)[ENTERPRISE]["manager"]["value"], boss.id.as_str());

    world.update(&world.user, &boss.id, json!({"userName": "chief", "displayName": "Chief"})).unwrap();
    assert_eq!(shown(&by_id), (Some(boss.id.clone()), Some("Chief".into())));
    for id in [&by_mail, &by_number, &by_name] {
        assert_eq!(shown(id), (None, None), "it has none of these any more");
    }
    world.verify();
    // Of two who fit, the order of the settings decides; when that one leaves, the other takes over.
    let named = world.insert(&world.user, json!({"userName": "boss"}));
    let external = world.insert(&world.user, json!({"userName": "x", "externalId": "boss"}));
    assert_eq!(shown(&by_name).0, Some(external.id.clone()));
    world.delete(&world.user, &external.id);
    assert_eq!(shown(&by_name).0, Some(named.id.clone()));
    world.delete(&world.user, &named.id);
    world.delete(&world.user, &boss.id);
    assert_eq!((shown(&by_name), shown(&by_id)), ((None, None), (None, None)));
    assert_eq!(spliced(&world, &by_id)[ENTERPRISE]["manager"], json!({"value": boss.id}));
    let own = report("self", "SELF");
    assert_eq!(shown(&own).0, Some(own.clone()), "one may be one's own manager");
    world.verify();
}

#[test]
fn another_order_of_managers_is_applied_to_all() {
    let world = World::new();
    let named = world.insert(&world.user, json!({"userName": "boss"}));
    let external = world.insert(&world.user, json!({"userName": "x", "externalId": "boss"}));
    let report = world.insert(&world.user, json!({"userName": "r", ENTERPRISE: {"manager": "boss"}}));
    let manager = || world.view(&world.user, &report.id).unwrap().manager.unwrap().id.unwrap();
    assert_eq!(manager(), external.id);
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    world.write(move |w| w.resolve_managers(tenant, &user, &[ManagerMatch::UserName])).unwrap();
    assert_eq!(manager(), named.id);
}

#[test]
fn index_rows_follow_by_difference_through_any_history() {
    let world = World::new();
    let mut dice = Dice::new(3);
    let mut ids: Vec<String> = Vec::new();
    for step in 0..300 {
        let mut body = json!({"userName": format!("user{}", dice.below(30)), "active": dice.one_in(2)});
        if dice.one_in(2) {
            let primary = dice.below(3);
            let emails = (0..dice.below(4)).map(|n| json!({"value": format!("{}@x", dice.below(5)), "type": dice.pick(&["work", "home"]), "primary": n == primary}));
            body["emails"] = emails.collect();
        }
        if dice.one_in(2) {
            body[ENTERPRISE] =
                json!({"manager": format!("user{}", dice.below(30)), "employeeNumber": format!("{}", dice.below(9))});
        }
        if dice.one_in(3) {
            body["externalId"] = json!(format!("e{}", dice.below(9)));
        }
        match dice.below(4) {
            0 if !ids.is_empty() => _ = world.delete(&world.user, &ids.swap_remove(dice.below(ids.len()))),
            1 | 2 if !ids.is_empty() => match world.update(&world.user, dice.pick::<String>(&ids), body) {
                Ok(_) | Err(Error::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            },
            _ => match world.try_insert(&world.user, body, step) {
                Ok(stored) => ids.push(stored.id),
                Err(Error::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            },
        }
        if step % 25 == 0 {
            world.verify();
        }
    }
    world.verify();
}

fn find(world: &World, filter: &str) -> Vec<String> {
    let (tenant, user, filter) = (world.tenant, Arc::clone(&world.user), Filter::parse(filter).unwrap());
    world.read(move |r| {
        let query = Query {
            filter: Some(&filter),
            sort: None,
            start: Start::Index(0),
            count: 100,
            want_total: false,
            want_groups: false,
            base: BASE,
        };
        Ok(r.search(tenant, &user, &query)?.views.into_iter().map(|view| view.id).collect())
    })
}

#[test]
fn cursors_stay_in_place_while_others_come_and_go() {
    let world = World::new();
    let mut ids: Vec<String> =
        (0..40).map(|n| world.insert(&world.user, json!({"userName": format!("m{:02}", n * 2)})).id).collect();
    let name = AttrPath::parse("userName").unwrap();
    for sort in [None, Some(false), Some(true)] {
        let (mut seen, mut position, mut round) = (Vec::new(), None, 0);
        loop {
            let (tenant, user, name, at) = (world.tenant, Arc::clone(&world.user), name.clone(), position.clone());
            let page = world.read(move |r| {
                let query = Query {
                    filter: None,
                    sort: sort.map(|descending| Sort { path: &name, descending }),
                    start: at.as_ref().map_or(Start::Index(0), Start::After),
                    count: 7,
                    want_total: true,
                    want_groups: false,
                    base: BASE,
                };
                r.search(tenant, &user, &query)
            });
            seen.extend(page.views.iter().map(|view| view.id.clone()));
            let Some(next) = page.next else { break };
            position = Some(serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap());
            // Somebody in front of the cursor comes and somebody behind it goes.
            let front = if sort == Some(true) { "zz" } else { "aa" };
            let come = world.insert(&world.user, json!({"userName": format!("{front}{round}")}));
            if sort.is_none() {
                ids.push(come.id);
            }
            let gone = seen.iter().position(|id| ids.contains(id)).map(|at| seen[at].clone()).unwrap();
            world.delete(&world.user, &gone);
            ids.retain(|id| *id != gone);
            seen.retain(|id| *id != gone);
            round += 1;
        }
        let mut expected = ids.clone();
        if sort == Some(true) {
            expected.reverse();
        }
        let seen: Vec<String> = seen.into_iter().filter(|id| ids.contains(id)).collect();
        assert_eq!(seen, expected, "each of those that stayed, once and in order");
        for id in find(&world, "userName sw \"aa\" or userName sw \"zz\"") {
            world.delete(&world.user, &id);
            ids.retain(|other| *other != id);
        }
    }
}

#[test]
fn who_was_never_heard_of_is_listed_until_an_identity_provider_speaks_of_them() {
    let world = World::new();
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    for (number, heard) in [(1, true), (2, false), (3, false), (4, true), (5, false)] {
        let made = resource(&user, json!({"userName": format!("user{number}"), "externalId": format!("e{number}")}));
        let user = Arc::clone(&user);
        world.write(move |w| w.insert(tenant, &user, None, &made, number, Policy { heard, ..POLICY })).unwrap();
    }
    let listed = |filter: Option<&'static str>, candidates_max: usize| {
        let user = Arc::clone(&user);
        world.read(move |r| {
            let (filter, path) =
                (filter.map(|text| Filter::parse(text).unwrap()), AttrPath::parse("userName").unwrap());
            let sort = Some(Sort { path: &path, descending: true });
            let mut query = Query {
                filter: filter.as_ref(),
                sort,
                start: Start::Index(0),
                count: 2,
                want_total: true,
                want_groups: false,
                base: BASE,
            };
            let effort = Effort { candidates_max, looked_at_max: 100 };
            let only = Only { never_heard: true, lifecycle: None };
            let first = r.walk(tenant, &user, &query, only, effort)?;
            query.start = first.next.as_ref().map_or(Start::Index(99), Start::After);
            let rest = r.walk(tenant, &user, &query, only, effort)?;
            let name = |view: store::View| view.document(BASE, &user).unwrap()["userName"].as_str().unwrap().to_owned();
            let second = if first.next.is_some() { rest.views } else { Vec::new() };
            Ok(first.views.into_iter().chain(second).map(name).collect::<Vec<_>>())
        })
    };
    // By an index of them alone, and met on the way.
    for candidates_max in [10, 1] {
        assert_eq!(listed(None, candidates_max), ["user5", "user3", "user2"]);
        assert_eq!(listed(Some("externalId eq \"e3\""), candidates_max), ["user3"]);
        assert_eq!(listed(Some("externalId eq \"e4\""), candidates_max), [""; 0]);
        assert_eq!(listed(Some("userName sw \"u\""), candidates_max), ["user5", "user3", "user2"]);
    }
    let of = Arc::clone(&user);
    let (third, fifth) = world
        .write(move |w| {
            let third = w.find_unique(tenant, &of, "userName", "user3")?.unwrap();
            w.heard(tenant, &third, 7)?;
            let fifth = w.find_unique(tenant, &of, "userName", "user5")?.unwrap();
            let body = Arc::new(resource(&of, json!({"userName": "user5", "title": "Boss"})));
            let told = w.update(tenant, &of, &Stored { heard_at: Some(8), ..fifth }, &body, 8, ORDER)?;
            Ok((w.find(tenant, &of, &third.id)?.unwrap(), w.find(tenant, &of, &told.id)?.unwrap()))
        })
        .unwrap();
    assert_eq!((third.version, third.heard_at, fifth.version, fifth.heard_at), (1, Some(7), 2, Some(8)));
    assert_eq!(listed(None, 10), ["user2"]);
}

#[test]
fn who_is_held_back_is_found_and_told_with_one_read() {
    let world = World::new();
    let (tenant, user) = (world.tenant, Arc::clone(&world.user));
    let mut ids = Vec::new();
    for number in 1..=6 {
        let made =
            world.insert(&world.user, json!({"userName": format!("user{number}"), "externalId": format!("e{number}")}));
        ids.push(made.id);
    }
    for (number, status) in [(1, "staged"), (2, "suspended"), (4, "suspended"), (5, "suspended")] {
        let id = ids[number].clone();
        world.write(move |w| w.set_lifecycle(tenant, &id, Some(status), 1)).unwrap();
    }
    let all = ids.clone();
    let told = world.read(move |r| {
        let words = r.lifecycles(tenant, &all.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(all.iter().map(|id| words.get(id).cloned().unwrap_or_default()).collect::<Vec<_>>())
    });
    assert_eq!(told, ["", "staged", "suspended", "", "suspended", "suspended"]);
    let listed = |lifecycle: Lifecycle, filter: Option<&'static str>, candidates_max: usize| {
        let user = Arc::clone(&user);
        world.read(move |r| {
            let (filter, path) =
                (filter.map(|text| Filter::parse(text).unwrap()), AttrPath::parse("userName").unwrap());
            let sort = Some(Sort { path: &path, descending: false });
            let (only, effort) = (
                Only { never_heard: false, lifecycle: Some(lifecycle) },
                Effort { candidates_max, looked_at_max: 100 },
            );
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let query = Query {
                    filter: filter.as_ref(),
                    sort,
                    start: after.as_ref().map_or(Start::Index(0), Start::After),
                    count: 2,
                    want_total: true,
                    want_groups: false,
                    base: BASE,
                };
                let page = r.walk(tenant, &user, &query, only, effort)?;
                let name =
                    |view: store::View| view.document(BASE, &user).unwrap()["userName"].as_str().unwrap().to_owned();
                found.extend(page.views.into_iter().map(name));
                after = page.next;
                if after.is_none() {
                    return Ok(found);
                }
            }
        })
    };
    // By the index of them alone, and met on the way.
    for candidates_max in [10, 1] {
        for filter in [None, Some("userName sw \"u\""), Some("not (groups pr)")] {
            assert_eq!(listed(Lifecycle::Suspended, filter, candidates_max), ["user3", "user5", "user6"], "{filter:?}");
            assert_eq!(listed(Lifecycle::Staged, filter, candidates_max), ["user2"], "{filter:?}");
            assert_eq!(listed(Lifecycle::AtWork, filter, candidates_max), ["user1", "user4"], "{filter:?}");
        }
        assert_eq!(listed(Lifecycle::Suspended, Some("userName eq \"user5\""), candidates_max), ["user5"]);
    }
    // Whoever returns with their old id does not return as they stood.
    world.delete(&world.user, &ids[4]);
    let back = world.insert(&world.user, json!({"userName": "user5", "externalId": "e5"}));
    assert_eq!(back.id, ids[4]);
    assert_eq!(listed(Lifecycle::Suspended, None, 10), ["user3", "user6"]);
    assert_eq!(world.read(move |r| r.held_back(tenant, 9)).len(), 3);
}
