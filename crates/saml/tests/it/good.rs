//! The shapes that identity providers send are taken, and read right.

use crate::{
    recipe::{NOW, cases, cook},
    signer::file,
};
use saml::VerifiedAssertion;

#[test]
fn every_good_case_is_taken() {
    let mut runs = 0;
    for folder in std::fs::read_dir(file("good")).unwrap() {
        for case in cases(&folder.unwrap().path()) {
            for base in case.bases() {
                let stage = cook(&case, &base);
                if case.lines.iter().any(|l| l.starts_with("kind ")) {
                    stage.run().unwrap_or_else(|e| panic!("{} on {base}: {e}", case.name));
                } else {
                    let login = stage.verify().unwrap_or_else(|e| panic!("{} on {base}: {e}", case.name));
                    for expectation in case.expectations() {
                        check(&login, expectation, &case.name);
                    }
                    assert_eq!(login.issuer(), stage.issuer);
                    assert!(login.expires_at() > NOW);
                }
                runs += 1;
            }
        }
    }
    assert!(runs >= 20, "{runs}");
}

fn check(login: &VerifiedAssertion, expectation: &str, case: &str) {
    let (what, want) = expectation.split_once(' ').unwrap();
    let have = match what {
        "name_id" => login.name_id().value.clone(),
        "session_index" => login.session_index().unwrap_or_default().to_owned(),
        "signed" => format!("{} {}", login.response_signed(), login.assertion_signed()),
        "encrypted" => login.encrypted().to_string(),
        "request" => login.in_response_to().unwrap_or("none").to_owned(),
        "id" => login.id().to_owned(),
        "authenticated_at" => instant(Some(login.authenticated_at())),
        "session_ends_at" => instant(login.session_ends_at()),
        "authn_context" => login.authn_context().unwrap_or("none").to_owned(),
        "attribute" => {
            let name = want.split('=').next().unwrap();
            format!("{name}={}", login.values(name).collect::<Vec<_>>().join("|"))
        }
        other => panic!("{other}?"),
    };
    assert_eq!(have, want, "{case}");
}

fn instant(at: Option<i64>) -> String {
    at.map_or_else(|| "none".to_owned(), |at| jiff::Timestamp::from_microsecond(at).unwrap().to_string())
}
