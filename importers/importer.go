// Package importers has the contract that every kind of import fulfils, and the
// registry of those kinds.
//
// An importer turns an outside source into rows of the imported tables. It knows
// neither Temporal nor ClickHouse: it says what there is to do (Plan) and reads
// it in chunks (ImportData); when, how often and how durably is the business of
// the import workflow and its activities.
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

// Importer is one kind of import. Methods are called in the order in which they
// stand here, each from an activity with retries of its own: any of them may be
// called again after it succeeded, in another process, or while an earlier call
// that was taken for dead still runs. They must therefore be idempotent, and
// return soon after ctx is done.
//
// An error made with Permanent ends the import (or the part) at once. Any other
// error, and a panic, is taken for transient and retried.
type Importer interface {
	// Name is the importer's key in the registry, in stored imports and on the
	// command line: lower case, digits and underscores.
	Name() string
	// Label is what people see, for instance "CSV export".
	Label() string
	// EmailTemplate names the templates of the mails about this kind of import.
	EmailTemplate() string

	// ParseArgs checks the arguments of an import and returns them in normal
	// form, which is what is stored and what Import.Args holds later. Unknown
	// names are errors. It is called before the import exists, by the client,
	// and does no I/O.
	ParseArgs(args json.RawMessage) (json.RawMessage, error)
	// BeforeStart checks that the source exists and is readable, without side effects,
	// because the import has no locks yet. A permanent error ends the import, and the
	// call that starts the import returns it; then CleanUp is called, OnFailure is not.
	// BeforeStart may return data, a JSON value of at most MaxData bytes without secrets,
	// which later callbacks find in Import.Checked; nil means none.
	BeforeStart(ctx context.Context, imp Import) (json.RawMessage, error)
	// Plan looks at the source and cuts the import into parts. Planning the same
	// source twice gives the same plan.
	Plan(ctx context.Context, imp Import) (Plan, error)
	// ImportData opens one part for reading, at the beginning if from is empty,
	// else behind the chunk that gave that cursor. It may be called for several
	// parts at once. The caller closes the reader.
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

// Cleaner is an Importer that leaves things behind, such as files of its own or
// reports at the other side. CleanUp runs once at the end on every way out:
// success, failure and cancellation, also after a worker died.
type Cleaner interface {
	CleanUp(ctx context.Context, imp Import) error
}

// Import is one run of an importer, as the importer sees it.
type Import struct {
	// ID is the import's number, unique across sites.
	ID int64
	// Site is the analytics property that the data belong to.
	Site Site
	// Args are the arguments in the normal form that ParseArgs returned.
	Args json.RawMessage
	// Checked is what BeforeStart has returned, nil if nothing or not yet.
	Checked json.RawMessage
	// Window is the days to import, of the part that is being read: Part.Days without
	// the days that another import has in the part's table and those that are too late.
	// It is empty everywhere but in ImportData. A reader loads no row of another day, and
	// counts it by Chunk.LeaveOut.
	Window calendar.Set
	// Chunk bounds the chunks. It is fixed when the import is planned, so that
	// every attempt cuts the same chunks.
	Chunk ChunkLimit
	// Feedback takes messages for the person who started the import.
	Feedback Feedback
	// Conn connects to the importer's own schema in PostgreSQL. The connection is closed
	// when ctx ends, at the latest, which is when the callback returns; close it earlier if
	// it is not needed any more. Nil unless the importer is a SchemaOwner.
	Conn func(ctx context.Context) (*sql.Conn, error)
	// Connections opens the connections that Args name. A secret that it hands out
	// goes into no error, message, cursor or part.
	Connections connections.Opener
}

// Site is an analytics property.
type Site struct {
	// ID is the site's number in the warehouse, site_id.
	ID int64
	// Domain is the site's name, for instance "example.com".
	Domain string
	// TimeZone is the IANA name of the zone in which the site counts its days.
	TimeZone string
}

// Feedback records lines of an import's log that users see.
type Feedback interface {
	// Info records something worth knowing.
	Info(ctx context.Context, message string) error
	// Warn records something that the user may have to act on.
	Warn(ctx context.Context, message string) error
	// WarnPart records a warning that several parts may give. The log has it once, with
	// the number of parts and of rows, however often and in whatever process it is given.
	WarnPart(ctx context.Context, w PartWarning) error
	// Error records something that has gone wrong, whether or not the import goes on.
	Error(ctx context.Context, message string) error
}

// Plan is what an import is going to do.
type Plan struct {
	// Range is the days that the source says it has data for.
	Range calendar.Range
	// Parts are what to load, in the order in which they are started. Their
	// numbers are their positions. At most MaxParts.
	Parts []Part
}

// MaxParts is how many parts an import can have: enough for nine reports of
// seven years by month, and few enough for a history below 2,000 events.
const MaxParts = 1000

// Part is the unit of planning, progress, retry and skip inside an import: one
// file, one report of one month, one range of pages.
type Part struct {
	// No is the part's position in the plan, from 0.
	No int
	// Table is the table that the part's rows go to.
	Table *schema.Table
	// Label says what the part is, in at most MaxLabel bytes, for instance
	// "imported_pages_20210101_20231231.csv".
	Label string
	// Args is whatever the importer needs to open the part again, at most
	// MaxPartArgs bytes and free of secrets.
	Args json.RawMessage
	// Bytes is how much there is to read, for progress bars; 0 if unknown.
	Bytes int64
	// Days are the days that the part says it has: those in a file's name, or those that a
	// report is asked for. Rows of other days are out of range. They lie within
	// Plan.Range. Defaults to Plan.Range.
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

// Result is what an import has loaded when all its parts are done.
type Result struct {
	// RowsRead is the sum of the others.
	RowsRead, RowsLoaded, RowsRejected, RowsOutOfRange, RowsLeftOut int64
	// Summary is what Summarizer has made of the parts, nil if there is none.
	Summary json.RawMessage
}
