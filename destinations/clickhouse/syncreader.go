package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/tables"
)

// syncConnections is the number of connections of list sync to a server, over all workers.
const syncConnections = 8

// OpenReader opens a connection for list sync. The list is a table, or a name for the query.
func (k Kind) OpenReader(c connections.Connection, o sync.SourceOptions, b sync.Budgets) (sync.Reader, error) {
	s, err := newServer(newClients(k.Guard), c)
	return syncReader{server: s, account: KindName + ":" + c.Name, options: o, budgets: b},
		errors.Join(err, tables.Check(o, validColumn.MatchString))
}

// FindsDeletions reports that a scan of the keys finds rows that were deleted.
func (Kind) FindsDeletions() bool { return true }

// syncReader reads rows for list sync. A full load is in order of the key, an update in order of the time of the last
// change. Tables whose engine replaces rows are read as if all rows were replaced already.
type syncReader struct {
	server  *server
	account string
	options sync.SourceOptions
	budgets sync.Budgets
}

var (
	_ sync.Reader  = syncReader{}
	_ sync.Scanner = syncReader{}
	_ sync.Fetcher = syncReader{}
)

// Window returns the changes since the window before it, or all rows.
func (r syncReader) Window(until, now time.Time) sync.Window {
	return tables.Window(r.options, until, now)
}

// Page returns the rows after a place.
func (r syncReader) Page(ctx context.Context, list string, w sync.Window, c sync.Cursor) (sync.Page, error) {
	return r.page(ctx, list, w, c, true)
}

// Scan returns the keys of the rows after a place.
func (r syncReader) Scan(ctx context.Context, list string, c sync.Cursor) (sync.Page, error) {
	return r.page(ctx, list, sync.Window{}, c, false)
}

// Fetch returns the row of a key.
func (r syncReader) Fetch(ctx context.Context, list, key string) (sync.Page, error) {
	rows, err := r.find(ctx, list, key, true)
	if err != nil {
		return sync.Page{}, err
	}
	return tables.Fetched(r.options, rows)
}

// Gone reports whether there is no row with a key.
func (r syncReader) Gone(ctx context.Context, list, key string) (bool, error) {
	rows, err := r.find(ctx, list, key, false)
	return err == nil && len(rows) == 0, err
}

// Tombstone returns the data of a deleted row.
func (r syncReader) Tombstone(key string, ref json.RawMessage, at time.Time) (json.RawMessage, error) {
	return tables.Tombstone(r.options, key, ref, at)
}

func (r syncReader) page(
	ctx context.Context, list string, w sync.Window, c sync.Cursor, data bool,
) (page sync.Page, err error) {
	after, err := tables.ParsePlace(c, w)
	if err != nil {
		return sync.Page{}, err
	}
	err = r.within(ctx, func() error {
		from, err := r.source(ctx, list, after == nil)
		if err != nil {
			return err
		}
		o := r.options
		rows, err := r.rows(ctx, from, from.after(w, after), o.Items+1, data)
		for errors.Is(err, errTooLarge) && o.Items > 1 {
			o.Items /= 2
			rows, err = r.rows(ctx, from, from.after(w, after), o.Items+1, data)
		}
		if errors.Is(err, errTooLarge) {
			return tables.Permanent(fmt.Sprintf("two rows have more than %d bytes: want less", maxPage))
		}
		if err == nil {
			page, err = tables.Page(o, rows, after)
		}
		return err
	})
	return page, err
}

// find returns the row of a key, or none.
func (r syncReader) find(ctx context.Context, list, key string, data bool) (rows []tables.Row, err error) {
	err = r.within(ctx, func() error {
		from, err := r.source(ctx, list, false)
		if err == nil {
			rows, err = r.rows(ctx, from, " WHERE "+from.key+" = "+from.keyValue(key), 1, data)
		}
		return err
	})
	return rows, err
}

// within calls fn with a connection of the budget.
func (r syncReader) within(ctx context.Context, fn func() error) error {
	release, err := r.budgets.Slot(ctx, r.account, syncConnections)
	if err != nil {
		return err
	}
	defer release()
	if err := fn(); err != nil {
		return classifiedRead(fmt.Errorf("read rows: %w", err))
	}
	return nil
}

// maxPage bounds the rows of a page in bytes: a larger page is read in parts.
const maxPage = 16 << 20

// reading are the settings of statements that read.
func reading() url.Values {
	return url.Values{
		// A query changes nothing.
		"readonly": {"2"},
		// Rows that are replaced are not read, whenever the engine replaces them.
		"final": {"1"},
		// Values as they are: times in UTC, numbers as numbers, and none as null that is not.
		"date_time_output_format":                 {"iso"},
		"output_format_json_quote_64bit_integers": {"0"},
		"output_format_json_quote_decimals":       {"0"},
		"output_format_json_quote_denormals":      {"1"},
	}
}

// query runs a statement that reads.
func (r syncReader) query(ctx context.Context, limit int, statement string, rows any) error {
	_, err := r.server.queryUpTo(ctx, limit, reading(), statement, rows)
	return err
}

// rows reads rows that a condition selects, in order.
func (r syncReader) rows(
	ctx context.Context, from relation, condition string, limit int, data bool,
) ([]tables.Row, error) {
	var found [][]json.RawMessage
	if err := r.query(ctx, maxPage, from.selecting(condition, limit, data), &found); err != nil {
		return nil, err
	}
	rows := make([]tables.Row, len(found))
	for i, values := range found {
		row, err := from.row(values, data)
		if err != nil {
			return nil, err
		}
		rows[i] = row
	}
	return rows, nil
}

// source looks up the columns. first checks what the order relies on.
func (r syncReader) source(ctx context.Context, list string, first bool) (relation, error) {
	var described string
	switch {
	case r.options.Query != "":
		described = "(SELECT * FROM (\n" + r.options.Query + "\n))"
	case validTable.MatchString(list):
		described = quoteTable(list)
	default:
		return relation{}, tables.Permanent("the list is not the name of a table, with or without a database")
	}
	var columns []describedColumn
	if err := r.query(ctx, maxAnswer, "DESCRIBE TABLE "+described+" FORMAT JSON", &columns); err != nil {
		return relation{}, err
	}
	from, err := newRelation(described, columns, r.options)
	if err != nil || !first || !from.keyNullable {
		return from, err
	}
	var missing []struct {
		N json.Number `json:"n"`
	}
	statement := "SELECT count() AS n FROM (SELECT 1 FROM " + from.relation + " WHERE isNull(" + from.rawKey +
		") LIMIT 1) FORMAT JSON"
	if err := r.query(ctx, maxAnswer, statement, &missing); err != nil {
		return relation{}, err
	}
	if len(missing) != 1 || missing[0].N != "0" {
		return relation{}, tables.Permanent("rows without a value in the key column: want a column that identifies every row")
	}
	return from, nil
}

// literal writes a text as a literal of SQL.
func literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
