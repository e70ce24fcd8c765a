//! The connections of the load client.

use super::report::{Failure, Report};
use super::{Plan, Seen, Shot};
use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

/// Sends what `shots` gives for 0, 1, 2, … until it gives nothing or the plan's time is over.
///
/// Each connection takes the next shot when it is free; a shot with a time waits for it. Order of sending is the order
/// of numbers, as far as connections are free.
pub async fn run(plan: &Plan, shots: impl Fn(u64) -> Option<Shot> + Send + Sync + 'static) -> Report {
    let started = Instant::now();
    let shots = Arc::new(shots);
    let next = Arc::new(AtomicU64::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..plan.connections {
        let (plan, shots, next) = (plan.clone(), shots.clone(), next.clone());
        workers.spawn(async move { work(&plan, &*shots, &next, started).await });
    }
    let mut report = Report::default();
    while let Some(done) = workers.join_next().await {
        if let Ok(part) = done {
            report.merge(&part);
        }
    }
    report.elapsed = started.elapsed();
    report
}

/// Sends one request on a connection of its own and gives the whole answer.
pub async fn send(plan: &Plan, shot: Shot) -> Seen {
    let mut connection = Connection::new(plan.clone());
    connection.plan.keep_bodies = true;
    let seen = connection.send(0, &shot, Instant::now()).await;
    connection.close().await;
    seen
}

async fn work(
    plan: &Plan,
    shots: &(impl Fn(u64) -> Option<Shot> + Send + Sync),
    next: &AtomicU64,
    started: Instant,
) -> Report {
    let mut connection = Connection::new(plan.clone());
    let mut report = Report::default();
    loop {
        if plan.stop_after.is_some_and(|stop| started.elapsed() >= stop) {
            break;
        }
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(shot) = shots(index) else { break };
        let due = match shot.at {
            Some(at) => {
                let due = started + at;
                tokio::time::sleep_until(due).await;
                due
            }
            None => Instant::now(),
        };
        let seen = connection.send(index, &shot, due).await;
        report.add(&seen);
        if let Some(observe) = &plan.observe {
            observe(&seen);
        }
    }
    connection.close().await;
    report.elapsed = started.elapsed();
    report
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

struct Connection {
    plan: Plan,
    host: Option<HeaderValue>,
    sender: Option<Sender>,
    drivers: TaskTracker,
}

impl Connection {
    fn new(plan: Plan) -> Self {
        let host = HeaderValue::from_str(&plan.addr.to_string()).ok();
        Self { plan, host, sender: None, drivers: TaskTracker::new() }
    }
    /// Ends the connection and waits for its task.
    async fn close(mut self) {
        self.sender = None;
        self.drivers.close();
        self.drivers.wait().await;
    }
    async fn send(&mut self, index: u64, shot: &Shot, due: Instant) -> Seen {
        let begun = Instant::now();
        let mut seen = Seen {
            index,
            status: None,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            bytes: 0,
            late: begun.saturating_duration_since(due),
            first_byte: std::time::Duration::ZERO,
            total: std::time::Duration::ZERO,
            failure: None,
        };
        let outcome = timeout(self.plan.timeout, self.exchange(shot, begun, &mut seen)).await;
        seen.failure = outcome.unwrap_or(Err(Failure::Timeout)).err();
        seen.total = begun.elapsed();
        if seen.failure.is_some() {
            self.sender = None;
        }
        seen
    }
    async fn exchange(&mut self, shot: &Shot, begun: Instant, seen: &mut Seen) -> Result<(), Failure> {
        let response = self.head(shot).await?;
        let (parts, mut body) = response.into_parts();
        (seen.status, seen.headers) = (Some(parts.status.as_u16()), parts.headers);
        seen.first_byte = begun.elapsed();
        let mut kept = BytesMut::new();
        let mut first = true;
        let mut ending = Ok(());
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                ending = Err(Failure::Cut);
                break;
            };
            let Some(data) = frame.data_ref() else { continue };
            if std::mem::take(&mut first) {
                seen.first_byte = begun.elapsed();
            }
            seen.bytes = seen.bytes.saturating_add(u64::try_from(data.len()).unwrap_or(0));
            if self.plan.keep_bodies {
                kept.extend_from_slice(data);
            }
            if shot.abort_after.is_some_and(|bytes| seen.bytes >= bytes) {
                ending = Err(Failure::Aborted);
                break;
            }
        }
        seen.body = kept.freeze();
        ending
    }
    /// Sends the request, on a new connection where the old one is gone.
    async fn head(&mut self, shot: &Shot) -> Result<Response<Incoming>, Failure> {
        let alive = match &self.sender {
            Some(Sender::Http1(sender)) => !sender.is_closed(),
            Some(Sender::Http2(sender)) => !sender.is_closed(),
            None => false,
        };
        if !alive {
            self.sender = Some(self.connect().await.ok_or(Failure::Connect)?);
        }
        let request = self.request(shot).ok_or(Failure::Connect)?;
        let answer = match &mut self.sender {
            Some(Sender::Http1(sender)) => {
                sender.ready().await.map_err(|_| Failure::NoAnswer)?;
                sender.send_request(request).await
            }
            Some(Sender::Http2(sender)) => {
                sender.ready().await.map_err(|_| Failure::NoAnswer)?;
                sender.send_request(request).await
            }
            None => return Err(Failure::Connect),
        };
        answer.map_err(|_| Failure::NoAnswer)
    }
    async fn connect(&self) -> Option<Sender> {
        let stream = TcpStream::connect(self.plan.addr).await.ok()?;
        // Best effort: it only makes small requests leave at once.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(stream);
        if self.plan.http2 {
            let executor = Tracked(self.drivers.clone());
            let (sender, driver) = http2::handshake(executor, io).await.ok()?;
            self.drivers.spawn(driver);
            return Some(Sender::Http2(sender));
        }
        let (sender, driver) = http1::handshake(io).await.ok()?;
        self.drivers.spawn(driver);
        Some(Sender::Http1(sender))
    }
    fn request(&self, shot: &Shot) -> Option<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(shot.body.clone()));
        *request.method_mut() = shot.method.clone();
        *request.headers_mut() = shot.headers.clone();
        if self.plan.http2 {
            *request.version_mut() = Version::HTTP_2;
            *request.uri_mut() = format!("http://{}{}", self.plan.addr, shot.target).parse().ok()?;
        } else {
            *request.uri_mut() = shot.target.parse().ok()?;
            request.headers_mut().insert(HOST, self.host.clone()?);
        }
        Some(request)
    }
}

/// Runs HTTP/2's own tasks in the tracker that the end of the connection waits for.
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
