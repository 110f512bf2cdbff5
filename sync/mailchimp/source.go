package mailchimp

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sluicehq/sluice/sync"
)

// Source reads members as records of list sync. The key of a record is the member's ID; a mapping sees
// the member as the API presents it, with the fields that the reader requests.
type Source struct{ *Reader }

var (
	_ sync.Reader      = Source{}
	_ sync.BlockReader = Source{}
	_ sync.Scanner     = Source{}
	_ sync.Fetcher     = Source{}
	_ sync.Counter     = Source{}
)

// Window returns the window after one that ended at until: see NextWindow.
func (s Source) Window(until, now time.Time) sync.Window { return sync.Window(NextWindow(until, now)) }

// Page returns a page of members. A list that has changed too much since the last page gives an empty
// page, after which the second is read again.
func (s Source) Page(ctx context.Context, list string, w sync.Window, c sync.Cursor) (sync.Page, error) {
	return first(s.read(ctx, list, Window(w), c, 1))
}

// Pages returns successive pages of members.
func (s Source) Pages(ctx context.Context, list string, w sync.Window, c sync.Cursor, n int) ([]sync.Page, error) {
	return s.read(ctx, list, Window(w), c, n)
}

// Scan returns a page of the IDs of all members.
func (s Source) Scan(ctx context.Context, list string, c sync.Cursor) (sync.Page, error) {
	return first(s.read(ctx, list, AllMembers(), c, 1))
}

func first(pages []sync.Page, err error) (sync.Page, error) {
	if err != nil {
		return sync.Page{}, err
	}
	return pages[0], nil
}

func (s Source) read(ctx context.Context, list string, w Window, c sync.Cursor, n int) ([]sync.Page, error) {
	var at Cursor
	if len(c) > 0 {
		if err := json.Unmarshal(c, &at); err != nil {
			return nil, classified(wrong(opRead, "the cursor is not valid: want one that a page returned"))
		}
	}
	pages, err := s.Reader.Pages(ctx, list, w, at, n)
	var changed *ChangedError
	switch {
	case errors.As(err, &changed):
		pages = []Page{{Next: changed.Resume}}
	case err != nil:
		return nil, classified(err)
	}
	all := make([]sync.Page, len(pages))
	for i, page := range pages {
		if all[i], err = converted(page, w == AllMembers()); err != nil {
			return nil, classified(err)
		}
		if all[i].Next, err = json.Marshal(page.Next); err != nil {
			return nil, classified(wrong(opRead, "the cursor cannot be written as JSON"))
		}
	}
	return all, nil
}

// converted returns a page as one of list sync, without its cursor.
func converted(page Page, scan bool) (sync.Page, error) {
	p := sync.Page{Done: page.Next.Done, Total: page.Total}
	for _, m := range page.Members {
		record, err := m.record(scan)
		if err != nil {
			return sync.Page{}, err
		}
		p.Records = append(p.Records, record)
	}
	for _, r := range page.Rejects {
		reject := sync.Reject{Key: r.ID, Stage: sync.StageRead, Reason: r.Reason}
		if r.ID == "" {
			reject.Key, reject.Unidentified = r.Fingerprint, true
		}
		p.Rejects = append(p.Rejects, reject)
	}
	return p, nil
}

// ref is what a deletion needs of a member.
type ref struct {
	UniqueEmailID string `json:"unique_email_id,omitempty"`
	ContactID     string `json:"contact_id,omitempty"`
	// Status is what the counts of the list are compared by.
	Status Status `json:"status,omitempty"`
}

// presented is a member as a mapping sees it: as the API presents it.
type presented struct {
	Member
	SignedUp    string `json:"timestamp_signup"`
	OptedIn     string `json:"timestamp_opt"`
	LastChanged string `json:"last_changed"`
}

// record returns a member as a record, without its data for a scan.
func (m Member) record(scan bool) (sync.Record, error) {
	r := sync.Record{Key: m.ID}
	var err error
	if r.Ref, err = json.Marshal(ref{
		UniqueEmailID: m.UniqueEmailID, ContactID: m.ContactID, Status: m.Status,
	}); err != nil || scan {
		return r, err
	}
	object := presented{
		Member: m, SignedUp: text(m.SignedUp), OptedIn: text(m.OptedIn), LastChanged: text(m.LastChanged),
	}
	if r.Data, err = json.Marshal(object); err != nil {
		return r, bad(opRead, "a member cannot be written as JSON")
	}
	return r, nil
}

// text is a time as the API writes it, empty for none.
func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// Tombstone returns the data of a deleted member: its IDs, the status deleted, and the time as
// last_changed.
func (s Source) Tombstone(key string, of json.RawMessage, at time.Time) (json.RawMessage, error) {
	var known ref
	if err := json.Unmarshal(of, &known); err != nil {
		return nil, errors.New("the ref of the member is not valid")
	}
	return json.Marshal(map[string]any{
		"id": key, "unique_email_id": known.UniqueEmailID, "contact_id": known.ContactID, "status": "deleted",
		"last_changed": stamp(at),
	})
}

// Gone confirms the permanent deletion of a member.
func (s Source) Gone(ctx context.Context, list, key string) (bool, error) {
	gone, err := s.Reader.Gone(ctx, list, key)
	return gone, classified(err)
}

// Fetch reads one member.
func (s Source) Fetch(ctx context.Context, list, key string) (sync.Page, error) {
	page, err := s.Member(ctx, list, key)
	if err != nil {
		return sync.Page{}, classified(err)
	}
	return converted(page, false)
}

// Count returns the numbers of members by status, as of the list's statistics, which do not count pending,
// transactional and archived members.
func (s Source) Count(ctx context.Context, list string) (sync.StatusCounts, error) {
	stats, err := s.Stats(ctx, list)
	if err != nil {
		return nil, classified(err)
	}
	return sync.StatusCounts{
		string(StatusSubscribed): int64(stats.Members), string(StatusUnsubscribed): int64(stats.Unsubscribed),
		string(StatusCleaned): int64(stats.Cleaned),
	}, nil
}

// Changed returns how many members have changed since the end of a window, or shortly before.
func (s Source) Changed(ctx context.Context, list string, w sync.Window) (int64, error) {
	n, err := s.ChangedSince(ctx, list, w.Until.Add(-StatsDelay))
	return int64(n), classified(err)
}

// Status returns the status of a member.
func (s Source) Status(of []byte) string {
	var known ref
	if json.Unmarshal(of, &known) != nil {
		return ""
	}
	return string(known.Status)
}

// classified returns an error of this package as one of list sync.
func classified(err error) error {
	var e *Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	class := sync.ClassUnavailable
	switch e.Class {
	case ClassInput, ClassAccess:
		class = sync.ClassPermanent
	case ClassThrottled:
		class = sync.ClassThrottled
	case ClassUnavailable, ClassResponse:
	}
	return &sync.Error{Class: class, RetryAfter: e.RetryAfter, Err: err}
}
