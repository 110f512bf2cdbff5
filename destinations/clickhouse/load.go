package clickhouse

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/convert"
)

// target is where rows go together.
type target struct{ connection, table, idColumn string }

// queued is a job with its row.
type queued struct {
	id       string
	repeated bool
	attempt  int
	// row has the columns and their values, names their names in order.
	row   map[string]json.RawMessage
	names []string
	// line is the row in the form that is sent.
	line []byte
}

// Load inserts the rows of each table as one batch. A batch has the IDs of its jobs for a
// deduplication token, for tables that have a deduplication window; and of jobs that were
// loaded before, those are left out whose rows are there. Where rows are refused, the batch is
// halved until they are found, and the others go in.
func (i *insert) Load(
	ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	var order []target
	batches := map[target][]queued{}
	for job := range q.Jobs() {
		r, err := parse(job.Data)
		var one queued
		if err == nil {
			one, err = newQueued(job, r)
		}
		if err != nil {
			report(discarded(job.ID, err))
			continue
		}
		to := target{r.Connection, r.Table, r.IDColumn}
		if batches[to] == nil {
			order = append(order, to)
		}
		batches[to] = append(batches[to], one)
	}
	lost := map[string]error{}
	for _, to := range order {
		r := &run{
			to: to, report: report, lost: lost[to.connection],
			log: cmp.Or(tk.Logger, slog.New(slog.DiscardHandler)).With("connection", to.connection, "table", to.table),
		}
		i.batch(ctx, tk, r, batches[to])
		lost[to.connection] = r.lost
	}
}

// newQueued returns a job with its row, and the job's ID in it.
func newQueued(job destinations.QueuedJob, r Row) (queued, error) {
	one := queued{id: job.ID, repeated: job.Repeated, attempt: job.Attempt}
	unreadable := errors.New(`field "row" of the data cannot be read`)
	if json.Unmarshal(r.Row, &one.row) != nil {
		return queued{}, unreadable
	}
	for name := range one.row {
		one.names = append(one.names, name)
	}
	slices.Sort(one.names)
	id, err := json.Marshal(job.ID)
	if err != nil {
		return queued{}, fmt.Errorf("encode the job's ID: %w", err)
	}
	one.row[r.IDColumn] = id
	// With sorted names: a batch that comes again is the same to the byte.
	if one.line, err = json.Marshal(one.row); err != nil {
		return queued{}, unreadable
	}
	one.line = append(one.line, '\n')
	return one, nil
}

// batch inserts the rows of one table.
func (i *insert) batch(ctx context.Context, tk *destinations.Toolkit, r *run, rows []queued) {
	if r.over(ctx, rows) {
		return
	}
	c, err := tk.Connections.Open(ctx, r.to.connection)
	if err == nil {
		r.server, err = newServer(i.clients, c)
		err = destinations.WithClass(destinations.ErrorClassOperator, err)
	} else {
		err = fmt.Errorf("open the connection %s: %w", r.to.connection, err)
	}
	if err != nil {
		r.report(destinations.Then{Jobs: ids(rows), Error: err})
		return
	}
	if r.table, err = r.server.describe(ctx, r.to.table); err != nil {
		r.lose(rows, fmt.Errorf("ask for its columns: %w", err))
		return
	}
	if rows = r.missing(ctx, r.fit(rows), nil); len(rows) == 0 {
		return
	}
	for _, piece := range cut(rows, maxBody, func(row queued) []byte { return row.line }) {
		r.insertAll(ctx, piece)
	}
	r.judge(ctx)
}

// fit returns the rows that fit the table, and reports about the others.
func (r *run) fit(rows []queued) []queued {
	if len(rows) == 0 {
		return nil
	}
	if err := r.table.checkID(r.to.idColumn, rows[0].id); err != nil {
		r.kept(rows, err)
		return nil
	}
	var fitting []queued
	for _, row := range rows {
		switch own, operator := r.table.check(row.row, row.names); {
		case own != nil:
			r.report(discarded(row.id, r.about(own)))
		case operator != nil:
			r.kept([]queued{row}, operator)
		default:
			fitting = append(fitting, row)
		}
	}
	return fitting
}

// maxBody bounds the rows of a request, so that the server makes one block of them.
const maxBody = 8 << 20

// cut divides rows into requests of at most so many bytes. A larger row has a request of its own.
func cut[Row any](rows []Row, most int, lineOf func(Row) []byte) (all [][]Row) {
	from, size := 0, 0
	for i, row := range rows {
		n := len(lineOf(row))
		if size += n; size > most && i > from {
			all = append(all, rows[from:i])
			from, size = i, n
		}
	}
	if from < len(rows) {
		all = append(all, rows[from:])
	}
	return all
}

func ids(rows []queued) []string {
	return convert.Slice(rows, func(row queued) string { return row.id })
}

// quote quotes a name that parse has checked.
func quote(name string) string { return "`" + name + "`" }

func quoteTable(name string) string {
	if database, table, both := strings.Cut(name, "."); both {
		return quote(database) + "." + quote(table)
	}
	return quote(name)
}
