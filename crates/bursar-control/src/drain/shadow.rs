//! What shadow budgets would have refused, from the journal's reservations.

use bursar_ledger::{Entry, WindowId};
use bursar_store::journal::Seq;
use bursar_store::ledger::Ledger;
use bursar_store::settings::{ShadowRefusals, ShadowUse};
use std::collections::BTreeMap;

/// What the entries behind number `after` add, window by window. A window that is gone by now adds nothing.
pub(super) fn of_entries(ledger: &Ledger, entries: &[(Seq, Entry)], after: Seq) -> Vec<ShadowUse> {
    let mut uses: BTreeMap<WindowId, ShadowUse> = BTreeMap::new();
    for (_, entry) in entries.iter().filter(|(seq, _)| *seq > after) {
        let Entry::Reserved(reserved) = entry else { continue };
        for (position, window) in (0u32..).zip(&reserved.windows) {
            if !reserved.would_have_refused(position) {
                continue;
            }
            let Some(standing) = ledger.standing_of(*window, reserved.at).ok().flatten() else { continue };
            let budget = ledger.look(|engine| engine.budget_of(standing.budget).cloned()).ok().flatten();
            let Some(budget) = budget else { continue };
            let own = uses.entry(*window).or_insert(ShadowUse {
                window: window.0,
                budget: budget.id.0,
                refused: ShadowRefusals::default(),
                last_at: reserved.at,
            });
            let asked = reserved.hold.of(budget.measure, budget.cost_basis);
            own.refused.refusals = own.refused.refusals.saturating_add(1);
            own.refused.requested = own.refused.requested.saturating_add(asked);
            own.last_at = own.last_at.max(reserved.at);
        }
    }
    uses.into_values().collect()
}
