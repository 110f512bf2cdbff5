package killtest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// automaticMoves are the moves of a job's state that need no person.
var automaticMoves = map[string][]string{
	deliverystore.JobAcknowledged: {deliverystore.JobExecuting},
	deliverystore.JobAwaiting:     {deliverystore.JobExecuting},
	deliverystore.JobExecuting: {
		deliverystore.JobSucceeded, deliverystore.JobFailed, deliverystore.JobDiscarded, deliverystore.JobUnknown, deliverystore.JobAwaiting,
	},
	deliverystore.JobFailed:  {deliverystore.JobExecuting},
	deliverystore.JobUnknown: {deliverystore.JobExecuting, deliverystore.JobSucceeded, deliverystore.JobDiscarded},
}

// path is what a job has been through, by the lines of its history.
type path struct {
	// claimed is how often it was taken for a load, untried how often that did not get to it,
	// failed and unknown how often it ended so.
	claimed, untried, failed, unknown int
}

// pathOf follows the history of a job to the state that it is in.
func pathOf(history []deliverystore.Transition, job deliverystore.Job) (p path, err error) {
	state, attempt := "", int32(0)
	for i, line := range history {
		switch {
		case i == 0 && (line.StateBefore != nil || line.StateAfter != deliverystore.JobAcknowledged || line.Attempt != 0):
			return p, fmt.Errorf("job %s begins as %s, attempt %d", job.ID, line.StateAfter, line.Attempt)
		case i > 0 && (line.StateBefore == nil || *line.StateBefore != state):
			return p, fmt.Errorf("line %d of job %s does not continue from %s", i+1, job.ID, state)
		case i > 0 && !slices.Contains(automaticMoves[state], line.StateAfter):
			return p, fmt.Errorf("job %s went from %s to %s", job.ID, state, line.StateAfter)
		}
		switch state = line.StateAfter; state {
		case deliverystore.JobExecuting:
			p.claimed++
			attempt++
		case deliverystore.JobAwaiting:
			p.untried++
			attempt--
		case deliverystore.JobFailed:
			p.failed++
		case deliverystore.JobUnknown:
			p.unknown++
		}
		if line.Attempt != attempt {
			return p, fmt.Errorf("line %d of job %s is of attempt %d: want %d", i+1, job.ID, line.Attempt, attempt)
		}
	}
	if state != job.State || attempt != job.Attempt {
		return p, fmt.Errorf("job %s is %s after %d attempts, but %s after %d by its history",
			job.ID, job.State, job.Attempt, state, attempt)
	}
	return p, nil
}

// path reads the job of an event and its history, and compares both with each other and with
// what the event's number says and the endpoint has seen.
func (d *courier) path(ctx context.Context, number int, id string, seen delivered) (path, error) {
	job, err := d.store.Deliveries.Job(ctx, id)
	if err != nil {
		return path{}, err
	}
	history, err := d.store.Deliveries.TransitionsOf(ctx, id)
	if err != nil {
		return path{}, err
	}
	p, err := pathOf(history, job)
	least := mustTake(number)
	switch {
	case err != nil:
		return p, err
	case job.State != endOf(number):
		return p, fmt.Errorf("event %d, %+v, ended as %s: %s", number, ailmentOf(number), job.State, job.LastError)
	case seen.id != id:
		return p, fmt.Errorf("event %d was delivered as %q, and has the job %s", number, seen.id, id)
	case seen.taken < least || least == 0 && seen.taken > 0:
		return p, fmt.Errorf("event %d, %+v, was taken %d times", number, ailmentOf(number), seen.taken)
	case seen.requests > p.claimed-p.untried:
		return p, fmt.Errorf("event %d came %d times in %d attempts", number, seen.requests, p.claimed-p.untried)
	case seen.taken > 1+p.failed+p.unknown:
		// A repeated delivery requires a failed or an unknown outcome in the history.
		return p, fmt.Errorf("event %d was taken %d times: its job has failed %d times and was unknown %d times",
			number, seen.taken, p.failed, p.unknown)
	}
	return p, nil
}

func TestPathOf(t *testing.T) {
	t.Parallel()
	const executing, succeeded = deliverystore.JobExecuting, deliverystore.JobSucceeded
	line := func(before, after string, attempt int32) deliverystore.Transition {
		tr := deliverystore.Transition{StateAfter: after, Attempt: attempt}
		if before != "" {
			tr.StateBefore = &before
		}
		return tr
	}
	begun := line("", deliverystore.JobAcknowledged, 0)
	first := line(deliverystore.JobAcknowledged, executing, 1)
	for name, test := range map[string]struct {
		history []deliverystore.Transition
		job     deliverystore.Job
		want    string
	}{
		"at once": {[]deliverystore.Transition{begun, first, line(executing, succeeded, 1)}, deliverystore.Job{State: succeeded, Attempt: 1}, ""},
		"untried, then unknown, then late": {[]deliverystore.Transition{
			begun, first, line(executing, deliverystore.JobAwaiting, 0), line(deliverystore.JobAwaiting, executing, 1),
			line(executing, deliverystore.JobUnknown, 1), line(deliverystore.JobUnknown, succeeded, 1),
		}, deliverystore.Job{State: succeeded, Attempt: 1}, ""},
		"no beginning": {[]deliverystore.Transition{first}, deliverystore.Job{}, "begins as executing"},
		"a gap":        {[]deliverystore.Transition{begun, line(deliverystore.JobFailed, executing, 1)}, deliverystore.Job{}, "does not continue from acknowledged"},
		"a leap":       {[]deliverystore.Transition{begun, line(deliverystore.JobAcknowledged, succeeded, 0)}, deliverystore.Job{}, "went from acknowledged to succeeded"},
		"miscounted":   {[]deliverystore.Transition{begun, line(deliverystore.JobAcknowledged, executing, 2)}, deliverystore.Job{}, "is of attempt 2: want 1"},
		"another end":  {[]deliverystore.Transition{begun, first}, deliverystore.Job{State: succeeded, Attempt: 1}, "but executing after 1 by its history"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pathOf(test.history, test.job)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}
