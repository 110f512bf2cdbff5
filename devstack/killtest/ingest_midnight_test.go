package killtest_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/devstack/stack"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// The salts of user IDs are secrets of this kind with one value. Package internal/ingesting names them.
const (
	saltKind  = "#ingestion"
	saltValue = "key"
)

func saltName(day calendar.Day) string { return "salt-" + day.String() }

// midnight does to the salts what the midnight in UTC does: that of today becomes that of yesterday, and
// today has a new one. The server reads them when it starts.
func (i *ingestion) midnight(ctx context.Context, t *testing.T) {
	t.Helper()
	require.NoError(t, i.stack.WaitReady(ctx, stack.ComponentPostgres))
	known := &connections.Connections{
		Store: i.store.Deliveries, Vault: connections.NewVault(connections.VaultConfig{KeysetFile: i.stack.Env()[stack.EnvKeysetFile]}),
	}
	var secrets map[string]ingeststore.SealedSecret
	poll(ctx, t, "the salts", func(ctx context.Context) bool {
		var err error
		secrets, err = i.kept.Secrets(ctx)
		return err == nil
	})
	// The newest is that of tomorrow.
	today := calendar.DayOf(time.Now().UTC())
	old, ok := secrets[saltName(today)]
	require.True(t, ok, "there is no salt of %s", today)
	values, err := known.Unseal(saltKind, old.Name, connections.Sealed{KeyID: old.KeyID, Data: old.Data})
	require.NoError(t, err)
	yesterday := today - 1
	previous := i.seal(ctx, t, known, yesterday, values[saltValue])
	added, err := i.kept.AddSecret(ctx, previous)
	require.NoError(t, err)
	require.True(t, added, "there is a salt of %s already", yesterday)
	fresh := make([]byte, 16)
	_, err = rand.Read(fresh)
	require.NoError(t, err)
	require.NoError(t, i.kept.ReplaceSecret(ctx, old, i.seal(ctx, t, known, today, hex.EncodeToString(fresh))))
}

func (i *ingestion) seal(
	ctx context.Context, t *testing.T, by *connections.Connections, day calendar.Day, salt string,
) ingeststore.SealedSecret {
	t.Helper()
	sealed, err := by.Seal(ctx, saltKind, saltName(day), map[string]string{saltValue: salt})
	require.NoError(t, err)
	return ingeststore.SealedSecret{Name: saltName(day), Day: &day, KeyID: sealed.KeyID, Data: sealed.Data}
}

// nightOwl is a visitor who is on a site before and after a midnight, and again when that session has ended.
type nightOwl struct {
	site               visitedSite
	who                visitor
	midnight           time.Time
	early, late, later int
}

// owlsOf is how many night owls each midnight of a site has.
const owlsOf = 30

// When night owls are on a site.
const (
	beforeMidnight = -10 * time.Minute
	afterMidnight  = time.Minute
	nextSession    = 45 * time.Minute
)

// nightOwls returns the night owls of each site: of its own midnight, and of that in UTC.
func (a *audience) nightOwls(t *testing.T) []nightOwl {
	t.Helper()
	var all []nightOwl
	for s, site := range a.sites {
		for z, zone := range []string{"UTC", site.zone} {
			for n := range owlsOf {
				who := visitorOf(n)
				who.ip = fmt.Sprintf("81.3.%d.%d", 2*s+z, 1+n)
				first := a.begin(3)
				all = append(all, nightOwl{site, who, lastMidnight(t, zone), first, first + 1, first + 2})
			}
		}
	}
	return all
}

// lastMidnight returns the beginning of the last day of a zone that began an hour ago or earlier.
func lastMidnight(t *testing.T, zone string) time.Time {
	t.Helper()
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	year, month, day := time.Now().Add(-time.Hour).In(location).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, location)
}

// sendOwls sends the events of the night owls before midnight, or those after it, a batch for each site.
func (a *audience) sendOwls(ctx context.Context, all []nightOwl, before bool) {
	for _, site := range a.sites {
		var lines []line
		for _, o := range all {
			switch {
			case o.site != site:
			case before:
				lines = append(lines, line{o.early, o.who, o.midnight.Add(beforeMidnight)})
			default:
				lines = append(lines, line{o.late, o.who, o.midnight.Add(afterMidnight)},
					line{o.later, o.who, o.midnight.Add(nextSession)})
			}
		}
		a.batch(ctx, site, lines)
	}
}

// requireOwls checks that the session of each night owl has passed midnight, with its user and its day, and
// that the next one has another user: there was a midnight.
func requireOwls(t *testing.T, all []nightOwl, stored map[int][]storedEvent) {
	t.Helper()
	for _, o := range all {
		require.Len(t, stored[o.early], 1, "event %d", o.early)
		require.NotEmpty(t, stored[o.late], "event %d", o.late)
		require.NotEmpty(t, stored[o.later], "event %d", o.later)
		early, later := stored[o.early][0], stored[o.later][0]
		for _, late := range stored[o.late] {
			assert.Equal(t, early.SessionID, late.SessionID, "events %d and %d are one session", o.early, o.late)
			assert.Equal(t, early.UserID, late.UserID, "events %d and %d have one user", o.early, o.late)
		}
		assert.NotEqual(t, early.SessionID, later.SessionID, "events %d and %d are two sessions", o.early, o.later)
		assert.NotEqual(t, early.UserID, later.UserID, "events %d and %d have two users", o.early, o.later)
	}
}
