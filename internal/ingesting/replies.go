package ingesting

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

const (
	// claimTTL is how long a key stays claimed after the death of the process that answers its request.
	claimTTL = 30 * time.Second
	// trimInterval is how often old replies are deleted.
	trimInterval = 10 * time.Minute
	// replyTimeout bounds a statement about replies.
	replyTimeout = 10 * time.Second
	// maxUnsaved bounds the replies that wait for PostgreSQL.
	maxUnsaved = 1000
)

// RepliesConfig configures Replies.
type RepliesConfig struct {
	// Store is required.
	Store *ingeststore.Store
	// Logger reports replies that could not be kept. Required.
	Logger *slog.Logger
	// ClaimTTL is how long a key stays claimed after the death of its process. Defaults to 30s.
	ClaimTTL time.Duration
}

// Replies remembers the replies to requests with an Idempotency-Key in PostgreSQL, across servers, for 24 hours. Of
// each sender it keeps at most ingeststore.MaxReplies with ingeststore.MaxReplyBytes. The body of a longer reply than
// ingeststore.MaxReply is replaced by a note.
//
// While PostgreSQL is away, Begin fails, and a reply that is due is kept in memory until it can be stored. A request
// whose process dies is free for a repetition after ClaimTTL; its events may be in the log twice then.
//
// It is safe for concurrent use.
type Replies struct {
	config RepliesConfig
	holder string

	mu sync.Mutex
	// open are the requests that this process answers.
	open map[ingeststore.ReplyKey]bool
	// unsaved are replies that could not be stored yet.
	unsaved map[ingeststore.ReplyKey]ingeststore.Reply
}

var _ eventapi.Replies = (*Replies)(nil)

// NewReplies returns the replies of a process that begins to run. The error is about the configuration.
func NewReplies(c RepliesConfig) (*Replies, error) {
	if c.Store == nil || c.Logger == nil || c.ClaimTTL < 0 {
		return nil, errors.New("new replies: store and logger are required, and the time of claims must not be negative")
	}
	c.ClaimTTL = cmp.Or(c.ClaimTTL, claimTTL)
	holder, err := store.NewID()
	if err != nil {
		return nil, err
	}
	return &Replies{
		config: c, holder: holder,
		open:    map[ingeststore.ReplyKey]bool{},
		unsaved: map[ingeststore.ReplyKey]ingeststore.Reply{},
	}, nil
}

func replyKey(sender, key string) ingeststore.ReplyKey {
	return ingeststore.ReplyKey{Sender: sender, Hash: sha256.Sum256([]byte(key))}
}

// Begin claims a key of a sender for a request.
func (r *Replies) Begin(
	ctx context.Context, sender, key string, fingerprint [sha256.Size]byte,
) (*eventapi.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	id := replyKey(sender, key)
	// It is marked first: the claim must be renewed from its beginning.
	if !r.mark(id) {
		return r.other(ctx, id, fingerprint)
	}
	claim := ingeststore.Claim{ReplyKey: id, Holder: r.holder, TTL: r.config.ClaimTTL}
	state, err := r.config.Store.ClaimReply(ctx, claim, fingerprint)
	if err == nil && state == nil {
		return nil, nil
	}
	r.unmark(id)
	if err != nil {
		return nil, err
	}
	return known(state, fingerprint)
}

// other answers a request whose key this process has claimed already.
func (r *Replies) other(
	ctx context.Context, id ingeststore.ReplyKey, fingerprint [sha256.Size]byte,
) (*eventapi.Reply, error) {
	state, err := r.config.Store.ReplyState(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, eventapi.ErrInProgress
	}
	if err != nil {
		return nil, err
	}
	return known(state, fingerprint)
}

func known(state *ingeststore.ReplyState, fingerprint [sha256.Size]byte) (*eventapi.Reply, error) {
	switch {
	case state.Fingerprint != fingerprint:
		return nil, eventapi.ErrOtherRequest
	case state.Reply == nil:
		return nil, eventapi.ErrInProgress
	default:
		return new(eventapi.Reply(*state.Reply)), nil
	}
}

// mark notes that this process answers a request, unless it does already.
func (r *Replies) mark(id ingeststore.ReplyKey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[id] {
		return false
	}
	r.open[id] = true
	return true
}

func (r *Replies) unmark(id ingeststore.ReplyKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, id)
	delete(r.unsaved, id)
}

// tooLong is the body of a reply whose own is too long to be kept.
const tooLong = "the first request with this key was answered in full; its reply is too long to be repeated\n"

// Complete remembers the reply to a claimed key. If that fails, Run tries again, and until then the key stays
// claimed.
func (r *Replies) Complete(ctx context.Context, sender, key string, reply eventapi.Reply) error {
	id, kept := replyKey(sender, key), ingeststore.Reply(reply)
	if len(kept.Body) > ingeststore.MaxReply {
		kept.Body, kept.ContentType = []byte(tooLong), "text/plain; charset=utf-8"
	}
	err := r.complete(ctx, id, kept)
	if err == nil || errors.Is(err, store.ErrFenced) {
		r.unmark(id)
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.unsaved) >= maxUnsaved {
		delete(r.open, id)
		return err
	}
	r.unsaved[id] = kept
	return nil
}

func (r *Replies) complete(ctx context.Context, id ingeststore.ReplyKey, reply ingeststore.Reply) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	return r.config.Store.CompleteReply(ctx, id, r.holder, reply)
}

// Abandon frees a claimed key, so that the request can be sent again.
func (r *Replies) Abandon(ctx context.Context, sender, key string) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	id := replyKey(sender, key)
	// Without the mark the claim is not renewed, so that the key is free later at the latest.
	defer r.unmark(id)
	return r.config.Store.AbandonReply(ctx, id, r.holder)
}

// Run renews claims, stores replies that could not be stored, and deletes old ones, until ctx ends. It stores
// replies once more at its end.
func (r *Replies) Run(ctx context.Context) error {
	trimmed, failing := time.Now(), false
	for range delay.Ticks(ctx, r.config.ClaimTTL/3) {
		err := errors.Join(r.renew(ctx), r.save(ctx))
		if err == nil && time.Since(trimmed) > trimInterval {
			trimmed = time.Now()
			err = r.trim(ctx)
		}
		if err != nil && !failing && ctx.Err() == nil {
			r.config.Logger.Warn("replies to requests with an idempotency key are not kept; retrying", "error", err)
		}
		failing = err != nil
	}
	return r.save(context.WithoutCancel(ctx))
}

func (r *Replies) renew(ctx context.Context) error {
	r.mu.Lock()
	keys := slices.Collect(maps.Keys(r.open))
	r.mu.Unlock()
	if len(keys) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	return r.config.Store.RenewReplies(ctx, r.holder, r.config.ClaimTTL, keys)
}

// save stores the replies that could not be stored.
func (r *Replies) save(ctx context.Context) error {
	r.mu.Lock()
	all := maps.Clone(r.unsaved)
	r.mu.Unlock()
	for id, reply := range all {
		err := r.complete(ctx, id, reply)
		if err != nil && !errors.Is(err, store.ErrFenced) {
			return err
		}
		r.unmark(id)
		if err != nil {
			r.config.Logger.Warn("a reply was not kept, because the request was repeated meanwhile", "error", err)
		}
	}
	return nil
}

// trimTimeout bounds the deletion of old replies.
const trimTimeout = time.Minute

func (r *Replies) trim(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trimTimeout)
	defer cancel()
	_, err := r.config.Store.TrimReplies(ctx)
	return err
}
