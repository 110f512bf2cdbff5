package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// tagImports is the resource of imports in the document.
const tagImports = "imports"

// imports adds the operations of imports.
func (a *API) imports() {
	register(a, operation{
		id: "list-imports", method: http.MethodGet, path: "/imports", tag: tagImports,
		summary: "List imports, newest first", need: access.PermissionRead, reach: reachSome,
	}, a.listImports)
	register(a, operation{
		id: "show-import", method: http.MethodGet, path: "/imports/{import}", tag: tagImports,
		summary: "Show an import", need: access.PermissionRead, reach: reachImport,
	}, a.showImport)
	register(a, operation{
		id: "start-import", method: http.MethodPost, path: "/sites/{site}/imports", tag: tagImports,
		summary: "Start an import", need: access.PermissionOperate, reach: reachSite, status: http.StatusCreated,
		description: "Waits until a worker has checked the source, but at most `check_timeout_seconds`; `checked_at` is " +
			"null if none has by then, and the import continues.",
		problems: []problemType{problemLimit, problemSource, problemDisabled},
	}, a.startImport)
	register(a, operation{
		id: "try-import", method: http.MethodPost, path: "/sites/{site}/imports/dry-run", tag: tagImports,
		summary: "Show what an import would do, and start none", need: access.PermissionOperate, reach: reachSite,
		reads:       true,
		description: "A worker looks into the source. Nothing is written.",
		problems:    []problemType{problemLimit, problemNoWorker, problemDisabled},
	}, a.tryImport)
	a.importDetails()
	a.importCommands()
	a.reviews()
}

// ImportPath is the input of an operation on an import.
type ImportPath struct {
	Import int64 `path:"import" minimum:"1" doc:"ID of the import."`
}

type listImportsInput struct {
	Page
	Site   string   `query:"site" maxLength:"253" doc:"Only imports of the site with this domain."`
	Source string   `query:"source" maxLength:"100" doc:"Only imports of the importer of this name."`
	Status []string `query:"status" maxItems:"20" doc:"Only imports with one of these statuses, separated by commas."`
	By     string   `query:"by" maxLength:"200" doc:"Only imports that were requested by this name."`
}

func (a *API) listImports(ctx context.Context, in *listImportsInput) (*List[importview.Import], error) {
	statuses, err := importview.ParseStatuses(in.Status)
	if err != nil {
		return nil, invalidParameter("status", err.Error())
	}
	read := func(scope access.Scope, before int64, limit int) ([]importview.Import, error) {
		summaries, err := a.cfg.Starter.Store.Imports.Summaries(ctx, importstore.Listing{
			Site: in.Site, Sites: scope.Domains(), Source: in.Source, By: in.By, Statuses: statuses, BeforeID: before,
			Limit: int32(limit),
		})
		if err != nil {
			return nil, fmt.Errorf("list imports: %w", err)
		}
		workers, err := a.workersFor(ctx, summaries...)
		return convert.Slice(summaries, func(s importstore.Summary) importview.Import {
			return importview.New(workers, s)
		}), err
	}
	return scopedPage(ctx, in.Page, read, func(i importview.Import) int64 { return i.ID })
}

// ImportDetails is everything about an import but its parts.
type ImportDetails struct {
	importview.Import
	importview.Extra
	Commands              []string        `json:"commands" doc:"Commands that it accepts from the caller in this state: pause, resume, rate, cancel, decision or delete."`
	RequireSecondApprover bool            `json:"require_second_approver" doc:"The requester cannot accept it."`
	Args                  json.RawMessage `json:"args" doc:"Arguments of the importer, an object."`
	PartsByStatus         map[string]int  `json:"parts_by_status" doc:"Numbers of its parts by their status; empty before it is planned."`
}

func (a *API) showImport(ctx context.Context, in *ImportPath) (*output[ImportDetails], error) {
	imports := a.cfg.Starter.Store.Imports
	summary, err := imports.Details(ctx, in.Import)
	if err != nil {
		return nil, err
	}
	workers, err := a.workersFor(ctx, summary)
	if err != nil {
		return nil, err
	}
	waits, err := importview.WaitsOf(ctx, imports, workers, summary.Import)
	if err != nil {
		return nil, err
	}
	counts, err := imports.PartsByStatus(ctx, in.Import)
	return answer(ImportDetails{
		Import: importview.New(workers, summary), Extra: importview.ExtraOf(summary, waits),
		Commands: commandsOf(ctx, summary.Import), RequireSecondApprover: summary.Import.RequireSecondApprover,
		Args: summary.Import.Args, PartsByStatus: counts,
	}, err)
}

// workersFor returns the live workers, or none if no import needs one now.
func (a *API) workersFor(ctx context.Context, summaries ...importstore.Summary) (store.Workers, error) {
	if !slices.ContainsFunc(summaries, func(s importstore.Summary) bool { return importview.NeedsWorker(s.Import) }) {
		return nil, nil
	}
	return a.cfg.Starter.Store.LiveWorkers(ctx)
}

// commandsOf returns the commands that an import accepts from the caller.
func commandsOf(ctx context.Context, i importstore.Import) []string {
	principal, _ := access.From(ctx)
	return slices.DeleteFunc(importview.Commands(i), func(command string) bool {
		need := access.PermissionOperate
		if command == importview.CommandDecide {
			need = access.PermissionReview
		}
		return !principal.Role.Allows(need)
	})
}

// ImportRequest asks for an import. Settings that are left out are those of the server.
type ImportRequest struct {
	Source         string                     `json:"source" minLength:"1" maxLength:"100" doc:"Name of the importer." example:"csv"`
	Args           map[string]json.RawMessage `json:"args,omitempty" doc:"Arguments of the importer. The paths of files are those of workers, below csv.roots."`
	Upload         string                     `json:"upload,omitempty" maxLength:"26" doc:"ID of an uploaded file, in place of the argument paths."`
	Label          string                     `json:"label,omitempty" maxLength:"200" doc:"What people see. Defaults to the importer's label."`
	Parallelism    *int                       `json:"parallelism,omitempty" minimum:"1" maximum:"64" doc:"Number of parts that are loaded at a time."`
	MaxRejects     *int64                     `json:"max_rejects,omitempty" minimum:"0" doc:"Tolerated number of rejected rows per part."`
	MaxRejectShare *float64                   `json:"max_reject_share,omitempty" minimum:"0" maximum:"1" doc:"Tolerated share of rejected rows per part, if that is more."`
	OnPartFailure  *string                    `json:"on_part_failure,omitempty" enum:"park,fail" doc:"What happens when the retries of a part are exhausted."`
	Review         *bool                      `json:"review,omitempty" doc:"Require a review before rows become visible. Defaults to the importer's choice."`
	RowsPerSecond  int64                      `json:"rows_per_second,omitempty" minimum:"0" doc:"Limit of the rate; 0 for none."`
	Notify         []string                   `json:"notify,omitempty" maxItems:"20" doc:"E-mail addresses that receive notifications."`
}

// request returns the request to package starter.
func (r ImportRequest) request(ctx context.Context, a *API, site string) (starter.Request, error) {
	args, err := a.argsOf(ctx, r, site)
	if err != nil {
		return starter.Request{}, err
	}
	settings := a.cfg.Starter.Defaults
	set(&settings.Parallelism, r.Parallelism)
	set(&settings.MaxRejects, r.MaxRejects)
	set(&settings.MaxRejectShare, r.MaxRejectShare)
	set(&settings.OnPartFailure, r.OnPartFailure)
	return starter.Request{
		Site: site, Source: r.Source, Label: r.Label, Args: args, Settings: &settings, By: by(ctx, "").Who,
		Notify: r.Notify, Review: r.Review, RowsPerSecond: r.RowsPerSecond,
	}, nil
}

// set replaces a setting by a value that is given.
func set[T any](setting, value *T) {
	if value != nil {
		*setting = *value
	}
}

type startImportInput struct {
	Site string `path:"site" maxLength:"253" doc:"Domain of the site."`
	Key  string `header:"Idempotency-Key" hidden:"true"`
	Body struct {
		ImportRequest
		CheckTimeoutSeconds *float64 `json:"check_timeout_seconds,omitempty" minimum:"0" maximum:"60" doc:"Maximum wait for the check of the source; 15 by default."`
	}
}

// defaultCheck is the default wait for the check of a source.
const defaultCheck = 15 * time.Second

func (a *API) startImport(ctx context.Context, in *startImportInput) (*created[importview.Import], error) {
	request, err := in.Body.request(ctx, a, in.Site)
	if err != nil {
		return nil, err
	}
	request.IdempotencyKey, request.CheckTimeout = importKey(ctx, in.Key), defaultCheck
	if seconds := in.Body.CheckTimeoutSeconds; seconds != nil {
		request.CheckTimeout = time.Duration(*seconds * float64(time.Second))
	}
	imp, err := a.startWith(ctx, request, in.Body.Upload)
	if err != nil {
		return nil, err
	}
	view, err := a.importView(ctx, imp.ID)
	if err != nil {
		return nil, err
	}
	return &created[importview.Import]{Location: pathOf("/imports/%d", imp.ID), Body: view}, nil
}

// importView returns the form of an import.
func (a *API) importView(ctx context.Context, id int64) (importview.Import, error) {
	summary, err := a.cfg.Starter.Store.Imports.Summary(ctx, id)
	if err != nil {
		return importview.Import{}, err
	}
	workers, err := a.workersFor(ctx, summary)
	if err != nil {
		return importview.Import{}, err
	}
	return importview.New(workers, summary), nil
}

// pathOf returns a path of the API.
func pathOf(format string, args ...any) string { return Prefix + fmt.Sprintf(format, args...) }
