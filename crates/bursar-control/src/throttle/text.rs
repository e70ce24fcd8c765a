//! What people are told of throttles: one sentence with the figures and the ratios that are configured.

use super::judge::{Shown, Status, Verdict};
use super::rules::Rules;
use super::watch::{NO_PROVIDER, Subject, Watched};
use bursar_core::text::money;
use bursar_core::{Measure, Usd};
use bursar_store::settings::ThrottleEventKind as Kind;
use serde_json::{Value, json};

/// The window that decided, and how it was judged.
pub(crate) type Lead<'a> = (&'a Watched, &'a Verdict);

/// Who, as sentences begin with it.
pub(crate) fn who(subject: &Subject) -> String {
    let mut text = match subject.provider.as_str() {
        NO_PROVIDER => "spend".to_owned(),
        provider => format!("provider `{provider}`"),
    };
    if let Some(model) = &subject.model {
        text.push_str(&format!(" with model `{model}`"));
    }
    if let Some(project) = &subject.project {
        text.push_str(&format!(" for project `{project}`"));
    }
    text
}

/// Why a window is judged as it is, with its figures.
pub(crate) fn why(rules: &Rules, (watched, verdict): Lead<'_>) -> String {
    let measure = watched.budget.measure;
    let name = &watched.budget.name;
    let spent = amount(measure, watched.spent());
    let limit = watched.standing.limit.map_or_else(|| "no limit".to_owned(), |limit| amount(measure, limit));
    let projected = verdict.projected.map_or_else(|| "unknown".to_owned(), |shown| figure(measure, shown));
    let ratio = verdict.ratio.map_or_else(|| "unknown".to_owned(), |ratio| ratio.to_string());
    let (engage, release) = (rules.engage_ratio, rules.release_ratio);
    let on_the_way = format!("{spent} spent, {projected} projected of {limit} in `{name}`, ratio {ratio}");
    match verdict.status {
        Status::Unlimited => format!("`{name}` has no limit"),
        Status::ZeroBudget => format!("the limit of `{name}` is nothing"),
        Status::AlreadySpent => format!("{spent} of {limit} in `{name}` is spent already"),
        Status::InsufficientData => {
            format!("{spent} of {limit} spent in `{name}`: too early or too little to project")
        }
        Status::Over => format!("{on_the_way} >= {engage}"),
        Status::Held => format!("{on_the_way} >= {release}, where it was throttled before"),
        Status::Released => format!("{on_the_way} < {release}"),
        Status::Within => format!("{on_the_way} < {engage}"),
    }
}

/// What an event tells.
pub(crate) fn message(kind: Kind, subject: &Subject, why: &str) -> String {
    let who = who(subject);
    match kind {
        Kind::Engaged => format!("{who} is throttled, requests go to other deployments: {why}"),
        Kind::Released => format!("{who} is no longer throttled: {why}"),
        Kind::WouldEngage => format!("dry run, nothing was re-routed: {who} would be throttled: {why}"),
        Kind::WouldRelease => {
            format!("dry run, nothing was re-routed: {who} would no longer be throttled: {why}")
        }
        Kind::PeriodReset => {
            format!("a period ended in which {who} was throttled: the next one begins without ({why})")
        }
        Kind::ForcedOn => format!("{who} is throttled by hand: {why}"),
        Kind::ForcedOff => format!("{who} is kept from being throttled by hand: {why}"),
        Kind::Cleared => format!("{who} is back to its projection: {why}"),
        Kind::ForceExpired => format!("the decision by hand about {who} ran out: {why}"),
        Kind::Projected => {
            format!("{who} is projected past its budget, and no provider can be routed away from: {why}")
        }
        Kind::ProjectedNoMore => format!("{who} is no longer projected past its budget: {why}"),
        Kind::Stale => format!("the throttle was not evaluated: {why}; its states are those of before"),
        Kind::Fresh => format!("the throttle is evaluated again: {why}"),
        Kind::RulesChanged => format!("the rules of the throttle changed: {why}"),
    }
}

/// The figures of an event or a state as JSON. Amounts are decimal strings in the budget's measure.
pub(crate) fn figures(rules: &Rules, (watched, verdict): Lead<'_>) -> Value {
    let measure = watched.budget.measure;
    let show = |shown: Option<Shown>| shown.map(|shown| shown.to_string());
    json!({
        "budget": &*watched.budget.name,
        "measure": measure.as_str(),
        "starts_at": watched.standing.starts_at.map(|at| at.to_string()),
        "ends_at": watched.standing.ends_at.map(|at| at.to_string()),
        "spent": measure.format(watched.spent()),
        "limit": watched.standing.limit.map(|limit| measure.format(limit)),
        "projected": show(verdict.projected),
        "ratio": show(verdict.ratio),
        "status": verdict.status.as_str(),
        "engage_ratio": rules.engage_ratio.to_string(),
        "release_ratio": rules.release_ratio.to_string(),
    })
}

fn amount(measure: Measure, amount: i64) -> String {
    match measure {
        Measure::Usd => money(Usd::from_nanos(amount)),
        Measure::Tokens | Measure::Requests => format!("{amount} {}", measure.as_str()),
    }
}

fn figure(measure: Measure, shown: Shown) -> String {
    match measure {
        Measure::Usd => money(Usd::from_nanos(shown.nanos())),
        Measure::Tokens | Measure::Requests => format!("{shown} {}", measure.as_str()),
    }
}
