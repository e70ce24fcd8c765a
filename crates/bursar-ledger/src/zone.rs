//! An IANA time zone by name, from the bundled database: the same rules on every machine.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A time zone. Two zones are equal when their names are.
#[derive(Clone)]
pub struct Zone {
    name: Arc<str>,
    rules: TimeZone,
}

/// The name is not in the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone `{0}`")]
pub struct UnknownZone(pub String);

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        static UTC: OnceLock<Arc<str>> = OnceLock::new();
        Self { name: UTC.get_or_init(|| "UTC".into()).clone(), rules: TimeZone::UTC }
    }
    /// Looks up an IANA name such as `Asia/Taipei`.
    ///
    /// # Errors
    /// When the database that is compiled in does not know it.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
        if name == "UTC" {
            return Ok(Self::utc());
        }
        let zones = ZONES.get_or_init(TimeZoneDatabase::bundled);
        let rules = zones.get(name).map_err(|_| UnknownZone(name.to_owned()))?;
        Ok(Self { name: name.into(), rules })
    }
    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Its rules.
    #[must_use]
    pub const fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Zone {}
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
