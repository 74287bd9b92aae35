//! The published examples of canonicalisation, as far as the closed profile takes them.
//!
//! `tests/c14n/vectors.txt`: a sentence and its source, `id` of the apex and `prefixes` of the list where there are any,
//! then the text that goes in and the one that comes out; `\r` and `\t` are written as such. A `sha1` is the digest
//! that others published for the canonical form, so that it cannot be ours that is wrong on both sides.

use crate::signer;
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};

#[test]
fn published_examples_of_canonical_form() {
    let text = signer::read("c14n/vectors.txt");
    let plain = |text: &str| text.replace("\\r", "\r").replace("\\t", "\t").replace("\\\\", "\\");
    let (mut vectors, mut digests) = (0, 0);
    for block in text.split("\n--- end\n").filter(|block| !block.trim().is_empty()) {
        let (head, rest) = block.trim_start().split_once("\n--- in\n").unwrap();
        let (xml, out) = rest.split_once("\n--- out\n").unwrap();
        let line = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let prefixes: Vec<&str> = line("prefixes").unwrap_or_default().split_whitespace().collect();
        let (xml, out) = (plain(xml), plain(out));
        let ours = saml::c14n::exclusive(&xml, line("id"), &prefixes).unwrap_or_else(|e| panic!("{head}: {e}"));
        assert_eq!(ours, out, "{head}");
        // Once more, by itself, nothing changes.
        assert_eq!(saml::c14n::exclusive(&ours, None, &prefixes).as_ref(), Ok(&out), "{head}");
        if let Some(theirs) = line("sha1") {
            let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, ours.as_bytes());
            assert_eq!(STANDARD.encode(digest), theirs, "{head}");
            digests += 1;
        }
        vectors += 1;
    }
    assert!(vectors >= 18 && digests == 2, "{vectors} vectors, {digests} digests");
}
