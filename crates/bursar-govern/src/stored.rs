//! Stored credentials: those given through the admin API, unsealed and put beside the ones that the file names.

use crate::circuit::Limits;
use crate::directory::{Credential, Credentials, Model, ModelAt, Provider};
use crate::seal::{SealError, Sealer, Secret};
use bursar_core::{ApiFormat, Multiplier, Value};
use bursar_pricing::Multipliers;
use bursar_store::settings;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is stored beside a sealed secret: the same fields as in the file, absent ones at their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CredentialDocument {
    /// Its share of the requests; absent: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Factor from list cost to effective cost, as a decimal; absent: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_multiplier: Option<String>,
    /// The factor of single API formats.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rate_multipliers: BTreeMap<String, String>,
    /// Requests in flight at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u32>,
    /// Requests within any 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
}

/// Why a stored credential cannot be used. Never shows the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// There is nothing to unseal it with.
    #[error("no sealing key is known")]
    NoSealer,
    /// It was sealed under another key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The secret has other characters than a header may have.
    #[error("the secret is no visible ASCII text")]
    Secret,
    /// A field of the document.
    #[error("{field}: {problem}")]
    Field {
        /// Which.
        field: String,
        /// What is wrong.
        problem: String,
    },
}

/// What a credential's secret is sealed for: it does not open under another name.
#[must_use]
pub fn purpose(provider: &str, name: &str) -> String {
    format!("credential:{provider}/{name}")
}

/// Whether a secret can stand in a header: visible ASCII, not empty.
#[must_use]
pub fn is_sendable(secret: &str) -> bool {
    !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic())
}

impl CredentialDocument {
    /// Reads what is stored.
    ///
    /// # Errors
    /// [`StoredError::Field`].
    pub fn parse(document: &serde_json::Value) -> Result<Self, StoredError> {
        let wrong = |error: serde_json::Error| StoredError::Field {
            field: "document".to_owned(),
            problem: error.to_string(),
        };
        serde_json::from_value(document.clone()).map_err(wrong)
    }
    /// The multipliers that it states.
    ///
    /// # Errors
    /// [`StoredError::Field`] for a format that does not exist or a factor that is none.
    pub fn multipliers(&self) -> Result<Multipliers, StoredError> {
        let parse = |field: &str, text: &str| {
            let wrong = |_| StoredError::Field {
                field: field.to_owned(),
                problem: format!("`{text}` is no decimal from 0 to 1000 with at most six places"),
            };
            Multiplier::parse(text).map_err(wrong)
        };
        let default =
            self.rate_multiplier.as_deref().map(|text| parse("rate_multiplier", text)).transpose()?;
        let mut by_format = Vec::new();
        for (word, text) in &self.rate_multipliers {
            let field = format!("rate_multipliers.{word}");
            let format = ApiFormat::parse(word).ok_or_else(|| StoredError::Field {
                field: field.clone(),
                problem: "there is no such API format".to_owned(),
            })?;
            by_format.push((format, parse(&field, text)?));
        }
        Ok(Multipliers { default: default.unwrap_or_default(), by_format, ..Multipliers::default() })
    }
}

/// Puts the active stored credentials into the providers, and the models' deployments in line with them. One that
/// cannot be used is left out and logged: the others go on.
pub fn add(
    providers: &mut [Arc<Provider>],
    models: &mut HashMap<Box<str>, Arc<Model>>,
    rows: &[settings::Credential],
    sealer: Option<&Sealer>,
) {
    let mut changed: HashMap<Value, Arc<Provider>> = HashMap::new();
    for provider in providers.iter_mut() {
        let own = rows.iter().filter(|row| row.active && row.provider == provider.name.as_str());
        let mut added = Vec::new();
        for row in own {
            match open(row, provider, sealer) {
                Ok(credential) => added.push(Arc::new(credential)),
                Err(error) => {
                    tracing::error!(provider = row.provider, credential = row.name, %error, "credential not used");
                }
            }
        }
        let mut all = match &provider.credentials {
            Credentials::Own(own) => own.clone(),
            Credentials::None => Vec::new(),
            Credentials::Client => continue,
        };
        added.retain(|new| all.iter().all(|known| known.name != new.name));
        if added.is_empty() {
            continue;
        }
        all.append(&mut added);
        let new = Arc::new(Provider { credentials: Credentials::Own(all), ..Provider::clone(provider) });
        changed.insert(new.name.clone(), Arc::clone(&new));
        *provider = new;
    }
    for model in models.values_mut() {
        if model.deployments.iter().any(|at| changed.contains_key(&at.provider.name)) {
            *model = Arc::new(with(model, &changed));
        }
    }
}

fn with(model: &Model, changed: &HashMap<Value, Arc<Provider>>) -> Model {
    let at = |at: &Arc<ModelAt>| match changed.get(&at.provider.name) {
        None => Arc::clone(at),
        Some(provider) => Arc::new(ModelAt {
            provider: Arc::clone(provider),
            upstream_model: at.upstream_model.clone(),
            price: at.price.clone(),
            prefers_billed: at.prefers_billed,
        }),
    };
    Model { deployments: model.deployments.iter().map(at).collect(), fallback: model.fallback.clone() }
}

fn open(
    row: &settings::Credential,
    provider: &Provider,
    sealer: Option<&Sealer>,
) -> Result<Credential, StoredError> {
    let sealer = sealer.ok_or(StoredError::NoSealer)?;
    let plain = sealer.open(&purpose(&row.provider, &row.name), &row.sealed.0)?;
    let plain = String::from_utf8(plain).map_err(|_| StoredError::Secret)?;
    if !is_sendable(&plain) {
        return Err(StoredError::Secret);
    }
    let document = CredentialDocument::parse(&row.document)?;
    let name = Value::new(&row.name)
        .map_err(|error| StoredError::Field { field: "name".to_owned(), problem: error.to_string() })?;
    Ok(Credential {
        name,
        secret: Secret::new(&plain),
        weight: document.weight.unwrap_or(1),
        multipliers: Multipliers { billing: provider.billing, ..document.multipliers()? },
        limits: Limits { in_flight: document.in_flight_max, per_minute: document.requests_per_minute },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Timeouts;
    use bursar_core::Family;
    use bursar_pricing::Billing;
    use bursar_store::settings::Sealed;

    fn provider(credentials: Credentials) -> Arc<Provider> {
        Arc::new(Provider {
            name: Value::new("p").unwrap(),
            family: Family::OpenAi,
            base_url: "http://127.0.0.1:1".into(),
            credentials,
            prices: "p".into(),
            billing: Billing::FreeTier,
            timeouts: Timeouts::default(),
            fallback: Vec::new(),
            fallback_model: None,
            next_after_silence: false,
            bills_errors: false,
            surfaces: Default::default(),
            authorities: None,
        })
    }

    fn row(sealer: &Sealer, name: &str, sealed_for: &str) -> settings::Credential {
        let sealed = sealer.seal(&purpose("p", sealed_for), b"sk-upstream").unwrap();
        let document = serde_json::json!({"weight": 3, "rate_multiplier": "0.8", "requests_per_minute": 5});
        settings::Credential { document, ..settings::Credential::new("p", name, Sealed(sealed)) }
    }

    #[test]
    fn what_opens_is_used_and_the_deployments_see_it_too() {
        let sealer = Sealer::new("a key of enough bytes").unwrap();
        let mut providers = vec![provider(Credentials::None)];
        let at = ModelAt {
            provider: Arc::clone(&providers[0]),
            upstream_model: None,
            price: None,
            prefers_billed: false,
        };
        let model = Model { deployments: vec![Arc::new(at)], fallback: Vec::new() };
        let mut models = HashMap::from([("m".into(), Arc::new(model))]);
        let moved = row(&sealer, "moved", "elsewhere");
        let idle = settings::Credential { active: false, ..row(&sealer, "idle", "idle") };
        add(&mut providers, &mut models, &[row(&sealer, "a", "a"), moved, idle], Some(&sealer));
        for provider in [&providers[0], &models["m"].deployments[0].provider] {
            let Credentials::Own(own) = &provider.credentials else { panic!("none of its own") };
            let names: Vec<&str> = own.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(names, ["a"], "one sealed under another name does not open");
            assert_eq!((own[0].secret.expose(), own[0].weight), ("sk-upstream", 3));
            assert_eq!(own[0].limits, Limits { in_flight: None, per_minute: Some(5) });
            assert_eq!(own[0].multipliers.billing, Billing::FreeTier);
        }
    }

    #[test]
    fn a_provider_that_forwards_callers_credentials_takes_none_and_the_file_wins_over_a_stored_name() {
        let sealer = Sealer::new("a key of enough bytes").unwrap();
        let rows = [row(&sealer, "a", "a")];
        let mut providers = vec![provider(Credentials::Client)];
        add(&mut providers, &mut HashMap::new(), &rows, Some(&sealer));
        assert!(matches!(providers[0].credentials, Credentials::Client));
        let stored = open(&rows[0], &providers[0], Some(&sealer)).unwrap();
        let file = Arc::new(Credential { secret: Secret::new("sk-file"), ..stored });
        let mut providers = vec![provider(Credentials::Own(vec![file]))];
        add(&mut providers, &mut HashMap::new(), &rows, Some(&sealer));
        let Credentials::Own(own) = &providers[0].credentials else { panic!("none of its own") };
        assert_eq!((own.len(), own[0].secret.expose()), (1, "sk-file"));
        assert_eq!(open(&rows[0], &providers[0], None).err(), Some(StoredError::NoSealer));
    }
}
