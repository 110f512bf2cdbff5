package destinations_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

func TestErrorClass(t *testing.T) {
	t.Parallel()
	require.NoError(t, destinations.WithClass(destinations.ErrorClassJob, nil))
	require.Empty(t, destinations.ClassOf(nil))
	require.Equal(t, destinations.ErrorClassConnection, destinations.ClassOf(errNo))
	err := fmt.Errorf("insert: %w", destinations.WithClass(destinations.ErrorClassOperator, errNo))
	require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(err))
	require.Equal(t, destinations.ErrorClassJob, destinations.ClassOf(destinations.WithClass(destinations.ErrorClassJob, err)),
		"the outermost class counts")
	require.ErrorIs(t, err, errNo)
	require.EqualError(t, err, "insert: no")
	for _, fault := range []error{connections.ErrNoKeyset, connections.ErrUnknownKey, connections.ErrSealBroken} {
		require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(fmt.Errorf("open: %w", fault)))
	}
}

// An address that the guard refuses is an operator's to allow, whatever class the destination gives the error.
func TestRefusedAddressIsOperators(t *testing.T) {
	t.Parallel()
	_, err := outbound.Guard{}.Dialer(outbound.Protected).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	require.ErrorContains(t, err, "connections.addresses")
	require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(fmt.Errorf("post: %w", err)))
	require.Equal(t, destinations.ErrorClassOperator,
		destinations.ClassOf(destinations.WithClass(destinations.ErrorClassConnection, err)))
}

// An operator's mistake keeps its job, whatever its retries, and is retried slowly; it says
// nothing about health.
func TestOperatorsMistake(t *testing.T) {
	t.Parallel()
	mistake := destinations.WithClass(destinations.ErrorClassOperator, errNo)
	for _, attempt := range []int{1, 3, 73, 500} {
		dl, _ := delivery(t, queue(1, attempt), func(_ context.Context, _ *destinations.Queue, report func(destinations.Then)) {
			report(destinations.Then{Error: mistake})
		})
		done := dl.Run(t.Context())
		require.Empty(t, done.Unhealthy)
		require.Equal(t, destinations.StateFailed, done.Outcomes[0].State, "attempt %d", attempt)
		require.GreaterOrEqual(t, done.Outcomes[0].RetryAfter, destinations.OperatorBackoff)
		require.LessOrEqual(t, done.Outcomes[0].RetryAfter, time.Hour)
	}
	dl, _ := delivery(t, queue(1, 1), func(_ context.Context, _ *destinations.Queue, report func(destinations.Then)) {
		report(destinations.Then{Error: mistake, ForceDiscard: true})
	})
	require.Equal(t, destinations.StateDiscarded, dl.Run(t.Context()).Outcomes[0].State, "who says so means it")
}
