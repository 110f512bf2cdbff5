package noop

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// The callbacks that Args.Fail and Args.Panic can name.
const (
	BeforeStart = "before_start"
	Plan        = "plan"
	ImportData  = "import_data"
	Finalize    = "finalize"
	OnSuccess   = "on_success"
	OnFailure   = "on_failure"
	CleanUp     = "clean_up"
	StageDone   = "stage_done"
)

var callbacks = []string{BeforeStart, Plan, ImportData, Finalize, OnSuccess, OnFailure, CleanUp, StageDone}

// Args sets the number of generated rows and the failures of an import.
type Args struct {
	// Rows is the number of rows of all parts together, including invalid ones.
	Rows int64 `json:"rows" usage:"number of rows"`
	// Parts is the number of parts among which the rows are divided, in order. Defaults to 1.
	Parts int `json:"parts" default:"1" usage:"number of parts"`
	// BadRows is the number of rejected rows, starting with the first.
	BadRows int64 `json:"bad_rows" usage:"number of rejected rows"`
	// StartDate and EndDate are the range of days of the rows, assigned in turn.
	// Default to 2021-01-01 and 2021-01-31.
	StartDate calendar.Day `json:"start_date" default:"2021-01-01" usage:"first day of the rows"`
	EndDate   calendar.Day `json:"end_date" default:"2021-01-31" usage:"last day of the rows"`
	// Fail names a callback that returns an error, Panic one that panics.
	Fail  string `json:"fail,omitempty" usage:"callback that returns an error, such as plan or import_data"`
	Panic string `json:"panic,omitempty" usage:"callback that panics"`
	// FailTimes is the number of failing calls before the callback succeeds; 0 means all.
	// Calls are counted by import and callback in the memory of the process.
	FailTimes int `json:"fail_times,omitempty" default:"every call" usage:"number of calls that fail"`
	// Permanent makes the error of Fail permanent.
	Permanent bool `json:"permanent,omitempty" usage:"make the error permanent"`
	// Wait turns the error of Fail into a durable wait, a Go duration.
	Wait string `json:"wait,omitempty" usage:"turn the error into a wait of this duration"`
	// Unchanged makes Plan return importers.ErrUnchanged.
	Unchanged bool `json:"unchanged,omitempty" usage:"report an unchanged source"`
	// Fingerprint is the fingerprint of the content. Defaults to none.
	Fingerprint string `json:"fingerprint,omitempty" usage:"fingerprint of the source"`
	// Data is the result of before_start and of each part, a JSON value. The summary of the
	// import lists these results.
	Data json.RawMessage `json:"data,omitempty" usage:"value that before_start and the parts return"`
	// Locks are the locks of the import. Defaults to an exclusive lock of its site.
	Locks []importers.Dependency `json:"locks,omitempty" default:"the site" usage:"resources to lock"`
	// Delay is the duration of each chunk and each other callback, a Go duration such as
	// "250ms".
	Delay string `json:"delay,omitempty" usage:"duration of each chunk and callback, such as 250ms"`
}

// decode decodes the arguments, fills in the defaults and validates them.
func decode(raw json.RawMessage) (Args, error) {
	args := Args{Parts: 1, StartDate: defaultStart, EndDate: defaultEnd}
	if err := importers.DecodeArgs(raw, &args); err != nil {
		return Args{}, err
	}
	if err := args.Validate(); err != nil {
		return Args{}, err
	}
	return args, nil
}

var (
	defaultStart = calendar.DayOf(time.Date(2021, time.January, 1, 0, 0, 0, 0, time.UTC))
	defaultEnd   = calendar.DayOf(time.Date(2021, time.January, 31, 0, 0, 0, 0, time.UTC))
)

// Validate reports all errors of the arguments at once.
func (a Args) Validate() error {
	var faults []error
	if a.Rows < 0 {
		faults = append(faults, errors.New("rows: want 0 or more"))
	}
	if a.Parts < 1 || a.Parts > importers.MaxParts {
		faults = append(faults, fmt.Errorf("parts: want 1 to %d", importers.MaxParts))
	}
	if a.BadRows < 0 || a.BadRows > a.Rows {
		faults = append(faults, errors.New("bad_rows: want 0 to the number of rows"))
	}
	if a.FailTimes < 0 {
		faults = append(faults, errors.New("fail_times: want 0 or more"))
	}
	if err := a.days().Validate(); err != nil {
		faults = append(faults, fmt.Errorf("start_date, end_date: %w", err))
	}
	if a.Fail != "" && !slices.Contains(callbacks, a.Fail) {
		faults = append(faults, fmt.Errorf("fail: want one of %s", strings.Join(callbacks, ", ")))
	}
	if a.Panic != "" && !slices.Contains(callbacks, a.Panic) {
		faults = append(faults, fmt.Errorf("panic: want one of %s", strings.Join(callbacks, ", ")))
	}
	for name, text := range map[string]string{"delay": a.Delay, "wait": a.Wait} {
		if d, err := duration(text); err != nil || d < 0 {
			faults = append(faults, fmt.Errorf(`%s: want a duration such as "250ms"`, name))
		}
	}
	if len(a.Fingerprint) > importers.MaxFingerprint {
		faults = append(faults, fmt.Errorf("fingerprint: want at most %d bytes", importers.MaxFingerprint))
	}
	return errors.Join(faults...)
}

func (a Args) days() calendar.Range { return calendar.Range{First: a.StartDate, Last: a.EndDate} }

func duration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}
