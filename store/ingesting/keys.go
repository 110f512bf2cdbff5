package ingesting

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Limits of keys.
const (
	// MaxKeys bounds the keys of a site that are not revoked.
	MaxKeys = 20
	// MaxKeyLabel bounds the label of a key, in characters.
	MaxKeyLabel = 100
	// keptRevoked is how many days revoked keys are listed.
	keptRevoked = 90
)

// KeyBytes is the number of random bytes of a key.
const KeyBytes = 32

// keyScheme begins every key, so that scanners for secrets find it.
const keyScheme = "sluice_"

// Key is a key of a site, without its secret.
type Key struct {
	ID     int64
	SiteID int64
	// Prefix is the beginning of the key, by which people recognise it.
	Prefix string
	// Label says what the key is for, or is "".
	Label     string
	CreatedAt time.Time
	// RevokedAt is nil for a valid key.
	RevokedAt *time.Time
	// LastUsedAt is at most a minute late; nil if the key was not used.
	LastUsedAt *time.Time
}

// KeyHash is what servers recognise a key by.
type KeyHash struct {
	ID, SiteID int64
	Prefix     string
	// Hash is that of HashKey.
	Hash [sha256.Size]byte
}

// Secret is a key itself. fmt, slog and JSON hide it.
type Secret struct{ text string }

// Reveal returns the key, to be shown once.
func (s Secret) Reveal() string { return s.text }

// String hides the key.
func (Secret) String() string { return "hidden" }

// GoString hides the key.
func (Secret) GoString() string { return "hidden" }

// LogValue hides the key.
func (Secret) LogValue() slog.Value { return slog.StringValue("hidden") }

// MarshalText hides the key.
func (Secret) MarshalText() ([]byte, error) { return []byte("hidden"), nil }

// HashKey returns the hash of a key, under which the store knows it. A key has 256 random bits, so that no
// slower hash is needed.
func HashKey(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

// newKey returns a key, sluice_PREFIX_SECRET, and its public prefix, sluice_PREFIX.
func newKey() (secret Secret, prefix string, err error) {
	random := make([]byte, KeyBytes+5)
	if _, err := rand.Read(random); err != nil {
		return Secret{}, "", fmt.Errorf("make a key: %w", err)
	}
	prefix = keyScheme + strings.ToLower(base32.StdEncoding.EncodeToString(random[KeyBytes:]))
	return Secret{prefix + "_" + base64.RawURLEncoding.EncodeToString(random[:KeyBytes])}, prefix, nil
}

// CreateKey creates a key of the site with a domain. The secret is not stored: the caller shows it
// once. The errors are store.ErrNotFound, and store.ErrLimit if the site has MaxKeys valid keys.
func (s *Store) CreateKey(ctx context.Context, domain, label string) (Key, Secret, error) {
	if label = store.Plain(label); len([]rune(label)) > MaxKeyLabel {
		return Key{}, Secret{}, fmt.Errorf("create a key of site %s: the label has more than %d characters: %w",
			domain, MaxKeyLabel, store.ErrLimit)
	}
	secret, prefix, err := newKey()
	if err != nil {
		return Key{}, Secret{}, err
	}
	hash := HashKey(secret.text)
	var key Key
	err = s.InTx(ctx, func(q *db.Queries) error {
		// Two at once must not both find room for one more.
		id, err := q.LockIngestSite(ctx, domain)
		if err != nil {
			return store.Found(err, "site %s", domain)
		}
		if err := q.TrimIngestKeys(ctx, id, keptRevoked); err != nil {
			return fmt.Errorf("remove old keys: %w", err)
		}
		n, err := q.CountIngestKeys(ctx, id)
		if err != nil {
			return fmt.Errorf("count keys: %w", err)
		}
		if n >= MaxKeys {
			return fmt.Errorf("it has %d keys, revoke one of them first: %w", n, store.ErrLimit)
		}
		row, err := q.AddIngestKey(ctx, db.AddIngestKeyParams{SiteID: id, Prefix: prefix, Hash: hash[:], Label: label})
		key = Key(row)
		return err
	})
	if err != nil {
		return Key{}, Secret{}, fmt.Errorf("create a key of site %s: %w", domain, err)
	}
	return key, secret, nil
}

// Keys returns the keys of the site with a domain, also those that were revoked less than 90 days ago,
// the oldest first. The error is store.ErrNotFound if the site does not exist.
func (s *Store) Keys(ctx context.Context, domain string) ([]Key, error) {
	site, err := s.Queries().SiteByDomain(ctx, domain)
	if err != nil {
		return nil, store.Found(err, "site %s", domain)
	}
	rows, err := s.Queries().ListIngestKeys(ctx, site.ID)
	if err != nil {
		return nil, fmt.Errorf("list the keys of site %s: %w", domain, err)
	}
	keys := make([]Key, len(rows))
	for i, row := range rows {
		keys[i] = Key(row)
	}
	return keys, nil
}

// ErrKeyFormat means that a text is not the prefix of a key.
var ErrKeyFormat = errors.New("not the prefix of a key: want sluice_ and 8 letters and digits")

// CheckKeyPrefix returns ErrKeyFormat unless the text is the prefix of a key.
func CheckKeyPrefix(prefix string) error {
	if random, ok := strings.CutPrefix(prefix, keyScheme); !ok || len(random) != 8 {
		return ErrKeyFormat
	}
	return nil
}

// RevokeKey revokes the key of a site with a prefix; a whole key is refused, because it does not
// belong on a command line. It is idempotent. Servers refuse the key once they are notified. The errors are
// store.ErrNotFound and ErrKeyFormat.
func (s *Store) RevokeKey(ctx context.Context, domain, prefix string) (Key, error) {
	if err := CheckKeyPrefix(prefix); err != nil {
		return Key{}, fmt.Errorf("revoke a key of site %s: %w", domain, err)
	}
	site, err := s.Queries().SiteByDomain(ctx, domain)
	if err != nil {
		return Key{}, store.Found(err, "site %s", domain)
	}
	row, err := s.Queries().RevokeIngestKey(ctx, site.ID, prefix)
	if err != nil {
		return Key{}, store.Found(err, "key %s of site %s", prefix, domain)
	}
	return Key(row), nil
}

// NoteKeyUse notes that keys were used, each at most once a minute.
func (s *Store) NoteKeyUse(ctx context.Context, ids []int64) error {
	if err := s.Queries().NoteIngestKeyUse(ctx, ids); err != nil {
		return fmt.Errorf("note the use of keys: %w", err)
	}
	return nil
}
