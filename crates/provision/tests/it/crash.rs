//! The crash and fault harness: every story, with every fault, and every death, at every step.
//!
//! What must hold in the end: one account for one person, and it is as it should be.

use crate::sim::Fault;
use crate::world::{Death, World};
use provision::app::OnMissing;
use provision::plan::Action;
use serde_json::{Value, json};

type Act = fn(&mut World);

/// A story: what happens, one thing after the other, with the app catching up in between.
const STORIES: [(&str, &[Act]); 7] = [
    ("arrives", &[World::assign]),
    ("arrives and changes", &[World::assign, |w| w.set("title", json!("Boss"))]),
    (
        "arrives, changes name, leaves",
        &[World::assign, |w| w.set("userName", json!("adam.s@example.com")), |w| w.assignments.clear()],
    ),
    ("comes back", &[World::assign, |w| w.assignments.clear(), World::assign]),
    (
        "was there before",
        &[
            |w| w.sim.preset(true, json!({"userName": "ADAM@example.com", "title": "x", "active": false})),
            World::assign,
        ],
    ),
    ("leaves at once", &[World::assign, |w| w.assignments.clear()]),
    ("gets and loses a title", &[World::assign, |w| w.set("title", json!("T")), |w| w.set("title", json!(""))]),
];

const TARGETS: [&str; 6] = ["okta-aiw", "okta-oin", "okta-oiw", "generic", "generic-put", "entra"];

/// The target that the story meets.
const HABITS: [(&str, Act); 5] = [
    ("plain", |_| {}),
    ("no externalId", |w| w.sim.no_external_id = true),
    ("silent", |w| w.sim.silent = true),
    ("folds and ignores", |w| {
        w.sim.folds_mail = true;
        w.set("givenName", json!("Adam"));
    }),
    ("no uniqueness", |w| w.sim.no_uniqueness = true),
];

fn world(target: &str, habit: Act) -> World {
    let mut world = World::new(target);
    // An unclaimed account of that name is taken; that is part of the stories.
    world.app.policy.on_missing = OnMissing::Recreate;
    habit(&mut world);
    world
}

/// Plays a story. Whether a person had to help.
fn play(world: &mut World, acts: &[Act]) -> bool {
    let mut helped = false;
    for act in acts {
        act(world);
        world.run();
        // A person parked it, looked, and pressed "retry": the faults are over by then.
        if matches!(world.last, Action::Park(_)) && world.sim.faults.is_empty() {
            world.link.parked = None;
            helped = true;
            world.run();
        }
    }
    world.now += 120_000_000;
    world.sim.settle(world.now);
    world.run();
    helped
}

/// Every habit with every kind of target would be the same three times over.
fn meets(target: &str, habit: &str) -> bool {
    habit == "plain" || ["okta-oiw", "generic"].contains(&target)
}

fn title_of(world: &mut World) {
    // A title that was emptied is no title.
    if world.facts.user.profile.get("title").is_some_and(|title| *title == "") {
        world.facts.user.profile.shift_remove("title");
    }
}

fn judge(mut world: World, context: &str) {
    title_of(&mut world);
    let fine = world.check().and_then(|()| match &world.last {
        Action::Nothing => Ok(()),
        other => Err(format!("the last word is {other:?}")),
    });
    if let Err(why) = fine {
        panic!("{context}: {why}\n{}", world.told.join("\n"));
    }
}

/// How many calls a story takes when all goes well.
fn calls(target: &str, habit: Act, acts: &[Act]) -> usize {
    let mut world = world(target, habit);
    play(&mut world, acts);
    let calls = world.sim.calls;
    judge(world, "without faults");
    calls
}

/// Which lies a target may tell at a time when nobody could know better: without uniqueness and without
/// externalId, a false "no such account" is a second account, whatever one does.
fn is_fair(fault: Fault, habit: &str) -> bool {
    !(matches!(fault, Fault::NotFound) && habit == "no uniqueness")
}

#[test]
fn every_fault_at_every_call() {
    let mut played = 0;
    for target in TARGETS {
        for (habit_name, habit) in HABITS.into_iter().filter(|(habit, _)| meets(target, habit)) {
            for (story, acts) in STORIES {
                let calls = calls(target, habit, acts);
                for fault in Fault::ALL.into_iter().filter(|fault| is_fair(*fault, habit_name)) {
                    for at in 0..calls {
                        let mut world = world(target, habit);
                        world.sim.faults = (0..at).map(|_| Fault::Pass).chain([fault]).collect();
                        let helped = play(&mut world, acts);
                        let context = format!("{target}, {habit_name}, {story}, {fault:?} at call {at}");
                        assert!(!helped || fault == Fault::Conflict, "{context}: a person had to help");
                        judge(world, &context);
                        played += 1;
                    }
                }
            }
        }
    }
    assert!(played > 5_000, "{played} plays");
}

#[test]
fn a_death_at_every_step() {
    for target in TARGETS {
        for (habit_name, habit) in HABITS.into_iter().filter(|(habit, _)| meets(target, habit)) {
            for (story, acts) in STORIES {
                for at in 1..=calls(target, habit, acts) {
                    for death in [Death::BeforeIntent, Death::BeforeCall, Death::AfterCall] {
                        let mut world = world(target, habit);
                        world.death = Some((at, death));
                        play(&mut world, acts);
                        judge(world, &format!("{target}, {habit_name}, {story}, {death:?} at step {at}"));
                    }
                }
            }
        }
    }
}

/// The worst moment: the answer to the create is lost, and before anybody looks, the person changes.
#[test]
fn the_person_changes_while_the_answer_is_owed() {
    let changes: [(&str, Act); 3] = [
        ("renamed", |w| w.set("userName", json!("other@example.com"))),
        ("unassigned", |w| w.assignments.clear()),
        ("retitled", |w| w.set("title", json!("New"))),
    ];
    for target in TARGETS {
        for (habit_name, habit) in HABITS {
            for fault in [
                Fault::TimeoutDone,
                Fault::Late,
                Fault::ResetDone,
                Fault::ErrorDone,
                Fault::ProxyDone,
                Fault::EmptyDone,
            ] {
                for (change_name, change) in changes {
                    let mut world = world(target, habit);
                    world.assign();
                    let mut steps = 0;
                    // Up to the create, and through it.
                    while world.sim.posts == 0 && steps < 10 {
                        let create = matches!(upcoming(&world), Action::Create(_));
                        if create {
                            world.sim.faults = [fault].into();
                        }
                        world.step();
                        steps += 1;
                        if create {
                            break;
                        }
                    }
                    change(&mut world);
                    play(&mut world, &[]);
                    judge(world, &format!("{target}, {habit_name}, {fault:?}, {change_name}"));
                }
            }
        }
    }
}

fn upcoming(world: &World) -> Action {
    let rules = provision::Rules { kind: world.link.kind, policy: &world.app.policy, target: &world.app.target };
    provision::next(&world.link, &world.desired(), &rules, world.now + 200_000)
}

/// A target that says "exists" and shows it to nobody ends with a person, not in a circle.
#[test]
fn an_invisible_account_is_parked() {
    let mut world = World::new("generic");
    world.assign();
    world.sim.faults = (0..40).map(|at| if at % 3 == 2 { Fault::Conflict } else { Fault::Pass }).collect();
    world.run();
    assert!(matches!(&world.last, Action::Park(provision::plan::Parking::Invisible)), "{:?}", world.last);
    assert_eq!(world.sim.posts, 0);
}

/// Leavers are never given up, however long a target fails.
#[test]
fn a_leaver_is_never_parked() {
    for fault in
        [Fault::Error, Fault::NotFound, Fault::Conflict, Fault::TimeoutUndone, Fault::Precondition, Fault::ErrorIn200]
    {
        let mut world = World::new("okta-aiw");
        world.assign();
        world.run();
        world.assignments.clear();
        // Reads pass, writes fail.
        world.sim.faults = (0..60).map(|at| if at % 2 == 1 { fault } else { Fault::Pass }).collect();
        world.run();
        judge(world, &format!("{fault:?}"));
    }
}

/// What the target makes of values is learned once, and not fought.
#[test]
fn habits_are_learned() {
    for target in TARGETS {
        for silent in [false, true] {
            let mut world = World::new(target);
            (world.sim.folds_mail, world.sim.ignores_title, world.sim.silent) = (true, true, silent);
            world.set("title", json!("Ignored"));
            world.assign();
            world.run();
            let calls = world.sim.calls;
            for _ in 0..3 {
                world.now += 3_600_000_000;
                let shown = world.link.document.clone().unwrap();
                world.link = provision::reconcile::refreshed(world.link.clone(), &shown);
                world.run();
            }
            assert_eq!(world.sim.calls, calls, "{target}, silent {silent}:\n{}", world.told.join("\n"));
            let title: &Value = &world.accounts()[0].1["title"];
            assert!(title.is_null());
        }
    }
}
