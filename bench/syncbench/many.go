package syncbench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/internal/delay"
)

// Many are the figures of many lists that share the budgets of their accounts.
type Many struct {
	Accounts int `json:"accounts"`
	Lists    int `json:"lists"`
	Members  int `json:"members"`
	// Seconds is the duration until the last list was loaded, Created that until the last sync was created.
	Seconds   float64 `json:"seconds"`
	Created   float64 `json:"created_seconds"`
	PerSecond float64 `json:"members_per_second"`
	// Mean and Slowest are the durations of accounts, Ratio is the slowest to the mean.
	Mean    float64 `json:"mean_seconds"`
	Slowest float64 `json:"slowest_seconds"`
	Ratio   float64 `json:"ratio"`
	// Breaches is the number of requests above a budget, Peak the maximum of simultaneous connections to
	// Mailchimp of an account.
	Breaches int     `json:"breaches"`
	Peak     int     `json:"peak_connections"`
	PeakMiB  float64 `json:"worker_peak_mib"`
}

// creators is how many syncs are created at once.
const creators = 16

// many loads the lists of all accounts, all at once.
func (b *bench) many(ctx context.Context, cfg Config) (m *Many, err error) {
	accounts := make([]*account, 0, cfg.Accounts)
	defer func() {
		for _, a := range accounts {
			a.stop()
		}
	}()
	for n := range cfg.Accounts {
		a, err := b.openAccount(ctx, fmt.Sprintf("many-%d", n), false)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, a)
		for l := range cfg.Lists {
			a.fill(listOf(l), cfg.ListMembers)
		}
	}
	began := time.Now()
	var creating errgroup.Group
	creating.SetLimit(creators)
	for l := range cfg.Lists {
		for _, a := range accounts {
			creating.Go(func() error {
				return b.create(ctx, a, fmt.Sprintf("%s-%s", a.name, listOf(l)), listOf(l))
			})
		}
	}
	if err := creating.Wait(); err != nil {
		return nil, err
	}
	m = &Many{
		Accounts: cfg.Accounts, Lists: cfg.Accounts * cfg.Lists, Members: cfg.Accounts * cfg.Lists * cfg.ListMembers,
		Created: time.Since(began).Seconds(),
	}
	if err := b.awaitMany(ctx, m.Lists); err != nil {
		return nil, err
	}
	return m, b.lookBack(ctx, m, accounts, began)
}

func listOf(n int) string { return fmt.Sprintf("list%d", n) }

// awaitMany waits until the full loads of so many syncs have succeeded, after which the first updates may already run.
// A failure ends it.
func (b *bench) awaitMany(ctx context.Context, syncs int) error {
	return delay.Until(ctx, 500*time.Millisecond, func() (bool, error) {
		var succeeded, failed int
		var why string
		err := b.DB.QueryRow(ctx, `SELECT count(*) FILTER (WHERE status = 'succeeded'),
			count(*) FILTER (WHERE status = 'failed'),
			coalesce(max(error) FILTER (WHERE status = 'failed'), '')
			FROM sync_runs WHERE sync LIKE 'many-%' AND kind = 'full'`).Scan(
			&succeeded, &failed, &why)
		if err == nil && failed > 0 {
			err = fmt.Errorf("%d runs have failed: %s", failed, why)
		}
		return succeeded == syncs, err
	})
}

// lookBack reads from the store and the fakes how it went.
func (b *bench) lookBack(ctx context.Context, m *Many, accounts []*account, began time.Time) error {
	rows, err := b.DB.Query(ctx, `SELECT extract(epoch FROM max(r.ended_at) - $1::timestamptz)::float8
		FROM sync_runs r JOIN syncs s ON s.name = r.sync WHERE r.sync LIKE 'many-%' AND r.kind = 'full'
		GROUP BY s.from_connection`, began)
	if err != nil {
		return err
	}
	durations, err := pgx.CollectRows(rows, pgx.RowTo[float64])
	if err != nil {
		return err
	}
	for _, d := range durations {
		m.Mean += d / float64(len(durations))
		m.Slowest = max(m.Slowest, d)
	}
	m.Seconds, m.Ratio, m.PerSecond = m.Slowest, m.Slowest/m.Mean, float64(m.Members)/m.Slowest
	records := 0
	for _, a := range accounts {
		m.Breaches += a.breaches()
		m.Peak = max(m.Peak, a.mailchimp.Peak())
		records += len(a.ometria.Records())
	}
	if records != m.Members {
		return fmt.Errorf("the targets have %d records: want %d", records, m.Members)
	}
	m.PeakMiB, err = b.worker.PeakMiB()
	return err
}
