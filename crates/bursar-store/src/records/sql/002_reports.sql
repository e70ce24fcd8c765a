-- What reports ask for. `code` is a number of `strings`, costs are nano-USD, `unbudgeted` is 1 where no budget counted it.
ALTER TABLE records ADD COLUMN code INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN cache_read_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN cache_write_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN cache_saved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN cache_premium INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN unbudgeted INTEGER NOT NULL DEFAULT 0;

-- What caching did, and what no budget counted. Of what was rolled up before nothing is known: 0.
ALTER TABLE roll_hour ADD COLUMN cache_hits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_hour ADD COLUMN cache_read_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_hour ADD COLUMN cache_write_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_hour ADD COLUMN cache_saved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_hour ADD COLUMN cache_premium INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_hour ADD COLUMN unbudgeted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_hour ADD COLUMN unbudgeted_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_day ADD COLUMN cache_hits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_day ADD COLUMN cache_read_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_day ADD COLUMN cache_write_cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_day ADD COLUMN cache_saved INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_day ADD COLUMN cache_premium INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_day ADD COLUMN unbudgeted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE roll_day ADD COLUMN unbudgeted_cost INTEGER NOT NULL DEFAULT 0;

-- Dimension 9: the code of a refusal or gateway error, else the status of what failed; 0 for what did not.
INSERT INTO roll_day SELECT 9, day, 0, project, status,
  requests, input, cache_read, cache_write_5m, cache_write_1h, output, list_cost, effective_cost, timed,
  total_ms, first_bytes, first_byte_ms, cache_hits, cache_read_cost, cache_write_cost, cache_saved,
  cache_premium, unbudgeted, unbudgeted_cost
  FROM roll_day WHERE dimension = 0;

-- Dimensions 10, 16, 17 and 19: everything, providers, models and codes over all projects together; `project` is 0.
INSERT INTO roll_day SELECT 10, day, 0, 0, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_day WHERE dimension = 0 GROUP BY day, status;
INSERT INTO roll_day SELECT dimension + 10, day, value, 0, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_day WHERE dimension IN (6, 7, 9) GROUP BY dimension, day, value, status;

-- Hours of whole projects, and of all of them as project -1: a year in any time zone, without going through its users.
CREATE TABLE roll_project(
  project INTEGER NOT NULL,
  hour INTEGER NOT NULL,
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
  PRIMARY KEY (project, hour, status)
) STRICT, WITHOUT ROWID;
INSERT INTO roll_project SELECT project, hour, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_hour GROUP BY project, hour, status;
INSERT INTO roll_project SELECT -1, hour, status,
  sum(requests), sum(input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(output),
  sum(list_cost), sum(effective_cost), sum(timed), sum(total_ms), sum(first_bytes), sum(first_byte_ms),
  sum(cache_hits), sum(cache_read_cost), sum(cache_write_cost), sum(cache_saved), sum(cache_premium),
  sum(unbudgeted), sum(unbudgeted_cost)
  FROM roll_hour GROUP BY hour, status;
