package warehouse

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing/fstest"
	"text/template"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"

	"github.com/sluicehq/sluice/internal/migration"
)

// The first migration has number 100, for the reason that package store gives.
//
//go:embed migrations/*.sql
var migrations embed.FS

// deduplicationWindow is the number of inserts whose tokens a table keeps. A retry must follow
// within that many inserts of other chunks into the same table, which holds for imports that
// insert tens of chunks a minute.
const deduplicationWindow = 10000

// Migrations returns the migrator of the warehouse. ClickHouse has no locks against concurrent
// migrators; the statements are idempotent instead. The caller closes the migrator.
func (w *Warehouse) Migrations() (*migration.Migrator, error) {
	files, err := renderMigrations(w.cluster)
	if err != nil {
		return nil, err
	}
	database := migration.Database{Name: "warehouse", Place: fmt.Sprintf("database %q at %s",
		w.options.Auth.Database, strings.Join(w.options.Addr, ", "))}
	return migration.New(database, goose.DialectClickHouse, clickhouse.OpenDB(w.options), files)
}

// Migrate applies all pending migrations of the warehouse.
func (w *Warehouse) Migrate(ctx context.Context) error { return migration.Up(ctx, w.Migrations) }

var clusterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// checkCluster refuses names that are not plain identifiers in a statement.
func checkCluster(cluster string) error {
	if cluster != "" && !clusterName.MatchString(cluster) {
		return fmt.Errorf("%q is not the name of a cluster: it must match %s", cluster, clusterName)
	}
	return nil
}

// engines holds the differences between a single server and a cluster.
type engines struct{ OnCluster, MergeTree, ReplacingMergeTree, Deduplicate string }

func enginesFor(cluster string) (engines, error) {
	if cluster == "" {
		return engines{
			MergeTree:          "MergeTree",
			ReplacingMergeTree: "ReplacingMergeTree(version)",
			Deduplicate:        fmt.Sprintf("non_replicated_deduplication_window = %d", deduplicationWindow),
		}, nil
	}
	if err := checkCluster(cluster); err != nil {
		return engines{}, err
	}
	const replica = `'/clickhouse/tables/{uuid}/{shard}', '{replica}'`
	return engines{
		OnCluster:          " ON CLUSTER '" + cluster + "'",
		MergeTree:          "ReplicatedMergeTree(" + replica + ")",
		ReplacingMergeTree: "ReplicatedReplacingMergeTree(" + replica + ", version)",
		Deduplicate: fmt.Sprintf("replicated_deduplication_window = %d, replicated_deduplication_window_seconds = 604800",
			deduplicationWindow),
	}, nil
}

// renderMigrations returns the migration files with the engines filled in.
func renderMigrations(cluster string) (fs.FS, error) {
	values, err := enginesFor(cluster)
	if err != nil {
		return nil, err
	}
	templates, err := template.New("").Option("missingkey=error").ParseFS(migrations, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("parse the warehouse's migrations: %w", err)
	}
	rendered := fstest.MapFS{}
	for _, t := range templates.Templates() {
		// The others are parts of migrations.
		if path.Ext(t.Name()) != ".sql" {
			continue
		}
		var text strings.Builder
		if err := t.Execute(&text, values); err != nil {
			return nil, fmt.Errorf("render the warehouse's migration %s: %w", t.Name(), err)
		}
		rendered[t.Name()] = &fstest.MapFile{Data: []byte(text.String())}
	}
	return rendered, nil
}
