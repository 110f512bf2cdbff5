package sync

import (
	"bytes"
	"context"
	"encoding/json"
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
	// ID identifies the run among all, for a PageWriter. Defaults to none.
	ID string
	// List is the list. Required.
	List string
	// Window is what to read, Cursor where to continue. An empty cursor is the start.
	Window Window
	Cursor Cursor
	// Skip is the number of records that are still to be skipped.
	Skip int64
	// Workers is the number of pages that are written at the same time. Defaults to DefaultWorkerCount.
	Workers int
	// Intend is called with pages before their records are written, in the order of pages. An error ends the run.
	// Defaults to nothing.
	Intend func(ctx context.Context, pages []Page) error
	// Checkpoint stores the progress by successive pages, at least one and at most maxBatch, all or nothing. Calls
	// are made in the order of pages, one at a time, after all records of the pages were delivered or rejected. An
	// error ends the run. Required.
	Checkpoint func(ctx context.Context, pages []Checkpoint) error
	// Enough ends Do early. It is asked before pages are read: those that were read are delivered. After the first
	// checkpoint it is asked before a page is written, too: what was not begun is read again by the next Do. Once
	// true, it stays true. It is safe for concurrent use. Defaults to never.
	Enough func() bool
	// Wait waits between attempts. Defaults to a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// maxBatch is the number of pages of one checkpoint.
const maxBatch = 32

// Do reads, maps and writes the pages of the window, and stores their progress, in order. It returns true when
// the window is complete. After an error everything before the last checkpoint is delivered or rejected, and a
// run with its cursor continues. Errors of the reader and the writer are of type *Error.
//
// Pages are read ahead while others are written: see backlog. Several pages are written at the same time, except
// those with the same records: a record is never replaced by an earlier version of itself.
func (r *Run) Do(ctx context.Context) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := r.Workers
	fill(&workers, DefaultWorkerCount)
	// Both have all pages in order: for the writers, and for the checkpoints.
	b := newBacklog(workers)
	queue, pages := make(chan *work, b.most()), make(chan *work, b.most())
	var running stdsync.WaitGroup
	var reading error
	running.Go(func() {
		defer close(pages)
		defer close(queue)
		reading = r.read(ctx, b, func(w *work) bool { return send(ctx, pages, w) && send(ctx, queue, w) })
	})
	for range workers {
		running.Go(func() {
			for w := range queue {
				r.write(ctx, b, w)
			}
		})
	}
	done, ended, err := r.commit(ctx, pages, b)
	cancel()
	running.Wait()
	if err != nil || ended {
		return false, err
	}
	return done, reading
}

// send reports whether w was sent before the end of ctx.
func send(ctx context.Context, to chan<- *work, w *work) bool {
	select {
	case to <- w:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *Run) enough() bool { return r.Enough != nil && r.Enough() }

// commit stores checkpoints, in order. ended means that a page was dropped: the rest is for the next Do.
func (r *Run) commit(ctx context.Context, pages <-chan *work, b *backlog) (done, ended bool, err error) {
	var next *work
	for {
		if next == nil {
			w, open := <-pages
			if !open {
				return done, false, nil
			}
			next = w
		}
		select {
		case <-next.done:
		case <-ctx.Done():
			return false, false, ctx.Err()
		}
		if next.dropped || next.err != nil {
			return false, next.dropped, next.err
		}
		var batch []*work
		batch, next = ready(next, pages)
		if err := r.checkpoint(ctx, batch); err != nil {
			return false, false, err
		}
		b.commit(batch)
		done = batch[len(batch)-1].Done
	}
}

// ready returns a page that is delivered, with those after it that are so by now, and the page that follows them,
// nil if that is not read yet.
func ready(first *work, pages <-chan *work) (batch []*work, next *work) {
	for batch = []*work{first}; ; batch = append(batch, next) {
		select {
		case next = <-pages: // nil once it is closed
		default:
			return batch, nil
		}
		if next == nil || !next.isDelivered() || len(batch) == maxBatch {
			return batch, next
		}
	}
}

// checkpoint stores the progress by pages.
func (r *Run) checkpoint(ctx context.Context, batch []*work) error {
	checkpoints := make([]Checkpoint, len(batch))
	for i, w := range batch {
		w.Counts.Rejected, w.Counts.Delivered = int64(len(w.Rejects)), int64(len(w.Delivered))
		if err := w.Counts.Check(); err != nil {
			return failure(ClassPermanent, "page %d: %w", w.Page, err)
		}
		checkpoints[i] = w.Checkpoint
	}
	if err := r.Checkpoint(ctx, checkpoints); err != nil {
		return fmt.Errorf("store the checkpoint: %w", err)
	}
	return nil
}

// write delivers a page, unless the run is to end.
func (r *Run) write(ctx context.Context, b *backlog, w *work) {
	defer close(w.done)
	stored := b.begin()
	for _, earlier := range w.after {
		select {
		case <-earlier.done:
		case <-ctx.Done():
			w.err = ctx.Err()
			return
		}
		switch {
		case earlier.err != nil:
			w.err = errors.New("an earlier page with the same records was not delivered")
			return
		case earlier.dropped:
			w.dropped = true
			return
		}
	}
	w.after = nil
	if w.dropped = stored && r.enough(); !w.dropped {
		w.err = r.deliver(ctx, w)
	}
}

// deliver maps and writes the records of a page.
func (r *Run) deliver(ctx context.Context, w *work) error {
	batch := &batch{write: r.writeOf(w), wait: r.wait}
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

// writeOf returns what writes the records of a page.
func (r *Run) writeOf(w *work) func(ctx context.Context, records []json.RawMessage) ([]Outcome, error) {
	pages, ok := r.Writer.(PageWriter)
	if !ok || r.ID == "" {
		return r.Writer.Write
	}
	page := r.ID + "\n" + string(canonical(w.from))
	return func(ctx context.Context, records []json.RawMessage) ([]Outcome, error) {
		return pages.WritePage(ctx, page, records)
	}
}

// canonical returns a cursor in one form: a database may have stored it in another one.
func canonical(c Cursor) Cursor {
	decoder := json.NewDecoder(bytes.NewReader(c))
	decoder.UseNumber()
	var value any
	if len(c) == 0 || decoder.Decode(&value) != nil {
		return c
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return c
	}
	return encoded
}

func (r *Run) wait(ctx context.Context, d time.Duration) error {
	if r.Wait != nil {
		return r.Wait(ctx, d)
	}
	return delay.Wait(ctx, d)
}
