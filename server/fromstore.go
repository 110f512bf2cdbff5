package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/startup"
	"github.com/sluicehq/sluice/internal/wiring"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// fromStore is what the pipeline knows from the store. All of it answers from memory.
type fromStore struct {
	sites        *ingesting.Sites
	senders      *ingesting.Senders
	salts        *ingesting.Salts
	limiter      *ingesting.Limiter
	replies      *ingesting.Replies
	partitionKey [16]byte
}

// fromStore reads the secrets, and adds the loops that keep everything else current.
func (s *Server) fromStore(ctx context.Context, waiter startup.Waiter) (*fromStore, error) {
	opened := ingeststore.New(s.store.Store)
	secrets := ingesting.NewSecrets(opened, &connections.Connections{
		Store: s.store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.cfg.Settings.Connections)),
	})
	kept := &fromStore{}
	err := waiter.Await(ctx, "secrets of the ingestion", func(ctx context.Context) (err error) {
		kept.partitionKey, err = secrets.PartitionKey(ctx)
		if errors.Is(err, connections.ErrNoKeyset) || errors.Is(err, connections.ErrOtherKeyset) {
			return startup.Final(err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if kept.sites, err = ingesting.NewSites(ingesting.SitesConfig{Store: opened, Logger: s.log}); err != nil {
		return nil, err
	}
	if err := s.metrics.watchSites(kept.sites); err != nil {
		return nil, fmt.Errorf("metrics of the sites: %w", err)
	}
	if kept.senders, err = ingesting.NewSenders(ingesting.SendersConfig{
		Store: opened, Sites: kept.sites, Logger: s.log,
	}); err != nil {
		return nil, err
	}
	if kept.limiter, err = ingesting.NewLimiter(ingesting.LimiterConfig{Store: opened, Logger: s.log}); err != nil {
		return nil, err
	}
	if kept.replies, err = ingesting.NewReplies(ingesting.RepliesConfig{Store: opened, Logger: s.log}); err != nil {
		return nil, err
	}
	if kept.salts, err = ingesting.NewSalts(ingesting.SaltsConfig{Secrets: secrets, Logger: s.log}); err != nil {
		return nil, err
	}
	s.sites = kept.sites
	s.background = append(s.background, kept.sites.Run, kept.senders.Run, kept.salts.Run,
		kept.limiter.Run, kept.replies.Run)
	return kept, nil
}
