//! `kill -9` in the middle of writing: what was answered is there, whole.

use super::support::{Folder, ORDER, POLICY, open, refs, resource, write};
use scim::ResourceType;
use scim::patch_op::MemberOp;
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use store::{Definitions, Error, Options, Settings};

/// Not a test by itself: the process that is killed. It reads the folder's name and says what is stored.
#[test]
#[ignore = "run by answered_writes_survive_a_kill as a process of its own"]
fn child() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let (folder, url) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let store = open(&PathBuf::from(folder), (!url.is_empty()).then_some(url), Options::default());
    let tenant = store.read_blocking::<_, Error, _>(|r| r.tenant("default")).unwrap().unwrap().id;
    let start = uuid::Uuid::now_v7();
    let threads: Vec<_> = (0..8)
        .map(|thread_number| {
            let store = store.clone();
            thread::spawn(move || {
                for number in 0.. {
                    let name = format!("{start}-{thread_number}-{number}");
                    let (user, group) = (ResourceType::user(), ResourceType::group());
                    let body = resource(&user, json!({"userName": name, "emails": [{"value": "a@x", "type": "work"}]}));
                    write(&store, move |w| {
                        let stored = w.insert(tenant, &user, None, &body, 1, POLICY)?;
                        let everybody = w.find_unique(tenant, &group, "displayName", "everybody")?.unwrap();
                        let add = [MemberOp::Add(refs([stored.id]))];
                        w.members_apply(tenant, &group, &everybody, &add, "", false)?;
                        w.touch(tenant, &everybody, 1)
                    })
                    .unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "stored {name}").unwrap();
                    out.flush().unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn answered_writes_survive_a_kill() {
    let folder = Folder::new();
    let store = folder.open();
    let (user, group) = (Arc::new(ResourceType::user()), Arc::new(ResourceType::group()));
    let everybody = resource(&group, json!({"displayName": "everybody"}));
    let of_group = Arc::clone(&group);
    let tenant = write(&store, move |w| {
        let tenant = w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1)?.id;
        w.insert(tenant, &of_group, None, &everybody, 1, POLICY)?;
        Ok(tenant)
    })
    .unwrap();
    drop(store);

    let name = format!("{}::child", module_path!().split_once("::").unwrap().1);
    let mut answered = BTreeSet::new();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{} {}", folder.path().display(), folder.url().unwrap_or("")).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 150 * round;
        for line in lines {
            if let Some((_, name)) = line.unwrap().split_once("stored ") {
                answered.insert(name.to_owned());
                left -= 1;
            }
            if left == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(left <= 0, "the process ended by itself");

        let store = folder.open();
        let (names, of_user, of_group) = (answered.clone(), Arc::clone(&user), Arc::clone(&group));
        store
            .read_blocking::<_, Error, _>(move |r| {
                let everybody = r.find_unique(tenant, &of_group, "displayName", "everybody")?.unwrap();
                for name in &names {
                    let found = r.find_unique(tenant, &of_user, "userName", name)?.expect(name);
                    assert!(r.is_member(tenant, everybody.rid, &found.id)?, "{name} is no member");
                }
                let users = r.count(tenant, "User")?;
                assert_eq!(everybody.member_count, users);
                assert_eq!(everybody.version, 1 + i64::try_from(users).unwrap());
                assert_eq!(r.verify(tenant, &[of_user, of_group], ORDER)?, Vec::<String>::new());
                assert_eq!(r.verify_file()?, Vec::<String>::new());
                Ok(())
            })
            .unwrap();
    }
}
