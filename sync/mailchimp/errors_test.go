package mailchimp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync/mailchimp"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		fakemailchimp.Key: "us21", "0123456789abcdef-us9": "us9", "0123456789abcdef": "", "": "", "0123456789abcdef-": "",
		"0123456789abcdef-us21.evil.example": "", "0123456789abcdef-us21/x": "", "0123456789abcdef-US21": "", "-us21": "",
		"0123456789abcdef-us21\n": "",
	} {
		got, err := mailchimp.DataCentre(key)
		require.Equal(t, want, got, "%q", key)
		if want == "" {
			require.ErrorContains(t, err, "at the end, the data centre, such as -us21")
			require.NotContains(t, err.Error(), "0123456789abcdef")
		}
	}
	_, err := mailchimp.New(mailchimp.Config{
		Key: "secret-key", Endpoint: "https://a:b@example.com", PageSize: 1001, MaxBody: -1, Timeout: time.Hour,
	})
	for _, part := range []string{"API key", "account", "limiter", "endpoint", "page size 1001: want 1 to 1000", "-1", "1h0m0s: want at most 2m0s"} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), "secret-key")
	_, err = mailchimp.New(mailchimp.Config{Key: fakemailchimp.Key, Account: "a", Limiter: newSlots(1)})
	require.NoError(t, err)
}

func TestArguments(t *testing.T) {
	t.Parallel()
	b := setup(t, fakemailchimp.Config{}, mailchimp.Config{})
	for name, tc := range map[string]struct {
		list string
		w    mailchimp.Window
		c    mailchimp.Cursor
	}{
		"a list":     {list: "../" + email(1), w: day},
		"no end":     {list: "a", w: mailchimp.Window{Since: noon}},
		"a fraction": {list: "a", w: mailchimp.Window{Until: noon.Add(1)}},
		"backwards":  {list: "a", w: mailchimp.Window{Since: noon, Until: noon.Add(-time.Hour)}},
		"an offset":  {list: "a", w: day, c: mailchimp.Cursor{Offset: -1}},
		"no trail":   {list: "a", w: day, c: mailchimp.Cursor{Offset: 1}},
	} {
		_, err := b.Page(t.Context(), tc.list, tc.w, tc.c)
		require.Equal(t, mailchimp.ClassInput, mailchimp.ClassOf(err), name)
		private(t, err.Error())
	}
	require.Zero(t, b.fake.Calls("members"))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const document = "application/problem+json; charset=utf-8"
	echo := `{"title":"Oops","detail":"` + email(1) + ` with ` + fakemailchimp.Key + ` at /x/member1%40example.com","status":1}`
	for name, tc := range map[string]struct {
		fault fakefault.Fault
		class mailchimp.Class
		after time.Duration
		says  string
	}{
		"403 without a document": {fault: fakefault.Fault{Status: 403}, class: mailchimp.ClassThrottled, says: "403 Forbidden"},
		"403 of a proxy":         {fault: fakefault.Fault{Status: 403, Type: "text/html", Body: "<html>"}, class: mailchimp.ClassThrottled},
		"403 with a document":    {fault: fakefault.Fault{Status: 403, Type: document, Body: echo}, class: mailchimp.ClassAccess, says: "Oops"},
		"401":                    {fault: fakefault.Fault{Status: 401, Type: document, Body: echo}, class: mailchimp.ClassAccess},
		"429 without a body":     {fault: fakefault.Fault{Status: 429}, class: mailchimp.ClassThrottled},
		"429 with a delay": {
			fault: fakefault.Fault{Status: 429, Type: document, Body: echo, RetryAfter: 7}, class: mailchimp.ClassThrottled,
			after: 7 * time.Second, says: "[secret]",
		},
		"400": {fault: fakefault.Fault{Status: 400, Type: document, Body: echo}, class: mailchimp.ClassInput},
		"404": {fault: fakefault.Fault{Status: 404, Type: document, Body: echo}, class: mailchimp.ClassInput},
		"500": {fault: fakefault.Fault{Status: 500, Type: document, Body: "{"}, class: mailchimp.ClassUnavailable},
		"503": {
			fault: fakefault.Fault{Status: 503, RetryAfter: 60}, class: mailchimp.ClassUnavailable, after: time.Minute,
		},
		"a redirect":       {fault: fakefault.Fault{Status: 302}, class: mailchimp.ClassResponse},
		"no content":       {fault: fakefault.Fault{Status: 204}, class: mailchimp.ClassResponse},
		"a truncated body": {fault: fakefault.Fault{Cut: true}, class: mailchimp.ClassUnavailable},
		"a closed one":     {fault: fakefault.Fault{Drop: true}, class: mailchimp.ClassUnavailable},
		"HTML":             {fault: fakefault.Fault{Status: 200, Body: "<html>" + email(1)}, class: mailchimp.ClassResponse},
		"an empty object":  {fault: fakefault.Fault{Status: 200, Body: "{}"}, class: mailchimp.ClassResponse, says: "lacks"},
		"a large body": {
			fault: fakefault.Fault{Status: 200, Body: string(make([]byte, 70<<10))}, class: mailchimp.ClassResponse,
			says: "more than 65536 bytes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakemailchimp.Config{}, mailchimp.Config{MaxBody: 64 << 10})
			b.fill(0, 3, noon)
			b.fake.Inject(tc.fault)
			_, err := b.Page(t.Context(), fakemailchimp.List, day, mailchimp.Cursor{})
			var e *mailchimp.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tc.class, e.Class, err)
			require.Equal(t, tc.after, e.RetryAfter)
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, e.Class != mailchimp.ClassAccess && e.Class != mailchimp.ClassInput, e.Retryable())
			private(t, err.Error())
			b.fake.Clear()
			got, err := b.all(t.Context(), day, mailchimp.Cursor{})
			require.NoError(t, err)
			require.Len(t, got.times, 3)
		})
	}
}

// Responses that contradict the request are errors, and never an end of the list.
func TestContradictions(t *testing.T) {
	t.Parallel()
	member := func(id, at, list string) string {
		return `{"id":"0123456789abcdef0123456789abcde` + id + `","status":"subscribed","last_changed":"` + at + `","list_id":"` + list + `"}`
	}
	const at, list = "2026-01-02T12:00:00+00:00", fakemailchimp.List
	answer := func(list, total, members string) string {
		return `{"list_id":"` + list + `","total_items":` + total + `,"members":[` + members + `]}`
	}
	for body, says := range map[string]string{
		answer("other", "0", ""):                                           "another list",
		answer(list, "1", ""):                                              "has 0 members: want 1 of 1",
		answer(list, "-1", ""):                                             "negative",
		answer(list, "null", ""):                                           "lacks",
		answer(list, `"1"`, ""):                                            "not valid JSON",
		`{"members":[],"list_id"`:                                          "not valid JSON",
		answer(list, "0", member("0", at, list)):                           "has 1 members: want 0",
		answer(list, "1", member("0", at, "other")):                        "member of another list",
		answer(list, "2", member("0", at, list)+","+member("0", at, list)): "twice",
		answer(list, "1", member("0", "2025-01-01T00:00:00+00:00", list)):  "changed before 2026",
		answer(list, "1", member("0", "2027-01-01T00:00:00+00:00", list)):  "changed after 2026",
		answer(list, "2", member("0", at, list)+","+member("1", "2026-01-02T11:00:00+00:00", list)):  "not sorted",
		answer(list, "500", member("0", at, list)+","+member("1", "2026-01-02T13:00:00+00:00", "x")): "has 2 members: want 500",
	} {
		b := setup(t, fakemailchimp.Config{}, mailchimp.Config{})
		b.fake.Inject(fakefault.Fault{Status: 200, Type: "application/json", Body: body})
		_, err := b.Page(t.Context(), list, day, mailchimp.Cursor{})
		require.Equal(t, mailchimp.ClassResponse, mailchimp.ClassOf(err), body)
		require.ErrorContains(t, err, says, body)
		private(t, err.Error())
	}
}

// An empty full load is believed only if the list is empty.
func TestEmptyFullLoad(t *testing.T) {
	t.Parallel()
	empty := fakefault.Fault{
		Method: "members", Times: 1, Status: 200, Body: `{"list_id":"` + fakemailchimp.List + `","total_items":0,"members":[]}`,
	}
	for _, w := range []mailchimp.Window{mailchimp.AllMembers(), mailchimp.NextWindow(time.Time{}, noon.Add(time.Hour))} {
		b := setup(t, fakemailchimp.Config{}, mailchimp.Config{})
		got, err := b.all(t.Context(), w, mailchimp.Cursor{})
		require.NoError(t, err)
		require.Empty(t, got.times)
		b.fill(0, 3, noon)
		b.fake.Inject(empty)
		_, err = b.all(t.Context(), w, mailchimp.Cursor{})
		require.ErrorContains(t, err, "the response has no members, but the list has 3")
		got, err = b.all(t.Context(), w, mailchimp.Cursor{})
		require.NoError(t, err)
		require.Len(t, got.order, 3)
		b.fake.Inject(empty, fakefault.Fault{Method: "list", Status: 200, Body: `{"id":"x"}`})
		_, err = b.all(t.Context(), w, mailchimp.Cursor{})
		require.ErrorContains(t, err, "another list")
	}
	// All members have changed since the window's end.
	b := setup(t, fakemailchimp.Config{}, mailchimp.Config{})
	b.fill(0, 3, noon)
	got, err := b.all(t.Context(), mailchimp.Window{Until: noon.Add(-time.Hour)}, mailchimp.Cursor{})
	require.NoError(t, err)
	require.Empty(t, got.times)
}

func TestHangingServer(t *testing.T) {
	t.Parallel()
	b := setup(t, fakemailchimp.Config{}, mailchimp.Config{Timeout: 50 * time.Millisecond})
	b.fake.Inject(fakefault.Fault{Hang: true})
	_, err := b.Page(t.Context(), fakemailchimp.List, day, mailchimp.Cursor{})
	require.Equal(t, mailchimp.ClassUnavailable, mailchimp.ClassOf(err))
	require.ErrorContains(t, err, "did not respond within 50ms")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Page(ctx, fakemailchimp.List, day, mailchimp.Cursor{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	cfg := mailchimp.Config{Key: fakemailchimp.Key, Account: "a", Limiter: newSlots(1), Endpoint: server.URL}
	for _, guard := range []outbound.Guard{outbound.Loopback(), {}} {
		cfg.Guard = guard
		r, err := mailchimp.New(cfg)
		require.NoError(t, err)
		_, err = r.Stats(t.Context(), fakemailchimp.List)
		require.Equal(t, mailchimp.ClassUnavailable, mailchimp.ClassOf(err))
		private(t, err.Error())
	}
	require.Empty(t, mailchimp.ClassOf(errors.New("x")))
}

// The limiter bounds connections, and an account's name is all that it learns.
func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t, fakemailchimp.Config{Connections: 2}, mailchimp.Config{})
	b.fill(0, 50, noon)
	b.slots.free = make(chan struct{}, 2)
	var group errgroup.Group
	for range 20 {
		group.Go(func() error {
			_, err := b.all(t.Context(), day, mailchimp.Cursor{})
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.LessOrEqual(t, b.fake.Peak(), 2)
	require.Equal(t, map[string]int{"shop": 40}, b.slots.accounts)
	require.Empty(t, b.slots.free)
}
