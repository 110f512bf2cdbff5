package ingesting_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/sluicehq/sluice/activities/ingesting"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/enginetest"
	secrets "github.com/sluicehq/sluice/internal/ingesting"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// The salts of a day are created once, those of the days before yesterday go, and a worker without a key set tries again.
func TestRotate(t *testing.T) {
	t.Parallel()
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s, _ := enginetest.OpenStore(t)
	rows, clock := ingeststore.New(s), time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	rotate := func(keyset string) (done ingesting.Rotation, err error) {
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
		env := suite.NewTestActivityEnvironment()
		salts := &ingesting.Salts{
			Secrets: secrets.NewSecrets(rows, &connections.Connections{
				Store: deliverystore.New(s, nil), Vault: connections.NewVault(connections.VaultConfig{Keyset: keyset}),
			}),
			Now: func() time.Time { return clock },
		}
		env.RegisterActivity(salts.Rotate)
		value, err := env.ExecuteActivity(salts.Rotate)
		if err == nil {
			err = value.Get(&done)
		}
		return done, err
	}
	_, err = rotate("")
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.False(t, app.NonRetryable(), "an operator adds the key set")
	require.Contains(t, app.Message(), "no key set")
	for i, deleted := range []int64{0, 0, 0, 1, 1} {
		done, err := rotate(string(text))
		require.NoError(t, err)
		require.Equal(t, ingesting.Rotation{Today: calendar.DayOf(clock), Deleted: deleted}, done, i)
		if i > 0 {
			clock = clock.AddDate(0, 0, 1)
		}
	}
}
