// Package csv imports Plausible's CSV export, one file per imported table, as
// plain files, compressed with gzip, or in a zip archive. What it accepts, and
// what it says about everything else, is described in the functions that decide:
// parseName for file names, readHeader for headers, the values for fields.
package csv

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/sourcefile"
)

// Limits that keep a hostile or broken source from taking the worker down.
const (
	// MaxPaths is how many paths an import can name.
	MaxPaths = 100
	// MaxMembers is how many members a zip archive can have.
	MaxMembers = 1000
	// MaxUncompressed is how much text a zip archive or a gzip file can hold.
	MaxUncompressed = 64 << 30
	// MaxRatio is how many times larger than its compressed form a file can be,
	// once it is larger than RatioFree. Exports stay below 30; what archives are
	// blown up with on purpose starts near 1000.
	MaxRatio = 200
	// RatioFree is up to which size the ratio does not count: little text can be
	// very repetitive without harm.
	RatioFree = 64 << 20
)

// limits are the limits of sizes, which tests make small.
type limits struct {
	members      int
	uncompressed int64
	ratio        int64
	ratioFree    int64
}

// tooDense says whether so much text from so few compressed bytes is no export.
func (l limits) tooDense(text, packed int64) bool {
	return text > l.ratioFree && text/l.ratio > packed
}

func (l limits) denseFault() error {
	return inputFault("is more than %d times larger than its compressed form, as in an archive made to blow up", l.ratio)
}

// Importer imports CSV exports. It is safe for concurrent use.
type Importer struct {
	limits limits
	// files opens files with a deadline, and knows those that hang.
	files sourcefile.Opener
}

var _ importers.Importer = (*Importer)(nil)

// New returns an importer of CSV exports anywhere, for tests and for programs whose users may read
// every file.
func New() *Importer { return Within(nil) }

// Within returns an importer of CSV exports below these folders, absolute paths. nil allows every
// path, an empty list none.
func Within(roots []string) *Importer {
	return &Importer{files: sourcefile.Opener{Roots: roots}, limits: limits{
		members: MaxMembers, uncompressed: MaxUncompressed, ratio: MaxRatio, ratioFree: RatioFree,
	}}
}

// Name returns "csv".
func (*Importer) Name() string { return "csv" }

// Label returns what people see.
func (*Importer) Label() string { return "CSV export" }

// EmailTemplate names the templates of the mails about this kind of import.
func (*Importer) EmailTemplate() string { return "csv_import" }

// BeforeStart checks that all files are there, may be read and are named like
// exports, and that there is something to import.
func (c *Importer) BeforeStart(ctx context.Context, imp importers.Import) (json.RawMessage, error) {
	args, err := decodeStored(imp.Args)
	if err != nil {
		return nil, err
	}
	var faults faults
	found, err := c.discover(ctx, args.Paths, &faults)
	if err != nil {
		return nil, err
	}
	for _, src := range found.sources {
		in, err := c.open(ctx, src.args)
		if err != nil {
			faults.add(fmt.Errorf("%s: %w", src.shown, err))
			continue
		}
		if err := in.Close(); err != nil {
			faults.add(fmt.Errorf("close %s: %w", src.shown, err))
		}
	}
	return nil, faults.err()
}

// Finalize sums the import up for its user.
func (*Importer) Finalize(ctx context.Context, imp importers.Import, result importers.Result) error {
	err := imp.Feedback.Info(ctx, fmt.Sprintf(
		"CSV files read: %d rows, of which %d loaded, %d rejected, %d out of range and %d left out",
		result.RowsRead, result.RowsLoaded, result.RowsRejected, result.RowsOutOfRange, result.RowsLeftOut))
	if err != nil {
		return fmt.Errorf("write feedback: %w", err)
	}
	return nil
}

// OnSuccess does nothing: the files stay where they are.
func (*Importer) OnSuccess(context.Context, importers.Import, importers.Result) error { return nil }

// OnFailure does nothing: the files are not ours to touch.
func (*Importer) OnFailure(context.Context, importers.Import, string) error { return nil }

// errNothing means that no path leads to a file to import.
var errNothing = inputFault("there is nothing to import: no file is named like an export; expected: %s", expectedName)
