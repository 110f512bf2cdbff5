// Package synctest has what tests of readers and writers share.
package synctest

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/sync"
)

// Budgets have no limits: every call is granted at once.
type Budgets struct{}

var _ sync.Budgets = Budgets{}

// Account returns the kind: all secrets have one account.
func (Budgets) Account(kind string, _ ...string) string { return kind }

// Slot grants a connection.
func (Budgets) Slot(context.Context, string, int) (release func(), err error) { return func() {}, nil }

// Request grants a request.
func (Budgets) Request(context.Context, string, float64) error { return nil }

// Delay delays nothing.
func (Budgets) Delay(context.Context, string, time.Duration) error { return nil }

// Exhausted are budgets without a free connection: Slot waits for one until the end of its context.
type Exhausted struct{ Budgets }

// Slot waits, and returns the error of the context.
func (Exhausted) Slot(ctx context.Context, _ string, _ int) (release func(), err error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
