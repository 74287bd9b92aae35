//! What every page keeps to, as a browser sees it: axe finds nothing in either colour at either width, nothing scrolls
//! sideways, nothing comes from elsewhere, nothing complains, and what goes over the wire is small.

use crate::harness::Server;
use crate::story::{make_field, make_token, okta};
use crate::visit::Visit;
use base64::Engine;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// axe-core 4.11.0 as published (npm, `axe.min.js`, MPL-2.0); only these tests use it.
const AXE: &str = include_str!("axe.min.js");

/// Most that a page may cost that nobody has seen before, in bytes on the wire.
const COLD_MAX: f64 = 60.0 * 1024.0;
const SCRIPT_MAX: f64 = 25.0 * 1024.0;
const STYLE_MAX: f64 = 12.0 * 1024.0;

/// The tallest picture that is kept.
const PICTURE_MAX: u32 = 3_000;

/// Pictures that the README and the guide show, in the light.
const SHOWN: &[&str] = &["setup", "overview", "scim", "user", "log", "log-entry"];

/// A server on which something has happened, so that no page is empty.
pub(crate) fn furnished(visit: &Visit<'_>) -> Vec<(&'static str, String)> {
    let server = visit.server;
    let custom = make_field(visit);
    let token = make_token(visit, "Okta production");
    let none = json!({});
    okta(server, &token, "connect", &none);
    okta(server, &token, "assign", &json!({ "custom": custom }));
    okta(server, &token, "push a group", &none);
    okta(server, "pv_unknown", "look in vain", &none);
    visit.open("/app/scim");
    visit.follow("switch", "Update users");
    okta(server, &token, "change a title", &none);
    visit.follow("switch", "Update users");
    // Somebody who is here already, and a request for the same name: a conflict.
    let tenant = server.default_tenant();
    tenant.user("cleo@example.com", json!({ "externalId": "old" }));
    let again = json!({ "schemas": [crate::harness::USER], "userName": "cleo@example.com", "externalId": "new" });
    tenant.with_token(&token).post("/Users", &again).expect(409);
    // A push that names somebody who is not here, and a field that nobody sends any more.
    let body =
        json!({ "displayName": "Night shift", "members": [{ "value": "01a2184f-0000-7000-8000-000000000000" }] });
    tenant.with_token(&token).post("/Groups", &body).expect(201);
    let archived = archived_field(visit);
    let link = share(visit);
    let first = |list: &str, pattern: &str| {
        visit.open(list);
        let found =
            format!("[...document.querySelectorAll('main a')].map((a) => a.pathname).find((p) => {pattern}.test(p))");
        visit.until(&found, "a row");
        visit.tab.text(&found)
    };
    let user = {
        visit.open("/app/users?q=adam");
        visit.tab.text("[...document.querySelectorAll('main a')].map((a) => a.pathname).find((p) => /users.[0-9a-f-]{36}/.test(p))")
    };
    let group = first("/app/groups", "/groups.[0-9a-f-]{36}/");
    let absent = first("/app/groups?q=Night", "/groups.[0-9a-f-]{36}/");
    let of_token = first("/app/scim/tokens", "/tokens.(?!rows)/");
    let entry = |query: &str| first(&format!("/app/log?{query}"), "/log.[0-9]+/");
    let (good, bad) = (entry("op=POST&result=good&type=User"), entry("code=PRV-2005"));
    visit.open("/app/fields");
    let field = visit.tab.text("document.querySelector('main a[href*=\"fields/edit\"]').getAttribute('href')");
    let operator = first("/app/settings/operators", "/operators.[0-9a-z-]+/");
    let job = job(visit);
    let (file, trial) = import(visit);
    let named = |name: &'static str, path: &str| (name, path.to_owned());
    vec![
        named("setup", "/app/setup"),
        named("setup-entra", "/app/setup?idp=entra"),
        named("overview", "/app"),
        named("scim", "/app/scim"),
        named("tokens", "/app/scim/tokens"),
        ("token", of_token),
        named("attributes", "/app/scim/attributes"),
        named("saml", "/app/saml"),
        named("saml-new", "/app/saml/new"),
        named("users", "/app/users"),
        named("users-none", "/app/users?q=nobody"),
        named("users-never", "/app/users?source=never"),
        named("user-new", "/app/users/new"),
        ("user-edit", format!("{user}/edit")),
        ("user-raw", format!("{user}/raw")),
        ("user-groups", format!("{user}/groups")),
        ("user-history", format!("{user}/history")),
        ("user", user),
        named("groups", "/app/groups"),
        named("import", "/app/users/imports"),
        ("import-columns", file),
        ("job-import", trial),
        named("group-new", "/app/groups/new"),
        ("group-history", format!("{group}/history")),
        ("group-roles", format!("{group}/roles")),
        ("group", group),
        ("group-absent", absent),
        named("fields", "/app/fields"),
        named("field-new", "/app/fields/new"),
        ("field", field),
        ("field-archived", format!("{archived}&kind=integer")),
        named("log", "/app/log"),
        named("log-attribute", "/app/log?attribute=active"),
        named("log-none", "/app/log?text=nothing-like-this"),
        ("log-entry", good),
        ("log-entry-refused", bad),
        named("conflicts", "/app/conflicts"),
        named("jobs", "/app/jobs"),
        ("job", job),
        named("settings", "/app/settings"),
        named("settings-import", "/app/settings/import"),
        named("operators", "/app/settings/operators"),
        ("operator", operator),
        named("keys", "/app/settings/keys"),
        named("audit", "/app/settings/audit"),
        named("account", "/account"),
        named("totp", "/account/totp"),
        named("search", "/app/search?q=adam"),
        named("docs", "/docs"),
        named("docs-okta", "/docs/connect-okta"),
        named("docs-licences", "/docs/licences"),
        named("docs-licence", "/docs/licences/maud"),
        named("docs-error", "/docs/errors/PRV-2005"),
        ("share", link),
        named("missing", "/app/nothing-here"),
    ]
}

/// A field with a value that is no number, put away: the address of its page.
fn archived_field(visit: &Visit<'_>) -> String {
    visit.open("/app/fields/new");
    visit.fill("Name", "floor");
    visit.follow("button", "Create field");
    let value = visit.tab.text("document.querySelector('main input[name=value]').value");
    let (urn, _) = value.rsplit_once(':').expect("a namespace and a name");
    let user = json!({ "externalId": "00u9", urn: { "floor": "attic" } });
    visit.server.default_tenant().user("dora@example.com", user);
    visit.tab.leads(|tab| {
        tab.eval("document.querySelector('form[action=\"/app/fields/archive\"]').requestSubmit()");
    });
    visit.at("/app/fields/archived");
    visit.tab.text("location.pathname + location.search")
}

fn share(visit: &Visit<'_>) -> String {
    visit.open("/app/setup");
    visit.fill("For whom", "Okta team at Example");
    visit.follow("button", "Make a setup link");
    let link = visit.value("Setup link for");
    link.strip_prefix(&visit.origin).expect("on this server").to_owned()
}

fn job(visit: &Visit<'_>) -> String {
    visit.open("/app/users?q=cleo");
    visit.tab.eval("document.querySelector('[data-pick]').click()");
    visit.follow("button", "Deactivate…");
    visit.fill("Type “deactivate” to confirm", "deactivate");
    visit.follow("button", "Deactivate");
    visit.at("/app/jobs/");
    visit.path().split('?').next().unwrap().to_owned()
}

/// A file with a row that is refused: its page, and that of its trial.
fn import(visit: &Visit<'_>) -> (String, String) {
    visit.open("/app/users/imports");
    let text = "Login;First name;Last name;E-mail;Department\\nfay@example.com;Fay;Moss;fay@example.com;Sales\\n\
                gil@example.com;Gil;Ortiz;gil@example.com;Support\\n;No;Login;;\\n";
    visit.tab.eval(&format!(
        "(() => {{ const list = new DataTransfer(); list.items.add(new File([\"{text}\"], 'people.csv', {{ type: 'text/csv' }})); \
         document.querySelector('#file').files = list.files }})()"
    ));
    visit.follow("button", "Upload");
    visit.sees("3 rows in 5 columns");
    let file = visit.path();
    visit.follow("button", "Try it");
    visit.at("/app/jobs/");
    visit.sees("Line 4");
    let trial = visit.path();
    (file, trial)
}

/// What axe has against the page as it stands; of its rules only the one about contrast sees colours.
fn violations(visit: &Visit<'_>, rules: &str) -> Vec<String> {
    let run = format!(
        "(() => {{ for (const a of document.getAnimations()) if (a instanceof CSSTransition) a.finish(); \
         return axe.run(document, {{ resultTypes: ['violations'], preload: false, {rules} }}).then((r) => r.violations.map((v) => \
         `${{v.id}} (${{v.impact}}): ${{v.help}}\\n    ` + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 220) + ' | ' + \
         n.failureSummary.replace(/\\s+/g, ' ').slice(0, 260)).join('\\n    '))) }})()"
    );
    let found = visit.tab.eval(&run);
    found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// Whether something makes the page wider than the window, and what.
fn too_wide(visit: &Visit<'_>) -> Option<String> {
    let found = visit.tab.eval(
        "(() => { const w = document.documentElement.clientWidth; const wide = (e) => e.getBoundingClientRect().right > w + 1; if (document.documentElement.scrollWidth <= w) return null; \
         return document.documentElement.scrollWidth + ' > ' + w + ': ' + [...document.querySelectorAll('body *')].filter((e) => \
         wide(e) && ![...e.children].some(wide) && e.checkVisibility() && !e.closest('.side, .scroll, pre')).slice(0, 3).map((e) => e.outerHTML.slice(0, 160)).join(' … ') })()",
    );
    found.as_str().map(str::to_owned)
}

/// `PROVOST_TEST_PICTURES` names another folder, and has each page kept in both colours at both widths.
const PICTURES: &str = "PROVOST_TEST_PICTURES";

fn pictures() -> PathBuf {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
    let folder = std::env::var_os(PICTURES).map_or(usual, PathBuf::from);
    fs::create_dir_all(&folder).expect("the target folder is writable");
    folder
}

/// A window as tall as the page, so that what sticks to its edges is where it belongs.
fn keep(visit: &Visit<'_>, folder: &Path, name: &str, width: u32, (height_min, height_max): (u32, u32)) {
    let height = visit.tab.eval("document.documentElement.scrollHeight").as_u64().unwrap() as u32;
    visit.tab.size(width, height.clamp(height_min, height_max));
    let bytes = base64::engine::general_purpose::STANDARD.decode(visit.tab.picture()).expect("base64");
    fs::write(folder.join(format!("{name}.png")), bytes).expect("a picture can be written");
}

/// Bytes on the wire since the last look, by kind.
fn weights(events: &[Value]) -> (f64, f64, f64) {
    let kind = |id: &Value| {
        let sent =
            |event: &&Value| event["method"] == "Network.requestWillBeSent" && event["params"]["requestId"] == *id;
        events.iter().find(sent).map(|event| event["params"]["type"].as_str().unwrap_or_default()).unwrap_or_default()
    };
    let (mut all, mut script, mut style) = (0.0, 0.0, 0.0);
    for event in events.iter().filter(|event| event["method"] == "Network.loadingFinished") {
        let size = event["params"]["encodedDataLength"].as_f64().unwrap_or(0.0);
        all += size;
        match kind(&event["params"]["requestId"]) {
            "Script" => script += size,
            "Stylesheet" => style += size,
            _ => {}
        }
    }
    (all, script, style)
}

/// One page in both colours at every width; what is wrong with it.
pub(crate) fn judge(visit: &Visit<'_>, name: &str, path: &str) -> Vec<String> {
    visit.tab.size(1280, 800);
    visit.tab.colours("light");
    visit.open(path);
    judge_here(visit, name)
}

/// The same of the page that is open: what a form was answered with has no address of its own.
pub(crate) fn judge_here(visit: &Visit<'_>, name: &str) -> Vec<String> {
    let (mut wrong, path) = (Vec::new(), visit.path());
    let folder = pictures();
    visit.tab.size(1280, 800);
    visit.tab.colours("light");
    let title = visit.tab.text("document.title");
    if title.len() < 12 || !title.ends_with(" · Provost") {
        wrong.push(format!("the title is “{title}”"));
    }
    for (width, height) in [(1280, 800), (390, 844)] {
        visit.tab.size(width, height);
        for (colour, rules) in [("light", ""), ("dark", "runOnly: ['color-contrast']")] {
            visit.tab.colours(colour);
            wrong.extend(violations(visit, rules).into_iter().map(|found| format!("{colour} {width}: {found}")));
            if width == 1280 || colour == "light" || std::env::var_os(PICTURES).is_some() {
                keep(visit, &folder, &format!("{name}-{width}-{colour}"), width, (height, PICTURE_MAX));
                visit.tab.size(width, height);
            }
        }
        wrong.extend(too_wide(visit).map(|wide| format!("at {width}: {wide}")));
    }
    visit.tab.size(320, 640);
    wrong.extend(too_wide(visit).map(|wide| format!("at 320: {wide}")));
    // A page that says no is told so by the browser, too.
    let says_no = ["missing", "person-nobody", "person-link-gone"].contains(&name);
    let expected =
        |complaint: &String| says_no && ["404", "401", "410"].iter().any(|status| complaint.contains(status));
    wrong.extend(visit.complaints().into_iter().filter(|complaint| !expected(complaint)));
    wrong.into_iter().map(|what| format!("{name} {path}\n  {what}")).collect()
}

/// A tab that knows axe.
pub(crate) fn judge_of(server: &Server) -> Visit<'_> {
    let visit = Visit::new(server);
    visit.tab.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": AXE }));
    visit
}

/// All of them, with a second judge, because there is a second core.
pub(crate) fn judge_all(visit: &Visit<'_>, other: &Visit<'_>, pages: &[(&'static str, String)]) -> Vec<String> {
    let (one, rest) = pages.split_at(pages.len() / 2);
    let all = |visit: &Visit<'_>, pages: &[(&'static str, String)]| -> Vec<String> {
        pages.iter().flat_map(|(name, path)| judge(visit, name, path)).collect()
    };
    other.tab.size(1280, 800);
    other.sign_in();
    std::thread::scope(|scope| {
        let others = scope.spawn(|| all(other, rest));
        let mut wrong = all(visit, one);
        wrong.extend(others.join().expect("the other judge comes to an end"));
        wrong
    })
}

#[test]
fn every_page_for_everybody() {
    let server = Server::start();
    let visit = judge_of(&server);
    let mut wrong = judge(&visit, "login-first", "/login");
    wrong.extend(judge(&visit, "first-run", &visit.setup_path()));
    visit.tab.size(1280, 800);
    visit.set_up();
    for (name, path) in [("setup-new", "/app/setup"), ("overview-new", "/app"), ("log-new", "/app/log")] {
        wrong.extend(judge(&visit, name, path));
    }
    visit.tab.size(1280, 800);
    let pages = furnished(&visit);
    visit.tab.events();
    let stranger = judge_of(&server);
    wrong.extend(judge(&stranger, "login", "/login"));
    wrong.extend(judge_all(&visit, &stranger, &pages));
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
    if std::env::var_os("UPDATE").is_some() {
        for_the_guide(&visit, &pages);
    }
}

/// Each page with an empty cache.
#[test]
fn every_page_is_small() {
    let server = Server::start();
    let visit = Visit::owner(&server);
    small(&visit, &furnished(&visit));
}

pub(crate) fn small(visit: &Visit<'_>, pages: &[(&'static str, String)]) {
    visit.tab.call("Network.setCacheDisabled", json!({ "cacheDisabled": true }));
    let mut heavy = Vec::new();
    for (name, path) in pages {
        visit.tab.events();
        visit.open(path);
        let (all, script, style) = weights(&visit.tab.events());
        println!("{name}: {all} bytes, script {script}, style {style}");
        assert!(script > 0.0 && style > 0.0, "{name}: {all}");
        if all > COLD_MAX || script > SCRIPT_MAX || style > STYLE_MAX {
            heavy.push(format!("{name} {path}: {all} bytes, of which script {script} and style {style}"));
        }
    }
    assert!(heavy.is_empty(), "too heavy:\n{}", heavy.join("\n"));
}

/// The few pictures that are part of the documents.
fn for_the_guide(visit: &Visit<'_>, pages: &[(&str, String)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
    fs::create_dir_all(&folder).expect("the folder of the documents is writable");
    visit.tab.size(1200, 750);
    visit.tab.colours("light");
    for (name, path) in pages.iter().filter(|(name, _)| SHOWN.contains(name)) {
        visit.open(path);
        keep(visit, &folder, name, 1200, (750, 750));
    }
}
