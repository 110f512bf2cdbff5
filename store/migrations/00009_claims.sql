-- +goose Up

-- A claim is (site, table, day): each part has its days, those of them that it may bring
-- in, and, once it is done, those that it has brought in.
ALTER TABLE parts
    -- The days that the part says it has, for instance those in a file's name: a list of
    -- {"first": day, "last": day}. Rows of other days are out of range.
    ADD COLUMN days jsonb NOT NULL DEFAULT '[]',
    -- Those of its days that no other import has in the part's table, and that are not too
    -- late. Rows of the part's other days are left out.
    ADD COLUMN free_days jsonb NOT NULL DEFAULT '[]',
    -- The first and the last day of the rows that were loaded; null while there are none.
    ADD COLUMN first_day date,
    ADD COLUMN last_day date,
    -- The days that a part which is done claims: those that its source has confirmed, or
    -- from first_day to last_day.
    ADD COLUMN claimed_days jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN rows_left_out bigint NOT NULL DEFAULT 0;

ALTER TABLE chunks
    ADD COLUMN rows_left_out bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT chunks_check,
    ADD CONSTRAINT chunks_check
        CHECK (rows_read = rows_loaded + rows_rejected + rows_out_of_range + rows_left_out);

ALTER TABLE imports
    -- At its end a part fails if more than this share of its rows was rejected; 0 is no
    -- such limit.
    ADD COLUMN max_reject_ceiling double precision NOT NULL DEFAULT 0.5
        CHECK (max_reject_ceiling BETWEEN 0 AND 1);

-- Until now an import claimed its days in all tables that it had parts of.
UPDATE parts p
SET days = CASE WHEN i.start_date IS NULL THEN '[]'::jsonb
                ELSE jsonb_build_array(jsonb_build_object('first', i.start_date, 'last', i.end_date)) END,
    free_days = i.days,
    claimed_days = CASE WHEN p.status = 'done' THEN i.days ELSE '[]'::jsonb END
FROM imports i WHERE i.id = p.import_id;
