package syncwatch

import (
	"context"

	"github.com/sluicehq/sluice/sync/statefile"
)

// Engine stores and runs the lists of a state file. All methods are safe for concurrent use, Run for different entries,
// but for Check, Apply and Keep, which are called one at a time.
type Engine interface {
	// Check returns an error if lists cannot be run at present, and ErrWatched if another process watches the file.
	Check(ctx context.Context) error
	// Apply stores what the file says of an entry. A run under way keeps its window.
	Apply(ctx context.Context, e statefile.Entry) error
	// Keep is called with the entries of the file: lists that have left it raise no alarms any more.
	Keep(ctx context.Context, keys []statefile.Key) error
	// Run carries out one run of a list, or the rest of one that was interrupted, and waits until it has ended. The
	// error says why it has failed or was interrupted.
	Run(ctx context.Context, e statefile.Entry) error
	// Pending returns the lists that need a run whatever their timestamps: one whose run has not ended, such as a run that
	// has stopped, and one with rejected records that are to be retried.
	Pending(ctx context.Context) (map[statefile.Key]bool, error)
	// Results returns the successful runs whose results are not in the file yet, in the order of their beginnings.
	Results(ctx context.Context) ([]Finished, error)
	// Recorded notes that the result of a run is in the file, or belongs nowhere.
	Recorded(ctx context.Context, run int64) error
	// Progress returns how far the latest run of a list is.
	Progress(ctx context.Context, k statefile.Key) (Progress, error)
	// Stop lets the lists that are running end their pages. Run returns for all of them, and is not called again.
	Stop(ctx context.Context) error
}

// Finished is a successful run whose result is not in the file yet.
type Finished struct {
	Run      int64
	Result   statefile.Result
	Rejected int64
}

// Progress is how far a run is.
type Progress struct {
	Read int64
	// Announced is the number of records of the run according to the source, 0 if unknown.
	Announced int64
}
