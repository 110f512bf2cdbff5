package statefile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sync/statefile"
)

var now = time.Date(2019, 10, 21, 10, 51, 16, 0, time.UTC)

// file writes a state file and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o640))
	return path
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.DateTime, text)
	require.NoError(t, err)
	return parsed
}

func TestRead(t *testing.T) {
	t.Parallel()
	entries, err := statefile.New(file(t, "\uFEFF"+`[
  {"list_id": "1a2d7ebf82"},
  {"list_id": "other", "latest_timestamp": null, "note": {"by": ["hand"]}},
  {"list_id": "1a2d7ebf82", "latest_timestamp": "2019-10-18T22:20:23", "start_offset": 10000,
   "items_per_request": 250, "worker_count": 4, "elapsed_seconds": 1.6, "total_updates": 10133},
  {"list_id": "zone", "latest_timestamp": "2019-10-18T22:20:23.5+02:00"}
]`)).Read(now)
	require.NoError(t, err)
	require.Equal(t, []statefile.Entry{
		{Key: statefile.Key{ListID: "1a2d7ebf82"}, ItemsPerRequest: 100, WorkerCount: 8},
		{Key: statefile.Key{ListID: "other"}, ItemsPerRequest: 100, WorkerCount: 8},
		{
			Key: statefile.Key{ListID: "1a2d7ebf82", Place: 1}, LatestTimestamp: at(t, "2019-10-18 22:20:23"),
			StartOffset: 10000, ItemsPerRequest: 250, WorkerCount: 4,
		},
		{
			Key: statefile.Key{ListID: "zone"}, ItemsPerRequest: 100, WorkerCount: 8,
			LatestTimestamp: at(t, "2019-10-18 20:20:23"),
		},
	}, entries)
	require.Equal(t, "1a2d7ebf82", entries[0].String())
	require.Equal(t, "1a2d7ebf82 (2)", entries[2].String())
}

func TestDue(t *testing.T) {
	t.Parallel()
	for latest, due := range map[string]bool{
		"2019-10-21 08:51:15": true, "2019-10-21 08:51:16": false, "2019-10-21 10:51:16": false,
	} {
		require.Equal(t, due, statefile.Entry{LatestTimestamp: at(t, latest)}.Due(now, 2*time.Hour), latest)
	}
	require.True(t, statefile.Entry{}.Due(now, 2*time.Hour), "a list that was never loaded")
}

// A fault says where it is and what would be right. Nothing of a file with a fault is used.
func TestFaults(t *testing.T) {
	t.Parallel()
	many := "[" + strings.Repeat(`{"list_id": 7},`, statefile.MaxFaults+2) + `{"list_id": "x"}]`
	for name, c := range map[string]struct{ content, want string }{
		"empty":         {"", `:1:1: the file ends too early: want [{"list_id": "1a2d7ebf82"}]`},
		"cut off":       {"[\n  {\"list_id\": \"a\"", ":2:18: the file ends too early"},
		"comma":         {"[\n  {\"list_id\": \"a\",}\n]", ":2:19: invalid character '}'"},
		"after umlauts": {"[{\"list_id\": \"äöü\" 1}]", ":1:20: invalid character '1'"},
		"more":          {"[] []", ":1:4: invalid character '['"},
		"latin 1":       {"[{\"list_id\": \"a\xE4\"}]", ":1:16: this is not UTF-8"},
		"object":        {`{"list_id": "a"}`, ":1:1: want a list of objects"},
		"text in list":  {"[\n\"a\"]", ":2:1: want an object"},
		"no id":         {`[{"list_id": "a"}, {"worker_count": 3}]`, `:1:20: the entry has no "list_id"`},
		"number as id":  {"[{\"list_id\":\n 7}]", ":2:2: list_id: want the list's id in quotes"},
		"null as id":    {`[{"list_id": null}]`, ":1:14: list_id: want the list's id in quotes"},
		"long id":       {`[{"list_id": "` + strings.Repeat("a", 101) + `"}]`, "of at most 100 bytes"},
		"odd id":        {`[{"list_id": "a b"}]`, ":1:14: list_id: want letters, digits, dashes and underscores"},
		"twice":         {`[{"list_id": "a", "list_id": "b"}]`, `:1:19: the entry has "list_id" twice`},
		"offset":        {`[{"list_id": "a", "start_offset": -1}]`, ":1:35: start_offset: want a whole number from 0"},
		"items":         {`[{"list_id": "a", "items_per_request": 0}]`, "want a whole number from 1 to 1000"},
		"fraction":      {`[{"list_id": "a", "worker_count": 1.5}]`, "want a whole number from 1 to 32"},
		"null":          {`[{"list_id": "a", "worker_count": null}]`, "want a whole number from 1 to 32"},
		"time":          {`[{"list_id": "a", "latest_timestamp": "yesterday"}]`, `want a UTC time such as 2019-10-18T22:20:23`},
		"number":        {`[{"list_id": "a", "latest_timestamp": 1571653876}]`, ":1:39: latest_timestamp: want a UTC time"},
		"future":        {`[{"list_id": "a", "latest_timestamp": "2019-10-21T12:51:16"}]`, "lies in the future"},
		"many":          {many, "and 2 more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t, c.content)
			entries, err := statefile.New(path).Read(now)
			var faults *statefile.FaultError
			require.ErrorAs(t, err, &faults)
			require.ErrorContains(t, err, path+":")
			require.ErrorContains(t, err, c.want)
			require.Nil(t, entries)

			_, err = statefile.New(path).Record(now, statefile.Result{Key: statefile.Key{ListID: "a"}})
			require.ErrorAs(t, err, &faults)
			require.Equal(t, c.content, content(t, path), "a wrong file is left as it is")
		})
	}
}

func TestFaultsAreListed(t *testing.T) {
	t.Parallel()
	path := file(t, "[{\"list_id\": 7},\n{\"list_id\": \"a\", \"worker_count\": 0}]")
	_, err := statefile.New(path).Read(now)
	require.EqualError(t, err, path+":1:14: list_id: want the list's id in quotes, of at most 100 bytes\n"+
		path+":2:34: worker_count: want a whole number from 1 to 32")
}

func TestMissing(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "state.json")
	_, err := statefile.New(missing).Read(now)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = statefile.New(missing).Record(now, statefile.Result{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	path := file(t, "["+strings.Repeat(" ", statefile.MaxBytes)+"]")
	_, err := statefile.New(path).Read(now)
	require.ErrorContains(t, err, "want at most 16777216 bytes")
	path = file(t, "["+strings.Repeat(`{"list_id": "a"},`, statefile.MaxEntries)+`{"list_id": "b"}]`)
	_, err = statefile.New(path).Read(now)
	require.ErrorContains(t, err, "want at most 10000")
}

// The file is as the documentation shows it: defaults are not written, other fields stay.
func TestRecord(t *testing.T) {
	t.Parallel()
	path := file(t, `[{"list_id": "1a2d7ebf82"}, {"list_id":"other","note":{"by":["hand"]}, "start_offset":0}]`)
	result := statefile.Result{
		Key: statefile.Key{ListID: "1a2d7ebf82"}, LatestTimestamp: at(t, "2019-10-18 22:20:23"),
		Elapsed: 1623 * time.Millisecond, Updates: 46134,
	}
	taken, err := statefile.New(path).Record(now, result)
	require.NoError(t, err)
	require.True(t, taken)
	require.Equal(t, content(t, filepath.Join("testdata", "recorded.json")), content(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1, "no temporary file is left")
}

// An edit that was made while a run was under way is kept.
func TestEditDuringRun(t *testing.T) {
	t.Parallel()
	path := file(t, `[{"list_id": "a", "latest_timestamp": null, "worker_count": 2}]`)
	result := statefile.Result{
		Key: statefile.Key{ListID: "a"}, Base: at(t, "2019-10-18 22:20:23"), LatestTimestamp: now, Updates: 3,
	}
	taken, err := statefile.New(path).Record(now, result)
	require.NoError(t, err)
	require.False(t, taken, "a full load is still wanted")
	entries, err := statefile.New(path).Read(now)
	require.NoError(t, err)
	require.Equal(t, []statefile.Entry{
		{Key: statefile.Key{ListID: "a"}, ItemsPerRequest: 100, WorkerCount: 2},
	}, entries)
	require.Contains(t, content(t, path), `"total_updates": 3`)
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	path := file(t, `[{"list_id": "a"}, {"list_id": "b"}, {"list_id": "a"}]`)
	taken, err := statefile.New(path).Record(now, statefile.Result{
		Key: statefile.Key{ListID: "a", Place: 1}, LatestTimestamp: now,
	})
	require.NoError(t, err)
	require.True(t, taken)
	entries, err := statefile.New(path).Read(now)
	require.NoError(t, err)
	require.True(t, entries[0].LatestTimestamp.IsZero())
	require.Equal(t, now, entries[2].LatestTimestamp)

	for _, gone := range []statefile.Key{{ListID: "a", Place: 2}, {ListID: "c"}} {
		before := content(t, path)
		_, err = statefile.New(path).Record(now, statefile.Result{Key: gone, LatestTimestamp: now})
		require.ErrorIs(t, err, statefile.ErrGone)
		require.Equal(t, before, content(t, path))
	}
}

// A result that may have been written before is written once: what was edited since is kept.
func TestUncertain(t *testing.T) {
	t.Parallel()
	path := file(t, `[{"list_id": "a", "latest_timestamp": null}]`)
	result := statefile.Result{
		Key: statefile.Key{ListID: "a"}, LatestTimestamp: now, Elapsed: 1200 * time.Millisecond, Updates: 3, Uncertain: true,
	}
	for range 2 {
		taken, err := statefile.New(path).Record(now, result)
		require.NoError(t, err)
		require.True(t, taken)
	}
	edited := strings.Replace(content(t, path), `"2019-10-21T10:51:16"`, "null", 1)
	require.NoError(t, os.WriteFile(path, []byte(edited), 0o640))
	taken, err := statefile.New(path).Record(now, result)
	require.NoError(t, err)
	require.False(t, taken, "a full load is wanted since")
	require.Equal(t, edited, content(t, path))
}

// A timestamp with a fraction of a second is the same as one without: a run stores whole seconds.
func TestFraction(t *testing.T) {
	t.Parallel()
	path := file(t, `[{"list_id": "a", "latest_timestamp": "2019-10-18T22:20:23.5"}]`)
	taken, err := statefile.New(path).Record(now, statefile.Result{
		Key: statefile.Key{ListID: "a"}, Base: at(t, "2019-10-18 22:20:23"), LatestTimestamp: now,
	})
	require.NoError(t, err)
	require.True(t, taken)
}

// The file behind a link is replaced, and the link stays.
func TestLink(t *testing.T) {
	t.Parallel()
	path := file(t, `[{"list_id": "a"}]`)
	link := filepath.Join(t.TempDir(), "link.json")
	require.NoError(t, os.Symlink(path, link))
	_, err := statefile.New(link).Record(now, statefile.Result{Key: statefile.Key{ListID: "a"}, LatestTimestamp: now})
	require.NoError(t, err)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.Equal(t, os.ModeSymlink, info.Mode().Type())
	require.Contains(t, content(t, path), "2019-10-21T10:51:16")
}

// Results of runs that end at the same time are all written.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	const lists = 8
	objects := make([]string, lists)
	for i := range objects {
		objects[i] = fmt.Sprintf(`{"list_id": "%d"}`, i)
	}
	path := file(t, "["+strings.Join(objects, ",")+"]")
	state := statefile.New(path)
	errs := make(chan error)
	for i := range lists {
		go func() {
			_, err := state.Record(now, statefile.Result{
				Key: statefile.Key{ListID: fmt.Sprint(i)}, LatestTimestamp: now,
			})
			errs <- err
		}()
	}
	for range lists {
		require.NoError(t, <-errs)
	}
	entries, err := statefile.New(path).Read(now)
	require.NoError(t, err)
	for _, e := range entries {
		require.Equal(t, now, e.LatestTimestamp, e)
	}
}

// Edits at any moment are kept, whether an editor replaces the file or writes into it.
func TestEditsAtAnyMoment(t *testing.T) {
	t.Parallel()
	for name, save := range map[string]func(t *testing.T, path, content string){
		"replace": func(t *testing.T, path, content string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path+".new", []byte(content), 0o600))
			require.NoError(t, os.Rename(path+".new", path))
		},
		"write": func(t *testing.T, path, content string) {
			t.Helper()
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := file(t, `[{"list_id": "a"}]`)
			state, stop := statefile.New(path), make(chan struct{})
			var writing sync.WaitGroup
			writing.Go(func() {
				for n := int64(0); ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					// A file that is half written is a fault, and left as it is.
					_, _ = state.Record(now, statefile.Result{Key: statefile.Key{ListID: "a"}, Updates: n}) //nolint:errcheck // see above
				}
			})
			for n := range 300 {
				save(t, path, fmt.Sprintf(`[{"list_id": "a", "note": %d}]`, n))
				require.Eventually(t, func() bool {
					now, err := os.ReadFile(path)
					return err == nil && strings.Contains(string(now), fmt.Sprintf(`"note": %d`, n))
				}, time.Minute, 100*time.Microsecond, "edit %d is lost", n)
			}
			close(stop)
			writing.Wait()
		})
	}
}

// Whatever is read can be written, and means the same then.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`[{"list_id": "a", "latest_timestamp": "2019-10-18T22:20:23", "x": {"y": [1e3, null]}}]`))
	f.Add([]byte("\xEF\xBB\xBF[{\"list_id\": \"\\u00e4\", \"\\n\": \"\\\\\"}, {\"list_id\": \"b\"}]"))
	f.Add([]byte(`[{"list_id": 1, "list_id": "a"}, 7, {}]`))
	f.Add([]byte("[{\"list_id\": \"\xE4"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := file(t, string(data))
		before, err := statefile.New(path).Read(now)
		if err != nil {
			require.ErrorContains(t, err, path+":")
			return
		}
		for i, e := range before {
			taken, err := statefile.New(path).Record(now, statefile.Result{
				Key: e.Key, Base: e.LatestTimestamp, LatestTimestamp: now, Elapsed: time.Second, Updates: 7,
			})
			require.NoError(t, err)
			require.True(t, taken)
			before[i].LatestTimestamp = now
		}
		after, err := statefile.New(path).Read(now)
		require.NoError(t, err)
		require.Equal(t, before, after)
		require.True(t, json.Valid([]byte(content(t, path))))
	})
}
