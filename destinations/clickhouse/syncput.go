package clickhouse

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/sync"
)

// putting inserts the rows of a page and proves that the table has them.
type putting struct {
	server *server
	name   string
	key    []string
	table  *syncTable
	// page identifies the page, "" for records that are of none.
	page     string
	outcomes []sync.Outcome
}

// errAbsent means that the table lacks rows that were inserted.
var errAbsent = errors.New("the table does not have all rows that ClickHouse has accepted, also after another " +
	"INSERT: want no TTL that removes them, no row policy that hides them, and no other program that replaces them")

// all inserts rows. A batch that is refused for its rows is halved until they are found.
func (p *putting) all(ctx context.Context, rows []syncRow) error {
	err := p.once(ctx, rows)
	var f *fault
	var unproven *sync.Error
	switch {
	case err == nil:
		p.note(rows, sync.Outcome{State: sync.StateDelivered})
		return nil
	case errors.As(err, &unproven) || !errors.As(err, &f) || !f.ofRow():
		return err
	case len(rows) > 1:
		half := len(rows) / 2
		if err := p.all(ctx, rows[:half]); err != nil {
			return err
		}
		return p.all(ctx, rows[half:])
	case f.namesRow:
		p.note(rows, sync.Outcome{State: sync.StateRejected, Reason: f.Error()})
		return nil
	default:
		// The row may be the cause, or the table: list sync finds out which.
		return &sync.Error{Class: sync.ClassUnknown, Err: err}
	}
}

func (p *putting) note(rows []syncRow, o sync.Outcome) {
	for _, row := range rows {
		for _, i := range row.records {
			p.outcomes[i] = o
		}
	}
}

// once inserts rows, and once more if the table does not have them: it may take them for a repetition of an INSERT
// whose rows it has lost, because it writes its log of tokens before the rows.
func (p *putting) once(ctx context.Context, rows []syncRow) error {
	var body bytes.Buffer
	for _, row := range rows {
		body.Write(row.line)
	}
	token := syncToken(p.page, body.Bytes())
	for attempt := 1; ; attempt++ {
		err := p.server.insert(ctx, p.name, p.table.table, token, bytes.NewBuffer(body.Bytes()), len(rows))
		if err != nil && !errors.Is(err, errShort) && !errors.Is(err, errUnreadable) {
			return err
		}
		has, err := p.has(ctx, rows)
		switch {
		case err != nil:
			return err
		case has:
			return nil
		case attempt == 2:
			return errAbsent
		}
		token = syncToken(rand.Text(), body.Bytes())
	}
}

// lags are the delays of further looks for rows: another replica may answer, which does not have them yet.
func lags() []time.Duration { return []time.Duration{0, 500 * time.Millisecond, 2 * time.Second} }

// has reports whether the table has rows as they were inserted.
func (p *putting) has(ctx context.Context, rows []syncRow) (bool, error) {
	groups := map[string][]syncRow{}
	for _, row := range rows {
		columns := strings.Join(row.names, "\n")
		groups[columns] = append(groups[columns], row)
	}
	for _, group := range groups {
		for i, lag := range lags() {
			if err := delay.Wait(ctx, lag); err != nil {
				return false, err
			}
			absent, err := p.absent(ctx, group)
			if err != nil {
				// No row is rejected for it.
				return false, classifiedWrite(fmt.Errorf("look for the rows in the table: %w", err))
			}
			if absent == 0 {
				break
			}
			if i == len(lags())-1 {
				return false, nil
			}
		}
	}
	return true, nil
}

// querySize is the size of statements that servers read by default (max_query_size), in bytes.
const querySize = 256 << 10

// absent counts rows with the same columns that the table does not have. The engine compares what it reads of the rows
// with what it has stored.
func (p *putting) absent(ctx context.Context, rows []syncRow) (int, error) {
	var data strings.Builder
	for _, row := range rows {
		data.Write(row.line)
	}
	var structure, compared, keys []string
	for _, name := range rows[0].names {
		column := p.table.columns[name]
		structure = append(structure, quoteAny(name)+" "+column.text)
		if !freeForm(column.text) {
			compared = append(compared, quoteAny(name))
		}
	}
	for _, name := range p.key {
		keys = append(keys, quoteAny(name))
	}
	row, key := "toJSONString(tuple("+strings.Join(compared, ", ")+"))", strings.Join(keys, ", ")
	statement := fmt.Sprintf("WITH given AS (SELECT * FROM format(JSONEachRow, %s, %s)) "+
		"SELECT count() AS n FROM (SELECT DISTINCT %s AS r FROM given) "+
		"WHERE r NOT IN (SELECT %s FROM %s%s WHERE (%s) IN (SELECT %s FROM given)) FORMAT JSON",
		literal(strings.Join(structure, ", ")), literal(data.String()), row, row, quoteTable(p.name), p.table.final, key, key)
	settings := readingRows(p.table.table)
	settings.Set("max_query_size", strconv.Itoa(len(statement)+querySize))
	var found []struct {
		N json.Number `json:"n"`
	}
	if _, err := p.server.queryUpTo(ctx, maxAnswer, settings, statement, &found); err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, errUnreadable
	}
	return strconv.Atoi(found[0].N.String())
}

// syncToken names an INSERT by its page and its rows. The same rows on another page have another token: a table with a
// deduplication window would not take the row back to an earlier state otherwise.
func syncToken(page string, body []byte) string {
	if page == "" {
		page = rand.Text()
	}
	sum := sha256.Sum256(slices.Concat([]byte(page), []byte{0}, body))
	return "sluice-sync-" + hex.EncodeToString(sum[:16])
}
