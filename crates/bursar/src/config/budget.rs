//! `[[budgets]]`: limits on what is spent, for whom, in which windows.

mod fields;
mod parts;

pub(super) use fields::FIELDS;

use super::matching::{self, Matched};
use super::section::{Reading, Section};
use super::tree::Place;
use super::value::{DURATION_HELP, LIMIT_HELP, Limit, PERIOD_HELP, Period, Suspense, Threshold, duration_s};
use super::words::{Fit, Hold, Missing, Mode, OnExpiry, Weekday};
use bursar_core::amount::CostBasis;
use bursar_core::limits::WINDOWS_PER_BUDGET_DEFAULT;
use bursar_core::{Attribute, Measure, Pattern, Timestamp};
use bursar_ledger::{IDLE_AFTER_S_DEFAULT, MATCHES_MAX, PATTERNS_MAX, PER_MAX};
use jiff::civil::Date;
use parts::{fit, raise, thresholds};

/// A budget, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// The limit of each window, in the unit of `measure`. Absent: unlimited.
    pub limit: Option<i64>,
    /// What it counts.
    pub measure: Measure,
    /// How long a window lasts.
    pub period: Period,
    /// The first day of one of the cycles, for a period in days.
    pub anchor: Option<Date>,
    /// Attributes that must have a value meant by one of the patterns.
    pub matches: Vec<(Attribute, Vec<Pattern>)>,
    /// Attributes that get one window for each value.
    pub per: Vec<Attribute>,
    /// What it does when it has no room.
    pub mode: Mode,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// The first day of its week.
    pub week_start: Weekday,
    /// Where it warns.
    pub thresholds: Vec<Threshold>,
    /// Which cost it counts; absent: what suits its scope.
    pub cost_basis: Option<CostBasis>,
    /// How much is held.
    pub hold: Hold,
    /// What becomes of an unknown bill.
    pub suspense: Suspense,
    /// What a request without a `per` attribute does.
    pub missing: Missing,
    /// Whether each period is followed by a new one.
    pub auto_renew: bool,
    /// What happens after the only period of a budget that does not renew.
    pub on_expiry: OnExpiry,
    /// Unused room that is added to the next period, in percent of the limit.
    pub rollover_cap_pct: u32,
    /// A temporary addition to the limit.
    pub raise: Option<Raise>,
    /// What may be done for a request that does not fit at once.
    pub fit: Vec<Fit>,
    /// Milliseconds that a request may wait.
    pub wait_ms: u32,
    /// The most windows in memory.
    pub windows_max: u32,
    /// Seconds without use after which a window may leave memory.
    pub idle_after_s: u32,
    /// Whether it counts at all.
    pub active: bool,
}

/// A temporary addition to a limit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raise {
    /// Added to the limit, in the budget's measure.
    pub amount: i64,
    /// The first instant at which it no longer counts.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// A budget with the places of what it refers to, for the checks between sections.
pub(super) struct ReadBudget<'a> {
    pub(super) budget: Budget,
    pub(super) matched: Vec<Matched<'a>>,
    pub(super) place: &'a Place,
    pub(super) path: String,
}

pub(super) fn read<'a>(
    section: &Section<'a>,
    names: &mut Vec<(String, &'a Place)>,
    reading: &mut Reading<'_>,
) -> Option<ReadBudget<'a>> {
    let name = section.text("name", reading);
    match name {
        Some(spot) => {
            super::name::check(spot, &section.field("name"), reading);
            super::name::check_new(spot, &section.field("name"), "budget", names, reading);
        }
        None if !section.has("name") => section.missing("name", "write `name = \"platform daily\"`", reading),
        None => {}
    }
    let limit = section.parsed("limit", LIMIT_HELP, reading, Limit::parse);
    let measure = measure(section, limit, reading);
    let (period, anchor) = period(section, reading);
    let matched = matching::read(section, reading);
    let per = matching::read_per(section, reading);
    check_sizes(section, &matched, &per, reading);
    let auto_renew = section.boolean("auto_renew", true, reading);
    let small = |name: &str, default: u32, reading: &mut Reading<'_>| {
        section.integer(name, reading).and_then(|n| u32::try_from(n).ok()).unwrap_or(default)
    };
    let idle_after_s = section.parsed("idle_after", DURATION_HELP, reading, |text| {
        u32::try_from(duration_s(text)?).map_err(|_| "is too large".to_owned())
    });
    let suspense_help = "write `\"hold\"`, or `\"estimate_after 24h\"`";
    let budget = Budget {
        name: name.map(|spot| spot.text.to_owned()).unwrap_or_default(),
        limit: limit.map(|limit| limit.amount),
        measure,
        period: period.unwrap_or(Period::Month),
        anchor,
        matches: matched.iter().map(patterns).collect(),
        per,
        mode: section.word("mode", reading, Mode::parse).unwrap_or(Mode::Hard),
        time_zone: super::zone::read(section, reading).unwrap_or_else(|| "UTC".to_owned()),
        week_start: week_start(section, period, reading),
        thresholds: thresholds(section, measure, reading),
        cost_basis: cost_basis(section, measure, reading),
        hold: section.word("hold", reading, Hold::parse).unwrap_or(Hold::WorstCase),
        suspense: section
            .parsed("suspense", suspense_help, reading, Suspense::parse)
            .unwrap_or(Suspense::Hold),
        missing: section.word("missing", reading, Missing::parse).unwrap_or(Missing::Shared),
        auto_renew,
        on_expiry: section.word("on_expiry", reading, OnExpiry::parse).unwrap_or(OnExpiry::Block),
        rollover_cap_pct: small("rollover_cap_pct", 0, reading),
        raise: raise(section, measure, limit.is_some(), reading),
        fit: fit(section, reading),
        wait_ms: small("wait_ms", 2_000, reading),
        windows_max: small("windows_max", WINDOWS_PER_BUDGET_DEFAULT, reading),
        idle_after_s: idle_after_s.unwrap_or(IDLE_AFTER_S_DEFAULT),
        active: section.boolean("active", true, reading),
    };
    period?;
    name?;
    Some(ReadBudget { budget, matched, place: section.place, path: section.path.clone() })
}

fn patterns(matched: &Matched<'_>) -> (Attribute, Vec<Pattern>) {
    (matched.attribute.clone(), matched.patterns.iter().map(|spot| Pattern::new(spot.text)).collect())
}

fn measure(section: &Section<'_>, limit: Option<Limit>, reading: &mut Reading<'_>) -> Measure {
    let all = [Measure::Usd, Measure::Tokens, Measure::Requests];
    let parse = |word: &str| all.into_iter().find(|measure| measure.as_str() == word);
    let given = section.word("measure", reading, parse);
    if let (Some(given), Some(limit)) = (given, limit)
        && given != limit.measure
    {
        let field = section.field("measure");
        let message = format!("`{field}` is `{}` and the limit is `{limit}`", given.as_str());
        reading.wrong(
            section.place_of("measure"),
            field,
            message,
            "leave `measure` out: the limit's unit says it",
        );
    }
    limit.map(|limit| limit.measure).or(given).unwrap_or(Measure::Usd)
}

fn period(section: &Section<'_>, reading: &mut Reading<'_>) -> (Option<Period>, Option<Date>) {
    let parse = |text: &str| Period::parse(text).ok_or_else(|| "is not a period".to_owned());
    let period = section.parsed("period", PERIOD_HELP, reading, parse);
    let period = if section.has("period") { period } else { Some(Period::Month) };
    let anchor = super::instant::read_date(section, "anchor", reading);
    let in_days = matches!(period, Some(Period::Days(_)));
    if in_days && !section.has("anchor") {
        section.missing(
            "anchor",
            "a period in days starts somewhere: write `anchor = \"2026-01-01\"`",
            reading,
        );
    }
    if period.is_some() && !in_days && section.has("anchor") {
        let field = section.field("anchor");
        let message = format!("`{field}` is for periods in days alone");
        reading.wrong(
            section.place_of("anchor"),
            field,
            message,
            "remove it, or write a period such as `\"7d\"`",
        );
    }
    (period, anchor)
}

fn week_start(section: &Section<'_>, period: Option<Period>, reading: &mut Reading<'_>) -> Weekday {
    let given = section.word("week_start", reading, Weekday::parse);
    if given.is_some() && period.is_some_and(|period| period != Period::Week) {
        let field = section.field("week_start");
        let message = format!("`{field}` is for `period = \"week\"` alone");
        reading.wrong(
            section.place_of("week_start"),
            field,
            message,
            "remove it, or write `period = \"week\"`",
        );
    }
    given.unwrap_or(Weekday::Monday)
}

fn cost_basis(section: &Section<'_>, measure: Measure, reading: &mut Reading<'_>) -> Option<CostBasis> {
    let parse =
        |word: &str| [CostBasis::List, CostBasis::Effective].into_iter().find(|basis| basis.as_str() == word);
    let basis = section.word("cost_basis", reading, parse);
    if basis.is_some() && measure != Measure::Usd {
        let field = section.field("cost_basis");
        let message = format!("`{field}` is for budgets in USD alone; this one counts {}", measure.as_str());
        reading.wrong(section.place_of("cost_basis"), field, message, "remove it");
    }
    basis
}

fn check_sizes(section: &Section<'_>, matched: &[Matched<'_>], per: &[Attribute], reading: &mut Reading<'_>) {
    let mut too_many = |field: &str, place: &Place, most: usize, what: &str| {
        let message = format!("`{field}` has more than {most} {what}");
        reading.wrong(place, field, message, "split the budget into several");
    };
    if matched.len() > MATCHES_MAX {
        too_many(&section.field("match"), section.place_of("match"), MATCHES_MAX, "attributes");
    }
    if per.len() > PER_MAX {
        too_many(&section.field("per"), section.place_of("per"), PER_MAX, "attributes");
    }
    for one in matched.iter().filter(|one| one.patterns.len() > PATTERNS_MAX) {
        let place = one.patterns.first().map_or(section.place, |spot| spot.place);
        too_many(&one.field, place, PATTERNS_MAX, "values");
    }
}
