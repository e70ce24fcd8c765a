//! Secrets of alert channels: where the file says they are, or sealed in the settings under a name.

use super::field::{Field, Takes};
use super::section::{Reading, Section};
use super::surroundings::SecretRef;
use super::tree::Tree;
use bursar_core::Value;

/// What such a field takes.
pub(super) const TAKES: Takes =
    Takes::Other("`{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ sealed = \"NAME\" }`");

/// Where a channel's secret is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChannelSecret {
    /// In the environment or in a file.
    Given(SecretRef),
    /// Given through the admin API under this name, or yet to be given.
    Sealed(String),
}

/// Reads one.
pub(super) fn read(name: &str, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<ChannelSecret> {
    const FIELDS: &[Field] = &[Field::new("sealed", Takes::Text("the name of a sealed secret"), "", "")];
    let entry = section.get(name)?;
    let is_sealed = Section::entries(&entry.node).iter().any(|field| field.name == "sealed");
    if !is_sealed || !matches!(entry.node.value, Tree::Table(_)) {
        return section.secret(name, reading).map(ChannelSecret::Given);
    }
    let inner = Section::open(section.field(name), &entry.node, FIELDS, reading)?;
    let spot = inner.text("sealed", reading)?;
    if let Err(error) = Value::new(spot.text) {
        let path = inner.field("sealed");
        let help = "write the name that `bursar alert secret set NAME` is given";
        reading.wrong(spot.place, &path, format!("`{path}`: {error}"), help);
        return None;
    }
    Some(ChannelSecret::Sealed(spot.text.to_owned()))
}
