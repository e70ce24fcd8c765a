//! The exporter: a bounded queue, a thread that empties it in batches, and an end that does not wait for ever.

use super::encode;
use super::measure::Measures;
use super::told::Told;
use crate::config::{self, Surroundings};
use bursar_control::metrics::Spans;
use bursar_core::{RequestId, Timestamp};
use bursar_govern::kill::KillEvent;
use bursar_govern::ports::{Clock, Observer};
use bursar_govern::story::Story;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use rustls_platform_verifier::BuilderVerifierExt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Stories that may wait: at under a kilobyte each some 4 MB, and a few seconds of a busy machine.
const QUEUE: usize = 4_096;
/// Stories of one message: what collectors take without a word, at some 2 kB each well under their 4 MB.
const BATCH: usize = 512;
/// How long a message may wait to become fuller.
const LINGER: Duration = Duration::from_secs(1);
/// How often metrics are sent: what OpenTelemetry's own readers do.
const METRICS_EVERY: Duration = Duration::from_secs(60);
/// How long an endpoint may take.
const ANSWER: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read: it says nothing that is needed.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// Tries of one message, with a pause that doubles.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
/// How long the end may take: what is in the queue is sent once.
const LAST_WORDS: Duration = Duration::from_secs(3);

type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The secret, or its characters.
    #[error("telemetry.authorization: {0}")]
    Authorization(String),
    /// TLS.
    #[error("telemetry: no TLS")]
    Tls(#[from] rustls::Error),
    /// The thread.
    #[error("telemetry: no thread")]
    Thread(#[from] io::Error),
}

/// The running exporter.
pub(crate) struct Telemetry {
    queue: mpsc::Sender<Told>,
    spans: Arc<Spans>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread works with.
struct Exporter {
    http: Http,
    traces: String,
    metrics: Option<String>,
    headers: HeaderMap,
    service: String,
    spans: Arc<Spans>,
    clock: Arc<dyn Clock>,
    since: Timestamp,
    /// Messages in a row that were not taken.
    failures: u32,
}

impl Telemetry {
    /// Starts it where the configuration names an endpoint.
    ///
    /// # Errors
    /// See [`TelemetryError`].
    pub(crate) fn start(
        config: &config::Telemetry,
        surroundings: &Surroundings<'_>,
        clock: Arc<dyn Clock>,
        spans: Arc<Spans>,
    ) -> Result<Option<Arc<Self>>, TelemetryError> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let exporter = Exporter {
            http: http()?,
            traces: format!("{endpoint}/v1/traces"),
            metrics: config.metrics.then(|| format!("{endpoint}/v1/metrics")),
            headers: headers(config, surroundings)?,
            service: config.service_name.clone(),
            spans: Arc::clone(&spans),
            since: clock.now(),
            clock,
            failures: 0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (queue, told) = mpsc::channel(QUEUE);
        let (stop, stopped) = watch::channel(false);
        let body = move || runtime.block_on(export(exporter, told, stopped));
        let thread = std::thread::Builder::new().name("telemetry".to_owned()).spawn(body)?;
        Ok(Some(Arc::new(Self { queue, spans, stop, thread: Mutex::new(Some(thread)) })))
    }
    /// Sends what waits, unless that takes too long. Blocks.
    pub(crate) fn shutdown(&self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the exporter of telemetry ended by a panic");
        }
    }
}

impl Observer for Telemetry {
    fn ended(&self, story: &Story) {
        if !story.trace.sampled {
            return;
        }
        let told = Told::of(story);
        let spans = u64::try_from(told.attempts.len()).unwrap_or(0).saturating_add(1);
        if self.queue.try_send(told).is_err() {
            self.spans.dropped.fetch_add(spans, Ordering::Relaxed);
        }
    }
    /// Spans are told when they have ended.
    fn streaming(&self, _: RequestId, _: Timestamp) {}
    fn kill(&self, _: &KillEvent) {}
}

/// Sends until it is told to stop, then what is left, within what the end may take.
async fn export(mut exporter: Exporter, mut told: mpsc::Receiver<Told>, mut stopped: watch::Receiver<bool>) {
    let mut measures = Measures::default();
    let mut tick = tokio::time::interval(METRICS_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    // The first tick is at once: there is nothing to tell yet.
    tick.tick().await;
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = told.recv_many(&mut batch, BATCH) => if count == 0 { break },
            _ = tick.tick() => {
                exporter.send_metrics(&measures).await;
                continue;
            }
            _ = stopped.wait_for(|stop| *stop) => break,
        }
        linger(&mut batch, &mut told, &mut stopped).await;
        batch.iter().for_each(|told| measures.note(told));
        let is_sent = tokio::select! {
            () = exporter.send_traces(&batch, TRIES) => true,
            _ = stopped.wait_for(|stop| *stop) => false,
        };
        if !is_sent {
            break;
        }
        batch.clear();
    }
    // Nothing more comes in; who tells something now is counted as dropped.
    told.close();
    let rest = async {
        if !batch.is_empty() {
            exporter.send_traces(&batch, 1).await;
        }
        batch.clear();
        while told.recv_many(&mut batch, BATCH).await > 0 {
            batch.iter().for_each(|told| measures.note(told));
            exporter.send_traces(&batch, 1).await;
            batch.clear();
        }
        exporter.send_metrics(&measures).await;
    };
    if tokio::time::timeout(LAST_WORDS, rest).await.is_err() {
        tracing::warn!("the last telemetry was not taken in time");
    }
}

/// Waits a moment for more, unless the process ends.
async fn linger(batch: &mut Vec<Told>, told: &mut mpsc::Receiver<Told>, stopped: &mut watch::Receiver<bool>) {
    let until = tokio::time::Instant::now() + LINGER;
    while batch.len() < BATCH {
        let room = BATCH.saturating_sub(batch.len());
        tokio::select! {
            count = told.recv_many(batch, room) => if count == 0 { return },
            () = tokio::time::sleep_until(until) => return,
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

impl Exporter {
    async fn send_traces(&mut self, batch: &[Told], tries: u32) {
        let spans: u64 = batch.iter().map(|told| u64::try_from(told.attempts.len()).unwrap_or(0) + 1).sum();
        let body = encode::traces(&self.service, batch);
        let url = self.traces.clone();
        let taken = self.post(&url, body, tries).await;
        let counter: &AtomicU64 = if taken { &self.spans.sent } else { &self.spans.failed };
        counter.fetch_add(spans, Ordering::Relaxed);
    }

    async fn send_metrics(&mut self, measures: &Measures) {
        let Some(url) = self.metrics.clone().filter(|_| !measures.0.is_empty()) else { return };
        let body = encode::metrics(&self.service, measures, self.since, self.clock.now());
        self.post(&url, body, 1).await;
    }

    /// Whether the endpoint took it.
    async fn post(&mut self, url: &str, body: Vec<u8>, tries: u32) -> bool {
        let body = Bytes::from(body);
        let mut pause = PAUSE;
        for tried in 1..=tries {
            match self.try_post(url, body.clone()).await {
                Ok(()) => {
                    self.failures = 0;
                    return true;
                }
                Err((problem, may_retry)) => {
                    if !may_retry || tried == tries {
                        self.failures = self.failures.saturating_add(1);
                        if self.failures.is_power_of_two() {
                            tracing::warn!(problem, failures = self.failures, "telemetry is not taken");
                        }
                        return false;
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        false
    }

    async fn try_post(&self, url: &str, body: Bytes) -> Result<(), (String, bool)> {
        let mut request = Request::builder().method(Method::POST).uri(url);
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.headers);
        }
        let request =
            request.body(Full::new(body)).map_err(|_| ("the endpoint is no URL".to_owned(), false))?;
        let answer = match tokio::time::timeout(ANSWER, self.http.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => return Err(("the endpoint cannot be reached".to_owned(), true)),
            Err(_) => return Err(("the endpoint did not answer in time".to_owned(), true)),
        };
        let (head, body) = answer.into_parts();
        // Read so that the connection can be used again.
        drop(tokio::time::timeout(ANSWER, Limited::new(body, ANSWER_BYTES_MAX).collect()).await);
        if head.status.is_success() {
            return Ok(());
        }
        // Those that OTLP calls worth another try.
        let may_retry = matches!(
            head.status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        Err((format!("the endpoint answered {}", head.status.as_u16()), may_retry))
    }
}

fn headers(config: &config::Telemetry, surroundings: &Surroundings<'_>) -> Result<HeaderMap, TelemetryError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        if let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose()))
        {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    if let Some(secret) = &config.authorization {
        let secret = secret.resolve(surroundings).map_err(TelemetryError::Authorization)?;
        let problem =
            || TelemetryError::Authorization("it has characters that no header may have".to_owned());
        let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| problem())?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    headers
        .insert(header::USER_AGENT, HeaderValue::from_static(concat!("bursar/", env!("CARGO_PKG_VERSION"))));
    Ok(headers)
}

fn http() -> Result<Http, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(1)
        .build(https);
    Ok(client)
}
