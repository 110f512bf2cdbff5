package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// pathsArg is the argument of importers that read files.
const pathsArg = "paths"

// argsOf returns the arguments of an importer. The file of an upload becomes its path; no other argument may lead to
// the folder of uploads, where the files of all sites are.
func (a *API) argsOf(ctx context.Context, r ImportRequest, site string) (json.RawMessage, error) {
	args := map[string]json.RawMessage{}
	for name, value := range r.Args {
		if a.leadsToUploads(value) {
			return nil, invalidField("#/args/"+name, `want the ID of an upload as the field "upload", not the path of its file`)
		}
		args[name] = value
	}
	if r.Upload != "" {
		if _, twice := args[pathsArg]; twice {
			return nil, invalidField("#/upload", `"upload" and the argument "paths" exclude each other`)
		}
		path, err := a.cfg.Uploads.Hold(ctx, site, r.Upload)
		if err != nil {
			return nil, uploadProblem(err)
		}
		if args[pathsArg], err = json.Marshal([]string{path}); err != nil {
			return nil, fmt.Errorf("encode the path of an upload: %w", err)
		}
	}
	encoded, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("encode the arguments: %w", err)
	}
	return encoded, nil
}

// leadsToUploads tells whether a JSON value has a text that is a path into the folder of uploads.
func (a *API) leadsToUploads(value json.RawMessage) bool {
	var decoded any
	if json.Unmarshal(value, &decoded) != nil {
		return false
	}
	return anyText(decoded, a.cfg.Uploads.Contains)
}

// anyText tells whether a condition holds for a text in a decoded JSON value.
func anyText(value any, holds func(text string) bool) bool {
	switch v := value.(type) {
	case string:
		return holds(v)
	case []any:
		for _, one := range v {
			if anyText(one, holds) {
				return true
			}
		}
	case map[string]any:
		for _, one := range v {
			if anyText(one, holds) {
				return true
			}
		}
	}
	return false
}

// startWith starts an import that reads an upload, or none if its ID is empty. The import is created first, so that the
// upload is kept until it has ended.
func (a *API) startWith(ctx context.Context, request starter.Request, upload string) (importstore.Import, error) {
	if upload == "" {
		return a.cfg.Starter.StartImport(ctx, request)
	}
	created, err := a.cfg.Starter.CreateImport(ctx, request)
	if err != nil {
		return importstore.Import{}, err
	}
	if err := a.serving.NoteImport(ctx, upload, created.ID); err != nil {
		return importstore.Import{}, err
	}
	launched, err := a.cfg.Starter.Launch(ctx, created, request.Site)
	if err != nil || request.CheckTimeout <= 0 {
		return launched, err
	}
	return a.cfg.Starter.AwaitCheck(ctx, launched, request.CheckTimeout)
}
