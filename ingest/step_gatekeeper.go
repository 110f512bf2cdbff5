package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

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
	if only := e.Request.SenderSite; only != 0 && only != site.ID {
		// The key of one site says nothing about another.
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
	window := limit.Window
	if window == 0 {
		window = DefaultWindow
	}
	allowed, err := r.pipeline.config.Limiter.Allow(ctx, "ingest:site:"+site.Domain, limit.Events, window)
	if err != nil {
		return fmt.Errorf("count against the rate limit: %w", err)
	}
	if !allowed {
		e.drop(DropThrottle)
	}
	return nil
}
