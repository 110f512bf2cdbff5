package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/smtp/smtptest"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/destinations/webhook/webhooktest"
	"github.com/sluicehq/sluice/importers/googleanalytics4"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/fakega4/fakega4test"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
)

// The secrets that are planted, besides those of the fakes.
const (
	plantedDSN     = "pl4nted-s3cret-0f-the-dsn"
	plantedRefresh = "1//pl4nted-wr0ng-refresh-token"
	plantedSMTP    = "pl4nted-wr0ng/p4ssw0rd+smtp"
)

// planted maps descriptions to all secrets that the worker has.
func planted(keyset string) map[string]string {
	return map[string]string{
		"the databases' password": plantedDSN, "a refresh token that is refused": plantedRefresh,
		"an SMTP password that is refused": plantedSMTP, "the SMTP password": smtptest.Password,
		"the webhook's key": webhooktest.Secret, "the client's secret": fakega4.ClientSecret,
		"the refresh token": fakega4.RefreshToken, "an access token": "ya29.fake-", "the key set": keyset,
	}
}

// secretive is a system in which everything has a secret, and a worker that logs all
// there is to log.
type secretive struct {
	*system
	fake   *fakega4test.Fake
	mails  *smtptest.Server
	hooks  *webhooktest.Receiver
	keyset string
	listen string
	log    lockedBuffer

	storeProxy, warehouseProxy *enginetest.Proxy
	// storeDSN and warehouseDSN lead through the proxies, with the planted password.
	storeDSN, warehouseDSN string
}

func setupSecretive(t *testing.T) *secretive {
	t.Helper()
	s := &secretive{
		system: setup(t, enginetest.Impatient(noop.New()), googleanalytics4.New(googleanalytics4.Config{Guard: outbound.Loopback()})),
		fake:   fakega4test.Start(t, fakega4.Config{Days: 5, RowsPerDay: 5}), listen: listentest.FreeAddress(t),
	}
	// Both channels fail at first, and the endpoint repeats the request.
	var mails, events atomic.Int32
	s.mails = smtptest.Start(t, smtptest.Config{RefuseMail: func() error {
		if mails.Add(1) == 1 {
			return errors.New("the mailbox of " + smtptest.Username + " is busy")
		}
		return nil
	}})
	s.hooks = webhooktest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		if events.Add(1) == 1 {
			w.WriteHeader(http.StatusInternalServerError)
			if _, err := fmt.Fprint(w, "what is this? ", r.Header); err != nil {
				t.Errorf("answer an event: %s", err)
			}
		}
	})
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s.keyset = keyOf(t, text)
	s.Settings.Connections = config.Connections{Keyset: string(text)}
	s.Settings.Notify = notifyBy(s.mails)
	s.Settings.Notify.To, s.Settings.Notify.Webhooks = "ops@example.com", "told"
	s.Settings.Connections.Addresses = "webhook=loopback, google_analytics_4=loopback"
	s.connect()

	var storeDSN, warehouseDSN string
	s.storeProxy, storeDSN = enginetest.NewProxy(t, s.Settings.Store.DSN)
	s.warehouseProxy, warehouseDSN = enginetest.NewProxy(t, s.Settings.Warehouse.DSN)
	s.storeDSN, s.warehouseDSN = withPassword(t, storeDSN, plantedDSN), withPassword(t, warehouseDSN, plantedDSN)
	s.Tune = func(cfg *worker.Config) {
		cfg.Settings.Store.DSN, cfg.Settings.Warehouse.DSN = s.storeDSN, s.warehouseDSN
		cfg.Settings.Worker.Listen = s.listen
		cfg.Connections = s.kinds()
		cfg.Destinations = secretiveDestinations()
		cfg.Logger = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Temporal.Logger = log.NewStructuredLogger(cfg.Logger)
	}
	return s
}

func (*secretive) kinds() *connections.Registry {
	return connections.NewRegistry(googleanalytics4.ConnectionKind(outbound.Loopback()), webhook.NewKind(outbound.Loopback()))
}

func secretiveDestinations() *destinations.Registry {
	return destinations.NewRegistry(smtp.New(outbound.Loopback()), webhook.New(outbound.Loopback()))
}

// connect adds the connections: to the fake, to the fake with a token that it refuses,
// and to the endpoint.
func (s *secretive) connect() {
	s.t.Helper()
	known := &connections.Connections{
		Store: s.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.Settings.Connections)), Registry: s.kinds(),
	}
	wrong := s.fake.Connection(s.t, "wrong")
	wrong.Secrets["refresh_token"] = plantedRefresh
	for _, c := range []connections.Connection{s.fake.Connection(s.t, "right"), wrong, s.hooks.Connection("told")} {
		_, err := known.Add(enginetest.Context(s.t), c.New())
		require.NoError(s.t, err)
	}
}

// analytics imports from the fake.
func (s *secretive) analytics(connection, status string) {
	s.t.Helper()
	args, err := json.Marshal(googleanalytics4.Args{Connection: connection, Property: s.fake.Property()})
	require.NoError(s.t, err)
	imp := s.Start(s.t, starter.Request{Site: site, Source: googleanalytics4.Name, Args: args})
	s.end(imp, status)
}

// awaitDeliveries waits until every notification was tried to be delivered by mail and by
// webhook.
func (s *secretive) awaitDeliveries(notifications int) {
	s.t.Helper()
	filter := deliverystore.JobFilter{Event: &deliverystore.EventFilter{Sources: []string{dispatchstore.SourceSluice}}}
	require.Eventually(s.t, func() bool {
		list, err := s.Store.Deliveries.ListJobs(enginetest.Context(s.t), filter, deliverystore.Page{})
		tried := 0
		for _, job := range list {
			if job.Attempt > 0 && job.State != deliverystore.JobExecuting {
				tried++
			}
		}
		return err == nil && tried >= 2*notifications
	}, 30*time.Second, 50*time.Millisecond)
}

// Secrets of the worker appear nowhere in clear, nor in
// one of the usual encodings: in no history, no table, no log, no metric, no mail and no
// event. Not even after everything has gone wrong that uses it.
func TestSecretsStayInside(t *testing.T) {
	t.Setenv("SLUICE_PLANTED", plantedDSN)
	s := setupSecretive(t)
	ctx := enginetest.Context(t)
	stop := s.StartWorker(t)

	imp := s.noop(site, `{"rows": 3000, "delay": "50ms", "bad_rows": 5}`)
	s.WaitLoading(t, imp.ID)
	s.warehouseProxy.Cut()
	s.WaitFor(t, imp.ID, "failing without a warehouse", func(now importstore.Summary) bool { return now.Import.AttemptError != "" })
	seen := s.harvestPending(imp)
	s.warehouseProxy.Restore()
	s.storeProxy.Cut()
	s.storeProxy.Restore()
	s.end(imp, importstore.StatusCompleted)
	s.fake.Inject(fakega4.Fault{Method: "token", Times: 1, Status: http.StatusInternalServerError},
		fakega4.Fault{Method: "batchRunReports", Times: 2, Status: http.StatusServiceUnavailable, EchoToken: true},
		fakega4.Fault{Method: "runReport", Times: 2, Status: http.StatusServiceUnavailable, EchoToken: true})
	s.analytics("right", importstore.StatusCompleted)
	s.analytics("wrong", importstore.StatusFailed)
	for _, name := range []string{"right", "wrong", "told"} {
		connection, err := s.Store.Connection(ctx, name)
		require.NoError(t, err)
		tested, err := s.Starter.TestConnection(ctx, name, connection.Kind)
		seen["the test of "+name] = fmt.Sprintf("%+v %v", tested, err)
	}
	failed := s.noop(site, `{"start_date": "2022-01-01", "end_date": "2022-01-01", "fail": "plan", "permanent": true}`)
	s.end(failed, importstore.StatusFailed)
	s.awaitDeliveries(4)
	seen["metrics"] = s.metrics()
	require.Contains(t, seen["metrics"], "sluice_rows_loaded_total")
	stop()

	// The mail server repeats a password that it refuses.
	s.Settings.Notify.SMTPPassword = plantedSMTP
	stop = s.StartWorker(t)
	s.end(s.noop(site, `{"unchanged": true}`), importstore.StatusUnchanged)
	s.awaitDeliveries(5)
	require.NoError(t, s.Starter.Delete(ctx, failed.ID))
	require.NoError(t, s.Starter.WaitDeleted(ctx, failed.ID))
	ids := s.workflowIDs()
	stop()

	s.harvest(seen, ids)
	require.NotEmpty(t, s.mails.Mails(), "mails were sent")
	require.NotEmpty(t, s.hooks.Events(), "events were sent")
	require.Positive(t, s.fake.Requests("token"), "the connection was used")
	requireHidden(t, planted(s.keyset), seen)
}

// requireHidden checks that no secret is in a text, in any encoding.
func requireHidden(t *testing.T, secrets, seen map[string]string) {
	t.Helper()
	for what, secret := range secrets {
		for encoding, form := range encodings(secret) {
			for where, text := range seen {
				// Without the text, which may be long.
				require.False(t, strings.Contains(text, form), "%s, %s, is in %s", what, encoding, where) //nolint:testifylint // see above
			}
		}
	}
}
