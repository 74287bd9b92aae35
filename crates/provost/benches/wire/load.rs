//! The load: connections that stay open, hand-made HTTP/1.1, one request after the other on each; all of them on one
//! thread, because what it costs is taken from what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Makes the bytes of the n-th request of a connection.
pub(crate) type MakeRequest = Arc<dyn Fn(usize, usize) -> Vec<u8> + Send + Sync>;

pub(crate) struct Plan {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) lasting: Duration,
    pub(crate) warm_up: Duration,
}

/// How long each answer took, in any order.
pub(crate) struct Measured {
    pub(crate) times: Vec<Duration>,
    pub(crate) per_second: f64,
}

/// Runs the load; every answer has to have an expected status.
pub(crate) async fn measure(plan: &Plan, request: &MakeRequest, expected: &[u16]) -> Measured {
    let begin = Instant::now() + plan.warm_up;
    let end = begin + plan.lasting;
    let mut tasks = Vec::new();
    for connection in 0..plan.connections {
        let (request, expected, address) = (Arc::clone(request), expected.to_vec(), plan.address);
        tasks.push(tokio::spawn(async move { one(address, connection, &request, &expected, begin, end).await }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a connection ran to its end"));
    }
    Measured { per_second: times.len() as f64 / plan.lasting.as_secs_f64(), times }
}

async fn one(
    address: SocketAddr,
    connection: usize,
    request: &MakeRequest,
    expected: &[u16],
    begin: Instant,
    end: Instant,
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a TCP connection");
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut times = Vec::new();
    for n in 0.. {
        let bytes = request(connection, n);
        let started = Instant::now();
        if started >= end {
            break;
        }
        stream.write_all(&bytes).await.expect("the request is taken");
        let status = answer(&mut stream, &mut buffer).await;
        let took = started.elapsed();
        assert!(expected.contains(&status), "{status}: {}", String::from_utf8_lossy(&buffer));
        if started >= begin {
            times.push(took);
        }
    }
    times
}

/// Reads one answer into the buffer and gives its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    let head = loop {
        let searched = buffer.len().saturating_sub(3);
        more(stream, buffer).await;
        if let Some(found) = find(&buffer[searched..], b"\r\n\r\n") {
            break searched + found + 4;
        }
    };
    let status = buffer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    // Both servers write the names of headers in small letters.
    match find(&buffer[..head], b"content-length: ") {
        Some(place) => {
            let digits = buffer[place + 16..head].iter().take_while(|byte| byte.is_ascii_digit());
            let length = digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
            while buffer.len() < head + length {
                more(stream, buffer).await;
            }
        }
        None if find(&buffer[..head], b"transfer-encoding: chunked").is_some() => {
            // Nothing else is under way on this connection, so the answer ends where the bytes do.
            while !buffer.ends_with(b"\r\n0\r\n\r\n") {
                more(stream, buffer).await;
            }
        }
        None => {}
    }
    status.expect("a status line")
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) {
    if buffer.capacity() - buffer.len() < 16 * 1024 {
        buffer.reserve(256 * 1024);
    }
    assert!(stream.read_buf(buffer).await.expect("an answer") > 0, "the connection was closed");
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}
