//! What a dry run of the throttle would have done with a request.

/// A request that went where a throttle in a dry run would have kept it from going.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct WouldMove {
    /// The provider of the throttle, which served the request.
    pub provider: String,
    /// The project or projects of the throttle; absent: all.
    pub project: Option<String>,
    /// The model or models of the throttle; absent: all.
    pub model: Option<String>,
    /// The provider that was next in line; absent: there was none, and the request would have been refused.
    pub to: Option<String>,
}
