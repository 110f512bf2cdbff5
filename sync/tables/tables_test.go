package tables_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/tables"
)

var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestWindow(t *testing.T) {
	t.Parallel()
	o := sync.SourceOptions{Cursor: "at"}
	require.True(t, tables.Window(o, time.Time{}, now).Full())
	w := tables.Window(o, now.Add(-time.Hour), now)
	require.Equal(t, sync.Window{Since: now.Add(-time.Hour - tables.Overlap), Until: now.Add(-tables.Settle)}, w)
	require.True(t, tables.Window(sync.SourceOptions{}, now, now).Full(), "there is no cursor column")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	valid := func(name string) bool { return name != "" && name != "bad" }
	require.NoError(t, tables.Check(sync.SourceOptions{Key: "id"}, valid))
	err := tables.Check(sync.SourceOptions{Cursor: "bad", Query: "SELECT 1; SELECT 2"}, valid)
	require.ErrorContains(t, err, `setting "key_column"`)
	require.ErrorContains(t, err, `setting "cursor_column"`)
	require.ErrorContains(t, err, `setting "query": want one SELECT without semicolons`)
	require.Error(t, tables.Check(sync.SourceOptions{Key: "id", Query: strings.Repeat("x", tables.MaxQuery+1)}, valid))
}

func row(key, id string) tables.Row {
	return tables.Row{Place: tables.Place{Key: key}, ID: json.RawMessage(id), Data: json.RawMessage(`{}`)}
}

// Rows that cannot be records are rejected alone; a page ends before the row that says that there is another one.
func TestPage(t *testing.T) {
	t.Parallel()
	o := sync.SourceOptions{Items: 6, Key: "id"}
	bad := row("x", `"x"`)
	bad.Fault = "not valid"
	page, err := tables.Page(o, []tables.Row{
		row("17", "17"), row("a", `"a"`), bad, row("", `""`), row("a\tb", `"a\tb"`), row(strings.Repeat("k", 101), `"k"`), row("z", `"z"`),
	}, nil)
	require.NoError(t, err)
	require.False(t, page.Done)
	require.Equal(t, []sync.Record{
		{Key: "17", Ref: json.RawMessage(`{"id":17}`), Data: json.RawMessage(`{}`)}, {Key: "a", Data: json.RawMessage(`{}`)},
	}, page.Records)
	var reasons []string
	for _, r := range page.Rejects {
		reasons = append(reasons, r.Reason)
	}
	require.Equal(t, []string{
		"not valid", "the key has 0 bytes: want 1 to 100", "the key has a tab or a line break: want none",
		"the key has 101 bytes: want 1 to 100",
	}, reasons)
	require.Equal(t, "x", page.Rejects[0].Key)
	require.True(t, page.Rejects[1].Unidentified)
	place, err := tables.ParsePlace(page.Next, sync.Window{})
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("k", 101), place.Key, "the place is after a row that was rejected")

	last, err := tables.Page(o, nil, place)
	require.NoError(t, err)
	require.True(t, last.Done)
	require.JSONEq(t, string(page.Next), string(last.Next), "an empty page stays where it was")
	_, err = tables.Page(sync.SourceOptions{Items: 1}, []tables.Row{row("a", `"a"`), row("a", `"a"`)}, nil)
	require.ErrorContains(t, err, "two rows have the same value in the key column")
	_, err = tables.ParsePlace(page.Next, sync.Window{Since: now, Until: now})
	require.ErrorContains(t, err, "the cursor is not valid", "an update needs the time of the last change")
	_, err = tables.ParsePlace(sync.Cursor(`{`), sync.Window{})
	require.Equal(t, sync.ClassPermanent, sync.ClassOf(err))
}

func TestTombstone(t *testing.T) {
	t.Parallel()
	o := sync.SourceOptions{Key: "id"}
	for ref, want := range map[string]string{
		"":          `{"id":"17","status":"deleted","deleted_at":"2026-01-02T12:00:00Z"}`,
		`{"id":17}`: `{"id":17,"status":"deleted","deleted_at":"2026-01-02T12:00:00Z"}`,
	} {
		got, err := tables.Tombstone(o, "17", json.RawMessage(ref), now)
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
	}
	_, err := tables.Tombstone(o, "17", json.RawMessage(`{"no":17}`), now)
	require.ErrorContains(t, err, "its key column was changed")
}
