//! The rules of the house that a compiler cannot check: who may depend on whom, how long a file may be, no machine paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Lines of a file without its tests: what fits in a head.
const LINES_MAX: usize = 400;

/// Files that may be longer, with the lines they may have. The list only ever gets shorter, the numbers smaller.
const LONGER: &[(&str, usize)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every file below a folder whose name ends so, without what builds leave behind.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // What was built or installed here is not the repository's: see .gitignore.
        let ours =
            !matches!(name.as_str(), "target" | ".git" | "node_modules" | ".venv" | "corpus" | "artifacts");
        if path.is_dir() && ours && !path.is_symlink() {
            files(&path, ending, found);
        } else if path.is_file() && name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&root().join("crates"), ".rs", &mut found);
    found.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The `deps` block of ARCHITECTURE.md: crate, then the crates it may import.
fn diagram() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let block = text
        .split("```deps\n")
        .nth(1)
        .expect("ARCHITECTURE.md has a deps block")
        .split("```")
        .next()
        .unwrap();
    let line = |line: &str| {
        let (name, uses) = line.split_once(':').expect("a line is `crate: crates`");
        (name.trim().to_owned(), uses.split_whitespace().map(str::to_owned).collect())
    };
    block.lines().filter(|text| !text.trim().is_empty()).map(line).collect()
}

#[test]
fn no_arrow_is_missing_from_the_diagram() {
    let diagram = diagram();
    let mut manifests = Vec::new();
    files(&root().join("crates"), "Cargo.toml", &mut manifests);
    assert_eq!(manifests.len(), diagram.len(), "ARCHITECTURE.md names every crate once");
    let mut wrong = Vec::new();
    for path in manifests {
        let manifest: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap();
        let allowed = diagram.get(name).unwrap_or_else(|| panic!("ARCHITECTURE.md does not name {name}"));
        // Tests may look further: a crate's dev-dependencies are no arrow.
        for table in ["dependencies", "build-dependencies"] {
            let uses = manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten();
            for (used, _) in uses.filter(|(used, _)| used.starts_with("bursar")) {
                if !allowed.contains(used) {
                    wrong.push(format!("{name} -> {used}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that ARCHITECTURE.md does not have: {wrong:?}");
}

#[test]
fn arrows_point_down() {
    let diagram = diagram();
    let mut left: Vec<&String> = diagram.keys().collect();
    while !left.is_empty() {
        let (bottom, rest): (Vec<&String>, Vec<&String>) =
            left.iter().partition(|name| !diagram[**name].iter().any(|used| left.contains(&used)));
        assert!(!bottom.is_empty(), "these use each other in a circle: {rest:?}");
        left = rest;
    }
}

/// Lines that are not of the module `tests` at the end of a file.
fn lines_without_tests(text: &str) -> usize {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap().lines().count()
}

fn is_test(name: &str) -> bool {
    name.split('/').any(|part| {
        matches!(part, "tests" | "tests.rs" | "benches" | "examples") || part.ends_with("_tests.rs")
    })
}

#[test]
fn files_fit_in_a_head() {
    let mut wrong = Vec::new();
    for (name, text) in sources().iter().filter(|(name, _)| !is_test(name)) {
        let lines = lines_without_tests(text);
        let most = LONGER.iter().find(|(longer, _)| longer == name).map_or(LINES_MAX, |(_, most)| *most);
        if lines > most {
            wrong.push(format!("{name} has {lines} lines, {most} are allowed: split it"));
        }
    }
    for (name, most) in LONGER {
        let lines =
            sources().iter().find(|(other, _)| other == name).map(|(_, text)| lines_without_tests(text));
        match lines {
            None => wrong.push(format!("{name} is gone: take it off the list")),
            Some(lines) if lines <= LINES_MAX => wrong.push(format!("{name} fits now: take it off the list")),
            Some(lines) if lines < *most => {
                wrong.push(format!("{name} has {lines} lines: write {lines} instead of {most}"));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A crate that is not begun is an empty comment, and may be.
#[test]
fn every_file_says_what_it_is_for() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| !is_test(name) && !text.starts_with("//! ") && text.trim() != "//!")
        .map(|(name, _)| name)
        .collect();
    assert!(wrong.is_empty(), "without a first line of documentation: {wrong:#?}");
}

#[test]
fn no_path_of_a_machine_stands_in_the_repository() {
    // Written apart, so that this file is not its own finding.
    let paths =
        [["/wo", "rk/"].concat(), ["/ho", "me/"].concat(), ["/Us", "ers/"].concat(), ["/ro", "ot/"].concat()];
    let mut wrong = Vec::new();
    for ending in [".rs", ".toml", ".md", ".snap", "Makefile", "run", ".py", ".mjs", ".sh", ".yml"] {
        let mut found = Vec::new();
        files(&root(), ending, &mut found);
        for path in found {
            // What is not text holds no path that somebody wrote.
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            for (number, line) in (1..).zip(text.lines()) {
                if paths.iter().any(|path| line.contains(path.as_str())) {
                    wrong.push(format!("{}:{number}: {line}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
