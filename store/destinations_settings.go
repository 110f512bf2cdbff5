package store

import (
	"context"
	"errors"
	"fmt"

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

// AllSettings returns the settings of all destinations, by destination and as Settings has them.
func (s *Store) AllSettings(ctx context.Context) (map[string]map[string]DestinationSettings, error) {
	all, err := s.SettingsOf(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read the settings of all destinations: %w", err)
	}
	by := map[string]map[string]DestinationSettings{}
	for _, set := range all {
		if by[set.Destination] == nil {
			by[set.Destination] = map[string]DestinationSettings{}
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
