package delivery

import (
	"context"

	"github.com/sluicehq/sluice/store/internal/db"
)

// FlowInForce is the current version of a flow.
type FlowInForce = db.FlowVersionsInForceRow

// EditsOf returns the earlier payloads of a job, oldest first.
func (s *Store) EditsOf(ctx context.Context, jobID string) ([]JobEdit, error) {
	return s.sql.Queries.EditsOf(ctx, jobID)
}

// FlowVersionsInForce returns the current version of each flow.
func (s *Store) FlowVersionsInForce(ctx context.Context) ([]FlowInForce, error) {
	return s.sql.Queries.FlowVersionsInForce(ctx)
}

// FlowVersionsOf returns the versions of a flow, newest first.
func (s *Store) FlowVersionsOf(ctx context.Context, name string) ([]FlowVersion, error) {
	return s.sql.Queries.FlowVersionsOf(ctx, name)
}

// TransitionsOf returns the history of a job, oldest first.
func (s *Store) TransitionsOf(ctx context.Context, jobID string) ([]Transition, error) {
	return s.sql.Queries.TransitionsOf(ctx, jobID)
}
