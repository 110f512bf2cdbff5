package noop

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/sluicehq/sluice/importers"
)

// Dependencies returns what Args.Locks says.
func (*Importer) Dependencies(site string, raw []byte) ([]importers.Dependency, error) {
	args, err := decode(raw)
	if err != nil || len(args.Locks) > 0 {
		return args.Locks, err
	}
	return []importers.Dependency{{Resource: importers.SiteResource(site)}}, nil
}

// Fingerprint returns what Args.Fingerprint says.
func (*Importer) Fingerprint(_ context.Context, imp importers.Import) (string, error) {
	args, err := stored(imp)
	return args.Fingerprint, err
}

// Summarize lists what before_start and the parts have returned, if they have.
func (*Importer) Summarize(
	_ context.Context, imp importers.Import, parts []importers.PartData,
) (json.RawMessage, error) {
	if imp.Checked == nil {
		return nil, nil
	}
	summary := struct {
		Checked json.RawMessage   `json:"checked"`
		Parts   []json.RawMessage `json:"parts"`
	}{Checked: imp.Checked, Parts: []json.RawMessage{}}
	for _, part := range parts {
		summary.Parts = append(summary.Parts, part.Data)
	}
	return json.Marshal(summary)
}

// StageDone does nothing but misbehave.
func (n *Importer) StageDone(ctx context.Context, _ *sql.Tx, imp importers.Import) error {
	return n.hook(ctx, imp, StageDone)
}
