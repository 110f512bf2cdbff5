package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// Notifications of imports are events too, which people see when they ask for them.
func TestEventListHidesNotifications(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	added, err := b.Store.Deliveries.AddEvent(enginetest.Context(t), deliverystore.NewEvent{
		Source: dispatchstore.SourceSluice, Name: "import.completed",
	})
	require.NoError(t, err)
	list := func(flags ...string) (ids []string) {
		t.Helper()
		var events []deliveryclient.Event
		b.json(t, &events, append([]string{"event", "list"}, flags...)...)
		for _, event := range events {
			ids = append(ids, event.ID)
		}
		return ids
	}
	require.ElementsMatch(t, b.events, list())
	require.ElementsMatch(t, append([]string{added.Event.ID}, b.events...), list("--notifications"))
	require.Equal(t, []string{added.Event.ID}, list("--source", dispatchstore.SourceSluice))
	require.Equal(t, "2\n", b.ok(t, "event", "list", "--count"))
	require.Equal(t, "3\n", b.ok(t, "event", "list", "--notifications", "--count"))
}

// An event cannot pretend to be one of Sluice's own.
func TestEventSendReservedSource(t *testing.T) {
	t.Parallel()
	_, s := systemWithoutWorker(t)
	for _, source := range []string{"sluice", "import"} {
		r := s.run(t, "event", "send", "--source", source, "--data", `{"text": "forged"}`, "--to", "log/write")
		require.Equal(t, exitUsage, r.code, source)
		require.Contains(t, r.err, "reserved for Sluice's own events: want another name", source)
	}
	require.Equal(t, "0\n", s.ok(t, "event", "list", "--notifications", "--count"))
}
