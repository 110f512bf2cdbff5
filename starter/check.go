package starter

import (
	"context"
	"fmt"
	"time"

	importstore "github.com/sluicehq/sluice/store/importing"
)

// CheckError is the error of an import whose source was checked and cannot be imported. The
// import has ended as failed.
type CheckError struct {
	// ImportID is the import's number.
	ImportID int64
	// Class is the class of the importer's error, an importers.Class.
	Class string
	// Reason is its text.
	Reason string
}

// Error names the import and the fault of its source.
func (e *CheckError) Error() string { return fmt.Sprintf("import %d: %s", e.ImportID, e.Reason) }

// AwaitCheck waits until a worker has checked an import's source, but not longer than
// timeout. Then CheckedAt of the import is nil: its check is still to come. The error is a
// CheckError if the source cannot be imported.
func (s *Starter) AwaitCheck(
	ctx context.Context, imp importstore.Import, timeout time.Duration,
) (importstore.Import, error) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if imp.Status == importstore.StatusFailed && imp.CheckedAt == nil {
			return imp, &CheckError{ImportID: imp.ID, Class: imp.ErrorClass, Reason: imp.Error}
		}
		if imp.CheckedAt != nil || importstore.Ended(imp.Status) || imp.Status == importstore.StatusDeleting {
			return imp, nil
		}
		select {
		case <-ticker.C:
		case <-waiting.Done():
			// The import continues without an answer. Only the end of the caller's context is an error.
			return imp, ctx.Err()
		}
		latest, err := s.Store.Imports.Import(ctx, imp.ID)
		if err != nil {
			return imp, err
		}
		imp = latest
	}
}
