//! LiteLLM's proxy configuration: the custom prices of its `model_list`.

use serde::Deserialize;

use crate::book::PriceBook;
use crate::import::litellm::{completed, is_priced, place};
use crate::import::litellm_row::{self, Keys};
use crate::import::{ImportError, ImportOptions, Imported, yaml};
use crate::spec::RowSpec;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    model_list: Vec<Entry>,
    #[serde(default)]
    litellm_settings: Option<Keys>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    model_name: String,
    #[serde(default)]
    litellm_params: Keys,
    #[serde(default)]
    model_info: Option<Keys>,
}

/// Settings that change every price, and that a budget's multipliers express instead.
const MARGINS: [&str; 2] = ["cost_discount_config", "cost_margin_config"];

pub(crate) fn read(text: &str, options: &ImportOptions) -> Result<Imported, ImportError> {
    let json = yaml::to_json(text)?;
    let config: Config =
        serde_json::from_str(&json).map_err(|error| ImportError::Malformed(error.to_string()))?;
    let mut imported = Imported::default();
    for setting in config.litellm_settings.iter().flat_map(Keys::keys) {
        if MARGINS.contains(&setting.as_str()) {
            imported.report.unsupported(setting, "(all models: set rate multipliers on the credentials)");
        }
    }
    for entry in config.model_list {
        imported.report.models += 1;
        // Either place may state prices; the parameters win.
        let mut keys = entry.model_info.unwrap_or_default();
        keys.extend(entry.litellm_params);
        let text = |key: &str| {
            keys.get(key)
                .and_then(|value| serde_json::from_str::<String>(value.get()).ok())
                .unwrap_or_default()
        };
        let (named, upstream) = (text("custom_llm_provider"), text("model"));
        let prefix = upstream.split_once('/').map(|(prefix, _)| prefix.to_owned());
        let seller = match (named.is_empty(), prefix) {
            (false, _) => named,
            (true, Some(prefix)) => prefix,
            (true, None) => PriceBook::builtin().provider_of(&upstream).unwrap_or("openai").to_owned(),
        };
        let (provider, model) = place(&seller, &upstream);
        let mut spec = RowSpec::new(&provider, model);
        spec.effective_from = options.effective_from;
        spec.source = Some(options.source.clone());
        let name = format!("{} ({upstream})", entry.model_name);
        litellm_row::read(&mut spec, &name, &keys, &mut imported.report);
        if is_priced(&spec) {
            imported.rows.push(completed(spec));
        } else {
            imported.report.unpriced += 1;
        }
    }
    Ok(imported)
}
