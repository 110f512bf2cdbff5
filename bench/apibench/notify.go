package apibench

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/calendar"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// goalNotify is the smallest ratio of the writes with the triggers to those without.
const goalNotify = 0.9

// notifyingTriggers are the statements about the triggers that send notifications, on the tables that are written to.
const notifyingTriggers = `SELECT format('ALTER TABLE %s %s TRIGGER %I', t.tgrelid::regclass, $1::text, t.tgname)
	FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE NOT t.tgisinternal AND p.prosrc LIKE '%pg_notify%'
	AND t.tgrelid = ANY ('{imports,parts,feedback,jobs,events}'::regclass[])`

// write is something that workers write about an import.
type write struct {
	name string
	// rare writes have no goal: an import has about ten changes of its own, and each is notified.
	rare bool
	// do writes once for an import, which no other connection writes to. no counts the writes of the connection.
	do func(ctx context.Context, w *writer, no int64) error
}

// writer is a connection that writes, with its import.
type writer struct {
	importID int64
	part     importstore.Part
	chunk    int32
}

// writes returns what is written.
func (b *bench) writes() []write {
	imports := b.store.Imports
	return []write{
		{"chunks recorded a second", false, func(ctx context.Context, w *writer, _ int64) error {
			c := importstore.Checkpoint{
				Chunk: importstore.Chunk{
					ImportID: w.importID, PartNo: w.part.No, No: w.chunk, Cursor: "from", RowsRead: 10, RowsLoaded: 10,
				},
				FencingToken: w.part.FencingToken, Next: "to", BytesRead: 100, Days: &calendar.Range{First: 100, Last: 101},
			}
			w.chunk++
			return imports.RecordChunk(ctx, c)
		}},
		{"lines of feedback a second", false, func(ctx context.Context, w *writer, no int64) error {
			return imports.AddFeedback(ctx, w.importID, importstore.LevelInfo, "bench-"+strconv.FormatInt(no, 10), "A line")
		}},
		{"events with a job a second", false, func(ctx context.Context, _ *writer, no int64) error {
			_, err := b.store.Deliveries.AddEvent(ctx, deliverystore.NewEvent{
				Source: "shop", Name: "order.paid", Data: fmt.Appendf(nil, `{"order":%d}`, no),
				Jobs: []deliverystore.NewJob{{Destination: "webhook", Action: "post", Data: []byte(`{}`)}},
			})
			return err
		}},
		{"changes of an import a second", true, func(ctx context.Context, w *writer, no int64) error {
			return imports.SetRate(ctx, w.importID, 1+no)
		}},
	}
}

// notify writes as workers do, with and without the triggers in turn, while the server listens.
func (b *bench) notify(ctx context.Context, r *figures.Report) (err error) {
	writers, err := b.writers(ctx)
	if err != nil {
		return err
	}
	var no atomic.Int64
	no.Store(time.Now().UnixNano())
	for _, w := range b.writes() {
		if err := b.say("notify: %s", w.name); err != nil {
			return err
		}
		var with, without, ratios []float64
		for range b.cfg.Runs {
			on, err := b.burst(ctx, writers, w, &no)
			if err != nil {
				return err
			}
			off, err := b.quietly(ctx, func() (float64, error) { return b.burst(ctx, writers, w, &no) })
			if err != nil {
				return err
			}
			with, without, ratios = append(with, on), append(without, off), append(ratios, on/off)
		}
		l := figures.Line{Case: CaseNotify, Figure: w.name, Unit: figures.Whole, Value: figures.Median(with)}
		l.Compare("without triggers", figures.Median(without), figures.Median(ratios))
		if !w.rare {
			l = l.AtLeast(goalNotify)
		}
		r.Add(l)
	}
	return nil
}

// writers returns as many running imports as connections write, each with a part that is being loaded.
func (b *bench) writers(ctx context.Context) ([]*writer, error) {
	site, err := b.store.Imports.Site(ctx, b.site)
	if err != nil {
		return nil, err
	}
	all := make([]*writer, b.cfg.Writers)
	for i := range all {
		row := b.sql.QueryRow(ctx, `INSERT INTO imports (site_id, source, label, args, on_part_failure, max_rejects,
			max_reject_share, chunk_rows, chunk_bytes, parallelism, status, phase)
			VALUES ($1, 'noop', 'Writer', '{}', 'park', 0, 0, 1000, 1000000, 4, 'running', 'loading') RETURNING id`, site.ID)
		w := &writer{}
		if err := row.Scan(&w.importID); err != nil {
			return nil, fmt.Errorf("add an import: %w", err)
		}
		day := calendar.Range{First: 100, Last: 101}
		err := b.store.Imports.SavePlan(ctx, w.importID, day, []importstore.NewPart{{
			Table: "imported_visitors", Label: "part", Args: []byte("{}"), Days: calendar.NewSet(day),
			Free: calendar.NewSet(day),
		}})
		if err != nil {
			return nil, err
		}
		if w.part, _, err = b.store.Imports.ClaimPart(ctx, w.importID, 0, 0); err != nil {
			return nil, err
		}
		all[i] = w
	}
	return all, nil
}

// burst writes by all connections for a time and returns the number of writes a second.
func (b *bench) burst(ctx context.Context, writers []*writer, w write, no *atomic.Int64) (float64, error) {
	begun := time.Now()
	end := begun.Add(b.cfg.WriteLength)
	var written atomic.Int64
	writing, ctx := errgroup.WithContext(ctx)
	for _, one := range writers {
		writing.Go(func() error {
			for time.Now().Before(end) {
				if err := w.do(ctx, one, no.Add(1)); err != nil {
					return err
				}
				written.Add(1)
			}
			return nil
		})
	}
	if err := writing.Wait(); err != nil {
		return 0, err
	}
	return float64(written.Load()) / time.Since(begun).Seconds(), nil
}

// quietly does something without the triggers.
func (b *bench) quietly(ctx context.Context, do func() (float64, error)) (rate float64, err error) {
	if err := b.trigger(ctx, "DISABLE"); err != nil {
		return 0, err
	}
	rate, err = do()
	if err != nil {
		return 0, err
	}
	return rate, b.trigger(ctx, "ENABLE")
}

// trigger enables or disables the triggers.
func (b *bench) trigger(ctx context.Context, what string) error {
	rows, err := b.sql.Query(ctx, notifyingTriggers, what)
	if err != nil {
		return fmt.Errorf("%s triggers: %w", what, err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("%s triggers: %w", what, err)
	}
	for _, statement := range statements {
		if _, err := b.sql.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
