//! Budgets as bytes.

use super::DecodeError;
use super::read::Reader;
use super::write::Writer;
use crate::budget::{Budget, Fit, HoldPolicy, Missing, Mode, OnExpiry, Raise, SuspensePolicy};
use crate::limits::{MATCHES_MAX, NAME_BYTES_MAX, PATTERNS_MAX, PER_MAX, REASON_BYTES_MAX, THRESHOLDS_MAX};
use crate::period::{Period, PeriodKind};
use crate::zone::Zone;
use bursar_core::limits::ATTRIBUTE_BYTES_MAX;
use bursar_core::{Attribute, Pattern};
use jiff::civil::{Date, Weekday};

/// Bytes of an IANA name; the longest there is has about 30.
const ZONE_BYTES_MAX: usize = 64;
/// Bytes of an attribute's word: `tag.` and a name.
const WORD_BYTES_MAX: usize = ATTRIBUTE_BYTES_MAX + 4;

impl Writer<'_> {
    pub(super) fn budget(&mut self, budget: &Budget) -> &mut Self {
        self.number(u64::from(budget.id.0)).number(budget.version).text(&budget.name);
        self.count(budget.matches.len());
        for (attribute, patterns) in &budget.matches {
            self.attribute(attribute).count(patterns.len());
            for pattern in patterns {
                self.text(pattern.as_str());
            }
        }
        self.count(budget.per.len());
        for attribute in &budget.per {
            self.attribute(attribute);
        }
        self.measure(budget.measure).basis(budget.cost_basis).optional(budget.limit).period(&budget.period);
        self.byte(match budget.mode {
            Mode::Hard => 0,
            Mode::Soft => 1,
            Mode::Shadow => 2,
        });
        self.count(budget.thresholds.len());
        for threshold in &budget.thresholds {
            self.threshold(*threshold);
        }
        self.byte(match budget.hold {
            HoldPolicy::WorstCase => 0,
            HoldPolicy::Streaming => 1,
            HoldPolicy::Estimate => 2,
        });
        match budget.suspense {
            SuspensePolicy::Hold => self.byte(0),
            SuspensePolicy::EstimateAfter { seconds } => self.byte(1).number(u64::from(seconds)),
        };
        self.byte(match budget.missing {
            Missing::Shared => 0,
            Missing::Skip => 1,
            Missing::Refuse => 2,
        });
        self.time(budget.since).flag(budget.auto_renew);
        self.byte(match budget.on_expiry {
            OnExpiry::Block => 0,
            OnExpiry::Deactivate => 1,
        });
        self.number(u64::from(budget.rollover_cap_pct)).flag(budget.raise.is_some());
        if let Some(Raise { amount, until, reason }) = &budget.raise {
            self.signed(*amount).time(*until).text(reason);
        }
        self.count(budget.fit.len());
        for fit in &budget.fit {
            self.byte(match fit {
                Fit::Wait => 0,
                Fit::Clamp => 1,
            });
        }
        self.number(u64::from(budget.wait_ms)).number(u64::from(budget.windows_max));
        self.number(u64::from(budget.idle_after_s)).flag(budget.active)
    }
    fn attribute(&mut self, attribute: &Attribute) -> &mut Self {
        self.text(&attribute.to_string())
    }
    fn period(&mut self, period: &Period) -> &mut Self {
        match period.kind {
            PeriodKind::Hour => self.byte(0),
            PeriodKind::Day => self.byte(1),
            PeriodKind::Week { start } => self.byte(2).signed(i64::from(start.to_monday_zero_offset())),
            PeriodKind::Month => self.byte(3),
            PeriodKind::Year => self.byte(4),
            PeriodKind::Days { days, anchor } => self
                .byte(5)
                .number(u64::from(days))
                .signed(i64::from(anchor.year()))
                .signed(i64::from(anchor.month()))
                .signed(i64::from(anchor.day())),
            PeriodKind::Total => self.byte(6),
        };
        self.text(period.zone.name())
    }
}

impl Reader<'_> {
    pub(super) fn budget(&mut self) -> Result<Budget, DecodeError> {
        let (id, version) = (self.budget_id()?, self.number()?);
        let name = self.text(NAME_BYTES_MAX)?.into();
        let pattern = |r: &mut Self| r.text(ATTRIBUTE_BYTES_MAX).map(Pattern::new);
        let matches = self.list(MATCHES_MAX, |r| Ok((r.attribute()?, r.list(PATTERNS_MAX, pattern)?)))?;
        Ok(Budget {
            id,
            version,
            name,
            matches,
            per: self.small_list(PER_MAX, Reader::attribute)?,
            measure: self.measure()?,
            cost_basis: self.basis()?,
            limit: self.optional()?,
            period: self.period()?,
            mode: match self.byte()? {
                0 => Mode::Hard,
                1 => Mode::Soft,
                2 => Mode::Shadow,
                _ => return Err(DecodeError::Unknown),
            },
            thresholds: self.list(THRESHOLDS_MAX, Reader::threshold)?,
            hold: match self.byte()? {
                0 => HoldPolicy::WorstCase,
                1 => HoldPolicy::Streaming,
                2 => HoldPolicy::Estimate,
                _ => return Err(DecodeError::Unknown),
            },
            suspense: match self.byte()? {
                0 => SuspensePolicy::Hold,
                1 => SuspensePolicy::EstimateAfter { seconds: self.number32()? },
                _ => return Err(DecodeError::Unknown),
            },
            missing: match self.byte()? {
                0 => Missing::Shared,
                1 => Missing::Skip,
                2 => Missing::Refuse,
                _ => return Err(DecodeError::Unknown),
            },
            since: self.time()?,
            auto_renew: self.flag()?,
            on_expiry: match self.byte()? {
                0 => OnExpiry::Block,
                1 => OnExpiry::Deactivate,
                _ => return Err(DecodeError::Unknown),
            },
            rollover_cap_pct: self.number32()?,
            raise: if self.flag()? { Some(self.raise()?) } else { None },
            fit: self.small_list(2, |r| match r.byte()? {
                0 => Ok(Fit::Wait),
                1 => Ok(Fit::Clamp),
                _ => Err(DecodeError::Unknown),
            })?,
            wait_ms: self.number32()?,
            windows_max: self.number32()?,
            idle_after_s: self.number32()?,
            active: self.flag()?,
        })
    }
    fn raise(&mut self) -> Result<Raise, DecodeError> {
        Ok(Raise { amount: self.signed()?, until: self.time()?, reason: self.text(REASON_BYTES_MAX)?.into() })
    }
    fn attribute(&mut self) -> Result<Attribute, DecodeError> {
        Attribute::parse(self.text(WORD_BYTES_MAX)?).ok_or(DecodeError::Text)
    }
    fn period(&mut self) -> Result<Period, DecodeError> {
        let kind = match self.byte()? {
            0 => PeriodKind::Hour,
            1 => PeriodKind::Day,
            2 => {
                let offset = i8::try_from(self.signed()?).map_err(|_| DecodeError::Bounds)?;
                let start = Weekday::from_monday_zero_offset(offset).map_err(|_| DecodeError::Bounds)?;
                PeriodKind::Week { start }
            }
            3 => PeriodKind::Month,
            4 => PeriodKind::Year,
            5 => PeriodKind::Days {
                days: u16::try_from(self.number()?).map_err(|_| DecodeError::Bounds)?,
                anchor: self.date()?,
            },
            6 => PeriodKind::Total,
            _ => return Err(DecodeError::Unknown),
        };
        let zone = Zone::parse(self.text(ZONE_BYTES_MAX)?).map_err(|_| DecodeError::Text)?;
        Ok(Period { kind, zone })
    }
    fn date(&mut self) -> Result<Date, DecodeError> {
        let year = i16::try_from(self.signed()?).map_err(|_| DecodeError::Bounds)?;
        let month = i8::try_from(self.signed()?).map_err(|_| DecodeError::Bounds)?;
        let day = i8::try_from(self.signed()?).map_err(|_| DecodeError::Bounds)?;
        Date::new(year, month, day).map_err(|_| DecodeError::Bounds)
    }
}
