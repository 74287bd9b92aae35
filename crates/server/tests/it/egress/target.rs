//! A server to be called that answers badly on request: the path says how.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Good for `127.0.0.1` and `app.example`, signed by itself.
pub const CERTIFICATE: &str = include_str!("../../keys/app.crt");
pub const KEY: &str = include_str!("../../keys/app.key");

/// A target that listens.
pub struct Target {
    pub port: u16,
    counts: Arc<[AtomicUsize; 2]>,
}

impl Target {
    pub async fn start() -> Self {
        Self::listen(None).await
    }

    pub async fn start_tls() -> Self {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        Self::listen(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let counted = counts.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted[0].fetch_add(1, Ordering::SeqCst);
                let (counted, tls) = (counted.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &counted[1]).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &counted[1]).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, counts }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn connections(&self) -> usize {
        self.counts[0].load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> usize {
        self.counts[1].load(Ordering::SeqCst)
    }
}

/// Answers until the client goes or the answer is one after which nobody goes on.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, requests: &AtomicUsize) {
    while let Some(request) = read(&mut stream).await {
        requests.fetch_add(1, Ordering::SeqCst);
        let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
        let ok = "HTTP/1.1 200 OK\r\n";
        let answer = match path.as_str() {
            "/ok" => format!("{ok}Content-Length: 2\r\n\r\nok"),
            "/echo" => format!("{ok}Content-Length: {}\r\n\r\n{request}", request.len()),
            "/redirect" => {
                let location = "Location: http://169.254.169.254/latest/";
                format!("HTTP/1.1 307 Temporary Redirect\r\n{location}\r\nContent-Length: 0\r\n\r\n")
            }
            "/large" => format!("{ok}Content-Length: 999999999\r\n\r\nx"),
            "/endless" => format!("{ok}Connection: close\r\n\r\n"),
            "/half" => format!("{ok}Content-Length: 100\r\n\r\nhalf"),
            "/garbage" => "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned(),
            "/headers" => format!("{ok}{}Content-Length: 0\r\n\r\n", "A: b\r\n".repeat(200)),
            "/longheader" => format!("{ok}A: {}\r\nContent-Length: 0\r\n\r\n", "b".repeat(1 << 20)),
            "/drip" => format!("{ok}Content-Length: 100\r\n\r\n"),
            _ => String::new(),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        match path.as_str() {
            "/endless" => while stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {},
            "/drip" => {
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            "/hang" => tokio::time::sleep(Duration::from_secs(20)).await,
            "/ok" | "/echo" | "/redirect" => continue,
            _ => {}
        }
        return;
    }
}

/// A request with its body, as it came.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        let mut piece = [0; 4_096];
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => seen.extend_from_slice(&piece[..read]),
            _ => return None,
        }
    }
}
