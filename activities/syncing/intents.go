package syncing

import (
	"context"

	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// intendOf returns what records the IDs of pages before they are written. An attempt that dies between the delivery
// of a page and its checkpoint leaves records in the target that no checkpoint has: a record that is deleted before
// it is read again would never be found missing, and would stay opted in. Without scans for deletions nothing is
// recorded in advance.
func (s *Syncs) intendOf(o *opened, run syncstore.Run) func(ctx context.Context, pages []sync.Page) error {
	if o.scanner() == nil {
		return nil
	}
	return func(ctx context.Context, pages []sync.Page) error {
		known := sync.Known{}
		for _, page := range pages {
			known.Merge(page.Records)
		}
		if len(known) == 0 {
			return nil
		}
		ids, err := known.Encode()
		if err != nil {
			return err
		}
		return s.Store.AddIntent(ctx, run.ID, ids)
	}
}
