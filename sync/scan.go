package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Scan finds permanent deletions in a list, and opts deleted records out.
type Scan struct {
	// Scanner, Writer, Mapping and List are required.
	Scanner Scanner
	Writer  Writer
	Mapping *Mapping
	List    string
	// Known are the records that were delivered or found before the scan begins, Missing those that were
	// missing at the scan before.
	Known, Missing Known
	// MaxMissing is the percentage of Known that may be missing. Defaults to DefaultMaxMissing.
	MaxMissing int
	// Progress is called after each page with the number of records found. Defaults to nothing.
	Progress func(found int)
	// Now is the clock of deletions. Required.
	Now func() time.Time
	// Wait waits between attempts. Required.
	Wait func(ctx context.Context, d time.Duration) error
}

// ScanResult is the result of a scan.
type ScanResult struct {
	// Found is the number of records that exist.
	Found int
	// MissingCount is the number of known records that the scan has not found.
	MissingCount int
	// Exceeded means that too many are missing: nothing was deleted, Known and Missing are as before.
	Exceeded bool
	// Known and Missing are for the next scan.
	Known, Missing Known
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
	found, err := s.find(ctx)
	if err != nil {
		return ScanResult{}, err
	}
	c := Compare(s.Known, s.Missing, found, s.MaxMissing)
	result := ScanResult{
		Found: len(found), MissingCount: c.Count, Exceeded: c.Exceeded, Known: c.Known, Missing: c.Missing,
		Consents: map[string]Consent{},
	}
	if c.Exceeded {
		result.Known, result.Missing = s.Known, s.Missing
		return result, nil
	}
	for len(c.Deleted) > 0 {
		n := min(tombstones, len(c.Deleted))
		if err := s.delete(ctx, c.Deleted[:n], &result); err != nil {
			return ScanResult{}, err
		}
		c.Deleted = c.Deleted[n:]
	}
	return result, nil
}

// find reads the keys of all records.
func (s *Scan) find(ctx context.Context) (Known, error) {
	found, empty := Known{}, 0
	var cursor Cursor
	for {
		page, err := retry(ctx, s.Wait, func() (Page, error) { return s.Scanner.Scan(ctx, s.List, cursor) })
		if err != nil {
			return nil, err
		}
		empty++
		if len(page.Records)+len(page.Rejects) > 0 {
			empty = 0
		}
		if empty > maxEmpty && !page.Done {
			return nil, failure(ClassUnavailable, "the list changes too often to be scanned: %d pages without records", empty)
		}
		found.Merge(page.Records)
		for _, r := range page.Rejects {
			// A malformed record exists. One without a key may be a known one: Gone is asked about each
			// that is missing.
			if !r.Unidentified {
				found[r.Key] = s.Known[r.Key]
			}
		}
		if s.Progress != nil {
			s.Progress(len(found))
		}
		if cursor = page.Next; page.Done {
			return found, nil
		}
	}
}

// delete confirms deletions and writes them.
func (s *Scan) delete(ctx context.Context, keys []string, result *ScanResult) error {
	var gone []string
	b := &batch{write: s.Writer.Write, wait: s.Wait}
	for _, key := range keys {
		confirmed, err := retry(ctx, s.Wait, func() (bool, error) { return s.Scanner.Gone(ctx, s.List, key) })
		if err != nil {
			return err
		}
		if !confirmed {
			continue
		}
		gone = append(gone, key)
		i, body := &item{}, json.RawMessage(nil)
		at := s.Now()
		data, err := s.Scanner.Tombstone(key, result.Known[key], at)
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
		delete(result.Known, gone[n])
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
