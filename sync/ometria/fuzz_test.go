package ometria

import (
	"strings"
	"testing"
)

// FuzzParsePush: a response that is accepted accounts for each record; errors are short and quote no
// text of it.
func FuzzParsePush(f *testing.F) {
	for _, seed := range []string{
		`{"status":"OK","request_id":"x","accepted":1,"rejected":1}`, `{"status":"OK","accepted":2,"rejected":0}`, `{}`, `[]`,
		`{"status":"@@secret@@","accepted":9223372036854775807,"rejected":1}`, `{"status":"OK","accepted":3,"rejected":-1}`,
	} {
		f.Add([]byte(seed), 2)
	}
	f.Fuzz(func(t *testing.T, body []byte, sent int) {
		r, err := parsePush(body, sent)
		if err != nil {
			if len(err.Error()) > 200 || strings.Contains(err.Error(), "@@secret@@") {
				t.Fatalf("the error %q", err)
			}
			return
		}
		if r.Accepted < 0 || r.Rejected < 0 || r.Accepted+r.Rejected != sent || len(r.ID) > maxID {
			t.Fatalf("%+v of %d", r, sent)
		}
	})
}

// FuzzParseErrors: errors of push errors quote no text, and their number is bounded.
func FuzzParseErrors(f *testing.F) {
	for _, seed := range []string{
		`[{"error_message":"not a valid value","error_path":"root > lastname"}]`, `[]`, `null`, `[null]`, `{"@@secret@@":1}`,
		`[{"error_path":"@@secret@@"}]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := parseErrors(body)
		if err != nil && strings.Contains(err.Error(), "@@secret@@") || len(all) > MaxAsyncErrors {
			t.Fatalf("%d errors: %v", len(all), err)
		}
	})
}

// FuzzTypeOf: reasons quote no text, and a record that is accepted has a type and a bounded size.
func FuzzTypeOf(f *testing.F) {
	for _, seed := range []string{`{"@type":"contact","id":"x"}`, `null`, `[]`, `{"@type":"@@secret@@"}`, `{"id":"@@secret@@"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, r []byte) {
		kind, err := typeOf(r)
		if err != nil && strings.Contains(err.Error(), "@@secret@@") || err == nil && (kind == "" || len(r) > MaxRecordBytes) {
			t.Fatalf("%q: %v", kind, err)
		}
	})
}
