package importtest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/internal/enginetest"
)

// Outages is a bundle whose databases have outages, none of which has begun.
type Outages struct {
	*Bundle
	OfStore     *enginetest.StoreOutage
	OfWarehouse *enginetest.WarehouseOutage
}

// SetupOutages returns a bundle with outages.
func SetupOutages(t *testing.T) *Outages {
	t.Helper()
	o := &Outages{
		OfStore:     enginetest.NewStoreOutage(t, enginetest.MigratedStoreDSN(t)),
		OfWarehouse: enginetest.NewWarehouseOutage(t, enginetest.WarehouseDSN(t)),
	}
	w := o.OfWarehouse.Open(t)
	require.NoError(t, w.Migrate(enginetest.Context(t)))
	o.Bundle = setupOn(t, o.OfStore.Open(t), w)
	return o
}

// Meet executes an activity during outages that begin at each of its requests. It must fail with an error that
// Temporal retries, and succeed afterwards.
func (b *Bundle) Meet(t *testing.T, outage *enginetest.Outage, fn, arg any) {
	t.Helper()
	outage.Meet(t, func() error {
		_, err := b.Env.ExecuteActivity(fn, arg)
		return err
	}, func(n int, err error) {
		var app *temporal.ApplicationError
		require.ErrorAsf(t, err, &app, "outage at request %d", n)
		require.Falsef(t, app.NonRetryable(), "outage at request %d: %s", n, app)
	})
}
