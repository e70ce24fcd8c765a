-- Quarters of an hour, hours, days and months, each by one name at a time: for the questions that are asked most, in any
-- time zone. `period` is the number of the quarter, hour, day or month since 1970 in UTC.
-- dimension: 0 project, 1 user, 2 key, 3 agent, 4 run, 5 session, 6 provider, 7 model, 8 tag, 9 code; 10, 16, 17 and 19:
-- everything, providers, models and codes over all projects together, `project` is 0. 21, 22 and 23: user, key and agent
-- with `model`, which is 0 elsewhere; these are kept by the day and month. Quarters are kept of 0 and 10.
-- What was rolled up by the hour and all names together is `roll_cross`.
ALTER TABLE roll_hour RENAME TO roll_cross;
ALTER TABLE roll_day RENAME TO roll_day_before;
CREATE TABLE roll_quarter(
  dimension INTEGER NOT NULL,
  period INTEGER NOT NULL,
  value INTEGER NOT NULL,
  project INTEGER NOT NULL,
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
  cache_hits INTEGER NOT NULL,
  cache_read_cost INTEGER NOT NULL,
  cache_write_cost INTEGER NOT NULL,
  cache_saved INTEGER NOT NULL,
  cache_premium INTEGER NOT NULL,
  unbudgeted INTEGER NOT NULL,
  unbudgeted_cost INTEGER NOT NULL,
  PRIMARY KEY (dimension, period, value, project, model, status)
) STRICT, WITHOUT ROWID;
CREATE TABLE roll_hour(
  dimension INTEGER NOT NULL,
  period INTEGER NOT NULL,
  value INTEGER NOT NULL,
  project INTEGER NOT NULL,
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
  cache_hits INTEGER NOT NULL,
  cache_read_cost INTEGER NOT NULL,
  cache_write_cost INTEGER NOT NULL,
  cache_saved INTEGER NOT NULL,
  cache_premium INTEGER NOT NULL,
  unbudgeted INTEGER NOT NULL,
  unbudgeted_cost INTEGER NOT NULL,
  PRIMARY KEY (dimension, period, value, project, model, status)
) STRICT, WITHOUT ROWID;
CREATE TABLE roll_day(
  dimension INTEGER NOT NULL,
  period INTEGER NOT NULL,
  value INTEGER NOT NULL,
  project INTEGER NOT NULL,
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
  cache_hits INTEGER NOT NULL,
  cache_read_cost INTEGER NOT NULL,
  cache_write_cost INTEGER NOT NULL,
  cache_saved INTEGER NOT NULL,
  cache_premium INTEGER NOT NULL,
  unbudgeted INTEGER NOT NULL,
  unbudgeted_cost INTEGER NOT NULL,
  PRIMARY KEY (dimension, period, value, project, model, status)
) STRICT, WITHOUT ROWID;
CREATE TABLE roll_month(
  dimension INTEGER NOT NULL,
  period INTEGER NOT NULL,
  value INTEGER NOT NULL,
  project INTEGER NOT NULL,
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
  cache_hits INTEGER NOT NULL,
  cache_read_cost INTEGER NOT NULL,
  cache_write_cost INTEGER NOT NULL,
  cache_saved INTEGER NOT NULL,
  cache_premium INTEGER NOT NULL,
  unbudgeted INTEGER NOT NULL,
  unbudgeted_cost INTEGER NOT NULL,
  PRIMARY KEY (dimension, period, value, project, model, status)
) STRICT, WITHOUT ROWID;
INSERT INTO roll_day SELECT dimension, day, value, project, 0, status,
  requests, input, cache_read, cache_write_5m, cache_write_1h, output, list_cost, effective_cost, timed,
  total_ms, first_bytes, first_byte_ms, cache_hits, cache_read_cost, cache_write_cost, cache_saved,
  cache_premium, unbudgeted, unbudgeted_cost
  FROM roll_day_before;
DROP TABLE roll_day_before;
INSERT INTO roll_hour SELECT CASE project WHEN -1 THEN 10 ELSE 0 END, hour, max(project, 0), max(project, 0), 0, status,
  requests, input, cache_read, cache_write_5m, cache_write_1h, output, list_cost, effective_cost, timed,
  total_ms, first_bytes, first_byte_ms, cache_hits, cache_read_cost, cache_write_cost, cache_saved,
  cache_premium, unbudgeted, unbudgeted_cost
  FROM roll_project;
DROP TABLE roll_project;
INSERT INTO roll_hour SELECT 1, hour, user, project, 0, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_cross GROUP BY hour, user, project, status;
INSERT INTO roll_hour SELECT 2, hour, key, project, 0, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_cross GROUP BY hour, key, project, status;
INSERT INTO roll_hour SELECT 3, hour, agent, project, 0, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_cross GROUP BY hour, agent, project, status;
INSERT INTO roll_hour SELECT 6, hour, provider, project, 0, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_cross GROUP BY hour, provider, project, status;
INSERT INTO roll_hour SELECT 7, hour, model, project, 0, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_cross GROUP BY hour, model, project, status;
INSERT INTO roll_hour SELECT dimension + 10, period, value, 0, 0, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_hour WHERE dimension IN (6, 7) GROUP BY dimension, period, value, status;
INSERT INTO roll_day SELECT 21, hour / 24, user, project, model, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_cross GROUP BY hour / 24, user, project, model, status;
INSERT INTO roll_day SELECT 22, hour / 24, key, project, model, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_cross GROUP BY hour / 24, key, project, model, status;
INSERT INTO roll_day SELECT 23, hour / 24, agent, project, model, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_cross GROUP BY hour / 24, agent, project, model, status;
INSERT INTO roll_month SELECT dimension,
  (strftime('%Y', period * 86400, 'unixepoch') - 1970) * 12 + strftime('%m', period * 86400, 'unixepoch') - 1,
  value, project, model, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_day GROUP BY 1, 2, 3, 4, 5, 6;
