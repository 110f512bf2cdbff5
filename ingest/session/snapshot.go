package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/internal/wire"
)

// A snapshot is the magic number "SLS", the version (1 byte), the CRC-32C of the rest (4 bytes,
// little-endian) and the compressed state: a message in the wire format of protocol buffers.
const (
	snapshotMagic   = "SLS"
	snapshotVersion = 1
	snapshotHeader  = len(snapshotMagic) + 1 + crc32.Size
)

// Numbers of the fields. They are the format: never change one.
const (
	stateClock = iota + 1
	stateSession
)

const (
	sessionID = iota + 1
	sessionSiteID
	sessionUserID
	sessionStart
	sessionTimestamp
	sessionHostname
	sessionEntryPage
	sessionExitPageHostname
	sessionExitPage
	sessionIsBounce
	sessionPageviews
	sessionEvents
	sessionDuration
	sessionAttributes
	sessionEntryProp
	sessionVersion
	sessionActive
	sessionSeen
	sessionDay
)

// ErrSnapshot means that a snapshot cannot be read.
var ErrSnapshot = errors.New("corrupt snapshot of sessions")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot returns the open sessions for Restore. Sessions that Changed has yet to return are
// not marked as such.
func (m *Machine) Snapshot() ([]byte, error) {
	b := wire.AppendSigned(nil, stateClock, m.clock)
	for n := m.order.first; n != nil; n = n.next {
		b = wire.AppendMessage(b, stateSession, n.append)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("compress sessions: %w", err)
	}
	header := append([]byte(snapshotMagic), snapshotVersion, 0, 0, 0, 0)
	b = encoder.EncodeAll(b, header)
	binary.LittleEndian.PutUint32(b[len(snapshotMagic)+1:], crc32.Checksum(b[snapshotHeader:], castagnoli))
	return b, encoder.Close()
}

// maxSnapshot bounds the memory of a snapshot's content, beside MaxBytes.
const maxSnapshot = 64 << 20

// Restore returns a Machine with the sessions of a snapshot.
func Restore(cfg Config, snapshot []byte) (*Machine, error) {
	m := New(cfg)
	switch {
	case len(snapshot) < snapshotHeader || string(snapshot[:len(snapshotMagic)]) != snapshotMagic:
		return nil, fmt.Errorf("%w of %d bytes: want %q first", ErrSnapshot, len(snapshot), snapshotMagic)
	case snapshot[len(snapshotMagic)] != snapshotVersion:
		return nil, fmt.Errorf("%w: version %d, want %d", ErrSnapshot, snapshot[len(snapshotMagic)], snapshotVersion)
	}
	want := binary.LittleEndian.Uint32(snapshot[len(snapshotMagic)+1:])
	if sum := crc32.Checksum(snapshot[snapshotHeader:], castagnoli); sum != want {
		return nil, fmt.Errorf("%w: checksum %08x, want %08x", ErrSnapshot, sum, want)
	}
	limit := uint64(m.cfg.MaxBytes) + maxSnapshot
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(limit))
	if err != nil {
		return nil, fmt.Errorf("decompress sessions: %w", err)
	}
	defer decoder.Close()
	state, err := decoder.DecodeAll(snapshot[snapshotHeader:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if err := m.restore(state); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return m, nil
}

func (m *Machine) restore(state []byte) error {
	for len(state) > 0 {
		// Each session has its own copy of its texts: one of all would live as long as the
		// last session.
		num, typ, n := protowire.ConsumeTag(state)
		if n < 0 {
			return protowire.ParseError(n)
		}
		field := protowire.ConsumeFieldValue(num, typ, state[n:])
		if field < 0 {
			return protowire.ParseError(field)
		}
		if err := wire.Fields(state[:n+field], m.setState); err != nil {
			return err
		}
		state = state[n+field:]
	}
	return nil
}

func (m *Machine) setState(v wire.Value) error {
	switch v.Num {
	case stateClock:
		m.clock = v.Signed()
	case stateSession:
		s := &Session{}
		if err := wire.Within("session", v, s.set); err != nil {
			return err
		}
		if s.Day == 0 {
			// An earlier version saved the session.
			s.Day = record.UTCDay(s.Start)
		}
		key := userKey{s.SiteID, s.UserID}
		if m.byUser[key] != nil {
			return fmt.Errorf("two open sessions of user %d of site %d", s.UserID, s.SiteID)
		}
		m.byUser[key] = m.order.push(s)
		m.resize(s)
	}
	return nil
}

func (s *Session) append(b []byte) []byte {
	b = wire.AppendFixed(b, sessionID, s.ID)
	b = wire.AppendFixed(b, sessionSiteID, s.SiteID)
	b = wire.AppendFixed(b, sessionUserID, s.UserID)
	b = wire.AppendSigned(b, sessionStart, s.Start)
	b = wire.AppendSigned(b, sessionTimestamp, s.Timestamp)
	b = wire.AppendText(b, sessionHostname, s.Hostname)
	b = wire.AppendText(b, sessionEntryPage, s.EntryPage)
	b = wire.AppendText(b, sessionExitPageHostname, s.ExitPageHostname)
	b = wire.AppendText(b, sessionExitPage, s.ExitPage)
	b = wire.AppendNumber(b, sessionIsBounce, protowire.EncodeBool(s.IsBounce))
	b = wire.AppendNumber(b, sessionPageviews, uint64(s.Pageviews))
	b = wire.AppendNumber(b, sessionEvents, uint64(s.Events))
	b = wire.AppendNumber(b, sessionDuration, uint64(s.Duration))
	b = wire.AppendMessage(b, sessionAttributes, func(b []byte) []byte {
		return record.AppendAttributes(b, &s.Attributes)
	})
	for _, p := range s.EntryProps {
		b = wire.AppendMessage(b, sessionEntryProp, func(b []byte) []byte { return record.AppendProp(b, p) })
	}
	b = wire.AppendNumber(b, sessionVersion, s.Version)
	b = wire.AppendSigned(b, sessionActive, s.active)
	b = wire.AppendSigned(b, sessionSeen, s.seen)
	return wire.AppendNumber(b, sessionDay, uint64(s.Day))
}

func (s *Session) set(v wire.Value) (err error) {
	switch v.Num {
	case sessionID:
		s.ID = v.Number
	case sessionSiteID:
		s.SiteID = v.Number
	case sessionUserID:
		s.UserID = v.Number
	case sessionStart:
		s.Start = v.Signed()
	case sessionTimestamp:
		s.Timestamp = v.Signed()
	case sessionHostname:
		s.Hostname = v.Text
	case sessionEntryPage:
		s.EntryPage = v.Text
	case sessionExitPageHostname:
		s.ExitPageHostname = v.Text
	case sessionExitPage:
		s.ExitPage = v.Text
	case sessionIsBounce:
		s.IsBounce = v.Number != 0
	case sessionPageviews:
		err = wire.Narrow(&s.Pageviews, "pageviews", v)
	case sessionEvents:
		err = wire.Narrow(&s.Events, "events", v)
	case sessionDuration:
		err = wire.Narrow(&s.Duration, "duration", v)
	case sessionAttributes:
		s.Attributes, err = record.DecodeAttributes(v.Data)
	case sessionEntryProp:
		var p record.Prop
		p, err = record.DecodeProp(v.Data)
		s.EntryProps = append(s.EntryProps, p)
	case sessionVersion:
		s.Version = v.Number
	case sessionActive:
		s.active = v.Signed()
	case sessionSeen:
		s.seen = v.Signed()
	case sessionDay:
		if v.Number > uint64(calendar.MaxDay) {
			return fmt.Errorf("day %d: want 0 to %d", v.Number, calendar.MaxDay)
		}
		s.Day = calendar.Day(v.Number)
	}
	return err
}
