package ingesting

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/ingest"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// AddShields adds rules to a site. Those that it has stay. The errors are store.ErrNotFound, and store.ErrLimit if the
// rules are too many or wrong.
func (s *Sites) AddShields(ctx context.Context, domain string, rules ingest.Shields) (ingeststore.Site, error) {
	return s.changeShields(ctx, "site.shield.add", domain, rules, ingest.Shields{})
}

// RemoveShields removes rules from a site. The errors are store.ErrNotFound, and store.ErrConflict if it lacks one of
// them.
func (s *Sites) RemoveShields(ctx context.Context, domain string, rules ingest.Shields) (ingeststore.Site, error) {
	return s.changeShields(ctx, "site.shield.remove", domain, ingest.Shields{}, rules)
}

// ChangeShields adds rules to a site and removes others at once. The errors are those of AddShields and RemoveShields.
func (s *Sites) ChangeShields(
	ctx context.Context, domain string, add, remove ingest.Shields,
) (ingeststore.Site, error) {
	return s.changeShields(ctx, "site.shield.change", domain, add, remove)
}

func (s *Sites) changeShields(
	ctx context.Context, operation, domain string, add, remove ingest.Shields,
) (ingeststore.Site, error) {
	return s.change(ctx, operation, domain, func(site *ingeststore.Site) error {
		c := &site.Settings
		err := errors.Join(
			change(&c.ShieldIPs, add.IPs, remove.IPs, "IP rule"),
			change(&c.ShieldCountries, add.Countries, remove.Countries, "country rule"),
			change(&c.ShieldPages, add.Pages, remove.Pages, "page rule"),
			change(&c.ShieldHostnames, add.Hostnames, remove.Hostnames, "hostname rule"),
		)
		if err != nil {
			return err
		}
		return checkSettings(*site)
	})
}
