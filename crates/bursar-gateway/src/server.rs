//! Accepting clients: current-thread workers, one per core, each with its own pool of upstream connections.

use crate::exchange::{self, Worker};
use crate::limits::{CONNECTIONS_PER_WORKER_MAX, HTTP2_STREAMS_MAX, LAST_WORDS, POOL_TEND};
use crate::lingering::{Look, Watch, Watched};
use crate::patience::Patience;
use crate::upstream::TlsError;
use crate::{Gateway, limits, lingering};
use bursar_core::limits::HEADER_BYTES_MAX;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// What a listener answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Everything.
    Both,
    /// Clients, and whether the process lives; the admin API has a listener of its own.
    Clients,
    /// The admin API, metrics, and whether the process lives.
    Admin,
}

/// Where a server listens, and how it ends.
pub struct Doors<'a> {
    /// The listener of clients, which is everybody's where there is no other.
    pub clients: &'a TcpListener,
    /// The admin API's own listener.
    pub admin: Option<&'a TcpListener>,
    /// How long a shutdown waits for requests in flight before it cuts them.
    pub drain: Duration,
}

/// The running data plane. Dropping it does not stop it; call [`Server::shutdown`].
pub struct Server {
    workers: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

/// Why the data plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener or a thread.
    #[error("cannot start a worker")]
    Io(#[from] io::Error),
    /// TLS towards providers.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Server {
    /// Serves clients with `workers` threads, and the admin API's own listener with one more.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(gateway: &Arc<Gateway>, doors: &Doors<'_>, workers: usize) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(false);
        let mut threads = Vec::new();
        let mut begin = |listener: &TcpListener, door: Door, name: String| -> Result<(), StartError> {
            listener.set_nonblocking(true)?;
            let listener = listener.try_clone()?;
            let worker = Arc::new(Worker::new(Arc::clone(gateway), door)?);
            let (stopped, drain) = (stopped.clone(), doors.drain);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let body = move || runtime.block_on(serve(listener, worker, stopped, drain));
            threads.push(std::thread::Builder::new().name(name).spawn(body)?);
            Ok(())
        };
        let clients = if doors.admin.is_some() { Door::Clients } else { Door::Both };
        for number in 0..workers.max(1) {
            begin(doors.clients, clients, format!("worker-{number}"))?;
        }
        if let Some(admin) = doors.admin {
            begin(admin, Door::Admin, "admin".to_owned())?;
        }
        Ok(Self { workers: threads, stop })
    }

    /// Stops accepting, waits as long as [`Doors::drain`] says for requests in flight, then cuts the rest, which ends
    /// them in their own format and settles them as estimated. Blocks; call it off the workers' threads.
    pub fn shutdown(self) {
        self.stop.send_replace(true);
        for worker in self.workers {
            if worker.join().is_err() {
                tracing::error!("a worker ended by a panic");
            }
        }
    }
}

async fn serve(
    listener: TcpListener,
    worker: Arc<Worker>,
    mut stopped: watch::Receiver<bool>,
    drain: Duration,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot listen");
            return;
        }
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS_PER_WORKER_MAX));
    let mut tasks = JoinSet::new();
    let mut tends = tokio::time::interval(POOL_TEND);
    tends.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        while tasks.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
            _ = tends.tick() => {
                worker.upstream.tend();
                continue;
            }
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                (stream, peer)
            }
            Err(error) => {
                // Out of file descriptors, or a connection that ended in the queue: wait a moment, go on.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                continue;
            }
        };
        let wait = worker.gateway.client_wait;
        let worker = Arc::clone(&worker);
        let stopped = stopped.clone();
        tasks.spawn(async move {
            if let Err(error) = converse(stream, peer, worker, wait, stopped).await {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    if !ended(&mut tasks, drain).await {
        tracing::warn!(open = tasks.len(), "cutting what is still in flight");
        worker.gateway.governor.kills().end_all();
        if !ended(&mut tasks, LAST_WORDS).await {
            tracing::warn!(open = tasks.len(), "some clients did not take the end of their answers");
        }
    }
    tasks.shutdown().await;
    worker.finish().await;
}

/// Waits until every connection ended; false when some are open after `within`.
async fn ended(tasks: &mut JoinSet<()>, within: Duration) -> bool {
    let all = async { while tasks.join_next().await.is_some() {} };
    tokio::time::timeout(within, all).await.is_ok()
}

/// Serves one client until it leaves, asks nothing for long, or the server stops and its last answer has ended.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    worker: Arc<Worker>,
    wait: Duration,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let watch = Watch::new();
    let counting = Arc::clone(&watch);
    let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        let (under_way, shares) = (counting.begin(), request.version() == http::Version::HTTP_2);
        let answering = exchange::handle(Arc::clone(&worker), request);
        async move { Ok::<_, Infallible>(answering.await?.map(|body| Watched::new(body, under_way, shares))) }
    });
    let stream = TokioIo::new(Patience::new(stream, wait));
    let builder = server_builder(wait);
    let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
    let mut looks = tokio::time::interval(lingering::pause(wait));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_closing = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            _ = stopped.wait_for(|stop| *stop), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = looks.tick() => match watch.look(wait) {
                // A client that was told to go and did not is left where it is.
                Look::Idle(time) if time >= wait * 3 => return Ok(()),
                // HTTP/1.1 has ended it by then: there the wait for the next head is bounded.
                Look::Idle(time) if time >= wait * 2 && !is_closing => {
                    is_closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                Look::Idle(_) | Look::Used => {}
            },
        }
    }
}

fn server_builder(wait: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Not with `pipeline_flush`: it takes any number of bytes for a client that reads none (hyper 1.12).
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(wait)
        .max_buf_size(HEADER_BYTES_MAX)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        // A peer that is gone without a word; one that is there and asks nothing is let go by `converse`.
        .keep_alive_interval(wait)
        .keep_alive_timeout(wait);
    builder
}
