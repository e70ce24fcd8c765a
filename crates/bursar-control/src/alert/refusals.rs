//! What refusals tell: windows in which nothing fits any more, and models without a price. Runs beside requests, so it keeps
//! little and remembers what it told.

use super::entries::exhausted_key;
use super::limits::{REFUSALS_MAX, UNPRICED_A_DAY_MAX};
use bursar_core::refusal::Code;
use bursar_core::{Attribute, Timestamp};
use bursar_govern::story::Story;
use bursar_store::settings::{AlertEvent, NewAlert};
use parking_lot::Mutex;
use serde_json::json;
use std::collections::BTreeSet;

/// Characters of a model's name that are shown: clients choose it.
const MODEL_CHARS_MAX: usize = 100;

/// Alerts of refusals that wait for the drainer.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    alerts: Vec<NewAlert>,
    told: BTreeSet<String>,
    day: i64,
    unpriced: u32,
}

impl Refusals {
    /// Looks at a request that ended.
    pub(crate) fn hear(&self, story: &Story) {
        let Some(refusal) = &story.refusal else { return };
        let at = story.finalized_at.unwrap_or(story.created_at);
        if refusal.code == Code::NoPrice {
            self.0.lock().unpriced(story, at);
        }
        for blocking in &refusal.blocking {
            if blocking.code != Code::exhausted(&blocking.scope) {
                continue;
            }
            let scope = blocking.scope.to_string();
            let key = exhausted_key(&blocking.budget, &scope, &blocking.per, blocking.starts_at);
            let (measure, spent) = (blocking.measure, blocking.settled.saturating_add(blocking.suspense));
            let alert = || NewAlert {
                dedup_key: key.clone(),
                at,
                event: AlertEvent::Exhausted,
                scope: scope.clone(),
                document: json!({
                    "budget": blocking.budget, "measure": measure.as_str(), "spent": measure.format(spent),
                    "limit": measure.format(blocking.limit), "asked": measure.format(blocking.requested),
                    "starts_at": blocking.starts_at.map(|at| at.to_string()),
                    "resets_at": blocking.ends_at.map(|at| at.to_string()),
                }),
            };
            self.0.lock().tell(&key, alert);
        }
    }
    /// What waits, for the outbox.
    pub(crate) fn take(&self) -> Vec<NewAlert> {
        std::mem::take(&mut self.0.lock().alerts)
    }
    /// Takes back what could not be written.
    pub(crate) fn give_back(&self, mut alerts: Vec<NewAlert>) {
        let mut waiting = self.0.lock();
        alerts.append(&mut waiting.alerts);
        alerts.truncate(REFUSALS_MAX);
        waiting.alerts = alerts;
    }
}

impl Waiting {
    fn tell(&mut self, key: &str, alert: impl FnOnce() -> NewAlert) -> bool {
        if self.told.contains(key) || self.alerts.len() >= REFUSALS_MAX {
            return false;
        }
        if self.told.len() >= REFUSALS_MAX {
            // The outbox knows what it has; forgetting costs one look-up there.
            self.told.clear();
        }
        self.told.insert(key.to_owned());
        self.alerts.push(alert());
        true
    }
    fn unpriced(&mut self, story: &Story, at: Timestamp) {
        let day = at.seconds().div_euclid(86_400);
        if day != self.day {
            (self.day, self.unpriced) = (day, 0);
        }
        if self.unpriced >= UNPRICED_A_DAY_MAX {
            return;
        }
        let shown = |c: &char| !c.is_control();
        let model: String = story.model_asked.chars().filter(shown).take(MODEL_CHARS_MAX).collect();
        let event = AlertEvent::PriceMissing;
        let key = format!("{event}:{model}:{day}");
        let project = story.attributes.get(&Attribute::Project).map(ToString::to_string);
        let scope = project.as_ref().map_or_else(|| "platform".to_owned(), |name| format!("project={name}"));
        let document = json!({ "model": model, "project": project });
        let alert = || NewAlert { dedup_key: key.clone(), at, event, scope, document };
        if self.tell(&key, alert) {
            self.unpriced += 1;
        }
    }
}
