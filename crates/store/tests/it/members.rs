//! Membership as rows.

use super::support::{BASE, Dice, Folder, POLICY, World, refs, resource, write};
use scim::patch_op::MemberOp;
use scim::{Filter, ResourceType};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use store::{Definitions, Error, Options, Settings, Writer};

fn users(world: &World, count: usize) -> Vec<String> {
    let named = |number: usize| json!({"userName": format!("user{number}"), "displayName": format!("User{number}")});
    (0..count).map(|number| world.insert(&world.user, named(number)).id).collect()
}

fn group(world: &World, name: &str) -> String {
    world.insert(&world.group, json!({"displayName": name})).id
}

#[test]
fn what_comes_back_is_what_changed() {
    let world = World::new();
    let (ids, team) = (users(&world, 5), group(&world, "team"));
    let changed = world.members(&team, vec![MemberOp::Add(refs(ids[..3].to_vec()))]).unwrap();
    assert_eq!((changed.added, changed.removed), (ids[..3].to_vec(), vec![]));
    let again = world.members(&team, vec![MemberOp::Add(refs([&ids[0], &ids[0]].map(String::as_str)))]).unwrap();
    assert!(again.is_empty());
    let version = world.view(&world.group, &team).unwrap().version;
    assert_eq!(version, 2, "nothing changed, no new version");

    let ops = vec![MemberOp::Add(refs([&ids[3][..]])), MemberOp::Remove(refs([&ids[3][..], &ids[0], "nobody"]))];
    let changed = world.members(&team, ops).unwrap();
    assert_eq!((changed.added, changed.removed), (vec![], vec![ids[0].clone()]));

    let changed = world.members(&team, vec![MemberOp::Replace(refs(ids[2..].to_vec()))]).unwrap();
    assert_eq!((changed.added, changed.removed), (ids[3..].to_vec(), vec![ids[1].clone()]));
    assert_eq!(world.member_ids(&team), ids[2..]);
    assert_eq!(world.view(&world.group, &team).unwrap().member_count, 3);

    let changed = world.members(&team, vec![MemberOp::RemoveAll, MemberOp::Add(refs([&ids[2][..]]))]).unwrap();
    assert_eq!((changed.added, changed.removed), (vec![], ids[3..].to_vec()));
    world.verify();
}

#[test]
fn members_by_filter() {
    let world = World::new();
    let (ids, team, inner) = (users(&world, 6), group(&world, "team"), group(&world, "inner"));
    let remove = |filter: &str, expected: &[&String]| {
        world.members(&team, vec![MemberOp::Replace(refs(ids.iter().chain([&inner]).cloned()))]).unwrap();
        let changed = world.members(&team, vec![MemberOp::RemoveMatching(Filter::parse(filter).unwrap())]).unwrap();
        let (removed, expected): (BTreeSet<_>, BTreeSet<_>) =
            (changed.removed.iter().collect(), expected.iter().copied().collect());
        assert_eq!(removed, expected, "{filter}");
        world.verify();
    };
    remove(&format!("value eq \"{}\"", ids[1].to_uppercase()), &[&ids[1]]);
    remove(&format!("value eq \"{}\" or display eq \"USER2\"", ids[1]), &[&ids[1], &ids[2]]);
    remove("type eq \"Group\"", &[&inner]);
    remove("not (type eq \"user\")", &[&inner]);
    remove(&format!("$ref eq \"{BASE}/Users/{}\"", ids[4]), &[&ids[4]]);
    remove("display sw \"inn\" or value eq \"nobody\"", &[&inner]);
    remove("value pr", &ids.iter().chain([&inner]).collect::<Vec<_>>());
    remove("nothing pr", &[]);
}

#[test]
fn unknown_members_and_the_group_itself() {
    let world = World::new();
    let (ids, team) = (users(&world, 1), group(&world, "team"));
    let refused = world.members(&team, vec![MemberOp::Add(refs([&ids[0][..], "nobody"]))]);
    assert!(matches!(refused, Err(Error::UnknownMembers(ids)) if ids == ["nobody"]));
    assert!(world.member_ids(&team).is_empty(), "nothing was added");
    let refused = world.members(&team, vec![MemberOp::Add(refs([&team[..]]))]);
    assert!(matches!(refused, Err(Error::SelfMember)));

    let (tenant, resource_type, id) = (world.tenant, Arc::clone(&world.group), team.clone());
    let ops = vec![MemberOp::Add(refs([&ids[0][..], "nobody", &team]))];
    let changed = world
        .write(move |w| {
            let stored = w.find(tenant, &resource_type, &id)?.unwrap();
            w.members_apply(tenant, &resource_type, &stored, &ops, BASE, true)
        })
        .unwrap();
    assert_eq!((changed.added, changed.unknown), (ids, vec!["nobody".to_owned(), team]));
}

#[test]
fn groups_of_a_user_through_groups_in_groups_and_circles() {
    let world = World::new();
    let (ids, names) = (users(&world, 1), ["a", "b", "c", "d"]);
    let groups = names.map(|name| group(&world, name));
    world.members(&groups[0], vec![MemberOp::Add(refs([&ids[0]].map(String::as_str)))]).unwrap();
    for (outer, inner) in [(1, 0), (2, 1), (0, 2)] {
        world.members(&groups[outer], vec![MemberOp::Add(refs([&groups[inner][..]]))]).unwrap();
    }
    world.members(&groups[2], vec![MemberOp::Add(refs([&ids[0][..]]))]).unwrap();
    let view = world.view(&world.user, &ids[0]).unwrap();
    let shown: Vec<_> = view.groups.iter().map(|group| (group.display.as_deref().unwrap(), group.direct)).collect();
    assert_eq!(shown, [("a", true), ("b", false), ("c", true)]);

    assert_eq!(world.delete(&world.group, &groups[0]).groups, [&groups[1][..]]);
    let view = world.view(&world.user, &ids[0]).unwrap();
    assert_eq!(view.groups.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), [&groups[2][..]]);
    world.verify();
}

#[test]
fn a_user_who_goes_leaves_no_dangling_member() {
    let world = World::new();
    let (ids, a, b, c) = (users(&world, 2), group(&world, "a"), group(&world, "b"), group(&world, "c"));
    for team in [&a, &b] {
        world.members(team, vec![MemberOp::Add(refs(ids.clone()))]).unwrap();
    }
    let deleted = world.delete(&world.user, &ids[0]);
    assert_eq!(deleted.groups, [a.clone(), b.clone()]);
    for (team, version, count) in [(&a, 3, 1), (&b, 3, 1), (&c, 1, 0)] {
        let view = world.view(&world.group, team).unwrap();
        assert_eq!((view.version, view.member_count), (version, count));
    }
    assert_eq!(world.member_ids(&a), [ids[1].clone()]);
    world.verify();
}

#[test]
fn many_threads_change_one_group_at_once() {
    let world = World::new();
    let (ids, team) = (users(&world, 64), group(&world, "team"));
    let threads: Vec<_> = (0..16)
        .map(|number| {
            let (store, tenant, resource_type) = (world.store.clone(), world.tenant, Arc::clone(&world.group));
            let (team, mine) = (team.clone(), ids[number * 4..number * 4 + 4].to_vec());
            thread::spawn(move || {
                let mut dice = Dice::new(number as u64 + 1);
                let (mut present, mut versions) = (BTreeSet::new(), 0);
                for _ in 0..40 {
                    let id = dice.pick(&mine).clone();
                    let add = dice.one_in(2);
                    let ops =
                        vec![if add { MemberOp::Add(refs([&id[..]])) } else { MemberOp::Remove(refs([&id[..]])) }];
                    let (resource_type, team) = (Arc::clone(&resource_type), team.clone());
                    let changed = super::support::write(&store, move |w| {
                        let stored = w.find(tenant, &resource_type, &team)?.unwrap();
                        let changed = w.members_apply(tenant, &resource_type, &stored, &ops, BASE, false)?;
                        if !changed.is_empty() {
                            w.touch(tenant, &stored, 1)?;
                        }
                        Ok(changed)
                    })
                    .unwrap();
                    let expected = if add { present.insert(id.clone()) } else { present.remove(&id) };
                    assert_eq!(!changed.is_empty(), expected, "nobody else changes these four");
                    versions += i64::from(expected);
                }
                (present, versions)
            })
        })
        .collect();
    let (mut expected, mut version) = (BTreeSet::new(), 1);
    for thread in threads {
        let (present, versions) = thread.join().unwrap();
        expected.extend(present);
        version += versions;
    }
    assert_eq!(world.member_ids(&team).into_iter().collect::<BTreeSet<_>>(), expected);
    let view = world.view(&world.group, &team).unwrap();
    assert_eq!((view.member_count, view.version), (expected.len() as u64, version));
    assert!(world.store.stats().largest_batch > 1, "writers shared commits");
    world.verify();
}

/// All of a wave, of which there are two, are on their way before the first is answered. PostgreSQL, where each costs some
/// ways there and back, has fewer.
#[test]
fn ten_thousand_changes_of_one_member_at_once_are_all_kept() {
    const PEOPLE: usize = if super::POSTGRES { 200 } else { 5_000 };
    let folder = Folder::new();
    let store = folder.open_with(Options { queue_max: 2 * PEOPLE, ..Options::default() });
    let types = Definitions::default().resource_types().unwrap();
    let tenant =
        write(&store, |w| w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1)).unwrap().id;
    let (user, kind) = (Arc::clone(&types[0]), Arc::clone(&types[1]));
    let made = write(&store, move |w| {
        let mut insert =
            |rt: &Arc<ResourceType>, body| Ok(w.insert(tenant, rt, None, &resource(rt, body), 1, POLICY)?.id);
        let people: Result<Vec<_>, Error> =
            (0..PEOPLE).map(|n| insert(&user, json!({"userName": format!("u{n}")}))).collect();
        let team = insert(&kind, json!({"displayName": "team"}))?;
        Ok((people?, team))
    });
    let (people, team) = made.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wave = |joins: fn(usize) -> bool| {
        runtime.block_on(async {
            let one = |(number, id): (usize, &String)| {
                let (store, kind, team, who) = (store.clone(), Arc::clone(&types[1]), team.clone(), refs([id.clone()]));
                tokio::spawn(async move {
                    let work = move |w: &mut Writer| {
                        let stored = w.find(tenant, &kind, &team)?.unwrap();
                        let op = if joins(number) { MemberOp::Add(who) } else { MemberOp::Remove(who) };
                        let moved = w.members_apply(tenant, &kind, &stored, &[op], BASE, false)?;
                        w.touch(tenant, &stored, 1)?;
                        Ok::<_, Error>(moved.added.len() + moved.removed.len())
                    };
                    store.write_in(tenant, work).await
                })
            };
            let all: Vec<_> = people.iter().enumerate().map(one).collect();
            for change in all {
                assert_eq!(change.await.unwrap().unwrap(), 1);
            }
        });
    };
    let even: fn(usize) -> bool = |number| number % 2 == 0;
    // Half of them are there before.
    let half: Vec<String> = people.iter().skip(1).step_by(2).cloned().collect();
    let (kind, id) = (Arc::clone(&types[1]), team.clone());
    write(&store, move |w| {
        let stored = w.find(tenant, &kind, &id)?.unwrap();
        w.members_apply(tenant, &kind, &stored, &[MemberOp::Add(refs(half))], BASE, false).map(|_| ())
    })
    .unwrap();
    wave(even);
    wave(|number| number % 2 != 0);
    let (kind, id) = (Arc::clone(&types[1]), team.clone());
    let (version, count, odd, problems) = store
        .read_blocking(move |r| {
            let view = r.view(tenant, &kind, &id, false)?.unwrap();
            let mut members = BTreeSet::new();
            r.members(tenant, view.rid, |member| {
                members.insert(member.id);
                Ok(())
            })?;
            let problems = r.verify(tenant, &types, POLICY.manager_match)?;
            Ok::<_, Error>((view.version, view.member_count, members, problems))
        })
        .unwrap();
    let expected: BTreeSet<String> = people.into_iter().skip(1).step_by(2).collect();
    assert_eq!((version, count, problems), (1 + 2 * PEOPLE as i64, expected.len() as u64, Vec::new()));
    assert!(odd == expected, "somebody is missing or left over");
}
