//! The texts of the log as they are stored: together, compressed. What was sent, what was answered and what it changed
//! say the same three times, and most of what a resource says is the names that its schema gives to everybody's.
//!
//! Stored: a byte that names the form, a length, then an LZ4 block, by itself or behind a dictionary, for which it is the
//! length of the plain bytes; or the bytes themselves; or several of these behind each other, each with its own length.

use crate::log_names::{AS_ANSWERED, created};
use crate::{Error, Result};
use lz4_flex::block::{self, CompressError};
use std::cell::RefCell;

/// Not compressed: what is still to grow.
const FORM_PLAIN: u8 = 0;
/// By itself: what is long enough to repeat itself.
const FORM: u8 = 1;
/// Behind `DICTIONARY`.
const FORM_WITH_DICTIONARY: u8 = 2;
/// Parts, each with its length in front of it; the length of the form is zero.
const FORM_PARTS: u8 = 3;
/// What entries say most. What was stored with it is read with it: another one is another form.
const DICTIONARY: &[u8] = include_bytes!("log_text.dictionary");
/// The form's name and the length of the plain bytes.
const HEAD: usize = 5;
/// More than an entry or a block of them can have; what says so is broken.
const PLAIN_MAX: usize = 256 << 20;
/// What a thread keeps to compress into.
const ROOM_BYTES_MAX: usize = 128 << 10;
/// The length of a text that is not there.
const NOTHING: u32 = u32::MAX;

/// Texts of an entry: what was sent, what was answered, the steps, the difference.
pub(crate) type Texts = [Option<String>; 4];

/// Nothing if there is no text.
pub(crate) fn pack(texts: [&Option<String>; 4]) -> Option<Vec<u8>> {
    if texts.iter().all(|text| text.is_none()) { None } else { Some(pack_all(texts)) }
}

/// The same, whether there is one or not.
pub(crate) fn pack_all(texts: [&Option<String>; 4]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(texts.iter().map(|text| 4 + text.as_ref().map_or(0, String::len)).sum());
    put(&mut plain, texts);
    compress_texts(&plain)
}

pub(crate) fn unpack(packed: &[u8]) -> Result<Texts> {
    take(&mut &*expand(packed)?)
}

/// Adds the texts of an entry to those of others: their lengths, then themselves.
pub(crate) fn put(plain: &mut Vec<u8>, texts: [&Option<String>; 4]) {
    for text in texts {
        let length = text.as_ref().map_or(NOTHING, |text| u32::try_from(text.len()).unwrap_or(NOTHING - 1));
        plain.extend_from_slice(&length.to_le_bytes());
    }
    texts.into_iter().flatten().for_each(|text| plain.extend_from_slice(text.as_bytes()));
}

/// Takes the texts of the next entry from what `put` wrote.
pub(crate) fn take(plain: &mut &[u8]) -> Result<Texts> {
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
    *plain = rest;
    if let [_, Some(answer), _, Some(diff)] = &mut texts
        && diff == AS_ANSWERED
    {
        texts[3] = created(answer);
    }
    Ok(texts)
}

/// Adds what `compress_texts` made to what was added so far.
pub(crate) fn push_part(parts: &mut Vec<u8>, packed: &[u8]) {
    if parts.is_empty() {
        parts.extend_from_slice(&[FORM_PARTS, 0, 0, 0, 0]);
    }
    parts.extend_from_slice(&length_of(packed));
    parts.extend_from_slice(packed);
}

/// What `put` wrote.
pub(crate) fn compress_texts(plain: &[u8]) -> Vec<u8> {
    framed(FORM_WITH_DICTIONARY, plain, |room| block::compress_into_with_dict(plain, room, DICTIONARY))
}

/// As it is.
pub(crate) fn plain(bytes: &[u8]) -> Vec<u8> {
    [&[FORM_PLAIN], &length_of(bytes)[..], bytes].concat()
}

fn length_of(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
    framed(FORM, plain, |room| block::compress_into(plain, room))
}

thread_local! {
    /// Where a thread compresses into, kept: how long it becomes is not known before, and the most would be new memory that
    /// is cleared each time.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn framed(form: u8, plain: &[u8], compress: impl FnOnce(&mut [u8]) -> Result<usize, CompressError>) -> Vec<u8> {
    ROOM.with_borrow_mut(|room| {
        let most = block::get_maximum_output_size(plain.len());
        if room.len() < most {
            room.resize(most, 0);
        }
        // It has room enough, which is the only thing that can be wrong.
        let length = compress(room).unwrap_or_default();
        let packed = room.get(..length).unwrap_or_default();
        let out = [&[form], &length_of(plain)[..], packed].concat();
        room.truncate(ROOM_BYTES_MAX);
        room.shrink_to(ROOM_BYTES_MAX);
        out
    })
}

pub(crate) fn expand(packed: &[u8]) -> Result<Vec<u8>> {
    if packed.first() != Some(&FORM_PARTS) {
        return expand_one(packed);
    }
    let (mut rest, mut plain) = (packed.get(HEAD..).ok_or_else(broken)?, Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (part, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(broken)?;
        plain.extend(expand_one(part)?);
        rest = behind;
    }
    if rest.is_empty() { Ok(plain) } else { Err(broken()) }
}

fn expand_one(packed: &[u8]) -> Result<Vec<u8>> {
    let (&[form, length @ ..], packed) = packed.split_first_chunk::<HEAD>().ok_or_else(broken)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > PLAIN_MAX {
        return Err(broken());
    }
    let plain = match form {
        FORM_PLAIN if packed.len() == length => return Ok(packed.to_vec()),
        FORM => block::decompress(packed, length),
        FORM_WITH_DICTIONARY => block::decompress_with_dict(packed, length, DICTIONARY),
        _ => return Err(broken()),
    };
    plain.map_err(|error| Error::Broken(Box::new(error)))
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
        assert!(packed.len() < user.len(), "{} bytes for three times {}", packed.len(), user.len());
        assert_eq!(pack([&None, &None, &None, &None]), None);
    }

    #[test]
    fn what_everybody_says_is_not_kept_anew() {
        let answer = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"id":"0190a1b2-0001-7000-8000-0123456789ab","externalId":"00u1","userName":"adam@example.com","name":{"familyName":"Ant","givenName":"Adam"},"displayName":"Adam Ant","emails":[{"value":"adam@example.com","type":"work","primary":true}],"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"},"meta":{"resourceType":"User","created":"2026-11-26T10:00:00.123Z","lastModified":"2026-11-26T10:00:00.123Z","location":"https://scim.example.com/scim/v2/Users/0190a1b2-0001-7000-8000-0123456789ab","version":"W/\"1\""}}"#;
        let packed = pack([&None, &Some(answer.to_owned()), &None, &None]).unwrap();
        assert!(2 * packed.len() < answer.len(), "{} bytes for {}", packed.len(), answer.len());
    }

    /// An entry as it lies in databases of 2026: neither the form nor its dictionary may change.
    const KEPT: &[u8] = &[
        2, 68, 0, 0, 0, 128, 255, 255, 255, 255, 52, 0, 0, 0, 8, 0, 0, 2, 0, 31, 123, 199, 0, 12, 10, 68, 0, 96, 50,
        92, 34, 34, 125, 125,
    ];

    #[test]
    fn what_was_kept_is_still_read() {
        let [_, answer, ..] = unpack(KEPT).unwrap();
        assert_eq!(answer.as_deref(), Some(r#"{"meta":{"resourceType":"User","version":"W/\"2\""}}"#));
    }

    proptest! {
        #[test]
        fn texts_come_back(
            body in proptest::option::of(".{0,2000}"),
            answer in proptest::option::of("[a-c]{0,70000}"),
            steps in proptest::option::of(""),
            diff in proptest::option::of("\\[.{0,20}"),
        ) {
            let texts = [&body, &answer, &steps, &diff];
            let Some(packed) = pack(texts) else { return Ok(()) };
            let unpacked = unpack(&packed).unwrap();
            prop_assert_eq!(unpacked.each_ref(), texts);
        }

        #[test]
        fn parts_come_back_as_one(parts in proptest::collection::vec(".{0,200}", 1..5)) {
            let mut packed = Vec::new();
            parts.iter().for_each(|part| push_part(&mut packed, &compress_texts(part.as_bytes())));
            prop_assert_eq!(expand(&packed).unwrap(), parts.concat().into_bytes());
            prop_assert!(expand(packed.split_last().unwrap().1).is_err());
        }

        #[test]
        fn broken_bytes_are_an_error(
            mut packed in proptest::collection::vec(any::<u8>(), 0..200),
            form in FORM_PLAIN..=FORM_PARTS + 1,
        ) {
            if let Some(name) = packed.first_mut() {
                *name = form;
            }
            if let Some(lengths) = packed.get_mut(3..5) {
                lengths.fill(0);
            }
            let _ = unpack(&packed);
        }
    }
}
