//! Probes of providers for the admin API: every credential at once, over connections of their own.

use bursar_control::{Probe, Probed};
use bursar_gateway::probe::probe;
use bursar_gateway::proxies::Proxies;
use bursar_gateway::upstream::{TlsError, Upstream};
use bursar_govern::directory::{Credential, Credentials, Provider};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// Credentials of one provider that are asked with at once; more are left out.
const PROBES_MAX: usize = 64;

/// What the admin API asks providers with.
///
/// # Errors
/// [`TlsError`].
pub(super) fn prober(proxies: Proxies) -> Result<Probe, TlsError> {
    let upstream = Arc::new(Upstream::new(proxies)?);
    Ok(Box::new(move |provider| Box::pin(all(Arc::clone(&upstream), provider))))
}

async fn all(upstream: Arc<Upstream>, provider: Arc<Provider>) -> Vec<Probed> {
    let credentials: Vec<Option<Arc<Credential>>> = match &provider.credentials {
        Credentials::Own(own) => own.iter().cloned().map(Some).take(PROBES_MAX).collect(),
        Credentials::Client | Credentials::None => vec![None],
    };
    let mut asking = JoinSet::new();
    for credential in credentials {
        asking.spawn(one(Arc::clone(&upstream), Arc::clone(&provider), credential));
    }
    let mut probed = asking.join_all().await;
    upstream.forget_idle();
    probed.sort_by(|a, b| a.credential.cmp(&b.credential));
    probed
}

async fn one(
    upstream: Arc<Upstream>,
    provider: Arc<Provider>,
    credential: Option<Arc<Credential>>,
) -> Probed {
    let began = Instant::now();
    let answered = probe(&upstream, &provider, credential.as_deref()).await;
    Probed {
        credential: credential.map(|credential| credential.name.to_string()),
        ok: answered.as_ref().is_ok_and(|status| (200..300).contains(status)),
        status_code: answered.as_ref().ok().copied(),
        total_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        error: answered.err().map(|error| error.to_string()),
    }
}
