-- What version 1 wrote. Never edited.
BEGIN TRANSACTION;
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
INSERT INTO "answers" VALUES('key:1',X'0404040404040404040404040404040404040404040404040404040404040404','00000000-0000-0000-0000-000000000008',15,'in_flight',NULL,1772323205000000,1772323299000000);
CREATE TABLE answers_kept(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  answers INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
INSERT INTO "answers_kept" VALUES(1,1,0);
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
INSERT INTO "audit" VALUES(1,1772323201000000,'ada','create','project','alpha',NULL,'{"name":"alpha","time_zone":"UTC","require_budget":false,"unknown_model_policy":"deny","default_user_budget":null,"managed_by":"api","active":true,"version":1,"created_at":"2026-03-01T00:00:01Z","updated_at":"2026-03-01T00:00:01Z"}');
INSERT INTO "audit" VALUES(2,1772323201000000,'ada','create','user','bob',NULL,'{"name":"bob","display_name":null,"email":null,"managed_by":"api","active":true,"version":1,"created_at":"2026-03-01T00:00:01Z","updated_at":"2026-03-01T00:00:01Z"}');
INSERT INTO "audit" VALUES(3,1772323201000000,'ada','create','key','00000000-0000-0000-0000-000000000001',NULL,'{"id":"00000000-0000-0000-0000-000000000001","name":null,"prefix":"bk-0001","previous":null,"project":"alpha","user":"bob","kind":"member","models":["gpt-*"],"providers":[],"api_formats":["openai_chat"],"may_set":["agent","tag.team"],"bound":{"agent":"crawler"},"fit":false,"requests_per_minute":null,"concurrency_max":null,"balance":null,"expires_at":null,"blocked":false,"managed_by":"api","deleted_at":null,"version":1,"created_at":"2026-03-01T00:00:01Z","updated_at":"2026-03-01T00:00:01Z"}');
INSERT INTO "audit" VALUES(4,1772323201000000,'ada','create','budget','daily',NULL,'{"id":1,"name":"daily","document":{"limit":"100 USD","period":"day"},"managed_by":"file","active":true,"deleted_at":null,"version":1,"created_at":"2026-03-01T00:00:01Z","updated_at":"2026-03-01T00:00:01Z"}');
INSERT INTO "audit" VALUES(5,1772323201000000,'ada','create','provider','openai',NULL,'{"kind":"provider","name":"openai","document":{"family":"openai"},"managed_by":"file","active":true,"version":1,"created_at":"2026-03-01T00:00:01Z","updated_at":"2026-03-01T00:00:01Z"}');
INSERT INTO "audit" VALUES(6,1772323201000000,'ada','create','credential','openai/main',NULL,'{"provider":"openai","name":"main","document":{},"active":true,"version":1,"created_at":"2026-03-01T00:00:01Z","updated_at":"2026-03-01T00:00:01Z"}');
INSERT INTO "audit" VALUES(7,1772323201000000,'ada','create','token','00000000-0000-0000-0000-000000000007',NULL,'{"id":"00000000-0000-0000-0000-000000000007","name":"ci","prefix":"bt-7","role":"admin","project":null,"user":null,"expires_at":null,"revoked_at":null,"last_used_at":null,"version":1,"created_at":"2026-03-01T00:00:01Z","updated_at":"2026-03-01T00:00:01Z"}');
INSERT INTO "audit" VALUES(8,1772323201000000,'ada','turn_on','kill_switch','project=alpha',NULL,'{"id":1,"scope":"project=alpha","reason":"runaway agent","cut_streams":true,"actor":"ada","since":"2026-03-01T00:00:01Z","until":"2026-03-01T00:01:30Z","lifted_at":null,"lifted_by":null}');
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
INSERT INTO "budgets" VALUES(1,'daily','{"limit":"100 USD","period":"day"}','file',1,NULL,1,1772323201000000,1772323201000000);
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
INSERT INTO "credentials" VALUES('openai','main','{}',X'7365616C6564',1,1,1772323201000000,1772323201000000);
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
INSERT INTO "documents" VALUES('provider','openai','{"family":"openai"}','file',1,1,1772323201000000,1772323201000000);
CREATE TABLE key_totals(
  key TEXT PRIMARY KEY REFERENCES keys(id),
  requests INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  list_cost INTEGER NOT NULL,
  effective_cost INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "key_totals" VALUES('00000000-0000-0000-0000-000000000001',3,42,99,98,1772323205000000);
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
INSERT INTO "keys" VALUES('00000000-0000-0000-0000-000000000001',NULL,'bk-0001',X'0101010101010101010101010101010101010101010101010101010101010101',NULL,NULL,'alpha','bob','member','["gpt-*"]','[]','["openai_chat"]','["agent","tag.team"]','[["agent","crawler"]]',0,NULL,NULL,NULL,NULL,0,'api',NULL,1,1772323201000000,1772323201000000);
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
INSERT INTO "kill_switches" VALUES(1,'project=alpha','runaway agent',1,'ada',1772323201000000,1772323290000000,NULL,NULL);
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('totals_floor',X'3137');
CREATE TABLE migrations(
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum INTEGER NOT NULL, applied_at INTEGER NOT NULL) STRICT;
INSERT INTO "migrations" VALUES(1,'settings',2733764081,1772323200000000);
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
INSERT INTO "projects" VALUES('alpha','UTC',0,'deny',NULL,'api',1,1,1772323201000000,1772323201000000);
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
INSERT INTO "tokens" VALUES('00000000-0000-0000-0000-000000000007','ci','bt-7',X'0707070707070707070707070707070707070707070707070707070707070707','admin',NULL,NULL,NULL,NULL,NULL,1,1772323201000000,1772323201000000);
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
INSERT INTO "users" VALUES('bob',NULL,NULL,'api',1,1,1772323201000000,1772323201000000);
CREATE INDEX keys_by_project ON keys(project, id);
CREATE INDEX keys_by_user ON keys(user, id) WHERE user IS NOT NULL;
CREATE UNIQUE INDEX budgets_by_name ON budgets(name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX kill_switches_on ON kill_switches(scope) WHERE lifted_at IS NULL;
CREATE INDEX answers_by_expiry ON answers(expires_at);
CREATE TRIGGER answers_are_counted AFTER INSERT ON answers
BEGIN UPDATE answers_kept SET answers = answers + 1, bytes = bytes + coalesce(length(NEW.sealed), 0); END;
CREATE TRIGGER answers_are_weighed AFTER UPDATE ON answers
BEGIN UPDATE answers_kept
  SET bytes = bytes + coalesce(length(NEW.sealed), 0) - coalesce(length(OLD.sealed), 0); END;
CREATE TRIGGER answers_are_discounted AFTER DELETE ON answers
BEGIN UPDATE answers_kept SET answers = answers - 1, bytes = bytes - coalesce(length(OLD.sealed), 0); END;
CREATE INDEX audit_by_object ON audit(object, name, id);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.at >= coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE name = 'audit_floor'), 0)
BEGIN SELECT RAISE(ABORT, 'audit entries are kept until their retention ends'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',8);
INSERT INTO "sqlite_sequence" VALUES('budgets',1);
INSERT INTO "sqlite_sequence" VALUES('kill_switches',1);
COMMIT;
