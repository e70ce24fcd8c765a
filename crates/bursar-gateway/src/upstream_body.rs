//! The body of a provider's answer: it drives the connection that it comes over, and gives it back at its end.

use crate::driven::Driven;
use crate::host::Host;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What comes of an answer. Dropped before its end it cancels the rest: a connection of HTTP/1.1 is closed, a stream of
/// HTTP/2 is reset.
pub struct UpstreamBody {
    incoming: Incoming,
    /// A connection of its own, and where it goes back to.
    own: Option<(Box<Driven>, Arc<Host>)>,
    has_ended: bool,
}

impl UpstreamBody {
    /// One that comes over a connection of its own.
    pub(crate) fn own(incoming: Incoming, connection: Box<Driven>, host: &Arc<Host>) -> Self {
        let own = Some((connection, Arc::clone(host)));
        let mut body = Self { incoming, own, has_ended: false };
        if body.incoming.is_end_stream() {
            body.end();
        }
        body
    }
    /// One that comes over a connection which others use too, and which a task drives.
    pub(crate) fn shared(incoming: Incoming) -> Self {
        Self { incoming, own: None, has_ended: false }
    }

    fn end(&mut self) {
        self.has_ended = true;
        if let Some((connection, host)) = self.own.take() {
            host.keep(connection);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        let Self { incoming, own, .. } = this;
        let Some((connection, _)) = own else { return Pin::new(incoming).poll_frame(cx) };
        let polled = connection.drive(cx, |cx| Pin::new(&mut *incoming).poll_frame(cx));
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(_))) if !incoming.is_end_stream() => {}
            Poll::Ready(Some(Ok(_)) | None) => this.end(),
            Poll::Ready(Some(Err(_))) => this.own = None,
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
