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
	read := func(scope access.Scope, after reviewKey, limit int) ([]importview.Review, error) {
		query := importstore.ReviewQuery{AllOfThem: in.All, Sites: scope.Domains(), RowLimit: int32(limit)}
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
		return convert.Slice(reviews, importview.ReviewOf), nil
	}
	return scopedPage(ctx, in.Page, read, func(r importview.Review) reviewKey {
		return reviewKey{OpenedAt: r.OpenedAt, ImportID: r.ImportID}
	})
}
