-- What throttles in a dry run would have done, by whom they are about and where requests would have gone: bookkeeping in
-- batches, written by the drainer, begun anew with every dry run. Empty: all projects, all models, nowhere.
CREATE TABLE throttle_moves(
  provider TEXT NOT NULL,
  project TEXT NOT NULL,
  model TEXT NOT NULL,
  moved_to TEXT NOT NULL,
  requests INTEGER NOT NULL,
  list_cost INTEGER NOT NULL,
  PRIMARY KEY (provider, project, model, moved_to)
) STRICT, WITHOUT ROWID;
