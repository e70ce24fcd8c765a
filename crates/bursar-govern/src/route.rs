//! Route: from the model asked for to its deployments in order: its own, its providers' fallbacks, its fallback models.

use crate::capable;
use crate::directory::{Credentials, Directory, Key, Model, ModelAt, Provider};
use crate::throttled::{THROTTLED, Throttled};
use bursar_core::{ApiFormat, Code, Refusal, RequestId, Timestamp};
use bursar_pricing::{PriceRow, PriceSource, Priced, UnknownModel};
use bursar_wire::Needs;
use std::sync::Arc;

/// Deployments that are considered for one request: longer chains end here.
pub const CONSIDERED_MAX: usize = 32;

/// A model at one endpoint under its upstream name, and whose price applies.
#[derive(Clone)]
pub struct Deployment {
    /// Who serves it.
    pub provider: Arc<Provider>,
    /// The upstream's name when it differs from what the client asked for.
    pub upstream_model: Option<Box<str>>,
    /// Its price.
    pub price: Priced,
    /// The model of the route that it belongs to, where that is not the one asked for but its fallback.
    pub fallback_model: Option<Box<str>>,
    /// How many models the route went down to get here: 0 is the one asked for.
    pub step: usize,
    /// Whether what the provider itself says it bills counts instead of usage times price.
    pub prefers_billed: bool,
    /// Whether its requests have no meter: each is charged the price that was declared for it.
    pub declared: bool,
}

/// A deployment that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The provider's name.
    pub provider: String,
    /// The upstream's name for the model.
    pub model: String,
    /// One of the fixed words: `family`, `not_allowed`, `no_price`, `no_credential`, `api_format`, `tools`, `vision`,
    /// `audio`, `structured_output`, `context`, `throttled`, `circuit_open`, `retry_after`, `concurrency`, `rate`,
    /// `quota_exhausted`, `quota_held`, `budget`, `killed`.
    pub reason: &'static str,
}

impl Deployment {
    /// A model at a provider under the name that was asked for.
    #[must_use]
    pub const fn new(provider: Arc<Provider>, price: Priced) -> Self {
        Self {
            provider,
            upstream_model: None,
            price,
            fallback_model: None,
            step: 0,
            prefers_billed: false,
            declared: false,
        }
    }
    /// Says that it was passed over.
    #[must_use]
    pub fn skipped(&self, asked: &str, reason: &'static str) -> Skipped {
        let model = self.upstream_model.as_deref().unwrap_or(asked).to_owned();
        Skipped { provider: self.provider.name.to_string(), model, reason }
    }
}

/// What is asked of a route.
pub struct RouteAsk<'a> {
    /// Now.
    pub now: Timestamp,
    /// Who asks.
    pub key: &'a Key,
    /// In which format.
    pub format: ApiFormat,
    /// For which model.
    pub model: &'a str,
    /// What the deployment must be able to do.
    pub needs: Needs,
    /// About how many tokens the prompt has at a model with this row.
    pub prompt_tokens: &'a dyn Fn(&PriceRow) -> u64,
    /// Whether another deployment than the first choice may serve it.
    pub may_fall_back: bool,
    /// Names the refusal.
    pub request_id: RequestId,
}

/// The deployments to try, in order, and those passed over already.
#[derive(Default)]
pub struct Route {
    /// To try.
    pub deployments: Vec<Deployment>,
    /// Passed over.
    pub skipped: Vec<Skipped>,
}

/// No deployment: what the client is told, and what was passed over.
#[derive(Debug)]
pub struct NoRoute {
    /// For the client.
    pub refusal: Refusal,
    /// For the record.
    pub skipped: Vec<Skipped>,
}

/// Finds the deployments for a request.
///
/// A listed model goes where it is listed; any other goes to the providers of the family whose price book knows it, in
/// declared order, else, where the rule for unknown models allows it, to the first provider of the family. Then come
/// the fallbacks of those providers, then the model's own. No deployment is considered twice, so a circle ends.
///
/// # Errors
/// E-THROTTLE-001 when the first choice is throttled and the request may not fall back, E-PRICE-001 when the only thing
/// missing is a price, E-AUTH-002 when the key allows none of the providers, E-ROUTE-001 when nothing is left for
/// another reason.
pub fn route(
    directory: &Directory,
    throttled: &Throttled,
    ask: &RouteAsk<'_>,
) -> Result<Route, Box<NoRoute>> {
    let mut walk = Walk {
        directory,
        throttled,
        ask,
        models: Vec::new(),
        seen: Vec::new(),
        found: Vec::new(),
        skipped: Vec::new(),
    };
    walk.model(ask.model, 0);
    walk.finish()
}

/// What a look at one deployment found.
enum Found {
    Usable(Deployment),
    /// Usable but for its throttle: the provider, and the model of the route.
    Throttled(Arc<Provider>, Box<str>),
}

struct Walk<'a> {
    directory: &'a Directory,
    throttled: &'a Throttled,
    ask: &'a RouteAsk<'a>,
    /// Models that were walked, by the name of the route.
    models: Vec<Box<str>>,
    /// Deployments that were considered: provider and upstream name.
    seen: Vec<(Arc<Provider>, Box<str>)>,
    found: Vec<Found>,
    skipped: Vec<Skipped>,
}

/// One place to look at.
struct Place<'a> {
    provider: &'a Arc<Provider>,
    /// The upstream's name.
    name: &'a str,
    price: Option<Priced>,
    prefers_billed: Option<bool>,
    /// The model of the route.
    model: &'a str,
    step: usize,
}

impl<'a> Walk<'a> {
    /// A model of the route: its deployments, its providers' fallbacks, its fallback models.
    fn model(&mut self, model: &str, step: usize) {
        if self.models.iter().any(|known| &**known == model) {
            return;
        }
        self.models.push(model.into());
        let patterns = &self.ask.key.models;
        if step > 0 && !patterns.is_empty() && !patterns.iter().any(|pattern| pattern.matches(model)) {
            self.skip("", model, "not_allowed");
            return;
        }
        let listed = self.directory.models.get(model).cloned();
        let providers = match &listed {
            Some(listed) => self.listed(model, listed, step),
            None => self.unlisted(model, step),
        };
        if !self.ask.may_fall_back {
            return;
        }
        for provider in &providers {
            self.fallbacks(provider, model, step);
        }
        for next in listed.iter().flat_map(|listed| &listed.fallback) {
            self.model(next, step.saturating_add(1));
        }
    }

    fn listed(&mut self, model: &str, listed: &Model, step: usize) -> Vec<Arc<Provider>> {
        for at in &listed.deployments {
            let name = at.upstream_model.as_deref().unwrap_or(model);
            let price = self.own_price(at).or_else(|| self.by_rule(&at.provider, name));
            let (provider, prefers_billed) = (&at.provider, Some(at.prefers_billed));
            self.consider(Place { provider, name, price, prefers_billed, model, step });
        }
        listed.deployments.iter().map(|at| Arc::clone(&at.provider)).collect()
    }

    fn unlisted(&mut self, model: &str, step: usize) -> Vec<Arc<Provider>> {
        let family = self.ask.format.family();
        let all: Vec<Arc<Provider>> =
            self.directory.providers.iter().filter(|provider| provider.family == family).cloned().collect();
        let known: Vec<Arc<Provider>> =
            all.iter().filter(|provider| self.in_book(provider, model).is_some()).cloned().collect();
        if known.is_empty() {
            for provider in all.iter().take(1) {
                let price = self.by_rule(provider, model);
                self.consider(Place { provider, name: model, price, prefers_billed: None, model, step });
            }
            return all.into_iter().take(1).collect();
        }
        for provider in &known {
            let price = self.in_book(provider, model);
            self.consider(Place { provider, name: model, price, prefers_billed: None, model, step });
        }
        known
    }

    /// The providers that `provider` falls back to, each with its own behind it.
    fn fallbacks(&mut self, provider: &Arc<Provider>, model: &str, step: usize) {
        for next in &provider.fallback {
            let Some(next) = self.directory.provider(next.as_str()).cloned() else { continue };
            if self.by_fallback(&next, model, step) {
                self.fallbacks(&next, model, step);
            }
        }
    }

    /// A provider that is asked in another's place; false when it was considered before.
    fn by_fallback(&mut self, provider: &Arc<Provider>, model: &str, step: usize) -> bool {
        if let Some(price) = self.in_book(provider, model) {
            return self.consider(Place {
                provider,
                name: model,
                price: Some(price),
                prefers_billed: None,
                model,
                step,
            });
        }
        let Some(named) = provider.fallback_model.as_deref() else {
            let price = self.by_rule(provider, model);
            return self.consider(Place { provider, name: model, price, prefers_billed: None, model, step });
        };
        // A listed model brings its upstream name and its own price.
        let listed = self.directory.models.get(named).cloned();
        let at =
            listed.iter().flat_map(|listed| &listed.deployments).find(|at| at.provider.name == provider.name);
        let name = at.and_then(|at| at.upstream_model.as_deref()).unwrap_or(named);
        let price = at.and_then(|at| self.own_price(at)).or_else(|| self.by_rule(provider, name));
        let prefers_billed = at.map(|at| at.prefers_billed);
        self.consider(Place { provider, name, price, prefers_billed, model, step })
    }

    fn own_price(&self, at: &ModelAt) -> Option<Priced> {
        let row = at.price.as_ref()?.at(self.ask.now)?.clone();
        Some(Priced { row, source: PriceSource::Deployment })
    }
    fn in_book(&self, provider: &Provider, model: &str) -> Option<Priced> {
        UnknownModel::Deny.price(&self.directory.prices, &provider.prices, model, self.ask.now)
    }
    fn by_rule(&self, provider: &Provider, model: &str) -> Option<Priced> {
        let rule = self.ask.key.project.unknown_model.as_ref().unwrap_or(&self.directory.unknown_model);
        rule.price(&self.directory.prices, &provider.prices, model, self.ask.now)
    }

    /// Looks at one place; false when it was looked at before, or too many were.
    fn consider(&mut self, place: Place<'_>) -> bool {
        let Place { provider, name, price, prefers_billed, model, step } = place;
        let known = self.seen.iter().any(|(seen, under)| seen.name == provider.name && **under == *name);
        if known || self.seen.len() >= CONSIDERED_MAX {
            return false;
        }
        self.seen.push((Arc::clone(provider), name.into()));
        let key = self.ask.key;
        let allowed = key.providers.is_empty()
            || key.providers.iter().any(|pattern| pattern.matches(provider.name.as_str()));
        let bare = matches!(&provider.credentials, Credentials::Own(own) if own.is_empty());
        let price = match price {
            _ if provider.family != self.ask.format.family() => Err("family"),
            _ if !allowed => Err("not_allowed"),
            None => Err("no_price"),
            _ if bare => Err("no_credential"),
            Some(price) => match capable::lacks(price.row.facts(), self.ask.needs, self.ask.format) {
                Some(lacking) => Err(lacking),
                None => Ok(price),
            },
        };
        let price = match price {
            Ok(price) => price,
            Err(reason) => {
                self.skip(provider.name.as_str(), name, reason);
                return true;
            }
        };
        let project = key.project.name.as_str();
        if self.throttled.reason(provider.name.as_str(), project, model).is_some() {
            self.skip(provider.name.as_str(), name, THROTTLED);
            self.found.push(Found::Throttled(Arc::clone(provider), model.into()));
            return true;
        }
        self.found.push(Found::Usable(Deployment {
            provider: Arc::clone(provider),
            upstream_model: (name != self.ask.model).then(|| name.into()),
            price,
            fallback_model: (model != self.ask.model).then(|| model.into()),
            step,
            prefers_billed: prefers_billed.unwrap_or(provider.prefers_billed),
            declared: false,
        }));
        true
    }

    fn skip(&mut self, provider: &str, model: &str, reason: &'static str) {
        self.skipped.push(Skipped { provider: provider.to_owned(), model: model.to_owned(), reason });
    }

    fn finish(mut self) -> Result<Route, Box<NoRoute>> {
        let mut usable = Vec::new();
        for found in std::mem::take(&mut self.found) {
            match found {
                Found::Throttled(provider, model) if !self.ask.may_fall_back && usable.is_empty() => {
                    let RouteAsk { now, key, request_id, .. } = *self.ask;
                    let (name, project) = (provider.name.as_str(), key.project.name.as_str());
                    let refusal = self.throttled.refusal(name, project, &model, now, request_id);
                    return Err(Box::new(NoRoute { refusal, skipped: self.skipped }));
                }
                Found::Throttled(..) => {}
                Found::Usable(deployment) => usable.push(deployment),
            }
        }
        if !self.ask.may_fall_back {
            usable.truncate(1);
        }
        let usable = self.roomy(usable);
        if usable.is_empty() {
            return Err(Box::new(NoRoute { refusal: self.nothing_left(), skipped: self.skipped }));
        }
        Ok(Route { deployments: usable, skipped: self.skipped })
    }

    /// Without those whose context window the prompt most likely exceeds, unless that is true of all: then the provider
    /// counts for itself.
    fn roomy(&mut self, usable: Vec<Deployment>) -> Vec<Deployment> {
        let tight = |deployment: &Deployment| {
            let row = &deployment.price.row;
            capable::overflows(row.facts(), (self.ask.prompt_tokens)(row))
        };
        let (tight, roomy): (Vec<Deployment>, Vec<Deployment>) = usable.into_iter().partition(tight);
        if roomy.is_empty() {
            return tight;
        }
        for deployment in tight {
            let name = deployment.upstream_model.as_deref().unwrap_or(self.ask.model).to_owned();
            self.skip(deployment.provider.name.as_str(), &name, "context");
        }
        roomy
    }

    fn nothing_left(&self) -> Refusal {
        let model = self.ask.model;
        let refuse = |code, message| Refusal::new(code, self.ask.request_id, message);
        let only = |allowed: &[&str]| self.skipped.iter().all(|skipped| allowed.contains(&skipped.reason));
        let has = |reason: &str| self.skipped.iter().any(|skipped| skipped.reason == reason);
        if has("no_price") && only(&["no_price", "family", "not_allowed"]) {
            let message = format!(
                "no price is known for the model {model}; add a price for it or set unknown_model_policy of the project"
            );
            return refuse(Code::NoPrice, message);
        }
        if has("not_allowed") && only(&["not_allowed", "family"]) {
            let message = format!("this key may not use any provider that serves {model}");
            return refuse(Code::KeyForbidden, message);
        }
        if only(&["family"]) {
            let message =
                format!("no provider of the {} family serves the model {model}", self.ask.format.family());
            return refuse(Code::NoDeployment, message);
        }
        let message = format!("no usable deployment is left for the model {model}: {}", told(&self.skipped));
        refuse(Code::NoDeployment, message)
    }
}

/// The skipped in words: `a: throttled, b: tools`.
#[must_use]
pub fn told(skipped: &[Skipped]) -> String {
    let one = |skipped: &Skipped| match skipped.provider.as_str() {
        "" => format!("model {}: {}", skipped.model, skipped.reason),
        provider => format!("{provider}: {}", skipped.reason),
    };
    skipped.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
