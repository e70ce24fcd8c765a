//! Choosing a credential: the one where the conversation's prompt cache is, else by weight, and only where its circuit and
//! its limits let another try in.

use bursar_core::bound::CacheWrite;
use bursar_core::{RequestBound, RequestId, Value};
use bursar_govern::Governor;
use bursar_govern::affinity::Marks;
use bursar_govern::circuit::{Limits, Stop};
use bursar_govern::circuits::{Endpoint, Permit};
use bursar_govern::directory::{Credential, Credentials, Provider};
use bursar_govern::identify::Caller;
use std::sync::Arc;

/// How long a provider keeps what it cached of a prompt, in seconds, where nothing longer is asked for: five minutes
/// from the last use (Anthropic; OpenAI names five to ten).
const CACHE_S: i64 = 300;
/// The same where the request marks its prompt for an hour.
const LONG_CACHE_S: i64 = 3_600;

/// A credential, where the provider takes one of Bursar's own, and a place at its endpoint.
pub struct Chosen {
    /// The credential.
    pub credential: Option<Arc<Credential>>,
    /// The place.
    pub permit: Permit,
}

/// No credential: none is left, or the first one in line says why it cannot be used now.
pub enum NoneLeft {
    /// Every one was tried.
    Tried,
    /// What is left lets nothing in now.
    Stopped(Stop),
}

/// What a choice depends on beside the provider.
pub struct Wish<'a> {
    /// Draws by weight; the same request draws the same.
    pub request_id: RequestId,
    /// The credential of the conversation.
    pub stays_with: Option<Value>,
    /// Those that were tried already, by name; `None` stands for a provider that takes none of Bursar's.
    pub tried: &'a [Option<Value>],
    /// Whether advice about the provider gives way: nothing else can be tried.
    pub lenient: bool,
    /// Whether the same request was here before.
    pub is_retry: bool,
}

/// Takes a place with the best credential that has one.
///
/// # Errors
/// See [`NoneLeft`].
pub fn choose(governor: &Governor, provider: &Provider, wish: &Wish<'_>) -> Result<Chosen, NoneLeft> {
    let now = governor.now();
    let enter = |credential: Option<&Arc<Credential>>| {
        let limits = credential.map_or_else(Limits::default, |credential| credential.limits);
        let name = credential.map(|credential| credential.name.clone());
        let endpoint = Endpoint { provider: provider.name.clone(), credential: name };
        let permit = governor.circuits().enter(endpoint, now, limits, wish.lenient, wish.is_retry)?;
        Ok(Chosen { credential: credential.cloned(), permit })
    };
    let Credentials::Own(own) = &provider.credentials else {
        let first = if wish.tried.contains(&None) { Err(NoneLeft::Tried) } else { Ok(()) };
        return first.and_then(|()| enter(None).map_err(NoneLeft::Stopped));
    };
    let mut why = NoneLeft::Tried;
    for credential in in_order(own, wish) {
        match enter(Some(credential)) {
            Ok(chosen) => return Ok(chosen),
            Err(stop) => why = if let NoneLeft::Tried = why { NoneLeft::Stopped(stop) } else { why },
        }
    }
    Err(why)
}

/// Those not tried yet: the conversation's own first, then the one drawn by weight, then the others as declared. A
/// weight of 0 is never used.
fn in_order<'a>(own: &'a [Arc<Credential>], wish: &Wish<'_>) -> Vec<&'a Arc<Credential>> {
    let is_tried = |credential: &Credential| wish.tried.iter().flatten().any(|name| *name == credential.name);
    let mut left: Vec<&Arc<Credential>> =
        own.iter().filter(|credential| credential.weight > 0 && !is_tried(credential)).collect();
    let stays = wish.stays_with.as_ref();
    let own = stays.and_then(|name| left.iter().position(|credential| credential.name == *name));
    if let Some(at) = own.or_else(|| drawn(&left, wish.request_id)) {
        let first = left.remove(at);
        left.insert(0, first);
    }
    left
}

/// By weight, the same for the same request.
fn drawn(left: &[&Arc<Credential>], request_id: RequestId) -> Option<usize> {
    let total: u64 = left.iter().map(|credential| u64::from(credential.weight)).sum();
    let random = u64::try_from(request_id.as_u128() & 0xFFFF_FFFF).unwrap_or(0);
    let mut rest = random.checked_rem(total)?;
    left.iter().position(|credential| {
        let weight = u64::from(credential.weight);
        let chosen = rest < weight;
        rest = rest.saturating_sub(weight);
        chosen
    })
}

/// The marks of a conversation; none where there is no choice between credentials.
#[must_use]
pub fn marks(governor: &Governor, provider: &Provider, caller: &Caller, body: &[u8]) -> Marks {
    match &provider.credentials {
        Credentials::Own(own) if own.len() > 1 => {
            let session = caller.attributes.get(&bursar_core::Attribute::Session).map(Value::as_str);
            governor.affinity().marks(caller.key.id.as_str(), provider.name.as_str(), session, body)
        }
        Credentials::Own(_) | Credentials::Client | Credentials::None => Marks::new(),
    }
}

/// How long the provider keeps the prompt of a request.
#[must_use]
pub const fn kept_s(bound: &RequestBound) -> i64 {
    match bound.cache_write {
        CacheWrite::OneHour => LONG_CACHE_S,
        CacheWrite::FiveMinutes | CacheWrite::None => CACHE_S,
    }
}
