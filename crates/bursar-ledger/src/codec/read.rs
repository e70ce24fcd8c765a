//! Takes numbers, texts and lists out of bytes, and refuses what is out of bounds before it allocates.

use super::{CROSSINGS_MAX, DecodeError};
use crate::budget::{BudgetId, Threshold};
use crate::command::Audit;
use crate::limits::{ACTOR_BYTES_MAX, REASON_BYTES_MAX};
use crate::outcome::Crossing;
use crate::window::WindowId;
use bursar_core::{Charge, RequestId, ReservationId, Timestamp, Usd};
use smallvec::{Array, SmallVec};

/// Reads from a slice and keeps count.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }
    pub(crate) const fn used(&self) -> usize {
        self.len - self.rest.len()
    }
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }
    pub(crate) fn flag(&mut self) -> Result<bool, DecodeError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Unknown),
        }
    }
    pub(crate) fn number(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::Bounds);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(DecodeError::Bounds)
    }
    pub(crate) fn number32(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.number()?).map_err(|_| DecodeError::Bounds)
    }
    /// A length; what follows takes at least one byte each, so that no length can make us allocate more than was read.
    pub(crate) fn count(&mut self, max: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.number()?).map_err(|_| DecodeError::Bounds)?;
        if count > max {
            return Err(DecodeError::Bounds);
        }
        if count > self.rest.len() { Err(DecodeError::Truncated) } else { Ok(count) }
    }
    pub(crate) fn signed(&mut self) -> Result<i64, DecodeError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }
    pub(crate) fn word(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }
    pub(crate) fn wide(&mut self) -> Result<u128, DecodeError> {
        self.array().map(u128::from_be_bytes)
    }
    pub(crate) fn time(&mut self) -> Result<Timestamp, DecodeError> {
        self.signed().map(Timestamp::from_micros)
    }
    pub(crate) fn optional(&mut self) -> Result<Option<i64>, DecodeError> {
        if self.flag()? { self.signed().map(Some) } else { Ok(None) }
    }
    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, DecodeError> {
        Ok(self.optional()?.map(Timestamp::from_micros))
    }
    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], DecodeError> {
        let count = self.count(max)?;
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }
    pub(crate) fn text(&mut self, max: usize) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.bytes(max)?).map_err(|_| DecodeError::Text)
    }
    pub(crate) fn list<T>(
        &mut self,
        max: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.count(max)?;
        (0..count).map(|_| item(self)).collect()
    }
    pub(crate) fn small_list<A: Array>(
        &mut self,
        max: usize,
        mut item: impl FnMut(&mut Self) -> Result<A::Item, DecodeError>,
    ) -> Result<SmallVec<A>, DecodeError> {
        let count = self.count(max)?;
        (0..count).map(|_| item(self)).collect()
    }
    pub(crate) fn reservation(&mut self) -> Result<ReservationId, DecodeError> {
        let request = RequestId::from_u128(self.wide()?);
        let attempt = u16::try_from(self.number()?).map_err(|_| DecodeError::Bounds)?;
        Ok(ReservationId { request, attempt })
    }
    pub(crate) fn charge(&mut self) -> Result<Charge, DecodeError> {
        let charge = Charge {
            list: Usd::from_nanos(self.signed()?),
            effective: Usd::from_nanos(self.signed()?),
            tokens: self.signed()?,
            requests: self.signed()?,
        };
        if charge.is_valid() { Ok(charge) } else { Err(DecodeError::Bounds) }
    }
    pub(crate) fn window_id(&mut self) -> Result<WindowId, DecodeError> {
        self.number().map(WindowId)
    }
    pub(crate) fn budget_id(&mut self) -> Result<BudgetId, DecodeError> {
        self.number32().map(BudgetId)
    }
    pub(crate) fn threshold(&mut self) -> Result<Threshold, DecodeError> {
        match self.byte()? {
            0 => self.number32().map(Threshold::Percent),
            1 => self.signed().map(Threshold::Amount),
            _ => Err(DecodeError::Unknown),
        }
    }
    pub(crate) fn crossings(&mut self) -> Result<Vec<Crossing>, DecodeError> {
        self.list(CROSSINGS_MAX, |r| Ok(Crossing { window: r.window_id()?, threshold: r.threshold()? }))
    }
    pub(crate) fn audit(&mut self) -> Result<Audit, DecodeError> {
        let actor = self.text(ACTOR_BYTES_MAX)?.into();
        Ok(Audit { actor, reason: self.text(REASON_BYTES_MAX)?.into() })
    }
}
