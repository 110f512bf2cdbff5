package loading_test

import (
	"context"
	"io"
	"strconv"
	"sync"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

const firstDay calendar.Day = 18628

// source is an importer of numbered rows: every fifth is bad, every seventh is out of
// range, and the others have their number, from 1, as their visitors.
type source struct {
	importers.Importer
	rows, size int
	// allGood makes every row a good one.
	allGood bool
	// mu guards what tests change while the source is read.
	mu sync.Mutex
	// next, if set, is called before a chunk is read.
	next func(ctx context.Context, chunk int) error
	// filled, if set, is called with each chunk that was read.
	filled func(c *importers.Chunk)
	// opened and closed count the readers.
	opened, closed int
}

// newSource has twelve chunks, the last of them shorter than the others.
func newSource() *source { return &source{rows: 230, size: 20} }

func (s *source) chunks() int { return (s.rows + s.size - 1) / s.size }

// chunk returns a chunk by its number.
func (s *source) chunk(no int) *importers.Chunk {
	c := importers.NewChunk(schema.Visitors)
	s.fill(c, no*s.size)
	return c
}

func (s *source) fill(c *importers.Chunk, start int) {
	c.Reset()
	end := min(start+s.size, s.rows)
	for n := start + 1; n <= end; n++ {
		c.RowsRead++
		switch {
		case s.allGood:
			add(c, n)
		case n%5 == 0:
			c.Rejects = append(c.Rejects, importers.NewReject("file", int64(n), "visitors", "bad", nil))
		case n%7 == 0:
			c.OutOfRange++
		default:
			add(c, n)
		}
	}
	c.Bytes, c.Next = int64(end), importers.Cursor(strconv.Itoa(end))
}

func add(c *importers.Chunk, n int) {
	c.Rows.SetDate(0, uint16(firstDay))
	c.Rows.SetUint64(1, uint64(n))
	c.Rows.EndRow()
}

// all returns the numbers of the good rows, those of the bad, and how many are out
// of range.
func (s *source) all() (good, bad []uint64, out int) {
	good, bad = []uint64{}, []uint64{}
	for n := uint64(1); n <= uint64(s.rows); n++ {
		switch {
		case n%5 == 0:
			bad = append(bad, n)
		case n%7 == 0:
			out++
		default:
			good = append(good, n)
		}
	}
	return good, bad, out
}

// ImportData opens the source behind a row.
func (s *source) ImportData(
	_ context.Context, _ importers.Import, _ importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	start := 0
	if from != "" {
		var err error
		if start, err = strconv.Atoi(string(from)); err != nil {
			return nil, err
		}
	}
	return &reader{source: s, start: start}, nil
}

type reader struct {
	*source
	start int
}

func (r *reader) Next(ctx context.Context, chunk *importers.Chunk) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next != nil {
		if err := r.next(ctx, (r.start+r.size-1)/r.size); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.start >= r.rows {
		return io.EOF
	}
	r.fill(chunk, r.start)
	r.start += int(chunk.RowsRead)
	if r.filled != nil {
		r.filled(chunk)
	}
	return nil
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed++
	return nil
}
