//! What the outbound engine remembers: links that are due, claims with a fence, people that are still to be looked at.

use super::support::World;
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use serde_json::{Map, json};
use store::{
    AppGrant, AppId, AppRow, AssignmentRow, Cause, Destruction, Error, Exchange, Found, Headcount, LinkKind, LinkQuery,
    NewApp, Precheck, Principal, PushGroupRow, Reach, Run, RunItem, RunState, Settled, Standing, TaskNote, TenantId,
    Work,
};

const NOW: i64 = 1_000_000;

fn app(world: &World) -> AppRow {
    let new =
        NewApp { tenant: world.tenant, name: "desk".into(), settings: json!({"label": "Desk"}), options: json!({}) };
    world.write(move |w| w.app_insert(&new, NOW)).unwrap()
}

fn person(world: &World, name: &str) -> String {
    world.insert(&world.user.clone(), json!({"userName": name})).id
}

fn group(world: &World, name: &str, members: &[&String]) -> String {
    let group = world.insert(&world.group.clone(), json!({"displayName": name}));
    let members: Vec<MemberRef> = members.iter().map(|id| MemberRef { value: (*id).clone() }).collect();
    let (tenant, kind, stored) = (world.tenant, world.group.clone(), group.clone());
    world.write(move |w| w.members_apply(tenant, &kind, &stored, &[MemberOp::Add(members)], "x", false)).unwrap();
    group.id
}

fn nudge(world: &World, app: &AppRow, resource: &str, lane: i64, at: i64) {
    let (tenant, app, resource) = (world.tenant, app.id, resource.to_owned());
    world.write(move |w| w.link_nudge(tenant, app, LinkKind::User, &resource, lane, at)).unwrap();
}

fn claim(world: &World, app: &AppRow, by: &str, now: i64, limit: u32) -> Vec<store::Claimed> {
    let (app, by) = (app.id, by.to_owned());
    world.write(move |w| w.links_claim(app, (&by, now + 100), now, limit, false)).unwrap()
}

fn settled(claimed: &store::Claimed) -> Settled {
    Settled {
        id: claimed.row.id,
        fence: claimed.row.fence,
        state: json!({"externalId": "x"}).to_string(),
        remote_id: Some(format!("r{}", claimed.row.id)),
        standing: Standing::Linked,
        active: true,
        applied_rev: claimed.row.desired_rev,
        evaluated_rev: 1,
        ..Settled::default()
    }
}

fn work(app: AppId, tenant: TenantId) -> Work {
    Work { apps: vec![(app, tenant)], next_at: None }
}

fn settle(world: &World, settled: Settled, now: i64) -> bool {
    world.write(move |w| w.links_settle(&[&settled], now)).unwrap() == [true]
}

#[test]
fn an_app_is_kept_and_changed_by_one_at_a_time() {
    let world = World::new();
    let made = app(&world);
    let again = NewApp { tenant: world.tenant, name: "desk".into(), ..NewApp::default() };
    assert!(matches!(world.write(move |w| w.app_insert(&again, NOW)), Err(Error::Conflict { .. })));
    let (first, second) = (AppRow { reconcile_at: Some(9), ..made.clone() }, made.clone());
    let changed = world.write(move |w| w.app_update(&first, Reach::Everybody, NOW)).unwrap();
    assert_eq!((changed.generation, changed.revision, changed.reconcile_at), (2, 2, Some(9)));
    assert!(matches!(world.write(move |w| w.app_update(&second, Reach::Nobody, NOW)), Err(Error::Stale)));
    let (id, tenant) = (made.id, world.tenant);
    world.write(move |w| w.app_set_credential(id, Some((b"sealed", Some("9f3c"))), NOW)).unwrap();
    assert_eq!(world.read(move |r| r.app_credential(id)), Some(b"sealed".to_vec()));
    let known = world.read(move |r| r.app(id)).unwrap();
    assert_eq!(
        (known.has_credential, known.credential_at, known.credential_ends.as_deref()),
        (true, Some(NOW), Some("9f3c"))
    );
    // A change that waits goes on waiting, until everybody is looked at or the next scan begins.
    let later = world.write(move |w| w.app_update(&known, Reach::Later, NOW + 5)).unwrap();
    let still = world
        .write({
            let later = later.clone();
            move |w| w.app_update(&later, Reach::Nobody, NOW + 6)
        })
        .unwrap();
    assert_eq!((later.revision, still.revision, still.pending_at), (2, 2, Some(NOW + 5)));
    let scan =
        Run { tenant, app: id, kind: "reconcile".into(), mode: "full".into(), position: json!({}), ..Run::default() };
    world.write(move |w| w.run_insert(&scan)).unwrap();
    let applied = world.read(move |r| r.app(id)).unwrap();
    assert_eq!((applied.revision, applied.pending_at), (3, None));
    assert_eq!(world.read(move |r| r.apps_scheduled(9)).len(), 1);
    assert_eq!(world.read(move |r| r.apps_scheduled(8)).len(), 0);
    nudge(&world, &made, "u", 2, NOW);
    nudge(&world, &made, "v", 2, NOW);
    assert!(world.write(move |w| w.app_delete(id, NOW)).unwrap());
    assert!(!world.write(move |w| w.app_delete(id, NOW)).unwrap(), "it is being deleted");
    assert!(
        world.read(move |r| r.app_named(tenant, "desk")).is_none() && world.read(move |r| r.apps(tenant)).is_empty()
    );
    assert_eq!(world.read(move |r| r.app_credential(id)), None);
    assert_eq!(world.read(move |r| r.links_work(NOW)), Work::default());
    assert_eq!(world.read(move |r| r.apps_deleted(tenant)), [("desk".to_owned(), NOW, 2)]);
    assert_eq!(world.read(|r| r.apps_deleting()), [(id, tenant)]);
    // Its name is free again, and another one of that name keeps what it has.
    let other = app(&world);
    nudge(&world, &other, "w", 2, NOW);
    let mut turns = 1;
    while !world.write(move |w| w.app_delete_turn(id, 1)).unwrap() {
        turns += 1;
    }
    assert_eq!(turns, 4, "a link each, the scan, and the rest");
    assert!(world.read(move |r| r.links_of_resource(tenant, "u")).is_empty());
    assert_eq!(world.read(move |r| r.apps_deleted(tenant)), []);
    assert_eq!(world.read(move |r| r.links_of_resource(tenant, "w")).len(), 1);
    let types = [world.user.clone(), world.group.clone()];
    assert_eq!(world.read(move |r| r.verify(tenant, &types, &[])), Vec::<String>::new());
}

#[test]
fn what_was_granted_is_renewed_by_one_and_the_newest_stays() {
    let world = World::new();
    let id = app(&world).id;
    let kept = || {
        let kept: Option<store::Granted> = world.read(move |r| r.app_granted(id));
        kept.map(|kept| (String::from_utf8(kept.sealed).unwrap(), kept.of, kept.is_lost))
    };
    let agree =
        |sealed: &'static [u8]| world.write(move |w| w.app_set_granted(id, Some((sealed, "ana")), NOW)).unwrap();
    let take = |of, now| world.write(move |w| w.app_take_granted(id, of, now, now + 30)).unwrap();
    let renew = |number, sealed: &'static [u8]| world.write(move |w| w.app_renew_granted(id, number, sealed)).unwrap();
    let lose = |of, number| world.write(move |w| w.app_lose_granted(id, (of, number), NOW + 9)).unwrap();
    assert_eq!((kept(), take(0, NOW), renew(1, b"x")), (None, None, false), "there is nothing");
    agree(b"r1");
    let known = world.read(move |r| r.app(id)).unwrap();
    assert_eq!(known.grant, Some(AppGrant { at: NOW, by: "ana".into(), lost_at: None }));
    assert_eq!(known.generation, 2);
    let (_, of, _) = kept().unwrap();
    // One at a time; whoever comes to nothing lets the next one.
    let first = take(of, NOW).unwrap();
    assert_eq!(take(of, NOW + 29), None);
    world.write(move |w| w.app_release_granted(id, first)).unwrap();
    let second = take(of, NOW).unwrap();
    assert!(renew(second, b"r2"));
    assert_eq!(kept(), Some(("r2".into(), second, false)));
    assert_eq!(take(of, NOW), None, "it is another thing by now");
    // Two at once, because one slept: the later one's is the newest, whoever is kept first.
    for (early_first, number) in [(true, 3), (false, 4)] {
        let (_, of, _) = kept().unwrap();
        let early = take(of, NOW).unwrap();
        let late = take(of, NOW + 30).unwrap();
        world.write(move |w| w.app_release_granted(id, early)).unwrap();
        assert_eq!(take(of, NOW + 31), None, "{number}: whose time is over gives back nothing of another's");
        assert!(!lose(of, early), "what the early one was told is not about what the late one is getting");
        if early_first {
            assert!(renew(early, b"early"));
            assert!(!lose(of, late), "the late one was refused because of the early one, which is kept");
            assert!(renew(late, b"late"));
        } else {
            assert!(renew(late, b"late"));
            assert!(!renew(early, b"early"));
        }
        assert_eq!(kept(), Some(("late".into(), late, false)));
    }
    // It is taken back, and something comes after all.
    let (_, of, _) = kept().unwrap();
    let number = take(of, NOW).unwrap();
    assert!(lose(of, number));
    assert_eq!(world.read(move |r| r.app(id)).unwrap().grant.unwrap().lost_at, Some(NOW + 9));
    assert_eq!((kept(), take(of, NOW)), (Some(("late".into(), of, true)), None));
    assert!(renew(number, b"after all"));
    assert_eq!(kept(), Some(("after all".into(), number, false)));
    // Who agrees anew, or takes it away, ends what is under way.
    let number = take(number, NOW).unwrap();
    agree(b"anew");
    assert!(!renew(number, b"old") && !lose(number, number));
    let (sealed, of, _) = kept().unwrap();
    assert_eq!(sealed, "anew");
    let number = take(of, NOW).unwrap();
    world.write(move |w| w.app_set_granted(id, None, NOW)).unwrap();
    assert!(!renew(number, b"old"));
    assert_eq!((kept(), world.read(move |r| r.app(id)).unwrap().grant), (None, None));
    // Of two who come back at once one gets on; a second beginning ends the first.
    let begin = |sealed: &'static [u8]| world.write(move |w| w.app_set_granting(id, sealed)).unwrap();
    let swap = |known: &'static [u8], sealed: Option<&'static [u8]>| {
        world.write(move |w| w.app_swap_granting(id, known, sealed)).unwrap()
    };
    begin(b"g1");
    assert_eq!([swap(b"g1", Some(b"g2")), swap(b"g1", Some(b"g3"))], [true, false]);
    begin(b"g4");
    assert_eq!([swap(b"g2", None), swap(b"g4", None), swap(b"g4", None)], [false, true, false]);
    begin(b"g5");
    agree(b"r9");
    assert_eq!(world.read(move |r| r.app_granting(id)), None);
    begin(b"g6");
    assert!(world.write(move |w| w.app_delete(id, NOW)).unwrap());
    assert_eq!((kept(), world.read(move |r| r.app_granting(id))), (None, None));
}

#[test]
fn leavers_are_claimed_before_updates_and_nobody_twice() {
    let world = World::new();
    let app = app(&world);
    for number in 0..20 {
        nudge(&world, &app, &format!("u{number}"), 2, NOW + number);
    }
    nudge(&world, &app, "new", 1, NOW + 50);
    nudge(&world, &app, "leaver", 0, NOW + 60);
    nudge(&world, &app, "later", 0, NOW + 1_000);
    let (id, tenant) = (app.id, world.tenant);
    assert_eq!(world.read(move |r| r.links_work(NOW + 100)), work(id, tenant));
    assert_eq!(world.read(move |r| r.links_due(id, NOW + 100, 100)), [1, 1, 20, 0]);
    let first = claim(&world, &app, "a", NOW + 100, 3);
    let names: Vec<&str> = first.iter().map(|claimed| claimed.row.resource.as_str()).collect();
    assert_eq!(names, ["leaver", "new", "u0"]);
    let second = claim(&world, &app, "b", NOW + 100, 100);
    assert_eq!(second.len(), 19);
    assert!(claim(&world, &app, "c", NOW + 100, 100).is_empty());
    // A claim that was not kept is somebody else's in the end, and the first one stores nothing any more.
    let stolen = claim(&world, &app, "c", NOW + 300, 1);
    assert_eq!(stolen[0].row.resource, "leaver");
    assert!(!settle(&world, settled(&first[0]), NOW + 300));
    assert!(settle(&world, settled(&stolen[0]), NOW + 300));
    world.write(|w| w.links_release("b")).unwrap();
    assert_eq!(claim(&world, &app, "d", NOW + 150, 100).len(), 19);
}

#[test]
fn what_changes_while_it_is_worked_on_is_due_again() {
    let world = World::new();
    let app = app(&world);
    nudge(&world, &app, "u", 2, NOW);
    let claimed = claim(&world, &app, "a", NOW, 1).remove(0);
    nudge(&world, &app, "u", 0, NOW + 5);
    let kept = Settled { keep_until: Some(NOW + 200), begun: Some("create".into()), ..settled(&claimed) };
    assert!(settle(&world, kept, NOW + 6));
    let id = claimed.row.id;
    let row = world.read(move |r| r.link(id)).unwrap();
    assert_eq!((row.begun.as_deref(), row.lane), (Some("create"), 0));
    assert!(claim(&world, &app, "b", NOW + 7, 1).is_empty());
    assert!(settle(&world, settled(&claimed), NOW + 8));
    let again = claim(&world, &app, "b", NOW + 9, 1).remove(0);
    assert_eq!(again.state, Some(json!({"externalId": "x"}).to_string()));
    assert_eq!(again.row.remote_id.as_deref(), Some(format!("r{id}").as_str()));
    assert!(settle(&world, settled(&again), NOW + 10));
    assert!(claim(&world, &app, "b", NOW + 11, 1).is_empty());
    let app_id = app.id;
    assert_eq!(world.read(move |r| r.links_work(NOW + 11)), Work::default());
    assert_eq!(world.read(move |r| r.population(app_id)), 1);
}

#[test]
fn accounts_in_use_are_counted_as_they_come_and_go() {
    let world = World::new();
    let app = app(&world);
    let (id, tenant) = (app.id, world.tenant);
    let whole = |count: u64| {
        assert_eq!(world.read(move |r| r.population(id)), count);
        let types = [world.user.clone(), world.group.clone()];
        assert_eq!(world.read(move |r| r.verify(tenant, &types, &[])), Vec::<String>::new());
    };
    for name in ["a", "b", "c"] {
        nudge(&world, &app, name, 1, NOW);
    }
    world.write(move |w| w.link_nudge(tenant, id, LinkKind::Group, "g", 1, NOW)).unwrap();
    let claimed = claim(&world, &app, "x", NOW, 10);
    whole(0);
    for one in &claimed {
        // The intent, and the rest behind it.
        assert!(settle(&world, Settled { keep_until: Some(NOW + 50), ..settled(one) }, NOW));
        assert!(settle(&world, settled(one), NOW));
    }
    whole(3);
    // One leaves, one is deleted there, one belongs to nobody, and a claim that is lost counts nothing.
    for name in ["a", "b"] {
        nudge(&world, &app, name, 0, NOW + 1);
    }
    let leaving = claim(&world, &app, "x", NOW + 1, 10);
    assert!(settle(&world, Settled { active: false, ..settled(&leaving[0]) }, NOW + 1));
    let gone = Settled { active: false, remote_id: None, standing: Standing::Gone, ..settled(&leaving[1]) };
    assert!(settle(&world, gone.clone(), NOW + 1));
    assert!(!settle(&world, Settled { fence: 0, active: true, ..gone }, NOW + 1));
    whole(1);
    // In one transaction, with a part that is undone.
    let again = leaving[0].row.id;
    let undone = world.write(move |w| {
        let back = Found { id: again, active: true, remote_id: Some("z".into()), ..Found::default() };
        assert!(w.link_found(&back, NOW + 2)?);
        assert_eq!(w.population(id)?, 2);
        let _ = w.nested(|w| {
            assert!(w.link_found(&Found { active: false, ..back.clone() }, NOW + 2)?);
            assert_eq!(w.population(id)?, 1);
            Err::<(), Error>(Error::Stale)
        });
        w.population(id)
    });
    assert_eq!(undone.unwrap(), 2);
    whole(2);
    // The account of nobody goes over to whoever comes: one account, counted once.
    let nobodys =
        world.write(move |w| w.link_of_orphan((tenant, id, LinkKind::User), "o", 0, NOW + 3)).unwrap().unwrap();
    let found = Found { id: nobodys.id, active: true, remote_id: Some("o".into()), ..Found::default() };
    assert!(world.write(move |w| w.link_found(&found, NOW + 3)).unwrap());
    whole(3);
    nudge(&world, &app, "d", 1, NOW + 4);
    let late = claim(&world, &app, "x", NOW + 4, 10);
    let newcomer = late.iter().find(|one| one.row.resource == "d").unwrap();
    world.write(|w| w.links_release("x")).unwrap();
    assert!(settle(&world, Settled { remote_id: Some("o".into()), ..settled(newcomer) }, NOW + 4));
    whole(3);
    assert!(world.write(move |w| w.app_delete(id, NOW)).unwrap());
    while !world.write(move |w| w.app_delete_turn(id, 2)).unwrap() {}
    whole(0);
}

#[test]
fn a_changed_mapping_is_found_lazily_behind_everything_else() {
    let world = World::new();
    let app = app(&world);
    for name in ["a", "b", "c"] {
        nudge(&world, &app, name, 2, NOW);
    }
    for claimed in claim(&world, &app, "x", NOW, 10) {
        assert!(settle(&world, settled(&claimed), NOW));
    }
    let id = app.id;
    assert_eq!(world.read(move |r| r.links_stale(id, 1, 100)), 0);
    world.write(move |w| w.app_bump(id)).unwrap();
    let tenant = world.tenant;
    assert_eq!(world.read(move |r| r.links_work(NOW)), work(id, tenant));
    nudge(&world, &app, "b", 2, NOW);
    let order: Vec<String> = claim(&world, &app, "x", NOW, 2).into_iter().map(|claimed| claimed.row.resource).collect();
    assert_eq!(order, ["b", "a"]);
}

#[test]
fn two_links_never_have_one_account() {
    let world = World::new();
    let app = app(&world);
    nudge(&world, &app, "a", 2, NOW);
    nudge(&world, &app, "b", 2, NOW);
    let claimed = claim(&world, &app, "x", NOW, 2);
    let same = |claimed: &store::Claimed| Settled { remote_id: Some("same".into()), ..settled(claimed) };
    assert!(settle(&world, same(&claimed[0]), NOW));
    assert!(!settle(&world, same(&claimed[1]), NOW));
    assert!(settle(&world, settled(&claimed[1]), NOW));
}

#[test]
fn a_group_is_filled_a_few_at_a_time_with_the_groups_within() {
    let world = World::new();
    let app = app(&world);
    let people: Vec<String> = (0..5).map(|number| person(&world, &format!("p{number}"))).collect();
    let inner = group(&world, "inner", &[&people[3], &people[4]]);
    let outer = group(&world, "outer", &[&people[0], &people[1], &people[2], &inner]);
    let (tenant, id) = (world.tenant, app.id);
    world.write(move |w| w.fill_insert(tenant, id, &outer, 3, true)).unwrap();
    for _ in 0..10 {
        for order in world.read(|r| r.fills(10)) {
            world.write(move |w| w.fill_turn(order.id, 2, NOW)).unwrap();
        }
    }
    assert!(world.read(|r| r.fills(10)).is_empty());
    assert_eq!(claim(&world, &app, "x", NOW, 100).len(), 5);
}

#[test]
fn who_was_in_a_deleted_group_leaves_before_anybody_else_is_looked_at() {
    let world = World::new();
    let app = app(&world);
    let people: Vec<String> = (0..5).map(|number| person(&world, &format!("p{number}"))).collect();
    let inner = group(&world, "inner", &[&people[3]]);
    let team = group(&world, "team", &[&people[0], &people[1], &people[2], &inner]);
    let outer = group(&world, "outer", &[&team]);
    let other = group(&world, "other", &[&people[4]]);
    // The group around it is assigned, it is not.
    let (tenant, id, assigned) = (world.tenant, app.id, [outer.clone(), other]);
    for resource in assigned {
        let new = AssignmentRow { principal: Principal::Group, resource, ..AssignmentRow::default() };
        world.write(move |w| w.assign(tenant, id, &new)).unwrap();
    }
    for person in &people {
        nudge(&world, &app, person, 2, NOW);
    }
    // An order of somebody else came first.
    world.write(move |w| w.fill_insert(tenant, id, &outer, 3, true)).unwrap();
    world.delete(&world.group.clone(), &team);
    let orders = world.read(|r| r.fills(2));
    assert_eq!(orders.iter().map(|order| order.lane).collect::<Vec<_>>(), [0, 0], "those who may leave first");
    for _ in 0..4 {
        for order in world.read(|r| r.fills(2)) {
            world.write(move |w| w.fill_turn(order.id, 2, NOW + 1)).unwrap();
        }
    }
    let lane = |person: &String| {
        let person = person.clone();
        world.read(move |r| r.link_of(id, LinkKind::User, &person)).unwrap().lane
    };
    assert_eq!(people.iter().map(lane).collect::<Vec<_>>(), [0, 0, 0, 0, 2]);
    assert!(world.read(|r| r.fills(10)).iter().all(|order| order.lane > 0), "they are done");
}

#[test]
fn who_waits_for_somebody_is_woken_with_their_groups() {
    let world = World::new();
    let app = app(&world);
    let (boss, adam) = (person(&world, "boss"), person(&world, "adam"));
    let team = group(&world, "team", &[&boss]);
    let (tenant, id, pushed) = (world.tenant, app.id, team.clone());
    world
        .write(move |w| {
            let new = PushGroupRow { resource: pushed, mode: "link".into(), active: true, ..PushGroupRow::default() };
            w.push_group_insert(tenant, id, &new, NOW)
        })
        .unwrap();
    nudge(&world, &app, &adam, 2, NOW);
    for claimed in claim(&world, &app, "x", NOW, 10) {
        assert!(settle(&world, Settled { waits: vec![boss.clone()], ..settled(&claimed) }, NOW));
    }
    let who = boss.clone();
    world.write(move |w| w.links_wake(tenant, id, &[&who], NOW, NOW + 50)).unwrap();
    let woken = claim(&world, &app, "x", NOW + 50, 10);
    let mut kinds: Vec<_> =
        woken.iter().map(|claimed| (claimed.row.kind.as_str(), claimed.row.resource.clone())).collect();
    kinds.sort();
    assert_eq!(kinds, [("group", team.clone()), ("user", adam)]);
    let wanted = world.read(move |r| r.push_wanted(tenant, id, &team));
    assert_eq!((wanted.len(), wanted[0].person.as_str(), wanted[0].remote_id.as_deref()), (1, boss.as_str(), None));
}

#[test]
fn tasks_group_what_somebody_has_to_look_at() {
    let world = World::new();
    let app = app(&world);
    for name in ["a", "b", "c"] {
        nudge(&world, &app, name, 2, NOW);
    }
    for claimed in claim(&world, &app, "x", NOW, 10) {
        let key = if claimed.row.resource == "c" { "conflict" } else { "rejected:400" };
        let cause = Some(Cause { key: key.into(), detail: json!({"status": 400}) });
        assert!(settle(
            &world,
            Settled { cause, standing: Standing::Parked, remote_id: None, ..settled(&claimed) },
            NOW
        ));
    }
    let id = app.id;
    let tasks = world.read(move |r| r.tasks(id));
    assert_eq!(
        tasks.iter().map(|task| (task.cause.as_str(), task.count)).collect::<Vec<_>>(),
        [("rejected:400", 2), ("conflict", 1)]
    );
    assert_eq!(tasks[0].detail, json!({"status": 400}));
    assert_eq!(world.write(move |w| w.links_retry(id, "rejected:400", NOW + 1)).unwrap(), 2);
    let query = LinkQuery { cause: Some("rejected:400".into()), limit: 10, ..LinkQuery::default() };
    assert_eq!(world.read(move |r| r.links(id, &query)).len(), 2);
    let retried = claim(&world, &app, "x", NOW + 1, 10);
    assert!(retried.len() == 2 && retried.iter().all(|claimed| claimed.row.retry == 1));
    for claimed in &retried {
        assert!(settle(&world, settled(claimed), NOW + 2));
    }
    assert_eq!(world.read(move |r| r.tasks_count(id, 100)), 1);
    // Somebody leaves it as it is: it counts no longer, and the note goes with the cause.
    let (tenant, cause) = (world.tenant, world.read(move |r| r.tasks(id))[0].cause.clone());
    let note = TaskNote { note: "known".into(), created_at: NOW, created_by: "ana".into() };
    let leave = |cause: &str| {
        let (cause, note) = (cause.to_owned(), note.clone());
        world.write(move |w| w.task_ignore(tenant, id, &cause, &note)).unwrap()
    };
    assert_eq!((leave("no such cause"), leave(&cause), leave(&cause)), (false, true, true));
    let left = (world.read(move |r| r.tasks(id))[0].note.clone(), world.read(move |r| r.tasks_count(id, 100)));
    assert_eq!(left, (Some(note.clone()), 0));
    assert_eq!(world.write(move |w| w.task_notes_prune(tenant)).unwrap(), 0);
    let again = cause.clone();
    assert!(world.write(move |w| w.task_recall(tenant, id, &again)).unwrap());
    assert_eq!(world.read(move |r| r.tasks_count(id, 100)), 1);
    leave(&cause);
    world.write(move |w| w.links_retry(id, &cause, NOW + 3)).unwrap();
    for claimed in &claim(&world, &app, "x", NOW + 3, 10) {
        assert!(settle(&world, settled(claimed), NOW + 4));
    }
    assert_eq!(world.write(move |w| w.task_notes_prune(tenant)).unwrap(), 1);
}

#[test]
fn assignments_evidence_and_runs_are_kept() {
    let world = World::new();
    let app = app(&world);
    let (tenant, id) = (world.tenant, app.id);
    let adam = person(&world, "adam");
    let new = AssignmentRow {
        principal: Principal::User,
        resource: adam.clone(),
        profile: Map::from_iter([("title".to_owned(), json!("Boss"))]),
        ..AssignmentRow::default()
    };
    world.write(move |w| w.assign(tenant, id, &new)).unwrap();
    let who = adam.clone();
    let about = world.read(move |r| r.assignments_about(id, &who, &["g".into()]));
    assert_eq!((about.len(), about[0].profile["title"].as_str()), (1, Some("Boss")));
    let sent = Exchange { tenant, app: id, link: Some(1), at: NOW, action: "create".into(), ..Exchange::default() };
    world.write(move |w| w.exchanges_insert([&sent].into_iter())).unwrap();
    assert_eq!(world.read(move |r| r.exchanges(id, Some(1), None, 10)).len(), 1);
    assert!(!world.write(|w| w.exchanges_prune(NOW + 1, 10)).unwrap());
    assert!(world.read(move |r| r.exchanges(id, None, None, 10)).is_empty());
    for (link, count, at) in [(1, 1, NOW), (1, 1, NOW + 5), (2, 1, NOW + 4), (3, 7, NOW + 9)] {
        let done = Destruction { link, count, at };
        world.write(move |w| w.destroyed(tenant, id, "deactivations", done, Some(NOW - 1))).unwrap();
    }
    let done = |since| world.read(move |r| r.destroyed_since(id, "deactivations", since));
    assert_eq!([NOW - 1, NOW, NOW + 4, NOW + 9].map(done), [9, 8, 7, 0], "what is tried again is done once");
    assert_eq!(world.read(|r| r.destroyed_of(3, "deactivations", NOW)), 7);
    assert!(!world.write(|w| w.exchanges_prune(NOW + 1, 10)).unwrap());
    assert_eq!([NOW - 1, NOW].map(done), [8, 8], "what is old was taken away");
    let run = Run { tenant, app: id, kind: "import".into(), mode: "full".into(), created_at: NOW, ..Run::default() };
    let asked = run.clone();
    let number = world.write(move |w| w.run_insert(&asked)).unwrap();
    assert_eq!(world.write(move |w| w.run_insert(&run)).unwrap(), number);
    let mut run = world.write(|w| w.run_claim("x", NOW, NOW + 100)).unwrap().unwrap();
    assert!(world.write(|w| w.run_claim("y", NOW, NOW + 100)).unwrap().is_none());
    assert!(world.read(|r| r.run_waits("x", NOW)) && !world.read(|r| r.run_waits("y", NOW)));
    world.write(move |w| w.run_rest(number, NOW + 50)).unwrap();
    assert!(world.write(|w| w.run_claim("x", NOW + 50, NOW + 100)).unwrap().is_none(), "it rests");
    assert!(world.write(|w| w.run_claim("x", NOW + 51, NOW + 100)).unwrap().is_some());
    let found = RunItem { remote_id: "r".into(), verdict: "new".into(), ..RunItem::default() };
    world.write(move |w| w.run_item_put(tenant, number, &found)).unwrap();
    let item = world.read(move |r| r.run_items(number, Some("new"), 0, 10)).remove(0);
    assert!(world.write(move |w| w.run_item_decide(number, item.id, Some("adam"), "confirmed")).unwrap());
    (run.state, run.finished_at) = (RunState::Done, Some(NOW));
    assert!(world.write(move |w| w.run_update(&run, Some("x"))).unwrap());
    assert!(!world.read(|r| r.run_waits("x", NOW + 200)));
    assert!(world.write(move |w| w.unassign(id, Principal::User, &adam)).unwrap());
    assert!(world.write(move |w| w.tenant_delete(tenant)).unwrap());
}

#[test]
fn a_plan_moves_from_one_state_to_the_next_and_never_twice() {
    let world = World::new();
    let tenant = world.tenant;
    let new = store::PlanRow {
        tenant,
        title: "titles".into(),
        steps: json!([{"do": "create", "app": "a"}]),
        step_count: 1,
        base: json!({"a": null}),
        effect: json!({}),
        created_at: 5,
        created_by: "somebody".into(),
        ..store::PlanRow::default()
    };
    let kept = new.clone();
    let id = world.write(move |w| w.plan_insert(&kept)).unwrap();
    let shown = world.read(move |r| r.plan(tenant, id)).unwrap();
    assert_eq!(shown, store::PlanRow { id, ..new });
    let step = |from, to, at| world.write(move |w| w.plan_move(tenant, id, (from, to), at, "boss")).unwrap();
    use store::PlanState::{Applied, Approved, Waiting};
    assert!(!step(Approved, Applied, 6));
    assert!(step(Waiting, Approved, 7) && !step(Waiting, Approved, 8));
    assert!(step(Approved, Applied, 9) && !step(Approved, Applied, 10));
    let shown = world.read(move |r| r.plans(tenant, None, 9));
    assert_eq!((&shown[0].steps, shown[0].step_count), (&json!([]), 1), "a list says how many, not which");
    assert_eq!((&shown[0].decided, &shown[0].applied), (&Some((7, "boss".into())), &Some((9, "boss".into()))));
}

#[test]
fn a_pushed_group_knows_how_many_are_there_without_counting() {
    let world = World::new();
    let app = app(&world);
    let (id, tenant) = (app.id, world.tenant);
    let people: Vec<String> = ["a", "b", "c", "d"].iter().map(|name| person(&world, name)).collect();
    let inner = group(&world, "Inner", &[&people[3]]);
    let team = group(&world, "Team", &[&people[0], &people[1], &people[2], &inner]);
    for one in &people[..2] {
        nudge(&world, &app, one, 1, NOW);
    }
    let links = claim(&world, &app, "x", NOW, 1);
    assert!(settle(&world, settled(&links[0]), NOW));
    let of = team.clone();
    let before = world.read(move |r| r.push_precheck(tenant, id, &of, 10));
    let expected =
        Precheck { members: 4, looked_at: 4, there: 1, on_the_way: 1, not_assigned: 1, out_of_use: 0, groups: 1 };
    assert_eq!(before, expected);
    // Somebody who is assigned and deactivated: assigning them again would change nothing.
    let row = AssignmentRow { principal: Principal::User, resource: people[2].clone(), ..AssignmentRow::default() };
    world.write(move |w| w.assign(tenant, id, &row)).unwrap();
    nudge(&world, &app, &people[2], 0, NOW);
    let out = claim(&world, &app, "y", NOW, 1).pop().unwrap();
    assert!(settle(&world, Settled { active: false, ..settled(&out) }, NOW));
    let of = team.clone();
    let before = world.read(move |r| r.push_precheck(tenant, id, &of, 10));
    assert_eq!(before, Precheck { not_assigned: 0, out_of_use: 1, ..expected });
    let of = team.clone();
    assert_eq!(world.read(move |r| r.push_precheck(tenant, id, &of, 2)).looked_at, 2);
    let of = team.clone();
    let wanted = world.read(move |r| r.push_wanted(tenant, id, &of));
    assert_eq!((wanted.len(), wanted.iter().filter(|one| one.remote_id.is_some()).count()), (4, 1));

    let new = PushGroupRow { resource: team, mode: "link".into(), active: true, ..PushGroupRow::default() };
    world.write(move |w| w.push_group_insert(tenant, id, &new, NOW)).unwrap();
    let shown = || world.read(move |r| r.push_groups(id))[0].headcount;
    let headcount = |there, people, left_out| Headcount { there, people, left_out };
    assert_eq!(shown(), headcount(0, 4, 0), "the group's size, until it is decided about");
    world.write(|w| w.links_release("x")).unwrap();
    let claimed = claim(&world, &app, "x", NOW, 10);
    let link = claimed.iter().find(|one| one.row.kind == LinkKind::Group).unwrap();
    let counted = Settled { headcount: Some(headcount(1, 4, 3)), keep_until: Some(NOW + 9), ..settled(link) };
    assert!(settle(&world, counted, NOW));
    assert!(settle(&world, settled(link), NOW));
    assert_eq!(shown(), headcount(1, 4, 3));
}

#[test]
fn who_was_put_out_by_an_import_is_noted_until_somebody_else_decides() {
    let world = World::new();
    let app = app(&world);
    let (id, tenant) = (app.id, world.tenant);
    let adam = person(&world, "adam");
    nudge(&world, &app, &adam, 1, NOW);
    let (who, ended) = (adam.clone(), || {
        let who = adam.clone();
        world.read(move |r| r.link_of(id, LinkKind::User, &who)).unwrap().ended_by_import
    });
    world.write(move |w| w.link_ended(id, &who, Some("suspended"))).unwrap();
    assert_eq!(ended().as_deref(), Some("suspended"));
    let elsewhere = |by| {
        let who = adam.clone();
        world.write(move |w| w.links_ended_elsewhere(tenant, &who, by)).unwrap();
    };
    elsewhere(Some(id));
    assert_eq!(ended().as_deref(), Some("suspended"), "its own change is no other's");
    elsewhere(None);
    assert_eq!(ended(), None);

    // What is seen of an account is stored unless somebody works on it; whoever is deleted and out of it yields it.
    let claimed = claim(&world, &app, "x", NOW, 1).pop().unwrap();
    let link = claimed.row.id;
    let seen = |state: &'static str, at| world.write(move |w| w.link_shown(link, state, at)).unwrap();
    assert!(settle(&world, Settled { active: false, remote_id: Some("r".into()), ..settled(&claimed) }, NOW));
    assert!(seen("{\"seen\":1}", NOW + 1));
    let who = adam.clone();
    let states = world.read(move |r| r.link_states(id, &[&who, "nobody"]));
    assert_eq!(states, [(adam.clone(), "{\"seen\":1}".to_owned())]);
    nudge(&world, &app, &adam, 1, NOW + 1);
    assert_eq!(claim(&world, &app, "x", NOW + 1, 1).len(), 1);
    assert!(!seen("{\"seen\":2}", NOW + 2));
    world.write(|w| w.links_release("x")).unwrap();
    let again = person(&world, "again");
    nudge(&world, &app, &again, 0, NOW + 3);
    let newcomer = claim(&world, &app, "y", NOW + 3, 1).pop().unwrap();
    let taking = || Settled { remote_id: Some("r".into()), ..settled(&newcomer) };
    assert!(!settle(&world, taking(), NOW + 3), "the person is there yet");
    world.delete(&world.user, &adam);
    assert!(settle(&world, taking(), NOW + 3));
    let names = world.read(move |r| r.app_names(tenant));
    assert_eq!(names, [(id, "desk".to_owned())]);
    assert_eq!(world.read(move |r| r.app_generation(id)), Some((1, 1, 1)));
    assert!(world.read(move |r| r.last_sent(&[link])).is_empty());
}
