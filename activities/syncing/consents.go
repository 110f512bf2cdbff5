package syncing

import (
	"context"

	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// maxOptOutChanges is the number of changes of the set of opt-outs that are merged into it.
const maxOptOutChanges = 100

// optOuts returns the records that the target holds as opted out, an empty set if it holds none.
func (s *Syncs) optOuts(ctx context.Context, name string, w sync.Writer) (*sync.OptOuts, error) {
	if _, ok := w.(sync.Holder); !ok {
		return &sync.OptOuts{}, nil
	}
	set, changes, err := s.Store.OptOuts(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(changes) > maxOptOutChanges {
		err := s.Store.MergeOptOuts(ctx, name, func(set []byte, changes [][]byte) ([]byte, error) {
			merged, err := sync.MergeOptOuts(set, changes...)
			if err != nil {
				return nil, permanent(err)
			}
			return merged, nil
		})
		if err != nil {
			return nil, err
		}
	}
	all, err := sync.DecodeOptOuts(set, changes...)
	if err != nil {
		return nil, permanent(err)
	}
	return all, nil
}

// consents returns what delivered records say, and adds it to the opt-outs.
func consents(all *sync.OptOuts, delivered map[string]sync.Consent) (syncstore.Consents, error) {
	var change sync.ConsentChange
	for key, c := range delivered {
		all.Add(&change, key, c)
	}
	blob, err := change.Encode()
	return syncstore.Consents{Change: blob, Held: change.Held, Freed: change.Freed}, err
}
