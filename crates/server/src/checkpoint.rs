//! Checkpoints of the audit trail: its newest row, signed, and sent where whoever can write to the database cannot reach.
//!
//! A chain of hashes does not show that its newest rows were cut off, nor that it was written anew from some row on. A
//! checkpoint that lies elsewhere does: the row that it names has to be there, with the hash that was signed.
//!
//! The key (Ed25519) is derived from the one that seals everything else, so it is on every node, in every backup, and in no
//! database.

use crate::app::App;
use crate::limits;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use scim::meta::rfc3339;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use store::Sealer;
use tokio::sync::watch;

const PURPOSE: &str = "audit-checkpoint";
/// What a line says that it is; another form would be another word.
const FORM: &str = "provost-audit-1";
/// How much of the end of a file is read for its last line.
const TAIL_BYTES: u64 = 4_096;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    checkpoint: String,
    /// The number of the row.
    pub seq: i64,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// When it was signed.
    pub at: String,
    /// The public key, Base64.
    pub key: String,
    signature: String,
}

/// Why a line proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// It is not a line of this form.
    NotOne,
    /// It was signed by somebody else.
    OtherKey,
    /// It is not what was signed.
    Forged,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOne => "it is not a checkpoint",
            Self::OtherKey => "it was signed with another key",
            Self::Forged => "its signature does not fit",
        })
    }
}

impl Checkpoint {
    /// Reads a line and checks that it was signed with this key.
    pub fn proven(line: &str, key: &str) -> Result<Self, Unproven> {
        let checkpoint: Self = serde_json::from_str(line).map_err(|_| Unproven::NotOne)?;
        if checkpoint.checkpoint != FORM {
            return Err(Unproven::NotOne);
        }
        if checkpoint.key != key {
            return Err(Unproven::OtherKey);
        }
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| Unproven::Forged);
        let (public, signature) = (bytes(key)?, bytes(&checkpoint.signature)?);
        let public = UnparsedPublicKey::new(&ED25519, public);
        public.verify(checkpoint.signed().as_bytes(), &signature).map_err(|_| Unproven::Forged)?;
        Ok(checkpoint)
    }

    /// What the signature is over.
    fn signed(&self) -> String {
        format!("{FORM}\n{}\n{}\n{}\n", self.seq, self.hash, self.at)
    }

    fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Who signs them.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(crate) fn new(sealer: &Sealer) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(&sealer.mac(PURPOSE, b"seed 1")).ok().map(Self)
    }

    /// The public half, Base64.
    pub(crate) fn key(&self) -> String {
        BASE64.encode(self.0.public_key().as_ref())
    }

    fn sign(&self, seq: i64, hash: &[u8], now: i64) -> Checkpoint {
        let (hash, at) = (store::hex(hash), rfc3339(now));
        let unsigned = Checkpoint { checkpoint: FORM.into(), seq, hash, at, key: self.key(), signature: String::new() };
        let signature = BASE64.encode(self.0.sign(unsigned.signed().as_bytes()).as_ref());
        Checkpoint { signature, ..unsigned }
    }
}

/// The key that checkpoints are signed with, as everybody may know it.
pub(crate) fn key(app: &App) -> Option<String> {
    Signer::new(&app.store().sealer()).map(|signer| signer.key())
}

/// Where checkpoints go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To the end of a file.
    File(PathBuf),
    /// To standard output, a line each.
    Output,
}

impl Place {
    /// Whether it can be written to; the last checkpoint that is there.
    fn last(&self) -> io::Result<Option<Checkpoint>> {
        let Self::File(path) = self else { return Ok(None) };
        let mut file = opened(path)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let tail = String::from_utf8_lossy(&tail).into_owned();
        Ok(tail.lines().rev().find_map(|line| serde_json::from_str(line).ok()))
    }

    fn write(&self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        match self {
            Self::File(path) => {
                let mut file = opened(path)?;
                file.write_all(line.as_bytes())?;
                file.sync_data()
            }
            Self::Output => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes())?;
                out.flush()
            }
        }
    }
}

/// For appending alone, whatever else is in it.
fn opened(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// What was sent, and when.
pub(crate) struct Sender {
    signer: Signer,
    places: Vec<Place>,
    last: Option<(i64, String)>,
    sent_at: i64,
}

impl Sender {
    /// Nothing where checkpoints are not wanted; a failure where one of the places cannot be written to.
    pub(crate) fn new(app: &App) -> io::Result<Option<Self>> {
        let places = app.config().checkpoints.clone();
        let Some(signer) = Signer::new(&app.store().sealer()).filter(|_| !places.is_empty()) else { return Ok(None) };
        let mut last: Option<(i64, String)> = None;
        for place in &places {
            let there = place.last()?.and_then(|one| Checkpoint::proven(&one.line(), &signer.key()).ok());
            let there = there.map(|one| (one.seq, one.hash));
            last = last.max(there);
        }
        Ok(Some(Self { signer, places, last, sent_at: i64::MIN }))
    }

    /// Looks again and again, and once more at the end.
    pub(crate) async fn run(mut self, app: App, mut stop: watch::Receiver<bool>) {
        loop {
            let stopping = tokio::select! {
                () = tokio::time::sleep(limits::CHECKPOINT_LOOK) => false,
                _ = stop.changed() => true,
            };
            self.turn(&app, stopping).await;
            if stopping {
                return;
            }
        }
    }

    /// Sends a checkpoint if there is something new, and a minute or a thousand rows have passed since the last one.
    async fn turn(&mut self, app: &App, at_once: bool) {
        let before = self.last.as_ref().map_or(0, |(seq, _)| *seq);
        let found =
            app.store().read(move |r| -> store::Result<_> { Ok((r.audit_head()?, r.audit_hash(before)?)) }).await;
        let ((seq, hash), kept) = match found {
            Ok(found) => found,
            Err(error) => return tracing::warn!(%error, "no checkpoint of the audit trail: it cannot be read"),
        };
        if let Some((before, signed)) = &self.last
            && kept.is_none_or(|kept| store::hex(&kept) != *signed)
        {
            tracing::error!(
                "row {before} of the audit trail is not the one that was signed: rows were cut off or written anew; see provost audit verify --checkpoints"
            );
        }
        let now = app.clock().now();
        let is_due = at_once || now.saturating_sub(self.sent_at) >= limits::CHECKPOINT_EVERY;
        if seq == before || (!is_due && (0..limits::CHECKPOINT_ROWS).contains(&(seq - before))) {
            return;
        }
        let checkpoint = self.signer.sign(seq, &hash, now);
        let (line, places) = (checkpoint.line(), self.places.clone());
        let write = move || places.iter().try_for_each(|place| place.write(&line));
        match tokio::task::spawn_blocking(write).await.map_err(io::Error::other).flatten() {
            Ok(()) => (self.last, self.sent_at) = (Some((seq, checkpoint.hash)), now),
            Err(error) => tracing::error!(%error, "a checkpoint of the audit trail was not written; trying again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use store::Audit;

    fn signer(seed: u8) -> Signer {
        Signer(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    #[test]
    fn a_checkpoint_proves_what_was_signed_and_nothing_else() {
        let signer = signer(7);
        let checkpoint = signer.sign(42, &[0xab; 32], 1_767_225_600_000_000);
        let line = checkpoint.line();
        assert_eq!(Checkpoint::proven(&line, &signer.key()), Ok(checkpoint.clone()));
        assert_eq!(Checkpoint::proven(&line, &super::tests::signer(8).key()), Err(Unproven::OtherKey));
        for (from, to) in [("42", "41"), ("abab", "abac"), ("2026", "2025")] {
            assert_eq!(Checkpoint::proven(&line.replacen(from, to, 1), &signer.key()), Err(Unproven::Forged), "{from}");
        }
        for wrong in [
            "",
            "{}",
            "null",
            &line[..line.len() - 1],
            &line.replace("audit-1", "audit-2"),
            &line.replace("{", "{\"more\":1,"),
        ] {
            assert_eq!(Checkpoint::proven(wrong, &signer.key()), Err(Unproven::NotOne), "{wrong}");
        }
    }

    #[test]
    fn a_file_is_only_added_to() {
        let path = std::env::temp_dir().join(format!("provost-checkpoints-{}", std::process::id()));
        std::fs::write(&path, "a line of somebody else\n").unwrap();
        let place = Place::File(path.clone());
        assert_eq!(place.last().unwrap(), None);
        let signer = signer(1);
        for seq in 1..=40 {
            place.write(&signer.sign(seq, &[1; 32], 0).line()).unwrap();
        }
        assert_eq!(place.last().unwrap().map(|one| one.seq), Some(40));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("a line of somebody else\n{") && text.lines().count() == 41);
        std::fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn a_checkpoint_comes_every_minute_or_thousand_rows() {
        let folder = std::env::temp_dir().join(format!("provost-checkpoint-turns-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let file = folder.join("checkpoints");
        let clock = Clock::manual(1_767_225_600_000_000);
        let checkpoints = vec![Place::File(file.clone())];
        let listen = ([127, 0, 0, 1], 0).into();
        let app =
            App::open(Config { clock: clock.clone(), checkpoints, ..Config::new(folder.clone(), listen) }).unwrap();
        let mut sender = Sender::new(&app).unwrap().unwrap();
        let add = async |count: u32| {
            let write =
                move |w: &mut store::Writer| (0..count).try_for_each(|_| w.audit_add(&Audit::default()).map(drop));
            app.store().write(write).await.unwrap();
        };
        let lines = || std::fs::read_to_string(&file).unwrap_or_default().lines().count();
        sender.turn(&app, false).await;
        assert_eq!(lines(), 0, "there is nothing yet");
        for (rows, seconds, expected) in
            [(1, 0, 1), (1, 59, 1), (0, 1, 2), (0, 600, 2), (1, 0, 3), (999, 0, 3), (1, 0, 4)]
        {
            add(rows).await;
            clock.advance(seconds * 1_000_000);
            sender.turn(&app, false).await;
            assert_eq!(lines(), expected, "{rows} rows, {seconds} s");
        }
        add(1).await;
        sender.turn(&app, true).await;
        assert_eq!(lines(), 5, "when the server stops");
        let mut next = Sender::new(&app).unwrap().unwrap();
        next.turn(&app, true).await;
        assert_eq!(lines(), 5, "the next start knows what is there");
        app.store().close();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
