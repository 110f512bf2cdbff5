-- The version table of a database that a commit before the first release has migrated.
CREATE TABLE goose_db_version (
    version_id Int64,
    is_applied UInt8,
    date       Date DEFAULT now(),
    tstamp     DateTime DEFAULT now()
) ENGINE = MergeTree ORDER BY date;
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1);
