//! A provider that streams for as long as its client listens; each chunk says when it was written.

use crate::clock;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

/// What a chunk's time stands behind.
pub(crate) const MARK: &str = "written-at-";

/// Starts one on a free port, with a certificate for `localhost` in `ca` where it speaks TLS.
pub(crate) async fn start(every: Duration, ca: Option<&Path>) -> SocketAddr {
    let acceptor = ca.map(acceptor);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            match acceptor.clone() {
                None => drop(tokio::spawn(answer(stream, every))),
                Some(acceptor) => drop(tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.ok()?;
                    answer(stream, every).await
                })),
            }
        }
    });
    addr
}

/// TLS with HTTP/1.1, so that each stream has a connection of its own.
fn acceptor(ca: &Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(PathBuf::from(ca), made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// One request, whatever it asks, and an answer that ends when its client leaves.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(stream: S, every: Duration) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while stream.read_line(&mut line).await.ok()? > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    loop {
        let event = format!(
            "data: {{\"id\":\"s\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\
             \"delta\":{{\"content\":\"{MARK}{} and some words\"}},\"finish_reason\":null}}]}}\n\n",
            clock::micros()
        );
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        tokio::time::sleep(every).await;
    }
}
