package lifecyclebench

import (
	"context"
	"fmt"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/internal/delay"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Queue are the figures of many imports on many sites, each of which takes one at a time.
type Queue struct {
	Imports   int     `json:"imports"`
	Sites     int     `json:"sites"`
	Seconds   float64 `json:"seconds"`
	PerMinute float64 `json:"imports_per_minute"`
	// Activities is how many activities an import runs, Events how long its history is.
	Activities int   `json:"activities"`
	Events     int64 `json:"history_events"`
	// Free is how long imports took to begin that did not wait for a lock, All how long
	// all of them took.
	Free Delay `json:"free"`
	All  Delay `json:"all"`
	// Store is what they cost the store, Used what they cost in processor time.
	Store StoreLoad `json:"store"`
	Used  Usage     `json:"used"`
}

// Delay is how long imports took from their creation to their beginning.
type Delay struct {
	Imports int     `json:"imports"`
	P50     float64 `json:"p50_s"`
	P99     float64 `json:"p99_s"`
}

// maxDays is how many imports a site takes: each has a day of its own.
const maxDays = 1000

var firstDay = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// queue queues all imports at once and waits until all have completed.
func (b *bench) queue(ctx context.Context, cfg Config) (q Queue, err error) {
	before, err := b.usage()
	if err != nil {
		return q, err
	}
	loadBefore, err := b.storeLoad(ctx)
	if err != nil {
		return q, err
	}
	began := time.Now()
	var starting errgroup.Group
	starting.SetLimit(starters)
	for i := range cfg.Imports {
		starting.Go(func() error {
			day := firstDay.AddDate(0, 0, i/cfg.Sites).Format(time.DateOnly)
			_, err := b.start(ctx, b.sites[i%cfg.Sites], map[string]any{"rows": 0, "start_date": day, "end_date": day})
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		return q, err
	}
	// Seldom: a look at them all is not free either.
	err = delay.Until(ctx, time.Second, func() (bool, error) {
		var left int
		row := b.DB.QueryRow(ctx, "SELECT count(*) FROM imports WHERE status IN ('queued', 'running', 'parked', 'in_review')")
		err := row.Scan(&left)
		return left == 0, err
	})
	if err != nil {
		return q, err
	}
	q.Imports, q.Sites, q.Seconds = cfg.Imports, cfg.Sites, time.Since(began).Seconds()
	q.PerMinute = float64(cfg.Imports) / q.Seconds * 60
	after, err := b.usage()
	if err != nil {
		return q, err
	}
	q.Used = after.since(before)
	loadAfter, err := b.storeLoadAtRest(ctx)
	if err != nil {
		return q, err
	}
	q.Store = loadAfter.since(loadBefore).each(cfg.Imports, q.Seconds)
	err = b.lookBack(ctx, &q, began)
	return q, err
}

// lookBack reads from the store how it went.
func (b *bench) lookBack(ctx context.Context, q *Queue, began time.Time) error {
	rows, err := b.DB.Query(ctx, `SELECT i.status, extract(epoch FROM i.started_at - i.created_at)::float8,
			EXISTS (SELECT 1 FROM feedback f WHERE f.import_id = i.id AND f.message LIKE 'Waiting for %')
		FROM imports i WHERE i.created_at >= $1`, began)
	if err != nil {
		return err
	}
	defer rows.Close()
	var free, all []float64
	for rows.Next() {
		var status string
		var delay float64
		var waited bool
		if err := rows.Scan(&status, &delay, &waited); err != nil {
			return err
		}
		if status != importstore.StatusCompleted {
			return fmt.Errorf("an import is %s", status)
		}
		all = append(all, delay)
		if !waited {
			free = append(free, delay)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	q.Free, q.All = delays(free), delays(all)
	return b.history(ctx, q)
}

func delays(all []float64) Delay {
	if len(all) == 0 {
		return Delay{}
	}
	slices.Sort(all)
	return Delay{Imports: len(all), P50: all[len(all)/2], P99: all[len(all)*99/100]}
}

// history counts what is in the history of the first import, which waited for nothing.
func (b *bench) history(ctx context.Context, q *Queue) error {
	var id string
	err := b.DB.QueryRow(ctx, "SELECT workflow_id FROM imports ORDER BY started_at - created_at LIMIT 1").Scan(&id)
	if err != nil {
		return err
	}
	events := b.Temporal.GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return err
		}
		q.Events++
		if event.GetEventType() == enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
			q.Activities++
		}
	}
	return nil
}
