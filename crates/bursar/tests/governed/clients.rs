//! What clients do on the wire: versions of HTTP, pipelining, slowness, half-closed connections, uploads that break off.

use crate::house::{House, chat, nanos, priced};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const DAILY: &str = "[[budgets]]\nname = \"daily\"\nlimit = \"1 USD\"\nperiod = \"day\"\n";
/// Far longer than anything here takes, for what must come at all.
const LONG: Duration = Duration::from_secs(60);

async fn house(server: &str) -> House {
    House::served(priced(), DAILY, server).await
}

async fn connect(house: &House) -> TcpStream {
    TcpStream::connect(house.base.trim_start_matches("http://")).await.expect("a connection")
}

/// The head of a chat completion with these lines in it.
fn head(house: &House, lines: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{lines}\r\n\r\n",
        house.key
    )
}

fn whole(house: &House, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "{}{body}",
        head(house, &format!("content-type: application/json\r\ncontent-length: {}", body.len()))
    )
}

/// What comes until the connection ends, however it ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let reading = async { while matches!(stream.read_buf(&mut all).await, Ok(1..)) {} };
    tokio::time::timeout(LONG, reading).await.expect("the connection ends");
    String::from_utf8_lossy(&all).into_owned()
}

/// What comes until `count` answers of JSON have ended.
async fn answers(stream: &mut TcpStream, count: usize) -> String {
    let mut all = Vec::new();
    let reading = async {
        while String::from_utf8_lossy(&all).matches("\"total_tokens\"").count() < count {
            assert!(stream.read_buf(&mut all).await.expect("unbroken") > 0, "it ended: {all:?}");
        }
    };
    tokio::time::timeout(LONG, reading).await.expect("answers");
    String::from_utf8_lossy(&all).into_owned()
}

async fn nothing_is_held(house: &House) {
    let window = house.settled("daily").await;
    assert_eq!((&window["settled"], &window["suspense"]), (&json!("0"), &json!("0")), "{window}");
    assert_eq!(house.mock.received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order_on_a_connection_that_stays() {
    let house = house("").await;
    let mut stream = connect(&house).await;
    let three = [11, 22, 33].map(|out| whole(&house, &chat(out, false))).concat();
    stream.write_all(three.as_bytes()).await.unwrap();
    let text = answers(&mut stream, 3).await;
    let at = |out: u32| {
        text.find(&format!("\"completion_tokens\":{out}")).unwrap_or_else(|| panic!("{out}: {text}"))
    };
    assert!(at(11) < at(22) && at(22) < at(33), "{text}");
    stream.write_all(whole(&house, &chat(44, false)).as_bytes()).await.unwrap();
    assert!(answers(&mut stream, 1).await.contains("\"completion_tokens\":44"), "the connection was kept");
    house.mock.idle().await;
    assert_eq!(nanos(&house.settled("daily").await["settled"]), house.mock.total().nanos());
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_with_prior_knowledge_carries_many_answers_at_once() {
    let house = house("").await;
    let pool = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..20 {
        let mut request = http::Request::post(format!("{}/v1/chat/completions", house.base));
        for (name, value) in house.headers() {
            request = request.header(name, value);
        }
        let stream = number % 2 == 0;
        let request = request.body(Full::new(chat(20 + number, stream).to_string().into())).unwrap();
        let answering = pool.request(request);
        asking.spawn(async move {
            let answer = answering.await.expect("an answer");
            assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
            let body = answer.into_body().collect().await.expect("whole").to_bytes();
            assert_eq!(stream, body.ends_with(b"data: [DONE]\n\n"));
        });
    }
    while let Some(ended) = asking.join_next().await {
        ended.unwrap();
    }
    house.mock.idle().await;
    assert_eq!(house.mock.received(), 20);
    assert_eq!(nanos(&house.settled("daily").await["settled"]), house.mock.total().nanos());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_get_to_the_end_of_a_head_is_let_go() {
    let house = house("client_timeout_s = 1").await;
    let begun = ["", "P", "PRI * HTTP/2.0\r\n\r\n", "POST /v1/chat/comp", "POST / HTTP/1.1\r\nhost: x\r\n"];
    for said in begun {
        let mut stream = connect(&house).await;
        stream.write_all(said.as_bytes()).await.unwrap();
        let heard = rest(&mut stream).await;
        assert!(!heard.contains("200 OK"), "{said:?}: {heard}");
    }
    // A head by drips, never pausing as long as the timeout.
    let mut stream = connect(&house).await;
    let dripping = async {
        for byte in head(&house, "x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").bytes().cycle() {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LONG, dripping).await.expect("the dripping client is let go");
    nothing_is_held(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_or_drips_is_refused_and_nothing_is_sent() {
    let house = house("client_timeout_s = 1").await;
    let begin = head(&house, "content-type: application/json\r\ncontent-length: 500000");
    let mut stream = connect(&house).await;
    stream.write_all(format!("{begin}{{\"model\":").as_bytes()).await.unwrap();
    let heard = rest(&mut stream).await;
    assert!(heard.starts_with("HTTP/1.1 400") && heard.contains("too slowly"), "{heard}");

    let (mut reader, mut writer) = connect(&house).await.into_split();
    let dripping = tokio::spawn(async move {
        let _ = writer.write_all(begin.as_bytes()).await;
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut heard = vec![0; 4096];
    let count = tokio::time::timeout(LONG, reader.read(&mut heard)).await.expect("an answer").unwrap();
    let heard = String::from_utf8_lossy(&heard[..count]).into_owned();
    assert!(heard.starts_with("HTTP/1.1 400") && heard.contains("too slowly"), "{heard}");
    drop(reader);
    tokio::time::timeout(LONG, dripping).await.expect("it cannot go on").unwrap();
    nothing_is_held(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_its_answers_is_let_go() {
    let house = house("client_timeout_s = 1").await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(house.base.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let one =
        house.http.send("GET", &format!("{}/admin/openapi.json", house.base), &[], Vec::new()).await.unwrap();
    // More than what lies between: the kernel's buffers and Bursar's own.
    let count = 32 * 1024 * 1024 / one.body.len();
    let asking = "GET /admin/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(count);
    let (mut reader, mut writer) = stream.split();
    let _ = tokio::time::timeout(Duration::from_secs(4), writer.write_all(asking.as_bytes())).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut taken = 0;
    let mut piece = vec![0; 1 << 16];
    let reading = async {
        while let Ok(read @ 1..) = reader.read(&mut piece).await {
            taken += read;
        }
    };
    tokio::time::timeout(LONG, reading).await.expect("the connection ends");
    assert!(taken < count * one.body.len(), "{taken} bytes of {count} answers of {}", one.body.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_half_has_left_and_pays_what_the_provider_bills() {
    for stream in [false, true] {
        let house = house("").await;
        let mut connection = connect(&house).await;
        let mut body = chat(40, stream);
        body["messages"][0]["content"] = json!("hello [[mock out=40 in=10 latency_ms=300]]");
        connection.write_all(whole(&house, &body).as_bytes()).await.unwrap();
        while house.mock.received() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        connection.shutdown().await.unwrap();
        rest(&mut connection).await;
        house.mock.idle().await;
        let settled = nanos(&house.settled("daily").await["settled"]);
        let bill = house.mock.total().nanos();
        assert!(bill > 0 && settled >= bill, "{settled} >= {bill}");
        assert_eq!(house.settled("daily").await["suspense"], json!("0"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_or_body_beyond_its_limit_is_refused_with_its_own_status() {
    let house = house("").await;
    let mut stream = connect(&house).await;
    let filler = format!("x-filler: {}", "a".repeat(80 * 1024));
    // The answer may overtake the rest of the head.
    let _ = stream.write_all(head(&house, &filler).as_bytes()).await;
    let heard = rest(&mut stream).await;
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 431"), "{heard}");
    let in_bounds = format!("x-filler: {}\r\ncontent-length: 0", "a".repeat(40 * 1024));
    let mut stream = connect(&house).await;
    stream.write_all(head(&house, &in_bounds).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let heard = rest(&mut stream).await;
    assert!(!heard.contains("431"), "{heard}");

    // Declared: refused before a byte of it is taken, and the client that asked first is not told to go on.
    let mut stream = connect(&house).await;
    let large = head(&house, "expect: 100-continue\r\ncontent-length: 40000000");
    stream.write_all(large.as_bytes()).await.unwrap();
    let mut heard = vec![0; 4096];
    let count = tokio::time::timeout(LONG, stream.read(&mut heard)).await.expect("an answer").unwrap();
    let heard = String::from_utf8_lossy(&heard[..count]).into_owned();
    assert!(heard.starts_with("HTTP/1.1 413") && heard.contains("E-INPUT-002"), "{heard}");

    // Not declared: as soon as it is more.
    let (mut reader, mut writer) = connect(&house).await.into_split();
    let begin = head(&house, "transfer-encoding: chunked");
    let sending = tokio::spawn(async move {
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(1024 * 1024));
        let mut taken = writer.write_all(begin.as_bytes()).await;
        while taken.is_ok() {
            taken = writer.write_all(chunk.as_bytes()).await;
        }
    });
    let mut heard = vec![0; 4096];
    let count = tokio::time::timeout(LONG, reader.read(&mut heard)).await.expect("an answer").unwrap_or(0);
    let heard = String::from_utf8_lossy(&heard[..count]).into_owned();
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 413"), "{heard}");
    drop(reader);
    tokio::time::timeout(LONG, sending).await.expect("nobody takes more").unwrap();
    nothing_is_held(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_before_it_sends_is_told_to_go_on() {
    let house = house("").await;
    let mut stream = connect(&house).await;
    let body = chat(15, false).to_string();
    let lines =
        format!("content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}", body.len());
    stream.write_all(head(&house, &lines).as_bytes()).await.unwrap();
    let mut told = [0; 25];
    tokio::time::timeout(LONG, stream.read_exact(&mut told)).await.expect("an answer").unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    assert!(answers(&mut stream, 1).await.starts_with("HTTP/1.1 200"));
    let sent = house.mock.requests().remove(0);
    assert_eq!(sent.header("expect"), "", "what is between client and Bursar stays there");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_is_never_sent() {
    let house = house("").await;
    for lines in ["content-length: 100000", "transfer-encoding: chunked"] {
        let mut stream = connect(&house).await;
        stream.write_all(head(&house, lines).as_bytes()).await.unwrap();
        stream.write_all(b"1000\r\n{\"model\":\"small\",").await.unwrap();
        drop(stream);
    }
    for _ in 0..2 {
        assert_eq!(house.chat(&chat(5, false)).await.status, 200, "others are served");
    }
    house.mock.idle().await;
    assert_eq!(house.mock.received(), 2);
    assert_eq!(nanos(&house.settled("daily").await["settled"]), house.mock.total().nanos());
}
