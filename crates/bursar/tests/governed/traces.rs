//! Traces: a client's goes on through Bursar to the provider and into the record; an OTLP receiver gets spans that say what
//! a request was and cost, and nothing that anybody wrote.

use crate::house::{House, UPSTREAM_SECRET, asking, chat, priced};
use bursar_mock::Script;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";
const CLIENTS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const PROMPT: &str = "the secret recipe of the house";

/// An OTLP receiver that keeps what it is sent.
struct Collector {
    base: String,
    got: Arc<Mutex<Vec<(String, http::HeaderMap, Bytes)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Collector {
    /// Answers with these statuses first, then with 200.
    async fn start(statuses: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let got = Arc::new(Mutex::new(Vec::new()));
        let statuses: Arc<Mutex<VecDeque<u16>>> = Arc::new(Mutex::new(statuses.iter().copied().collect()));
        let mine = Arc::clone(&got);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (got, statuses) = (Arc::clone(&mine), Arc::clone(&statuses));
                tokio::spawn(async move {
                    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                        let (got, statuses) = (Arc::clone(&got), Arc::clone(&statuses));
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await?.to_bytes();
                            got.lock().unwrap().push((head.uri.path().to_owned(), head.headers, body));
                            let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
                            let answer =
                                http::Response::builder().status(status).body(Full::new(Bytes::new()));
                            Ok::<_, hyper::Error>(answer.unwrap())
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { base, got, task }
    }
    fn bodies(&self, path: &str) -> Vec<Bytes> {
        let got = self.got.lock().unwrap();
        got.iter().filter(|(own, ..)| own == path).map(|(.., body)| body.clone()).collect()
    }
    fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies("/v1/traces");
        let exports = bodies.iter().map(|body| ExportTraceServiceRequest::decode(&**body).expect("OTLP"));
        let resources = exports.flat_map(|export| export.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
    /// Waits for so many spans.
    async fn until(&self, count: usize) -> Vec<Span> {
        for _ in 0..1_500 {
            let spans = self.spans();
            if spans.len() >= count {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not {count} spans: {:#?}", self.spans());
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == name);
    match found.and_then(|pair| pair.value.as_ref()?.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(number)) => number.to_string(),
        Some(Any::DoubleValue(number)) => number.to_string(),
        Some(Any::BoolValue(is)) => is.to_string(),
        other => panic!("{name}: {other:?} in {attributes:#?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn telling(script: Script, collector: &Collector, more: &str) -> House {
    let telemetry = format!(
        "{DAILY}[telemetry]\nendpoint = \"{}\"\nauthorization = {{ env = \"OTHER_KEY\" }}\n{more}\n",
        collector.base
    );
    House::with(script, &telemetry).await
}

/// The trace goes through: the provider sees the client's trace with a span of Bursar's as parent, the record keeps it.
/// Rules: S4-01.
#[tokio::test(flavor = "multi_thread")]
async fn a_clients_trace_goes_on_to_the_provider_and_into_the_record() {
    let house = House::with(priced(), DAILY).await;
    let mut headers = house.headers_with("traceparent", CLIENTS);
    headers.push(("tracestate", "vendor=opaque".to_owned()));
    let answer = house.send(&headers, chat(5, false).to_string()).await.unwrap();
    assert_eq!(answer.status, 200);
    let received = house.mock.requests().pop().expect("it was sent");
    let parts: Vec<&str> = received.header("traceparent").split('-').collect();
    assert_eq!((parts[1], parts[3]), ("0af7651916cd43dd8448eb211c80319c", "01"));
    assert_ne!(parts[2], "b7ad6b7169203331", "the provider's parent is a span of Bursar's");
    assert_eq!(received.header("tracestate"), "vendor=opaque");
    let record = house.record(answer.header("x-bursar-request-id")).await;
    assert_eq!(record["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    let mut explain = std::process::Command::new(env!("CARGO_BIN_EXE_bursar"));
    explain.args(["explain", answer.header("x-bursar-request-id"), "--url", &house.base]);
    let explained =
        explain.env("BURSAR_ADMIN_TOKEN", house.token()).env("NO_COLOR", "1").output().expect("it runs");
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("\nTrace 0af7651916cd43dd8448eb211c80319c.\n"), "{explained}");
}

/// Without a trace that counts one begins here, with the request's own id; the state of another is not passed on.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_trace_that_counts_one_begins_with_the_requests_id() {
    let house = House::with(priced(), DAILY).await;
    for wrong in [None, Some("00-00000000000000000000000000000000-b7ad6b7169203331-01"), Some("nonsense")] {
        let mut headers = house.headers_with("tracestate", "vendor=opaque");
        headers.extend(wrong.map(|wrong| ("traceparent", wrong.to_owned())));
        let answer = house.send(&headers, chat(5, false).to_string()).await.unwrap();
        let id = answer.header("x-bursar-request-id").replace('-', "");
        let received = house.mock.requests().pop().expect("it was sent");
        assert!(received.header("traceparent").starts_with(&format!("00-{id}-")), "{wrong:?}");
        assert!(received.header("traceparent").ends_with("-00"), "nobody records it");
        assert_eq!(received.header("tracestate"), "", "{wrong:?}");
    }
}

/// A request is a span with the client's as parent, an attempt a span below with the GenAI conventions' attributes.
/// Rules: S4-72, C1-13.
#[tokio::test(flavor = "multi_thread")]
async fn spans_say_what_a_request_was_and_cost_and_nothing_that_anybody_wrote() {
    // The first message is to be sent again.
    let collector = Collector::start(&[503]).await;
    let mut house = telling(priced(), &collector, "service_name = \"edge\"").await;
    let mut body = asking("out=7 in=20", false);
    body["messages"].as_array_mut().unwrap().push(serde_json::json!({"role": "user", "content": PROMPT}));
    let headers = house.headers_with("traceparent", CLIENTS);
    let answer = house.send(&headers, body.to_string()).await.unwrap();
    assert_eq!(answer.status, 200);
    let usage = answer.json()["usage"].clone();
    let refused =
        house.send(&[("authorization", "Bearer bsr_nobody".into())], chat(5, false).to_string()).await;
    assert_eq!(refused.unwrap().status, 401);
    // Two spans of the first request (twice: the first message was not taken) and one of the refusal.
    collector.until(5).await;
    house.stop();
    let spans = collector.spans();
    let named = |name: &str| {
        spans.iter().rfind(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:#?}"))
    };

    let whole = spans
        .iter()
        .rfind(|span| span.kind() == SpanKind::Server && hex(&span.parent_span_id) == "b7ad6b7169203331");
    let whole = whole.expect("the request's span is the client's child");
    assert_eq!(hex(&whole.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(whole.name, "bursar openai_chat");
    assert_eq!(text(&whole.attributes, "bursar.project"), "alpha");
    assert_eq!(text(&whole.attributes, "bursar.status"), "completed");
    assert_eq!(text(&whole.attributes, "bursar.request_id"), answer.header("x-bursar-request-id"));
    let bill = house.mock.total().to_string().parse::<f64>().unwrap().to_string();
    assert_eq!(text(&whole.attributes, "bursar.cost_usd"), bill);

    let attempt = named("chat small");
    assert_eq!(attempt.kind(), SpanKind::Client);
    assert_eq!((&attempt.trace_id, &attempt.parent_span_id), (&whole.trace_id, &whole.span_id));
    let sent = house.mock.requests().iter().map(|received| received.header("traceparent").to_owned()).next();
    assert!(sent.unwrap().contains(&hex(&attempt.span_id)), "the provider saw this span");
    for (name, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "fake"),
        ("gen_ai.request.model", "small"),
        ("bursar.end", "settled"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(text(&attempt.attributes, name), value, "{name}");
    }
    assert_eq!(text(&attempt.attributes, "gen_ai.usage.input_tokens"), usage["prompt_tokens"].to_string());
    assert_eq!(
        text(&attempt.attributes, "gen_ai.usage.output_tokens"),
        usage["completion_tokens"].to_string()
    );
    assert!(attempt.start_time_unix_nano >= whole.start_time_unix_nano);
    assert!(attempt.end_time_unix_nano <= whole.end_time_unix_nano && attempt.end_time_unix_nano > 0);

    let denied =
        |span: &&Span| span.kind() == SpanKind::Server && text(&span.attributes, "bursar.status") == "denied";
    let denied = spans.iter().find(denied);
    let denied = denied.expect("a refusal is a span");
    assert_eq!(text(&denied.attributes, "bursar.code"), "E-AUTH-001");
    assert!(
        denied.status.as_ref().is_none_or(|status| status.code() != StatusCode::Error),
        "a refusal is no error"
    );

    let got = collector.got.lock().unwrap().clone();
    for (path, headers, body) in &got {
        assert_eq!(headers["authorization"], crate::house::OTHER_SECRET);
        assert_eq!(headers["content-type"], "application/x-protobuf");
        for secret in [PROMPT, UPSTREAM_SECRET, &house.key, "hello [[mock"] {
            let is_in = body.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_in, "{secret} is in {path}");
        }
        assert!(body.windows(4).any(|part| part == b"edge"), "the service's name");
    }
    assert!(
        got.iter().filter(|(path, ..)| path == "/v1/traces").count() >= 2,
        "what was not taken is sent again"
    );
}

/// The end of the process sends the conventions' metrics, whose sums are the requests'.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_by_the_conventions_add_up_to_the_bill() {
    let collector = Collector::start(&[]).await;
    let mut house = telling(priced(), &collector, "").await;
    for out in [5, 9, 30] {
        assert_eq!(house.chat(&chat(out, false)).await.status, 200);
    }
    house.stop();
    let tally = house.mock.bill().tally();
    let body = collector.bodies("/v1/metrics").pop().expect("the end sends metrics");
    let export = ExportMetricsServiceRequest::decode(&*body).expect("OTLP");
    let metrics: Vec<_> =
        export.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics).collect();
    let metrics: Vec<_> = metrics.iter().flat_map(|scope| &scope.metrics).collect();
    let named = |name: &str| metrics.iter().find(|metric| metric.name == name).expect("a metric");
    let Some(Data::Histogram(tokens)) = &named("gen_ai.client.token.usage").data else { panic!("steps") };
    for (kind, sum) in [("input", tally.prompt()), ("output", tally.output)] {
        let point =
            tokens.data_points.iter().find(|point| text(&point.attributes, "gen_ai.token.type") == kind);
        let point = point.expect("a point");
        assert_eq!((point.count, point.sum.unwrap().to_string()), (3, sum.to_string()), "{kind}");
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), 3);
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    }
    let Some(Data::Histogram(durations)) = &named("gen_ai.client.operation.duration").data else {
        panic!("steps")
    };
    assert_eq!((durations.data_points[0].count, &*named("gen_ai.client.operation.duration").unit), (3, "s"));
    let Some(Data::Sum(cost)) = &named("bursar.cost_usd").data else { panic!("a sum") };
    assert!(cost.is_monotonic);
}

/// What else hears of requests hears all of it: with telemetry a stream that goes on is on record as one, too.
/// Rules: S4-33.
#[tokio::test(flavor = "multi_thread")]
async fn telemetry_takes_nothing_from_the_record() {
    let collector = Collector::start(&[]).await;
    let house = telling(priced(), &collector, "").await;
    let body = house.begin(&asking("out=12 in=10 chunk_ms=300 chunk_tokens=1", true)).await;
    let reading = tokio::spawn(async move { body.collect().await.expect("a proper end").to_bytes() });
    let listed = loop {
        let listed = house.admin("GET", "/requests?status=streaming", &serde_json::Value::Null).await;
        if listed["items"][0]["id"].is_string() || reading.is_finished() {
            break listed;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(listed["items"][0]["id"].is_string(), "it ended and never was streaming: {listed}");
    assert!(reading.await.unwrap().ends_with(b"data: [DONE]\n\n"));
}

/// A receiver that is not there costs spans, which are counted, and no request anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_holds_up_no_request_and_not_the_end() {
    let collector = Collector::start(&[]).await;
    let mut house = telling(priced(), &collector, "").await;
    collector.task.abort();
    for _ in 0..20 {
        assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    }
    let ready =
        house.http.send("GET", &format!("{}/readyz?verbose", house.base), &[], Vec::new()).await.unwrap();
    assert_eq!(ready.status, 200, "telemetry makes nothing unready");
    house.stop();
    assert_eq!(house.mock.bill().requests(), 20);
}

/// Of the traces that begin here none is told where the operator wants none; a client's sampled one is.
#[tokio::test(flavor = "multi_thread")]
async fn sampling_is_of_traces_that_begin_here() {
    let collector = Collector::start(&[]).await;
    let mut house = telling(priced(), &collector, "sample_pct = 0").await;
    assert_eq!(house.chat(&chat(5, false)).await.status, 200);
    assert!(house.mock.requests()[0].header("traceparent").ends_with("-00"));
    let unsampled = CLIENTS.replace("-01", "-00");
    for parent in [CLIENTS, &unsampled] {
        let headers = house.headers_with("traceparent", parent);
        assert_eq!(house.send(&headers, chat(5, false).to_string()).await.unwrap().status, 200);
    }
    house.stop();
    let spans = collector.spans();
    assert_eq!(spans.len(), 2, "request and attempt of the one that the client samples: {spans:#?}");
    assert!(spans.iter().all(|span| hex(&span.trace_id) == "0af7651916cd43dd8448eb211c80319c"));
}
