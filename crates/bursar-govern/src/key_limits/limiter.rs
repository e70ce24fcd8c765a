//! The table of what keys used lately, and the pass of a request through the limits of its key.

use super::sliding::Sliding;
use bursar_core::key_limit::Counts;
use bursar_core::{Charge, KeyLimit, Measure, Timestamp, Value};
use bursar_wire::RateLimit;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Keys whose use is remembered at once: those with limits that were used within two days; ten times a large company's.
const KEYS_MAX: usize = 100_000;
/// Microseconds between two looks for keys to forget while the table is full: a look takes milliseconds.
const SWEEP_EVERY: i64 = 1_000_000;

/// What keys used lately. The clock is an argument.
#[derive(Debug, Default)]
pub struct Limiter {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    keys: HashMap<Value, Vec<(KeyLimit, Use)>>,
    swept_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
enum Use {
    Lately(Sliding),
    AtOnce(i64),
}

/// A limit that has no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited {
    /// Which.
    pub limit: KeyLimit,
    /// What counts in it now.
    pub used: i64,
    /// How long until it may have room, in microseconds.
    pub wait_micros: i64,
}

/// A request's place in the limits of its key. Dropping it gives the place back; what it used is told before.
#[must_use = "dropping a pass gives its place back"]
pub struct Pass {
    limiter: Arc<Limiter>,
    key: Value,
    model: Box<str>,
    limits: Arc<[KeyLimit]>,
}

impl Limiter {
    /// Lets a request through every limit of its key that is about its model, or through none.
    ///
    /// # Errors
    /// The limit that takes longest to have room.
    pub fn pass(
        self: &Arc<Self>,
        now: Timestamp,
        key: &Value,
        limits: &Arc<[KeyLimit]>,
        model: &str,
    ) -> Result<Pass, Limited> {
        {
            let mut table = self.table.lock();
            let Some(uses) = table.of(key, limits, now) else {
                tracing::warn!("too many keys with limits: one is not limited, its budgets are");
                return Ok(self.through(key, limits, model));
            };
            let about = || uses.iter().filter(|(limit, _)| limit.is_about(model));
            let full = about().filter_map(|(limit, used)| limited(limit, used, now));
            if let Some(longest) = full.max_by_key(|limited| limited.wait_micros) {
                return Err(longest);
            }
            for (limit, used) in uses.iter_mut().filter(|(limit, _)| limit.is_about(model)) {
                match (limit.counts, used) {
                    (Counts::AtOnce, Use::AtOnce(running)) => *running += 1,
                    (Counts::Per(Measure::Requests, span), Use::Lately(count)) => count.add(now, span, 1),
                    (Counts::AtOnce | Counts::Per(..), Use::Lately(_) | Use::AtOnce(_)) => {}
                }
            }
        }
        Ok(self.through(key, limits, model))
    }
    /// Takes up what a key used before this process began: of each limit that counts nothing yet, what `used` says of the
    /// span before the one that runs, and of that.
    pub fn recall(
        &self,
        now: Timestamp,
        key: &Value,
        limits: &Arc<[KeyLimit]>,
        used: impl Fn(&KeyLimit) -> Option<[i64; 2]>,
    ) {
        let mut table = self.table.lock();
        let Some(uses) = table.of(key, limits, now) else { return };
        for (limit, own) in uses {
            if let (Counts::Per(_, span), Use::Lately(count)) = (limit.counts, own)
                && *count == Sliding::default()
                && let Some([before, current]) = used(limit)
            {
                *count = Sliding::recalled(now, span, before, current);
            }
        }
    }
    /// Where the tightest limits of a key stand that count requests and tokens.
    #[must_use]
    pub fn standing(
        &self,
        now: Timestamp,
        key: &Value,
        limits: &Arc<[KeyLimit]>,
        model: &str,
    ) -> Vec<RateLimit> {
        let mut table = self.table.lock();
        let Some(uses) = table.of(key, limits, now) else { return Vec::new() };
        let of = |measure: Measure| {
            let standing = uses.iter().filter_map(|(limit, used)| match (limit.counts, used) {
                (Counts::Per(counted, span), Use::Lately(count))
                    if counted == measure && limit.is_about(model) =>
                {
                    let micros = count.empty_in_micros(now, span);
                    let left = limit.most.saturating_sub(count.used(now, span));
                    let resets_at = Timestamp::from_micros(now.micros().saturating_add(micros));
                    Some(RateLimit {
                        measure,
                        most: limit.most,
                        left,
                        resets_at,
                        resets_in_ms: micros / 1000,
                    })
                }
                _ => None,
            });
            standing.min_by_key(|limit| limit.left)
        };
        [Measure::Requests, Measure::Tokens].into_iter().filter_map(of).collect()
    }
    fn through(self: &Arc<Self>, key: &Value, limits: &Arc<[KeyLimit]>, model: &str) -> Pass {
        Pass { limiter: Arc::clone(self), key: key.clone(), model: model.into(), limits: Arc::clone(limits) }
    }
    /// Changes what the limits of a pass count, those that are still the key's.
    fn note(&self, pass: &Pass, note: impl Fn(Counts, &mut Use)) {
        let mut table = self.table.lock();
        let Some(uses) = table.keys.get_mut(&pass.key) else { return };
        for (limit, used) in uses {
            let same = |own: &KeyLimit| is_same_count(own, limit);
            if pass.limits.iter().any(same) && limit.is_about(&pass.model) {
                note(limit.counts, used);
            }
        }
    }
}

impl Table {
    /// What a key used of each of its limits; what was counted for a limit is kept while others change. `None`: full.
    fn of(
        &mut self,
        key: &Value,
        limits: &Arc<[KeyLimit]>,
        now: Timestamp,
    ) -> Option<&mut Vec<(KeyLimit, Use)>> {
        if !self.keys.contains_key(key) && self.keys.len() >= KEYS_MAX {
            if self.swept_at.is_none_or(|at| now.micros_since(at) >= SWEEP_EVERY) {
                self.swept_at = Some(now);
                self.keys.retain(|_, uses| uses.iter().any(|(limit, used)| counts(limit, used, now) > 0));
            }
            if self.keys.len() >= KEYS_MAX {
                return None;
            }
        }
        let uses = self.keys.entry(key.clone()).or_default();
        if !uses.iter().map(|(limit, _)| limit).eq(limits.iter()) {
            let before = std::mem::take(uses);
            *uses = limits
                .iter()
                .map(|limit| {
                    let kept = before.iter().find(|(old, _)| is_same_count(old, limit));
                    let fresh = match limit.counts {
                        Counts::AtOnce => Use::AtOnce(0),
                        Counts::Per(..) => Use::Lately(Sliding::default()),
                    };
                    (limit.clone(), kept.map_or(fresh, |(_, used)| *used))
                })
                .collect();
        }
        Some(uses)
    }
}

impl Pass {
    /// Counts what the request used, once it is known.
    pub fn used(&self, now: Timestamp, charge: &Charge) {
        self.limiter.note(self, |counts, used| match (counts, used) {
            (Counts::Per(Measure::Tokens, span), Use::Lately(count)) => count.add(now, span, charge.tokens),
            (Counts::Per(Measure::Usd, span), Use::Lately(count)) => {
                count.add(now, span, charge.list.nanos());
            }
            (Counts::AtOnce | Counts::Per(..), Use::Lately(_) | Use::AtOnce(_)) => {}
        });
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let limiter = Arc::clone(&self.limiter);
        limiter.note(self, |_, used| {
            if let Use::AtOnce(running) = used {
                *running = (*running - 1).max(0);
            }
        });
    }
}

impl std::fmt::Debug for Pass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pass").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Whether two limits count the same, however much they allow.
fn is_same_count(one: &KeyLimit, other: &KeyLimit) -> bool {
    one.counts == other.counts && one.model == other.model
}

fn counts(limit: &KeyLimit, used: &Use, now: Timestamp) -> i64 {
    match (limit.counts, used) {
        (Counts::Per(_, span), Use::Lately(count)) => count.used(now, span),
        (_, Use::AtOnce(running)) => *running,
        (Counts::AtOnce, Use::Lately(_)) => 0,
    }
}

/// Whether a limit has no room for one more: request, token or nano-USD. Tokens and money are counted once they are
/// known, so what is in flight may go above.
fn limited(limit: &KeyLimit, used: &Use, now: Timestamp) -> Option<Limited> {
    let counted = counts(limit, used, now);
    if counted < limit.most {
        return None;
    }
    let wait_micros = match (limit.counts, used) {
        (Counts::Per(_, span), Use::Lately(count)) => count.wait_micros(now, span, limit.most),
        (Counts::AtOnce | Counts::Per(..), Use::Lately(_) | Use::AtOnce(_)) => 1_000_000,
    };
    Some(Limited { limit: limit.clone(), used: counted, wait_micros })
}
