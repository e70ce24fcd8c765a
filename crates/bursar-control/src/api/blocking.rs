//! Reading at length: on a thread of its own, so that who goes through a year of records keeps no other admin request waiting.

use crate::problem::Problem;
use axum::http::StatusCode;

/// Runs what may block on the disk for long.
///
/// # Errors
/// The work's own; 500 where it broke off.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.unwrap_or_else(|_| Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the reading broke off")))
}
