//! The log on its way to standard error: lines go through a bounded queue to a thread of their own, so that no request ever
//! waits for whoever reads them. What does not fit is counted and given up.

use crate::config::{LogFilter, LogFormat};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines that may wait: at under a kilobyte each some 8 MB, and several seconds of every request of a busy machine.
const LINES_MAX: usize = 8_192;
/// Bytes that are written at once: some hundred lines, and less than a pipe holds.
const WRITTEN_AT_ONCE: usize = 32 * 1024;
/// How long lines gather after some were written: where there are thousands a second they share a write and a wake, and
/// nobody who reads them notices.
const GATHER: Duration = Duration::from_millis(10);
/// How long the end waits for the lines before it.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The thread that writes lines.
pub struct Log {
    lines: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

enum Line {
    Text(Vec<u8>),
    /// The last one: say when it is reached.
    End(SyncSender<()>),
}

/// Where events write their lines to.
#[derive(Clone)]
pub struct Lines {
    lines: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queue) = sync_channel(LINES_MAX);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&queue, out))?;
        Ok(Self { lines, dropped: Arc::default(), thread: Some(thread) })
    }
    /// Where events write to.
    #[must_use]
    pub fn lines(&self) -> Lines {
        Lines { lines: self.lines.clone(), dropped: Arc::clone(&self.dropped) }
    }
    /// Counts lines that were given up.
    #[must_use]
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }
    /// Writes what was said so far, unless that takes too long. What is said later goes to standard error directly.
    pub fn end(mut self) {
        let began = Instant::now();
        let (ended, end) = sync_channel(1);
        let mut last = Line::End(ended);
        loop {
            match self.lines.try_send(last) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => last = back,
            }
            if began.elapsed() >= LAST_LINES {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // A thread that hangs on its output is left behind: the process ends.
        if end.recv_timeout(LAST_LINES.saturating_sub(began.elapsed())).is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

/// Makes this log the process's.
pub fn install(log: &Log, format: LogFormat, filter: &LogFilter, colour: bool) {
    let kept = tracing_subscriber::registry().with(filter.targets());
    // A line that cannot be written is no reason to stop: where the log's disk is full, telling about it would panic.
    let lines = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(log.lines());
    match format {
        LogFormat::Text => kept.with(lines.with_ansi(colour)).init(),
        LogFormat::Json => {
            let json = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
            kept.with(json).init();
        }
    }
}

fn write(queue: &Receiver<Line>, mut out: impl Write) {
    let mut gathered = Vec::with_capacity(WRITTEN_AT_ONCE);
    while let Ok(first) = queue.recv() {
        let mut next = Some(first);
        while let Some(line) = next.take() {
            match line {
                Line::Text(text) => {
                    gathered.extend_from_slice(&text);
                    if gathered.len() < WRITTEN_AT_ONCE {
                        next = queue.try_recv().ok();
                    }
                }
                Line::End(ended) => {
                    write_out(&mut out, &mut gathered);
                    drop(out.flush());
                    // Whoever waited may have given up.
                    let _ = ended.send(());
                    return;
                }
            }
        }
        let was_much = gathered.len() >= WRITTEN_AT_ONCE;
        write_out(&mut out, &mut gathered);
        if !was_much {
            std::thread::sleep(GATHER);
        }
    }
}

/// Writes what was gathered, in one go where the system takes it. That it cannot be written is told to nobody: where would
/// it be?
fn write_out(out: &mut impl Write, gathered: &mut Vec<u8>) {
    drop(out.write_all(gathered));
    gathered.clear();
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self.lines.try_send(Line::Text(text.to_vec())) {
            Ok(()) => Ok(text.len()),
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                Ok(text.len())
            }
            // The process ends: nobody is held up any more.
            Err(TrySendError::Disconnected(_)) => io::stderr().write(text),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::{Mutex, MutexGuard};

    /// An output that stands still while somebody holds its lock.
    #[derive(Clone, Default)]
    struct Slow {
        text: Arc<Mutex<Vec<u8>>>,
        writes: Arc<Mutex<usize>>,
    }

    impl Slow {
        fn held(&self) -> MutexGuard<'_, Vec<u8>> {
            self.text.lock()
        }
    }
    impl Write for Slow {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.text.lock().extend_from_slice(text);
            *self.writes.lock() += 1;
            Ok(text.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_output_that_stands_still_holds_nobody_up() {
        let out = Slow::default();
        let log = Log::start(out.clone()).unwrap();
        let mut lines = log.lines();
        let held = out.held();
        for number in 0..LINES_MAX + WRITTEN_AT_ONCE + 100 {
            writeln!(lines.by_ref(), "{number}").unwrap();
        }
        let dropped = log.dropped();
        // What is gathered has a byte of each line at least, and `writeln!` may write a line in parts: at least the hundred
        // beyond it and the queue were given up.
        assert!(dropped.load(Ordering::Relaxed) >= 99, "{dropped:?}");
        drop(held);
        log.end();
        let text = String::from_utf8(out.held().clone()).unwrap();
        assert!(text.starts_with("0\n1\n2\n"), "in order");
    }

    #[test]
    fn the_end_waits_for_the_lines_before_it() {
        let out = Slow::default();
        let log = Log::start(out.clone()).unwrap();
        for number in 0..1_000 {
            log.lines().write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        log.end();
        assert_eq!(out.held().iter().filter(|byte| **byte == b'\n').count(), 1_000);
    }

    #[test]
    fn lines_that_wait_are_written_together() {
        let out = Slow::default();
        let log = Log::start(out.clone()).unwrap();
        let held = out.held();
        for number in 0..1_000 {
            log.lines().write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        drop(held);
        log.end();
        // The first ones before the output stood still, the rest in one go; each alone would be a thousand.
        assert!(*out.writes.lock() <= 20, "{} writes", out.writes.lock());
    }
}
