package enginetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/sluicehq/sluice/importers"
)

// Impatient wraps an importer so that transient errors are retried immediately: with the real
// backoff it takes minutes until a part is parked.
func Impatient(importer importers.Importer) importers.Importer { return impatient{importer} }

type impatient struct{ importers.Importer }

var (
	_ importers.Importer = impatient{}
	_ importers.Cleaner  = impatient{}

	_ importers.Locker        = impatient{}
	_ importers.Fingerprinter = impatient{}
	_ importers.Stager        = impatient{}
)

// soon sets the shortest retry delay on a transient error.
func soon(err error) error {
	if _, permanent := importers.ClassOf(err); permanent {
		return err
	}
	return importers.RetryAfter(time.Millisecond, err)
}

// BeforeStart calls the importer.
func (i impatient) BeforeStart(ctx context.Context, imp importers.Import) (json.RawMessage, error) {
	data, err := i.Importer.BeforeStart(ctx, imp)
	return data, soon(err)
}

// Plan calls the importer.
func (i impatient) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	plan, err := i.Importer.Plan(ctx, imp)
	return plan, soon(err)
}

// ImportData calls the importer.
func (i impatient) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	reader, err := i.Importer.ImportData(ctx, imp, part, from)
	return reader, soon(err)
}

// OnSuccess calls the importer.
func (i impatient) OnSuccess(ctx context.Context, imp importers.Import, result importers.Result) error {
	return soon(i.Importer.OnSuccess(ctx, imp, result))
}

// OnFailure calls the importer.
func (i impatient) OnFailure(ctx context.Context, imp importers.Import, cause string) error {
	return soon(i.Importer.OnFailure(ctx, imp, cause))
}

// CleanUp calls the importer, if it cleans up.
func (i impatient) CleanUp(ctx context.Context, imp importers.Import) error {
	if cleaner, ok := i.Importer.(importers.Cleaner); ok {
		return soon(cleaner.CleanUp(ctx, imp))
	}
	return nil
}

// Dependencies calls the importer, or returns the default locks.
func (i impatient) Dependencies(site string, args []byte) ([]importers.Dependency, error) {
	if locker, ok := i.Importer.(importers.Locker); ok {
		return locker.Dependencies(site, args)
	}
	return []importers.Dependency{{Resource: importers.SiteResource(site)}}, nil
}

// Fingerprint calls the importer, if it has fingerprints.
func (i impatient) Fingerprint(ctx context.Context, imp importers.Import) (string, error) {
	if f, ok := i.Importer.(importers.Fingerprinter); ok {
		return f.Fingerprint(ctx, imp)
	}
	return "", nil
}

// Schema returns the importer's schema, "" if it has none.
func (i impatient) Schema() string {
	if o, ok := i.Importer.(importers.SchemaOwner); ok {
		return o.Schema()
	}
	return ""
}

// Summarize calls the importer, if it is a Summarizer.
func (i impatient) Summarize(
	ctx context.Context, imp importers.Import, parts []importers.PartData,
) (json.RawMessage, error) {
	if s, ok := i.Importer.(importers.Summarizer); ok {
		return s.Summarize(ctx, imp, parts)
	}
	return nil, nil
}

// Finalize calls the importer, if it is a Finalizer.
func (i impatient) Finalize(ctx context.Context, imp importers.Import, result importers.Result) error {
	if f, ok := i.Importer.(importers.Finalizer); ok {
		return soon(f.Finalize(ctx, imp, result))
	}
	return nil
}

// StageDone calls the importer, if it is a Stager.
func (i impatient) StageDone(ctx context.Context, tx *sql.Tx, imp importers.Import) error {
	if s, ok := i.Importer.(importers.Stager); ok {
		return s.StageDone(ctx, tx, imp)
	}
	return nil
}
