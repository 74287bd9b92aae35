//! Secrets at rest: AES-256-GCM with the key in `secret.key`, and keyed digests.
//!
//! Each purpose has a key of its own, derived from the file's with HMAC-SHA-256; a text sealed for one
//! purpose cannot be opened for another. A sealed text is nonce, ciphertext, tag.
//! Not here: tokens and passwords that nobody has to read back; their hashes are stored.

use crate::{Error, Result};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// Length of the key file in bytes.
const KEY_BYTES: usize = 32;

/// Seals and opens with the folder's key; cheap to clone.
#[derive(Clone)]
pub struct Sealer {
    root: Arc<hmac::Key>,
}

impl Sealer {
    /// Reads the key file, or makes it where there is no database yet that could depend on it.
    pub(crate) fn open(path: &Path, may_create: bool) -> Result<Self> {
        let folder = |source| Error::Folder { path: path.to_owned(), source };
        let mut bytes = [0; KEY_BYTES];
        match File::open(path) {
            Ok(mut file) => file.read_exact(&mut bytes).map_err(folder)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_create => {
                aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::broken("no random numbers"))?;
                create(path, &bytes).map_err(folder)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::KeyMissing(path.to_owned()));
            }
            Err(error) => return Err(folder(error)),
        }
        Ok(Self { root: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes)) })
    }

    /// Encrypts for one purpose. A nonce is random: at most 2^32 texts for one purpose.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let mut text = plain.to_vec();
        let nonce = self
            .cipher(purpose)?
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut text)
            .map_err(|_| Error::broken("sealing failed"))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what was sealed for the same purpose; nothing if it was not, or was tampered with.
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let cipher = self.cipher(purpose).ok()?;
        let length = cipher.open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    /// A keyed digest (HMAC-SHA-256) for one purpose.
    pub fn mac(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        digest(&hmac::Key::new(hmac::HMAC_SHA256, &self.derived("mac", purpose)), bytes)
    }

    /// Whether this is the digest of these bytes, in constant time.
    pub fn mac_matches(&self, purpose: &str, bytes: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &self.derived("mac", purpose)), bytes, mac).is_ok()
    }

    fn cipher(&self, purpose: &str) -> Result<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.derived("seal", purpose))
            .map_err(|_| Error::broken("the key cannot be used"))
    }

    fn derived(&self, use_as: &str, purpose: &str) -> [u8; 32] {
        digest(&self.root, format!("{use_as}:{purpose}").as_bytes())
    }
}

fn digest(key: &hmac::Key, bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(hmac::sign(key, bytes).as_ref()) {
        *to = *from;
    }
    out
}

/// Writes the key so that it is either not there or whole, also after a power cut.
fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
