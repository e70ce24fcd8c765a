//! From the checked configuration to what the data plane looks up: providers with their secrets, models, prices.

use crate::config::{self, Config, Surroundings};
use bursar_core::{UsageClass, Value};
use bursar_govern::assemble::Installed;
use bursar_govern::circuit::Limits;
use bursar_govern::directory::{Credential, Credentials, Model, ModelAt, Provider, Timeouts};
use bursar_govern::surfaces;
use bursar_pricing::{Billing, DeploymentPrice, Multipliers, PriceBook, vendor};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Why a checked configuration cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// A secret that was there at the check is gone.
    #[error("providers.{provider}: {problem}")]
    Secret {
        /// Whose.
        provider: String,
        /// What is wrong, without the secret.
        problem: String,
    },
    /// A secret of a channel that was there at the check is gone, or its time zone.
    #[error("alerts.{channel}: {problem}")]
    Channel {
        /// Whose.
        channel: String,
        /// What is wrong, without the secret.
        problem: String,
    },
    /// Authorities' certificates that were there at the check.
    #[error("providers.{provider}.ca_file: {problem}")]
    Authorities {
        /// Whose.
        provider: String,
        /// What is wrong.
        problem: String,
    },
    /// A deployment's own price cannot be used.
    #[error("models.{model:?}: the price cannot be used: {problem}")]
    Price {
        /// Which model.
        model: String,
        /// Why.
        problem: String,
    },
    /// A deployment of a provider that is not there.
    #[error("models.{model:?}: no provider `{provider}`")]
    Provider {
        /// Which model.
        model: String,
        /// Which provider.
        provider: String,
    },
    /// A name that no attribute can have.
    #[error("`{0}` cannot be a name")]
    Name(String),
}

/// Resolves secrets and builds providers and models over `prices`.
///
/// # Errors
/// See [`InstallError`].
pub fn install(
    config: &Config,
    surroundings: &Surroundings<'_>,
    prices: Arc<PriceBook>,
) -> Result<Installed, InstallError> {
    let providers = config
        .providers
        .iter()
        .map(|declared| provider(declared, surroundings).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()?;
    let mut models = HashMap::new();
    for declared in &config.models {
        models.insert(declared.name.as_str().into(), Arc::new(model(declared, &providers, &prices)?));
    }
    let fallback = config.projects.iter().filter_map(|project| {
        let price = project.fallback_price.as_ref()?;
        let rate = |class| price.rates.iter().find(|(own, _)| *own == class).map(|(_, rate)| *rate);
        let input = rate(UsageClass::Input).unwrap_or_default();
        Some((project.name.as_str().into(), (input, rate(UsageClass::Output).unwrap_or(input))))
    });
    Ok(Installed { providers, models, prices, fallback_prices: fallback.collect(), sealer: None })
}

fn provider(declared: &config::Provider, surroundings: &Surroundings<'_>) -> Result<Provider, InstallError> {
    let name = name(&declared.name)?;
    let billing = match declared.billing {
        config::Billing::PayAsYouGo => Billing::PayAsYouGo,
        config::Billing::MonthlyQuota => Billing::MonthlyQuota,
        config::Billing::FreeTier => Billing::FreeTier,
    };
    let credentials = match &declared.credentials {
        config::Credentials::Client => Credentials::Client,
        config::Credentials::None => Credentials::None,
        config::Credentials::Own(own) => {
            let made =
                own.iter().map(|one| credential(&declared.name, one, billing, surroundings).map(Arc::new));
            Credentials::Own(made.collect::<Result<_, _>>()?)
        }
    };
    let known = declared.prices.as_deref().or_else(|| vendor::of(&declared.name, &declared.base_url));
    let authorities =
        declared.ca_file.as_deref().map(|path| config::authorities(path, surroundings)).transpose();
    let authorities = authorities
        .map_err(|problem| InstallError::Authorities { provider: declared.name.clone(), problem })?;
    let seconds = |s: u32| Duration::from_secs(u64::from(s));
    let prices = known.unwrap_or(&declared.name);
    let priced = |surface, fee| (surface, surfaces::row(prices, surface, fee));
    Ok(Provider {
        prices: prices.into(),
        name,
        family: declared.family,
        billing,
        base_url: declared.base_url.as_str().into(),
        authorities: authorities.map(|found| found.0),
        credentials,
        timeouts: Timeouts {
            connect: seconds(declared.connect_timeout_s),
            first_byte: seconds(declared.first_byte_timeout_s),
            idle: seconds(declared.idle_timeout_s),
            stale_s: i64::from(declared.stale_timeout_s),
        },
        fallback: declared.fallback.iter().map(|other| self::name(other)).collect::<Result<_, _>>()?,
        fallback_model: declared.fallback_model.as_deref().map(Into::into),
        next_after_silence: declared.next_after_silence,
        prefers_billed: declared.prefer_billed,
        bills_errors: false,
        surfaces: declared.surfaces.iter().map(|(surface, fee)| priced(*surface, *fee)).collect(),
    })
}

fn credential(
    provider: &str,
    declared: &config::Credential,
    billing: Billing,
    surroundings: &Surroundings<'_>,
) -> Result<Credential, InstallError> {
    let secret = declared.secret.resolve(surroundings);
    let secret = secret.map_err(|problem| InstallError::Secret { provider: provider.to_owned(), problem })?;
    Ok(Credential {
        name: name(&declared.name)?,
        secret,
        weight: declared.weight,
        multipliers: Multipliers {
            default: declared.rate_multiplier,
            by_format: declared.rate_multipliers.iter().map(|(format, factor)| (*format, *factor)).collect(),
            billing,
        },
        limits: Limits { in_flight: declared.in_flight_max, per_minute: declared.requests_per_minute },
    })
}

fn model(
    declared: &config::Model,
    providers: &[Arc<Provider>],
    prices: &PriceBook,
) -> Result<Model, InstallError> {
    let mut deployments = Vec::new();
    for at in &declared.deployments {
        let provider = providers.iter().find(|provider| provider.name.as_str() == at.provider);
        let provider = provider.ok_or_else(|| InstallError::Provider {
            model: declared.name.clone(),
            provider: at.provider.clone(),
        })?;
        let upstream = at.model.as_deref().unwrap_or(&declared.name);
        let price = match &at.price {
            None => None,
            Some(price) => {
                let price = DeploymentPrice::new(
                    prices,
                    &provider.prices,
                    upstream,
                    &price.spec(&provider.prices, upstream),
                );
                let wrong = |problem: String| InstallError::Price { model: declared.name.clone(), problem };
                Some(Arc::new(price.map_err(|error| wrong(error.to_string()))?))
            }
        };
        let upstream_model = at.model.as_deref().filter(|name| *name != declared.name).map(Into::into);
        let prefers_billed = at.prefer_billed.unwrap_or(provider.prefers_billed);
        let provider = Arc::clone(provider);
        deployments.push(Arc::new(ModelAt { provider, upstream_model, price, prefers_billed }));
    }
    Ok(Model { deployments, fallback: declared.fallback.iter().map(|name| name.as_str().into()).collect() })
}

fn name(text: &str) -> Result<Value, InstallError> {
    Value::new(text).map_err(|_| InstallError::Name(text.to_owned()))
}
