//! What queries cost, counted in steps of SQLite's machine: a change of a plan cannot go unseen.

use crate::{
    Definitions, Error, ManagerMatch, Options, Policy, Position, Query, Settings, Sort, Start, Store, TenantId,
};
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use scim::{AttrPath, Dialect, Filter, Resource, ResourceType};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

mod browse;
mod table;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A tenant with this many users, all in one group that is within another; the first 15 and the first 150 are a group each.
struct World {
    store: Store,
    folder: PathBuf,
    tenant: TenantId,
    users: Vec<String>,
    groups: Vec<String>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.store.close();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Where a page starts.
enum From {
    Index(u64),
    After(Position),
}

fn user(number: usize) -> Value {
    json!({
        "userName": format!("user{number:06}"),
        "externalId": format!("e{number:06}"),
        "displayName": format!("User {number}"),
        "active": !number.is_multiple_of(10),
        "emails": [{"value": format!("user{number}@x"), "type": "work", "primary": true}, {"value": format!("zh{number}@y"), "type": "home"}],
        ENTERPRISE: {"employeeNumber": format!("n{number}"), "manager": if number == 0 { json!("nobody") } else { json!(format!("user{:06}", number / 2)) }},
    })
}

impl World {
    fn new(count: usize) -> Self {
        let folder = std::env::temp_dir().join(format!("provost-costs-{}-{count}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        let store = Store::open(&folder, Options::default()).unwrap();
        let (tenant, users, groups) = store
            .write_blocking::<_, Error, _>(move |w| {
                let tenant = w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1)?.id;
                let policy = Policy { return_same_id: true, manager_match: &ManagerMatch::ALL, heard: false };
                let parse = |of: &ResourceType, body| Resource::parse(body, of, &Dialect::LENIENT).unwrap().resource;
                let (of_user, of_group) = (ResourceType::user(), ResourceType::group());
                let mut users = Vec::new();
                for number in 0..count {
                    let body = parse(&of_user, user(number));
                    let now = i64::try_from(number).unwrap();
                    // The first ten were never heard of.
                    let policy = Policy { heard: number >= 10, ..policy };
                    users.push(w.insert(tenant, &of_user, None, &body, now, policy)?.id);
                }
                // The same ten are held back.
                for user in users.iter().take(10) {
                    w.set_lifecycle(tenant, user, Some("suspended"), 1)?;
                }
                let mut groups = Vec::new();
                let mut members = users.clone();
                let first = |count: usize| users.iter().take(count).cloned().collect::<Vec<String>>();
                for (name, and_then) in
                    [("inner", None), ("outer", Some(first(15))), ("few", Some(first(150))), ("many", None)]
                {
                    let group =
                        w.insert(tenant, &of_group, None, &parse(&of_group, json!({"displayName": name})), 1, policy)?;
                    let members = std::mem::replace(&mut members, and_then.unwrap_or_else(|| vec![group.id.clone()]));
                    let add = MemberOp::Add(members.into_iter().map(|value| MemberRef { value }).collect());
                    w.members_apply(tenant, &of_group, &group, &[add], "", false)?;
                    groups.push(group.id);
                }
                Ok((tenant, users, groups))
            })
            .unwrap();
        Self { store, folder, tenant, users, groups }
    }

    fn steps(&self, run: impl FnOnce(&crate::Reader, TenantId) + Send + 'static) -> i64 {
        let tenant = self.tenant;
        self.store
            .read_blocking::<_, Error, _>(move |r| {
                r.steps().set(0);
                run(r, tenant);
                Ok(r.steps().get())
            })
            .unwrap()
    }

    fn search(&self, groups: bool, filter: &str, sort: Option<&'static str>, start: Option<Position>) -> i64 {
        let start = start.map_or(From::Index(0), From::After);
        self.search_from(groups, filter, sort.map(|path| (path, false)), start)
    }

    /// Sorted by a path, maybe descending, from some place on.
    fn search_from(&self, groups: bool, filter: &str, sort: Option<(&'static str, bool)>, start: From) -> i64 {
        let filter = filter
            .replace("USER", &self.users[self.users.len() / 2])
            .replace("GROUP", &self.groups[0])
            .replace("OUTER", &self.groups[1]);
        let filter = (!filter.is_empty()).then(|| Filter::parse(&filter).unwrap());
        let of = Arc::new(if groups { ResourceType::group() } else { ResourceType::user() });
        self.steps(move |r, tenant| {
            let path = sort.map(|(path, _)| AttrPath::parse(path).unwrap());
            let descending = sort.is_some_and(|(_, descending)| descending);
            let query = Query {
                filter: filter.as_ref(),
                sort: path.as_ref().map(|path| Sort { path, descending }),
                start: match &start {
                    From::Index(skip) => Start::Index(*skip),
                    From::After(position) => Start::After(position),
                },
                count: 10,
                want_total: matches!(start, From::Index(_)),
                want_groups: false,
                base: "http://x/scim/v2",
            };
            let page = r.search(tenant, &of, &query).unwrap();
            assert!(!page.views.is_empty());
        })
    }
}

/// These cost the same among ten times as many resources.
#[test]
fn what_is_looked_up_costs_the_same_among_more() {
    let (small, large) = (World::new(150), World::new(1_500));
    let mut dear = Vec::new();
    let mut compare = |what: &str, cost: &dyn Fn(&World) -> i64| {
        let (few, many) = (cost(&small), cost(&large));
        if many > few + few / 2 + 60 {
            dear.push(format!("{what}: {few} steps among 150, {many} among 1500"));
        }
    };
    for filter in [
        "userName eq \"USER000077\"",
        "id eq \"USER\"",
        "externalId eq \"e000077\"",
        "emails.value eq \"user77@x\"",
        "emails[type eq \"work\"].value eq \"user77@x\"",
        "emails[type eq \"work\" and value eq \"user77@x\"]",
        "emails[value sw \"user77@\" and type eq \"work\"]",
        "active eq true and userName eq \"user000077\"",
        "userName eq \"user000077\" and meta.lastModified ge \"1970-01-01T00:00:00Z\" and meta.created pr",
        "userName eq \"user000077\" or emails.value eq \"user77@x\" or id eq \"USER\"",
        "(userName eq \"user000077\" or externalId eq \"e000076\") and active eq true and not (title pr)",
        "employeeNumber eq \"n77\" and groups.value eq \"OUTER\"",
        "id eq \"USER\" and groups.value eq \"GROUP\" and groups[value eq \"OUTER\" and type eq \"indirect\"]",
        "id eq \"USER\" and manager pr",
        "userName sw \"user00007\"",
        "manager eq \"nobody\"",
        "name.familyName eq \"x\" or id eq \"USER\"",
    ] {
        let filter = filter.replace("USER000077", "uSER000077");
        compare(&filter, &|world| world.search(false, &filter, None, None));
    }
    for filter in ["members.value eq \"USER\"", "id eq \"GROUP\" and members eq \"USER\"", "displayName eq \"inner\""] {
        compare(filter, &|world| world.search(true, filter, None, None));
    }
    compare("first page", &|world| world.search(false, "", None, None));
    for path in ["userName", "emails", "meta.created", "meta.lastModified"] {
        compare(path, &|world| world.search(false, "", Some(path), None));
    }
    for path in ["userName", "displayName", "externalId", "name.familyName", "meta.created"] {
        let from = || From::Index(0);
        compare(&format!("{path} descending"), &|world| world.search_from(false, "", Some((path, true)), from()));
    }
    compare("where those without a value begin", &|world| {
        let key = Some(format!("e{:06}", world.users.len() - 5));
        let rid = i64::try_from(world.users.len()).unwrap() - 4;
        world.search_from(false, "", Some(("externalId", false)), From::After(Position { key, rid }))
    });
    for (path, descending) in [("displayName", false), ("externalId", true), ("title", true), ("emails", false)] {
        for filter in ["userName sw \"user00007\"", "id eq \"USER\"", "employeeNumber eq \"n77\" and active eq true"] {
            let from = || From::Index(0);
            compare(&format!("{filter} by {path}"), &|world| {
                world.search_from(false, filter, Some((path, descending)), from())
            });
        }
    }
    compare("the last page by index", &|world| {
        world.search_from(false, "", None, From::Index(world.users.len() as u64 - 5))
    });
    let middle = |world: &World| world.users.len() / 2;
    compare("a page by cursor", &|world| {
        world.search(false, "", None, Some(Position { key: None, rid: i64::try_from(middle(world)).unwrap() }))
    });
    compare("a sorted page by cursor", &|world| {
        let key = Some(format!("user{:06}", middle(world)));
        world.search(false, "", Some("userName"), Some(Position { key, rid: 1 }))
    });
    compare("a page of what is active, by cursor", &|world| {
        let rid = i64::try_from(middle(world)).unwrap();
        world.search(false, "active eq true", None, Some(Position { key: None, rid }))
    });
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}

/// These look at every row of an index, and at each of them only a few times.
#[test]
fn what_is_scanned_costs_a_few_steps_a_row() {
    let world = World::new(1_500);
    let mut dear = Vec::new();
    for (filter, most) in [
        ("active eq true", 40),
        ("userName co \"user\"", 60),
        ("emails.value ew \"@x\"", 80),
        ("emails pr", 160),
        ("not (active eq true)", 80),
        ("userName ne \"x\"", 80),
        ("emails[type eq \"work\" and value co \"x\"]", 120),
        ("emails[not (type eq \"work\")]", 400),
        ("groups.value eq \"OUTER\"", 120),
        ("groups.display sw \"out\"", 120),
        ("groups[value eq \"OUTER\"]", 400),
        ("manager pr", 120),
        ("manager.displayName co \"User\"", 120),
        ("meta.lastModified ge \"1970-01-01T00:00:00Z\"", 80),
        ("active eq true and emails.value co \"x\"", 160),
    ] {
        let steps = world.search(false, filter, None, None);
        if steps > most * 1_500 {
            dear.push(format!("{filter}: {} steps a resource", steps / 1_500));
        }
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}
