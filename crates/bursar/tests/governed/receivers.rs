//! Local receivers of alerts: an HTTP server that remembers what it was sent, and a mail server that speaks enough SMTP.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// What a receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }
}

#[derive(Default)]
struct Shared {
    got: Vec<Got>,
    /// Statuses of the next answers; 200 after them.
    statuses: VecDeque<u16>,
}

/// An HTTP server.
pub(crate) struct Receiver {
    pub(crate) base: String,
    shared: Arc<Mutex<Shared>>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Answers with these statuses first.
    pub(crate) async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let shared =
            Arc::new(Mutex::new(Shared { got: Vec::new(), statuses: statuses.iter().copied().collect() }));
        let mine = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&mine);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { base, shared, task }
    }
    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.lock().expect("unpoisoned").got.clone()
    }
    /// Waits until it got so many that `matches`, then those.
    pub(crate) async fn until(&self, count: usize, matches: impl Fn(&Got) -> bool) -> Vec<Got> {
        for _ in 0..1_500 {
            let found: Vec<Got> = self.got().into_iter().filter(|got| matches(got)).collect();
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not {count} of what was wanted: {:#?}", self.got());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: http::Request<Incoming>,
    shared: Arc<Mutex<Shared>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut shared = shared.lock().expect("unpoisoned");
    let got = Got {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    shared.got.push(got);
    let status = shared.statuses.pop_front().unwrap_or(200);
    Ok(http::Response::builder()
        .status(status)
        .body(Full::new(Bytes::from_static(b"ok")))
        .expect("an answer"))
}

/// A mail server without TLS: what a server on the same machine is.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let mine = Arc::clone(&mails);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&mine)));
            }
        });
        Self { port, mails, task }
    }
    /// Waits until so many mails came: envelope and text of each.
    pub(crate) async fn until(&self, count: usize) -> Vec<String> {
        for _ in 0..1_500 {
            let mails = self.mails.lock().expect("unpoisoned").clone();
            if mails.len() >= count {
                return mails;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not {count} mails");
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection, as RFC 5321 has it.
async fn converse(stream: tokio::net::TcpStream, mails: Arc<Mutex<Vec<String>>>) {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut mail = String::new();
    let mut in_data = false;
    let _ = writing.write_all(b"220 local ESMTP\r\n").await;
    while let Ok(Some(line)) = lines.next_line().await {
        if in_data {
            if line == "." {
                in_data = false;
                mails.lock().expect("unpoisoned").push(std::mem::take(&mut mail));
                let _ = writing.write_all(b"250 taken\r\n").await;
            } else {
                mail.push_str(&line);
                mail.push('\n');
            }
            continue;
        }
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match word.as_str() {
            "EHLO" => b"250-local\r\n250 8BITMIME\r\n",
            "DATA" => {
                in_data = true;
                b"354 go on\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            "MAIL" | "RCPT" => {
                mail.push_str(&line);
                mail.push('\n');
                b"250 ok\r\n"
            }
            _ => b"250 ok\r\n",
        };
        let _ = writing.write_all(reply).await;
        if word == "QUIT" {
            break;
        }
    }
}
