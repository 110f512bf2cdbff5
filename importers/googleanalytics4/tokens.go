package googleanalytics4

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/oauth2"

	"github.com/sluicehq/sluice/connections"
)

// tokenCache holds one token source per connection, so that the hundreds of parts of an import
// share a token.
type tokenCache struct {
	mu      sync.Mutex
	sources map[string]*tokenSource
}

// source returns the connection's token source, a new one if the credentials have changed.
func (t *tokenCache) source(s Settings, c connections.Connection, transport http.RoundTripper) (*tokenSource, error) {
	// JSON encodes the fields of a struct and the keys of a map in a fixed order.
	raw, err := json.Marshal([]any{s, c.Secrets})
	if err != nil {
		return nil, fmt.Errorf("fingerprint credentials: %w", err)
	}
	sum := sha256.Sum256(raw)
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.sources[c.Name]; known != nil && known.fingerprint == sum {
		return known, nil
	}
	fetch, err := newFetcher(s, c, transport)
	if err != nil {
		return nil, err
	}
	if t.sources == nil {
		t.sources = map[string]*tokenSource{}
	}
	t.sources[c.Name] = &tokenSource{fingerprint: sum, fetch: fetch, turn: make(chan struct{}, 1)}
	return t.sources[c.Name], nil
}

// tokenSource holds an access token until it expires.
type tokenSource struct {
	fingerprint [sha256.Size]byte
	fetch       fetcher
	// turn is a lock of token that can be abandoned when a context ends, unlike a mutex.
	turn  chan struct{}
	token *oauth2.Token
}

// get returns an access token that has not expired.
func (s *tokenSource) get(ctx context.Context) (string, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.token.Valid() {
		return s.token.AccessToken, nil
	}
	token, err := s.fetch(ctx)
	if err != nil {
		return "", err
	}
	s.token = token
	return token.AccessToken, nil
}

// drop removes a refused access token from the cache, unless it was replaced.
func (s *tokenSource) drop(ctx context.Context, refused string) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.token != nil && s.token.AccessToken == refused {
		s.token = nil
	}
	return nil
}
