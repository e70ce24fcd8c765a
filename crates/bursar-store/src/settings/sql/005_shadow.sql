-- What shadow budgets would have refused, by window: bookkeeping in batches, written by the drainer, never by a person.
-- `requested` is in the budget's measure: nano-USD, tokens or requests.
CREATE TABLE shadow_totals(
  window INTEGER PRIMARY KEY,
  budget INTEGER NOT NULL,
  refusals INTEGER NOT NULL,
  requested INTEGER NOT NULL,
  last_at INTEGER NOT NULL
) STRICT;
CREATE INDEX shadow_totals_by_budget ON shadow_totals(budget, refusals, requested);
CREATE INDEX shadow_totals_by_time ON shadow_totals(last_at);
