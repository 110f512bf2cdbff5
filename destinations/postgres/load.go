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

// close closes the connections, also after a cancelled load.
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
	err := l.upsert(ctx, r, columns)
	if !answered(err) {
		l.lost = fmt.Errorf("the connection %s was lost: %w", l.name, err)
	}
	if err != nil {
		err = fmt.Errorf("put the row into the table %s of the connection %s: %w", r.Table, l.name, err)
	}
	return destinations.Then{Error: destinations.WithClass(class(err), err), ForceDiscard: ownFault(err)}
}

func (l *line) open(ctx context.Context, tk *destinations.Toolkit) error {
	c, err := tk.Connections.Open(ctx, l.name)
	if err != nil {
		return fmt.Errorf("open the connection %s: %w", l.name, err)
	}
	l.conn, err = connect(ctx, l.guard, c)
	return err
}

// upsert runs the statement. That it ends without an error is no proof: a row counts as put in
// its place if the database says that it has inserted or updated one, or if the row is there.
func (l *line) upsert(ctx context.Context, r Row, columns []string) error {
	tag, err := l.conn.Exec(ctx, r.statement(columns), []byte(r.Row))
	if err != nil {
		return worded(err)
	}
	if tag.RowsAffected() > 0 {
		return nil
	}
	var changed []string
	var there bool
	if err := l.conn.QueryRow(ctx, r.settling(columns), []byte(r.Row)).Scan(&changed, &there); err != nil {
		return fmt.Errorf("look for a row that the statement did not put: %w", worded(err))
	}
	switch {
	case len(changed) > 0:
		return &refusal{code: codeChanged, text: fmt.Sprintf(
			"the type of the column %q would change the value: want one that the column can hold as it is", changed[0])}
	case !there:
		return &refusal{code: codeLeftOut, text: "the statement put no row, and gave no error: a trigger leaves it out"}
	default:
		return nil
	}
}
