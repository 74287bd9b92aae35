//! What the pages for a directory's people keep to, whoever asks.

use crate::browser::Browser;
use crate::desk::Desk;

/// Everything that changes something there.
const CHANGES: [&str; 8] = [
    "/sign-in",
    "/sign-in/link",
    "/sign-in/passkey",
    "/sign-in/passkey/finish",
    "/me/sign-out",
    "/me/passkeys/begin",
    "/me/passkeys/finish",
    "/me/passkeys/remove",
];

#[tokio::test]
async fn the_changes_listed_here_are_all() {
    let source = include_str!("../../src/person/page.rs");
    let posts = source.matches("post(passkeys::").count() + source.matches(".post(entry::").count();
    assert_eq!(posts + source.matches("post(sign_out)").count(), CHANGES.len(), "a route was added: list it above");
}

#[tokio::test]
async fn nobody_is_signed_in_or_out_by_another_site() {
    let desk = Desk::new();
    let mut browser = Browser { site: "cross-site", ..Browser::new(&desk) };
    for path in CHANGES {
        for path in [path.to_owned(), format!("/t/default{path}")] {
            let answer = browser.post(&path, &[("name", "eve"), ("password", "x")]).await;
            assert!(answer.status == 403 && answer.text.contains("PRV-2007"), "{path}: {}", answer.text);
        }
    }
}
