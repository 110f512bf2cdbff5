package cli

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/migration"
	"github.com/sluicehq/sluice/internal/terminal"
)

func migrateCommand() *cli.Command {
	return group("migrate", "migrate the schemas of the store and the warehouse",
		&cli.Command{
			Name: "up", Usage: "apply pending migrations", Flags: []cli.Flag{outputFlag()},
			Action: withSession(migrateUp),
		},
		&cli.Command{
			Name: "status", Usage: "list migrations and when they were applied", Flags: []cli.Flag{outputFlag()},
			Action: withSession(migrateStatus),
		},
	)
}

func migrateUp(ctx context.Context, s *session) error {
	all := []appliedJSON{}
	err := eachMigrator(ctx, s, func(name string, m *migration.Migrator) error {
		n, err := m.Up(ctx)
		if err != nil {
			return err
		}
		all = append(all, appliedJSON{Database: name, Applied: n})
		switch {
		case asJSON(s.cli):
			return nil
		case n == 0:
			return say(s.cli, "%s: up to date", name)
		default:
			return say(s.cli, "%s: applied %s", name, plural(int64(n), "migration"))
		}
	})
	if err == nil && asJSON(s.cli) {
		err = writeJSON(s.cli, all)
	}
	return err
}

// appliedJSON is the result of `migrate up` for one database.
type appliedJSON struct {
	Database string `json:"database"`
	Applied  int    `json:"applied"`
}

func migrateStatus(ctx context.Context, s *session) error {
	all := []migration.Status{}
	err := eachMigrator(ctx, s, func(_ string, m *migration.Migrator) error {
		list, err := m.Status(ctx)
		all = append(all, list...)
		return err
	})
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, all)
	}
	table := terminal.NewTable("DATABASE", "MIGRATION", "APPLIED")
	for _, one := range all {
		applied := terminal.Coloured{Text: "pending", Colour: terminal.Yellow}
		if !one.AppliedAt.IsZero() {
			applied = terminal.Coloured{Text: one.AppliedAt.Local().Format(time.DateTime)}
		}
		table.Row(one.Database, one.Name, applied)
	}
	return table.Write(s.cli.App.Writer)
}

// eachMigrator calls fn for the store's migrator and then for the warehouse's.
func eachMigrator(ctx context.Context, s *session, fn func(name string, m *migration.Migrator) error) error {
	openedStore, err := s.Store(ctx)
	if err != nil {
		return err
	}
	openedWarehouse, err := s.Warehouse(ctx)
	if err != nil {
		return err
	}
	for _, database := range []struct {
		name string
		open func() (*migration.Migrator, error)
	}{{"store", openedStore.Migrations}, {"warehouse", openedWarehouse.Migrations}} {
		m, err := database.open()
		if err != nil {
			return err
		}
		if err := errors.Join(fn(database.name, m), m.Close()); err != nil {
			return err
		}
	}
	return nil
}
