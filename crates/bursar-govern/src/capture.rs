//! What a request said and was told, where the log level asks for it: a bounded copy on the data plane, handed through a
//! bounded queue to whoever keeps it. Nothing here waits: what finds no room is dropped and counted.
//!
//! Invariant: a secret header never leaves this module unmasked, and nothing here is shown in a log.

mod draft;
mod mask;
mod redact;

use arc_swap::ArcSwap;
use bursar_core::RequestId;
use bursar_store::bodies::Detail;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

pub use draft::Draft;
pub use mask::{is_secret, mask};
pub use redact::Redaction;

/// Requests that may wait to be kept: a second of a busy gateway.
pub const QUEUE: usize = 4096;
/// Bytes of all copies, those of requests in flight included: 6,000 requests of 10 kB.
pub const COPIED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of a body that are kept unless configured otherwise.
pub const BODY_BYTES_DEFAULT: usize = 1024 * 1024;

/// How much is kept of a request beside its record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum LogLevel {
    /// The record alone.
    #[default]
    Basic,
    /// Headers too.
    Headers,
    /// Headers and bodies too.
    Full,
}

impl LogLevel {
    /// Whether headers are kept.
    #[must_use]
    pub const fn keeps_headers(self) -> bool {
        match self {
            Self::Basic => false,
            Self::Headers | Self::Full => true,
        }
    }
    /// Whether bodies are kept.
    #[must_use]
    pub const fn keeps_bodies(self) -> bool {
        match self {
            Self::Basic | Self::Headers => false,
            Self::Full => true,
        }
    }
}

/// What is kept, and what is taken out of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureRules {
    /// Of requests of all projects but these.
    pub level: LogLevel,
    /// Of requests of single projects.
    pub projects: BTreeMap<String, LogLevel>,
    /// Bytes of a body that are kept.
    pub body_bytes_max: usize,
    /// Headers that are masked beside those that always are; lower case.
    pub secret_headers: Vec<String>,
    /// What is replaced in bodies and in the values of headers.
    pub redaction: Redaction,
}

impl Default for CaptureRules {
    fn default() -> Self {
        Self {
            level: LogLevel::Basic,
            projects: BTreeMap::new(),
            body_bytes_max: BODY_BYTES_DEFAULT,
            secret_headers: Vec::new(),
            redaction: Redaction::default(),
        }
    }
}

impl CaptureRules {
    /// The level of a project's requests; of no project: of one that nothing says anything about.
    #[must_use]
    pub fn level_of(&self, project: Option<&str>) -> LogLevel {
        project.and_then(|project| self.projects.get(project)).copied().unwrap_or(self.level)
    }
}

/// Copies that may exist at once, in bytes.
#[derive(Debug, Default)]
struct Room(AtomicUsize);

/// A part of the room, given back when dropped.
#[derive(Debug)]
struct Share {
    room: Arc<Room>,
    bytes: usize,
}

impl Share {
    /// Takes more; false, and nothing is taken, where there is not as much.
    fn grow(&mut self, bytes: usize) -> bool {
        let taken = self.room.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
            taken.checked_add(bytes).filter(|sum| *sum <= COPIED_BYTES_MAX)
        });
        if taken.is_ok() {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// Something that waits to be kept.
#[derive(Debug)]
pub struct Captured {
    id: RequestId,
    draft: Box<Draft>,
}

impl Captured {
    /// As it is kept: redacted and cut. Off the data plane: this reads every byte.
    #[must_use]
    pub fn finish(self) -> Detail {
        self.draft.finish(self.id)
    }
}

/// Copies what is to be kept, and hands it on.
#[derive(Debug, Default)]
pub struct Capturer {
    rules: ArcSwap<CaptureRules>,
    queue: OnceLock<SyncSender<Captured>>,
    room: Arc<Room>,
    dropped: AtomicU64,
}

impl Capturer {
    /// Sets what is kept from now on; requests under way keep the rules they began with.
    pub fn set_rules(&self, rules: CaptureRules) {
        self.rules.store(Arc::new(rules));
    }
    /// Where to take from what is to be kept. Once: the second time there is nothing to take. Until then nothing is
    /// copied.
    #[must_use]
    pub fn listen(&self) -> Option<Receiver<Captured>> {
        let (send, receive) = sync_channel(QUEUE);
        self.queue.set(send).is_ok().then_some(receive)
    }
    /// Requests of which nothing was kept although the log level asked for it.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
    /// Begins to copy a request of a project, if its log level asks for it.
    pub fn begin<'a>(
        &self,
        project: Option<&str>,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<Box<Draft>> {
        let rules = self.rules.load();
        let level = rules.level_of(project);
        if !level.keeps_headers() || self.queue.get().is_none() {
            return None;
        }
        let share = Share { room: Arc::clone(&self.room), bytes: 0 };
        Some(Box::new(Draft::begin(level, Arc::clone(&rules), share, headers)))
    }
    /// Hands on what was copied of a request that has ended.
    pub(crate) fn offer(&self, id: RequestId, draft: Box<Draft>) {
        let lost = draft.is_lost();
        let sent =
            !lost && self.queue.get().is_some_and(|queue| queue.try_send(Captured { id, draft }).is_ok());
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
