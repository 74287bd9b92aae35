//! How a command reaches the data: always through the admin API and the SCIM endpoints, over one of three ways.
//!
//! 1. `--server URL`: HTTP with an admin token.
//! 2. The server that runs on the data folder: its Unix socket `provost.sock`, without a login, for whoever may open it.
//! 3. No server runs: the same router in this process, on the folder itself.
//!
//! Invariant: what a command can do is what the API can do; there is no second way into the data.

use crate::cli::Global;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;
use crate::{Environment, secret};
use axum::Router;
use axum::body::{Body, HttpBody, to_bytes};
use axum::http::{Request, header};
use bytes::Bytes;
use reqwest::Method;
use serde_json::Value;
use std::future::poll_fn;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tower::ServiceExt;

/// Where the data is when nobody says so.
pub const DATA_DEFAULT: &str = "provost-data";
/// The file by which a data folder is known.
pub const DATABASE: &str = "provost.db";
/// Longest wait for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Longest wait for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// Longest time that an answer in pieces may take.
const STREAM_TIME: Duration = Duration::from_secs(24 * 3_600);
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A way to the API.
#[derive(Clone)]
pub struct Client {
    way: Way,
    /// What it speaks to, for people.
    pub target: String,
}

#[derive(Clone)]
enum Way {
    Http { client: reqwest::Client, base: String, token: Option<String> },
    InProcess(Router),
}

/// The data folder that a command is about.
pub fn data_folder(global: &Global, environment: &Environment) -> PathBuf {
    global.data.clone().or_else(|| environment.data.clone()).unwrap_or_else(|| DATA_DEFAULT.into())
}

/// The database of PostgreSQL that a command is about, if it is not the file in the data folder.
pub fn database(global: &Global, environment: &Environment) -> Result<Option<server::Database>> {
    let url = match (&global.database, &global.database_file) {
        (Some(url), _) if has_password(url) => {
            let fix = "others on this machine can read it there; use --database-file or PROVOST_DATABASE";
            return Err(Failure::usage("--database holds a password", fix));
        }
        (Some(url), _) => Some(url.clone()),
        (None, Some(file)) => Some(address_in(file)?),
        (None, None) => environment.database.clone(),
    };
    let Some(url) = url else { return Ok(None) };
    Ok(Some(server::Database { url: checked_address(url)?, pooled: global.database_pooled }))
}

/// The address that a file holds, alone.
pub fn address_in(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let fix = "write the address into the file, alone, readable for Provost's user only";
        Failure::new(Exit::Configuration, format!("{} cannot be read: {error}", file.display()), fix)
    })?;
    Ok(text.trim().to_owned())
}

/// The address, if it is one of PostgreSQL.
pub fn checked_address(url: String) -> Result<String> {
    if ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Ok(url);
    }
    let fix = "write it like postgres://user:password@host/database";
    Err(Failure::usage("the database's address is not one of PostgreSQL", fix))
}

/// Whether there is more than a name in front of the host.
pub fn has_password(url: &str) -> bool {
    let behind = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = behind.split(['/', '?']).next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(who, _)| who.contains(':')) || behind.contains("password=")
}

impl Client {
    /// Finds the way that fits.
    pub async fn open(global: &Global, environment: &Environment, out: Output) -> Result<Self> {
        // What stands on the command line goes before what stands in the environment.
        let server = global.server.clone().or_else(|| environment.server.clone().filter(|_| global.data.is_none()));
        match server {
            Some(_) if global.data.is_some() => {
                Err(Failure::usage("--server and --data are two different places", "give one of them"))
            }
            Some(server) => Self::remote(&server, global.token_file.as_deref(), out),
            None if global.token_file.is_some() => {
                let fix = "the data folder needs no token; add --server or leave --token-file out";
                Err(Failure::usage("--token-file goes with --server", fix))
            }
            None => Self::local(&data_folder(global, environment), database(global, environment)?).await,
        }
    }

    fn remote(server: &str, token_file: Option<&Path>, out: Output) -> Result<Self> {
        let fix = "write it like https://scim.example.com";
        let url = reqwest::Url::parse(server)
            .map_err(|error| Failure::usage(format!("--server is not an address: {error}"), fix))?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || !url.username().is_empty() {
            return Err(Failure::usage("--server is not an http or https address", fix));
        }
        if url.scheme() == "http" && !is_this_machine(&url) {
            out.note("warning: without https, everybody on the way to the server can read the token");
        }
        let token = secret::read_token(token_file)?;
        // A proxy cannot know who this machine is.
        let client = if is_this_machine(&url) { builder().no_proxy() } else { builder() };
        let client = client.build().map_err(|error| unreachable_failure(server, &error))?;
        let base = server.trim_end_matches('/').to_owned();
        Ok(Self { way: Way::Http { client, base, token: Some(token) }, target: server.to_owned() })
    }

    async fn local(folder: &Path, database: Option<server::Database>) -> Result<Self> {
        let socket = folder.join(server::SOCKET);
        // A server that was killed leaves its socket behind; nobody answers there.
        if tokio::net::UnixStream::connect(&socket).await.is_ok() {
            let client = builder()
                .unix_socket(socket.clone())
                .build()
                .map_err(|error| unreachable_failure(&socket.display().to_string(), &error))?;
            let way = Way::Http { client, base: "http://provost".to_owned(), token: None };
            return Ok(Self { way, target: socket.display().to_string() });
        }
        // Only a folder that a server made: a typing error must not leave a new database somewhere.
        if database.is_none() && !folder.join(DATABASE).is_file() {
            let message = format!("there is no Provost data in {}", folder.display());
            let fix = "start `provost serve`, which makes the folder, or name it with --data";
            return Err(Failure::new(Exit::NotFound, message, fix));
        }
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 8080));
        let config = server::Config { database, ..server::Config::new(folder.to_owned(), listen) };
        let app = server::App::open(config).map_err(|error| crate::serve::store_failure(&error, folder))?;
        Ok(Self { way: Way::InProcess(server::router(app)), target: folder.display().to_string() })
    }

    /// Whether a server runs on what the client speaks to.
    pub fn is_server(&self) -> bool {
        matches!(self.way, Way::Http { .. })
    }

    /// A call and what it answers; an error status is a failure.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        self.send(method, path, body.map(|body| body.to_string().into_bytes())).await
    }

    /// The same with a body that is written already.
    pub async fn call_bytes(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Value> {
        self.send(method, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, bytes: Option<Vec<u8>>) -> Result<Value> {
        let (status, answer) = match &self.way {
            Way::Http { client, base, token } => {
                over_http(client, method, &format!("{base}{path}"), token.as_deref(), bytes, &self.target).await?
            }
            Way::InProcess(router) => in_process(router.clone(), method, path, bytes).await?,
        };
        let value =
            if answer.is_empty() { Value::Null } else { serde_json::from_slice(&answer).unwrap_or(Value::Null) };
        if status >= 400 { Err(Failure::from_answer(status, &value)) } else { Ok(value) }
    }

    /// A call whose answer is read piece by piece; an error status is a failure.
    pub async fn stream(&self, method: Method, path: &str) -> Result<Incoming> {
        let (status, length, mut pieces) = match &self.way {
            Way::Http { client, base, token } => {
                let request = client.request(method, format!("{base}{path}")).timeout(STREAM_TIME);
                let request = match token {
                    Some(token) => request.bearer_auth(token),
                    None => request.header(header::HOST, ""),
                };
                let answer = request.send().await.map_err(|error| unreachable_failure(&self.target, &error))?;
                (answer.status().as_u16(), answer.content_length(), Pieces::Http(answer))
            }
            Way::InProcess(router) => {
                let request = Request::builder().method(method).uri(path).body(Body::empty());
                let mut request = request.map_err(|error| broken(&error))?;
                request.extensions_mut().insert(server::Peer::Local);
                let Ok(answer) = router.clone().oneshot(request).await;
                let length = answer.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
                let length = length.and_then(|length| length.parse().ok());
                (answer.status().as_u16(), length, Pieces::InProcess(answer.into_body()))
            }
        };
        if status < 400 {
            return Ok(Incoming { length, pieces, target: self.target.clone() });
        }
        let mut whole = Vec::new();
        while let Some(piece) = pieces.next(&self.target).await? {
            whole.extend_from_slice(&piece);
        }
        Err(Failure::from_answer(status, &serde_json::from_slice(&whole).unwrap_or(Value::Null)))
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, None).await
    }
}

/// An answer that arrives piece by piece.
pub struct Incoming {
    /// How long it will be, if that is known.
    pub length: Option<u64>,
    pieces: Pieces,
    target: String,
}

enum Pieces {
    Http(reqwest::Response),
    InProcess(Body),
}

impl Incoming {
    /// The next piece; nothing at the end. An answer that broke off is a failure.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        self.pieces.next(&self.target).await
    }
}

impl Pieces {
    async fn next(&mut self, target: &str) -> Result<Option<Bytes>> {
        let body = match self {
            Self::Http(answer) => {
                return answer.chunk().await.map_err(|error| unreachable_failure(target, &error));
            }
            Self::InProcess(body) => body,
        };
        loop {
            match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
                Some(Err(error)) => return Err(broken(&error)),
            }
        }
    }
}

fn broken(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("the request failed: {error}"), "")
}

fn is_this_machine(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn builder() -> reqwest::ClientBuilder {
    // An API does not move; following a redirect would only carry the request somewhere else.
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIME)
        .timeout(ANSWER_TIME)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("provost/", env!("CARGO_PKG_VERSION")))
}

async fn over_http(
    client: &reqwest::Client,
    method: Method,
    url: &str,
    token: Option<&str>,
    body: Option<Vec<u8>>,
    target: &str,
) -> Result<(u16, Vec<u8>)> {
    let mut request = client.request(method, url).header(header::ACCEPT, "application/json");
    request = match token {
        Some(token) => request.bearer_auth(token),
        // The socket has no name that a client could call; the server shows the address that it listens on.
        None => request.header(header::HOST, ""),
    };
    if let Some(body) = body {
        request = request.header(header::CONTENT_TYPE, "application/json").body(body);
    }
    let answer = request.send().await.map_err(|error| unreachable_failure(target, &error))?;
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.map_err(|error| unreachable_failure(target, &error))?;
    Ok((status, bytes.to_vec()))
}

async fn in_process(router: Router, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<(u16, Vec<u8>)> {
    let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    let mut request = request.body(Body::from(body.unwrap_or_default())).map_err(|error| broken(&error))?;
    request.extensions_mut().insert(server::Peer::Local);
    let Ok(answer) = router.oneshot(request).await;
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.map_err(|error| broken(&error))?;
    Ok((status, bytes.to_vec()))
}

/// The cause at the end of the chain says what happened; the links before it only where.
fn unreachable_failure(target: &str, error: &reqwest::Error) -> Failure {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what =
        if error.is_timeout() { "did not answer in time".to_owned() } else { format!("cannot be reached: {cause}") };
    Failure::new(Exit::Unreachable, format!("{target} {what}"), "check the address, and that the server runs")
}

/// A text as one segment of a path or one value of a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A path with a query of those parameters that have a value.
pub fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
    let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// Where a tenant's SCIM endpoints are.
pub fn scim_base(tenant: &str) -> String {
    if tenant == "default" { "/scim/v2".to_owned() } else { format!("/t/{}/scim/v2", encoded(tenant)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_encoded() {
        assert_eq!(encoded("urn:a:User:x y"), "urn%3Aa%3AUser%3Ax%20y");
        assert_eq!(with_query("/x", &[("a", Some("1&2".into())), ("b", None)]), "/x?a=1%262");
        assert_eq!(with_query("/x", &[("b", None)]), "/x");
        for (url, here) in [
            ("http://[::1]:8080", true),
            ("http://127.0.0.1", true),
            ("http://localhost", true),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_this_machine(&url.parse().unwrap()), here, "{url}");
        }
        assert_eq!(scim_base("default"), "/scim/v2");
        assert_eq!(scim_base("acme"), "/t/acme/scim/v2");
    }
}
