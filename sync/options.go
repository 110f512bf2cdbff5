package sync

import (
	"encoding/json"
	"errors"
)

// SourceOptions are the settings of a sync that its reader needs.
type SourceOptions struct {
	// Items is the number of records of a page.
	Items int
	// Key and Cursor are columns of a source that has tables: the one that identifies a record, and the one with
	// the time of its last change, empty for none. Query is a statement in place of the table, empty for none.
	Key, Cursor, Query string
}

// TargetOptions are the settings of a sync that its writer needs.
type TargetOptions struct {
	// Items is the maximum number of records of a request.
	Items int
	// Table and Key are the table of a target that has tables, and the columns that identify a row.
	Table string
	Key   []string
}

// Identity returns the mapping that leaves records as they are.
func Identity() *Mapping { return &Mapping{context: map[string]any{}} }

// object checks that a record is an object.
func object(data json.RawMessage) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil || fields == nil {
		return errors.New("the record is not a JSON object")
	}
	return nil
}
