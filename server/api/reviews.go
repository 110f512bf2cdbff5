package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/importview"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// reviews adds the operations of reviews.
func (a *API) reviews() {
	register(a, operation{
		id: "list-reviews", method: http.MethodGet, path: "/reviews", tag: "reviews",
		summary: "List reviews, oldest first", need: access.PermissionRead, reach: reachSome,
	}, a.listReviews)
}

type listReviewsInput struct {
	Page
	Site string `query:"site" maxLength:"253" doc:"Only imports of the site with this domain."`
	All  bool   `query:"all" doc:"Include decided reviews."`
}

// reviewKey is the key of a review in a listing.
type reviewKey struct {
	OpenedAt time.Time `json:"o"`
	ImportID int64     `json:"i"`
}

func (a *API) listReviews(ctx context.Context, in *listReviewsInput) (*List[importview.Review], error) {
	scope, err := access.RequireScope(ctx, access.PermissionRead)
	if err != nil {
		return nil, err
	}
	var after reviewKey
	if err := in.after("list-reviews", &after); err != nil {
		return nil, err
	}
	query := importstore.ReviewQuery{AllOfThem: in.All, Sites: scope.Domains(), RowLimit: int32(in.Limit) + 1}
	if in.Site != "" {
		query.SiteDomain = &in.Site
	}
	if after.ImportID != 0 {
		query.AfterOpened, query.AfterImport = &after.OpenedAt, after.ImportID
	}
	reviews, err := a.cfg.Starter.Store.Imports.ListReviews(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("list reviews: %w", err)
	}
	views := convert.Slice(reviews, importview.ReviewOf)
	return paged(ctx, in.Page, "list-reviews", views, func(r importview.Review) any {
		return reviewKey{OpenedAt: r.OpenedAt, ImportID: r.ImportID}
	})
}
