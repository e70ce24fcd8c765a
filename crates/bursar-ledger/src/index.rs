//! From the attributes of a request to the budgets that mean it: one hash lookup for each set of attributes that budgets
//! match exactly. Patterns are checked afterwards, on the few budgets that a lookup finds.

use crate::budget::Budget;
use crate::hash::Seed;
use crate::limits::{BUDGETS_PER_BUCKET_MAX, PATTERNS_MAX, SHAPES_MAX};
use crate::slab::Slot;
use bursar_core::{Attribute, Attributes};
use hashbrown::HashTable;
use smallvec::SmallVec;

/// The budgets found for one request, in no useful order.
pub(crate) type Found = SmallVec<[Slot; 16]>;

type Values = SmallVec<[Box<str>; 2]>;

#[derive(Clone, Debug)]
struct Bucket {
    values: Values,
    slots: SmallVec<[Slot; 4]>,
}

/// All budgets that match the same set of attributes exactly.
#[derive(Clone, Debug, Default)]
struct Shape {
    attributes: SmallVec<[Attribute; 4]>,
    buckets: HashTable<Bucket>,
}

#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// The first has no attributes: budgets that only a pattern, or nothing, tells apart.
    shapes: Vec<Shape>,
}

/// Where a budget belongs.
enum Place {
    /// In buckets of a shape that is there.
    Shape(usize, Vec<Values>),
    /// In buckets of a shape to be made at this position.
    New { at: usize, attributes: SmallVec<[Attribute; 4]>, keys: Vec<Values> },
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { shapes: vec![Shape::default()] }
    }
    /// Whether the place of a budget has room for one more; `own` does not count, as it is about to leave.
    pub(crate) fn has_room(&self, seed: Seed, budget: &Budget, own: Option<Slot>) -> bool {
        let Place::Shape(at, keys) = self.place(budget) else { return true };
        let Some(shape) = self.shapes.get(at) else { return true };
        keys.iter().all(|values| {
            let bucket = shape.buckets.find(hash(seed, values), |bucket| bucket.values == *values);
            let others = |bucket: &Bucket| bucket.slots.iter().filter(|slot| Some(**slot) != own).count();
            bucket.map_or(0, others) < BUDGETS_PER_BUCKET_MAX
        })
    }
    /// Adds a budget, room or not: what was accepted once must replay.
    pub(crate) fn insert(&mut self, seed: Seed, budget: &Budget, slot: Slot) {
        let (at, keys) = match self.place(budget) {
            Place::Shape(at, keys) => (at, keys),
            Place::New { at, attributes, keys } => {
                let new = Shape { attributes, ..Shape::default() };
                if let Some(unused) = self.shapes.get_mut(at) {
                    *unused = new;
                } else {
                    self.shapes.push(new);
                }
                (at, keys)
            }
        };
        let Some(shape) = self.shapes.get_mut(at) else { return };
        for values in keys {
            let hash_of = hash(seed, &values);
            if let Some(bucket) = shape.buckets.find_mut(hash_of, |bucket| bucket.values == values) {
                bucket.slots.push(slot);
            } else {
                let bucket = Bucket { values, slots: SmallVec::from_slice(&[slot]) };
                shape.buckets.insert_unique(hash_of, bucket, |bucket| hash(seed, &bucket.values));
            }
        }
    }
    pub(crate) fn remove(&mut self, seed: Seed, budget: &Budget, slot: Slot) {
        // Which place the budget got may depend on what stood in the index then: look in every shape it could be in.
        let Exact { attributes, values } = exact(budget);
        for shape in &mut self.shapes {
            let Some(lists) = pick(&shape.attributes, &attributes, &values) else { continue };
            for key in product(&lists) {
                let Ok(mut entry) = shape.buckets.find_entry(hash(seed, &key), |bucket| bucket.values == key)
                else {
                    continue;
                };
                entry.get_mut().slots.retain(|other| *other != slot);
                if entry.get().slots.is_empty() {
                    entry.remove();
                }
            }
        }
    }
    /// Budgets that may mean a request with these attributes; patterns are still to be checked.
    pub(crate) fn find(&self, seed: Seed, attributes: &Attributes, found: &mut Found) {
        'shapes: for shape in &self.shapes {
            let mut hash = seed.start();
            for attribute in &shape.attributes {
                let Some(value) = attributes.get(attribute) else { continue 'shapes };
                hash = hash.text(value.as_str());
            }
            let equal = |bucket: &Bucket| {
                bucket.values.iter().zip(&shape.attributes).all(|(value, attribute)| {
                    attributes.get(attribute).is_some_and(|own| own.as_str() == &**value)
                })
            };
            if let Some(bucket) = shape.buckets.find(hash.finish(), equal) {
                found.extend_from_slice(&bucket.slots);
            }
        }
    }

    fn place(&self, budget: &Budget) -> Place {
        let Exact { mut attributes, mut values } = exact(budget);
        // A list of values stands in one bucket for each; so many at most.
        while values.iter().map(Vec::len).product::<usize>() > PATTERNS_MAX {
            let longest = (0..values.len()).max_by_key(|at| values.get(*at).map_or(0, Vec::len)).unwrap_or(0);
            values.remove(longest);
            attributes.remove(longest);
        }
        let keys = |shape: &[Attribute]| product(&pick(shape, &attributes, &values).unwrap_or_default());
        if let Some(at) = self.shapes.iter().position(|shape| shape.attributes.as_slice() == attributes) {
            return Place::Shape(at, keys(&attributes));
        }
        let unused = |shape: &Shape| !shape.attributes.is_empty() && shape.buckets.is_empty();
        let at = self.shapes.iter().position(unused).unwrap_or(self.shapes.len());
        if at < SHAPES_MAX {
            let keys = keys(&attributes);
            return Place::New { at, attributes: attributes.into(), keys };
        }
        // No room for another shape: the one that tells most.
        let covered = |shape: &Shape| shape.attributes.iter().all(|own| attributes.contains(own));
        let shapes = self.shapes.iter().enumerate().filter(|(_, shape)| covered(shape));
        let (at, shape) = shapes
            .max_by_key(|(_, shape)| shape.attributes.len())
            .map_or((0, [].as_slice()), |(at, shape)| (at, shape.attributes.as_slice()));
        Place::Shape(at, keys(shape))
    }
}

/// Attributes that a budget matches by exact values alone, in order, and those values.
struct Exact {
    attributes: Vec<Attribute>,
    values: Vec<Vec<Box<str>>>,
}

fn exact(budget: &Budget) -> Exact {
    let mut pairs: Vec<(Attribute, Vec<Box<str>>)> = Vec::new();
    for (attribute, patterns) in &budget.matches {
        let values: Option<Vec<Box<str>>> =
            patterns.iter().map(|pattern| pattern.exact().map(Into::into)).collect();
        if let Some(mut values) = values {
            values.sort_unstable();
            values.dedup();
            pairs.push((attribute.clone(), values));
        }
    }
    pairs.sort_unstable();
    let (attributes, values) = pairs.into_iter().unzip();
    Exact { attributes, values }
}

/// The values of those of `attributes` that a shape asks for; `None` when one is missing.
fn pick<'a>(
    wanted: &[Attribute],
    attributes: &[Attribute],
    values: &'a [Vec<Box<str>>],
) -> Option<Vec<&'a [Box<str>]>> {
    let of = |wanted: &Attribute| {
        let at = attributes.iter().position(|attribute| attribute == wanted)?;
        values.get(at).map(Vec::as_slice)
    };
    wanted.iter().map(of).collect()
}

/// One key for each combination of values.
fn product(lists: &[&[Box<str>]]) -> Vec<Values> {
    let mut keys = vec![Values::new()];
    if lists.iter().map(|list| list.len()).product::<usize>() > PATTERNS_MAX {
        return Vec::new();
    }
    for list in lists {
        let with = |key: &Values, value: &str| {
            let mut key = key.clone();
            key.push(value.into());
            key
        };
        keys = keys.iter().flat_map(|key| list.iter().map(|value| with(key, value))).collect();
    }
    keys
}

fn hash(seed: Seed, values: &Values) -> u64 {
    values.iter().fold(seed.start(), |hash, value| hash.text(value)).finish()
}
