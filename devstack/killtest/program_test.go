package killtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sluicehq/sluice/app"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
)

// envProgram names the program of a worker process: programStock or programExtended.
const envProgram = "KILLTEST_PROGRAM"

// The programs of the mixed workers. Both have the importer noop and the destination shared. The stock
// one has the destination plain besides, the extended one the destination extra and the importer own.
const (
	programStock    = "stock"
	programExtended = "extended"
)

// The tables in which the components of the programs record what they did, with the program's name.
const (
	receiptsTable  = "mixed_receipts"
	callbacksTable = "mixed_callbacks"
)

// batchTime is how long a receiver takes for a batch.
const batchTime = 300 * time.Millisecond

// runProgram is the main of a worker process: it is built as a program of one's own is.
func runProgram(ctx context.Context) error {
	name := os.Getenv(envProgram)
	program, err := app.New(app.Configured(func(settings config.Config) []app.Option {
		records := &records{program: name, dsn: settings.Store.DSN}
		options := []app.Option{app.Destination(receiver{"shared", records})}
		if name == programStock {
			return append(options, app.Destination(receiver{"plain", records}))
		}
		return append(options, app.Destination(receiver{"extra", records}), app.Importer(owned{noop.New(), records}))
	}))
	if err != nil {
		return err
	}
	if code := program.Run(ctx, []string{"worker", "--migrate"}, app.Streams{Out: os.Stdout, Err: os.Stderr}); code != 0 {
		return errors.New("the worker has failed")
	}
	return nil
}

// records writes to the tables of the test.
type records struct {
	program, dsn string
}

func (r *records) exec(ctx context.Context, statement string, args ...any) error {
	pool, err := pgxpool.New(ctx, r.dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Exec(ctx, statement, args...)
	return err
}

// owned is an importer of the extended program: noop, but for the record of its plans.
type owned struct {
	*noop.Importer
	records *records
}

// Name is that of the importer.
func (owned) Name() string { return "own" }

// Label describes it.
func (owned) Label() string { return "Own" }

// BeforeStart records which program runs it.
func (o owned) BeforeStart(ctx context.Context, imp importers.Import) (json.RawMessage, error) {
	err := o.records.exec(ctx, "INSERT INTO "+callbacksTable+" (import_id, program) VALUES ($1, $2)", imp.ID, o.records.program)
	if err != nil {
		return nil, err
	}
	return o.Importer.BeforeStart(ctx, imp)
}

// receiver is a destination that takes a job once, by its ID, as its receivers should.
type receiver struct {
	name    string
	records *records
}

// Name is that of the destination.
func (r receiver) Name() string { return r.name }

// Label describes it.
func (r receiver) Label() string { return "Receiver " + r.name }

// Options has a short timeout: jobs whose worker has died are given up soon.
func (receiver) Options() destinations.Options {
	return destinations.Options{
		Timeout: 5 * time.Second, BatchSize: 10, Concurrency: 2, RedriveUnknown: true,
		DefaultSchedule: &destinations.Schedule{
			Realtime: true, InitialBackoff: 500 * time.Millisecond, MaxBackoff: 4 * time.Second,
		},
	}
}

// Actions has one action.
func (r receiver) Actions() []destinations.Action { return []destinations.Action{receive{r}} }

type receive struct{ receiver receiver }

// Name is that of the action.
func (receive) Name() string { return "write" }

// Schedule is the destination's.
func (receive) Schedule() *destinations.Schedule { return nil }

// receipt is the data of a job.
type receipt struct {
	// MadeBy is the program that has made the data of the event.
	MadeBy string `json:"made_by"`
	Number int    `json:"number"`
}

// Marshal adds the name of the program to the event's data.
func (a receive) Marshal(
	_ context.Context, _ *destinations.Toolkit, e destinations.Event,
) (*destinations.Job, error) {
	made := receipt{MadeBy: a.receiver.records.program}
	if err := json.Unmarshal(e.Data, &made); err != nil {
		return nil, err
	}
	made.MadeBy = a.receiver.records.program
	data, err := json.Marshal(made)
	return &destinations.Job{Data: data}, err
}

// Load records all jobs of a batch that were not recorded before.
func (a receive) Load(
	ctx context.Context, _ *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	var ids, makers []string
	var numbers []int
	for job := range q.Jobs() {
		var data receipt
		if err := json.Unmarshal(job.Data, &data); err != nil {
			report(destinations.Then{Jobs: []string{job.ID}, Error: err, ForceDiscard: true})
			return
		}
		ids, makers, numbers = append(ids, job.ID), append(makers, data.MadeBy), append(numbers, data.Number)
	}
	r := a.receiver
	// A batch takes its time, so that kills hit some.
	select {
	case <-time.After(batchTime):
	case <-ctx.Done():
		report(destinations.Then{Error: ctx.Err(), Untried: true})
		return
	}
	err := r.records.exec(ctx, `INSERT INTO `+receiptsTable+` (job_id, destination, program, made_by, number)
		SELECT j, $2, $3, m, n FROM unnest($1::text[], $4::text[], $5::integer[]) AS x (j, m, n)
		ON CONFLICT (job_id) DO UPDATE SET times = `+receiptsTable+`.times + 1`,
		ids, r.name, r.records.program, makers, numbers)
	report(destinations.Then{Error: err})
}
