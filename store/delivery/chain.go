package delivery

import (
	"fmt"
	"slices"
	"strings"
)

// MaxChain is the maximum number of jobs in a chain, not counting the first. The database has the same
// limit.
const MaxChain = 8

// lineage returns the actions before a chained job. The error is ErrChain if there are too many, or if
// the job's action is among them: such a chain would not end.
func lineage(parent Job, n NewJob) ([]string, error) {
	behind := append(slices.Clone(parent.Lineage), parent.Action)
	switch {
	case n.Destination != parent.Destination:
		return nil, fmt.Errorf("job %s of %s chains a job of %s: want a job of the same destination: %w",
			parent.ID, parent.Destination, n.Destination, ErrChain)
	case slices.Contains(behind, n.Action):
		return nil, fmt.Errorf("%s -> %s is a cycle: %w", strings.Join(behind, " -> "), n.Action, ErrChain)
	case len(behind) > MaxChain:
		return nil, fmt.Errorf("%s -> %s: want at most %d jobs after the first of a chain: %w",
			strings.Join(behind, " -> "), n.Action, MaxChain, ErrChain)
	}
	return behind, nil
}
