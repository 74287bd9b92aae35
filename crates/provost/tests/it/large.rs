//! Large directories: a group of many members is sent while it is read.

use crate::client::Connection;
use crate::harness::{Folder, GROUP, Server, Tenant, USER};
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use scim::{Dialect, Resource, ResourceType};
use serde_json::{Value, json};
use std::path::Path;
use store::{Definitions, Error, ManagerMatch, Options, Policy, Settings, Store};

const MEMBERS: usize = 20_000;

/// A data folder with so many users, all in one group, and a group of three of them; the ids of the groups.
fn fill(data: &Path, users: usize) -> [String; 2] {
    let store = Store::open(data, Options::default()).unwrap();
    let filled = store.write_blocking::<_, Error, _>(move |w| {
        let tenant = w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1)?.id;
        let policy = Policy { return_same_id: true, manager_match: &ManagerMatch::ALL, heard: false };
        let parse = |of: &ResourceType, body| Resource::parse(body, of, &Dialect::LENIENT).unwrap().resource;
        let (of_user, of_group) = (ResourceType::user(), ResourceType::group());
        let mut members = Vec::with_capacity(users);
        for number in 0..users {
            let body =
                json!({"schemas": [USER], "userName": format!("u{number}"), "displayName": format!("User {number}")});
            let value = w.insert(tenant, &of_user, None, &parse(&of_user, body), 1, policy)?.id;
            members.push(MemberRef { value });
        }
        let three = members.iter().take(3).cloned().collect();
        let mut ids = Vec::new();
        for (name, members) in [("All", members), ("Three", three)] {
            let body = parse(&of_group, json!({"schemas": [GROUP], "displayName": name}));
            let group = w.insert(tenant, &of_group, None, &body, 1, policy)?;
            w.members_apply(tenant, &of_group, &group, &[MemberOp::Add(members)], "", false)?;
            ids.push(group.id);
        }
        Ok(ids)
    });
    store.close();
    filled.unwrap().try_into().unwrap()
}

/// Bytes of memory that a process had at the most while something was done, above what it had before.
fn grown(pid: u32, work: impl FnOnce()) -> usize {
    let read = |name: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
    };
    // Forgets the peak so far.
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    let before = read("VmRSS:");
    work();
    read("VmHWM:").saturating_sub(before)
}

fn members(group: &Value) -> usize {
    group["members"].as_array().unwrap().len()
}

#[test]
fn a_group_of_many_members_is_sent_while_it_is_read() {
    let folder = Folder::new();
    let [all, three] = fill(Path::new(&folder.data()), MEMBERS);
    let server = Server::start_lean(&folder.data());
    let tenant = server.default_tenant();
    let path = format!("/Groups/{all}");

    let small = tenant.get(&format!("{path}?excludedAttributes=members")).expect(200);
    assert!(small.header("content-length").is_some() && small.body.len() < 1_000, "{}", small.text());
    let whole = tenant.get(&path).expect(200);
    whole.check_media_type();
    // In the middle of several: a thread that serves its first answer takes memory for its cache and its heap, too.
    let once = || grown(server.pid(), || assert_eq!(tenant.get(&path).body.len(), whole.body.len()));
    let mut each: Vec<usize> = (0..12).map(|_| once()).collect();
    each.sort_unstable();
    let bytes = whole.body.len();
    assert!(bytes > 3_000_000 && each[6] < bytes / 2, "an answer of {bytes} bytes took {each:?} bytes of memory");
    assert_eq!(whole.header("etag"), small.header("etag"));
    let group = whole.json();
    assert_eq!(members(&group), MEMBERS);
    assert_eq!(group["meta"], small.json()["meta"]);
    assert_eq!(group["members"][7]["display"], "User 7");

    let known = tenant.request("GET", &path).header("If-None-Match", whole.header("etag").unwrap());
    assert_eq!(tenant.send(&known).expect(304).body.len(), 0);
    let head = tenant.send(&tenant.request("HEAD", &path)).expect(200);
    assert_eq!((head.body.len(), head.header("content-length")), (0, None));

    // Projections, lists and the answers to writes go the same way.
    let ids = tenant.read(&format!("{path}?attributes=members.value"));
    assert_eq!(members(&ids), MEMBERS);
    assert_eq!(ids["members"][7], json!({"value": group["members"][7]["value"]}));
    for path in ["/Groups", "?startIndex=20001"] {
        let list = tenant.read(path);
        let found: Vec<usize> = list["Resources"].as_array().unwrap().iter().map(members).collect();
        assert_eq!(found, [MEMBERS, 3], "{path}");
        assert_eq!(list["Resources"][0], group);
    }
    let put = tenant.put(&path, &json!({"schemas": [GROUP], "displayName": "Everybody"})).expect(200);
    assert_eq!((members(&put.json()), put.json()["displayName"].as_str()), (MEMBERS, Some("Everybody")));
    assert_eq!(put.header("etag").unwrap(), put.json()["meta"]["version"]);
    let first = json!([{"op": "remove", "path": format!("members[value eq {}]", group["members"][0]["value"])}]);
    let patched = tenant.patch(&format!("{path}?attributes=displayName,members"), &first).expect(200);
    assert_eq!(members(&patched.json()), MEMBERS - 1);

    assert_logged(&tenant, &all);
    slow_readers_hold_nobody_up(&tenant, &all, &three);
}

/// The log has an entry for each, and says how the large ones were answered.
fn assert_logged(tenant: &Tenant<'_>, id: &str) {
    let logged = || {
        let entries = tenant.admin("GET", "/log?limit=100", Value::Null).expect(200).json();
        let entries = entries["data"].as_array().unwrap().clone();
        entries.into_iter().filter(|entry| entry["path"].as_str().unwrap().contains(id)).collect::<Vec<_>>()
    };
    let started = std::time::Instant::now();
    while logged().len() < 19 && started.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let entries = logged();
    assert_eq!(entries.len(), 19, "{entries:#?}");
    let read = entries.iter().find(|entry| entry["method"] == "GET").unwrap();
    let one = tenant.admin("GET", &format!("/log/{}", read["seq"]), Value::Null).expect(200).text();
    assert!(one.contains("sent while it is read"), "{one}");
}

/// Clients that read slowly hold neither readers nor writers up, and one that goes away frees its place.
fn slow_readers_hold_nobody_up(tenant: &Tenant<'_>, all: &str, three: &str) {
    let ask = || {
        let mut connection = Connection::tcp(tenant.server.address).unwrap();
        let asked = tenant.request("GET", &format!("/Groups/{all}"));
        let (_, token) = &asked.headers[0];
        let text = format!("GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n", asked.target);
        connection.write(text.as_bytes()).unwrap();
        connection
    };
    let slow: Vec<Connection> = (0..6).map(|_| ask()).collect();
    for number in 0..10 {
        assert_eq!(members(&tenant.read(&format!("/Groups/{three}"))), 2 + 1);
        tenant.user(&format!("meanwhile{number}"), json!({}));
    }
    drop(slow);
    assert_eq!(members(&tenant.read(&format!("/Groups/{all}"))), MEMBERS - 1);
}
