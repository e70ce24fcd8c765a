//! Attending to a request: its attempts run where its client waits, and go on in a task of their own once the client left.

use crate::answer::{self, Answer};
use crate::idempotency;
use bursar_govern::idempotency::Place;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;

type Attempts = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Runs the attempts till there is an answer, and beyond the client's patience: a plain answer is read to its end even when
/// its client has left, for it is billed in full, and then the truth is known. `left` is dropped when the client leaves.
pub(crate) fn see_through(
    tasks: &TaskTracker,
    left: DropGuard,
    place: Option<Place>,
    attempts: impl Future<Output = Answer> + Send + 'static,
) -> Attending {
    // Boxed: it may have to go elsewhere while it runs.
    let attempts = Box::pin(async move { idempotency::finish(place, attempts.await) });
    Attending { tasks: tasks.clone(), left: Some(left), attempts: Some(attempts) }
}

/// The attempts, while the client waits.
pub(crate) struct Attending {
    tasks: TaskTracker,
    left: Option<DropGuard>,
    /// Absent once there is an answer.
    attempts: Option<Attempts>,
}

impl Future for Attending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let Some(attempts) = self.attempts.as_mut() else { return Poll::Ready(answer::abandoned()) };
        // A panic ends this request and not the others on its client's connection; what it held is given back on the way.
        let polled = catch_unwind(AssertUnwindSafe(|| attempts.as_mut().poll(cx)));
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer,
            Err(_) => answer::abandoned(),
        };
        self.attempts = None;
        if let Some(left) = self.left.take() {
            left.disarm();
        }
        Poll::Ready(answer)
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        let Some(attempts) = self.attempts.take() else { return };
        // The attempts learn of it when they go on.
        drop(self.left.take());
        if Handle::try_current().is_ok() {
            self.tasks.spawn(async move {
                // A client that left drops the answer here, which settles it.
                drop(attempts.await);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use tokio::sync::oneshot;
    use tokio_util::sync::CancellationToken;

    fn ok() -> Answer {
        answer::text(StatusCode::OK, "here")
    }

    #[tokio::test]
    async fn who_waits_gets_the_answer_and_did_not_leave() {
        let (tasks, gone) = (TaskTracker::new(), CancellationToken::new());
        let answer = see_through(&tasks, gone.clone().drop_guard(), None, async { ok() }).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(!gone.is_cancelled() && tasks.is_empty(), "no task was needed");
    }

    #[tokio::test]
    async fn the_attempts_of_a_client_that_left_go_on_and_know_it() {
        let (tasks, gone) = (TaskTracker::new(), CancellationToken::new());
        let (comes, coming) = oneshot::channel::<()>();
        let (ends, ended) = oneshot::channel();
        let watched = gone.clone();
        let attempts = async move {
            coming.await.unwrap();
            ends.send(watched.is_cancelled()).unwrap();
            ok()
        };
        let mut waiting = see_through(&tasks, gone.drop_guard(), None, attempts);
        let polled = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut waiting).poll(cx).is_pending()));
        assert!(polled.await, "nothing has come yet");
        drop(waiting);
        comes.send(()).unwrap();
        assert!(ended.await.unwrap(), "they ran to their end");
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_too() {
        let (tasks, gone) = (TaskTracker::new(), CancellationToken::new());
        let attempts = async { std::panic::panic_any("as it is to be") };
        let answer = see_through(&tasks, gone.drop_guard(), None, attempts).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(tasks.is_empty(), "nothing of it goes on");
    }
}
