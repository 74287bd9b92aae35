//! The server's life: open, bind, serve, and end without cutting anybody off.

mod last_resort;
mod plain_words;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::egress::Network;
use crate::tls::{Tls, TlsProblem};
use crate::{checkpoint, limits, operators, routes, worker};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use plain_words::PlainWords;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The socket in the data folder through which this machine's own commands come in.
pub const SOCKET: &str = "provost.sock";

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Peer {
    /// A client on the network.
    Remote(SocketAddr),
    /// A proxy whose word for its client's address is taken.
    Proxy(SocketAddr),
    /// A command on this machine that could open the data folder.
    Local,
}

impl Peer {
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Local)
    }

    /// Who this address is: a proxy of ours, or just somebody.
    fn at(address: SocketAddr, proxies: &[Network]) -> Self {
        let ip = address.ip().to_canonical();
        if proxies.iter().any(|network| network.contains(ip)) { Self::Proxy(address) } else { Self::Remote(address) }
    }

    /// The address of whoever sits behind a proxy on this machine, or one that is named as ours, as the proxy tells it: the last entry, which the proxy
    /// wrote itself. From anywhere else the header could be anybody's.
    pub(crate) fn client(&self, headers: &HeaderMap) -> String {
        let is_near = match self {
            Self::Remote(address) => address.ip().to_canonical().is_loopback(),
            Self::Proxy(_) => true,
            Self::Local => false,
        };
        let told = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
        let told = told.filter(|_| is_near).and_then(|list| list.rsplit(',').next()?.trim().parse::<IpAddr>().ok());
        told.map_or_else(|| self.address(), |address| address.to_string())
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Remote(address) | Self::Proxy(address) => address.ip().to_string(),
            Self::Local => "local".into(),
        }
    }
}

/// What a newcomer has to know once the server runs.
#[derive(Clone, Debug)]
pub struct Started {
    /// Where the console is.
    pub console: String,
    /// What goes into the identity provider.
    pub scim_endpoint: String,
    /// The first token, on the first start only.
    pub first_token: Option<String>,
    /// Where the first owner of the console makes themselves; on the first start only, as the token is.
    pub setup_link: Option<String>,
    /// Whether the console has an owner: later starts say how to get another link while it has none.
    pub has_owner: bool,
    /// Where the data lies.
    pub data: PathBuf,
}

/// Why the server did not start or had to stop.
#[derive(Debug)]
pub enum StartError {
    /// Another program listens there.
    AddressInUse(SocketAddr),
    /// The address cannot be listened on.
    Listen(SocketAddr, std::io::Error),
    /// A file for checkpoints of the audit trail.
    Checkpoints(std::io::Error),
    /// The certificate or its key.
    Tls(TlsProblem),
    /// The data folder or its database.
    Store(store::Error),
    /// Something else.
    Other(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInUse(address) => {
                write!(f, "{address} is taken by another program; stop it, or choose another address with --listen")
            }
            Self::Listen(address, error) => {
                write!(f, "cannot listen on {address}: {error}; choose another with --listen")
            }
            Self::Checkpoints(error) => write!(f, "checkpoints of the audit trail cannot be written: {error}"),
            Self::Tls(problem) => write!(f, "{problem}; {}", problem.fix()),
            Self::Store(error) => write!(f, "{error}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StartError {}

impl From<store::Error> for StartError {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// Runs the server until `stop` is done; `started` is called once it answers.
pub async fn run(
    config: Config,
    started: impl FnOnce(&Started),
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    // Certificate and address first: a token made before either fails would be shown to nobody.
    let tls =
        config.tls.clone().map(|files| Tls::new(files, config.clock.now())).transpose().map_err(StartError::Tls)?;
    // From here on the signal means to read the certificate again, and ends nobody.
    let hangups = signal(SignalKind::hangup()).map_err(|error| StartError::Other(error.to_string()))?;
    let listener = bind(config.listen).await?;
    let listen = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
    let config = Config { listen, ..config };
    let app = App::open(config.clone())?;
    let first_token = app.first_token().await.map_err(|error| StartError::Other(error.to_scim("").detail))?;
    let setup_code = match &first_token {
        Some(_) => operators::setup_code(&app).await.map_err(|error| StartError::Other(error.to_scim("").detail))?,
        None => None,
    };
    let has_owner = app.store().read(|r| r.has_owner()).await.map_err(StartError::Store)?;
    let clock = app.clock().clone();
    let checkpoints = checkpoint::Sender::new(&app).map_err(StartError::Checkpoints)?;
    let mut workers = worker::start(&app);
    if let Some(sender) = checkpoints {
        workers.add(|stop| sender.run(app.clone(), stop));
    }
    let router = routes::router(app.clone());
    let socket = bind_socket(&config);
    let graceful = GracefulShutdown::new();
    config.warn();
    let url = config.url();
    started(&Started {
        console: format!("{url}/"),
        scim_endpoint: format!("{url}/scim/v2"),
        first_token,
        setup_link: setup_code.map(|code| format!("{url}/setup?code={code}")),
        has_owner,
        data: config.data.clone(),
    });
    tokio::select! {
        () = stop => {}
        () = accept_tcp(listener, tls.as_ref(), &config.proxies, &router, &graceful) => {}
        () = follow(tls.as_ref(), hangups, &clock) => {}
        () = accept_unix(socket, &router, &graceful) => {}
    }
    tracing::info!("stopping: requests in flight finish first");
    app.events().stop();
    if tokio::time::timeout(limits::SHUTDOWN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
    workers.stop().await;
    let _ = std::fs::remove_file(config.data.join(SOCKET));
    let store = app.store().clone();
    drop((router, app));
    tokio::task::spawn_blocking(move || store.close()).await.map_err(|e| StartError::Other(e.to_string()))?;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => StartError::AddressInUse(address),
        _ => StartError::Listen(address, error),
    })
}

/// The folder is ours alone (its lock says so), so a socket that lies there is left over.
fn bind_socket(config: &Config) -> Option<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    let path = config.data.join(SOCKET);
    let _ = std::fs::remove_file(&path);
    let bound = UnixListener::bind(&path).and_then(|listener| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map(|()| listener)
    });
    bound.inspect_err(|error| tracing::warn!(%error, "no local socket: commands on this machine need --server")).ok()
}

/// Takes in a certificate that was renewed; without TLS there is none, and SIGHUP means nothing.
async fn follow(tls: Option<&Arc<Tls>>, mut told: Signal, clock: &Clock) {
    match tls {
        Some(tls) => tls.follow(told, || clock.now()).await,
        None => loop {
            if told.recv().await.is_none() {
                return std::future::pending().await;
            }
        },
    }
}

async fn accept_tcp(
    listener: TcpListener,
    tls: Option<&Arc<Tls>>,
    proxies: &[Network],
    router: &Router,
    graceful: &GracefulShutdown,
) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                let peer = Peer::at(address, proxies);
                match tls {
                    None => serve_connection(stream, peer, router, graceful.watcher()),
                    Some(tls) => {
                        let (tls, router, watcher) = (Arc::clone(tls), router.clone(), graceful.watcher());
                        // Beside the others: one that takes its time keeps nobody waiting.
                        tokio::spawn(async move {
                            if let Some(stream) = tls.accept(stream).await {
                                serve_connection(stream, peer, &router, watcher);
                            }
                        });
                    }
                }
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn accept_unix(listener: Option<UnixListener>, router: &Router, graceful: &GracefulShutdown) {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => serve_connection(stream, Peer::Local, router, graceful.watcher()),
            Err(error) => pause(&error).await,
        }
    }
}

/// Out of file descriptors, mostly: waiting is all that helps.
async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
}

fn serve_connection<S>(stream: S, peer: Peer, router: &Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = router.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = routes::normalise(request.map(Body::new));
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move {
            match routes::without_host(&request) {
                Some(refusal) => Ok(refusal),
                None => last_resort::answer(router, request).await,
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .serve_connection(TokioIo::new(PlainWords::new(stream)), service);
    let watched = watcher.watch(connection);
    tokio::spawn(async move {
        // A client that goes away is no event of ours.
        let _ = watched.await;
    });
}
