-- +goose Up

-- Webhooks that have said that they are gone for good: they get no more notifications until
-- somebody enables them again, or changes where they lead.
CREATE TABLE disabled_endpoints (
    -- The name of a connection.
    connection  text PRIMARY KEY,
    reason      text NOT NULL,
    disabled_at timestamptz NOT NULL DEFAULT now()
);

-- +goose StatementBegin
CREATE FUNCTION enable_endpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM disabled_endpoints d WHERE d.connection = OLD.name;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER connections_enable_changed AFTER UPDATE ON connections
FOR EACH ROW WHEN (OLD.settings IS DISTINCT FROM NEW.settings) EXECUTE FUNCTION enable_endpoint();
CREATE TRIGGER connections_enable_removed AFTER DELETE ON connections
FOR EACH ROW EXECUTE FUNCTION enable_endpoint();
