//! Who may ask for what, from whom: one immutable snapshot, replaced as a whole when configuration or keys change.

use crate::circuit::Limits;
use crate::keys::HashedSecret;
use crate::seal::Secret;
use bursar_core::{ApiFormat, Attributes, Family, IpRange, KeyLimit, Pattern, Timestamp, Value};
use bursar_pricing::{Billing, Multipliers, PriceBook, PriceRow, UnknownModel};
use bursar_wire::Surface;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Everything that identify and route look up.
#[derive(Default)]
pub struct Directory {
    /// Keys by the hash of what a client presents.
    pub keys: HashMap<HashedSecret, Arc<Key>>,
    /// Projects by name.
    pub projects: HashMap<Value, Arc<Project>>,
    /// Providers in declared order.
    pub providers: Vec<Arc<Provider>>,
    /// Models that the configuration lists, by the name clients ask for.
    pub models: HashMap<Box<str>, Arc<Model>>,
    /// The price book with its overlays.
    pub prices: Arc<PriceBook>,
    /// What happens to models without a price, unless the project says otherwise.
    pub unknown_model: UnknownModel,
    /// Whether a hard budget lets holds rest on what was learned.
    pub loose_holds: bool,
    /// Rises by one with each replacement: shown by `/readyz`.
    pub revision: u64,
}

/// The unit that owns keys and is billed.
#[derive(Debug)]
pub struct Project {
    /// Its name.
    pub name: Value,
    /// Refuse requests that no usd budget governs.
    pub require_budget: bool,
    /// Its own rule for models without a price.
    pub unknown_model: Option<UnknownModel>,
    /// No longer in use: its keys are refused.
    pub active: bool,
}

/// What kind of owner a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A person's.
    Member,
    /// A program's.
    Service,
    /// With a balance of its own, not tied to a member's quota.
    Standalone,
}

impl KeyKind {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Service => "service",
            Self::Standalone => "standalone",
        }
    }
}

/// A virtual API key and what it binds and allows.
#[derive(Debug)]
pub struct Key {
    /// Its id, also the value of the `key` attribute.
    pub id: Value,
    /// Its first characters, which are no secret.
    pub prefix: Box<str>,
    /// Its project.
    pub project: Arc<Project>,
    /// What kind of owner it has.
    pub kind: KeyKind,
    /// Attributes that the key fixes: project, key, user, and what else was bound to it.
    pub bound: Attributes,
    /// Which attributes a client may fill in by headers.
    pub may_set: MaySet,
    /// Models it may ask for; empty: all.
    pub models: Vec<Pattern>,
    /// Providers it may be served by; empty: all.
    pub providers: Vec<Pattern>,
    /// API formats it may use; empty: all.
    pub api_formats: Vec<ApiFormat>,
    /// How much per minute, hour or day, and at once; empty: no limit beside its budgets.
    pub limits: Arc<[KeyLimit]>,
    /// Where it may be used from; empty: anywhere.
    pub allowed_ips: Vec<IpRange>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// Refused until unblocked.
    pub blocked: bool,
    /// Consents to a lower output limit where a request does not fit.
    pub fit: bool,
}

/// Which attributes a client may fill in by headers. Values bound to the key win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaySet {
    /// `x-bursar-agent`
    pub agent: bool,
    /// `x-bursar-run`
    pub run: bool,
    /// `x-bursar-session`
    pub session: bool,
    /// `x-bursar-user`
    pub user: bool,
    /// `x-bursar-tags`
    pub tags: bool,
}

impl MaySet {
    /// What a new key allows unless told otherwise: attribution, but not who pays.
    pub const DEFAULT: Self = Self { agent: true, run: true, session: true, user: false, tags: true };
    /// The words that [`Self::from_words`] reads.
    pub const WORDS: [&'static str; 5] = ["agent", "run", "session", "user", "tags"];

    /// Reads a list of words; the first unknown one is the error.
    ///
    /// # Errors
    /// The unknown word.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut set = Self::default();
        for word in words {
            match word {
                "agent" => set.agent = true,
                "run" => set.run = true,
                "session" => set.session = true,
                "user" => set.user = true,
                "tags" => set.tags = true,
                unknown => return Err(unknown),
            }
        }
        Ok(set)
    }
    /// The words of what is allowed.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let flags = [self.agent, self.run, self.session, self.user, self.tags];
        Self::WORDS.into_iter().zip(flags).filter_map(|(word, set)| set.then_some(word)).collect()
    }
}

/// Who answers: a provider with one endpoint for one family of API formats.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name.
    pub name: Value,
    /// Which API formats its endpoint speaks.
    pub family: Family,
    /// Its base URL, without a trailing slash.
    pub base_url: Box<str>,
    /// Who alone may vouch for it: certificates in PEM; absent: whom the platform trusts.
    pub authorities: Option<Arc<str>>,
    /// Where the secret towards it comes from.
    pub credentials: Credentials,
    /// Whose rows of the price book apply.
    pub prices: Box<str>,
    /// How it is paid.
    pub billing: Billing,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Providers to go on to, in order.
    pub fallback: Vec<Value>,
    /// The model to ask for when a request comes here by fallback with a model that has no price here.
    pub fallback_model: Option<Box<str>>,
    /// Whether a request goes on to the next deployment when this one fell silent after it was sent, although both may
    /// be billed then.
    pub next_after_silence: bool,
    /// Whether a complete error answer before any output may have been billed (a dated table says so per provider).
    pub bills_errors: bool,
    /// Surfaces without a meter that pass, each at this price for every request.
    pub surfaces: BTreeMap<Surface, Arc<PriceRow>>,
}

/// Where the secret towards a provider comes from.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Bursar's own, one or several.
    Own(Vec<Arc<Credential>>),
    /// The caller's is forwarded.
    Client,
    /// None is needed (local models).
    None,
}

/// One secret towards a provider.
#[derive(Debug)]
pub struct Credential {
    /// Its name: the value of the `credential` attribute.
    pub name: Value,
    /// The secret.
    pub secret: Secret,
    /// Its share of the traffic.
    pub weight: u32,
    /// From list cost to effective cost.
    pub multipliers: Multipliers,
    /// How much may be asked with it.
    pub limits: Limits,
}

/// How long to wait for what. There is no total timeout on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a new connection.
    pub connect: Duration,
    /// From sending to the head of the answer.
    pub first_byte: Duration,
    /// Between two parts of the answer.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(300),
            idle: Duration::from_secs(300),
        }
    }
}

/// A model that the configuration lists.
#[derive(Debug)]
pub struct Model {
    /// Where it is served, in order.
    pub deployments: Vec<Arc<ModelAt>>,
    /// Models to go on to, in order.
    pub fallback: Vec<Box<str>>,
}

/// A model at one provider.
#[derive(Debug)]
pub struct ModelAt {
    /// Who serves it.
    pub provider: Arc<Provider>,
    /// The provider's name for it; absent: as asked.
    pub upstream_model: Option<Box<str>>,
    /// Its own price instead of the book's.
    pub price: Option<Arc<PriceRow>>,
    /// Whether what the provider itself says it bills counts instead of usage times price.
    pub prefers_billed: bool,
}

impl Directory {
    /// The provider of that name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.name.as_str() == name)
    }
}
