package fakemailchimp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func get(t *testing.T, url, key string) (code int, kind string, body map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	request.SetBasicAuth("any", key)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.NoError(t, json.Unmarshal(raw, &body), "%s", raw)
	return response.StatusCode, response.Header.Get("Content-Type"), body
}

func start(t *testing.T, cfg fakemailchimp.Config) (fake *fakemailchimp.Server, base string) {
	t.Helper()
	fake = fakemailchimp.New(cfg)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	fake.Put(
		fakemailchimp.Member{Email: "A@example.com", LastChanged: noon},
		fakemailchimp.Member{Email: "b@example.com", LastChanged: noon.Add(time.Second), Status: "archived"},
		fakemailchimp.Member{Email: "c@example.com", LastChanged: noon.Add(2 * time.Second), Status: "unsubscribed"},
	)
	return fake, server.URL + "/3.0/lists/" + fakemailchimp.List
}

func TestMembers(t *testing.T) {
	t.Parallel()
	bounds := "since_last_changed=2026-01-02T12:00:00%2B00:00&before_last_changed=2026-01-02T12:00:02%2B00:00"
	for name, tc := range map[string]struct {
		cfg   fakemailchimp.Config
		query string
		total float64
		first string
	}{
		"all":             {query: "sort_field=last_changed", total: 3, first: "A@example.com"},
		"descending":      {query: "sort_field=last_changed&sort_dir=DESC", total: 3, first: "c@example.com"},
		"a page":          {query: "sort_field=last_changed&count=1&offset=1", total: 3, first: "b@example.com"},
		"a status":        {query: "status=unsubscribed", total: 1, first: "c@example.com"},
		"exclusive":       {query: bounds, total: 1, first: "b@example.com"},
		"inclusive":       {cfg: fakemailchimp.Config{Inclusive: true}, query: "sort_field=last_changed&" + bounds, total: 3, first: "A@example.com"},
		"hidden archived": {cfg: fakemailchimp.Config{HideArchived: true}, query: bounds},
		"after the end":   {query: "offset=9", total: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, base := start(t, tc.cfg)
			code, _, body := get(t, base+"/members?"+tc.query, fakemailchimp.Key)
			require.Equal(t, http.StatusOK, code)
			require.InDelta(t, tc.total, body["total_items"], 0)
			members, ok := body["members"].([]any)
			require.True(t, ok)
			if tc.first == "" {
				require.Empty(t, members)
				return
			}
			first, ok := members[0].(map[string]any)
			require.True(t, ok)
			require.Equal(t, tc.first, first["email_address"])
		})
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	_, base := start(t, fakemailchimp.Config{})
	_, _, body := get(t, base+"/members?fields=total_items,members.id&count=1", fakemailchimp.Key)
	require.Len(t, body, 2)
	members, ok := body["members"].([]any)
	require.True(t, ok)
	require.Len(t, members[0], 1)
	id := fakemailchimp.Member{Email: "a@EXAMPLE.com"}.ID()
	_, _, body = get(t, base+"/members/"+id, fakemailchimp.Key)
	require.Equal(t, "A@example.com", body["email_address"])
	_, _, body = get(t, base, fakemailchimp.Key)
	require.Equal(t, map[string]any{"member_count": 1.0, "unsubscribe_count": 1.0, "cleaned_count": 0.0}, body["stats"])
}

func TestErrors(t *testing.T) {
	t.Parallel()
	fake, base := start(t, fakemailchimp.Config{})
	fake.Delete("c@example.com")
	for path, want := range map[string]int{
		"/members?count=1001": http.StatusBadRequest, "/members?offset=-1": http.StatusBadRequest,
		"/members?since_last_changed=x": http.StatusBadRequest, "/members?status=x": http.StatusBadRequest,
		"x/members": http.StatusNotFound, "x": http.StatusNotFound, "/nothing": http.StatusNotFound,
		"/members/" + fakemailchimp.Member{Email: "c@example.com"}.ID(): http.StatusNotFound,
	} {
		code, kind, body := get(t, base+path, fakemailchimp.Key)
		require.Equal(t, want, code, path)
		require.True(t, strings.HasPrefix(kind, "application/problem+json"))
		require.InDelta(t, want, body["status"], 0)
	}
	code, _, body := get(t, base, "wrong")
	require.Equal(t, http.StatusUnauthorized, code)
	require.Equal(t, "API Key Invalid", body["title"])
}

func TestLists(t *testing.T) {
	t.Parallel()
	fake, base := start(t, fakemailchimp.Config{})
	fake.PutIn("b2", fakemailchimp.Member{Email: "d@example.com", LastChanged: noon})
	fake.PutIn("b2", fakemailchimp.Member{Email: "e@example.com", LastChanged: noon, Status: "cleaned"})
	other := strings.TrimSuffix(base, fakemailchimp.List) + "b2"
	_, _, body := get(t, other+"/members?fields=members.list_id,total_items", fakemailchimp.Key)
	require.Equal(t, map[string]any{
		"total_items": 2.0, "members": []any{map[string]any{"list_id": "b2"}, map[string]any{"list_id": "b2"}},
	}, body)
	_, _, body = get(t, other+"/members/"+fakemailchimp.Member{Email: "d@example.com"}.ID(), fakemailchimp.Key)
	require.Equal(t, "b2", body["list_id"])
	fake.DeleteIn("b2", "d@example.com")
	require.Len(t, fake.MembersOf("b2"), 1)
	require.Len(t, fake.Members(), 3)
	require.Empty(t, fake.MembersOf("c3"))
	_, _, body = get(t, strings.TrimSuffix(base, "/"+fakemailchimp.List), fakemailchimp.Key)
	require.InDelta(t, 2, body["total_items"], 0)
}

// An address has the same unique_email_id in all lists and for ever, and no other one has it.
func TestUniqueIDs(t *testing.T) {
	t.Parallel()
	fake := fakemailchimp.New(fakemailchimp.Config{})
	const members = 20_000
	for i := range members {
		fake.Put(fakemailchimp.Member{Email: fmt.Sprintf("member-%d@example.com", i), LastChanged: noon})
	}
	seen := map[string]bool{}
	for _, m := range fake.Members() {
		require.Regexp(t, "^[0-9a-f]{10}$", m.UniqueID())
		seen[m.UniqueID()] = true
	}
	require.Len(t, seen, members)
	before := fake.Members()[7]
	fake.Delete(before.Email)
	fake.PutIn("b2", fakemailchimp.Member{Email: strings.ToUpper(before.Email), LastChanged: noon})
	require.Equal(t, before.UniqueID(), fake.MembersOf("b2")[0].UniqueID())
	// Numbers of up to 40 bits.
	rapid.Check(t, func(rt *rapid.T) {
		numbers := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 1<<40-1), 2, 2, rapid.ID).Draw(rt, "numbers")
		require.NotEqual(rt, fakemailchimp.Member{Number: numbers[0]}.UniqueID(), fakemailchimp.Member{Number: numbers[1]}.UniqueID())
	})
}
