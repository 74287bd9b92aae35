//! Both sides of SAML in a real browser: one tenant is the identity provider of the other. And what its people see.

use crate::gates::{judge, judge_of};
use crate::harness::{Server, id};
use crate::visit::Visit;
use serde_json::{Value, json};

const ADAM: &str = "adam@example.com";
const PASSWORD: &str = "purple monkey dishwasher";

/// An app on the default tenant, set up by the metadata of the other tenant, with Adam assigned; and the connection of
/// the other tenant by ours. Answers the link by which Adam chooses his password.
fn connect(visit: &Visit<'_>, adam: &Value) -> String {
    visit.turn_to("serviceops");
    visit.open("/app/saml");
    let theirs = visit.value("Metadata URL");
    assert_eq!(theirs, format!("{}/t/serviceops/saml/metadata", visit.origin));
    visit.turn_to("default");
    visit.open("/app/create-app");
    visit.follow("button", "Next");
    visit.fill("App name", "ServiceOps SCIM");
    visit.follow("button", "Next");
    visit.fill("Metadata URL of the application", &theirs);
    visit.follow("button", "Fill in for me");
    assert_eq!(visit.value("Single sign on URL"), format!("{}/t/serviceops/saml/acs", visit.origin));
    assert_eq!(visit.value("Audience URI (SP Entity ID)"), theirs);
    visit.fill("Attribute statements", "firstName = user.firstName");
    visit.follow("button", "Next");
    visit.follow("button", "Finish");
    visit.at("/app/apps/serviceops-scim");
    visit.follow("tab", "Sign On");
    let ours = visit.value("Metadata URL");
    let tenant = visit.server.default_tenant();
    tenant.admin("POST", "/apps/serviceops-scim/assignments", json!({ "resource": id(adam) })).expect(201);
    visit.fill("Person", ADAM);
    visit.follow("button", "Preview");
    visit.sees("They may sign in");
    visit.open(&format!("/app/users/{}", id(adam)));
    visit.follow("tab", "Sign-in");
    visit.follow("button", "Make a sign-in link");
    let link = visit.value("Link to choose a password");
    visit.follow("link", "I have stored it");
    visit.turn_to("serviceops");
    visit.open("/app/saml");
    visit.follow("link", "Connect an identity provider");
    visit.fill("Name", "our directory");
    visit.fill("Metadata URL", &ours);
    visit.follow("button", "Look at it");
    visit.sees("What the metadata says");
    visit.follow("button", "Save");
    visit.no_complaints();
    link.strip_prefix(&visit.origin).unwrap().to_owned()
}

#[test]
fn one_tenant_signs_adam_in_to_the_other_and_scim_puts_him_out() {
    let server = Server::start_both_sides();
    let (okta, desk) = (server.default_tenant(), server.tenant_named("serviceops"));
    let more = |name: &str| json!({ "displayName": name, "emails": [{ "value": ADAM, "primary": true }] });
    let adam = okta.user(ADAM, more("Adam at Okta"));
    let there = desk.user(ADAM, more("Adam Ant"));
    let visit = Visit::owner(&server);
    let link = connect(&visit, &adam);

    let person = Visit::new(&server);
    person.open(&link);
    person.fill("Password", PASSWORD);
    person.press("button", "Save and sign in");
    person.sees("Adam at Okta");
    person.press("button", "Sign out");
    person.sees("You are not signed in");

    person.open("/t/serviceops/me");
    comes_in(&person);
    person.at("/t/serviceops/me");

    // Out of both with one click, and in again.
    person.press("button", "Sign out");
    person.sees("Here and at the identity provider");
    person.open("/me");
    person.sees("You are not signed in");
    person.open("/t/serviceops/me");
    comes_in(&person);

    // The other way round: who leaves the identity provider is out of the application as well.
    person.open("/me");
    // The page itself says so as well, before the browser has been at the application.
    person.follow("button", "Sign out");
    person.sees("You are not signed in");
    person.open("/t/serviceops/me");
    person.sees("You are not signed in");
    comes_in(&person);

    let path = format!("/Users/{}", id(&there));
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    assert!(desk.patch(&path, &off).status < 300);
    person.is_put_out();
    person.press("link", "Sign in with our directory");
    person.sees("Sign-in failed");
    person.open("/t/serviceops/me");
    person.sees("You are not signed in");

    // At the identity provider as well: there he is nobody any more.
    assert!(okta.patch(&format!("/Users/{}", id(&adam)), &off).status < 300);
    person.press("link", "Sign in with our directory");
    person.person_signs_in(ADAM, PASSWORD);
    person.sees("User name and password do not fit together");
}

/// From the application's page to the identity provider and back.
fn comes_in(person: &Visit) {
    person.press("link", "Sign in with our directory");
    person.sees("Use a passkey");
    person.person_signs_in(ADAM, PASSWORD);
    person.sees("Adam Ant");
}

#[test]
fn adam_signs_in_with_a_passkey_and_an_operator_takes_it_away() {
    let server = Server::start();
    let tenant = server.default_tenant();
    let adam = tenant.user(ADAM, json!({ "displayName": "Adam Ant" }));
    let link = server.admin("POST", &format!("/tenants/default/users/{}/sign-in-link", id(&adam)), None);
    let link = link.json()["link"].as_str().unwrap().split_once("/sign-in").unwrap().1.to_owned();
    let mut person = Visit::new(&server);
    // A passkey belongs to a host name.
    person.origin = format!("http://localhost:{}", server.address.port());
    person.authenticator();
    person.open(&format!("/sign-in{link}"));
    person.fill("Password", PASSWORD);
    person.press("button", "Save and sign in");
    person.sees("Adam Ant");
    person.fill("Name of the new passkey", "blue key");
    person.press("button", "Add a passkey");
    // Not the name that the page itself suggests, which is there before anything is made.
    person.sees("blue key");
    person.press("button", "Sign out");
    person.sees("You are not signed in");
    person.press("link", "Sign in");
    person.sees("Use a passkey");
    person.press("button", "Use a passkey");
    person.sees("with a passkey");

    assert_eq!(tenant.admin("DELETE", &format!("/users/{}/password", id(&adam)), Value::Null).status, 200);
    person.sees("You are not signed in");
    // Somebody else has a password, so that people can still sign in here; his passkey is nobody's.
    person.open("/sign-in");
    person.sees("has not set up a sign-in yet");
}

/// What people see, and the pages of the console about them, by the gates of every page.
#[test]
fn the_pages_of_people_and_of_sign_on() {
    let server = Server::start_both_sides();
    let (okta, desk) = (server.default_tenant(), server.tenant_named("serviceops"));
    let adam = okta.user(ADAM, json!({ "displayName": "Adam Ant", "title": "Engineer" }));
    desk.user(ADAM, json!({ "displayName": "Adam Ant" }));
    okta.group("Engineering", &[id(&adam)]);
    let client = json!({ "label": "Wiki", "redirectUris": ["https://wiki.example/callback"] });
    okta.admin("POST", "/oidc/clients", client).expect(201);
    let visit = judge_of(&server);
    visit.set_up();
    let link = connect(&visit, &adam);
    let mut wrong = Vec::new();

    let person = judge_of(&server);
    wrong.extend(judge(&person, "person-choose-password", &link));
    person.tab.size(1280, 800);
    person.open(&link);
    person.fill("Password", PASSWORD);
    person.press("button", "Save and sign in");
    person.sees("Adam Ant");
    person.tab.events();
    wrong.extend(judge(&person, "person-me", "/me"));
    let stranger = judge_of(&server);
    wrong.extend(judge(&stranger, "person-sign-in", "/sign-in?next=/me"));
    wrong.extend(judge(&stranger, "person-nobody", "/me"));
    wrong.extend(judge(&stranger, "person-link-gone", "/sign-in/link?code=pvw_gone"));

    // The application's side is the one that is looked at now.
    visit.tab.size(1280, 800);
    wrong.extend(judge(&visit, "saml-connected", "/app/saml"));
    wrong.extend(judge(&visit, "saml-connection", "/app/saml/connections/default"));
    visit.tab.size(1280, 800);
    visit.open("/app/saml/connections/default");
    visit.press("link", "Test sign-in");
    visit.person_signs_in(ADAM, PASSWORD);
    visit.sees("This sign-in would succeed");
    visit.tab.events();
    wrong.extend(judge(&visit, "saml-tested", &visit.path()));
    visit.tab.size(1280, 800);
    visit.turn_to("default");
    visit.tab.events();
    let clients = okta.admin("GET", "/oidc/clients", Value::Null);
    let client = clients.json()["data"][0]["id"].as_str().unwrap().to_owned();
    for (name, path) in [
        ("sign-on", "/app/apps/serviceops-scim/sign-on?person=adam@example.com".to_owned()),
        ("sign-on-edit", "/app/apps/serviceops-scim/sign-on?edit=1".to_owned()),
        ("wizard-saml", "/app/create-app/saml?label=Wiki".to_owned()),
        ("app-general", "/app/apps/serviceops-scim".to_owned()),
        ("user-sign-in", format!("/app/users/{}/sign-in", id(&adam))),
        ("oidc", "/app/oidc".to_owned()),
        ("oidc-client", format!("/app/oidc/{client}")),
    ] {
        wrong.extend(judge(&visit, name, &path));
    }
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong.join("\n"));
}
