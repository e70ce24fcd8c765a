//! What a dry run would have moved: how many requests, what they cost, where they would have gone.

use super::watch::Subject;
use bursar_core::Usd;
use bursar_core::text::money;
use bursar_store::records::{Record, WouldMove};
use bursar_store::settings::ThrottleMoves;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a dry run would have done.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct Moved {
    /// Requests that would not have gone to the provider.
    pub requests: u64,
    /// What they cost there, as list cost in USD.
    pub list_cost: String,
    /// Where they would have gone, most requests first.
    pub to: Vec<MovedTo>,
    /// Requests that nobody else was left for: they would have been refused.
    pub refused: u64,
}

/// Requests that would have gone to one provider.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct MovedTo {
    /// The provider.
    pub provider: String,
    /// How many.
    pub requests: u64,
}

impl Moved {
    /// Its name among the figures of an event.
    pub(crate) const FIELD: &str = "would_have_moved";

    /// What was counted for one throttle.
    pub(crate) fn of(moves: &[ThrottleMoves], subject: &Subject) -> Self {
        let is_own = |moved: &&ThrottleMoves| {
            moved.provider == subject.provider
                && moved.project == subject.project
                && moved.model == subject.model
        };
        let (mut all, mut cost) = (Self::default(), Usd::ZERO);
        for moved in moves.iter().filter(is_own) {
            all.requests = all.requests.saturating_add(moved.requests);
            cost = cost.saturating_add(moved.list_cost);
            match &moved.to {
                Some(provider) => {
                    all.to.push(MovedTo { provider: provider.clone(), requests: moved.requests });
                }
                None => all.refused = moved.requests,
            }
        }
        all.list_cost = cost.to_string();
        all
    }
    /// As a part of a sentence: `3 requests that cost $0.0054 would have moved: 2 to two, 1 would have been refused`.
    pub(crate) fn sentence(&self) -> String {
        if self.requests == 0 {
            return "no request would have moved".to_owned();
        }
        let word = if self.requests == 1 { "request" } else { "requests" };
        let cost = Usd::parse(&self.list_cost).map_or_else(|_| self.list_cost.clone(), money);
        let to = self.to.iter().map(|to| format!("{} to `{}`", to.requests, to.provider));
        let refused = (self.refused > 0).then(|| format!("{} would have been refused", self.refused));
        let parts: Vec<String> = to.chain(refused).collect();
        format!("{} {word} that cost {cost} would have moved: {}", self.requests, parts.join(", "))
    }
}

/// What a batch of records adds, throttle by throttle and place by place.
#[derive(Default)]
pub(crate) struct MovesOfBatch(BTreeMap<WouldMove, (u64, Usd)>);

impl MovesOfBatch {
    /// Looks at a record that is settled.
    pub(crate) fn count(&mut self, record: &Record) {
        let Some(would) = &record.would_move else { return };
        let sum = self.0.entry(would.clone()).or_default();
        sum.0 += 1;
        sum.1 = sum.1.saturating_add(record.charge.list);
    }
    /// As the settings take them.
    pub(crate) fn into_rows(self) -> Vec<ThrottleMoves> {
        let rows = self.0.into_iter();
        rows.map(|(would, (requests, list_cost))| {
            let WouldMove { provider, project, model, to } = would;
            ThrottleMoves { provider, project, model, to, requests, list_cost }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(project: Option<&str>, to: Option<&str>, requests: u64, cost: &str) -> ThrottleMoves {
        ThrottleMoves {
            provider: "one".to_owned(),
            project: project.map(str::to_owned),
            model: None,
            to: to.map(str::to_owned),
            requests,
            list_cost: Usd::parse(cost).unwrap(),
        }
    }

    /// Rules: S0-04.
    #[test]
    fn a_dry_run_says_how_many_it_would_have_moved_and_where_to() {
        let moves = [
            row(None, Some("two"), 2, "0.0036"),
            row(None, None, 1, "0.0018"),
            row(Some("alpha"), Some("three"), 1, "7"),
        ];
        let subject = |project: Option<&str>| Subject {
            provider: "one".to_owned(),
            project: project.map(str::to_owned),
            model: None,
        };
        let of = |project| Moved::of(&moves, &subject(project)).sentence();
        assert_eq!(
            of(None),
            "3 requests that cost $0.0054 would have moved: 2 to `two`, 1 would have been refused"
        );
        assert_eq!(of(Some("alpha")), "1 request that cost $7.00 would have moved: 1 to `three`");
        assert_eq!(of(Some("beta")), "no request would have moved");
    }
}
