package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/internal/wiring"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

func ingestLogCommand() *cli.Command {
	hosted := &cli.BoolFlag{
		Name: "embedded-log", Usage: "host the event log in this process, as `sluice server --embedded-log` does",
	}
	return group("log", "show and replace the event log",
		&cli.Command{
			Name: "show", Usage: "show what the event log has, and what of it is written to the warehouse",
			Flags: []cli.Flag{hosted, outputFlag()}, Action: withSession(showEventLog),
		},
		&cli.Command{
			Name: "replace", Usage: "begin another event log, because the known one is lost permanently",
			Description: "The store knows its event log by an id, and servers and workers refuse any other. Use this command\n" +
				"if the log's disk is lost or was restored from an old copy. Events that were accepted and not yet written to\n" +
				"the warehouse are lost with the log, and visits that are open end. What is written stays, and counts once.",
			Flags: []cli.Flag{
				hosted,
				&cli.BoolFlag{Name: "discard-events", Usage: "first delete the log that the server has, with its events"},
				outputFlag(),
			},
			Action: withSession(replaceEventLog),
		},
	)
}

// eventLogTimeout bounds the commands about the event log.
const eventLogTimeout = 30 * time.Second

// withEventLog runs fn with the store and the configuration of the event log, which it hosts if asked to.
func withEventLog(
	ctx context.Context, s *session, fn func(ctx context.Context, opened *ingeststore.Store, cfg eventlog.Config) error,
) (err error) {
	settings, quiet := s.settings.EventLog, wiring.Logger(s.settings.Log, s.cli.App.ErrWriter)
	if settings.URL == "" {
		return exitWith(exitUsage,
			errors.New("eventlog.url is empty: want the address of NATS, such as nats://127.0.0.1:4222; "+
				"`sluice-dev up` prints its own: set SLUICE_EVENTLOG_URL and SLUICE_EVENTLOG_TOKEN_FILE"))
	}
	opened, err := s.Store(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, eventLogTimeout)
	defer cancel()
	cfg := wiring.EventLog(settings, quiet)
	if s.cli.Bool("embedded-log") {
		hosting, err := wiring.EmbeddedLog(settings, quiet)
		if err != nil {
			return exitWith(exitUsage, err)
		}
		server, err := embedded.Start(hosting)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
		cfg.Options = append(cfg.Options, server.Option())
	}
	return fn(ctx, ingeststore.New(opened.Store), cfg)
}

func showEventLog(ctx context.Context, s *session) error {
	return withEventLog(ctx, s, func(ctx context.Context, opened *ingeststore.Store, cfg eventlog.Config) error {
		view, err := ingestclient.ShowLog(ctx, opened, cfg)
		if errors.Is(err, store.ErrNotFound) && asJSON(s.cli) {
			return writeJSON(s.cli, nil)
		}
		if errors.Is(err, store.ErrNotFound) {
			return say(s.cli, "No event log yet. The first server or worker begins it.")
		}
		if err != nil {
			return unreachableLog(err)
		}
		if asJSON(s.cli) {
			return writeJSON(s.cli, view)
		}
		if err := say(s.cli, "event log %s", view.ID); err != nil {
			return err
		}
		table := terminal.NewTable("PARTITION", "OLDEST", "NEWEST", "WRITTEN", "LAG", "SIZE", "LIMIT")
		for _, p := range view.Partitions {
			table.Row(p.Partition, sequenceCell(p.Oldest), sequenceCell(p.Newest), sequenceCell(p.Written), p.Lag,
				humanize.IBytes(uint64(p.Bytes)), humanize.IBytes(uint64(p.MaxBytes)))
		}
		return table.Write(s.cli.App.Writer)
	})
}

// sequenceCell shows no message as a dash.
func sequenceCell(sequence int64) any {
	if sequence == 0 {
		return "-"
	}
	return sequence
}

// replacedLogJSON is the JSON form of a replaced event log. Fields are only ever added.
type replacedLogJSON struct {
	Lost string `json:"lost"`
	ID   string `json:"id"`
	// Unsettled are the partitions with a range that may be written in part.
	Unsettled []int `json:"unsettled_partitions"`
}

func replaceEventLog(ctx context.Context, s *session) error {
	return withEventLog(ctx, s, func(ctx context.Context, opened *ingeststore.Store, cfg eventlog.Config) error {
		replaced, err := ingestclient.ReplaceLog(ctx, opened, cfg, s.cli.Bool("discard-events"))
		switch {
		case errors.Is(err, store.ErrNotFound):
			return exitWith(exitRefused, errors.New("the store knows no event log: there is nothing to replace"))
		case errors.Is(err, ingesting.ErrLogInUse):
			return exitWith(exitRefused, err)
		case err != nil:
			return unreachableLog(err)
		}
		if asJSON(s.cli) {
			return writeJSON(s.cli, replacedLogJSON{
				Lost: replaced.Lost, ID: replaced.ID, Unsettled: append([]int{}, replaced.Unsettled...),
			})
		}
		if err := say(s.cli, "event log %s replaces %s; start servers that have stopped, workers continue by themselves",
			replaced.ID, replaced.Lost); err != nil || len(replaced.Unsettled) == 0 {
			return err
		}
		return say(s.cli, "The last range of these partitions may be written in part: %s",
			strings.Trim(fmt.Sprint(replaced.Unsettled), "[]"))
	})
}

// unreachableLog gives an error of the event log its exit code.
func unreachableLog(err error) error {
	if ingesting.Refused(err) || errors.Is(err, store.ErrConflict) {
		return exitWith(exitRefused, err)
	}
	return exitWith(exitUnavailable, fmt.Errorf("%w\n%s, or set SLUICE_EVENTLOG_URL", err, isTheStackUp))
}
