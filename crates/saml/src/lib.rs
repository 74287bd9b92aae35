//! SAML 2.0 web single sign-on as functions: bytes and a time in, a [`VerifiedAssertion`] out; and the issuing side.
//!
//! A closed profile on a parser and a cryptographic library, small enough to be read in an hour. What others were
//! broken by, and what here prevents each (each by its name and with its cases: `docs/known-failures.md`):
//!
//! | how others failed | what prevents it |
//! |---|---|
//! | what was verified was not what was read (CVE-2024-45409, 2025-25291, 2025-25292, 2025-47949) | the identity is read from the digested canonical bytes, parsed again by the same parser: [`response`] |
//! | signature found by position or by search (CVE-2024-8698, 2024-6800, 2026-33487) | a signature stands directly in the element that its one reference names; anywhere else refuses the message |
//! | ambiguous `SignedInfo` or `DigestValue` (CVE-2025-29774, 2025-29775) | every child and attribute of a signature is listed; values are text alone |
//! | a canonicaliser that yields nothing (CVE-2025-66568) | canonical form is a `Result`; odd namespaces never reach it: [`c14n`] |
//! | text cut by comments (CVE-2017-11427 to 11430, 2018-0489) | no comments, processing instructions or CDATA sections; a value is one text |
//! | a key from the message, or a key read as another kind (CVE-2024-32962, 2025-48994, 2021-21239) | `KeyInfo` is never read; the kind of a key fixes its algorithm; there is no HMAC |
//! | no key, no check (CVE-2026-28323, 2026-16443) | [`Keys`] holds at least one; a [`Connection`] cannot be made without |
//! | transforms, XSLT, DTD, addresses to fetch (CVE-2022-47966) | two transforms by name; `<!` and `<?` refused before there is a parser; nothing here opens a socket |
//! | encryption taken for authentication (CVE-2026-2092) | what was decrypted has to be signed inside, or to come out of a signed response |
//! | parameters of the redirect taken twice (CVE-2025-27773, 2025-31335) | raw query, each parameter once: [`binding`] |
//! | bombs (CVE-2023-26483, 2023-28119, 2025-25293, 2025-54572) | bounds before the tree, while inflating, and on every list |
//! | answers sent where the request says (CVE-2023-45683) | the ACS URL comes out of the registration: [`authn_request`] |
//!
//! Not here: a clock, a memory, a network. The caller remembers assertion IDs and outstanding requests, and decides
//! whether the person may come in.

mod algorithm;
pub mod authn_request;
pub mod binding;
pub mod c14n;
mod certificate;
mod encryption;
mod error;
pub mod issue;
mod keys;
pub mod logout;
pub mod metadata;
mod names;
mod prescan;
pub mod response;
mod signature;
mod time;
mod xml;

pub use algorithm::{DigestAlgorithm, SignatureAlgorithm};
pub use authn_request::AuthnRequest;
pub use certificate::Certificate;
pub use error::{Refused, Result};
pub use keys::{KEYS_MAX, Keys, PrivateKey, SigningKey, VerifyingKey};
pub use metadata::Metadata;
pub use names::{Attribute, Binding, EntityId, Location, NameId, fresh_id, name_id_format};
pub use prescan::{ATTRIBUTES_MAX, DEPTH_MAX, NAME_BYTES_MAX, NAMESPACES_MAX, TAGS_MAX};
pub use response::{Connection, Outstanding, VerifiedAssertion};
pub use time::SKEW_US;
