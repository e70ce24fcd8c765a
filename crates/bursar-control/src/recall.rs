//! What keys used before this process began: limits per hour and day go on from the records, where a restart would begin them
//! anew. A minute is over before anybody could make use of it.

use crate::state::State;
use bursar_core::key_limit::{Counts, Span};
use bursar_core::{KeyLimit, Measure, Timestamp};
use bursar_store::records::{Dimension, NameFilter, RecordsError, Status, Sums};
use std::collections::HashMap;
use std::sync::Arc;

/// What one key used for one model in the span before the one that runs, and in that.
struct Used {
    model: Arc<str>,
    spans: [Sums; 2],
}

type ByKey = HashMap<Arc<str>, Vec<Used>>;

impl State {
    /// Reads what keys with limits used in the hours and days that still count. To be called once, after the keys are
    /// published and before requests come.
    ///
    /// # Errors
    /// When the records cannot be read: limits begin anew then.
    pub fn recall_key_use(&self) -> Result<(), RecordsError> {
        let now = self.now();
        let directory = self.governor.directory();
        let limits = || directory.keys.values().flat_map(|key| key.limits.iter());
        let is_per =
            |limit: &KeyLimit, span: Span| matches!(limit.counts, Counts::Per(_, own) if own == span);
        let mut known: Vec<(Span, ByKey)> = Vec::new();
        for span in [Span::Hour, Span::Day] {
            if limits().any(|limit| is_per(limit, span)) {
                known.push((span, self.used_in(span, now)?));
            }
        }
        self.governor.recall_key_use(now, |key, limit| {
            let Counts::Per(measure, span) = limit.counts else { return None };
            let (_, by_key) = known.iter().find(|(own, _)| *own == span)?;
            let rows = by_key.get(key)?.iter().filter(|used| limit.is_about(&used.model));
            Some(rows.fold([0, 0], |[before, current], Used { spans: [one, two], .. }| {
                let add = |sum: i64, sums: &Sums| sum.saturating_add(counted(measure, sums));
                [add(before, one), add(current, two)]
            }))
        });
        Ok(())
    }
    fn used_in(&self, span: Span, now: Timestamp) -> Result<ByKey, RecordsError> {
        let running = now.micros().div_euclid(span.micros());
        let edge = |number: i64| Timestamp::from_micros(number.saturating_mul(span.micros()));
        let edges = [edge(running - 1), edge(running), edge(running + 1)];
        let by = [Dimension::Key, Dimension::Model];
        let periods = self.records.usage_by_period(&edges, &by, &NameFilter::new())?;
        let mut by_key = ByKey::new();
        for (at, rows) in periods.into_iter().enumerate() {
            // A refused request counts in no limit.
            for row in rows.into_iter().filter(|row| row.status != Status::Denied) {
                let [key, model] = row.names.as_slice() else { continue };
                let models = by_key.entry(Arc::clone(key)).or_default();
                if !models.iter().any(|used| used.model == *model) {
                    models.push(Used { model: Arc::clone(model), spans: [Sums::default(); 2] });
                }
                let used = models.iter_mut().find(|used| used.model == *model);
                if let Some(sums) = used.and_then(|used| used.spans.get_mut(at)) {
                    sums.add(&row.sums);
                }
            }
        }
        Ok(by_key)
    }
}

fn counted(measure: Measure, sums: &Sums) -> i64 {
    match measure {
        Measure::Requests => sums.requests,
        Measure::Tokens => sums.tokens(),
        Measure::Usd => sums.list_cost,
    }
}
