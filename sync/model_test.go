package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/sync"
)

// version is a record of the model: a later version of a key replaces an earlier one.
type version struct {
	Key     string `json:"key"`
	Version int    `json:"version"`
	// Poison is empty, "map" (the mapping fails), "reject" (the target refuses it) or "crash" (the target
	// fails on each request that has it).
	Poison string `json:"poison,omitempty"`
}

// source is a reader of fixed pages.
type source struct {
	pages   [][]version
	rejects map[int]int
	faults  *plan
}

func (s *source) Window(until, now time.Time) sync.Window {
	return sync.Window{Since: until, Until: now}
}

func (s *source) Page(_ context.Context, _ string, _ sync.Window, c sync.Cursor) (sync.Page, error) {
	if err := s.faults.next(); err != nil {
		return sync.Page{}, err
	}
	at := 0
	if len(c) > 0 {
		if err := json.Unmarshal(c, &at); err != nil {
			return sync.Page{}, err
		}
	}
	next, err := json.Marshal(at + 1)
	p := sync.Page{Next: next, Done: at+1 >= len(s.pages)}
	if at < len(s.pages) {
		for _, v := range s.pages[at] {
			data, err := json.Marshal(v)
			if err != nil {
				return p, err
			}
			p.Records = append(p.Records, sync.Record{Key: v.Key, Data: data, Ref: json.RawMessage(`{}`)})
		}
		for i := range s.rejects[at] {
			p.Rejects = append(p.Rejects, sync.Reject{
				Key: fmt.Sprintf("malformed %d %d", at, i), Unidentified: true, Stage: sync.StageRead, Reason: "no id",
			})
		}
	}
	return p, err
}

// read returns how many pages were read.
func (s *source) read() int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.calls
}

// blocks is a source that reads several pages at a time.
type blocks struct{ *source }

func (b blocks) Pages(ctx context.Context, list string, w sync.Window, c sync.Cursor, n int) ([]sync.Page, error) {
	var pages []sync.Page
	for range n {
		page, err := b.Page(ctx, list, w, c)
		if err != nil {
			return nil, err
		}
		pages, c = append(pages, page), page.Next
		if page.Done {
			break
		}
	}
	return pages, nil
}

// large is a reader of pages with one large record each.
type large struct {
	source
	size, all int
	// stored counts checkpoints, reads pages, most the pages without a checkpoint when another one was read.
	stored, reads, most atomic.Int64
}

func (l *large) Page(_ context.Context, _ string, _ sync.Window, _ sync.Cursor) (sync.Page, error) {
	before := l.reads.Load()
	l.most.Store(max(l.most.Load(), before-l.stored.Load()))
	n := l.reads.Add(1)
	data, err := json.Marshal(map[string]string{"text": strings.Repeat("x", l.size)})
	key := fmt.Sprint("k", n)
	return sync.Page{
		Records: []sync.Record{{Key: key, Data: data, Ref: json.RawMessage(`{}`)}}, Next: json.RawMessage(fmt.Sprint(n)),
		Done: int(n) == l.all,
	}, err
}

// held is a writer that waits.
type held struct {
	target sync.Writer
	until  <-chan struct{}
}

func (h held) Write(ctx context.Context, records []json.RawMessage) ([]sync.Outcome, error) {
	<-h.until
	return h.target.Write(ctx, records)
}

// nothing is a writer that takes everything.
type nothing struct{}

func (nothing) Write(_ context.Context, records []json.RawMessage) ([]sync.Outcome, error) {
	outcomes := make([]sync.Outcome, len(records))
	for i := range outcomes {
		outcomes[i].State = sync.StateDelivered
	}
	return outcomes, nil
}

// plan is a list of faults, one for each call; after its end calls succeed. It is safe for concurrent use.
type plan struct {
	mu     stdsync.Mutex
	faults []sync.Class
	calls  int
}

func (p *plan) next() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if len(p.faults) == 0 {
		return nil
	}
	class := p.faults[0]
	if p.faults = p.faults[1:]; class == "" {
		return nil
	}
	return &sync.Error{Class: class, Err: errors.New("fault of the plan")}
}

// target merges records by their keys.
type target struct {
	mu     stdsync.Mutex
	faults *plan
	has    map[string]int
	// down makes every request fail.
	down bool
}

func (t *target) Write(_ context.Context, records []json.RawMessage) ([]sync.Outcome, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	outcomes := make([]sync.Outcome, len(records))
	all := make([]version, len(records))
	for i, r := range records {
		outcomes[i].State = sync.StateUnsent
		if err := json.Unmarshal(r, &all[i]); err != nil {
			return outcomes, err
		}
	}
	for _, v := range all {
		if v.Poison == "crash" || t.down {
			return outcomes, &sync.Error{Class: sync.ClassUnknown, Err: errors.New("500")}
		}
	}
	fault := t.faults.next()
	for i, v := range all {
		if fault != nil && i >= len(all)/2 {
			// What was processed before the fault stays.
			return outcomes, fault
		}
		if outcomes[i].State = sync.StateDelivered; v.Poison == "reject" {
			outcomes[i] = sync.Outcome{State: sync.StateRejected, Reason: "not a valid value"}
			continue
		}
		t.has[v.Key] = v.Version
	}
	return outcomes, nil
}

// mapping fails for records with the poison "map".
func mapping() *sync.Mapping {
	m, err := sync.NewMapping(map[string]any{
		"key": `data.key`, "version": `data.version`,
		"poison": `(data.poison ?? "") == "map" ? data.key.nothing.here : data.poison`,
	})
	if err != nil {
		panic(err)
	}
	return m
}

// noWait waits for nothing.
func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }
