// Package postgres is the destination "postgres": it puts jobs as rows into tables of a
// user's own, each in the place of the row with the same key.
package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Row is the data of an event and of a job.
type Row struct {
	// Connection is the name of the connection. Required.
	Connection string `json:"connection" required:"true"`
	// Table is where the row goes: a name, or a schema and a name with a point between
	// them. Required.
	Table string `json:"table" required:"true"`
	// Key are the columns of the table's primary key, or of another unique index, by which
	// the row is found that is there already. Required.
	Key []string `json:"key" required:"true"`
	// Newest is a column that rises from one version of a row to the next, such as
	// updated_at: a row takes the place of none that has a higher one. Defaults to none,
	// with which the job that is loaded last wins, and that may be an older one's retry.
	Newest string `json:"newest,omitempty"`
	// Row has the columns and their values, in the form that jsonb_populate_record reads.
	// Columns that are left out stay as they are. Required, at most MaxRow bytes.
	Row json.RawMessage `json:"row" required:"true"`
}

// MaxRow is how many bytes a row can have.
const MaxRow = 256 << 10

// New returns the destination. The guard decides which addresses it may dial.
func New(guard outbound.Guard) destinations.Destination { return destination{upsert{guard}} }

type destination struct{ upsert upsert }

var _ destinations.Destination = destination{}

func (destination) Name() string  { return "postgres" }
func (destination) Label() string { return "PostgreSQL" }

// Options: a row that comes twice is the same row.
func (destination) Options() destinations.Options {
	return destinations.Options{
		DefaultSchedule: &destinations.Schedule{Interval: "@every 1m"}, BatchSize: 500, Timeout: 2 * time.Minute,
		RedriveUnknown: true,
	}
}

func (d destination) Actions() []destinations.Action { return []destinations.Action{d.upsert} }

// upsert is the action "upsert".
type upsert struct{ guard outbound.Guard }

var _ destinations.WithData = upsert{}

func (upsert) Name() string                     { return "upsert" }
func (upsert) Schedule() *destinations.Schedule { return nil }

// Data returns a Row.
func (upsert) Data() any { return &Row{} }

// Marshal wants a Row for the event's data.
func (upsert) Marshal(_ context.Context, _ *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
	r, _, err := parse(e.Data)
	return destinations.JobOf(r, err)
}

// maxName is how many bytes of a name PostgreSQL heeds.
const maxName = 63

func validName(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsRune(name, 0)
}

// parse reads a row, and returns its columns in a fixed order.
func parse(data json.RawMessage) (r Row, columns []string, err error) {
	if err := destinations.Decode(data, &r); err != nil {
		return Row{}, nil, err
	}
	columns, err = r.check()
	return r, columns, destinations.Join(destinations.CheckConnection(r.Connection), err)
}

// validTable says whether a text can be the name of a table, with or without a schema.
func validTable(table string) bool {
	parts := strings.Split(table, ".")
	return len(parts) <= 2 && !slices.ContainsFunc(parts, func(p string) bool { return !validName(p) })
}

// check checks a row, apart from its connection, and returns its columns in a fixed order.
func (r Row) check() (columns []string, err error) {
	var faults []error
	if !validTable(r.Table) {
		faults = append(faults, errors.New(`field "table" of the data: want the name of a table, with or without a schema`))
	}
	var values map[string]json.RawMessage
	if len(r.Row) > MaxRow || json.Unmarshal(r.Row, &values) != nil || len(values) == 0 {
		faults = append(faults, fmt.Errorf(`field "row" of the data: want an object with the values of the columns, `+
			"of at most %d bytes", MaxRow))
	}
	columns = slices.Sorted(maps.Keys(values))
	if slices.ContainsFunc(columns, func(c string) bool { return !validName(c) }) {
		faults = append(faults, errors.New(`field "row" of the data: want names of columns`))
	}
	missing := func(c string) bool { return !slices.Contains(columns, c) }
	if len(r.Key) == 0 || slices.ContainsFunc(r.Key, missing) {
		faults = append(faults, errors.New(`field "key" of the data: want columns, all of which the row has`))
	}
	if r.Newest != "" && (missing(r.Newest) || slices.Contains(r.Key, r.Newest)) {
		faults = append(faults, errors.New(`field "newest" of the data: want a column that the row has and the key has not`))
	}
	return columns, destinations.Join(faults...)
}
