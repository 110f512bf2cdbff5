package store

import (
	"fmt"
	"slices"
	"strings"
)

// MaxChain is how many jobs can stand in a row in which each was made by the outcome of
// the one before, behind the first. The database knows it too.
const MaxChain = 8

// lineage returns the actions on the way to a job that the outcome of another one makes.
// The error is ErrChain if there are too many, or if the action is one of them: an
// action that follows from itself would never end.
func lineage(parent Job, n NewJob) ([]string, error) {
	behind := append(slices.Clone(parent.Lineage), parent.Action)
	switch {
	case n.Destination != parent.Destination:
		return nil, fmt.Errorf("job %s of %s makes one of %s: an outcome's jobs are of the same destination: %w",
			parent.ID, parent.Destination, n.Destination, ErrChain)
	case slices.Contains(behind, n.Action):
		return nil, fmt.Errorf("%s -> %s goes in a circle: %w", strings.Join(behind, " -> "), n.Action, ErrChain)
	case len(behind) > MaxChain:
		return nil, fmt.Errorf("%s -> %s: there are %d jobs at most in a chain behind the first: %w",
			strings.Join(behind, " -> "), n.Action, MaxChain, ErrChain)
	}
	return behind, nil
}
