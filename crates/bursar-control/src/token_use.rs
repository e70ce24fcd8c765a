//! When tokens of the admin API were last used: noted in memory as they come, written down now and then, so that a
//! request that only reads writes nothing.

use crate::state::State;
use bursar_core::Timestamp;
use bursar_store::settings::{SettingsError, TokenId};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Seconds that a use may wait to be written: a crash forgets as much, and a busy token costs one write a minute.
const WRITE_EVERY_S: i64 = 60;

/// Uses that are not written yet, at most one for each token there is.
#[derive(Debug, Default)]
pub(crate) struct TokenUse(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    latest: BTreeMap<TokenId, Timestamp>,
    /// The first use since the last write.
    since: Option<Timestamp>,
}

impl TokenUse {
    /// A token that works was used.
    pub(crate) fn note(&self, token: TokenId, now: Timestamp) {
        let mut noted = self.0.lock();
        noted.since.get_or_insert(now);
        let latest = noted.latest.entry(token).or_insert(now);
        *latest = now.max(*latest);
    }
    /// When a token was last used, of which `stored` is written.
    pub(crate) fn last(&self, token: TokenId, stored: Option<Timestamp>) -> Option<Timestamp> {
        self.0.lock().latest.get(&token).copied().max(stored)
    }
    /// What is to be written, if it is time.
    fn due(&self, now: Timestamp, last: bool) -> Vec<(TokenId, Timestamp)> {
        let mut noted = self.0.lock();
        if noted.since.is_none_or(|since| !last && now < since.plus_seconds(WRITE_EVERY_S)) {
            return Vec::new();
        }
        noted.since = None;
        std::mem::take(&mut noted.latest).into_iter().collect()
    }
}

impl State {
    /// Writes when tokens were last used, if it is time; `last`: in any case. Blocks on the disk.
    ///
    /// # Errors
    /// See [`SettingsError`]; it is written the next time then.
    pub fn tend_token_use(&self, now: Timestamp, last: bool) -> Result<(), SettingsError> {
        let due = self.token_use.due(now, last);
        if due.is_empty() {
            return Ok(());
        }
        self.settings.touch_tokens(&due).inspect_err(|_| {
            for (token, at) in &due {
                self.token_use.note(*token, *at);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_known_at_once_and_written_once_a_minute() {
        let (one, other) = (TokenId::from_u128(1), TokenId::from_u128(2));
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let uses = TokenUse::default();
        assert_eq!(uses.last(one, Some(at(5))), Some(at(5)));
        uses.note(one, at(100));
        uses.note(one, at(130));
        uses.note(other, at(140));
        assert_eq!((uses.last(one, Some(at(5))), uses.last(other, None)), (Some(at(130)), Some(at(140))));
        assert_eq!(uses.due(at(159), false), []);
        assert_eq!(uses.due(at(160), false), [(one, at(130)), (other, at(140))]);
        assert_eq!(uses.due(at(500), true), [], "once");
        uses.note(other, at(501));
        assert_eq!(uses.due(at(501), true), [(other, at(501))], "at the end in any case");
    }
}
