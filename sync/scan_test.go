package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/synctest"
)

// roster is a scanner of a list in memory.
type roster struct {
	// records are the records that exist, malformed those of them that cannot be read.
	records   sync.Known
	malformed map[string]bool
	// items is the number of records of a page.
	items int
	// back are records that a scan does not find, but which exist.
	back map[string]bool
}

func (r *roster) Scan(_ context.Context, _ string, c sync.Cursor) (sync.Page, error) {
	at := 0
	if len(c) > 0 {
		if err := json.Unmarshal(c, &at); err != nil {
			return sync.Page{}, err
		}
	}
	// Keys are in another order than in sets.
	keys := slices.Sorted(maps.Keys(r.records))
	slices.Reverse(keys)
	end := min(at+r.items, len(keys))
	page := sync.Page{Next: json.RawMessage(fmt.Sprint(end)), Done: end == len(keys)}
	for _, key := range keys[at:end] {
		if r.malformed[key] {
			page.Rejects = append(page.Rejects, sync.Reject{Key: key, Stage: sync.StageRead, Reason: "malformed"})
			continue
		}
		page.Records = append(page.Records, sync.Record{Key: key, Ref: r.records[key]})
	}
	return page, nil
}

func (r *roster) Gone(_ context.Context, _, key string) (bool, error) { return !r.back[key], nil }

func (r *roster) Tombstone(key string, ref json.RawMessage, at time.Time) (json.RawMessage, error) {
	return json.Marshal(map[string]any{"key": key, "version": 1, "ref": ref, "at": at})
}

// scan scans a list in memory.
func scan(t require.TestingT, r *roster, kept *synctest.Kept, writer sync.Writer, maxMissing int) sync.ScanResult {
	s := sync.Scan{
		Scanner: r, Writer: writer, Mapping: mapping(), List: "list", Known: kept.Each, Keep: kept.Keep, MaxMissing: maxMissing,
		Now: time.Now, Wait: noWait,
	}
	result, err := s.Do(context.Background())
	require.NoError(t, err)
	kept.Save(result)
	return result
}

// A record is deleted when it is missing twice in a row, and never if more than the allowed share is missing.
func TestScan(t *testing.T) {
	t.Parallel()
	all := known(0, 1000)
	kept := &synctest.Kept{Known: known(0, 1000)}
	r := &roster{records: known(50, 1000), items: 70}
	require.Equal(t, sync.ScanResult{Found: 950, MissingCount: 50, Consents: map[string]sync.Consent{}},
		scan(t, r, kept, nothing{}, 5))
	require.Equal(t, known(0, 50), kept.Missing)
	require.Equal(t, all, kept.Known)

	// 20 are back, 5 more are missing, and one that the scan does not find is not gone.
	r.records, r.back = known(20, 995), map[string]bool{fmt.Sprintf("%032x", 21): true}
	for _, i := range []int{20, 21} {
		delete(r.records, fmt.Sprintf("%032x", i))
	}
	result := scan(t, r, kept, nothing{}, 5)
	require.Equal(t, []int{973, 27, 21}, []int{result.Found, result.MissingCount, result.Deleted})
	require.Equal(t, slices.Sorted(maps.Keys(known(0, 21))), slices.Sorted(slices.Values(result.Gone)))
	require.Equal(t, known(995, 1000), kept.Missing)
	require.Equal(t, known(21, 1000), kept.Known)

	// Too many are missing: what was known stays.
	r.records = known(900, 1100)
	result = scan(t, r, kept, nothing{}, 5)
	require.Equal(t, sync.ScanResult{Found: 200, MissingCount: 879, Exceeded: true, Consents: map[string]sync.Consent{}}, result)
	require.Equal(t, known(995, 1000), kept.Missing)
	require.Equal(t, known(21, 1000), kept.Known)
	// A person allows it; it takes several readings of what is known.
	result = scan(t, r, kept, nothing{}, 100)
	require.Equal(t, 879, result.MissingCount)
	require.Equal(t, known(21, 900), kept.Missing)
	require.Equal(t, known(21, 1100), kept.Known)

	// One record of a small list may be missing.
	kept = &synctest.Kept{Known: known(0, 3), Missing: known(0, 1)}
	require.Equal(t, 1, scan(t, &roster{records: known(1, 3), items: 10}, kept, nothing{}, 5).Deleted)
	// New records are known.
	kept = &synctest.Kept{}
	require.Equal(t, 7, scan(t, &roster{records: known(0, 7), items: 2}, kept, nothing{}, 5).Found)
	require.Equal(t, known(0, 7), kept.Known)
}

// More records than fit into memory are settled in several steps, each with its last ref.
func TestScanManyMissing(t *testing.T) {
	t.Parallel()
	const n = 3*sync.MaxKept + 1
	kept := &synctest.Kept{Known: known(0, n)}
	for key := range kept.Known {
		kept.Known[key] = json.RawMessage(`{"old":true}`)
	}
	kept.Later = known(0, n)
	r := &roster{records: known(0, 1), items: 1000}
	require.Equal(t, n-1, scan(t, r, kept, nothing{}, 100).MissingCount)
	require.Equal(t, known(1, n), kept.Missing)
	require.Equal(t, known(0, n), kept.Known)
	require.GreaterOrEqual(t, kept.Readings, 4, "once for the comparison")
	require.LessOrEqual(t, kept.Largest, sync.MaxKept)
	require.Equal(t, n-1, scan(t, r, kept, nothing{}, 100).Deleted)
	require.Equal(t, known(0, 1), kept.Known)
}

// A scan whose known records change meanwhile, or cannot be read or stored, fails.
func TestScanFails(t *testing.T) {
	t.Parallel()
	away := errors.New("the store is away")
	for name, tc := range map[string]struct {
		known func(ctx context.Context, fn func(key, ref []byte, missing bool)) error
		keep  func(ctx context.Context, records sync.Known, missing bool) error
		says  string
	}{
		"known": {
			known: func(context.Context, func(key, ref []byte, missing bool)) error { return away },
			says:  "the store is away",
		},
		"keep": {
			keep: func(context.Context, sync.Known, bool) error { return away }, says: "the store is away",
		},
		"lost between two readings": {
			known: func() func(context.Context, func(key, ref []byte, missing bool)) error {
				calls := 0
				return func(_ context.Context, fn func(key, ref []byte, missing bool)) error {
					calls++
					if calls == 1 {
						fn([]byte("a"), []byte(`{}`), false)
					}
					return nil
				}
			}(),
			says: "0 known records are read again: want 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := &synctest.Kept{}
			s := sync.Scan{
				Scanner: &roster{records: known(0, 2), items: 2}, Writer: nothing{}, Mapping: mapping(), List: "list",
				Known: kept.Each, Keep: kept.Keep, Now: time.Now, Wait: noWait,
			}
			if tc.known != nil {
				s.Known = tc.known
			}
			if tc.keep != nil {
				s.Keep = tc.keep
			}
			_, err := s.Do(t.Context())
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// Whatever is known and found, a scan decides as a comparison of plain sets does.
func TestScanComparesSets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		some := func(label string) sync.Known {
			k := sync.Known{}
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 60), 0, 60).Draw(rt, label) {
				// Keys of members, and of rows of tables.
				key := []string{fmt.Sprintf("%032x", n), fmt.Sprintf("%032X", n+0xabcdef), fmt.Sprint(n), fmt.Sprintf("%031x", n)}[n%4]
				k[key] = json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))
			}
			return k
		}
		kept := &synctest.Kept{Known: some("known"), Later: some("delivered since")}
		kept.Missing = sync.Known{}
		for _, key := range slices.Sorted(maps.Keys(kept.Known)) {
			if rapid.Bool().Draw(rt, "missing before") {
				kept.Missing[key] = kept.Known[key]
			}
		}
		r := &roster{
			records: some("found"), malformed: map[string]bool{}, back: map[string]bool{},
			items: rapid.IntRange(1, 20).Draw(rt, "items"),
		}
		for _, key := range slices.Sorted(maps.Keys(r.records)) {
			r.malformed[key] = rapid.IntRange(0, 5).Draw(rt, "malformed") == 0
		}
		all := maps.Clone(kept.Known)
		maps.Copy(all, kept.Later)
		wantKnown, wantMissing, gone, missing := sync.Known{}, sync.Known{}, []string{}, 0
		for key, ref := range r.records {
			if wantKnown[key] = ref; r.malformed[key] {
				wantKnown[key] = all[key]
			}
		}
		for _, key := range slices.Sorted(maps.Keys(all)) {
			ref := all[key]
			if _, found := r.records[key]; found {
				continue
			}
			missing++
			_, before := kept.Missing[key]
			r.back[key] = rapid.Bool().Draw(rt, "back")
			switch {
			case !before:
				wantMissing[key], wantKnown[key] = ref, ref
			case r.back[key]:
				wantKnown[key] = ref
			default:
				gone = append(gone, key)
			}
		}
		limit := rapid.IntRange(1, 100).Draw(rt, "max missing")
		before := *kept
		result := scan(rt, r, kept, nothing{}, limit)
		require.Equal(rt, missing, result.MissingCount)
		require.Equal(rt, len(r.records), result.Found)
		require.Equal(rt, missing > 1 && missing*100 > len(all)*limit, result.Exceeded)
		if result.Exceeded {
			require.Equal(rt, before.Known, kept.Known)
			require.Empty(rt, result.Gone)
			return
		}
		require.ElementsMatch(rt, gone, result.Gone)
		require.Equal(rt, wantKnown, kept.Known)
		require.Equal(rt, wantMissing, kept.Missing)
	})
}
