package killtest_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
)

// envTraces is the variable with the folder in which the importer of the life-cycle tests
// leaves its traces; it makes the worker of a stack one that has that importer.
const envTraces = "KILLTEST_TRACES"

// The folders of traces. Each file is called like the number of an import.
const (
	// tracePlanned has the imports whose Plan was called.
	tracePlanned = "planned"
	// traceHeld has what imports hold between plan and clean_up.
	traceHeld = "held"
	// traceCleaned has what imports have cleaned up.
	traceCleaned = "cleaned"
	// traceOverlaps has imports that held something at the same time as another one.
	traceOverlaps = "overlaps"
)

// tracer is the importer noop, which also leaves traces outside of every engine: what it
// has seen of locks, of cleaning up and of the transaction of an accepting decision.
type tracer struct {
	*noop.Importer
	dir string
}

var (
	_ importers.Cleaner = tracer{}
	_ importers.Locker  = tracer{}
	_ importers.Stager  = tracer{}
)

// Name returns "traced".
func (tracer) Name() string { return "traced" }

// makeTraces makes the folders.
func makeTraces(dir string) error {
	var errs []error
	for _, sub := range []string{tracePlanned, traceHeld, traceCleaned, traceOverlaps} {
		errs = append(errs, os.MkdirAll(filepath.Join(dir, sub), 0o755))
	}
	return errors.Join(errs...)
}

func (i tracer) trace(sub, name string) string { return filepath.Join(i.dir, sub, name) }

// Plan takes down what the import holds from now on, and looks whether another import holds the same: of two at once at least the later one sees the other.
func (i tracer) Plan(ctx context.Context, imp importers.Import) (importers.Plan, error) {
	mine, err := i.Dependencies(imp.Site.Domain, imp.Args)
	if err != nil {
		return importers.Plan{}, err
	}
	text, err := json.Marshal(mine)
	if err != nil {
		return importers.Plan{}, err
	}
	own := strconv.FormatInt(imp.ID, 10)
	if err := os.WriteFile(i.trace(tracePlanned, own), nil, 0o600); err != nil {
		return importers.Plan{}, err
	}
	// Renamed, so that no reader sees an incomplete file.
	if err := os.WriteFile(i.trace("", own+".new"), text, 0o600); err != nil {
		return importers.Plan{}, err
	}
	if err := os.Rename(i.trace("", own+".new"), i.trace(traceHeld, own)); err != nil {
		return importers.Plan{}, err
	}
	if err := i.compare(own, mine); err != nil {
		return importers.Plan{}, err
	}
	return i.Importer.Plan(ctx, imp)
}

func (i tracer) compare(own string, mine []importers.Dependency) error {
	entries, err := os.ReadDir(i.trace(traceHeld, ""))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == own {
			continue
		}
		text, err := os.ReadFile(i.trace(traceHeld, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		var theirs []importers.Dependency
		if err := json.Unmarshal(text, &theirs); err != nil {
			return err
		}
		if conflict(mine, theirs) {
			name := fmt.Sprintf("%s with %s", own, entry.Name())
			if err := os.WriteFile(i.trace(traceOverlaps, name), text, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// conflict says whether two imports must not run at the same time.
func conflict(a, b []importers.Dependency) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Resource == y.Resource && (!x.Shared || !y.Shared) {
				return true
			}
		}
	}
	return false
}

// stagedTable has a row for every time that StageDone was committed.
const stagedTable = "killtest_staged"

// StageDone adds a row in the transaction of the decision.
func (i tracer) StageDone(ctx context.Context, tx *sql.Tx, imp importers.Import) error {
	if _, err := tx.ExecContext(ctx, "INSERT INTO "+stagedTable+" (import_id) VALUES ($1)", imp.ID); err != nil {
		return err
	}
	return i.Importer.StageDone(ctx, tx, imp)
}

// CleanUp removes the traces of Plan.
func (i tracer) CleanUp(ctx context.Context, imp importers.Import) error {
	if err := i.Importer.CleanUp(ctx, imp); err != nil {
		return err
	}
	own := strconv.FormatInt(imp.ID, 10)
	if err := os.WriteFile(i.trace(traceCleaned, own), nil, 0o600); err != nil {
		return err
	}
	if err := os.Remove(i.trace(traceHeld, own)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
