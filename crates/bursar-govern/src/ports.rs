//! What the governor is given from outside: the clock, randomness, and who wants to hear of finished requests.

use crate::kill::KillEvent;
use crate::story::Story;
use bursar_core::{RequestId, Timestamp};
use std::sync::Arc;

/// Tells the time. Only the binary has a real one.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Hears of every request once, when it has ended. Must not block: it is called on the data plane's threads.
pub trait Observer: Send + Sync {
    /// A request ended: completed, failed, cancelled or denied.
    fn ended(&self, story: &Story);
    /// Output of a request has come for a while and goes on. Told once.
    fn streaming(&self, id: RequestId, now: Timestamp);
    /// Something happened to a kill switch. Not called on the data plane's threads.
    fn kill(&self, event: &KillEvent);
}

/// The governor's surroundings.
#[derive(Clone)]
pub struct Ports {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Random bits.
    pub random: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// Hears of ended requests.
    pub observer: Arc<dyn Observer>,
}

impl Ports {
    /// A new request id.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        RequestId::new(self.clock.now(), (self.random)())
    }
}
