//! The control plane on a runtime and threads of its own, reached from the data plane through a bounded queue.

use super::threads::{Stopped, Threads};
use bursar_control::{Drainer, State};
use bursar_gateway::control::{Answering, Control};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;
use tower_service::Service;

/// Admin requests that may wait: beyond it they are answered 503.
const QUEUE: usize = 256;
/// How often upkeep and draining look for work.
const TEND_EVERY: Duration = Duration::from_millis(100);

/// How often throttles look whether a window crossed its line: what a provider bills meanwhile is at most this late.
const THROTTLE_EVERY: Duration = Duration::from_millis(50);

type Job = (Request<Bytes>, oneshot::Sender<Response<Bytes>>);

/// The running control plane.
pub struct ControlPlane {
    jobs: mpsc::Sender<Job>,
    /// For what no report may keep waiting.
    urgent: mpsc::Sender<Job>,
    stop: watch::Sender<bool>,
    threads: parking_lot::Mutex<Threads>,
}

impl ControlPlane {
    /// Starts serving the admin API, draining the journal, and the ledger's upkeep.
    ///
    /// # Errors
    /// When a thread or runtime cannot be started.
    pub fn start(state: &Arc<State>, drainer: Drainer) -> io::Result<Arc<Self>> {
        let (stop, stopped) = watch::channel(false);
        let router = bursar_control::router(Arc::clone(state));
        let mut threads = Threads::default();
        let (urgent, stopping) = lane("control-urgent", router.clone(), stopped.clone())?;
        threads.adopt(stopping);
        let (jobs, serving) = lane("control", router, stopped.clone())?;
        threads.adopt(serving);
        // Evaluates throttles when it is time or a settle crossed a line.
        let watched = Arc::clone(state);
        threads.every(THROTTLE_EVERY, "throttle", move || {
            watched.tend_throttles();
        })?;
        threads.adopt(super::alerts::start(state, stopped)?);
        super::recounting::start(state, &mut threads)?;
        let upkeep = Arc::clone(state);
        threads.spawn("upkeep", move |stopped| tend(&upkeep, drainer, stopped))?;
        Ok(Arc::new(Self { jobs, urgent, stop, threads: parking_lot::Mutex::new(threads) }))
    }

    /// Drains what is left and ends. Blocks.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
        std::mem::take(&mut *self.threads.lock()).shutdown();
    }
}

impl Control for ControlPlane {
    fn serves(&self, path: &str) -> bool {
        let own = || bursar_wire::split_path_key(path).1 == "/v1/bursar/balance";
        path.starts_with("/admin/") || matches!(path, "/metrics" | "/livez" | "/readyz" | "/health") || own()
    }

    fn call(&self, request: Request<Bytes>) -> Answering {
        let (answer, answered) = oneshot::channel();
        let lane = if is_urgent(request.uri().path()) { &self.urgent } else { &self.jobs };
        let sent = lane.try_send((request, answer));
        Box::pin(async move {
            let busy = || text(StatusCode::SERVICE_UNAVAILABLE, "the control plane is busy or ending\n");
            match sent {
                Ok(()) => answered.await.unwrap_or_else(|_| busy()),
                Err(_) => busy(),
            }
        })
    }
}

/// Whether a request has a thread of its own: who stops everything does not wait for who reads a year of records.
fn is_urgent(path: &str) -> bool {
    path.starts_with("/admin/v1/kill") || path == "/livez"
}

/// A thread that answers what is sent to it.
fn lane(
    name: &str,
    router: axum::Router,
    stopped: watch::Receiver<bool>,
) -> io::Result<(mpsc::Sender<Job>, JoinHandle<()>)> {
    let (jobs, queue) = mpsc::channel(QUEUE);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .enable_all()
        .build()?;
    let body = move || runtime.block_on(serve(router, queue, stopped));
    let thread = std::thread::Builder::new().name(format!("{name}-main")).spawn(body)?;
    Ok((jobs, thread))
}

async fn serve(mut router: axum::Router, mut queue: mpsc::Receiver<Job>, mut stopped: watch::Receiver<bool>) {
    let tasks = TaskTracker::new();
    loop {
        let job = tokio::select! {
            job = queue.recv() => job,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let Some((request, answer)) = job else { break };
        let answering = router.call(request.map(|bytes| axum::body::Body::new(Full::new(bytes))));
        tasks.spawn(async move {
            let response = match answering.await {
                Ok(response) => collect(response).await,
                Err(never) => match never {},
            };
            // Whoever asked may have left.
            drop(answer.send(response));
        });
    }
    tasks.close();
    if tokio::time::timeout(Duration::from_secs(5), tasks.wait()).await.is_err() {
        tracing::warn!("admin requests were cut");
    }
}

async fn collect(response: Response<axum::body::Body>) -> Response<Bytes> {
    let (head, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => Response::from_parts(head, body.to_bytes()),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the answer broke off\n"),
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response
}

/// Drains records and tends the ledger until told to stop, then drains what is left.
fn tend(state: &State, mut drainer: Drainer, stopped: &Stopped) {
    let mut failures = 0u32;
    loop {
        let last = stopped.is_told();
        match state.governor.ledger().tend(state.now()) {
            Ok(tended) => {
                for id in &tended.suspended {
                    tracing::warn!(reservation = %id, "made no progress for too long: in suspense");
                }
            }
            Err(error) => tracing::warn!(%error, "the ledger's upkeep failed"),
        }
        if let Err(error) = state.tend_token_use(state.now(), last) {
            tracing::warn!(%error, "when tokens were last used cannot be written");
        }
        let drained = drain_all(&mut drainer);
        state.note_drained(&drainer, drained.as_ref().err().map(ToString::to_string));
        match drained {
            Ok(()) => failures = 0,
            Err(error) => {
                // Records fail open: requests go on, the journal keeps what is not drained.
                failures = failures.saturating_add(1);
                if failures.is_power_of_two() {
                    tracing::error!(%error, failures, "cannot drain the journal into records");
                }
            }
        }
        if last {
            return;
        }
        // Whether it goes on is asked before the next turn, the last one too.
        stopped.goes_on_after(TEND_EVERY.saturating_mul(failures.clamp(1, 50)));
    }
}

fn drain_all(drainer: &mut Drainer) -> Result<(), bursar_control::DrainError> {
    while drainer.step()? {}
    Ok(())
}

#[cfg(test)]
mod tests;
