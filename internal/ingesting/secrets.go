package ingesting

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// Sealer seals secrets with the key set of the store, as *connections.Connections does.
type Sealer interface {
	// Seal encrypts secrets and binds them to a kind and a name. The error is connections.ErrNoKeyset, or
	// connections.ErrOtherKeyset if the key set is not the store's.
	Seal(ctx context.Context, kind, name string, secrets map[string]string) (connections.Sealed, error)
	// Unseal decrypts secrets.
	Unseal(kind, name string, sealed connections.Sealed) (map[string]string, error)
	// PrimaryKey returns the ID of the key that seals.
	PrimaryKey() (uint32, error)
}

// Secrets are the salts and the key of partitions, sealed with the key set as the secrets of connections are. Without a
// key set the ingestion does not run. It is safe for concurrent use.
type Secrets struct {
	store  *ingeststore.Store
	sealer Sealer
}

// NewSecrets returns the secrets of a store.
func NewSecrets(s *ingeststore.Store, sealer Sealer) *Secrets {
	return &Secrets{store: s, sealer: sealer}
}

const (
	// secretKind is invalid for connections, so that no connection can take a secret's place.
	secretKind    = "#ingestion"
	secretValue   = "key"
	partitionName = "partition-key"
)

func saltName(day calendar.Day) string { return "salt-" + day.String() }

// key is a secret in the clear. The formats of fmt do not show it.
type key [16]byte

// GoString hides the key.
func (key) GoString() string { return "hidden" }

// String hides the key.
func (key) String() string { return "hidden" }

// PartitionKey returns the secret key of partitions, which is created once.
func (s *Secrets) PartitionKey(ctx context.Context) ([16]byte, error) {
	all, err := s.store.Secrets(ctx)
	if err != nil {
		return [16]byte{}, err
	}
	k, err := s.ensure(ctx, all, partitionName, nil)
	if err != nil {
		return [16]byte{}, fmt.Errorf("read the partition key: %w", err)
	}
	return k, nil
}

// salts returns the salts of the day before today, of today and of tomorrow. Those of today and of tomorrow are
// created if they do not exist. After an error it returns those that it could read.
func (s *Secrets) salts(ctx context.Context, today calendar.Day) (map[calendar.Day]key, error) {
	all, err := s.store.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	days := map[calendar.Day]key{}
	var faults []error
	for day := today - 1; day <= today+1; day++ {
		if _, known := all[saltName(day)]; !known && day < today {
			continue
		}
		k, err := s.ensure(ctx, all, saltName(day), &day)
		if err != nil {
			faults = append(faults, fmt.Errorf("read the salt of %s: %w", day, err))
			continue
		}
		days[day] = k
	}
	return days, errors.Join(faults...)
}

// Rotation is what a rotation of salts has done.
type Rotation struct {
	// Today is the day of the current salt, in UTC.
	Today calendar.Day `json:"today"`
	// Deleted is how many older salts are gone.
	Deleted int64 `json:"deleted"`
}

// Rotate creates the salts of today and tomorrow if they do not exist, and deletes those of the days before
// yesterday. It is idempotent and safe for concurrent use.
func (s *Secrets) Rotate(ctx context.Context, now time.Time) (Rotation, error) {
	r := Rotation{Today: calendar.DayOf(now.UTC())}
	_, created := s.salts(ctx, r.Today)
	// Old salts go, whatever the fault of the new ones.
	var err error
	r.Deleted, err = s.store.DeleteOldSalts(ctx, r.Today)
	if err := errors.Join(created, err); err != nil {
		return Rotation{}, fmt.Errorf("rotate salts: %w", err)
	}
	return r, nil
}

// ensure returns a secret, and creates it if it does not exist. Of two processes that create it at once, one does.
func (s *Secrets) ensure(
	ctx context.Context, all map[string]ingeststore.SealedSecret, name string, day *calendar.Day,
) (key, error) {
	if sealed, ok := all[name]; ok {
		return s.unseal(sealed)
	}
	fresh, err := s.fresh(ctx, name, day)
	if err != nil {
		return key{}, err
	}
	added, err := s.store.AddSecret(ctx, fresh)
	if err != nil {
		return key{}, err
	}
	if added {
		return s.unseal(fresh)
	}
	again, err := s.store.Secrets(ctx)
	if err != nil {
		return key{}, err
	}
	sealed, ok := again[name]
	if !ok {
		return key{}, fmt.Errorf("%s: %w", name, store.ErrNotFound)
	}
	return s.unseal(sealed)
}

// fresh returns a new, sealed secret.
func (s *Secrets) fresh(ctx context.Context, name string, day *calendar.Day) (ingeststore.SealedSecret, error) {
	var k key
	if _, err := rand.Read(k[:]); err != nil {
		return ingeststore.SealedSecret{}, fmt.Errorf("make a secret: %w", err)
	}
	return s.seal(ctx, name, day, k)
}

func (s *Secrets) seal(ctx context.Context, name string, day *calendar.Day, k key) (ingeststore.SealedSecret, error) {
	sealed, err := s.sealer.Seal(ctx, secretKind, name, map[string]string{secretValue: hex.EncodeToString(k[:])})
	if err != nil {
		return ingeststore.SealedSecret{}, err
	}
	return ingeststore.SealedSecret{Name: name, Day: day, KeyID: sealed.KeyID, Data: sealed.Data}, nil
}

func (s *Secrets) unseal(sealed ingeststore.SealedSecret) (key, error) {
	values, err := s.sealer.Unseal(secretKind, sealed.Name, connections.Sealed{KeyID: sealed.KeyID, Data: sealed.Data})
	if err != nil {
		return key{}, err
	}
	text, err := hex.DecodeString(values[secretValue])
	if err != nil || len(text) != len(key{}) {
		return key{}, connections.ErrSealBroken
	}
	return key(text), nil
}

// Reseal seals the secrets that another key has sealed with the primary key, and returns how many. Older keys
// can be removed from the key set afterwards.
func (s *Secrets) Reseal(ctx context.Context) (changed int, err error) {
	return s.replace(ctx, func(old ingeststore.SealedSecret) (ingeststore.SealedSecret, bool, error) {
		primary, err := s.sealer.PrimaryKey()
		if err != nil || old.KeyID == primary {
			return old, false, err
		}
		k, err := s.unseal(old)
		if err != nil {
			return old, false, err
		}
		by, err := s.seal(ctx, old.Name, old.Day, k)
		return by, true, err
	})
}

// Adopt replaces the secrets that the key set cannot open, after the loss of the previous one, and returns their
// names. Sessions of that moment are split in two.
func (s *Secrets) Adopt(ctx context.Context) (names []string, err error) {
	_, err = s.replace(ctx, func(old ingeststore.SealedSecret) (ingeststore.SealedSecret, bool, error) {
		if _, err := s.unseal(old); err == nil {
			return old, false, nil
		}
		by, err := s.fresh(ctx, old.Name, old.Day)
		if err == nil {
			names = append(names, old.Name)
		}
		return by, true, err
	})
	slices.Sort(names)
	return names, err
}

// replace replaces secrets. It continues after an error and joins the errors of all.
func (s *Secrets) replace(
	ctx context.Context, by func(ingeststore.SealedSecret) (ingeststore.SealedSecret, bool, error),
) (changed int, err error) {
	all, err := s.store.Secrets(ctx)
	if err != nil {
		return 0, err
	}
	var faults []error
	for _, old := range all {
		next, differs, err := by(old)
		if err == nil && differs {
			err = s.store.ReplaceSecret(ctx, old, next)
		}
		switch {
		case errors.Is(err, store.ErrConflict):
			// Another process has replaced or deleted it.
		case err != nil:
			faults = append(faults, fmt.Errorf("secret %s of the ingestion: %w", old.Name, err))
		case differs:
			changed++
		}
	}
	return changed, errors.Join(faults...)
}
