-- LockAccounts serialises changes of the list of accounts until the end of the transaction.
-- name: LockAccounts :exec
SELECT pg_advisory_xact_lock(hashtext('sluice'), hashtext('accounts'));

-- CountAccounts returns how many accounts exist.
-- name: CountAccounts :one
SELECT count(*) FROM accounts;

-- CountOtherAdmins returns how many other accounts are administrators of all sites and not disabled.
-- name: CountOtherAdmins :one
SELECT count(*) FROM accounts WHERE id <> $1 AND role = 'admin' AND site_ids IS NULL AND disabled_at IS NULL;

-- AddAccount adds an account; a taken name violates accounts_name_key.
-- name: AddAccount :exec
INSERT INTO accounts (name, password, role, site_ids, created_by)
VALUES (sqlc.arg(name), sqlc.arg(password), sqlc.arg(role), sqlc.narg(site_ids), sqlc.arg(created_by));

-- ListAccounts returns all accounts, or the one of a name, by name.
-- name: ListAccounts :many
SELECT a.id, a.name, a.role, (a.site_ids IS NULL)::boolean AS all_sites,
    ARRAY(SELECT s.domain FROM sites s WHERE s.id = ANY (a.site_ids) ORDER BY s.domain)::text[] AS domains,
    a.created_by, a.created_at, a.password_at, a.disabled_at, a.last_login_at
FROM accounts a WHERE sqlc.narg(name)::text IS NULL OR a.name = sqlc.narg(name) ORDER BY a.name;

-- AccountPassword returns the password of an account that is not disabled.
-- name: AccountPassword :one
SELECT id, password FROM accounts WHERE name = $1 AND disabled_at IS NULL;

-- SetAccount changes the role and the sites of an account.
-- name: SetAccount :exec
UPDATE accounts SET role = sqlc.arg(role), site_ids = sqlc.narg(site_ids) WHERE id = sqlc.arg(id);

-- DisableAccount disables an account or enables it again.
-- name: DisableAccount :exec
UPDATE accounts SET disabled_at = CASE WHEN sqlc.arg(disabled)::boolean THEN COALESCE(disabled_at, now()) END
WHERE id = sqlc.arg(id);

-- SetAccountPassword changes the password of an account.
-- name: SetAccountPassword :exec
UPDATE accounts SET password = sqlc.arg(password), password_at = now() WHERE id = sqlc.arg(id);

-- ReplaceAccountPassword changes the password of an account that is not disabled and has this password.
-- name: ReplaceAccountPassword :execrows
UPDATE accounts SET password = sqlc.arg(password), password_at = now()
WHERE id = sqlc.arg(id) AND password = sqlc.arg(old) AND disabled_at IS NULL;

-- RehashAccountPassword replaces the hash of a password by another one of the same password.
-- name: RehashAccountPassword :exec
UPDATE accounts SET password = sqlc.arg(password) WHERE id = sqlc.arg(id) AND password = sqlc.arg(old);

-- AddAccountSession adds a session of an account that is not disabled and has this password, and notes the login.
-- name: AddAccountSession :execrows
WITH login AS (
    UPDATE accounts SET last_login_at = now()
    WHERE accounts.id = sqlc.arg(account_id) AND disabled_at IS NULL AND password = sqlc.arg(password) RETURNING accounts.id
)
INSERT INTO account_sessions (hash, account_id, address, expires_at)
SELECT sqlc.arg(hash), login.id, sqlc.arg(address), now() + make_interval(secs => sqlc.arg(seconds)::double precision) FROM login;

-- TrimAccountSessions removes sessions that have ended, and the oldest ones of an account beyond a number.
-- name: TrimAccountSessions :exec
DELETE FROM account_sessions s
WHERE s.expires_at <= now() OR s.last_used_at <= now() - make_interval(secs => sqlc.arg(idle_seconds)::double precision)
OR s.hash IN (SELECT o.hash FROM account_sessions o WHERE o.account_id = sqlc.arg(account_id)
    ORDER BY o.created_at DESC, o.hash OFFSET sqlc.arg(kept)::integer);

-- AccountBySession returns the account of a session that has not ended.
-- name: AccountBySession :one
SELECT a.id, a.name, a.role, (a.site_ids IS NULL)::boolean AS all_sites,
    ARRAY(SELECT d.domain FROM sites d WHERE d.id = ANY (a.site_ids) ORDER BY d.domain)::text[] AS domains,
    s.created_at, s.expires_at, s.last_used_at, now()::timestamptz AS now_at
FROM account_sessions s JOIN accounts a ON a.id = s.account_id
WHERE s.hash = sqlc.arg(hash) AND s.expires_at > now() AND a.disabled_at IS NULL
AND s.last_used_at > now() - make_interval(secs => sqlc.arg(idle_seconds)::double precision);

-- NoteSessionUse notes that a session was used, unless that was noted less than a minute ago.
-- name: NoteSessionUse :exec
UPDATE account_sessions SET last_used_at = now() WHERE hash = $1 AND last_used_at < now() - interval '1 minute';

-- DeleteSession ends a session.
-- name: DeleteSession :execrows
DELETE FROM account_sessions WHERE hash = $1;

-- DeleteAccountSessions ends all sessions of an account.
-- name: DeleteAccountSessions :execrows
DELETE FROM account_sessions WHERE account_id = $1;

-- CountLoginAttempt counts an attempt to sign in, and returns how many were made in the window and the seconds to its end.
-- name: CountLoginAttempt :one
INSERT INTO login_attempts AS l (hash, attempts, ends_at)
VALUES (sqlc.arg(hash), 1, now() + make_interval(secs => sqlc.arg(seconds)::double precision))
ON CONFLICT (hash) DO UPDATE SET
    attempts = CASE WHEN l.ends_at <= now() THEN 1 ELSE LEAST(l.attempts + 1, 1000000) END,
    ends_at = CASE WHEN l.ends_at <= now() THEN excluded.ends_at ELSE l.ends_at END
RETURNING attempts, EXTRACT(EPOCH FROM ends_at - now())::double precision AS seconds_left;

-- ForgetLoginAttempts forgets the attempts for an account.
-- name: ForgetLoginAttempts :exec
DELETE FROM login_attempts WHERE hash = $1;

-- UncountLoginAttempt subtracts an attempt from an address.
-- name: UncountLoginAttempt :exec
UPDATE login_attempts SET attempts = GREATEST(attempts - 1, 0) WHERE hash = $1;

-- TrimLoginAttempts removes windows that have ended, unless they are about to begin again.
-- name: TrimLoginAttempts :exec
DELETE FROM login_attempts WHERE hash IN (
    SELECT l.hash FROM login_attempts l WHERE l.ends_at <= now() LIMIT 1000 FOR UPDATE SKIP LOCKED);

-- AddSetupLink adds a link that creates the first administrator, and removes those that have expired.
-- name: AddSetupLink :exec
WITH expired AS (DELETE FROM setup_links WHERE expires_at <= now())
INSERT INTO setup_links (hash, expires_at)
VALUES (sqlc.arg(hash), now() + make_interval(secs => sqlc.arg(seconds)::double precision));

-- UseSetupLink removes a link, and returns whether it was valid.
-- name: UseSetupLink :one
DELETE FROM setup_links WHERE hash = $1 RETURNING (expires_at > now())::boolean AS valid;

-- DeleteSetupLinks removes all links.
-- name: DeleteSetupLinks :exec
DELETE FROM setup_links;

-- CheckSetupLink returns whether a link is valid.
-- name: CheckSetupLink :one
SELECT EXISTS (SELECT FROM setup_links WHERE hash = $1 AND expires_at > now());
