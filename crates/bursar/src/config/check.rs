//! Checks between sections: references, fallback cycles, how many windows one request may touch.

use super::budget::ReadBudget;
use super::matching::Matched;
use super::mistake::{Mistake, nearest};
use super::section::{Reading, Spot};
use bursar_core::limits::WINDOWS_PER_ATTEMPT_MAX;
use bursar_core::{Attribute, Pattern};

/// The fallback list of one object, with its places.
pub(super) struct Fallback<'a> {
    pub(super) name: String,
    pub(super) field: String,
    pub(super) next: Vec<Spot<'a>>,
}

/// Notes every cycle once, at the entry that closes it.
pub(super) fn check_cycles(fallbacks: &[Fallback<'_>], reading: &mut Reading<'_>) {
    let mut reported: Vec<Vec<String>> = Vec::new();
    for start in fallbacks {
        let mut path = vec![start.name.clone()];
        visit(start, fallbacks, &mut path, &mut reported, reading);
    }
}

fn visit(
    from: &Fallback<'_>,
    fallbacks: &[Fallback<'_>],
    path: &mut Vec<String>,
    reported: &mut Vec<Vec<String>>,
    reading: &mut Reading<'_>,
) {
    for (at, spot) in from.next.iter().enumerate() {
        if let Some(begin) = path.iter().position(|name| name == spot.text) {
            let cycle: Vec<String> = path.iter().skip(begin).cloned().collect();
            let mut members = cycle.clone();
            members.sort();
            if !reported.contains(&members) {
                let names: Vec<String> = cycle.iter().map(|name| format!("`{name}`")).collect();
                let message = format!("fallback goes in a circle: {} -> `{}`", names.join(" -> "), spot.text);
                let help = format!("remove `{}` here: a request never tries the same one twice", spot.text);
                reading.wrong(spot.place, format!("{}[{at}]", from.field), message, help);
                reported.push(members);
            }
        } else if let Some(next) = fallbacks.iter().find(|fallback| fallback.name == spot.text) {
            path.push(spot.text.to_owned());
            visit(next, fallbacks, path, reported, reading);
            path.pop();
        }
    }
}

/// Warns of names in `match` that nothing declares: they may come from the admin API, or be slips.
pub(super) fn check_matched(
    budget: &ReadBudget<'_>,
    names: &[(Attribute, Vec<&str>)],
    reading: &mut Reading<'_>,
) {
    for Matched { attribute, patterns, field } in &budget.matched {
        let Some((_, known)) = names.iter().find(|(named, _)| named == attribute) else {
            continue;
        };
        for spot in patterns {
            let Some(exact) = Pattern::new(spot.text).exact().map(str::to_owned) else {
                continue;
            };
            if known.contains(&exact.as_str()) {
                continue;
            }
            let Some(near) = nearest(&exact, known.iter().copied()) else {
                continue;
            };
            let message = format!("`{field}`: no {attribute} `{exact}` is declared in this file");
            let help = format!("did you mean `{near}`? If it is made through the admin API, all is well");
            reading.mistakes.push(Mistake::new(spot.place.clone(), field, message, help).warning());
        }
    }
}

/// Steps of the search below: enough for every real file, a blink of the eye for any.
const STEPS_MAX: u32 = 200_000;

/// Warns when one request can touch more windows than it may: such requests are always refused.
pub(super) fn check_windows(budgets: &[ReadBudget<'_>], reading: &mut Reading<'_>) {
    let active: Vec<&ReadBudget<'_>> = budgets.iter().filter(|read| read.budget.active).collect();
    let mut attributes: Vec<&Attribute> =
        active.iter().flat_map(|read| read.budget.matches.iter().map(|(attribute, _)| attribute)).collect();
    attributes.sort();
    attributes.dedup();
    let mut steps = STEPS_MAX;
    let Some((together, values)) = overfull(&active, &attributes, Vec::new(), &mut steps) else {
        return;
    };
    let Some(last) = together.last() else {
        return;
    };
    let who = if values.is_empty() {
        "every request".to_owned()
    } else {
        format!("a request with {}", values.join(", "))
    };
    let message = format!(
        "{who} touches {} budgets, and a request has at most {WINDOWS_PER_ATTEMPT_MAX} windows: it is always refused",
        together.len()
    );
    let help = "join budgets that differ only in `match` by `per`, or narrow their `match`";
    reading.mistakes.push(Mistake::new(last.place.clone(), &last.path, message, help).warning());
}

type Overfull<'b, 'a> = (Vec<&'b ReadBudget<'a>>, Vec<String>);

/// Chooses a value for each attribute in turn; keeps the budgets that still apply; stops where too few are left.
fn overfull<'b, 'a>(
    left: &[&'b ReadBudget<'a>],
    attributes: &[&Attribute],
    values: Vec<String>,
    steps: &mut u32,
) -> Option<Overfull<'b, 'a>> {
    if left.len() <= WINDOWS_PER_ATTEMPT_MAX || *steps == 0 {
        return None;
    }
    *steps -= 1;
    let Some((attribute, rest)) = attributes.split_first() else {
        return Some((left.to_vec(), values));
    };
    let patterns_of = |read: &'b ReadBudget<'a>| {
        let mut all = read.budget.matches.iter();
        all.find(|(other, _)| other == *attribute).map(|(_, patterns)| patterns)
    };
    // A pattern stands for itself without its stars: it meets at least its own budgets.
    let patterns = left.iter().filter_map(|read| patterns_of(read)).flatten();
    let mut candidates: Vec<String> = patterns.map(|pattern| pattern.as_str().replace('*', "")).collect();
    candidates.sort();
    candidates.dedup();
    for candidate in &candidates {
        let applies = |read: &&&'b ReadBudget<'a>| {
            patterns_of(read).is_none_or(|list| list.iter().any(|pattern| pattern.matches(candidate)))
        };
        let kept: Vec<&ReadBudget<'a>> = left.iter().filter(applies).copied().collect();
        let mut chosen = values.clone();
        chosen.push(format!("{attribute} `{candidate}`"));
        if let Some(found) = overfull(&kept, rest, chosen, steps) {
            return Some(found);
        }
    }
    let without: Vec<&ReadBudget<'a>> =
        left.iter().filter(|read| patterns_of(read).is_none()).copied().collect();
    overfull(&without, rest, values, steps)
}
