// Package csv imports Plausible's CSV export, one file per imported table, as plain files,
// compressed with gzip, or in a zip archive. parseName defines the valid file names,
// readHeader the valid headers, and the functions of values.go the valid fields.
package csv

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/sourcefile"
)

// Limits that protect the worker against malicious and corrupt sources.
const (
	// MaxPaths is the maximum number of paths of an import.
	MaxPaths = 100
	// MaxMembers is the maximum number of members of a zip archive.
	MaxMembers = 1000
	// MaxUncompressed is the maximum uncompressed size of a zip archive or a gzip file.
	MaxUncompressed = 64 << 30
	// MaxRatio is the maximum compression ratio of a file larger than RatioFree. Exports
	// stay below 30; decompression bombs start near 1000.
	MaxRatio = 200
	// RatioFree is the size up to which MaxRatio does not apply: small repetitive texts are
	// harmless.
	RatioFree = 64 << 20
)

// limits are the limits of sizes, which tests make small.
type limits struct {
	members      int
	uncompressed int64
	ratio        int64
	ratioFree    int64
}

// tooDense reports whether the compression ratio exceeds that of an export.
func (l limits) tooDense(text, packed int64) bool {
	return text > l.ratioFree && text/l.ratio > packed
}

func (l limits) denseFault() error {
	return inputFault("is more than %d times larger than its compressed form, as in an archive made to blow up", l.ratio)
}

// Importer imports CSV exports. It is safe for concurrent use.
type Importer struct {
	limits limits
	// files opens files with a deadline, and tracks those that hang.
	files sourcefile.Opener
}

var (
	_ importers.Importer   = (*Importer)(nil)
	_ importers.FileReader = (*Importer)(nil)
)

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

// Label returns the name for users.
func (*Importer) Label() string { return "CSV export" }

// EmailTemplate names the templates of the mails about this kind of import.
func (*Importer) EmailTemplate() string { return "csv_import" }

// BeforeStart checks that all files exist, are readable and have names of exports, and that
// there is at least one.
func (c *Importer) BeforeStart(ctx context.Context, imp importers.Import) (json.RawMessage, error) {
	args, err := decodeStored(imp.Args)
	if err != nil {
		return nil, err
	}
	return nil, c.CheckFiles(ctx, args.Paths)
}

// CheckFiles reports the faults that BeforeStart would find in files.
func (c *Importer) CheckFiles(ctx context.Context, paths []string) error {
	var faults faults
	found, err := c.discover(ctx, paths, &faults)
	if err != nil {
		return err
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
	return faults.err()
}

// Finalize writes a summary to the import's log.
func (*Importer) Finalize(ctx context.Context, imp importers.Import, result importers.Result) error {
	err := imp.Feedback.Info(ctx, fmt.Sprintf(
		"CSV files read: %d rows, of which %d loaded, %d rejected, %d out of range and %d left out",
		result.RowsRead, result.RowsLoaded, result.RowsRejected, result.RowsOutOfRange, result.RowsLeftOut))
	if err != nil {
		return fmt.Errorf("write feedback: %w", err)
	}
	return nil
}

// OnSuccess does nothing: the files are not changed.
func (*Importer) OnSuccess(context.Context, importers.Import, importers.Result) error { return nil }

// OnFailure does nothing: the files are not changed.
func (*Importer) OnFailure(context.Context, importers.Import, string) error { return nil }

// errNothing means that no path leads to a file to import.
var errNothing = inputFault("there is nothing to import: no file is named like an export; expected: %s", expectedName)
