package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// ChangedSettings are settings that replace others.
type ChangedSettings = db.PutSettingsParams

// SaveSettings replaces the settings of a destination (Action "") or of one of its actions. Replaces is
// their version, 0 if there are none. The error is ErrConflict if they have another version.
func (s *Store) SaveSettings(ctx context.Context, c ChangedSettings) (Settings, error) {
	set, err := s.sql.Queries.PutSettings(ctx, c)
	if errors.Is(err, pgx.ErrNoRows) {
		err = store.ErrConflict
	}
	if err != nil {
		return Settings{}, fmt.Errorf("save the settings of %s: %w", named(c.Destination, c.Action), err)
	}
	return set, nil
}

// Pause pauses a destination (action "") or one of its actions: jobs wait. Batches in flight are not
// interrupted.
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
	if err := s.sql.InTx(ctx, func(q *db.Queries) error { return q.PauseDestination(ctx, p) }); err != nil {
		return fmt.Errorf("change whether %s is paused: %w", named(p.Destination, p.Action), err)
	}
	return nil
}

// Settings returns the operator's settings of a destination by action; those of the destination itself
// are under "".
func (s *Store) Settings(ctx context.Context, destination string) (map[string]Settings, error) {
	all, err := s.sql.Queries.SettingsOf(ctx, &destination)
	if err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w", destination, err)
	}
	byAction := make(map[string]Settings, len(all))
	for _, set := range all {
		byAction[set.Action] = set
	}
	return byAction, nil
}

// AllSettings returns the settings of all destinations by destination and action.
func (s *Store) AllSettings(ctx context.Context) (map[string]map[string]Settings, error) {
	all, err := s.sql.Queries.SettingsOf(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read the settings of all destinations: %w", err)
	}
	by := map[string]map[string]Settings{}
	for _, set := range all {
		if by[set.Destination] == nil {
			by[set.Destination] = map[string]Settings{}
		}
		by[set.Destination][set.Action] = set
	}
	return by, nil
}

func named(destination, action string) string {
	if action == "" {
		return destination
	}
	return destination + "/" + action
}
