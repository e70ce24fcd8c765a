-- The requests of one month in UTC and what they add up to. Money is nano-USD, texts are numbers of `strings`.
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE strings(
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- `place` is created_at in microseconds times 256 and a tie breaker: rows and every index lie in order of time.
-- status: 0 pending, 1 streaming, 2 completed, 3 failed, 4 cancelled, 5 denied. A text that is absent is 0.
-- `body` is the whole record; the columns are what is filtered and added up.
CREATE TABLE records(
  place INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  status INTEGER NOT NULL,
  progressed_at INTEGER NOT NULL,
  project INTEGER NOT NULL,
  user INTEGER NOT NULL,
  key INTEGER NOT NULL,
  agent INTEGER NOT NULL,
  run INTEGER NOT NULL,
  session INTEGER NOT NULL,
  provider INTEGER NOT NULL,
  model INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL,
  output INTEGER NOT NULL,
  list_cost INTEGER NOT NULL,
  effective_cost INTEGER NOT NULL,
  first_byte_ms INTEGER,
  total_ms INTEGER,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX records_by_project ON records(project);
CREATE INDEX records_by_user ON records(user) WHERE user <> 0;
CREATE INDEX records_by_key ON records(key) WHERE key <> 0;
CREATE INDEX records_by_agent ON records(agent) WHERE agent <> 0;
CREATE INDEX records_by_run ON records(run) WHERE run <> 0;
CREATE INDEX records_by_session ON records(session) WHERE session <> 0;
CREATE INDEX records_open ON records(progressed_at) WHERE status < 2;

-- Tags as `name=value` texts.
CREATE TABLE record_tags(
  tag INTEGER NOT NULL,
  place INTEGER NOT NULL REFERENCES records(place) ON DELETE CASCADE,
  PRIMARY KEY (tag, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_tags_by_place ON record_tags(place);

-- Hours since 1970 in UTC. What a record adds is taken away again before a later state of it is added.
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

-- Days since 1970 in UTC, one dimension at a time within a project: for the questions that are asked most.
-- dimension: 0 project, 1 user, 2 key, 3 agent, 4 run, 5 session, 6 provider, 7 model, 8 tag.
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
