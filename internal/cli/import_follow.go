package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/terminal"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// stopped reports whether an import has ended or is parked, and makes no progress by itself.
func stopped(i importstore.Import) bool {
	return importstore.Ended(i.Status) || i.Status == importstore.StatusParked
}

// follow shows an import's progress until it has ended or is parked, and then its figures. The error
// carries the exit code.
func follow(ctx context.Context, s *session, id int64) error {
	client, err := s.watcher(ctx)
	if err != nil {
		return err
	}
	progress := terminal.NewProgress(s.cli.App.ErrWriter, 5*time.Second)
	ctx, cancel := withTimeout(ctx, s)
	defer cancel()
	last, err := client.WaitFor(ctx, id, stopped, func(summary importstore.Summary) { progress.Show(readingOf(summary)) })
	progress.Close()
	if errors.Is(context.Cause(ctx), errTimeout) {
		return exitWith(exitTimeout, fmt.Errorf("import %d has not ended and continues: %w", id, errTimeout))
	}
	if ctx.Err() != nil {
		_, werr := fmt.Fprintf(s.cli.App.ErrWriter, "Import %d continues. "+
			"Follow it with `sluice import logs %d -f`, cancel it with `sluice import cancel %d`.\n", id, id, id)
		return errors.Join(context.Canceled, werr)
	}
	if err != nil {
		return err
	}
	if err := printImport(ctx, s, id); err != nil {
		return err
	}
	if code := codeOfStatus(last.Import.Status); code != exitDone {
		return silently(code, fmt.Errorf("import %d is %s", id, last.Import.Status))
	}
	return nil
}

// readingOf converts an import's state for the progress display.
func readingOf(s importstore.Summary) terminal.Reading {
	r := terminal.Reading{Label: s.Import.Phase}
	// The progress of loading is meaningless once rows are purged.
	failing := importview.RowsPurged(s.Import.Status) || s.Import.Phase == importstore.PhaseOnFailure ||
		s.Import.Phase == importstore.PhaseCleanUp && s.PartsDone < s.PartsTotal
	if !failing {
		r.Rows, r.Done, r.Total = s.RowsRead, s.BytesRead, s.BytesTotal
	}
	// Skipped parts are never read.
	r.Over = failing || s.Import.Phase != importstore.PhaseLoading && r.Done < r.Total
	if s.Import.Status == importstore.StatusParked || s.Import.Status == importstore.StatusInReview {
		r.Label = s.Import.Status
	}
	if s.Import.Paused {
		r.Label = "paused"
	}
	if s.PartsTotal > 0 {
		r.Detail = fmt.Sprintf("%d/%d parts", s.PartsDone, s.PartsTotal)
	}
	switch {
	case s.Import.WorkflowFault != "":
		r.Reason = brief(s.Import.WorkflowFault, 150)
	case s.Import.Status == importstore.StatusParked:
		r.Reason = fmt.Sprintf("waiting for `sluice import retry-part %d PART` or skip-part", s.Import.ID)
	case s.Import.Status == importstore.StatusInReview:
		r.Reason = fmt.Sprintf("waiting for `sluice review accept %d` or decline", s.Import.ID)
	case s.Import.Paused:
		r.Reason = fmt.Sprintf("resume it with `sluice import resume %d`", s.Import.ID)
	case s.Import.WaitUntil != nil:
		r.Reason = fmt.Sprintf("waiting until %s: %s", when(s.Import.WaitUntil), brief(s.Import.WaitReason, 150))
	case s.Import.Phase == importstore.PhaseLocking:
		r.Reason = "waiting for locks (see `sluice locks list`)"
	case s.Import.AttemptError != "":
		r.Reason = "retrying: " + brief(s.Import.AttemptError, 150)
	}
	return r
}
