//! One function for each way in which a stranger's bytes come in. It panics when something does not hold; that nothing is
//! slow or breaks is watched by whoever drives it.

#[path = "mapping.rs"]
mod mapping;
#[path = "protocol.rs"]
mod protocol;
#[path = "sign_in.rs"]
mod sign_in;

/// A target: its name, which is that of its corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Whom the signed messages of the corpus are about.
pub(crate) const PEOPLE: [&str; 2] = ["adam@example.com", "G-0f2c0e1a-adam"];

/// All of them.
pub const TARGETS: [Target; 10] = [
    ("c14n", sign_in::c14n),
    ("expression", mapping::expression),
    ("filter", protocol::filter),
    ("message", protocol::message),
    ("patch", protocol::patch),
    ("path", protocol::path),
    ("saml_binding", sign_in::binding),
    ("saml_metadata", sign_in::metadata),
    ("saml_response", sign_in::response),
    ("saml_signed", sign_in::signed),
];

/// The target of that name.
pub fn find(name: &str) -> fn(&[u8]) {
    TARGETS.iter().find(|(known, _)| *known == name).expect("a target of TARGETS").1
}
