//! A call made elsewhere: who made it, whom it went to, and whose price applies.

use crate::directory::{Credentials, Directory, Provider};
use bursar_core::{
    ApiFormat, Attribute, Attributes, Code, Family, Multiplier, RequestBound, RequestId, Timestamp, Value,
};
use bursar_pricing::{Conditions, PriceSource, Priced};
use bursar_store::records::Record;
use std::sync::Arc;

/// A call that a program makes or made itself, looked up in the directory.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its id: of version 8.
    pub id: RequestId,
    /// What its program calls it.
    pub name: Option<String>,
    /// When it was made: its windows are those of that moment.
    pub created_at: Timestamp,
    /// Who and what it is about, provider and model among them.
    pub attributes: Attributes,
    /// The wire protocol.
    pub format: ApiFormat,
    /// Its price; absent: none is known, and the cost must be stated.
    pub price: Option<Priced>,
    /// From list to effective cost.
    pub multiplier: Multiplier,
    /// Whether its project requires a budget.
    pub require_budget: bool,
    /// Whose rows of the price book apply.
    pub prices: Box<str>,
}

/// What is wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Mistake {
    /// The field.
    pub field: &'static str,
    /// Its code.
    pub code: Code,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl Mistake {
    /// A field that is wrong.
    #[must_use]
    pub fn new(field: &'static str, problem: impl std::fmt::Display) -> Self {
        Self { field, code: Code::BadInput, problem: problem.to_string() }
    }
}

impl Call {
    /// Looks a call up: the key fills in what it binds, the project must be there and in use, and the price is that of
    /// the model's deployment at that provider, else of the price book, else of the project's rule for unknown models.
    ///
    /// # Errors
    /// [`Mistake`]: an attribute that contradicts the key, an unknown key or project, a bad provider or model.
    pub fn new(
        directory: &Directory,
        created_at: Timestamp,
        attributes: &Attributes,
        provider: &str,
        model: &str,
        format: Option<ApiFormat>,
    ) -> Result<Self, Mistake> {
        let attributes = bound(directory, attributes)?;
        let project = attributes.get(&Attribute::Project).ok_or_else(|| {
            Mistake::new("attributes", "name the project that is billed, or a key, which binds one")
        })?;
        if !directory.projects.get(project).is_some_and(|project| project.active) {
            return Err(Mistake::new("attributes", format!("there is no active project `{project}`")));
        }
        Self::tentative(directory, created_at, attributes, provider, model, format)
    }
    /// The call of a record, whatever became of its key and project since.
    ///
    /// # Errors
    /// [`Mistake`]: the record names no provider or model.
    pub fn of(directory: &Directory, record: &Record) -> Result<Self, Mistake> {
        let text = |attribute: &Attribute| record.attributes.get(attribute).map_or("", Value::as_str);
        let format = ApiFormat::parse(text(&Attribute::ApiFormat));
        let (provider, model) = (text(&Attribute::Provider), text(&Attribute::Model));
        let attributes = record.attributes.clone();
        let call = Self::tentative(directory, record.created_at, attributes, provider, model, format)?;
        Ok(call.called(record.id, record.idempotency_key.clone()))
    }
    /// As [`Call::new`], with these attributes as they are: for asking what would be.
    ///
    /// # Errors
    /// [`Mistake`]: a bad provider or model.
    pub fn tentative(
        directory: &Directory,
        created_at: Timestamp,
        mut attributes: Attributes,
        provider: &str,
        model: &str,
        format: Option<ApiFormat>,
    ) -> Result<Self, Mistake> {
        let project = attributes.get(&Attribute::Project).and_then(|name| directory.projects.get(name));
        let require_budget = project.is_some_and(|project| project.require_budget);
        let rule = project.and_then(|project| project.unknown_model.as_ref());
        let known = directory.provider(provider);
        let family = known.map_or_else(|| family_of(provider), |known| known.family);
        let used = format.unwrap_or_else(|| format_of(family));
        let served = listed(directory, provider, model);
        let upstream = served.and_then(|at| at.upstream_model.as_deref()).unwrap_or(model);
        let prices: Box<str> = known.map_or_else(|| provider.into(), |known| known.prices.clone());
        let own = served.and_then(|at| at.price.clone());
        let own = own.as_ref().and_then(|price| price.at(created_at));
        let own = own.map(|row| Priced { row: Arc::clone(row), source: PriceSource::Deployment });
        let rule = rule.unwrap_or(&directory.unknown_model);
        let price = own.or_else(|| rule.price(&directory.prices, &prices, upstream, created_at));
        let credential = attributes.get(&Attribute::Credential).map(Value::as_str);
        let multiplier = known.map_or(Multiplier::ONE, |known| multiplier(known, credential, used));
        let named = |field: &'static str, text: &str| {
            Value::new(text).map_err(|error| Mistake::new(field, format!("`{text}` {error}")))
        };
        attributes.set(&Attribute::Provider, named("provider", provider)?);
        attributes.set(&Attribute::Endpoint, named("provider", provider)?);
        attributes.set(&Attribute::Model, named("model", model)?);
        attributes.set(&Attribute::ServedModel, named("model", upstream)?);
        attributes.set(&Attribute::ApiFormat, named("api_format", used.as_str())?);
        Ok(Self {
            id: RequestId::from_u128(0),
            name: None,
            created_at,
            attributes,
            format: used,
            price,
            multiplier,
            require_budget,
            prices,
        })
    }
    /// Under this id, which its program calls so.
    #[must_use]
    pub fn called(self, id: RequestId, name: Option<String>) -> Self {
        Self { id, name, ..self }
    }
    /// Its price.
    ///
    /// # Errors
    /// E-PRICE-001: no price, no call.
    pub fn priced(&self) -> Result<&Priced, Mistake> {
        self.price.as_ref().ok_or_else(|| Mistake {
            field: "model",
            code: Code::NoPrice,
            problem: "no price is known for it at this provider: add one, or state the cost".to_owned(),
        })
    }
    /// The conditions under which it was sent.
    #[must_use]
    pub fn conditions<'a>(&self, service_tier: Option<&'a str>, failed: bool) -> Conditions<'a> {
        Conditions {
            at: self.created_at,
            api_format: Some(self.format),
            service_tier,
            failed,
            ..Conditions::default()
        }
    }
    /// A bound of so many tokens.
    #[must_use]
    pub fn bound(input_tokens: u64, output_tokens: u64) -> RequestBound {
        RequestBound {
            text_tokens: input_tokens,
            output_limit: Some(output_tokens),
            no_output: output_tokens == 0,
            choices: 1,
            ..RequestBound::default()
        }
    }
}

/// The attributes with what the key binds.
fn bound(directory: &Directory, given: &Attributes) -> Result<Attributes, Mistake> {
    let Some(id) = given.get(&Attribute::Key) else { return Ok(given.clone()) };
    let key = directory.keys.values().find(|key| key.id == *id);
    let key = key.ok_or_else(|| Mistake::new("attributes", format!("there is no key `{id}`")))?;
    let mut all = given.clone();
    for (attribute, value) in key.bound.iter() {
        if given.get(&attribute).is_some_and(|other| other != value) {
            let problem = format!("the key binds `{attribute}` to `{value}`");
            return Err(Mistake::new("attributes", problem));
        }
        all.set(&attribute, value.clone());
    }
    Ok(all)
}

fn listed<'d>(
    directory: &'d Directory,
    provider: &str,
    model: &str,
) -> Option<&'d crate::directory::ModelAt> {
    let listed = directory.models.get(model)?;
    listed.deployments.iter().find(|at| at.provider.name.as_str() == provider).map(|at| &**at)
}

/// The multiplier of the credential that is named, or of the only one there is.
fn multiplier(provider: &Arc<Provider>, credential: Option<&str>, format: ApiFormat) -> Multiplier {
    let Credentials::Own(own) = &provider.credentials else { return Multiplier::ONE };
    let found = match credential {
        Some(name) => own.iter().find(|one| one.name.as_str() == name),
        None if own.len() == 1 => own.first(),
        None => None,
    };
    found.map_or(Multiplier::ONE, |one| one.multipliers.of(Some(format)))
}

fn family_of(provider: &str) -> Family {
    match provider {
        "anthropic" => Family::Anthropic,
        "gemini" | "google" => Family::Gemini,
        "ollama" => Family::Ollama,
        _ => Family::OpenAi,
    }
}

const fn format_of(family: Family) -> ApiFormat {
    match family {
        Family::OpenAi => ApiFormat::OpenAiChat,
        Family::Anthropic => ApiFormat::AnthropicMessages,
        Family::Gemini => ApiFormat::GeminiGenerate,
        Family::Ollama => ApiFormat::OllamaChat,
    }
}
