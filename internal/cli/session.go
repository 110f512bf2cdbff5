package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	accessclient "github.com/sluicehq/sluice/starter/access"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	"github.com/sluicehq/sluice/warehouse"
)

// session holds the settings and clients of a command. Each client is opened on first use.
type session struct {
	cli      *cli.Context
	settings config.Config
	// known is what the program knows under the settings.
	known components.Set
	// workers are the live workers, nil until they are read.
	workers   store.Workers
	store     *dispatchstore.Store
	warehouse *warehouse.Warehouse
	temporal  client.Client
	// namespace is the namespace of temporal.
	namespace string
	// logger is that of the client of Temporal, maxConns the maximum number of connections to the store. Default to
	// none and 4.
	logger   *slog.Logger
	maxConns int32
}

// connectTimeout bounds the time to connect to a database or to Temporal.
const connectTimeout = 5 * time.Second

const isTheStackUp = "Is the stack running? Start it on this machine with `sluice-dev up`"

// withSession reads the settings, runs the action and closes the clients that it opened.
func withSession(action func(ctx context.Context, s *session) error) cli.ActionFunc {
	return func(c *cli.Context) (err error) {
		settings, err := loadSettings(c)
		if err != nil {
			return err
		}
		set, err := knownTo(c, settings)
		if err != nil {
			return err
		}
		s := &session{cli: c, settings: settings, known: set}
		defer func() { err = errors.Join(err, s.close()) }()
		return explain(action(asUser(c), s))
	}
}

// asUser returns the context of a command, whose user has access to the databases and may do everything.
func asUser(c *cli.Context) context.Context {
	name := inbound.Cut(inbound.Clean(osUser(c)), inbound.MaxName)
	return access.WithActor(access.With(c.Context, access.CLI(name)), access.Actor{Door: access.DoorCLI})
}

// readSettings reads the settings without validating them: flags may still override them.
func readSettings(c *cli.Context) (config.Config, error) {
	path := c.String("config")
	for _, entry := range environ(c) {
		if value, ok := strings.CutPrefix(entry, "SLUICE_CONFIG="); ok && !c.IsSet("config") {
			path = value
		}
	}
	settings, err := config.Load(path, environ(c))
	if kinds, ok := c.App.Metadata[kindsKey].([]string); ok {
		settings.Connections.Kinds = kinds
	}
	return settings, err
}

func loadSettings(c *cli.Context) (config.Config, error) {
	settings, err := readSettings(c)
	if err != nil {
		return config.Config{}, err
	}
	if err := settings.Validate(); err != nil {
		return config.Config{}, fmt.Errorf("configuration: %w", err)
	}
	return settings, nil
}

// Store returns the store, once it answers.
func (s *session) Store(ctx context.Context) (*dispatchstore.Store, error) {
	if s.store != nil {
		return s.store, nil
	}
	begin(s.cli)
	opened, err := dispatchstore.Open(ctx, store.Config{
		DSN: s.settings.Store.DSN, MaxConns: cmp.Or(s.maxConns, 4), ConnectTimeout: connectTimeout,
	}, nil)
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	s.store = opened
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := opened.Ping(ctx); err != nil {
		return nil, exitWith(exitUnavailable, fmt.Errorf("%w\n%s, or set SLUICE_STORE_DSN", err, isTheStackUp))
	}
	return opened, nil
}

// Warehouse returns the warehouse, once it answers.
func (s *session) Warehouse(ctx context.Context) (*warehouse.Warehouse, error) {
	if s.warehouse != nil {
		return s.warehouse, nil
	}
	begin(s.cli)
	opened, err := warehouse.Open(wiring.Warehouse(s.settings.Warehouse))
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	s.warehouse = opened
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := opened.Ping(ctx); err != nil {
		return nil, exitWith(exitUnavailable, fmt.Errorf("%w\n%s, or set SLUICE_WAREHOUSE_DSN", err, isTheStackUp))
	}
	return opened, nil
}

// Starter returns the client for imports, once Temporal answers.
func (s *session) Starter(ctx context.Context) (*starter.Starter, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	if s.temporal == nil {
		logger := cmp.Or(s.logger, slog.New(slog.DiscardHandler))
		options, err := starter.TemporalOptions(logger, environ(s.cli))
		if err != nil {
			return nil, exitWith(exitUsage, err)
		}
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		s.namespace = options.Namespace
		s.temporal, err = client.DialContext(ctx, options)
		if err != nil {
			err = fmt.Errorf("connect to Temporal at %s: %w", options.HostPort, err)
			if temporalAdvice(err) == "" {
				err = fmt.Errorf("%w\n%s, or set TEMPORAL_ADDRESS", err, isTheStackUp)
			}
			return nil, exitWith(exitUnavailable, err)
		}
	}
	return &starter.Starter{
		Temporal: s.temporal, Namespace: s.namespace, Store: opened, Registry: s.known.Importers,
		Defaults: s.settings.Import, Review: s.settings.Review, Limits: s.settings.Limits,
	}, nil
}

// Deliveries returns the client for destinations, once Temporal answers.
func (s *session) Deliveries(ctx context.Context) (*deliveryclient.Client, error) {
	client, err := s.Starter(ctx)
	if err != nil {
		return nil, err
	}
	return deliveryclient.New(deliveryclient.Config{
		Temporal: client.Temporal, Store: client.Store, Registry: s.known.Destinations,
	})
}

// Access returns the client for tokens, accounts and the audit.
func (s *session) Access(ctx context.Context) (*accessclient.Client, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	return accessclient.New(opened.Store), nil
}

// watcher returns a client that follows imports but cannot start them. It does not connect to
// Temporal.
func (s *session) watcher(ctx context.Context) (*starter.Starter, error) {
	opened, err := s.Store(ctx)
	return &starter.Starter{Store: opened}, err
}

func (s *session) close() error {
	var err error
	if s.temporal != nil {
		s.temporal.Close()
	}
	if s.warehouse != nil {
		err = s.warehouse.Close()
	}
	if s.store != nil {
		s.store.Close()
	}
	return err
}
