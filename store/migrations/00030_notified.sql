-- +goose Up

-- Notifications of imports are events of the source sluice, which jobs deliver.
DROP TABLE deliveries;
DROP TABLE notifications;
CREATE INDEX events_of_notifications ON events (((context->>'import_id')::bigint)) WHERE source = 'sluice';
CREATE INDEX imports_by_end ON imports (finished_at) WHERE finished_at IS NOT NULL;

-- The notifications of an import go with it, and with them what was not sent yet.
-- +goose StatementBegin
CREATE FUNCTION forget_notifications() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('sluice.retention', true), '');
BEGIN
    PERFORM set_config('sluice.retention', 'on', true);
    DELETE FROM events e WHERE e.source = 'sluice' AND (e.context->>'import_id')::bigint = OLD.id;
    PERFORM set_config('sluice.retention', before, true);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER imports_forget_notifications AFTER DELETE ON imports
FOR EACH ROW EXECUTE FUNCTION forget_notifications();

-- An endpoint that is gone pauses its connection; there is no second state for it.
DROP TRIGGER connections_enable_changed ON connections;
DROP TRIGGER connections_enable_removed ON connections;
DROP FUNCTION enable_endpoint();
DROP TABLE disabled_endpoints;

-- A changed connection is tried at once. Other settings also end a pause that an endpoint has
-- caused by being gone. A removed connection leaves nothing behind.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION reset_connection_health() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM connection_health h WHERE h.connection = OLD.name;
        RETURN NULL;
    END IF;
    UPDATE connection_health h SET open_until = now(), probe_until = NULL, updated_at = now()
    WHERE h.connection = OLD.name AND h.open_until > now();
    IF OLD.settings IS DISTINCT FROM NEW.settings THEN
        UPDATE connection_health h
        SET paused_at = NULL, paused_by = '', paused_reason = '', updated_at = now()
        WHERE h.connection = OLD.name AND h.paused_by = 'sluice';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
