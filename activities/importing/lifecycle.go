package importing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/inbound"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Lifecycle runs an importer's callbacks, except reading data.
type Lifecycle struct {
	Kit
	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
}

// BeforeStart lets the importer check that the import can work at all. It needs no locks:
// it only reads.
func (l *Lifecycle) BeforeStart(ctx context.Context, ref ImportRef) error {
	if err := l.Store.BeginCheck(ctx, ref.ImportID, runOf(ctx)); err != nil {
		return activities.Failure(err)
	}
	s, err := l.loadSubject(ctx, ref.ImportID)
	if err != nil {
		return activities.Failure(err)
	}
	data, err := s.importer.BeforeStart(ctx, s.imp)
	if errors.Is(err, importers.ErrUnchanged) {
		// The source was checked: it is there, and has nothing new.
		return activities.Failure(errors.Join(err, l.Store.MarkChecked(ctx, ref.ImportID)))
	}
	if err == nil {
		err = checkData(s.importer.Name(), "before_start", data, importers.MaxData)
	}
	if err == nil {
		err = l.Store.SaveCheck(ctx, ref.ImportID, data)
	}
	if err == nil {
		err = l.Store.MarkChecked(ctx, ref.ImportID)
	}
	return activities.Failure(err)
}

// recognise looks for a completed import of the same content. The answer says why there
// is nothing to import; "" if there is.
func (l *Lifecycle) recognise(ctx context.Context, s *subject) (unchanged string, err error) {
	f, ok := s.importer.(importers.Fingerprinter)
	if !ok {
		return "", nil
	}
	fingerprint, err := f.Fingerprint(ctx, s.imp)
	if err != nil || fingerprint == "" {
		return "", err
	}
	if len(fingerprint) > importers.MaxFingerprint {
		return "", importers.Permanent(importers.ClassInternal, fmt.Errorf(
			"importer %s: a fingerprint of %d bytes: want at most %d",
			s.importer.Name(), len(fingerprint), importers.MaxFingerprint))
	}
	s.stored.Fingerprint = fingerprint
	before, found, err := l.Store.Recognise(ctx, s.stored, fingerprint)
	if err != nil || !found {
		return "", err
	}
	return fmt.Sprintf("import %d has brought in the same content", before), nil
}

// Planned is what a workflow needs to know of a plan.
type Planned struct {
	// Parts are the next parts to be loaded, at most MaxPlannedParts of them, and all
	// that wait for a decision.
	Parts []PlannedPart `json:"parts"`
	// Open is how many parts are still to be loaded in all.
	Open int `json:"open"`
	// Total is how many parts the import has in all.
	Total int `json:"total"`
	// Unchanged says why there is nothing to import; "" if there is.
	Unchanged string `json:"unchanged,omitempty"`
	// Days is the days that are imported, for people.
	Days string `json:"days"`
	// Parallelism is how many parts may be loaded at once.
	Parallelism int `json:"parallelism"`
	// Park says that a part whose retries are exhausted waits for a decision.
	Park bool `json:"park"`
	// Summarize says that the importer makes a summary of its parts.
	Summarize bool `json:"summarize,omitempty"`
	// Review says that the import waits for a decision once it is loaded.
	Review bool `json:"review,omitempty"`
	// RowsPerSecond is how fast the import may be loaded; 0 is as fast as it goes.
	RowsPerSecond int64 `json:"rows_per_second,omitempty"`
	// Bytes is how much there is to read in all, as far as the importer knows.
	Bytes int64 `json:"bytes,omitempty"`
	// Recorded has the figures of all parts that are done.
	Recorded PartResult `json:"recorded,omitzero"`
}

// PlannedPart is a part as a workflow sees it.
type PlannedPart struct {
	No int32 `json:"no"`
	// Label is the part's label, cut to maxPlannedLabel bytes of JSON, and empty behind the
	// first maxLabelled parts: a thousand parts must stay below 64 KiB.
	Label string `json:"label,omitempty"`
	// Parked says that it had been parked before the workflow continued as new.
	Parked bool `json:"parked,omitempty"`
	// Recorded has the figures of the part's last checkpoint, for the first maxRecorded parts
	// that have begun and are not parked.
	Recorded *PartResult `json:"recorded,omitempty"`
}

// MaxPlannedParts is how many parts one run of a workflow is given to load. It keeps
// the run's history below 2,000 events; what is left is for the next run.
const MaxPlannedParts = 150

const (
	maxPlannedLabel = 90
	maxLabelled     = 2 * MaxPlannedParts
)

// Plan lets the importer cut the import into parts, works out which days are free
// and stores both. A plan that is stored already is used as it is.
func (l *Lifecycle) Plan(ctx context.Context, ref ImportRef) (Planned, error) {
	s, err := l.loadSubject(ctx, ref.ImportID)
	if err == nil && s.stored.Status != importstore.StatusInReview {
		// One in review stays there while a new run of its workflow reads the plan.
		s, err = l.enter(ctx, ref, importstore.PhasePlanning)
	}
	if err != nil {
		return Planned{}, activities.Failure(err)
	}
	planned, err := l.stored(ctx, s)
	if err != nil || planned.Total > 0 {
		return planned, activities.Failure(err)
	}
	// The import has its locks now: what holds them has completed.
	unchanged, err := l.recognise(ctx, &s)
	if err != nil || unchanged != "" {
		return Planned{Parts: []PlannedPart{}, Unchanged: unchanged}, activities.Failure(err)
	}
	if err = l.plan(ctx, s); err == nil {
		planned, err = l.stored(ctx, s)
	}
	return planned, activities.Failure(err)
}

func (l *Lifecycle) plan(ctx context.Context, s subject) error {
	plan, err := planOf(ctx, s)
	if err != nil {
		return err
	}
	windows, err := l.freeDays(ctx, s, plan)
	if err != nil {
		return err
	}
	parts := make([]importstore.NewPart, len(plan.Parts))
	for i, p := range plan.Parts {
		parts[i] = importstore.NewPart{
			Table: p.Table.Name, Label: p.Label, Args: p.Args, Bytes: p.Bytes, Days: p.Days, Free: windows[i],
		}
	}
	return l.Store.SavePlan(ctx, s.stored.ID, plan.Range, parts)
}

// planOf returns the importer's plan, with the days of every part.
func planOf(ctx context.Context, s subject) (importers.Plan, error) {
	plan, err := s.importer.Plan(ctx, s.imp)
	if err != nil {
		return plan, err
	}
	plan = plan.WithDays()
	if err := validate(plan); err != nil {
		return plan, importers.Permanent(importers.ClassInternal, fmt.Errorf("importer %s: %w", s.importer.Name(), err))
	}
	return plan, nil
}

// stored returns the plan as it stands in the store; Total is 0 if there is none.
func (l *Lifecycle) stored(ctx context.Context, s subject) (Planned, error) {
	imp, err := l.Store.Import(ctx, s.stored.ID)
	if err != nil {
		return Planned{}, err
	}
	parts, err := l.Store.ListParts(ctx, imp.ID)
	if err != nil {
		return Planned{}, fmt.Errorf("list parts: %w", err)
	}
	planned := Planned{
		Parts: []PlannedPart{}, Total: len(parts), Days: imp.Days.String(),
		Parallelism: int(imp.Parallelism), Park: imp.OnPartFailure == importstore.OnPartFailurePark,
		Review: imp.Review, RowsPerSecond: imp.Rate,
	}
	_, planned.Summarize = s.importer.(importers.Summarizer)
	fresh, begun := 0, 0
	for _, p := range parts {
		planned.record(p)
		if p.Status == importstore.PartDone || p.Status == importstore.PartSkipped {
			continue
		}
		planned.Open++
		part := PlannedPart{No: p.No, Parked: p.Status == importstore.PartParked}
		if !part.Parked {
			if fresh == MaxPlannedParts {
				continue
			}
			fresh++
			if p.RowsRead > 0 && begun < maxRecorded {
				begun++
				part.Recorded = new(recordedOf(p))
			}
		}
		if len(planned.Parts) < maxLabelled {
			part.Label = inbound.Cut(p.Label, maxPlannedLabel)
		}
		planned.Parts = append(planned.Parts, part)
	}
	return planned, nil
}

// Ended says how an import ends other than well.
type Ended struct {
	ImportID int64 `json:"import_id"`
	// Status is importstore.StatusFailed, importstore.StatusCancelled, importstore.StatusDeclined or
	// importstore.StatusUnchanged.
	Status string `json:"status"`
	// Class is the class of the error.
	Class string `json:"class"`
	// Reason says what went wrong, for people.
	Reason string `json:"reason"`
}

// Level returns the level of the log line about the end. A decision of a person is no error.
func (e Ended) Level() string {
	if e.Status == importstore.StatusCancelled || e.Status == importstore.StatusDeclined {
		return importstore.LevelInfo
	}
	return importstore.LevelError
}

// NoteFailure stops all attempts at the parts of an import that fails, and writes the reason to
// its log. OnFailure comes behind it.
func (l *Lifecycle) NoteFailure(ctx context.Context, end Ended) error {
	ref := ImportRef{ImportID: end.ImportID, FencingToken: importstore.AnyFencingToken}
	err := l.advance(ctx, ref, importstore.PhaseOnFailure)
	if err != nil {
		return activities.Failure(err)
	}
	ending := importstore.End{Status: end.Status, Class: end.Class, Reason: end.Reason}
	if err := l.Store.NoteEnding(ctx, end.ImportID, ending); err != nil {
		return activities.Failure(err)
	}
	if err := l.Store.FailOpenParts(ctx, end.ImportID, end.Reason); err != nil {
		return activities.Failure(err)
	}
	if end.Status == importstore.StatusDeclined {
		// The line about a decline is written with the decision.
		return nil
	}
	log := feedback{store: l.Store, id: end.ImportID, activity: runOf(ctx) + "/end"}
	return activities.Failure(log.add(ctx, end.Level(), end.Reason))
}

// OnFailure lets the importer react to the failure of an import.
func (l *Lifecycle) OnFailure(ctx context.Context, end Ended) error {
	s, err := l.loadSubject(ctx, end.ImportID)
	if err != nil {
		return activities.Failure(err)
	}
	return activities.Failure(s.importer.OnFailure(ctx, s.imp, end.Reason))
}

// CleanUp lets the importer remove what it has left behind.
func (l *Lifecycle) CleanUp(ctx context.Context, ref ImportRef) error {
	s, err := l.enter(ctx, ref, importstore.PhaseCleanUp)
	if err != nil {
		return activities.Failure(err)
	}
	if cleaner, ok := s.importer.(importers.Cleaner); ok {
		return activities.Failure(cleaner.CleanUp(ctx, s.imp))
	}
	return nil
}

// validate refuses plans that break the contract of package importers.
func validate(plan importers.Plan) error {
	if len(plan.Parts) == 0 || len(plan.Parts) > importers.MaxParts {
		return fmt.Errorf("a plan of %d parts: want 1 to %d", len(plan.Parts), importers.MaxParts)
	}
	faults := []error{plan.Range.Validate()}
	whole := calendar.NewSet(plan.Range)
	for i, p := range plan.Parts {
		switch {
		case p.No != i:
			faults = append(faults, fmt.Errorf("part %d has the number %d", i, p.No))
		case p.Table == nil:
			faults = append(faults, fmt.Errorf("part %d has no table", i))
		case p.Label == "" || len(p.Label) > importers.MaxLabel:
			faults = append(faults, fmt.Errorf("part %d: a label of %d bytes: want 1 to %d",
				i, len(p.Label), importers.MaxLabel))
		case len(p.Args) > 0 && !json.Valid(p.Args):
			faults = append(faults, fmt.Errorf("part %d: the arguments are not JSON", i))
		case !slices.Equal(calendar.NewSet(p.Days...), p.Days) || len(p.Days.Minus(whole)) > 0:
			faults = append(faults, fmt.Errorf("part %d has the days %s: want a set within %s", i, p.Days, plan.Range))
		case len(p.Args) > importers.MaxPartArgs:
			faults = append(faults, fmt.Errorf("part %d: arguments of %d bytes: want at most %d",
				i, len(p.Args), importers.MaxPartArgs))
		}
	}
	return errors.Join(faults...)
}
