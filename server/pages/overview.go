package pages

import (
	"net/url"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/importview"
)

// overview adds the first page.
func (p *Pages) overview() {
	p.nav("", "/", "Overview", access.PermissionRead, false)
	p.page("GET /{$}", "overview", p.overviewPage)
}

// overviewShown is what needs a person, and what is under way.
type overviewShown struct {
	// Waiting are imports that need a decision, and Failed those that have failed last.
	Waiting, Running, Failed List[importview.Import]
}

// overviewLimit is the number of imports of each kind.
const overviewLimit = "10"

func (p *Pages) overviewPage(v *visit) (any, error) {
	var shown overviewShown
	for _, read := range []struct {
		into   *List[importview.Import]
		status string
	}{
		{&shown.Waiting, "parked,in_review"}, {&shown.Running, "running,queued"}, {&shown.Failed, "failed"},
	} {
		list, err := get[List[importview.Import]](v, "/imports", url.Values{
			"status": {read.status}, "limit": {overviewLimit},
		})
		if err != nil {
			return nil, err
		}
		*read.into = list
	}
	return shown, nil
}
