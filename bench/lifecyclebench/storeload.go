package lifecyclebench

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

// StoreLoad is what the store has done, as PostgreSQL counts it in pg_stat_database.
type StoreLoad struct {
	// Transactions are those that ended, PerSecond how many a second. A statement
	// outside of a transaction is one.
	Transactions float64 `json:"transactions_per_import"`
	PerSecond    float64 `json:"transactions_per_s"`
	// Written are rows inserted, updated and deleted, Fetched rows found by an index,
	// Returned rows that were read at all.
	Written  float64 `json:"rows_written_per_import"`
	Fetched  float64 `json:"rows_fetched_per_import"`
	Returned float64 `json:"rows_returned_per_import"`
	// Deadlocks are how many there were in all.
	Deadlocks float64 `json:"deadlocks"`
}

func (b *bench) storeLoad(ctx context.Context) (l StoreLoad, err error) {
	err = b.DB.QueryRow(ctx, `SELECT (xact_commit + xact_rollback)::float8,
			(tup_inserted + tup_updated + tup_deleted)::float8, tup_fetched::float8, tup_returned::float8, deadlocks::float8
		FROM pg_stat_database WHERE datname = current_database()`).
		Scan(&l.Transactions, &l.Written, &l.Fetched, &l.Returned, &l.Deadlocks)
	return l, err
}

// storeLoadAtRest is storeLoad once every session has told what it did: they do so a second
// after their last transaction.
func (b *bench) storeLoadAtRest(ctx context.Context) (l StoreLoad, err error) {
	if err := delay.Wait(ctx, 2*time.Second); err != nil {
		return l, err
	}
	return b.storeLoad(ctx)
}

func (l StoreLoad) since(before StoreLoad) StoreLoad {
	return StoreLoad{
		Transactions: l.Transactions - before.Transactions, Written: l.Written - before.Written,
		Fetched: l.Fetched - before.Fetched, Returned: l.Returned - before.Returned,
		Deadlocks: l.Deadlocks - before.Deadlocks,
	}
}

// each turns sums into figures of one import.
func (l StoreLoad) each(imports int, seconds float64) StoreLoad {
	l.PerSecond = l.Transactions / seconds
	l.Transactions /= float64(imports)
	l.Written /= float64(imports)
	l.Fetched /= float64(imports)
	l.Returned /= float64(imports)
	return l
}
