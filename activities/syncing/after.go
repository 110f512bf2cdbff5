package syncing

import (
	"context"

	"github.com/sluicehq/sluice/internal/delay"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// retryBatch is the number of rejected records that an activity retries.
const retryBatch = 200

// Retried is the result of retries.
type Retried struct {
	Delivered int `json:"delivered"`
	Gone      int `json:"gone"`
	Rejected  int `json:"rejected"`
	// More means that further retries are waiting.
	More bool `json:"more,omitempty"`
}

// Retry reads rejected records again for which a retry was requested, and delivers them.
func (s *Syncs) Retry(ctx context.Context, in RunRef) (Retried, error) {
	retried, err := s.retry(ctx, in)
	return retried, failure(err)
}

func (s *Syncs) retry(ctx context.Context, in RunRef) (Retried, error) {
	keys, err := s.Store.WaitingRetries(ctx, in.Sync, retryBatch)
	if err != nil || len(keys) == 0 {
		return Retried{}, err
	}
	row, err := s.Store.Sync(ctx, in.Sync)
	if err != nil {
		return Retried{}, err
	}
	o, err := s.Systems.open(ctx, row, 0)
	if err != nil {
		return Retried{}, err
	}
	defer o.close()
	fetcher, ok := o.reader.(sync.Fetcher)
	if !ok {
		return Retried{}, nil
	}
	r := sync.Retry{Fetcher: fetcher, Writer: o.writer, Mapping: o.mapping, List: row.ListID, Wait: delay.Wait}
	result, err := r.Do(ctx, keys)
	if err != nil {
		return Retried{}, err
	}
	outs, err := s.optOuts(ctx, in.Sync, o.writer)
	if err != nil {
		return Retried{}, err
	}
	said, err := consents(outs, result.Consents)
	if err != nil {
		return Retried{}, err
	}
	done := append(result.Delivered, result.Gone...) //nolint:gocritic // appendAssign: neither is used any more
	changes, err := changesOf(outcomeDelivered, result.Consents, result.Rejects)
	if err != nil {
		return Retried{}, err
	}
	if err := s.Store.SettleRetries(ctx, syncstore.Settled{
		Sync: in.Sync, RunID: in.RunID, Done: done, Rejects: rejects(result.Rejects), Consents: said, Changes: changes,
	}); err != nil {
		return Retried{}, err
	}
	return Retried{
		Delivered: len(result.Delivered), Gone: len(result.Gone), Rejected: len(result.Rejects),
		More: len(keys) == retryBatch,
	}, nil
}
