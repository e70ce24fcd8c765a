//! Stories of routes: chains, circles, and what is passed over by name.

use super::*;
use crate::directory::{KeyKind, MaySet, Project, Timeouts};
use crate::throttled::Why;
use bursar_core::{Attributes, Family, Pattern, Rate, UsageClass, Value};
use bursar_pricing::{Facts, RowSpec};
use std::collections::HashMap;

fn value(text: &str) -> Value {
    Value::new(text).unwrap()
}

fn provider(name: &str, fallback: &[&str]) -> Provider {
    Provider {
        name: value(name),
        family: Family::OpenAi,
        base_url: "http://127.0.0.1:1/v1".into(),
        credentials: Credentials::None,
        prices: name.into(),
        billing: bursar_pricing::Billing::PayAsYouGo,
        timeouts: Timeouts::default(),
        fallback: fallback.iter().map(|next| value(next)).collect(),
        fallback_model: None,
        next_after_silence: false,
        bills_errors: false,
        surfaces: Default::default(),
        authorities: None,
    }
}

fn row(provider: &str, model: &str, facts: Facts) -> Arc<PriceRow> {
    let mut spec = RowSpec::new(provider, model).with(UsageClass::Input, Rate::from_pico(1));
    spec.facts = facts;
    Arc::new(PriceRow::new(spec, "test"))
}

/// A directory of these providers, and the model `m` at each of `at`, with what its row says there.
struct House {
    directory: Directory,
    throttled: Throttled,
    key: Key,
}

impl House {
    fn new(providers: Vec<Provider>) -> Self {
        let project =
            Project { name: value("alpha"), require_budget: false, unknown_model: None, active: true };
        let key = Key {
            prefix: "bsr_test".into(),
            id: value("k1"),
            project: Arc::new(project),
            kind: KeyKind::Member,
            bound: Attributes::new(),
            may_set: MaySet::DEFAULT,
            models: Vec::new(),
            providers: Vec::new(),
            api_formats: Vec::new(),
            expires_at: None,
            blocked: false,
            fit: false,
            limits: Arc::default(),
            allowed_ips: Vec::new(),
        };
        let providers = providers.into_iter().map(Arc::new).collect();
        let directory = Directory { providers, models: HashMap::new(), ..Directory::default() };
        Self { directory, throttled: Throttled::default(), key }
    }
    fn model(mut self, name: &str, at: &[(&str, Facts)], fallback: &[&str]) -> Self {
        let deployment = |(who, facts): &(&str, Facts)| {
            let provider = Arc::clone(self.directory.provider(who).unwrap());
            let price = Some(row(who, name, facts.clone()));
            Arc::new(ModelAt { provider, upstream_model: None, price, prefers_billed: false })
        };
        let deployments = at.iter().map(deployment).collect();
        let fallback = fallback.iter().map(|next| (*next).into()).collect();
        self.directory.models.insert(name.into(), Arc::new(Model { deployments, fallback }));
        self
    }
    fn throttle(mut self, providers: &[&str]) -> Self {
        self.throttled = Throttled::default();
        for name in providers {
            let until = Some(Timestamp::from_micros(600_000_000));
            self.throttled.insert(name, None, None, Why { reason: "too much is projected".into(), until });
        }
        self
    }
    fn ask(&self, change: impl FnOnce(&mut RouteAsk<'_>)) -> Result<Route, Box<NoRoute>> {
        let mut ask = RouteAsk {
            now: Timestamp::from_micros(0),
            key: &self.key,
            format: ApiFormat::OpenAiChat,
            model: "m",
            needs: Needs::default(),
            prompt_tokens: &|_| 1_000,
            may_fall_back: true,
            request_id: RequestId::from_u128(1),
        };
        change(&mut ask);
        route(&self.directory, &self.throttled, &ask)
    }
}

/// Where it goes, in order: provider and upstream name.
fn places(route: &Route) -> Vec<String> {
    let name = |d: &Deployment| format!("{}/{}", d.provider.name, d.upstream_model.as_deref().unwrap_or("m"));
    route.deployments.iter().map(name).collect()
}

fn plain() -> Facts {
    Facts::default()
}

/// Rules: S0-03, S0-23, V T16.
#[test]
fn a_chain_skips_the_throttled_by_name() {
    let house = House::new(vec![
        provider("claude", &["gemini"]),
        provider("gemini", &["ollama"]),
        provider("ollama", &[]),
    ]);
    // The model is sold at each of them; only `claude` is listed, the others come by fallback.
    let mut book = String::new();
    for name in ["gemini", "ollama"] {
        book.push_str(&format!(
            "[[price]]\nprovider = \"{name}\"\nmodel = \"m\"\ninput = \"1\"\noutput = \"2\"\n"
        ));
    }
    let mut house = house.model("m", &[("claude", plain())], &[]);
    house.directory.prices =
        Arc::new(bursar_pricing::PriceBook::builtin().overlay_toml(&book, "test").unwrap());
    assert_eq!(places(&house.ask(|_| ()).unwrap()), ["claude/m", "gemini/m", "ollama/m"]);
    let house = house.throttle(&["claude", "gemini"]);
    let route = house.ask(|_| ()).unwrap();
    assert_eq!(places(&route), ["ollama/m"]);
    assert_eq!(told(&route.skipped), "claude: throttled, gemini: throttled");
}

/// Rules: S0-03, V T17.
#[test]
fn a_circle_ends_and_says_what_it_visited() {
    let house = House::new(vec![provider("a", &["b"]), provider("b", &["a"])])
        .model("m", &[("a", plain()), ("b", plain())], &["m"])
        .throttle(&["a", "b"]);
    let none = house.ask(|_| ()).err().unwrap();
    assert_eq!(none.refusal.code, Code::NoDeployment);
    assert_eq!(none.refusal.code.status(), 503);
    let visited: Vec<&str> = none.skipped.iter().map(|skipped| skipped.provider.as_str()).collect();
    assert_eq!(visited, ["a", "b"]);
}

/// Rules: S0-24.
#[test]
fn who_may_not_fall_back_is_told_when_to_ask_again() {
    let house = House::new(vec![provider("a", &["b"]), provider("b", &[])])
        .model("m", &[("a", plain()), ("b", plain())], &["n"])
        .model("n", &[("b", plain())], &[]);
    let alone = |ask: &mut RouteAsk<'_>| ask.may_fall_back = false;
    assert_eq!(places(&house.ask(alone).unwrap()), ["a/m"], "and nowhere else");
    let house = house.throttle(&["a"]);
    let none = house.ask(alone).err().unwrap();
    assert_eq!((none.refusal.code, none.refusal.retry_after_s), (Code::Throttled, Some(600)));
    assert_eq!(places(&house.ask(|_| ()).unwrap()), ["b/m", "b/n"]);
    let house = house.throttle(&["b"]);
    assert_eq!(places(&house.ask(alone).unwrap()), ["a/m"], "the first choice is not throttled");
}

/// Rules: S0-03.
#[test]
fn a_deployment_that_lacks_something_is_skipped_by_its_name() {
    let no_tools = Facts { tools: Some(false), ..plain() };
    let small = Facts { context: Some(100), ..plain() };
    let responses = Facts { formats: Some(vec![ApiFormat::OpenAiResponses]), ..plain() };
    let mut other = provider("f", &[]);
    other.family = Family::Anthropic;
    let names = ["a", "b", "c", "d"];
    let mut all: Vec<Provider> = names.iter().map(|name| provider(name, &[])).collect();
    all.push(other);
    let house = House::new(all).model(
        "m",
        &[("f", plain()), ("a", no_tools), ("b", small.clone()), ("c", responses), ("d", plain())],
        &[],
    );
    let tools = Needs { tools: true, ..Needs::default() };
    let route = house.ask(|ask| ask.needs = tools).unwrap();
    assert_eq!(places(&route), ["d/m"]);
    assert_eq!(told(&route.skipped), "f: family, a: tools, c: api_format, b: context");
    let house = House::new(vec![provider("b", &[])]).model("m", &[("b", small)], &[]);
    assert_eq!(places(&house.ask(|_| ()).unwrap()), ["b/m"], "alone, the provider counts for itself");
}

#[test]
fn a_fallback_provider_may_have_a_model_of_its_own() {
    let mut rules = provider("rules", &[]);
    rules.fallback_model = Some("answers".into());
    let house = House::new(vec![provider("a", &["rules"]), rules]).model("m", &[("a", plain())], &[]).model(
        "answers",
        &[("rules", plain())],
        &[],
    );
    let route = house.ask(|_| ()).unwrap();
    assert_eq!(places(&route), ["a/m", "rules/answers"]);
    assert_eq!(route.deployments[1].fallback_model, None, "it is still the model that was asked for");
}

#[test]
fn a_model_steps_down_to_its_fallbacks_and_a_key_may_forbid_them() {
    let house = House::new(vec![provider("a", &[])])
        .model("m", &[("a", plain())], &["n", "o"])
        .model("n", &[("a", plain())], &["m"])
        .model("o", &[("a", plain())], &[]);
    let route = house.ask(|_| ()).unwrap();
    assert_eq!(places(&route), ["a/m", "a/n", "a/o"]);
    assert_eq!(route.deployments.iter().map(|d| d.step).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(route.deployments[2].fallback_model.as_deref(), Some("o"));
    let mut house = house;
    house.key.models = vec![Pattern::new("m"), Pattern::new("o")];
    let route = house.ask(|_| ()).unwrap();
    assert_eq!(places(&route), ["a/m", "a/o"]);
    assert_eq!(told(&route.skipped), "model n: not_allowed");
}

#[test]
fn no_price_and_no_permission_are_said_as_such() {
    let house = House::new(vec![provider("a", &[])]);
    assert_eq!(house.ask(|_| ()).err().unwrap().refusal.code, Code::NoPrice);
    let mut house = House::new(vec![provider("a", &[])]).model("m", &[("a", plain())], &[]);
    house.key.providers = vec![Pattern::new("b")];
    assert_eq!(house.ask(|_| ()).err().unwrap().refusal.code, Code::KeyForbidden);
    let house = House::new(Vec::new());
    assert_eq!(house.ask(|_| ()).err().unwrap().refusal.code, Code::NoDeployment);
}
