-- What version 1 wrote. Never edited.
BEGIN TRANSACTION;
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "meta" VALUES('drained',2);
INSERT INTO "meta" VALUES('generation',0);
CREATE TABLE migrations(
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum INTEGER NOT NULL, applied_at INTEGER NOT NULL) STRICT;
INSERT INTO "migrations" VALUES(1,'records',2474830464,1773532800000000);
CREATE TABLE record_tags(
  tag INTEGER NOT NULL,
  place INTEGER NOT NULL REFERENCES records(place) ON DELETE CASCADE,
  PRIMARY KEY (tag, place)
) STRICT, WITHOUT ROWID;
INSERT INTO "record_tags" VALUES(5,453746073600000002);
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
INSERT INTO "records" VALUES(453746073600000002,X'019CADFD890070028000000000000002',2,1772445600900000,1,0,2,0,0,0,3,4,100,0,0,0,10,1000,800,NULL,900,X'01019CADFD89007002800000000000000202884280A0F9E5F481A606C0EE6DC0EE6DE801020403010106070011640A00000000D00FC00CDC010200C801000084070000');
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
INSERT INTO "roll_day" VALUES(0,20514,1,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
INSERT INTO "roll_day" VALUES(1,20514,0,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
INSERT INTO "roll_day" VALUES(2,20514,2,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
INSERT INTO "roll_day" VALUES(3,20514,0,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
INSERT INTO "roll_day" VALUES(4,20514,0,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
INSERT INTO "roll_day" VALUES(5,20514,0,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
INSERT INTO "roll_day" VALUES(6,20514,3,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
INSERT INTO "roll_day" VALUES(7,20514,4,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
INSERT INTO "roll_day" VALUES(8,20514,5,1,2,1,100,0,0,0,10,1000,800,1,900,0,0);
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
INSERT INTO "roll_hour" VALUES(492346,1,0,2,0,3,4,2,1,100,0,0,0,10,1000,800,1,900,0,0);
CREATE TABLE strings(
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "strings" VALUES(1,'alpha');
INSERT INTO "strings" VALUES(2,'key-1');
INSERT INTO "strings" VALUES(3,'openai');
INSERT INTO "strings" VALUES(4,'gpt-4o-mini');
INSERT INTO "strings" VALUES(5,'team=x');
INSERT INTO "strings" VALUES(6,'team');
INSERT INTO "strings" VALUES(7,'x');
CREATE INDEX records_by_project ON records(project);
CREATE INDEX records_by_user ON records(user) WHERE user <> 0;
CREATE INDEX records_by_key ON records(key) WHERE key <> 0;
CREATE INDEX records_by_agent ON records(agent) WHERE agent <> 0;
CREATE INDEX records_by_run ON records(run) WHERE run <> 0;
CREATE INDEX records_by_session ON records(session) WHERE session <> 0;
CREATE INDEX records_open ON records(progressed_at) WHERE status < 2;
CREATE INDEX record_tags_by_place ON record_tags(place);
COMMIT;
