//! The index of a custom attribute, built again beside everything else: what holds meanwhile, and what is left at the end.

use super::support::{BASE, POLICY, World, resource};
use scim::{Attribute, Filter, Uniqueness};
use serde_json::json;
use std::sync::Arc;
use store::{
    Definitions, Error, ExtensionDef, Job, JobState, JobsOf, Query, Reindex, ResourceTypeDef, Start, Tenant, Turned,
};

const CUSTOM: &str = "urn:example:custom";
const BADGE: &str = "urn:example:custom:badge";
const MINUTE: i64 = 60 * 1_000_000;

fn custom(attributes: Vec<Attribute>) -> Definitions {
    Definitions {
        schemas: vec![scim::Schema {
            id: CUSTOM.into(),
            name: "Custom".into(),
            description: String::new(),
            attributes,
        }],
        resource_types: vec![ResourceTypeDef {
            name: "User".into(),
            extensions: vec![ExtensionDef { schema: CUSTOM.into(), required: false }],
            ..ResourceTypeDef::default()
        }],
        ..Definitions::default()
    }
}

fn by(node: &str, now: i64) -> Reindex {
    Reindex { asked_by: "test".into(), node: node.into(), now, until: now + MINUTE }
}

fn tenant(world: &World) -> Tenant {
    world.read(|r| r.tenant("default")).unwrap()
}

/// Takes in what the definitions are now, as a server does after a change.
fn reload(world: &mut World) {
    world.user = Arc::clone(&tenant(world).definitions.resource_types().unwrap()[0]);
}

fn begin(world: &mut World, new: Attribute, now: i64) -> i64 {
    let before = tenant(world);
    let id = world.write(move |w| w.index_begin(&before, BADGE, new, &by("a", now))).unwrap();
    reload(world);
    id
}

fn turn(world: &World, job: i64, node: &'static str, now: i64) -> Result<Turned, Error> {
    let id = world.tenant;
    match world.write(move |w| w.index_turn(id, job, node, now))? {
        Turned::AtItsEnd => world.write(move |w| w.index_end(id, job, &by(node, now))),
        turned => Ok(turned),
    }
}

fn to_its_end(world: &mut World, job: i64, now: i64) -> Job {
    while turn(world, job, "a", now).unwrap() != Turned::Over {}
    reload(world);
    job_of(world, job)
}

fn job_of(world: &World, job: i64) -> Job {
    let id = world.tenant;
    world.read(move |r| r.job(id, job)).unwrap()
}

/// Takes the job that is due, as a worker does, and ends it.
fn clear(world: &mut World, now: i64) -> Option<Job> {
    let claimed = world.write(move |w| w.job_claim(JobsOf::Indexes, "a", now, now + MINUTE)).unwrap()?;
    Some(to_its_end(world, claimed.id, now))
}

fn named(world: &World, badge: &str) -> Vec<String> {
    let filter = Filter::parse(&format!("{BADGE} eq \"{badge}\"")).unwrap();
    let (id, user) = (world.tenant, Arc::clone(&world.user));
    world.read(move |r| {
        let query = Query {
            filter: Some(&filter),
            sort: None,
            start: Start::Index(0),
            count: 1_000,
            want_total: false,
            want_groups: false,
            base: BASE,
        };
        Ok(r.search(id, &user, &query)?.views.into_iter().map(|view| view.id).collect())
    })
}

fn people(world: &World, count: usize) -> Vec<String> {
    let one = |n: usize| json!({"userName": format!("u{n}"), CUSTOM: {"badge": format!("X{n}"), "rest": "y"}});
    let (id, user) = (world.tenant, Arc::clone(&world.user));
    let made = world.write(move |w| {
        let insert = |n| w.insert(id, &user, None, &resource(&user, one(n)), 1, POLICY).map(|made| made.id);
        (0..count).map(insert).collect()
    });
    made.unwrap()
}

fn plain() -> Vec<Attribute> {
    vec![Attribute::string("badge"), Attribute::string("rest")]
}

fn exact() -> Attribute {
    Attribute { case_exact: true, ..Attribute::string("badge") }
}

fn unique() -> Attribute {
    Attribute { uniqueness: Uniqueness::Server, ..Attribute::string("badge") }
}

#[test]
fn the_former_rules_hold_until_the_index_is_there_and_then_the_new_ones() {
    let mut world = World::with(custom(plain()));
    let ids = people(&world, 600);
    let job = begin(&mut world, exact(), 1);
    assert_eq!(turn(&world, job, "a", 1).unwrap(), Turned::More);
    let half = job_of(&world, job);
    assert!(half.done > 0 && half.done < half.total && half.state == JobState::Running, "{half:?}");

    // Somebody before and behind the place changes, comes and goes meanwhile.
    for n in [0, 599] {
        let body = json!({"userName": format!("u{n}"), CUSTOM: {"badge": "Changed"}});
        world.update(&world.user, &ids[n], body).unwrap();
    }
    world.delete(&world.user, &ids[1]);
    world.delete(&world.user, &ids[598]);
    let new = world.insert(&world.user, json!({"userName": "new", CUSTOM: {"badge": "changed"}})).id;
    assert_eq!(named(&world, "cHANGED").len(), 3, "as it was");
    world.verify();

    let done = to_its_end(&mut world, job, 2);
    assert_eq!((done.state, done.failed), (JobState::Done, 0));
    assert_eq!(named(&world, "changed"), std::slice::from_ref(&new));
    assert_eq!(named(&world, "Changed"), [ids[0].clone(), ids[599].clone()]);
    assert_eq!(named(&world, "X300"), [ids[300].clone()]);
    assert_eq!(named(&world, "x300"), Vec::<String>::new());
    world.verify();

    // The former index is kept up for who has not heard, and cleared away a minute later.
    let now = Arc::clone(&world.user);
    world.user = Arc::clone(&custom(plain()).resource_types().unwrap()[0]);
    assert_eq!(named(&world, "CHANGED").len(), 3, "asked by the former rules");
    world.user = now;
    assert!(clear(&mut world, 2 + MINUTE / 2).is_none(), "not yet");
    assert_eq!(clear(&mut world, 3 + MINUTE).unwrap().state, JobState::Done);
    world.verify();
    assert_eq!(named(&world, "Changed").len(), 2);
}

#[test]
fn a_value_that_two_have_stands_in_the_way_of_uniqueness_and_leaves_everything_as_it_was() {
    let mut world = World::with(custom(plain()));
    people(&world, 300);
    let twin = world.insert(&world.user, json!({"userName": "twin", CUSTOM: {"badge": "x7"}})).id;
    let job = begin(&mut world, unique(), 1);
    let done = to_its_end(&mut world, job, 1);
    assert_eq!((done.state, done.failed), (JobState::Done, 1));
    assert_eq!(done.failures[0]["id"], twin.as_str());
    assert_eq!(named(&world, "X7").len(), 2);
    assert_eq!(tenant(&world).definitions.attribute(BADGE).unwrap().uniqueness, Uniqueness::None);
    world.verify();
    clear(&mut world, 1 + 2 * MINUTE).unwrap();
    world.verify();

    // Once that is mended it can be done; and from its beginning nobody makes a new pair.
    world.delete(&world.user, &twin);
    let job = begin(&mut world, unique(), 3 * MINUTE);
    turn(&world, job, "a", 3 * MINUTE).unwrap();
    let early = world.try_insert(&world.user, json!({"userName": "x", CUSTOM: {"badge": "x3"}}), 1);
    assert!(matches!(&early, Err(Error::Conflict { attribute }) if attribute == BADGE), "{early:?}");
    assert_eq!(to_its_end(&mut world, job, 3 * MINUTE).failed, 0);
    let taken = world.try_insert(&world.user, json!({"userName": "x", CUSTOM: {"badge": "X299"}}), 1);
    assert!(matches!(&taken, Err(Error::Conflict { attribute }) if attribute == BADGE), "{taken:?}");
    world.verify();
    // And back again: the former index refuses nobody while it is kept up.
    let job = begin(&mut world, Attribute::string("badge"), 3 * MINUTE + 5);
    to_its_end(&mut world, job, 3 * MINUTE + 5);
    world.insert(&world.user, json!({"userName": "x", CUSTOM: {"badge": "X299"}}));
    assert_eq!(named(&world, "x299").len(), 2);
    world.verify();
    while clear(&mut world, 9 * MINUTE).is_some() {}
    world.verify();
    assert_eq!(named(&world, "x299").len(), 2);
}

#[test]
fn an_attribute_goes_with_every_value_and_may_come_back_without() {
    let mut world = World::with(custom(plain()));
    let ids = people(&world, 400);
    let before = tenant(&world);
    let job = world.write(move |w| w.removal_begin(&before, BADGE, &by("a", 1))).unwrap();
    reload(&mut world);
    turn(&world, job, "a", 1).unwrap();
    let held = |world: &World, id: &str| {
        world.find(&world.user, id).unwrap().resource.attributes[CUSTOM].get("badge").is_some()
    };
    assert!(!held(&world, &ids[0]) && held(&world, &ids[399]), "the first have none, the last still have");
    assert_eq!((named(&world, "x0").len(), named(&world, "x399").len()), (0, 1), "and the filter says the same");
    world.verify();
    to_its_end(&mut world, job, 2);
    assert!(tenant(&world).definitions.attribute(BADGE).is_none());
    assert!(!held(&world, &ids[399]));
    world.verify();
    let mut again = tenant(&world);
    again.definitions.schemas[0].attributes.push(Attribute::string("badge"));
    world.write(move |w| w.tenant_update(&again)).unwrap();
    reload(&mut world);
    assert_eq!(named(&world, "x399").len(), 0);
    world.insert(&world.user, json!({"userName": "new", CUSTOM: {"badge": "x399"}}));
    assert_eq!(named(&world, "x399").len(), 1);
    world.verify();
}

#[test]
fn another_node_goes_on_where_one_died_and_one_whose_lease_is_over_does_nothing_more() {
    let mut world = World::with(custom(plain()));
    people(&world, 600);
    let job = begin(&mut world, exact(), 1);
    turn(&world, job, "a", 1).unwrap();
    let place = job_of(&world, job).position;
    // `a` is gone. A restart finds everything in the database.
    world.store.close();
    world.store = world.folder.open();
    let later = 2 + MINUTE;
    let claimed = world.write(move |w| w.job_claim(JobsOf::Indexes, "b", later, later + MINUTE)).unwrap().unwrap();
    assert_eq!((claimed.id, claimed.position), (job, place));
    assert!(matches!(turn(&world, job, "a", later), Err(Error::Stale)), "it is b's now");
    assert_eq!(job_of(&world, job).position, place, "and nothing of a's turn stays");
    while turn(&world, job, "b", later).unwrap() != Turned::Over {}
    reload(&mut world);
    assert_eq!(job_of(&world, job).done, 600);
    assert_eq!(named(&world, "X599").len(), 1);
    assert_eq!(named(&world, "x599").len(), 0);
    world.verify();
}

#[test]
fn a_stopped_build_leaves_everything_as_it_was() {
    let mut world = World::with(custom(plain()));
    people(&world, 400);
    let job = begin(&mut world, exact(), 1);
    turn(&world, job, "a", 1).unwrap();
    let id = world.tenant;
    assert_eq!(world.write(move |w| w.index_cancel(id, job, 2)).unwrap(), Some(true));
    reload(&mut world);
    assert_eq!(job_of(&world, job).state, JobState::Cancelled);
    assert_eq!(turn(&world, job, "a", 2).unwrap(), Turned::Over);
    assert_eq!(named(&world, "x7").len(), 1);
    world.verify();
    clear(&mut world, 3 + MINUTE).unwrap();
    world.verify();
    // What was prepared before a build began is refused: it would not keep the new index up.
    let before = tenant(&world).generation;
    begin(&mut world, exact(), 2 * MINUTE);
    let now = tenant(&world).generation;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let asked = world.store.write_in(id, move |w| Ok::<_, Error>((w.is_outdated(id, before), w.is_outdated(id, now))));
    let outdated = runtime.block_on(asked).unwrap();
    assert_eq!(outdated, (true, false));
}

fn archive(world: &mut World, now: i64) -> i64 {
    let before = tenant(world);
    let job = world.write(move |w| w.archive_begin(&before, BADGE, &by("a", now))).unwrap();
    reload(world);
    to_its_end(world, job, now);
    job
}

fn restore(world: &mut World, definition: Attribute, now: i64) -> Job {
    let before = tenant(world);
    let field = before.definitions.archived(BADGE).unwrap().clone();
    let job = world.write(move |w| w.restore_begin(&before, &field, definition, &by("a", now))).unwrap();
    reload(world);
    to_its_end(world, job, now)
}

#[test]
fn a_field_that_is_put_away_keeps_its_values_and_comes_back_with_them() {
    let unique = Attribute { uniqueness: Uniqueness::Server, ..Attribute::string("badge") };
    let mut world = World::with(custom(vec![unique.clone(), Attribute::string("rest")]));
    let ids = people(&world, 40);
    let number = archive(&mut world, 1);
    let (id, first) = (world.tenant, ids[0].clone());
    let held =
        |world: &World| world.find(&world.user, &ids[39]).unwrap().resource.attributes[CUSTOM].get("badge").cloned();
    assert!(tenant(&world).definitions.attribute(BADGE).is_none());
    assert_eq!(held(&world), None);
    assert_eq!(world.read(move |r| r.archived_count(id, number)), 40);
    let kept = world.read(move |r| r.archived_of(id, &first));
    assert_eq!(kept, [(number, json!("X0"))]);
    world.verify();
    // Who goes takes their value along.
    world.delete(&world.user, &ids[1]);
    assert_eq!(world.read(move |r| r.archived_count(id, number)), 39);
    world.verify();
    let job = restore(&mut world, unique.clone(), 2);
    assert_eq!((job.done, job.failed), (39, 0));
    assert_eq!(tenant(&world).definitions.attribute(BADGE).map(|held| held.mutability), Some(unique.mutability));
    assert!(tenant(&world).definitions.archived.is_empty());
    assert_eq!(named(&world, "x39"), [ids[39].clone()]);
    assert_eq!(held(&world), Some(json!("X39")));
    world.verify();
    // Another type: what does not fit is named, and what was no value of it never becomes one.
    let number = archive(&mut world, 3);
    let text = Attribute { multi_valued: true, ..Attribute::string("badge") };
    let whole = Attribute { attr_type: scim::AttrType::Integer, ..Attribute::string("badge") };
    let asked = whole.clone();
    let found = world.read(move |r| r.archived_fit(id, number, &asked, 0));
    assert_eq!((found.fit, found.unfit.len(), found.last), (0, 39, None));
    let job = restore(&mut world, text, 4);
    assert_eq!((job.done, job.failed), (39, 0));
    assert_eq!(held(&world), Some(json!(["X39"])));
    world.verify();
    archive(&mut world, 5);
    let job = restore(&mut world, whole, 6);
    assert_eq!((job.done, job.failed, held(&world)), (39, 39, None));
    world.verify();
}

#[test]
fn a_field_that_is_put_away_can_be_forgotten() {
    let mut world = World::with(custom(plain()));
    people(&world, 40);
    let number = archive(&mut world, 1);
    let before = tenant(&world);
    let field = before.definitions.archived(BADGE).unwrap().clone();
    let job = world.write(move |w| w.forget_begin(&before, &field, &by("a", 2))).unwrap();
    let job = to_its_end(&mut world, job, 2);
    assert_eq!((job.state, job.done), (JobState::Done, 40));
    let id = world.tenant;
    assert_eq!(world.read(move |r| r.archived_count(id, number)), 0);
    assert!(tenant(&world).definitions.archived.is_empty());
    world.verify();
}
