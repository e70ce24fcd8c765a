//! Cutting what is in flight: every attempt holds a [`Cut`], which resolves when it is meant.

use super::Kill;
use crate::governor::Governor;
use bursar_core::{Attributes, Code, Refusal, RequestId};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Who cuts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CutBy {
    /// A kill switch.
    Kill(Kill),
    /// The process ends.
    Shutdown,
}

/// Watches for a cut of one attempt. All attempts wait for one bell; each that it wakes sees whether it is meant.
pub struct Cut {
    governor: Arc<Governor>,
    attributes: Attributes,
    bell: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Governor {
    /// Watches for a cut of an attempt with these attributes. A switch that was turned on before is not told again: look
    /// it up afterwards.
    #[must_use]
    pub fn watch(self: &Arc<Self>, attributes: &Attributes) -> Cut {
        let bell = Box::pin((**self.kills().bell.load()).clone().cancelled_owned());
        Cut { governor: Arc::clone(self), attributes: attributes.clone(), bell }
    }
}

impl Cut {
    /// What it watches for.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }
    /// Ready once the attempt is to end.
    pub fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<CutBy> {
        loop {
            ready!(self.bell.as_mut().poll(cx));
            let kills = self.governor.kills();
            self.bell.set((**kills.bell.load()).clone().cancelled_owned());
            if let Some(by) = self.meant() {
                return Poll::Ready(by);
            }
        }
    }
    /// Waits until the attempt is to end.
    pub async fn cut(&mut self) -> CutBy {
        std::future::poll_fn(|cx| self.poll_cut(cx)).await
    }
    fn meant(&self) -> Option<CutBy> {
        let kills = self.governor.kills();
        let now = self.governor.now();
        let on = kills.on.load();
        let cuts = |kill: &&Kill| kill.cut && kill.is_on(now) && kill.stops(&self.attributes);
        let kill = on.iter().find(cuts).cloned().map(CutBy::Kill);
        kill.or_else(|| kills.ending.load(Ordering::Acquire).then_some(CutBy::Shutdown))
    }
}

impl CutBy {
    /// What the record says of the attempt.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Kill(_) => "cut by a kill switch",
            Self::Shutdown => "cut by a shutdown",
        }
    }
    /// What the client is told.
    #[must_use]
    pub fn refusal(&self, request_id: RequestId) -> Refusal {
        match self {
            Self::Kill(kill) => super::stop::refusal(kill, request_id),
            Self::Shutdown => {
                Refusal::new(Code::NoDeployment, request_id, "Bursar is shutting down and cut this answer")
            }
        }
    }
}
