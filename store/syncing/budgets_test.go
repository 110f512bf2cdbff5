package syncing_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store/syncing"
)

// No more slots are taken than an account has, by concurrent holders; those of a dead holder are free when
// they expire, and its late release frees no other's slot.
func TestSlots(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.AddSlots(b.ctx, "mailchimp:mc", 3))
	require.NoError(t, b.AddSlots(b.ctx, "mailchimp:mc", 3))
	slots, taken := make([]syncing.Slot, 8), make([]bool, 8)
	for _, err := range enginetest.AtOnce(8, func(i int) (err error) {
		slots[i], taken[i], err = b.TakeSlot(b.ctx, "mailchimp:mc", fmt.Sprint("holder ", i), 3, time.Hour)
		return err
	}) {
		require.NoError(t, err)
	}
	n := 0
	for _, ok := range taken {
		if ok {
			n++
		}
	}
	require.Equal(t, 3, n)
	dead := slices.Index(taken, true)
	b.exec(t, "UPDATE sync_slots SET expires_at = now() WHERE holder = $1", fmt.Sprint("holder ", dead))
	require.NoError(t, b.RenewSlots(b.ctx, fmt.Sprint("holder ", dead), time.Hour))
	next, ok, err := b.TakeSlot(b.ctx, "mailchimp:mc", "next", 3, time.Hour)
	require.NoError(t, err)
	require.True(t, ok, "what has expired is not renewed")
	require.Equal(t, slots[dead].Slot, next.Slot)
	require.NoError(t, b.ReleaseSlot(b.ctx, slots[dead]))
	_, ok, err = b.TakeSlot(b.ctx, "mailchimp:mc", "another", 3, time.Hour)
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, b.ReleaseSlot(b.ctx, next))
	_, ok, err = b.TakeSlot(b.ctx, "mailchimp:mc", "another", 3, time.Hour)
	require.NoError(t, err)
	require.True(t, ok)
	// A lower limit leaves the higher slots alone.
	_, ok, err = b.TakeSlot(b.ctx, "mailchimp:mc", "another", 1, time.Hour)
	require.NoError(t, err)
	require.False(t, ok)
}

// Concurrent reservations never overlap.
func TestReserveRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const spacing = time.Hour
	waits := make([]time.Duration, 6)
	for _, err := range enginetest.AtOnce(6, func(i int) (err error) {
		waits[i], _, err = b.ReserveRequests(b.ctx, "ometria:om", 2, spacing)
		return err
	}) {
		require.NoError(t, err)
	}
	slices.Sort(waits)
	for i, wait := range waits {
		require.InDelta(t, 2*i, wait.Hours(), 0.05)
	}
	require.NoError(t, b.DelayRequests(b.ctx, "ometria:om", 100*time.Hour))
	require.NoError(t, b.DelayRequests(b.ctx, "ometria:om", time.Hour))
	wait, took, err := b.ReserveRequests(b.ctx, "ometria:om", 1, spacing)
	require.NoError(t, err)
	require.InDelta(t, 100, wait.Hours(), 0.05)
	require.Positive(t, took)
}
