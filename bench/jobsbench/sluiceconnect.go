package jobsbench

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sluicehq/sluice/bench/sink"
	"github.com/sluicehq/sluice/bench/stack"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/wiring"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

// connectSluice connects to the stack, makes the tables, and adds a connection for each lane of the sink.
func connectSluice(ctx context.Context, to sink.Client, postgresPID int) (*sluice, error) {
	all, err := stack.Connect(ctx, poolSize)
	if err != nil {
		return nil, err
	}
	s := &sluice{Stack: all, postgresPID: postgresPID}
	if err := s.prepare(ctx, to); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *sluice) prepare(ctx context.Context, to sink.Client) (err error) {
	if err := s.Store.Migrate(ctx); err != nil {
		return err
	}
	if s.temporalPID, err = s.TemporalPID(); err != nil {
		return err
	}
	if s.service, err = deliveryclient.New(deliveryclient.Config{
		Temporal: s.Temporal, Store: s.Store, Registry: registry(), AnswerTimeout: time.Minute,
	}); err != nil {
		return err
	}
	known := &connections.Connections{
		Store: s.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.Settings.Connections)),
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

func (s *sluice) close() { s.Close() }
