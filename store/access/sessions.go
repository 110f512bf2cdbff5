package access

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Limits of sessions.
const (
	// SessionLife is how long a session lasts at most, SessionIdle how long without a use.
	SessionLife = 7 * 24 * time.Hour
	SessionIdle = 12 * time.Hour
	// maxSessions bounds the sessions of an account: the oldest ones end.
	maxSessions = 50
)

// Credential is the password of an account that can sign in.
type Credential struct {
	AccountID int64
	// PasswordHash is "" without such an account.
	PasswordHash string
}

// Credential returns the password of an account, an empty one if the account does not exist or is disabled.
func (s *Store) Credential(ctx context.Context, name string) (Credential, error) {
	row, err := s.sql.Queries.AccountPassword(ctx, name)
	if store.NoRows(err) {
		return Credential{}, nil
	}
	if err != nil {
		return Credential{}, fmt.Errorf("read the password: %w", err)
	}
	return Credential{AccountID: row.ID, PasswordHash: row.Password}, nil
}

// Rehash replaces the hash of a password by another one of the same password.
func (s *Store) Rehash(ctx context.Context, c Credential, hash string) error {
	err := s.sql.Queries.RehashAccountPassword(ctx, db.RehashAccountPasswordParams{
		Password: hash, ID: c.AccountID, Old: c.PasswordHash,
	})
	if err != nil {
		return fmt.Errorf("replace the hash of a password: %w", err)
	}
	return nil
}

// CreateSession signs an account in, and returns the ID of the session, which is not stored. The error is
// store.ErrNotFound if the account was disabled or its password was changed since its credential was read.
func (s *Store) CreateSession(ctx context.Context, c Credential, address string) (Secret, error) {
	id := newSecret()
	hash := Hash(id.text)
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.AddAccountSession(ctx, db.AddAccountSessionParams{
			AccountID: c.AccountID, Password: c.PasswordHash, Hash: hash[:], Address: address, Seconds: seconds(SessionLife),
		})
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		return q.TrimAccountSessions(ctx, db.TrimAccountSessionsParams{
			IdleSeconds: seconds(SessionIdle), AccountID: c.AccountID, Kept: maxSessions,
		})
	})
	if err != nil {
		return Secret{}, fmt.Errorf("create a session: %w", err)
	}
	return id, nil
}

// FoundSession is a session as an authenticator finds it.
type FoundSession struct {
	AccountID int64
	Name      string
	Role      roles.Role
	Sites     roles.Scope
	// Life is how long the session lasts from now without a use.
	Life time.Duration
}

// SessionByHash returns the session with a hash that has not ended, or store.ErrNotFound. It is used thereby, which is
// noted at most once a minute.
func (s *Store) SessionByHash(ctx context.Context, hash [sha256.Size]byte) (FoundSession, error) {
	row, err := s.sql.Queries.AccountBySession(ctx, hash[:], seconds(SessionIdle))
	if err != nil {
		return FoundSession{}, store.Found(err, "session")
	}
	if row.NowAt.Sub(row.LastUsedAt) >= time.Minute {
		if err := s.sql.Queries.NoteSessionUse(ctx, hash[:]); err != nil {
			return FoundSession{}, fmt.Errorf("note the use of a session: %w", err)
		}
	}
	return FoundSession{
		AccountID: row.ID, Name: row.Name, Role: roles.Role(row.Role), Sites: scopeOf(row.AllSites, row.Domains),
		Life: min(SessionIdle, row.ExpiresAt.Sub(row.NowAt)),
	}, nil
}

// DeleteSession ends a session. It is idempotent.
func (s *Store) DeleteSession(ctx context.Context, hash [sha256.Size]byte) error {
	if _, err := s.sql.Queries.DeleteSession(ctx, hash[:]); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}
