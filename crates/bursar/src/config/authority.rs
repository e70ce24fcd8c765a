//! `providers.NAME.ca_file`: who may vouch for a provider whose certificate the platform does not know.

use super::section::{Reading, Section};
use super::surroundings::Surroundings;
use bursar_gateway::upstream::Authorities;
use std::path::{Path, PathBuf};

/// The path of the authorities' certificates, which are read now so that a mistake has a place in the file.
pub(super) fn ca_file(
    section: &Section<'_>,
    base_url: Option<&str>,
    reading: &mut Reading<'_>,
) -> Option<PathBuf> {
    let spot = section.text("ca_file", reading)?;
    let (field, path) = (section.field("ca_file"), reading.path(spot.text));
    if base_url.is_some_and(|url| url.starts_with("http://")) {
        let message = format!("`{field}` has no meaning for a plain `http` base URL");
        reading.wrong(spot.place, field, message, "leave it out, or let `base_url` start with `https://`");
        return None;
    }
    if let Err(problem) = authorities(&path, &reading.surroundings) {
        let help = "name a file with the certificates of its authorities, as `curl --cacert` takes it";
        reading.wrong(spot.place, &field, format!("`{field}`: {problem}"), help);
        return None;
    }
    Some(path)
}

/// Reads the certificates of a provider's authorities.
///
/// # Errors
/// A fragment that names the file.
pub(crate) fn authorities(path: &Path, surroundings: &Surroundings<'_>) -> Result<Authorities, String> {
    let shown = path.display();
    let text = (surroundings.read_file)(path)
        .map_err(|problem| format!("the file `{shown}` cannot be read: {problem}"))?;
    let authorities = Authorities(text.into());
    authorities.roots().map_err(|problem| format!("the file `{shown}` {problem}"))?;
    Ok(authorities)
}
