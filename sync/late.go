package sync

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// LateError is an error of the later validation of a target that accepts records before it validates them. It names
// a place in a record, and no record.
type LateError struct {
	Message string `json:"message"`
	Path    string `json:"path,omitempty"`
}

// String returns the message with the place.
func (e LateError) String() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Message + " at " + e.Path
}

// Auditor is the ability of a writer to return the errors of its target's later validation.
type Auditor interface {
	// Account identifies the account whose records are validated, in at most 200 bytes.
	Account() string
	// Settle returns how long the target takes to validate a record.
	Settle() time.Duration
	// LateErrors returns the latest errors of the account, at most limit. Their texts have no personal data.
	LateErrors(ctx context.Context) (latest []LateError, limit int, err error)
}

// NewErrors returns the errors of a list that were not in it before. Both lists have the latest errors in order,
// at most limit; the order may be either. exact is false if there may be more, because equal errors cannot be
// distinguished, or because none of the errors before is left.
func NewErrors(before, now []LateError, limit int) (fresh []LateError, exact bool) {
	n, exact := newest(before, now, limit)
	if n < len(now) || exact {
		return now[:n], exact
	}
	// None of them follows the others: the newest may be the last one.
	backwards := func(all []LateError) []LateError {
		all = slices.Clone(all)
		slices.Reverse(all)
		return all
	}
	n, exact = newest(backwards(before), backwards(now), limit)
	return now[len(now)-n:], exact
}

// newest returns the number of new errors of lists that have the newest error first.
func newest(before, now []LateError, limit int) (n int, exact bool) {
	if len(now) < limit && len(now) >= len(before) && slices.Equal(now[len(now)-len(before):], before) {
		// Nothing has left the list.
		return len(now) - len(before), true
	}
	var possible []int
	for n := range now {
		kept := min(len(now)-n, len(before))
		if kept > 0 && n+kept == len(now) && slices.Equal(now[n:], before[:kept]) {
			possible = append(possible, n)
		}
	}
	if len(possible) == 0 {
		return len(now), false
	}
	return possible[0], len(possible) == 1
}

// ErrorCount is a number of equal errors.
type ErrorCount struct {
	LateError
	Count int `json:"count"`
}

// MaxErrorCounts bounds the result of CountErrors.
const MaxErrorCounts = 20

// CountErrors counts equal errors, the most frequent first, at most MaxErrorCounts.
func CountErrors(all []LateError) []ErrorCount {
	numbers := map[LateError]int{}
	for _, e := range all {
		numbers[e]++
	}
	counts := make([]ErrorCount, 0, len(numbers))
	for e, n := range numbers {
		counts = append(counts, ErrorCount{LateError: e, Count: n})
	}
	slices.SortFunc(counts, func(a, b ErrorCount) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return counts[:min(len(counts), MaxErrorCounts)]
}
