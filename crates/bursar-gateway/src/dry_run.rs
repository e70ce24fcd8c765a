//! What a dry run of the throttle would have done with an attempt: kept on the record and counted, and nothing else.

use bursar_govern::Governor;
use bursar_govern::directory::Key;
use bursar_govern::route::Deployment;
use bursar_store::records::WouldMove;

/// Where an attempt at this deployment would have gone instead, were the throttle no dry run: to the next of `behind` that
/// no dry run is about. `None`: no dry run is about this one.
pub(crate) fn would_move<'a>(
    governor: &Governor,
    key: &Key,
    asked: &str,
    deployment: &Deployment,
    behind: impl Iterator<Item = &'a Deployment>,
) -> Option<WouldMove> {
    let throttled = governor.throttled();
    let dry_run = |deployment: &Deployment| {
        let model = deployment.fallback_model.as_deref().unwrap_or(asked);
        throttled.dry_run(deployment.provider.name.as_str(), key.project.name.as_str(), model).cloned()
    };
    let about = dry_run(deployment)?;
    let mut free = behind.filter(|other| dry_run(other).is_none());
    Some(about.would_move(free.next().map(|other| other.provider.name.as_str())))
}
