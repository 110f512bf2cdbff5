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
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := addSession(ctx, q, c, id, address); err != nil {
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

// addSession adds a session of an account that has a credential, or returns store.ErrNotFound.
func addSession(ctx context.Context, q *db.Queries, c Credential, id Secret, address string) error {
	hash := Hash(id.text)
	n, err := q.AddAccountSession(ctx, db.AddAccountSessionParams{
		AccountID: c.AccountID, Password: c.PasswordHash, Hash: hash[:], Address: address, Seconds: seconds(SessionLife),
	})
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
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

// Principal returns the account that is signed in, at a time.
func (f FoundSession) Principal(now time.Time) roles.Principal {
	return roles.Principal{
		Name: f.Name, Kind: roles.KindAccount, ID: f.AccountID, Role: f.Role, Sites: f.Sites, ExpiresAt: now.Add(f.Life),
	}
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
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.DeleteSession(ctx, hash[:])
		if err == nil && n == 0 {
			store.NoteUnchanged(ctx)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// ReplacePassword gives an account, whose credential was verified, another password, ends its sessions and returns the
// ID of a new one. The error is store.ErrNotFound if the account was disabled or its password was changed since its
// credential was read.
func (s *Store) ReplacePassword(ctx context.Context, name string, c Credential, hash, address string) (Secret, error) {
	id := newSecret()
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		before, err := accountNamed(ctx, q, name)
		if err != nil {
			return err
		}
		n, err := q.ReplaceAccountPassword(ctx, db.ReplaceAccountPasswordParams{
			Password: hash, ID: c.AccountID, Old: c.PasswordHash,
		})
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := q.DeleteAccountSessions(ctx, c.AccountID); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		if err := addSession(ctx, q, Credential{c.AccountID, hash}, id, address); err != nil {
			return err
		}
		after, err := accountNamed(ctx, q, name)
		if err == nil {
			store.NoteChange(ctx, before.document(), after.document())
		}
		return err
	})
	if err != nil {
		return Secret{}, fmt.Errorf("change the password: %w", err)
	}
	return id, nil
}
