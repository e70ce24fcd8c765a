-- Alerts: what happened, once per event, and what became of telling each channel. Sources remember how far they were read
-- in the transaction that writes what was found.
CREATE TABLE alerts(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  dedup_key TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  scope TEXT NOT NULL,
  document TEXT NOT NULL
) STRICT;

CREATE TABLE alert_deliveries(
  alert INTEGER NOT NULL REFERENCES alerts(id) ON DELETE CASCADE,
  channel TEXT NOT NULL,
  state TEXT NOT NULL,
  urgent INTEGER NOT NULL CHECK (urgent IN (0, 1)),
  attempts INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  tried_at INTEGER,
  problem TEXT NOT NULL,
  PRIMARY KEY (alert, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_deliveries_pending ON alert_deliveries(channel, due_at) WHERE state = 'pending';

CREATE TABLE alert_cursors(
  source TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What happened before there were alerts is no news.
INSERT INTO alert_cursors SELECT 'throttle', coalesce(max(id), 0) FROM throttle_events;
INSERT INTO alert_cursors SELECT 'audit', coalesce(max(id), 0) FROM audit;
