package sync_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
)

// fetcherFunc fetches records by a function.
type fetcherFunc func() (sync.Page, error)

func (f fetcherFunc) Fetch(context.Context, string, string) (sync.Page, error) { return f() }

// An address that the guard refuses stays refused until the settings change: it is called once, and the error names
// the setting, whatever class the reader gives it.
func TestRefusedAddressIsNotRetried(t *testing.T) {
	t.Parallel()
	_, refused := outbound.NewGuard("mailchimp", outbound.Rule{}, outbound.Rule{}).Dialer(outbound.Protected).
		DialContext(t.Context(), "tcp", "127.0.0.1:1")
	require.Error(t, refused)
	for _, fault := range []error{
		refused, &sync.Error{Class: sync.ClassUnavailable, Err: fmt.Errorf("read members: %w", refused), RetryAfter: time.Second},
	} {
		require.Equal(t, sync.ClassPermanent, sync.ClassOf(fault))
		calls := 0
		r := sync.Retry{
			Fetcher: fetcherFunc(func() (sync.Page, error) { calls++; return sync.Page{}, fault }),
			Writer:  &target{}, Mapping: sync.Identity(), List: "a",
			Wait: func(context.Context, time.Duration) error { t.Error("the call waits for another attempt"); return nil },
		}
		_, err := r.Do(t.Context(), []string{"k"})
		require.ErrorContains(t, err, "connections.addresses")
		require.Equal(t, 1, calls)
	}
}
