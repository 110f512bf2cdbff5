package noop

import (
	"context"

	"github.com/jackc/pgx/v5"

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

// StageDone does nothing but misbehave.
func (n *Importer) StageDone(ctx context.Context, _ pgx.Tx, imp importers.Import) error {
	return n.hook(ctx, imp, StageDone)
}
