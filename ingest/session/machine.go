package session

import (
	"cmp"
	"hash/fnv"
	"strings"

	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

// Config configures a Machine.
type Config struct {
	// LogID is the id of the event log. Ids of sessions depend on it, so that those of another
	// log are others.
	LogID string
	// Partition is the partition, below 256.
	Partition int
	// MaxBytes bounds the memory of open sessions, by estimate. Beyond it, the sessions that
	// were inactive for longest end early. Defaults to 256 MiB.
	MaxBytes int64
}

const defaultMaxBytes = 256 << 20

// Retention is how long a session is kept after its latest event arrived, in seconds of the
// log's time. It is longer than MaxInactivity because events arrive late.
const Retention = (MaxInactivity + 1 + 5) * 60

// Outcome is what became of an event.
type Outcome struct {
	// SessionID and UserID are the session's, Attributes those of its first event. An event
	// takes them over.
	SessionID, UserID uint64
	Attributes        *record.Attributes
	// Dropped is the reason for which the event does not count, or empty.
	Dropped string
}

// DropNoSession is the reason to drop an engagement without an open session.
const DropNoSession = "no_session_for_engagement"

type userKey struct{ siteID, userID uint64 }

// Machine holds the open sessions of a partition. It is not safe for concurrent use.
type Machine struct {
	cfg  Config
	seed uint64
	// clock is the latest time of the log. It never goes back.
	clock int64
	// byUser has the nodes of order.
	byUser map[userKey]*node
	order  order
	bytes  int64
	// changed are the sessions that changed since the last call of Changed, in the order of
	// their first change.
	changed map[*Session]struct{}
	inOrder []*Session
	evicted uint64
}

// New returns a Machine without sessions.
func New(cfg Config) *Machine {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, defaultMaxBytes)
	h := fnv.New64a()
	h.Write([]byte(cfg.LogID))
	return &Machine{
		cfg: cfg, seed: h.Sum64(), byUser: map[userKey]*node{}, changed: map[*Session]struct{}{},
	}
}

// Len returns the number of open sessions.
func (m *Machine) Len() int { return m.order.n }

// Bytes returns an estimate of the memory of the open sessions.
func (m *Machine) Bytes() int64 { return m.bytes }

// Evicted returns how many sessions ended early because of MaxBytes, since New or Restore.
func (m *Machine) Evicted() uint64 { return m.evicted }

// Apply adds the event at a position, that the log has stored at a time (seconds since 1970).
// Positions ascend.
func (m *Machine) Apply(at Position, logTime int64, e *record.Event) Outcome {
	m.clock = max(m.clock, logTime)
	m.expire()
	n := m.find(e)
	if n == nil {
		if e.Name == record.NameEngagement {
			return Outcome{Dropped: DropNoSession}
		}
		n = m.start(at, e)
	} else {
		m.continueWith(n, at, e)
	}
	m.evict(n)
	return Outcome{SessionID: n.ID, UserID: n.UserID, Attributes: &n.Attributes}
}

// find returns the session that an event belongs to, by either user id, or nil.
func (m *Machine) find(e *record.Event) *node {
	for _, user := range []uint64{e.UserID, e.PreviousUserID} {
		n := m.byUser[userKey{e.SiteID, user}]
		if n != nil && n.continues(e) {
			return n
		}
		if e.PreviousUserID == 0 {
			return nil
		}
	}
	return nil
}

func (m *Machine) start(at Position, e *record.Event) *node {
	key := userKey{e.SiteID, e.UserID}
	if old := m.byUser[key]; old != nil {
		m.remove(old)
	}
	s := newSession(m.id(at), e)
	s.seen, s.Version = m.clock, at.Version()
	n := m.order.push(s)
	m.byUser[key] = n
	m.resize(s)
	m.change(s)
	return n
}

func (m *Machine) continueWith(n *node, at Position, e *record.Event) {
	s := n.Session
	s.seen = m.clock
	m.order.touch(n)
	if e.Name == record.NameEngagement {
		s.active = max(s.active, e.Timestamp)
		return
	}
	s.add(e)
	s.Version = at.Version()
	m.resize(s)
	m.change(s)
}

// id derives a session's id from the position of its first event: a replay gives the same, and
// no two sessions of a log have the same.
func (m *Machine) id(at Position) uint64 {
	z := uint64(m.cfg.Partition)<<56 | at.Sequence<<16 | uint64(at.Index)
	// The finalizer of SplitMix64 is a bijection.
	z += m.seed
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// expire ends the sessions whose latest event arrived too long ago.
func (m *Machine) expire() {
	for m.order.first != nil && m.clock-m.order.first.seen > Retention {
		m.remove(m.order.first)
	}
}

// evict ends the sessions that were inactive for longest until the rest fits, but not keep.
func (m *Machine) evict(keep *node) {
	for m.bytes > m.cfg.MaxBytes && m.order.first != keep {
		m.remove(m.order.first)
		m.evicted++
	}
}

func (m *Machine) remove(n *node) {
	m.order.remove(n)
	delete(m.byUser, userKey{n.SiteID, n.UserID})
	m.bytes -= n.size
}

func (m *Machine) change(s *Session) {
	if _, ok := m.changed[s]; !ok {
		m.changed[s] = struct{}{}
		m.inOrder = append(m.inOrder, s)
	}
}

// Changed returns the sessions that changed since the last call, each once, in its present
// state. They are the rows to write: a row replaces those of the same session with a lower
// version.
func (m *Machine) Changed() []Session {
	all := make([]Session, len(m.inOrder))
	for i, s := range m.inOrder {
		all[i] = *s
	}
	m.inOrder = nil
	clear(m.changed)
	return all
}

// sessionBytes estimates the memory of a session without its texts.
const sessionBytes = 700

func (m *Machine) resize(s *Session) {
	size := int64(sessionBytes + len(s.Hostname) + len(s.EntryPage) + len(s.ExitPageHostname) + len(s.ExitPage) +
		s.Attributes.Bytes())
	for _, p := range s.EntryProps {
		size += int64(32 + len(p.Key) + len(p.Value))
	}
	m.bytes += size - s.size
	s.size = size
}

// clone copies a text, which would otherwise keep the whole record in memory.
func clone(s string) string { return strings.Clone(s) }

func cloneProps(props []record.Prop) []record.Prop {
	if len(props) == 0 {
		return nil
	}
	cloned := make([]record.Prop, len(props))
	for i, p := range props {
		cloned[i] = record.Prop{Key: clone(p.Key), Value: clone(p.Value)}
	}
	return cloned
}
