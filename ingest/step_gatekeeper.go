package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/ingest/request"
)

// sends reports whether the sender may send events of the site: the key of one site says nothing about another.
func sends(r request.Request, site *Site) bool { return r.SenderSite == 0 || r.SenderSite == site.ID }

// gateKeeper finds the site and drops what it may not take.
func (r run) gateKeeper(ctx context.Context, e *Event) error {
	site, err := r.pipeline.config.Sites.Site(ctx, e.Domain)
	if errors.Is(err, ErrNoSite) {
		e.drop(DropNotFound)
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the site: %w", err)
	}
	if !sends(e.Request, site) {
		e.drop(DropNotFound)
		return nil
	}
	e.Site = site
	if until := site.AcceptTrafficUntil; !until.IsZero() && until.Before(r.now.Truncate(24*time.Hour)) {
		e.drop(DropPaymentRequired)
		return nil
	}
	limit := site.RateLimit
	if limit == nil {
		return nil
	}
	if limit.Events == 0 {
		e.drop(DropBlock)
		return nil
	}
	window := cmp.Or(limit.Window, DefaultWindow)
	allowed, err := r.pipeline.config.Limiter.Allow(ctx, "ingest:site:"+site.Domain, limit.Events, window)
	if err != nil {
		return fmt.Errorf("count against the rate limit: %w", err)
	}
	if !allowed {
		e.drop(DropThrottle)
	}
	return nil
}
