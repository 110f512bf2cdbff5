package api

import (
	"context"
	"net/http"

	"github.com/sluicehq/sluice/access"
)

// siteImports adds the operation on all imports of a site.
func (a *API) siteImports() {
	register(a, operation{
		id: "forget-site-imports", method: http.MethodPost, path: "/sites/{site}/forget-imports", tag: tagImports,
		summary: "Delete all imports of a site and their rows", need: access.PermissionOperate, reach: reachSite,
		status: http.StatusAccepted,
		description: "All must have ended; otherwise none is deleted. It answers once the deletions are under way: workers " +
			"make the rows invisible, then purge them. Afterwards the imports are not found.",
		problems: []problemType{problemConflict},
	}, a.forgetSiteImports)
}

// ForgottenImports is the answer of forget-site-imports.
type ForgottenImports struct {
	Imports []int64 `json:"imports" doc:"IDs of the imports that are being deleted, oldest first."`
}

func (a *API) forgetSiteImports(ctx context.Context, in *SitePath) (*output[ForgottenImports], error) {
	ids, err := a.cfg.Starter.ForgetImports(ctx, in.Site)
	return answer(ForgottenImports{append([]int64{}, ids...)}, err)
}
