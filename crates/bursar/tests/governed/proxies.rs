//! Through the proxies that the environment names: a tunnel for `https`, whole URLs for `http`, and what is excepted.

use crate::house::{House, nanos, priced};
use crate::upstream_tls::{Authority, ask, secure};
use bursar_mock::Mock;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// A proxy that reaches one place whatever it is asked for, as one whose names nobody else knows.
struct Proxy {
    addr: SocketAddr,
    /// The heads of the requests that it saw first on each connection.
    heads: Arc<parking_lot::Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Proxy {
    /// A proxy that answers `CONNECT` with this status line.
    async fn start(place: SocketAddr, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heads = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let seen = heads.clone();
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(relay(stream, place, answer, seen.clone()));
            }
        });
        Self { addr, heads, _serving: AbortOnDropHandle::new(serving) }
    }
}

async fn relay(
    mut client: TcpStream,
    place: SocketAddr,
    answer: &'static str,
    seen: Arc<parking_lot::Mutex<Vec<String>>>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head.clone()).expect("a head in ASCII");
    let tunnels = text.starts_with("CONNECT ");
    seen.lock().push(text);
    let mut behind = TcpStream::connect(place).await.ok()?;
    if tunnels {
        client.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.ok()?;
        if !answer.starts_with("200") {
            return None;
        }
    } else {
        // As a proxy does: to the server itself go the path and none of the proxy's own headers.
        let text = String::from_utf8(head).expect("a head in ASCII").replacen("http://provider.test", "", 1);
        let kept =
            text.split_inclusive("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"));
        behind.write_all(kept.collect::<String>().as_bytes()).await.ok()?;
    }
    tokio::io::copy_bidirectional(&mut client, &mut behind).await.ok()?;
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn https_goes_through_a_tunnel_that_the_proxy_makes() {
    let authority = Authority::new();
    for version in ["h2", "http/1.1"] {
        let provider = Mock::start(priced()).await.unwrap();
        let front = authority.front("provider.test", &[version], provider.addr()).await;
        let proxy = Proxy::start(front.addr, "200 OK").await;
        let config = format!(
            "# variable HTTPS_PROXY=http://bursar:pass%20word@{}\n{}",
            proxy.addr,
            secure("https://provider.test/v1", &format!("ca_file = {:?}", authority.file()))
        );
        let house = House::with(priced(), &config).await;
        for stream in [false, true] {
            let answer = house.chat(&ask(stream)).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
        }
        provider.idle().await;
        assert_eq!(provider.received(), 2);
        assert_eq!(nanos(&house.settled("daily").await["settled"]), provider.total().nanos());
        let heads = proxy.heads.lock().clone();
        for head in &heads {
            assert!(head.starts_with("CONNECT provider.test:443 HTTP/1.1\r\n"), "{head}");
            // `bursar:pass word` in base64.
            assert!(head.contains("Proxy-Authorization: Basic YnVyc2FyOnBhc3Mgd29yZA==\r\n"), "{head}");
        }
        assert!(!heads.is_empty());
        let sent = provider.requests();
        assert!(sent.iter().all(|request| request.headers.get("proxy-authorization").is_none()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_is_asked_of_the_proxy_by_whole_urls() {
    let provider = Mock::start(priced()).await.unwrap();
    let proxy = Proxy::start(provider.addr(), "").await;
    let config =
        format!("# variable http_proxy=http://u:p@{}\n{}", proxy.addr, secure("http://provider.test/v1", ""));
    let house = House::with(priced(), &config).await;
    let answer = house.chat(&ask(false)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let head = proxy.heads.lock().remove(0);
    assert!(head.starts_with("POST http://provider.test/v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic"), "{head}");
    // Bursar's own fake provider is on this machine: no proxy on the way to it.
    let mut near = ask(false);
    near["model"] = json!("small");
    assert_eq!(house.chat(&near).await.status, 200);
    assert_eq!((house.mock.received(), provider.received()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_named_and_nothing_is_billed() {
    let provider = Mock::start(priced()).await.unwrap();
    for (answer, why) in
        [("407 Proxy Authentication Required", "authorization required"), ("403 No", "unsuccessful")]
    {
        let proxy = Proxy::start(provider.addr(), answer).await;
        let config =
            format!("# variable ALL_PROXY=http://{}\n{}", proxy.addr, secure("https://provider.test/v1", ""));
        let house = House::with(priced(), &config).await;
        let answer = house.chat(&ask(false)).await;
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &answer.json()["bursar"]["code"]),
            (502, &json!("E-ROUTE-003")),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
        assert_eq!(house.settled("daily").await["settled"], json!("0"));
    }
    assert_eq!(provider.received(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_excepted_goes_straight() {
    let provider = Mock::start(priced()).await.unwrap();
    let proxy = Proxy::start(provider.addr(), "200 OK").await;
    let config = format!(
        "# variable HTTP_PROXY=http://{}\n# variable NO_PROXY=provider.test\n{}",
        proxy.addr,
        secure("http://llm.provider.test/v1", "")
    );
    let house = House::with(priced(), &config).await;
    let answer = house.chat(&ask(false)).await;
    assert_eq!(answer.json()["bursar"]["code"], json!("E-ROUTE-003"), "nobody knows that name but the proxy");
    assert!(proxy.heads.lock().is_empty());
}
