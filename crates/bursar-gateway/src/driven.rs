//! A connection to a provider that speaks HTTP/1.1 and is driven by the request on it: no task of its own, so that no
//! request waits for another task's turn, nor wakes one.

use crate::bell::Bell;
use crate::road::Lane;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_rustls::MaybeHttpsStream;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// How often the parts of a connection are looked at in one go: they ring for each other two or three times for a head or a
/// chunk. Behind it the task has its turn again, for who used up its share of a turn rings too.
const LOOKS_MAX: usize = 8;

/// A connection for one request at a time. Dropping it closes it.
pub(crate) struct Driven {
    requests: SendRequest<Full<Bytes>>,
    /// Absent once it has ended.
    connection: Option<Connection<MaybeHttpsStream<Lane>, Full<Bytes>>>,
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
    through_proxy: bool,
}

/// No answer came over a connection.
pub(crate) struct Unanswered {
    pub(crate) error: hyper::Error,
    /// The request, where no byte of it was written.
    pub(crate) unsent: Option<Request<Full<Bytes>>>,
}

impl Unanswered {
    /// What hyper says of it.
    pub(crate) fn new(mut said: TrySendError<Request<Full<Bytes>>>) -> Box<Self> {
        let unsent = said.take_message();
        Box::new(Self { error: said.into_error(), unsent })
    }
}

impl Driven {
    /// A connection over `stream`, which stands.
    ///
    /// # Errors
    /// None is known: nothing is written before the first request.
    pub(crate) async fn over(
        stream: MaybeHttpsStream<Lane>,
        through_proxy: bool,
    ) -> Result<Box<Self>, hyper::Error> {
        let (requests, connection) = Builder::new().handshake(stream).await?;
        let bell = Arc::<Bell>::default();
        let waker = Waker::from(Arc::clone(&bell));
        Ok(Box::new(Self { requests, connection: Some(connection), bell, waker, through_proxy }))
    }
    /// Whether it leads to a proxy that reads requests itself, and so wants whole URLs.
    pub(crate) const fn is_through_proxy(&self) -> bool {
        self.through_proxy
    }
    /// Sends a request and waits for the head of its answer, whose body comes only as far as this goes on to be driven.
    ///
    /// # Errors
    /// See [`Unanswered`].
    pub(crate) async fn ask(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Box<Unanswered>> {
        let mut answer = pin!(self.requests.try_send_request(request));
        let answered = std::future::poll_fn(|cx| self.drive(cx, |cx| answer.as_mut().poll(cx))).await;
        answered.map_err(Unanswered::new)
    }
    /// Polls what is `wanted` of it, and itself, until neither has anything left to do now.
    pub(crate) fn drive<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut wanted: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.attend();
        for _ in 0..LOOKS_MAX {
            if let Poll::Ready(found) = wanted(&mut Context::from_waker(&self.waker)) {
                self.bell.leave(None);
                return Poll::Ready(found);
            }
            self.go_on();
            if !self.bell.has_rung() && self.bell.leave(Some(cx.waker())) {
                return Poll::Pending;
            }
        }
        self.bell.leave(None);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
    /// Lets it come to rest behind an answer; whether it can take another request.
    pub(crate) fn rests(&mut self) -> bool {
        let _pending: Poll<()> = self.drive(&mut Context::from_waker(Waker::noop()), |_| Poll::Pending);
        self.connection.is_some() && self.requests.is_ready()
    }

    fn go_on(&mut self) {
        let Some(connection) = self.connection.as_mut() else { return };
        if let Poll::Ready(ended) = Pin::new(connection).poll(&mut Context::from_waker(&self.waker)) {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a provider ended");
            }
            // Whoever still waits for something of it is told by that.
            self.connection = None;
        }
    }
}
