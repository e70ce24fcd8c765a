-- Who may spend what, and who changed it. Times are UTC microseconds, money is nano-USD, lists are JSON.
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE projects(
  name TEXT PRIMARY KEY,
  time_zone TEXT NOT NULL,
  require_budget INTEGER NOT NULL CHECK (require_budget IN (0, 1)),
  unknown_model_policy TEXT NOT NULL,
  default_user_budget TEXT,
  managed_by TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users(
  name TEXT PRIMARY KEY,
  display_name TEXT,
  email TEXT,
  managed_by TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A deleted key keeps its row, so that records can name it, but has no hash any more.
CREATE TABLE keys(
  id TEXT PRIMARY KEY,
  name TEXT,
  prefix TEXT NOT NULL,
  hash BLOB UNIQUE CHECK (length(hash) = 32),
  previous_hash BLOB UNIQUE CHECK (length(previous_hash) = 32),
  previous_until INTEGER,
  project TEXT NOT NULL REFERENCES projects(name),
  user TEXT REFERENCES users(name),
  kind TEXT NOT NULL,
  models TEXT NOT NULL,
  providers TEXT NOT NULL,
  api_formats TEXT NOT NULL,
  may_set TEXT NOT NULL,
  bound TEXT NOT NULL,
  fit INTEGER NOT NULL CHECK (fit IN (0, 1)),
  requests_per_minute INTEGER,
  concurrency_max INTEGER,
  balance INTEGER,
  expires_at INTEGER,
  blocked INTEGER NOT NULL CHECK (blocked IN (0, 1)),
  managed_by TEXT NOT NULL,
  deleted_at INTEGER,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK ((deleted_at IS NULL) = (hash IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_project ON keys(project, id);
CREATE INDEX keys_by_user ON keys(user, id) WHERE user IS NOT NULL;

-- Apart from `keys`: written in batches by the drainer, never by a person.
CREATE TABLE key_totals(
  key TEXT PRIMARY KEY REFERENCES keys(id),
  requests INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  list_cost INTEGER NOT NULL,
  effective_cost INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: the id of a deleted budget is never given to another one.
CREATE TABLE budgets(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  managed_by TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  deleted_at INTEGER,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX budgets_by_name ON budgets(name) WHERE deleted_at IS NULL;

CREATE TABLE documents(
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  managed_by TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials(
  provider TEXT NOT NULL,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  sealed BLOB NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (provider, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  hash BLOB UNIQUE CHECK (length(hash) = 32),
  role TEXT NOT NULL,
  project TEXT REFERENCES projects(name),
  user TEXT REFERENCES users(name),
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK ((revoked_at IS NULL) = (hash IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE kill_switches(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT NOT NULL,
  reason TEXT NOT NULL,
  cut_streams INTEGER NOT NULL CHECK (cut_streams IN (0, 1)),
  actor TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER,
  lifted_at INTEGER,
  lifted_by TEXT
) STRICT;
CREATE UNIQUE INDEX kill_switches_on ON kill_switches(scope) WHERE lifted_at IS NULL;

CREATE TABLE throttles(
  provider TEXT NOT NULL,
  project TEXT NOT NULL,
  engaged INTEGER NOT NULL CHECK (engaged IN (0, 1)),
  since INTEGER NOT NULL,
  forced INTEGER CHECK (forced IN (0, 1)),
  forced_until INTEGER,
  reason TEXT NOT NULL,
  document TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (provider, project)
) STRICT, WITHOUT ROWID;

CREATE TABLE answers(
  scope TEXT NOT NULL,
  name BLOB NOT NULL CHECK (length(name) = 32),
  request_id TEXT NOT NULL,
  fingerprint INTEGER NOT NULL,
  state TEXT NOT NULL,
  sealed BLOB,
  started_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_by_expiry ON answers(expires_at);
-- What is kept, counted as it changes: adding up a day of answers for every request would be slow.
CREATE TABLE answers_kept(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  answers INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
INSERT INTO answers_kept VALUES (1, 0, 0);
CREATE TRIGGER answers_are_counted AFTER INSERT ON answers
BEGIN UPDATE answers_kept SET answers = answers + 1, bytes = bytes + coalesce(length(NEW.sealed), 0); END;
CREATE TRIGGER answers_are_weighed AFTER UPDATE ON answers
BEGIN UPDATE answers_kept
  SET bytes = bytes + coalesce(length(NEW.sealed), 0) - coalesce(length(OLD.sealed), 0); END;
CREATE TRIGGER answers_are_discounted AFTER DELETE ON answers
BEGIN UPDATE answers_kept SET answers = answers - 1, bytes = bytes - coalesce(length(OLD.sealed), 0); END;

CREATE TABLE audit(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  name TEXT NOT NULL,
  before TEXT,
  after TEXT
) STRICT;
CREATE INDEX audit_by_object ON audit(object, name, id);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
-- Retention first raises `audit_floor` (an SQL integer as text), then deletes below it.
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.at >= coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE name = 'audit_floor'), 0)
BEGIN SELECT RAISE(ABORT, 'audit entries are kept until their retention ends'); END;
