-- +goose Up

-- The number of a scan for deletions.
CREATE SEQUENCE sync_scans;

-- The records of a list that deletions are found by, as compressed sets of ids. A scan writes its parts while it reads
-- the list; they count once sync_known has its number.
CREATE TABLE sync_known_parts (
    sync     text NOT NULL REFERENCES syncs ON DELETE CASCADE,
    scan     bigint NOT NULL,
    part     bigint NOT NULL,
    -- The records were missing at the scan.
    missing  boolean NOT NULL,
    records  bytea NOT NULL CHECK (octet_length(records) <= 268435456),
    PRIMARY KEY (sync, scan, part)
);
ALTER TABLE sync_known_parts ALTER COLUMN records SET STORAGE EXTERNAL;

-- What scans kept before, in one set each, has the same format: each is a part.
INSERT INTO sync_known_parts (sync, scan, part, missing, records)
SELECT k.sync, 0, row_number() OVER (PARTITION BY k.sync ORDER BY x.missing), x.missing, x.records
FROM sync_known k CROSS JOIN LATERAL (VALUES (false, k.known), (true, k.missing)) AS x (missing, records)
WHERE octet_length(x.records) > 0;

-- The scan whose parts count, and how many there are.
ALTER TABLE sync_known ADD COLUMN scan bigint NOT NULL DEFAULT 0;
ALTER TABLE sync_known ADD COLUMN parts bigint NOT NULL DEFAULT 0;
UPDATE sync_known k SET parts = (SELECT count(*) FROM sync_known_parts p WHERE p.sync = k.sync);
ALTER TABLE sync_known DROP COLUMN known;
ALTER TABLE sync_known DROP COLUMN missing;
