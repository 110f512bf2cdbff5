package clickhouse_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inserts says whether a request is an INSERT.
func inserts(r *http.Request) bool { return strings.HasPrefix(r.URL.Query().Get("query"), "INSERT") }

const summary = `{"read_rows":"0","read_bytes":"0","written_rows":"%d","written_bytes":"0"}`

// An answer 200 alone is no success.
func TestAnswersThatProveNothing(t *testing.T) {
	t.Parallel()
	const exception = "Code: 241. DB::Exception: Memory limit (total) exceeded. (MEMORY_LIMIT_EXCEEDED)\n"
	const framed = "\r\n__exception__\r\nabcdefgh\r\n" + exception + "84 abcdefgh\r\n__exception__\r\n"
	for name, test := range map[string]struct {
		// everything answers all requests, insert those that insert rows.
		everything, insert func(w http.ResponseWriter)
		state, want        string
	}{
		"a page": {
			everything: func(w http.ResponseWriter) { write(w, "<html><h1>We are down for maintenance</h1></html>") },
			state:      "failed", want: "no answer of ClickHouse",
		},
		"ping": {
			everything: func(w http.ResponseWriter) { write(w, "Ok.\n") }, state: "failed", want: "no answer of ClickHouse",
		},
		"an empty answer": {everything: func(http.ResponseWriter) {}, state: "failed", want: "no answer of ClickHouse"},
		"an exception without a header": {
			everything: func(w http.ResponseWriter) { write(w, exception) }, state: "failed", want: "no answer of ClickHouse",
		},
		"a page for inserts": {
			insert: func(w http.ResponseWriter) { write(w, "<html></html>") }, state: "failed", want: "no answer of ClickHouse",
		},
		"a summary that is none": {
			insert: func(w http.ResponseWriter) { w.Header().Set("X-ClickHouse-Summary", "null") },
			state:  "failed", want: "no answer of ClickHouse",
		},
		"an exception in the body": {
			insert: func(w http.ResponseWriter) { summarised(w, 1); write(w, exception) }, state: "failed", want: "error 241",
		},
		"an exception with a tag": {
			insert: func(w http.ResponseWriter) { summarised(w, 1); write(w, framed) }, state: "failed", want: "error 241",
		},
		"an exception as JSON": {
			insert: func(w http.ResponseWriter) {
				summarised(w, 1)
				write(w, `{"exception": "`+strings.TrimSpace(exception)+`"}`)
			},
			state: "failed", want: "error 241",
		},
		"an exception in a header": {
			insert: func(w http.ResponseWriter) { summarised(w, 1); w.Header().Set("X-ClickHouse-Exception-Code", "241") },
			state:  "failed", want: "error 241",
		},
		"fewer rows": {
			insert: func(w http.ResponseWriter) { summarised(w, 0) }, state: "unknown", want: "wrote fewer rows than were sent: 0 of 1",
		},
		"a summary without rows": {
			insert: func(w http.ResponseWriter) { w.Header().Set("X-ClickHouse-Summary", "{}") },
			state:  "unknown", want: "wrote fewer rows than were sent: 0 of 1",
		},
		"a summary that cannot be read": {
			insert: func(w http.ResponseWriter) { w.Header().Set("X-ClickHouse-Summary", `{"written_rows":"many"}`) },
			state:  "failed", want: "the server's X-ClickHouse-Summary cannot be read",
		},
		"a body": {
			insert: func(w http.ResponseWriter) { summarised(w, 1); write(w, "Ok.\n") }, state: "unknown", want: "something else",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tab := newTable(t, "")
			through := tab.behind(t, func(w http.ResponseWriter, r *http.Request) {
				answer := test.everything
				if inserts(r) {
					answer = test.insert
				}
				if answer == nil {
					tab.engine.ServeHTTP(w, r)
					return
				}
				if _, err := io.Copy(io.Discard, r.Body); err == nil {
					answer(w)
				}
			})
			then := deliver(t, through.opener(), jobs(`{"no": 1}`)...)["000"]
			require.ErrorContains(t, then.Error, test.want)
			require.Equal(t, test.state == "unknown", then.Unknown, then.Error)
			require.False(t, then.ForceDiscard)
			require.Empty(t, tab.ids(t))
			// As soon as the server answers for itself the row goes in.
			require.NoError(t, deliver(t, tab.opener(), again(jobs(`{"no": 1}`))...)["000"].Error)
			require.Len(t, tab.ids(t), 1)
		})
	}
}

func write(w http.ResponseWriter, text string) {
	if _, err := io.WriteString(w, text); err != nil {
		return
	}
}

func summarised(w http.ResponseWriter, written int) {
	w.Header().Set("X-ClickHouse-Summary", fmt.Sprintf(summary, written))
}

// A summary that counts fewer rows than are there is settled by the table.
func TestSettledByTheTable(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	short := tab.behind(t, func(w http.ResponseWriter, r *http.Request) {
		tab.engine.ServeHTTP(&short{ResponseWriter: w, insert: inserts(r)}, r)
	})
	for _, then := range deliver(t, short.opener(), jobs(`{"no": 1}`, `{"no": 2}`)...) {
		require.NoError(t, then.Error)
	}
	require.Len(t, tab.ids(t), 2)
}

// short is an answer whose summary counts no rows.
type short struct {
	http.ResponseWriter
	insert bool
}

// WriteHeader changes the summary.
func (s *short) WriteHeader(code int) {
	if s.insert {
		summarised(s.ResponseWriter, 0)
	}
	s.ResponseWriter.WriteHeader(code)
}

// Rows of a materialized view count as written, too: they hide no row of the table.
func TestMaterializedView(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	tab.exec(t, "CREATE TABLE sums (no UInt64) ENGINE = SummingMergeTree ORDER BY no")
	tab.exec(t, "CREATE MATERIALIZED VIEW to_sums TO sums AS SELECT no FROM orders WHERE no < 100")
	for _, then := range deliver(t, tab.opener(), jobs(`{"no": 1}`, `{"no": 200}`)...) {
		require.NoError(t, then.Error)
	}
	require.Len(t, tab.ids(t), 2)
	// A view that fails may have left the rows in the table, or not: either way each is there
	// once, wherever halving begins.
	tab.exec(t, "CREATE MATERIALIZED VIEW broken TO sums AS SELECT throwIf(no = 7) + no AS no FROM orders")
	for i := range 10 {
		mixed := jobs(`{"no": 3}`, `{"no": 4}`, `{"no": 7}`, `{"no": 5}`, `{"no": 6}`)
		for j := range mixed {
			mixed[j].ID = fmt.Sprintf("view-%d-%d", i, j)
		}
		reports := deliver(t, tab.opener(), mixed...)
		ids := tab.ids(t)
		require.Len(t, ids, len(distinct(ids)))
		for id, then := range reports {
			require.Equal(t, then.Error == nil, distinct(ids)[id], "%s: %v", id, then.Error)
			require.Equal(t, then.Error != nil, then.ForceDiscard, "%s: %v", id, then.Error)
		}
	}
}

func distinct(all []string) map[string]bool {
	set := map[string]bool{}
	for _, one := range all {
		set[one] = true
	}
	return set
}

// A repetition that the table recognises by its deduplication token is no success if the rows
// are not there: its log of tokens outlives them. They go in with a token of their own.
func TestRecognisedRepetition(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	tab.exec(t, "ALTER TABLE orders MODIFY SETTING non_replicated_deduplication_window = 100")
	batch := jobs(`{"no": 1}`, `{"no": 2}`)
	for _, then := range deliver(t, tab.opener(), batch...) {
		require.NoError(t, then.Error)
	}
	for _, then := range deliver(t, tab.opener(), again(batch)...) {
		require.NoError(t, then.Error)
	}
	require.Len(t, tab.ids(t), 2, "they are there already")
	tab.exec(t, "ALTER TABLE orders DELETE WHERE 1 SETTINGS mutations_sync = 1")
	require.Empty(t, tab.ids(t))
	for _, then := range deliver(t, tab.opener(), again(batch)...) {
		require.ErrorContains(t, then.Error, "recognised a repetition")
		require.True(t, then.Unknown)
	}
	require.Empty(t, tab.ids(t))
	for _, then := range deliver(t, tab.opener(), again(again(batch))...) {
		require.NoError(t, then.Error)
	}
	require.Len(t, tab.ids(t), 2)
}

// An asynchronous insert that does not wait, forced by a proxy or a profile, is answered before
// anything is written, with a summary of zeros: rows are unknown until they are in the table,
// and go in once.
func TestAsyncInsert(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	var buffered []*http.Request
	forced := tab.behind(t, func(w http.ResponseWriter, r *http.Request) {
		if !inserts(r) {
			tab.engine.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		later := r.Clone(context.WithoutCancel(r.Context()))
		later.Body = io.NopCloser(bytes.NewReader(body))
		buffered = append(buffered, later)
		summarised(w, 0)
	})
	batch := jobs(`{"no": 1}`, `{"no": 2}`)
	for _, then := range deliver(t, forced.opener(), batch...) {
		require.ErrorContains(t, then.Error, "wrote fewer rows than were sent: 0 of 2")
		require.True(t, then.Unknown)
	}
	require.Empty(t, tab.ids(t))
	require.Len(t, buffered, 1)
	tab.engine.ServeHTTP(httptest.NewRecorder(), buffered[0])
	for _, then := range deliver(t, forced.opener(), again(batch)...) {
		require.NoError(t, then.Error)
	}
	require.Len(t, tab.ids(t), 2)
	require.Len(t, buffered, 1, "rows that are there are not sent again")
}

// An answer about the rows that are there has to be whole: a row that was cut from it would go
// in twice.
func TestCutAnswer(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	batch := jobs(`{"no": 1}`, `{"no": 2}`)
	for _, then := range deliver(t, tab.opener(), batch...) {
		require.NoError(t, then.Error)
	}
	for name, body := range map[string]string{
		"empty": "", "cut": `{"data": [{"id": "000"}`, "no count": `{"data": [{"id": "000"}]}`,
		"another type": `{"data": [{"id": 7}], "rows": 1}`, "another count": `{"data": [{"id": "000"}], "rows": 2}`, "an exception": `{"data": [], "rows": 0, "exception": "Code: 241. DB::Exception: x"}`,
		"an exception behind": `{"data": [], "rows": 0}` + "\r\n__exception__\r\nCode: 241. DB::Exception: x",
	} {
		cut := tab.behind(t, func(w http.ResponseWriter, r *http.Request) {
			statement, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if strings.HasPrefix(string(statement), "SELECT") {
				summarised(w, 0)
				write(w, body)
				return
			}
			r.Body = io.NopCloser(strings.NewReader(string(statement)))
			tab.engine.ServeHTTP(w, r)
		})
		for _, then := range deliver(t, cut.opener(), again(batch)...) {
			require.ErrorContains(t, then.Error, "look for rows that are there", name)
			require.False(t, then.ForceDiscard)
		}
		require.Len(t, tab.ids(t), 2, name)
	}
}
