package writer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/session"
)

// ErrNewer means that a newer version of the program has written to the log. Its records are
// not lost: they wait for a writer of that version.
var ErrNewer = errors.New("the log has records of a newer version: upgrade the worker")

// batch makes the rows of a range.
type batch struct {
	Range
	Rows
	partition int
	machine   *session.Machine
	records   int
	bytes     int
	oldest    time.Time
	poison    []Poison
	poisoned  int
	// counters are the indexes of the counters in Rows.
	counters map[record.Counter]int
}

func newBatch(partition int, machine *session.Machine) *batch {
	return &batch{partition: partition, machine: machine, counters: map[record.Counter]int{}}
}

// sampleBytes bounds the sample of a poisonous record.
const sampleBytes = 256

// reject notes a record that cannot be written.
func (b *batch) reject(sequence uint64, index int, data []byte, reason error) {
	b.poisoned++
	if len(b.poison) < MaxPoison {
		b.poison = append(b.poison, Poison{
			Sequence: sequence, Index: index, Reason: reason.Error(), Sample: slices.Clone(data[:min(len(data), sampleBytes)]),
		})
	}
}

// decoded is a record as read.
type decoded struct {
	record.Record
	index uint32
	data  []byte
	err   error
}

// decode reads the records of a partition in a message. Its error is ErrNewer, or one about the message.
func decode(m eventlog.Message, partition int) ([]decoded, error) {
	records, err := pack.Split(m.Data, partition)
	switch {
	case errors.Is(err, pack.ErrVersion):
		return nil, fmt.Errorf("message %d: %w (%w)", m.Sequence, ErrNewer, err)
	case err != nil:
		return nil, err
	}
	all := make([]decoded, len(records))
	for i, of := range records {
		r, err := record.Decode(of.Data)
		if errors.Is(err, record.ErrUnknownKind) {
			return nil, fmt.Errorf("message %d, record %d: %w (%w)", m.Sequence, of.Index, ErrNewer, err)
		}
		all[i] = decoded{r, of.Index, of.Data, err}
	}
	return all, nil
}

// add adds the records of the partition in a message. One that cannot be read is rejected, as is a message, and the
// others are added. The only error is ErrNewer, before anything of the message was added. Each partition in the stream
// of a message that cannot be read rejects it.
func (b *batch) add(m eventlog.Message) error {
	records, err := decode(m, b.partition)
	if errors.Is(err, ErrNewer) {
		return err
	}
	if b.oldest.IsZero() {
		b.oldest = m.Time
	}
	if err != nil {
		b.bytes += len(m.Data)
		b.reject(m.Sequence, WholeMessage, m.Data, err)
		return nil
	}
	b.records += len(records)
	for _, r := range records {
		b.bytes += len(r.data)
		err := r.err
		if err == nil {
			err = b.addRecord(session.Position{Sequence: m.Sequence, Index: r.index}, m.Time, r.Record)
		}
		if err != nil {
			b.reject(m.Sequence, int(r.index), r.data, err)
		}
	}
	return nil
}

// addRecord adds a record, unless it cannot become a row.
func (b *batch) addRecord(at session.Position, stored time.Time, r record.Record) error {
	if c := r.Counter; c != nil {
		if err := checkCounter(c); err != nil {
			return err
		}
		b.count(at, *c)
		return nil
	}
	e := r.Event
	if err := checkEvent(e); err != nil {
		return err
	}
	outcome, err := b.apply(at, stored.Unix(), e)
	if err != nil {
		return err
	}
	metric := "buffered"
	if outcome.Dropped != "" {
		metric = "dropped_" + outcome.Dropped
	} else {
		e.UserID, e.Attributes = outcome.UserID, *outcome.Attributes
		b.Events = append(b.Events, Event{Event: e, SessionID: outcome.SessionID, Sequence: at.Sequence, Index: at.Index})
	}
	const minute = 60
	b.count(at, record.Counter{
		Bucket: stored.Unix() / minute * minute, Domain: e.Domain, SiteID: e.SiteID, Metric: metric, Value: 1,
		TrackerVersion: e.TrackerVersion,
	})
	return nil
}

// apply adds an event to the sessions. A panic concerns this event, not the partition.
func (b *batch) apply(at session.Position, stored int64, e *record.Event) (o session.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the sessions panicked: %v", p)
		}
	}()
	return b.machine.Apply(at, stored, e), nil
}

// count adds to the counter of the same labels.
func (b *batch) count(at session.Position, c record.Counter) {
	value := c.Value
	c.Value = 0
	i, ok := b.counters[c]
	if !ok {
		i = len(b.Counters)
		b.counters[c] = i
		b.Counters = append(b.Counters, Counter{Counter: c, Sequence: at.Sequence, Index: at.Index})
	}
	b.Counters[i].Value += value
}

// end completes the range.
func (b *batch) end(r Range) {
	b.Range = r
	b.Sessions = b.machine.Changed()
}

func (b *batch) counts() Counts {
	return Counts{uint64(len(b.Events)), uint64(len(b.Sessions)), uint64(len(b.Counters))}
}
