package flow

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// ImportEnd is the data of the event that says how an import has ended. Fields are only
// ever added, and none is left out, so that expressions can count on them.
type ImportEnd struct {
	ImportID int64  `json:"import_id"`
	Site     string `json:"site"`
	Importer string `json:"importer"`
	// Label is what people call the import.
	Label  string `json:"label"`
	Status string `json:"status"`
	// Reason says why, and ErrorClass in one word, if it has not completed.
	Reason     string `json:"reason"`
	ErrorClass string `json:"error_class"`
	// Days are those that were imported, such as 2021-01-01..2021-01-31.
	Days string `json:"days"`
	// RowsLoaded of an import that has not completed are gone again.
	RowsRead       int64 `json:"rows_read"`
	RowsLoaded     int64 `json:"rows_loaded"`
	RowsRejected   int64 `json:"rows_rejected"`
	RowsOutOfRange int64 `json:"rows_out_of_range"`
	RowsLeftOut    int64 `json:"rows_left_out"`
	// StartedBy says who has, Schedule which schedule, if one has.
	StartedBy string `json:"started_by"`
	Schedule  string `json:"schedule"`
	// Generation is how often it was run again by a reset before.
	Generation int32      `json:"generation"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt time.Time  `json:"finished_at"`
}

// Event returns the event that says so, without an ID.
func (e ImportEnd) Event() (destinations.Event, error) {
	return importEvent(EndEvent(e.Status), importContext{e.ImportID, e.Site, e.Importer}, e, e.FinishedAt)
}

// ImportRecord is a row that an import has loaded.
type ImportRecord struct {
	ImportID int64
	Site     string
	Importer string
	// Table is the table that has it, Row its values by the names of the columns: days as
	// YYYY-MM-DD, text and whole numbers.
	Table string
	Row   map[string]any
}

// recordData is the data of a record's event.
type recordData struct {
	Table string         `json:"table"`
	Row   map[string]any `json:"row"`
}

// Event returns the event that stands for it, without an ID.
func (r ImportRecord) Event() (destinations.Event, error) {
	return importEvent(EventRecord, importContext{r.ImportID, r.Site, r.Importer}, recordData{r.Table, r.Row}, time.Time{})
}

// importContext is the context of everything that imports have to say.
type importContext struct {
	ImportID int64  `json:"import_id"`
	Site     string `json:"site"`
	Importer string `json:"importer"`
}

func importEvent(name string, about importContext, data any, at time.Time) (destinations.Event, error) {
	e := destinations.Event{Source: SourceImport, Name: name, SentAt: at}
	var err error
	if e.Context, err = json.Marshal(about); err != nil {
		return e, fmt.Errorf("write the context of %s: %w", name, err)
	}
	if e.Data, err = json.Marshal(data); err != nil {
		return e, fmt.Errorf("write the data of %s: %w", name, err)
	}
	return e, nil
}

// SampleEnd is the end of a sample import, to test flows with. The status is one of those
// that imports end with.
func SampleEnd(importer, status string) ImportEnd {
	begin := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	end := ImportEnd{
		ImportID: 1, Site: "example.com", Importer: importer, Label: "Sample", Status: status,
		Days: "2021-01-01..2021-01-31", StartedBy: "ann", CreatedAt: begin, StartedAt: &begin,
		FinishedAt: begin.Add(time.Minute),
	}
	switch status {
	case EndCompleted:
		end.RowsRead, end.RowsLoaded, end.RowsRejected, end.RowsOutOfRange = 100, 97, 2, 1
	case EndUnchanged:
		end.Days, end.Reason = "", "the same was imported before"
	case EndFailed:
		end.Reason, end.ErrorClass = "the header is wrong", "bad_input"
	case EndCancelled:
		end.Reason, end.ErrorClass = "cancelled by ann", "cancelled"
	case EndDeclined:
		end.Reason, end.ErrorClass = "declined by ann", "declined"
	}
	return end
}

// SampleRecord is a row of a table, to try flows with: its numbers are 1, its texts the
// names of their columns.
func SampleRecord(importer string, table *schema.Table) ImportRecord {
	row := make(map[string]any, len(table.Columns))
	for _, c := range table.Columns {
		switch c.Kind {
		case schema.KindDate:
			row[c.Name] = "2021-01-31"
		case schema.KindString:
			row[c.Name] = c.Name
		default:
			row[c.Name] = 1
		}
	}
	return ImportRecord{ImportID: 1, Site: "example.com", Importer: importer, Table: table.Name, Row: row}
}

// SampleOfImport is the event of a sample end of an import, or of a sample row of a table, to test flows with. The end
// is a status, completed by default; with a table there is none.
func SampleOfImport(importer, end, table string) (e destinations.Event, err error) {
	switch {
	case end != "" && table != "":
		return e, errors.New("want the status of an end or a table, not both")
	case table != "":
		known, err := schema.Lookup(table)
		if err != nil {
			return e, err
		}
		if e, err = SampleRecord(importer, known).Event(); err != nil {
			return e, err
		}
	default:
		status := cmp.Or(end, EndCompleted)
		if !slices.Contains(Ends(), status) {
			return e, fmt.Errorf("end %.60q: want one of %s", status, strings.Join(Ends(), ", "))
		}
		if e, err = SampleEnd(importer, status).Event(); err != nil {
			return e, err
		}
	}
	e.ID = "sample"
	return e, nil
}
