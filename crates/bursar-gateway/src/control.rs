//! The seam to the control plane: paths that are no provider's are handed over whole.

use bytes::Bytes;
use http::{Request, Response};
use std::future::Future;
use std::pin::Pin;

/// An answer that is on its way.
pub type Answering = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// Serves admin API, health and metrics. Runs elsewhere: the data plane only waits for the answer.
pub trait Control: Send + Sync {
    /// Whether this path is the control plane's.
    fn serves(&self, path: &str) -> bool;
    /// Answers one request.
    fn call(&self, request: Request<Bytes>) -> Answering;
}
