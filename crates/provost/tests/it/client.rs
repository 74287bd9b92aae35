//! A small HTTP/1.1 client that sends exactly the bytes it is given: identity providers differ in the order
//! of their headers, in doubled slashes and bare question marks, and an ordinary client tidies all that up.

use serde_json::Value;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// No answer may take longer; Okta closes the socket after a minute as well.
const ANSWER_MAX: Duration = Duration::from_secs(60);

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// What is to be sent; headers as they are, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Self { method: method.to_owned(), target: target.into(), headers: Vec::new(), body: None }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/scim+json").body(body.to_string())
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(have, _)| have.eq_ignore_ascii_case(name))
    }

    fn bytes(&self, host: &str) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.has("host") {
            text.push_str(&format!("Host: {host}\r\n"));
        }
        if let Some(body) = &self.body
            && !self.has("content-length")
            && !self.has("transfer-encoding")
        {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, which has to be JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} with a body that is not JSON ({error}): {}", self.status, self.text()))
    }

    /// This very status, or a failure that shows the answer.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the answer was {} {}", self.status, self.text());
        self
    }

    /// A SCIM error of this status: shape, media type and catalogue code included. Gives its body.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16) -> Value {
        let answer = self.expect(status);
        answer.check_media_type();
        let body = answer.json();
        let schemas = &body["schemas"];
        assert_eq!(schemas, &serde_json::json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{body}");
        assert_eq!(body["status"], status.to_string(), "status is a string: {body}");
        let detail = body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("(PRV-") && detail.ends_with(')'), "the detail carries its code: {body}");
        body
    }

    /// SCIM's own media type with its charset, as the contract says for every answer with a body.
    #[track_caller]
    pub(crate) fn check_media_type(&self) {
        let media_type = self.header("content-type").unwrap_or_default().to_ascii_lowercase();
        assert_eq!(
            media_type.replace(' ', ""),
            "application/scim+json;charset=utf-8",
            "{} {}",
            self.status,
            self.text()
        );
    }
}

/// One kept-alive connection.
pub(crate) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    host: String,
}

impl Connection {
    pub(crate) fn tcp(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self { stream: BufReader::new(Box::new(stream)), host: address.to_string() })
    }

    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self { stream: BufReader::new(Box::new(stream)), host: "localhost".to_owned() })
    }

    pub(crate) fn send(&mut self, request: &Request) -> io::Result<Answer> {
        let started = Instant::now();
        // A server that refuses early may answer before everything is written.
        let written = self.write(&request.bytes(&self.host.clone()));
        let mut answer = match (self.read(request.method == "HEAD"), written) {
            (Ok(answer), _) => answer,
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
        };
        answer.took = started.elapsed();
        Ok(answer)
    }

    /// Bytes as they are, for what no well-behaved client sends.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    pub(crate) fn read(&mut self, bodiless: bool) -> io::Result<Answer> {
        let mut status = self.status_line()?;
        let mut headers = self.headers()?;
        while status < 200 {
            status = self.status_line()?;
            headers = self.headers()?;
        }
        let mut answer = Answer { status, headers, body: Vec::new(), took: Duration::ZERO };
        if bodiless || status == 204 || status == 304 {
            return Ok(answer);
        }
        if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            answer.body = self.chunks()?;
        } else if let Some(length) = answer.header("content-length").and_then(|length| length.parse().ok()) {
            answer.body = vec![0; length];
            self.stream.read_exact(&mut answer.body)?;
        } else {
            self.stream.read_to_end(&mut answer.body)?;
        }
        Ok(answer)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn status_line(&mut self) -> io::Result<u16> {
        let line = self.line()?;
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| io::Error::other(line))
    }

    fn headers(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { return Ok(headers) };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size =
                usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16).map_err(io::Error::other)?;
            let start = body.len();
            body.resize(start + size, 0);
            self.stream.read_exact(&mut body[start..])?;
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}
