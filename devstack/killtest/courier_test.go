package killtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/destinations/webhook/webhooktest"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/internal/cli"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/outbound"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// envBrisk is the variable that makes the worker of a stack one that has the destination of
// the delivery tests.
const envBrisk = "KILLTEST_BRISK"

// brisk is the destination webhook with less patience: a job whose worker has died is given
// up after 75 seconds instead of three minutes, and what has failed is tried again within
// seconds. What it does is the same.
type brisk struct{ destinations.Destination }

// Options are those of the webhook, but for times.
func (b brisk) Options() destinations.Options {
	o := b.Destination.Options()
	o.Timeout = 15 * time.Second
	o.DefaultSchedule = &destinations.Schedule{
		Realtime: true, InitialBackoff: 500 * time.Millisecond, MaxBackoff: 4 * time.Second,
	}
	return o
}

func couriers() *destinations.Registry {
	return destinations.NewRegistry(brisk{webhook.New(outbound.Loopback())})
}

// runBriskWorker runs the worker of these tests. Its circuits stay open for seconds instead of
// minutes.
func runBriskWorker(ctx context.Context) error {
	return runWorkerProcess(ctx, func(cfg *worker.Config) {
		cfg.Destinations = couriers()
		cfg.Circuit = deliverystore.CircuitRule{First: time.Second, Max: 4 * time.Second}
	})
}

// posted is what delivers the events.
var posted = deliveryacts.ActionRef{Destination: "webhook", Action: "post"}

// courier is a system that delivers to an endpoint of the test.
type courier struct {
	*system
	*deliveryclient.Client
	endpoint *endpoint
}

// shops is how many connections lead to the endpoint: what one of them asks for is no matter
// of the others.
const shops = 3

func shop(number int) string { return fmt.Sprintf("shop-%d", number%shops) }

func newDelivery(t *testing.T) *courier {
	t.Helper()
	d := &courier{endpoint: newEndpoint()}
	receiver := webhooktest.Start(t, d.endpoint.answer)
	d.system = newSystem(t, folder(t), true, func(cfg *stack.Config) {
		env := map[string]string{envBrisk: "yes"}
		maps.Copy(env, cfg.EngineEnv)
		cfg.EngineEnv = env
	})
	var err error
	d.Client, err = deliveryclient.New(deliveryclient.Config{
		Temporal: d.temporal, Store: d.store, Registry: couriers(), AnswerTimeout: answerTimeout,
	})
	require.NoError(t, err)
	known := &connections.Connections{
		Store: d.store.Deliveries, Registry: components.Stock(config.Config{}).Kinds,
		Vault: connections.NewVault(connections.VaultConfig{KeysetFile: d.stack.Env()[stack.EnvKeysetFile]}),
	}
	for i := range shops {
		_, err := known.Add(t.Context(), receiver.Connection(shop(i)).New())
		require.NoError(t, err)
	}
	return d
}

// orderData is what an event has to say.
type orderData struct {
	Number int `json:"number"`
}

// send sends an event however often that takes: under its key it stays one. It returns the
// event's job.
func (d *courier) send(ctx context.Context, number int) (job string, err error) {
	order, err := json.Marshal(orderData{Number: number})
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(webhook.Message{Connection: shop(number), Type: "order.created", Data: order})
	if err != nil {
		return "", err
	}
	err = until(ctx, fmt.Sprintf("event %d to be stored", number), func(ctx context.Context) (bool, error) {
		added, err := d.AddEvent(ctx, deliveryclient.EventRequest{
			Source: "shop", Name: "order", Data: data, IdempotencyKey: fmt.Sprint(number),
			To: []deliveryacts.ActionRef{posted},
		})
		if err != nil {
			return false, nil //nolint:nilerr // a process was killed and restarts
		}
		if len(added.Jobs) != 1 {
			return false, fmt.Errorf("event %d has the jobs %v", number, added.Jobs)
		}
		job = added.Jobs[0]
		return true, nil
	})
	return job, err
}

// stats returns what `sluice job stats` counts: jobs by their action and state.
func (d *courier) stats(ctx context.Context, t *testing.T) map[string]int {
	t.Helper()
	var out, stderr bytes.Buffer
	code := cli.Run(ctx, []string{"job", "stats", "--output", "json"}, cli.Streams{
		In: &bytes.Buffer{}, Out: &out, Err: &stderr, Environ: stack.WithEnv(os.Environ(), d.stack.Env()),
	})
	require.Zero(t, code, "%s", &stderr)
	var lines []struct {
		Destination, Action, State string
		Jobs                       int
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &lines))
	counts := map[string]int{}
	for _, line := range lines {
		counts[line.Destination+"/"+line.Action+" "+line.State] = line.Jobs
	}
	return counts
}
