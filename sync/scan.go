package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Scan finds permanent deletions in a list, and opts deleted records out. It holds 17 bytes for each known record, and
// the records of some pages.
type Scan struct {
	// Scanner, Writer, Mapping and List are required.
	Scanner Scanner
	Writer  Writer
	Mapping *Mapping
	List    string
	// Known calls fn with the records that were delivered or found before the scan begins, in any order. A record may
	// come more than once: its last ref counts. missing says that it was missing at the scan before. Known is called
	// again if records are missing; fn must not keep what it is given. Required.
	Known func(ctx context.Context, fn func(key, ref []byte, missing bool)) error
	// Keep stores records that the next scan compares with, of which missing were missing for the first time. Only a
	// scan that succeeds replaces what was known before. It is called for at most MaxKept records at a time. Required.
	Keep func(ctx context.Context, records Known, missing bool) error
	// MaxMissing is the percentage of the known records that may be missing. One always may. Defaults to
	// DefaultMaxMissing.
	MaxMissing int
	// Now is the clock of deletions. Required.
	Now func() time.Time
	// Wait waits between attempts. Required.
	Wait func(ctx context.Context, d time.Duration) error
}

// MaxKept is the number of records of one call of Scan.Keep.
const MaxKept = 5000

// ScanResult is the result of a scan.
type ScanResult struct {
	// Found is the number of records that exist.
	Found int
	// MissingCount is the number of known records that the scan has not found.
	MissingCount int
	// Exceeded means that more of the known records are missing than MaxMissing: nothing was deleted, and the caller
	// keeps what was known before. It may be the scan that is wrong.
	Exceeded bool
	// Deleted is the number of deletions that were delivered.
	Deleted int
	// Gone are the keys of these, Consents what was delivered of them.
	Gone     []string
	Consents map[string]Consent
	// Rejects are deletions that the target refuses.
	Rejects []Reject
}

// tombstones is the number of deletions of a write.
const tombstones = 100

// Do scans the list. A record that is missing twice in a row, and that the source confirms as deleted,
// is written as opted out. Do may be repeated at any time.
func (s *Scan) Do(ctx context.Context) (ScanResult, error) {
	fill(&s.MaxMissing, DefaultMaxMissing)
	known, before, err := s.load(ctx)
	if err != nil {
		return ScanResult{}, err
	}
	others, err := s.find(ctx, known)
	if err != nil {
		return ScanResult{}, err
	}
	missing := known.count(markAbsent)
	result := &ScanResult{
		Found: known.size() - missing + others, MissingCount: missing, Consents: map[string]Consent{},
		Exceeded: missing > 1 && missing*100 > known.size()*s.MaxMissing,
	}
	if !result.Exceeded {
		err = s.settle(ctx, known, before, result)
	}
	return *result, err
}

// load returns the known records, and those that were missing at the scan before.
func (s *Scan) load(ctx context.Context) (known, before *ids, err error) {
	known, before = &ids{}, &ids{}
	err = s.Known(ctx, func(key, _ []byte, missing bool) {
		known.add(key)
		if missing {
			before.add(key)
		}
	})
	known.seal()
	before.seal()
	return known, before, err
}

// find reads the keys of all records, marks and keeps them. others are those that were not known.
func (s *Scan) find(ctx context.Context, known *ids) (others int, err error) {
	fresh, kept, empty := &ids{}, Known{}, 0
	var cursor Cursor
	for {
		page, err := retry(ctx, s.Wait, func() (Page, error) { return s.Scanner.Scan(ctx, s.List, cursor) })
		if err != nil {
			return 0, err
		}
		empty++
		if len(page.Records)+len(page.Rejects) > 0 {
			empty = 0
		}
		if empty > maxEmpty && !page.Done {
			return 0, failure(ClassUnavailable, "the list changes too often to be scanned: %d pages without records", empty)
		}
		for _, r := range page.Records {
			if m, _ := known.at([]byte(r.Key)); m != nil {
				*m = markFound
			} else {
				fresh.add([]byte(r.Key))
			}
			kept[r.Key] = r.Ref
		}
		for _, r := range page.Rejects {
			// A malformed record exists. One without a key may be a known one: Gone is asked about each
			// that is missing.
			if r.Unidentified {
				continue
			}
			switch m, _ := known.at([]byte(r.Key)); {
			case m == nil:
				fresh.add([]byte(r.Key))
				if _, ok := kept[r.Key]; !ok {
					kept[r.Key] = nil
				}
			case *m == markAbsent:
				*m = markCarried
			}
		}
		if len(kept) >= MaxKept || page.Done {
			if err := s.keep(ctx, kept, false); err != nil {
				return 0, err
			}
			clear(kept)
		}
		if cursor = page.Next; page.Done {
			fresh.seal()
			return fresh.size(), nil
		}
	}
}

// keep stores records for the next scan.
func (s *Scan) keep(ctx context.Context, all Known, missing bool) error {
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(all)), MaxKept) {
		some := make(Known, len(keys))
		for _, key := range keys {
			some[key] = all[key]
		}
		if err := s.Keep(ctx, some, missing); err != nil {
			return err
		}
	}
	return nil
}

// settle keeps the known records that were not found, and deletes those that were missing before. It reads what is
// known about them again, for so many at a time that they fit into memory.
func (s *Scan) settle(ctx context.Context, known, before *ids, result *ScanResult) error {
	for from := 0; from < len(known.buckets); {
		to, want := from, 0
		for to < len(known.buckets) && (to == from || want < MaxKept) {
			want += known.buckets[to].count(markAbsent) + known.buckets[to].count(markCarried)
			to++
		}
		if want > 0 {
			left, err := s.left(ctx, known, from, to)
			if err == nil && len(left) != want {
				err = failure(ClassUnavailable, "%d known records are read again: want %d", len(left), want)
			}
			if err == nil {
				err = s.part(ctx, known, before, left, result)
			}
			if err != nil {
				return err
			}
		}
		from = to
	}
	return nil
}

// left returns the known records of some buckets that were not found, or cannot be read.
func (s *Scan) left(ctx context.Context, known *ids, from, to int) (Known, error) {
	left := Known{}
	err := s.Known(ctx, func(key, ref []byte, _ bool) {
		m, bucket := known.at(key)
		if m != nil && *m != markFound && from <= bucket && bucket < to {
			left[string(key)] = slices.Clone(ref)
		}
	})
	return left, err
}

// part settles records.
func (s *Scan) part(ctx context.Context, known, before *ids, left Known, result *ScanResult) error {
	var deleted []string
	kept, missing := Known{}, Known{}
	for _, key := range slices.Sorted(maps.Keys(left)) {
		m, _ := known.at([]byte(key))
		switch {
		case *m == markCarried:
			kept[key] = left[key]
		case before.has([]byte(key)):
			deleted = append(deleted, key)
		default:
			missing[key] = left[key]
		}
	}
	for keys := range slices.Chunk(deleted, tombstones) {
		if err := s.delete(ctx, keys, left, kept, result); err != nil {
			return err
		}
	}
	if err := s.keep(ctx, kept, false); err != nil {
		return err
	}
	return s.keep(ctx, missing, true)
}

// delete confirms deletions and writes them. Records whose deletion is not confirmed are kept.
func (s *Scan) delete(ctx context.Context, keys []string, refs, kept Known, result *ScanResult) error {
	var gone []string
	b := &batch{write: s.Writer.Write, wait: s.Wait}
	for _, key := range keys {
		confirmed, err := retry(ctx, s.Wait, func() (bool, error) { return s.Scanner.Gone(ctx, s.List, key) })
		if err != nil {
			return err
		}
		if !confirmed {
			kept[key] = refs[key]
			continue
		}
		gone = append(gone, key)
		i, body := &item{}, json.RawMessage(nil)
		at := s.Now()
		data, err := s.Scanner.Tombstone(key, refs[key], at)
		if err == nil {
			body, err = s.Mapping.Map(data)
		}
		if err == nil {
			body, err = optedOut(s.Writer, body, at)
		}
		if i.body = body; err != nil {
			i.reject(StageMap, "the deletion: "+err.Error())
		}
		b.items = append(b.items, i)
	}
	if err := b.deliver(ctx); err != nil {
		return fmt.Errorf("deliver deletions: %w", err)
	}
	for n, i := range b.items {
		if i.rejected {
			result.Rejects = append(result.Rejects, Reject{Key: gone[n], Stage: i.stage, Reason: i.reason})
			continue
		}
		result.Deleted++
		result.Gone = append(result.Gone, gone[n])
		result.Consents[gone[n]] = consentOf(s.Writer, i.body)
	}
	return nil
}
