package session_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/session"
)

// input is an event as the log has it.
type input struct {
	at      session.Position
	logTime int64
	event   *record.Event
}

// drawInputs draws the records of a partition: few users, of whom most are inactive for long at
// some time, with late events, new salts and engagements.
func drawInputs(t *rapid.T) []input {
	names := rapid.SampledFrom([]string{record.NamePageview, record.NamePageview, record.NameEngagement, "Signup"})
	steps := rapid.SampledFrom([]int64{0, 1, 30, 600, 1800, 1859, 1860, 4000})
	paths := rapid.SampledFrom([]string{"/a", "/b", "/c"})
	var inputs []input
	now := int64(noon)
	for i := range rapid.IntRange(1, 60).Draw(t, "events") {
		now += steps.Draw(t, "step")
		e := pageview(0, paths.Draw(t, "path"))
		e.Name = names.Draw(t, "name")
		e.SiteID, e.UserID = rapid.Uint64Range(1, 2).Draw(t, "site"), rapid.Uint64Range(1, 3).Draw(t, "user")
		if rapid.Bool().Draw(t, "salted") {
			e.PreviousUserID = rapid.Uint64Range(1, 3).Draw(t, "previous")
		}
		e.Timestamp = now - rapid.SampledFrom([]int64{0, 0, 0, 5, 2000}).Draw(t, "late")
		e.Day = record.UTCDay(e.Timestamp) + rapid.SampledFrom([]calendar.Day{-1, 0, 1}).Draw(t, "zone")
		e.Interactive = rapid.Bool().Draw(t, "interactive")
		e.Attributes.Referrer = paths.Draw(t, "referrer")
		e.Props = []record.Prop{{Key: "k", Value: paths.Draw(t, "prop")}}
		inputs = append(inputs, input{session.Position{Sequence: uint64(i/3 + 1), Index: uint32(i % 3)}, now, e})
	}
	return inputs
}

// outcome is a copy of what Apply returns.
type outcome struct {
	sessionID, userID uint64
	attributes        record.Attributes
	dropped           string
}

func apply(m *session.Machine, in input) outcome {
	o := m.Apply(in.at, in.logTime, in.event)
	got := outcome{sessionID: o.SessionID, userID: o.UserID, dropped: o.Dropped}
	if o.Attributes != nil {
		got.attributes = *o.Attributes
	}
	return got
}

// final returns the row of each session with the highest version, as the table shows it.
func final(into map[uint64]session.Session, rows []session.Session) {
	for _, row := range rows {
		if row.Version >= into[row.ID].Version {
			into[row.ID] = row
		}
	}
}

// A machine that is saved and restored after any record makes the same of the rest, and wherever
// the rows are written, the last ones are the same.
func TestReplay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := session.Config{LogID: "log", Partition: 3}
		if rapid.Bool().Draw(t, "small") {
			cfg.MaxBytes = 2500
		}
		inputs := drawInputs(t)
		whole := session.New(cfg)
		var outcomes []outcome
		for _, in := range inputs {
			outcomes = append(outcomes, apply(whole, in))
		}
		want := map[uint64]session.Session{}
		final(want, whole.Changed())

		m := session.New(cfg)
		got := map[uint64]session.Session{}
		for i, in := range inputs {
			require.Equal(t, outcomes[i], apply(m, in))
			if rapid.Bool().Draw(t, "write") {
				final(got, m.Changed())
			}
			if rapid.Bool().Draw(t, "save") {
				final(got, m.Changed())
				snapshot, err := m.Snapshot()
				require.NoError(t, err)
				restored, err := session.Restore(cfg, snapshot)
				require.NoError(t, err)
				require.Equal(t, m.Len(), restored.Len())
				require.Equal(t, m.Bytes(), restored.Bytes())
				m = restored
			}
		}
		final(got, m.Changed())
		require.Len(t, got, len(want))
		for id, s := range want {
			require.Equal(t, visible(s), visible(got[id]))
		}
	})
}

// visible is a session without what is no column.
func visible(s session.Session) session.Session {
	return session.Session{
		ID: s.ID, SiteID: s.SiteID, UserID: s.UserID, Start: s.Start, Timestamp: s.Timestamp, Day: s.Day, Hostname: s.Hostname,
		EntryPage: s.EntryPage, ExitPageHostname: s.ExitPageHostname, ExitPage: s.ExitPage, IsBounce: s.IsBounce,
		Pageviews: s.Pageviews, Events: s.Events, Duration: s.Duration, Attributes: s.Attributes,
		EntryProps: s.EntryProps, Version: s.Version,
	}
}

// The order in which a session's events arrive changes only which of them gives the entry and
// exit page and the attributes.
func TestOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var events []*record.Event
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			e := pageview(rapid.Int64Range(0, 1700).Draw(t, "time"), "/")
			e.Name = rapid.SampledFrom([]string{record.NamePageview, "Signup"}).Draw(t, "name")
			e.Interactive = rapid.Bool().Draw(t, "interactive")
			events = append(events, e)
		}
		run := func(events []*record.Event) session.Session {
			m := session.New(session.Config{})
			for i, e := range events {
				m.Apply(session.Position{Sequence: uint64(i + 1)}, noon+1700, e)
			}
			rows := m.Changed()
			require.Len(t, rows, 1)
			return rows[0]
		}
		a, b := run(events), run(rapid.Permutation(events).Draw(t, "order"))
		require.Equal(t, a.Events, b.Events)
		require.Equal(t, a.Pageviews, b.Pageviews)
		require.Equal(t, a.Timestamp, b.Timestamp)
		require.Equal(t, a.IsBounce, b.IsBounce)
		require.Equal(t, a.Version, b.Version)
	})
}

func TestSnapshotFaults(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Config{})
	f.apply(pageview(0, "/a"))
	snapshot, err := f.Snapshot()
	require.NoError(t, err)
	for at := range snapshot {
		changed := append([]byte{}, snapshot...)
		changed[at] ^= 0x40
		_, err := session.Restore(session.Config{}, changed)
		require.ErrorIs(t, err, session.ErrSnapshot, "byte %d", at)
	}
	_, err = session.Restore(session.Config{}, snapshot[:3])
	require.EqualError(t, err, `corrupt snapshot of sessions of 3 bytes: want "SLS" first`)
	newer := append([]byte{}, snapshot...)
	newer[3] = 2
	_, err = session.Restore(session.Config{}, newer)
	require.EqualError(t, err, "corrupt snapshot of sessions: version 2, want 1")
}

func FuzzRestore(f *testing.F) {
	feed := newFeed(session.Config{})
	feed.apply(pageview(0, "/a"))
	snapshot, err := feed.Snapshot()
	require.NoError(f, err)
	f.Add(snapshot)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := session.Restore(session.Config{MaxBytes: 1 << 20}, data)
		if err != nil {
			require.ErrorIs(t, err, session.ErrSnapshot)
			return
		}
		again, err := m.Snapshot()
		require.NoError(t, err)
		_, err = session.Restore(session.Config{MaxBytes: 1 << 20}, again)
		require.NoError(t, err)
	})
}
