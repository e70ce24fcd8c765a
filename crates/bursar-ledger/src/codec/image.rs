//! Windows and pieces of snapshots as bytes.

use super::read::Reader;
use super::write::Writer;
use super::{DecodeError, state_number, state_of};
use crate::command::AdjustmentId;
use crate::entry::Image;
use crate::limits::{PER_MAX, THRESHOLDS_MAX};
use crate::period::Interval;
use crate::window::{WindowImage, WindowKey};
use bursar_core::amount::CostBasis;
use bursar_core::limits::ATTRIBUTE_BYTES_MAX;
use bursar_core::{Measure, Value};

const MARKS: u8 = 0;
const BUDGET: u8 = 1;
const WINDOW: u8 = 2;
const RESERVATION: u8 = 3;
const FINISHED: u8 = 4;
const ADJUSTMENT: u8 = 5;

impl WindowKey {
    /// Appends the key in the one form it has: equal keys give equal bytes.
    pub fn encode(&self, into: &mut Vec<u8>) {
        Writer::new(into).key(self);
    }
}

impl WindowImage {
    /// Appends the image.
    pub fn encode(&self, into: &mut Vec<u8>) {
        Writer::new(into).byte(super::VERSION).window(self);
    }
    /// Reads an image that takes up all of `bytes`.
    ///
    /// # Errors
    /// See [`DecodeError`]; bytes that are left over are [`DecodeError::Bounds`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        if r.byte()? != super::VERSION {
            return Err(DecodeError::Unknown);
        }
        let image = r.window()?;
        if r.used() == bytes.len() { Ok(image) } else { Err(DecodeError::Bounds) }
    }
}

impl Writer<'_> {
    fn key(&mut self, key: &WindowKey) -> &mut Self {
        self.number(u64::from(key.budget.0)).number(u64::from(key.generation));
        self.optional_time(key.interval.starts_at).optional_time(key.interval.ends_at).count(key.per.len());
        for value in &key.per {
            self.text(value.as_ref().map_or("", Value::as_str));
        }
        self
    }
    pub(super) fn window(&mut self, image: &WindowImage) -> &mut Self {
        self.number(image.id.0)
            .key(&image.key)
            .measure(image.measure)
            .basis(image.cost_basis)
            .signed(image.credit)
            .signed(image.granted)
            .signed(image.returned)
            .signed(image.settled)
            .signed(image.suspense)
            .signed(image.held)
            .signed(image.overage)
            .count(image.crossed.len());
        for threshold in &image.crossed {
            self.threshold(*threshold);
        }
        self.time(image.used_at).number(image.changed)
    }
    pub(super) fn measure(&mut self, measure: Measure) -> &mut Self {
        self.byte(match measure {
            Measure::Usd => 0,
            Measure::Tokens => 1,
            Measure::Requests => 2,
        })
    }
    pub(super) fn basis(&mut self, basis: CostBasis) -> &mut Self {
        self.byte(match basis {
            CostBasis::List => 0,
            CostBasis::Effective => 1,
        })
    }
    pub(super) fn image(&mut self, image: &Image) -> &mut Self {
        match image {
            Image::Marks { entries, next_window, page_epoch } => {
                self.byte(MARKS).number(*entries).number(*next_window).number(*page_epoch)
            }
            Image::Budget { budget, generation, paged, removed } => {
                self.byte(BUDGET).budget(budget).number(u64::from(*generation)).number(*paged).flag(*removed)
            }
            Image::Window(image) => self.byte(WINDOW).window(image),
            Image::Reservation { reserved, state, until } => {
                self.byte(RESERVATION).reserved(reserved).byte(state_number(*state)).optional_time(*until)
            }
            Image::Finished { id, state, fingerprint, charge } => self
                .byte(FINISHED)
                .reservation(*id)
                .byte(state_number(*state))
                .word(*fingerprint)
                .charge(charge),
            Image::Adjustment(id) => self.byte(ADJUSTMENT).wide(id.0),
        }
    }
}

impl Reader<'_> {
    fn key(&mut self) -> Result<WindowKey, DecodeError> {
        Ok(WindowKey {
            budget: self.budget_id()?,
            generation: self.number32()?,
            interval: Interval { starts_at: self.optional_time()?, ends_at: self.optional_time()? },
            per: self.small_list(PER_MAX, |r| match r.text(ATTRIBUTE_BYTES_MAX)? {
                "" => Ok(None),
                text => Value::new(text).map(Some).map_err(|_| DecodeError::Text),
            })?,
        })
    }
    pub(super) fn window(&mut self) -> Result<WindowImage, DecodeError> {
        Ok(WindowImage {
            id: self.window_id()?,
            key: self.key()?,
            measure: self.measure()?,
            cost_basis: self.basis()?,
            credit: self.signed()?,
            granted: self.signed()?,
            returned: self.signed()?,
            settled: self.amount()?,
            suspense: self.amount()?,
            held: self.amount()?,
            overage: self.amount()?,
            crossed: self.small_list(THRESHOLDS_MAX, Reader::threshold)?,
            used_at: self.time()?,
            changed: self.number()?,
        })
    }
    /// A counter: never negative.
    fn amount(&mut self) -> Result<i64, DecodeError> {
        let amount = self.signed()?;
        if amount < 0 { Err(DecodeError::Bounds) } else { Ok(amount) }
    }
    pub(super) fn measure(&mut self) -> Result<Measure, DecodeError> {
        match self.byte()? {
            0 => Ok(Measure::Usd),
            1 => Ok(Measure::Tokens),
            2 => Ok(Measure::Requests),
            _ => Err(DecodeError::Unknown),
        }
    }
    pub(super) fn basis(&mut self) -> Result<CostBasis, DecodeError> {
        match self.byte()? {
            0 => Ok(CostBasis::List),
            1 => Ok(CostBasis::Effective),
            _ => Err(DecodeError::Unknown),
        }
    }
    pub(super) fn image(&mut self) -> Result<Image, DecodeError> {
        Ok(match self.byte()? {
            MARKS => Image::Marks {
                entries: self.number()?,
                next_window: self.number()?,
                page_epoch: self.number()?,
            },
            BUDGET => Image::Budget {
                budget: self.budget()?.into(),
                generation: self.number32()?,
                paged: self.number()?,
                removed: self.flag()?,
            },
            WINDOW => Image::Window(Box::new(self.window()?)),
            RESERVATION => Image::Reservation {
                reserved: self.reserved()?,
                state: state_of(self.byte()?)?,
                until: self.optional_time()?,
            },
            FINISHED => Image::Finished {
                id: self.reservation()?,
                state: state_of(self.byte()?)?,
                fingerprint: self.word()?,
                charge: self.charge()?,
            },
            ADJUSTMENT => Image::Adjustment(AdjustmentId(self.wide()?)),
            _ => return Err(DecodeError::Unknown),
        })
    }
}
