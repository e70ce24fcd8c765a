//! The fields of a budget: what the reference says and the reader checks.

use crate::config::field::{Field, Takes};
use crate::config::words::{Hold, Missing, Mode, OnExpiry, Weekday};

const MEASURES: &[&str] = &["usd", "tokens", "requests"];
const BASES: &[&str] = &["list", "effective"];

/// The fields of one of `[[budgets]]`.
pub(in crate::config) const FIELDS: &[Field] = &[
    Field::new(
        "name",
        Takes::Text("a name, such as `\"platform daily\"`"),
        "required",
        "What refusals, alerts and commands call it. No two budgets share a name.",
    ),
    Field::new(
        "limit",
        Takes::Text("`\"100 USD\"`, `\"2M tokens\"` or `\"5000 requests\"`"),
        "unlimited",
        "The limit of each window. Zero lets nothing through.",
    ),
    Field::new(
        "measure",
        Takes::Word(MEASURES),
        "that of `limit`, else `usd`",
        "What is counted, for a budget without a limit.",
    ),
    Field::new(
        "period",
        Takes::Text("`hour`, `day`, `week`, `month`, `year`, `total`, or days such as `\"7d\"`"),
        "\"month\"",
        "How long a window lasts. Windows are calendar intervals in `time_zone`.",
    ),
    Field::new(
        "anchor",
        Takes::Other("a date, such as `\"2026-01-01\"`"),
        "required for a period in days",
        "The first day of one of the cycles.",
    ),
    Field::new(
        "match",
        Takes::Other(
            "a table of attributes and values, such as `{ project = \"alpha\", model = \"gpt-*\" }`",
        ),
        "every request",
        "Which requests it counts: a value, a pattern with `*`, or a list of them for each attribute.",
    ),
    Field::new(
        "per",
        Takes::List("attributes, such as `\"user\"`"),
        "[]",
        "Attributes that get one window for each value.",
    ),
    Field::new(
        "mode",
        Takes::Word(Mode::WORDS),
        "\"hard\"",
        "`hard` refuses, `soft` counts and warns, `shadow` records what it would have refused.",
    ),
    Field::new(
        "time_zone",
        Takes::Text("an IANA name, such as `\"Europe/Berlin\"`"),
        "\"UTC\"",
        "The calendar of its windows.",
    ),
    Field::new("week_start", Takes::Word(Weekday::WORDS), "\"monday\"", "The first day of a `week`."),
    Field::new(
        "thresholds",
        Takes::List("percents such as `80`, or amounts such as `\"50 USD\"`"),
        "[80, 95, 100]",
        "Where it warns, once per window.",
    ),
    Field::new(
        "cost_basis",
        Takes::Word(BASES),
        "`effective` for a provider, endpoint, credential or the platform, else `list`",
        "Which cost a budget in USD counts.",
    ),
    Field::new(
        "hold",
        Takes::Word(Hold::WORDS),
        "\"worst_case\"",
        "How much of a request's possible cost is set aside before it is sent: all of it; for streams the prompt and a slice of output that grows; or what such answers usually cost.",
    ),
    Field::new(
        "suspense",
        Takes::Text("`hold`, or `estimate_after` and a duration such as `\"estimate_after 24h\"`"),
        "\"hold\"",
        "What becomes of an attempt that was sent and whose bill stays unknown.",
    ),
    Field::new(
        "missing",
        Takes::Word(Missing::WORDS),
        "\"shared\"",
        "What a request without one of the `per` attributes does: share one window, not count, be refused.",
    ),
    Field::new("auto_renew", Takes::Boolean, "true", "Whether each period is followed by a new one."),
    Field::new(
        "on_expiry",
        Takes::Word(OnExpiry::WORDS),
        "\"block\"",
        "What happens after the only period of a budget that does not renew.",
    ),
    Field::new(
        "rollover_cap_pct",
        Takes::Integer(0, 1_000),
        "0",
        "Unused room of the last period that is added to the next, in percent of the limit.",
    ),
    Field::new("raise", Takes::Table(RAISE_FIELDS), "none", "A temporary addition to the limit."),
    Field::new(
        "fit",
        Takes::List("`wait` and `clamp`"),
        "[]",
        "What may be done for a request that does not fit: `clamp` consents to a lower output limit. Waiting needs no consent, `wait_ms` bounds it.",
    ),
    Field::new(
        "wait_ms",
        Takes::Integer(0, 60_000),
        "2000",
        "Milliseconds that a request may wait for room held by others.",
    ),
    Field::new(
        "windows_max",
        Takes::Integer(1, 100_000_000),
        "100000",
        "The most windows in memory; one more is refused (E-BUDGET-022).",
    ),
    Field::new(
        "idle_after",
        Takes::Text("a duration, such as `\"1h\"`"),
        "\"1h\"",
        "Time without use after which a window may leave memory. It comes back with its counters.",
    ),
    Field::new("active", Takes::Boolean, "true", "Whether it counts at all."),
];

/// The fields of `raise`.
pub(in crate::config) const RAISE_FIELDS: &[Field] = &[
    Field::new(
        "amount",
        Takes::Text("an amount of the budget's measure, such as `\"20 USD\"`"),
        "required",
        "Added to the limit.",
    ),
    Field::new("until", Takes::Other("an instant or a date"), "required", "When it ends."),
    Field::new(
        "reason",
        Takes::Text("a sentence"),
        "required",
        "Why. It appears in the audit and in reports.",
    ),
];
