package clickhouse_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// A batch that is refused is halved, whatever the error: the good rows go in, and the bad one
// is discarded with its reason.
func TestHalving(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ column, good, bad, want string }{
		"bool":     {"v Bool", `{"v": true}`, `{"v": "yes"}`, `column "v": want true, false, 1 or 0`},
		"array":    {"v Array(Int32)", `{"v": [1]}`, `{"v": "x"}`, `column "v": want an array`},
		"nested":   {"v Nested(a Int32, b String)", `{"v.a": [1], "v.b": ["x"]}`, `{"v.a": [1, 2], "v.b": ["x"]}`, "error 190"},
		"escape":   {"v String", `{"v": "x"}`, `{"v": "\ud800"}`, `column "v": ClickHouse answered with error 25`},
		"check":    {"v Int32, CONSTRAINT positive CHECK v > 0", `{"v": 1}`, `{"v": -1}`, "a constraint is violated"},
		"interval": {"v AggregateFunction(sum, UInt64)", `{}`, `{"v": "x"}`, `column "v"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tab := newTable(t, "")
			tab.exec(t, "CREATE OR REPLACE TABLE orders (job_id String, "+test.column+") ENGINE = MergeTree ORDER BY job_id")
			for id, then := range deliver(t, tab.opener(), jobs(test.good, test.bad, test.good)...) {
				if id != "001" {
					require.NoError(t, then.Error)
					continue
				}
				require.ErrorContains(t, then.Error, test.want)
				require.True(t, then.ForceDiscard)
				require.Equal(t, destinations.ErrorClassJob, destinations.ClassOf(then.Error))
			}
			require.Equal(t, []string{"000", "002"}, tab.ids(t))
		})
	}
}

// Rows of more partitions than one INSERT may have go in by halves.
func TestManyPartitions(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	tab.exec(t, "CREATE OR REPLACE TABLE orders (job_id String, day Date) ENGINE = MergeTree PARTITION BY day ORDER BY job_id")
	var rows []string
	for i := range 120 {
		rows = append(rows, fmt.Sprintf(`{"day": %q}`, time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)))
	}
	for _, then := range deliver(t, tab.opener(), jobs(rows...)...) {
		require.NoError(t, then.Error)
	}
	require.Len(t, tab.ids(t), 120)
}

// refuse answers inserts that match with an error of ClickHouse.
func refuse(t *testing.T, tab table, code, requests *atomic.Int32, matches func(body string) bool) table {
	t.Helper()
	return tab.behind(t, func(w http.ResponseWriter, r *http.Request) {
		if !inserts(r) {
			tab.engine.ServeHTTP(w, r)
			return
		}
		requests.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if code.Load() == 0 || !matches(string(body)) {
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			tab.engine.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(int(code.Load())))
		w.WriteHeader(http.StatusInternalServerError)
		write(w, fmt.Sprintf("Code: %d. DB::Exception: no", code.Load()))
	})
}

// An engine that accepts no row costs none: nothing is discarded, and all rows arrive once it
// has recovered.
func TestNothingIsDiscardedWhileNothingIsAccepted(t *testing.T) {
	t.Parallel()
	for code, class := range map[int32]destinations.ErrorClass{
		241: destinations.ErrorClassConnection, 242: destinations.ErrorClassConnection, 243: destinations.ErrorClassConnection,
		252: destinations.ErrorClassConnection, 516: destinations.ErrorClassConnection, 999: destinations.ErrorClassConnection,
		// Without the words that name a row these say nothing about one.
		53: destinations.ErrorClassJob, 69: destinations.ErrorClassJob, 9999: destinations.ErrorClassJob,
		497: destinations.ErrorClassOperator, 60: destinations.ErrorClassOperator,
	} {
		t.Run(strconv.Itoa(int(code)), func(t *testing.T) {
			t.Parallel()
			tab := newTable(t, "")
			var current, requests atomic.Int32
			current.Store(code)
			faulty := refuse(t, tab, &current, &requests, func(string) bool { return true })
			var rows []string
			for i := range 200 {
				rows = append(rows, fmt.Sprintf(`{"no": %d}`, i))
			}
			batch := jobs(rows...)
			for _, batch := range [][]destinations.QueuedJob{batch, batch[:1]} {
				for _, then := range deliver(t, faulty.opener(), batch...) {
					require.ErrorContains(t, then.Error, fmt.Sprintf("error %d", code))
					require.ErrorContains(t, then.Error, "table orders of the connection dwh")
					require.ErrorContains(t, then.Error, "accepted no row of the table")
					require.Equal(t, class, destinations.ClassOf(then.Error))
					require.False(t, then.ForceDiscard || then.Unknown || then.Untried)
				}
			}
			require.Less(t, requests.Load(), int32(30), "a failing engine is not queried for each row")
			current.Store(0)
			for _, then := range deliver(t, faulty.opener(), again(batch)...) {
				require.NoError(t, then.Error)
			}
			require.Len(t, tab.ids(t), 200)
		})
	}
}

// An engine that fails from time to time loses no row either, whatever it accepted in between.
func TestIntermittentFailures(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	var current, requests, no atomic.Int32
	current.Store(1)
	codes := []int32{241, 242, 243, 252, 516}
	faulty := refuse(t, tab, &current, &requests, func(string) bool {
		i := no.Add(1)
		current.Store(codes[int(i)%len(codes)])
		return i%4 != 0
	})
	batch := jobs(slices.Repeat([]string{`{"no": 1}`}, 16)...)
	left := batch
	for range 20 {
		var failed []destinations.QueuedJob
		for id, then := range deliver(t, faulty.opener(), left...) {
			require.False(t, then.ForceDiscard, then.Error)
			if then.Error != nil {
				failed = append(failed, left[slices.IndexFunc(left, func(j destinations.QueuedJob) bool { return j.ID == id })])
			}
		}
		if left = again(failed); len(left) == 0 {
			break
		}
	}
	require.Empty(t, left)
	require.Len(t, tab.ids(t), 16)
}

// A row that an error of an unknown kind is about is found among many, wherever it stands, and
// discarded while others are accepted.
func TestPoison(t *testing.T) {
	t.Parallel()
	for _, at := range []int{0, 63, 199} {
		tab := newTable(t, "")
		var current, requests atomic.Int32
		current.Store(9999)
		faulty := refuse(t, tab, &current, &requests, func(body string) bool { return strings.Contains(body, "666") })
		rows := slices.Repeat([]string{`{"no": 1}`}, 200)
		rows[at] = `{"no": 666}`
		batch := jobs(rows...)
		for id, then := range deliver(t, faulty.opener(), batch...) {
			if id != batch[at].ID {
				require.NoError(t, then.Error)
				continue
			}
			require.ErrorContains(t, then.Error, "error 9999")
			require.True(t, then.ForceDiscard)
		}
		require.Len(t, tab.ids(t), 199)
		require.Less(t, requests.Load(), int32(40))
	}
}

// What an operator has to add is waited for: other rows go in, and these once it is there.
func TestOperatorsMistakes(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	tab.exec(t, "ALTER TABLE orders ADD COLUMN doubled UInt32 MATERIALIZED no * 2")
	batch := jobs(`{"no": 1}`, `{"no": 2, "added_tomorrow": "x"}`, `{"no": 3, "doubled": 6}`, `{"no": 4}`)
	for id, then := range deliver(t, tab.opener(), batch...) {
		if id == "000" || id == "003" {
			require.NoError(t, then.Error)
			continue
		}
		require.ErrorContains(t, then.Error, map[string]string{"001": `"added_tomorrow"`, "002": `"doubled"`}[id])
		require.ErrorContains(t, then.Error, "table orders of the connection dwh")
		require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(then.Error))
		require.False(t, then.ForceDiscard)
	}
	tab.exec(t, "ALTER TABLE orders ADD COLUMN added_tomorrow String, DROP COLUMN doubled")
	tab.exec(t, "ALTER TABLE orders ADD COLUMN doubled UInt32")
	for _, then := range deliver(t, tab.opener(), again(batch)...) {
		require.NoError(t, then.Error)
	}
	require.Len(t, tab.ids(t), 4)
	tab.exec(t, "CREATE OR REPLACE TABLE orders (no UInt32) ENGINE = MergeTree ORDER BY no")
	for _, then := range deliver(t, tab.opener(), jobs(`{"no": 1}`, `{"no": 1000}`)...) {
		require.ErrorContains(t, then.Error, `no column "job_id" for the job's ID`)
		require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(then.Error))
		require.False(t, then.ForceDiscard)
	}
}

// Requests are bounded in bytes, and a batch of many IDs is looked for in several statements.
func TestLargeBatches(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	tab.exec(t, "CREATE OR REPLACE TABLE orders (job_id String, text String) ENGINE = MergeTree ORDER BY job_id")
	var largest, statements atomic.Int64
	counted := tab.behind(t, func(w http.ResponseWriter, r *http.Request) {
		if inserts(r) {
			statements.Add(1)
			largest.Store(max(largest.Load(), r.ContentLength))
		}
		tab.engine.ServeHTTP(w, r)
	})
	var batch []destinations.QueuedJob
	for i := range 100 {
		batch = append(batch, destinations.QueuedJob{ID: fmt.Sprintf("large-%d", i), Attempt: 1, Data: json.RawMessage(
			`{"connection": "dwh", "table": "orders", "row": {"text": "` + strings.Repeat("x", 200<<10) + `"}}`)})
	}
	for i := range 10_000 {
		batch = append(batch, destinations.QueuedJob{
			ID: fmt.Sprintf("a-rather-long-identifier-of-a-job-%d", i), Attempt: 2, Repeated: true,
			Data: json.RawMessage(`{"connection": "dwh", "table": "orders", "row": {}}`),
		})
	}
	for _, then := range deliver(t, counted.opener(), batch...) {
		require.NoError(t, then.Error)
	}
	require.Len(t, tab.ids(t), len(batch))
	require.LessOrEqual(t, largest.Load(), int64(8<<20))
	require.GreaterOrEqual(t, statements.Load(), int64(3))
}
