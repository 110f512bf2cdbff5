package ingesting_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// keyset returns the text of a key set.
func keyset(t *testing.T, k *connections.Keyset) string {
	t.Helper()
	text, err := k.JSON()
	require.NoError(t, err)
	return string(text)
}

func newKeyset(t *testing.T) *connections.Keyset {
	t.Helper()
	k, err := connections.NewKeyset()
	require.NoError(t, err)
	return k
}

// sealer returns the connections of a process with a key set.
func (b *bundle) sealer(text string) *connections.Connections {
	return &connections.Connections{
		Store: deliverystore.New(b.Store.Store, nil), Vault: connections.NewVault(connections.VaultConfig{Keyset: text}),
	}
}

func (b *bundle) salts(t *testing.T, s *ingesting.Secrets, now func() time.Time) *ingesting.Salts {
	t.Helper()
	salts, err := ingesting.NewSalts(ingesting.SaltsConfig{Secrets: s, Logger: quiet, Now: now})
	require.NoError(t, err)
	return salts
}

func (b *bundle) saltDays(t *testing.T) (days []string) {
	t.Helper()
	const query = "SELECT COALESCE(array_agg(day::text ORDER BY day), '{}') FROM ingest_secrets WHERE day IS NOT NULL"
	require.NoError(t, b.sql.QueryRow(b.ctx, query).Scan(&days))
	return days
}

// Salts change at midnight UTC: today's becomes the previous one, and older ones are gone.
func TestSaltRotation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secrets := ingesting.NewSecrets(b.Store, b.sealer(keyset(t, newKeyset(t))))
	// It is late on the first day; the rotation runs a moment after each midnight.
	clock := newClock(time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC))
	salts := b.salts(t, secrets, clock.now)
	first, err := salts.Salts(b.ctx)
	require.NoError(t, err)
	require.NotZero(t, first.Current)
	require.Zero(t, first.Previous)
	require.Equal(t, []string{"2026-03-01", "2026-03-02"}, b.saltDays(t))
	for _, text := range []string{first.String(), fmt.Sprintf("%#v %+v", first, first)} {
		require.NotContains(t, text, fmt.Sprint(first.Current[0], " ", first.Current[1]))
	}

	clock.advance(time.Second)
	second, err := salts.Salts(b.ctx)
	require.NoError(t, err)
	require.Equal(t, first.Current, second.Previous)
	require.NotEqual(t, first.Current, second.Current)
	done, err := secrets.Rotate(b.ctx, clock.now())
	require.NoError(t, err)
	require.Equal(t, ingesting.Rotation{Today: calendar.DayOf(clock.now())}, done)
	require.Equal(t, []string{"2026-03-01", "2026-03-02", "2026-03-03"}, b.saltDays(t))

	clock.advance(24 * time.Hour)
	for i := range 2 {
		done, err = secrets.Rotate(b.ctx, clock.now())
		require.NoError(t, err)
		require.EqualValues(t, 1-i, done.Deleted, "48 hours after it came into use, the first one is gone")
	}
	require.Equal(t, []string{"2026-03-02", "2026-03-03", "2026-03-04"}, b.saltDays(t))
	third, err := salts.Salts(b.ctx)
	require.NoError(t, err)
	require.Equal(t, second.Current, third.Previous)

	// A process that starts later has the same ones.
	again, err := b.salts(t, secrets, clock.now).Salts(b.ctx)
	require.NoError(t, err)
	require.Equal(t, third, again)
	// A clock that is ahead deletes nothing in use.
	now := time.Now().UTC()
	_, err = secrets.Rotate(b.ctx, now)
	require.NoError(t, err)
	_, err = secrets.Rotate(b.ctx, now.AddDate(1, 0, 0))
	require.NoError(t, err)
	require.Contains(t, b.saltDays(t), now.Format(time.DateOnly))
}

// Two servers that need a salt at once agree on it.
func TestSaltsRace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	text := keyset(t, newKeyset(t))
	all := make([]ingest.Salts, 4)
	keys := make([][16]byte, 4)
	for _, err := range enginetest.AtOnce(4, func(i int) (err error) {
		secrets := ingesting.NewSecrets(b.Store, b.sealer(text))
		salts, err := ingesting.NewSalts(ingesting.SaltsConfig{Secrets: secrets, Logger: quiet})
		if err != nil {
			return err
		}
		if all[i], err = salts.Salts(b.ctx); err != nil {
			return err
		}
		keys[i], err = secrets.PartitionKey(b.ctx)
		return err
	}) {
		require.NoError(t, err)
	}
	for i := range all {
		require.Equal(t, all[0], all[i])
		require.Equal(t, keys[0], keys[i])
	}
	require.NotZero(t, keys[0])
	// They are sealed: neither is in the database in the clear.
	var found int
	require.NoError(t, b.sql.QueryRow(b.ctx, `SELECT count(*) FROM ingest_secrets
		WHERE position($1 IN sealed) > 0 OR position($2 IN sealed) > 0`, keys[0][:], all[0].Current[:]).Scan(&found))
	require.Zero(t, found)
}

// While PostgreSQL is away, the salts last until the end of the next day. Callers that wait for it fail at
// once, not one after the other.
func TestSaltsWithoutPostgres(t *testing.T) {
	t.Parallel()
	b := setup(t)
	clock := newClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	salts := b.salts(t, ingesting.NewSecrets(b.Store, b.sealer(keyset(t, newKeyset(t)))), clock.now)
	first, err := salts.Salts(b.ctx)
	require.NoError(t, err)
	b.Close()
	clock.advance(35 * time.Hour)
	second, err := salts.Salts(b.ctx)
	require.NoError(t, err)
	require.Equal(t, first.Current, second.Previous)
	clock.advance(time.Hour)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := salts.Salts(context.Background())
			if err == nil {
				t.Error("there is no salt of that day")
			}
		})
	}
	all.Wait()
}

// A rotated key set opens the secrets, and after Reseal without its old key. A lost one is replaced by
// Adopt.
func TestSecretsAndKeySets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := newKeyset(t)
	today := time.Now()
	open := func(text string) (*ingesting.Secrets, ingest.Salts, error) {
		secrets := ingesting.NewSecrets(b.Store, b.sealer(text))
		salts, err := b.salts(t, secrets, func() time.Time { return today }).Salts(b.ctx)
		return secrets, salts, err
	}
	_, want, err := open(keyset(t, first))
	require.NoError(t, err)
	rotated, err := first.Rotated()
	require.NoError(t, err)
	secrets, got, err := open(keyset(t, rotated))
	require.NoError(t, err)
	require.Equal(t, want, got)
	partition, err := secrets.PartitionKey(b.ctx)
	require.NoError(t, err)
	changed, err := secrets.Reseal(b.ctx)
	require.NoError(t, err)
	require.Equal(t, 2, changed, "two salts; the key of partitions is new")
	changed, err = secrets.Reseal(b.ctx)
	require.NoError(t, err)
	require.Zero(t, changed)
	_, got, err = open(keyset(t, rotated))
	require.NoError(t, err)
	require.Equal(t, want, got)

	// Another key set neither opens them nor seals anything.
	_, _, err = open(keyset(t, newKeyset(t)))
	require.ErrorIs(t, err, connections.ErrUnknownKey)
	lost := b.sealer(keyset(t, newKeyset(t)))
	_, err = ingesting.NewSecrets(b.Store, lost).Rotate(b.ctx, today.AddDate(0, 0, 7))
	require.ErrorIs(t, err, connections.ErrOtherKeyset)
	_, err = ingesting.NewSecrets(b.Store, b.sealer("")).PartitionKey(b.ctx)
	require.ErrorIs(t, err, connections.ErrNoKeyset)

	_, err = lost.AdoptKeyset(b.ctx)
	require.NoError(t, err)
	adopted := ingesting.NewSecrets(b.Store, lost)
	names, err := adopted.Adopt(b.ctx)
	require.NoError(t, err)
	require.Len(t, names, 3)
	require.Equal(t, "partition-key", names[0])
	other, err := adopted.PartitionKey(b.ctx)
	require.NoError(t, err)
	require.NotEqual(t, partition, other)
	names, err = adopted.Adopt(b.ctx)
	require.NoError(t, err)
	require.Empty(t, names)

	// A secret in the place of another one does not open.
	b.exec(t, `UPDATE ingest_secrets SET sealed = (SELECT sealed FROM ingest_secrets WHERE name = 'partition-key')
		WHERE day IS NOT NULL`)
	_, err = b.salts(t, adopted, time.Now).Salts(b.ctx)
	require.ErrorIs(t, err, connections.ErrSealBroken)
}
