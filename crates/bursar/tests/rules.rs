//! docs/reference/rules.md says of every rule which tests show it; the tests say so themselves, in a line `Rules: …` of
//! their documentation. `UPDATE_DOCS=1 cargo test -p bursar --test rules` writes the page anew; what a rule says, and why
//! one has no test, is kept from the page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The rules by family: S0 to S4 have that many.
const FAMILIES: [(&str, usize); 5] = [("S0", 24), ("S1", 28), ("S2", 21), ("S3", 31), ("S4", 72)];
/// A rule without a test says why after these words.
const WHY_NOT: &str = "no test: ";

#[test]
fn every_rule_names_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shown = shown_by(&root);
    let known: BTreeSet<String> = known().collect();
    let unknown: Vec<_> = shown.iter().filter(|(rule, _)| is_rule(rule) && !known.contains(*rule)).collect();
    assert!(unknown.is_empty(), "there are no such rules: {unknown:?}");

    let path = root.join("docs/reference/rules.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let (head, rows) = read(&page);
    let mut wanted = head.to_owned();
    for rule in known {
        let (says, tests) = rows.get(&rule).cloned().unwrap_or_default();
        let cell = match shown.get(&rule) {
            Some(tests) => tests.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", "),
            None if tests.starts_with(WHY_NOT) => tests,
            None => String::new(),
        };
        wanted.push_str(&format!("| {rule} | {says} | {cell} |\n"));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let (_, rows) = read(&wanted);
    for (rule, (says, cell)) in &rows {
        assert!(!says.is_empty(), "{rule}: say in docs/reference/rules.md what it is about");
        assert!(
            cell.starts_with('`') || cell.strip_prefix(WHY_NOT).is_some_and(|why| why.len() > 10),
            "{rule}: no test names it; name it in one, or say `{WHY_NOT}…` in docs/reference/rules.md"
        );
    }
    assert!(
        page == wanted,
        "run `UPDATE_DOCS=1 cargo test -p bursar --test rules` and look at the difference"
    );
}

/// Every worked example of the specification is named by a test, or shows a rule of which the page says why it has none.
#[test]
fn every_vector_is_named_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let spec = std::env::var_os("BURSAR_SPEC").map_or_else(|| root.join("../shared/spec"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(spec.join("vectors.json")) else {
        eprintln!("SKIPPED: no vectors.json in {}", spec.display());
        return;
    };
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let shown = shown_by(&root);
    let page = std::fs::read_to_string(root.join("docs/reference/rules.md")).unwrap();
    let (_, rows) = read(&page);
    let excused = |rule: &serde_json::Value| rows[rule.as_str().unwrap()].1.starts_with(WHY_NOT);
    let unnamed: Vec<&str> = vectors
        .iter()
        .filter(|vector| !vector["rows"].as_array().unwrap().iter().any(excused))
        .filter_map(|vector| vector["id"].as_str())
        .filter(|id| !shown.contains_key(*id))
        .collect();
    assert!(unnamed.is_empty(), "no test names {unnamed:?}");
}

fn known() -> impl Iterator<Item = String> {
    FAMILIES
        .into_iter()
        .flat_map(|(family, count)| (1..=count).map(move |rule| format!("{family}-{rule:02}")))
}

fn is_rule(name: &str) -> bool {
    name.len() == 5 && name.starts_with('S')
}

/// The page up to the head of its table, and its rows: what a rule says, and its tests or why there are none.
fn read(page: &str) -> (&str, BTreeMap<String, (String, String)>) {
    let Some(at) = page.find("\n|---|---|---|\n") else { return (page, BTreeMap::new()) };
    let (head, table) = page.split_at(at + "\n|---|---|---|\n".len());
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [rule, says, tests] = cells.as_slice() else { return None };
        Some(((*rule).to_owned(), ((*says).to_owned(), (*tests).to_owned())))
    });
    (head, rows.collect())
}

/// The tests that name a rule or a worked example, as `crate::test`.
fn shown_by(root: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for folder in std::fs::read_dir(root.join("crates")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for file in files(&folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            let mut named = Vec::new();
            for line in text.lines().map(str::trim) {
                if let Some(rules) = line.strip_prefix("/// Rules:") {
                    named.extend(ids(rules));
                } else if let Some(test) = function(line) {
                    for rule in named.drain(..) {
                        shown.entry(rule).or_default().insert(format!("{name}::{test}"));
                    }
                }
            }
        }
    }
    shown
}

/// The names in `S1-09, V K14.`; ranges are spelt out.
fn ids(text: &str) -> Vec<String> {
    assert!(!text.contains(".."), "spell the range out: {text}");
    let named = |word: &&str| {
        let upper = word.starts_with(|first: char| first.is_ascii_uppercase());
        upper && matches!(word.len(), 3 | 5) && word.bytes().rev().take(2).all(|byte| byte.is_ascii_digit())
    };
    text.split([' ', ',', '.', ':', ';', '(', ')']).filter(named).map(str::to_owned).collect()
}

fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub(crate) ").unwrap_or(line);
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
