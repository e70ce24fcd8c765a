-- What was said: headers and bodies of one request each, only where the log level asks for it.
CREATE TABLE details(
  id BLOB NOT NULL UNIQUE,
  request_headers TEXT,
  response_headers TEXT,
  request_size INTEGER,
  request_cut INTEGER,
  request_body BLOB,
  response_size INTEGER,
  response_cut INTEGER,
  response_body BLOB,
  -- 0: as they are, 1: gzip.
  compressed INTEGER NOT NULL
) STRICT;

-- What retention has done to the whole file.
CREATE TABLE stages(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
