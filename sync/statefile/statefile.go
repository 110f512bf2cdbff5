// Package statefile reads and writes the state file of list syncs: a JSON array with an object for each list.
//
//	[
//	  {
//	    "list_id": "1a2d7ebf82",
//	    "latest_timestamp": "2019-10-18T22:20:23",
//	    "elapsed_seconds": 1.6,
//	    "total_updates": 46134
//	  }
//	]
//
// People edit the file while syncs run. Only the results of a run are written, into the file as it is then;
// everything else in it is kept, fields that are not known here included.
package statefile

import (
	"errors"
	"fmt"
	"time"
)

// Limits of a state file.
const (
	// MaxBytes bounds a state file.
	MaxBytes = 16 << 20
	// MaxEntries bounds the entries of a state file.
	MaxEntries = 10_000
	// MaxFaults bounds the faults that an error lists.
	MaxFaults = 20
	// MaxAhead is how far in the future a latest_timestamp may lie. A list with a later one would not be
	// due for that long.
	MaxAhead = 5 * time.Minute
)

// MaxListID bounds a list_id, in bytes.
const MaxListID = 100

// ErrGone means that the file has no longer an entry with a key.
var ErrGone = errors.New("the state file has no such entry any more")

// Key identifies an entry.
type Key struct {
	// ListID is the list's id at the source.
	ListID string
	// Place is the entry's place among those with the same list, from 0.
	Place int
}

// String returns the list's id, with the place of all but the first entry: list, list (2).
func (k Key) String() string {
	if k.Place == 0 {
		return k.ListID
	}
	return fmt.Sprintf("%s (%d)", k.ListID, k.Place+1)
}

// Entry is the state of one list.
type Entry struct {
	Key
	// LatestTimestamp is the upper bound of the last run's window, or zero if the list is to be loaded
	// in full.
	LatestTimestamp time.Time
	// StartOffset skips the first records of a full load. Defaults to 0.
	StartOffset int64
	// ItemsPerRequest is the number of records of a page. Defaults to
	// sync.DefaultItemsPerRequest.
	ItemsPerRequest int
	// WorkerCount is the number of pages that are written at the same time. Defaults to
	// sync.DefaultWorkerCount.
	WorkerCount int
}

// Due reports whether a list needs a run: it was never loaded, or its last update is older than interval.
func (e Entry) Due(now time.Time, interval time.Duration) bool {
	return e.LatestTimestamp.IsZero() || now.Sub(e.LatestTimestamp) > interval
}

// Result is what a successful run writes to its entry.
type Result struct {
	Key
	// Base is the entry's LatestTimestamp when the run began.
	Base time.Time
	// LatestTimestamp is the upper bound of the run's window.
	LatestTimestamp time.Time
	// Elapsed is the duration of the run.
	Elapsed time.Duration
	// Updates is the number of records that were delivered.
	Updates int64
	// Uncertain means that the result may have been written before, by a process that was killed or an attempt
	// that failed. An entry that has its Elapsed and Updates is left as it is then: its timestamp may have been
	// edited since. If it has them of an earlier run, the result is lost, and the list is updated again.
	Uncertain bool
}

// Fault is something wrong in a state file.
type Fault struct {
	// Line and Column are where it is, from 1. A column counts characters.
	Line, Column int
	// Problem says what is wrong, and what would be right.
	Problem string
}

// String returns the fault as line:column: problem.
func (f Fault) String() string { return fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Problem) }

// FaultError has the faults of a state file. Nothing of the file is used.
type FaultError struct {
	// Path is the file.
	Path string
	// Faults are the first MaxFaults, in their order in the file.
	Faults []Fault
	// More is the number of further faults.
	More int
}

// Error lists the faults, one a line, as path:line:column: problem.
func (e *FaultError) Error() string {
	text := ""
	for i, f := range e.Faults {
		if i > 0 {
			text += "\n"
		}
		text += e.Path + ":" + f.String()
	}
	if e.More > 0 {
		text += fmt.Sprintf("\nand %d more", e.More)
	}
	return text
}
