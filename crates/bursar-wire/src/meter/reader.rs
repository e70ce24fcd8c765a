//! The seam between the scanner, which knows JSON, and the readers, which know the members of an API format.

use std::borrow::Cow;

/// What to do with a value at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Take {
    /// Nothing: skipped over.
    Nothing,
    /// Numbers, words, `true`, `false` and `null` are told.
    Scalar,
    /// A string is counted, not kept: generated text.
    Text,
    /// A container is counted by its raw bytes, a string like text: generated arguments.
    Raw,
}

/// A scalar at a place that asked for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Scalar<'a> {
    /// The number's own text, such as `4e-05`. Empty when it was longer than the limit.
    Number(&'a str),
    /// The decoded string, cut at the limit.
    Word(Cow<'a, str>),
    /// `true` or `false`.
    Flag(bool),
    /// `null`.
    Null,
}

/// Knows the members of one API format's answers, and collects them.
pub(crate) trait Reader {
    /// A position in the tree of members. The default is "nothing of interest in here".
    type Place: Copy + Eq + Default + std::fmt::Debug;
    /// Where a document begins.
    const ROOT: Self::Place;
    /// The place of a member of the object at `at`.
    fn member(at: Self::Place, key: &[u8]) -> Self::Place;
    /// The place of the items of the array at `at`.
    fn item(at: Self::Place) -> Self::Place;
    /// What to do with the value at a place.
    fn take(at: Self::Place) -> Take;
    /// An object or array begins.
    fn begin(&mut self, at: Self::Place);
    /// An object or array ended.
    fn end(&mut self, at: Self::Place);
    /// A scalar is whole.
    fn scalar(&mut self, at: Self::Place, value: Scalar<'_>);
    /// So many more bytes of text (decoded) at a [`Take::Text`] or [`Take::Raw`] place.
    fn text(&mut self, at: Self::Place, bytes: u64);
    /// What the text of a string at such a place is, part by part. A container's is never told.
    fn hear(&mut self, at: Self::Place, part: &[u8]) {
        let _ = (at, part);
    }
}
