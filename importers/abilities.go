package importers

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/sluicehq/sluice/calendar"
)

// Locker is an Importer that says itself what its imports lock. Imports run at the same
// time where their dependencies do not conflict. One that is no Locker locks
// SiteResource exclusively.
type Locker interface {
	// Dependencies returns what an import locks, at most MaxDependencies. It does no
	// I/O, is called before the import exists, and depends on the arguments alone.
	Dependencies(site string, args []byte) ([]Dependency, error)
}

// Dependency is a resource that an import locks while it runs.
type Dependency struct {
	// Resource names it: 1 to MaxResource bytes, for instance "site:example.com".
	Resource string `json:"resource"`
	// Shared lets other imports have it at the same time, if they share it too.
	Shared bool `json:"shared,omitempty"`
}

// Limits of an import's dependencies.
const (
	// MaxDependencies is how many resources an import can lock.
	MaxDependencies = 50
	// MaxResource is the length limit of a resource's name, in bytes.
	MaxResource = 200
)

// SiteResource is the resource that stands for all imported data of a site.
func SiteResource(site string) string { return "site:" + site }

// Fingerprinter is an Importer that can tell cheaply whether a source is the one that
// was imported before. An import whose fingerprint is that of a completed import of its
// kind and site ends as unchanged, before any work.
type Fingerprinter interface {
	// Fingerprint returns a hash of the content that the import would read, and of the
	// arguments that matter to how it is read: at most MaxFingerprint bytes, or "" if
	// it cannot tell. It is called before Plan, under the import's locks.
	Fingerprint(ctx context.Context, imp Import) (string, error)
}

// MaxFingerprint is the length limit of a fingerprint, in bytes.
const MaxFingerprint = 200

// Reviewed is an Importer whose imports wait for a review before their rows become
// visible, unless the person who starts one says otherwise.
type Reviewed interface {
	// ReviewByDefault says whether they do.
	ReviewByDefault() bool
}

// MaxData bounds what BeforeStart returns, and what DataReader returns about a part, in
// bytes. MaxSummary bounds what Summarizer returns.
const (
	MaxData    = 4 << 10
	MaxSummary = 32 << 10
)

// DataReader is a Reader that returns data about its part, beside rows.
type DataReader interface {
	// Data returns a JSON value of at most MaxData bytes without secrets; nil is none. It
	// is called once Next has returned io.EOF. A reader that was opened at a cursor has
	// not read the chunks before it: what it must know of them belongs into the cursor.
	Data() (json.RawMessage, error)
}

// Summarizer is an Importer that makes a summary of what its callbacks have returned.
// Reviewers read it; it is passed to Finalize and OnSuccess.
type Summarizer interface {
	// Summarize returns a JSON object of at most MaxSummary bytes without secrets; nil is
	// none. It is called once all parts are loaded, and does no I/O. Parts that were
	// skipped are not among parts.
	Summarize(ctx context.Context, imp Import, parts []PartData) (json.RawMessage, error)
}

// PartData describes a loaded part and the data that its reader has returned.
type PartData struct {
	// No, Table and Label are those of the Part.
	No    int
	Table string
	Label string
	// Result counts the part's rows; its Summary is nil.
	Result Result
	// Data is what DataReader has returned, nil if nothing.
	Data json.RawMessage
}

// Finalizer is an Importer with something to do before the rows of an import become
// visible.
type Finalizer interface {
	// Finalize runs once all parts are loaded and verified, and accepted if they are
	// reviewed, just before CleanUp and the moment the rows become visible. A permanent
	// error fails the import.
	Finalize(ctx context.Context, imp Import, result Result) error
}

// Stager is an Importer with something to do when its import is accepted, such as moving
// rows of its own out of a staging area.
type Stager interface {
	// StageDone runs in the transaction of the decision: both happen, or neither. If it
	// fails the import goes on waiting for a decision. It may be called again after it
	// has failed or its transaction was lost.
	// The transaction's search path begins with the schema of a SchemaOwner.
	StageDone(ctx context.Context, tx *sql.Tx, imp Import) error
}

// SchemaOwner is an Importer with tables of its own in the store's PostgreSQL: Import.Conn
// connects to them.
type SchemaOwner interface {
	// Schema returns the schema's name: importer_ and 1 to 50 lower-case letters, digits or
	// underscores; "" is none. It is created before it is first used.
	Schema() string
}

// Confirmer is a Reader of a source that answers for days, so that a day without rows is
// known to be empty: a report of an API, for instance, but never a file, which may be cut or
// of the wrong export.
type Confirmer interface {
	// Confirmed returns the days for which the source has answered completely, with rows
	// or without. They count as imported. It is called after Next has returned io.EOF,
	// also of a reader that was opened behind the last chunk. A part whose reader is no
	// Confirmer, or confirms nothing, has brought in the days from the first to the last
	// row that was loaded.
	Confirmed() calendar.Set
}
