//! A connection that can be made to break in ways that a well-behaved server would not.

use bytes::Bytes;
use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const RESET: u8 = 1;
const RAW: u8 = 2;
const DEAD: u8 = 3;

/// Told by a request's handler what is to become of its connection; nothing at first.
#[derive(Default, Debug)]
pub(crate) struct Switch {
    mode: AtomicU8,
    raw: Mutex<Bytes>,
}

impl Switch {
    /// The connection is reset, not closed, when it goes.
    pub(crate) fn reset(&self) {
        self.mode.store(RESET, Ordering::Release);
    }
    /// Instead of what is written next, these bytes go out, and then the connection dies.
    pub(crate) fn raw(&self, bytes: Bytes) {
        *self.raw.lock() = bytes;
        self.mode.store(RAW, Ordering::Release);
    }
}

/// A TCP connection with a [`Switch`].
pub(crate) struct FaultyIo {
    stream: TcpStream,
    switch: Arc<Switch>,
}

impl FaultyIo {
    pub(crate) fn new(stream: TcpStream, switch: Arc<Switch>) -> Self {
        Self { stream, switch }
    }
    fn poll_raw(&mut self, cx: &mut Context<'_>, claimed: usize) -> Poll<io::Result<usize>> {
        let bytes = self.switch.raw.lock().clone();
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes))?;
        let rest = bytes.slice(written.min(bytes.len())..);
        if rest.is_empty() {
            self.switch.mode.store(DEAD, Ordering::Release);
        }
        *self.switch.raw.lock() = rest;
        Poll::Ready(Ok(claimed))
    }
}

impl AsyncRead for FaultyIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for FaultyIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.switch.mode.load(Ordering::Acquire) {
            RAW => self.poll_raw(cx, buf.len()),
            DEAD => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            _ => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.switch.mode.load(Ordering::Acquire) {
            RAW => {
                let claimed = bufs.iter().map(|buf| buf.len()).sum();
                self.poll_raw(cx, claimed)
            }
            DEAD => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
        }
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.mode.load(Ordering::Acquire) == DEAD {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.mode.load(Ordering::Acquire) == RESET {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for FaultyIo {
    fn drop(&mut self) {
        if self.switch.mode.load(Ordering::Acquire) == RESET {
            // A refusal leaves an ordinary close, which is a fault as well: nothing to do about it.
            let _ = self.stream.set_zero_linger();
        }
    }
}
