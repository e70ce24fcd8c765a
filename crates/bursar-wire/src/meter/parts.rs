//! The parts of one answer that are billed at different models.

use super::limits::MODELS_MAX;
use super::reading::{Anomalies, Anomaly};
use bursar_core::Usage;

/// Usage by model, in the order of appearance. An empty name is the answer's own model.
#[derive(Clone, Default, Debug)]
pub(crate) struct Parts {
    parts: Vec<(String, Usage)>,
}

impl Parts {
    /// Adds usage to a model's part.
    pub(crate) fn add(&mut self, model: &str, usage: &Usage, anomalies: &mut Anomalies) {
        let known = self.parts.iter().any(|(name, _)| name == model);
        if !known && self.parts.len() < MODELS_MAX {
            self.parts.push((model.to_owned(), *usage));
            return;
        }
        if !known {
            anomalies.note(Anomaly::ListCut);
        }
        let place = self.parts.iter().position(|(name, _)| name == model);
        let place = place.unwrap_or(self.parts.len().saturating_sub(1));
        if let Some((_, sum)) = self.parts.get_mut(place) {
            for (class, count) in usage.iter() {
                sum.add(class, count);
            }
        }
    }
    /// The parts.
    pub(crate) fn into_parts(self) -> Vec<(String, Usage)> {
        self.parts
    }
}
