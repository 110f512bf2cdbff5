package api

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/access"
	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/starter"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// tagSyncs is the resource of syncs in the document.
const tagSyncs = "syncs"

// syncs adds the operations of syncs.
func (a *API) syncs() {
	add := func(o operation) operation {
		o.tag, o.reach = tagSyncs, reachAll
		return o
	}
	register(a, add(operation{
		id: "list-syncs", method: http.MethodGet, path: "/syncs",
		summary: "List syncs by name", need: access.PermissionRead,
	}), a.listSyncs)
	register(a, add(operation{
		id: "create-sync", method: http.MethodPost, path: "/syncs", status: http.StatusCreated,
		summary: "Create a sync and run it now, as a full load", need: access.PermissionOperate,
		problems: []problemType{problemTaken},
	}), a.createSync)
	register(a, add(operation{
		id: "show-sync", method: http.MethodGet, path: "/syncs/{sync}",
		summary: "Show a sync with its state, freshness and current run", need: access.PermissionRead,
	}), a.showSync)
	register(a, add(operation{
		id: "set-sync", method: http.MethodPatch, path: "/syncs/{sync}",
		summary: "Change the settings and the state of a sync", need: access.PermissionOperate,
		description: "Settings: `" + strings.Join(syncclient.SettingNames(), "`, `") + "`. null restores the default; " +
			"`latest_timestamp` null makes the next run a full load. A run under way keeps its window.",
		problems: []problemType{problemConflict, problemPrecondition, problemNeedsMatch},
	}), a.setSync)
	register(a, add(operation{
		id: "delete-sync", method: http.MethodDelete, path: "/syncs/{sync}",
		summary: "Delete a sync; what it has delivered stays", need: access.PermissionOperate,
	}), a.deleteSync)
	command := func(id, path, summary string) operation {
		return add(operation{
			id: id, method: http.MethodPost, path: "/syncs/{sync}/" + path, summary: summary,
			need: access.PermissionOperate, problems: commandProblems,
		})
	}
	register(a, command("run-sync", "run", "Run a sync now; a run that has stopped continues"),
		a.syncCommanded(a.syncClient().Run))
	register(a, command("pause-sync", "pause", "Pause a sync; its run is interrupted"),
		a.syncCommanded(a.syncClient().Pause))
	register(a, command("resume-sync", "resume", "Resume a paused sync, with a run now"),
		a.syncCommanded(a.syncClient().Resume))
	register(a, command("find-sync-rejects", "find-rejects",
		"Search a page of a run for records that the target rejected later"), a.findSyncRejects)
	register(a, command("retry-sync-rejects", "rejects/retry", "Retry records that are not delivered"), a.retrySyncRejects)
	register(a, add(operation{
		id: "list-sync-runs", method: http.MethodGet, path: "/syncs/{sync}/runs",
		summary: "List the runs of a sync, latest first", need: access.PermissionRead,
	}), a.listSyncRuns)
	register(a, add(operation{
		id: "list-sync-rejects", method: http.MethodGet, path: "/syncs/{sync}/rejects",
		summary: "List the records that are not delivered, oldest first", need: access.PermissionRead,
		description: "The records themselves are not kept: a retry reads them again.",
	}), a.listSyncRejects)
	register(a, add(operation{
		id: "list-sync-held", method: http.MethodGet, path: "/syncs/{sync}/held",
		summary: "List the records that were delivered as opted in and are held as opted out", need: access.PermissionRead,
	}), a.listSyncHeld)
}

// SyncPath is the input of an operation on a sync.
type SyncPath struct {
	Sync string `path:"sync" maxLength:"50" doc:"Name of the sync."`
}

type listSyncsInput struct {
	Page
	State string `query:"state" enum:"current,running,waiting,late,stopped,paused" doc:"Only syncs in this state."`
	Text  string `query:"text" maxLength:"100" doc:"Only syncs with this text in their name, list or connections."`
}

func (a *API) listSyncs(ctx context.Context, in *listSyncsInput) (*List[syncclient.Sync], error) {
	return paged(ctx, in.Page, func(after string, limit int) ([]syncclient.Sync, error) {
		rows, err := a.syncClient().List(ctx, syncclient.Filter{State: in.State, Text: in.Text}, after, limit)
		if err != nil {
			return nil, err
		}
		views, err := a.syncClient().Views(ctx, rows)
		return convert.Slice(views, syncclient.View.Sync), err
	}, func(s syncclient.Sync) string { return s.Name })
}

// settingValues are values of settings by name.
type settingValues map[string]json.RawMessage

// changes returns the values as changes of settings.
func (v settingValues) changes() []syncclient.Change {
	changes := make([]syncclient.Change, 0, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		changes = append(changes, syncclient.Change{Name: name, Value: settingText(v[name])})
	}
	return changes
}

// settingText returns a value as the text of a setting: a text is itself, a list of texts is separated by commas, and
// other values are JSON.
func settingText(value json.RawMessage) string {
	var text string
	if value[0] == '"' && json.Unmarshal(value, &text) == nil {
		return text
	}
	var list []string
	if value[0] == '[' && json.Unmarshal(value, &list) == nil {
		return strings.Join(list, ",")
	}
	var compact bytes.Buffer
	if json.Compact(&compact, value) != nil {
		return string(value)
	}
	return compact.String()
}

// Endpoint is one side of a sync.
type Endpoint struct {
	Kind       string `json:"kind" minLength:"1" maxLength:"100" example:"mailchimp"`
	Connection string `json:"connection" minLength:"1" maxLength:"63" example:"mc"`
}

// SyncRequest is the body of create-sync.
type SyncRequest struct {
	Name         string        `json:"name" minLength:"1" maxLength:"50" doc:"Name: a lower-case letter, then letters, digits, dashes and underscores."`
	From         Endpoint      `json:"from" doc:"What is read."`
	List         string        `json:"list_id,omitempty" maxLength:"100" default:"query" doc:"ID of the list, or the name of a table; query for a query."`
	To           Endpoint      `json:"to" doc:"What is written."`
	EverySeconds int64         `json:"every_seconds,omitempty" minimum:"1" default:"7200" doc:"Time between two runs."`
	Settings     settingValues `json:"settings,omitempty" maxProperties:"30" doc:"Settings, as of set-sync."`
}

func (a *API) createSync(ctx context.Context, in *input[SyncRequest]) (*createdTagged[syncclient.Sync], error) {
	settings, err := syncclient.ParseSettings(in.Body.Settings.changes())
	if err != nil {
		return nil, err
	}
	_, err = a.syncClient().Create(ctx, syncclient.NewSync{
		Name: in.Body.Name, FromKind: in.Body.From.Kind, FromConnection: in.Body.From.Connection, List: in.Body.List,
		ToKind: in.Body.To.Kind, ToConnection: in.Body.To.Connection, Settings: settings, By: by(ctx, "").Who,
		Every: time.Duration(in.Body.EverySeconds) * time.Second,
	})
	out, err := a.syncAfter(ctx, in.Body.Name, err)
	if err != nil {
		return nil, err
	}
	return &createdTagged[syncclient.Sync]{pathOf("/syncs/%s", segment(in.Body.Name)), out.ETag, out.Body}, nil
}

func (a *API) showSync(ctx context.Context, in *SyncPath) (*tagged[syncclient.Sync], error) {
	return a.syncAfter(ctx, in.Sync, nil)
}

// syncAfter returns a sync after a command, or the error of the command.
func (a *API) syncAfter(ctx context.Context, name string, err error) (*tagged[syncclient.Sync], error) {
	if err != nil {
		return nil, err
	}
	view, err := a.syncClient().Show(ctx, name)
	if err != nil {
		return nil, err
	}
	return answerTagged(view.Sync(), versionTag(view.Row.Version), nil)
}

// SyncChange is the body of set-sync.
type SyncChange struct {
	Settings settingValues `json:"settings" minProperties:"1" maxProperties:"30" doc:"New values by name."`
}

type setSyncInput struct {
	SyncPath
	IfMatch
	Body SyncChange
}

func (a *API) setSync(ctx context.Context, in *setSyncInput) (*tagged[syncclient.Sync], error) {
	matches := func(before syncstore.Sync) error { return in.matches(versionTag(before.Version), nil) }
	_, err := a.syncClient().Set(ctx, in.Sync, in.Body.Settings.changes(), matches)
	return a.syncAfter(ctx, in.Sync, err)
}

func (a *API) deleteSync(ctx context.Context, in *SyncPath) (*struct{}, error) {
	return nil, a.syncClient().Delete(ctx, in.Sync)
}

type syncCommandInput struct {
	SyncPath
	Body *Reason
}

// syncCommanded returns the handler of a command to a sync.
func (a *API) syncCommanded(
	send func(ctx context.Context, name string, by starter.By) error,
) func(context.Context, *syncCommandInput) (*tagged[syncclient.Sync], error) {
	return func(ctx context.Context, in *syncCommandInput) (*tagged[syncclient.Sync], error) {
		return a.syncAfter(ctx, in.Sync, send(ctx, in.Sync, by(ctx, reasonOf(in.Body))))
	}
}

// RejectSearch is the body of find-sync-rejects.
type RejectSearch struct {
	RunID int64 `json:"run_id" minimum:"1" doc:"ID of the run."`
	Page  int64 `json:"page" minimum:"1" doc:"Number of the page."`
}

type findSyncRejectsInput struct {
	SyncPath
	Body RejectSearch
}

func (a *API) findSyncRejects(ctx context.Context, in *findSyncRejectsInput) (*tagged[syncclient.Sync], error) {
	page := syncacts.PageRef{RunID: in.Body.RunID, Page: in.Body.Page}
	return a.syncAfter(ctx, in.Sync, a.syncClient().FindRejected(ctx, in.Sync, page, by(ctx, "")))
}

// RetryRecords is the body of retry-sync-rejects.
type RetryRecords struct {
	IDs []int64 `json:"ids,omitempty" maxItems:"1000" doc:"IDs of records; all by default."`
}

type retrySyncRejectsInput struct {
	SyncPath
	Body *RetryRecords
}

type retriedOutput struct {
	Body struct {
		Records int64 `json:"records" doc:"Number of records that the next run reads and writes again."`
	}
}

func (a *API) retrySyncRejects(ctx context.Context, in *retrySyncRejectsInput) (*retriedOutput, error) {
	var ids []int64
	if in.Body != nil {
		ids = in.Body.IDs
	}
	out := &retriedOutput{}
	var err error
	out.Body.Records, err = a.syncClient().RetryRejects(ctx, in.Sync, ids, by(ctx, ""))
	return out, err
}
