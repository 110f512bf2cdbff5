package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/terminal"
)

func refdataCommand() *cli.Command {
	return group("refdata", "manage the reference data of the ingestion: bots, locations, sources",
		&cli.Command{
			Name: "status", Usage: "list the reference data, what is missing and what the server uses",
			Description: "The folder is that of refdata.folder, and the server that of server.health_listen. " +
				"Exits with 1 if a file is damaged.",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(showRefdata),
		},
		&cli.Command{
			Name: "update", Usage: "fetch the public lists into the folder of the reference data",
			Description: "Each list is checked before it replaces its file; otherwise the file stays as it is. " +
				"Servers load a new file within a minute.",
			Flags: []cli.Flag{
				&cli.StringFlag{
					Name: "from", Usage: "fetch the files from `URL`, a folder of a mirror", DefaultText: "their publishers",
				},
				&cli.StringSliceFlag{Name: "sha256", Usage: "require the checksum `FILE=HEX`; may be repeated"},
				&cli.BoolFlag{Name: "allow-shrinking", Usage: "accept a list with less than half of its entries"},
				&cli.DurationFlag{Name: "timeout", Value: time.Minute, Usage: "give each list at most `DURATION`"},
				outputFlag(),
			},
			Action: withSession(updateRefdata),
		},
	)
}

// refdataJSON is the reference data for programs.
type refdataJSON struct {
	refdata.Status
	// Server is what the server uses.
	Server refdataServerJSON `json:"server"`
}

type refdataServerJSON struct {
	Address string `json:"address"`
	// Fault says why the server has not answered.
	Fault  string               `json:"fault,omitempty"`
	Folder string               `json:"folder,omitempty"`
	Data   []refdata.DataStatus `json:"data,omitempty"`
}

// state returns the state of a kind of data in the server, "" if it is not known.
func (s refdataServerJSON) state(data string) string {
	for _, d := range s.Data {
		if d.Data == data {
			return string(d.State)
		}
	}
	return ""
}

func showRefdata(ctx context.Context, s *session) error {
	data, err := refdata.Open(refdata.Config{Folder: s.settings.Refdata.Dir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	begin(s.cli)
	view := refdataJSON{Status: data.Status(), Server: askRefdata(ctx, s)}
	if asJSON(s.cli) {
		err = writeJSON(s.cli, view)
	} else {
		err = writeRefdata(s.cli, view)
	}
	if err != nil {
		return err
	}
	var damaged []error
	for _, d := range view.Data {
		if d.State == refdata.StateDamaged {
			damaged = append(damaged, errors.New(d.Problem()))
		}
	}
	if err := errors.Join(damaged...); err != nil {
		return silently(exitFailure, err)
	}
	return nil
}

func writeRefdata(c *cli.Context, view refdataJSON) error {
	if err := say(c, "Folder: %s\n", terminal.Line(view.Folder)); err != nil {
		return err
	}
	table := terminal.NewTable("DATA", "STATE", "IN THE SERVER", "VERSION", "ENTRIES", "SIZE", "FROM")
	for _, d := range view.Data {
		state := terminal.Coloured{Text: string(d.State)}
		switch {
		case d.State == refdata.StateDamaged:
			state.Colour = terminal.Red
		case d.State == refdata.StateMissing && !d.Optional:
			state.Colour = terminal.Yellow
		}
		size, from := "", d.From
		if d.Bytes > 0 {
			size = humanize.IBytes(uint64(d.Bytes))
		} else if d.Entries > 0 {
			from = "built in"
		}
		table.Row(d.Data, state, orDash(view.Server.state(d.Data)), orDash(dataVersion(d)), d.Entries, orDash(size),
			orDash(from))
	}
	if err := table.Write(c.App.Writer); err != nil {
		return err
	}
	for _, line := range refdataNotes(view) {
		if err := say(c, "%s", line); err != nil {
			return err
		}
	}
	return nil
}

// refdataNotes are the lines below the table: what is missing with its cure, and what differs in the server.
func refdataNotes(view refdataJSON) []string {
	lines := []string{""}
	for _, d := range view.Data {
		if d.State != refdata.StateCurrent {
			lines = append(lines, d.Problem())
		}
	}
	switch server := view.Server; {
	case server.Address == "off":
		lines = append(lines, server.Fault)
	case server.Fault != "":
		lines = append(lines, "server at "+server.Address+": "+server.Fault)
	case server.Folder != view.Folder:
		lines = append(lines, "server at "+server.Address+": it reads another folder, "+server.Folder)
	default:
		for _, d := range server.Data {
			if d.State == refdata.StateLastGood {
				lines = append(lines, fmt.Sprintf("server at %s: %s: it uses the last good version, of %s: %s",
					server.Address, d.Data, dataVersion(d), d.Fault))
			}
		}
	}
	if len(lines) == 1 {
		return nil
	}
	return lines
}

func dataVersion(d refdata.DataStatus) string {
	switch {
	case d.Version != "":
		return d.Version
	case d.Date != nil:
		return d.Date.Format(time.DateOnly)
	default:
		return ""
	}
}

// refdataFolder returns the folder of the reference data, which must exist.
func refdataFolder(s *session) (string, error) {
	dir := s.settings.Refdata.Dir()
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", dir)
	}
	if err != nil {
		return "", fmt.Errorf("folder of the reference data: %w: create it, or set refdata.folder to an existing one", err)
	}
	return filepath.Clean(dir), nil
}
