package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/tables"
)

// timestamptz is the type of cursor columns.
const timestamptz = "timestamp with time zone"

// OpenReader opens a connection for list sync. The list is a table, or a name for the query.
func (k Kind) OpenReader(c connections.Connection, o sync.SourceOptions, b sync.Budgets) (sync.Reader, error) {
	return syncReader{kind: k, connection: c, options: o, budgets: b}, tables.Check(o, validName)
}

// FindsDeletions reports that a scan of the keys finds rows that were deleted.
func (Kind) FindsDeletions() bool { return true }

// syncReader reads rows for list sync. A full load is in order of the key, an update in order of the time of the last
// change.
type syncReader struct {
	kind       Kind
	connection connections.Connection
	options    sync.SourceOptions
	budgets    sync.Budgets
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
	return r.pageOf(ctx, list, w, c, dataOfRow)
}

// Scan returns the keys of the rows after a place.
func (r syncReader) Scan(ctx context.Context, list string, c sync.Cursor) (sync.Page, error) {
	return r.pageOf(ctx, list, sync.Window{}, c, noData)
}

// Gone reports whether there is no row with a key.
func (r syncReader) Gone(ctx context.Context, list, key string) (bool, error) {
	rows, err := r.find(ctx, list, key, noData)
	return err == nil && len(rows) == 0, err
}

// Tombstone returns the data of a deleted row.
func (r syncReader) Tombstone(key string, ref json.RawMessage, at time.Time) (json.RawMessage, error) {
	return tables.Tombstone(r.options, key, ref, at)
}

// What is selected of a row.
const (
	dataOfRow = "to_jsonb(s)"
	noData    = "NULL::jsonb"
)

func (r syncReader) pageOf(
	ctx context.Context, list string, w sync.Window, c sync.Cursor, data string,
) (page sync.Page, err error) {
	after, err := tables.ParsePlace(c, w)
	if err != nil {
		return sync.Page{}, err
	}
	err = r.within(ctx, func(conn *pgx.Conn) error {
		from, err := r.source(ctx, conn, list, after == nil)
		if err != nil {
			return err
		}
		rows, err := r.read(ctx, conn, from, w, after, data)
		if err == nil {
			page, err = tables.Page(r.options, rows, after)
		}
		return err
	})
	return page, err
}

// Fetch returns the row of a key.
func (r syncReader) Fetch(ctx context.Context, list, key string) (sync.Page, error) {
	rows, err := r.find(ctx, list, key, dataOfRow)
	if err != nil {
		return sync.Page{}, err
	}
	return tables.Fetched(r.options, rows)
}

// find returns the row of a key, or none.
func (r syncReader) find(ctx context.Context, list, key, data string) (found []tables.Row, err error) {
	err = r.within(ctx, func(conn *pgx.Conn) error {
		from, err := r.source(ctx, conn, list, false)
		if err != nil {
			return err
		}
		rows, err := conn.Query(ctx, from.selecting(data)+" WHERE "+from.key+" = $1::text::"+from.keyType+" LIMIT 1", key)
		if err != nil {
			return worded(err)
		}
		found, err = collect(rows)
		return err
	})
	return found, err
}

// within calls fn with a connection.
func (r syncReader) within(ctx context.Context, fn func(*pgx.Conn) error) error {
	release, err := r.budgets.Slot(ctx, KindName+":"+r.connection.Name, syncConnections)
	if err != nil {
		return err
	}
	defer release()
	conn, err := connect(ctx, r.kind.Guard, r.connection)
	if err != nil {
		return classified(err)
	}
	defer closeQuietly(ctx, conn)
	// A query changes nothing.
	if _, err := conn.Exec(ctx, "SET default_transaction_read_only = on"); err != nil {
		return classified(worded(err))
	}
	if err := fn(conn); err != nil {
		return classified(fmt.Errorf("read rows: %w", err))
	}
	return nil
}

// relation is what is read, with its columns quoted.
type relation struct {
	relation, key, keyType, at, atType string
}

// selecting begins a statement that collect reads.
func (r relation) selecting(data string) string {
	return fmt.Sprintf("SELECT %s, to_jsonb(%s), %s::text, %s::text FROM %s", data, r.key, r.key, r.at, r.relation)
}

// source looks up the types of the columns. first checks what the order relies on.
func (r syncReader) source(ctx context.Context, conn *pgx.Conn, list string, first bool) (relation, error) {
	from := relation{key: "s." + quoteAll([]string{r.options.Key}, "%s")}
	switch {
	case r.options.Query != "":
		from.relation = "(" + r.options.Query + ") AS s"
	case validTable(list):
		from.relation = pgx.Identifier(strings.Split(list, ".")).Sanitize() + " AS s"
	default:
		return relation{}, tables.Permanent("the list is not the name of a table, with or without a schema")
	}
	if from.at = "NULL::timestamptz"; r.options.Cursor != "" {
		from.at = "s." + quoteAll([]string{r.options.Cursor}, "%s")
	}
	types := "SELECT pg_typeof(" + from.key + ")::text, pg_typeof(" + from.at + ")::text FROM (SELECT) AS one LEFT JOIN " +
		from.relation + " ON true LIMIT 1"
	if err := conn.QueryRow(ctx, types).Scan(&from.keyType, &from.atType); err != nil {
		return relation{}, worded(err)
	}
	if from.atType != timestamptz {
		return relation{}, tables.Permanent(
			fmt.Sprintf("the cursor column has the type %s: want %s", from.atType, timestamptz))
	}
	if !first {
		return from, nil
	}
	var missing bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+from.relation+" WHERE "+from.key+" IS NULL)").
		Scan(&missing); err != nil {
		return relation{}, worded(err)
	}
	if missing {
		return relation{}, tables.Permanent("rows without a value in the key column: want a column that identifies every row")
	}
	return from, nil
}

// read reads the rows after a place, and one more, which says whether the window has a further page.
func (r syncReader) read(
	ctx context.Context, conn *pgx.Conn, from relation, w sync.Window, after *tables.Place, data string,
) ([]tables.Row, error) {
	var where []string
	var args []any
	argument := func(value any, typ string) string {
		args = append(args, value)
		return fmt.Sprintf("$%d::text::%s", len(args), typ)
	}
	order := from.key
	if !w.Full() {
		order = from.at + ", " + from.key
		where = append(where, from.at+" >= "+argument(w.Since.UTC().Format(time.RFC3339), "timestamptz"),
			from.at+" <= "+argument(w.Until.UTC().Format(time.RFC3339), "timestamptz"))
	}
	switch {
	case after == nil:
	case w.Full():
		where = append(where, from.key+" > "+argument(after.Key, from.keyType))
	default:
		where = append(where, "("+from.at+", "+from.key+") > ("+argument(*after.At, from.atType)+", "+
			argument(after.Key, from.keyType)+")")
	}
	condition := ""
	if len(where) > 0 {
		condition = " WHERE " + strings.Join(where, " AND ")
	}
	rows, err := conn.Query(ctx, fmt.Sprintf("%s%s ORDER BY %s LIMIT %d", from.selecting(data), condition, order,
		r.options.Items+1), args...)
	if err != nil {
		return nil, worded(err)
	}
	return collect(rows)
}

func collect(rows pgx.Rows) ([]tables.Row, error) {
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (one tables.Row, err error) {
		err = r.Scan(&one.Data, &one.ID, &one.Key, &one.At)
		return one, err
	})
	return all, worded(err)
}
