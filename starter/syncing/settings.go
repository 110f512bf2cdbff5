package syncing

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// Change is a change of one setting of a sync.
type Change struct {
	// Name is the setting, Value its value as text. The value null restores the default.
	Name, Value string
}

// null is the value that restores the default of a setting.
const null = "null"

// SettingNames are the settings that Set changes.
func SettingNames() []string {
	return []string{
		"latest_timestamp", "every", "start_offset", "items_per_request", "worker_count", "deletions", "scan_every",
		"max_missing", "max_rejected_pages", "force_optin", "alarm_after", "key_column",
		"cursor_column", "query", "target_table", "target_key", "mapping", "elapsed_seconds", "total_updates",
	}
}

// applyChanges changes a row. The error reports every fault.
func applyChanges(row *syncstore.Sync, changes []Change) error {
	settings, err := syncacts.ParseSettings(row.Settings)
	if err != nil {
		return err
	}
	var faults []error
	for _, c := range changes {
		if err := applyChange(row, &settings, c); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	if faults = append(faults, settings.Validate()); errors.Join(faults...) != nil {
		return errors.Join(faults...)
	}
	row.Settings, err = json.Marshal(settings)
	return err
}

// applyChanges changes a row, and checks what depends on its kinds.
func (s *Syncs) applyChanges(row *syncstore.Sync, changes []Change) error {
	if err := applyChanges(row, changes); err != nil {
		return err
	}
	settings, err := syncacts.ParseSettings(row.Settings)
	if err != nil || settings.Deletions != sync.DeletionsOptOut {
		return err
	}
	return syncacts.CheckPair(s.Kinds, syncacts.Pair{From: row.FromKind, To: row.ToKind}, settings)
}

func applyChange(row *syncstore.Sync, s *sync.Settings, c Change) (err error) {
	switch c.Name {
	case "latest_timestamp":
		row.LatestTimestamp, err = parseTimestamp(c.Value)
	case "every":
		var every time.Duration
		if every, err = time.ParseDuration(c.Value); err != nil {
			return fmt.Errorf("%q: want a duration such as 2h or 30m", c.Value)
		}
		if err = checkEvery(every); err == nil {
			row.EverySeconds = int64(every / time.Second)
		}
	case "start_offset":
		s.StartOffset, err = parseNumber[int64](c.Value)
	case "items_per_request":
		s.ItemsPerRequest, err = parseNumber[int](c.Value)
	case "worker_count":
		s.WorkerCount, err = parseNumber[int](c.Value)
	case "deletions":
		s.Deletions = sync.Deletions(textOf(c.Value))
	case "scan_every":
		s.ScanEvery, err = parseSeconds(c.Value)
	case "max_missing":
		s.MaxMissing, err = parseNumber[int](c.Value)
	case "max_rejected_pages":
		s.MaxRejectedPages, err = parseNumber[int64](c.Value)
	case "force_optin":
		s.ForceOptIn, err = parseTruth(c.Value)
	case "alarm_after":
		s.AlarmAfter, err = parseNumber[int](c.Value)
	case "key_column":
		s.KeyColumn = textOf(c.Value)
	case "cursor_column":
		s.CursorColumn = textOf(c.Value)
	case "query":
		s.Query = textOf(c.Value)
	case "target_table":
		s.TargetTable = textOf(c.Value)
	case "target_key":
		s.TargetKey = nil
		if text := textOf(c.Value); text != "" {
			s.TargetKey = strings.Split(text, ",")
		}
	case "mapping":
		s.Mapping = nil
		if err = json.Unmarshal([]byte(c.Value), &s.Mapping); err != nil {
			err = errors.New("want a JSON object of expressions, or null for the default mapping")
		}
	case "elapsed_seconds":
		row.ElapsedSeconds, err = parseOptional(c.Value, func(text string) (float64, error) {
			return strconv.ParseFloat(text, 64)
		})
	case "total_updates":
		row.TotalUpdates, err = parseOptional(c.Value, func(text string) (int64, error) {
			return strconv.ParseInt(text, 10, 64)
		})
	default:
		err = fmt.Errorf("no such setting: want one of %s", strings.Join(SettingNames(), ", "))
	}
	return err
}

func textOf(value string) string {
	if value == null {
		return ""
	}
	return value
}

func parseNumber[T int | int64](value string) (T, error) {
	if value == null {
		return 0, nil
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || int64(T(n)) != n {
		return 0, fmt.Errorf("%q: want a whole number, or null for the default", value)
	}
	return T(n), nil
}

func parseSeconds(value string) (int64, error) {
	if value == null {
		return 0, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil || d%time.Second != 0 || d <= 0 {
		return 0, fmt.Errorf("%q: want a duration in whole seconds, such as 24h, or null for the default", value)
	}
	return int64(d / time.Second), nil
}

func parseTruth(value string) (bool, error) {
	switch value {
	case "true":
		return true, nil
	case "false", null:
		return false, nil
	default:
		return false, fmt.Errorf("%q: want true or false", value)
	}
}

func parseOptional[T any](value string, parse func(string) (T, error)) (*T, error) {
	if value == null {
		return nil, nil //nolint:nilnil // no value is a value
	}
	v, err := parse(value)
	if err != nil {
		return nil, fmt.Errorf("%q: want a number, or null", value)
	}
	return &v, nil
}

// parseTimestamp parses a timestamp; null is a full load.
func parseTimestamp(value string) (*time.Time, error) {
	if value == null {
		return nil, nil //nolint:nilnil // no timestamp is a full load
	}
	t, err := sync.ParseTimestamp(value)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", value, err)
	}
	return &t, nil
}
