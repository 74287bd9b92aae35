//! What an administrator does with a new server, in the order of the guide, while Okta's traffic arrives beside it.

use crate::harness::{Server, Tenant};
use crate::vendors::replay::replay_in;
use crate::visit::Visit;
use serde_json::{Value, json};

const TRAFFIC: &str = include_str!("okta.jsonl");
/// Its first line names the headers that Okta sends.
const HEADERS: &str = include_str!("../it/vendors/okta/aiw_lifecycle.jsonl");

/// One story of `okta.jsonl` against the tenant of the first start.
pub(crate) fn okta(server: &Server, token: &str, story: &str, variables: &Value) {
    let tenant = || Tenant { server, name: "default".into(), prefix: "/scim/v2".into(), token: token.into() };
    let begins = |line: &&str| json!({ "story": story }) == serde_json::from_str::<Value>(line).unwrap();
    let mut lines = vec![HEADERS.lines().next().unwrap().to_owned()];
    lines.push(json!({ "story": story, "variables": variables }).to_string());
    let mut rest = TRAFFIC.lines().skip_while(|line| !begins(line));
    assert!(rest.next().is_some(), "no story {story}");
    lines.extend(rest.take_while(|line| !line.starts_with("{\"story\"")).map(str::to_owned));
    replay_in(&tenant, "okta.jsonl", &lines.join("\n"));
}

/// Makes the custom field of the story, and gives the value to copy.
pub(crate) fn make_field(visit: &Visit<'_>) -> String {
    visit.open("/app/fields/new");
    visit.fill("Name", "costCentre");
    visit.until("document.querySelector('#urn').textContent.includes(':costCentre') || [...document.querySelectorAll('#urn input')].some((i) => i.value.endsWith(':costCentre'))", "the value for the name as it is typed");
    visit.follow("button", "Create field");
    visit.sees("Field created");
    let value = visit.tab.text("[...document.querySelectorAll('main input[readonly]')].map((i) => i.value).find((v) => v.endsWith(':costCentre'))");
    assert!(value.starts_with("urn:"), "{value}");
    value
}

/// Makes a token in the console and reads it from the page that shows it once.
pub(crate) fn make_token(visit: &Visit<'_>, label: &str) -> String {
    visit.open("/app/scim/tokens");
    visit.fill("What it is for", label);
    visit.follow("button", "Generate token");
    let token = visit.value("Authentication Token");
    assert!(token.starts_with("pv_"), "{token}");
    token
}

#[test]
fn from_the_first_start_to_a_rotated_token() {
    let server = Server::start();
    let visit = Visit::new(&server);
    visit.open("/");
    visit.at("/login");
    visit.sees("Nobody owns this server yet");
    visit.set_up();
    visit.sees("of 6 done");

    let custom = make_field(&visit);
    let token = make_token(&visit, "Okta production");
    visit.sees("Waiting for the first request with this token");
    visit.sees("shown only this once");
    visit.follow("link", "I have stored it");
    visit.at("/app/scim/tokens/");
    configuration(&visit, &custom);
    ticks(&visit, &token, &custom);
    adam(&visit, &custom);
    visit.no_complaints();
    refused(&visit, &token);
    rotation(&visit, &token);
}

/// The SCIM configuration page has what the guide tells to copy.
fn configuration(visit: &Visit<'_>, custom: &str) {
    visit.open("/app/scim");
    assert_eq!(visit.value("SCIM Endpoint"), format!("{}/scim/v2", visit.origin));
    assert_eq!(visit.value("Manager attribute"), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager");
    visit.sees("Waiting for the first request");
    for operation in ["Create users", "Read users", "Update users", "Delete users"] {
        visit.place("switch", operation);
    }
    visit.follow("link", "Attribute list");
    visit.at("/app/scim/attributes");
    let copies =
        visit.tab.text("JSON.stringify([...document.querySelectorAll('[data-copy]')].map((b) => b.dataset.copy))");
    let copies: Vec<String> = serde_json::from_str(&copies).unwrap();
    let (namespace, name) = custom.rsplit_once(':').unwrap();
    for value in [custom, namespace, name] {
        assert!(copies.iter().any(|copy| copy == value), "{value} can be copied");
    }
}

/// The steps of the setup tick themselves off while Okta calls: the page is never loaded again.
fn ticks(visit: &Visit<'_>, token: &str, custom: &str) {
    visit.open("/app/setup");
    visit.until("document.querySelector('#live')?.dataset.state === 'live'", "the live connection");
    visit.tab.eval("window.stayed = true");
    let done = |steps: u32| {
        visit.until(
            &format!("document.querySelectorAll('.setup-steps > li.good').length === {steps}"),
            &format!("{steps} steps"),
        );
    };
    done(1);
    okta(visit.server, token, "connect", &json!({}));
    done(3);
    visit.sees("Okta SCIM Client");
    okta(visit.server, token, "assign", &json!({ "custom": custom }));
    done(5);
    visit.sees("Arrived: userName, name.givenName, name.familyName, emails, manager");
    okta(visit.server, token, "push a group", &json!({}));
    done(6);
    visit.sees("6 of 6");
    assert_eq!(visit.tab.eval("window.stayed"), true, "the page stayed the same");
}

/// Adam in the list, on his page, as the API shows him, in his history and in the log.
fn adam(visit: &Visit<'_>, custom: &str) {
    visit.open("/app/users");
    visit.sees("adam@example.com");
    visit.sees("Managed");
    let row =
        visit.tab.text("[...document.querySelectorAll('tr')].find((r) => r.textContent.includes('adam@')).innerText");
    assert!(row.contains("Bea Cruz") && row.contains("4711"), "his manager and his custom field: {row}");
    visit.follow("link", "Adam Kay");
    visit.at("/app/users/");
    visit.sees("Bea Cruz");
    visit.sees("4711");
    visit.sees("Engineer");
    visit.follow("tab", "Raw SCIM");
    visit.sees("\"userName\": \"adam@example.com\"");
    let (namespace, _) = custom.rsplit_once(':').unwrap();
    visit.sees(namespace);
    visit.follow("tab", "Groups");
    visit.sees("Engineers");
    visit.follow("tab", "History");
    visit.sees("Okta production");
    visit.sees("title");
    visit.follow("link", "POST");
    visit.at("/app/log/");
    for words in ["What came in", "What we answered", "What changed", "Why", "Then", "Again"] {
        visit.sees(words);
    }
    visit.sees("Okta SCIM Client 1.0.0");
    visit.sees("201 Created");
    visit.sees("Recognised by the token “Okta production”");
    visit.sees("The switch create of users was on");
    visit.sees("$TOKEN");
    let bodies = visit.tab.text("[...document.querySelectorAll('pre')].map((pre) => pre.textContent).join('\\n')");
    assert!(bodies.contains("\"adam@example.com\"") && bodies.contains("4711"), "{bodies}");
    assert!(!bodies.contains("pv_"), "no token is in it");
    let diff = visit.tab.text("document.querySelector('table.diff').innerText");
    assert!(diff.contains("userName") && diff.contains("costCentre"), "{diff}");
    let steps: u64 = visit.tab.eval("document.querySelectorAll('.decisions li').length").as_u64().unwrap();
    assert!(steps >= 4, "{steps} decisions");
}

/// Update is switched off, a PUT is refused, and the log says why and where to go.
fn refused(visit: &Visit<'_>, token: &str) {
    visit.open("/app/scim");
    visit.follow("switch", "Update users");
    visit.sees("Update users is off");
    visit.sees("Deactivation is an update too");
    visit.open("/app/log");
    visit.until("document.querySelector('#live')?.dataset.state === 'live'", "the live connection");
    visit.tab.eval("window.stayed = true");
    okta(visit.server, token, "change a title", &json!({}));
    visit.sees("403 PRV-2005");
    assert_eq!(visit.tab.eval("window.stayed"), true, "the row came by itself");
    let row = visit.tab.text("[...document.querySelectorAll('tr')].find((r) => r.textContent.includes('PRV-2005')).querySelector('a').pathname");
    visit.open(&row);
    visit.sees("What to do:");
    visit.sees("The switch update of users was off");
    visit.sees("Nothing: the request was refused");
    visit.follow("link", "Operation switches");
    visit.at("/app/scim#operations");
    visit.follow("switch", "Update users");
    visit.sees("Update users is on");
    visit.open(&row);
    visit.follow("button", "Rehearse it now");
    visit.sees("now something else would happen");
    visit.follow("link", "About PRV-2005");
    visit.at("/docs/errors/PRV-2005");
    visit.no_complaints();
}

/// A second token beside the first: both are taken, then the old one is revoked and only it is refused.
fn rotation(visit: &Visit<'_>, old: &str) {
    let look = |token: &str, story: &str| okta(visit.server, token, story, &json!({}));
    visit.open("/app/scim/tokens");
    visit.follow("link", "Okta production");
    visit.follow("button", "Rotate token");
    let new = visit.value("Authentication Token");
    assert_ne!(new, old);
    assert!(!visit.path().contains("rotate"), "what is loaded again is the token's page: {}", visit.path());
    visit.until("document.querySelector('#live')?.dataset.state === 'live'", "the live connection");
    look(old, "look");
    visit.sees("Waiting for the first request with this token");
    look(&new, "look");
    visit.sees("by Okta SCIM Client 1.0.0");
    visit.follow("link", "I have stored it");
    visit.sees("The new token is in use");
    visit.follow("link", "The old token");
    visit.press("button", "Revoke token");
    visit.fill("Type", "Okta production");
    let (x, y) = visit.place_last("button", "Revoke token");
    visit.tab.leads(|tab| tab.click_at(x, y));
    visit.sees("revoked");
    look(&new, "look");
    look(old, "look in vain");
    visit.no_complaints();
}
