//! The life of a fake provider: listening, its connections, its books, its end.

use crate::bill::Bill;
use crate::io::{FaultyIo, Switch};
use crate::journal::{Entries, Received};
use crate::limits::SHUTDOWN_GRACE;
use crate::respond::respond;
use crate::script::{Live, Script};
use bursar_core::{Family, Usd};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use parking_lot::{Mutex, RwLock};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A running fake provider. Dropped without [`Mock::shutdown`] it stops listening and lets its connections go.
pub struct Mock {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
    _guard: DropGuard,
}

/// The books of one fake provider.
pub(crate) struct Shared {
    pub(crate) live: RwLock<Arc<Live>>,
    pub(crate) bill: Mutex<Bill>,
    pub(crate) journal: Mutex<Entries>,
    received: AtomicU64,
    connections: AtomicU64,
    numbers: AtomicU64,
    in_flight: AtomicUsize,
    idle: Notify,
}

impl Mock {
    /// Starts on a free port of 127.0.0.1, on the current runtime; speaks HTTP/1.1 and HTTP/2 with prior knowledge.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_at(script, (Ipv4Addr::LOCALHOST, 0).into()).await
    }
    /// Starts on a given address.
    ///
    /// # Errors
    /// The address could not be bound.
    pub async fn start_at(script: Script, addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let stop = CancellationToken::new();
        let mock = Self {
            addr: listener.local_addr()?,
            shared: Arc::new(Shared::new(script)),
            tasks: TaskTracker::new(),
            _guard: stop.clone().drop_guard(),
            stop,
        };
        mock.tasks.spawn(accept(listener, mock.shared.clone(), mock.stop.clone(), mock.tasks.clone()));
        Ok(mock)
    }
    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }
    /// The base URL that a client or gateway of that family is to be given.
    #[must_use]
    pub fn base_url(&self, family: Family) -> String {
        match family {
            Family::OpenAi => format!("http://{}/v1", self.addr),
            Family::Anthropic | Family::Gemini | Family::Ollama => format!("http://{}", self.addr),
        }
    }
    /// The bill so far; requests in flight are not on it (see [`Mock::idle`]).
    #[must_use]
    pub fn bill(&self) -> Bill {
        self.shared.bill.lock().clone()
    }
    /// The bill's total.
    #[must_use]
    pub fn total(&self) -> Usd {
        self.shared.bill.lock().total()
    }
    /// The requests received, oldest first, as far as they are kept.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.journal.lock().list()
    }
    /// How many requests were received, the free ones included.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Acquire)
    }
    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Acquire)
    }
    /// How many priced requests are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Acquire)
    }
    /// Waits until no priced request is in flight: then the bill is complete for all that was received.
    pub async fn idle(&self) {
        loop {
            let woken = self.shared.idle.notified();
            if self.in_flight() == 0 {
                return;
            }
            woken.await;
        }
    }
    /// Changes the script for requests from now on; its rules count anew.
    pub fn set_script(&self, script: Script) {
        self.shared.set_script(script);
    }
    /// Empties bill and journal.
    pub fn reset(&self) {
        self.shared.reset();
    }
    /// Stops listening, lets requests in flight go on for [`SHUTDOWN_GRACE`], and gives the final bill.
    pub async fn shutdown(self) -> Bill {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.bill()
    }
}

impl Shared {
    fn new(script: Script) -> Self {
        Self {
            live: RwLock::new(Arc::new(Live::new(script))),
            bill: Mutex::default(),
            journal: Mutex::default(),
            received: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            numbers: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
        }
    }
    pub(crate) fn set_script(&self, mut script: Script) {
        let mut live = self.live.write();
        script.recorded = script.recorded.take().or_else(|| live.script.recorded.clone());
        *live = Arc::new(Live::new(script));
    }
    pub(crate) fn reset(&self) {
        *self.bill.lock() = Bill::default();
        *self.journal.lock() = Entries::default();
        self.received.store(0, Ordering::Release);
        self.connections.store(0, Ordering::Release);
    }
    /// A new request's number, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.received.fetch_add(1, Ordering::AcqRel);
        self.numbers.fetch_add(1, Ordering::AcqRel) + 1
    }
    pub(crate) fn counts(&self) -> (u64, u64, usize) {
        (
            self.received.load(Ordering::Acquire),
            self.connections.load(Ordering::Acquire),
            self.in_flight.load(Ordering::Acquire),
        )
    }
    pub(crate) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }
    pub(crate) fn leave(&self) {
        if self.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.idle.notify_waiters();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                shared.connections.fetch_add(1, Ordering::AcqRel);
                tasks.spawn(serve(stream, shared.clone(), stop.clone(), tasks.clone()));
            }
            // Out of descriptors: the connections that end give some back.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, stop: CancellationToken, tasks: TaskTracker) {
    // Best effort: without it small chunks of a stream may be held back.
    let _ = stream.set_nodelay(true);
    let switch = Arc::new(Switch::default());
    let io = TokioIo::new(FaultyIo::new(stream, switch.clone()));
    let service = service_fn(move |request| respond(shared.clone(), switch.clone(), request));
    let builder = auto::Builder::new(Tracked(tasks));
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(SHUTDOWN_GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        // The usual end of a connection that a script or a client breaks.
        tracing::debug!(%error, "connection ended");
    }
}

/// Runs HTTP/2 streams in the tracker that shutdown waits for.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
