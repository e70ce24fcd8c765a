//! Files that are right, and the configuration they mean.

use super::super::{
    Credentials, Durability, Hold, KeyIdentity, KeyKind, Mode, Period, RecordLevel, RefusalStatus, SecretRef,
    Suspense, Threshold, UnknownModelPolicy,
};
use super::{environment, read, read_with};
use crate::config::{Config, Surroundings};
use bursar_core::amount::CostBasis;
use bursar_core::{ApiFormat, Attribute, Family, Measure, Timestamp, UsageClass};
use bursar_ledger::BudgetId;
use std::path::Path;

const WHOLE: &str = r#"
[server]
listen = "127.0.0.1:9000"
data_dir = "data"
refusal_status = "402"

[ledger]
durability = "fast"

[providers.openai]
credential = { env = "OPENAI_API_KEY" }
fallback = ["local"]

[providers.local]
family = "ollama"
base_url = "http://127.0.0.1:11434/"

[providers.acme]
family = "openai"
base_url = "https://llm.acme.example/v1"
billing = "monthly_quota"
first_byte_timeout_s = 60
credentials = [
  { name = "a", secret = { env = "OPENAI_API_KEY" }, weight = 3, rate_multiplier = "0.8", rate_multipliers = { openai_chat = "1.2" } },
  { name = "b", secret = { file = "key.txt" } },
]

[models."gpt-4o-mini"]
deployments = [
  { provider = "openai" },
  { provider = "acme", model = "gpt-4o-mini-eu", price = { input = "0.15", output = "0.60", request = "0.001", context = 128_000 } },
]
fallback = ["gpt-4.1-mini"]

[projects.alpha]
time_zone = "Asia/Taipei"
require_budget = true
unknown_model_policy = "fallback_price"
fallback_price = { input = "3", output = "15" }
default_user_budget = "10 USD"

[users.ann]
email = "ann@example.com"

[[keys]]
name = "ci"
hash = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
project = "alpha"
user = "ann"
models = ["gpt-*"]
api_formats = ["openai_chat"]
may_set = ["run", "tags"]
attributes = { agent = "ci", tag.team = "x" }
expires_at = 2027-01-01

[[budgets]]
name = "platform daily"
limit = "100 USD"
period = "day"

[[budgets]]
name = "each user of alpha"
limit = "2M tokens"
period = "7d"
anchor = "2026-01-01"
match = { project = "alpha", model = ["gpt-*", "o3"], tag = { team = "x" } }
per = ["user"]
mode = "soft"
time_zone = "Europe/Berlin"
thresholds = [50, "1.5M tokens", "90%"]
hold = "streaming"
suspense = "estimate_after 24h"
raise = { amount = "100k tokens", until = 2026-12-31, reason = "launch week" }
windows_max = "10k"
idle_after = "2h"

[throttle]
enabled = true
engage_ratio = "1.2"

[records]
level = "headers"
project_levels = ["alpha=full"]
secret_headers = ["X-Session"]

[retention]
records_d = 400
"#;

#[test]
fn a_whole_file_is_read() {
    let checked = read(WHOLE).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(checked.warnings.items, []);
    let config = checked.config;
    assert_eq!(config.server.listen.port(), 9000);
    assert_eq!(config.server.data_dir, Path::new("data"));
    assert_eq!(config.server.refusal_status, RefusalStatus::PaymentRequired);
    assert_eq!(config.ledger.durability, Durability::Fast);

    let openai = config.provider("openai").unwrap();
    assert_eq!((openai.family, openai.base_url.as_str()), (Family::OpenAi, "https://api.openai.com/v1"));
    assert_eq!(openai.fallback, ["local"]);
    let local = config.provider("local").unwrap();
    assert_eq!((&local.credentials, local.base_url.as_str()), (&Credentials::None, "http://127.0.0.1:11434"));
    let acme = config.provider("acme").unwrap();
    let Credentials::Own(credentials) = &acme.credentials else { panic!("acme has secrets of its own") };
    assert_eq!(credentials[0].rate_multiplier.to_string(), "0.8");
    assert_eq!(credentials[0].rate_multipliers[&ApiFormat::OpenAiChat].to_string(), "1.2");
    assert_eq!(credentials[1].secret, SecretRef::File("key.txt".into()));
    assert_eq!((acme.first_byte_timeout_s, acme.idle_timeout_s), (60, 300));

    let price = config.models[0].deployments[1].price.as_ref().unwrap();
    assert_eq!(price.rates[0].0, UsageClass::Input);
    assert_eq!((price.rates[0].1.pico(), price.request.unwrap().pico()), (150_000, 1_000_000_000));
    assert_eq!(price.context, Some(128_000));

    let alpha = &config.projects[0];
    assert_eq!(alpha.unknown_model_policy, UnknownModelPolicy::FallbackPrice);
    assert_eq!(alpha.default_user_budget.unwrap().to_string(), "10 USD");

    let key = &config.keys[0];
    assert!(matches!(key.identity, KeyIdentity::Hash(hash) if hash[31] == 1));
    assert_eq!((key.kind, key.attributes.len()), (KeyKind::Member, 2));
    assert_eq!(key.expires_at.unwrap().to_string(), "2027-01-01T00:00:00Z");

    let records = &config.records;
    assert_eq!(
        (records.enabled, records.level, records.max_body_bytes),
        (true, RecordLevel::Headers, 1_048_576)
    );
    assert_eq!(records.project_levels["alpha"], RecordLevel::Full);
    assert_eq!(records.secret_headers, ["x-session"]);
    let kept = config.retention;
    assert_eq!((kept.records_d, kept.bodies_plain_d, kept.bodies_d), (400, 7, 90));
    assert_eq!((kept.headers_d, kept.audit_d, kept.tend_s), (90, 30, 3_600));
}

/// Rules: S0-18, S1-04.
#[test]
fn budgets_have_their_defaults_and_what_is_written() {
    let budgets = read(WHOLE).unwrap().config.budgets;
    let [daily, users] = budgets.as_slice() else { panic!("two budgets") };
    assert_eq!(
        (daily.limit, daily.measure, daily.period),
        (Some(100_000_000_000), Measure::Usd, Period::Day)
    );
    assert_eq!((daily.mode, daily.hold, daily.cost_basis), (Mode::Hard, Hold::WorstCase, None));
    assert_eq!(daily.thresholds, [80, 95, 100].map(Threshold::Percent));
    assert_eq!((daily.wait_ms, daily.windows_max, daily.idle_after_s), (2_000, 100_000, 3_600));

    assert_eq!(
        (users.limit, users.measure, users.period),
        (Some(2_000_000), Measure::Tokens, Period::Days(7))
    );
    assert_eq!(users.anchor.unwrap().to_string(), "2026-01-01");
    assert_eq!(users.per, [Attribute::User]);
    let words: Vec<String> =
        users.matches.iter().map(|(name, values)| format!("{name} {values:?}")).collect();
    assert_eq!(words, [r#"model ["gpt-*", "o3"]"#, r#"project ["alpha"]"#, r#"tag.team ["x"]"#]);
    let thresholds = [Threshold::Percent(50), Threshold::Amount(1_500_000), Threshold::Percent(90)];
    assert_eq!(users.thresholds, thresholds);
    assert_eq!(users.suspense, Suspense::EstimateAfter(86_400));
    let raise = users.raise.as_ref().unwrap();
    assert_eq!((raise.amount, raise.reason.as_str()), (100_000, "launch week"));
    assert_eq!((users.windows_max, users.idle_after_s), (10_000, 7_200));
}

#[test]
fn a_budget_becomes_the_ledgers() {
    let budgets = read(WHOLE).unwrap().config.budgets;
    let made = |at: usize| {
        let document = crate::serve::budgets::document(&budgets[at]);
        document.to_budget(BudgetId(7), 3, &budgets[at].name, Timestamp::from_micros(5), true).unwrap()
    };
    let daily = made(0);
    assert_eq!((daily.id, daily.version, daily.since.micros()), (BudgetId(7), 3, 5));
    assert_eq!((daily.limit, daily.cost_basis), (Some(100_000_000_000), CostBasis::Effective));
    let users = made(1);
    assert_eq!((users.cost_basis, users.period.zone.name()), (CostBasis::List, "Europe/Berlin"));
    assert!(matches!(users.period.kind, bursar_ledger::PeriodKind::Days { days: 7, .. }));
    assert_eq!(users.raise.unwrap().until.to_string(), "2026-12-31T00:00:00Z");
}

#[test]
fn an_empty_file_listens_on_loopback_and_governs_nothing() {
    let config = read("").unwrap().config;
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.server.data_dir, Path::new("bursar-data"));
    assert_eq!((config.providers.len(), config.budgets.len()), (0, 0));
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let environment = environment(&[]);
    let read_file = |path: &Path| {
        assert_eq!(path, Path::new("etc/bursar/key.txt"));
        Ok("sk-x".to_owned())
    };
    let surroundings = Surroundings { environment: &environment, read_file: &read_file };
    let text = "[providers.openai]\ncredential = { file = \"key.txt\" }";
    let config = Config::read(text, Path::new("etc/bursar/bursar.toml"), &surroundings).unwrap().config;
    assert_eq!(config.server.data_dir, Path::new("etc/bursar/bursar-data"));
}

#[test]
fn an_admin_token_in_the_environment_opens_the_network() {
    let text = "[server]\nlisten = \"0.0.0.0:8787\"";
    assert!(read(text).is_err());
    let config = read_with(text, &[("BURSAR_ADMIN_TOKEN", "t")]).unwrap().config;
    assert_eq!(config.server.admin_token, Some(SecretRef::Env("BURSAR_ADMIN_TOKEN".to_owned())));
}

#[test]
fn without_a_file_the_usual_variables_name_the_providers() {
    let start = |variables: &[(&str, &str)]| {
        let environment = environment(variables);
        let read_file = |_: &Path| Err("no such file".to_owned());
        Config::from_environment(&Surroundings { environment: &environment, read_file: &read_file })
    };
    let config = start(&[
        ("OPENAI_API_KEY", "k"),
        ("GOOGLE_API_KEY", "g"),
        ("OLLAMA_HOST", "0.0.0.0"),
        ("XAI_API_KEY", " "),
    ]);
    let config = config.unwrap().config;
    let providers: Vec<(&str, &str)> = config
        .providers
        .iter()
        .map(|provider| (provider.name.as_str(), provider.base_url.as_str()))
        .collect();
    let expected = [
        ("gemini", "https://generativelanguage.googleapis.com"),
        ("ollama", "http://127.0.0.1:11434"),
        ("openai", "https://api.openai.com/v1"),
    ];
    assert_eq!(providers, expected);
    assert_eq!(config.projects[0].name, "default");
    assert_eq!((config.budgets[0].mode, config.budgets[0].period), (Mode::Shadow, Period::Day));

    insta::assert_snapshot!(start(&[]).unwrap_err());
}
