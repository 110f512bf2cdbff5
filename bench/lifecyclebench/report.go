package lifecyclebench

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/internal/terminal"
)

// report writes a table for people and a line of JSON for programs.
func report(out io.Writer, cfg Config, r Result) error {
	table := terminal.NewTable("CASE", "FIGURE", "VALUE")
	name := fmt.Sprintf("%d imports, one after the other", r.Alone.Imports)
	row := func(figure, format string, args ...any) { table.Row(name, figure, fmt.Sprintf(format, args...)) }
	row("created to begun", "p50 %.3f s, p99 %.3f s", r.Alone.Begun.P50, r.Alone.Begun.P99)
	row("created to completed", "p50 %.3f s, p99 %.3f s", r.Alone.Ended.P50, r.Alone.Ended.P99)
	name = fmt.Sprintf("%d imports on %d sites", r.Queue.Imports, r.Queue.Sites)
	row("imports a minute", "%.0f (%.1f s in all)", r.Queue.PerMinute, r.Queue.Seconds)
	row("an import is", "%d activities, %d events", r.Queue.Activities, r.Queue.Events)
	row("created to begun, no lock awaited", "p50 %.2f s, p99 %.2f s (%d imports)",
		r.Queue.Free.P50, r.Queue.Free.P99, r.Queue.Free.Imports)
	row("created to begun, all", "p50 %.1f s, p99 %.1f s", r.Queue.All.P50, r.Queue.All.P99)
	row("store, an import", "%.1f transactions, %.1f rows written, %.0f fetched, %.0f returned",
		r.Queue.Store.Transactions, r.Queue.Store.Written, r.Queue.Store.Fetched, r.Queue.Store.Returned)
	row("store, a second", "%.0f transactions (%.0f deadlocks in all)", r.Queue.Store.PerSecond, r.Queue.Store.Deadlocks)
	row("processor time", "%s", r.Queue.Used)
	name = fmt.Sprintf("%d bare workflows", r.Bare.Workflows)
	row("workflows a minute", "%.0f (%.1f s in all)", r.Bare.PerMinute, r.Bare.Seconds)
	row("imports to bare workflows", "%.2f", r.Ratio)
	name = fmt.Sprintf("%d wait for one lock", r.Waiting.Waiters)
	row("all stand in the queue after", "%.1f s (%s)", r.Waiting.QueuedIn, r.Waiting.Queueing)
	row(fmt.Sprintf("processor time of %s, none", cfg.Idle), "%s", r.Waiting.Without)
	row(fmt.Sprintf("processor time of %s, all wait", cfg.Idle), "%s", r.Waiting.With)
	if err := table.Write(out); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// String tells who has used how much.
func (u Usage) String() string {
	return fmt.Sprintf("worker %.2f s, Temporal %.2f s, PostgreSQL %.2f s", u.Worker, u.Temporal, u.Postgres)
}
