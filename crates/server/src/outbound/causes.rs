//! Why somebody should look, in words: what groups links into one task, what is wrong, what to do.

use provision::brake::Held;
use provision::outcome::Trouble;
use provision::plan::Parking;
use scim::Code;
use serde_json::{Value, json};
use store::Cause;

/// Longest part of a target's own words in a cause's key.
const WORDS_MAX: usize = 120;

/// The cause of a parked link.
pub(crate) fn parked(reason: &Parking) -> Cause {
    let (key, title, fix) = match reason {
        Parking::Impossible { problems } => {
            let first = problems.first();
            let attribute = first.map(|problem| problem.attribute.as_str()).unwrap_or_default();
            let message = first.map(|problem| problem.message.as_str()).unwrap_or_default();
            (
                format!("impossible:{attribute}:{}", plain(message)),
                format!("{attribute}: {message}"),
                "Give the person a value, or change the mapping.",
            )
        }
        Parking::ActionOff { action } => (
            format!("actionOff:{action}"),
            format!("the action {action} is switched off for this app"),
            match action.as_str() {
                "deactivate" => {
                    "They should have no access any more, and keep it: switch it on under Provisioning › To App, or ignore the task."
                }
                _ => "Switch it on under Provisioning › To App, or unassign these people.",
            },
        ),
        Parking::Conflict { .. } => (
            "conflict".into(),
            "an account that is not ours has this unique identifier".into(),
            "Take the account over (policy.adoption always), rename it at the app, or give the person another identifier.",
        ),
        Parking::Ambiguous { count } => {
            ("ambiguous".into(), format!("{count} accounts fit"), "Leave one of them at the app, then try again.")
        }
        Parking::Vanished => (
            "vanished".into(),
            "the account is gone at the app".into(),
            "Try again to have it made anew once policy.onMissing is recreate, or unassign the person.",
        ),
        Parking::Rejected { status, scim_type, detail } => (
            format!(
                "rejected:{status}:{}:{}",
                scim_type.as_deref().unwrap_or_default(),
                plain(detail.as_deref().unwrap_or_default())
            ),
            format!("the app refuses it ({status}): {}", detail.as_deref().unwrap_or("it does not say why")),
            "Change the value or the mapping that the app's words name; it is tried again by itself then.",
        ),
        Parking::Invisible => (
            "invisible".into(),
            "the app says that the account exists and shows it to nobody".into(),
            "Find it at the app: it may be deleted in part, or belong to another tenant there. Then try again.",
        ),
        Parking::Contradiction => (
            "contradiction".into(),
            "the app shows the account in a list and denies it by its id".into(),
            "Ask whoever runs the app; then try again.",
        ),
        Parking::FilterIgnored => (
            "filterIgnored".into(),
            "the app answers a filter with everything".into(),
            "Its SCIM endpoint has to support the filter userName eq; without it accounts would be made twice.",
        ),
        Parking::NotScim => (
            "notScim".into(),
            "the app answers with something that is not SCIM".into(),
            "Check the base URL: it may lead to a login page or a proxy.",
        ),
        Parking::NotApplied { attribute } => (
            format!("notApplied:{attribute}"),
            format!("the app says that it wrote {attribute}, and did not"),
            "Stop mapping the attribute, or ask whoever runs the app.",
        ),
        Parking::Failing { status } => (
            format!("failing:{status}"),
            format!("the app failed too often with this ({status})"),
            "Look at the last exchange; try again when the app works.",
        ),
    };
    Cause { key, detail: json!({"parked": reason, "title": title, "fix": fix}) }
}

/// The cause of a held link.
pub(crate) fn held(held: &Held, action: &str) -> Cause {
    let word = super::brakes::word(held.metric);
    let title = format!(
        "held by a brake: it would be {} of at most {} {word} in the window, of {} in all",
        held.count, held.allowed, held.population
    );
    let fix = "Look whether this many are meant; then approve all or some of them, or drop them.";
    Cause { key: format!("held:{word}"), detail: json!({"held": held, "action": action, "title": title, "fix": fix}) }
}

/// The cause of a link whose account is another one's.
pub(crate) fn shared() -> Cause {
    let title = "the account at the app belongs to another person already";
    let fix = "Two people would share it. Rename one of them, or unassign one.";
    Cause { key: "shared".into(), detail: json!({"title": title, "fix": fix}) }
}

/// What is wrong with an app as a whole, from its pace as it is stored: what, and what to do.
pub(crate) fn trouble(pace: &Value) -> (String, &'static str) {
    let trouble = pace.get("trouble").and_then(|trouble| serde_json::from_value::<Trouble>(trouble.clone()).ok());
    let code = |what: &str| format!("{what} ({})", Code::NO_ACCESS_TOKEN);
    match trouble {
        Some(Trouble::Unauthorized) => (
            "the app does not accept the credentials".into(),
            "Store others under Provisioning › Integration; then it is tried at once.",
        ),
        Some(Trouble::NoToken) => (
            code("the authorization server gives no access token"),
            "Test the connection under Provisioning › Integration: the step Token says why.",
        ),
        Some(Trouble::NotGranted) => (
            format!(
                "the authorization server gives no access token before somebody authenticates there ({})",
                Code::NOT_GRANTED
            ),
            "Authenticate again under Provisioning › Integration; then it is tried at once.",
        ),
        Some(Trouble::NoTokenNow) => (
            code("the authorization server is not reached, or does not work"),
            "It is tried again by itself; the step Token of the connector's test says more.",
        ),
        Some(Trouble::Forbidden | Trouble::WrongAddress | Trouble::Redirected | Trouble::Unreachable(_)) | None => {
            ("the app does not answer as it should".into(), "It is tried again by itself; the app's log says more.")
        }
    }
}

/// What a task says: title and what to do.
pub(crate) fn told(detail: &Value) -> (String, String) {
    let text = |name: &str| detail.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("title"), text("fix"))
}

/// A target's words without what differs from person to person: what is in quotes, and numbers.
fn plain(words: &str) -> String {
    let (mut out, mut quoted) = (String::new(), None);
    for c in words.chars() {
        match quoted {
            Some(quote) if c == quote => quoted = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quoted = Some(c),
            None if c.is_ascii_digit() => {
                if !out.ends_with('#') {
                    out.push('#');
                }
            }
            None => out.push(c),
        }
    }
    // Addresses and ids are whole words.
    let words: Vec<&str> = out.split_whitespace().filter(|word| !word.contains('@')).collect();
    words.join(" ").chars().take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_person_to_person_does_not_part_a_task() {
        let of =
            |detail: &str| parked(&Parking::Rejected { status: 400, scim_type: None, detail: Some(detail.into()) }).key;
        assert_eq!(of("the title \"Boss\" of 17 is too long"), of("the title \"Chief\" of 4711 is too long"));
        assert_eq!(of("adam@example.com is no address"), of("eve@example.com is no address"));
        assert_ne!(of("no such department"), of("no such title"));
    }
}
