package ometria_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/ometria"
)

// More records a request than the API takes are split.
func TestSplitting(t *testing.T) {
	t.Parallel()
	for asked, largest := range map[int]int{0: 100, 250: 100, 40: 40, 1: 1} {
		b := setup(t, fakeometria.Config{}, ometria.Config{RecordsPerRequest: asked})
		r, err := b.Push(t.Context(), contacts(120))
		require.NoError(t, err)
		require.Equal(t, [4]int{0, 120, 0, 0}, counts(r))
		require.Equal(t, largest, b.fake.Largest())
		require.Len(t, r.Requests, (120+largest-1)/largest)
		require.Equal(t, len(r.Requests), b.turns.count["shop"])
		require.NotEmpty(t, r.Requests[0].ID)
		require.Len(t, b.fake.Records(), 120)
		require.Equal(t, ometria.Queue{Known: true, Limit: 50_000, Remaining: 49_880}, r.Queue)
	}
}

func TestNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, fakeometria.Config{Queue: -1}, ometria.Config{})
	r, err := b.Push(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, r.Outcomes)
	require.Zero(t, b.fake.Calls("push"))
	r, err = b.Push(t.Context(), contacts(1))
	require.NoError(t, err)
	require.False(t, r.Queue.Known)
}

// Records of several types are sent in requests of their own.
func TestTypes(t *testing.T) {
	t.Parallel()
	b := setup(t, fakeometria.Config{}, ometria.Config{})
	order := func(id string) ometria.Record { return record(t, map[string]string{"@type": "order", "id": id}) }
	r, err := b.Push(t.Context(), []ometria.Record{contact(0, true), order("a"), order("b"), contact(1, true)})
	require.NoError(t, err)
	require.Equal(t, [4]int{0, 4, 0, 0}, counts(r))
	require.Len(t, r.Requests, 3)
}

// Records that the API would refuse are not sent.
func TestInvalidRecords(t *testing.T) {
	t.Parallel()
	b := setup(t, fakeometria.Config{}, ometria.Config{})
	large := map[string]string{"@type": "contact", "id": "x", "email": "large@example.com", "note": strings.Repeat("x", 60_000)}
	bad := []ometria.Record{
		ometria.Record(`[]`), ometria.Record(`{"@type":"contact"`), ometria.Record(`null`), ometria.Record(`{"@type":"contact","id":7}`),
		ometria.Record(`{"id":"member@example.com"}`), ometria.Record(`{"@type":"contact"}`), record(t, large), nil,
	}
	r, err := b.Push(t.Context(), append(bad, contact(0, true)))
	require.NoError(t, err)
	require.Equal(t, [4]int{0, 1, len(bad), 0}, counts(r))
	for _, o := range r.Outcomes[:len(bad)] {
		require.NotEmpty(t, o.Reason)
		private(t, o.Reason)
	}
	require.Equal(t, "the record has 60066 bytes: want at most 60000", r.Outcomes[6].Reason)
	require.Equal(t, 1, b.fake.Calls("push"))
}

// The API says how many records it rejected, not which: the writer isolates them.
func TestRejectsAreIsolated(t *testing.T) {
	t.Parallel()
	b := setup(t, fakeometria.Config{}, ometria.Config{})
	records := contacts(100)
	bad := map[int]bool{0: true, 37: true, 38: true, 99: true}
	for i := range bad {
		records[i] = contact(i, false)
	}
	r, err := b.Push(t.Context(), records)
	require.NoError(t, err)
	require.Equal(t, [4]int{0, 96, 4, 0}, counts(r))
	for i, o := range r.Outcomes {
		require.Equal(t, bad[i], o.State == ometria.StateRejected, i)
		require.Equal(t, bad[i], o.Reason != "", i)
	}
	require.Len(t, b.fake.Records(), 96)
}

// A request that is refused as a whole is halved, until the record is found.
func TestRefusedRequestsAreHalved(t *testing.T) {
	t.Parallel()
	b := setup(t, fakeometria.Config{}, ometria.Config{RecordsPerRequest: 4})
	says := `{"message":"Payload invalid of member@example.com ` + fakeometria.Key + `"}`
	// The first request, its second half, and the first record of that.
	b.fake.Inject(fakefault.Fault{Times: 1, Status: 400, Body: says}, fakefault.Fault{Skip: 1, Times: 2, Status: 413, Body: says})
	r, err := b.Push(t.Context(), contacts(8))
	require.NoError(t, err)
	require.Equal(t, [4]int{0, 7, 1, 0}, counts(r))
	require.Equal(t, ometria.StateRejected, r.Outcomes[2].State)
	require.Equal(t, "the endpoint answered 413 Request Entity Too Large: Payload invalid of [address] [secret]", r.Outcomes[2].Reason)
	b.fake.Inject(fakefault.Fault{Status: 422, Body: "<html>"})
	r, err = b.Push(t.Context(), contacts(3))
	require.NoError(t, err)
	require.Equal(t, [4]int{0, 0, 3, 0}, counts(r))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	echo := `{"message":"member@example.com sent ` + fakeometria.Key + ` from a%40example.com"}`
	for name, tc := range map[string]struct {
		fault  fakefault.Fault
		class  ometria.Class
		after  time.Duration
		states [4]int
	}{
		"429":           {fakefault.Fault{Status: 429, RetryAfter: 3, Body: echo}, ometria.ClassThrottled, 3 * time.Second, [4]int{3, 2, 0, 0}},
		"503":           {fakefault.Fault{Status: 503, Body: echo}, ometria.ClassUnavailable, 0, [4]int{3, 2, 0, 0}},
		"500":           {fakefault.Fault{Status: 500, Body: echo, RetryAfter: 9}, ometria.ClassUnknown, 9 * time.Second, [4]int{1, 2, 0, 2}},
		"504":           {fakefault.Fault{Status: 504, Apply: true}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"401":           {fakefault.Fault{Status: 401, Body: echo}, ometria.ClassAccess, 0, [4]int{3, 2, 0, 0}},
		"403":           {fakefault.Fault{Status: 403, Body: echo, RetryAfter: 9}, ometria.ClassAccess, 0, [4]int{3, 2, 0, 0}},
		"404":           {fakefault.Fault{Status: 404, Body: echo}, ometria.ClassRefused, 0, [4]int{3, 2, 0, 0}},
		"a redirect":    {fakefault.Fault{Status: 307, Body: echo}, ometria.ClassRefused, 0, [4]int{3, 2, 0, 0}},
		"cut":           {fakefault.Fault{Cut: true}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"dropped":       {fakefault.Fault{Drop: true, Apply: true}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"HTML":          {fakefault.Fault{Status: 200, Body: "<html>"}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"no content":    {fakefault.Fault{Status: 204}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"not OK":        {fakefault.Fault{Status: 200, Body: `{"status":"ERROR","accepted":2,"rejected":0}`}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"no counts":     {fakefault.Fault{Status: 200, Body: `{"status":"OK"}`}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"one too few":   {fakefault.Fault{Status: 200, Body: `{"status":"OK","accepted":1,"rejected":0}`}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"impossible":    {fakefault.Fault{Status: 200, Body: `{"status":"OK","accepted":3,"rejected":-1}`}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"a long ID":     {fakefault.Fault{Status: 200, Body: `{"status":"OK","accepted":2,"rejected":0,"request_id":"` + strings.Repeat("x", 101) + `"}`}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"a large body":  {fakefault.Fault{Status: 200, Body: strings.Repeat(" ", 2<<20)}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"hangs":         {fakefault.Fault{Hang: true}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
		"hangs, though": {fakefault.Fault{Hang: true, Apply: true}, ometria.ClassUnknown, 0, [4]int{1, 2, 0, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := ometria.Config{RecordsPerRequest: 2}
			if tc.fault.Hang {
				cfg.Timeout = 100 * time.Millisecond
			}
			b := setup(t, fakeometria.Config{}, cfg)
			// The first request succeeds, the second fails, the third is not made.
			tc.fault.Skip, tc.fault.Times = 1, 1
			b.fake.Inject(tc.fault)
			r, err := b.Push(t.Context(), contacts(5))
			var e *ometria.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tc.class, e.Class, err)
			require.Equal(t, tc.after, e.RetryAfter)
			require.Equal(t, tc.states, counts(r))
			require.Equal(t, tc.class != ometria.ClassAccess && tc.class != ometria.ClassRefused, e.Retryable())
			require.Equal(t, tc.class, ometria.ClassOf(err))
			private(t, err.Error())
			// The same records again: each is there, and only once.
			r, err = b.Push(t.Context(), contacts(5))
			require.NoError(t, err)
			require.Equal(t, [4]int{0, 5, 0, 0}, counts(r))
			require.Len(t, b.fake.Records(), 5)
			if tc.fault.Apply {
				require.Equal(t, 2, b.fake.Pushes(key(2)))
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(fakeometria.New(fakeometria.Config{}))
	server.Close()
	for _, guard := range []outbound.Guard{outbound.Loopback(), {}} {
		w, err := ometria.New(ometria.Config{
			Key: fakeometria.Key, Connection: "shop", Limiter: &turns{count: map[string]int{}}, Guard: guard, Endpoint: server.URL,
		})
		require.NoError(t, err)
		r, err := w.Push(t.Context(), contacts(2))
		require.Equal(t, ometria.ClassUnavailable, ometria.ClassOf(err))
		require.Equal(t, [4]int{2, 0, 0, 0}, counts(r))
		private(t, err.Error())
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t, fakeometria.Config{}, ometria.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := b.Push(ctx, contacts(2))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, [4]int{2, 0, 0, 0}, counts(r))
}

// Requests stop before they overflow the account's queue.
func TestQueue(t *testing.T) {
	t.Parallel()
	b := setup(t, fakeometria.Config{Queue: 250}, ometria.Config{})
	r, err := b.Push(t.Context(), contacts(400))
	require.Equal(t, ometria.ClassThrottled, ometria.ClassOf(err))
	require.ErrorContains(t, err, "room for 50 records: want 100")
	require.Equal(t, [4]int{200, 200, 0, 0}, counts(r))
	require.Equal(t, 2, b.fake.Calls("push"))
	_, err = b.Push(t.Context(), contacts(100))
	require.Equal(t, ometria.ClassThrottled, ometria.ClassOf(err))
	b.fake.Drain()
	_, err = b.Push(t.Context(), contacts(100))
	require.NoError(t, err)
}

func TestRate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	b := setup(t, fakeometria.Config{Rate: 2, Now: func() time.Time { return now }}, ometria.Config{RecordsPerRequest: 1})
	r, err := b.Push(t.Context(), contacts(3))
	var e *ometria.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, ometria.ClassThrottled, e.Class)
	require.Equal(t, time.Second, e.RetryAfter)
	require.Equal(t, [4]int{1, 2, 0, 0}, counts(r))
}

func TestAsyncErrors(t *testing.T) {
	t.Parallel()
	b := setup(t, fakeometria.Config{}, ometria.Config{})
	all, err := b.AsyncErrors(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	var records []ometria.Record
	for range 120 {
		records = append(records, record(t, map[string]any{"@type": "contact", "id": "x", "email": "x@example.com", "lastname": 7}))
	}
	r, err := b.Push(t.Context(), records)
	require.NoError(t, err)
	require.Equal(t, 120, r.Count(ometria.StateAccepted))
	all, err = b.AsyncErrors(t.Context())
	require.NoError(t, err)
	require.Len(t, all, ometria.MaxAsyncErrors)
	require.Equal(t, ometria.AsyncError{Message: "not a valid value", Path: "root > lastname"}, all[0])
	for _, tc := range []struct {
		fault fakefault.Fault
		class ometria.Class
	}{
		{fakefault.Fault{Status: 200, Body: `{}`}, ometria.ClassUnavailable},
		{fakefault.Fault{Status: 200, Body: `null`}, ometria.ClassUnavailable},
		{fakefault.Fault{Status: 200, Body: `[{}]`}, ometria.ClassUnavailable},
		{fakefault.Fault{Cut: true}, ometria.ClassUnavailable},
		{fakefault.Fault{Status: 500}, ometria.ClassUnavailable},
		{fakefault.Fault{Status: 403}, ometria.ClassAccess},
	} {
		tc.fault.Times = 1
		b.fake.Inject(tc.fault)
		_, err = b.AsyncErrors(t.Context())
		require.Equal(t, tc.class, ometria.ClassOf(err), err)
	}
	b.fake.Inject(fakefault.Fault{Status: 200, Body: `[{"error_message":"x@example.com ` + fakeometria.Key + `","error_path":"root"}]`})
	all, err = b.AsyncErrors(t.Context())
	require.NoError(t, err)
	require.Equal(t, []ometria.AsyncError{{Message: "[address] [secret]", Path: "root"}}, all)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := ometria.New(ometria.Config{Key: "secret\nkey", Endpoint: "ftp://x", RecordsPerRequest: -1, Timeout: time.Hour})
	for _, part := range []string{"API key", "connection", "limiter", "endpoint", "records per request -1", "1h0m0s: want at most 5m0s"} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), "secret")
	_, err = ometria.New(ometria.Config{Key: fakeometria.Key, Connection: "a", Limiter: &turns{}})
	require.NoError(t, err)
	require.Empty(t, ometria.ClassOf(context.Canceled))
}

// Whatever a contact says, it opts out afterwards, and says otherwise the same.
func TestOptOut(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 12, 0, 0, 5, time.UTC)
	for contact, want := range map[string]string{
		`{"id":"1","email":"a"}`: `{"id":"1","email":"a","marketing_optin":"EXPLICITLY_OPTEDOUT","timestamp_unsubscribed":"2026-01-02T12:00:00Z"}`,
		`{"id":"1","marketing_optin":"EXPLICITLY_OPTEDIN","timestamp_subscribed":"x","@force_optin":true,"timestamp_unsubscribed":"y"}`: `{"id":"1",
			"marketing_optin":"EXPLICITLY_OPTEDOUT","timestamp_unsubscribed":"y"}`,
	} {
		got, err := ometria.Target{}.OptOut(json.RawMessage(contact), at)
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
		require.Equal(t, sync.ConsentOut, ometria.Target{}.Consent(got))
	}
	_, err := ometria.Target{}.OptOut(json.RawMessage(`[]`), at)
	require.Error(t, err)
}
