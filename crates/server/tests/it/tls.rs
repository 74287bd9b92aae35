//! TLS by the server itself: what clients see of it, who is too slow or speaks otherwise, a certificate that is renewed.

use crate::egress::target::{CERTIFICATE, KEY};
use server::{Config, Started, TlsFiles};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme, SupportedProtocolVersion, version,
};

struct Running {
    folder: PathBuf,
    files: TlsFiles,
    started: Started,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<Result<(), server::StartError>>,
}

impl Running {
    async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("provost-tls-it-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let files = TlsFiles { certificate: folder.join("scim.crt"), key: folder.join("scim.key") };
        std::fs::write(&files.certificate, CERTIFICATE).unwrap();
        std::fs::write(&files.key, KEY).unwrap();
        let listen = ([127, 0, 0, 1], 0).into();
        let config = Config { tls: Some(files.clone()), ..Config::new(folder.join("data"), listen) };
        let (tell, told) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let started = move |started: &Started| drop(tell.send(started.clone()));
        let server = tokio::spawn(server::run(config, started, async move { drop(stopped.await) }));
        Self { folder, files, started: told.await.unwrap(), stop, server }
    }

    fn address(&self) -> &str {
        self.started.console.strip_prefix("https://").unwrap().trim_end_matches('/')
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

/// Takes whatever certificate it is shown; what it was is looked at afterwards.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, &known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A handshake: the version, the protocol and the certificate that came of it.
async fn shake(
    address: &str,
    version: &'static SupportedProtocolVersion,
    alpn: &[&str],
) -> std::io::Result<(ProtocolVersion, Option<Vec<u8>>, Vec<u8>)> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_protocol_versions(&[version]).unwrap().dangerous();
    let mut config = config.with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("app.example").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().unwrap()[0].to_vec();
    Ok((session.protocol_version().unwrap(), session.alpn_protocol().map(<[u8]>::to_vec), shown))
}

#[tokio::test]
async fn the_server_speaks_tls_itself() {
    let running = Running::start().await;
    let (address, started) = (running.address().to_owned(), running.started.clone());
    assert!(
        started.scim_endpoint.starts_with("https://") && started.setup_link.as_ref().unwrap().starts_with("https://")
    );

    // One that says nothing keeps nobody waiting.
    let silent = TcpStream::connect(&address).await.unwrap();
    let root = reqwest::Certificate::from_pem(CERTIFICATE.as_bytes()).unwrap();
    let redirects = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().tls_certs_only([root]).redirect(redirects).build().unwrap();
    let users = format!("{}/Users", started.scim_endpoint);
    let token = started.first_token.clone().unwrap();
    let made = client.post(&users).bearer_auth(&token).header("content-type", "application/scim+json");
    let made = made.body("{\"userName\":\"adam\"}").send().await.unwrap();
    let location = made.headers()["location"].to_str().unwrap().to_owned();
    assert!(made.status() == 201 && location.starts_with(&users), "{location}");

    // Pages know that they come over TLS.
    let link = started.setup_link.unwrap();
    let (page, code) = link.split_once("?code=").unwrap();
    let form = format!("code={code}&name=Ana&email=ana%40example.com&password=correct+horse+battery");
    let entered = client.post(page).header("sec-fetch-site", "same-origin").body(form);
    let entered = entered.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-provost=") && cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(entered.headers()["strict-transport-security"], "max-age=31536000");

    // Both versions, the one protocol, and none that we do not speak.
    let http = Some(b"http/1.1".to_vec());
    for (spoken, expected) in [(&version::TLS13, ProtocolVersion::TLSv1_3), (&version::TLS12, ProtocolVersion::TLSv1_2)]
    {
        let (have, protocol, _) = shake(&address, spoken, &["h2", "http/1.1"]).await.unwrap();
        assert_eq!((have, &protocol), (expected, &http));
    }
    assert!(shake(&address, &version::TLS13, &["h2"]).await.is_err());
    assert_eq!(shake(&address, &version::TLS13, &[]).await.unwrap().1, None);

    // Who speaks plainly hears what to do instead.
    let mut plain = TcpStream::connect(&address).await.unwrap();
    plain.write_all(b"GET /scim/v2/Users HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut said = String::new();
    plain.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("this port speaks https"), "{said}");
    drop(silent);
    running.end().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_new_start() {
    let running = Running::start().await;
    let address = running.address().to_owned();
    let (_, _, first) = shake(&address, &version::TLS13, &[]).await.unwrap();
    let key = saml::PrivateKey::generate().unwrap();
    let next = saml::Certificate::self_signed(&key, "next", 0, 4_000_000_000_000_000).unwrap();
    let hup = || {
        let told = std::process::Command::new("kill").args(["-HUP", &std::process::id().to_string()]).status();
        assert!(told.unwrap().success());
    };
    let until = async |shown: &[u8]| {
        let began = Instant::now();
        while shake(&address, &version::TLS13, &[]).await.unwrap().2 != shown {
            assert!(began.elapsed() < Duration::from_secs(20), "it is never shown");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Half of the pair is no pair: the former one stays.
    std::fs::write(&running.files.certificate, next.pem()).unwrap();
    hup();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(shake(&address, &version::TLS13, &[]).await.unwrap().2, first);
    std::fs::write(&running.files.key, pem(key.pkcs8())).unwrap();
    hup();
    until(next.der()).await;
    // Without a signal it is seen with the next look.
    std::fs::write(&running.files.certificate, CERTIFICATE).unwrap();
    std::fs::write(&running.files.key, KEY).unwrap();
    until(&first).await;
    running.end().await;
}

fn pem(pkcs8: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(pkcs8);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}
