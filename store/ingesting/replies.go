package ingesting

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Limits of replies.
const (
	// MaxReply bounds the body of a reply, in bytes.
	MaxReply = 1 << 20
	// KeptReply is how long a reply is kept.
	KeptReply = 24 * time.Hour
	// MaxReplies and MaxReplyBytes bound the replies of a sender; the oldest beyond are deleted.
	MaxReplies    = 200_000
	MaxReplyBytes = 256 << 20
)

// ReplyKey names a request of a sender.
type ReplyKey struct {
	Sender string
	// Hash is that of the sender's key.
	Hash [sha256.Size]byte
}

// Reply is the reply to a request.
type Reply struct {
	Status      int
	ContentType string
	Header      map[string]string
	Body        []byte
}

// ReplyState is what is known of a request.
type ReplyState struct {
	// Fingerprint is the hash of the request that has the key.
	Fingerprint [sha256.Size]byte
	// Reply is nil while the request is in progress.
	Reply *Reply
}

// Claim is the right of a process to answer a request.
type Claim struct {
	ReplyKey
	// Holder names one run of a process.
	Holder string
	// TTL is how long the claim holds without RenewReplies.
	TTL time.Duration
}

// ClaimReply claims a key for a request. It returns nil if the caller has the claim, otherwise what is known
// of the key. A claim that has expired is taken over by the same request, as is a key after KeptReply by any.
func (s *Store) ClaimReply(ctx context.Context, c Claim, fingerprint [sha256.Size]byte) (*ReplyState, error) {
	// The row may be deleted between the two statements.
	for range 3 {
		claimed, err := s.sql.Queries.ClaimIngestReply(ctx, db.ClaimIngestReplyParams{
			Sender: c.Sender, KeyHash: c.Hash[:], Fingerprint: fingerprint[:], Holder: c.Holder, Seconds: c.TTL.Seconds(),
		})
		if err != nil {
			return nil, fmt.Errorf("claim a reply: %w", err)
		}
		if claimed == 1 {
			return nil, nil
		}
		row, err := s.sql.Queries.GetIngestReply(ctx, c.Sender, c.Hash[:])
		if store.NoRows(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a reply: %w", err)
		}
		return replyState(row)
	}
	return nil, fmt.Errorf("claim a reply: %w", store.ErrConflict)
}

// ReplyState returns what is known of a key, or store.ErrNotFound.
func (s *Store) ReplyState(ctx context.Context, key ReplyKey) (*ReplyState, error) {
	row, err := s.sql.Queries.GetIngestReply(ctx, key.Sender, key.Hash[:])
	if err != nil {
		return nil, store.Found(err, "reply")
	}
	return replyState(row)
}

func replyState(row db.GetIngestReplyRow) (*ReplyState, error) {
	state := &ReplyState{Fingerprint: [sha256.Size]byte(row.Fingerprint)}
	if row.Status == nil || row.ContentType == nil {
		return state, nil
	}
	state.Reply = &Reply{Status: int(*row.Status), ContentType: *row.ContentType, Body: row.Body}
	if err := json.Unmarshal(row.Header, &state.Reply.Header); err != nil {
		return nil, fmt.Errorf("read the header of a reply: %w", err)
	}
	return state, nil
}

// CompleteReply keeps the reply to a request that a process has claimed. The error is store.ErrFenced if the process
// has lost its claim, and store.ErrLimit if the body has more than MaxReply bytes.
func (s *Store) CompleteReply(ctx context.Context, key ReplyKey, holder string, r Reply) error {
	if len(r.Body) > MaxReply {
		return fmt.Errorf("keep a reply of %d bytes: want at most %d: %w", len(r.Body), MaxReply, store.ErrLimit)
	}
	header, err := json.Marshal(r.Header)
	if err != nil {
		return fmt.Errorf("encode the header of a reply: %w", err)
	}
	status := int32(r.Status)
	done, err := s.sql.Queries.CompleteIngestReply(ctx, db.CompleteIngestReplyParams{
		Sender: key.Sender, KeyHash: key.Hash[:], Holder: holder, Status: &status, ContentType: &r.ContentType,
		Header: header, Body: noNil(r.Body),
	})
	if err == nil && done == 0 {
		err = store.ErrFenced
	}
	if err != nil {
		return fmt.Errorf("keep a reply: %w", err)
	}
	return nil
}

// AbandonReply frees the key of a request that a process has claimed.
func (s *Store) AbandonReply(ctx context.Context, key ReplyKey, holder string) error {
	err := s.sql.Queries.AbandonIngestReply(ctx, db.AbandonIngestReplyParams{
		Sender: key.Sender, KeyHash: key.Hash[:], Holder: holder,
	})
	if err != nil {
		return fmt.Errorf("abandon a reply: %w", err)
	}
	return nil
}

// RenewReplies extends claims of a process. One that it has lost is not renewed.
func (s *Store) RenewReplies(ctx context.Context, holder string, ttl time.Duration, keys []ReplyKey) error {
	renew := db.RenewIngestRepliesParams{Holder: holder, Seconds: ttl.Seconds()}
	for _, key := range keys {
		renew.KeyHashes = append(renew.KeyHashes, key.Hash[:])
	}
	if err := s.sql.Queries.RenewIngestReplies(ctx, renew); err != nil {
		return fmt.Errorf("renew claims of replies: %w", err)
	}
	return nil
}

// TrimReplies deletes replies after KeptReply, and the oldest of senders beyond MaxReplies and
// MaxReplyBytes.
func (s *Store) TrimReplies(ctx context.Context) (deleted int64, err error) {
	old, err := s.sql.Queries.DeleteOldIngestReplies(ctx)
	if err != nil {
		return 0, fmt.Errorf("delete old replies: %w", err)
	}
	beyond, err := s.sql.Queries.TrimIngestReplies(ctx, MaxReplies, MaxReplyBytes)
	if err != nil {
		return old, fmt.Errorf("delete replies of senders with too many: %w", err)
	}
	return old + beyond, nil
}
