package ingesttest

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/sluicehq/sluice/ingest/eventapi"
)

// Replies remembers replies in memory.
type Replies struct {
	mu      sync.Mutex
	entries map[string]*entry
}

type entry struct {
	fingerprint [sha256.Size]byte
	reply       *eventapi.Reply
}

// Begin claims a key.
func (r *Replies) Begin(_ context.Context, sender, key string, fingerprint [sha256.Size]byte) (*eventapi.Reply, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.entries[sender+"\x00"+key]
	switch {
	case !ok:
		if r.entries == nil {
			r.entries = map[string]*entry{}
		}
		r.entries[sender+"\x00"+key] = &entry{fingerprint: fingerprint}
		return nil, nil
	case e.fingerprint != fingerprint:
		return nil, eventapi.ErrOtherRequest
	case e.reply == nil:
		return nil, eventapi.ErrInProgress
	default:
		return e.reply, nil
	}
}

// Complete remembers the reply to a key.
func (r *Replies) Complete(_ context.Context, sender, key string, reply eventapi.Reply) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[sender+"\x00"+key].reply = &reply
	return nil
}

// Abandon frees a key.
func (r *Replies) Abandon(_ context.Context, sender, key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.entries, sender+"\x00"+key)
	return nil
}

var _ eventapi.Replies = (*Replies)(nil)
