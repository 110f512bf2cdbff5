package importers

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/sluicehq/sluice/calendar"
)

// Describer is an Importer that documents its arguments for the help of the command line.
type Describer interface {
	// Arguments returns the arguments that ParseArgs accepts, usually by ArgumentsOf.
	Arguments() []Argument
}

// FileReader is an Importer that reads files, which its argument "paths" names. Uploaded files are checked by it.
type FileReader interface {
	// CheckFiles reports what BeforeStart would find wrong with files, given by their absolute paths. It does no other
	// I/O than reading them.
	CheckFiles(ctx context.Context, paths []string) error
}

// Locker is an Importer that defines the locks of its imports. Imports run concurrently if
// their dependencies do not conflict. Without Locker an import locks SiteResource
// exclusively.
type Locker interface {
	// Dependencies returns the locks of an import, at most MaxDependencies. It is called
	// before the import exists, does no I/O and depends only on the arguments.
	Dependencies(site string, args []byte) ([]Dependency, error)
}

// Dependency is a resource that an import locks while it runs.
type Dependency struct {
	// Resource is its name: 1 to MaxResource bytes, for instance "site:example.com".
	Resource string `json:"resource"`
	// Shared allows concurrent imports with shared locks of the resource.
	Shared bool `json:"shared,omitempty"`
}

// Limits of an import's dependencies.
const (
	// MaxDependencies is the maximum number of locks of an import.
	MaxDependencies = 50
	// MaxResource is the length limit of a resource's name, in bytes.
	MaxResource = 200
)

// SiteResource is the resource that represents all imported data of a site.
func SiteResource(site string) string { return "site:" + site }

// Fingerprinter is an Importer that can recognise an unchanged source cheaply. An import with
// the fingerprint of a completed import of the same importer and site ends as unchanged.
type Fingerprinter interface {
	// Fingerprint returns a digest of the content and of the arguments that affect its
	// interpretation: at most MaxFingerprint bytes, or "" if it is unknown. It is called
	// before Plan, while the import holds its locks.
	Fingerprint(ctx context.Context, imp Import) (string, error)
}

// MaxFingerprint is the length limit of a fingerprint, in bytes.
const MaxFingerprint = 200

// Reviewed is an Importer whose imports require a review before their rows become visible,
// unless the requester waives it.
type Reviewed interface {
	// ReviewByDefault reports whether its imports require a review.
	ReviewByDefault() bool
}

// MaxData bounds the results of BeforeStart and DataReader, MaxSummary the result of
// Summarizer, in bytes.
const (
	MaxData    = 4 << 10
	MaxSummary = 32 << 10
)

// DataReader is a Reader that returns data about its part in addition to rows.
type DataReader interface {
	// Data returns a JSON value of at most MaxData bytes without secrets; nil means none. It
	// is called after Next has returned io.EOF. A reader opened at a cursor has not read the
	// earlier chunks: store facts about them in the cursor.
	Data() (json.RawMessage, error)
}

// Summarizer is an Importer that combines the data of its callbacks into a summary for
// reviewers, Finalize and OnSuccess.
type Summarizer interface {
	// Summarize returns a JSON object of at most MaxSummary bytes without secrets; nil means
	// none. It is called after all parts are loaded, and does no I/O. parts does not contain
	// skipped parts.
	Summarize(ctx context.Context, imp Import, parts []PartData) (json.RawMessage, error)
}

// PartData describes a loaded part and the data of its reader.
type PartData struct {
	// No, Table and Label are copied from the Part.
	No    int
	Table string
	Label string
	// Result counts the part's rows; its Summary is nil.
	Result Result
	// Data is the result of DataReader; nil without one.
	Data json.RawMessage
}

// Finalizer is an Importer with a last step before the rows of an import become visible.
type Finalizer interface {
	// Finalize runs after all parts are loaded and verified, and after the acceptance of a
	// review, before CleanUp and before the rows become visible. A permanent error fails the
	// import.
	Finalize(ctx context.Context, imp Import, result Result) error
}

// Stager is an Importer with a step in the transaction of an import's acceptance, such as
// moving its own rows out of a staging area.
type Stager interface {
	// StageDone runs in the transaction of the decision: both are committed, or neither. If it
	// fails, the import remains in review. It may be called again after a failure or a
	// rollback.
	// The transaction's search path begins with the schema of a SchemaOwner.
	StageDone(ctx context.Context, tx *sql.Tx, imp Import) error
}

// SchemaOwner is an Importer with its own tables in the store's PostgreSQL, which it reaches
// through Import.Conn.
type SchemaOwner interface {
	// Schema returns the schema's name: importer_ and 1 to 50 lower-case letters, digits or
	// underscores; "" means none. Sluice creates the schema before its first use.
	Schema() string
}

// Confirmer is a Reader of a source that proves days without rows to be empty: a report of an
// API, for instance, but never a file, which may be truncated or of the wrong export.
type Confirmer interface {
	// Confirmed returns the days that the source's response covers completely, with or
	// without rows. They count as imported. It is called after Next has returned io.EOF,
	// also for a reader opened after the last chunk. A part without confirmed days claims the
	// days from its first to its last loaded row.
	Confirmed() calendar.Set
}
