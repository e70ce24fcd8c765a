//! Route: from the model a client asks for to the deployments that may serve it, in order, each with its price.

use crate::directory::{Directory, Key, Provider};
use crate::throttled::{THROTTLED, Throttled};
use bursar_core::{ApiFormat, Code, Refusal, RequestId, Timestamp};
use bursar_pricing::{PriceSource, Priced, UnknownModel};
use std::sync::Arc;

/// A model at one endpoint under its upstream name, and whose price applies.
#[derive(Clone)]
pub struct Deployment {
    /// Who serves it.
    pub provider: Arc<Provider>,
    /// The upstream's name when it differs from what the client asked for.
    pub upstream_model: Option<Box<str>>,
    /// Its price.
    pub price: Priced,
}

/// A deployment that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The provider's name.
    pub provider: String,
    /// One of the fixed words: `family`, `not_allowed`, `no_price`, `throttled`, `refused`, `killed`, `unreachable`,
    /// `upstream_error`.
    pub reason: &'static str,
}

/// The deployments to try, in order, and those passed over already.
#[derive(Default)]
pub struct Route {
    /// To try.
    pub deployments: Vec<Deployment>,
    /// Passed over.
    pub skipped: Vec<Skipped>,
    /// Who would have been first, were it not throttled.
    pub throttled_first: Option<Arc<Provider>>,
}

/// What a client asks to have routed.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The key it presented.
    pub key: &'a Key,
    /// The API format it speaks.
    pub format: ApiFormat,
    /// The model it names.
    pub model: &'a str,
    /// The request.
    pub request_id: RequestId,
    /// Whether another deployment than the first may serve it.
    pub allow_fallback: bool,
}

/// Finds the deployments of the model for a client that speaks the format.
///
/// A listed model goes where it is listed; any other goes to the providers of the family whose price book knows it, in
/// declared order, else, where the rule for unknown models allows it, to the first provider of the family.
///
/// # Errors
/// E-PRICE-001 when the only thing missing is a price, E-AUTH-002 when the key allows none of the providers,
/// E-THROTTLE-001 when the client allows no fallback from a throttled provider, E-ROUTE-001 when nothing is left for
/// another reason.
pub fn route(
    directory: &Directory,
    throttled: &Throttled,
    now: Timestamp,
    asked: &Asked<'_>,
) -> Result<Route, Refusal> {
    let Asked { key, format, model, request_id, allow_fallback } = *asked;
    let rule = key.project.unknown_model.as_ref().unwrap_or(&directory.unknown_model);
    let mut route = Route::default();
    match directory.models.get(model) {
        Some(listed) => {
            for at in &listed.deployments {
                let name = at.upstream_model.as_deref().unwrap_or(model);
                let own = at.price.clone().map(|row| Priced { row, source: PriceSource::Deployment });
                let price = own.or_else(|| rule.price(&directory.prices, &at.provider.prices, name, now));
                consider(&mut route, throttled, asked, &at.provider, at.upstream_model.clone(), price);
            }
        }
        None => {
            let family = || directory.providers.iter().filter(|p| p.family == format.family());
            for provider in family() {
                let known = UnknownModel::Deny.price(&directory.prices, &provider.prices, model, now);
                if known.is_some() {
                    consider(&mut route, throttled, asked, provider, None, known);
                }
            }
            if route.deployments.is_empty() && route.skipped.is_empty() {
                for provider in family().take(1) {
                    let price = rule.price(&directory.prices, &provider.prices, model, now);
                    consider(&mut route, throttled, asked, provider, None, price);
                }
            }
        }
    }
    if !allow_fallback {
        if let Some(provider) = &route.throttled_first {
            let refusal =
                throttled.refusal(provider.name.as_str(), key.project.name.as_str(), model, now, request_id);
            return Err(refusal);
        }
        route.deployments.truncate(1);
    }
    if route.deployments.is_empty() {
        Err(nothing_left(&route, format, model, request_id))
    } else {
        Ok(route)
    }
}

fn consider(
    route: &mut Route,
    throttled: &Throttled,
    asked: &Asked<'_>,
    provider: &Arc<Provider>,
    upstream_model: Option<Box<str>>,
    price: Option<Priced>,
) {
    let Asked { key, format, model, .. } = *asked;
    let allowed = key.providers.is_empty()
        || key.providers.iter().any(|pattern| pattern.matches(provider.name.as_str()));
    let mut skip = |reason| route.skipped.push(Skipped { provider: provider.name.to_string(), reason });
    if provider.family != format.family() {
        skip("family");
    } else if !allowed {
        skip("not_allowed");
    } else {
        match price {
            None => skip("no_price"),
            Some(_)
                if throttled.reason(provider.name.as_str(), key.project.name.as_str(), model).is_some() =>
            {
                skip(THROTTLED);
                if route.deployments.is_empty() {
                    route.throttled_first.get_or_insert_with(|| Arc::clone(provider));
                }
            }
            Some(price) => {
                let provider = Arc::clone(provider);
                route.deployments.push(Deployment { provider, upstream_model, price });
            }
        }
    }
}

fn nothing_left(route: &Route, format: ApiFormat, model: &str, request_id: RequestId) -> Refusal {
    let has = |reason: &str| route.skipped.iter().any(|skipped| skipped.reason == reason);
    if has("no_price") {
        let message = format!(
            "no price is known for the model {model}; add a price for it or set unknown_model_policy of the project"
        );
        return Refusal::new(Code::NoPrice, request_id, message);
    }
    if has("not_allowed") {
        let message = format!("this key may not use any provider that serves {model}");
        return Refusal::new(Code::KeyForbidden, request_id, message);
    }
    if has(THROTTLED) {
        let message = format!("every provider that serves {model} is throttled");
        return Refusal::new(Code::NoDeployment, request_id, message);
    }
    let message = format!("no provider of the {} family serves the model {model}", format.family());
    Refusal::new(Code::NoDeployment, request_id, message)
}
