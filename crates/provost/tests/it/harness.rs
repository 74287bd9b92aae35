//! The real binary on a free port with a folder of its own, and tenants in it for tests that may share one.

use crate::client::{Answer, Connection, Request};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How long the binary may take to say where it listens.
const START_MAX: Duration = Duration::from_secs(30);

/// Ends the server when the pipe to this process closes, however that comes about, and takes its folder away: what
/// is shared by all tests of a process is dropped by none of them.
const WATCH: &str = r#"folder=$1; shift; "$@" & read -r _; kill -9 $!; wait; rm -rf "$folder""#;

pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_provost")
}

/// The command that serves a data folder at a free port.
fn serve(data: &str) -> Command {
    let mut command = Command::new(binary());
    command.args(["serve", "--data", data, "--listen", "127.0.0.1:0"]);
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).stdin(Stdio::null()).output().expect("the binary can be run")
}

/// A number that no other test of this run gets.
pub(crate) fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A folder below the target folder (so on the disk of the build), gone with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("provost-{}-{}", std::process::id(), unique()));
        fs::create_dir_all(&path).expect("the target folder is writable");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a UTF-8 path").to_owned()
    }

    /// The data folder in it, which `serve` makes.
    pub(crate) fn data(&self) -> String {
        self.join("data")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running `provost serve`.
pub(crate) struct Server {
    child: Mutex<Child>,
    printed: Arc<Mutex<Vec<String>>>,
    pub(crate) address: SocketAddr,
    pub(crate) data: PathBuf,
    folder: Option<Folder>,
}

impl Server {
    /// In a fresh folder.
    pub(crate) fn start() -> Self {
        Self::start_more(&[])
    }

    /// In a fresh folder, with more arguments.
    pub(crate) fn start_more(more: &[&str]) -> Self {
        let folder = Folder::new();
        let mut server = Self::start_with(&folder.data(), more);
        server.folder = Some(folder);
        server
    }

    /// One that may call itself: both sides of a guide are on it.
    pub(crate) fn start_both_sides() -> Self {
        Self::start_more(&["--allow-private-targets"])
    }

    /// In a given data folder; everything that it prints can be read afterwards.
    pub(crate) fn start_in(data: &str) -> Self {
        Self::start_with(data, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(data: &str, more: &[&str]) -> Self {
        Self::spawn(serve(data).args(more), data)
    }

    /// In a given data folder, with an allocator that gives what is free back at once, so that the memory of the
    /// process is what it uses.
    pub(crate) fn start_lean(data: &str) -> Self {
        Self::spawn(serve(data).env("MIMALLOC_PURGE_DELAY", "0"), data)
    }

    /// One server for all tests that do with a tenant of their own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| {
            let folder = Folder::new();
            let data = folder.data();
            let mut command = Command::new("sh");
            command.args(["-c", WATCH, "sh"]).arg(folder.path());
            command.arg(binary()).args(serve(&data).get_args());
            let mut server = Self::spawn(&mut command, &data);
            server.folder = Some(folder);
            server
        })
    }

    fn spawn(command: &mut Command, data: &str) -> Self {
        let errors = File::create(format!("{data}.log")).expect("a file beside the data folder");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the binary can be started");
        let stdout = child.stdout.take().expect("a pipe");
        let printed = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&printed);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                lines.lock().expect("no panic while it is held").push(line);
            }
        });
        let started = Instant::now();
        let address = loop {
            if let Some(address) = listening(&printed) {
                break address;
            }
            let ended = child.try_wait().expect("the child can be asked");
            if ended.is_some() || started.elapsed() > START_MAX {
                let errors = fs::read_to_string(format!("{data}.log")).unwrap_or_default();
                let _ = child.kill();
                panic!("the server did not start ({ended:?}): {:?} {errors}", printed.lock());
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let server = Self { child: Mutex::new(child), printed, address, data: data.into(), folder: None };
        server.wait_ready();
        server
    }

    fn wait_ready(&self) {
        let started = Instant::now();
        while started.elapsed() < START_MAX {
            let ready = self.send(&Request::new("GET", "/readyz"));
            if ready.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("/readyz never answered 200: {}", self.errors());
    }

    /// Everything on its standard output so far.
    pub(crate) fn printed(&self) -> Vec<String> {
        self.printed.lock().expect("no panic while it is held").clone()
    }

    /// Everything on its standard error so far.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(format!("{}.log", self.data.display())).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.lock().expect("no panic while it is held").id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh is there").success());
    }

    /// Waits for its end and gives the exit code.
    pub(crate) fn wait(&self) -> Option<i32> {
        self.child.lock().expect("no panic while it is held").wait().expect("it can be waited for").code()
    }

    /// `kill -9`, and gone when this returns.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().expect("no panic while it is held");
        let _ = child.kill();
        let _ = child.wait();
    }

    /// The token of the first start, as printed.
    pub(crate) fn printed_token(&self) -> String {
        let printed = self.printed();
        printed
            .iter()
            .flat_map(|line| line.split_whitespace())
            .find(|word| word.starts_with("pv_"))
            .unwrap_or_else(|| panic!("no token was printed: {printed:?}"))
            .to_owned()
    }

    /// One request on a connection of its own.
    pub(crate) fn send(&self, request: &Request) -> std::io::Result<Answer> {
        Connection::tcp(self.address)?.send(request)
    }

    /// The admin API through the socket in the data folder.
    #[track_caller]
    pub(crate) fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = Request::new(method, format!("/api/v1{path}"));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let mut socket = Connection::unix(&self.data.join("provost.sock")).expect("the socket in the data folder");
        socket.send(&request).expect("an answer on the socket")
    }

    /// An administrator's token.
    pub(crate) fn admin_token(&self) -> String {
        let made = self.admin("POST", "/tokens/admin", Some(&json!({ "label": "test" })));
        token_of(&made)
    }

    /// A new tenant with a token that may do everything in it, and without a limit on its rate.
    pub(crate) fn tenant(&self) -> Tenant<'_> {
        let name = format!("t{}", unique());
        self.tenant_named(&name)
    }

    pub(crate) fn tenant_named(&self, name: &str) -> Tenant<'_> {
        let made = self.admin("POST", "/tenants", Some(&json!({ "name": name })));
        assert!(made.status == 201 || made.status == 200, "{} {}", made.status, made.text());
        let tenant =
            Tenant { server: self, name: name.to_owned(), prefix: format!("/t/{name}/scim/v2"), token: String::new() };
        tenant.settings(json!({ "ratePerSecond": 1_000_000, "rateBurst": 1_000_000 }));
        let token = tenant.new_token(json!({ "label": "test" }));
        Tenant { token, ..tenant }
    }

    /// The tenant of the first start, with a new token.
    pub(crate) fn default_tenant(&self) -> Tenant<'_> {
        let tenant = Tenant { server: self, name: "default".into(), prefix: "/scim/v2".into(), token: String::new() };
        let token = tenant.new_token(json!({ "label": "test" }));
        Tenant { token, ..tenant }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn listening(printed: &Mutex<Vec<String>>) -> Option<SocketAddr> {
    let printed = printed.lock().expect("no panic while it is held");
    let line = printed.iter().find(|line| line.starts_with("SCIM endpoint"))?;
    let (_, rest) = line.split_once("http://")?;
    rest.split('/').next()?.parse().ok()
}

/// The token in an answer that made one.
#[track_caller]
pub(crate) fn token_of(answer: &Answer) -> String {
    assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text());
    answer.json()["token"].as_str().expect("the answer shows the token once").to_owned()
}

/// A tenant of a running server.
#[derive(Clone)]
pub(crate) struct Tenant<'s> {
    pub(crate) server: &'s Server,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) token: String,
}

impl Tenant<'_> {
    /// The admin API below `/tenants/{name}`.
    #[track_caller]
    pub(crate) fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = (!body.is_null()).then_some(body);
        self.server.admin(method, &format!("/tenants/{}{path}", self.name), body.as_ref())
    }

    /// Merges settings.
    #[track_caller]
    pub(crate) fn settings(&self, settings: Value) {
        self.admin("PATCH", "", json!({ "settings": settings })).expect(200);
    }

    #[track_caller]
    pub(crate) fn new_token(&self, wish: Value) -> String {
        token_of(&self.admin("POST", "/tokens", wish))
    }

    /// The same tenant with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// A request with this tenant's address and token, not sent yet.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.prefix)).bearer(&self.token)
    }

    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Answer {
        self.server.send(request).expect("an answer")
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&self.request("GET", path))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.request("POST", path).json(body))
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.request("PUT", path).json(body))
    }

    #[track_caller]
    pub(crate) fn patch(&self, path: &str, operations: &Value) -> Answer {
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        self.send(&self.request("PATCH", path).json(&body))
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send(&self.request("DELETE", path))
    }

    /// A resource that exists now.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    /// Every row of the change feed, which has no gaps.
    #[track_caller]
    pub(crate) fn whole_feed(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        loop {
            let path = format!("/changes?after={}&limit=1000", rows.len());
            let page = self.admin("GET", &path, Value::Null).expect(200).json();
            let data = page["data"].as_array().expect("data");
            if data.is_empty() {
                return rows;
            }
            for row in data {
                assert_eq!(row["seq"], rows.len() + 1, "dense and in order");
                rows.push(row.clone());
            }
        }
    }

    /// What a filter finds, percent-encoded on the way.
    #[track_caller]
    pub(crate) fn find(&self, endpoint: &str, filter: &str) -> Vec<Value> {
        let found = self.read(&format!("{endpoint}?filter={}", encode(filter)));
        found["Resources"].as_array().expect("Resources is always there").clone()
    }

    /// Makes a user with what is given on top of a userName, and gives its body.
    #[track_caller]
    pub(crate) fn user(&self, user_name: &str, more: Value) -> Value {
        let mut body = json!({ "schemas": [USER], "userName": user_name });
        if more.is_object() {
            lay_over(&mut body, more);
        }
        self.post("/Users", &body).expect(201).json()
    }

    /// Makes a group with these members, and gives its body.
    #[track_caller]
    pub(crate) fn group(&self, name: &str, members: &[&str]) -> Value {
        let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        let body = json!({ "schemas": [GROUP], "displayName": name, "members": members });
        self.post("/Groups", &body).expect(201).json()
    }

    /// The member ids of a group, sorted.
    #[track_caller]
    pub(crate) fn members(&self, id: &str) -> Vec<String> {
        values(&self.read(&format!("/Groups/{id}"))["members"])
    }
}

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The `id` of a resource.
#[track_caller]
pub(crate) fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap_or_else(|| panic!("no id in {resource}"))
}

/// The `value`s of a list, sorted; nothing for a list that is not there.
pub(crate) fn values(list: &Value) -> Vec<String> {
    let elements = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut values: Vec<String> =
        elements.iter().filter_map(|element| element["value"].as_str()).map(str::to_owned).collect();
    values.sort();
    values
}

/// Lays one value over another as Okta does: objects part by part, everything else whole. The text
/// `{absent}` takes a part away.
pub(crate) fn lay_over(under: &mut Value, over: Value) {
    let Value::Object(parts) = over else {
        *under = over;
        return;
    };
    if !under.is_object() {
        *under = json!({});
    }
    let Some(map) = under.as_object_mut() else { return };
    for (name, part) in parts {
        if part == "{absent}" {
            map.shift_remove(&name);
        } else {
            lay_over(map.entry(name).or_insert(Value::Null), part);
        }
    }
}

/// Percent-encodes everything but what is unreserved.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
