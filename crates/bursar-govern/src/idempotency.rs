//! Idempotency: a request that repeats another's `Idempotency-Key` gets the same answer, and is not paid twice.
//!
//! Who asks first has a [`Place`] until the request has ended; the place decides what a repeat gets. Everything is kept
//! in the settings by one thread: the data plane never waits for the disk on its own threads.

mod envelope;
mod place;

pub use envelope::Kept;
pub use place::{Outcome, Place};

use crate::seal::Sealer;
use bursar_core::{RequestId, Timestamp, Usd};
use bursar_store::settings::{AnswerState, Began, Settings};
use envelope::Envelope;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Seconds for which an answer is kept.
pub const KEPT_S: i64 = 86_400;
/// Bytes of an `Idempotency-Key`: a UUID has 36, the draft standard's examples fewer.
pub const KEY_BYTES_MAX: usize = 255;
/// Requests that may wait to begin: at a millisecond each, a second of waiting.
const WAITING_MAX: usize = 1_024;

/// What beginning a request under a key finds.
#[derive(Debug)]
pub enum Begun {
    /// The key is new.
    New(Place),
    /// The first request is still under way.
    InFlight(RequestId),
    /// It has ended, and this was its answer.
    Answered(RequestId, Kept),
    /// It has ended, and its answer is not kept: what it cost, where that is known.
    Done(RequestId, Option<Usd>),
    /// The key was used for another request than this one.
    Other(RequestId),
}

/// What was asked under which key.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who asks: `key:ID`, `token:HASH`.
    pub scope: String,
    /// The client's key, as it came.
    pub key: String,
    /// This request.
    pub request_id: RequestId,
    /// What tells the same request from another: [`fingerprint`].
    pub fingerprint: u64,
}

/// Idempotency keys cannot be looked up or kept now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("idempotency keys cannot be looked up now")]
pub struct Unavailable;

/// The answers of requests with an idempotency key.
pub struct Replies {
    jobs: Sender<Job>,
    waiting: AtomicUsize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

type Name = [u8; 32];

enum Job {
    Begin { asked: Asked, now: Timestamp, found: oneshot::Sender<Option<Found>> },
    End { scope: String, name: Name, request_id: RequestId, end: End },
    Stop,
}

enum Found {
    New,
    Used(Box<Begun>),
}

/// What becomes of a place.
pub(crate) enum End {
    /// The answer, or at least what it cost, is kept.
    Keep(Envelope),
    /// It was not billed: a repeat is a new try.
    Forget,
}

/// A fingerprint of what makes a request itself.
#[must_use]
pub fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

impl Replies {
    /// Starts the thread that keeps them. What was in flight when the last process ended counts as done: it may have been
    /// billed.
    ///
    /// # Errors
    /// When the settings cannot be written or the thread cannot be started.
    pub fn start(settings: Arc<Settings>, sealer: Arc<Sealer>) -> io::Result<Arc<Self>> {
        settings.interrupt_answers().map_err(io::Error::other)?;
        let (jobs, queue) = channel();
        let body = move || run(&settings, &sealer, &queue);
        let thread = std::thread::Builder::new().name("idempotency".to_owned()).spawn(body)?;
        Ok(Arc::new(Self { jobs, waiting: AtomicUsize::new(0), thread: Mutex::new(Some(thread)) }))
    }
    /// Begins a request under a key, or says what became of the one that used it first.
    ///
    /// # Errors
    /// [`Unavailable`]: then whether it would be paid twice is unknown.
    pub async fn begin(self: &Arc<Self>, asked: Asked, now: Timestamp) -> Result<Begun, Unavailable> {
        if self.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Unavailable);
        }
        let (found, answer) = oneshot::channel();
        // The place exists before the key is taken: whoever leaves meanwhile gives it up by dropping it.
        let place = Place::new(Arc::clone(self), &asked, name(&asked.key));
        let sent = self.jobs.send(Job::Begin { asked, now, found });
        let answered = match sent {
            Ok(()) => answer.await.ok().flatten(),
            Err(_) => None,
        };
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        match answered {
            Some(Found::New) => Ok(Begun::New(place.taken())),
            Some(Found::Used(begun)) => {
                place.leave();
                Ok(*begun)
            }
            None => {
                place.leave();
                Err(Unavailable)
            }
        }
    }
    /// Writes what is left and ends. Blocks.
    pub fn shutdown(&self) {
        // Without a receiver the thread has ended already.
        let _ = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of idempotency keys ended by a panic");
        }
    }
    pub(crate) fn end(&self, scope: String, name: Name, request_id: RequestId, end: End) {
        if self.jobs.send(Job::End { scope, name, request_id, end }).is_err() {
            tracing::warn!(%request_id, "an idempotency key stays in flight: its keeper has ended");
        }
    }
}

fn name(key: &str) -> Name {
    Sha256::digest(key).into()
}

fn purpose(scope: &str) -> String {
    format!("answer:{scope}")
}

fn run(settings: &Settings, sealer: &Sealer, queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        match job {
            Job::Stop => return,
            Job::Begin { asked, now, found } => {
                let begun = begin(settings, sealer, &asked, now);
                // Who asked may have left: its place is given up by its own drop.
                drop(found.send(begun));
            }
            Job::End { scope, name, request_id, end } => {
                let written = match end {
                    End::Forget => settings.forget_answer(&scope, &name, request_id),
                    End::Keep(envelope) => {
                        let sealed = sealer.seal(&purpose(&scope), &envelope.encode()).ok();
                        settings.finish_answer(&scope, &name, request_id, sealed.as_deref()).map(drop)
                    }
                };
                if let Err(error) = written {
                    tracing::error!(%error, %request_id, "an idempotency key stays in flight until it expires");
                }
            }
        }
    }
}

fn begin(settings: &Settings, sealer: &Sealer, asked: &Asked, now: Timestamp) -> Option<Found> {
    let (request_id, fingerprint) = (asked.request_id, asked.fingerprint);
    let times = (now, now.plus_seconds(KEPT_S));
    let answer =
        match settings.begin_answer(&asked.scope, &name(&asked.key), (request_id, fingerprint), times) {
            Ok(Began::New) => return Some(Found::New),
            Ok(Began::Used(answer)) => answer,
            Err(error) => {
                tracing::error!(%error, "an idempotency key cannot be looked up");
                return None;
            }
        };
    let first = answer.request_id;
    let begun = match answer.state {
        _ if answer.fingerprint != fingerprint => Begun::Other(first),
        AnswerState::InFlight => Begun::InFlight(first),
        AnswerState::Done => {
            let opened = answer.sealed.and_then(|sealed| sealer.open(&purpose(&asked.scope), &sealed).ok());
            match opened.and_then(|plain| Envelope::decode(&plain)) {
                Some(Envelope { kept: Some(kept), .. }) => Begun::Answered(first, kept),
                Some(Envelope { cost, kept: None }) => Begun::Done(first, cost),
                None => Begun::Done(first, None),
            }
        }
    };
    Some(Found::Used(Box::new(begun)))
}

#[cfg(test)]
mod tests;
