package killtest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
)

// nobodysMoves are the moves of a job's state that need no person.
var nobodysMoves = map[string][]string{
	store.JobAcknowledged: {store.JobExecuting},
	store.JobAwaiting:     {store.JobExecuting},
	store.JobExecuting: {
		store.JobSucceeded, store.JobFailed, store.JobDiscarded, store.JobUnknown, store.JobAwaiting,
	},
	store.JobFailed:  {store.JobExecuting},
	store.JobUnknown: {store.JobExecuting, store.JobSucceeded, store.JobDiscarded},
}

// path is what a job has been through, by the lines of its history.
type path struct {
	// claimed is how often it was taken for a load, untried how often that did not get to it,
	// failed and unknown how often it ended so.
	claimed, untried, failed, unknown int
}

// pathOf follows the history of a job to the state that it is in.
func pathOf(history []store.Transition, job store.Job) (p path, err error) {
	state, attempt := "", int32(0)
	for i, line := range history {
		switch {
		case i == 0 && (line.StateBefore != nil || line.StateAfter != store.JobAcknowledged || line.Attempt != 0):
			return p, fmt.Errorf("job %s begins as %s, attempt %d", job.ID, line.StateAfter, line.Attempt)
		case i > 0 && (line.StateBefore == nil || *line.StateBefore != state):
			return p, fmt.Errorf("line %d of job %s does not continue from %s", i+1, job.ID, state)
		case i > 0 && !slices.Contains(nobodysMoves[state], line.StateAfter):
			return p, fmt.Errorf("job %s went from %s to %s", job.ID, state, line.StateAfter)
		}
		switch state = line.StateAfter; state {
		case store.JobExecuting:
			p.claimed++
			attempt++
		case store.JobAwaiting:
			p.untried++
			attempt--
		case store.JobFailed:
			p.failed++
		case store.JobUnknown:
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
	job, err := d.store.Job(ctx, id)
	if err != nil {
		return path{}, err
	}
	history, err := d.store.TransitionsOf(ctx, id)
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
	const executing, succeeded = store.JobExecuting, store.JobSucceeded
	line := func(before, after string, attempt int32) store.Transition {
		tr := store.Transition{StateAfter: after, Attempt: attempt}
		if before != "" {
			tr.StateBefore = &before
		}
		return tr
	}
	begun := line("", store.JobAcknowledged, 0)
	first := line(store.JobAcknowledged, executing, 1)
	for name, test := range map[string]struct {
		history []store.Transition
		job     store.Job
		want    string
	}{
		"at once": {[]store.Transition{begun, first, line(executing, succeeded, 1)}, store.Job{State: succeeded, Attempt: 1}, ""},
		"untried, then unknown, then late": {[]store.Transition{
			begun, first, line(executing, store.JobAwaiting, 0), line(store.JobAwaiting, executing, 1),
			line(executing, store.JobUnknown, 1), line(store.JobUnknown, succeeded, 1),
		}, store.Job{State: succeeded, Attempt: 1}, ""},
		"no beginning": {[]store.Transition{first}, store.Job{}, "begins as executing"},
		"a gap":        {[]store.Transition{begun, line(store.JobFailed, executing, 1)}, store.Job{}, "does not continue from acknowledged"},
		"a leap":       {[]store.Transition{begun, line(store.JobAcknowledged, succeeded, 0)}, store.Job{}, "went from acknowledged to succeeded"},
		"miscounted":   {[]store.Transition{begun, line(store.JobAcknowledged, executing, 2)}, store.Job{}, "is of attempt 2: want 1"},
		"another end":  {[]store.Transition{begun, first}, store.Job{State: succeeded, Attempt: 1}, "but executing after 1 by its history"},
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
