package ingesting

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
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
	// Hash is that of accessstore.Hash.
	Hash [sha256.Size]byte
}

// CreateKey creates a key of the site with a domain. The secret is not stored: the caller shows it
// once. The errors are store.ErrNotFound, and store.ErrLimit if the site has MaxKeys valid keys.
func (s *Store) CreateKey(ctx context.Context, domain, label string) (Key, accessstore.Secret, error) {
	if label = store.Plain(label); len([]rune(label)) > MaxKeyLabel {
		return Key{}, accessstore.Secret{}, fmt.Errorf("create a key of site %s: the label has more than %d characters: %w",
			domain, MaxKeyLabel, store.ErrLimit)
	}
	secret, prefix := accessstore.MakeToken()
	hash := accessstore.Hash(secret.Reveal())
	var key Key
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		// Two at once must not both find room for one more.
		id, err := q.LockIngestSite(ctx, domain)
		if err != nil {
			return store.Found(err, "site %s", domain)
		}
		if err := q.TrimSiteKeys(ctx, id, keptRevoked); err != nil {
			return fmt.Errorf("remove old keys: %w", err)
		}
		n, err := q.CountSiteKeys(ctx, id)
		if err != nil {
			return fmt.Errorf("count keys: %w", err)
		}
		if n >= MaxKeys {
			return fmt.Errorf("it has %d keys, revoke one of them first: %w", n, store.ErrLimit)
		}
		row, err := q.AddSiteKey(ctx, db.AddSiteKeyParams{
			SiteID: id, Prefix: prefix, Hash: hash[:], Label: label, CreatedBy: access.ActorFrom(ctx).Name,
		})
		key = Key(row)
		store.NoteSubject(ctx, prefix, domain)
		store.NoteChange(ctx, nil, keyDocument(key))
		return err
	})
	if err != nil {
		return Key{}, accessstore.Secret{}, fmt.Errorf("create a key of site %s: %w", domain, err)
	}
	return key, secret, nil
}

// Keys returns the keys of the site with a domain, also those that were revoked less than 90 days ago,
// the oldest first. The error is store.ErrNotFound if the site does not exist.
func (s *Store) Keys(ctx context.Context, domain string) ([]Key, error) {
	site, err := s.sql.Queries.SiteByDomain(ctx, domain)
	if err != nil {
		return nil, store.Found(err, "site %s", domain)
	}
	rows, err := s.sql.Queries.ListSiteKeys(ctx, site.ID)
	if err != nil {
		return nil, fmt.Errorf("list the keys of site %s: %w", domain, err)
	}
	keys := make([]Key, len(rows))
	for i, row := range rows {
		keys[i] = Key(row)
	}
	return keys, nil
}

// keyDocument is what the audit says about a key.
func keyDocument(k Key) any {
	return map[string]any{"prefix": k.Prefix, "label": k.Label, "revoked_at": k.RevokedAt}
}

// RevokeKey revokes the key of a site with a prefix; a whole key is refused, because it does not
// belong on a command line. It is idempotent. Servers refuse the key once they are notified. The errors are
// store.ErrNotFound and accessstore.ErrPrefix.
func (s *Store) RevokeKey(ctx context.Context, domain, prefix string) (Key, error) {
	if err := accessstore.CheckPrefix(prefix); err != nil {
		return Key{}, fmt.Errorf("revoke a key of site %s: %w", domain, err)
	}
	var key Key
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		site, err := q.SiteByDomain(ctx, domain)
		if err != nil {
			return store.Found(err, "site %s", domain)
		}
		row, err := q.RevokeSiteKey(ctx, site.ID, prefix)
		if err != nil {
			return store.Found(err, "key %s of site %s", prefix, domain)
		}
		key = Key(row)
		store.NoteChange(ctx, nil, keyDocument(key))
		return nil
	})
	return key, err
}

// NoteKeyUse notes that keys were used, each at most once a minute.
func (s *Store) NoteKeyUse(ctx context.Context, ids []int64) error {
	return accessstore.New(s.Store).NoteTokenUse(ctx, ids)
}
