//! One section alone: what a client needs of a server's file, and files that hold budgets and nothing else.

use super::section::{Reading, Section};
use super::{
    Budget, Report, SECTIONS, Server, Surroundings, budget, listed, mistake, one, overrides, server, tree,
};
use std::path::{Path, PathBuf};

/// Fields of `[server]` whose secrets a client lacks.
const SERVERS_SECRETS: [&str; 3] = ["server.admin_token", "server.seal_key", "server.default_keys"];

/// Reads `[server]` alone: what a client on the same machine needs, whose environment lacks the server's secrets.
///
/// # Errors
/// Mistakes of syntax and in that section.
pub fn read_server_alone(text: &str, file: &Path, surroundings: &Surroundings<'_>) -> Result<Server, Report> {
    let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
    let mut reading = Reading { surroundings: *surroundings, folder, mistakes: mistake::Mistakes::default() };
    let root = tree::parse(text, &mut reading.mistakes).map(|mut root| {
        // What else the file or the environment holds is the server's to judge.
        let mut others = Reading {
            surroundings: *surroundings,
            folder: PathBuf::new(),
            mistakes: mistake::Mistakes::default(),
        };
        overrides::apply(&mut root, SECTIONS, &mut others);
        root
    });
    let server = root.map(|root| {
        let sections = Section::unchecked(&root, SECTIONS);
        let section = one(&sections, "server", server::SERVER_FIELDS, &mut reading);
        server::read_server(section.as_ref(), &mut reading)
    });
    // That a secret is missing here does not mean that the server lacks it.
    reading
        .mistakes
        .found
        .retain(|mistake| !SERVERS_SECRETS.iter().any(|secret| mistake.field.starts_with(secret)));
    let is_fatal = reading.mistakes.is_fatal();
    let report = Report::new(&file.display().to_string(), text, reading.mistakes);
    match server {
        Some(server) if !is_fatal => Ok(server),
        _ => Err(report),
    }
}

/// Reads `[[budgets]]` alone, for a file of budgets; other sections may stand beside them.
///
/// # Errors
/// Mistakes of syntax and in the budgets.
pub fn read_budgets_alone(
    text: &str,
    file: &Path,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<Budget>, Report> {
    let mut reading = Reading {
        surroundings: *surroundings,
        folder: PathBuf::new(),
        mistakes: mistake::Mistakes::default(),
    };
    let root = tree::parse(text, &mut reading.mistakes).unwrap_or_default();
    let sections = Section::root(&root, SECTIONS, &mut reading);
    let mut names = Vec::new();
    let budgets: Vec<Budget> = listed(&sections, "budgets", budget::FIELDS, &mut reading)
        .iter()
        .filter_map(|section| budget::read(section, &mut names, &mut reading).map(|read| read.budget))
        .collect();
    let is_fatal = reading.mistakes.is_fatal();
    let report = Report::new(&file.display().to_string(), text, reading.mistakes);
    if is_fatal { Err(report) } else { Ok(budgets) }
}
