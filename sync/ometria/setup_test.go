package ometria_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync/ometria"
)

// turns is a limiter that counts.
type turns struct {
	mu    sync.Mutex
	count map[string]int
}

func (l *turns) Wait(ctx context.Context, connection string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count[connection]++
	return ctx.Err()
}

// bundle is a writer to a fake.
type bundle struct {
	*ometria.Writer
	fake  *fakeometria.Server
	turns *turns
}

// tb is a test, of the standard library or of rapid.
type tb interface {
	require.TestingT
	Helper()
	Cleanup(func())
}

// setup starts a fake and a writer to it.
func setup(t tb, fake fakeometria.Config, cfg ometria.Config) *bundle {
	t.Helper()
	if fake.Rate == 0 {
		fake.Rate = -1
	}
	b := &bundle{fake: fakeometria.New(fake), turns: &turns{count: map[string]int{}}}
	server := httptest.NewServer(b.fake)
	t.Cleanup(server.Close)
	cfg.Key, cfg.Connection, cfg.Limiter = fakeometria.Key, "shop", b.turns
	cfg.Guard, cfg.Endpoint = outbound.Loopback(), server.URL+"/v2"
	var err error
	b.Writer, err = ometria.New(cfg)
	require.NoError(t, err)
	return b
}

// contact returns a contact by number. The fake rejects one without an address.
func contact(n int, valid bool) ometria.Record {
	email := ""
	if valid {
		email = fmt.Sprintf(`,"email":"member%d@example.com"`, n)
	}
	return ometria.Record(fmt.Sprintf(`{"@type":"contact","@collection":"mailchimp","id":"c%d"%s}`, n, email))
}

func key(n int) string { return fmt.Sprintf("contact/mailchimp/c%d", n) }

func contacts(n int) []ometria.Record {
	all := make([]ometria.Record, n)
	for i := range all {
		all[i] = contact(i, true)
	}
	return all
}

// private fails if a text has the key or an address.
func private(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		require.NotContains(t, text, fakeometria.Key)
		require.NotContains(t, text, "example.com")
		require.NotContains(t, text, "%40")
	}
}

// counts are the numbers of not sent, accepted, rejected and unknown records.
func counts(r ometria.Result) [4]int {
	return [4]int{
		r.Count(ometria.StateNotSent), r.Count(ometria.StateAccepted), r.Count(ometria.StateRejected), r.Count(ometria.StateUnknown),
	}
}

func record(t *testing.T, value any) ometria.Record {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	return raw
}
