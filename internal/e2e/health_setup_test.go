package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/smtp/smtptest"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/internal/wiring"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// The actions of the destinations that deliver by connections.
var (
	posts   = deliveryacts.ActionRef{Destination: "webhook", Action: "post"}
	upserts = deliveryacts.ActionRef{Destination: "postgres", Action: "upsert"}
	mails   = deliveryacts.ActionRef{Destination: "smtp", Action: "send"}
)

// connected is all of Sluice with real destinations, and the connections that a test adds. The
// circuit breaker has its defaults: what waits for it fails the test.
type connected struct {
	*system
	*deliveryclient.Client
	known *connections.Connections
	stop  func()
}

func setupConnected(t *testing.T, all ...connections.Connection) *connected {
	t.Helper()
	s := setup(t)
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s.Settings.Connections = config.Connections{Keyset: string(text)}
	guard := outbound.Loopback()
	kinds := connections.NewRegistry(postgres.Kind{Guard: guard}, smtp.Kind{Guard: guard}, webhook.NewKind(guard))
	registry := destinations.NewRegistry(postgres.New(guard), smtp.New(guard), webhook.New(guard))
	s.Tune = func(cfg *worker.Config) { cfg.Destinations, cfg.Connections = registry, kinds }
	c := &connected{system: s, known: &connections.Connections{
		Store: s.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.Settings.Connections)), Registry: kinds,
	}}
	for _, one := range all {
		_, err := c.known.Add(enginetest.Context(t), one.New())
		require.NoError(t, err)
	}
	c.Client, err = deliveryclient.New(deliveryclient.Config{
		Temporal: s.Temporal, Store: s.Store, Registry: registry, AnswerTimeout: 30 * time.Second,
	})
	require.NoError(t, err)
	c.stop = c.StartWorker(t)
	return c
}

// send sends an event to an action and returns its job.
func (c *connected) send(to deliveryacts.ActionRef, data map[string]any) string {
	c.t.Helper()
	text, err := json.Marshal(data)
	require.NoError(c.t, err)
	added, err := c.AddEvent(enginetest.Context(c.t), deliveryclient.EventRequest{
		Source: "shop", Name: "order", Data: text, To: []deliveryacts.ActionRef{to},
	})
	require.NoError(c.t, err)
	return added.Jobs[0]
}

// hookJob is the data of a job of webhook/post.
func hookJob(connection, kind string) map[string]any {
	return map[string]any{"connection": connection, "type": kind, "data": map[string]any{"no": 1}}
}

func (c *connected) state(job string) deliverystore.Job {
	c.t.Helper()
	now, err := c.Store.Deliveries.Job(enginetest.Context(c.t), job)
	require.NoError(c.t, err)
	return now
}

// wait waits until jobs are in a state.
func (c *connected) wait(state string, jobs ...string) {
	c.t.Helper()
	ctx := enginetest.Context(c.t)
	for _, id := range jobs {
		require.EventuallyWithT(c.t, func(collect *assert.CollectT) {
			job, err := c.Store.Deliveries.Job(ctx, id)
			require.NoError(collect, err)
			require.Equal(collect, state, job.State, string(job.LastError))
		}, 30*time.Second, 20*time.Millisecond)
	}
}

// health is what people are shown of a connection.
func (c *connected) health(name string) connections.Health {
	c.t.Helper()
	info, err := c.known.Show(enginetest.Context(c.t), name)
	require.NoError(c.t, err)
	return info.Health
}

// waitHealth waits until a connection is in a state. What a batch says about its connection is
// noted after its jobs are recorded.
func (c *connected) waitHealth(name, state string) {
	c.t.Helper()
	polltest.Eventually(c.t, func() bool { return c.health(name).State == state }, time.Minute, 20*time.Millisecond)
}

// whole is the destination of an action.
func whole(ref deliveryacts.ActionRef) deliveryacts.ActionRef {
	return deliveryacts.ActionRef{Destination: ref.Destination}
}

// notifyBy returns settings that send notifications by a mail server.
func notifyBy(server *smtptest.Server) config.Notify {
	s := server.Settings()
	return config.Notify{
		SMTPHost: s.Host, SMTPPort: s.Port, SMTPTLS: s.TLS, SMTPCAFile: s.CAFile,
		SMTPUsername: s.Username, SMTPPassword: s.Password, SMTPFrom: s.From,
	}
}
