//! Identify: from what a client presents to who asks and with which attributes.

use crate::directory::{Directory, Key, MaySet};
use crate::keys::HashedSecret;
use bursar_core::{ApiFormat, Attribute, Attributes, Code, Refusal, RequestId, Timestamp, Value};
use std::net::IpAddr;
use std::sync::Arc;

/// Attributes that a client claims by `x-bursar-*` headers, as they came.
#[derive(Debug, Default, Clone, Copy)]
pub struct Claims<'a> {
    /// `x-bursar-agent`
    pub agent: Option<&'a str>,
    /// `x-bursar-run`
    pub run: Option<&'a str>,
    /// `x-bursar-session`
    pub session: Option<&'a str>,
    /// `x-bursar-user`
    pub user: Option<&'a str>,
    /// `x-bursar-tags`: `team=x,feature=y`
    pub tags: Option<&'a str>,
}

/// A recognised client.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its key.
    pub key: Arc<Key>,
    /// What budgets match: bound by the key, or claimed where the key allows it.
    pub attributes: Attributes,
    /// Claims that were not taken, with the reason: recorded, never obeyed.
    pub ignored: Vec<String>,
}

/// Looks up the presented key and fills in the attributes.
///
/// # Errors
/// E-AUTH-001 for a key that is missing, unknown, blocked, expired, or of an inactive project; E-INPUT-001 for a
/// claimed value that no attribute can have.
pub fn identify(
    directory: &Directory,
    now: Timestamp,
    request_id: RequestId,
    presented: Option<&str>,
    claims: &Claims<'_>,
) -> Result<Caller, Refusal> {
    let refuse = |message: &str| Refusal::new(Code::KeyUnknown, request_id, message);
    let Some(presented) = presented else {
        return Err(refuse("no key: send a Bursar key where this API's own key would stand"));
    };
    let Some(key) = directory.keys.get(&HashedSecret::of(presented)) else {
        return Err(refuse("this key is not known here"));
    };
    if key.blocked {
        return Err(refuse("this key is blocked"));
    }
    if key.expires_at.is_some_and(|expires_at| now >= expires_at) {
        return Err(refuse("this key has expired"));
    }
    if !key.project.active {
        return Err(refuse("the project of this key is not active"));
    }
    let mut caller = Caller { key: Arc::clone(key), attributes: key.bound.clone(), ignored: Vec::new() };
    let MaySet { agent, run, session, user, tags } = key.may_set;
    let singles = [
        (Attribute::Agent, claims.agent, agent),
        (Attribute::Run, claims.run, run),
        (Attribute::Session, claims.session, session),
        (Attribute::User, claims.user, user),
    ];
    for (attribute, claimed, allowed) in singles {
        if let Some(claimed) = claimed {
            take(&mut caller, attribute, claimed, allowed, request_id)?;
        }
    }
    for pair in claims.tags.unwrap_or_default().split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
        let name = Value::new(name.trim()).map_err(|error| bad_claim(request_id, "x-bursar-tags", error))?;
        take(&mut caller, Attribute::Tag(name), value.trim(), tags, request_id)?;
    }
    Ok(caller)
}

/// Refuses what the key may not use.
///
/// # Errors
/// E-AUTH-002.
pub fn permit(key: &Key, format: ApiFormat, model: &str, request_id: RequestId) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::new(Code::KeyForbidden, request_id, message));
    if !key.api_formats.is_empty() && !key.api_formats.contains(&format) {
        return refuse(format!("this key may not use the API format {format}"));
    }
    if !key.models.is_empty() && !key.models.iter().any(|pattern| pattern.matches(model)) {
        return refuse(format!("this key may not use the model {model}"));
    }
    Ok(())
}

/// Refuses an address from which the key may not be used.
///
/// # Errors
/// E-AUTH-002; also where the key names addresses and the client's is not known.
pub fn permit_address(key: &Key, address: Option<IpAddr>, request_id: RequestId) -> Result<(), Refusal> {
    let within = |address: IpAddr| key.allowed_ips.iter().any(|range| range.contains(address));
    if key.allowed_ips.is_empty() || address.is_some_and(within) {
        return Ok(());
    }
    let from = address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string());
    Err(Refusal::new(Code::KeyForbidden, request_id, format!("this key may not be used from {from}")))
}

fn take(
    caller: &mut Caller,
    attribute: Attribute,
    claimed: &str,
    allowed: bool,
    request_id: RequestId,
) -> Result<(), Refusal> {
    let value = Value::new(claimed).map_err(|error| bad_claim(request_id, &attribute.to_string(), error))?;
    if let Some(bound) = caller.attributes.get(&attribute) {
        if *bound != value {
            caller.ignored.push(format!("{attribute}: the key binds another value"));
        }
    } else if !allowed {
        caller.ignored.push(format!("{attribute}: the key may not set it"));
    } else if !caller.attributes.set(&attribute, value) {
        return Err(Refusal::new(
            Code::BadInput,
            request_id,
            format!("x-bursar-tags: more than {} tags", bursar_core::limits::TAGS_MAX),
        ));
    }
    Ok(())
}

fn bad_claim(request_id: RequestId, what: &str, error: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::BadInput, request_id, format!("the value of {what} {error}"))
}

#[cfg(test)]
mod tests;
