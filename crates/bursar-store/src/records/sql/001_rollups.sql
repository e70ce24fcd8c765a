-- Up to which entry the journal is drained, and the roll-ups of months whose records retention has dropped.
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE strings(
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- Which files were taken over: a file is added once, whatever happens between adding and removing it.
CREATE TABLE archived(
  month TEXT NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (month, generation)
) STRICT, WITHOUT ROWID;

-- As in the months' files; the numbers are those of this file's own dictionary.
CREATE TABLE roll_hour(
  hour INTEGER NOT NULL,
  project INTEGER NOT NULL,
  user INTEGER NOT NULL,
  key INTEGER NOT NULL,
  agent INTEGER NOT NULL,
  provider INTEGER NOT NULL,
  model INTEGER NOT NULL,
  status INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL,
  output INTEGER NOT NULL,
  list_cost INTEGER NOT NULL,
  effective_cost INTEGER NOT NULL,
  timed INTEGER NOT NULL,
  total_ms INTEGER NOT NULL,
  first_bytes INTEGER NOT NULL,
  first_byte_ms INTEGER NOT NULL,
  PRIMARY KEY (hour, project, user, key, agent, provider, model, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE roll_day(
  dimension INTEGER NOT NULL,
  day INTEGER NOT NULL,
  value INTEGER NOT NULL,
  project INTEGER NOT NULL,
  status INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL,
  output INTEGER NOT NULL,
  list_cost INTEGER NOT NULL,
  effective_cost INTEGER NOT NULL,
  timed INTEGER NOT NULL,
  total_ms INTEGER NOT NULL,
  first_bytes INTEGER NOT NULL,
  first_byte_ms INTEGER NOT NULL,
  PRIMARY KEY (dimension, day, value, project, status)
) STRICT, WITHOUT ROWID;
