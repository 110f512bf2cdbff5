package clickhouse

import (
	"net/http"
	"testing"
)

// FuzzRead: no answer of whatever server is taken for more than it says, and none is too much.
func FuzzRead(f *testing.F) {
	f.Add(200, `{"written_rows":"3"}`, "", "")
	f.Add(200, `{"written_rows":3}`, "241", "Code: 241. DB::Exception: x (at row 1)")
	f.Add(200, "", "", "Code: 241. DB::Exception: x")
	f.Add(500, "", "27", "Code: 27. DB::ParsingException: x: (while reading the value of key v): (at row 1)")
	f.Add(200, "{}", "", `{"data": [{"id": "a"}], "rows": 1}`)
	f.Fuzz(func(t *testing.T, status int, summary, code, body string) {
		r := &http.Response{StatusCode: status, Header: http.Header{}}
		r.Header.Set(headerSummary, summary)
		r.Header.Set(headerCode, code)
		a, err := read(r, []byte(body), maxAnswer)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error says nothing")
			}
			return
		}
		if status != http.StatusOK || summary == "" {
			t.Fatalf("status %d with the summary %q is an answer of ClickHouse", status, summary)
		}
		if written, err := a.inserted(); err == nil && written > 0 && (body != "" && len(a.body) == 0) {
			t.Fatal("a body was lost")
		}
		var rows []struct{ ID string }
		if err := a.decode(&rows); err == nil && len(rows) > len(body) {
			t.Fatal("rows that are not in the body")
		}
	})
}
