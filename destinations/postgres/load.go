package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Load puts the rows in their places, one after the other in the order in which their jobs
// were made: of two that are about the same row, the later one counts. Each is a transaction
// of its own, so that one that is refused does not take others with it.
func (u upsert) Load(
	ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	lines := &lines{tk: tk, guard: u.guard, byName: map[string]*line{}}
	defer lines.close(ctx)
	for job := range q.Jobs() {
		r, columns, err := parse(job.Data)
		if err != nil {
			report(destinations.Then{Jobs: []string{job.ID}, Error: err, ForceDiscard: true})
			continue
		}
		then := lines.to(r.Connection).put(ctx, tk, r, columns)
		then.Jobs = []string{job.ID}
		report(then)
	}
}

// lines are the connections of one load.
type lines struct {
	tk     *destinations.Toolkit
	guard  outbound.Guard
	byName map[string]*line
}

func (l *lines) to(name string) *line {
	if l.byName[name] == nil {
		l.byName[name] = &line{name: name, guard: l.guard}
	}
	return l.byName[name]
}

// closeTimeout bounds how long saying goodbye may take.
const closeTimeout = time.Second

// close ends the connections, also when the load was told to stop.
func (l *lines) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	for _, line := range l.byName {
		if line.conn == nil {
			continue
		}
		if err := line.conn.Close(ctx); err != nil {
			l.tk.Logger.Debug("a connection could not be closed", "connection", line.name, "error", worded(err))
		}
	}
}

// line is a connection of one load.
type line struct {
	name  string
	guard outbound.Guard
	conn  *pgx.Conn
	// lost is why it cannot be used any more.
	lost error
}

// put puts one row in its place.
func (l *line) put(ctx context.Context, tk *destinations.Toolkit, r Row, columns []string) destinations.Then {
	switch {
	case ctx.Err() != nil:
		return destinations.Then{Untried: true, Error: errors.New("the load was stopped before the job's turn")}
	case l.lost != nil:
		return destinations.Then{Untried: true, Error: l.lost}
	case l.conn == nil:
		if err := l.open(ctx, tk); err != nil {
			l.lost = err
			return destinations.Then{Error: err}
		}
	}
	_, err := l.conn.Exec(ctx, r.statement(columns), []byte(r.Row))
	err = worded(err)
	if !answered(err) {
		l.lost = fmt.Errorf("the connection %s was lost: %w", l.name, err)
	}
	if err != nil {
		err = fmt.Errorf("put the row into its table: %w", err)
	}
	return destinations.Then{Error: err, ForceDiscard: ownFault(err)}
}

func (l *line) open(ctx context.Context, tk *destinations.Toolkit) error {
	c, err := tk.Connections.Open(ctx, l.name)
	if err != nil {
		return fmt.Errorf("open the connection %s: %w", l.name, err)
	}
	l.conn, err = connect(ctx, l.guard, c)
	return err
}
