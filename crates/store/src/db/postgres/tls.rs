//! TLS to the database, as `sslmode` and `sslrootcert` of the address say it; they mean what they mean to libpq.
//!
//! Not here: certificates of the client, and channel binding.

use crate::{Error, Result};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

/// What of the server is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verify {
    /// Nothing: others cannot listen, but may pretend to be the server.
    Nothing,
    /// That somebody who is trusted vouches for it.
    Chain,
    /// And that it has the name of the address.
    Name,
}

/// What an address says of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// As tokio-postgres knows it.
    pub(super) mode: SslMode,
    verify: Verify,
    root: Option<PathBuf>,
}

/// Takes what is about TLS out of an address.
pub(super) fn parse(url: &str) -> Result<(String, Wanted)> {
    let mut wanted = Wanted { mode: SslMode::Prefer, verify: Verify::Nothing, root: None };
    let Some((before, query)) = url.split_once('?') else { return Ok((url.to_owned(), wanted)) };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => {
                (wanted.mode, wanted.verify) = match mode {
                    "disable" => (SslMode::Disable, Verify::Nothing),
                    "prefer" | "allow" => (SslMode::Prefer, Verify::Nothing),
                    "require" => (SslMode::Require, Verify::Nothing),
                    "verify-ca" => (SslMode::Require, Verify::Chain),
                    "verify-full" => (SslMode::Require, Verify::Name),
                    other => {
                        let known = "disable, prefer, require, verify-ca, verify-full";
                        return Err(Error::Database(format!("sslmode {other} is none of {known}")));
                    }
                };
            }
            Some(("sslrootcert", file)) => wanted.root = (file != "system").then(|| decoded(file).into()),
            _ => rest.push(pair),
        }
    }
    let query = rest.join("&");
    Ok((if query.is_empty() { before.to_owned() } else { format!("{before}?{query}") }, wanted))
}

/// A text of a query without its percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = behind.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Makes TLS of a connection.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    pub(super) fn new(wanted: &Wanted) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let failed = |error: TlsError| Error::Database(format!("TLS cannot be used: {error}"));
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let chain = match wanted.verify {
            Verify::Nothing => None,
            Verify::Chain | Verify::Name => {
                let built =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots(wanted)?), Arc::clone(&provider));
                let built = built.build();
                Some(built.map_err(|error| Error::Database(format!("no authority to trust: {error}")))?)
            }
        };
        let verifier = Verifier { chain, name: wanted.verify == Verify::Name, provider };
        let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// Whom the server's certificate may come from.
fn roots(wanted: &Wanted) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    let Some(file) = &wanted.root else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(store);
    };
    let failed = |why: String| Error::Database(format!("sslrootcert {} cannot be used: {why}", file.display()));
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))? {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        store.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if store.is_empty() { Err(failed("there is no certificate in it".to_owned())) } else { Ok(store) }
}

/// Verifies as much as was asked for.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        // The name is looked at last: whoever is refused for it alone has a good chain.
        match chain.verify_server_cert(certificate, between, name, ocsp, now) {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        // Of a certificate that anybody could have made, a signature says nothing.
        let Some(chain) = &self.chain else { return Ok(HandshakeSignatureValid::assertion()) };
        chain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let Some(chain) = &self.chain else { return Ok(HandshakeSignatureValid::assertion()) };
        chain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What went wrong with TLS and what to do about it; nothing if it was something else.
pub(super) fn told(error: &tokio_postgres::Error) -> Option<String> {
    let source = std::error::Error::source(error)?;
    if source.to_string() == "server does not support TLS" {
        return Some(
            "the server does not offer TLS; switch it on there, or say sslmode=disable in a private network".into(),
        );
    }
    let refused = source.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<TlsError>()?;
    Some(match refused {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "nobody who is trusted here vouches for the server's certificate; name the file with its authority's certificate \
             as sslrootcert in the address"
                .into()
        }
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the server's certificate is for another name than that in the address; use its name, or sslmode=verify-ca".into(),
        other => format!("TLS failed: {other}"),
    })
}

type Connecting<S> = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Tls {
    type Stream = Stream<S>;
    type TlsConnect = Connect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, name: &str) -> io::Result<Connect> {
        // A socket of this machine has no name and is never asked for TLS.
        let name = ServerName::try_from(if name.is_empty() { "localhost" } else { name }.to_owned());
        Ok(Connect { connector: Arc::clone(&self.0).into(), name: name.map_err(io::Error::other)? })
    }
}

pub(super) struct Connect {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Connect {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Connecting<S>;

    fn connect(self, stream: S) -> Connecting<S> {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Stream) })
    }
}

pub(super) struct Stream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_tls_is_taken_out_of_the_address() {
        let of = |url: &str| parse(url).unwrap();
        let (rest, wanted) = of("postgres://a@b/c?sslmode=verify-full&connect_timeout=3&sslrootcert=%2Fetc%2Fca.pem");
        assert_eq!(rest, "postgres://a@b/c?connect_timeout=3");
        assert_eq!(wanted, Wanted { mode: SslMode::Require, verify: Verify::Name, root: Some("/etc/ca.pem".into()) });
        let (rest, wanted) = of("postgres://a@b/c?sslmode=require");
        assert_eq!(
            (rest.as_str(), wanted.mode, wanted.verify),
            ("postgres://a@b/c", SslMode::Require, Verify::Nothing)
        );
        assert_eq!(of("postgres://a@b/c").1.mode, SslMode::Prefer);
        assert_eq!(of("postgres://a@b/c?sslmode=verify-ca&sslrootcert=system").1.root, None);
        assert!(parse("postgres://a@b/c?sslmode=yes").is_err());
    }
}
