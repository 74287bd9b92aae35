//! `kill -9` at every request of a person's life at an app: before the target has done what it says, and after, with the
//! answer lost. After the next start there is one account, and it is as it should be.

use super::sim::Sim;
use super::{PRIVATE, Wanted, again, app, joins, person, team, told};
use crate::cluster::Cluster;
use crate::harness::{Folder, Server, id};
use provision::outcome::{Answer, Body};
use provision::wire::{Method, Request};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Not;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Requests of one life: looks, create, the group's, changes.
const STEPS: usize = 9;
/// Which of them makes the account: two looks come before it.
const CREATE: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// The request is there, nothing is done.
    Before,
    /// It is done, and nobody hears of it.
    After,
}

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

#[derive(Default)]
struct State {
    sim: Sim,
    /// At which request to stop, counted from 1.
    trap: Option<(usize, Moment)>,
    /// How many requests behind that to stop once more.
    again: Option<(usize, Moment)>,
    seen: usize,
    /// A request is held: the process can be killed.
    sprung: bool,
}

/// A target behind real HTTP that stops at a request.
#[derive(Clone, Default)]
struct Target {
    state: Arc<(Mutex<State>, Condvar)>,
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

impl Target {
    fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = Self::default();
        let serving = target.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (serving, stream) = (serving.clone(), stream.unwrap());
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        (target, url)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.0.lock().unwrap()
    }

    /// Answers requests of one connection until it ends.
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        while let Some(request) = read(&mut reader) {
            let Some(answer) = self.call(&request) else { return };
            let body = match &answer.body {
                Body::Json(value) => value.to_string(),
                _ => String::new(),
            };
            let head = format!(
                "HTTP/1.1 {} x\r\nContent-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
                answer.status,
                body.len()
            );
            if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body.as_bytes())).is_err() {
                return;
            }
        }
    }

    /// The simulation's answer; nothing if it gets lost.
    fn call(&self, request: &Request) -> Option<provision::outcome::Response> {
        let mut state = self.lock();
        state.seen += 1;
        let trap = state.trap.filter(|(at, _)| *at == state.seen);
        let answer = match trap {
            Some((_, Moment::Before)) => None,
            _ => Some(state.sim.call(request, now())),
        };
        if trap.is_some() {
            let (seen, again) = (state.seen, state.again.take());
            state.trap = again.map(|(further, moment)| (seen + further, moment));
            state.sprung = true;
            self.state.1.notify_all();
            return None;
        }
        match answer {
            Some(Answer::Got(response)) => Some(response),
            _ => None,
        }
    }

    /// Waits until a request is held.
    fn held(&self) {
        let (state, told) = &*self.state;
        let held = told.wait_timeout_while(state.lock().unwrap(), super::PATIENCE, |state| !state.sprung).unwrap();
        assert!(!held.1.timed_out(), "no request comes");
    }

    /// Waits until a request is held; whether there was one.
    fn sprung(&self, patience: Duration) -> bool {
        let (state, told) = &*self.state;
        let (mut state, _) = told.wait_timeout_while(state.lock().unwrap(), patience, |state| !state.sprung).unwrap();
        std::mem::take(&mut state.sprung)
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    let method = words.next()?.to_owned();
    let target = words.next()?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
        if header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    Some(Request {
        method: [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete]
            .into_iter()
            .find(|known| known.as_str() == method)?,
        path: path.to_owned(),
        query: pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect(),
        body: (!body.is_empty()).then(|| serde_json::from_slice(&body).unwrap()),
        if_match: None,
    })
}

fn decode(text: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits: Vec<u8> = bytes.by_ref().take(2).collect();
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap()
}

/// Whether that person's account is in the group.
fn is_member(state: &State, name: &str) -> bool {
    let named = |held: &super::sim::Held| held.resource.attributes.get("userName").is_some_and(|known| known == name);
    let account = state.sim.users.iter().find(|(_, held)| named(held));
    account.is_some_and(|(id, _)| state.sim.groups.values().any(|group| group.members.contains(id)))
}

/// What is wrong with a person's account, if anything.
fn wrong(state: &State, name: &str, active: bool, title: Option<&str>) -> Option<String> {
    let of = |held: &&super::sim::Held| held.resource.attributes.get("userName").is_some_and(|known| known == name);
    let accounts: Vec<_> = state.sim.users.values().filter(of).collect();
    let [account] = accounts.as_slice() else { return Some(format!("{} accounts", accounts.len())) };
    let shown = &account.resource.attributes;
    let same = shown.get("active") == Some(&Value::Bool(active)) && shown.get("title").and_then(Value::as_str) == title;
    (!same).then(|| format!("{shown:?}"))
}

struct Story {
    data: String,
    database: Option<String>,
    arguments: Vec<String>,
    server: Option<Server>,
    tenant: (String, String),
    target: Target,
    group: String,
    kills: usize,
}

impl Story {
    fn new(folder: &Folder, database: Option<String>) -> Self {
        let data = folder.data();
        let mut arguments = vec![PRIVATE.to_owned()];
        if let Some(url) = &database {
            let file = folder.join("database");
            std::fs::write(&file, url).unwrap();
            arguments.extend(["--database-file".to_owned(), file]);
        }
        let (target, url) = Target::start();
        let mut story = Self {
            data,
            database,
            arguments,
            server: None,
            tenant: Default::default(),
            target,
            group: String::new(),
            kills: 0,
        };
        let server = story.start();
        let tenant = server.tenant();
        story.tenant = (tenant.name.clone(), tenant.token.clone());
        story.group = team(&tenant);
        drop(server);
        // What was in doubt is settled after a second, not after a minute.
        let habits = json!({"settleMs": 1_000, "freshMs": 1_000});
        let wanted = Wanted { url: &url, target: habits, authentication: "none", group: &story.group };
        app(&story.data, story.database.as_deref(), &story.tenant.0, &wanted);
        story.server = Some(story.start());
        story
    }

    fn start(&self) -> Server {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        Server::start_with(&self.data, &arguments)
    }

    fn tenant(&self) -> crate::harness::Tenant<'_> {
        again(self.server.as_ref().unwrap(), &self.tenant)
    }

    /// If a request is held, the process dies, and starts again.
    fn maybe_killed(&mut self, patience: Duration) {
        if self.target.sprung(patience) {
            self.server.as_ref().unwrap().kill();
            self.server = None;
            self.server = Some(self.start());
            self.kills += 1;
        }
    }

    fn settled(&mut self, name: &str, active: bool, title: Option<&str>) {
        self.reaches(|state| wrong(state, name, active, title).map(|why| format!("{name}: {why}")));
    }

    /// Waits until nothing is wrong with the target, with every death that comes on the way.
    fn reaches(&mut self, wrong: impl Fn(&State) -> Option<String>) {
        let began = std::time::Instant::now();
        loop {
            self.maybe_killed(Duration::from_millis(20));
            let wrong = wrong(&self.target.lock());
            let Some(why) = wrong else { break };
            if began.elapsed() > super::PATIENCE {
                self.server = None;
                panic!("{why}\n{}", told(&self.data, self.database.as_deref(), &self.tenant.0));
            }
        }
    }

    /// One life, with a death at this request.
    fn life(&mut self, at: usize, moment: Moment) {
        let name = format!("p{at}{moment:?}").to_lowercase();
        {
            let mut state = self.target.lock();
            (state.seen, state.trap) = (0, Some((at, moment)));
        }
        let who = id(&self.tenant().post("/Users", &person(&name)).json()).to_owned();
        joins(&self.tenant(), &self.group, &who).expect(204);
        self.settled(&name, true, None);
        let title = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
        self.tenant().patch(&format!("/Users/{who}"), &title).expect(200);
        self.settled(&name, true, Some("Boss"));
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        self.tenant().patch(&format!("/Users/{who}"), &off).expect(200);
        self.settled(&name, false, Some("Boss"));
        self.target.lock().trap = None;
    }

    /// The life of somebody who is changed while the process dies over the new account, and dies again soon after.
    fn hurried(&mut self, further: usize, moment: Moment) {
        let name = format!("q{further}{moment:?}").to_lowercase();
        {
            let mut state = self.target.lock();
            (state.seen, state.trap, state.again) = (0, Some((CREATE, Moment::After)), Some((further, moment)));
        }
        let who = id(&self.tenant().post("/Users", &person(&name)).json()).to_owned();
        joins(&self.tenant(), &self.group, &who).expect(204);
        // What comes next is there before anybody dies.
        self.target.held();
        let title = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
        self.tenant().patch(&format!("/Users/{who}"), &title).expect(200);
        self.settled(&name, true, Some("Boss"));
        self.reaches(|state| is_member(state, &name).not().then(|| format!("{name} is not in the group")));
        {
            let mut state = self.target.lock();
            (state.trap, state.again) = (None, None);
        }
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        self.tenant().patch(&format!("/Users/{who}"), &off).expect(200);
        self.settled(&name, false, Some("Boss"));
    }

    fn play(mut self) {
        for at in 1..=STEPS {
            for moment in MOMENTS {
                self.life(at, moment);
            }
        }
        self.is_empty(STEPS * 2);
        let hurried: Vec<_> =
            [1, 2, 3].into_iter().flat_map(|further| MOMENTS.map(|moment| (further, moment))).collect();
        for (count, &(further, moment)) in hurried.iter().enumerate() {
            self.hurried(further, moment);
            // In the end everybody has one account, and the group is empty: all have left.
            self.is_empty(STEPS * 2 + count + 1);
        }
        assert!(self.kills >= STEPS + hurried.len() * 2, "only {} deaths", self.kills);
    }

    /// Waits until so many have an account, and the group is empty.
    fn is_empty(&mut self, accounts: usize) {
        self.reaches(|state| {
            let (users, groups) = (state.sim.users.len(), &state.sim.groups);
            let left = groups.len() == 1 && groups.values().all(|group| group.members.is_empty());
            (users != accounts || !left).then(|| format!("{users} accounts, groups {groups:?}"))
        });
    }
}

#[test]
fn one_account_each_whenever_the_process_dies() {
    let folder = Folder::new();
    Story::new(&folder, None).play();
}

#[test]
fn one_account_each_whenever_the_process_dies_on_postgresql() {
    let (cluster, folder) = (Cluster::start(), Folder::new());
    Story::new(&folder, Some(cluster.database())).play();
}
