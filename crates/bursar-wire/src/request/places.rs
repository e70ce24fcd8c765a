//! Where the fields stand that may be spliced.

use super::scan::Span;
use smallvec::SmallVec;

/// Positions in the body that facts were read from.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Places {
    /// Length of the body.
    pub(crate) body_len: usize,
    /// The body's own object.
    pub(crate) body: Inside,
    /// Values that name the model, quotes included.
    pub(crate) models: SmallVec<[Span; 1]>,
    /// Whether they are written as `models/NAME`.
    pub(crate) models_prefixed: bool,
    /// Values that limit the output.
    pub(crate) limits: SmallVec<[Span; 2]>,
    /// The object that holds the output limit where that is not the body itself.
    pub(crate) limit_parent: Place,
    /// `stream_options`.
    pub(crate) stream_options: Place,
    /// The value of `stream_options.include_usage`.
    pub(crate) include_usage: Option<Span>,
}

/// The inside of an object: where a first field may be put.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Inside {
    /// The byte after the opening brace.
    pub(crate) start: usize,
    /// Whether there is no field in it.
    pub(crate) empty: bool,
}

/// Where an object stands that may be absent or null.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Place {
    /// Not there.
    #[default]
    Absent,
    /// There, but null.
    Null(Span),
    /// There.
    Object(Inside),
}
