//! Accepting clients: current-thread workers, one per core, each with its own pool of upstream connections.

use crate::exchange::{self, Worker};
use crate::limits::{CONNECTIONS_PER_WORKER_MAX, HTTP2_STREAMS_MAX, LAST_WORDS};
use crate::patience::Patience;
use crate::upstream::TlsError;
use crate::{Gateway, limits};
use bursar_core::limits::HEADER_BYTES_MAX;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

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
    let connections = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_PER_WORKER_MAX));
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
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
        let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            exchange::handle(Arc::clone(&worker), request)
        });
        let stream = TokioIo::new(Patience::new(stream, wait));
        let connection = server_builder(wait).serve_connection(stream, service).into_owned();
        let connection = connections.watch(connection);
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    let mut draining = std::pin::pin!(connections.shutdown());
    if tokio::time::timeout(drain, &mut draining).await.is_err() {
        tracing::warn!(open = tasks.len(), "cutting what is still in flight");
        worker.gateway.governor.kills().end_all();
        if tokio::time::timeout(LAST_WORDS, &mut draining).await.is_err() {
            tracing::warn!(open = tasks.len(), "some clients did not take the end of their answers");
        }
    }
    tasks.shutdown().await;
    worker.finish().await;
}

fn server_builder(wait: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(wait)
        .max_buf_size(HEADER_BYTES_MAX)
        .pipeline_flush(true)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30));
    builder
}
