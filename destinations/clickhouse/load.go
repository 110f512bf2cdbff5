package clickhouse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/destinations"
)

// target is where rows go together.
type target struct{ connection, table, idColumn string }

// queued is a job with its row.
type queued struct {
	id       string
	repeated bool
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
		var line []byte
		if err == nil {
			line, err = r.line(job.ID)
		}
		if err != nil {
			report(destinations.Then{Jobs: []string{job.ID}, Error: err, ForceDiscard: true})
			continue
		}
		to := target{r.Connection, r.Table, r.IDColumn}
		if batches[to] == nil {
			order = append(order, to)
		}
		batches[to] = append(batches[to], queued{job.ID, job.Repeated, line})
	}
	for _, to := range order {
		i.batch(ctx, tk, to, batches[to], report)
	}
}

// line returns the row with the job's ID in it.
func (r Row) line(id string) ([]byte, error) {
	var columns map[string]json.RawMessage
	if err := json.Unmarshal(r.Row, &columns); err != nil {
		return nil, errors.New(`field "row" of the data cannot be read`)
	}
	quoted, err := json.Marshal(id)
	if err != nil {
		return nil, fmt.Errorf("encode the job's ID: %w", err)
	}
	columns[r.IDColumn] = quoted
	// With sorted names: a batch that comes again is the same to the byte.
	line, err := json.Marshal(columns)
	if err != nil {
		return nil, errors.New(`field "row" of the data cannot be read`)
	}
	return append(line, '\n'), nil
}

// batch inserts the rows of one table.
func (i *insert) batch(
	ctx context.Context, tk *destinations.Toolkit, to target, rows []queued, report func(destinations.Then),
) {
	if ctx.Err() != nil {
		report(destinations.Then{
			Jobs: ids(rows), Untried: true, Error: errors.New("the load was stopped before the jobs' turn"),
		})
		return
	}
	c, err := tk.Connections.Open(ctx, to.connection)
	if err != nil {
		report(destinations.Then{Jobs: ids(rows), Error: fmt.Errorf("open the connection %s: %w", to.connection, err)})
		return
	}
	s, err := newServer(i.clients, c)
	if err != nil {
		report(destinations.Then{Jobs: ids(rows), Error: err})
		return
	}
	missing, there, err := s.missing(ctx, to, rows)
	if err != nil {
		report(failure(rows, fmt.Errorf("look for rows that are there: %w", err)))
		return
	}
	if len(there) > 0 {
		report(destinations.Then{Jobs: there})
	}
	s.insertRows(ctx, to, missing, report)
}

// insertRows inserts rows, and halves them where some are refused.
func (s *server) insertRows(ctx context.Context, to target, rows []queued, report func(destinations.Then)) {
	if len(rows) == 0 {
		return
	}
	var body bytes.Buffer
	for _, row := range rows {
		body.Write(row.line)
	}
	statement := "INSERT INTO " + quoteTable(to.table) + " FORMAT JSONEachRow"
	err := s.insert(ctx, statement, url.Values{
		"insert_deduplication_token":       {token(rows)},
		"input_format_skip_unknown_fields": {"0"},
		// What was acknowledged is there.
		"async_insert": {"0"},
		// JSON as other programs write it.
		"date_time_input_format": {"best_effort"},
	}, body.Bytes())
	switch {
	case err == nil:
		report(destinations.Then{Jobs: ids(rows)})
	case badRow(err) && len(rows) > 1:
		half := len(rows) / 2
		s.insertRows(ctx, to, rows[:half], report)
		s.insertRows(ctx, to, rows[half:], report)
	case badRow(err):
		report(destinations.Then{Jobs: ids(rows), Error: fmt.Errorf("insert: %w", err), ForceDiscard: true})
	default:
		report(failure(rows, fmt.Errorf("insert: %w", err)))
	}
}

// failure is what is reported about rows that are to be tried again.
func failure(rows []queued, err error) destinations.Then {
	then := destinations.Then{Jobs: ids(rows), Error: err}
	var f *fault
	if errors.As(err, &f) {
		then.RetryAfter = min(f.retryAfter, 24*time.Hour)
	}
	return then
}

// missing leaves out the rows that were inserted by an earlier load.
func (s *server) missing(ctx context.Context, to target, rows []queued) (missing []queued, there []string, err error) {
	var asked []string
	for _, row := range rows {
		if row.repeated {
			asked = append(asked, "'"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(row.id)+"'")
		}
	}
	if len(asked) == 0 {
		return rows, nil, nil
	}
	column := quote(to.idColumn)
	// The IDs are in the statement, which is sent as the body: as parameters they would make
	// the address too long.
	answer, err := s.query(ctx, "SELECT DISTINCT "+column+" AS id FROM "+quoteTable(to.table)+" WHERE "+column+
		" IN ("+strings.Join(asked, ", ")+") FORMAT JSONEachRow", nil)
	if err != nil {
		return nil, nil, err
	}
	known := map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(answer)); dec.More(); {
		var row struct {
			ID string `json:"id"`
		}
		if err := dec.Decode(&row); err != nil {
			return nil, nil, errors.New("the server's answer is not that of ClickHouse")
		}
		known[row.ID] = true
	}
	for _, row := range rows {
		if known[row.id] {
			there = append(there, row.id)
		} else {
			missing = append(missing, row)
		}
	}
	return missing, there, nil
}

func ids(rows []queued) []string {
	all := make([]string, len(rows))
	for i, row := range rows {
		all[i] = row.id
	}
	return all
}

// token names a batch by the jobs in it.
func token(rows []queued) string {
	sum := sha256.Sum256([]byte(strings.Join(ids(rows), "\n")))
	return "sluice-jobs-" + hex.EncodeToString(sum[:16])
}

// quote quotes a name that parse has checked.
func quote(name string) string { return "`" + name + "`" }

func quoteTable(name string) string {
	if database, table, both := strings.Cut(name, "."); both {
		return quote(database) + "." + quote(table)
	}
	return quote(name)
}
