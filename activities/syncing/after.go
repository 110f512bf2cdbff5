package syncing

import (
	"context"
	"slices"
	"time"

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

// Scanned is the result of a scan for permanent deletions.
type Scanned struct {
	// Skipped means that none was due.
	Skipped bool `json:"skipped,omitempty"`
	Found   int  `json:"found,omitempty"`
	Missing int  `json:"missing,omitempty"`
	Deleted int  `json:"deleted,omitempty"`
	// Exceeded means that nothing was opted out, because too many are missing.
	Exceeded bool `json:"exceeded,omitempty"`
}

// Scan scans a list for permanent deletions if that is due. Its pages have IDs only and are as large as
// possible. What earlier scans have kept is removed if deletions are ignored.
func (s *Syncs) Scan(ctx context.Context, in RunRef) (Scanned, error) {
	scanned, err := s.scan(ctx, in)
	return scanned, failure(err)
}

func (s *Syncs) scan(ctx context.Context, in RunRef) (Scanned, error) {
	row, err := s.Store.Sync(ctx, in.Sync)
	if err != nil {
		return Scanned{}, err
	}
	o, err := s.Systems.open(ctx, row, sync.MaxItemsPerRequest)
	if err != nil {
		return Scanned{}, err
	}
	defer o.close()
	scanner := o.scanner()
	if scanner == nil {
		return Scanned{Skipped: true}, s.Store.ForgetIDs(ctx, in.Sync)
	}
	last, scannedBefore, err := s.Store.LastScan(ctx, in.Sync)
	if err != nil {
		return Scanned{}, err
	}
	since := last.ScannedAt
	if !scannedBefore {
		// The first full load has just read what the first scan would find.
		since = row.CreatedAt
	}
	if s.now().Sub(since) < time.Duration(o.settings.ScanEvery)*time.Second {
		return Scanned{Skipped: true}, nil
	}
	known, missing, place, err := s.known(ctx, row.Name, last)
	if err != nil {
		return Scanned{}, err
	}
	scan := sync.Scan{
		Scanner: scanner, Writer: o.writer, Mapping: o.mapping, List: row.ListID, Known: known, Missing: missing,
		MaxMissing: o.settings.MaxMissing, Now: s.now, Wait: delay.Wait,
	}
	result, err := scan.Do(ctx)
	if err != nil {
		return Scanned{}, err
	}
	if err := s.saveScan(ctx, in, o.writer, result, place); err != nil {
		return Scanned{}, err
	}
	return Scanned{
		Found: result.Found, Missing: result.MissingCount, Deleted: result.Deleted, Exceeded: result.Exceeded,
	}, nil
}

// known returns the records that were delivered or found before, and those that were missing at the last
// scan.
func (s *Syncs) known(
	ctx context.Context, name string, last syncstore.Known,
) (known, missing sync.Known, place syncstore.Place, err error) {
	if known, err = sync.DecodeKnown(last.Known); err != nil {
		return nil, nil, place, permanent(err)
	}
	if missing, err = sync.DecodeKnown(last.Missing); err != nil {
		return nil, nil, place, permanent(err)
	}
	place, err = s.Store.EachIDs(ctx, name, func(ids []byte) error {
		if err := sync.EachKnown(ids, func(key, ref []byte) { known[string(key)] = slices.Clone(ref) }); err != nil {
			return permanent(err)
		}
		return nil
	})
	return known, missing, place, err
}

func (s *Syncs) saveScan(
	ctx context.Context, in RunRef, w sync.Writer, r sync.ScanResult, place syncstore.Place,
) error {
	outs, err := s.optOuts(ctx, in.Sync, w)
	if err != nil {
		return err
	}
	said, err := consents(outs, r.Consents)
	if err != nil {
		return err
	}
	changes, err := changesOf(outcomeDeleted, r.Consents, r.Rejects)
	if err != nil {
		return err
	}
	row := syncstore.Scanned{
		Sync: in.Sync, RunID: in.RunID, Changes: changes, Found: int64(r.Found), MissingCount: int64(r.MissingCount),
		Deleted: int64(r.Deleted), Exceeded: r.Exceeded, TakenOver: place, Gone: r.Gone, Rejects: rejects(r.Rejects),
		Consents: said,
	}
	if row.Known, err = r.Known.Encode(); err != nil {
		return err
	}
	if row.Missing, err = r.Missing.Encode(); err != nil {
		return err
	}
	return s.Store.SaveScan(ctx, row)
}
