package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/terminal"
)

func listConnections(ctx context.Context, s *session) error {
	if err := noArgs(s.cli); err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	all, err := service.List(ctx)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, all)
	}
	if len(all) == 0 {
		return say(s.cli, "There are no connections yet. Add one with `sluice connection add NAME --kind KIND`.")
	}
	table := terminal.NewTable("NAME", "KIND", "STATE", "KEY", "KEY IS", "CHANGED")
	for _, info := range all {
		if info.BuiltIn {
			table.Row(info.Name, info.Kind, healthCell(info.Health), "-", keyCell(info.KeyStatus), "-")
			continue
		}
		table.Row(info.Name, info.Kind, healthCell(info.Health), terminal.Ordinal(info.KeyID), keyCell(info.KeyStatus),
			info.UpdatedAt.Local().Format(time.DateTime))
	}
	return table.Write(s.cli.App.Writer)
}

// keyCell colours what wants attention.
func keyCell(status connections.KeyStatus) terminal.Coloured {
	colour := map[connections.KeyStatus]terminal.Colour{
		connections.KeyPrimary: terminal.Green, connections.KeyOld: terminal.Yellow, connections.KeyMissing: terminal.Red,
	}[status]
	return terminal.Coloured{Text: string(status), Colour: colour}
}

func showConnection(ctx context.Context, s *session) error {
	name, err := connectionArg(s.cli)
	if err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	info, err := service.Show(ctx, name)
	if err != nil {
		return explainConnection(err)
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, info)
	}
	lines := [][2]string{
		{"name", info.Name},
		{"kind", info.Kind},
		{"settings", string(info.Settings)},
		{"health", healthText(info.Health)},
	}
	for _, secret := range info.Secrets {
		lines = append(lines, [2]string{secret, "set"})
	}
	if info.BuiltIn {
		lines = append(lines, [2]string{"built in", "its settings are notify.smtp_host and those beside it in the configuration"})
		return writeNarrow(s.cli, lines)
	}
	lines = append(lines,
		[2]string{"key", fmt.Sprintf("%d (%s)", info.KeyID, info.KeyStatus)},
		[2]string{"version", fmt.Sprint(info.Version)},
		[2]string{"added", info.CreatedAt.Local().Format(time.DateTime)},
		[2]string{"changed", info.UpdatedAt.Local().Format(time.DateTime)})
	return writeNarrow(s.cli, lines)
}

// writeNarrow writes names and values, aligned.
func writeNarrow(c *cli.Context, lines [][2]string) error {
	width := 0
	for _, line := range lines {
		width = max(width, len(line[0]))
	}
	for _, line := range lines {
		if err := say(c, "%-*s  %s", width, line[0], line[1]); err != nil {
			return err
		}
	}
	return nil
}
