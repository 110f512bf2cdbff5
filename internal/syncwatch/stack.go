package syncwatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	stdsync "sync"
	"time"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/delay"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/statefile"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// StackConfig is what a Stack needs. All fields are required.
type StackConfig struct {
	// File is the absolute path of the state file, without links: it identifies the watch.
	File string
	// Every is the age of a timestamp from which on a list is due.
	Every time.Duration
	// From and To are what the lists are read from and written to.
	From, To Side
	Syncs    *syncclient.Syncs
	// NewWorker returns the worker of a task queue.
	NewWorker func(queue string) (*worker.SyncWatch, error)
}

// Side is one side of all lists: the kind and the name of a connection.
type Side struct{ Kind, Connection string }

// Stack runs lists on a running stack: their state is in the store, and each run is a workflow on a task queue of the
// watch.
type Stack struct {
	cfg    StackConfig
	rows   *syncstore.Store
	queue  string
	worker *worker.SyncWatch
	// lock is nil while it is lost, since lost.
	lock *syncstore.WatchLock
	lost time.Time

	mu      stdsync.Mutex
	running map[string]context.CancelFunc
}

var _ Engine = (*Stack)(nil)

// Times of the lock of a watch.
const (
	// lockWait is how long the session of a process that was killed may take to end.
	lockWait = 5 * time.Second
	lockPoll = 100 * time.Millisecond
	// lostFor is how long the session of this process may take to end after its connection was lost.
	lostFor = 45 * time.Second
)

// NewStack takes the lock of the state file, and begins to poll. The error is ErrWatched if another process watches the
// file. Close is to be called after Stop.
func NewStack(ctx context.Context, cfg StackConfig) (*Stack, error) {
	s := &Stack{
		cfg: cfg, rows: cfg.Syncs.Store, running: map[string]context.CancelFunc{},
		queue: workflows.SyncWatchQueue(identify(16, cfg.File)),
	}
	var err error
	for end := time.Now().Add(lockWait); ; {
		s.lock, err = s.rows.LockWatch(ctx, cfg.File)
		if !errors.Is(err, ErrWatched) || time.Now().After(end) {
			break
		}
		if err := delay.Wait(ctx, lockPoll); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	s.worker, err = cfg.NewWorker(s.queue)
	if err == nil {
		err = s.worker.Start() //nolint:contextcheck // A worker outlives the call that starts it.
	}
	if err != nil {
		s.Close(ctx)
		return nil, err
	}
	return s, nil
}

// Close frees the lock.
func (s *Stack) Close(ctx context.Context) {
	if s.lock != nil {
		s.lock.Release(ctx)
		s.lock = nil
	}
}

// identify returns the first n digits of a hash of texts.
func identify(n int, texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:])[:n]
}

// maxNameList is how much of a list's ID is in the name of its row, which has at most 50 bytes.
const maxNameList = 30

// name returns the name of an entry's row, such as watch-1a2d7ebf82-3f9a0c1b22d4.
func (s *Stack) name(k statefile.Key) string {
	list := strings.ToLower(k.ListID)
	return "watch-" + list[:min(len(list), maxNameList)] + "-" + identify(12, s.cfg.File, k.ListID, strconv.Itoa(k.Place))
}

// Check keeps the lock, and takes it again after its session has ended.
func (s *Stack) Check(ctx context.Context) error {
	if s.lock != nil {
		err := s.lock.Check(ctx)
		if err == nil {
			return nil
		}
		s.Close(ctx)
		s.lost = time.Now()
	}
	lock, err := s.rows.LockWatch(ctx, s.cfg.File)
	if errors.Is(err, ErrWatched) && time.Since(s.lost) < lostFor {
		// It may still be the session of this process.
		return errors.New("the connection to PostgreSQL was lost, and the lock of the state file is not free yet")
	}
	if err != nil {
		return err
	}
	s.lock = lock
	return nil
}

// entry returns an entry as the store has it.
func (s *Stack) entry(e statefile.Entry) (syncstore.Entry, error) {
	settings := sync.Settings{StartOffset: e.StartOffset}
	// Defaults are not stored.
	if e.ItemsPerRequest != sync.DefaultItemsPerRequest {
		settings.ItemsPerRequest = e.ItemsPerRequest
	}
	if e.WorkerCount != sync.DefaultWorkerCount {
		settings.WorkerCount = e.WorkerCount
	}
	encoded, err := json.Marshal(settings)
	if err != nil {
		return syncstore.Entry{}, fmt.Errorf("encode the settings: %w", err)
	}
	row := syncstore.Entry{
		Sync: s.name(e.Key), Watch: s.cfg.File, ListID: e.ListID, Place: e.Place, FromKind: s.cfg.From.Kind,
		FromConnection: s.cfg.From.Connection, ToKind: s.cfg.To.Kind, ToConnection: s.cfg.To.Connection,
		Every: s.cfg.Every, Settings: encoded,
	}
	if !e.LatestTimestamp.IsZero() {
		row.LatestTimestamp = new(e.LatestTimestamp.UTC().Truncate(time.Second))
	}
	return row, nil
}

// Apply stores an entry.
func (s *Stack) Apply(ctx context.Context, e statefile.Entry) error {
	_, err := s.put(ctx, e, false)
	return err
}

func (s *Stack) put(ctx context.Context, e statefile.Entry, begin bool) (syncstore.Sync, error) {
	entry, err := s.entry(e)
	if err != nil {
		return syncstore.Sync{}, err
	}
	return s.rows.PutEntry(ctx, entry, begin)
}

// Keep pauses the rows of all other entries.
func (s *Stack) Keep(ctx context.Context, keys []statefile.Key) error {
	names := convert.Slice(keys, s.name)
	_, err := s.rows.LeaveEntries(ctx, s.cfg.File, names)
	return err
}

// Run carries out one run in a workflow.
func (s *Stack) Run(ctx context.Context, e statefile.Entry) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	name := s.name(e.Key)
	s.mu.Lock()
	s.running[name] = cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.running, name)
	}()
	row, err := s.put(ctx, e, true)
	if err != nil {
		return err
	}
	return s.cfg.Syncs.RunOnce(ctx, row, s.queue)
}

// Pending returns the lists that need a run whatever their timestamps.
func (s *Stack) Pending(ctx context.Context) (map[statefile.Key]bool, error) {
	places, err := s.rows.Pending(ctx, s.cfg.File)
	if err != nil {
		return nil, err
	}
	pending := make(map[statefile.Key]bool, len(places))
	for _, p := range places {
		pending[statefile.Key{ListID: p.ListID, Place: p.Place}] = true
	}
	return pending, nil
}

// Results returns the results that are not in the file yet.
func (s *Stack) Results(ctx context.Context) ([]Finished, error) {
	rows, err := s.rows.Unrecorded(ctx, s.cfg.File)
	if err != nil {
		return nil, err
	}
	results := make([]Finished, len(rows))
	for i, row := range rows {
		run := row.Run
		r := statefile.Result{
			Key:             statefile.Key{ListID: row.ListID, Place: row.Place},
			LatestTimestamp: run.Until.UTC(), Updates: run.Delivered,
		}
		if run.Base != nil {
			r.Base = run.Base.UTC()
		}
		if run.EndedAt != nil {
			r.Elapsed = run.EndedAt.Sub(run.StartedAt)
		}
		results[i] = Finished{Run: run.ID, Result: r, Rejected: run.Rejected}
	}
	return results, nil
}

// Recorded notes that a result is in the file.
func (s *Stack) Recorded(ctx context.Context, run int64) error { return s.rows.NoteRecorded(ctx, run) }

// Progress returns how far the latest run of an entry is.
func (s *Stack) Progress(ctx context.Context, k statefile.Key) (Progress, error) {
	runs, err := s.rows.History(ctx, s.name(k), syncstore.RunFilter{}, 0, 1)
	if err != nil || len(runs) == 0 {
		return Progress{}, err
	}
	return Progress{Read: runs[0].Read, Announced: runs[0].Announced}, nil
}

// abandonTimeout bounds the end of the workflows that are left.
const abandonTimeout = 30 * time.Second

// Stop ends pages and the worker, and then the workflows that are left.
func (s *Stack) Stop(ctx context.Context) error {
	err := s.worker.Stop()
	ctx, cancel := context.WithTimeout(ctx, abandonTimeout)
	defer cancel()
	s.mu.Lock()
	left := maps.Clone(s.running)
	s.mu.Unlock()
	for name, end := range left {
		// A workflow that cannot be terminated is terminated by the next run of its sync.
		err = errors.Join(err, s.cfg.Syncs.Abandon(ctx, name, "its watch has stopped: the next start continues the run"))
		end()
	}
	return err
}
