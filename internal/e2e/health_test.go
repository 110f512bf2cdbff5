package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/smtp/smtptest"
	"github.com/sluicehq/sluice/destinations/webhook/webhooktest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

var byAnn = starter.By{Who: "ann", Why: "a look"}

// Events with a mistyped connection, or with one of another kind, are no evidence against any:
// the next good one is delivered at once.
func TestMistypedConnection(t *testing.T) {
	t.Parallel()
	endpoint := webhooktest.Start(t, nil)
	c := setupConnected(t, endpoint.Connection("ops"), postgresConnection(t, enginetest.StoreDSN(t)))
	var wrong []string
	for _, name := range []string{"typo", "typo", "typo", "tpyo", "other", "dwh", "dwh", "dwh", "dwh", "dwh"} {
		wrong = append(wrong, c.send(posts, hookJob(name, "order")))
	}
	c.wait(deliverystore.JobFailed, wrong...)
	c.wait(deliverystore.JobSucceeded, c.send(posts, hookJob("ops", "order")))
	require.Equal(t, deliverystore.ConnectionHealthy, c.health("dwh").State, "an event has named it for a webhook")
	for _, id := range wrong {
		require.WithinDuration(t, time.Now().Add(5*time.Minute), *c.state(id).DueAt, 2*time.Minute, "kept, and retried slowly")
	}
	unhealthy, err := c.Store.Deliveries.Unhealthy(enginetest.Context(t))
	require.NoError(t, err)
	require.Empty(t, unhealthy)

	// The same on a schedule, with a trigger after each job, as operators do manually.
	ctx := enginetest.Context(t)
	row := func(connection string, id int) map[string]any {
		return map[string]any{
			"connection": connection, "table": "events", "key": []string{"id"}, "row": map[string]any{"id": fmt.Sprint(id), "source": "x"},
		}
	}
	for i := range 6 {
		id := c.send(upserts, row("typo", i))
		require.NoError(t, c.Trigger(ctx, upserts, byAnn))
		c.wait(deliverystore.JobFailed, id)
	}
}

// An answer about one job is no evidence: a recipient that is refused, a row that is bad, an
// event that its endpoint cannot stand. Nor is one job that fails again and again.
func TestAnswersAboutJobs(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t, smtptest.Config{Refuse: func(to string) error {
		if strings.HasPrefix(to, "gone") {
			return &gosmtp.SMTPError{Code: 554, Message: "no such user"}
		}
		return nil
	}})
	n := server.Settings()
	settings, err := json.Marshal(map[string]any{
		"host": n.Host, "port": n.Port, "tls": n.TLS, "ca_file": n.CAFile, "from": n.From, "username": n.Username,
	})
	require.NoError(t, err)
	endpoint := webhooktest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Type string }
		if json.NewDecoder(r.Body).Decode(&event) == nil && event.Type == "poison" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	dsn := enginetest.StoreDSN(t)
	c := setupConnected(t, endpoint.Connection("ops"), postgresConnection(t, dsn), connections.Connection{
		Name: "mail", Kind: "smtp", Settings: settings, Secrets: map[string]string{"password": smtptest.Password},
	})
	ctx := enginetest.Context(t)
	_, err = enginetest.ConnectStore(t, dsn).Exec(ctx, "CREATE TABLE orders (id int PRIMARY KEY)")
	require.NoError(t, err)
	yes := true
	_, err = c.Store.Deliveries.SaveSettings(ctx, deliverystore.ChangedSettings{Destination: "postgres", Realtime: &yes})
	require.NoError(t, err)
	require.NoError(t, c.Refresh(ctx))

	mail := func(to string) map[string]any {
		return map[string]any{"connection": "mail", "to": to + "@example.com", "subject": "s", "text": "t"}
	}
	row := func(id any) map[string]any {
		return map[string]any{"connection": "dwh", "table": "orders", "key": []string{"id"}, "row": map[string]any{"id": id}}
	}
	poison := c.send(posts, hookJob("ops", "poison"))
	for i := range 6 {
		c.wait(deliverystore.JobDiscarded, c.send(mails, mail(fmt.Sprintf("gone%d", i))), c.send(upserts, row("bad")))
		c.wait(deliverystore.JobFailed, poison)
		before := c.state(poison).Attempt
		require.NoError(t, c.Trigger(ctx, posts, byAnn))
		polltest.Eventually(t, func() bool {
			now := c.state(poison)
			return now.Attempt > before && now.State == deliverystore.JobFailed
		}, 30*time.Second, 20*time.Millisecond, "a trigger does not wait for the retry")
	}
	c.wait(deliverystore.JobSucceeded, c.send(mails, mail("ann")), c.send(upserts, row(1)), c.send(posts, hookJob("ops", "order")))
	for _, name := range []string{"mail", "dwh", "ops"} {
		require.Equal(t, deliverystore.ConnectionHealthy, c.health(name).State, name)
	}
}

// Of two connections of a destination one is down: its circuit opens, is seen, and outlives the
// worker; the jobs of the other are delivered. Once it is fixed, trigger, resume and
// `connection resume` try it at once, with a job that has not failed.
func TestConnectionDown(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func(c *connected) error{
		"trigger": func(c *connected) error { return c.Trigger(enginetest.Context(c.t), posts, byAnn) },
		"resume":  func(c *connected) error { return c.Resume(enginetest.Context(c.t), whole(posts), byAnn) },
		"connection resume": func(c *connected) error {
			if err := c.known.Resume(enginetest.Context(c.t), "down"); err != nil {
				return err
			}
			return c.Refresh(enginetest.Context(c.t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fixed atomic.Bool
			var first atomic.Value
			down := webhooktest.Start(t, func(w http.ResponseWriter, r *http.Request) {
				if !fixed.Load() {
					w.WriteHeader(http.StatusBadGateway)
					return
				}
				first.CompareAndSwap(nil, r.Header.Get("webhook-id"))
			})
			up := webhooktest.Start(t, nil)
			c := setupConnected(t, down.Connection("down"), up.Connection("up"))
			var failed []string
			for range 5 {
				id := c.send(posts, hookJob("down", "order"))
				c.wait(deliverystore.JobFailed, id)
				failed = append(failed, id)
			}
			c.waitHealth("down", deliverystore.ConnectionOpen)
			require.Contains(t, c.health("down").Reason, "502")
			fresh := c.send(posts, hookJob("down", "order"))
			for range 20 {
				c.wait(deliverystore.JobSucceeded, c.send(posts, hookJob("up", "order")))
			}
			// A deploy in between.
			c.stop()
			c.StartWorker(t)
			c.wait(deliverystore.JobSucceeded, c.send(posts, hookJob("up", "order")))
			require.Equal(t, deliverystore.ConnectionOpen, c.health("down").State)
			require.Equal(t, deliverystore.ConnectionHealthy, c.health("up").State)
			require.Equal(t, deliverystore.JobAcknowledged, c.state(fresh).State)
			require.Len(t, down.Events(), 5, "it is spared")

			fixed.Store(true)
			require.NoError(t, try(c))
			c.wait(deliverystore.JobSucceeded, append(failed, fresh)...)
			require.Equal(t, fresh, first.Load(), "a job that has not failed is the probe")
			require.Equal(t, deliverystore.ConnectionHealthy, c.health("down").State)
		})
	}
}

// People open a circuit at once, and close it.
func TestPausedConnection(t *testing.T) {
	t.Parallel()
	endpoint := webhooktest.Start(t, nil)
	c := setupConnected(t, endpoint.Connection("a"), endpoint.Connection("b"))
	ctx := enginetest.Context(t)
	require.NoError(t, c.known.Pause(ctx, "a", deliverystore.Order{By: "ann", Reason: "maintenance"}))
	waiting := c.send(posts, hookJob("a", "order"))
	c.wait(deliverystore.JobSucceeded, c.send(posts, hookJob("b", "order")))
	require.Equal(t, deliverystore.JobAcknowledged, c.state(waiting).State)
	require.NoError(t, c.Trigger(ctx, posts, byAnn))
	c.wait(deliverystore.JobSucceeded, c.send(posts, hookJob("b", "order")))
	require.Equal(t, deliverystore.JobAcknowledged, c.state(waiting).State, "a trigger resumes nothing")
	require.Equal(t, "ann", c.health("a").PausedBy)
	require.NoError(t, c.known.Resume(ctx, "a"))
	require.NoError(t, c.Refresh(ctx))
	c.wait(deliverystore.JobSucceeded, waiting)
}

// An endpoint that hangs, and one that answers byte by byte, delay no other.
func TestDrippingEndpoint(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	drip := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) {
		flusher, ok := w.(http.Flusher)
		for ok {
			if _, err := w.Write([]byte(".")); err != nil {
				return
			}
			flusher.Flush()
			select {
			case <-over:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	hang := webhooktest.Start(t, func(http.ResponseWriter, *http.Request) { <-over })
	t.Cleanup(func() { close(over) })
	up := webhooktest.Start(t, nil)
	c := setupConnected(t, drip.Connection("drip"), hang.Connection("hang"), up.Connection("up"))
	var slow []string
	for range 10 {
		slow = append(slow, c.send(posts, hookJob("drip", "order")), c.send(posts, hookJob("hang", "order")))
	}
	c.wait(deliverystore.JobExecuting, slow[0], slow[1])
	for range 50 {
		c.wait(deliverystore.JobSucceeded, c.send(posts, hookJob("up", "order")))
	}
	for _, id := range slow[:2] {
		require.Equal(t, deliverystore.JobExecuting, c.state(id).State)
	}
}
