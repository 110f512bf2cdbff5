-- +goose Up

-- Answers of the API by the Idempotency-Key of their requests. A row without status belongs to a request that is being
-- answered until lease_until.
CREATE TABLE api_answers (
    principal text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    lease text NOT NULL,
    lease_until timestamptz NOT NULL,
    status integer,
    header jsonb NOT NULL DEFAULT '{}',
    body bytea,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (principal, key),
    CONSTRAINT api_answers_key_check CHECK (octet_length(key) BETWEEN 1 AND 200 AND octet_length(principal) <= 400),
    CONSTRAINT api_answers_body_check CHECK (octet_length(body) <= 65536 AND octet_length(header::text) <= 8192)
);
CREATE INDEX api_answers_expires ON api_answers (expires_at);

-- Files that were uploaded for imports. Their bytes are below server.upload_dir, in a folder that has the ID as its name.
CREATE TABLE uploads (
    id text PRIMARY KEY,
    site_id bigint NOT NULL REFERENCES sites (id),
    name text NOT NULL,
    bytes bigint NOT NULL DEFAULT 0,
    sha256 text NOT NULL DEFAULT '',
    complete boolean NOT NULL DEFAULT false,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT uploads_name_check CHECK (octet_length(name) BETWEEN 1 AND 255 AND octet_length(id) = 26)
);
CREATE INDEX uploads_site ON uploads (site_id, created_at, id);
CREATE INDEX uploads_expires ON uploads (expires_at);

-- Imports that read an upload.
CREATE TABLE upload_imports (
    upload_id text NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    import_id bigint NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    PRIMARY KEY (upload_id, import_id)
);
CREATE INDEX upload_imports_import ON upload_imports (import_id);

-- Servers stream changes of imports: they are notified of the number of a changed import and of its site.
-- +goose StatementBegin
CREATE FUNCTION note_changed_import() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record := coalesce(NEW, OLD);
BEGIN
    PERFORM pg_notify('sluice_imports', changed.id || ' ' || changed.site_id);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER imports_note_change AFTER INSERT OR DELETE ON imports
FOR EACH ROW EXECUTE FUNCTION note_changed_import();
CREATE TRIGGER imports_note_update AFTER UPDATE ON imports FOR EACH ROW
WHEN ((OLD.status, OLD.phase, OLD.paused, OLD.rate, OLD.wait_until, OLD.attempt_error, OLD.workflow_fault, OLD.days)
      IS DISTINCT FROM
      (NEW.status, NEW.phase, NEW.paused, NEW.rate, NEW.wait_until, NEW.attempt_error, NEW.workflow_fault, NEW.days))
EXECUTE FUNCTION note_changed_import();

-- +goose StatementBegin
CREATE FUNCTION note_changed_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sluice_imports', NEW.import_id || ' 0');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER parts_note_change AFTER UPDATE ON parts FOR EACH ROW
WHEN ((OLD.status, OLD.rows_read, OLD.bytes_read, OLD.error) IS DISTINCT FROM
      (NEW.status, NEW.rows_read, NEW.bytes_read, NEW.error))
EXECUTE FUNCTION note_changed_part();
CREATE TRIGGER feedback_note_line AFTER INSERT ON feedback
FOR EACH ROW EXECUTE FUNCTION note_changed_part();
