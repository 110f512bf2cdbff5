package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/ingest/request"
)

// refuse returns the faults of a request that its sites alone can see: a timestamp before the first native day.
// Imported data serve those days, and an event would hide them.
func (r run) refuse(ctx context.Context, req request.Request) (request.Errors, error) {
	if !req.TimestampSet {
		return nil, nil
	}
	for _, domain := range req.Domains {
		site, err := r.pipeline.config.Sites.Site(ctx, domain)
		if errors.Is(err, ErrNoSite) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("find the site %s: %w", domain, err)
		}
		day := site.Day(req.Timestamp)
		if sends(req, site) && site.NativeStart != nil && day < *site.NativeStart {
			return request.Errors{request.FieldTimestamp: {fmt.Sprintf(
				"must not be before the site's first native day, %s: it is on %s", site.NativeStart, day)}}, nil
		}
	}
	return nil, nil
}
