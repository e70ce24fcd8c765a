//! Entries as bytes: hand-written, versioned, bounded. Old entries stay readable; what is torn or foreign is an error.
//!
//! An entry is a kind, a version of that kind, and its fields in order. Integers are variable-length (signed ones
//! zig-zagged), ids 16 bytes, texts and byte strings preceded by their length. Framing and checksums are the journal's.

mod budget;
mod image;
mod read;
mod write;

use crate::command::{AdjustmentId, ProvablyUnbilled};
use crate::entry::{Entry, Reserved, Settled};
use crate::limits::{THRESHOLDS_MAX, WINDOWS_PER_COMMAND_MAX};
use crate::reservation::{State, SuspenseCause};
use bursar_core::limits::{RECORD_BYTES_MAX, WINDOWS_PER_ATTEMPT_MAX};
use read::Reader;
use write::Writer;

/// Why bytes are no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within the entry.
    #[error("the entry is cut short")]
    Truncated,
    /// A kind, version or choice that this program does not know.
    #[error("the entry has a kind or version that is not known")]
    Unknown,
    /// A length or number beyond its bound.
    #[error("a length or number in the entry is out of bounds")]
    Bounds,
    /// A text that is not UTF-8, or not what belongs there.
    #[error("a text in the entry is malformed")]
    Text,
}

const VERSION: u8 = 1;

const OPENED: u8 = 1;
const RESERVED: u8 = 2;
const EXTENDED: u8 = 3;
const PROGRESSED: u8 = 4;
const SETTLED: u8 = 5;
const RELEASED: u8 = 6;
const SUSPENDED: u8 = 7;
const FORGIVEN: u8 = 8;
const ADJUSTED: u8 = 9;
const BUDGET_PUT: u8 = 10;
const BUDGET_REMOVED: u8 = 11;
const PAGED_OUT: u8 = 12;
const PAGED_IN: u8 = 13;
const GRANTED: u8 = 14;
const GAVE_BACK: u8 = 15;
const IMAGE: u8 = 16;

/// Crossings of one entry: each window of an attempt may cross each of its thresholds.
const CROSSINGS_MAX: usize = WINDOWS_PER_COMMAND_MAX * THRESHOLDS_MAX;

impl Entry {
    /// Appends the entry.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let mut w = Writer::new(into);
        match self {
            Self::Opened(image) => w.kind(OPENED).window(image),
            Self::Reserved(reserved) => w.kind(RESERVED).reserved(reserved),
            Self::Extended { at, id, more, deadline } => {
                w.kind(EXTENDED).time(*at).reservation(*id).charge(more).time(*deadline)
            }
            Self::Progressed { at, id, deadline, estimate } => {
                w.kind(PROGRESSED).time(*at).reservation(*id).time(*deadline).charge(estimate)
            }
            Self::Settled(settled) => w.kind(SETTLED).settled(settled),
            Self::Released { at, id, reason, record } => {
                w.kind(RELEASED).time(*at).reservation(*id).unbilled(*reason).bytes(record)
            }
            Self::Suspended { at, id, cause, until, crossings, record } => w
                .kind(SUSPENDED)
                .time(*at)
                .reservation(*id)
                .byte(cause_number(*cause))
                .optional_time(*until)
                .crossings(crossings)
                .bytes(record),
            Self::Forgiven { at, id, audit } => w.kind(FORGIVEN).time(*at).reservation(*id).audit(audit),
            Self::Adjusted { at, id, reservation, parts, crossings, audit } => {
                w.kind(ADJUSTED).time(*at).wide(id.0).flag(reservation.is_some());
                if let Some(reservation) = reservation {
                    w.reservation(*reservation);
                }
                w.count(parts.len());
                for (window, delta) in parts {
                    w.number(window.0).signed(*delta);
                }
                w.crossings(crossings).audit(audit)
            }
            Self::BudgetPut { at, budget } => w.kind(BUDGET_PUT).time(*at).budget(budget),
            Self::BudgetRemoved { at, budget } => {
                w.kind(BUDGET_REMOVED).time(*at).number(u64::from(budget.0))
            }
            Self::PagedOut { at, windows } => w.kind(PAGED_OUT).time(*at).windows(windows),
            Self::PagedIn { at, image } => w.kind(PAGED_IN).time(*at).window(image),
            Self::Granted { at, window, total } => w.kind(GRANTED).time(*at).number(window.0).signed(*total),
            Self::GaveBack { at, window, amount } => {
                w.kind(GAVE_BACK).time(*at).number(window.0).signed(*amount)
            }
            Self::Image(image) => w.kind(IMAGE).image(image),
        };
    }
    /// Reads one entry from the beginning of `bytes`; also says how many bytes it took.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), DecodeError> {
        let mut r = Reader::new(bytes);
        let entry = Self::read(&mut r)?;
        Ok((entry, r.used()))
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.byte()?;
        if r.byte()? != VERSION {
            return Err(DecodeError::Unknown);
        }
        Ok(match kind {
            OPENED => Self::Opened(Box::new(r.window()?)),
            RESERVED => Self::Reserved(r.reserved()?),
            EXTENDED => {
                Self::Extended { at: r.time()?, id: r.reservation()?, more: r.charge()?, deadline: r.time()? }
            }
            PROGRESSED => Self::Progressed {
                at: r.time()?,
                id: r.reservation()?,
                deadline: r.time()?,
                estimate: r.charge()?,
            },
            SETTLED => Self::Settled(r.settled()?),
            RELEASED => Self::Released {
                at: r.time()?,
                id: r.reservation()?,
                reason: r.unbilled()?,
                record: r.bytes(RECORD_BYTES_MAX)?.into(),
            },
            SUSPENDED => Self::Suspended {
                at: r.time()?,
                id: r.reservation()?,
                cause: cause_of(r.byte()?)?,
                until: r.optional_time()?,
                crossings: r.crossings()?,
                record: r.bytes(RECORD_BYTES_MAX)?.into(),
            },
            FORGIVEN => Self::Forgiven { at: r.time()?, id: r.reservation()?, audit: r.audit()? },
            ADJUSTED => Self::Adjusted {
                at: r.time()?,
                id: AdjustmentId(r.wide()?),
                reservation: if r.flag()? { Some(r.reservation()?) } else { None },
                parts: r.list(WINDOWS_PER_COMMAND_MAX, |r| Ok((r.window_id()?, r.signed()?)))?,
                crossings: r.crossings()?,
                audit: r.audit()?,
            },
            BUDGET_PUT => Self::BudgetPut { at: r.time()?, budget: r.budget()?.into() },
            BUDGET_REMOVED => Self::BudgetRemoved { at: r.time()?, budget: r.budget_id()? },
            PAGED_OUT => {
                Self::PagedOut { at: r.time()?, windows: r.list(WINDOWS_PER_COMMAND_MAX, Reader::window_id)? }
            }
            PAGED_IN => Self::PagedIn { at: r.time()?, image: Box::new(r.window()?) },
            GRANTED => Self::Granted { at: r.time()?, window: r.window_id()?, total: r.signed()? },
            GAVE_BACK => Self::GaveBack { at: r.time()?, window: r.window_id()?, amount: r.signed()? },
            IMAGE => Self::Image(r.image()?),
            _ => return Err(DecodeError::Unknown),
        })
    }
}

impl Writer<'_> {
    fn kind(&mut self, kind: u8) -> &mut Self {
        self.byte(kind).byte(VERSION)
    }
    fn reserved(&mut self, reserved: &Reserved) -> &mut Self {
        self.time(reserved.at)
            .reservation(reserved.id)
            .word(reserved.fingerprint)
            .time(reserved.deadline)
            .charge(&reserved.hold)
            .flag(reserved.estimate != reserved.hold);
        if reserved.estimate != reserved.hold {
            self.charge(&reserved.estimate);
        }
        self.windows(&reserved.windows).number(u64::from(reserved.shadow)).bytes(&reserved.record)
    }
    fn settled(&mut self, settled: &Settled) -> &mut Self {
        self.time(settled.at)
            .reservation(settled.id)
            .byte(state_number(settled.from))
            .charge(&settled.charge)
            .charge(&settled.hold)
            .flag(settled.estimated)
            .windows(&settled.windows)
            .crossings(&settled.crossings)
            .bytes(&settled.record)
    }
    fn unbilled(&mut self, reason: ProvablyUnbilled) -> &mut Self {
        match reason {
            ProvablyUnbilled::NeverSent => self.byte(0),
            ProvablyUnbilled::ConnectFailed => self.byte(1),
            ProvablyUnbilled::Rejected { status } => self.byte(2).number(u64::from(status)),
        }
    }
}

impl Reader<'_> {
    fn reserved(&mut self) -> Result<Reserved, DecodeError> {
        let (at, id, fingerprint) = (self.time()?, self.reservation()?, self.word()?);
        let (deadline, hold) = (self.time()?, self.charge()?);
        let estimate = if self.flag()? { self.charge()? } else { hold };
        Ok(Reserved {
            at,
            id,
            fingerprint,
            deadline,
            hold,
            estimate,
            windows: self.small_list(WINDOWS_PER_ATTEMPT_MAX, Reader::window_id)?,
            shadow: u16::try_from(self.number()?).map_err(|_| DecodeError::Bounds)?,
            record: self.bytes(RECORD_BYTES_MAX)?.into(),
        })
    }
    fn settled(&mut self) -> Result<Settled, DecodeError> {
        Ok(Settled {
            at: self.time()?,
            id: self.reservation()?,
            from: state_of(self.byte()?)?,
            charge: self.charge()?,
            hold: self.charge()?,
            estimated: self.flag()?,
            windows: self.small_list(WINDOWS_PER_ATTEMPT_MAX, Reader::window_id)?,
            crossings: self.crossings()?,
            record: self.bytes(RECORD_BYTES_MAX)?.into(),
        })
    }
    fn unbilled(&mut self) -> Result<ProvablyUnbilled, DecodeError> {
        match self.byte()? {
            0 => Ok(ProvablyUnbilled::NeverSent),
            1 => Ok(ProvablyUnbilled::ConnectFailed),
            2 => {
                let status = u16::try_from(self.number()?).map_err(|_| DecodeError::Bounds)?;
                Ok(ProvablyUnbilled::Rejected { status })
            }
            _ => Err(DecodeError::Unknown),
        }
    }
}

const fn state_number(state: State) -> u8 {
    match state {
        State::Live => 0,
        State::Suspense => 1,
        State::Settled => 2,
        State::Released => 3,
    }
}

const fn state_of(number: u8) -> Result<State, DecodeError> {
    match number {
        0 => Ok(State::Live),
        1 => Ok(State::Suspense),
        2 => Ok(State::Settled),
        3 => Ok(State::Released),
        _ => Err(DecodeError::Unknown),
    }
}

const fn cause_number(cause: SuspenseCause) -> u8 {
    match cause {
        SuspenseCause::Expired => 0,
        SuspenseCause::Restarted => 1,
        SuspenseCause::NoAnswer => 2,
    }
}

const fn cause_of(number: u8) -> Result<SuspenseCause, DecodeError> {
    match number {
        0 => Ok(SuspenseCause::Expired),
        1 => Ok(SuspenseCause::Restarted),
        2 => Ok(SuspenseCause::NoAnswer),
        _ => Err(DecodeError::Unknown),
    }
}
