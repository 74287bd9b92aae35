//! Chromium, driven through the DevTools protocol over a pair of pipes: no port, no driver, and it ends with the test.
//!
//! A message is JSON with a zero byte behind it. Answers are found by their number, events are kept by session until
//! somebody asks for them.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Nothing that is asked of the browser may take longer.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// The protocol's pipes are the files 3 and 4; what Chromium prints goes elsewhere. It ends when the pipes close, and
/// its folder with it.
const START: &str = r#""$0" "$@" 3<&0 4>&1 </dev/null >&2; rm -rf "$HOME""#;

const FLAGS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--lang=en-US",
];

pub(crate) struct Chromium {
    to: Mutex<ChildStdin>,
    heard: Mutex<Heard>,
    news: Condvar,
    next: AtomicU64,
    _child: Child,
}

#[derive(Default)]
struct Heard {
    answers: HashMap<u64, Value>,
    events: HashMap<String, Vec<Value>>,
    ended: bool,
}

impl Heard {
    /// The newest events of each session, for who wonders why nothing comes.
    fn last(&self) -> Vec<String> {
        let newest = self.events.values().flat_map(|events| events.iter().rev().take(25).rev());
        newest.map(|event| event.to_string().chars().take(300).collect()).collect()
    }
}

impl Chromium {
    /// One for all tests of this process; each tab has cookies and a cache of its own.
    pub(crate) fn shared() -> &'static Arc<Self> {
        static SHARED: OnceLock<Arc<Chromium>> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Arc<Self> {
        let name = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| on_path(name));
        let name = name.expect("Chromium is installed: ./test does it, or apt-get install chromium");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chromium-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the target folder is writable");
        let mut child = Command::new("sh")
            .args(["-c", START, name])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", folder.display()))
            .env("HOME", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("stderr.log")).expect("a file in that folder"))
            .spawn()
            .expect("Chromium can be started");
        let to = Mutex::new(child.stdin.take().expect("a pipe"));
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        let (heard, news, next) = (Mutex::default(), Condvar::new(), AtomicU64::new(1));
        let browser = Arc::new(Self { to, heard, news, next, _child: child });
        let reader = Arc::clone(&browser);
        std::thread::spawn(move || reader.listen(from));
        browser
    }

    fn listen(&self, from: impl BufRead) {
        for message in from.split(0).map_while(Result::ok) {
            let message: Value = serde_json::from_slice(&message).expect("the protocol speaks JSON");
            let session = message["sessionId"].as_str().unwrap_or_default().to_owned();
            if message["method"] == "Page.javascriptDialogOpening" {
                // Whether to leave a page, mostly: yes.
                self.send(&session, "Page.handleJavaScriptDialog", json!({ "accept": true }));
            }
            let mut heard = self.heard();
            match message["id"].as_u64() {
                Some(id) => drop(heard.answers.insert(id, message)),
                None => heard.events.entry(session).or_default().push(message),
            }
            self.news.notify_all();
        }
        self.heard().ended = true;
        self.news.notify_all();
    }

    /// A test that failed while it held this does not fail the others.
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, session: &str, method: &str, params: Value) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.lock().expect("no panic while it is held").write_all(&bytes).expect("Chromium listens");
        id
    }

    /// One command and its result.
    #[track_caller]
    fn call(&self, session: &str, method: &str, params: Value) -> Value {
        self.ask(session, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The answer, or the error that Chromium gave instead.
    #[track_caller]
    fn ask(&self, session: &str, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.send(session, method, params);
        let mut answer = self.wait(&format!("an answer to {method}"), |heard| heard.answers.remove(&id));
        if answer.get("error").is_some() { Err(answer["error"].take()) } else { Ok(answer["result"].take()) }
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut found: impl FnMut(&mut Heard) -> Option<T>) -> T {
        let started = Instant::now();
        let mut heard = self.heard();
        loop {
            if let Some(found) = found(&mut heard) {
                return found;
            }
            let left = ANSWER_MAX.saturating_sub(started.elapsed());
            if left.is_zero() || heard.ended {
                panic!("Chromium did not give {what}; ended: {}; last of all: {:#?}", heard.ended, heard.last());
            }
            heard = self.news.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// A page of its own: nothing of another tab is in it.
pub(crate) struct Tab {
    browser: Arc<Chromium>,
    context: String,
    session: String,
}

impl Tab {
    pub(crate) fn open() -> Self {
        let browser = Arc::clone(Chromium::shared());
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let context = text(&browser.call("", "Target.createBrowserContext", json!({}))["browserContextId"]);
        let page = json!({ "url": "about:blank", "browserContextId": context });
        let target = text(&browser.call("", "Target.createTarget", page)["targetId"]);
        let attach = json!({ "targetId": target, "flatten": true });
        let session = text(&browser.call("", "Target.attachToTarget", attach)["sessionId"]);
        let tab = Self { browser, context, session };
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        tab.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true }));
        tab.size(1280, 800);
        tab
    }

    #[track_caller]
    pub(crate) fn call(&self, method: &str, params: Value) -> Value {
        self.browser.call(&self.session, method, params)
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// The colours that the system is said to have.
    pub(crate) fn colours(&self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Everything that happened since the last time this was asked.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut heard = self.browser.heard();
        heard.events.remove(&self.session).unwrap_or_default()
    }

    /// What happened so far, kept for later.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&[Value]) -> T) -> T {
        let heard = self.browser.heard();
        look(heard.events.get(&self.session).map(Vec::as_slice).unwrap_or_default())
    }

    fn loads(events: &[Value]) -> usize {
        let is_load = |event: &&Value| event["method"] == "Page.loadEventFired";
        events.iter().filter(is_load).count()
    }

    /// Does something that leads to another page, and waits until that is there.
    #[track_caller]
    pub(crate) fn leads<T>(&self, what: impl FnOnce(&Self) -> T) -> T {
        let before = self.look(Self::loads);
        let done = what(self);
        let session = self.session.clone();
        self.browser.wait("another page", |heard| {
            let events = heard.events.get(&session)?;
            (Self::loads(events) > before).then_some(())
        });
        done
    }

    #[track_caller]
    pub(crate) fn go(&self, url: &str) {
        self.leads(|tab| {
            let gone = tab.call("Page.navigate", json!({ "url": url }));
            assert!(gone.get("errorText").is_none(), "{url}: {gone}");
        });
    }

    /// The value of an expression; a promise is waited for.
    #[track_caller]
    pub(crate) fn eval(&self, expression: &str) -> Value {
        self.eval_here(expression).unwrap_or_else(|| panic!("the page went away while it was asked: {expression}"))
    }

    /// The same; nothing if another page came while it was worked out.
    #[track_caller]
    pub(crate) fn eval_here(&self, expression: &str) -> Option<Value> {
        /// What Chromium calls every failure of its own, such as a page that is not there any more.
        const GONE: i64 = -32_000;
        let question = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = match self.browser.ask(&self.session, "Runtime.evaluate", question) {
            Ok(answer) => answer,
            Err(error) if error["code"] == GONE => return None,
            Err(error) => panic!("{expression}: {error}"),
        };
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        Some(answer["result"]["value"].take())
    }

    #[track_caller]
    pub(crate) fn text(&self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// A press on a key, with the text that it types.
    pub(crate) fn key(&self, key: &str) {
        let (code, number, text) = match key {
            "Tab" | "Shift+Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            " " => ("Space", 32, " "),
            "ArrowDown" => ("ArrowDown", 40, ""),
            one => ("", one.chars().next().map_or(0, |c| c.to_ascii_uppercase() as u32), one),
        };
        let name = key.trim_start_matches("Shift+");
        let modifiers = if key.starts_with("Shift+") { 8 } else { 0 };
        let press = |kind: &str| {
            json!({ "type": kind, "key": name, "code": code, "windowsVirtualKeyCode": number, "modifiers": modifiers,
                "text": if kind == "keyUp" { "" } else { text } })
        };
        self.call("Input.dispatchKeyEvent", press(if text.is_empty() { "rawKeyDown" } else { "keyDown" }));
        self.call("Input.dispatchKeyEvent", press("keyUp"));
    }

    /// Text as a person types it, into what has the focus.
    pub(crate) fn insert(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    pub(crate) fn click_at(&self, x: f64, y: f64) {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// What the window shows, as a PNG in base64.
    pub(crate) fn picture(&self) -> String {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png", "optimizeForSpeed": false }));
        picture["data"].as_str().expect("a picture").to_owned()
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.browser.call("", "Target.disposeBrowserContext", json!({ "browserContextId": self.context }));
        }
    }
}
