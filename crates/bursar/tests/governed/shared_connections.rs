//! Clients over HTTP/2, where one connection carries many answers: what stalls is let go, what is used stays.

use crate::house::{House, asking, chat, nanos, priced};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";
/// Far longer than anything here takes, for what must come at all.
const LONG: Duration = Duration::from_secs(60);

async fn house() -> House {
    House::served(priced(), DAILY, "client_timeout_s = 1").await
}

async fn tcp(house: &House) -> TcpStream {
    TcpStream::connect(house.base.trim_start_matches("http://")).await.expect("a connection")
}

/// A connection whose answers may each be `window` bytes ahead of what is read of them.
async fn connect<B>(house: &House, window: u32) -> (http2::SendRequest<B>, JoinHandle<()>)
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window).initial_connection_window_size(1 << 20);
    let (sender, connection) = builder.handshake(TokioIo::new(tcp(house).await)).await.expect("HTTP/2");
    (sender, tokio::spawn(async move { drop(connection.await) }))
}

fn request<B>(house: &House, body: B) -> http::Request<B> {
    let mut request = http::Request::post(format!("{}/v1/chat/completions", house.base));
    for (name, value) in house.headers() {
        request = request.header(name, value);
    }
    request.body(body).expect("a request")
}

fn whole(house: &House, body: &Value) -> http::Request<Full<Bytes>> {
    request(house, Full::new(body.to_string().into()))
}

async fn text(answer: http::Response<Incoming>) -> String {
    let body =
        tokio::time::timeout(LONG, answer.into_body().collect()).await.expect("an end").expect("whole");
    String::from_utf8_lossy(&body.to_bytes()).into_owned()
}

/// The newest record is of a request whose client left, charged no less than the provider bills.
async fn has_left(house: &House, records: usize) {
    tokio::time::timeout(LONG, house.mock.idle()).await.expect("the provider is told");
    let record = house.latest(records).await;
    assert_eq!(record["status"], "cancelled", "{record}");
    let window = house.settled("daily").await;
    assert!(nanos(&window["settled"]) >= house.mock.total().nanos(), "{window}");
    assert_eq!(window["suspense"], "0", "{window}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_is_asked_is_closed() {
    let house = house().await;
    let (mut sender, connection) = connect(&house, 1 << 16).await;
    let answer = sender.send_request(whole(&house, &chat(5, false))).await.expect("an answer");
    assert!(text(answer).await.contains("\"completion_tokens\":5"));
    tokio::time::timeout(LONG, connection).await.expect("it is let go").unwrap();
    assert!(sender.ready().await.is_err());
    assert_eq!(house.chat(&chat(5, false)).await.status, 200, "others are served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_waits_for_its_provider_stays() {
    let house = house().await;
    let (mut sender, connection) = connect(&house, 1 << 16).await;
    // Each part takes longer than a client may take, and all of it longer than an idle connection stays.
    let slow = asking("out=4 in=10 chunk_tokens=1 chunk_ms=1200", true);
    let answer = sender.send_request(whole(&house, &slow)).await.expect("an answer");
    assert!(text(answer).await.ends_with("data: [DONE]\n\n"));
    house.mock.idle().await;
    assert_eq!(nanos(&house.settled("daily").await["settled"]), house.mock.total().nanos());
    connection.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_taken_is_given_up_and_the_others_go_on() {
    let house = house().await;
    let (mut sender, connection) = connect(&house, 1_000).await;
    // Generated far ahead of a client that takes the first kilobyte of it, and billed as far.
    let long = asking("out=900 in=10 chunk_tokens=1 chunk_ms=5", true);
    let untaken = sender.send_request(whole(&house, &long)).await.expect("an answer");
    has_left(&house, 1).await;
    let answer = sender.send_request(whole(&house, &chat(7, false))).await.expect("an answer");
    assert!(text(answer).await.contains("\"completion_tokens\":7"));
    let broken = tokio::time::timeout(LONG, untaken.into_body().collect()).await.expect("an end");
    assert!(broken.is_err(), "half an answer must not look like a whole one");
    connection.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_its_client_resets_is_a_client_that_left() {
    let house = house().await;
    let (mut sender, connection) = connect(&house, 1 << 16).await;
    let long = asking("out=900 in=10 chunk_tokens=1 chunk_ms=20", true);
    let mut answer = sender.send_request(whole(&house, &long)).await.expect("an answer").into_body();
    answer.frame().await.expect("a first piece").expect("a piece");
    drop(answer);
    has_left(&house, 1).await;
    let answer = sender.send_request(whole(&house, &chat(7, false))).await.expect("the connection stays");
    assert!(text(answer).await.contains("\"completion_tokens\":7"));
    connection.abort();
}

/// A body of which the beginning comes and no more.
struct Stalled(Option<Bytes>);

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.take().map_or(Poll::Pending, |part| Poll::Ready(Some(Ok(Frame::data(part)))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_is_refused_and_a_head_that_does_not_end_is_let_go() {
    let house = house().await;
    let (mut sender, connection) = connect(&house, 1 << 16).await;
    let stalled = Stalled(Some(Bytes::from_static(b"{\"model\":")));
    let answering = sender.send_request(request(&house, stalled));
    let answer = tokio::time::timeout(LONG, answering).await.expect("it does not wait").expect("an answer");
    assert_eq!(answer.status(), 400);
    assert!(text(answer).await.contains("too slowly"));
    connection.abort();

    // Settings, then the beginning of a head that its next frames never end.
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let head = [0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82];
    for frames in [vec![], settings.to_vec(), [&settings[..], &head[..]].concat()] {
        let mut stream = tcp(&house).await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frames).await.unwrap();
        let mut all = Vec::new();
        let reading = async { while matches!(stream.read_buf(&mut all).await, Ok(1..)) {} };
        tokio::time::timeout(LONG, reading).await.expect("the connection ends");
    }
    assert_eq!(house.mock.received(), 0);
    assert_eq!(house.settled("daily").await["settled"], json!("0"));
}
