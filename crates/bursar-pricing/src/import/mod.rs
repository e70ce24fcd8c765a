//! Price lists of other programs, read into rows: what each says, and by name what could not be taken over.

mod genai;
mod litellm;
mod litellm_config;
mod litellm_keys;
mod litellm_row;
mod models_dev;
mod number;
mod report;
mod yaml;

use bursar_core::Timestamp;

pub use report::{ImportReport, Skipped};

use crate::limits::FILE_BYTES_MAX;
use crate::spec::RowSpec;

/// Rows of a foreign price list, and what became of the rest.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Rows that pass [`crate::file::check`], by provider, model and date.
    pub rows: Vec<RowSpec>,
    /// What was read, dropped, rounded or not understood.
    pub report: ImportReport,
}

/// How to read a list that does not say everything itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImportOptions {
    /// From when rows without a date of their own apply; absent: always did.
    pub effective_from: Option<Timestamp>,
    /// Where the list came from, for rows that do not name a source.
    pub source: String,
    /// Take over the dates that the list states (release dates, start dates).
    pub own_dates: bool,
}

/// Whose price list it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SourceFormat {
    /// LiteLLM's `model_prices_and_context_window.json`.
    LiteLlm,
    /// LiteLLM's proxy configuration, `config.yaml`: its custom prices.
    LiteLlmConfig,
    /// models.dev's `api.json`.
    ModelsDev,
    /// pydantic's genai-prices, `data.json`.
    GenaiPrices,
    /// Bursar's own price file.
    Bursar,
}

impl SourceFormat {
    /// Every format.
    pub const ALL: [Self; 5] =
        [Self::LiteLlm, Self::LiteLlmConfig, Self::ModelsDev, Self::GenaiPrices, Self::Bursar];

    /// The word on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::LiteLlmConfig => "litellm_config",
            Self::ModelsDev => "models_dev",
            Self::GenaiPrices => "genai_prices",
            Self::Bursar => "bursar",
        }
    }
    /// The format of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }
    /// What a text looks like; `None` when it is none of them.
    #[must_use]
    pub fn detect(text: &str) -> Option<Self> {
        let has = |word: &str| text.contains(word);
        let start = text.trim_start();
        if start.starts_with('[') && !start.starts_with("[[price]]") {
            return has("\"pricing_urls\"").then_some(Self::GenaiPrices);
        }
        if start.starts_with('{') {
            return if has("\"litellm_provider\"") {
                Some(Self::LiteLlm)
            } else {
                (has("\"models\"") && has("\"cost\"")).then_some(Self::ModelsDev)
            };
        }
        if has("model_list:") {
            return Some(Self::LiteLlmConfig);
        }
        has("[[price]]").then_some(Self::Bursar)
    }
}

/// Why a list was not read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not one of the known lists.
    #[error(
        "neither a price list of LiteLLM, models.dev or genai-prices, nor a LiteLLM config, nor a price file"
    )]
    Unknown,
    /// Larger than [`FILE_BYTES_MAX`].
    #[error("larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not well-formed.
    #[error("not well-formed: {0}")]
    Malformed(String),
}

/// Reads a price list; the format is told from the text where none is given.
///
/// # Errors
/// See [`ImportError`]. Rows that cannot be taken over are in the report, they are not errors.
pub fn import(
    text: &str,
    format: Option<SourceFormat>,
    options: &ImportOptions,
) -> Result<Imported, ImportError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(ImportError::TooLarge);
    }
    let mut imported = match format.or_else(|| SourceFormat::detect(text)).ok_or(ImportError::Unknown)? {
        SourceFormat::LiteLlm => litellm::read(text, options)?,
        SourceFormat::LiteLlmConfig => litellm_config::read(text, options)?,
        SourceFormat::ModelsDev => models_dev::read(text, options)?,
        SourceFormat::GenaiPrices => genai::read(text, options)?,
        SourceFormat::Bursar => {
            let rows = crate::file::parse(text).map_err(|wrong| {
                let all: Vec<_> = wrong.iter().map(ToString::to_string).collect();
                ImportError::Malformed(all.join("; "))
            })?;
            let report = ImportReport { models: rows.len(), ..ImportReport::default() };
            Imported { rows, report }
        }
    };
    imported.finish();
    Ok(imported)
}

impl Imported {
    /// Drops what fails the checks, with its reason, and puts one row for each model and date.
    fn finish(&mut self) {
        let mut kept: Vec<RowSpec> = Vec::with_capacity(self.rows.len());
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_by(|a, b| {
            (&a.provider, &a.model, a.effective_from).cmp(&(&b.provider, &b.model, b.effective_from))
        });
        for row in rows {
            if let Err(wrong) = crate::file::check(&row) {
                self.report.skip(&row.provider, &row.model, format!("`{}` {}", wrong.field, wrong.problem));
                continue;
            }
            match kept.last_mut() {
                Some(last) if same_place(last, &row) => {
                    let differ = last.rates != row.rates || last.tiers != row.tiers;
                    // Where a list contradicts itself, a budget should not pay for the mistake.
                    *last = if dear(&row) > dear(last) { row.over(last) } else { last.over(&row) };
                    if differ {
                        self.report.contradictions.push(format!("{}/{}", row.provider, row.model));
                    }
                }
                _ => kept.push(row),
            }
        }
        self.report.rows = kept.len();
        self.rows = kept;
    }
}

fn dear(spec: &RowSpec) -> u128 {
    spec.rates.iter().map(|(_, rate)| u128::from(rate.pico())).sum()
}

fn same_place(a: &RowSpec, b: &RowSpec) -> bool {
    a.provider == b.provider && a.model == b.model && a.effective_from == b.effective_from
}
