package sync

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/faults"
)

// Defaults of Settings.
const (
	DefaultItemsPerRequest = 100
	DefaultWorkerCount     = 8
	// DefaultScanEvery is the time between two scans for permanent deletions.
	DefaultScanEvery = 24 * time.Hour
	// DefaultMaxMissing is the share of a list, in percent, that a scan may find missing.
	DefaultMaxMissing = 5
	// DefaultAlarmAfter is the number of missed cycles that raise an alarm.
	DefaultAlarmAfter = 3
	// DefaultMaxRejectedPages is the number of pages in a row that stop a run if they are wholly rejected.
	DefaultMaxRejectedPages = 10
)

// Limits of Settings.
const (
	MaxItemsPerRequest  = 1000
	MaxWorkerCount      = 32
	MaxStartOffset      = 1_000_000_000
	MinEvery            = time.Minute
	MaxEvery            = 31 * 24 * time.Hour
	MaxAlarmAfter       = 1000
	MaxMaxRejectedPages = 1_000_000
)

// Deletions says what happens to a record that was deleted permanently in the source.
type Deletions string

// The values of Deletions.
const (
	// DeletionsOptOut sends the record as opted out.
	DeletionsOptOut Deletions = "optout"
	// DeletionsIgnore does nothing, and makes no scans.
	DeletionsIgnore Deletions = "ignore"
)

// Settings are the settings of a sync. A zero field has its default, which is not stored.
type Settings struct {
	// StartOffset skips the first records of a full load.
	StartOffset int64 `json:"start_offset,omitempty"`
	// ItemsPerRequest is the number of records of a page and of a write. Defaults to
	// DefaultItemsPerRequest.
	ItemsPerRequest int `json:"items_per_request,omitempty"`
	// WorkerCount is the number of pages that are written at the same time. Defaults to
	// DefaultWorkerCount.
	WorkerCount int `json:"worker_count,omitempty"`
	// Deletions has a default that depends on both sides: see DeletionsOf.
	Deletions Deletions `json:"deletions,omitempty"`
	// ScanEvery is the time between two scans for deletions, in seconds. Defaults to DefaultScanEvery.
	ScanEvery int64 `json:"scan_every,omitempty"`
	// MaxMissing is the percentage of a list that may be missing at a scan; with more, nothing is opted
	// out. A full load may differ as much from the counts of the source without an alarm. Defaults to
	// DefaultMaxMissing.
	MaxMissing int `json:"max_missing,omitempty"`
	// ForceOptIn lets a subscription of the source win over an opt-out of the target.
	ForceOptIn bool `json:"force_optin,omitempty"`
	// AlarmAfter is the number of missed cycles that raise an alarm. Defaults to DefaultAlarmAfter.
	AlarmAfter int `json:"alarm_after,omitempty"`
	// MaxRejectedPages is the number of pages in a row that stop a run if they are wholly rejected. Defaults to
	// DefaultMaxRejectedPages.
	MaxRejectedPages int64 `json:"max_rejected_pages,omitempty"`
	// KeyColumn, CursorColumn and Query are those of a source that has tables: see SourceOptions.
	KeyColumn    string `json:"key_column,omitempty"`
	CursorColumn string `json:"cursor_column,omitempty"`
	Query        string `json:"query,omitempty"`
	// TargetTable and TargetKey are those of a target that has tables: see TargetOptions.
	TargetTable string   `json:"target_table,omitempty"`
	TargetKey   []string `json:"target_key,omitempty"`
	// Mapping replaces the default mapping of the two kinds, in the language of flows.
	Mapping map[string]any `json:"mapping,omitempty"`
}

// WithDefaults returns the settings with every default filled in.
func (s Settings) WithDefaults() Settings {
	fill(&s.ItemsPerRequest, DefaultItemsPerRequest)
	fill(&s.WorkerCount, DefaultWorkerCount)
	fill(&s.ScanEvery, int64(DefaultScanEvery/time.Second))
	fill(&s.MaxMissing, DefaultMaxMissing)
	fill(&s.AlarmAfter, DefaultAlarmAfter)
	fill(&s.MaxRejectedPages, DefaultMaxRejectedPages)
	return s
}

// DeletionsOf returns what happens to deleted records of a sync. By default they are opted out, if the reader finds
// deletions; but rows of a table only if the target has opt-outs: another target would not know what they are.
func (s Settings) DeletionsOf(r Reader, w Writer) Deletions {
	_, finds := r.(Scanner)
	_, holds := w.(Holder)
	switch {
	case s.Deletions != "":
		return s.Deletions
	case !finds || s.KeyColumn != "" && !holds:
		return DeletionsIgnore
	default:
		return DeletionsOptOut
	}
}

func fill[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// Validate returns all faults, with the names of the fields. Zero fields are valid.
func (s Settings) Validate() error {
	var f faults.Faults
	within := func(name string, value, least, most int64) {
		f.Check(value == 0 || value >= least && value <= most, "%s %d: want %d to %d", name, value, least, most)
	}
	within("start_offset", s.StartOffset, 0, MaxStartOffset)
	within("items_per_request", int64(s.ItemsPerRequest), 1, MaxItemsPerRequest)
	within("worker_count", int64(s.WorkerCount), 1, MaxWorkerCount)
	within("scan_every", s.ScanEvery, 60, int64(MaxEvery/time.Second))
	within("max_missing", int64(s.MaxMissing), 1, 100)
	within("alarm_after", int64(s.AlarmAfter), 1, MaxAlarmAfter)
	within("max_rejected_pages", s.MaxRejectedPages, 1, MaxMaxRejectedPages)
	f.Check(slices.Contains([]Deletions{"", DeletionsOptOut, DeletionsIgnore}, s.Deletions),
		"deletions %q: want optout or ignore", s.Deletions)
	tables := s.KeyColumn != "" && s.TargetTable != ""
	f.Check(s.Deletions != DeletionsOptOut || !tables || s.Mapping != nil,
		"deletions optout: want a mapping, which says what a deleted row becomes in the table; data has the key of the "+
			"row, status \"deleted\" and deleted_at")
	if s.Mapping != nil {
		_, err := NewMapping(s.Mapping)
		f.Add(err)
	}
	return f.Err()
}
