// Package activities has the activities of Sluice's workflows: one struct a
// concern, with what it needs as fields. Every activity may run twice, also at the
// same time, and may be killed at any point.
package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
)

// ImportRef names an import.
type ImportRef struct {
	ImportID int64 `json:"import_id"`
}

// PartRef names a part of an import.
type PartRef struct {
	ImportID int64 `json:"import_id"`
	Part     int32 `json:"part"`
}

// subject is an import with everything that its importer's callbacks need.
type subject struct {
	stored   store.Import
	site     store.Site
	importer importers.Importer
	imp      importers.Import
}

// load reads an import and finds its importer.
func load(ctx context.Context, s *store.Store, registry *importers.Registry, id int64) (subject, error) {
	stored, err := s.Import(ctx, id)
	if err != nil {
		return subject{}, err
	}
	site, err := s.SiteByID(ctx, stored.SiteID)
	if err != nil {
		return subject{}, fmt.Errorf("read the site of import %d: %w", id, err)
	}
	importer, err := registry.Lookup(stored.Source)
	if err != nil {
		// A newer worker may know it: worth a retry, and clear in the Web UI.
		return subject{}, fmt.Errorf("import %d: %w", id, err)
	}
	return subject{
		stored: stored, site: site, importer: importer,
		imp: importers.Import{
			ID:       id,
			Site:     importers.Site{ID: site.ID, Domain: site.Domain, TimeZone: site.TimeZone},
			Args:     stored.Args,
			Window:   stored.Days,
			Chunk:    importers.ChunkLimit{Rows: int(stored.ChunkRows), Bytes: int(stored.ChunkBytes)},
			Feedback: feedback{store: s, id: id, activity: activity.GetInfo(ctx).ActivityID},
		},
	}, nil
}

// enter moves an import to a phase and reads it.
func enter(ctx context.Context, s *store.Store, registry *importers.Registry, id int64, phase string) (subject, error) {
	run := activity.GetInfo(ctx).WorkflowExecution.RunID
	if err := s.EnterPhase(ctx, id, run, store.StatusRunning, phase); err != nil {
		return subject{}, err
	}
	return load(ctx, s, registry, id)
}

// feedback writes an importer's messages to the import's log. The occasion of a line
// is the activity and the text, so that a retry says nothing twice, and a later
// activity may say the same again.
type feedback struct {
	store    *store.Store
	id       int64
	activity string
}

func (f feedback) Info(ctx context.Context, message string) error {
	return f.add(ctx, store.LevelInfo, message)
}

func (f feedback) Warn(ctx context.Context, message string) error {
	return f.add(ctx, store.LevelWarn, message)
}

func (f feedback) Error(ctx context.Context, message string) error {
	return f.add(ctx, store.LevelError, message)
}

func (f feedback) add(ctx context.Context, level, message string) error {
	sum := sha256.Sum256([]byte(level + message))
	return f.store.AddFeedback(ctx, f.id, level, f.activity+"/"+hex.EncodeToString(sum[:8]), message)
}

var _ importers.Feedback = feedback{}
