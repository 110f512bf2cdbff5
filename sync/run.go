package sync

import (
	"context"
	"errors"
	"fmt"
	stdsync "sync"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

// Checkpoint is the progress of a run by one page. All records up to its cursor are delivered or
// rejected.
type Checkpoint struct {
	// Page is the number of the page in this call of Do, from 1.
	Page int64
	// Cursor is the place after the page, Done whether the window is complete.
	Cursor Cursor
	Done   bool
	// Counts are those of the page.
	Counts Counts
	// Rejects are the page's records that were not delivered.
	Rejects []Reject
	// Delivered are the page's records that were delivered, without their data.
	Delivered []Record
	// Total is the number of records that the source has announced, 0 if unknown.
	Total int
}

// Counts are numbers of records. Read is always the sum of Delivered and Rejected.
type Counts struct {
	Read      int64 `json:"read"`
	Delivered int64 `json:"delivered"`
	Rejected  int64 `json:"rejected"`
	// Skipped are the records before start_offset. They do not count as read.
	Skipped int64 `json:"skipped"`
}

// Add returns the sums.
func (c Counts) Add(more Counts) Counts {
	return Counts{
		Read: c.Read + more.Read, Delivered: c.Delivered + more.Delivered, Rejected: c.Rejected + more.Rejected,
		Skipped: c.Skipped + more.Skipped,
	}
}

// Check returns an error unless all records that were read are accounted for.
func (c Counts) Check() error {
	if c.Read != c.Delivered+c.Rejected {
		return fmt.Errorf("%d records were read, %d delivered and %d rejected: want every record accounted for",
			c.Read, c.Delivered, c.Rejected)
	}
	return nil
}

// Run is one run of a list, or the rest of one after an interruption.
type Run struct {
	// Reader, Writer and Mapping are required.
	Reader  Reader
	Writer  Writer
	Mapping *Mapping
	// List is the list. Required.
	List string
	// Window is what to read, Cursor where to continue. An empty cursor is the start.
	Window Window
	Cursor Cursor
	// Skip is the number of records that are still to be skipped.
	Skip int64
	// Workers is the number of pages that are written at the same time. Defaults to DefaultWorkerCount.
	Workers int
	// Checkpoint stores the progress. Calls are made in the order of pages, one at a time, each after
	// all records of the page were delivered or rejected. An error ends the run. Required.
	Checkpoint func(ctx context.Context, c Checkpoint) error
	// Enough ends Do early, after the pages that were read are delivered: it is asked before each page.
	// Defaults to never.
	Enough func() bool
	// Wait waits between attempts. Defaults to a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// maxEmpty bounds successive pages without records that are not the last.
const maxEmpty = 50

// work is a page under way.
type work struct {
	Checkpoint
	records []Record
	keys    map[string]struct{}
	// after are pages with some of the same records, which are written first.
	after []*work
	// done is closed when all records have an outcome, or err is set.
	done chan struct{}
	err  error
}

// Do reads, maps and writes the pages of the window, and stores a checkpoint after each, in order. It
// returns true when the window is complete. After an error everything before the last checkpoint is
// delivered or rejected, and a run with its cursor continues. Errors of the reader and the writer are of
// type *Error.
//
// Several pages are written at the same time, except those with the same records: a record is never
// replaced by an earlier version of itself.
func (r *Run) Do(ctx context.Context) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := r.Workers
	fill(&workers, DefaultWorkerCount)
	pages, slots := make(chan *work, workers), make(chan struct{}, workers)
	var running stdsync.WaitGroup
	var reading error
	running.Go(func() {
		defer close(pages)
		reading = r.read(ctx, pages, slots, &running)
	})
	done, err = r.commit(ctx, pages, slots)
	cancel()
	running.Wait()
	if err != nil {
		return false, err
	}
	return done, reading
}

// read reads pages and starts to write them. A page has one of the slots from its reading to its checkpoint.
func (r *Run) read(
	ctx context.Context, pages chan<- *work, slots chan<- struct{}, running *stdsync.WaitGroup,
) error {
	cursor, skip, empty := r.Cursor, r.Skip, 0
	var recent []*work
	for number := int64(1); ; number++ {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if r.Enough != nil && r.Enough() {
			return nil
		}
		page, err := r.page(ctx, cursor)
		if err != nil {
			return err
		}
		empty++
		if len(page.Records)+len(page.Rejects) > 0 {
			empty = 0
		}
		if empty > maxEmpty && !page.Done {
			return failure(ClassUnavailable, "the list changes too often to be read: %d pages without records", empty)
		}
		w := newWork(number, page, &skip)
		for _, earlier := range recent {
			if w.shares(earlier) {
				w.after = append(w.after, earlier)
			}
		}
		recent = append(recent, w)
		recent = recent[max(0, len(recent)-cap(slots)):]
		running.Go(func() {
			defer close(w.done)
			w.err = r.deliver(ctx, w)
		})
		pages <- w // There is room for each page that has a slot.
		if cursor = page.Next; page.Done {
			return nil
		}
	}
}

// page reads one page, and checks what the rest relies on.
func (r *Run) page(ctx context.Context, c Cursor) (Page, error) {
	page, err := retry(ctx, r.wait, func() (Page, error) { return r.Reader.Page(ctx, r.List, r.Window, c) })
	if err != nil {
		return Page{}, err
	}
	if len(page.Next) > MaxCursor {
		return Page{}, failure(ClassPermanent, "the reader's cursor has %d bytes: want at most %d", len(page.Next), MaxCursor)
	}
	for i, record := range page.Records {
		if record.Key == "" || len(record.Key) > MaxKey {
			return Page{}, failure(ClassPermanent, "record %d of a page has a key of %d bytes: want 1 to %d",
				i, len(record.Key), MaxKey)
		}
	}
	return page, nil
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

// commit stores a checkpoint after each page, in order.
func (r *Run) commit(ctx context.Context, pages <-chan *work, slots <-chan struct{}) (done bool, err error) {
	for w := range pages {
		select {
		case <-w.done:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if w.err != nil {
			return false, w.err
		}
		w.Counts.Rejected = int64(len(w.Rejects))
		w.Counts.Delivered = int64(len(w.Delivered))
		if err := w.Counts.Check(); err != nil {
			return false, failure(ClassPermanent, "page %d: %w", w.Page, err)
		}
		if err := r.Checkpoint(ctx, w.Checkpoint); err != nil {
			return false, fmt.Errorf("store the checkpoint: %w", err)
		}
		done = w.Done
		<-slots
	}
	return done, nil
}

// deliver maps and writes the records of a page.
func (r *Run) deliver(ctx context.Context, w *work) error {
	for _, earlier := range w.after {
		select {
		case <-earlier.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if earlier.err != nil {
			return errors.New("an earlier page with the same records was not delivered")
		}
	}
	w.after = nil
	batch := &batch{write: r.Writer.Write, wait: r.wait}
	for _, record := range w.records {
		body, err := r.Mapping.Map(record.Data)
		item := &item{body: body}
		if err != nil {
			item.reject(StageMap, err.Error())
		}
		batch.items = append(batch.items, item)
	}
	if err := batch.deliver(ctx); err != nil {
		return err
	}
	for i, item := range batch.items {
		record := w.records[i]
		if item.rejected {
			w.Rejects = append(w.Rejects, Reject{Key: record.Key, Stage: item.stage, Reason: item.reason})
			continue
		}
		w.Delivered = append(w.Delivered, Record{
			Key: record.Key, Ref: record.Ref, Consent: consentOf(r.Writer, item.body),
		})
	}
	w.records = nil
	return nil
}

func (r *Run) wait(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	return delay.Wait(ctx, d)
}
