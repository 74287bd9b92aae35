//! The guide, whole: two tenants of one server play the application and the directory, and an administrator of both does
//! every step by its label, until Adam is in the application, changes there, and is out of it. The two sides meet over
//! HTTP only.

use crate::harness::Server;
use crate::story::{make_field, make_token};
use crate::visit::Visit;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

const APPLICATION: &str = "serviceops";
const APP: &str = "ServiceOps SCIM";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Alone on two cores the whole of it takes less than a minute; a busy machine gets twice that.
const WHOLE_MAX: Duration = Duration::from_secs(120);
/// From the commit in the directory to the commit in the application, in microseconds.
const ARRIVES_MAX: i64 = 1_000_000;

/// What is copied from the application's pages.
struct Copied {
    endpoint: String,
    token: String,
    manager: String,
    custom: String,
    acs: String,
    audience: String,
}

#[test]
fn the_guide_whole() {
    let server = Server::start_both_sides();
    let began = Instant::now();
    server.admin("POST", "/tenants", Some(&json!({ "name": APPLICATION }))).expect(201);
    let visit = Visit::owner(&server);
    let copied = before(&visit);
    people(&visit);
    integration(&visit, &copied);
    provisioning(&visit, &copied);
    to_app(&visit);
    attributes(&visit, &copied);
    assign(&visit);
    let users = Visit::new(&server);
    users.sign_in();
    users.turn_to(APPLICATION);
    let adam = arrived(&users);
    changed(&visit, &users, &adam);
    left(&visit, &users, &adam);
    explained(&visit);
    visit.no_complaints();
    users.no_complaints();
    let took = began.elapsed();
    println!("the whole guide took {:.1} s", took.as_secs_f64());
    assert!(took < WHOLE_MAX, "the whole guide took {took:?}");
}

/// Before: the application's side.
fn before(visit: &Visit<'_>) -> Copied {
    visit.turn_to(APPLICATION);
    let custom = make_field(visit);
    let token = make_token(visit, "Okta");
    visit.follow("link", "I have stored it");
    visit.follow("link", "SCIM configuration");
    let endpoint = visit.value("SCIM Endpoint");
    let manager = visit.value("Manager attribute");
    assert_eq!(manager, format!("{ENTERPRISE}:manager"));
    assert_eq!(visit.value("Custom field costCentre"), custom);
    for operation in ["Create users", "Read users", "Update users", "Delete users"] {
        visit.place("switch", operation);
    }
    visit.follow("link", "SAML sign-in");
    visit.sees("IDP details");
    let (acs, audience) = (visit.value("Single sign on URL"), visit.value("Audience URI (SP Entity ID)"));
    Copied { endpoint, token, manager, custom, acs, audience }
}

/// The directory's own people: Bea, her report Adam, and a group with Carl in it.
fn people(visit: &Visit<'_>) {
    visit.turn_to("default");
    make_field(visit);
    for (given, family) in [("Bea", "Cruz"), ("Carl", "Moss"), ("Adam", "Kay")] {
        let login = format!("{}@example.com", given.to_lowercase());
        visit.open("/app/users/new");
        visit.fill("Login (userName)", &login);
        visit.fill("Given name", given);
        visit.fill("Family name", family);
        visit.fill("E-mail at work", &login);
        visit.follow("button", "Create user");
        visit.sees("User created");
    }
    visit.follow("link", "Edit");
    visit.fill("Manager", "bea@example.com");
    visit.fill("costCentre", "4711");
    visit.follow("button", "Save");
    visit.sees("Saved");
    visit.sees("Bea Cruz");
    visit.open("/app/groups/new");
    visit.fill("Name", "Sales");
    visit.follow("button", "Create group");
    for who in ["bea@example.com", "carl@example.com"] {
        visit.fill("Add somebody by login", who);
        visit.follow("button", "Add member");
    }
    visit.sees("2 members");
}

/// Part 1.
fn integration(visit: &Visit<'_>, copied: &Copied) {
    visit.follow("link", "Applications");
    visit.follow("link", "Create App Integration");
    visit.press("field", "SAML 2.0");
    visit.follow("button", "Next");
    visit.sees("General settings");
    visit.fill("App name", APP);
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images/overview.png");
    visit.upload("App logo", &picture.canonicalize().expect("a picture of the guide"));
    visit.until("document.querySelector('#logo').value.length > 100", "the small picture");
    visit.follow("button", "Next");
    visit.sees("Configure SAML");
    visit.fill("Single sign on URL", &copied.acs);
    visit.fill("Audience URI (SP Entity ID)", &copied.audience);
    visit.follow("button", "Next");
    visit.press("field", "This is an internal app that we have created");
    visit.follow("button", "Finish");
    visit.at("/app/apps/serviceops-scim");
    visit.until("document.querySelector('.app-logo').naturalWidth === 48", "the logo");
}

/// Part 2.
fn provisioning(visit: &Visit<'_>, copied: &Copied) {
    visit.follow("tab", "General");
    visit.follow("link", "Edit");
    visit.press("field", "Enable SCIM provisioning");
    visit.follow("button", "Save");
    visit.sees("A Provisioning tab was added");
    visit.follow("tab", "Provisioning");
    visit.follow("tab", "Integration");
    assert!(!visit.has("tab", "To App") && !visit.has("tab", "To Directory"), "they come with the connection");
    visit.follow("link", "Edit");
    visit.fill("SCIM connector base URL", &copied.endpoint);
    visit.fill("Unique identifier field for users", "userName");
    for action in ["Push New Users", "Push Profile Updates", "Push Groups"] {
        assert!(visit.is_marked(action), "{action}");
    }
    visit.choose("Authentication Mode", "bearer");
    assert!(!visit.has("button", "Save"), "what was not tested cannot be saved");
    visit.fill("Authorization", "pv_mistyped");
    visit.follow("button", "Test Connector Configuration");
    visit.sees("does not accept the credentials");
    assert!(!visit.has("button", "Save"), "what failed cannot be saved");
    visit.fill("Authorization", &format!("Bearer {}", copied.token));
    visit.follow("button", "Test Connector Configuration");
    visit.sees("Connector configured successfully");
    visit.follow("button", "Save");
    for tab in ["To App", "To Directory"] {
        visit.place("tab", tab);
    }
}

/// Part 3.
fn to_app(visit: &Visit<'_>) {
    visit.follow("tab", "To App");
    visit.follow("link", "Edit");
    for switch in ["Create Users", "Update User Attributes", "Deactivate Users"] {
        visit.press("field", switch);
    }
    visit.follow("button", "Save");
    visit.sees("Attribute Mappings");
    for place in ["userName", "name.givenName", "name.familyName", "emails[type eq \"work\"].value"] {
        visit.sees(place);
    }
    visit.follow("link", "Go to Profile Editor");
}

/// Part 4.
fn attributes(visit: &Visit<'_>, copied: &Copied) {
    let namespace = copied.manager.strip_suffix(":manager").expect("its name is at the end");
    attribute(visit, "Manager", "manager", "manager", namespace);
    both_ways(visit, "manager", "managerId", "bea@example.com");
    attribute(visit, "Cost centre", "Custom_Field", &copied.custom, "");
    both_ways(visit, "Custom_Field", "costCentre", "4711");
}

fn attribute(visit: &Visit<'_>, display: &str, variable: &str, external: &str, namespace: &str) {
    visit.follow("tab", "Profile Editor");
    visit.follow("link", "Add Attribute");
    visit.choose("Data type", "string");
    visit.fill("Display name", display);
    visit.fill("Variable name", variable);
    visit.fill("External name", external);
    if !namespace.is_empty() {
        visit.fill("External namespace", namespace);
    }
    visit.choose("Restriction", "between");
    visit.fill("From", "0");
    visit.fill("To", "255");
    visit.sees("The app will receive");
    visit.follow("button", "Save");
    visit.sees("Attribute added");
}

/// Both tabs of the mappings, each with a preview and *Apply Updates*.
fn both_ways(visit: &Visit<'_>, variable: &str, directory: &str, adams: &str) {
    let to_directory = format!("{APP} → Directory");
    mapping(visit, &to_directory, directory, &format!("appuser.{variable}"), &["There is no account at the app"]);
    let to_app = format!("Directory → {APP}");
    mapping(visit, &to_app, variable, &format!("user.{directory}"), &["Not assigned yet", adams]);
}

fn mapping(visit: &Visit<'_>, tab: &str, attribute: &str, value: &str, previewed: &[&str]) {
    visit.follow("tab", "Mappings");
    visit.follow("tab", tab);
    visit.choose("Attribute", attribute);
    visit.fill("Value", value);
    visit.fill("Preview for", "adam@example.com");
    previewed.iter().for_each(|words| visit.sees(words));
    visit.follow("button", "Save Mappings");
    visit.sees("Nothing is saved yet");
    visit.follow("button", "Apply Updates");
    visit.sees("Mappings saved");
}

/// Part 5.
fn assign(visit: &Visit<'_>) {
    visit.follow("tab", "Assignments");
    visit.sees("Nobody is assigned");
    for (menu, who) in [("Assign to People", "Adam Kay"), ("Assign to Groups", "Sales")] {
        visit.press("button", "Assign");
        visit.follow("link", menu);
        visit.follow("link", &format!("Assign {who}"));
        visit.follow("button", "Save and Go Back");
        visit.sees(&format!("{who} assigned"));
        visit.follow("link", "Done");
    }
    visit.follow("tab", "Push Groups");
    visit.fill("Group", "Sales");
    visit.follow("button", "Push group");
    visit.sees("Sales");
}

/// Adam is in the application's list, with his manager, who came with the group, and his custom field; the group is there.
fn arrived(users: &Visit<'_>) -> String {
    let row = "([...document.querySelectorAll('tbody tr')].find((r) => r.textContent.includes('adam@example.com'))?.innerText ?? '')";
    users.again_until("/app/users", &format!("{row}.includes('Bea Cruz') && {row}.includes('4711')"));
    users.again_until("/app/groups", "document.querySelector('main').innerText.includes('Sales')");
    users.follow("link", "Sales");
    users.again_until(&users.path(), "document.querySelector('main').innerText.includes('2 members')");
    users.open("/app/users");
    users.follow("link", "Adam Kay");
    users.sees("Bea Cruz");
    users.sees("4711");
    users.sees("Managed");
    users.path()
}

/// When a person was last changed in a tenant, by its own feed.
fn changed_at(server: &Server, tenant: &str, what: &str) -> i64 {
    let rows = server.admin("GET", &format!("/tenants/{tenant}/changes?after=0&limit=1000"), None).json();
    let fits = |row: &&Value| row["resourceType"] == "User";
    let last =
        rows["data"].as_array().unwrap().iter().rev().filter(fits).find(|row| row["what"].to_string().contains(what));
    let at = last.unwrap_or_else(|| panic!("{tenant}: {what} in {rows}"))["at"].as_str().unwrap().to_owned();
    at.parse::<jiff::Timestamp>().unwrap_or_else(|why| panic!("{at}: {why}")).as_microsecond()
}

/// How long it took from the directory to the application.
fn within_a_second(server: &Server, what: &str) {
    let took = changed_at(server, APPLICATION, what) - changed_at(server, "default", what);
    println!("{what}: at the application after {} ms", took / 1_000);
    assert!((0..ARRIVES_MAX).contains(&took), "{what} took {took} µs");
}

fn open_adam(visit: &Visit<'_>) {
    visit.follow("link", "Users");
    visit.follow("link", "Adam Kay");
}

fn changed(visit: &Visit<'_>, users: &Visit<'_>, adam: &str) {
    open_adam(visit);
    visit.follow("link", "Edit");
    visit.fill("Family name", "Kay-Cruz");
    visit.follow("button", "Save");
    users.again_until(adam, "document.querySelector('main').innerText.includes('Kay-Cruz')");
    within_a_second(visit.server, "name");
}

fn left(visit: &Visit<'_>, users: &Visit<'_>, adam: &str) {
    visit.press("button", "Deactivate");
    let (x, y) = visit.place_last("button", "Deactivate");
    visit.tab.leads(|tab| tab.click_at(x, y));
    visit.sees("Deactivated");
    users.again_until(adam, "document.querySelector('.head').innerText.includes('Deactivated')");
    within_a_second(visit.server, "active");
}

/// Why Adam is not there any more, and where his values come from.
fn explained(visit: &Visit<'_>) {
    visit.follow("tab", "Applications");
    visit.sees("They are deactivated");
    visit.follow("link", "Why, and what would be sent");
    visit.at("/app/apps/serviceops-scim/on-demand");
    for step in ["1 Import", "2 Scope", "3 Match", "4 Map", "5 Decide", "6 Send"] {
        visit.sees(step);
    }
}
