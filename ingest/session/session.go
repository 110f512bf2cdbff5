// Package session turns the events of one partition into sessions, by Plausible's rules.
//
// A Machine is a pure function of the partition's records in their order: it has no clock and no
// random numbers. A replay from the first record, or from a snapshot, gives the same sessions
// with the same ids.
package session

import (
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

// Position identifies a record of a partition.
type Position struct {
	// Sequence is that of the message, below 1<<40.
	Sequence uint64
	// Index is the record's place in the message, below 1<<16.
	Index uint32
}

// Version orders the states of a session: that of a later record is greater.
func (p Position) Version() uint64 { return p.Sequence<<16 | uint64(p.Index) }

// Session is the state of a session, one row of the table sessions.
type Session struct {
	ID, SiteID, UserID uint64
	// Start and Timestamp are the times of the first and the latest event that is not an
	// engagement, in seconds since 1970.
	Start, Timestamp int64
	// Day is the site's local day of the first event, and of the whole session.
	Day calendar.Day
	// Hostname and EntryPage are those of the first pageview, ExitPageHostname and ExitPage
	// those of the last. They are empty before there is one.
	Hostname, EntryPage        string
	ExitPageHostname, ExitPage string
	// IsBounce says that there was at most one pageview and nothing interactive.
	IsBounce          bool
	Pageviews, Events uint32
	// Duration is in seconds.
	Duration uint32
	// Attributes and EntryProps are those of the first event.
	Attributes record.Attributes
	EntryProps []record.Prop
	// Version is that of the record that changed the session last.
	Version uint64

	// active is the time of the latest event of any kind, from which inactivity counts.
	active int64
	// seen is the log's time when the latest event arrived, in seconds since 1970.
	seen int64
	size int64
}

// MaxInactivity is the most whole minutes between two events of a session.
const MaxInactivity = 30

// newSession starts a session with an event that is not an engagement.
func newSession(id uint64, e *record.Event) *Session {
	s := &Session{
		ID: id, SiteID: e.SiteID, UserID: e.UserID, Start: e.Timestamp, Timestamp: e.Timestamp, active: e.Timestamp,
		Day:      e.LocalDay(),
		IsBounce: e.Name == record.NamePageview || !e.Interactive, Events: 1,
		Attributes: e.Attributes.Clone(), EntryProps: cloneProps(e.Props),
	}
	if e.Name == record.NamePageview {
		s.Pageviews = 1
		s.view(e)
	}
	return s
}

// continues reports whether an event belongs to the session: at most MaxInactivity whole minutes
// after its latest event, or before its first one.
func (s *Session) continues(e *record.Event) bool {
	const minute = 60
	return (e.Timestamp-s.active)/minute <= MaxInactivity && (s.Start-e.Timestamp)/minute <= MaxInactivity
}

// add adds an event that is not an engagement. An event that arrives late changes the counts, but
// neither start nor end of the session: duration never shrinks.
func (s *Session) add(e *record.Event) {
	s.Timestamp = max(s.Timestamp, e.Timestamp)
	s.active = max(s.active, e.Timestamp)
	s.Duration = max(s.Duration, uint32(min(abs(e.Timestamp-s.Start), 1<<32-1)))
	s.Events++
	if e.Name == record.NamePageview {
		s.Pageviews++
		s.view(e)
		s.IsBounce = s.IsBounce && s.Pageviews < 2
		return
	}
	s.IsBounce = s.IsBounce && !e.Interactive
}

// view sets the pages of the session from a pageview.
func (s *Session) view(e *record.Event) {
	if s.EntryPage == "" {
		s.Hostname, s.EntryPage = clone(e.Hostname), clone(e.Pathname)
	}
	s.ExitPageHostname, s.ExitPage = clone(e.Hostname), clone(e.Pathname)
}

func abs(n int64) int64 { return max(n, -n) }
