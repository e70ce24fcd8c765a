//! Which roll-ups answer a question: for each grain a table, and the pieces that an interval is cut into.

use super::super::grain::Grain;
use super::super::interval::{Piece, pieces};
use super::super::roll::{TOGETHER, WITH_MODEL};
use super::{Dimension, NameFilter};
use bursar_core::Timestamp;

/// What answers for the periods of a grain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// The rows of this dimension in the grain's table of names.
    Named(i64),
    /// `roll_cross`: hours by all names together.
    Cross,
}

/// How a question is answered.
#[derive(Debug)]
pub(super) struct Plan {
    /// The grains that may answer, from long to short.
    grains: Vec<Grain>,
    /// The dimension whose names are the values of the tables of names.
    named: Option<Dimension>,
    /// Its number there.
    dimension: i64,
    /// Whether these rows are by model too.
    with_model: bool,
}

impl Plan {
    /// By these names, filtered by those.
    pub(super) fn of(by: &[Dimension], filter: &NameFilter) -> Self {
        let asked = || by.iter().chain(filter.keys()).copied();
        let mut narrow: Vec<Dimension> = asked().filter(|name| *name != Dimension::Project).collect();
        narrow.sort_unstable();
        narrow.dedup();
        let any_project = !asked().any(|name| name == Dimension::Project);
        let [months, days, hours, quarters] = Grain::ALL;
        match *narrow.as_slice() {
            [] => Self::named(Dimension::Project, any_project, vec![months, days, hours, quarters]),
            [one] => Self::named(one, any_project, vec![months, days, hours]),
            [one @ (Dimension::User | Dimension::Key | Dimension::Agent), Dimension::Model] => Self {
                grains: vec![months, days, hours],
                named: Some(one),
                dimension: one.number().saturating_add(WITH_MODEL),
                with_model: true,
            },
            [..] => {
                let grains = if asked().all(is_crossed) { vec![hours] } else { Vec::new() };
                Self { grains, named: None, dimension: 0, with_model: false }
            }
        }
    }
    fn named(name: Dimension, any_project: bool, grains: Vec<Grain>) -> Self {
        let together = if any_project && is_together(name) { TOGETHER } else { 0 };
        let dimension = name.number().saturating_add(together);
        Self { grains, named: Some(name), dimension, with_model: false }
    }
    pub(super) fn source(&self, grain: Grain) -> Source {
        if self.named.is_none() || (self.with_model && grain == Grain::Hours) {
            return Source::Cross;
        }
        Source::Named(self.dimension)
    }
    /// The column of a name.
    pub(super) fn column(&self, source: Source, name: Dimension) -> &'static str {
        match source {
            Source::Named(_) if self.named == Some(name) => "value",
            Source::Named(_) | Source::Cross => name.as_str(),
        }
    }
    /// The name that the rows of a source lie in order of, behind their period.
    pub(super) fn sought(&self, source: Source) -> Option<Dimension> {
        match source {
            Source::Named(_) => self.named,
            Source::Cross => None,
        }
    }
    /// The pieces of all periods between these edges, those of one grain that meet as one.
    pub(super) fn pieces(&self, edges: &[Timestamp]) -> Vec<Piece> {
        let mut joined: Vec<Piece> = Vec::new();
        let periods = edges.iter().zip(edges.iter().skip(1));
        for piece in periods.flat_map(|(from, until)| pieces(*from, *until, &self.grains)) {
            match joined.last_mut() {
                Some(last) if last.grain == piece.grain && last.until == piece.from => {
                    last.until = piece.until;
                }
                Some(_) | None => joined.push(piece),
            }
        }
        joined
    }
}

/// Whether it is rolled up over all projects together; that of projects is everything then.
const fn is_together(name: Dimension) -> bool {
    match name {
        Dimension::Project | Dimension::Provider | Dimension::Model | Dimension::Code => true,
        Dimension::User
        | Dimension::Key
        | Dimension::Agent
        | Dimension::Run
        | Dimension::Session
        | Dimension::Tag => false,
    }
}

/// Whether `roll_cross` has it.
const fn is_crossed(name: Dimension) -> bool {
    match name {
        Dimension::Project
        | Dimension::User
        | Dimension::Key
        | Dimension::Agent
        | Dimension::Provider
        | Dimension::Model => true,
        Dimension::Run | Dimension::Session | Dimension::Tag | Dimension::Code => false,
    }
}
