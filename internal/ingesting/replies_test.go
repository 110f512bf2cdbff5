package ingesting_test

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

func (b *bundle) replies(t *testing.T, ttl time.Duration) *ingesting.Replies {
	t.Helper()
	r, err := ingesting.NewReplies(ingesting.RepliesConfig{Store: b.Store, Logger: quiet, ClaimTTL: ttl})
	require.NoError(t, err)
	return r
}

var (
	print1 = sha256.Sum256([]byte("request 1"))
	print2 = sha256.Sum256([]byte("request 2"))
	answer = eventapi.Reply{
		Status: 202, ContentType: "text/plain", Header: map[string]string{"X-Plausible-Dropped": "1"}, Body: []byte("ok"),
	}
)

// A reply is the same on every server, for its sender, key and request.
func TestReplies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.replies(t, 0), b.replies(t, 0)
	first, err := one.Begin(b.ctx, "s", "key", print1)
	require.NoError(t, err)
	require.Nil(t, first)
	for _, r := range []*ingesting.Replies{one, two} {
		_, err = r.Begin(b.ctx, "s", "key", print1)
		require.ErrorIs(t, err, eventapi.ErrInProgress)
		_, err = r.Begin(b.ctx, "s", "key", print2)
		require.ErrorIs(t, err, eventapi.ErrOtherRequest)
	}
	require.NoError(t, one.Complete(b.ctx, "s", "key", answer))
	for _, r := range []*ingesting.Replies{one, two} {
		got, err := r.Begin(b.ctx, "s", "key", print1)
		require.NoError(t, err)
		require.Equal(t, &answer, got)
		_, err = r.Begin(b.ctx, "s", "key", print2)
		require.ErrorIs(t, err, eventapi.ErrOtherRequest)
	}
	// Another sender's key is another one, whatever its bytes.
	for _, key := range []string{"key", "\xff\x00", strings.Repeat("k", 255)} {
		got, err := two.Begin(b.ctx, "t", key, print2)
		require.NoError(t, err)
		require.Nil(t, got)
		require.NoError(t, two.Abandon(b.ctx, "t", key))
		got, err = one.Begin(b.ctx, "t", key, print1)
		require.NoError(t, err)
		require.Nil(t, got, "it was abandoned")
	}
	// After 24 hours the key is free for any request.
	b.exec(t, "UPDATE ingest_replies SET created_at = now() - interval '25 hours' WHERE sender = 's'")
	got, err := two.Begin(b.ctx, "s", "key", print2)
	require.NoError(t, err)
	require.Nil(t, got)
}

// Of many requests at once, on two servers, one is the first.
func TestRepliesRace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	servers := []*ingesting.Replies{b.replies(t, 0), b.replies(t, 0)}
	var first atomic.Int32
	for _, err := range enginetest.AtOnce(8, func(i int) error {
		reply, err := servers[i%2].Begin(b.ctx, "s", "key", print1)
		if err == nil && reply == nil {
			first.Add(1)
		}
		return err
	}) {
		if err != nil {
			require.ErrorIs(t, err, eventapi.ErrInProgress)
		}
	}
	require.EqualValues(t, 1, first.Load())
}

// A request keeps its key while its process lives, however long it takes; after the death of the process the
// same request is taken over.
func TestRepliesAfterDeath(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const ttl = time.Second
	dying, other := b.replies(t, ttl), b.replies(t, ttl)
	kill := start(b.ctx, t, dying.Run)
	_, err := dying.Begin(b.ctx, "s", "key", print1)
	require.NoError(t, err)
	claimedUntil := func() (at time.Time) {
		require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT claimed_until FROM ingest_replies").Scan(&at))
		return at
	}
	begin := claimedUntil()
	eventually(t, soon, func(c *polltest.Check) { require.Greater(c, claimedUntil().Sub(begin), 3*ttl) })
	_, err = other.Begin(b.ctx, "s", "key", print1)
	require.ErrorIs(t, err, eventapi.ErrInProgress)
	kill()
	eventually(t, soon, func(c *polltest.Check) {
		reply, err := other.Begin(b.ctx, "s", "key", print1)
		require.NoError(c, err)
		require.Nil(c, reply)
	})
	// The first process is not dead, but was away: its reply is refused.
	require.ErrorIs(t, dying.Complete(b.ctx, "s", "key", answer), store.ErrFenced)
	require.NoError(t, dying.Abandon(b.ctx, "s", "key"))
	require.NoError(t, other.Complete(b.ctx, "s", "key", answer))
}

// A reply that cannot be stored is stored later; until then its request is not repeated.
func TestRepliesWithoutPostgres(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.replies(t, time.Second), b.replies(t, time.Second)
	start(b.ctx, t, one.Run)
	_, err := one.Begin(b.ctx, "s", "key", print1)
	require.NoError(t, err)
	b.exec(t, "ALTER TABLE ingest_replies RENAME TO away")
	require.NoError(t, one.Complete(b.ctx, "s", "key", answer))
	_, err = one.Begin(b.ctx, "s", "other", print1)
	require.Error(t, err)
	b.exec(t, "ALTER TABLE away RENAME TO ingest_replies")
	eventually(t, soon, func(c *polltest.Check) {
		got, err := two.Begin(b.ctx, "s", "key", print1)
		require.NoError(c, err)
		require.Equal(c, &answer, got)
	})
}

// Replies are bounded in bytes, each and those of a sender.
func TestRepliesAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.replies(t, 0)
	long := answer
	long.Body = bytes.Repeat([]byte("x"), ingeststore.MaxReply+1)
	_, err := r.Begin(b.ctx, "s", "long", print1)
	require.NoError(t, err)
	require.NoError(t, r.Complete(b.ctx, "s", "long", long))
	got, err := r.Begin(b.ctx, "s", "long", print1)
	require.NoError(t, err)
	require.Equal(t, 202, got.Status)
	require.Contains(t, string(got.Body), "its reply is too long to be repeated")
	err = b.CompleteReply(b.ctx, ingeststore.ReplyKey{Sender: "s"}, "x", ingeststore.Reply(long))
	require.ErrorIs(t, err, store.ErrLimit)

	b.exec(t, `INSERT INTO ingest_replies
		(sender, key_hash, fingerprint, holder, claimed_until, status, content_type, header, body, created_at)
		SELECT sender, sha256(i::text::bytea), sha256(''), 'h', now(), 202, 't', '{}', convert_to(repeat('x', 1048576), 'UTF8'),
		now() - i * interval '1 second' FROM generate_series(1, 260) i, (VALUES ('big'), ('other')) AS senders (sender)
		WHERE sender = 'big' OR i <= 3`)
	b.exec(t, "UPDATE ingest_replies SET created_at = now() - interval '25 hours' WHERE sender = 's'")
	deleted, err := b.TrimReplies(b.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1+5, deleted, "one is old, and 255 of a mebibyte and some bytes fit")
	var oldest float64
	require.NoError(t, b.sql.QueryRow(b.ctx, `SELECT extract(epoch FROM max(now() - created_at))::float8 FROM ingest_replies
		WHERE sender = 'big'`).Scan(&oldest))
	require.Less(t, oldest, 256+60.0)
	var others int
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM ingest_replies WHERE sender = 'other'").Scan(&others))
	require.Equal(t, 3, others)
}
