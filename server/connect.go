package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/ingest/logbuffer"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/migration"
	"github.com/sluicehq/sluice/internal/startup"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// connect opens the store and the event log, waiting for those that are not there yet, and builds the
// pipeline on them.
func (s *Server) connect(ctx context.Context) (err error) {
	settings := s.cfg.Settings
	cfg := store.Config{DSN: settings.Store.DSN, MaxConns: settings.Store.MaxConns}
	// The server changes no import: nothing is announced.
	if s.store, err = dispatchstore.Open(ctx, cfg, nil); err != nil {
		return err
	}
	if err := s.host(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settings.Server.StartTimeout)
	defer cancel()
	waiter := startup.Waiter{Logger: s.log, Timeout: settings.Server.StartTimeout}
	if err := waiter.Await(ctx, "store", s.store.Ping); err != nil {
		return err
	}
	if err := waiter.Await(ctx, "schema", s.migrated); err != nil {
		return err
	}
	if err := waiter.Await(ctx, "event log", s.openLog); err != nil {
		return err
	}
	if err := s.metrics.watch(s.events); err != nil {
		return fmt.Errorf("metrics of the event log: %w", err)
	}
	kept, err := s.fromStore(ctx, waiter)
	if err != nil {
		return err
	}
	pipeline, err := s.pipeline(kept)
	if err != nil {
		return err
	}
	handler, err := eventapi.New(eventapi.Config{
		Pipeline: pipeline, Proxies: settings.Server.Proxies(), Authorise: kept.senders.Authorise, Replies: kept.replies,
		ReadTimeout: settings.Server.ReadTimeout, BufferTimeout: settings.Server.LogTimeout, Logger: s.log,
	})
	if err != nil {
		return err
	}
	if err := s.openAPI(); err != nil { //nolint:contextcheck // each request has its own
		return err
	}
	s.handler, err = s.routes(handler)
	return err
}

// host starts the embedded event log.
func (s *Server) host() error {
	if !s.cfg.EmbeddedLog {
		return nil
	}
	cfg, err := wiring.EmbeddedLog(s.cfg.Settings.EventLog, s.log)
	if err != nil {
		return err
	}
	s.hosted, err = embedded.Start(cfg)
	return err
}

// migrated makes sure that the store is up to date.
func (s *Server) migrated(ctx context.Context) error {
	return migration.UpToDate(ctx, s.store.Migrations)
}

// openLog connects to the event log.
func (s *Server) openLog(ctx context.Context) error {
	cfg := wiring.EventLog(s.cfg.Settings.EventLog, s.log)
	cfg.Committed = s.metrics.committed
	if s.hosted != nil {
		cfg.Options = append(cfg.Options, s.hosted.Option())
	}
	log, err := ingesting.OpenLog(ctx, ingeststore.New(s.store.Store), cfg)
	if ingesting.Refused(err) {
		return startup.Final(err)
	}
	s.events = log
	return err
}

// pipeline builds the pipeline and the loops that keep it current.
func (s *Server) pipeline(kept *fromStore) (*ingest.Pipeline, error) {
	data, err := refdata.Open(refdata.Config{Folder: s.cfg.Settings.Refdata.Dir(), Logger: s.log})
	if err != nil {
		return nil, err
	}
	s.data.Store(data)
	buffer, err := logbuffer.New(s.events, time.Now)
	if err != nil {
		return nil, err
	}
	s.background = append(s.background, func(ctx context.Context) error {
		data.Run(ctx)
		return nil
	})
	cfg := wiring.Pipeline(s.cfg.Settings.Ingest)
	cfg.Sites, cfg.Limiter, cfg.Salts, cfg.Buffer = kept.sites, kept.limiter, kept.salts, buffer
	cfg.PartitionKey, cfg.Data, cfg.Telemetry = kept.partitionKey, data.Data, s.metrics
	return ingest.New(cfg)
}

// stopLogTimeout bounds the stop of the embedded event log.
const stopLogTimeout = 30 * time.Second

// disconnect closes what connect has opened.
func (s *Server) disconnect(ctx context.Context) error {
	var err error
	if s.api != nil {
		err = s.api.close()
	}
	if s.events != nil {
		s.events.Close()
	}
	if s.hosted != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLogTimeout)
		defer cancel()
		err = errors.Join(err, s.hosted.Stop(stopping))
	}
	if s.store != nil {
		s.store.Close()
	}
	return err
}
