//! What a rate is for: a class of usage, or the request itself.

use std::fmt;

use bursar_core::UsageClass;
use bursar_core::usage::Unit;

/// What a rate is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RateClass {
    /// One unit of a usage class.
    Usage(UsageClass),
    /// The request itself, whatever it used.
    Request,
}

impl RateClass {
    /// How many there are.
    pub const COUNT: usize = UsageClass::COUNT + 1;

    /// Every class, usage classes in their order, then the request.
    pub fn all() -> impl Iterator<Item = Self> {
        UsageClass::ALL.into_iter().map(Self::Usage).chain([Self::Request])
    }
    /// The word in price files and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage(class) => class.as_str(),
            Self::Request => "request",
        }
    }
    /// The class of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::all().find(|class| class.as_str() == word)
    }
    /// Whether its rate is written in USD per million units (tokens); otherwise in USD per unit.
    #[must_use]
    pub const fn is_token(self) -> bool {
        match self {
            Self::Request => false,
            Self::Usage(class) => is_token(class),
        }
    }
    /// Its place in the order of [`RateClass::all`], from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Usage(class) => class.index(),
            Self::Request => UsageClass::COUNT,
        }
    }
}

/// Whether units of the class are tokens.
pub(crate) const fn is_token(class: UsageClass) -> bool {
    matches!(class.unit(), Unit::Token)
}

impl From<UsageClass> for RateClass {
    fn from(class: UsageClass) -> Self {
        Self::Usage(class)
    }
}
impl fmt::Display for RateClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_place_and_word() {
        for (n, class) in RateClass::all().enumerate() {
            assert_eq!(class.index(), n);
            assert!(RateClass::all().take(n).all(|earlier| earlier < class), "ordered as listed");
            assert_eq!(RateClass::parse(class.as_str()), Some(class));
        }
        assert_eq!(RateClass::all().count(), RateClass::COUNT);
    }
}
