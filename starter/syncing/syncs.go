// Package syncing is the typed client of list sync: it creates syncs, shows and controls them. Requests that are wrong
// in themselves are starter.ErrInvalid, refused commands starter.ErrRefused, commands that no worker answers
// starter.ErrNoWorker.
package syncing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	syncworkflows "github.com/sluicehq/sluice/workflows/syncing"
)

// Syncs creates and controls syncs. It is safe for concurrent use.
type Syncs struct {
	// Temporal is the client of the namespace that the workers poll. Required, except for reads of the store.
	Temporal client.Client
	// Store is the system of record. Required.
	Store *syncstore.Store
	// Kinds are the kinds of connections that this process knows. Required for Create, and for Set of deletions.
	Kinds *connections.Registry
	// AnswerTimeout bounds how long a command waits for a worker. Defaults to 10s.
	AnswerTimeout time.Duration
}

// NewSync is a sync to be created.
type NewSync struct {
	// Name is a lower-case letter, then up to 49 letters, digits, dashes and underscores.
	Name string
	// FromKind and FromConnection name what is read, List the list in it.
	FromKind, FromConnection, List string
	// ToKind and ToConnection name what is written.
	ToKind, ToConnection string
	// Every is the time between two runs, in whole seconds: sync.MinEvery to sync.MaxEvery.
	Every time.Duration
	// Settings are those that are set.
	Settings sync.Settings
	// By says who creates it.
	By string
}

// catchup is how late a run may begin that no server could start in time.
const catchup = time.Hour

var (
	validSync = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,49}$`)
	validList = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,100}$`)
)

// Validate returns all faults that need no store.
func (n NewSync) Validate() error {
	var faults []error
	if !validSync.MatchString(n.Name) {
		faults = append(faults, fmt.Errorf(
			"name %q: want a lower-case letter, then up to 49 letters, digits, dashes and underscores", n.Name))
	}
	if !validList.MatchString(n.List) {
		faults = append(faults, fmt.Errorf(
			"list %q: want letters, digits, dots, dashes and underscores, such as 1a2d7ebf82", n.List))
	}
	return errors.Join(append(faults, checkEvery(n.Every), n.Settings.Validate())...)
}

func checkEvery(every time.Duration) error {
	if every < sync.MinEvery || every > sync.MaxEvery || every%time.Second != 0 {
		return fmt.Errorf("interval %s: want whole seconds, %s to %s", every, sync.MinEvery, sync.MaxEvery)
	}
	return nil
}

// Create adds a sync and its schedule, and requests the first run, a full load. The error is
// syncstore.ErrExists if one has its name.
func (s *Syncs) Create(ctx context.Context, n NewSync) (syncstore.Sync, error) {
	pair := syncacts.Pair{From: n.FromKind, To: n.ToKind}
	err := errors.Join(n.Validate(), syncacts.CheckPair(s.Kinds, pair, n.Settings))
	if err == nil {
		err = errors.Join(s.checkConnection(ctx, n.FromConnection, n.FromKind),
			s.checkConnection(ctx, n.ToConnection, n.ToKind))
	}
	if err != nil {
		return syncstore.Sync{}, call.Mark(err, call.ErrInvalid)
	}
	settings, err := json.Marshal(n.Settings)
	if err != nil {
		return syncstore.Sync{}, fmt.Errorf("encode the settings: %w", err)
	}
	row, err := s.Store.Create(ctx, syncstore.NewSync{
		Name: n.Name, FromKind: n.FromKind, FromConnection: n.FromConnection, ListID: n.List, ToKind: n.ToKind,
		ToConnection: n.ToConnection, Every: n.Every, Settings: settings, CreatedBy: n.By,
	})
	if err != nil {
		return syncstore.Sync{}, err
	}
	if err := errors.Join(s.ApplySchedule(ctx, row), s.Wake(ctx, row)); err != nil {
		return row, fmt.Errorf("sync %s is created, and workers retry until Temporal has its schedule: %w", n.Name, err)
	}
	return row, nil
}

// checkConnection returns an error if there is no connection of a name and kind.
func (s *Syncs) checkConnection(ctx context.Context, name, kind string) error {
	row, err := s.Store.Connection(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("no connection %s: add one with `sluice connection add %s --kind %s`", name, name, kind)
	case err != nil:
		return err
	case row.Kind != kind:
		return fmt.Errorf("connection %s has the kind %s: want %s", name, row.Kind, kind)
	default:
		return nil
	}
}

// Set changes a sync: each change is a setting and its value as text, "null" for the default. It applies the
// schedule if the interval has changed. The error is store.ErrConflict if a state file decides about a setting.
//
// Each check is called with the sync before the change, in its transaction; its error refuses the change.
func (s *Syncs) Set(
	ctx context.Context, name string, changes []Change, checks ...func(syncstore.Sync) error,
) (syncstore.Sync, error) {
	row, err := s.Store.Change(ctx, name, func(row *syncstore.Sync) error {
		for _, check := range checks {
			if err := check(*row); err != nil {
				return err
			}
		}
		if err := requireSettable(*row, changes); err != nil {
			return err
		}
		return call.Mark(s.applyChanges(row, changes), call.ErrInvalid)
	})
	if err != nil || row.Watch != "" {
		return row, err
	}
	if err := s.ApplySchedule(ctx, row); err != nil {
		return row, fmt.Errorf("sync %s is changed, and workers retry until Temporal has its schedule: %w", name, err)
	}
	return row, nil
}

// Delete deletes a sync with its schedule, its workflow, runs and rejects. What it has delivered stays. The error is
// store.ErrNotFound if there is no such sync.
func (s *Syncs) Delete(ctx context.Context, name string) error {
	if _, err := s.Store.Sync(ctx, name); err != nil {
		return err
	}
	if err := s.DeleteSchedule(ctx, name); err != nil {
		return err
	}
	// The row goes last: until then the command can be repeated, and no workflow of another sync of the name
	// is found running.
	err := s.Temporal.TerminateWorkflow(ctx, workflows.SyncID(name), "", "the sync is deleted")
	if err != nil && !call.IsNotFound(err) {
		return fmt.Errorf("terminate the workflow of sync %s: %w", name, err)
	}
	return s.Store.Delete(ctx, name)
}

// DeleteSchedule deletes the schedule of a sync, if there is one.
func (s *Syncs) DeleteSchedule(ctx context.Context, name string) error {
	err := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.SyncScheduleID(name)).Delete(ctx)
	if err != nil && !call.IsNotFound(err) {
		return fmt.Errorf("delete the schedule of sync %s: %w", name, err)
	}
	return nil
}

// State returns the state of a sync's workflow. The error is that of Temporal, also if the workflow does not run or
// no worker answers in time.
func (s *Syncs) State(ctx context.Context, name string) (state syncworkflows.State, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.answerTimeout())
	defer cancel()
	answer, err := s.Temporal.QueryWorkflow(ctx, workflows.SyncID(name), "", workflows.QueryState)
	if err == nil {
		err = answer.Get(&state)
	}
	if err != nil {
		return state, fmt.Errorf("state of sync %s: %w", name, call.Closed(err))
	}
	return state, nil
}

func (s *Syncs) answerTimeout() time.Duration {
	return cmp.Or(s.AnswerTimeout, call.DefaultAnswerTimeout)
}

// Run runs a sync now. While a run is under way, another one follows it; one that has stopped continues. The
// error is store.ErrConflict if the sync is paused.
func (s *Syncs) Run(ctx context.Context, name string, by call.By) error {
	row, err := s.Store.Sync(ctx, name)
	if err != nil {
		return err
	}
	if row.Paused {
		return fmt.Errorf("sync %s is paused: resume it, which runs it: %w", name, store.ErrConflict)
	}
	return s.send(ctx, name, workflows.CommandRun,
		func(o command.Command) any { return syncworkflows.Run{Command: o} }, by)
}

// FindRejected searches a page for records that the target has accepted and rejected later, after the run that is
// under way. Each that is found is a rejected record then. The error is store.ErrConflict if the sync is paused or
// stopped, and starter.ErrInvalid if the page has no delivered records or is older than syncstore.KeptIDs.
func (s *Syncs) FindRejected(ctx context.Context, name string, page syncacts.PageRef, by call.By) error {
	view, err := s.Show(ctx, name)
	if err != nil {
		return err
	}
	if err := requireOwn(view.Row); err != nil {
		return err
	}
	if view.State == StatePaused || view.State == StateStopped {
		return fmt.Errorf("sync %s is %s: resume it first: %w", name, view.State, store.ErrConflict)
	}
	run, err := s.Store.Run(ctx, page.RunID)
	if err == nil && run.Sync != name {
		err = store.ErrNotFound
	}
	if err == nil {
		_, err = s.Store.PageIDs(ctx, page.RunID, page.Page)
	}
	if errors.Is(err, store.ErrNotFound) {
		return call.Mark(fmt.Errorf("page %s of sync %s has no delivered records, or is older than %s", page, name,
			syncstore.KeptIDs), call.ErrInvalid)
	}
	if err != nil {
		return err
	}
	argument := func(o command.Command) any { return syncworkflows.Run{Command: o, Find: &page} }
	return s.send(ctx, name, workflows.CommandRun, argument, by)
}

// Pause pauses a sync, and interrupts its run. The errors of this and of Resume are store.ErrNotFound, ErrRefused
// and ErrNoWorker.
func (s *Syncs) Pause(ctx context.Context, name string, by call.By) error {
	return s.send(ctx, name, workflows.CommandPause, func(o command.Command) any { return command.Pause{Command: o} }, by)
}

// Resume resumes a sync, with a run now.
func (s *Syncs) Resume(ctx context.Context, name string, by call.By) error {
	argument := func(o command.Command) any { return command.Resume{Command: o} }
	return s.send(ctx, name, workflows.CommandResume, argument, by)
}

// send sends a command and waits for the answer. The key deduplicates its attempts.
func (s *Syncs) send(
	ctx context.Context, name, what string, argument func(command.Command) any, by call.By,
) error {
	row, err := s.Store.Sync(ctx, name)
	if err == nil {
		err = requireOwn(row)
	}
	if err != nil {
		return err
	}
	key, err := store.NewID()
	if err != nil {
		return err
	}
	update := call.Update{
		Temporal: s.Temporal, Timeout: s.answerTimeout(), Name: what, Subject: "sync " + name,
		Target: func(ctx context.Context, last error) (workflowID string, arg any, err error) {
			if errors.Is(last, call.ErrClosed) {
				// The workflow does not run: start it from the store.
				err = s.start(ctx, row)
			}
			return workflows.SyncID(name), argument(by.Command(ctx, key, "")), err
		},
	}
	return s.Store.Audited(ctx, store.AuditEntry{
		Operation: "sync." + what, SubjectType: "sync", SubjectID: name,
		After: argument(by.Command(ctx, "", "")), Ahead: true,
	}, update.Send)
}

func (s *Syncs) startOptions(row syncstore.Sync) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: workflows.SyncID(row.Name), TaskQueue: workflows.QueueMain,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		StaticSummary: fmt.Sprintf("sync %s: list %s of %s to %s",
			row.Name, row.ListID, row.FromConnection, row.ToConnection),
	}
}

func syncInput(row syncstore.Sync) syncworkflows.SyncInput {
	return syncworkflows.SyncInput{Sync: row.Name, From: row.FromKind, To: row.ToKind}
}

// start starts the workflow of a sync if it does not run.
func (s *Syncs) start(ctx context.Context, row syncstore.Sync) error {
	if _, err := s.Temporal.ExecuteWorkflow(ctx, s.startOptions(row), workflows.TypeSync, syncInput(row)); err != nil {
		return fmt.Errorf("start the workflow of sync %s: %w", row.Name, err)
	}
	return nil
}

// Wake requests a run of a sync, and starts its workflow if it does not run. The error is that of Temporal.
func (s *Syncs) Wake(ctx context.Context, row syncstore.Sync) error {
	options := s.startOptions(row)
	_, err := s.Temporal.SignalWithStartWorkflow(ctx, options.ID, workflows.SignalWake, nil, options, workflows.TypeSync,
		syncInput(row))
	if err != nil {
		return fmt.Errorf("wake sync %s: %w", row.Name, err)
	}
	return nil
}

// ApplySchedule makes the schedule of a sync what the store says. It is idempotent. The error is that of Temporal.
func (s *Syncs) ApplySchedule(ctx context.Context, row syncstore.Sync) error {
	options := syncSchedule(row)
	_, err := s.Temporal.ScheduleClient().Create(ctx, options)
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		err = s.Temporal.ScheduleClient().GetHandle(ctx, options.ID).Update(ctx, client.ScheduleUpdateOptions{
			DoUpdate: func(now client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				changed := now.Description.Schedule
				if sameIntervals(changed.Spec, options.Spec) {
					return nil, temporal.ErrSkipScheduleUpdate
				}
				changed.Spec, changed.Action = &options.Spec, options.Action
				return &client.ScheduleUpdate{Schedule: &changed}, nil
			},
		})
	}
	if err != nil {
		return fmt.Errorf("apply the schedule of sync %s: %w", row.Name, err)
	}
	return s.Store.NoteApplied(ctx, row.Name, row.Version)
}

// sameIntervals reports whether two schedules fire at the same times.
func sameIntervals(now *client.ScheduleSpec, wanted client.ScheduleSpec) bool {
	return now != nil && len(now.Intervals) == 1 && now.Intervals[0] == wanted.Intervals[0]
}

// syncSchedule returns the schedule that wakes a sync. Syncs of the same interval are spread over it by
// their names, so that thousands of them do not start at once.
func syncSchedule(row syncstore.Sync) client.ScheduleOptions {
	id := workflows.SyncScheduleID(row.Name)
	return client.ScheduleOptions{
		ID: id, Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{syncInterval(row)}},
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: catchup,
		Action: &client.ScheduleWorkflowAction{
			ID: id, Workflow: workflows.TypeSyncWake, Args: []any{syncacts.WakeRequest{Sync: row.Name}},
			TaskQueue: workflows.QueueMain, StaticSummary: "wake sync " + row.Name,
		},
	}
}

func syncInterval(row syncstore.Sync) client.ScheduleIntervalSpec {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(row.Name))
	return client.ScheduleIntervalSpec{
		Every:  time.Duration(row.EverySeconds) * time.Second,
		Offset: time.Duration(hash.Sum64()%uint64(row.EverySeconds)) * time.Second,
	}
}

// nextRun returns when the schedule wakes a sync next: intervals are counted from the epoch. It is nil for a sync that
// is paused, for one whose run has stopped, and for an entry of a state file, whose watch decides.
func nextRun(row syncstore.Sync, state string, now time.Time) *time.Time {
	if state == StatePaused || state == StateStopped || row.Watch != "" {
		return nil
	}
	spec := syncInterval(row)
	every, offset := int64(spec.Every/time.Second), int64(spec.Offset/time.Second)
	passed := (now.Unix() - offset) / every
	next := time.Unix(offset+(passed+1)*every, 0).UTC()
	return &next
}

// ParseEndpoint parses KIND:CONNECTION, one side of a sync.
func ParseEndpoint(text string) (kind, connection string, err error) {
	kind, connection, ok := strings.Cut(text, ":")
	if !ok || kind == "" || connection == "" {
		return "", "", call.Mark(fmt.Errorf("%q: want KIND:CONNECTION, such as mailchimp:mc", text), call.ErrInvalid)
	}
	return kind, connection, nil
}
