//! The provisioning log: its order, its searches, its two places, its limits.

use super::POSTGRES;
use super::support::World;
use serde_json::json;
use store::{Change, ChangeKind, LogBlock, LogEntry, LogLimits, LogQuery, SLOT, TenantId};

fn entry(world: &World, at: i64) -> LogEntry {
    LogEntry {
        tenant: world.tenant,
        seq: world.store.next_log_seq(),
        at,
        method: "GET".into(),
        path: "/Users".into(),
        status: 200,
        actor: "token".into(),
        request_id: format!("r{at}"),
        ..LogEntry::default()
    }
}

#[test]
fn the_log_keeps_its_order_and_is_searched() {
    let world = World::new();
    let mut entries: Vec<LogEntry> = (0..10).map(|at| entry(&world, at)).collect();
    entries[3] =
        LogEntry { status: 409, method: "POST".into(), body: Some("{\"x\":\"Needle\"}".into()), ..entries[3].clone() };
    entries[5].resource_id = Some("u1".into());
    entries[6].remote = Some("192.0.2.7".into());
    // The second half is written first.
    let (first, second) = (entries[..5].to_vec(), entries[5..].to_vec());
    // With several nodes numbers are given when entries are written.
    let (earlier, later) = if POSTGRES { (first, second) } else { (second, first) };
    world.log(earlier);
    world.log(later);
    let tenant = world.tenant;
    if POSTGRES {
        let written = world.read(move |r| r.log(tenant, &LogQuery { limit: 100, ..LogQuery::default() }));
        entries.iter_mut().zip(written.iter().rev()).for_each(|(entry, written)| entry.seq = written.seq);
    }
    let list = |query: LogQuery| -> Vec<i64> {
        let query = LogQuery { limit: 100, ..query };
        world.read(move |r| r.log(tenant, &query)).into_iter().map(|entry| entry.at).collect()
    };
    let all = LogQuery::default();
    assert_eq!(list(all.clone()), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(list(LogQuery { after: Some(entries[6].seq), ..all.clone() }), [7, 8, 9]);
    assert_eq!(list(LogQuery { before: Some(entries[2].seq), ..all.clone() }), [1, 0]);
    assert_eq!(list(LogQuery { failed: Some(true), ..all.clone() }), [3]);
    assert_eq!(list(LogQuery { failed: Some(false), since_at: Some(8), ..all.clone() }), [9, 8]);
    assert_eq!(list(LogQuery { status_min: Some(400), ..all.clone() }), [3]);
    assert_eq!(list(LogQuery { method: Some("post".into()), ..all.clone() }), [3]);
    assert_eq!(list(LogQuery { text: Some("nEEdle".into()), ..all.clone() }), [3]);
    assert_eq!(list(LogQuery { remote: Some("192.0.2.7".into()), ..all.clone() }), [6]);
    assert_eq!(list(LogQuery { resource_id: Some("u1".into()), ..all }), [5]);
    let seq = entries[3].seq;
    let whole = world.read(move |r| r.log_entry(tenant, seq)).unwrap();
    assert_eq!(whole, entries[3]);
    assert_eq!(world.read(move |r| r.log_entry(TenantId(99), seq)), None);
    world.verify();
}

#[test]
fn the_log_is_pruned_by_age_and_by_size_in_slices() {
    const DAY: i64 = 86_400_000_000;
    let world = World::new();
    let tenant = world.tenant;
    let entries: Vec<LogEntry> = (0..5_000)
        .map(|number| LogEntry {
            method: "PATCH".into(),
            body: Some("x".repeat(100)),
            ..entry(&world, if number < 3_000 { 0 } else { 40 * DAY })
        })
        .collect();
    world.log(entries);
    let newest = world.read(move |r| r.last_log(tenant));
    let limits = LogLimits { keep_days: 30, ..LogLimits::default() };
    let prune = |limits: LogLimits| world.write(move |w| w.log_prune(tenant, &limits, 41 * DAY)).unwrap();
    assert_eq!((prune(limits), prune(limits), prune(limits)), (2_000, 1_000, 0));
    world.verify();
    let small = LogLimits { bytes_max: 50_000, ..limits };
    while prune(small) > 0 {}
    let bytes = world.read(move |r| r.log_bytes(tenant));
    assert!(bytes <= 50_000 && bytes > 49_000, "{bytes}");
    let nothing = LogLimits { bytes_max: 0, keep_days: 0, ..limits };
    while prune(nothing) > 0 {}
    let left = world.read(move |r| r.log(tenant, &LogQuery { limit: 10, ..LogQuery::default() }));
    assert_eq!(left.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [newest], "numbers go on from here");
    world.verify();
}

/// Entries of every kind: reads that lie in blocks, reads that do not, writes, refusals.
fn mixed(world: &World, number: i64) -> LogEntry {
    let one_in = |n: i64| number % n == 0;
    LogEntry {
        method: if one_in(7) { "POST" } else { "GET" }.into(),
        status: if one_in(11) { 404 } else { 200 },
        code: one_in(11).then(|| "PRV-1".into()),
        actor: if one_in(5) { "okta" } else { "entra" }.into(),
        path: format!("/Users/{}", number % 13),
        resource_id: (!one_in(4)).then(|| format!("u{}", number % 13)),
        resource_type: (!one_in(4)).then(|| "User".into()),
        // Two of the long ones fill a pack.
        body: one_in(7)
            .then(|| format!("Body {number}{}", if one_in(21) { "x".repeat(40_000) } else { String::new() })),
        diff: (one_in(7) && !one_in(11)).then(|| "[]".into()),
        answer: (!one_in(3)).then(|| format!("{{\"Answer\": \"ä{}\"}}", number % 17)),
        steps: one_in(2).then(|| "[\"looked\"]".into()),
        ..entry(world, number)
    }
}

/// The conditions of a query as its documentation has them.
fn wanted(query: &LogQuery, entry: &LogEntry) -> bool {
    let is_read = entry.method == "GET";
    let texts = [Some(&entry.path), entry.body.as_ref(), entry.answer.as_ref(), entry.steps.as_ref()];
    let holds = |text: &String| texts.iter().flatten().any(|have| have.to_ascii_lowercase().contains(text.as_str()));
    query.after.is_none_or(|after| entry.seq > after)
        && query.before.is_none_or(|before| entry.seq < before)
        && query.status_min.is_none_or(|least| entry.status >= least)
        && query.failed.is_none_or(|failed| failed == (entry.status >= 400))
        && query.writes.is_none_or(|writes| writes != is_read)
        && query.since_at.is_none_or(|since| entry.at >= since)
        && query.until_at.is_none_or(|until| entry.at < until)
        && query.method.as_ref().is_none_or(|method| *method == entry.method)
        && query.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
        && query.code.as_ref().is_none_or(|code| entry.code.as_ref() == Some(code))
        && query.resource_id.as_ref().is_none_or(|id| entry.resource_id.as_ref() == Some(id))
        && query.resource_type.as_ref().is_none_or(|kind| entry.resource_type.as_ref() == Some(kind))
        && query.text.as_ref().is_none_or(holds)
}

/// All queries with one condition, and with each pair of them.
fn queries(middle: i64) -> Vec<LogQuery> {
    type Set = fn(&mut LogQuery, i64);
    const SETS: [Set; 15] = [
        |_, _| (),
        |query, seq| query.after = Some(seq - 40),
        |query, seq| query.before = Some(seq + 40),
        |query, _| query.failed = Some(true),
        |query, _| query.failed = Some(false),
        |query, _| query.writes = Some(false),
        |query, _| query.writes = Some(true),
        |query, _| query.method = Some("GET".into()),
        |query, _| query.actor = Some("okta".into()),
        |query, _| query.since_at = Some(100),
        |query, _| query.until_at = Some(200),
        |query, _| query.resource_id = Some("u5".into()),
        |query, _| query.resource_id = Some("u1".into()),
        |query, _| query.text = Some("ä3".into()),
        |query, _| query.status_min = Some(300),
    ];
    let pairs = SETS.iter().flat_map(|a| SETS.iter().map(move |b| (a, b)));
    let limits = [3, 1_000];
    pairs
        .flat_map(|(a, b)| {
            limits.map(|limit| {
                let mut query = LogQuery { limit, want_texts: true, ..LogQuery::default() };
                a(&mut query, middle);
                b(&mut query, middle);
                query
            })
        })
        .collect()
}

fn changed(tenant: TenantId, id: &str) -> Change {
    Change {
        tenant,
        seq: 0,
        kind: ChangeKind::Updated,
        resource_type: "User".into(),
        id: id.to_owned(),
        at: 1,
        actor: "okta".into(),
        what: json!({}),
    }
}

/// Writes what reads in a block, what changes somebody with the change, as the server does, and the rest as entries of
/// their own.
fn write_apart(world: &World, entries: &[LogEntry]) {
    let (tenant, mut block) = (world.tenant, LogBlock::default());
    let is_plain = |entry: &&LogEntry| entry.method == "GET" && entry.status < 400;
    let (reads, others): (Vec<&LogEntry>, Vec<_>) = entries.iter().partition(is_plain);
    // Some change nothing, and some changes are not told.
    let is_change = |entry: &LogEntry| entry.status < 400 && entry.at % 5 != 0;
    for entry in reads {
        block.push(entry.seq, &entry.line());
    }
    let others: Vec<LogEntry> = others.into_iter().cloned().collect();
    world
        .write(move |w| {
            for entry in others {
                if is_change(&entry) {
                    w.change(&changed(tenant, entry.resource_id.as_deref().unwrap_or("u1")))?;
                    w.log_now(entry);
                } else {
                    w.log(entry);
                }
            }
            w.log_block(tenant, block)
        })
        .unwrap();
    world
        .write(move |w| ["u5", "u1", "u5"].into_iter().try_for_each(|id| w.change(&changed(tenant, id)).map(|_| ())))
        .unwrap();
}

#[test]
fn entries_in_blocks_are_found_like_the_others() {
    let world = World::new();
    let tenant = world.tenant;
    let mut entries: Vec<LogEntry> = (0..300).map(|number| mixed(&world, number)).collect();
    // Many at once, then some that come alone, as the newest do that are not full yet.
    let few = (150..300).step_by(3).map(|first| first..first + 3);
    for batch in [0..50, 50..51, 51..57, 57..120, 120..150].into_iter().chain(few) {
        write_apart(&world, &entries[batch]);
    }
    let counted = world.read(move |r| r.log_counts(tenant, 0, 300, SLOT));
    let refused = entries.iter().filter(|entry| entry.status >= 400).count() as u64;
    assert_eq!(counted.iter().map(|one| (one.total(), one.refused)).collect::<Vec<_>>(), [(300, refused)]);
    let written =
        world.read(move |r| r.log(tenant, &LogQuery { limit: 1_000, want_texts: true, ..LogQuery::default() }));
    for entry in &mut entries {
        entry.seq = written.iter().find(|one| one.at == entry.at).unwrap().seq;
    }
    entries.sort_by_key(|entry| entry.seq);
    assert!(written.iter().rev().eq(entries.iter()), "every entry came back whole");
    for entry in entries.clone() {
        assert_eq!(world.read(move |r| r.log_entry(tenant, entry.seq)), Some(entry));
    }
    for query in queries(entries[150].seq) {
        let mut expected: Vec<&LogEntry> = entries.iter().filter(|entry| wanted(&query, entry)).collect();
        if query.after.is_none() {
            expected.reverse();
        }
        expected.truncate(query.limit as usize);
        let asked = query.clone();
        let found = world.read(move |r| r.log(tenant, &asked));
        assert!(found.iter().eq(expected), "{query:?}");
    }
    world.verify();
    let nothing = LogLimits { bytes_max: 0, keep_days: 0, ..LogLimits::default() };
    while world.write(move |w| w.log_prune(tenant, &nothing, i64::MAX)).unwrap() > 0 {}
    world.verify();
}

#[test]
fn what_a_few_changes_at_once_did_is_found_by_each_of_them() {
    let world = World::new();
    let (tenant, mut number) = (world.tenant, 0);
    for commit in 0..60_i64 {
        let entries: Vec<LogEntry> = (0..commit % 5 + 1)
            .map(|_| {
                number += 1;
                let body = Some("x".repeat(usize::try_from(commit * 37 % 700).unwrap()));
                LogEntry {
                    method: "POST".into(),
                    resource_id: Some(format!("u{number}")),
                    body,
                    ..entry(&world, number)
                }
            })
            .collect();
        world
            .write(move |w| {
                entries.into_iter().try_for_each(|entry| {
                    w.change(&changed(tenant, entry.resource_id.as_deref().unwrap()))?;
                    w.log_now(entry);
                    Ok(())
                })
            })
            .unwrap();
        world.verify();
    }
    for wanted in 1..=number {
        for (after, before) in [(None, None), (Some(0), None), (None, Some(i64::MAX))] {
            let resource_id = Some(format!("u{wanted}"));
            let query = LogQuery { limit: 10, resource_id, after, before, ..LogQuery::default() };
            let found = world.read(move |r| r.log(tenant, &query));
            assert_eq!(found.iter().map(|entry| entry.at).collect::<Vec<_>>(), [wanted]);
        }
    }
}
