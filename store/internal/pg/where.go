package pg

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Where collects the conditions of a query. Each filter has its own statement instead of one with
// disabled conditions, so that PostgreSQL can choose an index. Values are parameters: no text of a
// filter becomes part of a statement. The zero value has no condition.
type Where struct {
	conditions []string
	// Args are the parameters of the statement, in their order.
	Args []any
}

// Add adds a condition with a value, which is written as $.
func (w *Where) Add(condition string, value any) {
	w.Args = append(w.Args, value)
	w.conditions = append(w.conditions, strings.Replace(condition, "$", fmt.Sprintf("$%d", len(w.Args)), 1))
}

// AddPlain adds a condition without a value.
func (w *Where) AddPlain(condition string) { w.conditions = append(w.conditions, condition) }

// AddText adds a condition unless the text is empty.
func (w *Where) AddText(condition, text string) {
	if text != "" {
		w.Add(condition, text)
	}
}

// AddTime adds a condition unless the time is zero.
func (w *Where) AddTime(condition string, t time.Time) {
	if !t.IsZero() {
		w.Add(condition, t)
	}
}

// AddIn adds conditions that include or exclude values of a column; empty lists add none.
func (w *Where) AddIn(column string, in, notIn []string) {
	switch {
	case len(in) == 1:
		// With an equality the index also provides the order.
		w.Add(column+" = $", in[0])
	case len(in) > 1:
		w.Add(column+" = ANY ($::text[])", in)
	}
	if len(notIn) > 0 {
		w.Add(column+" <> ALL ($::text[])", notIn)
	}
}

// Inner returns conditions of a subquery, which continues the parameters of w. AddExists adds it to w.
func (w *Where) Inner(join string) Where {
	return Where{Args: w.Args, conditions: []string{join}}
}

// AddExists adds the condition that the subquery of a table with the conditions of Inner has a row.
func (w *Where) AddExists(from string, inner Where) {
	w.Args = inner.Args
	w.conditions = append(w.conditions, "EXISTS (SELECT 1 FROM "+from+inner.String()+")")
}

// Clone returns an independent copy without the last n parameters, which belong to no condition, such as that of
// Limited.
func (w *Where) Clone(n int) Where {
	return Where{Args: slices.Clone(w.Args[:len(w.Args)-n]), conditions: slices.Clone(w.conditions)}
}

// String returns the WHERE clause.
func (w *Where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// Limited returns a LIMIT clause, whose value becomes the last parameter.
func (w *Where) Limited(n int32) string {
	w.Args = append(w.Args, n)
	return fmt.Sprintf(" LIMIT $%d", len(w.Args))
}
