//! Connections that are kept: used again, and never a reason to fail.

use super::*;
use http_body_util::BodyExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const LONG: Duration = Duration::from_secs(60);

/// A provider that answers so many requests of each connection and then closes it without a word.
struct Provider {
    url: String,
    accepted: Arc<AtomicUsize>,
    closed: Arc<Semaphore>,
    _tasks: JoinSet<()>,
}

impl Provider {
    async fn start(each: usize, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/models?a=b", listener.local_addr().unwrap());
        let (accepted, closed) = (Arc::<AtomicUsize>::default(), Arc::new(Semaphore::new(0)));
        let (count, told) = (Arc::clone(&accepted), Arc::clone(&closed));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let told = Arc::clone(&told);
                connections.spawn(async move {
                    converse(stream, each, answer).await;
                    told.add_permits(1);
                });
            }
        });
        Self { url, accepted, closed, _tasks: tasks }
    }
    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn converse(mut stream: TcpStream, each: usize, answer: &str) {
    for _ in 0..each {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("GET /v1/models?a=b HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nhost: 127.0.0.1:"), "{head}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn ask(upstream: &Upstream, provider: &Provider) -> String {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = provider.url.parse().unwrap();
    let answer = upstream.send(request, LONG, LONG).await.unwrap();
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn upstream() -> Upstream {
    Upstream::new(Proxies::from_variables(|_| None).unwrap()).unwrap()
}

const SIZED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n";

#[tokio::test]
async fn a_connection_is_used_again_behind_every_answer() {
    for answer in [SIZED, CHUNKED] {
        let (upstream, provider) = (upstream(), Provider::start(10, answer).await);
        for _ in 0..5 {
            assert_eq!(ask(&upstream, &provider).await, "ok");
            upstream.tend();
        }
        assert_eq!(provider.accepted(), 1);
        let (one, other) = tokio::join!(ask(&upstream, &provider), ask(&upstream, &provider));
        assert_eq!((&*one, &*other, provider.accepted()), ("ok", "ok", 2), "one request at a time on each");
    }
}

#[tokio::test]
async fn a_connection_that_the_provider_closed_is_not_asked() {
    let (upstream, provider) = (upstream(), Provider::start(1, SIZED).await);
    for number in 1..=3 {
        assert_eq!(ask(&upstream, &provider).await, "ok");
        assert_eq!(provider.accepted(), number);
        provider.closed.acquire().await.unwrap().forget();
        // The end of the connection is there; this lets the reactor see it.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok";
    let (upstream, provider) = (upstream(), Provider::start(1, answer).await);
    assert_eq!(ask(&upstream, &provider).await, "ok");
    assert_eq!(ask(&upstream, &provider).await, "ok");
    assert_eq!(provider.accepted(), 2);
}

#[tokio::test]
async fn an_answer_that_is_dropped_closes_its_connection() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok";
    let (upstream, provider) = (upstream(), Provider::start(2, answer).await);
    let mut request = Request::new(Full::default());
    *request.uri_mut() = provider.url.parse().unwrap();
    let answer = upstream.send(request, LONG, LONG).await.unwrap();
    drop(answer);
    // It waits for a second request until then.
    provider.closed.acquire().await.unwrap().forget();
}
