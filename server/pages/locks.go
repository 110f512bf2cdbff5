package pages

import (
	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/starter"
)

// locks adds the pages of locks and notifications.
func (p *Pages) locks() {
	p.nav("Settings", "/notifications", "Notifications", access.PermissionRead, false)
	p.page("GET /notifications", "notifications", func(v *visit) (any, error) {
		return getPage[starter.SentNotification](v, "/notifications", "import")
	})
	p.nav("Settings", "/locks", "Locks", access.PermissionRead, false)
	p.page("GET /locks", "locks", func(v *visit) (any, error) {
		return getPage[starter.Lock](v, "/locks", "resource")
	})
}
