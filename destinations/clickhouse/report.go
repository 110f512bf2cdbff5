package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/destinations"
)

// over says whether no more is sent, and reports it.
func (r *run) over(ctx context.Context, rows []queued) bool {
	err := r.lost
	if ctx.Err() != nil {
		err = errors.New("the load was stopped before the jobs' turn")
	}
	if err != nil && len(rows) > 0 {
		r.report(destinations.Then{Jobs: ids(rows), Untried: true, Error: err, RetryAfter: retryAfter(err)})
	}
	return err != nil
}

func (r *run) accept(jobs []string) {
	if len(jobs) > 0 {
		r.accepted = true
		r.report(destinations.Then{Jobs: jobs})
	}
}

// about puts an error in words that name the table.
func (r *run) about(err error) error {
	return fmt.Errorf("table %s of the connection %s: %w", r.to.table, r.to.connection, err)
}

// kept reports rows that an operator's mistake keeps from the table.
func (r *run) kept(rows []queued, err error) {
	err = destinations.WithClass(destinations.ErrorClassOperator, r.about(err))
	r.report(destinations.Then{Jobs: ids(rows), Error: err})
}

// failed reports rows that are to be tried again.
func (r *run) failed(rows []queued, err error, f *fault) {
	err = destinations.WithClass(f.class(), r.about(err))
	r.report(destinations.Then{Jobs: ids(rows), Error: err, RetryAfter: retryAfter(f)})
}

// refusedAll reports rows of a table that accepts none.
func (r *run) refusedAll(rows []queued, f *fault) {
	if !r.warned {
		r.log.Warn("the table accepts no row", "error", f)
	}
	r.warned = true
	r.failed(rows, fmt.Errorf("%w, and accepted no row of the table", f), f)
}

func (r *run) unknown(rows []queued, err error) {
	if len(rows) > 0 {
		r.report(destinations.Then{Jobs: ids(rows), Unknown: true, Error: r.about(err)})
	}
}

// lose reports rows whose request has failed, and ends the run if it was for the connection.
func (r *run) lose(rows []queued, err error) {
	if len(rows) == 0 {
		return
	}
	var f *fault
	if errors.As(err, &f) && f.code != 0 {
		r.failed(rows, err, f)
		return
	}
	err = r.about(err)
	if f != nil {
		// Another server has answered, about all rows: they are retried in any case.
		_, err = destinations.JudgeAnswer(f.status, err)
	}
	r.lost = err
	then := destinations.Then{Jobs: ids(rows), Error: err, RetryAfter: retryAfter(err)}
	var silent *unanswered
	then.Unknown = errors.As(err, &silent) && silent.sent
	r.report(then)
}

func retryAfter(err error) time.Duration {
	if f, ok := errors.AsType[*fault](err); ok {
		return min(f.retryAfter, destinations.MaxRetryAfter)
	}
	return 0
}

func discarded(id string, err error) destinations.Then {
	return destinations.Then{
		Jobs: []string{id}, Error: destinations.WithClass(destinations.ErrorClassJob, err), ForceDiscard: true,
	}
}
