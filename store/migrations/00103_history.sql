-- +goose Up

-- The earliest local day of the site's live events, null before the first one. The writer sets it before
-- it inserts the event; it never becomes later. From then on the time zone is fixed.
ALTER TABLE sites ADD COLUMN first_event date;
COMMENT ON COLUMN sites.native_start IS
    'The first native day as an operator has set it. Null: the day of the first event.';

-- Raised by each change of the row. It orders the copies of the row in the warehouse.
ALTER TABLE sites ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- +goose StatementBegin
CREATE FUNCTION raise_site_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER sites_raise_version BEFORE UPDATE ON sites
FOR EACH ROW EXECUTE FUNCTION raise_site_version();
