//! The form of an app's SAML settings.

use super::super::{at, back};
use super::draft::{Draft, Wrong};
use crate::console::parts::{self, Field, Tone, choice, field, note, text_area};
use crate::console::{Desk, sentence};
use crate::outbound::integration::Integration;
use maud::{Markup, html};

/// Name ID formats.
pub(in super::super) const FORMATS: [(&str, &str); 4] = [
    ("unspecified", "Unspecified"),
    ("emailAddress", "EmailAddress"),
    ("persistent", "Persistent"),
    ("transient", "Transient"),
];

/// Which groups are named.
pub(in super::super) const GROUPS_BY: [(&str, &str); 5] = [
    ("", "All groups"),
    ("startsWith", "Starts with"),
    ("equals", "Equals"),
    ("contains", "Contains"),
    ("matches", "Matches regex"),
];

/// How messages travel.
pub(in super::super) const BINDINGS: [(&str, &str); 2] = [("redirect", "Redirect"), ("post", "POST")];

const SIGNED: [(&str, &str); 3] =
    [("both", "Response and assertion"), ("assertion", "The assertion"), ("response", "The response")];

const NAME_FORMATS: [(&str, &str); 3] = [
    ("", "Unspecified"),
    ("urn:oasis:names:tc:SAML:2.0:attrname-format:uri", "URI Reference"),
    ("urn:oasis:names:tc:SAML:2.0:attrname-format:basic", "Basic"),
];

fn word(choices: &[(&'static str, &'static str)], value: &str) -> &'static str {
    choices.iter().find(|(known, _)| *known == value).map_or("Unspecified", |(_, word)| *word)
}

/// A Name ID format in words.
pub(super) fn format_word(value: &str) -> &'static str {
    word(&FORMATS, value)
}

/// What is signed, in words.
pub(super) fn signed_word(value: &str) -> &'static str {
    word(&SIGNED, value)
}

/// A filter of groups, in words.
pub(super) fn groups_word(draft: &Draft) -> Markup {
    match draft.get("groupsBy") {
        "" => html! { "the names of all groups" },
        by => html! { "the names of groups: " (word(&GROUPS_BY, by)) " " code { (draft.get("groupsFilter")) } },
    }
}

/// The form, with what is wrong beside the fields.
pub(super) fn form(cx: &Desk, integration: &Integration, draft: &Draft, wrong: &Wrong) -> Markup {
    let error = |name: &str| wrong.get(name).map(|said| sentence(said));
    let line = |name: &str, label: &str, hint: &str, kind: &str| {
        let error = error(name);
        let value = draft.get(name);
        field(&Field {
            name,
            label,
            hint,
            kind,
            value,
            mono: true,
            autocomplete: "off",
            error: error.as_deref(),
            ..Field::default()
        })
    };
    let area = |name: &str, label: &str, hint: &str, rows: u32| {
        let error = error(name);
        let value = draft.get(name);
        text_area(&Field { name, label, hint, value, mono: true, error: error.as_deref(), ..Field::default() }, rows)
    };
    let body = html! {
        (line("ssoUrl", "Single sign on URL", "The application's ACS URL, where answers go: https://INSTANCE/saml/acs.", "url"))
        (area("otherAcsUrls", "Other requestable SSO URLs", "One a line. A request of the application may choose among them, and name no other.", 2))
        (line("audience", "Audience URI (SP Entity ID)", "https://INSTANCE/saml/metadata.", ""))
        (line("relayState", "Default RelayState", "Sent along where sign-in starts here.", ""))
        div .columns {
            (choice(&Field { name: "nameIdFormat", label: "Name ID format", value: draft.get("nameIdFormat"), ..Field::default() }, &FORMATS))
            (line("nameId", "Application username", "What the NameID is: an expression such as user.email. The login if it is empty.", ""))
        }
        (statements(draft, wrong))
        (line("groupsAttribute", "Group attribute statement", "The attribute that holds the names of the person's groups. None is sent if it is empty.", ""))
        div .columns {
            (choice(&Field { name: "groupsBy", label: "Filter", value: draft.get("groupsBy"), ..Field::default() }, &GROUPS_BY))
            (line("groupsFilter", "Filter value", "Only groups whose name fits are named; capitals count.", ""))
        }
        (choice(&Field { name: "sign", label: "What is signed", value: draft.get("sign"), ..Field::default() }, &SIGNED))
        (area("requestCertificate", "Signature certificate of the application", "PEM, or its base64. Requests that are signed are judged with it.", 4))
        label .check {
            input type="checkbox" name="requireSignedRequests" value="1" checked[!draft.get("requireSignedRequests").is_empty()];
            span { "Signed requests: what is not signed is refused" }
        }
        @if let Some(error) = error("requireSignedRequests") { p .error { (error) } }
        div .columns {
            (line("logoutUrl", "Single Logout URL", "Where the application hears that a session here has ended, as it asked or because it ended elsewhere. It may not ask if this is empty.", "url"))
            (choice(&Field { name: "logoutBinding", label: "Single logout by", value: draft.get("logoutBinding"), ..Field::default() }, &BINDINGS))
        }
        (line("logoutRequestUrl", "Single Logout URL for requests", "Only if the application takes requests at another address than answers.", "url"))
        (area("encryptionCertificate", "Encryption certificate of the application", "Assertions are encrypted to it (AES-256-GCM, RSA-OAEP). They are not if it is empty.", 4))
        div .columns {
            (field(&Field { name: "person", label: "Preview for", value: draft.get("person"), hint: "userName or id of a person", autocomplete: "off", ..Field::default() }))
        }
        div .actions {
            button .main type="submit" name="do" value="save" { "Save" }
            button type="submit" name="do" value="preview" { "Preview the SAML assertion" }
            (back(integration, "/sign-on", "Cancel"))
        }
    };
    html! {
        @if !wrong.is_empty() {
            (note(Tone::Bad, "Not saved", html! { p { (error("").unwrap_or_else(|| "Something cannot be kept like this; it is marked below.".to_owned())) } }))
        }
        (parts::card("SAML settings", parts::form(cx, &at(integration, "/sign-on"), body)))
    }
}

/// Attribute statements: names and expressions, with room for more.
fn statements(draft: &Draft, wrong: &Wrong) -> Markup {
    html! {
        fieldset .checks-field.statements {
            legend { "Attribute statements" }
            p .hint { "A name in the assertion, and the expression that gives its value: those of mappings, such as user.firstName." }
            @if let Some(said) = wrong.get("attributes") { p .error { (sentence(said)) } }
            @for at in 0..draft.rows() { (statement(draft, wrong, at)) }
            div .actions { button type="submit" name="do" value="add" { "Add another" } }
        }
    }
}

fn statement(draft: &Draft, wrong: &Wrong, at: usize) -> Markup {
    let [name, format, value] = ["name", "format", "value"].map(|part| format!("{part}.{at}"));
    let number = at.saturating_add(1);
    let held = draft.get(&format);
    let error = wrong.get(&value);
    html! {
        div .columns {
            div .field { label for=(name) { "Name" span .unseen { " of statement " (number) } }
                input .mono id=(name) name=(name) type="text" value=(draft.get(&name)) autocomplete="off" spellcheck="false"; }
            div .field { label for=(format) { "Name format" span .unseen { " of statement " (number) } }
                select id=(format) name=(format) {
                    @for (uri, words) in NAME_FORMATS { option value=(uri) selected[uri == held] { (words) } }
                    @if !NAME_FORMATS.iter().any(|(uri, _)| *uri == held) { option value=(held) selected { (held) } }
                } }
            div .field { label for=(value) { "Value" span .unseen { " of statement " (number) } }
                input .mono id=(value) name=(value) type="text" value=(draft.get(&value)) autocomplete="off" spellcheck="false" aria-invalid=[error.map(|_| "true")];
                @if let Some(error) = error { p .error { (sentence(error)) } } }
        }
    }
}
