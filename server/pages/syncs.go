package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/api"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// syncs adds the pages of syncs.
func (p *Pages) syncs() {
	p.nav("Syncs", "/syncs", "Syncs", access.PermissionRead, true)
	p.page("GET /syncs", "syncs", p.syncsPage)
	p.page("GET /syncs/{sync}", "sync", p.syncPage)
	p.page("GET /syncs/{sync}/runs", "sync_runs", p.syncRunsPage)
	p.page("GET /syncs/{sync}/rejects", "sync_rejects", p.syncRejectsPage)
	p.page("GET /syncs/{sync}/held", "sync_held", p.syncHeldPage)
	s := subject{p, "/syncs/{sync}", "sync", p.syncPage}
	s.commands("run", "pause", "resume")
	s.command("settings", setSync)
	s.command("find-rejects", findRejects)
	s.deletion("/syncs")
	p.action("POST /syncs/{sync}/rejects/retry", "sync_rejects", p.syncRejectsPage, func(v *visit) (string, error) {
		path := syncPath(v) + "/rejects"
		records, err := retriedRecords(v)
		if err != nil {
			return "", err
		}
		return path, v.send(http.MethodPost, path+"/retry", records, nil)
	})
}

// syncPath is the path of the sync of a request, here and at the API.
func syncPath(v *visit) string { return v.at("/syncs/{sync}") }

// syncView is a sync on a page.
type syncView struct{ syncclient.Sync }

// Freshness is its state in the words of freshness.
func (s syncView) Freshness() string {
	if s.State == syncclient.StateCurrent {
		return "on time"
	}
	return s.State
}

// Every is the time between two runs.
func (s syncView) Every() string { return duration(time.Duration(s.EverySeconds) * time.Second) }

// Stopped tells whether its run waits for a command.
func (s syncView) Stopped() bool { return s.State == syncclient.StateStopped }

// Failed tells whether its run has stopped, or the last one has failed.
func (s syncView) Failed() bool {
	return s.Stopped() || s.Run != nil && s.Run.Status == syncstore.StatusFailed
}

// Running tells whether a run is under way.
func (s syncView) Running() bool {
	return s.Run != nil && s.Run.Status == syncstore.StatusRunning && s.Run.StoppedAt == nil
}

// syncFilters are the filters of syncs.
var syncFilters = []string{"text", "state"}

func (p *Pages) syncsPage(v *visit) (any, error) {
	return getPage[syncView](v, "/syncs", syncFilters...)
}

// syncShown is the page of a sync.
type syncShown struct {
	syncView
	// ETag is that of the settings.
	ETag string
	Runs List[syncclient.SyncRun]
	// Fields are the settings that a person changes.
	Fields []syncField
}

// syncField is a setting of a sync as text, with its default.
type syncField struct {
	argument
	// Long tells whether it has several lines.
	Long bool
	Hint string
}

// lastRuns is the number of runs on the page of a sync.
const lastRuns = 10

func (p *Pages) syncPage(v *visit) (any, error) {
	path := syncPath(v)
	found, etag, err := getTagged[syncclient.Sync](v, path)
	if err != nil {
		return nil, err
	}
	shown := syncShown{syncView: syncView{found}, ETag: etag}
	if shown.Fields, err = syncFields(found); err != nil {
		return nil, err
	}
	shown.Runs, err = get[List[syncclient.SyncRun]](v, path+"/runs", url.Values{"limit": {strconv.Itoa(lastRuns)}})
	return shown, err
}

// syncHints say what settings mean, and what is assumed without them.
var syncHints = map[string]string{
	"latest_timestamp":   "From where the next run reads, such as 2026-01-31T12:00:00. Empty for a full load.",
	"every":              "Time between two runs, such as 2h.",
	"start_offset":       "Skips the first records of a full load.",
	"items_per_request":  "Records of a page and of a write.",
	"worker_count":       "Pages that are written at the same time.",
	"deletions":          "optout or ignore.",
	"scan_every":         "Time between two scans for deletions, such as 24h.",
	"max_missing":        "Percentage of the list that may be missing at a scan.",
	"max_rejected_pages": "Pages in a row that stop a run if they are wholly rejected.",
	"force_optin":        "true lets a subscription of the source win over an opt-out of the target.",
	"alarm_after":        "Missed cycles that raise an alarm.",
	"query":              "A SELECT that is read in place of a table.",
	"target_table":       "Table to write to.",
	"key_column":         "Column of the source that identifies a row.",
	"cursor_column":      "Column of the source with the time of the last change.",
	"target_key":         "Columns that identify a row of the target, separated by commas.",
	"mapping":            "JSON object of expressions, in the language of flows.",
}

// syncFields returns the settings of a sync that can be changed, with their values as the API reads them.
func syncFields(s syncclient.Sync) ([]syncField, error) {
	var fields []syncField
	for _, name := range syncclient.SettingNames() {
		value, err := settingOf(s, name)
		if err != nil {
			return nil, err
		}
		fields = append(fields, fieldOf(name, value))
	}
	return fields, nil
}

// fieldOf returns the field of a setting with its value.
func fieldOf(name, value string) syncField {
	return syncField{
		argument: argument{name, value}, Hint: syncHints[name], Long: name == "mapping" || name == "query",
	}
}

// settingOf returns the value of a setting as text, "" for the default.
func settingOf(s syncclient.Sync, name string) (string, error) {
	switch name {
	case "every":
		return (time.Duration(s.EverySeconds) * time.Second).String(), nil
	case "latest_timestamp":
		if s.Latest == nil {
			return "", nil
		}
		return s.Latest.UTC().Format("2006-01-02T15:04:05"), nil
	case "elapsed_seconds":
		return textOf(s.ElapsedSeconds), nil
	case "total_updates":
		return textOf(s.TotalUpdates), nil
	}
	switch value := s.Settings[name].(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	case float64:
		if name == "scan_every" {
			return (time.Duration(value) * time.Second).String(), nil
		}
		return strconv.FormatFloat(value, 'f', -1, 64), nil
	case []any:
		texts := make([]string, len(value))
		for i, one := range value {
			texts[i] = fmt.Sprint(one)
		}
		return strings.Join(texts, ","), nil
	default:
		data, err := json.Marshal(value)
		return string(data), err
	}
}

// textOf returns an optional number as text.
func textOf[T int64 | float64](value *T) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(*value)
}

// setSync changes the settings whose fields differ from what the form has shown.
func setSync(v *visit) error {
	form, changed := v.r.PostForm, map[string]json.RawMessage{}
	for _, name := range syncclient.SettingNames() {
		value := strings.TrimSpace(form.Get("set." + name))
		if !form.Has("set."+name) || value == strings.TrimSpace(form.Get("was."+name)) {
			continue
		}
		changed[name] = json.RawMessage("null")
		if value != "" {
			encoded, err := json.Marshal(value)
			if err != nil {
				return err
			}
			changed[name] = encoded
		}
	}
	if len(changed) == 0 {
		return invalid("settings", "nothing is changed")
	}
	return v.edit(http.MethodPatch, syncPath(v), api.SyncChange{Settings: changed})
}

// findRejects searches the page of a run that the form names.
func findRejects(v *visit) error {
	var search api.RejectSearch
	for name, into := range map[string]*int64{"run_id": &search.RunID, "page": &search.Page} {
		var err error
		if *into, err = strconv.ParseInt(v.r.PostForm.Get(name), 10, 64); err != nil {
			return invalid(name, "want a whole number")
		}
	}
	return v.send(http.MethodPost, syncPath(v)+"/find-rejects", search, nil)
}
