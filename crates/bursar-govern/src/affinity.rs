//! Affinity: a key's conversation stays with the credential where its prompt cache is. A bounded table with an age limit.

use bursar_core::{Timestamp, Value};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Conversations remembered in each of two generations: some hundred bytes each, and more than a gateway has open.
const GENERATION: usize = 32_768;
/// Prefixes of these lengths are recognised: providers cache nothing below some 4 kB of text, and hashing more than
/// 64 kB would cost more than it finds.
const PREFIXES: [usize; 5] = [4 * 1024, 8 * 1024, 16 * 1024, 32 * 1024, 64 * 1024];

/// What identifies a conversation: its session, or what its prompts begin with. The longest prefix first.
pub type Marks = Vec<u64>;

/// Which credential a conversation was last served with.
pub struct Affinity {
    hasher: RandomState,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    young: HashMap<u64, Seat>,
    old: HashMap<u64, Seat>,
}

#[derive(Clone)]
struct Seat {
    credential: Value,
    until: Timestamp,
}

impl Default for Affinity {
    fn default() -> Self {
        Self { hasher: RandomState::new(), table: Mutex::default() }
    }
}

impl Affinity {
    /// The marks of a request of `key` to `provider`: by its session where it names one, else by what its body begins
    /// with. None for a short body without a session: there is no cache to stay with.
    #[must_use]
    pub fn marks(&self, key: &str, provider: &str, session: Option<&str>, body: &[u8]) -> Marks {
        if let Some(session) = session {
            return vec![self.hasher.hash_one((key, provider, "session", session))];
        }
        let prefix =
            |length: &usize| Some(self.hasher.hash_one((key, provider, length, body.get(..*length)?)));
        PREFIXES.iter().rev().filter_map(prefix).collect()
    }
    /// The credential of the conversation, by the longest mark that is known.
    #[must_use]
    pub fn find(&self, marks: &[u64], now: Timestamp) -> Option<Value> {
        let table = self.table.lock();
        let seat = |mark: &u64| table.young.get(mark).or_else(|| table.old.get(mark));
        let found = marks.iter().filter_map(seat).find(|seat| now < seat.until);
        found.map(|seat| seat.credential.clone())
    }
    /// Remembers who served the conversation, for `seconds`.
    pub fn stay(&self, marks: &[u64], credential: &Value, now: Timestamp, seconds: i64) {
        let seat = Seat { credential: credential.clone(), until: now.plus_seconds(seconds) };
        let mut table = self.table.lock();
        for mark in marks {
            if table.young.len() >= GENERATION {
                table.old = std::mem::take(&mut table.young);
            }
            table.young.insert(*mark, seat.clone());
        }
    }
    /// Forgets it: that credential failed.
    pub fn leave(&self, marks: &[u64]) {
        let mut table = self.table.lock();
        for mark in marks {
            table.young.remove(mark);
            table.old.remove(mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn value(text: &str) -> Value {
        Value::new(text).unwrap()
    }

    #[test]
    fn a_conversation_that_grows_is_recognised_by_its_beginning() {
        let affinity = Affinity::default();
        let first = affinity.marks("k1", "p", None, &[b'x'; 5_000]);
        affinity.stay(&first, &value("a"), NOW, 300);
        let mut longer = vec![b'x'; 5_000];
        longer.extend([b'y'; 20_000]);
        let second = affinity.marks("k1", "p", None, &longer);
        assert_eq!(affinity.find(&second, NOW), Some(value("a")));
        assert_eq!(affinity.find(&affinity.marks("k2", "p", None, &longer), NOW), None, "another key's");
        assert_eq!(affinity.find(&affinity.marks("k1", "q", None, &longer), NOW), None, "another provider's");
        assert_eq!(affinity.find(&second, NOW.plus_seconds(300)), None, "the cache is gone by then");
        affinity.leave(&second);
        assert_eq!(affinity.find(&first, NOW), None);
    }

    #[test]
    fn a_session_says_it_by_itself_and_a_short_body_says_nothing() {
        let affinity = Affinity::default();
        let marks = affinity.marks("k1", "p", Some("s1"), b"{}");
        affinity.stay(&marks, &value("a"), NOW, 300);
        assert_eq!(
            affinity.find(&affinity.marks("k1", "p", Some("s1"), &[b'z'; 9_000]), NOW),
            Some(value("a"))
        );
        assert_eq!(affinity.find(&affinity.marks("k1", "p", Some("s2"), b"{}"), NOW), None);
        assert!(affinity.marks("k1", "p", None, b"{}").is_empty());
    }

    #[test]
    fn the_table_is_bounded() {
        let affinity = Affinity::default();
        for mark in 0..200_000 {
            affinity.stay(&[mark], &value("a"), NOW, 300);
        }
        let table = affinity.table.lock();
        assert!(table.young.len() <= GENERATION && table.old.len() <= GENERATION);
        assert!(table.young.contains_key(&199_999));
    }
}
