//! The same console without a script, and without a mouse.

use crate::harness::{Server, Tenant};
use crate::story::okta;
use crate::visit::{EMAIL, NAME, PASSWORD, Visit};
use serde_json::{Value, json};

#[test]
fn every_action_without_a_script() {
    let server = Server::start();
    let visit = Visit::new(&server);
    visit.tab.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    visit.set_up();
    assert_eq!(visit.tab.eval("document.querySelector('#live').hidden"), true, "no script has run");

    visit.open("/app/fields/new");
    visit.fill("Name", "costCentre");
    visit.follow("button", "Create field");
    visit.sees("Field created");
    let custom = visit.tab.text("[...document.querySelectorAll('main input[readonly]')].map((i) => i.value).find((v) => v.endsWith(':costCentre'))");

    visit.open("/app/scim/tokens");
    visit.fill("What it is for", "Okta production");
    visit.follow("button", "Generate token");
    let token = visit.value("Authentication Token");
    visit.follow("link", "I have stored it");
    okta(&server, &token, "connect", &json!({}));
    okta(&server, &token, "assign", &json!({ "custom": custom }));
    visit.open("/app/setup");
    visit.sees("5 of 6");

    visit.open("/app/scim");
    visit.follow("switch", "Delete users");
    visit.sees("Delete users is off");
    visit.follow("button", "Undo");
    visit.sees("Delete users is on");
    visit.press("button", "Groups");
    visit.follow("switch", "Create groups");
    visit.sees("Create groups is off");
    visit.follow("button", "Test from here");
    visit.sees("Lists users (Test Connector)");
    // Each of its requests went well but the one that is switched off.
    visit.sees("PRV-2005");

    visit.open("/app/users/new");
    visit.fill("Login (userName)", "dora@example.com");
    visit.fill("Given name", "Dora");
    visit.follow("button", "Create user");
    visit.sees("User created");
    visit.press("button", "Deactivate");
    let (x, y) = visit.place_last("button", "Deactivate");
    visit.tab.leads(|tab| tab.click_at(x, y));
    visit.sees("Deactivated");
    visit.open("/app/users");
    visit.choose("State", "no");
    visit.follow("button", "Filter");
    visit.sees("dora@example.com");
    assert!(!visit.words().contains("adam@example.com"), "only who is deactivated");
    visit.tab.eval("document.querySelector('[data-pick]').checked = true");
    visit.follow("button", "Activate…");
    visit.fill("Type “activate” to confirm", "activate");
    visit.follow("button", "Activate");
    visit.at("/app/jobs/");

    visit.open("/app/log?op=POST");
    visit.choose("Result", "good");
    visit.follow("button", "Filter");
    visit.sees("adam@example.com");
    visit.follow("link", "Pause");
    visit.follow("link", "Follow");
    visit.press("button", "Colours");
    visit.follow("button", "Dark");
    assert_eq!(visit.tab.text("document.documentElement.dataset.theme"), "dark");
    visit.open("/app/settings");
    visit.sees("Settings");
    visit.press("button", &format!("Account of {NAME}"));
    visit.follow("button", "Sign out");
    visit.at("/login");
    visit.fill("E-mail", EMAIL);
    visit.fill("Password", PASSWORD);
    visit.follow("button", "Sign in");
    visit.at("/app");
    visit.no_complaints();
}

/// A change of an application is planned, looked at, approved and applied; no script runs.
#[test]
fn a_plan_without_a_script() {
    let server = Server::start();
    let app = json!({ "name": "wiki", "label": "Wiki", "target": "generic" });
    server.admin("POST", "/tenants/default/apps", Some(&app)).expect(201);
    let visit = Visit::new(&server);
    visit.tab.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    visit.set_up();
    visit.open("/app/plans");
    visit.sees("No plans");
    visit.follow("link", "New plan");
    assert!(visit.value("Document").contains("\"wiki\""), "it begins with what is there");
    visit.fill("What it is for", "Another name");
    visit.fill("Document", "{\"apps\": {\"wiki\": {\"label\": 7}}}");
    visit.follow("button", "Make the plan");
    visit.sees("No plan was made");
    visit.fill("Document", "{\"apps\": {\"wiki\": {\"label\": \"The wiki\"}}}");
    visit.follow("button", "Look at the difference");
    visit.sees("~ wiki: label: \"Wiki\" → \"The wiki\"");
    visit.follow("button", "Make the plan");
    visit.sees("the plan waits for approval");
    let plan = visit.path();
    visit.follow("button", "Approve");
    visit.sees("it can be applied now");
    let app = || server.admin("GET", "/tenants/default/apps/wiki", None).json()["label"].clone();
    assert_eq!(app(), "Wiki");
    visit.follow("button", "Apply now");
    visit.sees("What was done");
    visit.sees("At the applications");
    assert_eq!(app(), "The wiki");
    visit.open("/app/apps/wiki");
    visit.follow("link", "Plan a change");
    assert!(visit.value("Document").contains("The wiki"), "it begins with what is there");
    visit.open("/app/plans");
    visit.follow("link", "Another name #1");
    visit.at(&plan);
    assert!(!visit.has("button", "Apply now") && !visit.has("button", "Drop"));
}

#[test]
fn an_operator_signs_in_with_a_passkey() {
    let server = Server::start();
    let mut visit = Visit::new(&server);
    // A passkey belongs to a host name.
    visit.origin = format!("http://localhost:{}", server.address.port());
    visit.authenticator();
    visit.set_up();
    visit.open("/account");
    visit.fill("Name of the new passkey", "my laptop");
    visit.press("button", "Add a passkey");
    visit.sees("my laptop");
    visit.press("button", &format!("Account of {NAME}"));
    visit.follow("button", "Sign out");
    visit.at("/login");
    visit.press("button", "Use a passkey");
    visit.until("location.pathname.startsWith('/app')", "the console");
    visit.no_complaints();
}

/// What has the focus, in a few words.
const FOCUSED: &str = "(() => { const e = document.activeElement; if (!e || e === document.body) return ''; \
    return e.tagName + ' ' + (e.id || e.name || e.ariaLabel || e.textContent.replace(/\\s+/g, ' ').trim().slice(0, 40)) })()";

/// Presses Tab until something has the focus.
#[track_caller]
fn tab_to(visit: &Visit<'_>, is_it: &str) {
    let mut seen = Vec::new();
    for _ in 0..120 {
        visit.tab.key("Tab");
        if visit.tab.eval(&format!("((e) => Boolean({is_it}))(document.activeElement)")) == true {
            let shown = visit.tab.eval("(() => { const e = document.activeElement; const s = getComputedStyle(e); const p = \
                getComputedStyle(e.parentElement); return s.outlineStyle !== 'none' || s.boxShadow !== 'none' || p.outlineStyle !== 'none' || p.boxShadow !== 'none' })()");
            assert_eq!(shown, true, "the focus can be seen on {}", visit.tab.text(FOCUSED));
            return;
        }
        seen.push(visit.tab.text(FOCUSED));
    }
    panic!("{is_it} is not reached at {}: {seen:#?}", visit.path());
}

#[track_caller]
fn enter(visit: &Visit<'_>) {
    visit.tab.leads(|tab| tab.key("Enter"));
}

/// Every control is reached by Tab, in the order of the page.
fn in_order(visit: &Visit<'_>, path: &str) {
    visit.open(path);
    visit.tab.eval("document.activeElement?.blur?.()");
    let all = "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex=\"0\"]')]\
        .filter((e) => !e.disabled && e.checkVisibility({ visibilityProperty: true }) && !e.closest('dialog:not([open])') \
        && !(e.closest('details:not([open])') && !e.matches('summary')))";
    visit.tab.eval(&format!("window.order = {all}; window.at = []"));
    let count = visit.tab.eval("window.order.length").as_u64().unwrap();
    // The links of the navigation are in a `details` that only looks open; they take their turns as well.
    for _ in 0..count + 40 {
        visit.tab.key("Tab");
        let again = visit.tab.eval(
            "(() => { const n = window.order.indexOf(document.activeElement); if (n >= 0 && window.at.includes(n)) return true; window.at.push(n); return false })()",
        );
        if again == true {
            break;
        }
    }
    let missed =
        visit.tab.eval("window.order.filter((e, n) => !window.at.includes(n)).map((e) => e.outerHTML.slice(0, 120))");
    assert_eq!(missed, json!([]), "{path}: never reached");
    let reached: Vec<i64> =
        visit.tab.eval("window.at").as_array().unwrap().iter().filter_map(Value::as_i64).filter(|n| *n >= 0).collect();
    let start = reached.iter().position(|n| *n == 0).unwrap();
    let turned: Vec<i64> = reached[start..].iter().chain(&reached[..start]).copied().collect();
    assert!(turned.is_sorted(), "{path}: {turned:?}");
}

#[test]
fn every_action_without_a_mouse() {
    let server = Server::start();
    let visit = Visit::new(&server);
    visit.open(&visit.setup_path());
    // The first field has the focus already.
    visit.until("document.activeElement?.id === 'name'", "the focus in the first field");
    for (id, text) in [("name", NAME), ("email", EMAIL), ("password", PASSWORD)] {
        if id != "name" {
            tab_to(&visit, &format!("e.id === '{id}'"));
        }
        visit.tab.insert(text);
    }
    enter(&visit);
    visit.at("/app/setup");
    for path in ["/app/setup", "/app/scim", "/app/scim/tokens", "/app/users", "/app/log", "/app/fields/new"] {
        in_order(&visit, path);
    }

    // Past the navigation, then a token.
    visit.open("/app/scim/tokens");
    tab_to(&visit, "e.matches('.skip')");
    visit.tab.key("Enter");
    tab_to(&visit, "e.id === 'label'");
    visit.tab.insert("Okta production");
    tab_to(&visit, "e.matches('button.main')");
    enter(&visit);
    let token = visit.value("Authentication Token");
    tab_to(&visit, "e.matches('[data-stored]')");
    enter(&visit);
    visit.at("/app/scim/tokens/");
    okta(&server, &token, "connect", &json!({}));
    okta(&server, &token, "assign", &json!({ "custom": "urn:none:of:this" }));

    // A switch, by its own key.
    visit.open("/app/scim");
    tab_to(&visit, "e.matches('[role=switch]') && e.getAttribute('aria-labelledby').includes('delete')");
    visit.tab.leads(|tab| tab.key(" "));
    visit.sees("Delete users is off");
    tab_to(&visit, "e.matches('button') && e.textContent.includes('Undo')");
    enter(&visit);
    visit.sees("Delete users is on");

    // Single keys: to the users, down the rows, into one; search; the list of keys.
    visit.tab.key("g");
    visit.tab.leads(|tab| tab.key("u"));
    visit.at("/app/users");
    visit.tab.key("j");
    visit.tab.key("j");
    visit.tab.key("k");
    visit.tab.key("x");
    visit.until("document.activeElement.closest('tr').querySelector('[data-pick]').checked", "a row that is selected");
    visit.tab.key(".");
    visit.until("document.activeElement.closest('.head-action')", "what can be done");
    visit.tab.key("j");
    enter(&visit);
    visit.at("/app/users/");
    visit.tab.key("/");
    assert_eq!(visit.tab.text("document.activeElement.id"), "search");
    visit.tab.insert("bea");
    enter(&visit);
    visit.at("/app/search?q=bea");
    visit.sees("Bea Cruz");
    visit.tab.eval("document.activeElement.blur()");
    // Rows of a list are rows as well: what was found, and conflicts.
    visit.tab.key("j");
    visit.until("document.activeElement.matches('li[data-row] a')", "the first that was found");
    let tenant = Tenant { server: &server, name: "default".into(), prefix: "/scim/v2".into(), token: token.clone() };
    for again in ["bea@example.com", "adam@example.com"] {
        let refused = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": again });
        assert_eq!(tenant.post("/Users", &refused).status, 409);
    }
    visit.open("/app/conflicts");
    visit.tab.key("j");
    visit.tab.key("x");
    visit.until("document.querySelectorAll('[data-pick]:checked').length === 1", "a conflict that is selected");
    visit.tab.key("?");
    visit.until("document.querySelector('#shortcuts').open", "the list of keys");
    visit.tab.key("Escape");
    visit.until("!document.querySelector('#shortcuts').open", "its end");
    // A menu opens, closes and gives the focus back.
    tab_to(&visit, "e.matches('summary') && e.textContent.includes('Account of')");
    visit.tab.key("Enter");
    visit.until("document.activeElement.closest('details').open", "the menu");
    visit.tab.key("Escape");
    visit.until("!document.activeElement.closest('details').open", "the closed menu");
    visit.tab.key("Enter");
    tab_to(&visit, "e.matches('button') && e.textContent.includes('Sign out')");
    enter(&visit);
    visit.at("/login");
    visit.no_complaints();
}
