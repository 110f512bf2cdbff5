package enginetest

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/importers"
)

// Impatient wraps an importer so that what fails for the time being is tried again at
// once: the real pauses add up to minutes before a part is parked.
func Impatient(importer importers.Importer) importers.Importer { return impatient{importer} }

type impatient struct{ importers.Importer }

var (
	_ importers.Importer = impatient{}
	_ importers.Cleaner  = impatient{}
)

// soon marks every transient error with the shortest delay there is.
func soon(err error) error {
	if _, permanent := importers.ClassOf(err); permanent {
		return err
	}
	return importers.RetryAfter(time.Millisecond, err)
}

// BeforeStart calls the importer.
func (i impatient) BeforeStart(ctx context.Context, imp importers.Import) error {
	return soon(i.Importer.BeforeStart(ctx, imp))
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
