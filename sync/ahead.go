package sync

import (
	"context"
	stdsync "sync"
)

// work is a page under way.
type work struct {
	Checkpoint
	records []Record
	keys    map[string]struct{}
	// from is the place of the page.
	from Cursor
	size int64
	// after are pages with some of the same records, which are written first.
	after []*work
	// done is closed when all records have an outcome, err is set, or the page was dropped: it was not begun.
	done    chan struct{}
	err     error
	dropped bool
}

func newWork(number int64, p Page, skip *int64) *work {
	w := &work{keys: map[string]struct{}{}, done: make(chan struct{})}
	w.Page, w.Cursor, w.Done, w.Total = number, p.Next, p.Done, p.Total
	w.records, w.Rejects = p.Records, p.Rejects
	if n := min(*skip, int64(len(w.records)+len(w.Rejects))); n > 0 {
		*skip -= n
		w.Counts.Skipped = n
		// The order of records and rejects within a page is unknown: records come first.
		fromRecords := min(n, int64(len(w.records)))
		w.records, w.Rejects = w.records[fromRecords:], w.Rejects[n-fromRecords:]
	}
	w.Counts.Read = int64(len(w.records) + len(w.Rejects))
	for _, record := range w.records {
		w.keys[record.Key] = struct{}{}
		w.size += int64(len(record.Key) + len(record.Ref) + len(record.Data))
	}
	return w
}

func (w *work) shares(other *work) bool {
	for key := range w.keys {
		if _, both := other.keys[key]; both {
			return true
		}
	}
	return false
}

// isDelivered reports whether all records have an outcome.
func (w *work) isDelivered() bool {
	select {
	case <-w.done:
		return w.err == nil && !w.dropped
	default:
		return false
	}
}

// Bounds of what is read ahead.
const (
	// maxAhead is the number of pages without a checkpoint, for each writer, above which none is read.
	maxAhead = 4
	// maxAheadBytes is the size of their records above which none is read. One more block may follow.
	maxAheadBytes = 16 << 20
	// maxBlock is the number of pages that are read at a time, for each writer.
	maxBlock = 4
)

// backlog counts the pages that were read and have no checkpoint yet. Pages are read while the writers have work;
// how many at a time, depends on whether the writers run out of work meanwhile.
type backlog struct {
	writers int

	mu stdsync.Mutex
	// waiting are the pages that no writer has begun, pages all of them, with bytes of records.
	waiting, pages int
	bytes          int64
	// stored means that there was a checkpoint.
	stored bool
	// changed wakes the reader.
	changed chan struct{}
}

func newBacklog(writers int) *backlog {
	return &backlog{writers: writers, changed: make(chan struct{}, 1)}
}

// most is the maximum number of pages without a checkpoint.
func (b *backlog) most() int { return (maxAhead + maxBlock) * b.writers }

// await waits until more pages are to be read.
func (b *backlog) await(ctx context.Context) error {
	for !b.room() {
		select {
		case <-b.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

func (b *backlog) room() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting <= b.writers/2 && b.pages <= maxAhead*b.writers && b.bytes <= maxAheadBytes
}

// starved reports whether the writers have nothing to begin.
func (b *backlog) starved() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting == 0
}

// add counts a page that was read.
func (b *backlog) add(w *work) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting++
	b.pages++
	b.bytes += w.size
}

// begin counts a page that a writer begins, and reports whether there was a checkpoint.
func (b *backlog) begin() (stored bool) {
	defer b.wake()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting--
	return b.stored
}

// commit counts pages that have a checkpoint.
func (b *backlog) commit(batch []*work) {
	defer b.wake()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored = true
	for _, w := range batch {
		b.pages--
		b.bytes -= w.size
	}
}

func (b *backlog) wake() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}
