// Package importers defines the contract of importers and their registry.
//
// An importer converts an outside source to rows of the imported tables. It knows neither
// Temporal nor ClickHouse: it divides the source into parts (Plan) and reads each part in
// chunks (ImportData). The import workflow and its activities schedule, retry and persist
// the calls.
package importers

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Importer is one kind of import. Its methods are called in the order of their declaration,
// each by an activity with its own retries: any of them may be called again after it has
// succeeded, in another process, or while an earlier call that was considered dead is still
// running. They must therefore be idempotent and return promptly when ctx is done.
//
// An error created with Permanent ends the import (or the part) immediately. Every other
// error and every panic is transient and retried.
type Importer interface {
	// Name is the importer's key in the registry, in stored imports and on the
	// command line: lower case, digits and underscores.
	Name() string
	// Label is the name for users, for instance "CSV export".
	Label() string
	// EmailTemplate names the templates of the mails about this kind of import.
	EmailTemplate() string

	// ParseArgs validates the arguments of an import and returns their normal form, which
	// is stored and passed as Import.Args. Unknown names are errors. The client calls it
	// before the import exists. It does no I/O.
	ParseArgs(args json.RawMessage) (json.RawMessage, error)
	// BeforeStart checks that the source exists and is readable, without side effects,
	// because the import has no locks yet. A permanent error ends the import, and the
	// call that starts the import returns it; then CleanUp is called, OnFailure is not.
	// BeforeStart may return data, a JSON value of at most MaxData bytes without secrets,
	// which is passed to later callbacks as Import.Checked; nil means none.
	BeforeStart(ctx context.Context, imp Import) (json.RawMessage, error)
	// Plan examines the source and divides the import into parts. It is deterministic: the
	// same source has the same plan.
	Plan(ctx context.Context, imp Import) (Plan, error)
	// ImportData opens one part for reading, at the beginning if from is empty, otherwise
	// after the chunk with that cursor. It may be called for several parts concurrently.
	// The caller closes the reader.
	ImportData(ctx context.Context, imp Import, part Part, from Cursor) (Reader, error)
	// OnSuccess runs after the import is completed, its rows are visible and CleanUp has
	// run. Its failure is logged and retried, and does not change the import's status.
	// Work that must precede the visibility of rows belongs in Finalizer.
	OnSuccess(ctx context.Context, imp Import, result Result) error
	// OnFailure runs after the import has failed permanently or was cancelled, before
	// its rows are purged. cause is the reason. It is not called unless BeforeStart has
	// succeeded.
	OnFailure(ctx context.Context, imp Import, cause string) error
}

// Cleaner is an Importer with temporary resources, such as files or reports at the source.
// CleanUp runs at the end of every import: after success, failure and cancellation, also
// after the death of a worker.
type Cleaner interface {
	CleanUp(ctx context.Context, imp Import) error
}

// Import is one run of an importer.
type Import struct {
	// ID is the import's number, unique across sites.
	ID int64
	// Site is the analytics property that the data belong to.
	Site Site
	// Args are the arguments in the normal form that ParseArgs returned.
	Args json.RawMessage
	// Checked is the result of BeforeStart; nil without a result or before BeforeStart.
	Checked json.RawMessage
	// Window holds the days to import of the current part: Part.Days without taken days, which
	// another import holds in the part's table, and late days. It is set only for
	// ImportData. A reader loads no row of other days, and counts it with Chunk.LeaveOut.
	Window calendar.Set
	// Chunk bounds the chunks. It is fixed when the import is planned, so that the chunks
	// are the same in every attempt.
	Chunk ChunkLimit
	// Feedback writes messages to the import's log, for the requester.
	Feedback Feedback
	// Conn connects to the importer's own schema in PostgreSQL. The connection is closed when
	// ctx ends, at the latest when the callback returns; close it earlier if possible. Nil
	// unless the importer is a SchemaOwner.
	Conn func(ctx context.Context) (*sql.Conn, error)
	// Connections opens the connections named in Args. Their secrets must not appear in
	// errors, messages, cursors or parts.
	Connections connections.Opener
}

// Site is an analytics property.
type Site struct {
	// ID is the site's number in the warehouse, site_id.
	ID int64
	// Domain is the site's name, for instance "example.com".
	Domain string
	// TimeZone is the IANA name of the site's time zone, which dates its days.
	TimeZone string
}

// Feedback writes lines to the import's log, which users read.
type Feedback interface {
	// Info records information.
	Info(ctx context.Context, message string) error
	// Warn records a problem that may require an action of the user.
	Warn(ctx context.Context, message string) error
	// WarnPart records a warning that several parts may have in common. The log contains one
	// line with the number of parts and rows, also for calls in several processes.
	WarnPart(ctx context.Context, w PartWarning) error
	// Error records an error, whether or not the import continues.
	Error(ctx context.Context, message string) error
}

// Plan is the plan of an import.
type Plan struct {
	// Range is the range of days for which the source has data.
	Range calendar.Range
	// Parts lists the parts in the order in which they start, at most MaxParts. A part's
	// number is its position.
	Parts []Part
}

// MaxParts is the maximum number of parts of an import: enough for nine monthly reports of
// seven years, and few enough for a history below 2,000 events.
const MaxParts = 1000

// Part is the unit of planning, progress, retry and skip inside an import: one
// file, one report of one month, one range of pages.
type Part struct {
	// No is the part's position in the plan, from 0.
	No int
	// Table is the target table of the part's rows.
	Table *schema.Table
	// Label describes the part in at most MaxLabel bytes, for instance
	// "imported_pages_20210101_20231231.csv".
	Label string
	// Args holds the importer's arguments for opening the part, at most MaxPartArgs bytes,
	// without secrets.
	Args json.RawMessage
	// Bytes is the size of the part, for progress bars; 0 if unknown.
	Bytes int64
	// Days is the stated range of the part, within Plan.Range: the days in a file's name, or
	// the requested days of a report. Rows of other days are out of range. Defaults to
	// Plan.Range.
	Days calendar.Set
}

// WithDays returns the plan with the days of every part filled in.
func (p Plan) WithDays() Plan {
	p.Parts = slices.Clone(p.Parts)
	for i := range p.Parts {
		if len(p.Parts[i].Days) == 0 {
			p.Parts[i].Days = calendar.NewSet(p.Range)
		}
	}
	return p
}

// Limits of a part.
const (
	MaxLabel    = 200
	MaxPartArgs = 4 << 10
)

// Result counts the rows of an import, or of a part, after its end.
type Result struct {
	// RowsRead is the sum of the others.
	RowsRead, RowsLoaded, RowsRejected, RowsOutOfRange, RowsLeftOut int64
	// Summary is the result of Summarizer; nil without one.
	Summary json.RawMessage
}
