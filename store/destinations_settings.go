package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/db"
)

// ChangedSettings are settings to be put in the place of others.
type ChangedSettings = db.PutSettingsParams

// SaveSettings puts settings of a destination (Action "") or one of its actions in the
// place of those of the version Replaces, which is 0 if there are none yet. The error is
// ErrConflict if they are of another version by now.
func (s *Store) SaveSettings(ctx context.Context, c ChangedSettings) (DestinationSettings, error) {
	set, err := s.PutSettings(ctx, c)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrConflict
	}
	if err != nil {
		return DestinationSettings{}, fmt.Errorf("save the settings of %s: %w", named(c.Destination, c.Action), err)
	}
	return set, nil
}

// Pause keeps the jobs of a destination (action "") or one of its actions waiting. Loads
// that are under way go on to their end.
func (s *Store) Pause(ctx context.Context, destination, action, by string) error {
	return s.setPaused(ctx, db.PauseDestinationParams{
		Destination: destination, Action: action, UpdatedBy: by, Paused: true,
	})
}

// Resume is the opposite of Pause.
func (s *Store) Resume(ctx context.Context, destination, action, by string) error {
	return s.setPaused(ctx, db.PauseDestinationParams{Destination: destination, Action: action, UpdatedBy: by})
}

func (s *Store) setPaused(ctx context.Context, p db.PauseDestinationParams) error {
	if err := s.PauseDestination(ctx, p); err != nil {
		return fmt.Errorf("set whether %s is paused: %w", named(p.Destination, p.Action), err)
	}
	return nil
}

// Settings returns what people have set for a destination, by action, its own settings
// under "".
func (s *Store) Settings(ctx context.Context, destination string) (map[string]DestinationSettings, error) {
	all, err := s.SettingsOf(ctx, &destination)
	if err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w", destination, err)
	}
	byAction := make(map[string]DestinationSettings, len(all))
	for _, set := range all {
		byAction[set.Action] = set
	}
	return byAction, nil
}

// CircuitRule says when a destination is left alone.
type CircuitRule struct {
	// Threshold is after how many loads in a row that nothing has come of. Defaults to 5.
	Threshold int32
	// First is for how long then. Defaults to 1 min. It doubles with every further load
	// that nothing comes of.
	First time.Duration
	// Most is for how long at most. Defaults to 30 min.
	Most time.Duration
}

func (r CircuitRule) withDefaults() CircuitRule {
	if r.Threshold == 0 {
		r.Threshold = 5
	}
	if r.First == 0 {
		r.First = time.Minute
	}
	if r.Most == 0 {
		r.Most = 30 * time.Minute
	}
	return r
}

// NoteLoad tells the circuit breaker how a load went: reason is why nothing has come of
// it, "" if something has. It returns the breaker as it is then.
func (s *Store) NoteLoad(ctx context.Context, destination, reason string, rule CircuitRule) (Circuit, error) {
	if reason == "" {
		if _, err := s.CloseCircuit(ctx, destination); err != nil {
			return Circuit{}, fmt.Errorf("close the circuit of %s: %w", destination, err)
		}
		return Circuit{Destination: destination}, nil
	}
	rule = rule.withDefaults()
	circuit, err := s.NoteFailure(ctx, db.NoteFailureParams{
		Destination: destination, Reason: plain(reason), Threshold: rule.Threshold,
		FirstSeconds: rule.First.Seconds(), MostSeconds: rule.Most.Seconds(),
	})
	if err != nil {
		return Circuit{}, fmt.Errorf("note a failure of %s: %w", destination, err)
	}
	return circuit, nil
}

// Circuit returns the circuit breaker of a destination.
func (s *Store) Circuit(ctx context.Context, destination string) (Circuit, error) {
	circuit, err := s.CircuitOf(ctx, destination)
	if errors.Is(err, pgx.ErrNoRows) {
		return Circuit{Destination: destination}, nil
	}
	if err != nil {
		return Circuit{}, fmt.Errorf("read the circuit of %s: %w", destination, err)
	}
	return circuit, nil
}

func named(destination, action string) string {
	if action == "" {
		return destination
	}
	return destination + "/" + action
}
