package starter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/importing"
)

// Pause interrupts the running attempts of an import and pauses it, also while it waits for
// its source. The errors of this and the other commands are store.ErrNotFound, store.ErrConflict if the
// import has ended, ErrRefused with the workflow's reason, and ErrNoWorker.
func (s *Starter) Pause(ctx context.Context, id int64, by By) error {
	return s.sendCommand(ctx, id, workflows.CommandPause, by, func(o command.Command) any {
		return command.Pause{Command: o}
	})
}

// Resume resumes a paused import. The errors are those of Pause.
func (s *Starter) Resume(ctx context.Context, id int64, by By) error {
	return s.sendCommand(ctx, id, workflows.CommandResume, by, func(o command.Command) any {
		return command.Resume{Command: o}
	})
}

// SetRate limits the rows that an import loads per second; 0 is unlimited. The errors are those of Pause.
func (s *Starter) SetRate(ctx context.Context, id, rowsPerSecond int64, by By) error {
	return s.sendCommand(ctx, id, workflows.CommandSetRate, by, func(o command.Command) any {
		return importing.SetRate{Command: o, RowsPerSecond: rowsPerSecond}
	})
}

// RetryPart retries a parked part. The errors are those of Pause; a part that is not parked is ErrRefused.
func (s *Starter) RetryPart(ctx context.Context, id int64, part int32, by By) error {
	return s.sendCommand(ctx, id, workflows.CommandRetryPart, by, func(o command.Command) any {
		return importing.RetryPart{Command: o, Part: part}
	})
}

// SkipPart skips a parked part. by.Why is required. The errors are those of RetryPart.
func (s *Starter) SkipPart(ctx context.Context, id int64, part int32, by By) error {
	return s.sendCommand(ctx, id, workflows.CommandSkipPart, by, func(o command.Command) any {
		return importing.SkipPart{Command: o, Part: part}
	})
}

// Decide accepts or declines an import: the verdict is importstore.Accepted or
// importstore.Declined. by.Who is required; by.Why too, to decline. The errors are those of Pause, and
// importstore.ErrDecided with the earlier decision, if there is one.
func (s *Starter) Decide(ctx context.Context, id int64, verdict string, by By) error {
	if err := s.Store.Imports.CheckDecidable(ctx, id); err != nil {
		return err
	}
	err := s.sendCommand(ctx, id, workflows.CommandDecide, by, func(o command.Command) any {
		return importing.Decide{Command: o, Verdict: verdict}
	})
	if err != nil {
		if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.Type() == string(importers.ClassAccess) {
			return call.Mark(err, importstore.ErrSelfReview)
		}
		// Another decision may have won the race.
		if late := s.Store.Imports.CheckDecidable(ctx, id); errors.Is(late, importstore.ErrDecided) {
			return late
		}
	}
	return err
}

// Cancel cancels an import. It returns once the command is accepted; the import ends as
// cancelled after its rows are purged. Where the workflow takes no commands, because no worker
// answers, its task fails or the server's limit of updates is reached, Cancel requests
// Temporal's own cancellation. Returns store.ErrConflict if the import has ended.
func (s *Starter) Cancel(ctx context.Context, id int64, by By) error {
	entry := store.AuditEntry{Operation: "import.cancel", After: by.Command(ctx, "", ""), Ahead: true}
	return s.auditedImport(ctx, id, entry, func(ctx context.Context) error { return s.cancel(ctx, id, by) })
}

func (s *Starter) cancel(ctx context.Context, id int64, by By) error {
	err := s.sendCommand(ctx, id, workflows.CommandCancel, by, func(o command.Command) any {
		return command.Cancel{Command: o}
	})
	if err == nil || ctx.Err() != nil || isRefusal(err) {
		return err
	}
	imp, err := s.Store.Imports.Import(ctx, id)
	if err != nil {
		return err
	}
	if err := s.Temporal.CancelWorkflow(ctx, imp.WorkflowID, ""); err != nil {
		return fmt.Errorf("cancel import %d: %w", id, call.Closed(err))
	}
	// Temporal's cancellation does not carry the requester.
	occasion := "cancel/" + imp.RunID + "/" + by.Who + "/" + by.Why
	line := capital(noteOf("cancellation requested", by)) + "."
	return s.Store.Imports.AddFeedback(ctx, id, importstore.LevelInfo, occasion, line)
}

// isRefusal reports whether a command was permanently refused.
func isRefusal(err error) bool {
	var app *temporal.ApplicationError
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) || errors.As(err, &app)
}

// sendCommand sends a command to the current run of the import's workflow, and waits for the answer of a worker. It
// starts a missing workflow first. The command is recorded in the audit before it is sent.
func (s *Starter) sendCommand(
	ctx context.Context, id int64, name string, by By, argument func(command.Command) any,
) error {
	update := call.Update{
		Temporal: s.Temporal, Timeout: cmp.Or(s.AnswerTimeout, call.DefaultAnswerTimeout),
		Name: name, Subject: fmt.Sprintf("import %d", id), Hint: fmt.Sprintf("; see `sluice import show %d`", id),
		Target: func(ctx context.Context, _ error) (workflowID string, arg any, err error) {
			imp, run, err := s.commandTarget(ctx, id)
			return imp.WorkflowID, argument(by.Command(ctx, "", run)), err
		},
	}
	entry := store.AuditEntry{Operation: "import." + name, After: argument(by.Command(ctx, "", "")), Ahead: true}
	return s.auditedImport(ctx, id, entry, update.Send)
}

// auditedImport makes a change of an import and records it in the audit. An import that does not exist is not recorded.
func (s *Starter) auditedImport(
	ctx context.Context, id int64, entry store.AuditEntry, change func(ctx context.Context) error,
) error {
	if !access.Acting(ctx) {
		return change(ctx)
	}
	imp, err := s.Store.Imports.Import(ctx, id)
	if err != nil {
		return err
	}
	site, err := s.Store.Imports.SiteByID(ctx, imp.SiteID)
	if err != nil {
		return fmt.Errorf("read the site of import %d: %w", id, err)
	}
	entry.SubjectType, entry.SubjectID, entry.Site = "import", strconv.FormatInt(id, 10), site.Domain
	return s.Store.Audited(ctx, entry, change)
}

// commandTarget returns the import and the run of its workflow. It starts a missing workflow.
func (s *Starter) commandTarget(ctx context.Context, id int64) (imp importstore.Import, run string, err error) {
	for range 2 {
		imp, domain, err := s.open(ctx, id)
		if err == nil && (imp.ID == 0 || importstore.Ended(imp.Status) || imp.Status == importstore.StatusDeleting) {
			if imp, err = s.Store.Imports.Import(ctx, id); err == nil {
				err = fmt.Errorf("import %d is %s: %w", id, imp.Status, store.ErrConflict)
			}
		}
		if err != nil {
			return importstore.Import{}, "", err
		}
		now, err := s.Temporal.DescribeWorkflowExecution(ctx, workflows.ImportID(domain, id), "")
		runs := now.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		if err == nil && runs && !isOther(imp, now) {
			imp.WorkflowID = workflows.ImportID(domain, id)
			return imp, now.GetWorkflowExecutionInfo().GetExecution().GetRunId(), nil
		}
		if err != nil && !call.IsNotFound(err) {
			return importstore.Import{}, "", fmt.Errorf("describe the workflow of import %d: %w", id, err)
		}
		if imp.RunID == "" {
			_, err = s.Launch(ctx, imp, domain)
		} else {
			_, err = s.Recover(ctx, id)
		}
		if err != nil {
			return importstore.Import{}, "", err
		}
	}
	return importstore.Import{}, "", fmt.Errorf("the workflow of import %d does not run, "+
		"and is started again within an hour: repeat the command then: %w", id, store.ErrConflict)
}

// capital returns text with an upper-case first letter.
func capital(text string) string {
	if text == "" {
		return text
	}
	return string(text[0]&^0x20) + text[1:]
}
