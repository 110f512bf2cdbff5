package sync

import (
	"context"
	"slices"
)

// maxEmpty bounds successive pages without records that are not the last.
const maxEmpty = 50

// read reads pages ahead, and hands each to the writers and the checkpoints by send, which returns false to end.
func (r *Run) read(ctx context.Context, b *backlog, send func(*work) bool) error {
	cursor, skip, number, empty := r.Cursor, r.Skip, int64(0), 0
	var recent []*work
	for block := b.writers; ; {
		if err := b.await(ctx); err != nil {
			return err
		}
		if r.enough() {
			return nil
		}
		pages, err := r.block(ctx, cursor, block)
		if err != nil {
			return err
		}
		if r.Intend != nil {
			if err := r.Intend(ctx, pages); err != nil {
				return err
			}
		}
		if block = max(block/2, b.writers); b.starved() {
			block = min(4*block, maxBlock*b.writers)
		}
		for _, page := range pages {
			empty++
			if len(page.Records)+len(page.Rejects) > 0 {
				empty = 0
			}
			if empty > maxEmpty && !page.Done {
				return failure(ClassUnavailable, "the list changes too often to be read: %d pages without records", empty)
			}
			number++
			w := newWork(number, page, &skip)
			w.from = cursor
			recent = slices.DeleteFunc(recent, (*work).isDelivered)
			for _, earlier := range recent {
				if w.shares(earlier) {
					w.after = append(w.after, earlier)
				}
			}
			recent = append(recent, w)
			b.add(w)
			if !send(w) {
				return ctx.Err()
			}
			if cursor = page.Next; page.Done {
				return nil
			}
		}
	}
}

// block reads the page at a cursor, or at most n pages from it, and checks what the rest relies on.
func (r *Run) block(ctx context.Context, c Cursor, n int) ([]Page, error) {
	pages, err := retry(ctx, r.wait, func() ([]Page, error) {
		if reader, ok := r.Reader.(BlockReader); ok {
			return reader.Pages(ctx, r.List, r.Window, c, n)
		}
		page, err := r.Reader.Page(ctx, r.List, r.Window, c)
		return []Page{page}, err
	})
	if err != nil {
		return nil, err
	}
	if len(pages) == 0 {
		return nil, failure(ClassPermanent, "the reader returns no page: want one or more")
	}
	for _, page := range pages {
		if len(page.Next) > MaxCursor {
			return nil, failure(ClassPermanent, "the reader's cursor has %d bytes: want at most %d", len(page.Next), MaxCursor)
		}
		for i, record := range page.Records {
			if record.Key == "" || len(record.Key) > MaxKey {
				return nil, failure(ClassPermanent, "record %d of a page has a key of %d bytes: want 1 to %d",
					i, len(record.Key), MaxKey)
			}
		}
	}
	return pages, nil
}
