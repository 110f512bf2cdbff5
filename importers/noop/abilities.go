package noop

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/sluicehq/sluice/importers"
)

// Dependencies returns Args.Locks.
func (*Importer) Dependencies(site string, raw []byte) ([]importers.Dependency, error) {
	args, err := decode(raw)
	if err != nil || len(args.Locks) > 0 {
		return args.Locks, err
	}
	return []importers.Dependency{{Resource: importers.SiteResource(site)}}, nil
}

// Fingerprint returns Args.Fingerprint.
func (*Importer) Fingerprint(_ context.Context, imp importers.Import) (string, error) {
	args, err := stored(imp)
	return args.Fingerprint, err
}

// Summarize lists the data of before_start and of the parts, if there are any.
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

// StageDone does nothing, or fails as configured.
func (n *Importer) StageDone(ctx context.Context, _ *sql.Tx, imp importers.Import) error {
	return n.hook(ctx, imp, StageDone)
}
