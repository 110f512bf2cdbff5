package mailchimp

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// FuzzParseAnswer: a response that is accepted has as many members as it should, sorted and in
// bounds; errors are short and quote nothing of it.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"list_id":"a","total_items":0,"members":[]}`, `{}`, `[]`, `{"list_id":"a","total_items":1,"members":[null]}`,
		`{"list_id":"a","total_items":1,"members":[{"id":"0123456789abcdef0123456789abcdef","status":"archived",` +
			`"last_changed":"2026-01-02T12:00:00+00:00","tags":[{"id":1,"name":"x"}],"merge_fields":{"FNAME":"@@secret@@"}}]}`,
		`{"list_id":"a","total_items":2,"members":[7,{"id":"@@secret@@","last_changed":"2026-01-02T12:00:00+00:00"}]}`,
	} {
		f.Add([]byte(seed), 0, 10)
	}
	since, before := time.Unix(1_700_000_000, 0), time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, body []byte, offset, count int) {
		want := expected{list: "a", offset: max(0, offset), count: max(0, count), since: since, before: before}
		a, err := parseAnswer(body, want)
		if err != nil {
			if len(err.Error()) > 300 || strings.Contains(err.Error(), "@@secret@@") {
				t.Fatalf("the error %q", err)
			}
			return
		}
		if len(a.items) > want.count || len(a.items) != max(0, min(a.total-want.offset, want.count)) {
			t.Fatalf("%d members of %d", len(a.items), a.total)
		}
		last := since
		for _, it := range a.items {
			if it.fault != nil && strings.Contains(it.fault.Error(), "@@secret@@") {
				t.Fatalf("the fault %q", it.fault)
			}
			if it.at.IsZero() {
				continue
			}
			if it.at.Before(last) || it.at.After(before) {
				t.Fatalf("a member of %s", it.at)
			}
			last = it.at
		}
		// It is the same for the next page.
		c := Cursor{}.after(want.offset, a)
		if text, err := json.Marshal(c); err != nil || c.Offset < 0 || strings.Contains(string(text), "@@secret@@") {
			t.Fatalf("the cursor %s: %v", text, err)
		}
	})
}
