package apibench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	"github.com/sluicehq/sluice/warehouse"
)

// bench is what the cases work with.
type bench struct {
	cfg Config
	log io.Writer
	// store has as many connections as ask at a time; sql is one for what no package of the store does.
	store *dispatchstore.Store
	sql   *pgx.Conn

	server  *workerprocess.Worker
	address string
	// dir has the event log and the uploads of the server.
	dir string
	// token and session authenticate requests to the API and to pages.
	token, session string
	// firstImport is the number of the first import; the others follow it. jobIDs are some of the jobs.
	firstImport int64
	jobIDs      []string
	// site is the site whose page is requested.
	site string
}

// envDev is set inside `sluice-dev exec`.
const envDev = "SLUICE_DEV_BIN"

// connect fills the databases of the stack and starts the server.
func (b *bench) connect(ctx context.Context) error {
	if os.Getenv(envDev) == "" {
		return errors.New("run the benchmark by `make bench-api`, or inside `sluice-dev exec`: " + envDev + " is not set")
	}
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	conns := int32(max(b.cfg.Connections, b.cfg.Writers) + 1)
	b.store, err = dispatchstore.Open(ctx, store.Config{DSN: settings.Store.DSN, MaxConns: conns}, nil)
	if err != nil {
		return err
	}
	if err := b.store.Migrate(ctx); err != nil {
		return err
	}
	if b.sql, err = pgx.Connect(ctx, settings.Store.DSN); err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	begun := time.Now()
	err = b.say("filling the store: %d sites, %d imports, %d jobs", b.cfg.Sites, b.cfg.Imports, b.cfg.Jobs)
	if err != nil {
		return err
	}
	if err := b.fill(ctx); err != nil {
		return err
	}
	if err := b.addWorker(ctx, settings); err != nil {
		return err
	}
	if err := b.fillWarehouse(ctx, settings); err != nil {
		return err
	}
	if err := b.signIn(ctx); err != nil {
		return err
	}
	if err := b.say("filled in %s", time.Since(begun).Round(100*time.Millisecond)); err != nil {
		return err
	}
	return b.startServer(ctx)
}

// fillWarehouse gives the site whose page is requested a history.
func (b *bench) fillWarehouse(ctx context.Context, settings config.Config) (err error) {
	w, err := warehouse.Open(wiring.Warehouse(settings.Warehouse))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Migrate(ctx); err != nil {
		return err
	}
	options, err := clickhouse.ParseDSN(settings.Warehouse.DSN)
	if err != nil {
		return fmt.Errorf("the DSN of the warehouse: %w", err)
	}
	options.ReadTimeout = time.Minute
	engine, err := clickhouse.Open(options)
	if err != nil {
		return fmt.Errorf("open the warehouse: %w", err)
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	return b.fillHistory(ctx, engine)
}

// signIn creates a token and a session of an administrator.
func (b *bench) signIn(ctx context.Context) error {
	accounts := accessstore.New(b.store.Store)
	_, secret, err := accounts.CreateToken(ctx, accessstore.NewToken{
		Name: "bench", Role: access.RoleAdmin, Sites: access.AllSites(),
	})
	if err != nil {
		return err
	}
	b.token = secret.Reveal()
	account, err := accounts.CreateAccount(ctx, accessstore.NewAccount{
		Name: "bench", PasswordHash: noPassword, Role: access.RoleAdmin, Sites: access.AllSites(),
	})
	if err != nil {
		return err
	}
	session, err := accounts.CreateSession(ctx,
		accessstore.Credential{AccountID: account.ID, PasswordHash: noPassword}, "127.0.0.1")
	if err != nil {
		return err
	}
	b.session = session.Reveal()
	return nil
}

// noPassword is the hash of no password.
//
//nolint:gosec // G101: no account has it
const noPassword = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// addWorker adds a worker with all components that does not run: requests about imports and jobs that wait look for
// one.
func (b *bench) addWorker(ctx context.Context, settings config.Config) error {
	err := b.store.Heartbeat(ctx, store.LiveWorker{
		ID: "bench", Process: "1@bench", Version: "bench", Offers: offersOf(components.Stock(settings)),
	})
	if err == nil {
		_, err = b.sql.Exec(ctx, "UPDATE workers SET heartbeat_at = now() + interval '1 day' WHERE id = 'bench'")
	}
	return err
}

// offersOf returns what a worker with the components offers.
func offersOf(set components.Set) (offers store.Offers) {
	for _, name := range set.Importers.Names() {
		offers.Importers = append(offers.Importers, store.OfferedImporter{Name: name, Label: name})
	}
	for _, name := range set.Destinations.Names() {
		offers.Destinations = append(offers.Destinations, store.OfferedDestination{
			Name: name, Label: name, Actions: []string{"post"},
		})
	}
	return offers
}

func (b *bench) close(ctx context.Context) error {
	var faults []error
	if b.server != nil {
		faults = append(faults, b.server.Stop())
	}
	if b.dir != "" {
		faults = append(faults, os.RemoveAll(b.dir))
	}
	if b.sql != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		faults = append(faults, b.sql.Close(ctx))
	}
	if b.store != nil {
		b.store.Close()
	}
	return errors.Join(faults...)
}
