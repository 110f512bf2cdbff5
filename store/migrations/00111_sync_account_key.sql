-- +goose Up

-- The key of the hashes that name the accounts of budgets: all workers and watches give the account of a secret the
-- same name, and neither the secret nor a hash that others could compare with is stored.
CREATE TABLE sync_account_key (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    key bytea NOT NULL CHECK (octet_length(key) = 32)
);
INSERT INTO sync_account_key (key)
VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
