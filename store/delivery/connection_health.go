package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Health is the health of a connection with its circuit: closed if OpenUntil is nil, open until
// then, half-open after that. PausedAt is set if an operator has paused the connection.
type Health = db.ConnectionHealth

// The states of a connection.
const (
	// ConnectionHealthy means that jobs are delivered.
	ConnectionHealthy = "healthy"
	// ConnectionFailing means that batches have failed, too few to open the circuit.
	ConnectionFailing = "failing"
	// ConnectionOpen means that the circuit is open: its jobs wait.
	ConnectionOpen = "open"
	// ConnectionHalfOpen means that one job at a time is delivered until one succeeds.
	ConnectionHalfOpen = "half-open"
	// ConnectionPaused means that an operator has opened the circuit.
	ConnectionPaused = "paused"
)

// ConnectionStates returns all states of connections.
func ConnectionStates() []string {
	return []string{ConnectionHealthy, ConnectionFailing, ConnectionOpen, ConnectionHalfOpen, ConnectionPaused}
}

// ConnectionState returns the state of a connection at a time.
func ConnectionState(h Health, now time.Time) string {
	switch {
	case h.PausedAt != nil:
		return ConnectionPaused
	case h.OpenUntil != nil && h.OpenUntil.After(now):
		return ConnectionOpen
	case h.OpenUntil != nil:
		return ConnectionHalfOpen
	case h.Failures > 0:
		return ConnectionFailing
	default:
		return ConnectionHealthy
	}
}

// NamedConnection returns the name of the connection of a job's key, "" for the key of jobs without a
// connection.
func NamedConnection(key string) string {
	if strings.HasPrefix(key, "@") {
		return ""
	}
	return key
}

// CircuitRule configures the circuit breakers of connections.
type CircuitRule struct {
	// Threshold is how many consecutive batches have to fail, each with another job. Defaults to 5.
	Threshold int32
	// First is for how long the circuit opens at first. It doubles with every failed probe. Defaults to
	// 1 min.
	First time.Duration
	// Max bounds the time for which it opens. Defaults to 30 min.
	Max time.Duration
}

func (r CircuitRule) withDefaults() CircuitRule {
	r.Threshold = cmp.Or(r.Threshold, 5)
	r.First = cmp.Or(r.First, time.Minute)
	r.Max = cmp.Or(r.Max, 30*time.Minute)
	return r
}

// Evidence is the evidence of a batch about the health of its connection. The zero value is none.
type Evidence struct {
	// Succeeded says that a job has succeeded: the connection is healthy.
	Succeeded bool
	// Failed are the IDs of jobs that have failed because of the connection. It counts only if no job
	// has succeeded.
	Failed []string
	// Gone says that the endpoint has refused all further requests: the connection is paused.
	Gone bool
	// Reason is the first error. It has no secret.
	Reason string
}

// PausedBySluice is the author of the pause of a connection whose endpoint is gone. Such a pause also ends
// when the settings of the connection change.
const PausedBySluice = "sluice"

// maxEvidence is how many jobs of a batch are recorded as evidence.
const maxEvidence = 100

// NoteEvidence records the result of a batch with the connection's circuit breaker and
// returns its health, which is zero unless the batch has failed.
func (s *Store) NoteEvidence(
	ctx context.Context, connection string, e Evidence, rule CircuitRule,
) (h Health, err error) {
	rule = rule.withDefaults()
	switch {
	case e.Gone:
		err = s.PauseConnection(ctx, connection, Order{By: PausedBySluice, Reason: e.Reason})
		if errors.Is(err, store.ErrNotFound) {
			// The connection was removed, or the job names none.
			err = s.sql.Queries.EndProbe(ctx, connection)
		} else if err == nil {
			h, err = s.Health(ctx, connection)
		}
	case e.Succeeded:
		_, err = s.sql.Queries.CloseCircuits(ctx, []string{connection})
	case len(e.Failed) == 0:
		err = s.sql.Queries.EndProbe(ctx, connection)
	default:
		h, err = s.sql.Queries.NoteFailure(ctx, db.NoteFailureParams{
			Connection: connection, Jobs: e.Failed[:min(len(e.Failed), maxEvidence)], Reason: store.Plain(e.Reason),
			Threshold: rule.Threshold, FirstSeconds: rule.First.Seconds(), MaxSeconds: rule.Max.Seconds(),
		})
	}
	if err != nil {
		return Health{}, fmt.Errorf("record the health of connection %s: %w", connection, err)
	}
	return h, nil
}

// Unhealthy returns the unhealthy connections by name.
func (s *Store) Unhealthy(ctx context.Context) ([]Health, error) {
	all, err := s.sql.Queries.ListHealth(ctx)
	if err != nil {
		return nil, fmt.Errorf("list unhealthy connections: %w", err)
	}
	return all, nil
}

// Health returns the health of a connection.
func (s *Store) Health(ctx context.Context, connection string) (Health, error) {
	rows, err := s.sql.Queries.HealthOf(ctx, []string{connection})
	if err != nil {
		return Health{}, fmt.Errorf("read the health of connection %s: %w", connection, err)
	}
	if len(rows) == 0 {
		return Health{Connection: connection}, nil
	}
	return rows[0], nil
}

// UnhealthyOf returns up to limit unhealthy connections that jobs of an action wait for, by name.
func (s *Store) UnhealthyOf(ctx context.Context, destination, action string, limit int32) ([]Health, error) {
	all, err := s.sql.Queries.HealthForAction(ctx, db.HealthForActionParams{
		Destination: destination, Action: action, RowLimit: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("list unhealthy connections of %s: %w", named(destination, action), err)
	}
	return all, nil
}
