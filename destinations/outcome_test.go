package destinations_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// next makes entries of what follows.
func next(actions ...string) (all []destinations.Next) {
	for _, a := range actions {
		all = append(all, destinations.Next{Action: a})
	}
	return all
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	type then = destinations.Then
	follows := then{OnSucceeded: next("s"), OnFailed: next("f"), OnDiscarded: next("d", "e")}
	with := func(change func(t *then)) then {
		t := follows
		change(&t)
		return t
	}
	const succeeded, failed, discarded = destinations.StateSucceeded, destinations.StateFailed, destinations.StateDiscarded
	const unknown, awaiting = destinations.StateUnknown, destinations.StateAwaiting
	for name, test := range map[string]struct {
		reports []then
		attempt int
		retries uint16
		// states of the jobs a, b and c, and what follows a.
		states [3]destinations.State
		next   []destinations.Next
		faults int
	}{
		"nothing reported":       {nil, 1, 3, [3]destinations.State{unknown, unknown, unknown}, nil, 0},
		"all succeeded":          {[]then{follows}, 1, 3, [3]destinations.State{succeeded, succeeded, succeeded}, next("s"), 0},
		"empty list is all":      {[]then{{Jobs: []string{}}}, 1, 3, [3]destinations.State{succeeded, succeeded, succeeded}, nil, 0},
		"all failed":             {[]then{with(func(t *then) { t.Error = errNo })}, 1, 3, [3]destinations.State{failed, failed, failed}, next("f"), 0},
		"last retry but one":     {[]then{with(func(t *then) { t.Error = errNo })}, 3, 3, [3]destinations.State{failed, failed, failed}, next("f"), 0},
		"last retry":             {[]then{with(func(t *then) { t.Error = errNo })}, 4, 3, [3]destinations.State{discarded, discarded, discarded}, next("d", "e"), 0},
		"no retries":             {[]then{{Error: errNo}}, 1, 0, [3]destinations.State{discarded, discarded, discarded}, nil, 0},
		"success at last":        {[]then{{}}, 4, 3, [3]destinations.State{succeeded, succeeded, succeeded}, nil, 0},
		"discarded by force":     {[]then{with(func(t *then) { t.Error, t.ForceDiscard = errNo, true })}, 1, 3, [3]destinations.State{discarded, discarded, discarded}, next("d", "e"), 0},
		"force without error":    {[]then{with(func(t *then) { t.ForceDiscard = true })}, 1, 3, [3]destinations.State{discarded, discarded, discarded}, next("d", "e"), 1},
		"one by one":             {[]then{{Jobs: []string{"a"}}, {Jobs: []string{"b"}, Error: errNo}, {Jobs: []string{"c"}, Error: errNo, ForceDiscard: true}}, 1, 3, [3]destinations.State{succeeded, failed, discarded}, nil, 0},
		"one is left out":        {[]then{{Jobs: []string{"a", "c"}}}, 1, 3, [3]destinations.State{succeeded, unknown, succeeded}, nil, 0},
		"named, then all":        {[]then{{Jobs: []string{"a"}, Error: errNo}, {}}, 1, 3, [3]destinations.State{failed, succeeded, succeeded}, nil, 0},
		"all, then named":        {[]then{{Error: errNo}, {Jobs: []string{"b"}}}, 1, 3, [3]destinations.State{failed, succeeded, failed}, nil, 0},
		"named twice":            {[]then{{Jobs: []string{"a"}, Error: errNo}, {Jobs: []string{"a"}}}, 1, 3, [3]destinations.State{succeeded, unknown, unknown}, nil, 0},
		"named twice, worse":     {[]then{{Jobs: []string{"a"}}, {Jobs: []string{"a", "a"}, Error: errNo}}, 1, 3, [3]destinations.State{failed, unknown, unknown}, nil, 0},
		"all twice":              {[]then{{}, {Error: errNo}}, 1, 3, [3]destinations.State{failed, failed, failed}, nil, 0},
		"a stranger":             {[]then{{Jobs: []string{"x"}}}, 1, 3, [3]destinations.State{unknown, unknown, unknown}, nil, 1},
		"a stranger among":       {[]then{{Jobs: []string{"x", "a"}}}, 1, 3, [3]destinations.State{succeeded, unknown, unknown}, nil, 1},
		"unknown":                {[]then{with(func(t *then) { t.Error, t.Unknown = errNo, true })}, 9, 3, [3]destinations.State{unknown, unknown, unknown}, nil, 0},
		"unknown without error":  {[]then{{Unknown: true}}, 1, 3, [3]destinations.State{unknown, unknown, unknown}, nil, 1},
		"untried":                {[]then{with(func(t *then) { t.Error, t.Untried = errNo, true })}, 9, 3, [3]destinations.State{awaiting, awaiting, awaiting}, nil, 0},
		"unknown and untried":    {[]then{{Error: errNo, Unknown: true, Untried: true}}, 1, 3, [3]destinations.State{unknown, unknown, unknown}, nil, 1},
		"unknown and discarded":  {[]then{{Error: errNo, Unknown: true, ForceDiscard: true}}, 1, 3, [3]destinations.State{unknown, unknown, unknown}, nil, 1},
		"untried and discarded":  {[]then{{Error: errNo, Untried: true, ForceDiscard: true}}, 1, 3, [3]destinations.State{awaiting, awaiting, awaiting}, nil, 1},
		"wait without error":     {[]then{{RetryAfter: time.Second}}, 1, 3, [3]destinations.State{succeeded, succeeded, succeeded}, nil, 1},
		"wait below zero":        {[]then{{Error: errNo, RetryAfter: -1}}, 1, 3, [3]destinations.State{failed, failed, failed}, nil, 1},
		"wait":                   {[]then{{Error: errNo, RetryAfter: time.Second}}, 1, 3, [3]destinations.State{failed, failed, failed}, nil, 0},
		"nothing follows others": {[]then{with(func(t *then) { t.Error, t.OnFailed = errNo, nil })}, 1, 3, [3]destinations.State{failed, failed, failed}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := queue(3, test.attempt)
			o := destinations.OutcomeOf(q, test.reports, test.retries)
			require.Len(t, o.Results, 3)
			for _, r := range o.Results {
				require.Equal(t, test.states[r.Job.ID[0]-'a'], r.State, r.Job.ID)
				require.Equal(t, r.State == destinations.StateSucceeded, r.Error == nil, r.Job.ID)
			}
			require.Equal(t, test.next, o.Results[0].Next)
			require.Len(t, o.Faults, test.faults)
		})
	}
}

func TestOutcomeWaits(t *testing.T) {
	t.Parallel()
	for want, asked := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, destinations.MaxRetryAfter: 30 * 24 * time.Hour,
	} {
		o := destinations.OutcomeOf(queue(1, 1), []destinations.Then{{Error: errNo, RetryAfter: asked}}, 3)
		require.Equal(t, want, o.Results[0].RetryAfter)
	}
	require.Empty(t, destinations.OutcomeOf(&destinations.Queue{}, []destinations.Then{{}}, 3).Results)
}

func TestUnhealthy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reports []destinations.Then
		failed  bool
	}{
		"all well":             {[]destinations.Then{{}}, false},
		"some well":            {[]destinations.Then{{Error: errNo}, {Jobs: []string{"a"}}}, false},
		"all failed":           {[]destinations.Then{{Error: errNo}}, true},
		"unknown":              {nil, true},
		"the jobs' own fault":  {[]destinations.Then{{Error: errNo, ForceDiscard: true}}, false},
		"an answer about jobs": {[]destinations.Then{{Error: destinations.WithClass(destinations.ErrorClassJob, errNo)}}, false},
		"an operator's mistake": {
			[]destinations.Then{{Error: destinations.WithClass(destinations.ErrorClassOperator, errNo)}}, false,
		},
		"nothing was tried":    {[]destinations.Then{{Error: errNo, Untried: true}}, false},
		"one failed, one held": {[]destinations.Then{{Error: errNo, Untried: true}, {Jobs: []string{"b"}, Error: errNo}}, true},
	} {
		o := destinations.OutcomeOf(queue(2, 1), test.reports, 3)
		require.Equal(t, test.failed, len(o.Evidence().Failed) > 0, name)
	}
}

func TestQueue(t *testing.T) {
	t.Parallel()
	q := queue(5, 2)
	require.Equal(t, 5, q.Len())
	require.Len(t, q.Events, 2)
	require.Equal(t, []string{"a", "c", "e", "b", "d"}, q.IDs())
	require.Equal(t, "1", q.Events[0].Event.ID)
	require.Equal(t, 2, q.Events[0].Jobs[0].Attempt)
	for job := range q.Jobs() {
		require.Equal(t, "a", job.ID)
		break
	}
}
