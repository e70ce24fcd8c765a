//! The demonstration's scene: two fake providers, three projects with hard budgets, the callers and what they send.

use crate::serve::local::{CREDENTIAL, LocalKey};
use bursar_core::decimal::DecimalError;
use bursar_core::{Family, Rate};
use bursar_mock::load::Shot;
use bursar_mock::{Mock, Price, Rule, Script};
use serde_json::json;
use std::time::Duration;

/// Requests that the callers send, whatever the length of the run; at 15 seconds about 40 a second.
pub(super) const REQUESTS: u64 = 560;
/// Requests that the runaway agent tries to send.
const RUNAWAY: u64 = 48;
/// The runaway agent's context stops to grow after that many turns.
const GROWING_TURNS: u64 = 14;

/// The keys. The last is for the visitor who lets the demonstration go on.
pub(super) const KEYS: [LocalKey; 6] = [
    LocalKey { name: "search-api", project: "search", user: None },
    LocalKey { name: "ann", project: "support", user: Some("ann") },
    LocalKey { name: "bob", project: "support", user: Some("bob") },
    LocalKey { name: "eve", project: "research", user: Some("eve") },
    LocalKey { name: "lab-agent", project: "research", user: None },
    LocalKey { name: "you", project: "support", user: Some("you") },
];
/// The runaway agent's key.
const LAB_AGENT: usize = 4;
/// The visitor's key.
pub(super) const VISITOR: usize = 5;

/// Model, provider, USD per million tokens in and out.
const MODELS: [(&str, &str, &str, &str); 3] =
    [("mini", "north", "0.15", "0.60"), ("swift", "north", "0.50", "1.50"), ("deep", "south", "3", "15")];

const BUDGETS: &str = r#"
[projects.search]
[projects.support]
[projects.research]
[[budgets]]
name = "platform"
limit = "1 USD"
period = "total"
[[budgets]]
name = "search month"
limit = "0.12 USD"
period = "month"
match = { project = "search" }
[[budgets]]
name = "support month"
limit = "0.30 USD"
period = "month"
match = { project = "support" }
[[budgets]]
name = "each user of support"
limit = "0.05 USD"
period = "month"
match = { project = "support" }
per = ["user"]
[[budgets]]
name = "research month"
limit = "0.60 USD"
period = "month"
match = { project = "research" }
[[budgets]]
name = "each agent run"
limit = "0.15 USD"
period = "total"
per = ["run"]
missing = "skip"
"#;

/// One of the callers: which key, how often, what it asks for.
struct Caller {
    key: usize,
    weight: u64,
    model: &'static str,
    input: (u64, u64),
    output: (u64, u64),
    /// An agent starts a new run after that many requests of the whole scene.
    run_every: Option<u64>,
}

const CALLERS: [Caller; 5] = [
    Caller { key: 0, weight: 42, model: "swift", input: (200, 1200), output: (80, 400), run_every: None },
    Caller { key: 1, weight: 14, model: "mini", input: (300, 1500), output: (100, 500), run_every: None },
    Caller { key: 2, weight: 26, model: "swift", input: (200, 900), output: (100, 400), run_every: None },
    Caller { key: 3, weight: 10, model: "deep", input: (200, 900), output: (60, 300), run_every: None },
    Caller {
        key: LAB_AGENT,
        weight: 8,
        model: "mini",
        input: (300, 900),
        output: (60, 200),
        run_every: Some(150),
    },
];

/// One request of the scene.
#[derive(Clone)]
pub(super) struct Act {
    /// Which of [`KEYS`] sends it.
    pub(super) key: usize,
    /// Which run it says it belongs to.
    pub(super) run: Option<String>,
    at: Duration,
    model: &'static str,
    stream: bool,
    input: u64,
    output: u64,
    output_limit: u64,
}

/// The fake providers.
pub(super) struct Providers {
    pub(super) north: Mock,
    pub(super) south: Mock,
}

impl Providers {
    /// Starts both on free ports.
    pub(super) async fn start(seed: u64) -> anyhow::Result<Self> {
        let script = |provider: &str, words: &str| -> anyhow::Result<Script> {
            let mut script = Script { seed, models: Vec::new(), other_models: None, ..Script::default() };
            for (model, _, input, output) in MODELS.iter().filter(|model| model.1 == provider) {
                script = script.price(model, price(input, output)?);
            }
            Ok(script.always(words)?.counts_only())
        };
        let north = script("north", "latency_ms=30 chunk_ms=4 chunk_tokens=20")?;
        // This provider is overloaded now and then, and bills nothing for it.
        let south = script("south", "latency_ms=60 chunk_ms=6 chunk_tokens=20")?
            .rule(Rule::any().every(20).then("status=503"))?;
        Ok(Self { north: Mock::start(north).await?, south: Mock::start(south).await? })
    }
    /// Each with its name.
    pub(super) fn each(&self) -> [(&'static str, &Mock); 2] {
        [("north", &self.north), ("south", &self.south)]
    }
    /// What a `bursar.toml` says of them, of the models, projects and budgets.
    pub(super) fn config(&self) -> String {
        let mut text = String::new();
        for (name, mock) in self.each() {
            let base = mock.base_url(Family::OpenAi);
            text.push_str(&format!(
                "[providers.{name}]\nfamily = \"openai\"\nbase_url = \"{base}\"\n\
                 credential = {{ env = \"{CREDENTIAL}\" }}\nprices = \"{name}\"\n"
            ));
        }
        for (model, provider, input, output) in MODELS {
            text.push_str(&format!(
                "[models.\"{model}\"]\ndeployments = [{{ provider = \"{provider}\", price = {{ input = \"{input}\", \
                 output = \"{output}\", context = 128000, max_output = 4096 }} }}]\n"
            ));
        }
        text + BUDGETS
    }
}

fn price(input: &str, output: &str) -> Result<Price, DecimalError> {
    let rate = Rate::parse_per_million;
    Ok(Price { input: rate(input)?, output: rate(output)?, ..Price::default() })
}

/// Everything that is sent within `span`, in the order of time. The same seed gives the same requests.
pub(super) fn acts(seed: u64, span: Duration) -> Vec<Act> {
    let mut acts: Vec<Act> = (0..REQUESTS).map(|index| ordinary(seed, index, span)).collect();
    acts.extend((0..RUNAWAY).map(|turn| runaway(turn, span)));
    acts.sort_by_key(|act| act.at);
    acts
}

fn ordinary(seed: u64, index: u64, span: Duration) -> Act {
    let draw = |salt: u64, (least, most): (u64, u64)| least + mix(seed, index, salt) % (most - least + 1);
    let total: u64 = CALLERS.iter().map(|caller| caller.weight).sum();
    let mut left = draw(0, (0, total - 1));
    let chosen = CALLERS.iter().find(|caller| {
        let found = left < caller.weight;
        left = left.saturating_sub(caller.weight);
        found
    });
    let [first, ..] = &CALLERS;
    let caller = chosen.unwrap_or(first);
    Act {
        key: caller.key,
        run: caller.run_every.map(|every| format!("crawl-{}", index / every + 1)),
        at: share(span, index, REQUESTS),
        model: caller.model,
        stream: draw(1, (0, 99)) < 50,
        input: draw(2, caller.input),
        output: draw(3, caller.output),
        output_limit: caller.output.1 + 100,
    }
}

/// An agent that sends its whole growing context again and again, from a third of the time on.
fn runaway(turn: u64, span: Duration) -> Act {
    Act {
        key: LAB_AGENT,
        run: Some("runaway-1".to_owned()),
        at: span / 3 + share(span / 2, turn, RUNAWAY),
        model: "deep",
        stream: turn.is_multiple_of(2),
        input: 500 + 400 * turn.min(GROWING_TURNS),
        output: 250,
        output_limit: 400,
    }
}

impl Act {
    /// As it goes over the wire, with the text of that key.
    pub(super) fn shot(&self, key: &str) -> Shot {
        let body = json!({
            "model": self.model, "stream": self.stream, "max_tokens": self.output_limit,
            "messages": [{ "role": "user", "content": text(self.input, self.output) }],
        });
        let shot = Shot::post("/v1/chat/completions", body.to_string()).bearer(key).at(self.at);
        match &self.run {
            Some(run) => shot.header("x-bursar-run", run).header("x-bursar-agent", "crawler"),
            None => shot,
        }
    }
}

/// A prompt that a fake provider counts as about `input` tokens and answers in `output`.
fn text(input: u64, output: u64) -> String {
    let words = usize::try_from(input).unwrap_or(usize::MAX);
    // Four bytes a token, as the fake provider counts.
    format!("{}[[mock out={output}]]", "and ".repeat(words))
}

fn share(span: Duration, part: u64, of: u64) -> Duration {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros / of.max(1) * part)
}

/// Sebastiano Vigna's splitmix64 step over three numbers: even enough for traffic.
fn mix(seed: u64, index: u64, salt: u64) -> u64 {
    let start = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (index << 3) ^ salt;
    let mut z = start.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
