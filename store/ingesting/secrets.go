package ingesting

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// SealedSecret is a secret of the ingestion, sealed with the key set: a salt or the key of partitions.
type SealedSecret struct {
	// Name is that to which the secret is bound.
	Name string
	// Day is the day of a salt, in UTC, or nil.
	Day *calendar.Day
	// KeyID identifies the key that sealed it.
	KeyID uint32
	// Data is the ciphertext.
	Data []byte
}

// AddSecret adds a secret, unless one with the name exists. It reports whether it was added.
func (s *Store) AddSecret(ctx context.Context, secret SealedSecret) (bool, error) {
	added, err := s.sql.Queries.AddIngestSecret(ctx, db.AddIngestSecretParams{
		Name: secret.Name, Day: secret.Day, KeyID: int64(secret.KeyID), Sealed: secret.Data,
	})
	if err != nil {
		return false, fmt.Errorf("add secret %s: %w", secret.Name, err)
	}
	return added == 1, nil
}

// Secrets returns all secrets by name.
func (s *Store) Secrets(ctx context.Context) (map[string]SealedSecret, error) {
	rows, err := s.sql.Queries.ListIngestSecrets(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the secrets of the ingestion: %w", err)
	}
	all := make(map[string]SealedSecret, len(rows))
	for _, row := range rows {
		all[row.Name] = SealedSecret{Name: row.Name, Day: row.Day, KeyID: uint32(row.KeyID), Data: row.Sealed}
	}
	return all, nil
}

// ReplaceSecret replaces a secret. The error is store.ErrConflict unless the present one is replaced.
func (s *Store) ReplaceSecret(ctx context.Context, replaced, by SealedSecret) error {
	changed, err := s.sql.Queries.ReplaceIngestSecret(ctx, db.ReplaceIngestSecretParams{
		Name: replaced.Name, Replaced: replaced.Data, KeyID: int64(by.KeyID), Sealed: by.Data,
	})
	if err == nil && changed == 0 {
		err = store.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("replace secret %s: %w", replaced.Name, err)
	}
	return nil
}

// DeleteOldSalts deletes the salts of the days before the day before today, and returns how many. A day
// that is later than that of the database's clock counts as the latter: a clock that is ahead deletes no salt in use.
func (s *Store) DeleteOldSalts(ctx context.Context, today calendar.Day) (int64, error) {
	n, err := s.sql.Queries.DeleteOldSalts(ctx, today)
	if err != nil {
		return 0, fmt.Errorf("delete old salts: %w", err)
	}
	return n, nil
}
