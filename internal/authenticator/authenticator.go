// Package authenticator finds out who makes a request: a service by its token, a person by a session. It answers from
// memory where it can, and refuses what was revoked within milliseconds.
package authenticator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// Config configures an Authenticator.
type Config struct {
	// Store is required.
	Store *accessstore.Store
	// Logger reports when notifications are lost, and when the use of a token cannot be noted. Required.
	Logger *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Authenticator authenticates. It is safe for concurrent use. While Run runs and is connected, tokens are looked up in
// memory; otherwise each takes a query.
type Authenticator struct {
	store  *accessstore.Store
	log    *slog.Logger
	now    func() time.Time
	tokens *cache
}

// New returns an authenticator. The error is about the configuration.
func New(c Config) (*Authenticator, error) {
	if c.Store == nil || c.Logger == nil {
		return nil, errors.New("new authenticator: store and logger are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Authenticator{store: c.Store, log: c.Logger, now: c.Now, tokens: newCache()}, nil
}

// Errors without details: they do not tell an attacker what exists.
var (
	errToken   = fmt.Errorf("%w: the token is unknown, revoked or expired", access.ErrUnauthenticated)
	errSession = fmt.Errorf("%w: the session has ended; sign in again", access.ErrUnauthenticated)
)

// Bearer returns the principal of a token, without "Bearer ". The error wraps access.ErrUnauthenticated if the token is
// not valid; other errors are those of PostgreSQL. A key of a site is a principal of access.RoleIngest.
func (a *Authenticator) Bearer(ctx context.Context, token string) (access.Principal, error) {
	if !accessstore.IsToken(token) {
		return access.Principal{}, errToken
	}
	hash, now := accessstore.Hash(token), a.now()
	p, note, generation, ok := a.tokens.find(hash, now)
	if !ok {
		found, err := a.store.TokenByHash(ctx, hash)
		if errors.Is(err, store.ErrNotFound) {
			return access.Principal{}, errToken
		}
		if err != nil {
			return access.Principal{}, fmt.Errorf("look a token up: %w", err)
		}
		p = access.Principal{Name: found.Name, Kind: access.KindToken, ID: found.ID, Role: found.Role, Sites: found.Sites}
		if found.Life > 0 {
			p.ExpiresAt = now.Add(found.Life)
		}
		note = a.tokens.keep(hash, p, found.Life, now, generation)
	}
	if note {
		a.noteUse(ctx, p)
	}
	return p, nil
}

// noteTimeout bounds the statement that notes the use of a token.
const noteTimeout = 2 * time.Second

// noteUse notes the use of a token. A failure does not fail the request.
func (a *Authenticator) noteUse(ctx context.Context, p access.Principal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	if err := a.store.NoteTokenUse(ctx, []int64{p.ID}); err != nil {
		a.log.Warn("the last use of a token was not noted", "token", p.Name, "error", err)
	}
}

// Session returns the principal of a session's ID. The error wraps access.ErrUnauthenticated if it has ended. Sessions
// are looked up in PostgreSQL: a logout is in effect at once on all servers.
func (a *Authenticator) Session(ctx context.Context, id string) (access.Principal, error) {
	if len(id) != sessionLength {
		return access.Principal{}, errSession
	}
	found, err := a.store.SessionByHash(ctx, accessstore.Hash(id))
	if errors.Is(err, store.ErrNotFound) {
		return access.Principal{}, errSession
	}
	if err != nil {
		return access.Principal{}, fmt.Errorf("look a session up: %w", err)
	}
	return found.Principal(a.now()), nil
}

// sessionLength is the length of a session's ID, 256 bits in base64.
const sessionLength = 43

// Run keeps the tokens in memory current until ctx ends. Without it, each token takes a query.
func (a *Authenticator) Run(ctx context.Context) error {
	f := a.store.Follower(accessstore.Channel)
	lost := false
	f.Lost = func(err error) {
		a.tokens.disable()
		if !lost {
			lost = true
			a.log.Warn("changes of tokens do not arrive; each token is looked up in PostgreSQL", "error", err)
		}
	}
	for ctx.Err() == nil {
		f.Next(ctx, func(_ context.Context, r store.Received) error {
			if r.Connected || r.Payload != "" {
				a.tokens.clear()
			}
			if r.Connected && lost {
				lost = false
				a.log.Info("changes of tokens arrive again")
			}
			return nil
		})
	}
	a.tokens.disable()
	return f.Close(ctx)
}
