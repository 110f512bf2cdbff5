package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// The types of events about imports.
const (
	// eventImport has an import without its parts.
	eventImport = "import"
	// eventPart has a part of an import, eventFeedback a line of its feedback.
	eventPart     = "part"
	eventFeedback = "feedback"
	// eventDeleted has the ID of an import that was deleted.
	eventDeleted = "deleted"
	// eventEnd is the last one of a stream: the import has ended.
	eventEnd = "end"
	// eventResync says that events may be missing: the client lists again.
	eventResync = "resync"
)

// endID is the ID of eventEnd: a client that resumes after it gets 204.
const endID = "end"

const (
	// readBatch is the number of imports that are read at a time.
	readBatch = 200
	// maxResumed is the number of imports, and of lines of feedback, that a client can have missed.
	maxResumed = 500
	// maxRunning is the number of imports whose progress is read each second.
	maxRunning = 1000
	// resumeOverlap is how far before the last event a resumed list of imports begins: transactions that were
	// running then carry an earlier time.
	resumeOverlap = 10 * time.Second
)

// watchedImport is what was sent about an import.
type watchedImport struct {
	view  []byte
	parts map[int32][]byte
	seq   int32
}

// followed returns the callbacks of the listening connection.
func followed(f *feed) store.Followed {
	return store.Followed{
		Notified: f.note,
		Lost:     func(err error) { f.log.Warn("listening for changed imports failed", "error", err) },
	}
}

// publish reads what has changed and passes it to the subscribers.
func (f *feed) publish(ctx context.Context, w work) error {
	lists := f.subscribersTo((*subscriber).listens)
	following := f.following
	running, ended, err := f.running(ctx, w, len(lists) > 0 || slices.ContainsFunc(w.joined, (*subscriber).listens))
	if err != nil {
		return err
	}
	ids := f.interesting(w, len(lists) > 0, append(running, ended...))
	now, err := f.now(ctx)
	if err != nil {
		return err
	}
	workers, err := f.store.LiveWorkers(ctx)
	if err != nil {
		return err
	}
	stamp := strconv.FormatInt(now.UnixMilli(), 10)
	for batch := range slices.Chunk(ids, readBatch) {
		summaries, err := f.store.Imports.Summaries(ctx, importstore.Listing{IDs: batch, Limit: int32(len(batch))})
		if err != nil {
			return fmt.Errorf("read changed imports: %w", err)
		}
		gone := slices.Clone(batch)
		for _, s := range summaries {
			gone = slices.DeleteFunc(gone, func(id int64) bool { return id == s.Import.ID })
			view, err := json.Marshal(importview.New(workers, s))
			if err != nil {
				return fmt.Errorf("encode an import: %w", err)
			}
			_, changed := w.changed[s.Import.ID]
			sent, runs := f.progress[s.Import.ID]
			if changed || runs && following && !bytes.Equal(sent, view) {
				f.sendListed(lists, s.Domain, event{name: eventImport, id: stamp, data: view})
			}
			if runs {
				f.progress[s.Import.ID] = view
			}
			if err := f.publishImport(ctx, s, view, w.joined); err != nil {
				return err
			}
		}
		for _, id := range gone {
			if err := f.publishGone(ctx, id, w, lists, stamp); err != nil {
				return err
			}
		}
	}
	for _, id := range ended {
		delete(f.progress, id)
	}
	if w.missed {
		f.sendListed(lists, "", event{name: eventResync, id: stamp, data: []byte("{}")})
	}
	return f.welcome(ctx, w.joined, workers, stamp)
}

// running returns the numbers of imports that load, the newest maxRunning of them, if their progress is to be read:
// each second, and when the first subscriber to all imports joins, whose list is at least as new. ended are those that
// load no longer: they are read a last time, because the notification may have been lost.
func (f *feed) running(ctx context.Context, w work, listed bool) (running, ended []int64, err error) {
	switch {
	case !listed:
		clear(f.progress)
		f.following = false
		return nil, nil, nil
	case f.following && !w.look:
		return nil, nil, nil
	}
	running, err = f.store.Imports.IDs(ctx, importstore.Listing{
		Statuses: []string{importstore.StatusRunning, importstore.StatusParked}, Limit: maxRunning,
	})
	if err != nil {
		return nil, nil, err
	}
	for id := range f.progress {
		if !slices.Contains(running, id) {
			ended = append(ended, id)
		}
	}
	for _, id := range running {
		if _, follows := f.progress[id]; !follows {
			f.progress[id] = nil
		}
	}
	f.following = true
	return running, ended, nil
}

// interesting returns the numbers of the imports to read, among them those that load.
func (f *feed) interesting(w work, listed bool, running []int64) []int64 {
	watched := map[int64]bool{}
	for _, s := range f.subscribersTo(func(s *subscriber) bool { return s.importID != 0 }) {
		watched[s.importID] = true
	}
	for _, s := range w.joined {
		if s.importID != 0 {
			watched[s.importID] = true
		}
	}
	maps.DeleteFunc(f.watched, func(id int64, _ *watchedImport) bool { return !watched[id] })
	var ids []int64
	for id := range w.changed {
		if listed || watched[id] {
			ids = append(ids, id)
		}
	}
	for id := range watched {
		if _, changed := w.changed[id]; changed {
			continue
		}
		joins := slices.ContainsFunc(w.joined, func(s *subscriber) bool { return s.importID == id })
		if w.missed || joins || w.look {
			ids = append(ids, id)
		}
	}
	ids = append(ids, running...)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// sendListed passes an event to the subscribers to all imports that may see the site; "" is every one.
func (f *feed) sendListed(lists []*subscriber, domain string, e event) {
	for _, s := range lists {
		if domain == "" || s.scope.Has(domain) {
			f.send(s, e)
		}
	}
}

// publishImport passes on what has changed in an import, and everything to those that have joined.
func (f *feed) publishImport(ctx context.Context, s importstore.Summary, view []byte, joined []*subscriber) error {
	id := s.Import.ID
	others := f.subscribersTo(func(s *subscriber) bool { return s.importID == id })
	joined = slices.DeleteFunc(slices.Clone(joined), func(s *subscriber) bool { return s.importID != id })
	if len(others)+len(joined) == 0 {
		return nil
	}
	before := f.watched[id]
	now, err := f.readImport(ctx, s, view, before)
	if err != nil {
		return err
	}
	ended := importstore.Ended(s.Import.Status)
	for _, sub := range joined {
		events, err := f.allOf(ctx, id, now, sub.since)
		if err != nil {
			return err
		}
		if ended {
			events = append(events, endEvent(id))
		}
		f.begin(sub, events)
	}
	if before == nil {
		// The others, of an earlier subscription to the same import, have received nothing yet.
		before = &watchedImport{}
	}
	events, err := f.changesOf(ctx, id, before, now)
	if err != nil {
		return err
	}
	if ended {
		events = append(events, endEvent(id))
	}
	for _, sub := range others {
		f.send(sub, events...)
	}
	f.watched[id] = now
	return nil
}

func endEvent(id int64) event {
	return event{name: eventEnd, id: endID, data: fmt.Appendf(nil, `{"id":%d}`, id)}
}

// readImport reads the parts of an import and the number of its last line.
func (f *feed) readImport(
	ctx context.Context, s importstore.Summary, view []byte, before *watchedImport,
) (*watchedImport, error) {
	parts, err := f.store.Imports.ListParts(ctx, s.Import.ID)
	if err != nil {
		return nil, fmt.Errorf("list the parts of import %d: %w", s.Import.ID, err)
	}
	now := &watchedImport{view: view, parts: make(map[int32][]byte, len(parts))}
	for _, p := range importview.Parts(s.Import.Status, parts) {
		data, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode a part: %w", err)
		}
		now.parts[p.Part] = data
	}
	if before != nil {
		now.seq = before.seq
	}
	now.seq, err = f.store.Imports.LastFeedback(ctx, s.Import.ID)
	return now, err
}

// changesOf returns the events about what has changed.
func (f *feed) changesOf(ctx context.Context, id int64, before, now *watchedImport) ([]event, error) {
	events, err := f.linesOf(ctx, id, before.seq, now.seq)
	if err != nil {
		return nil, err
	}
	resume := strconv.Itoa(int(now.seq))
	for _, no := range slices.Sorted(maps.Keys(now.parts)) {
		if !bytes.Equal(now.parts[no], before.parts[no]) {
			events = append(events, event{name: eventPart, id: resume, data: now.parts[no]})
		}
	}
	if !bytes.Equal(now.view, before.view) {
		events = append(events, event{name: eventImport, id: resume, data: now.view})
	}
	return events, nil
}

// allOf returns the events of a subscriber that has joined: the state, and the lines after the last event that it has.
func (f *feed) allOf(ctx context.Context, id int64, now *watchedImport, since string) ([]event, error) {
	seq := now.seq
	if n, err := strconv.ParseInt(since, 10, 32); err == nil && n >= 0 && n < int64(seq) {
		seq = int32(n)
	}
	lines, err := f.linesOf(ctx, id, seq, now.seq)
	if err != nil {
		return nil, err
	}
	state, err := f.changesOf(ctx, id, &watchedImport{seq: now.seq}, now)
	return append(lines, state...), err
}

// linesOf returns the events of the lines of an import's feedback behind a number; more than maxResumed are left to
// the client to list.
func (f *feed) linesOf(ctx context.Context, id int64, after, last int32) ([]event, error) {
	if after >= last {
		return nil, nil
	}
	lines, err := f.store.Imports.ListFeedback(ctx, importstore.FeedbackQuery{
		ImportID: id, AfterSeq: after, RowLimit: maxResumed + 1,
	})
	if err != nil {
		return nil, fmt.Errorf("list the feedback of import %d: %w", id, err)
	}
	if len(lines) > maxResumed {
		return []event{{name: eventResync, id: strconv.Itoa(int(last)), data: []byte("{}")}}, nil
	}
	var events []event
	for _, line := range lines {
		data, err := json.Marshal(importview.FeedbackOf(line))
		if err != nil {
			return nil, fmt.Errorf("encode a line of feedback: %w", err)
		}
		if line.Seq <= last {
			events = append(events, event{name: eventFeedback, id: strconv.Itoa(int(line.Seq)), data: data})
		}
	}
	return events, nil
}

// publishGone reports an import that was deleted.
func (f *feed) publishGone(ctx context.Context, id int64, w work, lists []*subscriber, stamp string) error {
	data := fmt.Appendf(nil, `{"id":%d}`, id)
	for _, s := range w.joined {
		if s.importID == id {
			f.begin(s, []event{{name: eventDeleted, id: endID, data: data}, endEvent(id)})
		}
	}
	for _, s := range f.subscribersTo(func(s *subscriber) bool { return s.importID == id }) {
		f.send(s, event{name: eventDeleted, id: endID, data: data}, endEvent(id))
	}
	siteID := w.changed[id]
	if siteID == 0 || len(lists) == 0 {
		return nil
	}
	site, err := f.store.Imports.SiteByID(ctx, siteID)
	if err != nil {
		return fmt.Errorf("read site %d: %w", siteID, err)
	}
	f.sendListed(lists, site.Domain, event{name: eventDeleted, id: stamp, data: data})
	return nil
}

// welcome passes to new subscribers to all imports what they have missed.
func (f *feed) welcome(ctx context.Context, joined []*subscriber, workers store.Workers, stamp string) error {
	for _, s := range joined {
		if s.importID != 0 || s.topic != "" {
			continue
		}
		events := []event{{id: stamp}}
		if ms, err := strconv.ParseInt(s.since, 10, 64); err == nil {
			since := time.UnixMilli(ms).Add(-resumeOverlap)
			summaries, err := f.store.Imports.Summaries(ctx, importstore.Listing{
				ActiveSince: &since, Sites: s.scope.Domains(), Limit: maxResumed + 1,
			})
			if err != nil {
				return fmt.Errorf("read imports that have changed: %w", err)
			}
			if len(summaries) > maxResumed {
				summaries = nil
				events = append(events, event{name: eventResync, id: stamp, data: []byte("{}")})
			}
			for _, summary := range slices.Backward(summaries) {
				view, err := json.Marshal(importview.New(workers, summary))
				if err != nil {
					return fmt.Errorf("encode an import: %w", err)
				}
				events = append(events, event{name: eventImport, id: stamp, data: view})
			}
		}
		f.begin(s, events)
	}
	return nil
}
