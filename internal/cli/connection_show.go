package cli

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/terminal"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func connectionFilter(c *cli.Context) (connectclient.Filter, error) {
	state, err := chosenState(c, deliverystore.ConnectionStates())
	return connectclient.Filter{Kind: c.String("kind"), State: state, Text: c.String("text")}, err
}

func listConnections(
	ctx context.Context, s *session, filter connectclient.Filter, service *connectclient.Connections,
) error {
	all, err := service.List(ctx, filter)
	if err != nil {
		return err
	}
	written, err := withoutTable(s.cli, all, len(all), "connections",
		"No connections found. Add one with `sluice connection add NAME --kind KIND`.")
	if written {
		return err
	}
	table := terminal.NewTable("NAME", "KIND", "STATE", "KEY ID", "KEY STATUS", "UPDATED")
	for _, info := range all {
		if info.BuiltIn {
			table.Row(info.Name, info.Kind, healthCell(info.Health), "-", keyCell(info.KeyStatus), "-")
			continue
		}
		table.Row(info.Name, info.Kind, healthCell(info.Health), terminal.Ordinal(info.KeyID), keyCell(info.KeyStatus),
			when(&info.UpdatedAt))
	}
	return table.Write(s.cli.App.Writer)
}

// keyCell colours key statuses that need attention.
func keyCell(status connections.KeyStatus) terminal.Coloured {
	colour := map[connections.KeyStatus]terminal.Colour{
		connections.KeyPrimary: terminal.Green, connections.KeyOld: terminal.Yellow, connections.KeyMissing: terminal.Red,
	}[status]
	return terminal.Coloured{Text: string(status), Colour: colour}
}

func showConnection(ctx context.Context, s *session, name string, service *connectclient.Connections) error {
	info, err := service.Show(ctx, name)
	if err != nil {
		return explainConnection(err)
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, info)
	}
	lines := [][2]string{
		{"Name", info.Name},
		{"Kind", info.Kind},
		{"Settings", string(info.Settings)},
		{"Health", healthText(info.Health)},
	}
	for _, secret := range info.Secrets {
		lines = append(lines, [2]string{"Secret", secret + " (set)"})
	}
	if info.BuiltIn {
		lines = append(lines, [2]string{"Built in", "configured by notify.smtp_host and the settings beside it"})
		return writeLines(s.cli, lines)
	}
	lines = append(lines,
		[2]string{"Key", fmt.Sprintf("%d (%s)", info.KeyID, info.KeyStatus)},
		[2]string{"Version", fmt.Sprint(info.Version)},
		[2]string{"Created", when(&info.CreatedAt)},
		[2]string{"Updated", when(&info.UpdatedAt)})
	return writeLines(s.cli, lines)
}
