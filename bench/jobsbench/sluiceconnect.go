package jobsbench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/bench/sink"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// connectSluice finds the stack by the environment that `sluice-dev exec` has set, makes the
// tables, and adds a connection for each lane of the sink.
func connectSluice(
	ctx context.Context, settings config.Config, to sink.Client, postgresPID int,
) (s *sluice, err error) {
	options, err := starter.TemporalOptions(slog.New(slog.DiscardHandler), os.Environ())
	if err != nil {
		return nil, err
	}
	s = &sluice{postgresPID: postgresPID}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.store, err = dispatchstore.Open(ctx, store.Config{DSN: settings.Store.DSN, MaxConns: poolSize}, nil); err != nil {
		return nil, err
	}
	if err := s.store.Migrate(ctx); err != nil {
		return nil, err
	}
	if s.temporal, err = client.DialContext(ctx, options); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(options.HostPort)
	if err != nil {
		return nil, fmt.Errorf("temporal address: %w", err)
	}
	if s.temporalPID, err = workerprocess.Find("start-dev", port); err != nil {
		return nil, fmt.Errorf("the Temporal server: %w", err)
	}
	if s.service, err = deliveryclient.New(deliveryclient.Config{
		Temporal: s.temporal, Store: s.store, Registry: registry(), AnswerTimeout: time.Minute,
	}); err != nil {
		return nil, err
	}
	err = s.addConnections(ctx, settings, to)
	return s, err
}

func (s *sluice) addConnections(ctx context.Context, settings config.Config, to sink.Client) error {
	known := &connections.Connections{
		Store: s.store.Deliveries, Vault: connections.NewVault(wiring.Vault(settings.Connections)),
		Registry: components.Stock(config.Config{}).Kinds,
	}
	names := []string{laneAll}
	for no := range int64(lanes) {
		names = append(names, laneOf(no))
	}
	for _, lane := range names {
		address, err := json.Marshal(map[string]string{"url": to.Hook(lane)})
		if err != nil {
			return err
		}
		if _, err := known.Add(ctx, connections.New{
			Name: connectionOf(lane), Kind: "webhook", Settings: address,
			Secrets: map[string]string{"signing_secret": signingSecret},
		}); err != nil {
			return err
		}
	}
	return nil
}

func connectionOf(lane string) string { return "bench-" + lane }

func (s *sluice) close() {
	if s.temporal != nil {
		s.temporal.Close()
	}
	if s.store != nil {
		s.store.Close()
	}
}
