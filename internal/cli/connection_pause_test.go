package cli

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// The health of a connection is seen where connections and destinations are, and people open
// and close its circuit.
func TestConnectionHealth(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	ctx := enginetest.Context(t)
	b.shell, _ = withKinds(t, b.shell)
	b.ok(t, "connection", "add", "ops", "--kind", "example", "--secret", "token=env:TOKEN")
	require.Regexp(t, `(?m)^ops +example +healthy `, b.ok(t, "connection", "list"))
	require.Regexp(t, `(?m)^Health +healthy$`, b.ok(t, "connection", "show", "ops"))
	_, err := b.Store.Deliveries.AddEvent(ctx, deliverystore.NewEvent{Source: "shop", Jobs: []deliverystore.NewJob{
		{Destination: "webhook", Action: "post", Data: json.RawMessage(`{"connection": "ops"}`)},
	}})
	require.NoError(t, err)
	b.ok(t, "job", "edit", b.log, "--data", `{"text": "x", "connection": "typo"}`)
	require.Regexp(t, `(?m)^typo +missing +1 +1 `, b.ok(t, "destination", "show", "log"))
	for i := range 5 {
		e := deliverystore.Evidence{Failed: []string{fmt.Sprint(i)}, Reason: "the endpoint answered 503"}
		_, err := b.Store.Deliveries.NoteEvidence(ctx, "ops", e, deliverystore.CircuitRule{})
		require.NoError(t, err)
	}
	require.Regexp(t, `(?m)^ops +example +open `, b.ok(t, "connection", "list"))
	require.Regexp(t, `(?m)^Health +circuit open until 2.* after 5 consecutive failures: the endpoint answered 503$`,
		b.ok(t, "connection", "show", "ops"))
	require.Regexp(t, `(?m)^webhook +Webhook +circuit partly open `, b.ok(t, "destination", "list"))

	require.Equal(t, "paused connection ops; resume it with `sluice connection resume ops`\n",
		b.ok(t, "connection", "pause", "ops", "--by", "ann", "--reason", "moving"))
	var info connections.Info
	b.json(t, &info, "connection", "show", "ops")
	require.Equal(t, deliverystore.ConnectionPaused, info.Health.State)
	require.WithinDuration(t, time.Now(), *info.Health.PausedAt, time.Minute)
	var view deliveryclient.Destination
	b.json(t, &view, "destination", "show", "webhook")
	require.Len(t, view.Connections, 2)
	require.Equal(t, "ops", view.Connections[1].Connection)
	require.Equal(t, "ann", view.Connections[1].PausedBy)
	require.EqualValues(t, 1, view.Connections[1].Due)
	require.Regexp(t, `(?m)^ops +paused +1 +1 +5 .*paused by ann: moving$`, b.ok(t, "destination", "show", "webhook"))

	require.Equal(t, "resumed connection ops; its jobs are retried now\n", b.ok(t, "connection", "resume", "ops"))
	b.json(t, &info, "connection", "show", "ops")
	require.Equal(t, deliverystore.ConnectionHalfOpen, info.Health.State)
	for _, verb := range []string{"pause", "resume"} {
		b.fails(t, "connection none: no such connection: see `sluice connection list`", "connection", verb, "none")
		b.fails(t, `"No Name" is not the name of a connection: want 1 to 63 lower-case letters, digits, dashes and underscores, `+
			"with a letter or digit first", "connection", verb, "No Name")
	}
}
