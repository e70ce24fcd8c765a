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
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

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

/// How a mail server is reached.
#[derive(Clone)]
pub(crate) enum MailDoor {
    /// Nothing is encrypted, nobody logs in: what a server on the same machine is.
    Plain,
    /// STARTTLS (RFC 3207), and then a login (RFC 4954).
    StartTls(TlsAcceptor),
    /// TLS from the first byte (RFC 8314), and then a login.
    Tls(TlsAcceptor),
}

/// A mail server that speaks enough SMTP.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        Self::behind(MailDoor::Plain).await
    }
    pub(crate) async fn behind(door: MailDoor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let mine = Arc::clone(&mails);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(visit(stream, door.clone(), Arc::clone(&mine)));
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

/// One connection.
async fn visit(stream: TcpStream, door: MailDoor, mails: Arc<Mutex<Vec<String>>>) {
    match door {
        MailDoor::Plain => {
            let mut stream = BufReader::new(stream);
            greet(&mut stream).await;
            converse(&mut stream, "", &mails).await;
        }
        MailDoor::StartTls(acceptor) => {
            let mut stream = BufReader::new(stream);
            greet(&mut stream).await;
            if !converse(&mut stream, "STARTTLS", &mails).await {
                return;
            }
            let Ok(stream) = acceptor.accept(stream.into_inner()).await else { return };
            converse(&mut BufReader::new(stream), "AUTH PLAIN", &mails).await;
        }
        MailDoor::Tls(acceptor) => {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut stream = BufReader::new(stream);
            greet(&mut stream).await;
            converse(&mut stream, "AUTH PLAIN", &mails).await;
        }
    }
}

async fn greet(stream: &mut (impl AsyncWrite + Unpin)) {
    let _ = stream.write_all(b"220 local ESMTP\r\n").await;
}

/// Talks as RFC 5321 has it until the client goes, or until it begins TLS: then true. Where `offers` says something, no mail
/// is taken before that was done.
async fn converse<S>(stream: &mut S, offers: &str, mails: &Mutex<Vec<String>>) -> bool
where
    S: AsyncBufRead + AsyncWrite + Unpin,
{
    let mut mail = String::new();
    let (mut in_data, mut is_done) = (false, offers.is_empty());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if in_data {
            if line == "." {
                in_data = false;
                mails.lock().expect("unpoisoned").push(std::mem::take(&mut mail));
                let _ = stream.write_all(b"250 taken\r\n").await;
            } else {
                mail.push_str(line);
                mail.push('\n');
            }
            continue;
        }
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let ehlo = match offers {
            "" => "250-local\r\n250 8BITMIME\r\n".to_owned(),
            offers => format!("250-local\r\n250-{offers}\r\n250 8BITMIME\r\n"),
        };
        let reply = match word.as_str() {
            "EHLO" => ehlo.as_str(),
            "STARTTLS" if offers == "STARTTLS" => "220 go on\r\n",
            "AUTH" if offers == "AUTH PLAIN" => {
                is_done = true;
                mail.push_str(line);
                mail.push('\n');
                "235 welcome\r\n"
            }
            "MAIL" | "RCPT" | "DATA" if !is_done => "530 not so\r\n",
            "DATA" => {
                in_data = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            "MAIL" | "RCPT" => {
                mail.push_str(line);
                mail.push('\n');
                "250 ok\r\n"
            }
            _ => "250 ok\r\n",
        };
        let _ = stream.write_all(reply.as_bytes()).await;
        let _ = stream.flush().await;
        match word.as_str() {
            "QUIT" => return false,
            "STARTTLS" if offers == "STARTTLS" => return true,
            _ => {}
        }
    }
}
