package ingest

import (
	"time"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/request"
)

// Event is one event of one site on its way through the pipeline.
type Event struct {
	// Domain is the site's domain as sent.
	Domain string
	// Site is the site of Domain, or nil if the event was dropped before it was found.
	Site *Site
	// Request is what the event is built from. After the pipeline it is redacted.
	Request request.Request
	// Salts are those of the user IDs. After the pipeline they are gone.
	Salts Salts
	// EventAttributes are the event's columns as far as they are known.
	EventAttributes EventAttributes
	// SessionAttributes are the columns that the event shares with its session.
	SessionAttributes SessionAttributes
	// ClickHouseEvent is the complete row, or nil for a dropped event.
	ClickHouseEvent *ClickHouseEvent
	// PreviousUserID is the user ID by the salt of the day before: a session that began
	// then is found by it.
	PreviousUserID uint64
	// Partition is a keyed hash of site, address and user agent. It does not change at
	// midnight, as user IDs do. The event log takes its partition from it.
	Partition uint64
	// Tags are the reasons for which the event would have been dropped, in ModeTag.
	Tags []DropReason
	// Dropped says that the event was not buffered, for DropReason.
	Dropped    bool
	DropReason DropReason
	// Errors are the faults of an event that was dropped as invalid.
	Errors []ValidationError
}

// ValidationError is a fault of a column.
type ValidationError struct {
	// Field is the column's name.
	Field string
	// Text says what is wrong.
	Text string
}

// EventAttributes are the columns of an event that its session does not have.
type EventAttributes struct {
	SiteID uint64
	UserID uint64
	// Timestamp is in UTC and whole seconds.
	Timestamp time.Time
	// Day is the site's local day of Timestamp.
	Day      calendar.Day
	Name     string
	Hostname string
	Pathname string
	// MetaKey and MetaValue are the custom properties, of the same length.
	MetaKey, MetaValue []string
	// ScrollDepth is a percentage, or request.NoScrollDepth.
	ScrollDepth uint8
	// EngagementTime is in milliseconds.
	EngagementTime uint32
	// Interactive says that the event ends a bounce. It is no column.
	Interactive bool
	// Amounts have at most three decimals. They are nil if there are none.
	RevenueSourceAmount, RevenueReportingAmount *decimal.Decimal
	// Currencies are ISO 4217 codes, or "".
	RevenueSourceCurrency, RevenueReportingCurrency string
}

// SessionAttributes are the columns of where a visitor came from and what with. A session
// keeps those of its first event.
type SessionAttributes = record.Attributes

// ClickHouseEvent is a row of the table events.
type ClickHouseEvent struct {
	EventAttributes
	SessionAttributes
	// SessionID is 0 until the writer has found the session.
	SessionID uint64
}

func (e *Event) drop(reason DropReason) {
	e.Dropped, e.DropReason, e.ClickHouseEvent = true, reason, nil
}

// tagOrDrop does what a mode says with traffic of programs.
func (e *Event) tagOrDrop(mode Mode, reason DropReason) {
	if mode == ModeTag {
		e.Tags = append(e.Tags, reason)
		return
	}
	e.drop(reason)
}

// redact removes what identifies the visitor.
func (e *Event) redact() {
	e.Request, e.Salts = e.Request.Redacted(), Salts{}
}
