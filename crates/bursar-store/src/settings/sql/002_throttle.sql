-- Throttles of one model, too; and what became of throttles, for people and for alerts.
CREATE TABLE throttles_of(
  provider TEXT NOT NULL,
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  engaged INTEGER NOT NULL CHECK (engaged IN (0, 1)),
  acting INTEGER NOT NULL CHECK (acting IN (0, 1)),
  since INTEGER NOT NULL,
  forced INTEGER CHECK (forced IN (0, 1)),
  forced_until INTEGER,
  forced_by TEXT,
  reason TEXT NOT NULL,
  document TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (provider, project, model)
) STRICT, WITHOUT ROWID;
INSERT INTO throttles_of
  SELECT provider, project, '', engaged, engaged, since, forced, forced_until, NULL, reason, document, version, created_at,
    updated_at
  FROM throttles;
DROP TABLE throttles;
ALTER TABLE throttles_of RENAME TO throttles;

CREATE TABLE throttle_events(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  provider TEXT NOT NULL,
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  dry_run INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;
