package session_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/session"
)

const noon = 1_700_000_000

// feed applies events one after another, each in a message of its own, as the log stores them
// when they happen.
type feed struct {
	*session.Machine
	sequence uint64
}

func newFeed(cfg session.Config) *feed { return &feed{Machine: session.New(cfg)} }

func (f *feed) apply(e *record.Event) session.Outcome {
	f.sequence++
	return f.Apply(session.Position{Sequence: f.sequence}, e.Timestamp, e)
}

// event is an event of user 1 of site 1, some seconds after noon.
func event(seconds int64, name, path string) *record.Event {
	return &record.Event{
		SiteID: 1, UserID: 1, Timestamp: noon + seconds, Name: name, Hostname: "example.com", Pathname: path,
		Interactive: true, ScrollDepth: record.Missing,
	}
}

func pageview(seconds int64, path string) *record.Event {
	return event(seconds, record.NamePageview, path)
}

func passive(e *record.Event) *record.Event {
	e.Interactive = false
	return e
}

// state is what the tests compare of a session.
type state struct {
	entry, exit       string
	bounce            bool
	pageviews, events uint32
	duration          uint32
}

func stateOf(s session.Session) state {
	return state{s.EntryPage, s.ExitPage, s.IsBounce, s.Pageviews, s.Events, s.Duration}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		events []*record.Event
		want   []state
	}{
		"one pageview": {
			[]*record.Event{pageview(0, "/a")},
			[]state{{"/a", "/a", true, 1, 1, 0}},
		},
		"two pageviews": {
			[]*record.Event{pageview(0, "/a"), pageview(70, "/b")},
			[]state{{"/a", "/b", false, 2, 2, 70}},
		},
		"interactive event ends a bounce": {
			[]*record.Event{pageview(0, "/a"), event(5, "Signup", "/c")},
			[]state{{"/a", "/a", false, 1, 2, 5}},
		},
		"other event does not": {
			[]*record.Event{pageview(0, "/a"), passive(event(5, "Scroll", "/a"))},
			[]state{{"/a", "/a", true, 1, 2, 5}},
		},
		"interactive event first": {
			[]*record.Event{event(0, "Signup", "/c"), pageview(9, "/a"), pageview(10, "/b")},
			[]state{{"/a", "/b", false, 2, 3, 10}},
		},
		"other event first": {
			[]*record.Event{passive(event(0, "Scroll", "/c")), pageview(9, "/a")},
			[]state{{"/a", "/a", true, 1, 2, 9}},
		},
		"engagement changes nothing": {
			[]*record.Event{pageview(0, "/a"), event(60, record.NameEngagement, "/a")},
			[]state{{"/a", "/a", true, 1, 1, 0}},
		},
		"engagement keeps a session open": {
			[]*record.Event{pageview(0, "/a"), event(1500, record.NameEngagement, "/a"), pageview(3000, "/b")},
			[]state{{"/a", "/b", false, 2, 2, 3000}},
		},
		"engagement without a session": {
			[]*record.Event{event(0, record.NameEngagement, "/a")},
			nil,
		},
		"30 minutes, in whole minutes": {
			[]*record.Event{pageview(0, "/a"), pageview(30*60+59, "/b")},
			[]state{{"/a", "/b", false, 2, 2, 1859}},
		},
		"31 minutes": {
			[]*record.Event{pageview(0, "/a"), pageview(31*60, "/b")},
			[]state{{"/a", "/a", true, 1, 1, 0}, {"/b", "/b", true, 1, 1, 0}},
		},
		"late event": {
			[]*record.Event{pageview(0, "/a"), pageview(100, "/b"), pageview(50, "/c")},
			[]state{{"/a", "/c", false, 3, 3, 100}},
		},
		"event before the first": {
			[]*record.Event{pageview(100, "/a"), pageview(0, "/b")},
			[]state{{"/a", "/b", false, 2, 2, 100}},
		},
		"event of another time": {
			[]*record.Event{pageview(0, "/a"), pageview(-31*60, "/b")},
			[]state{{"/a", "/a", true, 1, 1, 0}, {"/b", "/b", true, 1, 1, 0}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFeed(session.Config{})
			for _, e := range tc.events {
				f.apply(e)
			}
			var got []state
			for _, s := range f.Changed() {
				got = append(got, stateOf(s))
			}
			require.Equal(t, tc.want, got)
			require.Empty(t, f.Changed())
		})
	}
}

// A visitor's hash changes at midnight; the session is found by the previous one, and its events
// keep it.
func TestBothSalts(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Config{})
	first := f.apply(pageview(0, "/a"))
	for seconds := range int64(3) {
		e := pageview(seconds, "/b")
		e.UserID, e.PreviousUserID = 2, 1
		require.Equal(t, first.SessionID, f.apply(e).SessionID)
	}
	changed := f.Changed()
	require.Len(t, changed, 1)
	require.EqualValues(t, 1, changed[0].UserID)
	require.EqualValues(t, 4, changed[0].Pageviews)

	// When that session has ended, the new one is the current hash's.
	e := pageview(40*60, "/c")
	e.UserID, e.PreviousUserID = 2, 1
	second := f.apply(e)
	require.NotEqual(t, first.SessionID, second.SessionID)
	require.EqualValues(t, 2, second.UserID)
	// Without a previous salt, user 0 identifies no visitor.
	e = pageview(40*60, "/c")
	e.UserID, e.PreviousUserID = 0, 0
	f.apply(e)
	e = pageview(40*60, "/c")
	e.UserID = 3
	require.EqualValues(t, 3, f.apply(e).UserID)
}

// Events take the attributes of the session's first event; sites and users are apart.
func TestAttributes(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Config{})
	e := pageview(0, "/a")
	e.Attributes.ReferrerSource, e.Props = "Google", []record.Prop{{Key: "plan", Value: "pro"}}
	f.apply(e)
	e = pageview(1, "/b")
	e.Attributes.ReferrerSource, e.Props = "Bing", []record.Prop{{Key: "plan", Value: "free"}}
	got := f.apply(e)
	require.Equal(t, "Google", got.Attributes.ReferrerSource)
	s := f.Changed()[0]
	require.Equal(t, []record.Prop{{Key: "plan", Value: "pro"}}, s.EntryProps)
	require.Equal(t, "example.com", s.Hostname)
	require.Equal(t, "example.com", s.ExitPageHostname)
	e.SiteID = 2
	require.Equal(t, "Bing", f.apply(e).Attributes.ReferrerSource)
}

// Sessions end by the log's time, so that past events with times of their own make sessions too.
func TestExpiry(t *testing.T) {
	t.Parallel()
	m := session.New(session.Config{})
	at := session.Position{Sequence: 1}
	past := pageview(-1_000_000, "/a")
	m.Apply(at, noon, past)
	at.Index++
	past = pageview(-1_000_000+60, "/b")
	m.Apply(at, noon+10, past)
	require.Len(t, m.Changed(), 1)
	other := pageview(0, "/")
	other.UserID = 9
	at.Sequence = 2
	m.Apply(at, noon+10+session.Retention, other)
	require.Equal(t, 2, m.Len())
	// The log's time never goes back.
	m.Apply(at, noon, other)
	at.Sequence = 3
	m.Apply(at, noon+11+session.Retention, other)
	require.Equal(t, 1, m.Len())
}

// Memory is bounded: the sessions that were inactive for longest end early.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	f := newFeed(session.Config{MaxBytes: 10_000})
	for user := range uint64(100) {
		e := pageview(int64(user), "/a")
		e.UserID = user + 1
		f.apply(e)
		first := pageview(int64(user), "/b")
		require.NotEmpty(t, f.apply(first).SessionID)
		require.LessOrEqual(t, f.Bytes(), int64(10_000))
	}
	require.EqualValues(t, 100-f.Len(), f.Evicted())
	require.Positive(t, f.Evicted())
	changed := f.Changed()
	require.EqualValues(t, 101, changed[0].Events, "the active session is kept")
	// One session above the bound is kept: there is no other.
	f = newFeed(session.Config{MaxBytes: 1})
	require.NotZero(t, f.apply(pageview(0, "/a")).SessionID)
	require.Equal(t, 1, f.Len())
}

// Ids do not change, and differ by log, partition and position.
func TestID(t *testing.T) {
	t.Parallel()
	ids := map[uint64]string{}
	for _, log := range []string{"a", "b"} {
		for partition := range 3 {
			for i := range uint64(50) {
				m := session.New(session.Config{LogID: log, Partition: partition})
				at := session.Position{Sequence: i / 7, Index: uint32(i % 7)}
				id := m.Apply(at, noon, pageview(0, "/")).SessionID
				name := fmt.Sprint(log, partition, at)
				require.Empty(t, ids[id], name)
				ids[id] = name
			}
		}
	}
	m := session.New(session.Config{LogID: "a", Partition: 7})
	at := session.Position{Sequence: 123, Index: 4}
	require.Equal(t, uint64(0xa410946f04c5822f), m.Apply(at, noon, pageview(0, "/")).SessionID)
}
