package syncing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

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
	k := &knownRecords{store: s.Store, sync: row.Name, last: last}
	if k.scan, err = s.Store.BeginScan(ctx, row.Name); err != nil {
		return Scanned{}, err
	}
	scan := sync.Scan{
		Scanner: scanner, Writer: o.writer, Mapping: o.mapping, List: row.ListID, Known: k.each, Keep: k.keep,
		MaxMissing: o.settings.MaxMissing, Now: s.now, Wait: delay.Wait,
	}
	result, err := scan.Do(ctx)
	if err != nil {
		return Scanned{}, err
	}
	if err := s.saveScan(ctx, in, o.writer, result, k); err != nil {
		return Scanned{}, err
	}
	return Scanned{
		Found: result.Found, Missing: result.MissingCount, Deleted: result.Deleted, Exceeded: result.Exceeded,
	}, nil
}

// knownRecords are the records that a scan compares with, and those that it keeps for the next one. All of them are in
// the store, in parts.
type knownRecords struct {
	store *syncstore.Store
	sync  string
	last  syncstore.Known
	// scan is the number of this scan, parts the number of its parts.
	scan, parts int64
	// place is the last page whose records are part of what is known, once each has been called.
	place *syncstore.Place
}

// each calls fn with the records that the last scan has kept, and those that were delivered since.
func (k *knownRecords) each(ctx context.Context, fn func(key, ref []byte, missing bool)) error {
	err := k.store.EachKnownPart(ctx, k.last, func(part syncstore.KnownPart) error {
		err := sync.EachKnown(part.Records, func(key, ref []byte) { fn(key, ref, part.Missing) })
		if err != nil {
			err = k.damaged(fmt.Errorf("part %d of the last scan: %w", part.Part, err))
		}
		return err
	})
	if errors.Is(err, syncstore.ErrPartsLost) {
		err = k.damaged(err)
	}
	if err != nil {
		return err
	}
	place, err := k.store.EachIDs(ctx, k.sync, func(ids []byte) error {
		err := sync.EachKnown(ids, func(key, ref []byte) { fn(key, ref, false) })
		if err != nil {
			err = k.damaged(fmt.Errorf("the records of a page: %w", err))
		}
		return err
	})
	if k.place == nil {
		// Pages that are stored later are for the next scan.
		k.place = &place
	}
	return err
}

// damaged says what to do about records that cannot be read: no attempt changes that.
func (k *knownRecords) damaged(err error) error {
	return permanent(fmt.Errorf("what is known of sync %[1]s is damaged: %[2]w: `sluice sync set %[1]s "+
		"deletions=ignore` and a run remove it, `deletions=null` and a run record it again", k.sync, err))
}

// keep stores a part for the next scan.
func (k *knownRecords) keep(ctx context.Context, records sync.Known, missing bool) error {
	blob, err := records.Encode()
	if err != nil {
		return permanent(err)
	}
	k.parts++
	return k.store.AddKnownPart(ctx, syncstore.KnownPart{
		Sync: k.sync, Scan: k.scan, Part: k.parts, Missing: missing, Records: blob,
	})
}

func (s *Syncs) saveScan(
	ctx context.Context, in RunRef, w sync.Writer, r sync.ScanResult, k *knownRecords,
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
	return s.Store.SaveScan(ctx, syncstore.Scanned{
		Sync: in.Sync, RunID: in.RunID, Changes: changes, Found: int64(r.Found), MissingCount: int64(r.MissingCount),
		Deleted: int64(r.Deleted), Exceeded: r.Exceeded, Before: k.last.Scan, Scan: k.scan, Parts: k.parts,
		TakenOver: *k.place, Gone: r.Gone, Rejects: rejects(r.Rejects), Consents: said,
	})
}
