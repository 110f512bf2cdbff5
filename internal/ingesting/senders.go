package ingesting

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/internal/delay"
	accessstore "github.com/sluicehq/sluice/store/access"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// maxCredentials bounds a header Authorization that is looked up, in bytes. A key has 59.
const maxCredentials = 200

// useInterval is how often the use of keys is noted.
const useInterval = time.Minute

// SendersConfig configures Senders.
type SendersConfig struct {
	// Store is required.
	Store *ingeststore.Store
	// Sites know the keys. Required.
	Sites *Sites
	// Logger reports when the use of keys cannot be noted. Required.
	Logger *slog.Logger
}

// Senders authorise requests by the keys of sites, from memory: see Sites for how soon a revoked key is
// refused. It is safe for concurrent use.
type Senders struct {
	config SendersConfig

	mu sync.Mutex
	// used are the keys that were used since their use was last noted.
	used map[int64]bool
}

// NewSenders returns senders. The error is about the configuration.
func NewSenders(c SendersConfig) (*Senders, error) {
	if c.Store == nil || c.Sites == nil || c.Logger == nil {
		return nil, errors.New("new senders: store, sites and logger are required")
	}
	return &Senders{config: c, used: map[int64]bool{}}, nil
}

// Authorise returns the sender of a request with a valid key, in the header `Authorization: Bearer KEY`, and
// nil for another. The error is ErrStale when PostgreSQL has been away for MaxStaleKeys; requests without
// credentials never get it.
func (s *Senders) Authorise(r *http.Request) (*eventapi.Sender, error) {
	credentials := bearer(r.Header)
	if credentials == "" {
		return nil, nil
	}
	key, ok, err := s.config.Sites.key(accessstore.Hash(credentials))
	if err != nil || !ok {
		return nil, err
	}
	s.mu.Lock()
	s.used[key.ID] = true
	s.mu.Unlock()
	return &eventapi.Sender{ID: key.Prefix, SiteID: uint64(key.SiteID)}, nil
}

// bearer returns the credentials of a request, or "".
func bearer(h http.Header) string {
	values := h["Authorization"]
	if len(values) != 1 || len(values[0]) > maxCredentials {
		return ""
	}
	scheme, credentials, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(credentials)
}

// Run notes the use of keys once a minute until ctx ends, and at its end.
func (s *Senders) Run(ctx context.Context) error {
	for range delay.Ticks(ctx, useInterval) {
		s.note(ctx)
	}
	s.note(context.WithoutCancel(ctx))
	return nil
}

// noteTimeout bounds the statement that notes the use of keys.
const noteTimeout = 5 * time.Second

func (s *Senders) note(ctx context.Context) {
	s.mu.Lock()
	ids := slices.Collect(maps.Keys(s.used))
	clear(s.used)
	s.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	if err := s.config.Store.NoteKeyUse(ctx, ids); err != nil {
		s.config.Logger.Warn("the last use of keys was not noted", "keys", len(ids), "error", err)
	}
}
