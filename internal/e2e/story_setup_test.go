package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/destinations/webhook/webhooktest"
	"github.com/sluicehq/sluice/internal/cli"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/wiring"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// briskly is a destination that tries again soon: the waits of the real ones are for people.
type briskly struct{ destinations.Destination }

// Options are the destination's, but for the waits.
func (b briskly) Options() destinations.Options {
	o := b.Destination.Options()
	s := *o.DefaultSchedule
	s.InitialBackoff, s.MaxBackoff = 200*time.Millisecond, time.Second
	o.DefaultSchedule = &s
	return o
}

// orders is a destination whose actions post as the webhook's does, and know what comes next.
type orders struct{ destinations.Destination }

func (orders) Name() string  { return "orders" }
func (orders) Label() string { return "Orders" }

// One action runs in realtime, those that follow from it on a schedule.
func (o orders) Actions() []destinations.Action {
	post := o.Destination.Actions()[0]
	clock := destinations.Schedule{Interval: "@every 1s"}
	return []destinations.Action{
		step{
			Action: post, name: "take", schedule: *o.Options().DefaultSchedule, onSucceeded: "receipt", onFailed: "alarm",
			onDiscarded: "apology",
		},
		step{Action: post, name: "receipt", schedule: clock},
		step{Action: post, name: "alarm", schedule: clock},
		step{Action: post, name: "apology", schedule: clock, onSucceeded: "receipt"},
	}
}

// step is an action after which others come.
type step struct {
	destinations.Action
	name                               string
	schedule                           destinations.Schedule
	onSucceeded, onFailed, onDiscarded string
}

func (s step) Name() string                     { return s.name }
func (s step) Schedule() *destinations.Schedule { return &s.schedule }

// Load posts, and says what follows.
func (s step) Load(
	ctx context.Context, tk *destinations.Toolkit, q *destinations.Queue, report func(destinations.Then),
) {
	s.Action.Load(ctx, tk, q, func(then destinations.Then) {
		then.OnSucceeded, then.OnFailed, then.OnDiscarded = next(s.onSucceeded), next(s.onFailed), next(s.onDiscarded)
		report(then)
	})
}

func next(action string) []destinations.Next {
	if action == "" {
		return nil
	}
	data, err := json.Marshal(message("order." + action))
	if err != nil {
		panic(err) // text can be encoded
	}
	return []destinations.Next{{Action: action, Data: data}}
}

func message(kind string) webhook.Message {
	return webhook.Message{Connection: "shop", Type: kind, Data: json.RawMessage(`{"order": 1}`)}
}

// script is what an endpoint answers to messages of each type, one after the other; 204
// when it has come to the end.
type script struct {
	mu      sync.Mutex
	answers map[string][]int
}

// expect changes the answers to messages of a type.
func (s *script) expect(kind string, codes ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers == nil {
		s.answers = map[string][]int{}
	}
	s.answers[kind] = codes
}

func (s *script) answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var event webhooktest.Event
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	code := http.StatusNoContent
	if left := s.answers[event.Type]; len(left) > 0 {
		code, s.answers[event.Type] = left[0], left[1:]
	}
	w.WriteHeader(code)
}

// tale is a complete Sluice with an endpoint, an external database, and the commands.
type tale struct {
	*delivering
	script   *script
	receiver *webhooktest.Receiver
	// dwh is the external database.
	dwh      *pgx.Conn
	registry *destinations.Registry
}

func setupTale(t *testing.T) *tale {
	t.Helper()
	s, ctx := setup(t), enginetest.Context(t)
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s.Settings.Connections = config.Connections{Keyset: string(text)}

	posts := webhook.New(outbound.Loopback())
	d := &tale{
		script:   &script{},
		registry: destinations.NewRegistry(briskly{posts}, briskly{postgres.New(outbound.Loopback())}, orders{briskly{posts}}),
	}
	d.receiver = webhooktest.Start(t, d.script.answer)
	dsn, err := url.Parse(enginetest.StoreDSN(t))
	require.NoError(t, err)
	d.dwh, err = pgx.Connect(ctx, dsn.String())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.dwh.Close(context.WithoutCancel(ctx))) })
	known := &connections.Connections{
		Store: s.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.Settings.Connections)), Registry: components.Stock(config.Config{}).Kinds,
	}
	for _, c := range []connections.Connection{d.receiver.Connection("shop"), connectionTo(t, dsn)} {
		_, err := known.Add(ctx, c.New())
		require.NoError(t, err)
	}

	s.Tune = func(cfg *worker.Config) {
		cfg.Connections, cfg.Destinations = components.Stock(config.Config{}).Kinds, d.registry
		// It is not the subject here.
		cfg.Circuit = deliverystore.CircuitRule{Threshold: 1000}
	}
	service, err := deliveryclient.New(deliveryclient.Config{
		Temporal: s.Temporal, Store: s.Store, Registry: d.registry, AnswerTimeout: 30 * time.Second,
	})
	require.NoError(t, err)
	d.delivering = &delivering{system: s, Client: service}
	d.stop = s.StartWorker(t)
	return d
}

// connectionTo is a connection that leads to a database.
func connectionTo(t *testing.T, dsn *url.URL) connections.Connection {
	t.Helper()
	port, err := strconv.Atoi(dsn.Port())
	require.NoError(t, err)
	settings, err := json.Marshal(map[string]any{
		"host": dsn.Hostname(), "port": port, "database": strings.TrimPrefix(dsn.Path, "/"), "user": dsn.User.Username(),
		"tls": postgres.TLSNone,
	})
	require.NoError(t, err)
	return connections.Connection{Name: "dwh", Kind: postgres.KindName, Settings: settings, Secrets: map[string]string{}}
}

// sluice runs a command, which must succeed, and decodes what it writes if that is wanted.
func (d *tale) sluice(into any, args ...string) {
	d.t.Helper()
	if into != nil {
		args = append(args, "--output", "json")
	}
	var out, stderr bytes.Buffer
	code := cli.Run(enginetest.Context(d.t), args, cli.Streams{
		In: &bytes.Buffer{}, Out: &out, Err: &stderr,
		Components: func(settings config.Config) (components.Set, error) {
			set := components.Stock(settings)
			set.Destinations = d.registry
			return set, nil
		},
		Environ: append(d.Environ(), "USER=ann", "SLUICE_CONNECTIONS_KEYSET="+d.Settings.Connections.Keyset),
	})
	require.Zerof(d.t, code, "sluice %s: %s", strings.Join(args, " "), &stderr)
	if into != nil {
		require.NoError(d.t, json.Unmarshal(out.Bytes(), into), "%s", &out)
	}
}
