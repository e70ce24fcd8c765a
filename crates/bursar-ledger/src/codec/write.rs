//! Puts numbers, texts and lists into bytes.

use crate::budget::Threshold;
use crate::command::Audit;
use crate::outcome::Crossing;
use crate::window::WindowId;
use bursar_core::{Charge, ReservationId, Timestamp};

/// Appends to a buffer. Every method returns the writer, so that an entry reads as one sentence.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }
    pub(crate) fn byte(&mut self, byte: u8) -> &mut Self {
        self.out.push(byte);
        self
    }
    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.byte(u8::from(flag))
    }
    /// Seven bits a byte, lowest first; the highest bit says that more follow.
    pub(crate) fn number(&mut self, mut number: u64) -> &mut Self {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.byte(low & 0x7f);
            }
            self.byte(low | 0x80);
        }
    }
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.number(u64::try_from(count).unwrap_or(u64::MAX))
    }
    pub(crate) fn signed(&mut self, number: i64) -> &mut Self {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned())
    }
    pub(crate) fn word(&mut self, word: u64) -> &mut Self {
        self.out.extend_from_slice(&word.to_le_bytes());
        self
    }
    pub(crate) fn wide(&mut self, wide: u128) -> &mut Self {
        self.out.extend_from_slice(&wide.to_be_bytes());
        self
    }
    pub(crate) fn time(&mut self, at: Timestamp) -> &mut Self {
        self.signed(at.micros())
    }
    pub(crate) fn optional(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.byte(1).signed(number),
            None => self.byte(0),
        }
    }
    pub(crate) fn optional_time(&mut self, at: Option<Timestamp>) -> &mut Self {
        self.optional(at.map(Timestamp::micros))
    }
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len());
        self.out.extend_from_slice(bytes);
        self
    }
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }
    pub(crate) fn reservation(&mut self, id: ReservationId) -> &mut Self {
        self.wide(id.request.as_u128()).number(u64::from(id.attempt))
    }
    pub(crate) fn charge(&mut self, charge: &Charge) -> &mut Self {
        self.signed(charge.list.nanos()).signed(charge.effective.nanos());
        self.signed(charge.tokens).signed(charge.requests)
    }
    pub(crate) fn windows(&mut self, windows: &[WindowId]) -> &mut Self {
        self.count(windows.len());
        for window in windows {
            self.number(window.0);
        }
        self
    }
    pub(crate) fn threshold(&mut self, threshold: Threshold) -> &mut Self {
        match threshold {
            Threshold::Percent(percent) => self.byte(0).number(u64::from(percent)),
            Threshold::Amount(amount) => self.byte(1).signed(amount),
        }
    }
    pub(crate) fn crossings(&mut self, crossings: &[Crossing]) -> &mut Self {
        self.count(crossings.len());
        for crossing in crossings {
            self.number(crossing.window.0).threshold(crossing.threshold);
        }
        self
    }
    pub(crate) fn audit(&mut self, audit: &Audit) -> &mut Self {
        self.text(&audit.actor).text(&audit.reason)
    }
}
