//! Every metric, declared once: names, labels and meanings are what dashboards and alerts rely on.

use std::fmt::Write as _;

/// What kind of number it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only rises, from 0 at each start. Samples end in `_total`.
    Counter,
    /// The number of the moment.
    Gauge,
    /// Counts in steps. Samples end in `_bucket`, `_sum` and `_count`.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Described {
    /// Its name, of a counter without `_total`.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// Its labels, beside `le` of a histogram.
    pub labels: &'static [&'static str],
    /// What it says, in a sentence.
    pub help: &'static str,
}

impl Kind {
    /// The word in the exposition.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! catalogue {
    ($($place:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(super) const $place: Described =
            Described { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*
        /// Every metric, in the order of the exposition.
        pub const CATALOGUE: &[Described] = &[$($place,)*];
    };
}

catalogue! {
    BUILD = Gauge "bursar_build_info" ["version"] "Always 1; says which version runs.";
    REVISION = Gauge "bursar_config_revision" [] "Rises each time the data plane takes over changed settings.";
    REQUESTS = Counter "bursar_requests" ["api_format", "provider", "model", "status"] "Requests that ended, by how. Refused ones have no provider and model.";
    REFUSALS = Counter "bursar_refusals" ["code"] "Requests that were refused, by code.";
    ATTEMPTS = Counter "bursar_attempts" ["provider", "end"] "Tries at providers, by how the ledger booked them: settled, estimated, released, suspense.";
    TOKENS = Counter "bursar_tokens" ["class", "provider", "model"] "Tokens that were charged. Classes do not overlap, but for those that are parts of input or output.";
    COST = Counter "bursar_cost_usd" ["basis", "provider", "model"] "USD that was charged when requests ended, at list price and after the credential's multiplier.";
    OVERAGE = Counter "bursar_overage_usd" [] "USD at list price that was billed above what was held.";
    IN_FLIGHT = Gauge "bursar_inflight_requests" [] "Requests that came and have not ended.";
    WAITING = Gauge "bursar_waiting_requests" [] "Of those, requests that wait for room in a budget.";
    STALE = Gauge "bursar_stale_requests" [] "Attempts in flight without progress for longer than their provider's idle timeout.";
    SUSPENSE = Gauge "bursar_suspense_attempts" [] "Attempts whose bill is unknown: charged at their hold until it is.";
    SUSPENSE_USD = Gauge "bursar_suspense_usd" [] "What they are charged, USD at list price.";
    HELD_USD = Gauge "bursar_held_usd" [] "What attempts in flight hold, USD at list price.";
    ADDED = Histogram "bursar_added_latency_seconds" [] "From a request's arrival to its first attempt's sending, its durable hold included, without waiting for its body or for room.";
    FIRST_BYTE = Histogram "bursar_first_byte_seconds" ["provider"] "From a request's arrival to the first byte of its answer.";
    DURATION = Histogram "bursar_request_seconds" ["provider"] "From a request's arrival to its end.";
    LIMIT = Gauge "bursar_budget_limit" ["budget", "measure", "per", "top"] "The limit of a budget's current window, in its measure; absent where it is unlimited.";
    SETTLED = Gauge "bursar_budget_settled" ["budget", "measure", "per", "top"] "What a budget's current window has settled.";
    HELD = Gauge "bursar_budget_held" ["budget", "measure", "per", "top"] "What requests in flight hold in it.";
    BUDGET_SUSPENSE = Gauge "bursar_budget_suspense" ["budget", "measure", "per", "top"] "What is charged in it until a bill is known.";
    REMAINING = Gauge "bursar_budget_remaining" ["budget", "measure", "per", "top"] "What is left in it; absent where it is unlimited.";
    WINDOWS = Gauge "bursar_budget_windows" ["budget"] "Windows of a budget with `per` that are in memory.";
    CIRCUITS = Gauge "bursar_circuits_open" ["provider"] "Endpoints and credentials of a provider that are avoided for their failures.";
    THROTTLED = Gauge "bursar_throttled" ["provider"] "Whether anything of a provider is routed away from.";
    KILL = Gauge "bursar_kill_active" [] "Kill switches that are on.";
    LEDGER_UP = Gauge "bursar_ledger_up" [] "Whether the ledger can write. At 0 every priced request is refused.";
    LEDGER_BATCH = Histogram "bursar_ledger_batch_seconds" [] "From the write of a batch of journal entries to the end of its sync.";
    LEDGER_SYNC = Histogram "bursar_ledger_sync_seconds" [] "One sync of the journal to the disk.";
    LEDGER_ENTRIES = Gauge "bursar_ledger_entries" [] "The number of the journal's last entry.";
    DRAIN_LAG = Gauge "bursar_drain_lag_entries" [] "Synced journal entries that are not in records, roll-ups and alerts yet.";
    DRAIN_AGE = Gauge "bursar_drain_lag_seconds" [] "Seconds since draining last had nothing left to do.";
    RECORDS_DROPPED = Counter "bursar_records_dropped" [] "Records of refusals and unbilled failures that were given up because draining did not keep up.";
    LOG_DROPPED = Counter "bursar_log_lines_dropped" [] "Lines of the log that were given up because nobody read them fast enough.";
    ALERTS = Counter "bursar_alerts" ["channel", "result"] "Alerts by channel and what became of a try: delivered, retried, failed.";
    SPANS = Counter "bursar_telemetry_spans" ["result"] "Spans for the OTLP endpoint: sent, dropped because the queue was full, failed because the endpoint did not take them.";
    WATCHERS = Gauge "bursar_watchers" [] "Readers that wait for requests to end, as `bursar request watch` does.";
}

/// `docs/reference/metrics.md`. A test compares it with the file, and another the catalogue with a scrape.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(HEAD);
    for metric in CATALOGUE {
        let ending = if metric.kind == Kind::Counter { "_total" } else { "" };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        let (name, kind) = (metric.name, metric.kind.as_str());
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| `{name}{ending}` | {kind} | {labels} | {} |", metric.help);
    }
    out.push_str(TAIL);
    out
}

const HEAD: &str = "# Metrics

<!-- Written from the code by `UPDATE_DOCS=1 cargo test -p bursar --test reference`; tests fail where it differs from the code or from a scrape. -->

`GET /metrics` answers in the OpenMetrics text format, which Prometheus reads. It needs no token; with `server.admin_listen` it is served there alone.

| metric | kind | labels | meaning |
|---|---|---|---|
";

const TAIL: &str = "
## Labels

- No key and no user is ever a label, and neither is what a client may make up: a model counts by the name of its price row.
- Money is exact: decimals with up to nine places, written from integers.
- A budget without `per` has one window, and its samples have neither `per` nor `top`. A budget with `per` shows the five windows that have
  used most. Where the operator names all its values (project, provider, endpoint, API format) a window's label is `per`, such as
  `per=\"project=alpha\"`; otherwise it is its rank: `top=\"1\"` is the fullest. `bursar budget show NAME` says whose it is.
- `measure` is `usd`, `tokens` or `requests`, and the unit of the value.
- Series are bounded: 2,000 of requests, beyond which provider and model are `other`; 1,000 budgets, in the order of their ids; of a budget with more
  than 10,000 windows in memory only `bursar_budget_windows`.
- Counters begin at 0 when the process starts; budgets, suspense and journal go on where they were.
";
