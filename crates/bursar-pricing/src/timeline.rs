//! Lays the dated rows of several layers over each other: who says what from when to when.

use std::collections::BTreeMap;

use bursar_core::Timestamp;

use crate::spec::RowSpec;

/// A model's price for a stretch of time, all layers merged.
pub(crate) struct Segment {
    pub(crate) spec: RowSpec,
    pub(crate) id: String,
    pub(crate) origin: String,
}

type Models = BTreeMap<(String, String), Vec<Segment>>;

/// Every model of every layer, with its segments in order of time.
pub(crate) fn merge<'a>(layers: impl Iterator<Item = (&'a str, &'a [RowSpec])>) -> Models {
    let mut models = Models::new();
    for (depth, (origin, rows)) in layers.enumerate() {
        let mut by_model: BTreeMap<(&str, &str), Vec<&RowSpec>> = BTreeMap::new();
        for row in rows {
            by_model.entry((&row.provider, &row.model)).or_default().push(row);
        }
        let mut changed = Models::new();
        for ((provider, model), mut rows) in by_model {
            rows.sort_by_key(|row| row.effective_from);
            let base = below(&models, provider, model);
            let segments = overlaid(base, &rows, origin, depth > 0);
            changed.insert((provider.to_owned(), model.to_owned()), segments);
        }
        models.extend(changed);
    }
    models
}

/// What the lower layers say about a name: as a model, as an alias, or by a declared family.
fn below<'a>(models: &'a Models, provider: &str, model: &str) -> &'a [Segment] {
    if let Some(own) = models.get(&(provider.to_owned(), model.to_owned())) {
        return own;
    }
    let holding = |holds: &dyn Fn(&RowSpec) -> bool| {
        let mut sold = models.iter().filter(|((seller, _), _)| seller == provider);
        sold.find(|(_, segments)| any(segments, holds)).map(|(_, segments)| segments.as_slice())
    };
    holding(&|spec| spec.aliases.iter().any(|name| name == model))
        .or_else(|| holding(&|spec| spec.patterns.iter().any(|pattern| pattern.matches(model))))
        .unwrap_or_default()
}

fn any(segments: &[Segment], holds: impl Fn(&RowSpec) -> bool) -> bool {
    segments.iter().any(|segment| holds(&segment.spec))
}

fn overlaid(base: &[Segment], over: &[&RowSpec], origin: &str, named: bool) -> Vec<Segment> {
    let below = base.iter().map(|segment| &segment.spec);
    let mut starts: Vec<Option<Timestamp>> = below
        .chain(over.iter().copied())
        .flat_map(|spec| [Some(spec.effective_from), spec.effective_until.map(Some)])
        .flatten()
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let mut segments = Vec::new();
    for start in starts {
        let lower = base.iter().rev().find(|segment| in_force(&segment.spec, start));
        let upper = over.iter().rev().find(|row| in_force(row, start));
        let (mut spec, id, from) = match (lower, upper) {
            (None, None) => continue,
            (Some(lower), None) => (lower.spec.clone(), lower.id.clone(), lower.origin.clone()),
            (None, Some(upper)) => {
                let suffix = if named { format!("+{origin}") } else { String::new() };
                ((*upper).clone(), format!("{}{suffix}", plain_id(upper, start)), origin.to_owned())
            }
            (Some(lower), Some(upper)) => {
                let mut spec = upper.over(&lower.spec);
                if upper.model != lower.spec.model {
                    // An overlay on an alias or a member of a family is a model of its own.
                    (spec.model, spec.aliases) = (upper.model.clone(), upper.aliases.clone());
                    spec.patterns = upper.patterns.clone();
                }
                let id = format!("{}+{origin}", plain_id(&spec, start));
                (spec, id, origin.to_owned())
            }
        };
        if !spec.is_complete() {
            // A fragment without anything below it prices nothing: no price, no call.
            continue;
        }
        spec.effective_from = start;
        spec.effective_until = [lower.map(|segment| &segment.spec), upper.copied()]
            .into_iter()
            .flatten()
            .filter_map(|spec| spec.effective_until)
            .min();
        segments.push(Segment { spec, id, origin: from });
    }
    segments
}

fn in_force(spec: &RowSpec, at: Option<Timestamp>) -> bool {
    let begun = spec.effective_from.is_none_or(|from| at.is_some_and(|at| from <= at));
    let ended = spec.effective_until.is_some_and(|until| at.is_some_and(|at| until <= at));
    begun && !ended
}

fn plain_id(spec: &RowSpec, from: Option<Timestamp>) -> String {
    let date = from.map(|at| at.to_string().chars().take(10).collect::<String>());
    let date = date.map_or_else(String::new, |date| format!("@{date}"));
    format!("{}/{}{date}", spec.provider, spec.model)
}
