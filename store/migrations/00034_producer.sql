-- +goose Up

-- Producers listen to notifications and poll; a poll lease has no reader any more.
DROP TABLE destination_lookouts;

-- claim_due claims jobs of several actions in one statement, for each as the function claim_jobs
-- says. requests is an array of its arguments. Actions are claimed in the order of their names, so
-- that concurrent claims take the locks of destinations in the same order.
-- +goose StatementBegin
CREATE FUNCTION claim_due(requests jsonb) RETURNS SETOF jobs LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN
        SELECT * FROM jsonb_to_recordset(requests) AS x (
            destination text, action text, row_limit integer, concurrency integer, rate double precision,
            retries_only boolean, lease_seconds double precision, busy text[], after text)
        ORDER BY x.destination, x.action
    LOOP
        RETURN QUERY SELECT * FROM claim_jobs(
            r.destination, r.action, r.row_limit, r.concurrency, r.rate, r.retries_only, r.lease_seconds, r.busy, r.after);
    END LOOP;
END $$;
-- +goose StatementEnd
