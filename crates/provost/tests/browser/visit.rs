//! Somebody at the console: finds things by their role and their words, presses, types, reads, and notes what a browser
//! complains about.

use crate::chromium::Tab;
use crate::harness::Server;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const NAME: &str = "Ana Ruiz";
pub(crate) const EMAIL: &str = "ana@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// How long something may take to appear.
const APPEARS_MAX: Duration = Duration::from_secs(15);

/// How long a page may take to draw what is on it: a part that refreshes itself may be on its way.
const DRAWN_MAX: Duration = Duration::from_secs(2);

/// How soon a page has to notice that its person is out: half a second between two looks; the rest is the browser's, on a
/// machine that may be busy.
const GONE_MAX: Duration = Duration::from_secs(5);

/// Finds what has that role and that name, and can be seen; a name that is the same goes before one that begins so.
const FIND: &str = r##"((role, words) => {
  const roles = {
    button: "button, summary, [role=button], input[type=submit]",
    link: "a[href]",
    tab: ".tabs a",
    switch: "[role=switch]",
    field: "input:not([type=hidden]), select, textarea",
  };
  const tidy = (text) => (text ?? "").replace(/\s+/g, " ").trim();
  const of = (ids) => ids.split(" ").map((id) => document.getElementById(id)?.textContent).join(" ");
  const name = (e) => tidy(
    e.ariaLabel || (e.getAttribute("aria-labelledby") && of(e.getAttribute("aria-labelledby")))
    || (e.labels?.length ? [...e.labels].map((l) => [...l.childNodes].filter((n) => !n.contains(e) && !n.matches?.(".optional, select")).map((n) => n.textContent).join(" ")).join(" ") : e.textContent));
  const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const all = [...document.querySelectorAll(roles[role])].filter(seen);
  return all.find((e) => name(e) === words) ?? all.find((e) => name(e).startsWith(words)) ?? all.find((e) => name(e).includes(words));
})"##;

const CENTRE: &str = r##"((e) => {
  if (!e) return null;
  e.scrollIntoView({ block: "center", behavior: "instant" });
  const box = e.getClientRects()[0];
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const top = document.elementFromPoint(x, y);
  const free = top && (e.contains(top) || top.contains(e) || [...(e.labels ?? [])].some((l) => l.contains(top)));
  return { x, y, over: free ? null : top?.outerHTML.slice(0, 200) ?? "nothing" };
})"##;

pub(crate) struct Visit<'s> {
    pub(crate) tab: Tab,
    pub(crate) server: &'s Server,
    pub(crate) origin: String,
}

impl<'s> Visit<'s> {
    /// Somebody with a browser who is not signed in.
    pub(crate) fn new(server: &'s Server) -> Self {
        Self { tab: Tab::open(), server, origin: format!("http://{}", server.address) }
    }

    /// The first owner, made with the link that the server printed.
    pub(crate) fn owner(server: &'s Server) -> Self {
        let visit = Self::new(server);
        visit.set_up();
        visit
    }

    pub(crate) fn set_up(&self) {
        self.open(&self.setup_path());
        self.fill("Your name", NAME);
        self.fill("E-mail", EMAIL);
        self.fill("Password", PASSWORD);
        self.follow("button", "Create the owner");
        self.at("/app/setup");
    }

    /// The path of the link that `serve` printed.
    pub(crate) fn setup_path(&self) -> String {
        let printed = self.server.printed().join("\n");
        let (_, rest) = printed.split_once("/setup?code=").unwrap_or_else(|| panic!("no setup link in {printed}"));
        format!("/setup?code={}", rest.split_whitespace().next().unwrap())
    }

    pub(crate) fn sign_in(&self) {
        self.open("/login");
        self.fill("E-mail", EMAIL);
        self.fill("Password", PASSWORD);
        self.follow("button", "Sign in");
    }

    /// A person of the directory types who they are.
    pub(crate) fn person_signs_in(&self, login: &str, password: &str) {
        self.sees("User name");
        self.fill("User name", login);
        self.fill("Password", password);
        self.press("button", "Sign in");
    }

    /// Waits until a person's page has noticed that they are signed out, which is soon after it was decided.
    #[track_caller]
    pub(crate) fn is_put_out(&self) {
        let decided = Instant::now();
        self.sees("You are not signed in");
        let took = decided.elapsed();
        println!("the page was gone after {took:?}");
        assert!(took < GONE_MAX, "{took:?}");
    }

    /// A device with a lock, as the browser sees one.
    pub(crate) fn authenticator(&self) {
        self.tab.call("WebAuthn.enable", json!({}));
        let device = json!({ "options": { "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
            "hasUserVerification": true, "isUserVerified": true, "automaticPresenceSimulation": true } });
        self.tab.call("WebAuthn.addVirtualAuthenticator", device);
    }

    #[track_caller]
    pub(crate) fn open(&self, path: &str) {
        self.tab.go(&format!("{}{path}", self.origin));
    }

    pub(crate) fn path(&self) -> String {
        self.tab.text("location.pathname + location.search + location.hash")
    }

    #[track_caller]
    pub(crate) fn at(&self, start: &str) {
        let path = self.path();
        assert!(path.starts_with(start), "at {path}, not at {start}:\n{}", self.words());
    }

    /// What can be read in the main part of the page.
    pub(crate) fn words(&self) -> String {
        self.tab.text("document.querySelector('main')?.innerText ?? document.body?.innerText ?? ''")
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn until(&self, expression: &str, what: &str) {
        let started = Instant::now();
        while self.tab.eval_here(&format!("Boolean({expression})")) != Some(Value::Bool(true)) {
            let waited = started.elapsed();
            assert!(waited < APPEARS_MAX, "{what} did not come at {}:\n{}", self.path(), self.words());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    pub(crate) fn sees(&self, words: &str) {
        let wanted = json!(words);
        // Between two pages there is no body.
        let text = "((document.querySelector('main') ?? document.body)?.innerText ?? '').replace(/\\s+/g, ' ')";
        self.until(&format!("{text}.includes({wanted})"), &format!("“{words}”"));
    }

    #[track_caller]
    pub(crate) fn place(&self, role: &str, words: &str) -> (f64, f64) {
        let look = || self.tab.eval(&format!("{CENTRE}({FIND}({}, {}))", json!(role), json!(words)));
        let (began, mut at) = (Instant::now(), look());
        while at.is_null() && began.elapsed() < DRAWN_MAX {
            std::thread::sleep(Duration::from_millis(20));
            at = look();
        }
        assert!(!at.is_null(), "no {role} “{words}” at {}:\n{}", self.path(), self.words());
        assert!(at["over"].is_null(), "{role} “{words}” at {} is covered by {}", self.path(), at["over"]);
        (at["x"].as_f64().unwrap(), at["y"].as_f64().unwrap())
    }

    /// What has the same words several times: the last of them.
    #[track_caller]
    pub(crate) fn place_last(&self, role: &str, words: &str) -> (f64, f64) {
        let find = FIND.replace(".filter(seen);", ".filter(seen).reverse();");
        let at = self.tab.eval(&format!("{CENTRE}({find}({}, {}))", json!(role), json!(words)));
        (at["x"].as_f64().unwrap(), at["y"].as_f64().unwrap())
    }

    #[track_caller]
    pub(crate) fn press(&self, role: &str, words: &str) {
        let (x, y) = self.place(role, words);
        self.tab.click_at(x, y);
    }

    /// Presses what leads to another page.
    #[track_caller]
    pub(crate) fn follow(&self, role: &str, words: &str) {
        let (x, y) = self.place(role, words);
        self.tab.leads(|tab| tab.click_at(x, y));
    }

    #[track_caller]
    pub(crate) fn fill(&self, label: &str, text: &str) {
        self.press("field", label);
        self.tab.eval("document.activeElement.select?.()");
        self.tab.insert(text);
    }

    #[track_caller]
    pub(crate) fn choose(&self, label: &str, value: &str) {
        self.place("field", label);
        let chosen = format!(
            "(() => {{ const e = {FIND}('field', {}); e.value = {}; e.dispatchEvent(new Event('change', {{ bubbles: true }})); return e.value }})()",
            json!(label),
            json!(value)
        );
        assert_eq!(self.tab.text(&chosen), value, "{label} has this choice");
    }

    /// The value of a field.
    #[track_caller]
    pub(crate) fn value(&self, label: &str) -> String {
        self.place("field", label);
        self.tab.text(&format!("{FIND}('field', {}).value", json!(label)))
    }

    /// Gives a file to a field.
    #[track_caller]
    pub(crate) fn upload(&self, label: &str, file: &Path) {
        self.place("field", label);
        let found =
            self.tab.call("Runtime.evaluate", json!({ "expression": format!("{FIND}('field', {})", json!(label)) }));
        let object = &found["result"]["objectId"];
        self.tab.call("DOM.setFileInputFiles", json!({ "objectId": object, "files": [file] }));
    }

    /// Whether there is something of that role and those words.
    pub(crate) fn has(&self, role: &str, words: &str) -> bool {
        self.tab.eval(&format!("Boolean({FIND}({}, {}))", json!(role), json!(words))) == true
    }

    #[track_caller]
    pub(crate) fn is_marked(&self, label: &str) -> bool {
        self.place("field", label);
        self.tab.eval(&format!("{FIND}('field', {}).checked", json!(label))) == true
    }

    /// Looks at another tenant.
    #[track_caller]
    pub(crate) fn turn_to(&self, tenant: &str) {
        self.open("/app");
        if self.value("Tenant") != tenant {
            self.tab.leads(|_| self.choose("Tenant", tenant));
        }
        assert_eq!(self.value("Tenant"), tenant);
    }

    /// Opens a page until an expression is true on it.
    #[track_caller]
    pub(crate) fn again_until(&self, path: &str, expression: &str) {
        let started = Instant::now();
        loop {
            self.open(path);
            if self.tab.eval(&format!("Boolean({expression})")) == true {
                return;
            }
            assert!(started.elapsed() < APPEARS_MAX, "{expression} did not come at {path}:\n{}", self.words());
        }
    }

    /// What a browser had to complain about since this was last asked: errors, broken rules, requests elsewhere.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.tab.events().iter().filter_map(|event| self.complaint(event)).collect()
    }

    #[track_caller]
    pub(crate) fn no_complaints(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "until {}:\n{}", self.path(), complaints.join("\n"));
    }

    fn complaint(&self, event: &Value) -> Option<String> {
        let about = &event["params"];
        let wrong = match event["method"].as_str()? {
            "Runtime.exceptionThrown" | "Inspector.targetCrashed" => true,
            "Runtime.consoleAPICalled" => matches!(about["type"].as_str(), Some("error" | "warning" | "assert")),
            "Log.entryAdded" => matches!(about["entry"]["level"].as_str(), Some("error" | "warning")),
            // Policies and mixed content; what Chromium would like forms to be is not a fault.
            "Audits.issueAdded" => !matches!(about["issue"]["code"].as_str(), Some("GenericIssue")),
            "Network.requestWillBeSent" => {
                let url = about["request"]["url"].as_str().unwrap_or_default();
                !["blob:", "data:", "about:"].iter().any(|own| url.starts_with(own))
                    && !url.strip_prefix(&self.origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            _ => false,
        };
        wrong.then(|| about.to_string())
    }
}
