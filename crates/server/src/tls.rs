//! TLS of our own: a certificate and its key out of two files, read again when they change.
//!
//! Whoever renews certificates writes the files, or sends SIGHUP behind it; connections that are there keep what they
//! began with. Files that cannot be used when they change leave what is in use in its place.

use crate::error::Error;
use crate::limits;
use scim::Code;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::signal::unix::Signal;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error as TlsError, InconsistentKeys, ServerConfig, version};
use tokio_rustls::server::TlsStream;

/// The two files, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and behind it those of its issuers.
    pub certificate: PathBuf,
    /// Its private key, not encrypted.
    pub key: PathBuf,
}

/// Why TLS cannot be spoken with these files.
#[derive(Debug)]
pub enum TlsProblem {
    /// A file that cannot be read.
    Unreadable(PathBuf, io::Error),
    /// No certificate in it.
    NoCertificate(PathBuf),
    /// No private key in it.
    NoKey(PathBuf),
    /// A certificate or a key that is not one, or of a kind that nobody takes.
    Unusable(PathBuf, String),
    /// The key is another certificate's.
    Mismatch(TlsFiles),
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::NoCertificate(path) => write!(f, "{} holds no certificate", path.display()),
            Self::NoKey(path) => write!(f, "{} holds no private key", path.display()),
            Self::Unusable(path, why) => write!(f, "{} cannot be used: {why}", path.display()),
            Self::Mismatch(files) => {
                let (key, certificate) = (files.key.display(), files.certificate.display());
                write!(f, "the key in {key} does not belong to the first certificate in {certificate}")
            }
        }
    }
}

impl TlsProblem {
    /// What to do about it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Unreadable(..) => "name a file that the user of the server may read",
            Self::NoCertificate(_) => {
                "it takes PEM: the server's certificate between BEGIN CERTIFICATE and END CERTIFICATE, then its issuers'"
            }
            Self::NoKey(_) => {
                "it takes PEM: BEGIN PRIVATE KEY, not an encrypted one; `openssl pkey -in KEY -out NEW` takes a password away"
            }
            Self::Unusable(..) => {
                "make it again; RSA from 2048 bits, ECDSA P-256, P-384 and P-521, and Ed25519 are taken"
            }
            Self::Mismatch(_) => {
                "the server's own certificate comes first in the file, its issuers' behind it; or the key is another one's"
            }
        }
    }
}

/// What is shown to clients, and until when it is good where that can be read.
struct Pair {
    certified: Arc<CertifiedKey>,
    not_after_at: Option<i64>,
}

impl TlsFiles {
    fn read(&self) -> Result<Pair, TlsProblem> {
        let unusable = |path: &Path, why: String| TlsProblem::Unusable(path.to_owned(), why);
        let bytes = |path: &Path| std::fs::read(path).map_err(|error| TlsProblem::Unreadable(path.to_owned(), error));
        let (text, key) = (bytes(&self.certificate)?, bytes(&self.key)?);
        let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| unusable(&self.certificate, error.to_string()))?;
        let Some(own) = chain.first() else { return Err(TlsProblem::NoCertificate(self.certificate.clone())) };
        let not_after_at = saml::Certificate::from_der(own).ok().map(|certificate| certificate.not_after_at());
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| match error {
            PemError::NoItemsFound => TlsProblem::NoKey(self.key.clone()),
            // Nothing of the file's content: it is a key's.
            _ => unusable(&self.key, "it is not PEM".into()),
        })?;
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let certified = certified.map_err(|error| match error {
            TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsProblem::Mismatch(self.clone()),
            TlsError::InvalidCertificate(why) => unusable(&self.certificate, format!("{why:?}")),
            _ => unusable(&self.key, "it is a key of another kind".into()),
        })?;
        Ok(Pair { certified: Arc::new(certified), not_after_at })
    }

    /// How they look from outside: when they were written, and how long they are.
    fn look(&self) -> [Option<(std::time::SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let about = std::fs::metadata(path).ok()?;
            Some((about.modified().ok()?, about.len()))
        })
    }
}

/// The certificate in use.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// TLS as it is spoken to every client.
pub(crate) struct Tls {
    files: TlsFiles,
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
    places: Arc<Semaphore>,
}

impl Tls {
    pub(crate) fn new(files: TlsFiles, now: i64) -> Result<Arc<Self>, TlsProblem> {
        let pair = files.read()?;
        warn_of_end(&files, &pair, now);
        let shown = Arc::new(Shown(RwLock::new(pair.certified)));
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| TlsProblem::Unusable(files.certificate.clone(), error.to_string()))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&shown) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Arc::new(Self { files, shown, acceptor, places: Arc::new(Semaphore::new(limits::HANDSHAKES_MAX)) }))
    }

    /// The handshake with one client; nothing for whoever does not finish it in time, or comes when too many are at it.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        self.accept_within(stream, limits::HANDSHAKE_TIME).await
    }

    async fn accept_within(&self, stream: TcpStream, time: Duration) -> Option<TlsStream<TcpStream>> {
        let _place = self.places.try_acquire().ok()?;
        let work = async {
            if speaks_plainly(&stream).await {
                refuse_plain(stream).await;
                return None;
            }
            self.acceptor.accept(stream).await.ok()
        };
        tokio::time::timeout(time, work).await.ok().flatten()
    }

    /// Takes in what the files hold when they change or somebody says so with SIGHUP; never ends.
    pub(crate) async fn follow(&self, mut told: Signal, now: impl Fn() -> i64) {
        let mut seen = self.files.look();
        loop {
            let is_told = tokio::select! {
                _ = told.recv() => true,
                () = tokio::time::sleep(limits::CERTIFICATE_LOOK) => false,
            };
            let looks = self.files.look();
            if !is_told && looks == seen {
                continue;
            }
            seen = looks;
            self.take_in(now());
        }
    }

    /// Reads the files again. A certificate whose key is not written yet is taken with the next look: the key changes, too.
    fn take_in(&self, now: i64) {
        match self.files.read() {
            Ok(pair) => {
                warn_of_end(&self.files, &pair, now);
                *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = pair.certified;
                tracing::info!(certificate = %self.files.certificate.display(), "the certificate was read again");
            }
            Err(problem) => tracing::error!(fix = problem.fix(), "the former certificate stays in use: {problem}"),
        }
    }
}

fn warn_of_end(files: &TlsFiles, pair: &Pair, now: i64) {
    let Some(end) = pair.not_after_at.filter(|end| *end - now < limits::CERTIFICATE_SOON) else { return };
    let (file, at) = (files.certificate.display(), scim::meta::rfc3339(end));
    if end <= now {
        tracing::error!("the certificate in {file} ended at {at}: clients refuse it; renew it");
    } else {
        tracing::warn!("the certificate in {file} ends at {at}; renew it");
    }
}

/// Whether the client begins as HTTP does, with the letters of a method; TLS begins with 22.
async fn speaks_plainly(stream: &TcpStream) -> bool {
    let mut first = [0];
    stream.ready(Interest::READABLE).await.is_ok()
        && stream.peek(&mut first).await.is_ok_and(|count| count == 1)
        && first.iter().all(u8::is_ascii_alphabetic)
}

/// Says so in the words of every other refusal, since such a client cannot read one of TLS.
async fn refuse_plain(mut stream: TcpStream) {
    let answer = Error::new(Code::NOT_HTTP, "this port speaks https; write https:// in front of the address")
        .answer(&crate::app::request_id());
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: {}\r\ncontent-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
        answer.media_type,
        answer.body.len()
    );
    let whole = [head.as_bytes(), answer.body.as_ref()].concat();
    if stream.write_all(&whole).await.is_ok() {
        let _ = stream.shutdown().await;
        // What the client still sends is read, so that it reads the answer before the connection is gone.
        let mut rest = [0; 1024];
        while matches!(tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await, Ok(1..)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(name: &str, certificate: &str, key: &str) -> (PathBuf, TlsFiles) {
        let folder = std::env::temp_dir().join(format!("provost-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = TlsFiles { certificate: folder.join("tls.crt"), key: folder.join("tls.key") };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        (folder, files)
    }

    const CERTIFICATE: &str = include_str!("../tests/keys/app.crt");
    const KEY: &str = include_str!("../tests/keys/app.key");

    /// Another certificate of the same form, whose key is not here.
    fn other() -> String {
        let key = saml::PrivateKey::generate().unwrap();
        saml::Certificate::self_signed(&key, "other", 0, 4_000_000_000_000_000).unwrap().pem()
    }

    #[test]
    fn each_bad_file_has_its_sentence() {
        let cut = CERTIFICATE.replace("MII", "MIJ");
        for (name, certificate, key, said) in [
            ("swapped", KEY, CERTIFICATE, "tls.crt holds no certificate"),
            ("empty", "", KEY, "tls.crt holds no certificate"),
            ("no-key", CERTIFICATE, "", "tls.key holds no private key"),
            (
                "not-a-key",
                CERTIFICATE,
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "tls.key cannot be used",
            ),
            ("cut", cut.as_str(), KEY, "tls.crt cannot be used"),
            ("of-another", &other(), KEY, "does not belong to the first certificate"),
        ] {
            let (folder, files) = files(name, certificate, key);
            let problem = files.read().err().map(|problem| (problem.to_string(), problem.fix().len()));
            assert!(problem.as_ref().is_some_and(|(text, fix)| text.contains(said) && *fix > 0), "{name}: {problem:?}");
            std::fs::remove_dir_all(folder).unwrap();
        }
        let none = TlsFiles { certificate: "/nowhere/a".into(), key: "/nowhere/b".into() };
        assert!(matches!(none.read(), Err(TlsProblem::Unreadable(..))));
    }

    #[test]
    fn what_is_in_use_stays_until_something_better_is_there() {
        let (folder, files) = files("reload", CERTIFICATE, KEY);
        let tls = Tls::new(files.clone(), 0).unwrap();
        let shown = || tls.shown.0.read().unwrap().cert.first().cloned().unwrap();
        let first = shown();
        let key = saml::PrivateKey::generate().unwrap();
        let next = saml::Certificate::self_signed(&key, "next", 0, 4_000_000_000_000_000).unwrap();
        std::fs::write(&files.certificate, next.pem()).unwrap();
        tls.take_in(0);
        assert_eq!(shown(), first, "the key is still the former one's");
        std::fs::write(&files.key, pem(key.pkcs8())).unwrap();
        tls.take_in(0);
        assert_eq!(shown().as_ref(), next.der());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn who_does_not_finish_the_handshake_is_let_go() {
        let (folder, files) = files("slow", CERTIFICATE, KEY);
        let tls = Tls::new(files, 0).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connect = async || {
            let client = TcpStream::connect(address).await.unwrap();
            (client, listener.accept().await.unwrap().0)
        };
        let (_silent, stream) = connect().await;
        assert!(tls.accept_within(stream, Duration::from_millis(50)).await.is_none());
        let (mut half, stream) = connect().await;
        half.write_all(&[22, 3, 1]).await.unwrap();
        assert!(tls.accept_within(stream, Duration::from_millis(50)).await.is_none());
        // When too many are at it, the next one is not kept.
        let all = tls.places.try_acquire_many(u32::try_from(limits::HANDSHAKES_MAX).unwrap()).unwrap();
        let (_late, stream) = connect().await;
        let began = std::time::Instant::now();
        assert!(tls.accept(stream).await.is_none() && began.elapsed() < limits::HANDSHAKE_TIME / 2);
        drop(all);
        std::fs::remove_dir_all(folder).unwrap();
    }

    fn pem(pkcs8: &[u8]) -> String {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(pkcs8);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }
}
