// Package sync keeps the records of a list in one system equal to those in another. It has the contracts
// of readers and writers, the mapping between them, and the engine of one run. It knows no particular
// system, no database and no workflow: readers and writers are in its subpackages, and the caller
// stores cursors and counts.
//
// A run reads the records that have changed in a window of time, maps them and writes them. The window
// is closed at both ends, and the next one overlaps it: a record may be delivered twice, so a target must
// merge records by their IDs. A record that cannot be delivered is rejected alone, with a reason.
package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluicehq/sluice/internal/outbound"
)

// Window is a range of time in whole seconds, closed at both ends.
type Window struct {
	// Since is the first second. Its zero value reads all records: a full load.
	Since time.Time `json:"since,omitzero"`
	// Until is the last second. The target is current up to it when the window is delivered.
	Until time.Time `json:"until,omitzero"`
}

// Full reports whether the window has all records.
func (w Window) Full() bool { return w.Since.IsZero() }

// Record is a record of a reader. It is personal data: its texts for errors and logs have only a
// fingerprint.
type Record struct {
	// Key identifies the record in its list, at most MaxKey bytes. It is stable, and no address.
	Key string
	// Ref has the fields of the record that a mapping needs after the record is deleted: a JSON object.
	Ref json.RawMessage
	// Data is the record: a JSON object, which a mapping sees as data.
	Data json.RawMessage
	// Consent is what was delivered, in Checkpoint.Delivered only.
	Consent Consent
}

// MaxKey bounds Record.Key in bytes.
const MaxKey = 100

// String returns a fingerprint.
func (r Record) String() string { return "record " + fingerprint(r.Key) }

// GoString returns a fingerprint.
func (r Record) GoString() string { return r.String() }

// LogValue returns a fingerprint.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Stage is the step of a run in which a record was rejected.
type Stage string

// The stages of rejections.
const (
	// StageRead means that the record of the source is malformed.
	StageRead Stage = "read"
	// StageMap means that the mapping or the opt-in rules refuse the record.
	StageMap Stage = "map"
	// StageWrite means that the target refuses the record.
	StageWrite Stage = "write"
)

// Reject is a record that was not delivered. It has nothing of the record but its key: the record itself is
// not kept, and is read again on demand.
type Reject struct {
	// Key is the record's key, or a fingerprint if Unidentified.
	Key string `json:"key"`
	// Unidentified means that the source's record has no valid key: it cannot be read again by key.
	Unidentified bool  `json:"unidentified,omitempty"`
	Stage        Stage `json:"stage"`
	// Reason says what is wrong and what would be right, in at most MaxReason bytes.
	Reason string `json:"reason"`
}

// MaxReason bounds Reject.Reason in bytes.
const MaxReason = 500

// Cursor is a reader's place in a window, opaque to everything else. Empty is the start. It contains no
// personal data.
type Cursor = json.RawMessage

// MaxCursor bounds a cursor in bytes.
const MaxCursor = 16 << 10

// Page is a page of a reader.
type Page struct {
	Records []Record
	// Rejects are malformed records. They count as read.
	Rejects []Reject
	// Next is the cursor after this page.
	Next Cursor
	// Done means that the window has no further page.
	Done bool
	// Total is the number of records that the source has announced, 0 if unknown. It is an estimate.
	Total int
}

// Reader reads the records of lists of one account, in pages that can be resumed. It is safe for
// concurrent use. Its errors are of type *Error.
type Reader interface {
	// Window returns the window after one that ended at until, a zero time for the first one. Successive
	// windows overlap. now is the current time.
	Window(until, now time.Time) Window
	// Page returns the page at a cursor. Every record that was changed in the window, and not since, is
	// on some page; it may be on several. Pages are requested in order.
	Page(ctx context.Context, list string, w Window, c Cursor) (Page, error)
}

// BlockReader is the ability of a reader to read several pages at a time, by fewer or by concurrent requests.
type BlockReader interface {
	// Pages returns successive pages from a cursor, at least one and at most n, as Page would: the cursor of each
	// is the Next of the one before.
	Pages(ctx context.Context, list string, w Window, c Cursor, n int) ([]Page, error)
}

// Scanner is the ability of a reader to find permanent deletions, which appear in no window.
type Scanner interface {
	// Scan returns a page of keys and refs of all records that exist, without their data.
	Scan(ctx context.Context, list string, c Cursor) (Page, error)
	// Gone confirms that a record does not exist any more.
	Gone(ctx context.Context, list, key string) (bool, error)
	// Tombstone returns the data of a deleted record, which a mapping opts out: its key and ref, and what
	// marks it as deleted at a time.
	Tombstone(key string, ref json.RawMessage, at time.Time) (json.RawMessage, error)
}

// Fetcher is the ability of a reader to read one record by its key, for a retry.
type Fetcher interface {
	// Fetch returns a page with the record, with its Reject, or, if it does not exist, with neither.
	Fetch(ctx context.Context, list, key string) (Page, error)
}

// Budgets are the budgets of accounts, which all lists and all workers share. It is safe for concurrent use.
type Budgets interface {
	// Account names the account that secrets belong to, by a hash under a key of the installation: the same secrets
	// have the same name in all workers, and no other process can compute it. The other parts, such as an endpoint,
	// distinguish systems that take the same secret.
	Account(kind string, parts ...string) string
	// Slot waits for one of so many connections of an account. The caller calls release once.
	Slot(ctx context.Context, account string, slots int) (release func(), err error)
	// Request waits until the account may make a request, of so many a second.
	Request(ctx context.Context, account string, perSecond float64) error
	// Delay delays the next request of an account by at least d: its system is overloaded.
	Delay(ctx context.Context, account string, d time.Duration) error
}

// State is the outcome of one record of a write.
type State string

// The outcomes of records.
const (
	// StateUnsent means that the record was not processed: write it again.
	StateUnsent State = "unsent"
	// StateDelivered means that the target has accepted the record.
	StateDelivered State = "delivered"
	// StateRejected means that the target refuses the record as it is.
	StateRejected State = "rejected"
)

// Outcome is what happened to one record of a write.
type Outcome struct {
	State State
	// Reason says why the record was rejected.
	Reason string
}

// Writer writes records in batches to one account. It is safe for concurrent use, and merges records by
// their IDs, so that repeating a record is harmless.
type Writer interface {
	// Write writes mapped records and returns one outcome for each, in the same order, also with an
	// error. It does not retry. Errors are of type *Error.
	Write(ctx context.Context, records []json.RawMessage) ([]Outcome, error)
}

// PageWriter is the ability of a writer to recognise a page that is written again after an interruption.
type PageWriter interface {
	Writer
	// WritePage is Write for records of a page. page identifies it among the pages of all runs.
	WritePage(ctx context.Context, page string, records []json.RawMessage) ([]Outcome, error)
}

// Class classifies an Error by what can be done about it.
type Class string

// The classes of errors.
const (
	// ClassPermanent fails in every attempt: credentials, a list that does not exist.
	ClassPermanent Class = "permanent"
	// ClassThrottled means that a budget of the system is exhausted: back off.
	ClassThrottled Class = "throttled"
	// ClassUnavailable means that the system cannot be reached or does not work: retry.
	ClassUnavailable Class = "unavailable"
	// ClassUnknown means that the system has failed on a request, which may be about its records.
	ClassUnknown Class = "unknown"
)

// Error is the error of a reader or writer. Its text has no secret and no personal data.
type Error struct {
	Class Class
	// RetryAfter is the requested minimum delay of the next attempt, 0 if none was named.
	RetryAfter time.Duration
	// Err is the fault.
	Err error
}

// Error returns the fault.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of an error; any other than an *Error is unavailable. An address that the guard of
// connections refuses is permanent, whatever class the reader or writer gives it.
func ClassOf(err error) Class {
	var e *Error
	switch {
	case outbound.IsRefused(err):
		return ClassPermanent
	case errors.As(err, &e):
		return e.Class
	default:
		return ClassUnavailable
	}
}

// RetryAfter returns the requested delay of an error.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// failure makes an *Error.
func failure(class Class, format string, args ...any) error {
	return &Error{Class: class, Err: fmt.Errorf(format, args...)}
}
