//! The table of docs/guide/performance.md, measured: each operation among more users, in a larger group, with more
//! changed members, with a larger page. `UPDATE=1` rewrites it; an operation that begins to grow with something fails.

use super::{From, World, user};
use crate::{Change, ChangeKind, Error, LogEntry, ManagerMatch, Policy, Position, Query, Sort, Start, Writer};
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use scim::{AttrPath, Dialect, Filter, Resource, ResourceType};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Members of the group that is meant, members that are changed, resources of the page.
#[derive(Clone, Copy)]
struct Size {
    members: usize,
    changed: usize,
    page: u64,
}

const BASE: Size = Size { members: 15, changed: 1, page: 10 };

/// Steps of SQLite's machine, and rows that were written.
#[derive(Clone, Copy)]
struct Cost {
    steps: i64,
    rows: u64,
}

type Measure = fn(&World, Size) -> Cost;

/// What it is, what it may grow with (U users, M members, k changed, p page), and how it is done.
const OPERATIONS: [(&str, &str, Measure); 23] = [
    ("read a user by id", "", |w, _| {
        reading(w, |r, w| drop(r.view(w.tenant, &ResourceType::user(), &w.user, true).unwrap()))
    }),
    ("`userName eq`", "", |w, s| list(w, s, false, "userName eq \"user000077\"", None)),
    ("`emails[type eq \"work\" and value eq …]`", "", |w, s| {
        list(w, s, false, "emails[type eq \"work\" and value eq \"user77@x\"]", None)
    }),
    ("`employeeNumber eq`, and any other attribute, also a tenant's own", "", |w, s| {
        list(w, s, false, "employeeNumber eq \"n77\"", None)
    }),
    ("`userName sw`, 10 matches", "", |w, s| list(w, s, false, "userName sw \"user00007\"", None)),
    ("the same, sorted by another attribute", "", |w, s| {
        list(w, s, false, "userName sw \"user00007\"", Some("displayName"))
    }),
    ("first page of users", "p", |w, s| list(w, s, false, "", None)),
    ("last page of users by `startIndex`", "p", |w, s| {
        let skip = w.users.len() as u64 - s.page;
        page(w, s, false, "", None, From::Index(skip))
    }),
    ("a page in the middle by cursor", "p", |w, s| {
        page(w, s, false, "", None, From::After(Position { key: None, rid: i64::try_from(w.users.len() / 3).unwrap() }))
    }),
    ("a sorted page, first or by cursor", "p", |w, s| list(w, s, false, "", Some("displayName"))),
    ("the same, descending", "p", |w, s| page(w, s, false, "", Some(("displayName", true)), From::Index(0))),
    ("a filter that many match, first page with `totalResults`", "Up", |w, s| {
        list(w, s, false, "active eq true", None)
    }),
    ("the same by cursor", "p", |w, s| {
        let after = Position { key: None, rid: i64::try_from(w.users.len() / 3).unwrap() };
        page(w, s, false, "active eq true", None, From::After(after))
    }),
    ("`co` and `ew`", "Up", |w, s| list(w, s, false, "userName co \"000077\"", None)),
    ("read a group without its members", "", |w, s| {
        reading(w, move |r, w| drop(r.view(w.tenant, &ResourceType::group(), w.group(s), false).unwrap()))
    }),
    ("read a group with its members", "M", |w, s| {
        reading(w, move |r, w| {
            let rid = r.view(w.tenant, &ResourceType::group(), w.group(s), false).unwrap().unwrap().rid;
            r.members(w.tenant, rid, |_| Ok(())).unwrap();
        })
    }),
    ("groups of which somebody is a member", "", |w, s| list(w, s, true, "members.value eq \"USER\"", None)),
    ("create a user", "", |w, _| {
        writing(w, |writer, w| {
            let of = ResourceType::user();
            let new = parse(&of, user(1_000_000));
            let stored = writer.insert(w.tenant, &of, None, &new, 1, policy()).unwrap();
            told(writer, w, &stored.id, ChangeKind::Created);
        })
    }),
    ("change one attribute of a user", "", |w, _| {
        writing(w, |writer, w| {
            let of = ResourceType::user();
            let stored = writer.find(w.tenant, &of, &w.user).unwrap().unwrap();
            let mut new = Arc::clone(&stored.resource);
            Arc::make_mut(&mut new).attributes.insert("displayName".into(), "Another".into());
            writer.update(w.tenant, &of, &stored, &new, 1, &ManagerMatch::ALL).unwrap();
            told(writer, w, &w.user, ChangeKind::Updated);
        })
    }),
    ("delete a user in one group", "", |w, _| {
        writing(w, |writer, w| {
            let of = ResourceType::user();
            let stored = writer.find(w.tenant, &of, &w.user).unwrap().unwrap();
            writer.delete(w.tenant, &of, &stored, 1, &ManagerMatch::ALL).unwrap();
            told(writer, w, &w.user, ChangeKind::Deleted);
        })
    }),
    ("add k members to a group", "k", |w, s| {
        writing(w, move |writer, w| members(writer, w, s, MemberOp::Add(w.refs(s.members..s.members + s.changed))))
    }),
    ("remove k members", "k", |w, s| {
        writing(w, move |writer, w| members(writer, w, s, MemberOp::Remove(w.refs(0..s.changed))))
    }),
    ("replace all members by the same and k more", "Mk", |w, s| {
        let mut all = w.refs(0..s.members);
        all.extend(w.newest(s.changed));
        writing(w, move |writer, w| members(writer, w, s, MemberOp::Replace(all)))
    }),
];

/// What of a world goes into the threads of the store.
#[derive(Clone)]
struct Inside {
    tenant: crate::TenantId,
    user: String,
    users: Vec<String>,
    groups: Vec<String>,
}

impl Inside {
    fn group(&self, size: Size) -> &str {
        &self.groups[if size.members > 15 { 3 } else { 2 }]
    }

    fn refs(&self, range: std::ops::Range<usize>) -> Vec<MemberRef> {
        self.users[range].iter().map(|value| MemberRef { value: value.clone() }).collect()
    }
}

impl World {
    fn inside(&self) -> Inside {
        // In nothing but the group of all.
        let user = self.users[self.users.len() - 1].clone();
        Inside { tenant: self.tenant, user, users: self.users.clone(), groups: self.groups.clone() }
    }

    fn refs(&self, range: std::ops::Range<usize>) -> Vec<MemberRef> {
        self.inside().refs(range)
    }

    fn newest(&self, count: usize) -> Vec<MemberRef> {
        self.refs(self.users.len() - count..self.users.len())
    }
}

fn parse(of: &ResourceType, body: Value) -> Resource {
    Resource::parse(body, of, &Dialect::LENIENT).unwrap().resource
}

fn policy() -> Policy<'static> {
    Policy { return_same_id: true, manager_match: &ManagerMatch::ALL, heard: false }
}

fn reading(world: &World, work: impl FnOnce(&crate::Reader, &Inside) + Send + 'static) -> Cost {
    let inside = world.inside();
    Cost { steps: world.steps(move |r, _| work(r, &inside)), rows: 0 }
}

/// Undone when it is measured.
fn writing(world: &World, work: impl FnOnce(&mut Writer, &Inside) + Send + 'static) -> Cost {
    let inside = world.inside();
    let (send, measured) = std::sync::mpsc::channel();
    let undone = world.store.write_blocking::<(), Error, _>(move |w| {
        w.steps().set(0);
        let before = w.rows_written();
        work(w, &inside);
        w.tally_write().unwrap();
        w.settle();
        send.send(Cost { steps: w.steps().get(), rows: w.rows_written() - before }).unwrap();
        Err(Error::Stale)
    });
    assert!(matches!(undone, Err(Error::Stale)));
    measured.recv().unwrap()
}

/// What belongs to every change: its row in the feed and its log entry.
fn told(w: &mut Writer, inside: &Inside, id: &str, kind: ChangeKind) {
    let change = Change {
        tenant: inside.tenant,
        seq: 0,
        kind,
        resource_type: "User".into(),
        id: id.to_owned(),
        at: 1,
        actor: "test".into(),
        what: json!({}),
    };
    w.change(&change).unwrap();
    let entry =
        LogEntry { tenant: inside.tenant, resource_id: Some(id.to_owned()), status: 200, ..LogEntry::default() };
    w.log_now(entry);
    w.log_write().unwrap();
}

fn members(w: &mut Writer, inside: &Inside, size: Size, op: MemberOp) {
    let of = ResourceType::group();
    let group = w.find(inside.tenant, &of, inside.group(size)).unwrap().unwrap();
    let moved = w.members_apply(inside.tenant, &of, &group, &[op], "", false).unwrap();
    assert_eq!(moved.added.len() + moved.removed.len(), size.changed);
    w.touch(inside.tenant, &group, 1).unwrap();
    told(w, inside, &group.id, ChangeKind::MembersChanged);
}

fn list(world: &World, size: Size, groups: bool, filter: &str, sort: Option<&'static str>) -> Cost {
    page(world, size, groups, filter, sort.map(|path| (path, false)), From::Index(0))
}

fn page(
    world: &World,
    size: Size,
    groups: bool,
    filter: &str,
    sort: Option<(&'static str, bool)>,
    start: From,
) -> Cost {
    let filter = filter.replace("USER", &world.users[world.users.len() / 2]);
    let filter = (!filter.is_empty()).then(|| Filter::parse(&filter).unwrap());
    reading(world, move |r, w| {
        let of = if groups { ResourceType::group() } else { ResourceType::user() };
        let path = sort.map(|(path, _)| AttrPath::parse(path).unwrap());
        let query = Query {
            filter: filter.as_ref(),
            sort: path.as_ref().map(|path| Sort { path, descending: sort.is_some_and(|(_, descending)| descending) }),
            start: match &start {
                From::Index(skip) => Start::Index(*skip),
                From::After(position) => Start::After(position),
            },
            count: size.page,
            want_total: matches!(start, From::Index(_)),
            want_groups: false,
            base: "http://x/scim/v2",
        };
        assert!(!r.search(w.tenant, &of, &query).unwrap().views.is_empty());
    })
}

const BEGIN: &str = "<!-- made by the tests of crates/store from here -->\n";
const END: &str = "<!-- to here -->\n";

#[test]
fn the_guides_table_is_what_is_measured() {
    let (small, large) = (World::new(300), World::new(1_500));
    let (mut table, mut grown) = (String::new(), Vec::new());
    table.push_str("| operation | its work grows with | rows written |\n|---|---|--:|\n");
    for (name, may, measure) in OPERATIONS {
        // Once without counting, for what is remembered.
        measure(&small, BASE);
        measure(&large, BASE);
        let base = measure(&small, BASE);
        let cases = [
            ('U', measure(&large, BASE)),
            ('M', measure(&small, Size { members: 150, ..BASE })),
            ('k', measure(&small, Size { changed: 10, ..BASE })),
            ('p', measure(&small, Size { page: 100, ..BASE })),
        ];
        let mut with = Vec::new();
        for (what, cost) in cases {
            // A lookup costs a step or two more in a deeper tree, and a fence lies where it lies.
            let grows = cost.steps > base.steps + base.steps / 2 + 150;
            if grows && !may.contains(what) {
                grown.push(format!("{name} grows with {what}: {} steps, then {}", base.steps, cost.steps));
            }
            if grows {
                with.push(what.to_string());
            }
        }
        let with = if with.is_empty() { "–".to_owned() } else { with.join(", ") };
        let more = cases[2].1.rows;
        let rows = match (base.rows, more) {
            (0, _) => "–".to_owned(),
            (rows, more) if rows == more => rows.to_string(),
            (rows, more) => {
                let each = (more - rows) / 9;
                format!("{} + {each}k", rows - each)
            }
        };
        table.push_str(&format!("| {name} | {with} | {rows} |\n"));
    }
    assert!(grown.is_empty(), "{}", grown.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/performance.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page marks where the table is");
    let (was, behind) = rest.split_once(END).expect("the page marks where the table ends");
    if option_env!("UPDATE").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}\n{table}\n{END}{behind}")).unwrap();
        return;
    }
    assert_eq!(was.trim(), table.trim(), "docs/guide/performance.md; UPDATE=1 rewrites it");
}
