//! Clients that keep streams open and note how old each chunk is when it comes.

use crate::clock;
use crate::provider::MARK;
use bursar_mock::load::Histogram;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Open streams; dropped, their connections close.
pub(crate) struct Readers {
    open: Arc<AtomicUsize>,
    counts: Arc<AtomicBool>,
    ages: Arc<parking_lot::Mutex<Histogram>>,
    _tasks: JoinSet<()>,
}

impl Readers {
    /// Opens `count` streams, a few at a time, and waits until each has had its first chunk.
    pub(crate) async fn open(count: usize, addr: SocketAddr, key: &str, model: &str) -> Self {
        let body = format!(
            r#"{{"model":"{model}","stream":true,"stream_options":{{"include_usage":true}},"max_tokens":1000,"messages":[{{"role":"user","content":"hello"}}]}}"#
        );
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut readers = Self {
            open: Arc::default(),
            counts: Arc::default(),
            ages: Arc::new(parking_lot::Mutex::new(Histogram::default())),
            _tasks: JoinSet::new(),
        };
        for number in 0..count {
            let (open, counts, ages) = (readers.open.clone(), readers.counts.clone(), readers.ages.clone());
            readers._tasks.spawn(read(addr, request.clone(), open, counts, ages));
            if number % 20 == 19 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        for _ in 0..3_000 {
            if readers.open.load(Ordering::Acquire) == count {
                return readers;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} of {count} streams are open", readers.open.load(Ordering::Acquire));
    }

    /// From now on ages count.
    pub(crate) fn count(&self) {
        *self.ages.lock() = Histogram::default();
        self.counts.store(true, Ordering::Release);
    }

    /// The ages of the chunks since they count. Every stream must be open still.
    pub(crate) fn ages(&self, expected: usize) -> Histogram {
        assert_eq!(self.open.load(Ordering::Acquire), expected, "streams ended on the way");
        self.counts.store(false, Ordering::Release);
        self.ages.lock().clone()
    }
}

async fn read(
    addr: SocketAddr,
    request: String,
    open: Arc<AtomicUsize>,
    counts: Arc<AtomicBool>,
    ages: Arc<parking_lot::Mutex<Histogram>>,
) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut piece, mut is_open) = (vec![0; 4096], false);
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        let now = clock::micros();
        let text = String::from_utf8_lossy(&piece[..count]);
        for (at, _) in text.match_indices(MARK) {
            let digits: String = text[at + MARK.len()..].chars().take_while(char::is_ascii_digit).collect();
            let written: u64 = digits.parse().unwrap();
            if !is_open {
                open.fetch_add(1, Ordering::AcqRel);
                is_open = true;
            }
            if counts.load(Ordering::Acquire) {
                ages.lock().add(Duration::from_micros(now - written));
            }
        }
    }
    if is_open {
        open.fetch_sub(1, Ordering::AcqRel);
    }
}
