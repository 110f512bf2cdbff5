package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	stdsync "sync"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/sync"
)

// OpenWriter opens a connection for list sync: each record is a row, which replaces the one with the same key. The
// table has an engine of the ReplacingMergeTree family, and its sort key is that key.
func (k Kind) OpenWriter(c connections.Connection, o sync.TargetOptions, b sync.Budgets) (sync.Writer, error) {
	wrong := func(column string) bool { return !validColumn.MatchString(column) }
	if !validTable.MatchString(o.Table) || len(o.Key) == 0 || slices.ContainsFunc(o.Key, wrong) {
		return nil, errors.New(`settings "target_table" and "target_key": want the name of a table, ` +
			"with or without a database, and the columns of its sort key")
	}
	s, err := newServer(newClients(k.Guard), c)
	if err != nil {
		return nil, err
	}
	return &syncWriter{server: s, account: KindName + ":" + c.Name, options: o, budgets: b}, nil
}

// syncWriter writes records of list sync.
type syncWriter struct {
	server  *server
	account string
	options sync.TargetOptions
	budgets sync.Budgets

	mu stdsync.Mutex
	// known is the table, nil until it was looked up.
	known *syncTable
}

var (
	_ sync.Writer     = (*syncWriter)(nil)
	_ sync.PageWriter = (*syncWriter)(nil)
)

// Write inserts records.
func (w *syncWriter) Write(ctx context.Context, records []json.RawMessage) ([]sync.Outcome, error) {
	return w.WritePage(ctx, "", records)
}

// WritePage inserts the records of a page, under a deduplication token of the page and its records. A record is
// delivered when the table has it.
func (w *syncWriter) WritePage(
	ctx context.Context, page string, records []json.RawMessage,
) (outcomes []sync.Outcome, err error) {
	outcomes = make([]sync.Outcome, len(records))
	for i := range outcomes {
		outcomes[i].State = sync.StateUnsent
	}
	release, err := w.budgets.Slot(ctx, w.account, syncConnections)
	if err != nil {
		return outcomes, err
	}
	defer release()
	table, err := w.table(ctx)
	if err != nil {
		return outcomes, classifiedRead(fmt.Errorf("look at the table %s: %w", w.options.Table, err))
	}
	rows, err := w.rows(table, records, outcomes)
	if err != nil {
		return outcomes, err
	}
	put := &putting{
		server: w.server, name: w.options.Table, key: w.options.Key, table: table, page: page, outcomes: outcomes,
	}
	for _, piece := range cut(rows, maxSyncBody, func(row syncRow) []byte { return row.line }) {
		if err := put.all(ctx, piece); err != nil {
			return outcomes, classifiedWrite(fmt.Errorf("insert into the table %s: %w", w.options.Table, err))
		}
	}
	return outcomes, nil
}

// table returns the table, and looks it up once.
func (w *syncWriter) table(ctx context.Context) (*syncTable, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known != nil {
		return w.known, nil
	}
	table, err := w.server.syncTable(ctx, w.options)
	if err == nil {
		w.known = table
	}
	return table, err
}

// syncRow is a row that is to be inserted.
type syncRow struct {
	// records are the indices of the records that it is made of: of those with the same key the last one counts.
	records []int
	names   []string
	line    []byte
}

// rows makes rows of records, and rejects those that do not fit the table. The error is that of the operator.
func (w *syncWriter) rows(table *syncTable, records []json.RawMessage, outcomes []sync.Outcome) ([]syncRow, error) {
	var rows []syncRow
	places := map[string]int{}
	for i, record := range records {
		row, key, err := w.row(table, record)
		switch {
		case err == nil:
		case destinations.ClassOf(err) == destinations.ErrorClassOperator:
			return nil, &sync.Error{Class: sync.ClassPermanent, Err: fmt.Errorf("table %s: %w", w.options.Table, err)}
		default:
			outcomes[i] = sync.Outcome{State: sync.StateRejected, Reason: err.Error()}
			continue
		}
		row.records = []int{i}
		if place, twice := places[key]; twice {
			row.records = append(slices.Clip(rows[place].records), i)
			rows[place] = row
			continue
		}
		places[key] = len(rows)
		rows = append(rows, row)
	}
	return rows, nil
}

// row makes a row of a record, and returns its key.
func (w *syncWriter) row(table *syncTable, record json.RawMessage) (row syncRow, key string, err error) {
	var values map[string]json.RawMessage
	if len(record) > MaxRow || json.Unmarshal(record, &values) != nil || len(values) == 0 {
		return row, "", fmt.Errorf("want an object with the values of the columns, of at most %d bytes", MaxRow)
	}
	for name := range values {
		row.names = append(row.names, name)
	}
	slices.Sort(row.names)
	for _, column := range w.options.Key {
		value, has := values[column]
		if !has || string(value) == "null" {
			return row, "", fmt.Errorf("column %q of the key: want a value", column)
		}
		key += string(value) + "\n"
	}
	own, operator := table.check(values, row.names)
	if operator != nil {
		return row, "", destinations.WithClass(destinations.ErrorClassOperator, operator)
	}
	if own != nil {
		return row, "", own
	}
	// With sorted names: a page that comes again is the same to the byte.
	line, err := json.Marshal(values)
	line = append(line, '\n')
	row.line = line
	return row, key, err
}

// maxSyncBody bounds the rows of an INSERT of list sync in bytes.
const maxSyncBody = 2 << 20
