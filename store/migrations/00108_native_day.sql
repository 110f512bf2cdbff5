-- +goose Up

-- Servers refuse times before the first native day of a site. Its changes notify them. Deferred to the end of
-- the transaction: the row of the version is locked after those of all sites.
-- +goose StatementBegin
CREATE FUNCTION note_first_native_day() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_at bigint;
BEGIN
    UPDATE ingest_sites_version SET version = version + 1 RETURNING version INTO now_at;
    PERFORM pg_notify('sluice_sites', now_at || ' ' || NEW.id);
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE CONSTRAINT TRIGGER sites_note_first_native_day AFTER UPDATE OF native_start, first_event ON sites
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (coalesce(NEW.native_start, NEW.first_event) IS DISTINCT FROM coalesce(OLD.native_start, OLD.first_event))
EXECUTE FUNCTION note_first_native_day();
