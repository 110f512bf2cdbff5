package ingest

import (
	"context"
	"math"
)

// validate builds the row, or drops an event that lacks a required column.
func (run) validate(_ context.Context, e *Event) error {
	a := e.EventAttributes
	for _, column := range []struct {
		name    string
		missing bool
	}{
		{"name", a.Name == ""},
		{"site_id", a.SiteID == 0},
		{"hostname", a.Hostname == ""},
		{"pathname", a.Pathname == ""},
		{"user_id", a.UserID == 0},
		{"timestamp", a.Timestamp.IsZero()},
	} {
		if column.missing {
			e.Errors = append(e.Errors, ValidationError{Field: column.name, Text: "can't be blank"})
		}
	}
	// The column is 32 bits wide and would wrap around.
	if seconds := a.Timestamp.Unix(); !a.Timestamp.IsZero() && (seconds < 0 || seconds > math.MaxUint32) {
		e.Errors = append(e.Errors, ValidationError{Field: "timestamp", Text: "must be from 1970 to 2106"})
	}
	if len(e.Errors) > 0 {
		e.drop(DropInvalid)
		return nil
	}
	e.ClickHouseEvent = &ClickHouseEvent{EventAttributes: a, SessionAttributes: e.SessionAttributes}
	return nil
}
