package mailchimp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync/mailchimp"
)

// noon is the time of most changes.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// day is the window of most tests.
var day = mailchimp.Window{Since: noon.Add(-12 * time.Hour), Until: noon.Add(12 * time.Hour)}

// slots is a limiter of one account.
type slots struct {
	free     chan struct{}
	mu       sync.Mutex
	accounts map[string]int
}

func newSlots(n int) *slots { return &slots{free: make(chan struct{}, n), accounts: map[string]int{}} }

func (s *slots) Acquire(ctx context.Context, account string) (release func(), err error) {
	s.mu.Lock()
	s.accounts[account]++
	s.mu.Unlock()
	select {
	case s.free <- struct{}{}:
		return func() { <-s.free }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bundle is a reader of a fake.
type bundle struct {
	*mailchimp.Reader
	fake  *fakemailchimp.Server
	slots *slots
}

// tb is a test, of the standard library or of rapid.
type tb interface {
	require.TestingT
	Helper()
	Cleanup(func())
}

// setup starts a fake and a reader of it.
func setup(t tb, fake fakemailchimp.Config, cfg mailchimp.Config) *bundle {
	t.Helper()
	b := &bundle{fake: fakemailchimp.New(fake), slots: newSlots(mailchimp.MaxConnections)}
	server := httptest.NewServer(b.fake)
	t.Cleanup(server.Close)
	cfg.Key, cfg.Account, cfg.Limiter = fakemailchimp.Key, "shop", b.slots
	cfg.Guard, cfg.Endpoint = outbound.Loopback(), server.URL+"/3.0"
	var err error
	b.Reader, err = mailchimp.New(cfg)
	require.NoError(t, err)
	return b
}

// fill adds members n, by number, that changed at the same second.
func (b *bundle) fill(from, n int, at time.Time) {
	for i := range n {
		b.fake.Put(fakemailchimp.Member{Email: email(from + i), LastChanged: at})
	}
}

func email(n int) string { return fmt.Sprintf("member%d@example.com", n) }

// read is what a window delivered.
type read struct {
	times    map[string]int
	order    []string
	members  map[string]mailchimp.Member
	rejects  []mailchimp.Reject
	pages    int
	changed  bool
	restarts int
}

// all reads a window from a cursor. Each cursor is written and read as JSON, as after an interruption.
func (b *bundle) all(ctx context.Context, w mailchimp.Window, c mailchimp.Cursor) (read, error) {
	got := read{times: map[string]int{}, members: map[string]mailchimp.Member{}}
	for !c.Done {
		got.pages++
		if got.pages > 10_000 {
			return got, errors.New("the read does not end")
		}
		page, err := b.Page(ctx, fakemailchimp.List, w, c)
		var changed *mailchimp.ChangedError
		switch {
		case errors.As(err, &changed):
			got.restarts++
			page.Next = changed.Resume
		case err != nil:
			return got, err
		}
		got.changed = got.changed || page.Changed
		got.rejects = append(got.rejects, page.Rejects...)
		for _, m := range page.Members {
			got.times[m.Email]++
			got.order = append(got.order, m.Email)
			got.members[m.Email] = m
		}
		if c, err = stored(page.Next); err != nil {
			return got, err
		}
	}
	return got, nil
}

func stored(c mailchimp.Cursor) (mailchimp.Cursor, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	if strings.Contains(string(text), "@") {
		return c, errors.New("the cursor has an address")
	}
	var again mailchimp.Cursor
	err = json.Unmarshal(text, &again)
	return again, err
}

// private fails if a text has a secret, an address or the ID of one.
func private(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		require.NotContains(t, text, fakemailchimp.Key)
		require.NotContains(t, text, fakemailchimp.Key[:32])
		require.NotContains(t, text, "example.com")
		require.NotContains(t, text, "%40")
		require.NotContains(t, text, fakemailchimp.Member{Email: email(1)}.ID())
	}
}
