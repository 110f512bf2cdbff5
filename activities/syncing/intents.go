package syncing

import (
	"context"

	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// intending is a reader that records the IDs of each page before it returns it. An attempt that dies between the
// delivery of a page and its checkpoint leaves records in the target that no checkpoint has: a record that is
// deleted before it is read again would never be found missing, and would stay opted in.
type intending struct {
	sync.Reader
	store *syncstore.Store
	run   int64
}

// Page reads a page and records its IDs.
func (i intending) Page(ctx context.Context, list string, w sync.Window, c sync.Cursor) (sync.Page, error) {
	page, err := i.Reader.Page(ctx, list, w, c)
	if err != nil || len(page.Records) == 0 {
		return page, err
	}
	known := sync.Known{}
	known.Merge(page.Records)
	ids, err := known.Encode()
	if err != nil {
		return sync.Page{}, err
	}
	return page, i.store.AddIntent(ctx, i.run, ids)
}

// readerOf returns the reader of a run. Without scans for deletions nothing is recorded in advance.
func (s *Syncs) readerOf(o *opened, run syncstore.Run) sync.Reader {
	if _, scans := o.reader.(sync.Scanner); !scans || o.settings.Deletions == sync.DeletionsIgnore {
		return o.reader
	}
	return intending{Reader: o.reader, store: s.Store, run: run.ID}
}
