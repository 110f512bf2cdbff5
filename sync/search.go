package sync

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Search finds the records of a page that the target has accepted and rejected later. The target names no record, so
// the search sends the records again, in halves, and watches how many errors appear. It reads each record again by
// its key: one that was corrected meanwhile is not found.
type Search struct {
	// Keys are the records of the page. Required, in the same order in each attempt.
	Keys []string
	// Fetcher, Writer, Mapping, List and Wait are required. The writer is an Auditor.
	Fetcher Fetcher
	Writer  Writer
	Mapping *Mapping
	List    string
	Wait    func(ctx context.Context, d time.Duration) error
	// State is where to continue, its zero value the start.
	State SearchState
	// Save stores the state after each step, with the records that the step has found. An error ends the search.
	// Required.
	Save func(ctx context.Context, state SearchState, found []Reject) error

	auditor Auditor
	looked  bool
	// errors are those of the last look, fresh those that were new.
	errors, fresh []LateError
	bodies        map[int]*item
}

// MaxProbes bounds the requests of a search: that many times it sends records and reads the errors.
const MaxProbes = 200

// SearchState is the progress of a search. It has positions in the list of keys, and no keys.
type SearchState struct {
	// Begun means that the whole page was sent.
	Begun bool `json:"begun,omitempty"`
	// Open are groups of records that have errors.
	Open []SearchGroup `json:"open,omitempty"`
	// Probes is how often records were sent.
	Probes int `json:"probes,omitempty"`
	// Found are the positions of records that were found.
	Found []int `json:"found,omitempty"`
	// Done means that all groups were searched.
	Done bool `json:"done,omitempty"`
}

// SearchGroup is the records from a position up to another, and how many errors they have.
type SearchGroup struct {
	From   int `json:"from"`
	To     int `json:"to"`
	Errors int `json:"errors"`
}

// Do searches until all rejected records are found. Its errors are of type *Error; after MaxProbes it is permanent,
// and what was found is saved.
func (s *Search) Do(ctx context.Context) error {
	auditor, ok := s.Writer.(Auditor)
	if !ok {
		return failure(ClassPermanent, "the target has no later validation: its rejected records are known")
	}
	s.auditor, s.bodies = auditor, map[int]*item{}
	if err := s.look(ctx); err != nil {
		return err
	}
	for !s.State.Done {
		if s.State.Probes >= MaxProbes {
			return failure(ClassPermanent, "the search has sent records %d times and found %d: the rest was not searched",
				s.State.Probes, len(s.State.Found))
		}
		found, err := s.step(ctx)
		if err != nil {
			return err
		}
		s.State.Probes++
		if err := s.Save(ctx, s.State, found); err != nil {
			return fmt.Errorf("store the search: %w", err)
		}
	}
	return nil
}

// step sends one group.
func (s *Search) step(ctx context.Context) (found []Reject, err error) {
	if !s.State.Begun {
		n, found, err := s.probe(ctx, 0, len(s.Keys))
		if err != nil {
			return nil, err
		}
		s.State.Begun = true
		s.add(0, len(s.Keys), n)
		return found, nil
	}
	last := len(s.State.Open) - 1
	group := s.State.Open[last]
	if group.To-group.From == 1 {
		n, found, err := s.probe(ctx, group.From, group.To)
		if err != nil {
			return nil, err
		}
		if s.State.Open = slices.Clone(s.State.Open[:last]); n > 0 {
			found = append(found, s.reject(group.From, StageWrite, "accepted, and rejected later: "+s.fresh[0].String()))
		}
		s.State.Done = last == 0
		return found, nil
	}
	// What the first half does not explain is in the second one.
	half := group.From + (group.To-group.From)/2
	n, found, err := s.probe(ctx, group.From, half)
	if err != nil {
		return nil, err
	}
	s.State.Open = slices.Clone(s.State.Open[:last])
	s.add(half, group.To, group.Errors-n)
	s.add(group.From, half, n)
	return found, nil
}

// add adds a group that has errors.
func (s *Search) add(from, to, n int) {
	if n > 0 && to > from {
		s.State.Open = append(s.State.Open, SearchGroup{From: from, To: to, Errors: n})
	}
	s.State.Done = s.State.Begun && len(s.State.Open) == 0
}

// reject notes a record as found.
func (s *Search) reject(at int, stage Stage, text string) Reject {
	s.State.Found = append(s.State.Found, at)
	return Reject{Key: s.Keys[at], Stage: stage, Reason: reason(text)}
}

// probe sends the records of a group that exist, and returns how many errors appear. Records that the mapping or the
// target refuse at once are found.
func (s *Search) probe(ctx context.Context, from, to int) (n int, found []Reject, err error) {
	b := &batch{write: s.Writer.Write, wait: s.Wait}
	var sent []int
	for at := from; at < to; at++ {
		i, err := s.body(ctx, at)
		if err != nil {
			return 0, nil, err
		}
		if i == nil || slices.Contains(s.State.Found, at) {
			continue
		}
		if i.rejected {
			found = append(found, s.reject(at, i.stage, i.reason))
			continue
		}
		again := *i
		b.items, sent = append(b.items, &again), append(sent, at)
	}
	if err := b.deliver(ctx); err != nil {
		return 0, nil, err
	}
	for k, i := range b.items {
		if i.rejected {
			found = append(found, s.reject(sent[k], i.stage, i.reason))
		}
	}
	if len(sent) == 0 {
		return 0, found, nil
	}
	if err := s.Wait(ctx, s.auditor.Settle()); err != nil {
		return 0, nil, failure(ClassUnavailable, "wait for the validation: %w", err)
	}
	err = s.look(ctx)
	return min(len(s.fresh), len(sent)), found, err
}

// look reads the errors, and keeps those that are new since the last look.
func (s *Search) look(ctx context.Context) error {
	type list struct {
		latest []LateError
		limit  int
	}
	now, err := retry(ctx, s.Wait, func() (list, error) {
		latest, limit, err := s.auditor.LateErrors(ctx)
		return list{latest, limit}, err
	})
	if err != nil {
		return err
	}
	if s.looked {
		var exact bool
		s.fresh, exact = NewErrors(s.errors, now.latest, now.limit)
		if !exact {
			return failure(ClassPermanent,
				"the target lists its latest %d errors only, and new ones cannot be distinguished from them", now.limit)
		}
	}
	s.looked, s.errors = true, now.latest
	return nil
}

// body reads and maps a record, once in each attempt; nil if it does not exist.
func (s *Search) body(ctx context.Context, at int) (*item, error) {
	if i, read := s.bodies[at]; read {
		return i, nil
	}
	page, err := retry(ctx, s.Wait, func() (Page, error) { return s.Fetcher.Fetch(ctx, s.List, s.Keys[at]) })
	if err != nil {
		return nil, err
	}
	s.bodies[at] = nil
	if len(page.Records) == 0 {
		return nil, nil //nolint:nilnil // a record that does not exist, or is malformed, is not sent
	}
	i := &item{}
	if i.body, err = s.Mapping.Map(page.Records[0].Data); err != nil {
		// Its next delivery rejects it.
		i.reject(StageMap, err.Error())
	}
	s.bodies[at] = i
	return i, nil
}
