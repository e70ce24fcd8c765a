//! What the answers of all formats have in common: who answered, the text so far, the error, the end.

use super::hearing::Hearing;
use super::limits::{CHOICES_MAX, COUNT_MAX};
use super::number;
use super::reader::Scalar;
use super::reading::{Anomalies, Anomaly, ProviderError, Reading};
use bursar_core::{Usage, UsageClass};
use smallvec::SmallVec;

/// Collected by the reader of each format.
#[derive(Clone, Default, Debug)]
pub(crate) struct Answer {
    pub(crate) model: Option<Box<str>>,
    pub(crate) id: Option<Box<str>>,
    pub(crate) service_tier: Option<Box<str>>,
    pub(crate) region: Option<Box<str>>,
    pub(crate) speed: Option<Box<str>>,
    pub(crate) finish: Option<Box<str>>,
    pub(crate) error: Option<ProviderError>,
    /// What is an error's part only where nothing was generated.
    pub(crate) loose: ProviderError,
    pub(crate) cost_pico: Option<u128>,
    /// The format's own end was seen.
    pub(crate) ended: bool,
    pub(crate) anomalies: Anomalies,
    pub(crate) text_bytes: u64,
    pub(crate) media_bytes: u64,
    by_choice: SmallVec<[u64; 2]>,
    /// The choice that is read: its index once known, its text so far.
    choice: usize,
    choice_text: u64,
    /// Counts the text, where it is to be counted.
    pub(crate) hearing: Option<Box<Hearing>>,
}

impl Answer {
    /// A stated word; `null` and other types leave what was known.
    pub(crate) fn word(place: &mut Option<Box<str>>, value: &Scalar<'_>) {
        if let Scalar::Word(word) = value
            && !word.is_empty()
            && place.as_deref() != Some(word.as_ref())
        {
            *place = Some(word.as_ref().into());
        }
    }

    /// A stated count: `None` for `null` and for what is not a count, which is noted.
    pub(crate) fn count(&mut self, value: &Scalar<'_>) -> Option<u64> {
        match value {
            Scalar::Number(text) => match number::count(text) {
                Ok(count) => Some(count),
                Err(anomaly) => {
                    self.anomalies.note(anomaly);
                    (anomaly == Anomaly::AbsurdCount).then_some(COUNT_MAX)
                }
            },
            Scalar::Null => None,
            Scalar::Word(_) | Scalar::Flag(_) => {
                self.anomalies.note(Anomaly::BadCount);
                None
            }
        }
    }

    /// A cumulative count: the last one wins; a smaller one is noted.
    pub(crate) fn latest(&mut self, place: &mut Option<u64>, value: &Scalar<'_>) {
        let Some(count) = self.count(value) else { return };
        if place.is_some_and(|before| count < before) {
            self.anomalies.note(Anomaly::UsageShrank);
        }
        *place = Some(count);
    }

    /// A cost in USD that the provider states.
    pub(crate) fn cost(&mut self, value: &Scalar<'_>) -> Option<u128> {
        let Scalar::Number(text) = value else { return None };
        let pico = number::pico(text);
        if pico.is_none() {
            self.anomalies.note(Anomaly::BadCount);
        }
        pico
    }

    pub(crate) fn begin_choice(&mut self) {
        self.choice = 0;
        self.choice_text = 0;
    }
    pub(crate) fn choice_index(&mut self, value: &Scalar<'_>) {
        if let Scalar::Number(text) = value {
            self.choice = number::count(text).ok().and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
        }
    }
    pub(crate) fn end_choice(&mut self) {
        let text = std::mem::take(&mut self.choice_text);
        if text == 0 {
            return;
        }
        if self.choice >= CHOICES_MAX {
            self.anomalies.note(Anomaly::ListCut);
        }
        let index = self.choice.min(CHOICES_MAX - 1);
        if self.by_choice.len() <= index {
            self.by_choice.resize(index + 1, 0);
        }
        if let Some(sum) = self.by_choice.get_mut(index) {
            *sum = sum.saturating_add(text);
        }
    }
    /// Generated text.
    pub(crate) fn add_text(&mut self, bytes: u64) {
        self.text_bytes = self.text_bytes.saturating_add(bytes);
        self.choice_text = self.choice_text.saturating_add(bytes);
    }
    /// What the text is, for who counts it.
    pub(crate) fn hear(&mut self, part: &[u8]) {
        if let Some(hearing) = &mut self.hearing {
            hearing.hear(self.choice, part);
        }
    }
    /// Generated audio or images in base64.
    pub(crate) fn add_media(&mut self, bytes: u64) {
        self.media_bytes = self.media_bytes.saturating_add(bytes);
    }

    /// An error is there, of whatever shape.
    pub(crate) fn mark_error(&mut self) {
        self.error.get_or_insert_default();
    }
    pub(crate) fn error_kind(&mut self, value: &Scalar<'_>) {
        self.error.get_or_insert_default().kind(value);
    }
    /// The error's message. An error that is a string is its message; `"error": null` is no error.
    pub(crate) fn error_message(&mut self, value: &Scalar<'_>) {
        if matches!(value, Scalar::Word(_)) {
            self.error.get_or_insert_default().message(value);
        }
    }

    /// The common part of the reading.
    pub(crate) fn reading(mut self, body_bytes: u64, usage: Usage) -> Reading {
        self.end_choice();
        // An answer that ended with its count needs no other.
        let is_wanted = usage.stated(UsageClass::Output).is_none() || !self.ended;
        let counted = self.hearing.filter(|_| is_wanted).and_then(|hearing| hearing.finish(self.text_bytes));
        let silent = usage.is_empty() && self.text_bytes == 0 && self.media_bytes == 0;
        let error = match self.error {
            Some(error) => Some(ProviderError {
                kind: error.kind.or(self.loose.kind),
                message: error.message.or(self.loose.message),
            }),
            None if silent && self.loose != ProviderError::default() => Some(self.loose),
            None => None,
        };
        Reading {
            usage,
            model: self.model,
            response_id: self.id,
            service_tier: self.service_tier,
            region: self.region,
            speed: self.speed,
            billed_by_model: Vec::new(),
            provider_cost_pico: self.cost_pico,
            complete: self.ended,
            finish: self.finish,
            text_bytes: self.text_bytes,
            text_bytes_by_choice: self.by_choice,
            counted,
            media_bytes: self.media_bytes,
            body_bytes,
            unread_bytes: 0,
            error,
            anomalies: self.anomalies,
        }
    }
}
