-- From which day on quarters, and the hours of runs, sessions, tags and codes, are still to be counted from the records.
INSERT INTO meta(name, value) SELECT 'unfilled', 0 WHERE EXISTS (SELECT 1 FROM records);
