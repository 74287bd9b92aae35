//! Bearer tokens: how they look, how they are made, and what is kept of them.
//!
//! `pv_` (or `pva_` for administrators), 43 characters of randomness, 6 of a checksum. The prefix lets secret
//! scanners find them, the checksum tells a typing error from a wrong token without a look into the database.
//! Only the SHA-256 of the whole is kept: with 256 random bits there is nothing to guess, so a slow hash
//! would protect nothing.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;

/// Prefix of a token for the SCIM endpoints of one tenant.
pub(crate) const PREFIX: &str = "pv_";
/// Prefix of an administrator's token.
pub(crate) const ADMIN_PREFIX: &str = "pva_";

const SECRET_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;
/// Characters of the secret that are shown beside the label, to tell tokens apart.
const HINT_CHARS: usize = 4;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new token; the text is shown once and then only its hash is known.
pub(crate) struct NewToken {
    /// What the client sends.
    pub(crate) text: String,
    /// What is kept.
    pub(crate) hash: [u8; 32],
    /// What may be shown: the prefix and the first characters.
    pub(crate) hint: String,
}

/// Makes a token out of the operating system's randomness; nothing if there is none.
pub(crate) fn make(prefix: &str) -> Option<NewToken> {
    let mut random = [0u8; 32];
    aws_lc_rs::rand::SecureRandom::fill(&SystemRandom::new(), &mut random).ok()?;
    let secret = base62(&random, SECRET_CHARS);
    let text = format!("{prefix}{secret}{}", checksum(prefix, &secret));
    let hint = format!("{prefix}{}…", secret.get(..HINT_CHARS).unwrap_or_default());
    Some(NewToken { hash: hash(&text), hint, text })
}

/// What the database knows a token by.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    out
}

/// Whether this looks like one of our tokens at all, complete or not.
pub(crate) fn is_ours(text: &str) -> bool {
    text.starts_with(PREFIX) || text.starts_with(ADMIN_PREFIX)
}

/// Whether the checksum fits: `false` means that characters are missing or wrong.
pub(crate) fn is_whole(text: &str) -> bool {
    let prefix = if text.starts_with(ADMIN_PREFIX) { ADMIN_PREFIX } else { PREFIX };
    let Some(body) = text.strip_prefix(prefix) else { return false };
    let Some((secret, check)) = body.split_at_checked(SECRET_CHARS) else { return false };
    check == checksum(prefix, secret)
}

fn checksum(prefix: &str, secret: &str) -> String {
    let whole = digest(&SHA256, format!("{prefix}{secret}").as_bytes());
    base62(whole.as_ref().get(..4).unwrap_or_default(), CHECK_CHARS)
}

/// The bytes as one big number in base 62, of a fixed length.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = Vec::with_capacity(length);
    for _ in 0..length {
        let mut rest = 0usize;
        for byte in &mut number {
            let value = rest * 256 + usize::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        digits.push(ALPHABET.get(rest).copied().unwrap_or(b'0'));
    }
    digits.reverse();
    String::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_whole_and_one_wrong_character_is_noticed() {
        for prefix in [PREFIX, ADMIN_PREFIX] {
            let token = make(prefix).unwrap();
            assert_eq!(token.text.len(), prefix.len() + SECRET_CHARS + CHECK_CHARS);
            assert!(is_ours(&token.text) && is_whole(&token.text));
            assert!(!is_ours(&token.text[1..]) && !is_ours(&prefix[..2]) && !is_ours(""));
            assert_eq!(token.hash, hash(&token.text));
            let at = prefix.len() + 7;
            let other = if token.text.as_bytes()[at] == b'x' { "y" } else { "x" };
            let mut wrong = token.text.clone();
            wrong.replace_range(at..=at, other);
            assert!(!is_whole(&wrong));
            assert!(!is_whole(&token.text[..token.text.len() - 1]));
        }
    }

    #[test]
    fn base62_is_positional() {
        assert_eq!(base62(&[0, 61], 2), "0z");
        assert_eq!(base62(&[0, 62], 2), "10");
        assert_eq!(base62(&[255, 255], 3), "H31");
    }
}
