// Package clickhouse is the destination "clickhouse": it inserts jobs as rows into tables of
// a user's own, in batches, each row once.
package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Row is the data of an event and of a job.
type Row struct {
	// Connection is the name of the connection. Required.
	Connection string `json:"connection" required:"true"`
	// Table is where the row goes: a name, or a database and a name with a point between
	// them. Required.
	Table string `json:"table" required:"true"`
	// IDColumn is the column of type String that takes the job's ID, by which a row that is
	// there already is recognised. It should be among the first of the sort key, or have an
	// index. Defaults to "job_id".
	IDColumn string `json:"id_column,omitempty"`
	// Row has the columns and their values. Columns that are left out have their defaults.
	// Required, at most MaxRow bytes.
	Row json.RawMessage `json:"row" required:"true"`
}

// MaxRow is how many bytes a row can have.
const MaxRow = 256 << 10

// New returns the destination. The guard decides which addresses it may dial.
func New(guard outbound.Guard) destinations.Destination {
	return &destination{insert: &insert{clients: newClients(guard)}}
}

type destination struct{ insert *insert }

var _ destinations.Destination = (*destination)(nil)

func (*destination) Name() string  { return "clickhouse" }
func (*destination) Label() string { return "ClickHouse" }

// Options: few and large batches are what the engine likes.
func (*destination) Options() destinations.Options {
	return destinations.Options{
		DefaultSchedule: &destinations.Schedule{Interval: "@every 1m"}, BatchSize: 5000, Timeout: 3 * time.Minute,
		RedriveUnknown: true,
	}
}

func (d *destination) Actions() []destinations.Action { return []destinations.Action{d.insert} }

// insert is the action "insert".
type insert struct{ clients clients }

var _ destinations.WithData = (*insert)(nil)

func (*insert) Name() string                     { return "insert" }
func (*insert) Schedule() *destinations.Schedule { return nil }

// Data returns a Row.
func (*insert) Data() any { return &Row{} }

// Marshal wants a Row for the event's data.
func (*insert) Marshal(_ context.Context, _ *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
	return destinations.JobOf(parse(e.Data))
}

var (
	validTable  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}(\.[A-Za-z_][A-Za-z0-9_]{0,127})?$`)
	validColumn = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
)

func parse(data json.RawMessage) (Row, error) {
	r := Row{IDColumn: "job_id"}
	if err := destinations.Decode(data, &r); err != nil {
		return Row{}, err
	}
	faults := []error{destinations.CheckConnection(r.Connection)}
	if !validTable.MatchString(r.Table) {
		faults = append(faults, errors.New(`field "table" of the data: want the name of a table, with or without a database`))
	}
	if !validColumn.MatchString(r.IDColumn) {
		faults = append(faults, errors.New(`field "id_column" of the data: want the name of a column`))
	}
	if len(r.Row) > MaxRow {
		faults = append(faults, fmt.Errorf(`field "row" of the data: want at most %d bytes`, MaxRow))
	}
	var columns map[string]json.RawMessage
	switch {
	case json.Unmarshal(r.Row, &columns) != nil || columns == nil:
		faults = append(faults, errors.New(`field "row" of the data: want an object with the values of the columns`))
	case columns[r.IDColumn] != nil:
		faults = append(faults, errors.New(`field "row" of the data: the column of the job's ID is filled in by itself`))
	}
	return r, destinations.Join(faults...)
}
