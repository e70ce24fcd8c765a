//! The gateway that a replay starts for itself: one fake provider to bill, one to measure latency against.

use crate::exit::Failure;
use crate::serve::local::{CREDENTIAL, Local, LocalKey};
use bursar_core::{Family, Rate};
use bursar_mock::{Mock, Price, Script};

/// USD per million tokens of the fake model, in and out.
const PRICE: (&str, &str) = ("0.15", "0.60");
/// The model of the latency probe.
pub(super) const PROBE_MODEL: &str = "probe";

const KEYS: [LocalKey; 2] = [
    LocalKey { name: "replay", project: "replay", user: None },
    LocalKey { name: "probe", project: "probe", user: None },
];

/// The fake providers of a replay.
pub(super) struct Fakes {
    pub(super) billed: Mock,
    pub(super) probed: Mock,
}

impl Fakes {
    /// Starts both.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let rate = Rate::parse_per_million;
        let price = Price { input: rate(PRICE.0)?, output: rate(PRICE.1)?, ..Price::default() };
        let script =
            || Script { other_models: Some(price), models: Vec::new(), ..Script::default() }.counts_only();
        Ok(Self { billed: Mock::start(script()).await?, probed: Mock::start(script()).await? })
    }
    /// A gateway in front of them, with a hard budget of `limit` over what is replayed.
    pub(super) fn gateway(&self, model: &str, limit: Option<&str>) -> Result<Local, Failure> {
        let provider = |name: &str, mock: &Mock| {
            format!(
                "[providers.{name}]\nfamily = \"openai\"\nbase_url = \"{}\"\n\
                 credential = {{ env = \"{CREDENTIAL}\" }}\nprices = \"{name}\"\n",
                mock.base_url(Family::OpenAi)
            )
        };
        let deployment = |model: &str, provider: &str| {
            format!(
                "[models.{model:?}]\ndeployments = [{{ provider = \"{provider}\", price = {{ input = \"{}\", \
                 output = \"{}\", context = 2000000, max_output = 2000000 }} }}]\n",
                PRICE.0, PRICE.1
            )
        };
        let limit = limit.map(|limit| format!("limit = {limit:?}\n")).unwrap_or_default();
        let text = format!(
            "{}{}{}{}[projects.replay]\n[projects.probe]\n\
             [[budgets]]\nname = \"replay\"\n{limit}period = \"total\"\nmatch = {{ project = \"replay\" }}\n\
             [[budgets]]\nname = \"probe\"\nlimit = \"1000000 USD\"\nperiod = \"total\"\n\
             match = {{ project = \"probe\" }}\n",
            provider("fake", &self.billed),
            provider("probed", &self.probed),
            deployment(model, "fake"),
            deployment(PROBE_MODEL, "probed"),
        );
        Local::start(&text, &KEYS)
    }
}
