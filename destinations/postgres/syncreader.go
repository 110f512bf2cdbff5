package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/sync"
)

// Times of windows: rows of transactions that commit late appear with an earlier time.
const (
	// syncOverlap is how far a window reaches back into the one before it.
	syncOverlap = 5 * time.Minute
	// syncSettle is how old a change must be before a window includes it.
	syncSettle = 10 * time.Second
)

// timestamptz is the type of cursor columns.
const timestamptz = "timestamp with time zone"

// maxQuery bounds a query in bytes.
const maxQuery = 64 << 10

// OpenReader opens a connection for list sync. The list is a table, or a name for the query.
func (k Kind) OpenReader(c connections.Connection, o sync.SourceOptions, b sync.Budgets) (sync.Reader, error) {
	var faults []error
	if !validName(o.Key) {
		faults = append(faults, errors.New(`setting "key_column": want the column that identifies a row`))
	}
	if o.Cursor != "" && !validName(o.Cursor) {
		faults = append(faults, errors.New(`setting "cursor_column": want the column with the time of the last change`))
	}
	if len(o.Query) > maxQuery || strings.Contains(o.Query, ";") {
		faults = append(faults, fmt.Errorf(
			`setting "query": want one SELECT without semicolons, of at most %d bytes`, maxQuery))
	}
	return syncReader{kind: k, connection: c, options: o, budgets: b}, errors.Join(faults...)
}

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
	_ sync.Fetcher = syncReader{}
)

// Window returns the changes since the window before it, or all rows: without a cursor column each window has them.
func (r syncReader) Window(until, now time.Time) sync.Window {
	w := sync.Window{Until: now.Add(-syncSettle).UTC().Truncate(time.Second)}
	if !until.IsZero() && r.options.Cursor != "" {
		w.Since = until.Add(-syncOverlap).UTC().Truncate(time.Second)
	}
	return w
}

// place is the last row of a page, as texts of its columns.
type place struct {
	Key string  `json:"key"`
	At  *string `json:"at,omitempty"`
}

// Page returns the rows after a place.
func (r syncReader) Page(ctx context.Context, list string, w sync.Window, c sync.Cursor) (sync.Page, error) {
	var after *place
	if len(c) > 0 {
		after = &place{}
		if err := json.Unmarshal(c, after); err != nil {
			return sync.Page{}, permanent("the cursor is not valid: want one that a page returned")
		}
	}
	var page sync.Page
	err := r.within(ctx, func(conn *pgx.Conn) error {
		from, err := r.source(ctx, conn, list, after == nil)
		if err == nil {
			page, err = r.read(ctx, conn, from, w, after)
		}
		return err
	})
	return page, err
}

// Fetch returns the row of a key.
func (r syncReader) Fetch(ctx context.Context, list, key string) (sync.Page, error) {
	var page sync.Page
	err := r.within(ctx, func(conn *pgx.Conn) error {
		from, err := r.source(ctx, conn, list, false)
		if err != nil {
			return err
		}
		rows, err := conn.Query(ctx, "SELECT to_jsonb(s), "+from.key+"::text, NULL::text FROM "+from.relation+
			" WHERE "+from.key+" = $1::text::"+from.keyType+" LIMIT 1", key)
		if err != nil {
			return worded(err)
		}
		found, err := collect(rows)
		for _, row := range found {
			page.Records = append(page.Records, row.record())
		}
		return err
	})
	return page, err
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

// source looks up the types of the columns. first checks what the order relies on.
func (r syncReader) source(ctx context.Context, conn *pgx.Conn, list string, first bool) (relation, error) {
	from := relation{key: "s." + quoteAll([]string{r.options.Key}, "%s")}
	switch {
	case r.options.Query != "":
		from.relation = "(" + r.options.Query + ") AS s"
	case validTable(list):
		from.relation = pgx.Identifier(strings.Split(list, ".")).Sanitize() + " AS s"
	default:
		return relation{}, permanent("the list is not the name of a table, with or without a schema")
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
		return relation{}, permanent(fmt.Sprintf("the cursor column has the type %s: want %s", from.atType, timestamptz))
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
		return relation{}, permanent("rows without a value in the key column: want a column that identifies every row")
	}
	return from, nil
}

// read reads the rows after a place, and one more, which says whether the window has a further page.
func (r syncReader) read(
	ctx context.Context, conn *pgx.Conn, from relation, w sync.Window, after *place,
) (sync.Page, error) {
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
	case after.At == nil:
		return sync.Page{}, permanent("the cursor is not valid: want one that a page returned")
	default:
		where = append(where, "("+from.at+", "+from.key+") > ("+argument(*after.At, from.atType)+", "+
			argument(after.Key, from.keyType)+")")
	}
	condition := ""
	if len(where) > 0 {
		condition = " WHERE " + strings.Join(where, " AND ")
	}
	rows, err := conn.Query(ctx, fmt.Sprintf("SELECT to_jsonb(s), %s::text, %s::text FROM %s%s ORDER BY %s LIMIT %d",
		from.key, from.at, from.relation, condition, order, r.options.Items+1), args...)
	if err != nil {
		return sync.Page{}, worded(err)
	}
	all, err := collect(rows)
	if err != nil {
		return sync.Page{}, err
	}
	return r.page(all, after)
}

// page makes a page of rows.
func (r syncReader) page(all []row, after *place) (sync.Page, error) {
	page := sync.Page{Done: len(all) <= r.options.Items}
	for i, row := range all {
		if i > 0 && row.key == all[i-1].key {
			return sync.Page{}, permanent(
				"two rows have the same value in the key column: want a column that identifies every row")
		}
		if i == r.options.Items {
			break
		}
		after = &place{Key: row.key, At: row.at}
		if len(row.key) > sync.MaxKey {
			page.Rejects = append(page.Rejects, sync.Reject{
				Key: fmt.Sprintf("row %d of a page", i+1), Unidentified: true, Stage: sync.StageRead,
				Reason: fmt.Sprintf("the key has %d bytes: want at most %d", len(row.key), sync.MaxKey),
			})
			continue
		}
		page.Records = append(page.Records, row.record())
	}
	var err error
	if page.Next, err = json.Marshal(after); err != nil {
		return sync.Page{}, permanent("the cursor cannot be written as JSON")
	}
	return page, nil
}

// row is a row with its key and the time of its last change as texts.
type row struct {
	data []byte
	key  string
	at   *string
}

func (r row) record() sync.Record { return sync.Record{Key: r.key, Data: r.data} }

func collect(rows pgx.Rows) ([]row, error) {
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (one row, err error) {
		err = r.Scan(&one.data, &one.key, &one.at)
		return one, err
	})
	return all, worded(err)
}

// permanent returns an error that an operator fixes.
func permanent(text string) error {
	return &sync.Error{Class: sync.ClassPermanent, Err: errors.New(text)}
}
