package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// CreateScheduled creates the import of a schedule's run without starting its workflow.
// Repeated it returns the same import, and so does another run for the same time, unless
// the import of then has ended badly: then the run gets one of its own. What is wrong
// with the request is a permanent error.
func (s *Starter) CreateScheduled(ctx context.Context, run importacts.ScheduledRun) (importacts.CreatedImport, error) {
	r, err := s.scheduledRequest(ctx, run)
	if err != nil {
		return importacts.CreatedImport{}, err
	}
	r.IdempotencyKey = fmt.Sprintf("schedule/%s/%s", run.Schedule, run.At.UTC().Format(time.RFC3339))
	imp, err := s.CreateImport(ctx, r)
	if err == nil && endedBadly(imp.Status) {
		r.IdempotencyKey += "/" + run.RunID
		imp, err = s.CreateImport(ctx, r)
	}
	if err != nil {
		return importacts.CreatedImport{}, err
	}
	if imp.WorkflowID == "" {
		// The run is noted by the import's own first activity: until then a worker may take
		// it for abandoned, and start it.
		if err := s.Store.Imports.NoteWorkflow(ctx, imp.ID, workflows.ImportID(r.Site, imp.ID), ""); err != nil {
			return importacts.CreatedImport{}, err
		}
	}
	options := importOptions(imp, r.Site)
	return importacts.CreatedImport{
		ImportID: imp.ID, Site: r.Site, Source: imp.Source, Status: imp.Status, Phase: imp.Phase,
		Summary: options.StaticSummary, Details: options.StaticDetails,
	}, nil
}

// scheduledRequest turns a schedule's request into one of today.
func (s *Starter) scheduledRequest(ctx context.Context, run importacts.ScheduledRun) (Request, error) {
	want := run.Request
	if _, err := s.Store.Imports.Site(ctx, want.Site); errors.Is(err, store.ErrNotFound) {
		// In words of its own: that the *import* is gone would end things in silence.
		return Request{}, refused("site %s does not exist any more: delete schedule %s, or add the site again",
			want.Site, run.Schedule)
	} else if err != nil {
		return Request{}, err
	}
	importer, err := s.Registry.Lookup(want.Source)
	if err != nil {
		return Request{}, importers.Permanent(importers.ClassInput, err)
	}
	if _, err := importer.ParseArgs(want.Args); err != nil {
		return Request{}, importers.Permanent(importers.ClassInput, fmt.Errorf("arguments of %s: %w", want.Source, err))
	}
	settings := override(s.Defaults, want.Settings)
	return Request{
		Site: want.Site, Source: want.Source, Label: want.Label, Args: want.Args, Settings: &settings,
		By: want.By, Notify: want.Notify, Review: want.Review, RowsPerSecond: want.RowsPerSecond, Schedule: run.Schedule,
	}, nil
}

func refused(format string, args ...any) error {
	return importers.Permanent(importers.ClassInput, fmt.Errorf(format, args...))
}

// endedBadly says whether an import of that status has brought in nothing, and never will.
func endedBadly(status string) bool {
	switch status {
	case importstore.StatusFailed, importstore.StatusCancelled, importstore.StatusDeclined, importstore.StatusDeleting:
		return true
	default:
		return false
	}
}

// override replaces those settings that are set.
func override(base config.Import, with importacts.ImportSettings) config.Import {
	if with.Parallelism != nil {
		base.Parallelism = *with.Parallelism
	}
	if with.MaxRejects != nil {
		base.MaxRejects = *with.MaxRejects
	}
	if with.MaxRejectShare != nil {
		base.MaxRejectShare = *with.MaxRejectShare
	}
	if with.OnPartFailure != nil {
		base.OnPartFailure = *with.OnPartFailure
	}
	return base
}

// checkScheduled checks the request of a new schedule as if it were to start now, and
// brings its arguments into normal form.
func (s *Starter) checkScheduled(
	ctx context.Context, r Request, with importacts.ImportSettings,
) (importacts.ScheduledRequest, error) {
	site, importer, args, err := s.check(ctx, r)
	if err != nil {
		return importacts.ScheduledRequest{}, err
	}
	settings := config.Default()
	settings.Import = override(s.Defaults, with)
	if err := settings.Validate(); err != nil {
		return importacts.ScheduledRequest{}, call.Mark(err, ErrInvalid)
	}
	if _, err := dependencies(importer, site.Domain, args); err != nil {
		return importacts.ScheduledRequest{}, err
	}
	return importacts.ScheduledRequest{
		Site: site.Domain, Source: r.Source, Label: r.Label, Args: args, By: r.By, Notify: r.Notify,
		Review: r.Review, RowsPerSecond: r.RowsPerSecond, Settings: with,
	}, nil
}

// checkSize refuses what does not fit into a schedule's action.
func checkSize(in importing.ScheduledInput) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the schedule: %w", err)
	}
	if len(data) > importing.MaxScheduledInput {
		return fmt.Errorf("the schedule has %d bytes, most of them arguments: at most %d are allowed",
			len(data), importing.MaxScheduledInput)
	}
	return nil
}
