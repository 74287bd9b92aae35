//! A request that is not HTTP never reaches a route: the library answers it itself, with a status and nothing else. Here
//! that answer gets the words that every other refusal of this server has.
//!
//! The most common reason is a filter that somebody put into an address as it is, with its spaces and quotation marks.

use crate::error::Error;
use scim::Code;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose bare refusals are replaced on their way out.
pub(super) struct PlainWords<S> {
    inner: S,
    /// What goes out instead, what of it is written, and how long the bare answer was.
    instead: Option<(Vec<u8>, usize, usize)>,
}

impl<S> PlainWords<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, instead: None }
    }
}

/// The words for a bare refusal; nothing for everything else. Our own refusals have a body, so none is taken for one.
fn words(head: &[u8]) -> Option<Vec<u8>> {
    let status = head.strip_prefix(b"HTTP/1.1 4")?.get(..2)?;
    let (code, detail) = match status {
        b"00" => (
            Code::NOT_HTTP,
            "this is not a request of HTTP/1.1; a space or a quotation mark in an address is written %20 or %22",
        ),
        b"14" => (Code::ADDRESS_TOO_LONG, "the address is too long; use POST …/.search"),
        b"31" => (Code::HEAD_TOO_LARGE, "the headers are too many or too long; send fewer"),
        _ => return None,
    };
    let is_bare = memchr::memmem::find(head, b"\r\ncontent-length: 0\r\n").is_some()
        && memchr::memmem::find(head, b"\r\nx-request-id:").is_none();
    if !is_bare {
        return None;
    }
    let answer = Error::new(code, detail).answer(&crate::app::request_id());
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut out = line.to_vec();
    let rest = format!(
        "\r\ncontent-type: {}\r\ncontent-length: {}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
         connection: close\r\n\r\n",
        answer.media_type,
        answer.body.len()
    );
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(&answer.body);
    Some(out)
}

impl<S: AsyncRead + Unpin> AsyncRead for PlainWords<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> PlainWords<S> {
    /// Writes what goes out instead to its end, and then says that the bare answer is written.
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some((bytes, at, length)) = &mut self.instead {
            let left = bytes.get(*at..).unwrap_or_default();
            if left.is_empty() {
                let length = *length;
                self.instead = None;
                return Poll::Ready(Ok(length));
            }
            match ready!(Pin::new(&mut self.inner).poll_write(cx, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => *at += written,
            }
        }
        Poll::Ready(Ok(0))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PlainWords<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            self.instead = words(buf).map(|words| (words, 0, buf.len()));
        }
        match self.instead {
            Some(_) => self.poll_instead(cx),
            None => Pin::new(&mut self.inner).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        match first {
            Some(first) if self.instead.is_some() || words(first).is_some() => self.poll_write(cx, first),
            _ => Pin::new(&mut self.inner).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_get_words() {
        let bare = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\ndate: x\r\n\r\n");
        for status in ["400 Bad Request", "414 URI Too Long", "431 Request Header Fields Too Large"] {
            let text = String::from_utf8(words(bare(status).as_bytes()).unwrap()).unwrap();
            assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\ncontent-type: application/scim+json")), "{text}");
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{text}");
            assert!(body.contains(&format!("\"status\":\"{}\"", &status[..3])) && body.contains("PRV-"), "{body}");
        }
        let ours = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nx-request-id: 1\r\n\r\n";
        let full = "HTTP/1.1 400 Bad Request\r\ncontent-length: 12\r\n\r\n";
        for other in [&bare("404 Not Found"), &bare("200 OK"), ours, full, "", "HTTP/1.1 4"] {
            assert_eq!(words(other.as_bytes()), None, "{other}");
        }
    }
}
