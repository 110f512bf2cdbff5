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
