//! What somebody who browses asks for costs the same among more: a page of any list, in any order, with any filter.

use super::World;
use crate::{Change, ChangeKind, Effort, Error, Lifecycle, LogEntry, LogQuery, Only, Query, Sort, Start};
use scim::{AttrPath, Filter, ResourceType};

/// Small, so that a few hundred users are more than a page looks at.
const EFFORT: Effort = Effort { candidates_max: 20, looked_at_max: 60 };

/// What the filters of the list become, and filters that somebody types.
const FILTERS: [&str; 9] = [
    "",
    "(userName sw \"user00007\" or displayName sw \"user00007\" or name.familyName sw \"user00007\" or \
     name.givenName sw \"user00007\" or emails.value sw \"user00007\" or externalId sw \"user00007\")",
    "userName sw \"u\"",
    "not (active eq false)",
    "active eq false",
    "externalId pr",
    "not (externalId pr)",
    "displayName co \"7\"",
    "active eq false and not (externalId pr)",
];
const EVERYBODY: Only = Only { never_heard: false, lifecycle: None };
const ONLY: [Only; 4] = [
    EVERYBODY,
    Only { never_heard: true, ..EVERYBODY },
    Only { lifecycle: Some(Lifecycle::Suspended), ..EVERYBODY },
    Only { lifecycle: Some(Lifecycle::AtWork), ..EVERYBODY },
];
const ORDERS: [&str; 3] = ["meta.created", "meta.lastModified", "userName"];

fn page(world: &World, filter: &'static str, (path, descending): (&'static str, bool), only: Only) -> i64 {
    world.steps(move |r, tenant| {
        let (filter, path) = (Filter::parse(filter).ok(), AttrPath::parse(path).unwrap());
        let query = Query {
            filter: filter.as_ref(),
            sort: Some(Sort { path: &path, descending }),
            start: Start::Index(0),
            count: 10,
            want_total: filter.is_none(),
            want_groups: true,
            base: "http://x/scim/v2",
        };
        r.walk(tenant, &ResourceType::user(), &query, only, EFFORT).unwrap();
    })
}

/// As many entries of the log and of the change feed as there are users: one of each.
fn log(world: &World) {
    let (tenant, users) = (world.tenant, world.users.clone());
    let write = move |w: &mut crate::Writer| {
        for user in &users {
            let entry = LogEntry {
                seq: w.next_log_seq(),
                tenant,
                method: "PUT".into(),
                status: 200,
                resource_id: Some(user.clone()),
                ..LogEntry::default()
            };
            w.log(entry);
            let (resource_type, id, actor) = ("User".into(), user.clone(), "test".into());
            let (kind, what) = (ChangeKind::Updated, serde_json::json!({}));
            w.change(&Change { tenant, seq: 0, kind, resource_type, id, at: 1, actor, what })?;
        }
        Ok(())
    };
    world.store.write_blocking::<_, Error, _>(write).unwrap();
}

#[test]
fn a_page_of_a_list_costs_the_same_among_more() {
    let (small, large) = (World::new(400), World::new(1_600));
    let mut dear = Vec::new();
    let mut compare = |what: String, cost: &dyn Fn(&World) -> i64| {
        let (few, many) = (cost(&small), cost(&large));
        if many > few + few / 4 + 200 {
            dear.push(format!("{what}: {few} steps among 400, {many} among 1600"));
        }
    };
    for filter in FILTERS {
        for path in ORDERS {
            for descending in [false, true] {
                for only in ONLY {
                    compare(format!("“{filter}” by {path}, descending: {descending}, {only:?}"), &|world| {
                        page(world, filter, (path, descending), only)
                    });
                }
            }
        }
    }
    compare("a page of a group's members".into(), &|world| {
        let group = world.groups[0].clone();
        world.steps(move |r, tenant| {
            let view = r.view(tenant, &ResourceType::group(), &group, false).unwrap().unwrap();
            assert_eq!(r.members_page(tenant, view.rid, 100, 50).unwrap().len(), 50);
        })
    });
    [&small, &large].into_iter().for_each(log);
    for failed in [None, Some(true)] {
        compare(format!("the history of a user, failed: {failed:?}"), &|world| {
            let id = world.users[0].clone();
            world.steps(move |r, tenant| {
                let asked = LogQuery {
                    limit: 50,
                    resource_id: Some(id),
                    writes: Some(true),
                    want_texts: true,
                    failed,
                    ..LogQuery::default()
                };
                assert_eq!(r.log(tenant, &asked).unwrap().len(), usize::from(failed.is_none()));
            })
        });
    }
    compare("the changes of a user".into(), &|world| {
        let id = world.users[0].clone();
        world.steps(move |r, tenant| assert_eq!(r.changes_of(tenant, &id, None, 50).unwrap().len(), 1))
    });
    compare("the newest entries of the log".into(), &|world| {
        world.steps(move |r, tenant| {
            let asked = LogQuery { limit: 50, ..LogQuery::default() };
            assert_eq!(r.log(tenant, &asked).unwrap().len(), 50);
        })
    });
    for filter in ["active eq true", "userName sw \"u\""] {
        compare(format!("whom a job on “{filter}” concerns"), &|world| {
            world.steps(move |r, tenant| {
                let filter = Filter::parse(filter).unwrap();
                assert_eq!(r.count_to(tenant, &ResourceType::user(), &filter, "", 30).unwrap(), 30);
            })
        });
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}
