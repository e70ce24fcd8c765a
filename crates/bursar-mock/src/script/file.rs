//! A script as TOML and JSON have it.

use super::{Rule, Script, ScriptError, Word};
use crate::bill::Price;
use crate::journal::Journal;
use bursar_core::{Pattern, Rate};
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    seed: u64,
    journal: Journal,
    credentials: Vec<String>,
    obey_requests: bool,
    refuse_other_models: bool,
    defaults: BTreeMap<String, Word>,
    models: Vec<FileModel>,
    rules: Vec<Rule>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FileModel {
    name: String,
    input: Option<String>,
    output: Option<String>,
    cache_read: Option<String>,
    cache_write_5m: Option<String>,
    cache_write_1h: Option<String>,
    request: Option<String>,
}

impl Default for File {
    fn default() -> Self {
        Self {
            seed: 0,
            journal: Journal::default(),
            credentials: Vec::new(),
            obey_requests: true,
            refuse_other_models: false,
            defaults: BTreeMap::new(),
            models: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl File {
    pub(super) fn script(self) -> Result<Script, ScriptError> {
        let mut script = Script {
            seed: self.seed,
            journal: self.journal,
            credentials: self.credentials,
            obey_requests: self.obey_requests,
            ..Script::default()
        };
        if self.refuse_other_models {
            script.other_models = None;
            if !self.models.is_empty() {
                script.models.clear();
            }
        }
        for (key, word) in &self.defaults {
            script
                .defaults
                .apply(key, &word.text())
                .map_err(|source| ScriptError::Directive { place: "defaults".to_owned(), source })?;
        }
        let own = self.models.iter().map(FileModel::read).collect::<Result<Vec<_>, _>>()?;
        script.models.splice(0..0, own);
        self.rules.into_iter().try_fold(script, Script::rule)
    }
}

impl FileModel {
    fn read(&self) -> Result<(Pattern, Price), ScriptError> {
        let bad = |source| ScriptError::Price { model: self.name.clone(), source };
        let rate = |text: &Option<String>, fallback: Rate| match text {
            Some(text) => Rate::parse_per_million(text).map_err(bad),
            None => Ok(fallback),
        };
        let input = rate(&self.input, Rate::ZERO)?;
        let price = Price {
            input,
            output: rate(&self.output, Rate::ZERO)?,
            cache_read: rate(&self.cache_read, input)?,
            cache_write_5m: rate(&self.cache_write_5m, input)?,
            cache_write_1h: rate(&self.cache_write_1h, input)?,
            request: match &self.request {
                Some(text) => Rate::parse_per_unit(text).map_err(bad)?,
                None => Rate::ZERO,
            },
        };
        Ok((Pattern::new(&self.name), price))
    }
}
