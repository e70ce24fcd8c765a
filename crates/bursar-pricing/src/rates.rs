//! Rates as a source states them: by class, absent where the source says nothing.

use std::fmt;

use bursar_core::Rate;

use crate::class::RateClass;

/// Rates by class; a class without a rate is absent, which is not the same as free.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Rates(Vec<(RateClass, Rate)>);

/// The rate of a class under a name: a search context size, an image's size and quality, a video's resolution.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Variant {
    /// What is priced.
    pub class: RateClass,
    /// The variant's name in the provider's word, such as `high` or `1024x1024/hd`.
    pub name: Box<str>,
    /// Its rate per unit.
    pub rate: Rate,
}

impl Rates {
    /// Nothing stated.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }
    /// The rate of a class, `None` when the source does not state it.
    #[must_use]
    pub fn get(&self, class: impl Into<RateClass>) -> Option<Rate> {
        let class = class.into();
        self.0.iter().find(|(stated, _)| *stated == class).map(|(_, rate)| *rate)
    }
    /// States a rate.
    pub fn set(&mut self, class: impl Into<RateClass>, rate: Rate) {
        let class = class.into();
        match self.0.binary_search_by_key(&class, |(stated, _)| *stated) {
            Ok(at) => {
                if let Some((_, place)) = self.0.get_mut(at) {
                    *place = rate;
                }
            }
            Err(at) => self.0.insert(at, (class, rate)),
        }
    }
    /// With a rate stated: for building in one expression.
    #[must_use]
    pub fn with(mut self, class: impl Into<RateClass>, rate: Rate) -> Self {
        self.set(class, rate);
        self
    }
    /// Whether nothing is stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The stated rates, in the order of [`RateClass::all`].
    pub fn iter(&self) -> impl Iterator<Item = (RateClass, Rate)> + '_ {
        self.0.iter().copied()
    }
    /// These rates, and those of `base` where these say nothing.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let mut merged = base.clone();
        for (class, rate) in self.iter() {
            merged.set(class, rate);
        }
        merged
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self::new()
    }
}
impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(class, rate)| (class.as_str(), rate))).finish()
    }
}
