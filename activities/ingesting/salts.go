// Package ingesting has the activities of the ingestion.
package ingesting

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/internal/ingesting"
)

// Rotation is what a rotation of salts has done.
type Rotation = ingesting.Rotation

// Salts rotates the salts of visitors' IDs.
type Salts struct {
	// Secrets is required.
	Secrets *ingesting.Secrets
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Rotate creates the salts of today and tomorrow if they do not exist, and deletes those of the days before
// yesterday. It is idempotent. Every error can be retried: a missing key set may be added.
func (s *Salts) Rotate(ctx context.Context) (Rotation, error) {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	done, err := s.Secrets.Rotate(ctx, now())
	if err != nil {
		return Rotation{}, err
	}
	activity.GetLogger(ctx).Info("salts rotated", "today", done.Today.String(), "deleted", done.Deleted)
	return done, nil
}
