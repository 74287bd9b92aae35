//! The texts of the log as they are stored: together, compressed. What was sent, what was answered and what it changed
//! say the same three times.
//!
//! Stored: a byte that names the form, the length of the plain bytes, then an LZ4 block.

use crate::{Error, Result};

const FORM: u8 = 1;
/// The form's name and the length of the plain bytes.
const HEAD: usize = 5;
/// More than an entry or a block of them can have; what says so is broken.
const PLAIN_MAX: usize = 256 << 20;
/// The length of a text that is not there.
const NOTHING: u32 = u32::MAX;

/// Texts of an entry: what was sent, what was answered, the steps, the difference.
pub(crate) type Texts = [Option<String>; 4];

/// Nothing if there is no text.
pub(crate) fn pack(texts: [&Option<String>; 4]) -> Option<Vec<u8>> {
    if texts.iter().all(|text| text.is_none()) {
        return None;
    }
    let mut plain = Vec::with_capacity(texts.iter().map(|text| 4 + text.as_ref().map_or(0, String::len)).sum());
    for text in texts {
        let length = text.as_ref().map_or(NOTHING, |text| u32::try_from(text.len()).unwrap_or(NOTHING - 1));
        plain.extend_from_slice(&length.to_le_bytes());
    }
    texts.into_iter().flatten().for_each(|text| plain.extend_from_slice(text.as_bytes()));
    Some(compress(&plain))
}

pub(crate) fn unpack(packed: &[u8]) -> Result<Texts> {
    let plain = expand(packed)?;
    let (lengths, mut rest) = plain.split_at_checked(16).ok_or_else(broken)?;
    let mut texts = Texts::default();
    for (text, length) in texts.iter_mut().zip(lengths.as_chunks().0) {
        let length = u32::from_le_bytes(*length);
        if length != NOTHING {
            let (own, behind) = rest.split_at_checked(length as usize).ok_or_else(broken)?;
            *text = Some(String::from_utf8(own.to_vec()).map_err(|error| Error::Broken(Box::new(error)))?);
            rest = behind;
        }
    }
    Ok(texts)
}

pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
    let length = u32::try_from(plain.len()).unwrap_or(u32::MAX);
    let packed = lz4_flex::block::compress(plain);
    let mut out = Vec::with_capacity(HEAD + packed.len());
    out.push(FORM);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&packed);
    out
}

pub(crate) fn expand(packed: &[u8]) -> Result<Vec<u8>> {
    let (&[form, length @ ..], block) = packed.split_first_chunk::<HEAD>().ok_or_else(broken)?;
    let length = u32::from_le_bytes(length) as usize;
    if form != FORM || length > PLAIN_MAX {
        return Err(broken());
    }
    lz4_flex::block::decompress(block, length).map_err(|error| Error::Broken(Box::new(error)))
}

fn broken() -> Error {
    Error::broken("texts of the log cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_said_twice_is_kept_once() {
        let user = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"adam@example.com","name":{"givenName":"Adam","familyName":"Ant"},"active":true}"#;
        let some = |text: &str| Some(text.to_owned());
        let packed = pack([&some(user), &some(user), &None, &some(user)]).unwrap();
        assert!(packed.len() < user.len() + 40, "{} bytes for three times {}", packed.len(), user.len());
        assert_eq!(pack([&None, &None, &None, &None]), None);
    }

    proptest! {
        #[test]
        fn texts_come_back(
            body in proptest::option::of(".{0,2000}"),
            answer in proptest::option::of("[a-c]{0,70000}"),
            steps in proptest::option::of(""),
            diff in proptest::option::of(".{0,20}"),
        ) {
            let texts = [&body, &answer, &steps, &diff];
            let Some(packed) = pack(texts) else { return Ok(()) };
            let unpacked = unpack(&packed).unwrap();
            prop_assert_eq!(unpacked.each_ref(), texts);
        }

        #[test]
        fn broken_bytes_are_an_error(mut packed in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(name) = packed.first_mut() {
                *name = FORM;
            }
            if let Some(lengths) = packed.get_mut(3..5) {
                lengths.fill(0);
            }
            let _ = unpack(&packed);
        }
    }
}
