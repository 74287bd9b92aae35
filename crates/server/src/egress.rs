//! The one way out: every request that the server itself sends to somebody goes through here.
//!
//! An address typed by an administrator of a tenant must not become a way into the network around the server. So the name
//! is looked up once, in the resolver of the client; what it answers is filtered, and the connection is made to what is
//! left. There is no second lookup that could answer otherwise, no redirect is followed, and no proxy is taken from the
//! environment.
//!
//! Whoever sends has to know whether a failed request may have been carried out: [`Failure::may_have_arrived`].

mod address;
mod target;

pub use address::{Network, Place, Targets};
pub use target::Refused;

use crate::limits;
use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::tls::TlsInfo;
use reqwest::{Certificate, Client, Method};
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use target::Target;

/// Who we say that we are, unless the caller says something else.
const USER_AGENT: &str = concat!("Provost/", env!("CARGO_PKG_VERSION"));

/// Headers that belong to the connection and not to the request.
const NOT_THE_CALLERS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request.
#[derive(Clone, Default)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// The headers, in their order. Values are secrets as far as this client is concerned: it shows none.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Bytes>,
    /// How long it may take in all, if not as long as everything else.
    pub time: Option<Duration>,
    /// How large its answer may be, if not as large as any other.
    pub bytes_max: Option<usize>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.headers.iter().map(|(name, _)| name).collect();
        let length = self.body.as_ref().map(Bytes::len);
        let request = &mut f.debug_struct("Request");
        request.field("method", &self.method).field("headers", &names).field("body", &length).finish_non_exhaustive()
    }
}

impl Request {
    /// A GET without anything else.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status; a redirect is an answer like any other.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What TLS knows of the other side.
    tls: Option<TlsInfo>,
}

impl Response {
    /// When the certificate ends that the other side showed; nothing in the open, or of one that cannot be read.
    pub fn certificate_ends_at(&self) -> Option<i64> {
        let certificate = saml::Certificate::from_der(self.tls.as_ref()?.peer_certificate()?).ok()?;
        Some(certificate.not_after_at())
    }

    /// A header's text, the first of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// In which way there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The address is one that must not be called.
    Refused(Refused),
    /// The name is not known.
    Dns,
    /// Nobody answers the call.
    Connect,
    /// There is no trust.
    Tls,
    /// It was sent, and no whole answer came in time.
    Timeout,
    /// It was sent, at least in part, and the connection broke.
    Reset,
    /// It was sent, and the answer is larger than what is read.
    TooLarge,
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In which way.
    pub lost: Lost,
    /// What happened and what to do, without a secret.
    pub why: String,
}

impl Failure {
    /// Whether the other side may have seen the request and done what it says. If not, it certainly did not.
    pub fn may_have_arrived(&self) -> bool {
        matches!(self.lost, Lost::Timeout | Lost::Reset | Lost::TooLarge)
    }

    fn new(lost: Lost, why: impl Into<String>) -> Self {
        Self { lost, why: why.into() }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let why = refused.to_string();
        Self::new(Lost::Refused(refused), why)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for Failure {}

/// Certificates of authorities that are trusted besides the system's.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Vec<Certificate>);

impl Authorities {
    /// Reads PEM.
    ///
    /// # Errors
    ///
    /// There is none in it, or one that is none.
    pub fn parse(pem: &[u8]) -> Result<Self, String> {
        let found = Certificate::from_pem_bundle(pem).map_err(|error| last_cause(&error))?;
        if found.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        // A certificate is looked into only when a client is made of it.
        let tried = Client::builder().tls_certs_only(found.iter().cloned()).build();
        tried.map(|_| Self(found)).map_err(|error| last_cause(&error))
    }
}

/// How a name becomes addresses; the tests have names of their own.
pub type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// The client. Cheap to clone; connections are kept and used again by all clones.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    targets: Targets,
    /// Two clients, since a name may lead to more places over TLS than in the open.
    plain: Result<Client, String>,
    tls: Result<Client, String>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").finish_non_exhaustive()
    }
}

impl Egress {
    /// A client that may call the internet and what the operator opened.
    pub fn new(targets: Targets) -> Self {
        Self::with(targets, None)
    }

    /// The same, with names of its own instead of the system's.
    pub fn with_names(targets: Targets, names: Lookup) -> Self {
        Self::with(targets, Some(names))
    }

    fn with(targets: Targets, names: Option<Lookup>) -> Self {
        let client = |plain| {
            let names = Names { targets: targets.clone(), plain, names: names.clone() };
            // A machine without a single root certificate can run; it cannot call anybody over TLS, and says so then.
            builder(names, &targets, plain).build().map_err(|error| last_cause(&error))
        };
        Self(Arc::new(Inner { plain: client(true), tls: client(false), targets }))
    }

    /// Whether an address has a form that may be called; where a name in it leads is asked when it is called.
    ///
    /// # Errors
    ///
    /// The reason, with what to do.
    pub fn check(&self, url: &str) -> Result<(), Refused> {
        Target::parse(url, &self.0.targets).map(|_| ())
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// There is no answer. Whether the request may have been carried out all the same is in the failure.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let Target { url, plain } = Target::parse(&request.url, &self.0.targets)?;
        let headers = headers(&request.headers)?;
        let bytes_max = request.bytes_max.unwrap_or(limits::OUTBOUND_BYTES_MAX);
        let client = if plain { &self.0.plain } else { &self.0.tls };
        let client = client.as_ref().map_err(|why| {
            let fix = "install the system's root certificates, or name a file of them with --target-ca-file";
            Failure::new(Lost::Tls, format!("TLS cannot be spoken: {why}; {fix}"))
        })?;
        let mut outgoing = client.request(request.method, url).headers(headers);
        outgoing = outgoing.timeout(request.time.unwrap_or(limits::OUTBOUND_TIME));
        if let Some(body) = request.body {
            outgoing = outgoing.body(body);
        }
        let answer = outgoing.send().await.map_err(|error| failure(&error))?;
        whole(answer, bytes_max).await
    }
}

fn builder(names: Names, targets: &Targets, plain: bool) -> reqwest::ClientBuilder {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .dns_resolver(Arc::new(names))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .https_only(!plain)
        .connect_timeout(limits::OUTBOUND_CONNECT_TIME)
        .pool_idle_timeout(limits::OUTBOUND_IDLE_TIME)
        .pool_max_idle_per_host(limits::OUTBOUND_IDLE_MAX)
        .http1_max_headers(limits::OUTBOUND_HEADERS_MAX)
        .tcp_nodelay(true);
    if plain {
        // Nothing is verified here, so nobody has to read the system's certificates.
        return builder.tls_certs_only([]);
    }
    builder.tls_info(true).tls_certs_merge(targets.authorities.0.iter().cloned())
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, Refused> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let refused = || Refused::Header(name.chars().filter(|c| !c.is_control()).take(80).collect());
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        if NOT_THE_CALLERS.contains(&known.as_str()) {
            return Err(refused());
        }
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| refused())?;
        value.set_sensitive(true);
        headers.append(known, value);
    }
    Ok(headers)
}

async fn whole(mut answer: reqwest::Response, most: usize) -> Result<Response, Failure> {
    let status = answer.status().as_u16();
    let too_large = || {
        let why = format!("the answer (status {status}) is larger than {most} bytes");
        Failure::new(Lost::TooLarge, why)
    };
    if answer.content_length().is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let headers = std::mem::take(answer.headers_mut());
    let tls = answer.extensions_mut().remove::<TlsInfo>();
    let mut body = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + piece.len() > most {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(Response { status, headers, body: body.freeze(), tls })
}

/// The resolver of a client: looks up, and lets through only what may be called.
struct Names {
    targets: Targets,
    plain: bool,
    names: Option<Lookup>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (targets, plain, names) = (self.targets.clone(), self.plain, self.names.clone());
        Box::pin(async move {
            let name = name.as_str();
            let found: Vec<SocketAddr> = match names {
                Some(names) => names(name)?.into_iter().map(|address| SocketAddr::new(address, 0)).collect(),
                None => tokio::net::lookup_host((name, 0)).await?.collect(),
            };
            let nothing = found.is_empty();
            let permitted: Vec<_> = found.into_iter().filter(|address| targets.permits(address.ip(), plain)).collect();
            if permitted.is_empty() && !nothing {
                return Err(Refused::Name(name.to_owned()).into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// The links of an error, from the outermost to the cause. What an `io::Error` wraps is not its source, but the source's.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped))
    })
}

fn last_cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// What an error of the client means. When in doubt the request may have arrived.
fn failure(error: &reqwest::Error) -> Failure {
    if let Some(refused) = chain(error).find_map(|link| link.downcast_ref::<Refused>()) {
        return refused.clone().into();
    }
    let cause = last_cause(error);
    if error.is_dns() {
        return Failure::new(Lost::Dns, format!("the name is not known: {cause}; check how the host is written"));
    }
    if error.is_connect() {
        let kinds = chain(error).filter_map(|link| link.downcast_ref::<io::Error>()).map(io::Error::kind);
        // What TLS finds wrong arrives as invalid data.
        let mistrust = kinds.into_iter().any(|kind| kind == io::ErrorKind::InvalidData);
        return match mistrust {
            true => Failure::new(Lost::Tls, format!("the certificate is not trusted: {cause}; see --target-ca-file")),
            false => Failure::new(Lost::Connect, format!("nobody answers there: {cause}")),
        };
    }
    if error.is_timeout() {
        return Failure::new(Lost::Timeout, "no whole answer came in time");
    }
    if error.is_builder() {
        return Refused::Malformed.into();
    }
    Failure::new(Lost::Reset, format!("the connection broke before the answer was whole: {cause}"))
}
