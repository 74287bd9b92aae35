//! Planning stories: a script in, what is decided, sent and answered out. `UPDATE=1` rewrites the lines
//! that start with two spaces.

use crate::sim::Fault;
use crate::world::{Death, World};
use provision::expression::Status;
use provision::mapping::Rows;
use provision::plan::Action;
use serde_json::{Map, Value};
use std::{env, fs};

/// One line of a script.
fn act(world: &mut World, line: &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let json = || serde_json::from_str::<Value>(rest).unwrap_or_else(|error| panic!("{line}: {error}"));
    match word {
        "set" => {
            let (name, value) = rest.split_once(' ').unwrap();
            world.set(name, serde_json::from_str(value).unwrap());
        }
        "unset" => drop(world.facts.user.profile.shift_remove(rest)),
        "assign" => world.assign(),
        "unassign" => world.assignments.clear(),
        "status" => {
            world.facts.user.status = serde_json::from_value::<Status>(rest.into()).unwrap();
        }
        "policy" => {
            let Value::Object(changes) = json() else { panic!("{line}: an object") };
            let mut policy = serde_json::to_value(world.app.policy).unwrap();
            policy.as_object_mut().unwrap().extend(changes);
            world.app.policy = serde_json::from_value(policy).unwrap();
        }
        "profile" => {
            let Value::Object(changes) = json() else { panic!("{line}: an object") };
            let mut profile = serde_json::to_value(&world.app.profile).unwrap();
            profile.as_object_mut().unwrap().extend(changes);
            world.app.profile = serde_json::from_value(profile).unwrap();
        }
        "brake" => world.app.brakes.push(serde_json::from_value(json()).unwrap()),
        "deactivated" => {
            let count: usize = rest.parse().unwrap();
            world.deactivations = vec![world.now; count];
        }
        "approve" => {
            world.approved_until = Some(world.now + 3_600_000_000);
        }
        "existing" => world.sim.preset(true, json()),
        "meddle" => {
            let changes: Map<String, Value> = serde_json::from_str(rest).unwrap();
            let id = world.sim.users.keys().next().unwrap().clone();
            world.sim.meddle(true, &id, &changes);
        }
        "reconcile" => reconcile(world),
        "remove" => world.sim.users.clear(),
        "puts" => world.sim.puts_away = rest == "away",
        "faults" => world.sim.faults = rest.split_whitespace().map(Fault::named).collect(),
        "dies" => {
            let (step, how) = rest.split_once(' ').unwrap();
            let how = match how {
                "before the call" => Death::BeforeCall,
                "after the call" => Death::AfterCall,
                _ => Death::BeforeIntent,
            };
            world.death = Some((world.steps + step.parse::<usize>().unwrap(), how));
        }
        "wait" => world.now += rest.parse::<i64>().unwrap() * 1_000_000,
        "retry" => world.link.parked = None,
        "run" => world.run(),
        "why" => why(world),
        _ => panic!("no word {word}"),
    }
}

fn why(world: &mut World) {
    let told = provision::mapping::desired(
        &world.app,
        &Rows::of(&world.app),
        &world.facts,
        &world.assignments,
        "ext-p1",
        world.now,
    );
    world.told.push(format!(
        "{:?}: {}",
        told.standing.presence,
        serde_json::to_string(&told.standing.reasons).unwrap()
    ));
    if let provision::Desired::Present(want) = told.desired {
        for valued in want.values {
            let origin = serde_json::to_string(&valued.origin).unwrap();
            let value = valued.value.map_or_else(|| "cleared".into(), |value| value.to_string());
            world.told.push(format!("{} = {value} from {origin}", valued.place.path()));
        }
    }
}

/// A scan of the target: what it shows under the link's id.
fn reconcile(world: &mut World) {
    let policy = world.app.policy;
    let target = world.app.target.clone();
    let rules = provision::Rules { kind: world.link.kind, policy: &policy, target: &target };
    let list = provision::wire::list(world.link.kind, 1, &target);
    let answer = world.sim.call(&list, world.now);
    let provision::Answer::Got(response) = answer else { panic!("a list") };
    let page = provision::outcome::page(&response).unwrap();
    let id = world.link.remote_id.clone();
    let shown = page.resources.iter().find(|shown| shown.get("id").and_then(Value::as_str) == id.as_deref());
    let situation = provision::reconcile::compare(&world.link, &world.desired(), shown, &rules, world.now);
    let short = match &situation {
        provision::reconcile::Situation::Drifted { changes } => {
            format!("drifted: {}", changes.iter().map(|change| change.place.path()).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}").to_lowercase(),
    };
    world.told.push(short);
    world.link = match shown {
        Some(shown) => provision::reconcile::refreshed(world.link.clone(), shown),
        None => provision::reconcile::unseen(world.link.clone()),
    };
}

fn story(before: &str) -> String {
    let mut world = World::new("generic");
    let mut after = String::new();
    for line in before.lines().filter(|line| !line.starts_with("  ")) {
        after.push_str(line);
        after.push('\n');
        match line.split_once(' ') {
            _ if line.is_empty() => {}
            Some(("#", _)) => {}
            Some(("target", name)) => world = World::new(name),
            _ => {
                let told = world.told.len();
                act(&mut world, line);
                for line in &world.told[told..] {
                    after.push_str(&format!("  {line}\n"));
                }
                if line == "run" && world.last == Action::Nothing {
                    after.push_str("  nothing\n");
                }
            }
        }
    }
    after
}

#[test]
fn stories() {
    let folder = format!("{}/tests/it/stories", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let before = fs::read_to_string(&path).unwrap();
        let after = story(&before);
        count += 1;
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &after).unwrap();
        } else {
            for (number, (was, is)) in before.lines().zip(after.lines()).enumerate() {
                assert_eq!(was, is, "{}, line {}", path.display(), number + 1);
            }
            assert_eq!(before, after, "{}", path.display());
        }
    }
    assert!(count > 10);
}
