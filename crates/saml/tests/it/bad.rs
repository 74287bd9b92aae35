//! Every hostile message is refused, and for the right reason; every reason has hostile messages.

use crate::{
    recipe::{cases, cook, refused},
    signer::file,
};
use saml::Refused;
use std::collections::HashSet;

#[test]
fn every_bad_case_is_refused_for_its_reason() {
    let mut wrong = Vec::new();
    let (mut files, mut runs) = (0, 0);
    let mut folders: Vec<_> = std::fs::read_dir(file("bad")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let reason = refused(&name).unwrap_or_else(|| panic!("tests/bad/{name} is no reason"));
        for case in cases(&folder) {
            files += 1;
            for base in case.bases() {
                runs += 1;
                let label = format!("{} on {base}", case.name);
                let came = std::panic::catch_unwind(|| cook(&case, &base).run());
                match came {
                    Ok(Err(came)) if came == reason => {}
                    other => wrong.push(format!("{label}: {other:?}")),
                }
            }
        }
    }
    println!("{files} files, {runs} runs");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(files >= 150, "only {files} bad cases");
}

#[test]
fn every_reason_has_a_folder_a_name_and_a_sentence() {
    let mut names = HashSet::new();
    for reason in Refused::ALL {
        let name = reason.name();
        assert!(names.insert(name), "{name} twice");
        assert!(!cases(&file("bad").join(name)).is_empty(), "tests/bad/{name} is empty");
        assert!(reason.fix().ends_with('.') && reason.fix().len() > 20, "{name}");
        let snake: String = format!("{reason:?}").chars().fold(String::new(), |mut out, c| {
            if c.is_ascii_uppercase() && !out.is_empty() {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
            out
        });
        assert_eq!(snake, name);
    }
}
