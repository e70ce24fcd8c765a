//! How long a client may keep a connection waiting where hyper has no timeout of its own: before it is clear which version
//! of HTTP it speaks, and while it takes nothing of an answer.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// What a client that knows HTTP/2 from before begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that must say within a time which version of HTTP it speaks.
pub(crate) struct Patience {
    stream: TcpStream,
    /// The alarm, and how much of the preface was seen, until the version is clear.
    waiting: Option<(Pin<Box<Sleep>>, usize)>,
    /// The alarm while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    limit: Duration,
}

impl Patience {
    pub(crate) fn new(stream: TcpStream, limit: Duration) -> Self {
        Self { stream, waiting: Some((Box::pin(tokio::time::sleep(limit)), 0)), stalled: None, limit }
    }

    /// What a write came to: none may wait longer than the limit.
    fn within<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.limit;
        let alarm = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        alarm.as_mut().poll(cx).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

/// How much of the preface was seen after these bytes; nothing once the version is clear.
fn follow(seen: usize, bytes: &[u8]) -> Option<usize> {
    let rest = PREFACE.get(seen..).unwrap_or_default();
    let seen = seen.saturating_add(bytes.len());
    (rest.starts_with(bytes) && seen < PREFACE.len()).then_some(seen)
}

impl AsyncRead for Patience {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, into);
        let Some((alarm, seen)) = this.waiting.as_mut() else { return read };
        match read {
            Poll::Pending => match alarm.as_mut().poll(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            },
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {
                match follow(*seen, into.filled().get(before..).unwrap_or_default()) {
                    Some(more) => *seen = more,
                    None => this.waiting = None,
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Patience {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.within(cx, written)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(cx);
        self.within(cx, written)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.within(cx, written)
    }
}

#[cfg(test)]
mod tests {
    use super::follow;

    #[test]
    fn the_version_is_clear_at_the_first_byte_that_differs_or_the_last_of_the_preface() {
        assert_eq!(follow(0, b"PRI * H"), Some(7));
        assert_eq!(follow(7, b"TTP/2.0\r\n\r\n"), Some(18));
        assert_eq!(follow(18, b"SM\r\n\r\n"), None);
        assert_eq!(follow(0, b"POST / HTTP/1.1\r\n"), None);
        assert_eq!(follow(1, b"UT / HTTP/1.1\r\n"), None);
    }
}
