//! Surfaces without a meter that an operator lets pass: what one of their requests is charged is declared, not metered.

use crate::directory::{Directory, Key};
use crate::route::Deployment;
use bursar_core::{Code, Family, Rate, Refusal, RequestBound, RequestId, UsageClass};
use bursar_pricing::{PriceRow, PriceSource, Priced, RateClass, RowSpec};
use bursar_wire::Surface;
use std::sync::Arc;

/// The price of a surface as a row: a fee for the request, nothing for tokens, of which nothing is known.
#[must_use]
pub fn row(prices: &str, surface: Surface, fee: Rate) -> Arc<PriceRow> {
    let spec = RowSpec::new(prices, surface.as_str())
        .with(UsageClass::Input, Rate::ZERO)
        .with(UsageClass::Output, Rate::ZERO)
        .with(RateClass::Request, fee);
    Arc::new(PriceRow::new(spec, "declared"))
}

/// What bounds a request that is charged a declared price: no tokens.
#[must_use]
pub fn bound() -> RequestBound {
    RequestBound { no_output: true, ..RequestBound::default() }
}

/// Where the requests of a surface go: the first provider of the family that declares a price for it. One that only
/// reads what another request paid for (`reads`) costs nothing there. `Ok(None)`: it is declared nowhere.
///
/// # Errors
/// E-AUTH-002 when the key may use none of the providers that declare it.
pub fn deployment(
    directory: &Directory,
    key: &Key,
    (surface, family): (Surface, Family),
    reads: bool,
    request_id: RequestId,
) -> Result<Option<Deployment>, Refusal> {
    let declaring = directory.providers.iter().filter(|provider| provider.family == family);
    let mut declaring =
        declaring.filter_map(|provider| Some((provider, provider.surfaces.get(&surface)?))).peekable();
    if declaring.peek().is_none() {
        return Ok(None);
    }
    let allowed = |name: &str| key.providers.is_empty() || key.providers.iter().any(|own| own.matches(name));
    let Some((provider, row)) = declaring.find(|(provider, _)| allowed(provider.name.as_str())) else {
        let message = format!("this key may not use a provider that serves `{}`", surface.as_str());
        return Err(Refusal::new(Code::KeyForbidden, request_id, message));
    };
    let row = if reads { self::row(&provider.prices, surface, Rate::ZERO) } else { Arc::clone(row) };
    let price = Priced { row, source: PriceSource::Deployment };
    Ok(Some(Deployment { declared: true, ..Deployment::new(Arc::clone(provider), price) }))
}

/// Whether a surface is declared by a provider of the family.
#[must_use]
pub fn is_declared(directory: &Directory, surface: Surface, family: Family) -> bool {
    directory
        .providers
        .iter()
        .any(|provider| provider.family == family && provider.surfaces.contains_key(&surface))
}
