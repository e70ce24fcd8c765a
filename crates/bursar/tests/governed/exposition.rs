//! A strict reader of the OpenMetrics text format: what it takes, Prometheus takes.

use std::collections::{BTreeMap, BTreeSet};

/// Labels of a sample, by name.
pub(crate) type Labels = BTreeMap<String, String>;

/// One metric with its samples.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    /// Name with its ending, labels, value.
    pub(crate) samples: Vec<(String, Labels, String)>,
}

/// The whole page, by metric.
#[derive(Debug)]
pub(crate) struct Exposition(pub(crate) BTreeMap<String, Family>);

impl Exposition {
    /// Reads a page; panics at the first line that the format does not allow.
    pub(crate) fn read(text: &str) -> Self {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut seen: BTreeSet<(String, Labels)> = BTreeSet::new();
        let mut current: Option<(String, String)> = None;
        let body = text.strip_suffix("# EOF\n").expect("the page ends with # EOF");
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a name and a help");
                assert!(!families.contains_key(name), "{name} is there twice");
                current = Some((name.to_owned(), help.to_owned()));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                let (helped, help) = current.clone().expect("the help comes first");
                assert_eq!(helped, name, "type and help are of the same metric");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let family = Family { kind: kind.to_owned(), help, samples: Vec::new() };
                families.insert(name.to_owned(), family);
            } else {
                assert!(!line.starts_with('#') && !line.is_empty(), "{line:?} means nothing");
                let (name, labels, value) = sample(line);
                let (family, _) = current.as_ref().expect("a sample belongs to a metric");
                let own = families.get_mut(family).expect("its type is known");
                let endings: &[&str] = match &*own.kind {
                    "counter" => &["_total"],
                    "histogram" => &["_bucket", "_count", "_sum"],
                    _ => &[""],
                };
                let ending =
                    name.strip_prefix(&**family).expect("the sample's name begins with the metric's");
                assert!(endings.contains(&ending), "{line}");
                assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
                own.samples.push((name, labels, value));
            }
        }
        let read = Self(families);
        read.0.iter().filter(|(_, family)| family.kind == "histogram").for_each(check_steps);
        read
    }
    /// The value of the one sample with these labels; others may be there.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> String {
        let samples = self.samples(name, labels);
        assert_eq!(samples.len(), 1, "{name} {labels:?}: {samples:?}");
        samples[0].1.clone()
    }
    /// Labels and values of the samples that have these labels.
    pub(crate) fn samples(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(Labels, String)> {
        let all = self.0.values().flat_map(|family| &family.samples);
        let found = all.filter(|(own, has, _)| {
            own == name
                && labels.iter().all(|(label, value)| has.get(*label).map(String::as_str) == Some(*value))
        });
        found.map(|(_, labels, value)| (labels.clone(), value.clone())).collect()
    }
}

/// Steps rise, end at infinity, and agree with the count.
fn check_steps((name, family): (&String, &Family)) {
    let mut series: BTreeMap<Labels, Vec<(f64, u64)>> = BTreeMap::new();
    for (own, labels, value) in family.samples.iter().filter(|(own, ..)| own.ends_with("_bucket")) {
        let mut labels = labels.clone();
        let le = labels.remove("le").expect("an upper end");
        let le = if le == "+Inf" { f64::INFINITY } else { le.parse().expect("a number") };
        series
            .entry(labels)
            .or_default()
            .push((le, value.parse().unwrap_or_else(|_| panic!("{own} {value}"))));
    }
    for (labels, steps) in series {
        assert!(steps.is_sorted() && steps.windows(2).all(|two| two[0].1 <= two[1].1), "{name}: {steps:?}");
        let last = steps.last().expect("steps");
        assert!(last.0.is_infinite());
        let count = family.samples.iter().find(|(own, has, _)| own.ends_with("_count") && *has == labels);
        assert_eq!(count.expect("a count").2, last.1.to_string(), "{name}");
    }
}

fn sample(line: &str) -> (String, Labels, String) {
    let name_ends = line.find(['{', ' ']).expect("a value follows");
    let (name, rest) = line.split_at(name_ends);
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !text.starts_with(char::is_numeric)
    };
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    let mut rest = rest;
    if let Some(inner) = rest.strip_prefix('{') {
        let mut inner = inner;
        loop {
            let (label, after) = inner.split_once("=\"").expect("a label");
            assert!(is_name(label), "{line}");
            let (value, after) = quoted(after);
            assert!(!value.is_empty(), "an empty label is left out: {line}");
            assert!(labels.insert(label.to_owned(), value).is_none(), "a label twice: {line}");
            match after.strip_prefix(',') {
                Some(more) => inner = more,
                None => {
                    rest = after.strip_prefix('}').expect("the labels end");
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').expect("a space before the value");
    assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
    (name.to_owned(), labels, value.to_owned())
}

/// A value up to its quote, unescaped, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next().expect("something is escaped").1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    panic!("no end of {text}");
}
