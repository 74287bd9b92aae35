//! A list instead of a look for each: what it spares, and what it never does.

use crate::world::{START, app};
use provision::census::Census;
use provision::link::{Kind, Link};
use provision::plan::{Action, Desired, Resource, Rules, next};
use serde_json::{Value, json};

fn want(id: &str, name: &str) -> Desired {
    Desired::Present(Box::new(Resource {
        external_id: id.into(),
        unique: ("userName".into(), name.into()),
        ..Resource::default()
    }))
}

fn seen(accounts: &[Value]) -> Census {
    let mut census = Census::new(&["externalId", "userName"]);
    accounts.iter().filter_map(Value::as_object).for_each(|account| census.see(account));
    census
}

/// Who is shown twice stands where somebody else was not shown.
#[test]
fn a_list_that_repeats_itself_is_not_whole() {
    let (a, b) = (json!({"id": "1", "userName": "a@x"}), json!({"id": 2, "userName": "b@x"}));
    assert!(seen(&[a.clone(), b.clone()]).is_whole() && seen(&[json!({}), json!({})]).is_whole());
    assert!(!seen(&[a, b.clone(), b]).is_whole());
}

/// What is at the app, and what the first thing is for a newcomer `id-1`, `adam@x`: a create, or a look by what.
#[test]
fn a_list_spares_looks_where_it_proves_that_nothing_is_there() {
    let app = app("generic");
    let rules = Rules { kind: Kind::User, policy: &app.policy, target: &app.target };
    let rows: [(&[Value], &str); 6] = [
        (&[], "create"),
        (&[json!({"externalId": "id-2", "userName": "eve@x"})], "create"),
        (&[json!({"externalId": "id-2", "userName": "ADAM@X"})], "userName"),
        (&[json!({"externalId": "id-1", "userName": "eve@x"})], "externalId"),
        // The app may know more of our ids than it shows.
        (&[json!({"userName": "eve@x"})], "externalId"),
        (&[json!({"externalId": "id-2"})], "userName"),
    ];
    for (accounts, first) in rows {
        let link = seen(accounts).vouch(Link::new(Kind::User, "id-1"), &want("id-1", "adam@x"), &rules, START);
        let found = match next(&link, &want("id-1", "adam@x"), &rules, START) {
            Action::Create(_) => "create".to_owned(),
            Action::Probe(lookup) => json!(lookup)["filter"]["field"].as_str().unwrap_or_default().to_owned(),
            other => other.word().to_owned(),
        };
        assert_eq!(found, first, "{accounts:?}");
    }
}

#[test]
fn a_name_is_free_once_and_whoever_may_have_been_made_is_looked_for() {
    let app = app("generic");
    let rules = Rules { kind: Kind::User, policy: &app.policy, target: &app.target };
    let mut census = seen(&[]);
    let adam = want("id-1", "adam@x");
    let first = census.vouch(Link::new(Kind::User, "id-1"), &adam, &rules, START);
    assert!(matches!(next(&first, &adam, &rules, START), Action::Create(_)));
    let other = want("id-2", "adam@x");
    let second = census.vouch(Link::new(Kind::User, "id-2"), &other, &rules, START);
    assert!(matches!(next(&second, &other, &rules, START), Action::Probe(_)), "somebody has just got that name");
    let create = next(&first, &adam, &rules, START);
    let begun = first.begin(&create, &adam, &rules, START);
    let again = seen(&[]).vouch(begun, &adam, &rules, START + 1);
    assert!(matches!(next(&again, &adam, &rules, START + 1), Action::Probe(_)), "a list proves nothing after a create");
}
