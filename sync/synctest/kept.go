package synctest

import (
	"context"
	"maps"

	"github.com/sluicehq/sluice/sync"
)

// Kept is what scans keep, in memory. It is not safe for concurrent use.
type Kept struct {
	// Known are the records that the last scan has kept, Missing those of them that were missing; Later were delivered
	// since.
	Known, Missing, Later sync.Known
	// Readings is the number of times that a scan has read the records, Largest the largest set that was kept at once.
	Readings, Largest int

	reading        bool
	known, missing sync.Known
}

// Each calls fn with the records. It is a Scan's Known.
func (k *Kept) Each(_ context.Context, fn func(key, ref []byte, missing bool)) error {
	k.begin()
	k.Readings++
	for key, ref := range k.Known {
		_, missing := k.Missing[key]
		fn([]byte(key), ref, missing)
	}
	for key, ref := range k.Later {
		fn([]byte(key), ref, false)
	}
	return nil
}

func (k *Kept) begin() {
	if !k.reading {
		k.reading, k.Readings, k.known, k.missing = true, 0, sync.Known{}, sync.Known{}
	}
}

// Keep keeps records for Save. It is a Scan's Keep.
func (k *Kept) Keep(_ context.Context, records sync.Known, missing bool) error {
	k.Largest = max(k.Largest, len(records))
	k.begin()
	maps.Copy(k.known, records)
	if missing {
		maps.Copy(k.missing, records)
	}
	return nil
}

// Save replaces what was known by what a scan has kept.
func (k *Kept) Save(r sync.ScanResult) {
	k.reading = false
	if !r.Exceeded {
		k.Known, k.Missing, k.Later = k.known, k.missing, nil
	}
}
