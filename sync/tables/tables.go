// Package tables has what readers of tables have in common, whatever their database: windows, places, pages of rows,
// and what a deleted row becomes. It knows no database.
package tables

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/faults"
	"github.com/sluicehq/sluice/sync"
)

// Times of windows: rows of transactions that commit late, or of inserts that arrive late, appear with an earlier time.
const (
	// Overlap is how far a window reaches back into the one before it.
	Overlap = 5 * time.Minute
	// Settle is how old a change must be before a window includes it.
	Settle = 10 * time.Second
)

// MaxQuery bounds a query in bytes.
const MaxQuery = 64 << 10

// Check returns what is wrong with the options of a source that has tables. valid says whether a text can be the name
// of a column.
func Check(o sync.SourceOptions, valid func(name string) bool) error {
	var f faults.Faults
	f.Check(valid(o.Key), `setting "key_column": want the column that identifies a row`)
	f.Check(o.Cursor == "" || valid(o.Cursor), `setting "cursor_column": want the column with the time of the last change`)
	f.Check(len(o.Query) <= MaxQuery && !strings.Contains(o.Query, ";"),
		`setting "query": want one SELECT without semicolons, of at most %d bytes`, MaxQuery)
	return f.Err()
}

// Window returns the changes since the window that ended at until, or all rows: without a cursor column each window has
// them.
func Window(o sync.SourceOptions, until, now time.Time) sync.Window {
	w := sync.Window{Until: now.Add(-Settle).UTC().Truncate(time.Second)}
	if !until.IsZero() && o.Cursor != "" {
		w.Since = until.Add(-Overlap).UTC().Truncate(time.Second)
	}
	return w
}

// Place is the last row of a page, as texts of its columns.
type Place struct {
	Key string `json:"key"`
	// At is the time of the last change, nil for none.
	At *string `json:"at,omitempty"`
}

// ParsePlace returns the place of a cursor, nil for the start of a window.
func ParsePlace(c sync.Cursor, w sync.Window) (*Place, error) {
	if len(c) == 0 {
		return nil, nil //nolint:nilnil // the start is no place
	}
	var place Place
	if err := json.Unmarshal(c, &place); err != nil || !w.Full() && place.At == nil {
		return nil, Permanent("the cursor is not valid: want one that a page returned")
	}
	return &place, nil
}

// Row is a row with what identifies it.
type Row struct {
	Place
	// ID is the key as a JSON value.
	ID json.RawMessage
	// Data is the row: a JSON object, empty in a scan.
	Data json.RawMessage
	// Fault says why the row cannot be a record, "" if it can.
	Fault string
}

// Page makes a page of rows, which are in their order and at most one more than the page has: that one says that the
// window has a further page.
func Page(o sync.SourceOptions, rows []Row, after *Place) (sync.Page, error) {
	page := sync.Page{Done: len(rows) <= o.Items}
	for i, row := range rows {
		if i > 0 && row.Key == rows[i-1].Key {
			return sync.Page{}, Permanent(
				"two rows have the same value in the key column: want a column that identifies every row")
		}
		if i == o.Items {
			break
		}
		after = &row.Place
		record, fault := row.record(o)
		if fault != "" {
			page.Rejects = append(page.Rejects, sync.Reject{
				Key: fmt.Sprintf("row %d of a page", i+1), Unidentified: true, Stage: sync.StageRead, Reason: fault,
			})
			continue
		}
		if row.Fault != "" {
			page.Rejects = append(page.Rejects, sync.Reject{Key: row.Key, Stage: sync.StageRead, Reason: row.Fault})
			continue
		}
		page.Records = append(page.Records, record)
	}
	var err error
	if page.Next, err = json.Marshal(after); err != nil {
		return sync.Page{}, Permanent("the cursor cannot be written as JSON")
	}
	return page, nil
}

// Fetched makes a page of the rows that a key was found by: one or none.
func Fetched(o sync.SourceOptions, rows []Row) (sync.Page, error) {
	o.Items = len(rows)
	return Page(o, rows, nil)
}

// record returns the row as a record. fault says why its key identifies no record.
func (r Row) record(o sync.SourceOptions) (record sync.Record, fault string) {
	switch {
	case r.Key == "" || len(r.Key) > sync.MaxKey:
		return record, fmt.Sprintf("the key has %d bytes: want 1 to %d", len(r.Key), sync.MaxKey)
	case strings.ContainsAny(r.Key, "\t\n"):
		return record, "the key has a tab or a line break: want none"
	}
	record = sync.Record{Key: r.Key, Data: r.Data}
	var text string
	if len(r.ID) > 0 && (json.Unmarshal(r.ID, &text) != nil || text != r.Key) {
		// A number, for example. A text needs no ref.
		ref, err := json.Marshal(map[string]json.RawMessage{o.Key: r.ID})
		if err != nil {
			return record, "the key is no value of JSON"
		}
		record.Ref = ref
	}
	return record, ""
}

// Fields of a deleted row, beside its key.
const (
	// FieldStatus has StatusDeleted, FieldDeletedAt the time at which the deletion was found, as of RFC 3339.
	FieldStatus    = "status"
	FieldDeletedAt = "deleted_at"
	// StatusDeleted is the status of a deleted row.
	StatusDeleted = "deleted"
)

// Tombstone returns the data of a deleted row: its key, status and deleted_at.
func Tombstone(o sync.SourceOptions, key string, ref json.RawMessage, at time.Time) (json.RawMessage, error) {
	data := map[string]any{o.Key: key}
	if len(ref) > 0 {
		var known map[string]json.RawMessage
		if json.Unmarshal(ref, &known) != nil || known[o.Key] == nil {
			return nil, errors.New("the ref of the row is not valid: its key column was changed")
		}
		data[o.Key] = known[o.Key]
	}
	data[FieldStatus], data[FieldDeletedAt] = StatusDeleted, at.UTC().Truncate(time.Second).Format(time.RFC3339)
	return json.Marshal(data)
}

// Permanent returns an error that an operator fixes.
func Permanent(text string) error {
	return &sync.Error{Class: sync.ClassPermanent, Err: errors.New(text)}
}
