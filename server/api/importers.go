package api

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/importers"
)

// Importer is a source of imports that the server knows.
type Importer struct {
	Name      string             `json:"name" doc:"Name for the field source of start-import."`
	Label     string             `json:"label" doc:"What people see."`
	Files     bool               `json:"files" doc:"It reads files: an upload, or the argument paths."`
	Arguments []ImporterArgument `json:"arguments" maxItems:"200" doc:"Its arguments, without paths of files."`
	Workers   int                `json:"workers" doc:"Number of live workers that have it; an import waits while there is none."`
}

// ImporterArgument is an argument of an importer.
type ImporterArgument struct {
	Name     string `json:"name"`
	Type     string `json:"type" doc:"JSON type, such as list of strings."`
	Required bool   `json:"required"`
	Default  string `json:"default" doc:"Value of an omitted argument; empty if that is the zero value of the type."`
	Usage    string `json:"usage" doc:"Its meaning, in one line."`
}

// ImporterList are the importers, with what the server demands of all imports.
type ImporterList struct {
	Items                 []Importer `json:"items" maxItems:"1000"`
	RequireSecondApprover bool       `json:"require_second_approver" doc:"The requester of an import cannot accept it in its review."`
}

// importers adds the operation on importers.
func (a *API) importers() {
	register(a, operation{
		id: "list-importers", method: http.MethodGet, path: "/importers", tag: tagImports,
		summary: "List the importers with their arguments", need: access.PermissionRead, reach: reachSome,
	}, a.listImporters)
}

func (a *API) listImporters(ctx context.Context, _ *struct{}) (*output[ImporterList], error) {
	workers, err := a.cfg.Starter.Store.LiveWorkers(ctx)
	if err != nil {
		return nil, err
	}
	out := &output[ImporterList]{ImporterList{
		Items: []Importer{}, RequireSecondApprover: a.cfg.Starter.Review.RequireSecondApprover,
	}}
	for _, known := range a.cfg.Starter.Registry.All() {
		_, files := known.(importers.FileReader)
		view := Importer{
			Name: known.Name(), Label: known.Label(), Files: files, Arguments: []ImporterArgument{},
			Workers: len(workers.WithImporter(known.Name())),
		}
		if describer, ok := known.(importers.Describer); ok {
			for _, argument := range describer.Arguments() {
				if !files || argument.Name != pathsArg {
					view.Arguments = append(view.Arguments, ImporterArgument(argument))
				}
			}
		}
		out.Body.Items = append(out.Body.Items, view)
	}
	return out, nil
}
