//! The configuration of a start without a file: providers whose keys are in the environment, one shadow budget.

use super::credential::single;
use super::mistake::Mistakes;
use super::provider::{Credentials, Provider, TIMEOUTS_S};
use super::section::Reading;
use super::surroundings::{Environment, SecretRef, Surroundings};
use super::vendor::{VENDORS, Vendor, ollama_base_url};
use super::words::Billing;
use super::{Checked, Config, Report, SECTIONS, overrides};
use bursar_core::Family;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `bursar serve` watches for when nothing says how much may be spent: records what it would have refused.
const BUDGET: &str = "[projects.default]\n[[budgets]]\nname = \"daily\"\nlimit = \"10 USD\"\nperiod = \"day\"\nmode = \"shadow\"\n";

impl Config {
    /// Without a file: every provider whose usual variable is set, the project `default`, and a shadow budget of
    /// 10 USD a day. Overrides apply as they do to a file.
    ///
    /// # Errors
    /// Mistakes in overrides; no provider at all.
    pub fn from_environment(surroundings: &Surroundings<'_>) -> Result<Checked, Report> {
        let mut reading =
            Reading { surroundings: *surroundings, folder: PathBuf::new(), mistakes: Mistakes::default() };
        let mut root = super::tree::parse(BUDGET, &mut reading.mistakes).unwrap_or_default();
        overrides::apply(&mut root, SECTIONS, &mut reading);
        let mut config = Self::from_table(&root, &mut reading);
        for vendor in VENDORS {
            if config.provider(vendor.name).is_none() {
                config.providers.extend(found(vendor, surroundings.environment));
            }
        }
        config.providers.sort_by(|a, b| a.name.cmp(&b.name));
        if config.providers.is_empty() && !reading.mistakes.is_fatal() {
            let variables: Vec<&str> = VENDORS.iter().flat_map(|vendor| vendor.variables).copied().collect();
            let help = format!(
                "set one of {}, OLLAMA_HOST, or run `bursar init` to write a `bursar.toml`",
                variables.join(", ")
            );
            reading.wrong(&super::tree::Place::Whole, "", "no configuration file and no provider key", help);
        }
        let is_fatal = reading.mistakes.is_fatal();
        let report = Report::new("", BUDGET, reading.mistakes);
        if is_fatal { Err(report) } else { Ok(Checked { config, warnings: report }) }
    }
}

fn found(vendor: &Vendor, environment: &Environment) -> Option<Provider> {
    let (base_url, credentials) = if vendor.family == Family::Ollama {
        (ollama_base_url(environment.get("OLLAMA_HOST")?), Credentials::None)
    } else {
        let variable = vendor.variables.iter().find(|name| environment.get(name).is_some())?;
        (vendor.base_url.to_owned(), Credentials::Own(vec![single(SecretRef::Env((*variable).to_owned()))]))
    };
    let (connect_timeout_s, first_byte_timeout_s, idle_timeout_s) = TIMEOUTS_S;
    Some(Provider {
        name: vendor.name.to_owned(),
        family: vendor.family,
        base_url,
        ca_file: None,
        credentials,
        prices: Some(vendor.prices.to_owned()),
        billing: Billing::PayAsYouGo,
        connect_timeout_s,
        first_byte_timeout_s,
        idle_timeout_s,
        fallback: Vec::new(),
        fallback_model: None,
        next_after_silence: false,
        surfaces: BTreeMap::new(),
    })
}
