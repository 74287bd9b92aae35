//! A tester written by others: `scim2-tester` through `scim2-cli`, against the real binary.
//!
//! `./test` makes its Python environment (`.venv`, versions pinned in `tests/scim2_tester/requirements.txt`).

use crate::harness::{Server, Tenant};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

fn scim2() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("PROVOST_TEST_PYTHON").map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    let scim2 = python.with_file_name("scim2");
    assert!(scim2.exists(), "{} is missing: run ./test once, it makes the Python environment", scim2.display());
    scim2
}

/// Runs every check; none may fail and none may be skipped, since everything that it looks for is advertised.
fn passes(tenant: &Tenant<'_>, least: usize) {
    let output = Command::new(scim2())
        .env("SCIM_CLI_URL", format!("http://{}{}", tenant.server.address, tenant.prefix))
        .env("SCIM_CLI_HEADERS", format!("Authorization: Bearer {}", tenant.token))
        .args(["test", "--verbose"])
        .output()
        .expect("scim2 can be run");
    let report = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let passed = report.lines().filter(|line| line.starts_with("SUCCESS ")).count();
    assert!(output.status.success() && passed >= least, "{passed} passed\n{}\n{errors}", without_passed(&report));
}

/// The report without the checks that passed: each begins with its status in capitals.
fn without_passed(report: &str) -> String {
    let mut passed = false;
    let mut kept = Vec::new();
    for line in report.lines() {
        let status =
            line.split(' ').next().is_some_and(|word| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase()));
        passed = if status { line.starts_with("SUCCESS ") } else { passed };
        if !passed {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[test]
fn the_default_tenant_passes() {
    let server = Server::start();
    passes(&server.default_tenant(), 100);
}

#[test]
fn a_tenant_with_everything_of_its_own_passes() {
    let server = Server::start();
    let tenant = server.tenant();
    let attribute = |attribute| {
        let made = tenant.admin("POST", "/attributes", json!({ "resourceType": "User", "attribute": attribute }));
        assert!(made.status < 300, "{}", made.text());
    };
    // What the tester can make up values for: it takes words for decimal and dateTime, compares binary with its own
    // text, and expects `add` to a list of plain values to replace it.
    for kind in ["string", "boolean", "integer"] {
        attribute(json!({ "name": format!("one_{kind}"), "type": kind }));
    }
    attribute(json!({ "name": "link", "type": "reference", "referenceTypes": ["external"] }));
    attribute(
        json!({ "name": "desk", "type": "complex", "subAttributes": [{ "name": "floor", "type": "integer" }, { "name": "room", "type": "string" }] }),
    );
    for offered in ["okta-role", "okta-entitlement"] {
        let made = tenant.admin("POST", "/resource-types", json!({ "offered": offered }));
        assert!(made.status < 300, "{}", made.text());
    }
    passes(&tenant, 200);
}
